"""A simulation as a picture: instances of each service, how busy they are, how late, what is rejected."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.autoscale.simulation import Outcome, Simulation
from capplan.quantities import HOUR_S
from capplan.report import picture

_POINTS = 400
_WIDTH, _HEIGHT = 260, 130


class _Curve(NamedTuple):
    """One line: its name, and its values by stretch of time."""

    name: str
    values: Array


def simulation_figure(simulation: Simulation, fmt: str) -> bytes:
    """Return four charts a service over time, as svg or png."""
    altair = picture.altair()
    rows = [_row(altair, outcome, simulation.settings.tick_s) for outcome in simulation.outcomes]
    chart = altair.vconcat(*rows, title=f"{simulation.estimate.plan.name}: {simulation.load}")
    return picture.drawn(chart, fmt)


def _row(altair: Any, outcome: Outcome, tick_s: float) -> Any:
    """Return the charts of one service, side by side; a stretch of time shows its worst tick."""
    subject, series = outcome.subject, outcome.series
    starts = np.arange(0, series.wanted.size, max(series.wanted.size // _POINTS, 1))
    hours = np.asarray(starts * tick_s / HOUR_S, dtype=float)
    capacity = series.ready * subject.simulated.traffic.rate_rps * tick_s
    shown = {
        "instances": [
            _Curve("asked for", _stretches(np.maximum, series.wanted, starts)),
            _Curve("ready", _stretches(np.minimum, series.ready, starts)),
        ],
        "utilization, %": [_Curve("", _percent(series.worked, capacity, starts))],
        **_slowness(outcome, starts),
        "rejected, %": [_Curve("", _percent(series.shed, series.arrivals, starts))],
    }
    charts = [_chart(altair, title, hours, curves) for title, curves in shown.items()]
    name = ", ".join(filter(None, (subject.scaler_name, subject.slo)))
    return altair.hconcat(*charts, title=f"{subject.name} ({name})")


def _slowness(outcome: Outcome, starts: Any) -> dict[str, list[_Curve]]:
    """Return the response time, or of a queue the wait, beside what the SLO allows."""
    subject, series = outcome.subject, outcome.series
    title, values_s = ("p95, s", series.p95_s) if subject.knows_latency else ("wait, s", series.wait_s)
    curves = [_Curve("simulated", _stretches(np.maximum, values_s, starts))]
    if math.isfinite(subject.slo_s):
        curves.append(_Curve("SLO", np.full(len(starts), subject.slo_s)))
    return {title: curves}


def _stretches(of: np.ufunc, values: Array, starts: Any) -> Array:
    return np.asarray(of.reduceat(values, starts), dtype=float)


def _percent(parts: Array, wholes: Array, starts: Any) -> Array:
    part, whole = (_stretches(np.add, values, starts) for values in (parts, wholes))
    return np.asarray(np.minimum(100 * part / np.maximum(whole, 1e-12), 100.0))


def _chart(altair: Any, title: str, hours: Array, curves: Sequence[_Curve]) -> Any:
    names = [curve.name for curve in curves]
    highest = max(float(curve.values.max()) for curve in curves)
    scale = altair.Scale(domainMin=0) if highest else altair.Scale(domain=[0, 1])
    chart = altair.Chart(altair.Data(values=list(_points(hours, curves))))
    encoded = chart.mark_line(interpolate="step-after", strokeWidth=1).encode(
        x=altair.X("hour:Q", title="hours", scale=altair.Scale(nice=False)),
        y=altair.Y("value:Q", title=title, scale=scale),
    )
    if len(curves) > 1:
        legend = altair.Legend(orient="top", title=None)
        encoded = encoded.encode(color=altair.Color("what:N", sort=names, legend=legend))
    return encoded.properties(width=_WIDTH, height=_HEIGHT)


def _points(hours: Array, curves: Sequence[_Curve]) -> Iterator[dict[str, object]]:
    for curve in curves:
        for hour, value in zip(hours.tolist(), curve.values.tolist(), strict=True):
            yield {"hour": hour, "value": value, "what": curve.name}

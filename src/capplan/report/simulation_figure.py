"""A simulation as a picture: instances of each service, how busy they are, how late, what is rejected."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from capplan.arrays import Array
from capplan.autoscale.simulation import Outcome, Simulation
from capplan.quantities import HOUR_S
from capplan.report import picture
from capplan.report.blocks import Curves

_POINTS = 400
_WIDTH, _HEIGHT = 260, 130


def simulation_figure(simulation: Simulation, fmt: str) -> bytes:
    """Return some charts a service over time, as svg or png."""
    altair = picture.altair()
    rows = [_row(altair, outcome, simulation.settings.tick_s) for outcome in simulation.outcomes]
    chart = altair.vconcat(*rows, title=f"{simulation.estimate.plan.name}: {simulation.load}")
    return picture.drawn(chart, fmt)


def _row(altair: Any, outcome: Outcome, tick_s: float) -> Any:
    """Return the charts of one service, side by side."""
    subject = outcome.subject
    charts = [_chart(altair, block) for block in charts_of(outcome, tick_s)]
    name = ", ".join(filter(None, (subject.scaler_name, subject.slo)))
    return altair.hconcat(*charts, title=f"{subject.name} ({name})")


def charts_of(outcome: Outcome, tick_s: float) -> list[Curves]:
    """Return the charts of one service without those of nothing; a stretch of time shows its worst tick."""
    series = outcome.series
    starts = np.arange(0, series.wanted.size, max(series.wanted.size // _POINTS, 1))
    capacity = series.ready * outcome.subject.simulated.traffic.rate_rps * tick_s
    shown = {
        ("load", "requests/s"): {"load": _stretches(np.maximum, series.arrivals / tick_s, starts)},
        ("instances", ""): {
            "asked for": _stretches(np.maximum, series.wanted, starts),
            "ready": _stretches(np.minimum, series.ready, starts),
        },
        ("utilization", "%"): {"utilization": _percent(series.worked, capacity, starts)},
        **_slowness(outcome, starts),
        ("rejected", "%"): {"rejected": _percent(series.shed, series.arrivals, starts)},
    }
    return [
        Curves(
            x=(starts * tick_s / HOUR_S).tolist(),
            curves={name: values.tolist() for name, values in lines.items()},
            unit=unit,
            title=title,
            across="hours",
            steps=True,
        )
        for (title, unit), lines in shown.items()
        if any(values.any() for values in lines.values())
    ]


def _slowness(outcome: Outcome, starts: Any) -> dict[tuple[str, str], dict[str, Array]]:
    """Return the response time, or of a queue the wait, beside what the SLO allows."""
    subject, series = outcome.subject, outcome.series
    title, values_s = ("p95", series.p95_s) if subject.knows_latency else ("wait", series.wait_s)
    lines = {"simulated": _stretches(np.maximum, values_s, starts)}
    if math.isfinite(subject.slo_s):
        lines["SLO"] = np.full(len(starts), subject.slo_s)
    return {(title, "s"): lines}


def _stretches(of: np.ufunc, values: Array, starts: Any) -> Array:
    return np.asarray(of.reduceat(values, starts), dtype=float)


def _percent(parts: Array, wholes: Array, starts: Any) -> Array:
    part, whole = (_stretches(np.add, values, starts) for values in (parts, wholes))
    return np.asarray(np.minimum(100 * part / np.maximum(whole, 1e-12), 100.0))


def _chart(altair: Any, block: Curves) -> Any:
    chart = altair.Chart(altair.Data(values=list(_points(block))))
    title = ", ".join(filter(None, (block.title, block.unit)))
    encoded = chart.mark_line(interpolate="step-after", strokeWidth=1).encode(
        x=altair.X("hour:Q", title=block.across, scale=altair.Scale(nice=False)),
        y=altair.Y(
            "value:Q",
            title=title,
            scale=altair.Scale(domainMin=0),
        ),
    )
    if len(block.curves) > 1:
        legend = altair.Legend(orient="top", title=None)
        encoded = encoded.encode(color=altair.Color("what:N", sort=list(block.curves), legend=legend))
    return encoded.properties(width=_WIDTH, height=_HEIGHT)


def _points(block: Curves) -> Iterator[dict[str, object]]:
    for name, values in block.curves.items():
        for hour, value in zip(block.x, values, strict=True):
            yield {"hour": hour, "value": value, "what": name}

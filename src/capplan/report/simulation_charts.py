"""A simulation as charts: instances of each service, how busy they are, how late, what is rejected."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from capplan.arrays import Array
from capplan.autoscale.simulation import Outcome, Simulation
from capplan.quantities import HOUR_S
from capplan.report.blocks import Block, Curves, Heading

_POINTS = 400


def charts(simulation: Simulation) -> Iterator[Block]:
    """Yield some charts a service over time, with its scaler and what it promises."""
    for outcome in simulation.outcomes:
        subject = outcome.subject
        promised = ", ".join(filter(None, (subject.scaler_name, subject.slo)))
        yield Heading(f"{subject.name} ({promised})")
        yield from _charts_of(outcome, simulation.settings.tick_s)


def _charts_of(outcome: Outcome, tick_s: float) -> list[Curves]:
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

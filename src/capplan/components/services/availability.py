"""What an availability objective leaves: the error budget of a month, and how much of it instances use."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from capplan.arrays import per_scenario
from capplan.capacity.binomial import shortfall
from capplan.capacity.sizing import Sizing
from capplan.components import checks
from capplan.components.base import Context
from capplan.components.measures import Measure, measure
from capplan.findings import Finding
from capplan.plan.services import Service


def availability_measures(ctx: Context, service: Service, sizing: Sizing) -> Iterator[Measure]:
    """Yield the minutes a month in which too few instances are up, against those that the objective allows.

    Counted as if every hour were the busiest: what runs then, against what its load needs.
    """
    target = service.slo.availability
    if target is None:
        return
    minutes = ctx.hours_per_month * 60
    alone = [count for name, count in sizing.constraints.items() if name not in ("redundancy", "min")]
    need = np.asarray(np.max(np.broadcast_arrays(*alone), axis=0)) if alone else np.ones((1, 1))
    up = per_scenario(service.redundancy.instance_availability)
    missing = shortfall(sizing.peak_running, need, up)
    formula = "P(too few instances up) × minutes of a month; has: the error budget, (1 − objective) × minutes"
    budget = (1 - np.asarray(target)) * minutes
    yield measure("downtime by failing instances", missing * minutes, "min", formula, budget)


def availability_findings(name: str, service: Service) -> Iterator[Finding]:
    """Yield that the objective asks for nothing where instances are said never to fail."""
    if np.all(np.asarray(service.redundancy.instance_availability) >= 1):
        message = (
            "the plan does not say how often an instance fails, so slo.availability is not part of the sizing"
        )
        remedy = "Give redundancy.instance_availability."
        yield checks.AVAILABILITY_NOT_CHECKED.finding(name, message, remedy)

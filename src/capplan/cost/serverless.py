"""Seconds that serverless platforms bill.

Cloud Run, request-based: while an instance processes at least one request, each request's time rounded
up to 100 ms; idle minimum instances at a rate of their own. Instance-based: the life of an instance, at
least a minute. (cloud.google.com/run/pricing)
"""

from __future__ import annotations

import numpy as np

from capplan.arrays import Array, Floats, ceil_count, hourly_mean
from capplan.cost.meters import Range

REQUEST_ROUNDING_S = 0.1
MINIMUM_LIFE_S = 60.0


def rounded_up(seconds: Floats, step_s: float) -> Floats:
    """Return ``seconds`` rounded up to whole steps."""
    return ceil_count(np.asarray(seconds) / step_s) * step_s


def active_instances(rps: Array, service_time_s: Floats, slots: Floats, running: Array) -> Array:
    """Return how many of the running instances process at least one request, on average.

    With ρ the share of all slots in use (Little's law: rate × time ÷ slots), a slot is busy with probability
    ρ and an instance idle only if all its slots are, so active = n·(1 − (1 − ρ)^slots). One slot gives
    exactly the requests in progress; many slots tend to n·(1 − e^(−load per instance)), the M/G/∞ busy share.
    Requests are assumed to be spread evenly, which is what the platform's router aims at.
    """
    in_progress = rps * service_time_s
    places = np.maximum(running, 1.0) * slots
    used = np.minimum(in_progress / places, 1.0)
    # exp/log1p instead of a power: the same number, several times as fast.
    with np.errstate(divide="ignore"):
        idle = np.exp(slots * np.log1p(-used))
    active: Array = running * (1 - idle)
    return active


def request_billed(active: Array, floor: Array, ceiling: Array | None) -> tuple[Range, Range]:
    """Return active instances and idle minimum instances under request-based billing.

    At the floor the minimum instances idle all month; at the ceiling every instance is busy all month.
    """
    expected = hourly_mean(active)
    idle = hourly_mean(np.maximum(floor - active, 0.0))
    nothing = np.zeros((1, 1))
    busy = Range(nothing, expected, ceiling)
    return busy, Range(floor, idle, None if ceiling is None else nothing)


def instance_billed(rps: Array, running: Array, floor: Array, ceiling: Array | None, life_s: Floats) -> Range:
    """Return instances under instance-based billing.

    Above the minimum an instance lives from its first request until ``life_s`` (at least a minute) after
    the last, so the last one is there for 1 − e^(−rate × life) of the time: next to nothing is saved unless
    requests are minutes apart.
    """
    life_s = np.maximum(life_s, MINIMUM_LIFE_S)
    absent = np.where(running > floor, np.exp(-rps * life_s), 0.0)
    return Range(floor, hourly_mean(running - absent), ceiling)

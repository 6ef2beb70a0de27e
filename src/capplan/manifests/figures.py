"""Arrays over scenarios as the single numbers that artefacts say."""

from __future__ import annotations

import math

from capplan.arrays import Floats, in_scenario
from capplan.capacity.sizing import Sizing


def number(values: Floats) -> float:
    """Return the first scenario's value of a scalar or a (scenarios | 1, 1) array."""
    return in_scenario(values)


def whole(values: Floats) -> int:
    """Return a count as a whole number."""
    return math.ceil(number(values) - 1e-9)


def bounds_of(sizing: Sizing) -> tuple[int, int]:
    """Return the fewest and the most instances: what the plan says, or what the peak needs and one more."""
    lo = whole(sizing.floor)
    return lo, max(whole(sizing.peak), lo + 1) if sizing.ceiling is None else whole(sizing.ceiling)


_WHOLE_RPS = 20.0
"""From this rate on, whole requests/s are within 5 % of it."""


def planned_rps(value: float) -> float:
    """Return a rate as load tests have it: whole where that is near enough.

    >>> planned_rps(124.3), planned_rps(0.36)
    (125, 0.36)
    """
    return math.ceil(value - 1e-9) if value >= _WHOLE_RPS else round(value, 4)

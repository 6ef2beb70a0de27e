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

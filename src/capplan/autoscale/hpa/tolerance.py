"""How far a ratio of use to target may be from 1 before anything happens."""

from __future__ import annotations

from typing import NamedTuple

from capplan.autoscale.compiled import compiled


class Tolerance(NamedTuple):
    """Shares above and below 1.

    by_distance: the test before Kubernetes 1.33, abs(1 − r) ≤ up, whose rounding differs at the edge.
    """

    up: float = 0.1
    down: float = 0.1
    by_distance: bool = False


@compiled
def within(ratio: float, tolerance: Tolerance) -> bool:
    """Say whether a ratio is near enough to 1 to leave the count alone; both edges are near enough."""
    if tolerance.by_distance:
        return abs(1.0 - ratio) <= tolerance.up
    return 1.0 - tolerance.down <= ratio <= 1.0 + tolerance.up

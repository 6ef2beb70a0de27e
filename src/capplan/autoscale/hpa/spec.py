"""What an HPA says, and what its cluster adds."""

from __future__ import annotations

from typing import NamedTuple

from capplan.autoscale.hpa.rules import DOWNSCALE_WINDOW_S, Rules, down_rules, up_rules
from capplan.autoscale.hpa.tolerance import Tolerance

SYNC_S = 15.0
"""--horizontal-pod-autoscaler-sync-period."""


class Hpa(NamedTuple):
    """Bounds, behavior and the switches of the version.

    has_behavior: ``behavior`` is there, even if empty; up and down hold it with the API's defaults.
    window_s: the controller manager's downscale stabilisation. up_factor: 2, and 8 in Kubernetes' own tests.
    scale_to_zero: the gate HPAScaleToZero. has_external: an Object or External metric exists.
    """

    low: int
    high: int
    has_behavior: bool
    up: Rules
    down: Rules
    tolerance: Tolerance
    window_s: float = DOWNSCALE_WINDOW_S
    up_factor: float = 2.0
    scale_to_zero: bool = False
    has_external: bool = False
    zero_before_1_36: bool = False


def hpa(
    low: int,
    high: int,
    up: Rules | None = None,
    down: Rules | None = None,
    tolerance: Tolerance | None = None,
    has_external: bool = False,
    version: tuple[int, int] = (1, 36),
) -> Hpa:
    """Return an HPA as a cluster of ``version`` runs it; ``behavior`` exists where up or down does.

    Before 1.35 a tolerance of its own has no effect (the gate HPAConfigurableTolerance was off).
    """
    if tolerance is None or version < (1, 35):
        tolerance = Tolerance()
    return Hpa(
        low=low,
        high=high,
        has_behavior=up is not None or down is not None,
        up=up or up_rules(),
        down=down or down_rules(),
        tolerance=tolerance._replace(by_distance=version < (1, 33)),
        has_external=has_external,
        zero_before_1_36=version < (1, 36),
    )

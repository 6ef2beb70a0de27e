"""``behavior``: policies and windows of one direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from capplan.autoscale.compiled import Ints, Reals, ints, reals

PODS, PERCENT = 0, 1
MAX, MIN, DISABLED = 0, 1, 2


class ScalingPolicy(NamedTuple):
    """A change of so many pods, or so many percent, in a period."""

    kind: int
    amount: int
    period_s: float


class Rules(NamedTuple):
    """The policies of one direction, in columns; which of them counts; the stabilisation window."""

    kinds: Ints
    amounts: Ints
    periods_s: Reals
    select: int
    window_s: float


DEFAULT_UP = (ScalingPolicy(PODS, 4, 15.0), ScalingPolicy(PERCENT, 100, 15.0))
DEFAULT_DOWN = (ScalingPolicy(PERCENT, 100, 15.0),)
DOWNSCALE_WINDOW_S = 300.0
"""What the API fills in, and --horizontal-pod-autoscaler-downscale-stabilization."""


def rules(policies: Sequence[ScalingPolicy], select: int = MAX, window_s: float = 0.0) -> Rules:
    """Return the rules of one direction."""
    return Rules(
        ints([policy.kind for policy in policies]),
        ints([policy.amount for policy in policies]),
        reals([policy.period_s for policy in policies]),
        select,
        window_s,
    )


def up_rules(
    policies: Sequence[ScalingPolicy] | None = None, select: int = MAX, window_s: float | None = None
) -> Rules:
    """Return ``behavior.scaleUp`` with the API's defaults for what is None."""
    return rules(DEFAULT_UP if policies is None else policies, select, window_s or 0.0)


def down_rules(
    policies: Sequence[ScalingPolicy] | None = None,
    select: int = MAX,
    window_s: float | None = None,
    cluster_window_s: float = DOWNSCALE_WINDOW_S,
) -> Rules:
    """Return ``behavior.scaleDown``; its window is the controller manager's unless it has its own."""
    window_s = cluster_window_s if window_s is None else window_s
    return rules(DEFAULT_DOWN if policies is None else policies, select, window_s)

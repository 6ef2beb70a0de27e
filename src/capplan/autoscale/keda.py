"""KEDA's operator: between nothing and one, and what an HPA hears when a measure fails.

A ScaledObject has two loops: the operator, here, polls the triggers and turns the workload on and off; the
HPA that it creates does everything else. Source: kedacore/keda@8b4f083c, pkg/scaling.
"""

from __future__ import annotations

from typing import NamedTuple

from capplan.autoscale.compiled import Reals, compiled

UNSET = -1
NO_WRITE = -1
NEVER_S = -1e18

STATIC, CURRENT, HIGHER, LOWER = range(4)
"""What a fallback keeps: its own replicas, the current ones, or the higher or lower of both."""

POLLS_FAIL_SINCE = (2, 19)
"""Since this version, polls that fail count and fall back too, also at zero (kedacore/keda#7239)."""


class ScaledObject(NamedTuple):
    """What the operator reads of a ScaledObject; counts are :data:`UNSET` where it does not say.

    only_resources: cpu and memory are its only triggers, which count as active and never wake it.
    fallback: instances when a measure is not to be had, after more failures in a row than failures; falls_to
    says how they are meant. polls_fail: see :data:`POLLS_FAIL_SINCE`.
    """

    low: int = 0
    idle: int = UNSET
    fallback: int = UNSET
    failures: int = 3
    polling_s: float = 30.0
    cooldown_s: float = 300.0
    initial_cooldown_s: float = 0.0
    paused: bool = False
    paused_in: bool = False
    paused_out: bool = False
    forced: bool = False
    only_resources: bool = False
    falls_to: int = STATIC
    polls_fail: bool = True


@compiled
def hpa_floor(low: int) -> int:
    """Return minReplicas of the HPA that KEDA creates: an HPA does not go to zero."""
    return max(low, 1)


@compiled
def is_active(value: float, activation: float) -> bool:
    """Say whether a trigger is active; a value at its activation threshold is not."""
    return value > activation


@compiled
def only_watches(spec: ScaledObject) -> bool:
    """Say whether activity changes nothing: the HPA alone decides between a minimum and a maximum."""
    return spec.low > 0 and spec.idle == UNSET


@compiled
def poll(
    spec: ScaledObject, last_active_s: Reals, current: int, active: bool, failed: bool, now_s: float
) -> int:
    """Return the count that the operator writes, or :data:`NO_WRITE`.

    ``last_active_s[0]`` is when a trigger was last active, :data:`NEVER_S` before; time starts with the
    object. The cooldown delays only the way to zero or to idle; it drops to that from any count, past the
    policies of the HPA.
    """
    if spec.paused:
        return NO_WRITE
    if active or spec.forced:
        if current == 0 or (spec.idle != UNSET and current < spec.low):
            if spec.paused_out:
                return NO_WRITE
            last_active_s[0] = now_s
            return max(spec.low, 1)
        if not failed:
            last_active_s[0] = now_s
        return NO_WRITE
    if failed and spec.fallback != 0:
        return NO_WRITE
    return _without_activity(spec, last_active_s[0], current, now_s)


@compiled
def _without_activity(spec: ScaledObject, last_active_s: float, current: int, now_s: float) -> int:
    can_idle = spec.idle != UNSET and current > spec.idle
    if can_idle or (current > 0 and spec.low == 0):
        until_s = spec.initial_cooldown_s
        if last_active_s > NEVER_S:
            until_s = last_active_s + spec.cooldown_s
        if spec.paused_in or until_s >= now_s:
            return NO_WRITE
        return spec.idle if spec.idle != UNSET else spec.low
    if spec.idle == UNSET and current < spec.low:
        return spec.low
    return NO_WRITE


@compiled
def falls_back(spec: ScaledObject, failures: int) -> bool:
    """Say whether the fallback stands in for measures that failed so often in a row."""
    return spec.fallback != UNSET and failures > spec.failures


@compiled
def fallback_replicas(falls_to: int, replicas: int, current: int) -> int:
    """Return the instances that a fallback wants."""
    if falls_to == STATIC or (falls_to == HIGHER and current < replicas):
        return replicas
    return replicas if falls_to == LOWER and current > replicas else current


_BEHAVIORS = {"currentReplicas": CURRENT, "currentReplicasIfHigher": HIGHER, "currentReplicasIfLower": LOWER}


def fallback_metric(
    failures: int,
    threshold: int,
    behavior: str,
    replicas: int,
    current: int,
    target: float,
    ready: int | None = None,
) -> float | None:
    """Return the total that stands in for a failing measure; None as long as the HPA gets the error.

    ``failures`` in a row must be more than the threshold. The total makes the HPA want
    :func:`fallback_replicas`. With a Value target, which the HPA multiplies by the ``ready`` pods, it is
    divided by them. A total has three decimals. ``scalingModifiers`` gives none: the formula hears that this
    measure is missing.
    """
    if failures <= threshold or ready == 0 or min(threshold, replicas) < 0 or behavior == "scalingModifiers":
        return None
    wanted = fallback_replicas(_BEHAVIORS.get(behavior, STATIC), replicas, current)
    return int(target * 1000 * (wanted / (ready or 1))) / 1000

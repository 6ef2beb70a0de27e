"""Knative's pod autoscaler (KPA): requests in progress over a minute, and over six seconds in a panic.

Source: knative/serving@00a4a55c, pkg/autoscaler/scaling/autoscaler.go; for the way to zero @00f85baa,
pkg/reconciler/autoscaling/kpa/scaler.go.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from capplan.autoscale.compiled import Ints, Reals, compiled, ints, reals
from capplan.autoscale.hpa.recommendations import Log, log, stabilised

TICK_S = 2.0
"""How often it decides."""

CALM_S = BUSY_S = -1.0
_ANY = 2**31 - 1


class Kpa(NamedTuple):
    """Settings of a revision; the defaults are those of the ConfigMap config-autoscaler.

    target: requests in progress for each instance. stable_s, panic_s: times over which they are averaged.
    panic_threshold: how many times the ready instances are needed for a panic. max_up, max_down: factors on
    the ready instances that one decision may reach. activation: fewest instances while anything is to do.
    delay_s: how long a lower count must last. grace_s: until the last instance goes.
    """

    target: float = 70.0
    stable_s: float = 60.0
    panic_s: float = 6.0
    panic_threshold: float = 2.0
    max_up: float = 1000.0
    max_down: float = 2.0
    activation: int = 1
    delay_s: float = 0.0
    grace_s: float = 30.0


class KpaState(NamedTuple):
    """What the autoscaler remembers of a revision.

    panic_s: when the threshold was last reached, :data:`CALM_S` outside of a panic; most: instances that it
    has asked for in this one. counts: for the delay. idle_s: when it first wanted none, or :data:`BUSY_S`.
    """

    panic_s: Reals
    most: Ints
    counts: Log
    idle_s: Reals


def state(spec: Kpa, ready: int, now_s: float = 0.0) -> KpaState:
    """Return the memory of an autoscaler that starts: in panic, with more than one ready instance."""
    began_s = now_s if ready > 1 else CALM_S
    return KpaState(reals([began_s]), ints([ready]), log(int(spec.delay_s / TICK_S) + 4), reals([BUSY_S]))


@compiled
def desired(spec: Kpa, state: KpaState, ready: int, stable: float, panic: float, now_s: float) -> int:
    """Return the count for the averages ``stable`` and ``panic`` of requests in progress, before bounds."""
    instances = max(ready, 1)
    needed, urgent = math.ceil(stable / spec.target), math.ceil(panic / spec.target)
    wanted = _reached(spec, needed, instances)
    _worry(spec, state, urgent / instances >= spec.panic_threshold, now_s)
    if state.panic_s[0] != CALM_S:
        wanted = max(wanted, _reached(spec, urgent, instances), state.most[0])
        state.most[0] = wanted
    if spec.delay_s > 0.0:
        # Whatever is asked for is lowered to the highest count of the delay, which includes this one.
        wanted = stabilised(state.counts, wanted, _ANY, 0.0, spec.delay_s, now_s)
    return wanted


@compiled
def _reached(spec: Kpa, needed: int, instances: int) -> int:
    """Return how much of what is needed one decision may bring."""
    most, least = math.ceil(spec.max_up * instances), math.floor(instances / spec.max_down)
    wanted = min(max(needed, least), most)
    return max(wanted, spec.activation) if spec.activation > 1 and needed > 0 else wanted


@compiled
def _worry(spec: Kpa, state: KpaState, over: bool, now_s: float) -> None:
    """Begin, prolong or end a panic; it ends once the surge is in the stable average."""
    if over:
        state.panic_s[0] = now_s
    elif state.panic_s[0] != CALM_S and now_s > state.panic_s[0] + spec.stable_s:
        state.panic_s[0] = CALM_S
        state.most[0] = 0


@compiled
def after_grace(spec: Kpa, state: KpaState, wanted: int, current: int, now_s: float) -> int:
    """Return the count to set: on the way to none everything stays until the activator surely takes over."""
    if wanted > 0:
        state.idle_s[0] = BUSY_S
        return wanted
    if state.idle_s[0] == BUSY_S:
        state.idle_s[0] = now_s
    return 0 if now_s >= state.idle_s[0] + spec.grace_s else current

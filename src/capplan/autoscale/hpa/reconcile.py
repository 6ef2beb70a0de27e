"""One reconcile: proposals in, replicas out."""

from __future__ import annotations

from typing import NamedTuple

from capplan.autoscale.compiled import Ints, compiled, ints
from capplan.autoscale.hpa import reasons as r
from capplan.autoscale.hpa.events import Events, events, store
from capplan.autoscale.hpa.limits import down_limit, legacy_limit, up_limit
from capplan.autoscale.hpa.metrics import ERROR
from capplan.autoscale.hpa.recommendations import Log, log, record, stabilised, stabilised_legacy
from capplan.autoscale.hpa.spec import Hpa


class HpaState(NamedTuple):
    """What the controller remembers of one HPA: proposals, events, conditions."""

    log: Log
    ups: Events
    downs: Events
    reasons: Ints


def state(spec: Hpa, sync_s: float) -> HpaState:
    """Return the memory of an HPA that has not been reconciled yet; it holds all that a sync can need."""
    window_s = max(spec.window_s, spec.up.window_s, spec.down.window_s)
    period_s = max([15.0, *spec.up.periods_s, *spec.down.periods_s])
    entries = int(period_s / sync_s) + 4
    return HpaState(log(int(window_s / sync_s) + 4), events(entries), events(entries), ints(4))


@compiled
def reconcile(spec: Hpa, state: HpaState, current: int, proposals: Ints, failures: Ints, now_s: float) -> int:
    """Return the replicas that the controller sets, and remember why.

    proposals: one a metric, :data:`ERROR` where it has none; failures: the reason to give for each then.
    """
    if state.log.size[0] == 0:
        record(state.log, 0, current, now_s)
    state.reasons[r.ABLE_TO_SCALE] = r.SUCCEEDED_GET_SCALE
    if current == 0 and not _may_leave_zero(spec, state):
        state.reasons[r.SCALING_ACTIVE] = r.SCALING_DISABLED
        return 0
    if current > spec.high:
        wanted = spec.high
    elif 0 < current < spec.low:
        wanted = spec.low
    else:
        proposal = best_proposal(proposals, failures, current, state.reasons)
        if proposal == ERROR:
            return current
        if spec.has_behavior:
            wanted = _shaped(spec, state, proposal, current, now_s)
        else:
            wanted = _legacy(spec, state, proposal, current, now_s)
        if current == 0 and spec.low != 0:
            wanted = max(wanted, spec.low)
    if wanted != current:
        _rescale(spec, state, current, wanted, now_s)
    return wanted


@compiled
def _may_leave_zero(spec: Hpa, state: HpaState) -> bool:
    """Say whether an HPA at zero acts at all; a person who scaled to zero is left alone since 1.36."""
    if spec.zero_before_1_36:
        return spec.low == 0
    was_its_own = spec.scale_to_zero and state.reasons[r.ZERO] == r.SCALED_TO_ZERO
    return was_its_own and (spec.low != 0 or spec.has_external)


@compiled
def best_proposal(proposals: Ints, failures: Ints, current: int, reasons: Ints) -> int:
    """Return the highest proposal; a broken metric forbids to scale down."""
    best, bad, first = 0, 0, r.NONE
    for i in range(len(proposals)):
        if proposals[i] == ERROR:
            bad += 1
            first = failures[i] if first == r.NONE else first
        else:
            best = max(best, proposals[i])
    if bad == len(proposals) or (bad > 0 and best < current):
        reasons[r.SCALING_ACTIVE] = first
        return ERROR
    reasons[r.SCALING_ACTIVE] = r.VALID_METRIC_FOUND
    return best


@compiled
def _legacy(spec: Hpa, state: HpaState, proposal: int, current: int, now_s: float) -> int:
    """Return the count without ``behavior``: a maximum over the window, and at most a doubling."""
    calm = stabilised_legacy(state.log, proposal, spec.window_s, now_s)
    state.reasons[r.ABLE_TO_SCALE] = r.READY_FOR_NEW_SCALE if calm == proposal else r.SCALE_DOWN_STABILIZED
    wanted, why = within_legacy_limits(spec, current, calm)
    state.reasons[r.SCALING_LIMITED] = why
    return wanted


@compiled
def within_legacy_limits(spec: Hpa, current: int, wanted: int) -> tuple[int, int]:
    """Return ``wanted`` between the bounds and below the scale-up limit, and the reason."""
    cap = legacy_limit(current, spec.up_factor)
    if wanted < spec.low:
        return spec.low, r.TOO_FEW_REPLICAS
    top = min(spec.high, cap)
    if wanted > top:
        return top, r.SCALE_UP_LIMIT if spec.high > cap else r.TOO_MANY_REPLICAS
    return wanted, r.DESIRED_WITHIN_RANGE


@compiled
def _shaped(spec: Hpa, state: HpaState, proposal: int, current: int, now_s: float) -> int:
    """Return the count with ``behavior``: both windows, then the policies."""
    calm = stabilised(state.log, proposal, current, spec.up.window_s, spec.down.window_s, now_s)
    held_down = r.SCALE_UP_STABILIZED if proposal >= current else r.SCALE_DOWN_STABILIZED
    state.reasons[r.ABLE_TO_SCALE] = r.READY_FOR_NEW_SCALE if calm == proposal else held_down
    wanted, why = within_policies(spec, state.ups, state.downs, current, calm, now_s)
    state.reasons[r.SCALING_LIMITED] = why
    return wanted


@compiled
def within_policies(
    spec: Hpa, ups: Events, downs: Events, current: int, wanted: int, now_s: float
) -> tuple[int, int]:
    """Return ``wanted`` as far as bounds and policies allow, and the reason."""
    if wanted > current:
        limit = up_limit(spec.up, ups, downs, current, now_s)
        top = min(spec.high, limit)
        if wanted > top:
            return top, r.SCALE_UP_LIMIT if spec.high > limit else r.TOO_MANY_REPLICAS
    elif wanted < current:
        limit = down_limit(spec.down, ups, downs, current, now_s)
        bottom = max(spec.low, limit)
        if wanted < bottom:
            return bottom, r.SCALE_DOWN_LIMIT if spec.low < limit else r.TOO_FEW_REPLICAS
    return wanted, r.DESIRED_WITHIN_RANGE


@compiled
def _rescale(spec: Hpa, state: HpaState, current: int, wanted: int, now_s: float) -> None:
    state.reasons[r.ABLE_TO_SCALE] = r.SUCCEEDED_RESCALE
    if spec.scale_to_zero:
        to_zero = current > 0 and wanted == 0 and spec.low == 0 and spec.has_external
        state.reasons[r.ZERO] = r.SCALED_TO_ZERO if to_zero else r.NOT_SCALED_TO_ZERO
    if not spec.has_behavior:
        return
    if wanted > current:
        store(state.ups, spec.up, wanted - current, now_s)
    else:
        store(state.downs, spec.down, current - wanted, now_s)

"""The time loop: load meets instances, and an autoscaler looks at what came of it.

One service, tick after tick. Compiled by numba where it is installed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from capplan.autoscale import keda, knative, tracking, window
from capplan.autoscale.compiled import Ints, Reals, compiled, ints, reals
from capplan.autoscale.fleet import FleetSpec, SimulatedFleet, advance, fleet, scale
from capplan.autoscale.hpa.metrics import ERROR, average, value
from capplan.autoscale.hpa.pods import Readiness
from capplan.autoscale.hpa.reasons import FAILED_GET_EXTERNAL
from capplan.autoscale.hpa.recommendations import Log, log
from capplan.autoscale.hpa.reconcile import HpaState, reconcile, state
from capplan.autoscale.hpa.spec import Hpa
from capplan.autoscale.keda import ScaledObject
from capplan.autoscale.knative import Kpa
from capplan.autoscale.signals import (
    BUSY,
    CPU,
    ON_AVERAGE,
    ON_PODS,
    ON_TOTAL,
    PRESENT,
    SCHEDULED,
    BucketCounters,
    ScalerMetrics,
    Timeline,
    Use,
    empty,
    histogram,
    level,
    mean_seen,
    observe,
    propose,
    seen,
)
from capplan.autoscale.tracking import Alarms, Tracking
from capplan.autoscale.traffic import Burst, Traffic, Waiting, flow, rate_of, waiting
from capplan.autoscale.window import Window

FIXED, HPA, KEDA, WINDOW, TRACKING, KNATIVE = range(6)
"""Kinds of autoscaler."""

RHO_STEPS = 64
"""Utilizations at which response times are tabled, from idle to :data:`RHO_TOP`."""

RHO_TOP = 0.98
"""Above it a queue has not reached its steady state within a tick: what is left over waits in the fluid."""


class Scaler(NamedTuple):
    """The autoscaler of a service; the settings of the kinds that it is not are not read.

    sync_s: how often it decides.
    """

    kind: int
    low: int
    high: int
    sync_s: float
    metrics: ScalerMetrics
    hpa: Hpa
    keda: ScaledObject
    window: Window
    tracking: Tracking
    kpa: Kpa
    readiness: Readiness


class SimulatedService(NamedTuple):
    """One service: its traffic, its instances, its autoscaler.

    p95_s and slack_s: response time of 95 %, and how much longer a request may wait within the SLO, by
    instances (first row: one) and utilization, :data:`RHO_STEPS` a row. initial: instances at the start.
    blind_from_s, blind_until_s: while nobody measures anything. burst: CPU beyond the request.
    """

    traffic: Traffic
    fleet: FleetSpec
    use: Use
    scaler: Scaler
    p95_s: Reals
    slack_s: Reals
    initial: int
    blind_from_s: float = 0.0
    blind_until_s: float = 0.0
    burst: Burst = Burst()


class _Memory(NamedTuple):
    """What lasts from tick to tick; ``blind_looks[0]``: looks and polls in a row that found no measure.

    oldest: tick from which the oldest request is that is still there. came, gone: requests of the ticks
    before it, and all that were served or gave up.
    """

    fleet: SimulatedFleet
    waiting: Waiting
    hpa: HpaState
    last_active_s: Reals
    peak: Log
    alarms: Alarms
    kpa: knative.KpaState
    histogram: BucketCounters
    proposals: Ints
    failures: Ints
    blind_looks: Ints
    oldest: Ints
    came: Reals
    gone: Reals


def simulate(service: SimulatedService, arrivals: Reals) -> Timeline:
    """Return what happens to the ``arrivals``, requests in each tick."""
    tick_s, scaler = service.traffic.tick_s, service.scaler
    metrics = len(scaler.metrics.measures)
    memory = _Memory(
        fleet=fleet(service.fleet, service.initial, scaler.high),
        waiting=waiting(service.traffic),
        hpa=state(scaler.hpa, scaler.sync_s),
        last_active_s=reals([keda.NEVER_S]),
        peak=log(int(scaler.window.hold_s / tick_s) + 4),
        alarms=tracking.alarms(),
        kpa=knative.state(scaler.kpa, service.initial),
        histogram=histogram(scaler.metrics, service.use.lag_ticks, tick_s),
        proposals=ints(metrics),
        failures=ints([FAILED_GET_EXTERNAL] * metrics),
        blind_looks=ints(1),
        oldest=ints(1),
        came=reals(1),
        gone=reals(1),
    )
    timeline = empty(arrivals)
    _run(service, memory, timeline)
    return timeline


@compiled
def _run(service: SimulatedService, memory: _Memory, timeline: Timeline) -> None:
    tick_s, scaler = service.traffic.tick_s, service.scaler
    next_sync_s = next_poll_s = scaler.sync_s
    for tick in range(len(timeline.arrivals)):
        now_s = tick * tick_s
        if scaler.kind == KEDA and now_s >= next_poll_s:
            next_poll_s += scaler.keda.polling_s
            _poll(service, memory, timeline, tick, now_s)
        if scaler.kind != FIXED and now_s >= next_sync_s:
            next_sync_s += scaler.sync_s
            wanted = _decide(service, memory, timeline, tick, now_s)
            scale(memory.fleet, service.fleet, wanted, now_s)
        ready = advance(memory.fleet, service.fleet, scaler.readiness, now_s)
        _serve(service, memory, timeline, tick, ready, now_s)


@compiled
def _decide(service: SimulatedService, memory: _Memory, timeline: Timeline, tick: int, now_s: float) -> int:
    """Return the count that the autoscaler sets; who has nothing to go by leaves it."""
    kind = service.scaler.kind
    blind = _is_blind(service, now_s)
    if kind in (HPA, KEDA):
        return _by_hpa(service, memory, timeline, tick, blind, now_s)
    if kind == WINDOW:
        return _by_window(service, memory, timeline, tick, now_s)
    if blind:
        return memory.fleet.number[0]
    if kind == TRACKING:
        return _by_tracking(service, memory, timeline, tick, now_s)
    return _by_knative(service, memory, timeline, tick, now_s)


@compiled
def _is_blind(service: SimulatedService, now_s: float) -> bool:
    return service.blind_from_s <= now_s < service.blind_until_s


@compiled
def _by_window(
    service: SimulatedService, memory: _Memory, timeline: Timeline, tick: int, now_s: float
) -> int:
    """Return the count of a platform that sees its own load, with or without anybody else's measures."""
    scaler, use, tick_s = service.scaler, service.use, service.traffic.tick_s
    past = max(tick - 1 - use.lag_ticks, 0)
    progress = mean_seen(timeline, use, PRESENT, past, scaler.window.average_s, tick_s)
    busy = mean_seen(timeline, use, BUSY, past, scaler.window.average_s, tick_s)
    just_now = seen(timeline, use, PRESENT, tick - 1, tick_s)
    wanted = window.needed(scaler.window, progress, busy, just_now)
    return window.held(scaler.window, memory.peak, wanted, scaler.low, scaler.high, now_s)


@compiled
def _by_tracking(
    service: SimulatedService, memory: _Memory, timeline: Timeline, tick: int, now_s: float
) -> int:
    scaler, use, tick_s = service.scaler, service.use, service.traffic.tick_s
    metric = mean_seen(timeline, use, CPU, max(tick - 1 - use.lag_ticks, 0), 60.0, tick_s)
    wanted = tracking.tracked(scaler.tracking, memory.alarms, memory.fleet.number[0], metric, now_s)
    return min(max(wanted, scaler.low), scaler.high)


@compiled
def _by_knative(
    service: SimulatedService, memory: _Memory, timeline: Timeline, tick: int, now_s: float
) -> int:
    scaler, use, tick_s = service.scaler, service.use, service.traffic.tick_s
    kpa, ready = scaler.kpa, memory.fleet.ready[0]
    stable = mean_seen(timeline, use, PRESENT, tick - 1, kpa.stable_s, tick_s)
    panic = mean_seen(timeline, use, PRESENT, tick - 1, kpa.panic_s, tick_s)
    wanted = knative.desired(kpa, memory.kpa, ready, stable, panic, now_s)
    bounded = min(max(wanted, scaler.low), scaler.high)
    return knative.after_grace(kpa, memory.kpa, bounded, memory.fleet.number[0], now_s)


@compiled
def _by_hpa(
    service: SimulatedService, memory: _Memory, timeline: Timeline, tick: int, blind: bool, now_s: float
) -> int:
    scaler, current = service.scaler, memory.fleet.number[0]
    if blind:
        # At zero the HPA asks for no measure, so none fails.
        memory.blind_looks[0] += current > 0
        _propose_blindly(scaler, memory, tick, current)
    else:
        memory.blind_looks[0] = 0
        propose(
            scaler.metrics,
            timeline,
            memory.histogram,
            memory.fleet,
            service.fleet,
            service.use,
            scaler.readiness,
            scaler.hpa.tolerance,
            tick,
            service.traffic.tick_s,
            now_s,
            memory.proposals,
        )
    return reconcile(scaler.hpa, memory.hpa, current, memory.proposals, memory.failures, now_s)


@compiled
def _propose_blindly(scaler: Scaler, memory: _Memory, tick: int, current: int) -> None:
    """Write that no metric has a proposal, or what KEDA's fallback stands in for: not for CPU and memory.

    What time it is everybody knows.
    """
    metrics, ready, tolerance = scaler.metrics, memory.fleet.ready[0], scaler.hpa.tolerance
    stands_in = scaler.kind == KEDA and keda.falls_back(scaler.keda, memory.blind_looks[0])
    replicas = keda.fallback_replicas(scaler.keda.falls_to, scaler.keda.fallback, current)
    for i in range(len(metrics.measures)):
        target = metrics.targets[i]
        total = target * replicas
        memory.proposals[i] = ERROR
        if metrics.measures[i] == SCHEDULED:
            at_this_time = int(1000 * metrics.scheduled[tick])
            memory.proposals[i] = average(at_this_time, target, current, tolerance)[0]
        elif stands_in and metrics.asked[i] == ON_AVERAGE:
            memory.proposals[i] = average(total, target, current, tolerance)[0]
        elif stands_in and metrics.asked[i] == ON_TOTAL and ready > 0:
            memory.proposals[i] = value(total // ready, target, current, ready, current, tolerance)[0]


@compiled
def _poll(service: SimulatedService, memory: _Memory, timeline: Timeline, tick: int, now_s: float) -> None:
    """Let KEDA's operator turn the service on or off; an active fallback counts as activity."""
    scaler, metrics = service.scaler, service.scaler.metrics
    blind, active = _is_blind(service, now_s), scaler.keda.only_resources
    failed = False
    if not blind and keda.only_watches(scaler.keda):
        return
    for i in range(len(metrics.measures)):
        measure = metrics.measures[i]
        if measure == SCHEDULED:
            active = active or metrics.scheduled[tick] > 0.0
        elif metrics.asked[i] != ON_PODS and blind:
            failed = True
        elif metrics.asked[i] != ON_PODS:
            shown = level(metrics, i, timeline, memory.histogram, service.use, tick, service.traffic.tick_s)
            active = active or keda.is_active(shown, metrics.activations[i])
    if failed and scaler.keda.polls_fail:
        memory.blind_looks[0] += 1
        if keda.falls_back(scaler.keda, memory.blind_looks[0]):
            active, failed = True, False
    elif not blind:
        memory.blind_looks[0] = 0
    current = memory.fleet.number[0]
    wanted = keda.poll(scaler.keda, memory.last_active_s, current, active, failed, now_s)
    if wanted != keda.NO_WRITE:
        scale(memory.fleet, service.fleet, wanted, now_s)


@compiled
def _serve(
    service: SimulatedService, memory: _Memory, timeline: Timeline, tick: int, ready: int, now_s: float
) -> None:
    """Serve one tick, and write down what came of it."""
    traffic = service.traffic
    rate_rps = rate_of(service.burst, traffic.rate_rps, ready)
    done = flow(traffic, memory.waiting, ready, rate_rps, timeline.arrivals[tick], now_s)
    queued = memory.waiting.queues[0]
    for again in memory.waiting.attempts:
        queued += again
    timeline.served[tick] = done.served
    timeline.shed[tick] = done.shed
    timeline.worked[tick] = done.worked
    timeline.waiting[tick] = queued
    timeline.wanted[tick] = memory.fleet.number[0]
    timeline.ready[tick] = ready
    timeline.kept[tick] = memory.fleet.kept[0]
    wait_s = done.wait_s
    if math.isinf(traffic.timeout_s):
        wait_s = _oldest_s(memory, timeline, tick, done.served + done.shed, traffic.tick_s)
    timeline.wait_s[tick] = wait_s
    if done.worked + wait_s > 0.0 or done.shed > 0.0:
        rho = done.worked / max(ready * rate_rps * traffic.tick_s, 1e-12)
        timeline.p95_s[tick] = wait_s + _looked_up(service.p95_s, ready, rho)
        slack_s = _looked_up(service.slack_s, ready, rho)
        timeline.late[tick] = wait_s > slack_s or done.shed > 0.0
    observe(memory.histogram, tick, done.worked, wait_s, timeline.p95_s[tick])


@compiled
def _oldest_s(memory: _Memory, timeline: Timeline, tick: int, gone: float, tick_s: float) -> float:
    """Return how long the oldest request has waited that a tick leaves, in whole ticks.

    For those who wait without limit: how long they will yet have to depends on instances to come.
    """
    memory.gone[0] += gone
    oldest, came = memory.oldest[0], memory.came[0]
    while oldest <= tick and came + timeline.arrivals[oldest] <= memory.gone[0] * (1 + 1e-12) + 1e-6:
        came += timeline.arrivals[oldest]
        oldest += 1
    memory.oldest[0], memory.came[0] = oldest, came
    return (tick + 1 - oldest) * tick_s


@compiled
def _looked_up(table: Reals, instances: int, rho: float) -> float:
    """Return the value at a utilization, interpolated; more instances than rows count as the last row."""
    rows = len(table) // RHO_STEPS
    row = min(max(instances, 1), rows) - 1
    place = min(rho / RHO_TOP, 1.0) * (RHO_STEPS - 1)
    left = min(int(place), RHO_STEPS - 2)
    first = table[row * RHO_STEPS + left]
    return first + (place - left) * (table[row * RHO_STEPS + left + 1] - first)

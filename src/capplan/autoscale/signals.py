"""What autoscalers see of a service: measures of past ticks, and what an HPA makes of them."""

from __future__ import annotations

from typing import NamedTuple

from capplan.autoscale.compiled import Ints, Reals, compiled, ints, reals
from capplan.autoscale.fleet import FleetSpec, SimulatedFleet, counted_for_cpu, pending
from capplan.autoscale.hpa.metrics import AVERAGE, UTILIZATION, PodTotals, average, per_pod, value
from capplan.autoscale.hpa.pods import Readiness
from capplan.autoscale.hpa.tolerance import Tolerance

CPU, MEMORY, REQUESTS, QUEUE, LATENCY, RUNNING, PRESENT, SCHEDULED = range(8)
"""Measures: millicores and bytes of each instance, and of the service requests/s, messages, s, requests that
instances work on, and these with those that wait; and the instances that the time of day asks for."""

ON_PODS, ON_TOTAL, ON_AVERAGE = range(3)
"""Who is asked: each pod (Resource, Pods), or a total with a Value or an AverageValue target (External)."""


class ScalerMetrics(NamedTuple):
    """The metrics of an HPA, in columns.

    targets: percent for CPU and memory, milli-units for the others. activations: for KEDA, in units.
    scheduled: what :data:`SCHEDULED` is, tick by tick.
    """

    measures: Ints
    asked: Ints
    targets: Ints
    activations: Reals
    scheduled: Reals = reals(0)


class Use(NamedTuple):
    """What a request costs an instance.

    cpu_milli: millicores for each request/s. request_milli: the CPU request of an instance. memory: bytes
    of an idle instance and of a request in progress, and the memory request. service_time_s: mean.
    lag_ticks: how much older than the last tick the measures are. running: requests in progress in an
    instance, at loads from none to full_rps, where they are not in proportion to it.
    """

    cpu_milli: float
    request_milli: int
    memory_base: float
    memory_each: float
    memory_request: float
    service_time_s: float
    lag_ticks: int
    running: Reals = reals(0)
    full_rps: float = 1.0


class Timeline(NamedTuple):
    """What happened, tick by tick.

    arrivals, served, shed, worked, waiting: requests; waiting at the end of the tick, clients that try again
    included. wanted, ready, kept: instances; nodes are still there for those kept. wait_s, p95_s:
    mean wait, or that of the oldest message, and the response time of 95 % in the tick. late: 1 where the
    SLO is broken.
    """

    arrivals: Reals
    served: Reals
    shed: Reals
    worked: Reals
    waiting: Reals
    wanted: Ints
    ready: Ints
    kept: Ints
    wait_s: Reals
    p95_s: Reals
    late: Ints


def empty(arrivals: Reals) -> Timeline:
    """Return a timeline on which nothing but the ``arrivals`` has happened yet."""
    n = len(arrivals)
    return Timeline(
        arrivals=arrivals,
        served=reals(n),
        shed=reals(n),
        worked=reals(n),
        waiting=reals(n),
        wanted=ints(n),
        ready=ints(n),
        kept=ints(n),
        wait_s=reals(n),
        p95_s=reals(n),
        late=ints(n),
    )


@compiled
def seen(timeline: Timeline, use: Use, measure: int, tick: int, tick_s: float) -> float:
    """Return a measure of one past tick; CPU and memory of each ready instance, the rest of the service."""
    ready = max(timeline.ready[tick], 1)
    rps = timeline.worked[tick] / tick_s
    in_progress = _in_progress(use, rps, ready)
    if measure == CPU:
        return rps * use.cpu_milli / ready
    if measure == MEMORY:
        return use.memory_base + use.memory_each * in_progress / ready
    if measure == REQUESTS:
        return timeline.arrivals[tick] / tick_s
    if measure == LATENCY:
        return timeline.p95_s[tick]
    running = 0.0 if measure == QUEUE else in_progress
    return running if measure == RUNNING else running + timeline.waiting[tick]


@compiled
def _in_progress(use: Use, rps: float, ready: int) -> float:
    """Return the requests that ``ready`` instances work on."""
    if len(use.running) == 0:
        return rps * use.service_time_s
    place = min(rps / ready / use.full_rps, 1.0) * (len(use.running) - 1)
    left = min(int(place), len(use.running) - 2)
    each = use.running[left] + (place - left) * (use.running[left + 1] - use.running[left])
    return ready * each


@compiled
def mean_seen(
    timeline: Timeline, use: Use, measure: int, tick: int, average_s: float, tick_s: float
) -> float:
    """Return a measure, averaged over the last while."""
    first = max(tick + 1 - max(int(average_s / tick_s), 1), 0)
    total = 0.0
    for i in range(first, tick + 1):
        total += seen(timeline, use, measure, i, tick_s)
    return total / (tick + 1 - first)


@compiled
def propose(
    metrics: ScalerMetrics,
    timeline: Timeline,
    fleet: SimulatedFleet,
    fleet_spec: FleetSpec,
    use: Use,
    readiness: Readiness,
    tolerance: Tolerance,
    tick: int,
    tick_s: float,
    now_s: float,
    proposals: Ints,
) -> None:
    """Write what each metric proposes at the beginning of ``tick`` into ``proposals``."""
    past = max(tick - 1 - use.lag_ticks, 0)
    current, ready = fleet.number[0], fleet.ready[0]
    for i in range(len(metrics.measures)):
        measure, target = metrics.measures[i], metrics.targets[i]
        level = (
            metrics.scheduled[tick] if measure == SCHEDULED else seen(timeline, use, measure, past, tick_s)
        )
        if metrics.asked[i] == ON_AVERAGE:
            proposals[i] = average(int(1000 * level), target, current, tolerance)[0]
        elif metrics.asked[i] == ON_TOTAL:
            proposals[i] = value(int(1000 * level), target, current, ready, current, tolerance)[0]
        else:
            totals = _totals(measure, level, fleet, fleet_spec, use, readiness, now_s)
            kind = UTILIZATION if measure <= MEMORY else AVERAGE
            proposals[i] = per_pod(totals, kind, target, current, tolerance)[0]


@compiled
def _totals(
    measure: int,
    level: float,
    fleet: SimulatedFleet,
    fleet_spec: FleetSpec,
    use: Use,
    readiness: Readiness,
    now_s: float,
) -> PodTotals:
    """Return the sums of a per-pod metric: ready instances share the load evenly, others are idle."""
    current = fleet.number[0]
    waiting = pending(fleet, fleet_spec, now_s)
    if measure == CPU:
        believed, busy = counted_for_cpu(fleet, fleet_spec, readiness, 30.0, now_s)
        usage, request = busy * int(level), use.request_milli
    elif measure == MEMORY:
        believed = current - waiting
        usage, request = believed * int(level), int(use.memory_request)
    else:
        believed = current - waiting
        usage, request = int(1000 * level), 1
    unready = current - believed
    return PodTotals(
        pods=current,
        ready=believed,
        samples=believed,
        usage=usage,
        known_usage=usage,
        known_request=believed * request,
        unready=unready,
        unready_request=unready * request,
        missing=0,
        missing_request=0,
        missing_fill=0,
    )

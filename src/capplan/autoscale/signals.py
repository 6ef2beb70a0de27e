"""What autoscalers see of a service: measures of past ticks, and what an HPA makes of them."""

from __future__ import annotations

import math
from typing import NamedTuple

from capplan.autoscale.compiled import Ints, Reals, compiled, ints, reals
from capplan.autoscale.fleet import FleetSpec, SimulatedFleet, counted_for_cpu, pending
from capplan.autoscale.hpa.metrics import AVERAGE, UTILIZATION, PodTotals, average, per_pod, value
from capplan.autoscale.hpa.pods import Readiness
from capplan.autoscale.hpa.tolerance import Tolerance
from capplan.autoscale.measures import BUCKETS_S

CPU, MEMORY, REQUESTS, QUEUE, LATENCY, RUNNING, PRESENT, SCHEDULED, BUSY = range(9)
"""Measures: millicores and bytes of each instance, and of the service requests/s, messages, s, requests that
instances work on, and these with those that wait; the instances that the time of day asks for; millicores."""

BOUNDS_S = reals(list(BUCKETS_S))
_BUCKETS = len(BUCKETS_S)
_LOG_5_PERCENT = math.log(0.05)

ON_PODS, ON_TOTAL, ON_AVERAGE = range(3)
"""Who is asked: each pod (Resource, Pods), or a total with a Value or an AverageValue target (External)."""


class ScalerMetrics(NamedTuple):
    """The metrics of an HPA, in columns.

    targets: percent for CPU and memory, milli-units for the others. windows_s: over which each is averaged.
    quantiles: of the latency. activations: for KEDA, in units. scheduled: what :data:`SCHEDULED` is, tick by
    tick.
    """

    measures: Ints
    asked: Ints
    targets: Ints
    windows_s: Reals
    quantiles: Reals
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


class BucketCounters(NamedTuple):
    """Response times as Prometheus' counters have them: rows of buckets that only grow, one a tick.

    counters: the last rows, of all requests that took no longer than each of :data:`BOUNDS_S`, and of all.
    """

    counters: Reals


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
    if measure == REQUESTS:
        return timeline.arrivals[tick] / tick_s
    if measure == QUEUE:
        return timeline.waiting[tick]
    ready = max(timeline.ready[tick], 1)
    rps = timeline.worked[tick] / tick_s
    if measure == CPU:
        return rps * use.cpu_milli / ready
    if measure == BUSY:
        return rps * use.cpu_milli
    in_progress = _in_progress(use, rps, ready)
    if measure == MEMORY:
        return use.memory_base + use.memory_each * in_progress / ready
    return in_progress if measure == RUNNING else in_progress + timeline.waiting[tick]


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
    """Return a measure, averaged over the last while; over the last tick where that is longer."""
    first = max(tick + 1 - int(average_s / tick_s + 0.5), 0)
    if first >= tick:
        return seen(timeline, use, measure, tick, tick_s)
    total = 0.0
    if measure == REQUESTS:
        for i in range(first, tick + 1):
            total += timeline.arrivals[i]
        return total / tick_s / (tick + 1 - first)
    for i in range(first, tick + 1):
        total += seen(timeline, use, measure, i, tick_s)
    return total / (tick + 1 - first)


def histogram(metrics: ScalerMetrics, lag_ticks: int, tick_s: float) -> BucketCounters:
    """Return an empty histogram, as long as the metrics look back; without a latency it is of no use."""
    windows = zip(metrics.measures, metrics.windows_s, strict=True)
    longest_s = max((window_s for measure, window_s in windows if measure == LATENCY), default=-1.0)
    if longest_s < 0:
        return BucketCounters(reals(0))
    return BucketCounters(reals((int(longest_s / tick_s) + lag_ticks + 4) * (_BUCKETS + 1)))


@compiled
def observe(histogram: BucketCounters, tick: int, requests: float, wait_s: float, p95_s: float) -> None:
    """Count the ``requests`` of a tick: each waits, and takes an exponential time whose p95 is known."""
    columns = _BUCKETS + 1
    rows = len(histogram.counters) // columns
    if rows == 0:
        return
    before, now = (tick + rows - 1) % rows * columns, tick % rows * columns
    counters = histogram.counters
    rate = _LOG_5_PERCENT / max(p95_s - wait_s, 1e-9)
    for bucket in range(_BUCKETS):
        beyond_s = BOUNDS_S[bucket] - wait_s
        share = 0.0 if beyond_s < 0.0 else 1.0 - math.exp(rate * beyond_s)
        counters[now + bucket] = counters[before + bucket] + requests * share
    counters[now + _BUCKETS] = counters[before + _BUCKETS] + requests


@compiled
def quantile_seen(
    histogram: BucketCounters, quantile: float, tick: int, window_s: float, tick_s: float
) -> float:
    """Return ``histogram_quantile`` over the last while: interpolated in a bucket, the last bound beyond."""
    columns = _BUCKETS + 1
    rows = len(histogram.counters) // columns
    now = tick % rows * columns
    began = max(tick - max(int(window_s / tick_s + 0.5), 1), -1)
    # No row of the ring was written before the first tick, so row -1 is still all zeros.
    before = (began + rows) % rows * columns
    counters = histogram.counters
    rank = quantile * (counters[now + _BUCKETS] - counters[before + _BUCKETS])
    if rank <= 0.0:
        return 0.0
    lower_s = below = 0.0
    for bucket in range(_BUCKETS):
        count = counters[now + bucket] - counters[before + bucket]
        if count >= rank:
            return lower_s + (BOUNDS_S[bucket] - lower_s) * (rank - below) / (count - below)
        lower_s, below = BOUNDS_S[bucket], count
    return BOUNDS_S[_BUCKETS - 1]


@compiled
def level(
    metrics: ScalerMetrics,
    i: int,
    timeline: Timeline,
    histogram: BucketCounters,
    use: Use,
    tick: int,
    tick_s: float,
) -> float:
    """Return what a metric shows at the beginning of ``tick``, as old as measures are."""
    measure, window_s = metrics.measures[i], metrics.windows_s[i]
    past = max(tick - 1 - use.lag_ticks, 0)
    if measure == SCHEDULED:
        return metrics.scheduled[tick]
    if measure == LATENCY:
        return quantile_seen(histogram, metrics.quantiles[i], past, window_s, tick_s)
    return mean_seen(timeline, use, measure, past, window_s, tick_s)


@compiled
def propose(
    metrics: ScalerMetrics,
    timeline: Timeline,
    histogram: BucketCounters,
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
    current, ready = fleet.number[0], fleet.ready[0]
    for i in range(len(metrics.measures)):
        measure, target = metrics.measures[i], metrics.targets[i]
        shown = level(metrics, i, timeline, histogram, use, tick, tick_s)
        if metrics.asked[i] == ON_AVERAGE:
            proposals[i] = average(int(1000 * shown), target, current, tolerance)[0]
        elif metrics.asked[i] == ON_TOTAL:
            proposals[i] = value(int(1000 * shown), target, current, ready, current, tolerance)[0]
        else:
            window_s = metrics.windows_s[i]
            totals = _totals(measure, shown, window_s, fleet, fleet_spec, use, readiness, now_s)
            kind = UTILIZATION if measure <= MEMORY else AVERAGE
            proposals[i] = per_pod(totals, kind, target, current, tolerance)[0]


@compiled
def _totals(
    measure: int,
    shown: float,
    window_s: float,
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
        believed, busy = counted_for_cpu(fleet, fleet_spec, readiness, window_s, now_s)
        usage, request = busy * int(shown), use.request_milli
    elif measure == MEMORY:
        believed = current - waiting
        usage, request = believed * int(shown), int(use.memory_request)
    else:
        believed = current - waiting
        usage, request = int(1000 * shown), 1
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

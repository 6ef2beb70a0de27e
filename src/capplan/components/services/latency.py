"""The response-time objective of a service: where its requests compete, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from capplan.arrays import Array, Floats, in_scenario, per_scenario
from capplan.capacity.response import Promise, ResponseTimes, Station
from capplan.components import checks
from capplan.components.services.carrying import Instance
from capplan.findings import Finding, Severity
from capplan.plan.services import Service
from capplan.quantities import plain


def promise_of(service: Service, instance: Instance, ca2: Floats) -> Promise | None:
    """Return what the service promises; None where nothing says what, or how long it works."""
    slo = service.slo
    targets = {0.50: slo.p50, 0.95: slo.p95, 0.99: slo.p99}
    given = {share: target for share, target in targets.items() if target is not None}
    stations = list(stations_of(service, instance, ca2)) if given and service.queue is None else []
    return Promise(given, stations) if stations else None


def stations_of(service: Service, instance: Instance, ca2: Floats) -> Iterator[Station]:
    """Yield the cores, and the places of an instance.

    These are its concurrency, or else what a measured throughput keeps busy (Little's law).
    """
    whole, cpu, cs2 = service.service_time, service.cpu_time, service.cs2
    if cpu is None and service.throughput is None:
        cpu = whole
    if cpu is not None and np.any(cpu):
        delay = np.maximum((cpu if whole is None else whole) - cpu, 0.0)
        yield Station(instance.cores, cpu, delay, cs2, shared=True)
    if whole is None or not np.any(whole):
        return
    if service.concurrency is not None:
        yield Station(service.concurrency, whole, 0.0, cs2, ca2)
    elif service.throughput is not None:
        yield Station(service.throughput * whole, whole, 0.0, cs2, ca2)


def latency_findings(name: str, service: Service, times: ResponseTimes | None) -> Iterator[Finding]:
    """Yield what the reader must know of the objective: that it is not checked, or cannot be kept."""
    slo = service.slo
    if times is None:
        if any(target is not None for target in (slo.p50, slo.p95, slo.p99)):
            message = (
                "the plan does not say how long a request takes, so the latency SLO is not part of the sizing"
            )
            yield checks.SLO_NOT_CHECKED.finding(name, message, "Give service_time or cpu_time.")
        return
    for share, target in times.promise.targets.items():
        bare = per_scenario(times.promise.bare(share))
        if np.any(bare > target * (1 + 1e-9)):
            yield _below_work(name, service, share, bare, per_scenario(target))
        else:
            yield from _missed(name, times, share, per_scenario(target))


def _below_work(name: str, service: Service, share: float, bare: Array, target: Array) -> Finding:
    """Return the finding that no number of instances keeps the promise.

    An error where the mean is above it, or the plan says how much times vary; else it rests on a default.
    """
    worst = int(np.argmax(bare - target))
    mean = service.service_time if service.service_time is not None else service.cpu_time
    sure = "cs2" in service.model_fields_set or bool(np.any(np.asarray(mean, dtype=float) > target))
    below = np.broadcast_to(bare > target, np.broadcast_shapes(bare.shape, target.shape))
    percent, assumed = f"p{100 * share:.0f}", "" if sure else " if it varies exponentially"
    message = (
        f"the SLO of {_ms(target, worst)} for {percent} is below what the work alone takes{assumed}: "
        f"{percent} is {_ms(bare, worst)} without any wait{_scenarios(below)}"
    )
    remedy = "Make requests faster, or relax the objective: more instances do not help."
    if not sure:
        remedy = "Give the variability of its times (cs2: variance ÷ mean²; 0 constant, 1 exponential)."
    severity: Severity = "error" if sure else "warning"
    return checks.SLO_BELOW_SERVICE_TIME.finding(name, message, remedy, severity=severity)


def _missed(name: str, times: ResponseTimes, share: float, target: Array) -> Iterator[Finding]:
    found = per_scenario(times.at_peak(share))
    late = found > target * (1 + 1e-3)
    if late.any():
        worst = int(np.argmax(found - target))
        percent = f"p{100 * share:.0f}"
        message = (
            f"{percent} is {_ms(found, worst)} in the busiest hour, but {_ms(target, worst)} is promised"
        )
        needed = float(per_scenario(times.peak_needed).max())
        remedy = f"Raise instances.max to {needed:,.0f}."
        yield checks.SLO_MISSED.finding(name, f"{message}{_scenarios(late)}", remedy)


def _ms(values: Array, scenario: int) -> str:
    seconds = in_scenario(values, scenario)
    return f"{plain(1000 * seconds)} ms" if np.isfinite(seconds) else "unbounded"


def _scenarios(flags: np.ndarray) -> str:
    return "" if flags.size == 1 else f" (in {int(flags.sum())} of {flags.size} scenarios)"

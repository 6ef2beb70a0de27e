"""From a plan and its estimate to the services that the time loop runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, in_scenario
from capplan.autoscale.compiled import reals
from capplan.autoscale.fleet import FleetSpec
from capplan.autoscale.loop import RHO_TOP
from capplan.autoscale.loop import SimulatedService as Simulated
from capplan.autoscale.response import in_progress_of, response_of
from capplan.autoscale.scalers import PLATFORMS, Size, on_schedule, scaler_of
from capplan.autoscale.settings import Settings
from capplan.autoscale.signals import Use
from capplan.autoscale.traffic import Burst, Traffic
from capplan.capacity.limits import Limit
from capplan.capacity.sizing import Sizing
from capplan.components.base import Component
from capplan.components.ratelimits import load_tiers
from capplan.components.services.platforms import platform_of
from capplan.errors import InputError
from capplan.estimate import Estimate
from capplan.plan.services import Service

NODE_START_S, GPU_NODE_START_S = 120.0, 300.0
"""From a pending pod to a ready node; with GPUs drivers, images and weights come on top. Assumptions."""

MODEL = "llm"
"""Platform of the models that a plan serves itself."""

TIMEOUT_S = 30.0
_GIB = 2.0**30
_UNBOUNDED = 1000


class Subject(NamedTuple):
    """A service about to be simulated.

    rps: load in every tick. target_rps: what one instance carries at its target utilization. slo: in words,
    empty without one; slo_s: the p95 or, for a queue, the wait that it allows, infinite if it names neither.
    backlog: messages that wait when the peak begins.
    """

    name: str
    platform: str
    scaler_name: str
    simulated: Simulated
    rps: Array
    target_rps: float
    slo: str
    slo_s: float
    backlog: float

    @property
    def is_model(self) -> bool:
        """Whether it is a replica of a model, whose requests share GPUs and not cores."""
        return self.platform == MODEL

    @property
    def knows_latency(self) -> bool:
        """Whether response times are known: for callers that wait, and that were promised something."""
        return bool(self.slo) and any(self.simulated.p95_s)


def subjects(estimate: Estimate, rps: Mapping[str, Array], settings: Settings) -> Iterator[Subject]:
    """Yield every service of the plan that says what an instance carries; ``rps`` by tick."""
    by_name = {component.name: component for component in estimate.components}
    for name, service in estimate.plan.services.items():
        component = by_name[name]
        if component.sizing is not None and component.sizing.limits and np.any(rps[name] > 0):
            yield _subject(estimate, service, component, component.sizing, rps[name], settings)


MOST_INSTANCES = 100_000
"""Each instance of a service is followed on its own."""


def check_size(estimate: Estimate, component: Component, size: Size) -> None:
    """Refuse a service with more instances than can be followed one by one."""
    if size.high > MOST_INSTANCES:
        what = f"may run {size.high:,} instances, and at most {MOST_INSTANCES:,} can be simulated"
        places = estimate.file.places
        raise InputError(places.problem(component.path, what, "Lower its maximum."))


def _subject(
    estimate: Estimate,
    service: Service,
    component: Component,
    sizing: Sizing,
    rps: Array,
    settings: Settings,
) -> Subject:
    full_rps = min(map(_full_rps, sizing.limits))
    target_rps = float(np.min(sizing.capacity_rps))
    cores = float(platform_of(service).instance(estimate.context, service, component.path).cores)
    told = component.control
    low = _one(sizing.floor) if told is None else told.low
    size = Size(low, ceiling_of(sizing), cores, target_rps, told)
    check_size(estimate, component, size)
    scaler, scaler_name = scaler_of(service, size, estimate.file.places, component.name, settings.versions)
    scaler = on_schedule(scaler, service, settings, rps.size)
    startup_s = _startup_s(service, settings)
    response = response_of(service, sizing, full_rps, size.high)
    simulated = Simulated(
        traffic=_traffic(
            estimate, component.name, service, full_rps, _timeout_s(service, startup_s, settings), settings
        ),
        fleet=FleetSpec(
            startup_s, _per_node(estimate, component), _node_start_s(estimate, component, settings)
        ),
        use=_use(service, sizing, full_rps, cores, settings),
        scaler=scaler,
        p95_s=response.p95_s,
        slack_s=response.slack_s,
        initial=initial_of(sizing, size, rps, target_rps),
        blind_from_s=settings.blind_s[0],
        blind_until_s=settings.blind_s[1],
        burst=_burst(estimate, component, sizing),
    )
    backlog = 0.0 if service.queue is None else float(service.queue.backlog)
    return Subject(
        name=component.name,
        platform=component.platform,
        scaler_name=scaler_name,
        simulated=simulated,
        rps=rps,
        target_rps=target_rps,
        slo=response.slo,
        slo_s=response.slo_s,
        backlog=backlog,
    )


def initial_of(sizing: Sizing, size: Size, rps: Array, target_rps: float) -> int:
    """Return the instances at the start: those that run today, or as many as the first hour needs."""
    today = int(in_scenario(sizing.bounds.desired))
    started = today or math.ceil(float(rps[0]) / target_rps - 1e-9)
    return min(max(started, size.low), size.high)


def traffic_of(rate_rps: float, timeout_s: float, settings: Settings) -> Traffic:
    """Return how a service meets its load when an instance serves ``rate_rps``."""
    return Traffic(
        tick_s=settings.tick_s,
        rate_rps=rate_rps,
        timeout_s=timeout_s,
        retries=settings.retries or 0,
        limit_rps=settings.limit_rps,
        limit_shares=reals([1.0]),
        limit_edges=reals(0),
        breaker=settings.breaker or 0.0,
        breaker_open_s=settings.breaker_open_s,
    )


def _traffic(
    estimate: Estimate, name: str, service: Service, rate_rps: float, timeout_s: float, settings: Settings
) -> Traffic:
    """Return how a service meets its load: with the retries, breaker and load tiers of the plan."""
    shares, edges = load_tiers(estimate.context, name)
    found = traffic_of(rate_rps, timeout_s, settings)._replace(
        limit_shares=reals(list(shares)), limit_edges=reals(list(edges))
    )
    if settings.retries is None:
        found = found._replace(retries=int(service.retries))
    if settings.breaker is None and service.breaker is not None:
        broken = service.breaker
        found = found._replace(breaker=float(broken.failures), breaker_open_s=float(broken.open))
    return found


def _one(values: Array) -> int:
    return int(in_scenario(values))


def ceiling_of(sizing: Sizing) -> int:
    """Return the maximum; where the plan sets none, so much that it does not matter."""
    if sizing.ceiling is None:
        return max(_UNBOUNDED, 2 * _one(sizing.peak))
    return _one(sizing.ceiling)


def _use(service: Service, sizing: Sizing, full_rps: float, cores: float, settings: Settings) -> Use:
    """Return what requests cost; without a CPU time a full instance uses all of its cores."""
    cpu_rps, running = full_rps, reals(0)
    time_s = 1 / full_rps if service.service_time is None else float(service.service_time)
    for limit in sizing.limits:
        if limit.name == "cpu":
            cpu_rps = _full_rps(limit)
            if service.queue is None:
                places = math.inf if service.concurrency is None else float(service.concurrency)
                running = in_progress_of(full_rps, time_s, cpu_rps, cores, places)
    memory = float(getattr(service, "memory", 0.0))
    return Use(
        cpu_milli=1000 * cores / cpu_rps,
        request_milli=max(round(1000 * cores), 1),
        memory_base=float(service.memory_base) * _GIB,
        memory_each=float(service.memory_per_request) * _GIB,
        memory_request=max(memory, 1e-3) * _GIB,
        service_time_s=time_s,
        lag_ticks=round(settings.metric_lag_s / settings.tick_s),
        running=running,
        full_rps=RHO_TOP * full_rps,
    )


def _full_rps(limit: Limit) -> float:
    """Return what an instance carries at a limit, beyond its target."""
    return float(np.min(limit.rps_per_instance / np.asarray(limit.target)))


def _burst(estimate: Estimate, component: Component, sizing: Sizing) -> Burst:
    """Return what pods may use beyond their request: only what the plan or its tier table says."""
    pool, pods = _pool(estimate, component), component.pods
    full = {limit.name: _full_rps(limit) for limit in sizing.limits}
    if pool is None or pool.node is None or pods is None or pods.cpu_limit is None or "cpu" not in full:
        return Burst()
    cpu_rps = full.pop("cpu")
    return Burst(
        limit_milli=1000 * float(np.min(pods.cpu_limit)),
        node_milli=1000 * float(np.min(pool.node.cpu)),
        per_node=_per_node(estimate, component),
        rps_per_milli=cpu_rps / (1000 * float(np.max(pods.cpu))),
        most_rps=min(full.values(), default=math.inf),
    )


def _startup_s(service: Service, settings: Settings) -> float:
    if settings.startup_s is not None:
        return settings.startup_s
    workload = service.workload
    if workload is not None and "startup" in workload.model_fields_set:
        return float(workload.startup)
    return PLATFORMS[service.platform].startup_s


def _timeout_s(service: Service, startup_s: float, settings: Settings) -> float:
    """Return how long a request waits; messages wait for ever, Cloud Run's as its documentation says."""
    if service.queue is not None:
        return math.inf
    if settings.timeout_s is not None:
        return settings.timeout_s
    waits = PLATFORMS[service.platform].waits
    if waits is not None:
        return max(waits * startup_s, 10.0)
    workload = service.workload
    if workload is not None and "timeout" in workload.model_fields_set:
        return float(workload.timeout)
    return TIMEOUT_S


def _per_node(estimate: Estimate, component: Component) -> int:
    """Return the pods that fit a node of their pool, as if no other service ran there.

    Raises :class:`InputError` if none does: they wait for ever, and there is nothing to simulate.
    """
    pool = _pool(estimate, component)
    if pool is None or pool.node is None or component.pods is None:
        return 0
    pod, node = component.pods, pool.node
    cores, gib = pod.taken
    fits = [node.cpu / cores, node.memory_gib / gib, node.pods]
    if np.any(pod.gpu):
        fits.append(node.gpus / pod.gpu)
    count = int(min(float(np.min(fit)) for fit in fits) + 1e-9)
    if count == 0:
        what = f"its pods fit no node of {pool.name}, so no pod ever starts"
        remedy = "Choose a larger machine, or request less."
        raise InputError(estimate.file.places.problem(("services", component.name), what, remedy))
    return count


def _pool(estimate: Estimate, component: Component) -> Component | None:
    if component.pods is None:
        return None
    cluster = estimate.plan.clusters[component.pods.cluster]
    if cluster.autopilot:
        return None
    name = f"{component.pods.cluster}/{component.pods.pool or next(iter(cluster.pools))}"
    return next(other for other in estimate.components if other.name == name)


def _node_start_s(estimate: Estimate, component: Component, settings: Settings) -> float:
    if settings.node_start_s is not None:
        return settings.node_start_s
    has_gpu = component.pods is not None and bool(np.any(component.pods.gpu))
    return GPU_NODE_START_S if has_gpu else NODE_START_S

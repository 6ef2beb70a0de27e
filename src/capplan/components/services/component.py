"""Services: sized by what one instance carries, metered by their platform's rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from capplan.arrays import Array, Floats, per_scenario
from capplan.capacity.limits import Limit
from capplan.capacity.sizing import Bounds, Sizing, size
from capplan.components.base import CLUSTER_PROVIDERS, Component, Context, Finding, Path, Pods
from capplan.components.egress import egress_meters
from capplan.components.machines import Machines, machine_meters
from capplan.components.measures import Pick
from capplan.components.services.carrying import Instance, limits_of
from capplan.components.services.serverless import (
    check_fargate_size,
    cloud_run,
    container_apps,
    fargate,
)
from capplan.cost.machines import Fleet
from capplan.cost.meters import Meter
from capplan.errors import InputError
from capplan.plan.services import (
    CloudRun,
    ContainerApps,
    Fargate,
    Kubernetes,
    Provider,
    Service,
    VmGroup,
)

if TYPE_CHECKING:
    from capplan.capacity.response import Promise, ResponseTimes

_DEFAULT_FLOOR: dict[str, float] = {"cloud-run": 0.0, "container-apps": 0.0}
_DEFAULT_CEILING: dict[str, float] = {"cloud-run": 100.0, "container-apps": 10.0}
"""What the platforms do when nobody says, as their documentation states."""

_OWN_PROVIDER: dict[str, Provider] = {"cloud-run": "gcp", "fargate": "aws", "container-apps": "azure"}


def build_services(ctx: Context, _: Sequence[Component] = ()) -> Iterable[Component]:
    """Return the services of the plan, sized and metered."""
    services = {name: _service(ctx, name, service) for name, service in ctx.plan.services.items()}
    if any(service.slo.end_to_end is not None for service in ctx.plan.services.values()):
        from capplan.components.services.end_to_end import with_end_to_end

        services = with_end_to_end(ctx, services)
    return services.values()


def _service(ctx: Context, name: str, service: Service) -> Component:
    path: Path = ("services", name)
    provider = _provider(ctx, service)
    service, tier = _with_resources(ctx, name, service, path)
    own_region = service.region
    if isinstance(service, Kubernetes):
        own_region = own_region or ctx.plan.clusters[cluster_of(ctx, service)].region
    region = ctx.region(provider, own_region, path)
    rps = ctx.load.rps(name)
    sizing = _sizing(ctx, name, service, rps, path)
    meters = service_meters(ctx, name, service, region, rps, sizing)
    component = Component(
        name=name,
        kind="service",
        platform=service.platform,
        provider=provider,
        region=region,
        path=path,
        load=ctx.load,
        sizing=sizing,
        meters=[*meters, *egress_meters(ctx, name, provider, region, service.response_size)],
        findings=list(_findings(name, rps, sizing, service)),
        response=_response(sizing, rps),
        billed_with=cluster_of(ctx, service) if isinstance(service, Kubernetes) else None,
        pick=tier,
        pods=_pods(ctx, service) if isinstance(service, Kubernetes) else None,
    )
    if service.slo.availability is not None:
        from capplan.components.services.availability import availability_findings, availability_measures

        component = component._replace(
            measures=list(availability_measures(ctx, service, sizing)),
            findings=[*component.findings, *availability_findings(name, service)],
        )
    if not any(call.pool for call in service.calls.values()):
        return component
    from capplan.components.connections import pool_measures

    pools = pool_measures(ctx, name, service, component)
    return component._replace(measures=[*component.measures, *pools])


def _pods(ctx: Context, service: Kubernetes) -> Pods:
    limits = (service.cpu_limit, service.memory_limit)
    return Pods(cluster_of(ctx, service), service.pool, service.cpu, service.memory, service.gpu, *limits)


def _with_resources(ctx: Context, name: str, service: Service, path: Path) -> tuple[Service, Pick | None]:
    """Return the service with the requests, or the throughput, that its tier prescribes, and the tier."""
    if isinstance(service, VmGroup) and service.capacity is not None:
        return _with_capacity(ctx, service, service.capacity, path)
    if not isinstance(service, Kubernetes) or service.resources is None:
        return service, None
    table = ctx.tier_table(service.resources, "resources", (*path, "resources"))
    load = ctx.driver(table.by, name)
    given = {field: table.prescribes(field, load) for field in table.fields()}
    room = table.until_next(load)
    pick = Pick(tuple(tier.name for tier in table.tiers), table.falls_into(load)[:, 0], room)
    return service.model_copy(update=given), pick


def _with_capacity(ctx: Context, service: VmGroup, name: str, path: Path) -> tuple[Service, Pick]:
    """Return the service with what a table says that its machine carries, and the tier."""
    table = ctx.tier_table(name, "capacity", (*path, "capacity"))
    machine = ctx.machine(service.provider, service.machine, (*path, "machine"))
    memory_gib = per_scenario(machine.memory_gib or 0.0)
    given = {field: table.prescribes(field, memory_gib) for field in table.fields()}
    pick = Pick(tuple(tier.name for tier in table.tiers), table.falls_into(memory_gib)[:, 0])
    return service.model_copy(update=given), pick


def _sizing(ctx: Context, name: str, service: Service, rps: Array, path: Path) -> Sizing:
    instance = instance_of(ctx, service, path)
    limits = limits_of(service, instance)
    _check_carries(ctx, limits, service, instance, path)
    if service.queue is None:
        return size(rps, limits, _bounds(service), _promise(ctx, service, instance))
    from capplan.components.services.backlog import queue_limit, with_backlog

    peak = ctx.load.peak(name)
    length = queue_limit(peak, service.queue, path)
    limits = limits if length is None else [*limits, length]
    return size(with_backlog(rps, peak, service.queue), limits, _bounds(service))


def _has_latency_slo(service: Service) -> bool:
    return any(target is not None for target in (service.slo.p50, service.slo.p95, service.slo.p99))


def _promise(ctx: Context, service: Service, instance: Instance) -> Promise | None:
    if not _has_latency_slo(service):
        return None
    from capplan.components.services.latency import promise_of

    return promise_of(service, instance, ctx.plan.demand.ca2)


def _response(sizing: Sizing, rps: Array) -> ResponseTimes | None:
    if sizing.promise is None:
        return None
    from capplan.capacity.response import ResponseTimes

    return ResponseTimes(sizing.promise, rps, sizing.running, sizing.peak_running)


def cluster_of(ctx: Context, service: Kubernetes) -> str:
    """Return the cluster that a service's pods run in."""
    return service.cluster or next(iter(ctx.plan.clusters))


def _provider(ctx: Context, service: Service) -> Provider:
    if isinstance(service, VmGroup):
        return service.provider
    if isinstance(service, Kubernetes):
        return CLUSTER_PROVIDERS[ctx.plan.clusters[cluster_of(ctx, service)].platform]
    return _OWN_PROVIDER[service.platform]


def instance_of(ctx: Context, service: Service, path: Path) -> Instance:
    """Return what one instance of a service has."""
    if isinstance(service, VmGroup):
        machine = ctx.machine(service.provider, service.machine, (*path, "machine"))
        return Instance(machine.vcpu or 0.0, machine.memory_gib or 0.0, path, "machine")
    if isinstance(service, Fargate):
        check_fargate_size(ctx, service, path)
    return Instance(service.cpu, service.memory, path)


def _bounds(service: Service) -> Bounds:
    """Return the autoscaler's bounds; a default never crosses the bound that the plan gives."""
    floor: Floats | None = service.instances.min
    ceiling: Floats | None = service.instances.max
    if ceiling is None:
        ceiling = _DEFAULT_CEILING.get(service.platform)
        if ceiling is not None and floor is not None:
            ceiling = np.maximum(ceiling, floor)
    if floor is None:
        floor = _DEFAULT_FLOOR.get(service.platform, 1.0)
        floor = floor if ceiling is None else np.minimum(floor, ceiling)
    redundancy = service.redundancy
    bounds = Bounds(floor, ceiling, redundancy.spare, redundancy.zones, redundancy.survive_zones)
    if service.slo.availability is None:
        return bounds
    up, target = redundancy.instance_availability, service.slo.availability
    return bounds._replace(instance_availability=up, availability=target)


def _check_carries(
    ctx: Context, limits: Sequence[Limit], service: Service, instance: Instance, path: Path
) -> None:
    for limit in limits:
        if not np.all(np.asarray(limit.rps_per_instance) > 0):
            what = f"an instance has no {limit.name} left for a single request ({limit.formula})"
            raise InputError(ctx.places.problem(path, what, "Make the instance larger."))
    if np.any(service.memory_base > np.asarray(instance.memory_gib)):
        what = "is more memory than an instance has"
        raise InputError(ctx.places.problem((*path, "memory_base"), what, "Make the instance larger."))


def service_meters(
    ctx: Context, name: str, service: Service, region: str, rps: Array, sizing: Sizing
) -> Iterable[Meter]:
    """Return what the platform bills for the instances that ``sizing`` runs at the load ``rps``."""
    if isinstance(service, CloudRun):
        return cloud_run(ctx, name, service, region, rps, sizing)
    if isinstance(service, ContainerApps):
        return container_apps(ctx, name, service, region, rps, sizing)
    if isinstance(service, Fargate):
        return fargate(ctx, name, service, region, sizing)
    if isinstance(service, VmGroup):
        path: Path = ("services", name)
        machine = ctx.machine(service.provider, service.machine, (*path, "machine"))
        fleet = Fleet(sizing.running, sizing.floor, sizing.ceiling)
        machines = Machines(name, service.provider, region, machine, fleet, service.purchase, path)
        return machine_meters(ctx, machines, service.gpu, None)
    return ()


def _findings(name: str, rps: Array, sizing: Sizing, service: Service) -> Iterator[Finding]:
    excess = sizing.peak - sizing.peak_running
    if excess.any():
        yield _over_ceiling(name, sizing, int(excess.argmax()))
    if not sizing.limits and np.any(rps > 0):
        message = "nothing says what an instance carries, so only min and max decide"
        yield Finding("warning", "unsized", name, message, "Give service_time, cpu_time or throughput.")
    if _has_latency_slo(service):
        from capplan.components.services.latency import latency_findings

        yield from latency_findings(name, service, _response(sizing, rps))


def _over_ceiling(name: str, sizing: Sizing, worst: int) -> Finding:
    """Return the finding of the ``worst`` scenario, which exceeds its ceiling by most."""
    peak = _pick(sizing.peak_rps, worst)
    need = _pick(sizing.peak, worst)
    ceiling = _pick(sizing.ceiling, worst)
    required = sizing.required[min(worst, len(sizing.required) - 1)]
    hours = required > ceiling
    message = (
        f"{_carries(sizing, ceiling, worst)}; the busiest hour brings {peak:,.4g} "
        f"and needs {need:,.0f} (over the maximum in {int(hours.sum())} of {hours.size} hours)"
    )
    return Finding("error", "max-too-small", name, message, f"Raise instances.max to {need:,.0f}.")


def _carries(sizing: Sizing, ceiling: float, scenario: int) -> str:
    """Say what the ceiling carries; to work it out for a latency SLO takes as long as all the rest."""
    if sizing.promise is not None:
        return f"max {ceiling:g} does not keep the SLO"
    return f"max {ceiling:g} carries {_pick(sizing.carried_rps, scenario):,.4g} requests/s"


def _pick(values: Array | None, scenario: int) -> float:
    if values is None:
        return float("inf")
    return float(values[min(scenario, values.shape[0] - 1), 0])

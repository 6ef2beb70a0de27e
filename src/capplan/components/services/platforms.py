"""What a service can run on: of each platform all that sizing and pricing must know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.capacity.sizing import Sizing
from capplan.components.base import Context, Path, Pods, number_range
from capplan.components.disks import ephemeral_volumes
from capplan.components.machines import Machines, machine_meters
from capplan.components.measures import Pick
from capplan.components.services import prescribed
from capplan.components.services.carrying import Instance
from capplan.components.services.serverless import (
    check_cloud_run_size,
    check_container_app_size,
    check_fargate_size,
    cloud_run,
    container_apps,
    fargate,
)
from capplan.cost.machines import Fleet
from capplan.cost.meters import Meter
from capplan.plan.services import CLUSTER_PROVIDERS, Kubernetes, Provider, Service, VmGroup

if TYPE_CHECKING:
    from capplan.plan.clusters import Cluster


def _size(_: Context, service: Any, path: Path) -> Instance:
    return Instance(service.cpu, service.memory, path)


def _region(_: Context, service: Service) -> str | None:
    return service.region


def _no_pods(_: Context, __: Service) -> None:
    return None


def _as_said(_: Context, __: str, service: Service, ___: Path) -> tuple[Service, None]:
    return service, None


def _pods_beside(service: Kubernetes) -> float:
    """A new pod comes first, except where it would need another GPU."""
    return 0.0 if np.any(np.asarray(service.gpu) > 0) else 0.25


def _none(_: Service) -> float:
    return 0.0


def _least_pods(service: Kubernetes) -> float:
    """An HPA keeps one pod, and so does KEDA where only the pods themselves are measured."""
    scaler = None if service.workload is None else service.workload.autoscaler
    if scaler is None or scaler.kind == "hpa":
        return 1.0
    only_resources = not scaler.cron and set(scaler.triggers) <= {"cpu", "memory"}
    return 1.0 if scaler.kind == "keda" and only_resources else 0.0


class ServicePlatform(NamedTuple):
    """What sizing and pricing must know of a platform; functions take a service that runs there.

    provider: whose it is. meters: what it bills for the instances that run, at a load. instance: what one
    instance has. region: the service's, if anything but the provider's says so. prescribed: the service
    with what a tier table says of it, and the tier. pods: what instances ask of nodes that others pay.
    floor, ceiling: its autoscaler's bounds when nobody says, as its documentation states.
    surge: share of the instances that run beside them while a rollout replaces them, as it is rendered.
    least: fewest instances that its autoscaler keeps: more than none where it refuses to go there.
    """

    provider: Callable[[Context, Any], Provider]
    meters: Callable[[Context, str, Any, str, Array, Sizing], Iterable[Meter]]
    instance: Callable[[Context, Any, Path], Instance] = _size
    region: Callable[[Context, Any], str | None] = _region
    prescribed: Callable[[Context, str, Any, Path], tuple[Service, Pick | None]] = _as_said
    pods: Callable[[Context, Any], Pods | None] = _no_pods
    floor: float = 1.0
    ceiling: float | None = None
    surge: Callable[[Any], float] = _none
    least: Callable[[Any], float] = _none


def surge_of(service: Service) -> float:
    """Return the share of its instances that a service has besides during a rollout."""
    return platform_of(service).surge(service)


def platform_of(service: Service) -> ServicePlatform:
    """Return what a service runs on."""
    return PLATFORMS[service.platform]


def _always(provider: Provider) -> Callable[[Context, Any], Provider]:
    return lambda _, __: provider


def _checked(check: Callable[[Context, Any, Path], None]) -> Callable[[Context, Any, Path], Instance]:
    def size(ctx: Context, service: Any, path: Path) -> Instance:
        check(ctx, service, path)
        return _size(ctx, service, path)

    return size


def _machine(ctx: Context, service: VmGroup, path: Path) -> Instance:
    machine = ctx.machine(service.provider, service.machine, (*path, "machine"))
    return Instance(machine.vcpu or 0.0, machine.memory_gib or 0.0, path, "machine")


def _machines(
    ctx: Context, name: str, service: VmGroup, region: str, _: Array, sizing: Sizing
) -> Sequence[Meter]:
    path: Path = ("services", name)
    machines = Machines(
        component=name,
        provider=service.provider,
        region=region,
        sku=ctx.machine(service.provider, service.machine, (*path, "machine")),
        fleet=Fleet(sizing.running, sizing.floor, sizing.ceiling),
        purchase=service.purchase,
        path=path,
    )
    return machine_meters(ctx, machines, service.gpu, service.disk)


def _volumes(
    ctx: Context, name: str, service: Kubernetes, region: str, _: Array, sizing: Sizing
) -> Iterable[Meter]:
    """Yield the volumes that pods of vLLM load their weights to; nodes pay for the rest, but on Autopilot."""
    owner = _cluster(ctx, service)[1]
    if owner.autopilot:
        from capplan.components.autopilot import autopilot_meters

        size = _pods(ctx, service).taken
        return autopilot_meters(ctx, name, region, owner, size, number_range(sizing))
    if service.workload is None or service.workload.vllm is None:
        return ()
    where = (_cluster_provider(ctx, service), region)
    return ephemeral_volumes(ctx.catalog, name, where, service.workload.vllm.cache, number_range(sizing))


def _cluster(ctx: Context, service: Kubernetes) -> tuple[str, Cluster]:
    name = service.cluster or next(iter(ctx.plan.clusters))
    return name, ctx.plan.clusters[name]


def _cluster_provider(ctx: Context, service: Kubernetes) -> Provider:
    return CLUSTER_PROVIDERS[_cluster(ctx, service)[1].platform]


def _cluster_region(ctx: Context, service: Kubernetes) -> str | None:
    return service.region or _cluster(ctx, service)[1].region


def _pods(ctx: Context, service: Kubernetes) -> Pods:
    return Pods(
        cluster=_cluster(ctx, service)[0],
        pool=service.pool,
        cpu=service.cpu,
        memory_gib=service.memory,
        gpu=service.gpu,
        cpu_limit=service.cpu_limit,
        memory_limit_gib=service.memory_limit,
        overhead_cpu=service.overhead_cpu,
        overhead_gib=service.overhead_memory,
        one_per_node=service.one_per_node,
    )


PLATFORMS: Mapping[str, ServicePlatform] = {
    "cloud-run": ServicePlatform(
        _always("gcp"), cloud_run, instance=_checked(check_cloud_run_size), floor=0.0, ceiling=100.0
    ),
    "container-apps": ServicePlatform(
        _always("azure"),
        container_apps,
        instance=_checked(check_container_app_size),
        floor=0.0,
        ceiling=10.0,
    ),
    "fargate": ServicePlatform(
        _always("aws"), fargate, instance=_checked(check_fargate_size), surge=lambda _: 1.0
    ),
    "vm-group": ServicePlatform(
        lambda _, service: service.provider,
        _machines,
        instance=_machine,
        prescribed=prescribed.by_memory,
    ),
    "kubernetes": ServicePlatform(
        _cluster_provider,
        _volumes,
        region=_cluster_region,
        prescribed=prescribed.by_load,
        pods=_pods,
        surge=_pods_beside,
        least=_least_pods,
    ),
}
"""By the name that a plan gives them."""

"""Meters of platforms that bill by the second of use: Cloud Run, Container Apps, Fargate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats, hourly_mean
from capplan.capacity.sizing import Sizing
from capplan.components.base import Context, Path, number_range
from capplan.cost import serverless
from capplan.cost.meters import Meter, Range
from capplan.errors import InputError
from capplan.plan.services import CloudRun, ContainerApps, Fargate

_SECOND, _HOUR = 3600.0, 1.0


def cloud_run(
    ctx: Context, name: str, service: CloudRun, region: str, rps: Array, sizing: Sizing
) -> Iterator[Meter]:
    """Yield what Cloud Run bills, in seconds of vCPU and memory."""
    bill = _bill(ctx, name, ("gcp", "cloud-run", region), _SECOND, service)
    if service.billing == "instance":
        life_s = service.idle_timeout + service.service_time
        alive = serverless.instance_billed(rps, sizing.running, sizing.floor, sizing.ceiling, life_s)
        formula = "instances × seconds"
        yield bill.cpu("instance-based-cpu", "vCPU-second", alive, formula)
        yield bill.memory("instance-based-memory", "GiB-second", alive, formula)
        return
    time_s = serverless.rounded_up(service.service_time, serverless.REQUEST_ROUNDING_S)
    active = serverless.active_instances(rps, time_s, service.concurrency, sizing.running)
    busy, idle = serverless.request_billed(active, sizing.floor, sizing.ceiling)
    formula = "instances processing requests × seconds"
    yield bill.cpu("request-based-cpu", "vCPU-second", busy, formula)
    yield bill.memory("request-based-memory", "GiB-second", busy, formula)
    waiting = "idle minimum instances × seconds"
    yield bill.cpu("request-based-min-instance-idle-cpu", "vCPU-second", idle, waiting)
    yield bill.memory("request-based-min-instance-idle-memory", "GiB-second", idle, waiting)
    yield bill.requests("requests", rps)


def container_apps(
    ctx: Context, name: str, service: ContainerApps, region: str, rps: Array, sizing: Sizing
) -> Iterator[Meter]:
    """Yield what Container Apps bills, in hours; replicas at the minimum are cheaper while idle."""
    bill = _bill(ctx, name, ("azure", "container-apps", region), _HOUR, service)
    active = serverless.active_instances(rps, service.service_time, service.concurrency, sizing.running)
    # Only a service at its minimum is billed as idle: above it every replica counts as active.
    active = np.where(sizing.running > sizing.floor, sizing.running, active)
    busy, idle = serverless.request_billed(active, sizing.floor, sizing.ceiling)
    formula = "active replicas × hours"
    yield bill.cpu("vcpu-active", "vCPU-hour", busy, formula)
    yield bill.memory("memory-active", "GiB-hour", busy, formula)
    yield bill.cpu("vcpu-idle", "vCPU-hour", idle, "idle minimum replicas × hours")
    yield bill.memory("memory-idle", "GiB-hour", idle, "idle minimum replicas × hours")
    yield bill.requests("requests", rps)


def fargate(
    ctx: Context, name: str, service: Fargate, region: str, _: Array, sizing: Sizing
) -> Iterator[Meter]:
    """Yield what Fargate bills: tasks by the hour, on demand and spot, and disk above 20 GiB."""
    bill = _bill(ctx, name, ("aws", "fargate", region), _HOUR, service)
    tasks = number_range(sizing)
    for rate, share in (("on_demand", 1 - service.spot), ("spot", service.spot)):
        part = tasks * share
        yield bill.cpu(f"linux-{service.architecture}-vcpu", "vCPU-hour", part, "tasks × hours", rate)
        yield bill.memory(f"linux-{service.architecture}-ram", "GiB-hour", part, "tasks × hours", rate)
    extra = np.maximum(service.ephemeral_storage - 20.0, 0.0)
    yield bill.held("ephemeral-storage-above-20GiB", "GiB-hour", tasks * extra, "tasks × GiB × hours")


def _bill(
    ctx: Context,
    name: str,
    where: tuple[str, str, str],
    units_per_hour: float,
    size: CloudRun | ContainerApps | Fargate,
) -> _Bill:
    """Return the bill of a service; ``where`` is its provider, the catalog's service, and its region."""
    provider, service, region = where
    return _Bill(
        ctx=ctx,
        name=name,
        provider=provider,
        service=service,
        region=region,
        units_per_hour=units_per_hour,
        cores=size.cpu,
        memory_gib=size.memory,
    )


class _Bill(NamedTuple):
    """Makes the meters of one service: the same component, region and size on each."""

    ctx: Context
    name: str
    provider: str
    service: str
    region: str
    units_per_hour: float
    cores: Floats
    memory_gib: Floats

    def cpu(self, sku: str, unit: str, instances: Range, formula: str, rate: str = "on_demand") -> Meter:
        """Return the meter of the instances' cores."""
        return self.held(sku, unit, instances * self.cores, f"{formula} × vCPU", rate)

    def memory(self, sku: str, unit: str, instances: Range, formula: str, rate: str = "on_demand") -> Meter:
        """Return the meter of the instances' memory."""
        return self.held(sku, unit, instances * self.memory_gib, f"{formula} × GiB", rate)

    def held(self, sku: str, unit: str, amount: Range, formula: str, rate: str = "on_demand") -> Meter:
        """Return the meter of what is held all month."""
        return self.used(sku, unit, amount * (self.units_per_hour * self.ctx.hours_per_month), formula, rate)

    def requests(self, sku: str, rps: Array) -> Meter:
        """Return the meter of the requests themselves."""
        count = Range.fixed(self.ctx.per_month(hourly_mean(rps)))
        return self.used(sku, "request", count, "requests in a month")

    def used(self, sku: str, unit: str, quantity: Range, formula: str, rate: str = "on_demand") -> Meter:
        """Return the meter of a monthly quantity."""
        return Meter(
            component=self.name,
            provider=self.provider,
            service=self.service,
            sku=sku,
            region=self.region,
            unit=unit,
            quantity=quantity,
            formula=formula,
            rate=rate,
        )


_FARGATE_MEMORY_GIB: dict[float, tuple[float, ...]] = {
    0.25: (0.5, 1, 2),
    0.5: (1, 2, 3, 4),
    1: tuple(range(2, 9)),
    2: tuple(range(4, 17)),
    4: tuple(range(8, 31)),
    8: tuple(range(16, 61, 4)),
    16: tuple(range(32, 121, 8)),
}
"""Task sizes that Fargate offers (ECS API reference, task definition: memory)."""


def check_fargate_size(ctx: Context, service: Fargate, path: Path) -> None:
    """Raise :class:`InputError` unless every size in ``service`` is one that Fargate offers."""
    sizes = np.broadcast_arrays(np.asarray(service.cpu), np.asarray(service.memory))
    for cpu, memory in {(float(c), float(m)) for c, m in zip(*(s.ravel() for s in sizes), strict=True)}:
        offered = _FARGATE_MEMORY_GIB.get(cpu)
        if offered is None:
            known = ", ".join(f"{size:g}" for size in _FARGATE_MEMORY_GIB)
            what = f"Fargate has no task with {cpu:g} vCPU"
            raise InputError(ctx.places.problem((*path, "cpu"), what, f"Known: {known}."))
        if memory not in offered:
            known = ", ".join(f"{size:g}Gi" for size in offered)
            what = f"a Fargate task with {cpu:g} vCPU cannot have {memory:g}Gi"
            raise InputError(ctx.places.problem((*path, "memory"), what, f"Known: {known}."))


_CLOUD_RUN_MEMORY_GIB: dict[float, tuple[float, float]] = {
    1.0: (0.0, 4.0),
    2.0: (0.0, 8.0),
    4.0: (2.0, 16.0),
    6.0: (4.0, 24.0),
    8.0: (4.0, 32.0),
}
"""Least and most memory by vCPU (cloud.google.com/run/docs/configuring/services/memory-limits)."""


def cloud_run_refuses(cpu: float, memory_gib: float, concurrency: float) -> str:
    """Return why Cloud Run refuses an instance of this size; empty where it does not.

    Parts of a core serve one request at a time (cloud.google.com/run/docs/configuring/services/cpu).
    """
    if cpu < 1:
        most = 1.0 if cpu >= 0.5 else 0.5
        if cpu < 0.08:
            return f"{cpu:g} vCPU is less than the 0.08 that Cloud Run offers"
        if concurrency > 1:
            return f"below 1 vCPU, concurrency must be 1; has {cpu:g} vCPU and concurrency {concurrency:g}"
        return "" if memory_gib <= most else f"{cpu:g} vCPU takes at most {most:g} GiB, not {memory_gib:g}"
    if cpu not in _CLOUD_RUN_MEMORY_GIB:
        known = ", ".join(f"{size:g}" for size in _CLOUD_RUN_MEMORY_GIB)
        return f"Cloud Run has no instance with {cpu:g} vCPU; from 1 on it has {known}"
    low, high = _CLOUD_RUN_MEMORY_GIB[cpu]
    if low <= memory_gib <= high:
        return ""
    return f"{cpu:g} vCPU takes {f'{low:g} to ' if low else 'at most '}{high:g} GiB, not {memory_gib:g}"


def check_cloud_run_size(ctx: Context, service: CloudRun, path: Path) -> None:
    """Raise :class:`InputError` unless Cloud Run offers every size in ``service``."""
    sizes = np.broadcast_arrays(service.cpu, service.memory, service.concurrency)
    for size in {tuple(map(float, row)) for row in zip(*(s.ravel() for s in sizes), strict=True)}:
        refused = cloud_run_refuses(*size)
        if refused:
            raise InputError(ctx.places.problem((*path, "cpu"), refused, "Choose a size that it offers."))


def check_container_app_size(ctx: Context, service: ContainerApps, path: Path) -> None:
    """Raise :class:`InputError` unless Azure offers every size: 0.25 to 4 vCPU in steps, 2 GiB each.

    Source: learn.microsoft.com/azure/container-apps/containers, vCPUs and memory allocation.
    """
    sizes = np.broadcast_arrays(service.cpu, service.memory)
    for cpu, memory in {(float(c), float(m)) for c, m in zip(*(s.ravel() for s in sizes), strict=True)}:
        if not 0.25 <= cpu <= 4 or cpu % 0.25 or memory != 2 * cpu:
            what = f"a container app cannot have {cpu:g} vCPU and {memory:g} GiB"
            remedy = "Give 0.25 to 4 vCPU in steps of 0.25, and twice as many GiB."
            raise InputError(ctx.places.problem((*path, "cpu"), what, remedy))

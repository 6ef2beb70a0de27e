"""Meters of machines: by the hour, as bought, with their GPUs and disks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from capplan.arrays import Floats
from capplan.catalog.catalog import Catalog
from capplan.catalog.rows import Sku
from capplan.components.base import MACHINES, Context, Path
from capplan.components.disks import parts_of
from capplan.cost.machines import Fleet, purchased_hours
from capplan.cost.meters import Meter, Range
from capplan.errors import InputError
from capplan.plan.services import Disk, GpuAddOn, Purchase

if TYPE_CHECKING:
    from capplan.plan.clusters import Pool

_DISKS = {"gcp": "persistent-disk", "aws": "ebs", "azure": "managed-disk"}
_GPU_ADD_ONS = {"gcp": "compute-engine-gpu"}


DISKS = "boot disks"
DEFAULT_DISKS = "default boot disks"
"""How disks are noted that the plan does not speak of: the platform starts nodes with them."""


class Machines(NamedTuple):
    """Machines of one type that run for a component, and how they are bought."""

    component: str
    provider: str
    region: str
    sku: Sku
    fleet: Fleet
    purchase: Purchase
    path: Path


def machine_meters(
    ctx: Context, machines: Machines, gpu: GpuAddOn | None, disk: Disk | None, noted: str = DISKS
) -> list[Meter]:
    """Return the meters of machines, of the GPUs added to them, and of their boot disks, ``noted`` so."""
    service = MACHINES[machines.provider]
    discount = machines.sku.family.sustained_use if ctx.plan.pricing.sustained_use else None
    meters = list(_hours(ctx, machines, service, machines.sku, 1.0, discount))
    if gpu is not None:
        added = gpu_add_on(ctx, machines.provider, machines.sku, gpu, machines.path)
        meters += _hours(ctx, machines, _GPU_ADD_ONS[machines.provider], added, gpu.count, None)
    if disk is not None:
        meters += _disks(ctx, machines, disk, noted)
    return meters


def pool_meters(ctx: Context, machines: Machines, platform: str, pool: Pool) -> list[Meter]:
    """Return the meters of the nodes of a pool, with the boot disks that the platform gives them."""
    disk = boot_disk(ctx.catalog, platform, pool.disk)
    return machine_meters(ctx, machines, pool.gpu, disk, DEFAULT_DISKS if pool.disk is None else DISKS)


def boot_disk(catalog: Catalog, platform: str, said: Disk | None) -> Disk | None:
    """Return the boot disk of a cluster's nodes: the plan's, or the platform's default, if that is known."""
    default = catalog.facts("kubernetes", platform).get("boot_disk")
    if said is not None or default is None:
        return said
    return Disk.model_validate({"type": default["type"], "size": f"{default['size_gib']}Gi"})


def gpu_add_on(ctx: Context, provider: str, machine: Sku, gpu: GpuAddOn, path: Path) -> Sku:
    """Return the SKU of a GPU that can be added to ``machine``."""
    where = (*path, "gpu")
    if machine.gpu is not None:
        what = f"{machine.name} already includes {machine.gpu_count:g} × {machine.gpu}"
        raise InputError(ctx.places.problem(where, what, "Remove gpu."))
    if provider not in _GPU_ADD_ONS:
        what = f"{provider} sells GPUs only as part of a machine"
        raise InputError(ctx.places.problem(where, what, "Choose a GPU machine."))
    if not machine.name.startswith("n1-"):
        what = f"only N1 machines take added GPUs, not {machine.name}"
        raise InputError(ctx.places.problem(where, what))
    return ctx.sku(provider, _GPU_ADD_ONS[provider], gpu.type, (*where, "type"))


def gpus_of(machine: Sku, gpu: GpuAddOn | None) -> Floats:
    """Return the GPUs of one machine, its own or added."""
    return machine.gpu_count if gpu is None else gpu.count


def _hours(
    ctx: Context,
    machines: Machines,
    service: str,
    sku: Sku,
    per_machine: Floats,
    sustained_use: tuple[float, ...] | None,
) -> Iterator[Meter]:
    bought = machines.purchase
    hours = purchased_hours(
        machines.fleet.scaled(per_machine),
        ctx.hours_per_month,
        bought.spot,
        bought.commit_1y,
        bought.commit_3y,
        sustained_use,
    )
    rest = "machines × hours"
    meters = [_meter(machines, service, sku, hours.on_demand, "on_demand", rest)]
    if hours.sustained_use.any():
        credit = hours.sustained_use * -1.0
        formula = "hours that each quarter of the month leaves unbilled"
        meters.append(_meter(machines, service, sku, credit, "on_demand", formula, "sustained-use discount"))
    committed = "share of the average × hours"
    meters.append(_meter(machines, service, sku, hours.commit_1y, "commit_1y", committed))
    meters.append(_meter(machines, service, sku, hours.commit_3y, "commit_3y", committed))
    yield from (meter._replace(pool=hours.pool) for meter in meters)
    yield _meter(machines, service, sku, hours.spot, "spot", rest)


def _meter(
    machines: Machines, service: str, sku: Sku, quantity: Range, rate: str, formula: str, note: str = ""
) -> Meter:
    return Meter(
        component=machines.component,
        provider=machines.provider,
        service=service,
        sku=sku.name,
        region=machines.region,
        unit=sku.unit,
        quantity=quantity,
        formula=formula,
        rate=rate,
        note=note,
    )


def _disks(ctx: Context, machines: Machines, disk: Disk, noted: str) -> Iterator[Meter]:
    service = _DISKS[machines.provider]
    sku = ctx.sku(machines.provider, service, disk.type, (*machines.path, "disk", "type"))
    for part, amount in parts_of(ctx.catalog, machines.provider, service, sku, disk.size):
        quantity = machines.fleet.hours(1.0) * amount
        formula = "disks" if part.unit == "month" else "machines × GiB"
        yield _meter(machines, service, part, quantity, "on_demand", formula, noted)

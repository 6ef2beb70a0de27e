"""Machines with GPUs that a catalog sells, and the GPUs that it adds to others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from math import inf
from typing import NamedTuple

import numpy as np

from capplan.capacity.nodes import Allocatable
from capplan.catalog.catalog import Catalog
from capplan.catalog.roots import PROVIDERS
from capplan.catalog.rows import RATES, Sku
from capplan.components.base import MACHINES, Context, Path
from capplan.components.disks import VOLUMES, volume_usd
from capplan.components.machines import boot_disk
from capplan.components.managed import MANAGED
from capplan.errors import InputError
from capplan.llm.configuration import Configuration
from capplan.llm.hardware import Gpu
from capplan.plan.services import CLUSTER_PLATFORMS, Disk, GpuAddOn

_ADD_ON_SERVICE = "compute-engine-gpu"
_ADD_ONS: dict[str, dict[int, tuple[str, ...]]] = {
    "nvidia-tesla-t4": {
        1: ("n1-standard-4", "n1-standard-8"),
        2: ("n1-standard-8", "n1-standard-16"),
        4: ("n1-standard-16", "n1-standard-32"),
    },
    "nvidia-tesla-v100": {
        1: ("n1-standard-8",),
        2: ("n1-standard-16",),
        4: ("n1-standard-16", "n1-standard-32"),
        8: ("n1-standard-32", "n1-standard-64"),
    },
}
"""GPUs that Google adds to N1 machines, and the machines to choose from for each number of them: within
Google's limits of vCPU by GPU, and large enough to stage the weights; the next size for larger pods."""


class Offer(NamedTuple):
    """A machine in a region with so many ``gpus``, and USD an hour by rate; None where it has no price.

    machine_usd: on demand, without the GPUs that are added to it. node: what it leaves to pods. disk_usd: its
    boot disk a month, with so many GiB for checkpoints. volume_usd: USD a month of a volume of so many GiB
    there. gbit_per_s: of its network.
    """

    provider: str
    region: str
    machine: Sku
    add_on: Sku | None
    gpu: str
    gpus: float
    usd_per_hour: dict[str, float | None]
    machine_usd: float | None
    node: Allocatable
    disk_usd: Callable[[float], float]
    volume_usd: Callable[[float], float]
    gbit_per_s: float | None = None

    @property
    def name(self) -> str:
        """The machine, with the GPUs that are added to it."""
        if self.add_on is None:
            return self.machine.name
        return f"{self.machine.name} + {self.gpus:g} {self.add_on.name.removeprefix('nvidia-tesla-').upper()}"


def offers(catalog: Catalog, places: Sequence[tuple[str, str]], named: str | None = None) -> Iterator[Offer]:
    """Yield every machine with GPUs in the ``places``, (provider, region); retired ones are left out.

    Where a machine is ``named`` only that one, with every number of GPUs that can be added to it.
    """
    with_gpus = {provider: _with_gpus(catalog, provider) for provider in {of for of, _ in places}}
    for provider, region in places:
        for machine in with_gpus[provider]:
            fits = machine.retired is None if named is None else machine.name == named
            if fits and machine.usd(region) is not None:
                yield offer(catalog, provider, region, machine, None, machine.gpu_count)
        if provider == "gcp" and (named is None or named.startswith("n1-")):
            yield from _with_add_ons(catalog, region, named)


def _with_gpus(catalog: Catalog, provider: str) -> list[Sku]:
    skus = catalog.service(provider, MACHINES[provider]).skus.values()
    # A replica takes whole GPUs: some machines have a part of one, which AWS counts as none.
    return [machine for machine in skus if machine.gpu is not None and machine.gpu_count >= 1]


def _with_add_ons(catalog: Catalog, region: str, named: str | None) -> Iterator[Offer]:
    for name, machines in _ADD_ONS.items():
        add_on = catalog.require("gcp", _ADD_ON_SERVICE, name)
        for count, usual in machines.items():
            for wanted in usual if named is None else (named,):
                machine = catalog.find("gcp", MACHINES["gcp"], wanted)
                if machine is not None and machine.usd(region) is not None and add_on.usd(region) is not None:
                    yield offer(catalog, "gcp", region, machine, add_on, count)


def offer(
    catalog: Catalog, provider: str, region: str, machine: Sku, add_on: Sku | None, count: float
) -> Offer:
    """Return the machine as an offer with its prices."""

    def hourly(rate: str) -> float | None:
        own = catalog.price(provider, MACHINES[provider], machine, region, rate)
        if own is None or add_on is None:
            return None if own is None else own.usd
        added = catalog.price(provider, _ADD_ON_SERVICE, add_on, region, rate)
        return None if added is None else own.usd + count * added.usd

    gpu = machine.gpu if add_on is None else add_on.gpu
    prices = {rate: hourly(rate) for rate in RATES}
    alone = catalog.price(provider, MACHINES[provider], machine, region, "on_demand")
    node = node_of(catalog, provider, machine)
    disk = boot_disk_of(catalog, provider)
    priced = partial(volume_usd, catalog, provider, region)

    @cache
    def disk_usd(more_gib: float) -> float:
        return 0.0 if disk is None else priced(disk.type, float(disk.size) + more_gib)

    return Offer(
        provider=provider,
        region=region,
        machine=machine,
        add_on=add_on,
        gpu=gpu or "",
        gpus=count,
        usd_per_hour=prices,
        machine_usd=alone and alone.usd,
        node=node,
        disk_usd=disk_usd,
        volume_usd=partial(priced, VOLUMES[provider][1]) if provider in VOLUMES else _included,
        gbit_per_s=network_of(catalog, machine),
    )


def _included(_: float) -> float:
    """Return the price of a volume on disks that are part of the machine."""
    return 0.0


def boot_disk_of(catalog: Catalog, provider: str, more_gib: float = 0.0) -> Disk | None:
    """Return the disk that a node of the provider's Kubernetes boots from; None where it has its own.

    more_gib: what pods download to it.
    """
    platform = CLUSTER_PLATFORMS.get(provider)
    usual = None if platform is None else boot_disk(catalog, platform, None)
    return usual and usual.model_copy(update={"size": usual.size + more_gib})


def node_of(catalog: Catalog, provider: str, machine: Sku) -> Allocatable:
    """Return what a node of the provider's Kubernetes leaves to pods of this machine type.

    What agents take of the machines of a GPU cloud nobody says: pods may have all.
    """
    if provider not in CLUSTER_PLATFORMS:
        return Allocatable(machine.vcpu or 0.0, machine.memory_gib or 0.0, np.inf)
    platform = CLUSTER_PLATFORMS[provider]
    fact = partial(catalog.number, "kubernetes", platform)
    node = MANAGED[platform].allocatable(machine, fact("max_pods"))
    return node.less(*(fact("daemonsets", kind) for kind in ("cpu", "memory_gib", "pods")))


def everywhere(catalog: Catalog) -> list[tuple[str, str]]:
    """Return every place that sells machines with GPUs."""
    found: dict[tuple[str, str], None] = {}
    for provider in PROVIDERS:
        for machine in _with_gpus(catalog, provider):
            found.update(dict.fromkeys((provider, region) for region in machine.prices.get("on_demand", ())))
    return list(found)


def network_of(catalog: Catalog, machine: Sku) -> float | None:
    """Return the Gbit/s that a machine sends to others, None where its cloud does not say it."""
    said = catalog.facts("gpus").get("networks", {}).get("gbit_per_s", {}).get(machine.name)
    return None if said is None else float(said)


_USUAL = 8.0
"""GPUs of a machine."""


def by_gpu(found: Iterable[Offer]) -> dict[str, list[Offer]]:
    """Return the machines with each GPU, by its name."""
    grouped: dict[str, list[Offer]] = {}
    for offer in found:
        grouped.setdefault(offer.gpu, []).append(offer)
    return grouped


def placed(
    found: Mapping[str, Sequence[Offer]], one: Configuration
) -> tuple[Configuration, tuple[Offer, float] | None]:
    """Return the configuration on its cheapest machines on demand, with one and USD per hour of a replica.

    found: machines by their GPU. Where no machine with its GPU is known it has eight.
    """
    plain, best, least = one.spread.is_plain, None, (True, inf)
    there = one if plain else one.on(_USUAL, None)
    for offer in found.get(one.gpu.name, ()):
        usd = offer.usd_per_hour["on_demand"]
        if usd is None or (plain and offer.gpus < one.gpus):
            continue
        tried = one if plain else one.on(offer.gpus, offer.gbit_per_s)
        order = not plain and bool(tried.obstacles()), usd / tried.per_machine(offer.gpus)
        if best is None or order < least:
            there, best, least = tried, (offer, order[1]), order
    return there, best


def add_on_for(
    ctx: Context, provider: str, machine: Sku, gpu: Gpu, count: float, path: Path
) -> GpuAddOn | None:
    """Return the ``count`` GPUs to add to ``machine`` for a replica; None where it has its own."""
    if machine.gpu is not None:
        return None
    if provider == "gcp":
        for name in _ADD_ONS:
            if ctx.catalog.require("gcp", _ADD_ON_SERVICE, name).gpu == gpu.name:
                return GpuAddOn(type=name, count=count)
    what = f"{machine.name} has no GPU, and no {gpu.name} can be added to it"
    raise InputError(ctx.places.problem(path, what, "Choose a machine with GPUs, or `auto`."))

"""Volumes: some are sold by the GiB, others as whole disks of fixed sizes, of which one volume is one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from capplan.arrays import Array, Floats, per_scenario
from capplan.catalog.catalog import Catalog
from capplan.catalog.rows import Sku
from capplan.cost.meters import Meter, Range

VOLUMES = {
    "gcp": ("persistent-disk", "pd-balanced"),
    "aws": ("ebs", "gp3"),
    "azure": ("managed-disk", "P10-LRS-128GiB"),
}
"""The catalog's service and SKU of a claim that names no storage class; of Azure's disks, one of its kind."""

_WHOLE = re.compile(r"([A-Z]+)\d+(-[A-Z]+)-\d+GiB")
"""A disk of a fixed size: what kind it is, its number, how it is replicated, its size."""


def parts_of(
    catalog: Catalog, provider: str, service: str, sku: Sku, gib: Floats
) -> Iterator[tuple[Sku, Array]]:
    """Yield the SKUs of a volume of ``gib``, and how much of each, (scenarios | 1, 1).

    Of disks of fixed sizes that is one of the smallest that holds it, or several of the largest.
    """
    size = per_scenario(np.asarray(gib, dtype=float))
    if sku.size_gib is None:
        yield sku, size
        return
    disks = _of_its_kind(catalog, provider, service, sku)
    holds = np.array([(disk.size_gib or (0.0, 0.0))[1] for disk in disks])
    which = np.minimum(np.searchsorted(holds, size), len(disks) - 1)
    for index in np.unique(which):
        yield disks[index], np.where(which == index, np.ceil(size / holds[index]), 0.0)


def _of_its_kind(catalog: Catalog, provider: str, service: str, sku: Sku) -> list[Sku]:
    kind = _WHOLE.fullmatch(sku.name)
    if kind is None:
        return [sku]
    skus = catalog.service(provider, service).skus
    same = [name for name in skus if (m := _WHOLE.fullmatch(name)) and m.groups() == kind.groups()]
    return sorted((skus[name] for name in same), key=lambda disk: disk.size_gib or (0.0, 0.0))


def ephemeral_volumes(
    catalog: Catalog, component: str, where: tuple[str, str], gib: Floats, pods: Range
) -> Iterator[Meter]:
    """Yield the meters of a volume of ``gib`` that each pod holds; ``where``: provider and region."""
    provider, region = where
    service, usual = VOLUMES[provider]
    for sku, amount in parts_of(catalog, provider, service, catalog.require(provider, service, usual), gib):
        yield Meter(
            component=component,
            provider=provider,
            service=service,
            sku=sku.name,
            region=region,
            unit=sku.unit,
            quantity=pods * amount,
            formula="pods × volume",
            note="volumes of pods",
        )


def volume_usd(catalog: Catalog, provider: str, region: str, sku: str, gib: float) -> float:
    """Return USD a month of a volume of ``gib``; nothing for what nobody has a price of, as in a total."""
    service = VOLUMES[provider][0]
    usd = 0.0
    for part, amount in parts_of(catalog, provider, service, catalog.require(provider, service, sku), gib):
        price = catalog.price(provider, service, part, region, "on_demand")
        usd += 0.0 if price is None else float(amount.max()) * price.usd
    return usd

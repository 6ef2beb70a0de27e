"""The classes that a managed database can have: from the catalog, or made to measure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.capacity.stores import stepwise
from capplan.catalog.catalog import Catalog
from capplan.catalog.rows import Sku
from capplan.components.stores.billing import StoreBill, retired
from capplan.findings import Finding
from capplan.plan.databases import Aurora, AzurePostgres, CloudSql, ManagedDatabase, Rds
from capplan.plan.stores import AUTO

_CUSTOM = re.compile(r"db-custom-(\d+)-(\d+)")
_CUSTOM_VCPU = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96)
_CUSTOM_GIB_PER_VCPU = np.arange(1.0, 6.75, 0.25)
_CUSTOM_LEAST_GIB = 3.75
"""Cloud SQL takes 1 or an even number of vCPU, and 0.9 to 6.5 GiB for each, at least 3.75 in all.

Of all these, the usual numbers of vCPU are tried, with memory in steps of a quarter of a GiB for each.
"""


class DatabaseClass(NamedTuple):
    """A class to choose from. parts: (service, SKU, how many of it an instance is made of)."""

    name: str
    vcpu: float
    memory_gib: float
    usd_per_hour: float
    parts: tuple[tuple[str, Sku, float], ...]


def service_of(database: ManagedDatabase) -> str:
    """Return the catalog's service that holds the classes of a database."""
    if isinstance(database, CloudSql):
        return f"cloud-sql-{database.engine}"
    if isinstance(database, Rds):
        return f"rds-{database.engine}"
    return "aurora-postgres" if isinstance(database, Aurora) else "postgresql-flexible"


def classes_of(bill: StoreBill, database: ManagedDatabase) -> tuple[list[DatabaseClass], list[Finding]]:
    """Return the class that the plan names, or all that it lets capplan choose from, and what is odd."""
    if database.machine != AUTO:
        named = _named(bill, database)
        return [named], [finding for _, sku, _ in named.parts for finding in retired(bill.name, sku)]
    service = service_of(database)
    file = bill.ctx.catalog.service(bill.provider, service)
    found = [
        _listed(bill, service, sku)
        for sku in file.skus.values()
        if sku.vcpu is not None and sku.memory_gib is not None and sku.retired is None
    ]
    if isinstance(database, CloudSql):
        found += list(_custom_classes(bill, service))
    return found, []


def _listed(bill: StoreBill, service: str, sku: Sku) -> DatabaseClass:
    usd = bill.hourly_usd(service, sku)
    return DatabaseClass(sku.name, sku.vcpu or 0.0, sku.memory_gib or 0.0, usd, ((service, sku, 1.0),))


def _named(bill: StoreBill, database: ManagedDatabase) -> DatabaseClass:
    service, machine = service_of(database), database.machine
    custom = _CUSTOM.fullmatch(machine) if isinstance(database, CloudSql) else None
    catalog = bill.ctx.catalog
    if custom and catalog.find(bill.provider, service, machine) is None:
        return _custom_maker(bill, service)(float(custom[1]), float(custom[2]) / 1024)
    others = {CloudSql: "cloud-sql", AzurePostgres: "postgresql-single-server"}
    for place in (service, others.get(type(database))):
        if place is not None and catalog.find(bill.provider, place, machine) is not None:
            return _listed(bill, place, bill.sku(place, machine))
    return _listed(bill, service, bill.sku(service, machine))


def _custom_classes(bill: StoreBill, service: str) -> Iterator[DatabaseClass]:
    make = _custom_maker(bill, service)
    for vcpu in _CUSTOM_VCPU:
        for memory_gib in vcpu * _CUSTOM_GIB_PER_VCPU:
            if memory_gib >= _CUSTOM_LEAST_GIB:
                yield make(float(vcpu), float(memory_gib))


def _custom_maker(bill: StoreBill, service: str) -> Callable[[float, float], DatabaseClass]:
    """Return what makes a class of vCPU and GiB, each at its own price."""
    cores, memory = bill.sku(service, "enterprise-vcpu"), bill.sku(service, "enterprise-ram")
    core_usd, gib_usd = bill.hourly_usd(service, cores), bill.hourly_usd(service, memory)

    def make(vcpu: float, memory_gib: float) -> DatabaseClass:
        name = f"db-custom-{vcpu:.0f}-{memory_gib * 1024:.0f}"
        parts = ((service, cores, vcpu), (service, memory, memory_gib))
        return DatabaseClass(name, vcpu, memory_gib, vcpu * core_usd + memory_gib * gib_usd, parts)

    return make


def connections_by_memory(catalog: Catalog, database: ManagedDatabase, memory_gib: Array) -> Array:
    """Return the connections that applications get from instances of a size, (classes,)."""
    known = catalog.facts("databases", "connections")
    name = f"{database.platform}-{database.engine}"
    facts = known.get(name) or known[database.platform]
    if "steps" in facts:
        most = stepwise(memory_gib, np.array(facts["steps"], dtype=float))
    else:
        most = np.minimum(np.floor(memory_gib * facts["per_gib"]), facts["most"])
    left: Array = np.maximum(most - facts["reserved"], 0.0)
    return left

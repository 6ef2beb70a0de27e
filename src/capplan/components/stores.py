"""Databases and caches: classes that the plan names, metered by the provider's rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from capplan.arrays import Floats, per_scenario
from capplan.catalog.rows import Sku
from capplan.components.base import Component, Context, Finding, Path
from capplan.cost.meters import Meter, Range
from capplan.errors import InputError
from capplan.plan.services import Provider
from capplan.plan.stores import (
    Aurora,
    AzurePostgres,
    Cache,
    CloudSql,
    Database,
    ElastiCache,
    Memorystore,
    Rds,
)

_PROVIDERS: dict[str, Provider] = {
    "cloud-sql": "gcp",
    "memorystore": "gcp",
    "rds": "aws",
    "aurora": "aws",
    "elasticache": "aws",
    "azure-postgresql": "azure",
    "azure-redis": "azure",
}
_CUSTOM = re.compile(r"db-custom-(\d+)-(\d+)")


def build_store(ctx: Context, kind: str, name: str, store: Database | Cache) -> Component:
    """Return the database or cache ``name``, metered."""
    path: Path = ({"database": "databases", "cache": "caches"}[kind], name)
    provider = _PROVIDERS[store.platform]
    region = ctx.region(provider, store.region, path)
    bill = _Bill(ctx, name, provider, region, path, store)
    return Component(
        name=name,
        kind=kind,
        platform=store.platform,
        provider=provider,
        region=region,
        path=path,
        rps=ctx.load.rps(name),
        meters=list(_meters(bill, store)),
        findings=bill.findings,
    )


class _Bill:
    """Makes the meters of one store, and notes what is odd about the SKUs that it names."""

    def __init__(
        self, ctx: Context, name: str, provider: Provider, region: str, path: Path, store: Database | Cache
    ) -> None:
        self.ctx = ctx
        self.findings: list[Finding] = []
        self.name, self._provider, self._region, self._path = name, provider, region, path
        self._shares = (("commit_1y", store.commit_1y), ("commit_3y", store.commit_3y))

    def sku(self, service: str, name: str, field: str = "machine") -> Sku:
        """Return the SKU that the plan's ``field`` names."""
        sku = self.ctx.sku(self._provider, service, name, (*self._path, field))
        if sku.retired is not None:
            message = f"{name} was retired in {sku.retired}"
            remedy = f"Its successor is {sku.successor}."
            self.findings.append(Finding("warning", "retired-sku", self.name, message, remedy))
        return sku

    def requests_per_month(self) -> Floats:
        """Return how often the store is called in a month."""
        return self.ctx.per_month(self.ctx.load.average(self.name))

    def held(self, service: str, sku: Sku, amount: Floats, formula: str = "hours") -> Iterator[Meter]:
        """Yield what is held all month and billed by the hour, by the way it is bought."""
        hours = amount * self.ctx.hours_per_month
        rest: Floats = 1.0
        for rate, share in self._shares:
            rest = rest - share
            yield self.used(service, sku, hours * share, formula, rate)
        yield self.used(service, sku, hours * rest, formula)

    def used(self, service: str, sku: Sku, quantity: Floats, formula: str, rate: str = "on_demand") -> Meter:
        """Return the meter of an amount in the SKU's own unit."""
        return Meter(
            component=self.name,
            provider=self._provider,
            service=service,
            sku=sku.name,
            region=self._region,
            unit=sku.unit,
            quantity=Range.fixed(quantity),
            formula=formula,
            rate=rate,
        )


def _meters(bill: _Bill, store: Database | Cache) -> Iterator[Meter]:
    if isinstance(store, CloudSql):
        return _cloud_sql(bill, store)
    if isinstance(store, Rds):
        return _rds(bill, store)
    if isinstance(store, Aurora):
        return _aurora(bill, store)
    if isinstance(store, AzurePostgres):
        return _azure_postgresql(bill, store)
    if isinstance(store, Memorystore):
        return _memorystore(bill, store)
    if isinstance(store, ElastiCache):
        return bill.held(
            "elasticache-redis", bill.sku("elasticache-redis", store.machine), store.nodes, "nodes × hours"
        )
    return bill.held("redis-cache", bill.sku("redis-cache", store.machine), 1.0)


def _cloud_sql(bill: _Bill, store: CloudSql) -> Iterator[Meter]:
    service = f"cloud-sql-{store.engine}"
    ha = " regional-ha" if store.high_availability else ""
    listed = bill.ctx.catalog.find("gcp", service, store.machine)
    custom = _CUSTOM.fullmatch(store.machine)
    if listed is None and custom:
        vcpu, memory_gib = float(custom[1]), float(custom[2]) / 1024
        yield from bill.held(service, bill.sku(service, f"enterprise-vcpu{ha}"), vcpu, "vCPU × hours")
        yield from bill.held(service, bill.sku(service, f"enterprise-ram{ha}"), memory_gib, "GiB × hours")
    else:
        shared = bill.ctx.catalog.find("gcp", "cloud-sql", store.machine)
        where = "cloud-sql" if shared is not None else service
        yield from bill.held(where, bill.sku(where, f"{store.machine}{ha}"), 1.0)
    yield bill.used("cloud-sql", bill.sku("cloud-sql", f"storage-ssd{ha}"), store.storage, "GiB")
    yield bill.used("cloud-sql", bill.sku("cloud-sql", "backup"), store.backup, "GiB")


def _rds(bill: _Bill, store: Rds) -> Iterator[Meter]:
    service = f"rds-{store.engine}"
    ha = " multi-az" if store.high_availability else ""
    yield from bill.held(service, bill.sku(service, f"{store.machine}{ha}"), 1.0)
    yield bill.used(service, bill.sku(service, f"storage-general-purpose{ha}"), store.storage, "GiB")


def _aurora(bill: _Bill, store: Aurora) -> Iterator[Meter]:
    service = "aurora-postgres"
    yield from bill.held(service, bill.sku(service, store.machine), store.instances, "instances × hours")
    yield bill.used(service, bill.sku(service, "storage-standard"), store.storage, "GiB")
    operations = bill.requests_per_month() * store.io_per_request
    yield bill.used(service, bill.sku(service, "io-requests"), operations, "queries × I/O of each")


def _azure_postgresql(bill: _Bill, store: AzurePostgres) -> Iterator[Meter]:
    ha = " zone-redundant" if store.high_availability else ""
    old = bill.ctx.catalog.find("azure", "postgresql-single-server", store.machine)
    service = "postgresql-flexible" if old is None else "postgresql-single-server"
    yield from bill.held(service, bill.sku(service, f"{store.machine}{ha}"), 1.0)
    yield bill.used(service, bill.sku(service, f"storage{ha}"), store.storage, "GB")


def _memorystore(bill: _Bill, store: Memorystore) -> Iterator[Meter]:
    """Yield the GiB-hours of the capacity tier that the size falls into; it holds for the whole instance."""
    file = bill.ctx.catalog.service("gcp", "memorystore-redis")
    size = per_scenario(np.ceil(store.size))
    sold = np.zeros_like(size, dtype=bool)
    for sku in file.skus.values():
        if sku.size_gib is None or not sku.name.startswith(f"{store.tier}-"):
            continue
        low, high = sku.size_gib
        inside = (size >= low) & (size <= high)
        sold |= inside
        yield from bill.held("memorystore-redis", sku, np.where(inside, size, 0.0), "GiB × hours")
    if not sold.all():
        what = f"Memorystore has no instance of {float(size[~sold][0]):g} GiB"
        path = ("caches", bill.name, "size")
        raise InputError(bill.ctx.places.problem(path, what, "It sells 1 to 300 GiB."))

"""What a managed database is billed for, platform by platform."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats
from capplan.capacity.choice import Choice
from capplan.capacity.stores import backup_gib
from capplan.components.stores.billing import StoreBill
from capplan.components.stores.classes import DatabaseClass
from capplan.cost.meters import Meter
from capplan.plan.databases import Aurora, AzurePostgres, CloudSql, ManagedDatabase, Rds
from capplan.quantities import DAY_S

_HIGHLY_AVAILABLE = {"cloud-sql": "regional-ha", "rds": "multi-az", "azure-postgresql": "zone-redundant"}


class Sized(NamedTuple):
    """The classes, which one each scenario gets, the storage and the IOPS bought, (scenarios | 1, 1)."""

    classes: Sequence[DatabaseClass]
    choice: Choice
    storage_gib: Array
    bought_iops: Array

    def picked(self, values: Sequence[float]) -> Array:
        """Return the value of the chosen class, (scenarios | 1, 1)."""
        return np.array(values)[self.choice.which].reshape(-1, 1)


def database_meters(bill: StoreBill, database: ManagedDatabase, sized: Sized) -> Iterator[Meter]:
    """Yield primary, replicas, their storage, backups, I/O, and the standby in another region."""
    suffix = _HIGHLY_AVAILABLE.get(database.platform) if database.high_availability else None
    readers: Floats = database.read_replicas
    if isinstance(database, Aurora):
        readers = readers + float(database.high_availability)
    yield from _instances(bill, sized, 1.0, suffix)
    if np.any(readers):
        yield from _instances(bill, sized, readers)
    service, sku = _storage_sku(database, sized)
    yield _storage(bill, service, sku, suffix, sized.storage_gib)
    if np.any(readers) and not isinstance(database, Aurora):
        yield _storage(bill, service, sku, None, sized.storage_gib * readers)
    if np.any(sized.bought_iops > 0):
        name = f"iops-general-purpose {suffix}" if suffix else "iops-general-purpose"
        yield bill.used(service, bill.sku(service, name), sized.bought_iops, "IOPS beyond those included")
    yield from _backups(bill, database, sized)
    if isinstance(database, Aurora):
        operations = bill.ctx.per_month(bill.ctx.load.average(bill.name)) * database.io_per_request
        yield bill.used(service, bill.sku(service, "io-requests"), operations, "queries × I/O of each")
    if database.recovery.standby_region is not None:
        away = bill.in_region(database.recovery.standby_region)
        yield from _instances(away, sized, 1.0)
        yield _storage(away, service, sku, None, sized.storage_gib)


def _instances(bill: StoreBill, sized: Sized, count: Floats, suffix: str | None = None) -> Iterator[Meter]:
    for index in sized.choice.taken():
        chosen = sized.choice.chosen(index)
        for service, sku, amount in sized.classes[index].parts:
            of = bill.sku(service, f"{sku.name} {suffix}") if suffix else sku
            formula = "instances × hours" if sku.vcpu is not None else "instances × size × hours"
            yield from bill.held(service, of, chosen * amount * count, formula)


def _storage_sku(database: ManagedDatabase, sized: Sized) -> tuple[str, str]:
    if isinstance(database, CloudSql):
        return "cloud-sql", "storage-ssd"
    if isinstance(database, Rds):
        return f"rds-{database.engine}", "storage-general-purpose"
    if isinstance(database, Aurora):
        return "aurora-postgres", "storage-standard"
    return sized.classes[0].parts[0][0], "storage"


def _storage(bill: StoreBill, service: str, sku: str, suffix: str | None, amount_gib: Floats) -> Meter:
    return bill.used(service, bill.sku(service, f"{sku} {suffix}" if suffix else sku), amount_gib, "GiB")


def _backups(bill: StoreBill, database: ManagedDatabase, sized: Sized) -> Iterator[Meter]:
    """Yield backups beyond what is free: as much as is stored, but nothing on Cloud SQL."""
    # A moment is restored from the copy before it, so copies are kept as long as the log is.
    days = np.maximum(database.backup.retention, database.backup.point_in_time) / DAY_S
    total = backup_gib(sized.storage_gib, database.backup.daily_change, days)
    service, free = _backup_service(database)
    paid = total if not free else np.maximum(total - sized.storage_gib, 0.0)
    if np.any(paid > 0):
        formula = "full copy + daily changes" + (" − what is stored" if free else "")
        yield bill.used(service, bill.sku(service, "backup"), paid, formula)


def _backup_service(database: ManagedDatabase) -> tuple[str, bool]:
    if isinstance(database, CloudSql):
        return "cloud-sql", False
    if isinstance(database, AzurePostgres):
        return "postgresql-flexible", True
    return ("aurora-postgres", True) if isinstance(database, Aurora) else (f"rds-{database.engine}", True)

"""Managed databases: the class that meets every need, with replicas, standby and backups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from capplan.arrays import Array, Floats, hourly_max, in_scenario, per_scenario
from capplan.capacity import stores
from capplan.capacity.choice import Choice, cheapest
from capplan.components.base import Component, Context, Path
from capplan.components.connections import connection_measures, connections_of, too_many
from capplan.components.measures import Measure, Pick, measure
from capplan.components.stores import checks
from capplan.components.stores.billing import StoreBill
from capplan.components.stores.classes import DatabaseClass, classes_of, connections_by_memory, service_of
from capplan.components.stores.meters import Sized, database_meters
from capplan.components.stores.recovery import (
    check_standby,
    recovery_measures,
    replication,
    target_findings,
)
from capplan.components.stores.timeseries import series_gib, series_measures
from capplan.components.tiertables import beyond_table
from capplan.components.transfer import Place, flow_findings, flow_meters
from capplan.errors import InputError
from capplan.findings import Finding
from capplan.plan.databases import ManagedDatabase, Rds
from capplan.plan.services import DATABASE_PROVIDERS
from capplan.plan.stores import AUTO
from capplan.quantities import plain

_UNITS = {"cpu": "vCPU", "memory": "GiB", "connections": ""}


def build_database(
    ctx: Context, name: str, database: ManagedDatabase, services: Mapping[str, Component]
) -> Component:
    """Return the database ``name``: its class, what it needs, and its meters."""
    path: Path = ("databases", name)
    provider = DATABASE_PROVIDERS[database.platform]
    region = ctx.region(provider, database.region, path)
    shares = (("commit_1y", database.commit_1y), ("commit_3y", database.commit_3y))
    bill = StoreBill(ctx, name, provider, region, path, shares)
    classes, findings = classes_of(bill, database)
    storage = _storage_gib(ctx, name, database)
    needs = _needs(ctx, name, database, services)
    check_standby(ctx, provider, region, database.recovery.standby_region, path)
    has = _offers(ctx, database, classes)
    choice = cheapest(needs, has, bill.ranks(service_of(database), [c.usd_per_hour for c in classes]))
    sized = Sized(classes, choice, storage, _bought_iops(ctx, name, database, storage))
    measures = [
        *_need_measures(database, needs, has, choice),
        *connection_measures(ctx, name, _picked(has["connections"], choice)),
        *_iops_measures(ctx, name, database, storage),
        *_storage_measures(ctx, name, database, sized),
        *recovery_measures(database, storage),
    ]
    findings += [
        *_class_findings(name, database, measures, _speed(ctx, database)),
        *too_many(ctx, name, needs.get("connections"), _picked(has["connections"], choice), services),
        *target_findings(name, measures),
        *_extension_finding(ctx, name, database),
        *_beyond_table(ctx, name, database),
    ]
    meters = list(database_meters(bill, database, sized))
    if database.recovery.standby_region is not None:
        place = Place(provider, region)
        flow = replication(ctx, name, database, place, database.recovery.standby_region)
        meters += flow_meters(ctx, flow)
        findings += flow_findings(flow)
    return Component(
        name=name,
        kind="database",
        platform=database.platform,
        provider=provider,
        region=region,
        path=path,
        load=ctx.load,
        meters=meters,
        findings=findings,
        measures=measures,
        pick=Pick(tuple(c.name for c in classes), choice.which),
    )


def _storage_gib(ctx: Context, name: str, database: ManagedDatabase) -> Array:
    """Return provisioned storage: what is stored, or what the I/O needs where speed comes with size."""
    stored = database.storage + database.storage_growth_per_month * ctx.plan.demand.month
    stored = stored + series_gib(ctx, name, database.time_series)
    speed = _speed(ctx, database)
    if speed is None:
        return per_scenario(stored)
    return per_scenario(np.maximum(stored, speed.storage_gib(_iops(ctx, name, database))))


def _speed(ctx: Context, database: ManagedDatabase) -> stores.DiskSpeed | None:
    """Return how fast the platform's storage is; None where nothing bounds it."""
    known = ctx.catalog.facts("databases", "iops")
    facts = known.get(f"{database.platform}-{database.engine}") or known.get(database.platform)
    if facts is None:
        return None
    large = facts.get("large", {})
    return stores.DiskSpeed(facts["base"], facts["per_gib"], facts["most"], **large)


def _bought_iops(ctx: Context, name: str, database: ManagedDatabase, storage_gib: Array) -> Array:
    """Return the IOPS beyond those that the storage includes, (scenarios | 1, 1)."""
    speed = _speed(ctx, database)
    if speed is None:
        return np.zeros((1, 1))
    return per_scenario(speed.bought(_iops(ctx, name, database), storage_gib))


def _iops(ctx: Context, name: str, database: ManagedDatabase) -> Array:
    return per_scenario(_busiest_rps(ctx, name, database) * database.io_per_request)


def _iops_measures(
    ctx: Context, name: str, database: ManagedDatabase, storage_gib: Array
) -> Iterator[Measure]:
    iops, speed = _iops(ctx, name, database), _speed(ctx, database)
    if speed is None or not np.any(iops):
        return
    formula = "queries/s of the busiest node × io_per_request"
    has = speed.included(storage_gib) + speed.bought(iops, storage_gib)
    yield measure("iops", iops, "IOPS", formula, has)


def _busiest_rps(ctx: Context, name: str, database: ManagedDatabase) -> Floats:
    return stores.node_load(hourly_max(ctx.load.to_carry(name)), database.read_share, database.read_replicas)


def _needs(
    ctx: Context, name: str, database: ManagedDatabase, services: Mapping[str, Component]
) -> dict[str, Array]:
    """Return by resource what a node needs at the peak, (scenarios | 1, 1); only what the plan speaks of."""
    full = database.target_utilization
    cpu: Floats = _busiest_rps(ctx, name, database) * database.cpu_time / full.cpu
    memory: Floats = database.working_set / full.memory
    if database.resources is not None:
        table = ctx.tier_table(database.resources, "database", ("databases", name, "resources"))
        load = ctx.driver(table.by, name)
        cpu = np.maximum(cpu, table.prescribes("cpu", load))
        memory = np.maximum(memory, table.prescribes("memory", load))
    connections = connections_of(ctx, name, services)
    wanted = {"cpu": per_scenario(cpu), "memory": per_scenario(memory)}
    if connections is not None:
        wanted["connections"] = connections
    return wanted


def _beyond_table(ctx: Context, name: str, database: ManagedDatabase) -> Iterator[Finding]:
    if database.resources is not None:
        table = ctx.tier_table(database.resources, "database", ("databases", name, "resources"))
        yield from beyond_table(name, table, ctx.driver(table.by, name))


def _offers(ctx: Context, database: ManagedDatabase, classes: list[DatabaseClass]) -> dict[str, Array]:
    memory = np.array([c.memory_gib for c in classes])
    return {
        "cpu": np.array([c.vcpu for c in classes]),
        "memory": memory,
        "connections": connections_by_memory(ctx.catalog, database, memory),
    }


def _picked(has: Array, choice: Choice) -> Array:
    """Return what the chosen class of each scenario offers, (scenarios | 1, 1)."""
    return has[choice.which].reshape(-1, 1)


def _need_measures(
    database: ManagedDatabase, needs: Mapping[str, Array], has: Mapping[str, Array], choice: Choice
) -> Iterator[Measure]:
    formulas = {
        "cpu": "queries/s of the busiest node × cpu_time ÷ target, or the tier's",
        "memory": "working_set ÷ target, or the tier's",
        "connections": "Σ of instances at their maximum and in a rollout × pool.max",
    }
    for name, need in needs.items():
        if np.any(need > 0):
            yield Measure(name, need, _UNITS[name], formulas[name], _picked(has[name], choice))


def _storage_measures(ctx: Context, name: str, database: ManagedDatabase, sized: Sized) -> Iterator[Measure]:
    memory = sized.picked([c.memory_gib for c in sized.classes])
    yield from series_measures(ctx, name, database.time_series, memory)
    if np.any(sized.storage_gib > 0):
        formula = "storage + growth + time series, or what the I/O needs"
        yield measure("storage", sized.storage_gib, "GiB", formula)


_SHORT = {
    "cpu": checks.DATABASE_CPU,
    "memory": checks.DATABASE_MEMORY,
    "iops": checks.DATABASE_IOPS,
}
"""What a class, or its storage, can have too little of."""


def _faster(speed: stores.DiskSpeed | None, has: float) -> str:
    if speed is not None and has < speed.from_most and np.isfinite(speed.from_gib):
        most, size = f"{speed.from_most:,.0f}", f"{speed.from_gib:g}Gi"
        return f"Give it storage: {size}, from which on up to {most} IOPS can be provisioned."
    return "Add read replicas or split the data."


def _class_findings(
    name: str,
    database: ManagedDatabase,
    measures: list[Measure],
    speed: stores.DiskSpeed | None,
) -> Iterator[Finding]:
    for short in measures:
        if not short.short() or short.has is None or short.name not in _SHORT:
            continue
        worst = int((short.needs - short.has).max(axis=1).argmax())
        need = in_scenario(short.needs, worst)
        there = in_scenario(short.has, worst)
        named = database.machine != AUTO
        what = f"{database.machine} has only" if named else "no class of its platform has more than"
        remedy = "Use machine: auto." if named else "Add read replicas or split the data."
        if short.name == "iops":
            what, remedy = "its storage has only", _faster(speed, there)
        message = f"needs {plain(need, 3)} {short.unit} ({short.formula}); {what} {plain(there, 3)}"
        yield _SHORT[short.name].finding(name, message, remedy)


def _extension_finding(ctx: Context, name: str, database: ManagedDatabase) -> Iterator[Finding]:
    apache = ctx.catalog.known_facts("databases").get("apache_timescaledb", {})
    why = {**apache, **ctx.catalog.facts("databases", "without_timescaledb")}.get(database.platform)
    if database.time_series and isinstance(database, Rds) and database.engine == "mysql":
        path = ("databases", name, "time_series")
        raise InputError(ctx.places.problem(path, "TimescaleDB is an extension of PostgreSQL, not of MySQL"))
    compressed = any(series.compress_after is not None for series in database.time_series.values())
    if compressed and why is not None:
        yield checks.EXTENSION_NOT_OFFERED.finding(name, str(why))

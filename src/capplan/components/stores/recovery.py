"""What is lost and how long it takes when a database fails, with what the plan has against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from capplan.arrays import Array, Floats, per_scenario
from capplan.components.base import Context, Path
from capplan.components.measures import Measure, measure
from capplan.components.stores import checks
from capplan.components.stores.timeseries import rows_per_s
from capplan.components.transfer import Flow, Place
from capplan.errors import InputError, nearest
from capplan.findings import Finding
from capplan.plan.databases import ManagedDatabase
from capplan.plan.services import Provider
from capplan.quantities import DAY_S

LOG_SHIPPING_S = 300.0
"""RDS, Cloud SQL and Azure ship the log every five minutes at the latest; that much can be lost."""
FAILOVER_S = 120.0
"""A standby in another zone takes over in one to two minutes, as RDS and Cloud SQL document."""
PROMOTION_S = 900.0
"""A standby in another region is promoted by hand; a quarter of an hour with a rehearsed procedure."""
REPLICATION_LAG_S = 60.0
"""Asynchronous replication between regions is usually seconds behind; a minute is assumed."""


def check_standby(
    ctx: Context, provider: Provider, region: str, standby_region: str | None, path: Path
) -> None:
    """Refuse a standby in a region that the provider does not have, or in the database's own."""
    known = ctx.catalog.regions(provider)
    if standby_region is None or (standby_region in known and standby_region != region):
        return
    place = (*path, "recovery", "standby_region")
    if standby_region == region:
        what, remedy = f"the database itself runs in {region}", "Name another region, or leave it out."
    else:
        what, remedy = f"{provider} has no region '{standby_region}'", nearest(standby_region, known)
    raise InputError(ctx.places.problem(place, what, remedy))


def recovery_measures(database: ManagedDatabase, storage_gib: Array) -> Iterator[Measure]:
    """Yield RPO and RTO for a lost zone and a lost region, against their objectives."""
    goal = database.recovery
    logs = per_scenario(database.backup.point_in_time) > 0
    kept = (per_scenario(database.backup.retention) > 0) | logs
    standby = goal.standby_region is not None
    if not (standby or kept.any() or goal.rpo is not None or goal.rto is not None):
        return
    restored_s = np.where(logs, LOG_SHIPPING_S, np.where(kept, DAY_S, np.inf))
    restore_s = np.where(kept, storage_gib / goal.restore_rate * 3600.0, np.inf)
    from_backup = "restore from backup"
    zone = (restored_s, restore_s, from_backup)
    if database.high_availability:
        zone = (np.zeros((1, 1)), np.full((1, 1), FAILOVER_S), "standby in another zone")
    # Backups are kept in the region, and lost with it.
    region = (np.full((1, 1), np.inf), np.full((1, 1), np.inf), "no copy in another region")
    if standby:
        lag_s, promotion_s = (np.full((1, 1), seconds) for seconds in (REPLICATION_LAG_S, PROMOTION_S))
        region = (lag_s, promotion_s, "standby in another region")
    for lost, (rpo_s, rto_s, how) in (("zone", zone), ("region", region)):
        yield measure(f"RPO, {lost} lost", rpo_s / 60, "min", how, _minutes(goal.rpo))
        yield measure(f"RTO, {lost} lost", rto_s / 60, "min", how, _minutes(goal.rto))


def replication(
    ctx: Context, name: str, database: ManagedDatabase, source: Place, standby_region: str
) -> Flow:
    """Return the writes that a standby in another region gets: those of queries, and new rows."""
    rows: list[Floats] = [
        rows_per_s(ctx, name, series) * series.row_size for series in database.time_series.values()
    ]
    known = rows or database.write_size is not None or np.all(database.read_share == 1)
    size = 0.0 if database.write_size is None else database.write_size
    writes = ctx.load.average(name) * (1 - database.read_share) * size
    return Flow(
        component=name,
        source=source,
        target=source._replace(region=standby_region),
        gib_per_s=writes + sum(rows) if known else None,
        what="writes for the standby",
        field=f"databases.{name}.write_size",
    )


def _minutes(seconds: object) -> Array | None:
    return None if seconds is None else np.asarray(seconds, dtype=float).reshape(-1, 1) / 60


def target_findings(name: str, measures: Sequence[Measure]) -> Iterator[Finding]:
    """Yield a finding for each objective that is missed."""
    for found in measures:
        if not found.name.startswith(("RPO", "RTO")) or not found.short() or found.has is None:
            continue
        worst, goal = float(found.needs.max()), float(found.has.min())
        taken = f"nothing recovers it ({found.formula})"
        if np.isfinite(worst):
            taken = f"{worst:,.0f} min by {found.formula}"
        message = f"{found.name}: the objective of {goal:g} min is not met: {taken}"
        remedy = "Keep backups with point-in-time recovery, or high availability."
        if "region" in found.name:
            remedy = "Give it a recovery.standby_region, or leave the objective out."
        yield checks.RECOVERY_OBJECTIVE.finding(name, message, remedy)

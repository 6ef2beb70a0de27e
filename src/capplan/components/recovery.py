"""What is lost and how long it takes when a database fails, with what the plan has against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from capplan.arrays import Array
from capplan.components.base import Finding
from capplan.components.measures import Measure, measure
from capplan.plan.databases import ManagedDatabase

_DAY_S = 86_400.0
LOG_SHIPPING_S = 300.0
"""RDS, Cloud SQL and Azure ship the log every five minutes at the latest; that much can be lost."""
FAILOVER_S = 120.0
"""A standby in another zone takes over in one to two minutes, as RDS and Cloud SQL document."""
PROMOTION_S = 900.0
"""A standby in another region is promoted by hand; a quarter of an hour with a rehearsed procedure."""
REPLICATION_LAG_S = 60.0
"""Asynchronous replication between regions is usually seconds behind; a minute is assumed."""


def recovery_measures(database: ManagedDatabase, storage_gib: Array) -> Iterator[Measure]:
    """Yield backups kept, and RPO and RTO for a lost zone and a lost region, against their objectives."""
    backup, goal = database.backup, database.recovery
    protected = np.any(backup.retention) or goal.standby_region or np.any(backup.point_in_time)
    if not protected and goal.rpo is None and goal.rto is None:
        return
    logs = bool(np.any(backup.point_in_time))
    kept = bool(np.any(backup.retention)) or logs
    restored = LOG_SHIPPING_S if logs else _DAY_S if kept else float("inf")
    restore_s = storage_gib / database.recovery.restore_rate * 3600.0 if kept else np.full((1, 1), np.inf)
    standby = goal.standby_region is not None
    zone_rpo = 0.0 if database.high_availability else restored
    zone_rto = np.full((1, 1), FAILOVER_S) if database.high_availability else restore_s
    region_rpo = min(REPLICATION_LAG_S, restored) if standby else restored
    region_rto = np.full((1, 1), PROMOTION_S) if standby else restore_s
    how = "standby in another region" if standby else "restore from backup"
    local = "standby in another zone" if database.high_availability else "restore from backup"
    yield measure("RPO, zone lost", zone_rpo / 60, "min", local, _minutes(goal.rpo))
    yield measure("RTO, zone lost", zone_rto / 60, "min", local, _minutes(goal.rto))
    yield measure("RPO, region lost", region_rpo / 60, "min", how, _minutes(goal.rpo))
    yield measure("RTO, region lost", region_rto / 60, "min", how, _minutes(goal.rto))


def _minutes(seconds: object) -> Array | None:
    return None if seconds is None else np.asarray(seconds, dtype=float).reshape(-1, 1) / 60


def target_findings(name: str, measures: Sequence[Measure]) -> Iterator[Finding]:
    """Yield a finding for each objective that is missed."""
    for found in measures:
        if not found.name.startswith(("RPO", "RTO")) or not found.short() or found.has is None:
            continue
        worst, goal = float(found.needs.max()), float(found.has.min())
        taken = "cannot be recovered" if not np.isfinite(worst) else f"takes {worst:,.0f} min"
        message = f"{found.name}: {taken} by {found.formula}; the objective is {goal:g} min"
        remedy = "Keep backups with point-in-time recovery, high availability, or a recovery.standby_region."
        yield Finding("warning", "recovery-objective", name, message, remedy)

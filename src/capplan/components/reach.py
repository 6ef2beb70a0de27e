"""Whether every request that enters the system arrives somewhere, and whether every component gets some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from capplan.components import checks
from capplan.components.base import Context
from capplan.findings import Finding, Severity
from capplan.plan.sites import site_of
from capplan.quantities import plain


def reach_findings(ctx: Context) -> Iterator[Finding]:
    """Yield demand that does not grow or arrives nowhere, and components that nobody calls."""
    if not np.any(ctx.load.average_rps):
        return
    if np.any(ctx.plan.demand.month) and not np.any(ctx.plan.demand.growth_per_month):
        message = "growth_per_month is 0, so the load of later months is that of today"
        yield checks.NO_GROWTH.finding("demand", message)
    if not ctx.load.entering:
        message = (
            f"{plain(float(np.max(ctx.load.average_rps)))} requests/s arrive nowhere, because no "
            "component takes requests"
        )
        yield checks.DEMAND_ENTERS_NOWHERE.finding(
            "demand", message, "Describe what serves the requests, or set the volume to 0."
        )
    message = "nobody calls it, so it is sized without load"
    for section in ("services", "llm", "external_apis", "resources", "databases", "caches", "streams"):
        for name, component in getattr(ctx.plan, section).items():
            if _stands_by(ctx, name):
                continue
            if not np.any(ctx.load.per_entry[name]) and (
                section != "resources" or np.any(component.per_request)
            ):
                remedy = f"Add {name} to the calls of a service, or to demand.entry."
                severity: Severity = "info" if _is_held(section, component) else "warning"
                yield checks.UNCALLED.finding(name, message, remedy, severity=severity)


def _stands_by(ctx: Context, name: str) -> bool:
    site = site_of(name, ctx.plan.sites)
    return site is not None and ctx.plan.sites[site].standby is not None


def _is_held(section: str, component: Any) -> bool:
    """Say whether a component has a use without requests: what it stores, or a fixed number of instances."""
    if section == "services":
        times = (component.service_time, component.own_time, component.cpu_time, component.throughput)
        return all(time is None for time in times) and not component.classes
    return section in ("databases", "caches")

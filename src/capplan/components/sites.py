"""What stands between the sites of a plan: routing, calls from one to another, and recovery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from capplan.arrays import Array
from capplan.components import site_checks as checks
from capplan.components.base import Component, Context
from capplan.components.measures import Measure, measure
from capplan.components.routing import COMPONENT, entries_of, routed, unrouted
from capplan.components.transfer import Flow, Place, flow_findings, flow_meters
from capplan.demand.load import asked_rps
from capplan.findings import Finding
from capplan.plan.sites import shares, site_of

if TYPE_CHECKING:
    from capplan.arrays import Floats
    from capplan.plan.regional import RegionalSite, SiteRecovery


def build_sites(ctx: Context, others: Sequence[Component]) -> Iterator[Component]:
    """Yield what stands for the system as a whole, where there is more than one site."""
    if len(ctx.plan.sites) < 2:
        return
    stores = [store for store in others if store.kind == "database" or _is_lost(store)]
    found = list(_measures(ctx, stores))
    routing = ctx.plan.site_routing
    flows = list(_calls_between(ctx, others))
    entries = entries_of(ctx, others)
    meters, findings = ([], [*unrouted(ctx)]) if routing is None else routed(ctx, routing, entries)
    yield Component(
        name=COMPONENT,
        kind="sites",
        platform="regions" if routing is None else routing.by,
        provider="",
        region="",
        path=("site_recovery",),
        meters=[*meters, *(meter for flow in flows for meter in flow_meters(ctx, flow))],
        measures=found,
        findings=[
            *_findings(found),
            *findings,
            *(finding for flow in flows for finding in flow_findings(flow)),
        ],
    )


def _calls_between(ctx: Context, components: Sequence[Component]) -> Iterator[Flow]:
    """Yield the calls from one site to another: their data, as if all of it left the callee."""
    placed = {component.name: Place(component.provider, component.region) for component in components}
    for caller, service in ctx.plan.services.items():
        for callee, call in service.calls.items():
            rate = asked_rps(ctx.load, ctx.plan, caller, call)
            apart = site_of(caller, ctx.plan.sites) != site_of(callee, ctx.plan.sites)
            if callee not in placed or not apart or not np.any(rate):
                continue
            size = None if call.size is None else rate * call.size
            what = f"calls of {caller} to {callee}"
            where = f"services.{caller}.calls.{callee}.size"
            yield Flow(COMPONENT, placed[callee], placed[caller], size, what, where)


def _measures(ctx: Context, stores: Sequence[Component]) -> Iterator[Measure]:
    """Yield RPO and RTO of the system when any active site is lost: those of its slowest link."""
    from capplan.plan.regional import SiteRecovery

    goal = ctx.plan.site_recovery or SiteRecovery.model_validate({})
    elsewhere = [site for site in ctx.plan.sites.values() if site.standby is not None]
    rpo_min, rpo_by = _worst(stores, "RPO, region lost")
    rto_min, rto_by = _worst(stores, "RTO, region lost")
    starts_min, starts_by = _starts_min(elsewhere) if elsewhere else (0.0, "the other sites serve")
    if len(shares(ctx.plan.sites)) < 2 and not elsewhere:
        starts_min, starts_by = np.inf, "nothing serves elsewhere"
    slowest = np.maximum(rto_min, starts_min)
    by = rto_by if np.all(rto_min >= starts_min) else starts_by
    rpo, rto = (None if said is None else said / 60 for said in (goal.rpo, goal.rto))
    yield measure("RPO, site lost", rpo_min, "min", rpo_by, rpo)
    yield measure("RTO, site lost", _switch_s(ctx, goal) / 60 + slowest, "min", f"switching, then {by}", rto)


def _switch_s(ctx: Context, goal: SiteRecovery) -> Floats:
    """Return how long it takes until requests go elsewhere, in seconds."""
    if goal.switch is not None:
        return goal.switch
    return 60.0 if ctx.plan.site_routing is None else ctx.plan.site_routing.switch_s


def _is_lost(component: Component) -> bool:
    """Say whether something besides databases holds data that a lost region takes with it."""
    return component.kind == "stream" and any(m.name == "RPO, region lost" for m in component.measures)


def _worst(stores: Sequence[Component], name: str) -> tuple[Array, str]:
    """Return the largest measure of that name, and whose it is; 0 where nothing is stored."""
    worst, by = np.zeros((1, 1)), "nothing is stored"
    for store in stores:
        found = next((each for each in store.measures if each.name == name), None)
        minutes = np.full((1, 1), np.inf) if found is None else found.needs
        if np.max(minutes) > np.max(worst) or by == "nothing is stored":
            worst, by = minutes, f"{store.name}: {'no copy elsewhere' if found is None else found.formula}"
    return worst, by


def _starts_min(standby: Sequence[RegionalSite]) -> tuple[float, str]:
    """Return how long the fastest standby takes until it serves, in minutes."""
    seconds = [
        np.inf if site.starts_in is None and site.standby == "pilot" else float(np.max(site.starts_in or 0.0))
        for site in standby
    ]
    if not np.isfinite(min(seconds)):
        return np.inf, "a pilot light without starts_in"
    return min(seconds) / 60, "the standby starts"


def _findings(measures: Sequence[Measure]) -> Iterator[Finding]:
    for found in measures:
        if found.short() and found.has is not None:
            worst = float(np.max(found.needs))
            taken = f"{worst:,.0f} min" if np.isfinite(worst) else "never"
            message = (
                f"{found.name}: the objective of {float(np.min(found.has)):g} min is not met: "
                f"{taken}, by {found.formula}"
            )
            yield checks.SITE_OBJECTIVE.finding(COMPONENT, message)

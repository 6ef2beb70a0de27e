"""What sends requests to one site or another, and what it costs: DNS, or a global load balancer.

``hardware/routing.yaml`` says which SKUs it runs up, and what of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from capplan.arrays import Floats
from capplan.catalog.rows import GLOBAL
from capplan.components import site_checks as checks
from capplan.components.base import Component, Context
from capplan.cost.meters import Meter
from capplan.errors import InputError
from capplan.findings import Finding
from capplan.plan.sites import copy_of, site_of

if TYPE_CHECKING:
    from capplan.plan.regional import SiteRouting

COMPONENT = "sites"
"""The component that stands for the sites together."""
SLOW_S = 30.0
"""The longest interval of health checks; checks that are more frequent cost more."""
_INTERVALS_S = {("aws", "dns"): (10, 30), ("aws", "load-balancer"): (10, 30), ("azure", "dns"): (10, 30)}
"""The intervals of health checks, where a provider offers only some."""
_UNKNOWN = {
    "queries": ("the DNS queries that reach the zone", "Set site_routing.queries_per_request."),
    "sent": (
        "the data that goes through the load balancer",
        "Set the response_size of what requests enter at.",
    ),
    "received": ("the data of requests, which the load balancer counts too", "Add it under resources."),
}
"""What a plan may not say, and what to do about it."""


def routing_provider(ctx: Context, routing: SiteRouting, entries: Sequence[Component]) -> str:
    """Return who routes: as the plan says, or whoever runs what requests enter at."""
    owners = [entry.provider for entry in entries if entry.provider]
    found = owners[0] if routing.provider is None and owners else routing.provider
    if found is None:
        what = "nothing says which provider routes, as requests enter at none"
        raise InputError(ctx.places.problem(("site_routing",), what, "Set site_routing.provider."))
    _check_possible(ctx, routing, found, set(owners) - {found})
    return found


def _check_possible(ctx: Context, routing: SiteRouting, provider: str, outside: set[str]) -> None:
    """Refuse what the provider cannot do."""
    kind = (provider, routing.by)
    standbys = [site.standby for site in ctx.plan.sites.values()]
    if outside and kind == ("aws", "load-balancer"):
        what = f"Global Accelerator reaches only what runs on aws, and requests enter on {min(outside)} too"
        raise InputError(ctx.places.problem(("site_routing", "by"), what, "Route by dns."))
    if kind in (("gcp", "dns"), ("azure", "dns")) and standbys.count(None) > 1 and any(standbys):
        what = f"{provider} shares requests among sites by DNS or keeps a standby, but not both"
        raise InputError(ctx.places.problem(("site_routing", "by"), what, "Route by load-balancer."))
    offered = _INTERVALS_S.get(kind)
    short = kind == ("gcp", "dns") and np.any(routing.interval < SLOW_S)
    if short or (offered is not None and not np.all(np.isin(routing.interval, offered))):
        what = f"health checks of {provider} come every {'10 or 30 s' if offered else '30 s to 5 min'}"
        raise InputError(ctx.places.problem(("site_routing", "interval"), what))


def routed(
    ctx: Context, routing: SiteRouting, entries: Sequence[Component]
) -> tuple[list[Meter], list[Finding]]:
    """Return what routing costs, and what of it nobody knows.

    entries: what requests enter at, at all sites that can serve.
    """
    provider = routing_provider(ctx, routing, entries)
    amounts = _amounts(ctx, routing, entries, provider)
    meters, findings = [], []
    for name, of in ctx.catalog.facts("routing", provider, routing.by).items():
        service, sku = name.split("/")
        for region, amount in amounts.get(of, {}).items():
            meter = ctx.used(COMPONENT, (provider, region), (service, sku), amount, of)
            meters.append(meter._replace(note="routing"))
        if of in _UNKNOWN and not amounts.get(of):
            lacks, remedy = _UNKNOWN[of]
            message = f"the bill lacks {lacks}: the plan does not say how much that is"
            findings.append(checks.TRAFFIC_UNKNOWN.finding(COMPONENT, message, remedy))
    return meters, findings


def _amounts(
    ctx: Context, routing: SiteRouting, entries: Sequence[Component], provider: str
) -> dict[str, Mapping[str, Floats]]:
    """Return how much there is a month of what a provider may charge, by region; nothing of the unknown."""
    requests = ctx.per_month(ctx.load.average_rps)
    sent: dict[str, Floats] = {}
    for entry in entries:
        service = ctx.plan.services.get(entry.name)
        if service is not None and entry.provider == provider and np.any(service.response_size):
            share = ctx.load.entering.get(entry.name, 0.0) * service.response_size
            sent[entry.region] = sent.get(entry.region, 0.0) + requests * share
    found: dict[str, Floats] = {"held": 1.0, "hours": ctx.hours_per_month, "requests": requests}
    if routing.queries_per_request is not None:
        found["queries"] = requests * routing.queries_per_request
    sites = {site_of(entry.name, ctx.plan.sites): entry.provider for entry in entries}
    own, fast = float(sum(at == provider for at in sites.values())), float(np.min(routing.interval) < SLOW_S)
    for where, count in (("", own), ("outside ", len(sites) - own), ("all ", float(len(sites)))):
        found |= {f"{where}checks": count, f"{where}fast checks": count * fast}
        found[f"{where}options"] = count * (1 + fast)
    return {**{of: {GLOBAL: amount} for of, amount in found.items()}, "sent": sent}


def unrouted(ctx: Context) -> Iterator[Finding]:
    """Yield that nothing routes, unless the plan lists something that does."""
    kinds = ctx.catalog.known_facts("routing").values()
    routers = {
        name.split("/")[0] for of in kinds if isinstance(of, dict) for fees in of.values() for name in fees
    }
    if not any(resource.service in routers for resource in ctx.plan.resources.values()):
        message = "nothing says what sends requests to one site or another, so the bill lacks it"
        yield checks.SITES_UNROUTED.finding(COMPONENT, message)


def entries_of(ctx: Context, components: Sequence[Component]) -> list[Component]:
    """Return what requests enter at, at every site that can serve."""
    sites = ctx.plan.sites
    serving = [name for name, site in sites.items() if site.standby != "pilot"]
    names = {copy_of(name, site, sites) for name in ctx.plan.entries for site in serving}
    return [component for component in components if component.name in names]

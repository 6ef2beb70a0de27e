"""What sends requests to one site or another, and what it costs: DNS, or a global load balancer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from capplan.arrays import Floats
from capplan.catalog.rows import GLOBAL
from capplan.components import site_checks as checks
from capplan.components.base import Component, Context
from capplan.cost.meters import Meter, Range
from capplan.errors import InputError
from capplan.findings import Finding
from capplan.plan.sites import copy_of, site_of

if TYPE_CHECKING:
    from capplan.plan.regional import SiteRouting

SLOW_S = 30.0
"""The longest interval of health checks; checks that are more frequent cost more."""

COMPONENT = "sites"
"""The component that stands for the sites together."""


class Fee(NamedTuple):
    """A SKU that routing runs up, and what of it: see :func:`_amounts`."""

    service: str
    sku: str
    of: str


_FEES: Mapping[tuple[str, str], Sequence[Fee]] = {
    ("aws", "dns"): (
        Fee("route53", "hosted-zone", "held"),
        Fee("route53", "query", "queries"),
        Fee("route53", "health-check-aws", "checks"),
        Fee("route53", "health-check-aws-option", "options"),
        Fee("route53", "health-check-other", "outside checks"),
        Fee("route53", "health-check-other-option", "outside options"),
    ),
    ("gcp", "dns"): (
        Fee("cloud-dns", "managed-zone", "held"),
        Fee("cloud-dns", "routing-policy-query", "queries"),
        Fee("cloud-dns", "health-check", "checks"),
        Fee("cloud-dns", "health-check", "outside checks"),
    ),
    ("azure", "dns"): (
        Fee("dns", "hosted-zone", "held"),
        Fee("traffic-manager", "query", "queries"),
        Fee("traffic-manager", "health-check", "checks"),
        Fee("traffic-manager", "fast-health-check", "fast checks"),
        Fee("traffic-manager", "external-health-check", "outside checks"),
        Fee("traffic-manager", "fast-external-health-check", "outside fast checks"),
    ),
    ("aws", "load-balancer"): (
        Fee("global-accelerator", "accelerator", "hours"),
        Fee("global-accelerator", "data-transfer-premium", "sent"),
    ),
    ("gcp", "load-balancer"): (
        Fee("load-balancer", "forwarding-rules-first-5", "hours"),
        Fee("load-balancer", "egress-data", "sent"),
        Fee("load-balancer", "ingress-data", "received"),
    ),
    ("azure", "load-balancer"): (
        Fee("front-door", "standard-base-fee", "held"),
        Fee("front-door", "standard-request", "requests"),
        Fee("front-door", "standard-data-out", "sent"),
    ),
}
"""By provider and kind. Route 53 counts HTTPS and an interval of ten seconds as options of a check."""


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
    _check_possible(ctx, routing, found, {entry.provider for entry in entries} - {found})
    return found


_INTERVALS_S = {("aws", "dns"): (10, 30), ("aws", "load-balancer"): (10, 30), ("azure", "dns"): (10, 30)}
"""The intervals of health checks, where a provider offers only some."""


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
        choices = "30 s to 5 min" if offered is None else "10 or 30 s"
        what = f"health checks of {provider} come every {choices}"
        raise InputError(ctx.places.problem(("site_routing", "interval"), what))


def routing_meters(ctx: Context, routing: SiteRouting, entries: Sequence[Component]) -> Iterator[Meter]:
    """Yield what routing costs; ``entries``: what requests enter at, at all sites that can serve."""
    provider = routing_provider(ctx, routing, entries)
    amounts = _amounts(ctx, routing, entries, provider)
    for fee in _FEES[provider, routing.by]:
        file = ctx.catalog.service(provider, fee.service)
        sku = file.blocks_of(fee.sku)[0] if fee.sku in file.tiers else file.skus[fee.sku]
        for region, amount in amounts[fee.of].items():
            yield Meter(
                component=COMPONENT,
                provider=provider,
                service=fee.service,
                sku=fee.sku,
                region=region,
                unit=sku.unit,
                quantity=Range.fixed(amount),
                formula=fee.of,
                note="routing",
            )


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
    everywhere: dict[str, Floats] = {
        "held": 1.0,
        "hours": ctx.hours_per_month,
        **_checks(ctx, entries, provider, float(np.min(routing.interval) < SLOW_S)),
        "requests": requests,
    }
    if routing.queries_per_request is not None:
        everywhere["queries"] = requests * routing.queries_per_request
    found = {of: {GLOBAL: amount} for of, amount in everywhere.items()}
    return {"queries": {}, "received": {}, **found, "sent": sent}


def _checks(ctx: Context, entries: Sequence[Component], provider: str, fast: float) -> dict[str, Floats]:
    """Return the health checks of sites that can serve: of the provider's own, and of those outside."""
    sites = {site_of(entry.name, ctx.plan.sites): entry.provider for entry in entries}
    own = float(sum(at == provider for at in sites.values()))
    found: dict[str, Floats] = {}
    for where, count in (("", own), ("outside ", len(sites) - own)):
        found[f"{where}checks"] = count
        found[f"{where}fast checks"] = count * fast
        found[f"{where}options"] = count * (1 + fast)
    return found


def routing_findings(
    ctx: Context, routing: SiteRouting | None, entries: Sequence[Component]
) -> Iterator[Finding]:
    """Yield what the bill lacks of routing."""
    if routing is None:
        if not any(resource.service in _ROUTERS for resource in ctx.plan.resources.values()):
            message = "nothing says what sends requests to one site or another, so the bill lacks it"
            yield checks.SITES_UNROUTED.finding(COMPONENT, message)
        return
    provider = routing_provider(ctx, routing, entries)
    amounts = _amounts(ctx, routing, entries, provider)
    for fee in _FEES[provider, routing.by]:
        if not amounts[fee.of]:
            lacks, remedy = _UNKNOWN[fee.of]
            message = f"the bill lacks {lacks}: the plan does not say how much that is"
            yield checks.TRAFFIC_UNKNOWN.finding(COMPONENT, message, remedy)


_ROUTERS = frozenset(fee.service for fees in _FEES.values() for fee in fees)


def entries_of(ctx: Context, components: Sequence[Component]) -> list[Component]:
    """Return what requests enter at, at every site that can serve."""
    sites = ctx.plan.sites
    serving = [name for name, site in sites.items() if site.standby != "pilot"]
    names = {copy_of(name, site, sites) for name in ctx.plan.entries for site in serving}
    return [component for component in components if component.name in names]

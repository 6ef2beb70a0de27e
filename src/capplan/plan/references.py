"""What a plan says about itself must hold: names that exist, calls without a cycle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from capplan.errors import nearest
from capplan.plan.model import COMPONENTS, Plan
from capplan.plan.services import Call
from capplan.plan.sites import shares

if TYPE_CHECKING:
    from capplan.plan.clusters import Cluster

Complaint = tuple[tuple[str | int, ...], str, str]
"""Path, what is wrong, the way out."""

_VOLUMES = ("users_per_day", "requests_per_month", "requests_per_day", "requests_per_second")


def complaints(plan: Plan) -> list[Complaint]:
    """Return everything that is inconsistent inside the plan."""
    return [
        *_volume(plan),
        *_something(plan),
        *_names(plan),
        *_calls(plan),
        *_entry(plan),
        *_entries(plan),
        *_clusters(plan),
        *_stores(plan),
        *_external_apis(plan),
        *_tags(plan),
        *_sites(plan),
        *_routing(plan),
        *_balancers(plan),
    ]


def _volume(plan: Plan) -> Iterator[Complaint]:
    demand = plan.demand
    given = [name for name in _VOLUMES if getattr(demand, name) is not None]
    choices = ", ".join(_VOLUMES)
    if not given and demand.trace is None:
        yield ("demand",), "has no volume", f"Give one of {choices}, or a trace."
    if len(given) > 1:
        yield ("demand", given[1]), f"the volume is given twice, {given[0]} and {given[1]}", "Keep one."
    if demand.users_per_day is not None and demand.requests_per_user is None:
        yield ("demand", "requests_per_user"), "is required with users_per_day", ""
    if demand.users_per_day is None and demand.requests_per_user is not None:
        yield ("demand", "requests_per_user"), "needs users_per_day, which is missing", ""
    if demand.trace is not None and demand.profile is not None:
        yield ("demand", "profile"), "cannot be combined with a trace, which has its own shape", "Remove one."


def _something(plan: Plan) -> Iterator[Complaint]:
    # An empty section is a statement: what was destroyed costs nothing. A missing one is an oversight.
    if not plan.model_fields_set & set(COMPONENTS):
        what = "the plan has no component, so there is nothing to estimate"
        yield ("services",), what, f"Describe one under {', '.join(COMPONENTS[:-1])}."


def _names(plan: Plan) -> Iterator[Complaint]:
    seen: dict[str, str] = {}
    for kind in COMPONENTS:
        for name in getattr(plan, kind):
            if name in seen:
                yield (kind, name), f"the name is already used by {seen[name]}.{name}", ""
            seen.setdefault(name, kind)


def _calls(plan: Plan) -> Iterator[Complaint]:
    known = plan.callable_components
    unknown = False
    for caller, service in plan.services.items():
        for callee, call in service.calls.items():
            yield from _through(plan, caller, callee, call)
            if callee not in known:
                unknown = True
                path = ("services", caller, "calls", callee)
                yield path, f"calls '{callee}', which is not in the plan", nearest(callee, known)
    if not unknown:
        yield from _cycle({name: service.calls for name, service in plan.services.items()})


def _through(plan: Plan, caller: str, callee: str, call: Call) -> Iterator[Complaint]:
    path = ("services", caller, "calls", callee)
    if call.through is not None:
        semantic = [name for name, cache in plan.caches.items() if cache.semantic is not None]
        if call.through not in semantic:
            remedy = nearest(call.through, semantic) or "Give a cache a semantic section."
            yield (*path, "through"), f"'{call.through}' is not a semantic cache", remedy
    if call.pool is not None and callee not in plan.databases:
        yield (*path, "pool"), f"pools are for databases, and '{callee}' is not one", ""


def _stores(plan: Plan) -> Iterator[Complaint]:
    for name, cache in plan.caches.items():
        api = cache.semantic.embedding if cache.semantic is not None else None
        if api is not None and api not in plan.external_apis:
            where = ("caches", name, "semantic", "embedding")
            yield where, f"'{api}' is not an external API", nearest(api, plan.external_apis)
    for name, limits in plan.rate_limits.items():
        if limits.service not in plan.services:
            path = ("rate_limits", name, "service")
            yield path, f"'{limits.service}' is not a service", nearest(limits.service, plan.services)


def _balancers(plan: Plan) -> Iterator[Complaint]:
    for name, service in plan.services.items():
        own = service.workload is not None and service.workload.aws.load_balancer is not None
        if own and service.platform != "fargate":
            path = ("services", name, "workload", "aws", "load_balancer")
            remedy = "Give pods a host, and groups of machines the target_groups of a balancer."
            yield path, f"is made for Fargate services only, and {name} runs on {service.platform}", remedy


def _cycle(calls: Mapping[str, Mapping[str, object]]) -> Iterator[Complaint]:
    try:
        TopologicalSorter({name: list(called) for name, called in calls.items()}).prepare()
    except CycleError as error:
        cycle: list[str] = list(reversed(error.args[1]))
        path = ("services", cycle[0], "calls", cycle[1])
        yield path, f"calls form a cycle: {' → '.join(cycle)}", "Remove one of them."


def _entry(plan: Plan) -> Iterator[Complaint]:
    known = plan.callable_components
    for name in plan.demand.entry:
        if name not in known:
            what = f"requests cannot enter at '{name}', which is not in the plan"
            yield ("demand", "entry", name), what, nearest(name, known)


def _entries(plan: Plan) -> Iterator[Complaint]:
    entries = [] if plan.demand.entry else list(plan.entries)
    if len(entries) > 1:
        remedy = "Say where, with weights: {" + entries[0] + ": 1}."
        yield ("demand", "entry"), f"requests could enter at {', '.join(entries)}", remedy


def _autopilot(plan: Plan, name: str, cluster: Cluster) -> Iterator[Complaint]:
    if cluster.pools:
        yield ("clusters", name, "pools"), "Autopilot manages the nodes itself", "Leave the pools out."
    for service, section in plan.services.items():
        if section.platform == "kubernetes" and section.gpu and (section.cluster or name) == name:
            what = "GPUs of pods on Autopilot have no price here"
            yield ("services", service, "gpu"), what, "Use a node pool with GPUs, in standard mode."


def _clusters(plan: Plan) -> Iterator[Complaint]:
    for name, cluster in plan.clusters.items():
        if cluster.autopilot:
            yield from _autopilot(plan, name, cluster)
        elif not cluster.pools:
            yield ("clusters", name, "pools"), "a cluster needs a node pool", "Add one with its machine."
    pods: list[tuple[str, str, Any]] = [
        (kind, name, section)
        for kind in ("services", "databases", "caches")
        for name, section in getattr(plan, kind).items()
        if section.platform == "kubernetes"
    ]
    pods += [("jobs", name, section) for name, section in plan.jobs.items()]
    for kind, name, service in pods:
        path = (kind, name, "cluster")
        if service.cluster is None and len(plan.clusters) != 1:
            some = f"the plan has {len(plan.clusters)} clusters" if plan.clusters else "the plan has none"
            yield path, f"needs a cluster, and {some}", "Name one, or add it under clusters."
        elif service.cluster is not None and service.cluster not in plan.clusters:
            yield path, f"unknown cluster '{service.cluster}'", nearest(service.cluster, plan.clusters)
        elif service.pool is not None:
            pools = plan.clusters[service.cluster or next(iter(plan.clusters))].pools
            if service.pool not in pools:
                what = f"unknown pool '{service.pool}'"
                yield (kind, name, "pool"), what, nearest(service.pool, pools)


def _external_apis(plan: Plan) -> Iterator[Complaint]:
    for name, api in plan.external_apis.items():
        if api.price_per_request is not None and (api.input_tokens or api.output_tokens):
            yield ("external_apis", name), "is priced both per request and per token", "Keep one."


def _tags(plan: Plan) -> Iterator[Complaint]:
    known = {name for kind in COMPONENTS for name in getattr(plan, kind)}
    for tag, names in plan.tags.items():
        for index, name in enumerate(names):
            if name not in known:
                yield ("tags", tag, index), f"'{name}' is not a component", nearest(name, known)


def _routing(plan: Plan) -> Iterator[Complaint]:
    if plan.site_routing is not None and len(plan.sites) < 2:
        yield ("site_routing",), "needs two sites, and the plan has fewer", "Say where it runs under sites."
    if (
        plan.site_routing is not None
        and plan.site_recovery is not None
        and plan.site_recovery.switch is not None
    ):
        what = "site_routing says how long that takes: interval × failures, and the ttl of DNS"
        yield ("site_recovery", "switch"), what, "Leave it out."


def _sites(plan: Plan) -> Iterator[Complaint]:
    if not plan.sites:
        if plan.survive_sites:
            yield ("survive_sites",), "needs sites, and the plan has none", "Say where it runs under sites."
        return
    first = next(iter(plan.sites))
    if plan.sites[first].standby is not None or plan.sites[first].components is not None:
        what = "the first site serves requests and runs every component"
        yield ("sites", first), what, "Put another site first, or leave out standby and components."
    active = [name for name, site in plan.sites.items() if site.standby is None]
    if plan.survive_sites >= len(active) and plan.survive_sites:
        what = f"cannot lose {plan.survive_sites} of {len(active)} active sites"
        yield ("survive_sites",), what, ""
    yield from _site_shares(plan)
    yield from _site_names(plan)
    yield from _site_regions(plan)


def _site_regions(plan: Plan) -> Iterator[Complaint]:
    seen: dict[frozenset[tuple[str, str]], str] = {}
    for name, site in plan.sites.items():
        where = frozenset({**plan.regions, **site.regions}.items())
        if where in seen:
            what = f"are those of '{seen[where]}', so both are lost together"
            yield ("sites", name, "regions"), what, "Give it other regions."
        seen.setdefault(where, name)


def _site_shares(plan: Plan) -> Iterator[Complaint]:
    for name, share in shares(plan.sites).items():
        if float(share) < 0:
            yield ("sites", name, "share"), "the other sites take more than all requests", ""
    for name, site in plan.sites.items():
        if site.standby is not None and site.share is not None:
            yield ("sites", name, "share"), "a standby has no share of the demand", "Leave it out."
    total = sum(map(float, shares(plan.sites).values()))
    if abs(total - 1) > 1e-6:
        yield ("sites",), f"the shares of the active sites add up to {total:.4g}, not to 1", ""


def _site_names(plan: Plan) -> Iterator[Complaint]:
    known = {name for kind in COMPONENTS for name in getattr(plan, kind)}
    for site, section in plan.sites.items():
        missing = [name for name in plan.entries if name not in (section.components or plan.entries)]
        if missing and section.standby != "pilot":
            what = f"requests enter at {missing[0]}, which does not run here"
            yield ("sites", site, "components"), what, f"Add {missing[0]}."
        for index, name in enumerate(section.components or ()):
            if name not in known:
                where = ("sites", site, "components", index)
                yield where, f"the plan has no component '{name}'", nearest(name, known)

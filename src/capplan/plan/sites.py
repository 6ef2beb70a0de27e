"""Sites: a plan that runs in several regions, written once.

A plan with sites is expanded before it is estimated. The first site has the components under their own
names. Every other site has copies, `NAME-SITE`, which call the copies beside them. All rooms then see one
plan with more components, so that what is shared (APIs, free tiers, blocks of tariffs) is counted once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from capplan.errors import InputError
from capplan.plan.services import DATABASE_PROVIDERS

if TYPE_CHECKING:
    from capplan.arrays import Floats
    from capplan.plan.model import Plan
    from capplan.plan.places import Places
    from capplan.plan.regional import RegionalSite

Raw = dict[str, Any]

_COPIED = ("services", "clusters", "databases", "caches", "streams", "llm", "jobs")
_STATELESS = ("services", "clusters", "caches", "streams", "llm")
"""What a warm or hot standby has of its own; its databases are kept up to date from the first site."""


class Arrival(NamedTuple):
    """Requests that enter at a component: their share of all requests, and how far ahead their day is."""

    component: str
    share: Floats
    hours_ahead: int


def copy_of(name: str, site: str, sites: Mapping[str, RegionalSite]) -> str:
    """Return what a component is called at a site."""
    return name if site == next(iter(sites)) else f"{name}-{site}"


def site_of(name: str, sites: Mapping[str, RegionalSite]) -> str | None:
    """Return where a component runs, by its name; None in a plan without sites."""
    if not sites:
        return None
    first, *others = sites
    return next((site for site in others if name.endswith(f"-{site}")), first)


def shares(sites: Mapping[str, RegionalSite]) -> dict[str, Floats]:
    """Return the share of the demand of every active site."""
    active = {name: site for name, site in sites.items() if site.standby is None}
    said = {name: site.share for name, site in active.items() if site.share is not None}
    left = (1 - sum(said.values())) / max(len(active) - len(said), 1)
    return {name: said.get(name, left) for name in active}


def arrivals(plan: Plan, lost: Sequence[str] = ()) -> list[Arrival]:
    """Return where requests enter; those of ``lost`` sites where :func:`takers` says."""
    weights = plan.entries
    total = sum(weights.values())
    if not plan.sites:
        return [Arrival(name, weight / total, 0) for name, weight in weights.items()]
    active = shares(plan.sites)
    found = []
    for site, share in active.items():
        to = takers(plan.sites, lost) if site in lost else {site: 1.0}
        for taker, part in to.items():
            for name, weight in weights.items():
                entry = copy_of(name, taker, plan.sites)
                rate = share * part / sum(to.values()) * weight / total
                found.append(Arrival(entry, rate, plan.sites[site].hours_ahead))
    return found


def takers(sites: Mapping[str, RegionalSite], lost: Sequence[str]) -> Mapping[str, Floats]:
    """Return who serves what ``lost`` sites cannot, with weights: hot standbys, active sites or warm ones."""

    def standbys(kind: str) -> dict[str, Floats]:
        return {name: 1.0 for name, site in sites.items() if site.standby == kind and name not in lost}

    kept = {site: share for site, share in shares(sites).items() if site not in lost}
    # Sites that usually serve nothing share equally.
    none = sum(kept.values()) == 0
    kept = {site: share + none for site, share in kept.items()}
    return standbys("hot") or kept or standbys("warm")


def losses(plan: Plan) -> Iterator[tuple[str, ...]]:
    """Yield the sets of active sites whose loss the others must carry."""
    active = list(shares(plan.sites))
    hot = any(site.standby == "hot" for site in plan.sites.values())
    lost = max(plan.survive_sites, int(hot))
    yield from combinations(active, lost) if lost else ()


def with_sites(raw: Raw, plan: Plan, places: Places) -> Raw:
    """Return ``raw``, which says ``plan``, with the components of all sites.

    Raises :class:`InputError` where a component has the name of a copy.
    """
    _check_names(plan, places)
    expanded: Raw = {**raw, "demand": {**raw["demand"], "entry": dict(plan.entries)}}
    others = list(plan.sites)[1:]
    for kind in _COPIED:
        if raw.get(kind):
            expanded[kind] = {name: _placed(plan, kind, name, own) for name, own in raw[kind].items()}
    for site in others:
        for kind, name in _at(plan, site):
            copy = _copy(plan, site, kind, name, raw[kind][name])
            expanded[kind][copy_of(name, site, plan.sites)] = copy
        _keep_data(expanded, plan, site)
    if raw.get("tags"):
        expanded["tags"] = {tag: _tagged(names, expanded, plan) for tag, names in raw["tags"].items()}
    return expanded


def _check_names(plan: Plan, places: Places) -> None:
    first = next(iter(plan.sites))
    for kind in _COPIED:
        for name in getattr(plan, kind):
            site = site_of(name, plan.sites)
            if site != first:
                what = f"is what a component of the site '{site}' is called"
                raise InputError(places.problem((kind, name), what, "Rename the component or the site."))


def _at(plan: Plan, site: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and name of what another site than the first has of its own."""
    section = plan.sites[site]
    wanted = section.components
    kinds = {None: _COPIED, "pilot": ()}.get(section.standby, _STATELESS)
    for kind in kinds:
        for name in getattr(plan, kind):
            needed = kind == "clusters" and any(_cluster(plan, each) == name for each in wanted or ())
            if wanted is None or name in wanted or needed:
                yield kind, name


def _cluster(plan: Plan, name: str) -> str | None:
    """Return the cluster that the pods of a component run on; None where it has no pods."""
    component: Any = plan.callable_components.get(name) or plan.jobs.get(name)
    if component is None or (name not in plan.jobs and getattr(component, "platform", None) != "kubernetes"):
        return None
    return component.cluster or next(iter(plan.clusters), None)


def _copy(plan: Plan, site: str, kind: str, name: str, component: Any) -> Any:
    """Return a component as it is at a site: it names what is beside it."""
    here = {name: copy_of(name, site, plan.sites) for _, name in _at(plan, site)}
    copied = dict(component)
    if plan.sites[site].regions:
        copied.pop("region", None)
    cluster = None if kind == "clusters" else _cluster(plan, name)
    if cluster is not None:
        copied["cluster"] = here.get(cluster, cluster)
    if copied.get("calls"):
        copied["calls"] = {here.get(name, name): _call(call, here) for name, call in copied["calls"].items()}
    if plan.sites[site].standby and kind in ("services", "llm"):
        copied |= _least_one(copied, "instances" if kind == "services" else "replicas")
    return copied


def _placed(plan: Plan, kind: str, name: str, component: Raw) -> Raw:
    """Return a component that names its cluster, which is no longer the only one."""
    cluster = None if kind == "clusters" else _cluster(plan, name)
    return component if cluster is None else {**component, "cluster": cluster}


def _call(call: Any, here: Mapping[str, str]) -> Any:
    if isinstance(call, Mapping) and isinstance(call.get("through"), str):
        return {**call, "through": here.get(call["through"], call["through"])}
    return call


def _least_one(component: Raw, field: str) -> Raw:
    """Return the range of instances of a standby, which keeps one where the plan may keep none."""
    said = component.get(field)
    if isinstance(said, Mapping):
        return {field: {**said, "min": said.get("min") or 1}}
    return {field: {"min": 1}} if said is None else {}


def _keep_data(expanded: Raw, plan: Plan, site: str) -> None:
    """Let a standby keep copies of the databases of the first site."""
    section = plan.sites[site]
    if section.standby is None:
        return
    for name, database in plan.databases.items():
        provider = DATABASE_PROVIDERS.get(database.platform)
        region = None if provider is None else section.regions.get(provider)
        there = section.components is None or name in section.components
        if there and region is not None:
            said = expanded["databases"][name]
            recovery = {"standby_region": region, **(said.get("recovery") or {})}
            expanded["databases"][name] = {**said, "recovery": recovery}


def _tagged(names: Sequence[str], expanded: Raw, plan: Plan) -> list[str]:
    every = [copy_of(name, site, plan.sites) for name in names for site in plan.sites]
    known = {name for kind in _COPIED for name in expanded.get(kind) or ()}
    return [name for name in dict.fromkeys(every) if name in known or name in names]

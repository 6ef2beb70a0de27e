"""Rate limits by load tier: a table for the application, and what an Ingress or a script makes of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from capplan.components.measures import Measure
from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number
from capplan.manifests.site import Site

_NGINX = "nginx.ingress.kubernetes.io"


class ClientLimit(NamedTuple):
    """What one client may send to a group of endpoints; ``sustained`` is what the service could carry."""

    per_minute: int
    burst: int
    sustained: float


class LoadTier(NamedTuple):
    """The limits that hold while the load is below a share of the capacity, by group of endpoints."""

    name: str
    below: float
    limits: Mapping[str, ClientLimit]


class RateLimit(NamedTuple):
    """All tiers of a service; ``current``: the tier that the plan's load is in.

    paths: where each group of endpoints lies; None where the plan does not say.
    """

    name: str
    service: str
    paths: Mapping[str, str | None]
    tiers: list[LoadTier]
    current: LoadTier


def limits_of(site: Site) -> list[RateLimit]:
    """Return the rate limits of the plan as the estimate has them."""
    found = []
    for name, said in site.plan.rate_limits.items():
        component = site.components[name]
        measures = {measure.name: measure for measure in component.measures}
        names = [key.removesuffix(": below") for key in measures if key.endswith(": below")]
        tiers = [_tier(tier, list(said.endpoints), measures) for tier in names]
        assert component.pick is not None
        chosen = component.pick.name(0)
        current = next(tier for tier in tiers if tier.name == chosen)
        paths = {group: endpoint.path for group, endpoint in said.endpoints.items()}
        found.append(RateLimit(name, said.service, paths, tiers, current))
    return found


def _tier(tier: str, groups: list[str], measures: Mapping[str, Measure]) -> LoadTier:
    found = {}
    for group in groups:
        limit, bucket = measures[f"{tier}: {group}"], measures[f"{tier}: {group}, bucket"]
        carried = number(limit.needs if limit.has is None else limit.has)
        found[group] = ClientLimit(
            math.floor(number(limit.needs)), int(number(bucket.needs)), round(carried, 3)
        )
    return LoadTier(tier, round(number(measures[f"{tier}: below"].needs) / 100, 6), found)


def limit_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield each table of limits and, for an Ingress of nginx, the script that changes the tier."""
    every = limits_of(site)
    for limit in every:
        body = {"body": _table(limit)}
        yield Artefact(f"ratelimits/{limit.name}.json", "ratelimits/table.json.j2", body, "rate-limits")
    served = [limit for limit in every if on_ingress(site, limit) and any(limit.paths.values())]
    if served:
        context: Tree = {"namespace": site.namespace, "tiers": _commands(served)}
        yield Artefact("commands/load-tier.sh", "ratelimits/load-tier.sh.j2", context, "rate-limits")


def _table(limit: RateLimit) -> Tree:
    return {
        "service": limit.service,
        "unit": "requests of one client in a minute",
        "current": limit.current.name,
        "paths": {group: path for group, path in limit.paths.items() if path is not None},
        "tiers": [
            {"name": t.name, "below": t.below, "limits": {g: one._asdict() for g, one in t.limits.items()}}
            for t in limit.tiers
        ],
    }


def _commands(limits: list[RateLimit]) -> list[Tree]:
    """Return for each tier the annotation that every Ingress gets."""
    names = dict.fromkeys(tier.name for limit in limits for tier in limit.tiers)
    return [
        {
            "name": name,
            "ingresses": [
                {
                    "name": ingress_name(limit.service, group, path),
                    "annotations": [f"{key}={text}" for key, text in nginx_limit(tier.limits[group]).items()],
                }
                for limit in limits
                for tier in limit.tiers
                if tier.name == name
                for group, path in limit.paths.items()
                if path is not None
            ],
        }
        for name in names
    ]


def on_ingress(site: Site, limit: RateLimit) -> bool:
    """Say whether an Ingress of nginx can hold the limits: other classes and Gateway API have no field."""
    service = site.pods.get(limit.service)
    if service is None or service.workload.host is None:
        return False
    return site.manifests.ingress_class == "nginx" and site.manifests.gateway_class is None


def ingress_name(service: str, group: str, path: str) -> str:
    """Return the Ingress of a group of endpoints: nginx limits a whole Ingress, so each has its own."""
    return service if path == "/" else f"{service}-{group}"


def nginx_limit(limit: ClientLimit) -> Tree:
    """Return the annotations: requests of one address in a minute, and the least burst that nginx allows.

    The controller multiplies the limit of a minute for the burst, by 5 unless told otherwise.
    """
    return {f"{_NGINX}/limit-rpm": str(limit.per_minute), f"{_NGINX}/limit-burst-multiplier": "1"}

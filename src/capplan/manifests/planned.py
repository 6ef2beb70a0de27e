"""The calls of a plan with their ends: what every network between them must let through."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.manifests.artefact import Tree
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.network import (
    BUS_PORT,
    INTERNAL,
    MONITORING,
    OBJECT_STORES,
    STORE_PORTS,
    store_port,
)
from capplan.manifests.kubernetes.pods import ports_of
from capplan.manifests.kubernetes.settings import pooler_of
from capplan.manifests.site import Service, Site
from capplan.manifests.verify.fronts import INTERNET, PRIVATE_ADDRESS
from capplan.plan.caches import SelfHostedCache
from capplan.plan.stores import SelfHosted


def calls_of(site: Site) -> Iterator[Tree]:
    """Yield every call that pods make or answer, as `Facts` has them."""
    scraper = {"name": "the monitoring", "namespace": MONITORING[site.manifests.monitoring]}
    for name, service in site.services.items():
        # Whatever calls pods from outside the cluster does so from the private network.
        here = {"pods": name} if name in site.pods else {"name": name, "address": PRIVATE_ADDRESS}
        for callee in service.spec.calls:
            there = _pooled(site, callee) or _end(site, callee)
            if "pods" in here or "pods" in there:
                yield {"from": here, "to": there, "ports": _ports(site, callee)}
        if name in site.pods:
            yield from _of_pods(service)
            yield {"from": scraper, "to": here, "ports": [service.workload.port]}
    for name in site.plan.databases:
        pooler = _pooled(site, name)
        if pooler is not None:
            yield {"from": pooler, "to": _end(site, name), "ports": _ports(site, name)}
            yield from _names(pooler)
    for name, cache in site.plan.caches.items():
        if isinstance(cache, SelfHostedCache) and number(cache.shards) > 1:
            here = {"pods": name}
            yield {"from": here, "to": here, "ports": [STORE_PORTS["redis"], BUS_PORT]}
            yield from _names(here)


def _pooled(site: Site, name: str) -> Tree | None:
    """Return the pooler that pods call instead of a database; None where there is none."""
    pooler = pooler_of(site, name) if name in site.plan.databases else None
    return None if pooler is None or pooler.name is None else {"pods": pooler.name}


def _of_pods(service: Service) -> Iterator[Tree]:
    """Yield what pods call besides the plan's components: names, and the internet."""
    here = {"pods": service.name}
    yield from _names(here)
    if service.workload.internet or service.workload.vllm is not None:
        yield {"from": here, "to": {"name": "the internet", "address": INTERNET}, "ports": [443]}


def _names(here: Tree) -> Iterator[Tree]:
    """Yield how names are looked up: of the cluster's name servers, or of the node's own."""
    for place in ({"namespace": "kube-system"}, {"address": "169.254.20.10"}):
        for protocol in ("UDP", "TCP"):
            yield {"from": here, "to": {"name": "DNS", **place}, "ports": [53], "protocol": protocol}


def _end(site: Site, name: str) -> Tree:
    """Return the far end of a call: pods, or where a name leads outside the cluster."""
    plan = site.plan
    stores = {**plan.databases, **plan.caches, **plan.streams}
    if name in site.pods or isinstance(stores.get(name), SelfHosted):
        return {"pods": name}
    private = (
        name in stores
        or name in site.apart
        or (name in plan.services and plan.services[name].platform in INTERNAL)
    )
    if not private:
        return {"name": name, "address": INTERNET}
    blocks = site.manifests.networks.get(name)
    return {"name": name, "address": blocks[0].partition("/")[0] if blocks else PRIVATE_ADDRESS}


def _ports(site: Site, callee: str) -> list[int]:
    """Return the ports of a callee; none of what is listed and not called, such as a load balancer."""
    plan = site.plan
    if callee in site.pods or (callee in plan.services and plan.services[callee].platform in INTERNAL):
        return list(ports_of(site.services[callee]).values())
    port = store_port(site, callee)
    if port is not None:
        return [port]
    called = plan.resources[callee].service in OBJECT_STORES if callee in plan.resources else True
    return [443] if called else []

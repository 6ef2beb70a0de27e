"""Network policies: what may reach a service's pods, and what they may reach; from the calls of the plan."""

from __future__ import annotations

from typing import Any, NamedTuple

from capplan.manifests.figures import number
from capplan.manifests.kubernetes.pods import machines_of, ports_of, selector_of
from capplan.manifests.kubernetes.settings import pooler_of
from capplan.manifests.site import Service, Site
from capplan.manifests.verify.fronts import PRIVATE, front_of
from capplan.plan.caches import AzureRedis, SelfHostedCache

Tree = dict[str, Any]

_PRIVATE = list(PRIVATE)
_NODE_LOCAL_DNS = "169.254.20.10/32"
"""Where NodeLocal DNSCache answers on every node (kubernetes.io, administer-cluster/nodelocaldns)."""

EXPORTER_LABEL = "capplan/exporter-of"
"""Label of the pods that report the metrics of a store."""

STORE_PORTS = {"postgres": 5432, "mysql": 3306, "redis": 6379, "azure-redis": 10000, "kafka": 9094}
"""Azure Managed Redis has a port of its own (learn.microsoft.com/azure/redis/overview); Kafka's, for TLS."""
BUS_PORT = 16379
"""On which the pods of a Redis cluster tell each other who leads."""

OBJECT_STORES = ("s3", "cloud-storage", "blob-storage")
"""What pods call of the resources that a plan lists, by the catalogs' names."""
INTERNAL = ("fargate", "vm-group")
"""Platforms whose services have addresses of the private network, their own or those of their balancers."""
MONITORING = {"prometheus-operator": "monitoring", "managed-prometheus": "gmp-system"}
"""Namespaces that scrape."""


class NetworkPolicy(NamedTuple):
    """The rules of one NetworkPolicy."""

    pod_selector: Tree
    ingress: list[Tree]
    egress: list[Tree]


def policy_of(site: Site, service: Service) -> NetworkPolicy:
    """Return what the calls of the plan need, and DNS and scraping; nothing else passes."""
    return NetworkPolicy(
        {"matchLabels": selector_of(service.name)}, _ingress(site, service), _egress(site, service)
    )


def dns() -> Tree:
    """Return the rule for the cluster's name servers."""
    system = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    cached = {"ipBlock": {"cidr": _NODE_LOCAL_DNS}}
    return {
        "to": [system, cached],
        "ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")],
    }


def tcp(*ports: int | str) -> list[Tree]:
    """Return ports as policies list them."""
    return [{"protocol": "TCP", "port": port} for port in ports]


def _ingress(site: Site, service: Service) -> list[Tree]:
    ports = list(ports_of(service))
    callers = [
        {"podSelector": {"matchLabels": selector_of(caller)}}
        for caller in site.callers(service.name)
        if caller in site.pods
    ]
    outside = any(caller not in site.pods for caller in site.callers(service.name))
    scraper = {"matchLabels": {"kubernetes.io/metadata.name": MONITORING[site.manifests.monitoring]}}
    found: list[Tree] = [{"from": [{"namespaceSelector": scraper}], "ports": tcp("http")}]
    if machines_of(site, service.name) > 1:
        found.append({"from": [{"podSelector": {"matchLabels": selector_of(service.name)}}]})
    if callers:
        found.append({"from": callers, "ports": tcp(*ports)})
    if outside:
        found.append({"from": [{"ipBlock": {"cidr": block}} for block in _PRIVATE], "ports": tcp(*ports)})
    if service.workload.public:
        found.append({"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": tcp(*ports)})
    elif service.name in site.entries or service.workload.host is not None:
        blocks = front_of(site.manifests.gateway_class or site.manifests.ingress_class).blocks
        sources = [{"namespaceSelector": {}}, *({"ipBlock": {"cidr": block}} for block in blocks)]
        found.append({"from": sources, "ports": tcp(*ports)})
    return found


def _egress(site: Site, service: Service) -> list[Tree]:
    found = [dns()]
    if machines_of(site, service.name) > 1:
        found.append({"to": [{"podSelector": {"matchLabels": selector_of(service.name)}}]})
    for callee in service.spec.calls:
        found += _to(site, callee)
    if service.workload.vllm is not None or service.workload.internet:
        found.append(_internet())
    return found


def _to(site: Site, callee: str) -> list[Tree]:
    plan = site.plan
    if callee in site.apart:  # the gateway of llm-d, which is not of this namespace
        return [{"to": [{"ipBlock": {"cidr": block}} for block in _PRIVATE], "ports": tcp(80, 443)}]
    if callee in site.pods:
        ports = list(ports_of(site.pods[callee]).values())
        return [{"to": [{"podSelector": {"matchLabels": selector_of(callee)}}], "ports": tcp(*ports)}]
    if callee in plan.services and plan.services[callee].platform in INTERNAL:
        ports = [80, 443, *ports_of(site.services[callee]).values()]
        return [{"to": [{"ipBlock": {"cidr": block}} for block in _PRIVATE], "ports": tcp(*ports)}]
    if callee in plan.external_apis or callee in plan.services or callee in plan.llm:
        return [_internet()]
    if callee in plan.resources and plan.resources[callee].service in OBJECT_STORES:
        return [_internet()]
    pooler = pooler_of(site, callee) if callee in plan.databases else None
    if pooler is not None and pooler.name is not None:
        port = tcp(STORE_PORTS["postgres"])
        return [{"to": [{"podSelector": {"matchLabels": selector_of(pooler.name)}}], "ports": port}]
    return store_peer(site, callee)


def store_peer(site: Site, name: str) -> list[Tree]:
    """Return the rule for a database, cache or stream itself; none of what is none of them."""
    port = store_port(site, name)
    if port is None:
        return []
    if site.components[name].platform == "kubernetes":
        return [{"to": [{"podSelector": _store_pods(site, name)}], "ports": tcp(port)}]
    blocks = site.manifests.networks.get(name, _PRIVATE)
    return [{"to": [{"ipBlock": {"cidr": block}} for block in blocks], "ports": tcp(port)}]


def _store_pods(site: Site, name: str) -> Tree:
    cache = site.plan.caches.get(name)
    if isinstance(cache, SelfHostedCache) and number(cache.shards) > 1:
        return redis_cluster_pods(name)
    return {"matchLabels": selector_of(name)}


def redis_cluster_pods(name: str) -> Tree:
    """Return the selector of a Redis cluster's pods, by the label that its operator always gives them."""
    names = [f"{name}-leader", f"{name}-follower"]
    return {"matchExpressions": [{"key": "app", "operator": "In", "values": names}]}


def store_port(site: Site, name: str) -> int | None:
    """Return the port of a database, cache or stream; None of what is none of them."""
    if name in site.plan.streams:
        return STORE_PORTS["kafka"]
    if name in site.plan.databases:
        return STORE_PORTS[site.plan.databases[name].engine]
    if name not in site.plan.caches:
        return None
    return STORE_PORTS["azure-redis" if isinstance(site.plan.caches[name], AzureRedis) else "redis"]


def store_callers(site: Site, name: str) -> list[Tree]:
    """Return the pods that a store lets in: its pooler or those that call it, its exporter, and jobs.

    The plan does not say what jobs call.
    """
    pooler = pooler_of(site, name) if name in site.plan.databases else None
    callers = [caller for caller in site.callers(name) if caller in site.pods]
    if pooler is not None and pooler.name is not None:
        callers = [pooler.name]
    found = [*map(selector_of, (*callers, *site.plan.jobs)), {EXPORTER_LABEL: name}]
    return [{"podSelector": {"matchLabels": labels}} for labels in found]


def _internet() -> Tree:
    """Return the rule for HTTPS to everywhere but private networks."""
    return {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": _PRIVATE}}], "ports": tcp(443)}

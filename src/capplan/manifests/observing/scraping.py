"""Who scrapes pods and evaluates rules: objects of the Prometheus operator, or of Google's service."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.kubernetes.network import (
    EXPORTER_LABEL,
    MONITORING,
    STORE_PORTS,
    dns,
    store_peer,
    tcp,
)
from capplan.manifests.kubernetes.objects import COMPONENTS
from capplan.manifests.kubernetes.pods import MANAGED_BY, labels_of, selector_of
from capplan.manifests.kubernetes.settings import pooler_of
from capplan.manifests.observing.stores import EXPORTERS, WatchedStore, watched_stores
from capplan.manifests.site import Site

_KINDS = {
    "prometheus-operator": ("servicemonitor", "prometheusrule"),
    "managed-prometheus": ("podmonitoring", "rules"),
}
"""What says where to scrape, and what holds the rules."""

_TEMPLATES = {"rules": "gmp-rules"}


def scraping_artefacts(site: Site, groups: list[Tree]) -> Iterator[Artefact]:
    """Yield the object of the rule groups, and one for each service on Kubernetes."""
    if not site.pods:
        return
    scrapes, rules = _KINDS[site.manifests.monitoring]
    part_of = {"app.kubernetes.io/part-of": site.name} | MANAGED_BY
    yield _object(site, rules, site.name, {"labels": part_of, "groups": groups})
    for service in site.pods.values():
        own: Tree = {
            "labels": labels_of(site, service.name) | MANAGED_BY,
            "selector": selector_of(service.name),
            "port": "http",
            "path": service.workload.metrics_path,
            "label_of_pods": "app.kubernetes.io/name",
            "service_label": site.manifests.metrics.service_label,
        }
        yield _object(site, scrapes, service.name, own)
    yield from (_exporter_policy(site, store) for store in watched_stores(site))
    if scrapes == "podmonitoring":
        yield from _exporters(site)


def _exporter_policy(site: Site, store: WatchedStore) -> Artefact:
    """Return what the pods of an exporter, which its chart makes, may reach in spite of the default deny."""
    owner = store.name.removesuffix("-pgbouncer") if store.engine == "pgbouncer" else store.name
    pooler = pooler_of(site, owner) if store.engine == "pgbouncer" else None
    asked = store_peer(site, owner)
    if pooler is not None and pooler.name is not None:
        to = [{"podSelector": {"matchLabels": selector_of(pooler.name)}}]
        asked = [{"to": to, "ports": tcp(STORE_PORTS["postgres"])}]
    name = f"{store.name}-exporter"
    space = {"matchLabels": {"kubernetes.io/metadata.name": MONITORING[site.manifests.monitoring]}}
    context: Tree = {
        "name": name,
        "namespace": site.namespace,
        "labels": labels_of(site, store.name) | MANAGED_BY,
        "annotations": {"capplan/ignore": "policy-without-pods"},
        "pod_selector": {"matchLabels": {EXPORTER_LABEL: store.name}},
        "ingress": [{"from": [{"namespaceSelector": space}], "ports": tcp(EXPORTERS[store.engine].port)}],
        "egress": [dns(), *asked],
    }
    path = f"{COMPONENTS}/monitoring/networkpolicy-{name}.yaml"
    return Artefact(path, "kubernetes/networkpolicy.yaml.j2", context, "monitoring")


def _exporters(site: Site) -> Iterator[Artefact]:
    """Yield what scrapes the exporters of stores, whose charts know only the operator."""
    for store in watched_stores(site):
        own: Tree = {
            "labels": labels_of(site, store.name) | MANAGED_BY,
            "selector": {EXPORTER_LABEL: store.name},
            "port": EXPORTERS[store.engine].port,
            "path": "/metrics",
            "label_of_pods": EXPORTER_LABEL,
            "service_label": site.manifests.metrics.service_label,
        }
        yield _object(site, "podmonitoring", f"{store.name}-exporter", own)


def _object(site: Site, kind: str, name: str, own: Tree) -> Artefact:
    context = {"name": name, "namespace": site.namespace, **own}
    path = f"{COMPONENTS}/monitoring/{kind}-{name}.yaml"
    return Artefact(path, f"monitoring/{_TEMPLATES.get(kind, kind)}.yaml.j2", context, "monitoring")

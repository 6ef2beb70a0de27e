"""Who scrapes pods and evaluates rules: objects of the Prometheus operator, or of Google's service."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.kubernetes.objects import COMPONENTS
from capplan.manifests.kubernetes.pods import MANAGED_BY, labels_of, selector_of
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
            "path": service.workload.metrics_path,
        }
        yield _object(site, scrapes, service.name, own)


def _object(site: Site, kind: str, name: str, own: Tree) -> Artefact:
    context = {"name": name, "namespace": site.namespace, **own}
    path = f"{COMPONENTS}/monitoring/{kind}-{name}.yaml"
    return Artefact(path, f"monitoring/{_TEMPLATES.get(kind, kind)}.yaml.j2", context, "monitoring")

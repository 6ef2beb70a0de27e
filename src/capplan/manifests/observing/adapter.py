"""prometheus-adapter: the rules that make Prometheus' series into the metrics that HPAs ask for."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from capplan.autoscale.measures import query
from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.kubernetes.autoscalers import VLLM_RUNNING, VLLM_SERIES, measures_of
from capplan.manifests.site import Site
from capplan.plan.manifests import Metrics

_SELECTED = "<<.Series>>{<<.LabelMatchers>>}"


def adapter_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the values of prometheus-adapter's chart for what HPAs measure beside CPU and memory."""
    kinds: dict[str, None] = {}
    for service in site.pods.values():
        if service.workload.autoscaler.kind == "hpa" and not service.fixed:
            kinds |= dict.fromkeys(measured.kind for measured in measures_of(site, service))
    rules = _rules(site.manifests.metrics)
    custom = [rules[kind] for kind in ("requests", "running") if kind in kinds]
    external = [rules[kind] for kind in ("queue", "latency") if kind in kinds]
    if custom or external:
        asked = urlsplit(site.manifests.prometheus)
        port = asked.port or {"http": 80, "https": 443}[asked.scheme]
        server = {"url": f"{asked.scheme}://{asked.hostname}", "port": port, "path": asked.path}
        context: Tree = {"custom": custom, "external": external, "server": server}
        path = "helm/prometheus-adapter.values.yaml"
        yield Artefact(path, "helm/prometheus-adapter.yaml.j2", context, "helm")


def _rules(metrics: Metrics) -> dict[str, Tree]:
    """Return the rule of each kind of measure: metrics of pods first, then those of a whole service."""
    return {
        "requests": _rule("requests", metrics.requests, metrics.requests_per_second, pods=True),
        "running": _rule("running", VLLM_SERIES, VLLM_RUNNING, pods=True),
        "queue": _rule("queue", metrics.queue, metrics.queue, pods=False),
        "latency": _rule("latency", f"{metrics.latency}_bucket", f"{metrics.latency}_p95", pods=False),
    }


def _rule(kind: str, series: str, name: str, pods: bool) -> Tree:
    labels = ("namespace", "pod") if pods else ("namespace",)
    return {
        "seriesQuery": series + "{" + ",".join(f'{label}!=""' for label in labels) + "}",
        "resources": {"overrides": {label: {"resource": label} for label in labels}},
        "name": {"as": name},
        "metricsQuery": query(kind, _SELECTED, "<<.GroupBy>>"),
    }

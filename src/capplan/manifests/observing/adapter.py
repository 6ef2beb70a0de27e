"""prometheus-adapter: the rules that make Prometheus' series into the metrics that HPAs ask for."""

from __future__ import annotations

from collections.abc import Iterator

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
        context: Tree = {"custom": custom, "external": external}
        path = "helm/prometheus-adapter.values.yaml"
        yield Artefact(path, "helm/prometheus-adapter.yaml.j2", context, "helm")


def _rules(metrics: Metrics) -> dict[str, Tree]:
    """Return the rule of each kind of measure: metrics of pods first, then those of a whole service."""
    latency = f"{metrics.latency}_bucket"
    rate = f"sum(rate({_SELECTED}[2m])) by (<<.GroupBy>>)"
    total = f"sum({_SELECTED}) by (<<.GroupBy>>)"
    p95 = f"histogram_quantile(0.95, sum(rate({_SELECTED}[5m])) by (le, <<.GroupBy>>))"
    return {
        "requests": _rule(metrics.requests, metrics.requests_per_second, rate, pods=True),
        "running": _rule(VLLM_SERIES, VLLM_RUNNING, total, pods=True),
        "queue": _rule(metrics.queue, metrics.queue, total, pods=False),
        "latency": _rule(latency, f"{metrics.latency}_p95", p95, pods=False),
    }


def _rule(series: str, name: str, query: str, pods: bool) -> Tree:
    labels = ("namespace", "pod") if pods else ("namespace",)
    return {
        "seriesQuery": series + "{" + ",".join(f'{label}!=""' for label in labels) + "}",
        "resources": {"overrides": {label: {"resource": label} for label in labels}},
        "name": {"as": name},
        "metricsQuery": query,
    }

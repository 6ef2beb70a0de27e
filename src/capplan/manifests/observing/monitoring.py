"""Prometheus: recording rules, alerts at the plan's levels, and a unit test for every alert."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.autoscalers import figure, latency_query, matcher, quantile_query
from capplan.manifests.kubernetes.pods import gpus_of
from capplan.manifests.observing.scraping import scraping_artefacts
from capplan.manifests.site import Service, Site
from capplan.plan.llm import LlmSlo
from capplan.plan.manifests import Level
from capplan.plan.services import VmGroup

_COST_FACTOR = 1.5


class Alert(NamedTuple):
    """An alert, and the series that make it fire in its unit test."""

    name: str
    expr: str
    lasting_s: int
    severity: str
    service: str
    summary: str
    series: list[tuple[str, str]]

    @property
    def rule(self) -> Tree:
        """The rule as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": duration(self.lasting_s),
            "labels": {"severity": self.severity, "component": self.service},
            "annotations": {"summary": self.summary},
        }

    @property
    def test(self) -> Tree:
        """The unit test: the series, long enough, and the alert that must fire."""
        minutes = math.ceil(self.lasting_s / 60) + 15
        labels = {"severity": self.severity, "component": self.service}
        return {
            "name": f"{self.name} {self.service}",
            "interval": "1m",
            "input_series": [
                {"series": name, "values": f"{values}x{minutes}"} for name, values in self.series
            ],
            "alert_rule_test": [
                {
                    "eval_time": f"{minutes}m",
                    "alertname": self.name,
                    "exp_alerts": [{"exp_labels": labels, "exp_annotations": {"summary": self.summary}}],
                }
            ],
        }


def duration(seconds: float) -> str:
    """Return a time as Prometheus writes it.

    >>> duration(300), duration(90)
    ('5m', '90s')
    """
    whole = int(seconds)
    return f"{whole // 60}m" if whole % 60 == 0 else f"{whole}s"


def monitoring_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the rules with their test, and on Kubernetes the objects that put them to work."""
    found = [alert for service in site.services.values() for alert in _alerts(site, service)]
    alerts = [*found, _cost(site)]
    groups: list[Tree] = [
        {"name": f"{site.name}-recording", "interval": "30s", "rules": list(_recordings(site))},
        {"name": f"{site.name}-alerts", "interval": "1m", "rules": [alert.rule for alert in alerts]},
    ]
    groups = [group for group in groups if group["rules"]]
    path = f"prometheus/{site.name}"
    context: Tree = {
        "groups": groups,
        "rule_file": f"{site.name}.rules.yaml",
        "tests": [a.test for a in alerts],
    }
    yield Artefact(f"{path}.rules.yaml", "monitoring/rules.yaml.j2", context, "monitoring")
    yield Artefact(f"{path}.rules_test.yaml", "monitoring/rules_test.yaml.j2", context, "monitoring")
    yield from scraping_artefacts(site, groups)


def _recordings(site: Site) -> Iterator[Tree]:
    for service in site.services.values():
        labels = {"component": service.name}
        name = service.name
        yield {"record": "component:requests:rate5m", "expr": rate(site, name), "labels": labels}
        yield {"record": "component:errors:ratio5m", "expr": error_ratio(site, name), "labels": labels}
        yield {
            "record": "component:latency_seconds:p95",
            "expr": latency_query(site, name, 0.95),
            "labels": labels,
        }
        if _has_own_cores(site, service):
            yield {"record": "component:cpu:ratio", "expr": _cpu(site, service), "labels": labels}
            yield {"record": "component:memory:ratio", "expr": _memory(site, service), "labels": labels}


def _has_own_cores(site: Site, service: Service) -> bool:
    """Say whether exporters report its CPU and memory: of pods and machines, not of what is serverless."""
    return service.name in site.pods or isinstance(service.spec, VmGroup)


def rate(site: Site, service: str, more: str = "") -> str:
    """Return the PromQL of a service's requests a second; ``more`` narrows them."""
    return f"sum(rate({site.manifests.metrics.requests}{matcher(site, service, more)}[5m]))"


def error_ratio(site: Site, service: str) -> str:
    """Return the PromQL of the share of requests that the service itself fails."""
    failed = f'{site.manifests.metrics.status_label}=~"5.."'
    return f"{rate(site, service, failed)} / {rate(site, service)}"


def _pods(site: Site, service: Service, more: str = "") -> str:
    return f'{{namespace="{site.namespace}", container="{service.name}"{more}}}'


def _requested(site: Site, service: Service, resource: str) -> str:
    selected = _pods(site, service, f', resource="{resource}"')
    return f"sum(kube_pod_container_resource_requests{selected})"


def _cpu(site: Site, service: Service) -> str:
    """Return the PromQL of CPU in use: of the request on Kubernetes, of the machine elsewhere."""
    if service.name in site.pods:
        used = f"sum(rate(container_cpu_usage_seconds_total{_pods(site, service)}[5m]))"
        return f"{used} / {_requested(site, service, 'cpu')}"
    idle = matcher(site, service.name, 'mode="idle"')
    return f"1 - avg(rate(node_cpu_seconds_total{idle}[5m]))"


def _memory(site: Site, service: Service) -> str:
    if service.name in site.pods:
        used = f"sum(container_memory_working_set_bytes{_pods(site, service)})"
        return f"{used} / {_requested(site, service, 'memory')}"
    selected = matcher(site, service.name)
    return f"1 - avg(node_memory_MemAvailable_bytes{selected} / node_memory_MemTotal_bytes{selected})"


def _alerts(site: Site, service: Service) -> Iterator[Alert]:
    alerts, name = site.manifests.alerts, service.name
    lasting = int(number(alerts.lasting))
    latency = alerts.latency if alerts.latency is not None else service.spec.slo.p95
    if latency is not None and not _always_late(service, number(latency)):
        yield _latency(site, name, number(latency), lasting)
    yield _errors(site, name, number(alerts.error_rate), lasting)
    if service.peak_rps > 0:
        yield _above_plan(site, service, lasting)
    if name in site.pods and not service.fixed:
        yield _at_maximum(site, service, lasting)
    if gpus_of(service):
        yield _gpu(site, name, number(alerts.gpu_utilization), lasting)
    if name in site.plan.llm:
        yield from _tokens(site, name, site.plan.llm[name].slo, lasting)
    for measure, level in alerts.scaling.items():
        if measure not in ("cpu", "memory") or _has_own_cores(site, service):
            yield from _levels(site, service, measure, level)


def _always_late(service: Service, limit_s: float) -> bool:
    """Say whether the work alone takes longer, as a GPU's does that no SLO bounds."""
    work = service.spec.service_time
    if work is None:
        return bool(gpus_of(service)) and service.spec.slo.p95 is None
    return number(work) >= limit_s


def _latency(site: Site, name: str, limit_s: float, lasting: int) -> Alert:
    metric, said = site.manifests.metrics.latency, f"p95 of {name} is above {figure(limit_s)} s"
    return _late(site, name, metric, limit_s, lasting)._replace(name="HighLatency", summary=said)


def _late(site: Site, name: str, histogram: str, limit_s: float, lasting: int) -> Alert:
    """Return the alert that the p95 of a histogram of seconds is above a limit."""
    metric = f"{histogram}_bucket"
    bounds = (figure(limit_s), figure(2 * limit_s), "+Inf")
    fast, slow, every = (matcher(site, name, f'le="{bound}"') for bound in bounds)
    return Alert(
        name="",
        expr=f"{quantile_query(site, name, histogram, 0.95)} > {figure(limit_s)}",
        lasting_s=lasting,
        severity="warning",
        service=name,
        summary="",
        series=[(f"{metric}{fast}", "0+0"), (f"{metric}{slow}", "0+60"), (f"{metric}{every}", "0+60")],
    )


def _errors(site: Site, name: str, limit: float, lasting: int) -> Alert:
    failed = min(90, max(2, round(200 * limit)))
    counts = (("500", failed), ("200", 100 - failed))
    series = [(_requests(site, name, status), f"0+{count}") for status, count in counts]
    return Alert(
        name="HighErrorRate",
        expr=f"{error_ratio(site, name)} > {figure(limit)}",
        lasting_s=lasting,
        severity="critical",
        service=name,
        summary=f"more than {100 * limit:g} % of the requests to {name} fail",
        series=series,
    )


def _requests(site: Site, service: str, status: str) -> str:
    """Return the series of requests that ended with a status."""
    names = site.manifests.metrics
    return names.requests + matcher(site, service, f'{names.status_label}="{status}"')


def _above_plan(site: Site, service: Service, lasting: int) -> Alert:
    series = _requests(site, service.name, "200")
    return Alert(
        name="LoadAbovePlan",
        expr=f"{rate(site, service.name)} > {figure(service.peak_rps)}",
        lasting_s=lasting,
        severity="warning",
        service=service.name,
        summary=f"{service.name} gets more than the {service.peak_rps:.4g} requests/s of the plan's peak",
        series=[(series, f"0+{math.ceil(service.peak_rps * 120) + 1}")],
    )


def _at_maximum(site: Site, service: Service, lasting: int) -> Alert:
    keda = service.workload.autoscaler.kind == "keda"
    scaler = f"keda-hpa-{service.name}" if keda else service.name
    labels = f'{{namespace="{site.namespace}", horizontalpodautoscaler="{scaler}"}}'
    current = f"kube_horizontalpodautoscaler_status_current_replicas{labels}"
    most = f"kube_horizontalpodautoscaler_spec_max_replicas{labels}"
    return Alert(
        name="AtMaximum",
        expr=f"max({current}) >= {service.hi}",
        lasting_s=lasting,
        severity="warning",
        service=service.name,
        summary=f"{service.name} runs all {service.hi} replicas that its autoscaler allows",
        series=[(current, f"{service.hi}+0"), (most, f"{service.hi}+0")],
    )


def _gpu(site: Site, name: str, limit: float, lasting: int) -> Alert:
    labels = f'{{namespace="{site.namespace}", container="{name}"}}'
    percent = 100 * limit
    return Alert(
        name="GpuSaturation",
        expr=f"avg(DCGM_FI_DEV_GPU_UTIL{labels}) > {figure(percent)}",
        lasting_s=max(lasting, 600),
        severity="warning",
        service=name,
        summary=f"the GPUs of {name} are busy for more than {percent:g} % of the time",
        series=[(f"DCGM_FI_DEV_GPU_UTIL{labels}", f"{figure(min(100.0, percent + 5))}+0")],
    )


def _tokens(site: Site, name: str, slo: LlmSlo, lasting: int) -> Iterator[Alert]:
    """Yield a model's promises that vLLM's own histograms tell: the first token's and the others' time."""
    if slo.ttft is not None:
        late = _late(site, name, "vllm:time_to_first_token_seconds", number(slo.ttft), lasting)
        said = f"p95 of {name}'s first token is above {figure(number(slo.ttft))} s"
        yield late._replace(name="SlowFirstToken", summary=said)
    if slo.tpot is not None:
        limit_s = number(slo.tpot)
        parts = (f"vllm:inter_token_latency_seconds_{part}" for part in ("sum", "count"))
        spent, tokens = (f"{part}{matcher(site, name)}" for part in parts)
        yield Alert(
            name="SlowTokens",
            expr=f"sum(rate({spent}[5m])) / sum(rate({tokens}[5m])) > {figure(limit_s)}",
            lasting_s=lasting,
            severity="warning",
            service=name,
            summary=f"a token of {name} takes more than {figure(limit_s)} s on average",
            series=[(spent, f"0+{figure(120 * limit_s)}"), (tokens, "0+60")],
        )


_MEASURES = {
    "cpu": "component:cpu:ratio",
    "memory": "component:memory:ratio",
    "latency": "component:latency_seconds:p95",
}


def _levels(site: Site, service: Service, measure: str, level: Level) -> Iterator[Alert]:
    """Yield the levels at which the plan says that there are too few instances, or too many."""
    name = service.name
    series = f'{_MEASURES.get(measure, "")}{{component="{name}"}}'
    if measure == "queue":
        series = f"{site.manifests.metrics.queue}{matcher(site, name)}"
    up = number(level.up)
    title = measure.capitalize()
    yield Alert(
        name=f"ScaleUp{title}",
        expr=f"max({series}) > {figure(up)}",
        lasting_s=int(number(level.up_for)),
        severity="info",
        service=name,
        summary=f"{measure} of {name} asks for more instances",
        series=[(series, f"{figure(up * 1.1 + 0.001)}+0")],
    )
    if level.down is not None:
        down = number(level.down)
        yield Alert(
            name=f"ScaleDown{title}",
            expr=f"max({series}) < {figure(down)}",
            lasting_s=int(number(level.down_for)),
            severity="info",
            service=name,
            summary=f"{measure} of {name} asks for fewer instances",
            series=[(series, f"{figure(down * 0.5)}+0")],
        )


def _cost(site: Site) -> Alert:
    given = site.manifests.alerts.cost_per_day
    limit = site.usd_per_day * _COST_FACTOR if given is None else number(given)
    series = f'{site.manifests.metrics.cost_per_day}{{plan="{site.name}"}}'
    shown = figure(round(limit, 2))
    return Alert(
        name="CostAnomaly",
        expr=f"max({series}) > {shown}",
        lasting_s=3600,
        severity="warning",
        service=site.name,
        summary=f"a day of {site.name} costs more than ${limit:,.2f}",
        series=[(series, f"{figure(round(limit, 2) * 1.2 + 0.01)}+0")],
    )

"""Prometheus: recording rules, alerts at the plan's levels, and a unit test for every alert."""

from __future__ import annotations

import math
from collections.abc import Iterator

from capplan.autoscale.measures import quantile_query
from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.autoscalers import figure, latency_query, matcher
from capplan.manifests.kubernetes.pods import gpus_of
from capplan.manifests.observing.alerts import Alert, duration
from capplan.manifests.observing.scraping import scraping_artefacts
from capplan.manifests.observing.stores import store_alerts
from capplan.manifests.site import Service, Site
from capplan.plan.llm import LlmSlo
from capplan.plan.manifests import Level
from capplan.plan.services import Queue, VmGroup
from capplan.quantities import DAY_S, plain

_COST_FACTOR = 1.5

_WINDOWS_S = (300, 600, 900, 1800, 3600)
_ENOUGH, _FEW = 250, 20
"""Requests in a window: enough to tell the plan's peak from half as much again, and too few to judge."""

_SIGMAS, _MARGIN = 4.0, 1.1
"""What alerts allow for: standard deviations of what comes at random, and drift of the load itself."""


def monitoring_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the rules with their test, and on Kubernetes the objects that put them to work."""
    found = [alert for service in site.services.values() for alert in _alerts(site, service)]
    alerts = [*found, *store_alerts(site), _cost(site)]
    groups: list[Tree] = [
        {"name": f"{site.name}-recording", "interval": "30s", "rules": list(_recordings(site))},
        {"name": f"{site.name}-alerts", "interval": "1m", "rules": [alert.rule for alert in alerts]},
    ]
    groups = [group for group in groups if group["rules"]]
    path = f"prometheus/{site.name}"
    context: Tree = {
        "groups": groups,
        "rule_file": f"{site.name}.rules.yaml",
        "tests": [alert.test(alerts) for alert in alerts],
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


def window_of(service: Service) -> int:
    """Return over how many seconds alerts look at a service: longer where few requests arrive.

    Of n requests that arrive at random, the count has a standard deviation of √n.
    """
    return next((w for w in _WINDOWS_S if service.peak_rps * w >= _ENOUGH), _WINDOWS_S[-1])


def rate(site: Site, service: str, more: str = "", over: str = "5m") -> str:
    """Return the PromQL of a service's requests a second; ``more`` narrows them."""
    return f"sum(rate({site.manifests.metrics.requests}{matcher(site, service, more)}[{over}]))"


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
        yield _latency(site, service, number(latency), lasting)
    yield _errors(site, service, number(alerts.error_rate), lasting)
    if service.peak_rps * window_of(service) >= _FEW:
        yield _above_plan(site, service, lasting)
    if service.average_rps > 0 and service.lo > 0:
        yield _no_metrics(site, service)
    if name in site.pods and not service.fixed:
        yield _at_maximum(site, service, lasting)
    if gpus_of(service):
        yield _gpu(site, service, number(alerts.gpu_utilization), lasting)
    if name in site.plan.llm:
        yield from _tokens(site, service, site.plan.llm[name].slo, lasting)
    if service.spec.queue is not None:
        yield from _backlog(site, service, service.spec.queue, lasting)
    for measure, level in alerts.scaling.items():
        if measure not in ("cpu", "memory") or _has_own_cores(site, service):
            yield from _levels(site, service, measure, level)


def _always_late(service: Service, limit_s: float) -> bool:
    """Say whether the work alone takes longer, as a GPU's does that no SLO bounds."""
    work = service.spec.service_time
    if work is None:
        return bool(gpus_of(service)) and service.spec.slo.p95 is None
    return number(work) >= limit_s


def _latency(site: Site, service: Service, limit_s: float, lasting: int) -> Alert:
    metric, said = site.manifests.metrics.latency, f"p95 of {service.name} is above {figure(limit_s)} s"
    return _late(site, service, metric, limit_s, lasting)._replace(name="HighLatency", summary=said)


def _late(site: Site, service: Service, histogram: str, limit_s: float, lasting: int) -> Alert:
    """Return the alert that the p95 of a histogram of seconds is above a limit, and not by chance.

    Of n requests, the share that is slower than the p95 has a standard deviation of √(0.95 · 0.05 / n). The
    alert asks for a quantile below the p95 by some of these, and for some requests.
    """
    name, window = service.name, window_of(service)
    noise = _SIGMAS * math.sqrt(0.95 * 0.05 / max(service.peak_rps * window, 1.0))
    quantile = max(0.8, round(0.95 - noise, 3))
    metric, over = f"{histogram}_bucket", duration(window)
    slow = quantile_query(f"{metric}{matcher(site, name)}", quantile, over=over)
    some = f"sum(increase({histogram}_count{matcher(site, name)}[{over}])) > {3 * _FEW}"
    bounds = (figure(limit_s), figure(2 * limit_s), "+Inf")
    fast, slower, every = (matcher(site, name, f'le="{bound}"') for bound in bounds)
    return Alert(
        name="",
        expr=f"{some} and {slow} > {figure(limit_s)}",
        lasting_s=lasting,
        severity="warning",
        service=name,
        summary="",
        series=[
            (f"{metric}{fast}", "0+0"),
            (f"{metric}{slower}", "0+60"),
            (f"{metric}{every}", "0+60"),
            (f"{histogram}_count{matcher(site, name)}", "0+60"),
        ],
        window_s=window,
    )


def _errors(site: Site, service: Service, limit: float, lasting: int) -> Alert:
    """Return the alert that more requests fail than the plan allows, by more than chance and than a few."""
    name, window = service.name, window_of(service)
    counter, over = site.manifests.metrics.requests, duration(window)
    failed = matcher(site, name, f'{site.manifests.metrics.status_label}=~"5.."')
    allowed = f"{figure(limit)} * sum(increase({counter}{matcher(site, name)}[{over}]))"
    failures = f"sum(increase({counter}{failed}[{over}]))"
    return Alert(
        name="HighErrorRate",
        expr=f"{failures} - {allowed} > 3 + {figure(_SIGMAS)} * sqrt({allowed})",
        lasting_s=lasting,
        severity="critical",
        service=name,
        summary=f"more than {100 * limit:g} % of the requests to {name} fail",
        series=[(_requests(site, name, "500"), "0+60000"), (_requests(site, name, "200"), "0+1")],
        window_s=window,
    )


def _requests(site: Site, service: str, status: str) -> str:
    """Return the series of requests that ended with a status."""
    names = site.manifests.metrics
    return names.requests + matcher(site, service, f'{names.status_label}="{status}"')


def _above_plan(site: Site, service: Service, lasting: int) -> Alert:
    peak, window = service.peak_rps, window_of(service)
    limit = peak * max(_MARGIN, 1 + _SIGMAS / math.sqrt(peak * window))
    return Alert(
        name="LoadAbovePlan",
        expr=f"{rate(site, service.name, over=duration(window))} > {limit:.4g}",
        lasting_s=lasting,
        severity="warning",
        service=service.name,
        summary=f"{service.name} gets more than the {plain(peak)} requests/s of the plan's peak",
        series=[(_requests(site, service.name, "200"), f"0+{math.ceil(limit * 120) + 1}")],
        window_s=window,
    )


def _no_metrics(site: Site, service: Service) -> Alert:
    """Return the alert that a service reports nothing; a counter is there after the first request."""
    counter = f"{site.manifests.metrics.requests}{matcher(site, service.name)}"
    return Alert(
        name="NoMetrics",
        expr=f"absent(sum({counter}))",
        lasting_s=int(min(DAY_S, max(900.0, _FEW / service.average_rps))),
        severity="warning",
        service=service.name,
        summary=f"{service.name} reports no requests, so no other alert on it can fire",
        series=[],
        missed=counter,
    )


def _at_maximum(site: Site, service: Service, lasting: int) -> Alert:
    """Return the alert that an autoscaler wants more replicas than it may run."""
    keda = service.workload.autoscaler.kind == "keda"
    scaler = f"keda-hpa-{service.name}" if keda else service.name
    labels = f'namespace="{site.namespace}", horizontalpodautoscaler="{scaler}"'
    current = f"kube_horizontalpodautoscaler_status_current_replicas{{{labels}}}"
    condition = 'condition="ScalingLimited", status="true"'
    limited = f"kube_horizontalpodautoscaler_status_condition{{{labels}, {condition}}}"
    return Alert(
        name="AtMaximum",
        expr=f"max({current}) >= {service.hi} and max({limited}) == 1",
        lasting_s=lasting,
        severity="warning",
        service=service.name,
        summary=f"{service.name} needs more than the {service.hi} replicas that its autoscaler allows",
        series=[(current, f"{service.hi}+0"), (limited, "1+0")],
    )


def _gpu(site: Site, service: Service, limit: float, lasting: int) -> Alert:
    """Return the alert that GPUs have nothing left; those of vLLM are always busy, but their cache fills up.

    Prometheus renames the labels of the pod that uses a GPU, because the exporter's own pod has the same.
    """
    percent, name = 100 * limit, service.name
    if service.workload.vllm is not None:
        series, level = f"vllm:kv_cache_usage_perc{matcher(site, name)}", limit
        expr, said = f"avg({series})", f"the KV cache of {name} is more than {percent:g} % full"
    else:
        metric, level = "DCGM_FI_DEV_GPU_UTIL", percent
        labels = f'exported_namespace="{site.namespace}", exported_container="{name}"'
        series, said = (
            f"{metric}{{{labels}}}",
            f"the GPUs of {name} are busy for more than {percent:g} % of the time",
        )
        expr = f"avg({series} or {metric}{{{labels.replace('exported_', '')}}})"
    return Alert(
        name="GpuSaturation",
        expr=f"{expr} > {figure(level)}",
        lasting_s=max(lasting, 600),
        severity="warning",
        service=name,
        summary=said,
        series=[(series, f"{figure(min(100.0, 1.05 * level))}+0")],
    )


def _backlog(site: Site, service: Service, queue: Queue, lasting: int) -> Iterator[Alert]:
    """Yield the alert that more waits than the plan's backlog and all instances are scaled for, and stays."""
    scaled_for = 0.0 if queue.target_length is None else service.hi * number(queue.target_length)
    most = max(scaled_for, number(queue.backlog))
    if most > 0:
        series = f"{site.manifests.metrics.queue}{matcher(site, service.name)}"
        yield Alert(
            name="QueueBacklog",
            expr=f"sum({series}) > {figure(_MARGIN * most)}",
            lasting_s=int(max(lasting, number(queue.drain_time))),
            severity="warning",
            service=service.name,
            summary=f"more waits for {service.name} than the {plain(most)} that the plan works off",
            series=[(series, f"{figure(2 * most + 1)}+0")],
        )


def _tokens(site: Site, service: Service, slo: LlmSlo, lasting: int) -> Iterator[Alert]:
    """Yield a model's promises that vLLM's own histograms tell: the first token's and the others' time."""
    name = service.name
    if slo.ttft is not None:
        late = _late(site, service, "vllm:time_to_first_token_seconds", number(slo.ttft), lasting)
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

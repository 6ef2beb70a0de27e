"""Autoscalers on Kubernetes: measures, thresholds and behavior of HPAs, ScaledObjects and VPAs."""

from __future__ import annotations

from typing import Any, NamedTuple

from capplan.arrays import Floats
from capplan.autoscale import measures
from capplan.components.services.controls import threshold_of
from capplan.errors import InputError, Problem
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.pods import gpus_of
from capplan.manifests.quantity import cpu, memory, milli
from capplan.manifests.site import Service, Site
from capplan.plan.services import running_share
from capplan.plan.workload import CronTrigger, Fallback, ScaleLimit, Steps, Trigger

Tree = dict[str, Any]

VLLM_RUNNING, VLLM_SERIES = "vllm_num_requests_running", "vllm:num_requests_running"


class Measured(NamedTuple):
    """One measure that decides the number of instances.

    threshold: percent for cpu and memory; otherwise in the measure's own unit, for each instance unless
    ``total``, as latency is: it does not grow with the instances.
    """

    kind: str
    threshold: float
    activation: float | None
    query: str
    total: bool = False


def figure(value: float) -> str:
    """Return a threshold as people write it: at most six digits, no exponent.

    >>> figure(15.0), figure(0.5), figure(1234567.0)
    ('15', '0.5', '1234567')
    """
    text = f"{value:.6f}" if abs(value) < 1e6 else f"{value:.0f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def measures_of(site: Site, service: Service) -> list[Measured]:
    """Return what the service is scaled by beside the time: the plan's triggers, or CPU; on GPUs requests."""
    scaler = service.workload.autoscaler
    if scaler.kind == "knative":
        where = f"services.{service.name}.workload.autoscaler.kind"
        what = "knative can be simulated, but capplan does not render Knative Services"
        raise InputError(Problem(where, what, "Use hpa or keda, or render another --alternative."))
    triggers = scaler.triggers
    if triggers or scaler.cron:
        return [_measured(site, service, kind, trigger) for kind, trigger in triggers.items()]
    kind = "cpu"
    if gpus_of(service) and service.capacity_rps is not None:
        # Only vLLM tells how many requests it works on.
        kind = "requests" if service.workload.vllm is None else "running"
    return [_measured(site, service, kind, Trigger.model_validate({}))]


def _measured(site: Site, service: Service, kind: str, trigger: Trigger) -> Measured:
    value = _threshold(service, kind, trigger.threshold)
    if value is None:
        where = f"services.{service.name}.workload.autoscaler.triggers.{kind}"
        raise InputError(Problem(where, "needs a threshold, because nothing else in the plan gives one"))
    activation = None if trigger.activation is None else number(trigger.activation)
    query = trigger.query or query_of(site, service.name, kind)
    return Measured(kind, value, activation, query, total=kind == "latency")


def _threshold(service: Service, kind: str, given: Floats | None) -> float | None:
    if kind == "running" and given is None:
        return _running(service)
    found = threshold_of(service.spec, service.control, service.capacity_rps, kind, given)
    # What follows from other figures is written as a whole share.
    return round(found) if found is not None and given is None and kind in ("cpu", "memory") else found


def _running(service: Service) -> float:
    """Return the requests in progress that each pod is scaled to: some of those that it takes at once."""
    spec, vllm = service.spec, service.workload.vllm
    slots = spec.concurrency
    if slots is None and vllm is not None:
        slots = vllm.max_num_seqs
    if slots is None:
        return 1.0
    return number(slots) * running_share(number(spec.target_utilization.concurrency))


def matcher(site: Site, service: str, more: str = "") -> str:
    """Return the PromQL selector of a service's series; they have a namespace only on Kubernetes."""
    label = site.manifests.metrics.service_label
    selected = [f'namespace="{site.namespace}"'] if service in site.pods else []
    selected.append(f'{label}="{service}"')
    return "{" + ", ".join([*selected, more] if more else selected) + "}"


def query_of(site: Site, service: str, kind: str) -> str:
    """Return the PromQL of a measure, over all instances of the service."""
    if kind == "latency":
        return latency_query(site, service, measures.P95)
    names = site.manifests.metrics
    series = {"requests": names.requests, "queue": names.queue, "running": VLLM_SERIES}.get(kind, "")
    return measures.query(kind, series + matcher(site, service))


def latency_query(site: Site, service: str, quantile: float) -> str:
    """Return the PromQL of a quantile of the response time, seconds."""
    return measures.quantile_query(
        f"{site.manifests.metrics.latency}_bucket{matcher(site, service)}", quantile
    )


def hpa_metrics(site: Site, service: Service) -> list[Tree]:
    """Return the metrics of an HPA."""
    return [_hpa_metric(site, service, measured) for measured in measures_of(site, service)]


def _hpa_metric(site: Site, service: Service, measured: Measured) -> Tree:
    kind, threshold = measured.kind, measured.threshold
    if kind in ("cpu", "memory"):
        target: Tree = {"type": "Utilization", "averageUtilization": round(threshold)}
        return {"type": "Resource", "resource": {"name": kind, "target": target}}
    if kind in ("requests", "running"):
        name = site.manifests.metrics.requests_per_second if kind == "requests" else VLLM_RUNNING
        target = {"type": "AverageValue", "averageValue": milli(threshold)}
        return {"type": "Pods", "pods": {"metric": {"name": name}, "target": target}}
    metrics = site.manifests.metrics
    name = metrics.queue if kind == "queue" else f"{metrics.latency}_p95"
    labels = {metrics.service_label: service.name}
    target = {"type": "AverageValue", "averageValue": milli(threshold)}
    if measured.total:
        target = {"type": "Value", "value": milli(threshold)}
    metric = {"name": name, "selector": {"matchLabels": labels}}
    return {"type": "External", "external": {"metric": metric, "target": target}}


def behavior_of(service: Service) -> Tree:
    """Return how fast the autoscaler may act; empty where the plan leaves it to the platform."""
    behavior = service.workload.autoscaler.behavior
    found: Tree = {}
    if behavior.up is not None:
        found["scaleUp"] = _steps(behavior.up)
    if behavior.down is not None:
        found["scaleDown"] = _steps(behavior.down)
    return found


def _steps(steps: Steps) -> Tree:
    """Return one direction; what the plan leaves open is left to the API."""
    found: Tree = {}
    if steps.window is not None:
        found["stabilizationWindowSeconds"] = int(number(steps.window))
    limits = steps.limits()
    select = steps.select or ("min" if limits else None)
    if select is not None:
        found["selectPolicy"] = select.capitalize()
    if limits:
        found["policies"] = [_policy(limit) for limit in limits]
    if steps.tolerance is not None:
        found["tolerance"] = figure(number(steps.tolerance))
    return found


def _policy(limit: ScaleLimit) -> Tree:
    kind, value = ("Percent", limit.percent) if limit.pods is None else ("Pods", limit.pods)
    assert value is not None
    return {"type": kind, "value": int(number(value)), "periodSeconds": int(number(limit.period))}


class ScaledObjectSpec(NamedTuple):
    """What a KEDA ScaledObject says beyond its target."""

    lo: int
    hi: int
    idle: int | None
    polling_s: int | None
    cooldown_s: int | None
    triggers: list[Tree]
    behavior: Tree
    fallback: Tree | None


def scaled_object_of(site: Site, service: Service) -> ScaledObjectSpec:
    """Return the ScaledObject of a service; polling and cooldown only where they have an effect."""
    scaler = service.workload.autoscaler
    triggers = [_trigger(site, measured) for measured in measures_of(site, service)]
    only_resources = not scaler.cron and all(trigger["type"] in ("cpu", "memory") for trigger in triggers)
    lo = service.lo
    where = f"services.{service.name}.workload.autoscaler"
    fallback = scaler.fallback
    if fallback is not None and not lo <= number(fallback.replicas) <= service.hi:
        what = f"must lie between the bounds, {lo} and {service.hi}"
        raise InputError(Problem(f"{where}.fallback.replicas", what))
    idle = None if scaler.idle is None else int(number(scaler.idle))
    if idle is not None and idle >= lo:
        raise InputError(Problem(f"{where}.idle", f"must be below instances.min, {lo}"))
    goes_idle = lo == 0 or idle is not None
    return ScaledObjectSpec(
        lo=lo,
        hi=service.hi,
        idle=idle,
        polling_s=int(number(scaler.polling)) if goes_idle else None,
        cooldown_s=int(number(scaler.cooldown)) if goes_idle else None,
        triggers=[*triggers, *map(_cron, scaler.cron)],
        behavior=behavior_of(service),
        fallback=None if fallback is None or only_resources else _fallback(fallback),
    )


_FALLBACKS = {
    "current": "currentReplicas",
    "current-if-higher": "currentReplicasIfHigher",
    "current-if-lower": "currentReplicasIfLower",
}


def _fallback(fallback: Fallback) -> Tree:
    """Return the fallback; ``static`` is what every version of KEDA does."""
    found: Tree = {
        "failureThreshold": int(number(fallback.failures)),
        "replicas": int(number(fallback.replicas)),
    }
    behavior = _FALLBACKS.get(fallback.behavior)
    return found if behavior is None else {**found, "behavior": behavior}


def _cron(trigger: CronTrigger) -> Tree:
    metadata = {
        "timezone": trigger.timezone,
        "start": trigger.start,
        "end": trigger.end,
        "desiredReplicas": str(int(number(trigger.replicas))),
    }
    return {"type": "cron", "metadata": metadata}


def _trigger(site: Site, measured: Measured) -> Tree:
    """Return a trigger; the values of its metadata are text."""
    kind = measured.kind
    if kind in ("cpu", "memory"):
        metadata = {"value": str(round(measured.threshold))}
        return {"type": kind, "name": kind, "metricType": "Utilization", "metadata": metadata}
    metadata = {
        "serverAddress": site.manifests.prometheus,
        "query": measured.query,
        "threshold": figure(measured.threshold),
    }
    if measured.activation is not None:
        metadata["activationThreshold"] = figure(measured.activation)
    metric_type = "Value" if measured.total else "AverageValue"
    return {"type": "prometheus", "name": kind, "metricType": metric_type, "metadata": metadata}


class VerticalAutoscaler(NamedTuple):
    """What a VerticalPodAutoscaler says; it never controls what a horizontal one measures."""

    mode: str
    resources: list[str]
    least: Tree
    most: Tree


_VPA_MODES = {"off": "Off", "initial": "Initial", "recreate": "Recreate"}


def vpa_of(site: Site, service: Service) -> VerticalAutoscaler | None:
    """Return the VPA that the plan asks for, if there is anything left for it to control."""
    vpa = service.workload.vpa
    if vpa is None:
        return None
    taken = set() if service.fixed else {m.kind for m in measures_of(site, service)} & {"cpu", "memory"}
    mode = _VPA_MODES[vpa.mode]
    resources = [r for r in ("cpu", "memory") if mode == "Off" or r not in taken]
    if not resources:
        where = f"services.{service.name}.workload.vpa.mode"
        what = f"{vpa.mode} would fight the horizontal autoscaler over cpu and memory"
        raise InputError(Problem(where, what, "Use off, or scale by requests."))
    asked = site.components[service.name].pods
    assert asked is not None
    bounds = {
        "cpu": (cpu(number(vpa.min_cpu or 0.025)), cpu(number(vpa.max_cpu or asked.cpu * 4))),
        "memory": (
            memory(number(vpa.min_memory or 0.25)),
            memory(number(vpa.max_memory or asked.memory_gib * 4)),
        ),
    }
    least = {resource: bounds[resource][0] for resource in resources}
    most = {resource: bounds[resource][1] for resource in resources}
    return VerticalAutoscaler(mode, resources, least, most)

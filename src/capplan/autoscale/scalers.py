"""The autoscaler that a plan configures for a service, or that its platform brings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from capplan.autoscale import signals as s
from capplan.autoscale.compiled import ints, reals
from capplan.autoscale.hpa.pods import Readiness
from capplan.autoscale.hpa.rules import MIN, PERCENT, PODS, Rules, ScalingPolicy, rules
from capplan.autoscale.hpa.spec import SYNC_S, Hpa, hpa
from capplan.autoscale.keda import ScaledObject, hpa_floor
from capplan.autoscale.knative import TICK_S, Kpa
from capplan.autoscale.loop import FIXED, HPA, KEDA, KNATIVE, TRACKING, WINDOW, Scaler
from capplan.autoscale.tracking import Tracking
from capplan.autoscale.window import Window
from capplan.errors import InputError
from capplan.plan.places import Places
from capplan.plan.services import (
    CloudRun,
    ContainerApps,
    Fargate,
    Kubernetes,
    Service,
    VmGroup,
    running_share,
)

NAMES = ("fixed", "HPA", "KEDA", "", "target tracking", "Knative")
_MEASURES = {"cpu": s.CPU, "memory": s.MEMORY, "requests": s.REQUESTS, "queue": s.QUEUE, "latency": s.LATENCY}
_SYNC_S = {TRACKING: 60.0, KNATIVE: TICK_S}
_GROUP_HOLD_S = 600.0
_PLACES = 100.0
"""Requests in progress that Knative counts on where a service takes as many as come."""


class Size(NamedTuple):
    """What the sizing of a service says: bounds, cores of an instance, load that it carries."""

    low: int
    high: int
    cores: float
    capacity_rps: float


class Metric(NamedTuple):
    """One metric of an HPA: target in percent (cpu, memory) or in milli-units."""

    measure: int
    asked: int
    target: int
    activation: float = 0.0


def scaler_of(
    service: Service, size: Size, places: Places, name: str, kubernetes: tuple[int, int]
) -> tuple[Scaler, str]:
    """Return the autoscaler of a service, and what to call it."""
    if size.low >= size.high:
        return _scaler(FIXED, size), NAMES[FIXED]
    return PLATFORMS[service.platform].scaler(service, size, places, name, kubernetes)


def _container_apps(service: ContainerApps, size: Size, *_: object) -> tuple[Scaler, str]:
    target = _milli(_number(service.concurrency) * _number(service.target_utilization.concurrency))
    metric = Metric(s.PRESENT, s.ON_AVERAGE, target)
    empty = hpa(hpa_floor(size.low), size.high, has_external=True)._replace(has_behavior=True)
    return _scaler(KEDA, size, [metric], empty, ScaledObject(low=size.low)), "Container Apps"


def _cloud_run(service: CloudRun, size: Size, *_: object) -> tuple[Scaler, str]:
    slots, hold_s = _number(service.concurrency), _number(service.idle_timeout)
    window = Window(slots, milli_cores=1000 * size.cores, hold_s=hold_s)
    return _scaler(WINDOW, size, window=window), "Cloud Run"


def _machines(service: VmGroup, size: Size, *_: object) -> tuple[Scaler, str]:
    share = _number(service.target_utilization.cpu)
    if service.provider == "gcp":
        window = Window(milli_cores=1000 * size.cores, cpu_target=share, hold_s=_GROUP_HOLD_S)
        return _scaler(WINDOW, size, window=window), "instance group"
    return _scaler(TRACKING, size, tracking=_tracking(service, size)), NAMES[TRACKING]


def _fargate(service: Fargate, size: Size, *_: object) -> tuple[Scaler, str]:
    tracking = _tracking(service, size)._replace(warmup_s=0.0)
    return _scaler(TRACKING, size, tracking=tracking), NAMES[TRACKING]


def _tracking(service: VmGroup | Fargate, size: Size) -> Tracking:
    return Tracking(target_milli=1000 * size.cores * _number(service.target_utilization.cpu))


def _on_kubernetes(
    service: Kubernetes, size: Size, places: Places, name: str, kubernetes: tuple[int, int]
) -> tuple[Scaler, str]:
    configured = None if service.workload is None else service.workload.autoscaler
    if configured is not None and configured.kind == "knative":
        return _scaler(KNATIVE, size, kpa=_kpa(service, configured.knative)), NAMES[KNATIVE]
    kind = KEDA if configured is not None and configured.kind == "keda" else HPA
    metrics = _metrics(service, size, kind, places, name)
    behavior = None if configured is None else configured.behavior
    spec = hpa(
        hpa_floor(size.low),
        size.high,
        _rules(behavior.up) if behavior is not None else None,
        _rules(behavior.down) if behavior is not None else None,
        has_external=any(metric.asked != s.ON_PODS for metric in metrics),
        version=kubernetes,
    )
    if configured is None or kind == HPA:
        return _scaler(HPA, size, metrics, spec), NAMES[HPA]
    only_resources = all(metric.measure in (s.CPU, s.MEMORY) for metric in metrics)
    keda = ScaledObject(
        low=max(size.low, 1) if only_resources else size.low,
        polling_s=_number(configured.polling),
        cooldown_s=_number(configured.cooldown),
        only_resources=only_resources,
    )
    fallback = configured.fallback
    if fallback is not None:
        replicas, failures = int(_number(fallback.replicas)), int(_number(fallback.failures))
        keda = keda._replace(fallback=replicas, failures=failures)
    return _scaler(KEDA, size, metrics, spec, keda), NAMES[KEDA]


def _kpa(service: Kubernetes, given: Any) -> Kpa:
    places = _PLACES if service.concurrency is None else _number(service.concurrency)
    window_s = _number(given.window)
    return Kpa(
        target=places * _number(given.target_utilization),
        stable_s=window_s,
        panic_s=window_s * _number(given.panic_window),
        panic_threshold=_number(given.panic_threshold),
        max_up=_number(given.max_scale_up),
        max_down=_number(given.max_scale_down),
        activation=int(_number(given.activation_scale)),
        delay_s=_number(given.scale_down_delay),
        grace_s=_number(given.grace),
    )


def usual_tick_s(services: Iterable[Service]) -> float:
    """Return the time between two looks of the autoscaler that looks most often."""
    workloads = [service.workload for service in services if service.platform == "kubernetes"]
    looks = any(workload is not None and workload.autoscaler.kind == "knative" for workload in workloads)
    return TICK_S if looks else SYNC_S


def _metrics(service: Kubernetes, size: Size, kind: int, places: Places, name: str) -> list[Metric]:
    triggers = {} if service.workload is None else service.workload.autoscaler.triggers
    if not triggers and service.gpu and (service.workload is None or service.workload.vllm is None):
        return [_metric("requests", size.capacity_rps, kind, 0.0)]
    if not triggers and service.gpu:
        # Without a concurrency the simulation counts what a full instance works on as one.
        share = running_share(_number(service.target_utilization.concurrency))
        slots = _number(service.concurrency or 1) * share
        return [Metric(s.RUNNING, s.ON_AVERAGE if kind == KEDA else s.ON_PODS, _milli(slots))]
    if not triggers:
        return [Metric(s.CPU, s.ON_PODS, round(100 * _number(service.target_utilization.cpu)))]
    found = []
    for which, trigger in triggers.items():
        threshold = _usual(service, which, size)
        if trigger.threshold is not None:
            threshold = _number(trigger.threshold)
            if which in ("cpu", "memory") and threshold <= 1:
                threshold *= 100
        if not threshold:
            path = ("services", name, "workload", "autoscaler", "triggers", which)
            raise InputError(
                places.problem(path, "needs a threshold, because nothing else in the plan gives one")
            )
        found.append(_metric(which, threshold, kind, _number(trigger.activation or 0.0)))
    return found


def _metric(which: str, threshold: float, kind: int, activation: float) -> Metric:
    if which in ("cpu", "memory"):
        return Metric(_MEASURES[which], s.ON_PODS, round(threshold))
    asked = {"latency": s.ON_TOTAL, "requests": s.ON_AVERAGE if kind == KEDA else s.ON_PODS}
    return Metric(_MEASURES[which], asked.get(which, s.ON_AVERAGE), _milli(threshold), activation)


def _usual(service: Service, which: str, size: Size) -> float | None:
    """Return the threshold that the plan's other figures imply, as manifests have it."""
    if which == "cpu":
        return 100 * _number(service.target_utilization.cpu)
    if which == "memory":
        return 100 * _number(service.target_utilization.memory)
    if which == "requests":
        return size.capacity_rps
    if which == "queue":
        length = None if service.queue is None else service.queue.target_length
        return None if length is None else _number(length)
    return None if service.slo.p95 is None else _number(service.slo.p95)


def _rules(steps: Any) -> Rules | None:
    if steps is None:
        return None
    period_s = _number(steps.period)
    policies = []
    if steps.percent is not None:
        policies.append(ScalingPolicy(PERCENT, int(_number(steps.percent)), period_s))
    if steps.pods is not None:
        policies.append(ScalingPolicy(PODS, int(_number(steps.pods)), period_s))
    return rules(policies, MIN, _number(steps.window))


def _scaler(
    kind: int,
    size: Size,
    metrics: list[Metric] | None = None,
    spec: Hpa | None = None,
    keda: ScaledObject | None = None,
    window: Window | None = None,
    tracking: Tracking | None = None,
    kpa: Kpa | None = None,
) -> Scaler:
    metrics = metrics or [Metric(s.CPU, s.ON_PODS, 100)]
    return Scaler(
        kind=kind,
        low=size.low,
        high=size.high,
        sync_s=_SYNC_S.get(kind, SYNC_S),
        metrics=s.ScalerMetrics(
            ints([metric.measure for metric in metrics]),
            ints([metric.asked for metric in metrics]),
            ints([metric.target for metric in metrics]),
            reals([metric.activation for metric in metrics]),
        ),
        hpa=spec or hpa(hpa_floor(size.low), size.high),
        keda=keda or ScaledObject(low=size.low),
        window=window or Window(),
        tracking=tracking or Tracking(),
        kpa=kpa or Kpa(),
        readiness=Readiness(),
    )


def _milli(value: float) -> int:
    return max(round(1000 * value), 1)


def _number(value: Any) -> float:
    return float(value)


class ScalerPlatform(NamedTuple):
    """What the simulation must know of a platform; ``scaler`` takes a service that runs there.

    startup_s: from the decision to an instance that serves, where the plan does not say: an assumption in a
    round number. target: where a plan says the target of an autoscaler that has one share for a target.
    waits: how many starts a request waits for when the plan does not say; None where that is not by starts.
    """

    scaler: Callable[..., tuple[Scaler, str]]
    startup_s: float
    target: Sequence[str] | None = None
    waits: float | None = None


PLATFORMS: Mapping[str, ScalerPlatform] = {
    "cloud-run": ScalerPlatform(_cloud_run, 5.0, waits=3.5),
    "container-apps": ScalerPlatform(_container_apps, 15.0, ("target_utilization", "concurrency")),
    "fargate": ScalerPlatform(_fargate, 45.0, ("target_utilization", "cpu")),
    "vm-group": ScalerPlatform(_machines, 90.0, ("target_utilization", "cpu")),
    "kubernetes": ScalerPlatform(_on_kubernetes, 30.0),
}
"""By the name that a plan gives them."""

"""The autoscaler that a plan configures for a service, or that its platform brings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from capplan.autoscale import signals as s
from capplan.autoscale.compiled import ints, reals
from capplan.autoscale.hpa.pods import Readiness
from capplan.autoscale.hpa.rules import (
    DISABLED,
    MAX,
    MIN,
    PERCENT,
    PODS,
    Rules,
    ScalingPolicy,
    down_rules,
    up_rules,
)
from capplan.autoscale.hpa.spec import SYNC_S, Hpa, hpa
from capplan.autoscale.hpa.tolerance import Tolerance
from capplan.autoscale.keda import (
    CURRENT,
    HIGHER,
    LOWER,
    POLLS_FAIL_SINCE,
    STATIC,
    UNSET,
    ScaledObject,
    hpa_floor,
)
from capplan.autoscale.knative import TICK_S, Kpa
from capplan.autoscale.loop import FIXED, HPA, KEDA, KNATIVE, TRACKING, WINDOW, Scaler
from capplan.autoscale.measures import RESOURCE_WINDOW_S, QueryWindow, query, window_of
from capplan.autoscale.settings import Settings, Versions
from capplan.autoscale.tracking import Tracking
from capplan.autoscale.window import Window
from capplan.capacity.control import Control
from capplan.components.services.controls import target_of, threshold_of
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
from capplan.plan.workload import Autoscaler, Behavior, ScaleLimit, Steps, Trigger

NAMES = ("fixed", "HPA", "KEDA", "", "target tracking", "Knative")
_MEASURES = {"cpu": s.CPU, "memory": s.MEMORY, "requests": s.REQUESTS, "queue": s.QUEUE, "latency": s.LATENCY}
_SYNC_S = {TRACKING: 60.0, KNATIVE: TICK_S}
_SELECTS = {"min": MIN, "max": MAX, "disabled": DISABLED}
_FALLBACKS = {"static": STATIC, "current": CURRENT, "current-if-higher": HIGHER, "current-if-lower": LOWER}
GAUGE, RESOURCE = QueryWindow(0.0), QueryWindow(RESOURCE_WINDOW_S)
"""The last value; a mean of metrics-server."""

_USUAL_TOLERANCE = Tolerance().up
_GROUP_HOLD_S = 600.0
_PLACES = 100.0
"""Requests in progress that Knative counts on where a service takes as many as come."""


class Size(NamedTuple):
    """What the sizing of a service says: bounds, cores of an instance, load that it carries.

    told: what its autoscaler is told; None where the plan does not decide it.
    """

    low: int
    high: int
    cores: float
    capacity_rps: float
    told: Control | None = None


class Metric(NamedTuple):
    """One metric of an HPA: target in percent (cpu, memory) or in milli-units; over what it is averaged."""

    measure: int
    asked: int
    target: int
    window: QueryWindow = GAUGE
    activation: float = 0.0


def scaler_of(
    service: Service, size: Size, places: Places, name: str, versions: Versions
) -> tuple[Scaler, str]:
    """Return the autoscaler of a service, and what to call it."""
    if size.low >= size.high:
        return _scaler(FIXED, size), NAMES[FIXED]
    return PLATFORMS[service.platform].scaler(service, size, places, name, versions)


def on_schedule(scaler: Scaler, service: Service, settings: Settings, ticks: int) -> Scaler:
    """Return the autoscaler with the instances that its cron triggers ask for in each of the ``ticks``."""
    triggers = () if service.workload is None else service.workload.autoscaler.cron
    if not triggers or s.SCHEDULED not in scaler.metrics.measures:
        return scaler
    from capplan.demand.schedule import scheduled

    asked = reals(scheduled(triggers, settings.begins_s, settings.tick_s, ticks).tolist())
    return scaler._replace(metrics=scaler.metrics._replace(scheduled=asked))


def _container_apps(service: ContainerApps, size: Size, *_: object) -> tuple[Scaler, str]:
    target = _milli(
        max(1, int(_number(service.concurrency) * target_of(service, size.told, "concurrency") + 1e-9))
    )
    metric = Metric(s.PRESENT, s.ON_AVERAGE, target)
    empty = hpa(hpa_floor(size.low), size.high, has_external=True)._replace(has_behavior=True)
    return _scaler(KEDA, size, [metric], empty, ScaledObject(low=size.low)), "Container Apps"


def _cloud_run(service: CloudRun, size: Size, *_: object) -> tuple[Scaler, str]:
    slots, hold_s = _number(service.concurrency), _number(service.idle_timeout)
    window = Window(
        slots,
        places_target=target_of(service, size.told, "concurrency"),
        milli_cores=1000 * size.cores,
        cpu_target=target_of(service, size.told, "cpu"),
        hold_s=hold_s,
    )
    return _scaler(WINDOW, size, window=window), "Cloud Run"


def _machines(service: VmGroup, size: Size, *_: object) -> tuple[Scaler, str]:
    share = target_of(service, size.told, "cpu")
    if service.provider == "gcp":
        window = Window(milli_cores=1000 * size.cores, cpu_target=share, hold_s=_GROUP_HOLD_S)
        return _scaler(WINDOW, size, window=window), "instance group"
    return _scaler(TRACKING, size, tracking=_tracking(service, size)), NAMES[TRACKING]


def _fargate(service: Fargate, size: Size, *_: object) -> tuple[Scaler, str]:
    tracking = _tracking(service, size)._replace(warmup_s=0.0)
    return _scaler(TRACKING, size, tracking=tracking), NAMES[TRACKING]


def _tracking(service: VmGroup | Fargate, size: Size) -> Tracking:
    return Tracking(target_milli=1000 * size.cores * target_of(service, size.told, "cpu"))


def _on_kubernetes(
    service: Kubernetes, size: Size, places: Places, name: str, versions: Versions
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
        _rules(behavior.up, up_rules) if behavior is not None else None,
        _rules(behavior.down, down_rules) if behavior is not None else None,
        tolerance=_tolerance(behavior) if behavior is not None else None,
        has_external=any(metric.asked != s.ON_PODS for metric in metrics),
        version=versions.kubernetes,
    )
    if configured is None or kind == HPA:
        return _scaler(HPA, size, metrics, spec), NAMES[HPA]
    return _scaler(KEDA, size, metrics, spec, _scaled(configured, size, metrics, versions)), NAMES[KEDA]


def _scaled(configured: Autoscaler, size: Size, metrics: list[Metric], versions: Versions) -> ScaledObject:
    only_resources = all(metric.measure in (s.CPU, s.MEMORY) for metric in metrics)
    spec = ScaledObject(
        low=size.low,
        idle=UNSET if configured.idle is None else int(_number(configured.idle)),
        polling_s=_number(configured.polling),
        cooldown_s=_number(configured.cooldown),
        only_resources=only_resources,
        polls_fail=versions.keda >= POLLS_FAIL_SINCE,
    )
    fallback = configured.fallback
    if fallback is None:
        return spec
    return spec._replace(
        fallback=int(_number(fallback.replicas)),
        failures=int(_number(fallback.failures)),
        falls_to=_FALLBACKS[fallback.behavior],
    )


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
    """Return what the service is scaled by: its triggers and the time, or else CPU, on GPUs requests."""
    configured = None if service.workload is None else service.workload.autoscaler
    if configured is None or not (configured.triggers or configured.cron):
        return [_metric_by_default(service, size, kind)]
    found = [Metric(s.SCHEDULED, s.ON_AVERAGE, 1000)] if configured.cron else []
    for which, trigger in configured.triggers.items():
        threshold = threshold_of(service, size.told, size.capacity_rps, which, trigger.threshold)
        if not threshold:
            path = ("services", name, "workload", "autoscaler", "triggers", which)
            raise InputError(
                places.problem(path, "needs a threshold, because nothing else in the plan gives one")
            )
        found.append(_metric(which, threshold, kind, trigger))
    return found


def _metric_by_default(service: Kubernetes, size: Size, kind: int) -> Metric:
    if not service.gpu:
        return _metric("cpu", 100 * target_of(service, size.told, "cpu"), kind)
    if service.workload is None or service.workload.vllm is None:
        return _metric("requests", size.capacity_rps, kind)
    # Without a concurrency the simulation counts what a full instance works on as one.
    share = running_share(_number(service.target_utilization.concurrency))
    slots = _number(service.concurrency or 1) * share
    return Metric(s.RUNNING, s.ON_AVERAGE if kind == KEDA else s.ON_PODS, _milli(slots))


def _metric(which: str, threshold: float, kind: int, trigger: Trigger | None = None) -> Metric:
    """Return a metric that is averaged as the rendered query is; only KEDA asks a query of the plan's own."""
    if which in ("cpu", "memory"):
        return Metric(_MEASURES[which], s.ON_PODS, round(threshold), RESOURCE)
    own = trigger.query if kind == KEDA and trigger is not None else None
    activation = 0.0 if trigger is None else _number(trigger.activation or 0.0)
    asked = {"latency": s.ON_TOTAL, "requests": s.ON_AVERAGE if kind == KEDA else s.ON_PODS}
    window = window_of(own or query(which, "series"))
    return Metric(_MEASURES[which], asked.get(which, s.ON_AVERAGE), _milli(threshold), window, activation)


def _rules(steps: Steps | None, filled: Callable[..., Rules]) -> Rules | None:
    """Return the rules of one direction, ``filled`` with the API's own where the plan says nothing."""
    if steps is None:
        return None
    policies = [_policy(limit) for limit in steps.limits()] or None
    select = _SELECTS[steps.select or ("min" if policies else "max")]
    return filled(policies, select, None if steps.window is None else _number(steps.window))


def _policy(limit: ScaleLimit) -> ScalingPolicy:
    kind, amount = (PERCENT, limit.percent) if limit.pods is None else (PODS, limit.pods)
    return ScalingPolicy(kind, int(_number(amount)), _number(limit.period))


def _tolerance(behavior: Behavior) -> Tolerance:
    up, down = (
        _USUAL_TOLERANCE if steps is None or steps.tolerance is None else _number(steps.tolerance)
        for steps in (behavior.up, behavior.down)
    )
    return Tolerance(up, down)


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
    metrics = metrics or [Metric(s.CPU, s.ON_PODS, 100, RESOURCE)]
    return Scaler(
        kind=kind,
        low=size.low,
        high=size.high,
        sync_s=_SYNC_S.get(kind, SYNC_S),
        metrics=s.ScalerMetrics(
            ints([metric.measure for metric in metrics]),
            ints([metric.asked for metric in metrics]),
            ints([metric.target for metric in metrics]),
            reals([metric.window.range_s for metric in metrics]),
            reals([metric.window.quantile for metric in metrics]),
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

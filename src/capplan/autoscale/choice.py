"""Settings that an autoscaler could have: which are tried, what each does, and how a plan says it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from capplan.autoscale.compiled import ints
from capplan.autoscale.hpa.rules import DISABLED, MIN, PERCENT, PODS, Rules, ScalingPolicy, rules
from capplan.autoscale.loop import HPA, KEDA, KNATIVE, Scaler
from capplan.autoscale.loop import SimulatedService as Simulated
from capplan.autoscale.scalers import PLATFORMS
from capplan.autoscale.setup import Subject
from capplan.autoscale.signals import CPU, MEMORY, PRESENT, RUNNING, SCHEDULED, ScalerMetrics
from capplan.plan.services import Service, running_share

_FACTORS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)
_MOST_SHARE = 0.95
_DOUBLED, _TENTH = ScalingPolicy(PERCENT, 100, 15.0), ScalingPolicy(PERCENT, 10, 60.0)
_UPS = ((_DOUBLED, 0.0), (_DOUBLED, 60.0))
_DOWNS = ((_DOUBLED, 60.0), (_DOUBLED, 300.0), (_DOUBLED, 600.0), (_DOUBLED, 1200.0), (_TENTH, 300.0))

_UNITS = {PERCENT: "percent", PODS: "pods"}

_SAFE = 2
"""A floor that two instances or more keep available is not searched below them."""


class ScalerChoice(NamedTuple):
    """One setting: factor on the targets, bounds, behavior; None leaves a direction as the plan has it."""

    factor: float
    low: int
    high: int
    up: Rules | None
    down: Rules | None


class _Share(NamedTuple):
    """A target that is a share of something: where a plan says it, and what it says."""

    path: Sequence[str]
    value: float


def choices(subject: Subject, service: Service, seed: int, budget: int) -> list[ScalerChoice]:
    """Return today's setting, and as many others of the grid as the ``budget`` allows."""
    scaler = subject.simulated.scaler
    today = ScalerChoice(1.0, scaler.low, scaler.high, None, None)
    needed = math.ceil(float(subject.rps.max()) / subject.target_rps)
    least = min(max(scaler.low, 1), _SAFE)
    steps = (math.ceil(needed * share) for share in (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.25))
    lows = sorted({scaler.low, *(max(low, least) for low in steps)})
    highs = sorted({max(scaler.high, 1), max(math.ceil(needed * 1.5), 2)})
    ups: list[Rules | None] = [None]
    downs: list[Rules | None] = [None]
    if _has_behavior(subject):
        most, hpa = max(highs), scaler.hpa
        if hpa.up.select != DISABLED:
            ups += [_steps(policy, window_s, hpa.up, most) for policy, window_s in _UPS]
        if hpa.down.select != DISABLED:
            downs += [_steps(policy, window_s, hpa.down, most) for policy, window_s in _DOWNS]
    grid = [
        ScalerChoice(factor, low, high, up, down)
        for factor, low, high, up, down in itertools.product(
            _factors(subject, service), lows, highs, ups, downs
        )
        if low <= high
    ]
    if len(grid) > budget:
        picked = np.random.Generator(np.random.PCG64(seed)).permutation(len(grid))[:budget]
        grid = [grid[i] for i in sorted(picked.tolist())]
    return [today, *grid]


def _steps(policy: ScalingPolicy, window_s: float, today: Rules, most: int) -> Rules:
    """Return rules of one policy; a limit in pods that the plan has is lifted to where it limits nothing.

    It is not left out because a service's template would bring it back.
    """
    policies = [policy]
    if today.select == MIN and PODS in today.kinds:
        policies.append(ScalingPolicy(PODS, most, policy.period_s))
    return rules(policies, MIN, window_s)


def _has_behavior(subject: Subject) -> bool:
    return subject.platform == "kubernetes" and subject.simulated.scaler.kind in (HPA, KEDA)


def _factors(subject: Subject, service: Service) -> list[float]:
    """Return the factors that leave a share below one; only 1 where a platform's target is fixed."""
    share = _share(subject, service)
    if share is not None:
        highest = share.value
    elif _has_behavior(subject):
        metrics = subject.simulated.scaler.metrics
        columns = zip(metrics.measures, metrics.targets, strict=True)
        highest = max((target / 100 for measure, target in columns if measure == CPU), default=0.0)
    else:
        return [1.0]
    return [factor for factor in _FACTORS if factor == 1.0 or factor * highest <= _MOST_SHARE]


def _share(subject: Subject, service: Service) -> _Share | None:
    if subject.simulated.scaler.kind == KNATIVE:
        assert service.workload is not None
        given = service.workload.autoscaler.knative.target_utilization
        return _Share(("workload", "autoscaler", "knative", "target_utilization"), float(given))
    targets = service.target_utilization
    if _goes_by_running(subject.simulated.scaler):
        return _Share(("target_utilization", "concurrency"), running_share(float(targets.concurrency)))
    platform = PLATFORMS.get(subject.platform)
    path = None if platform is None else platform.target
    return None if path is None else _Share(path, float(getattr(targets, path[1])))


def chosen(subject: Subject, choice: ScalerChoice) -> Simulated:
    """Return what is simulated, with the autoscaler of a choice."""
    simulated = subject.simulated
    initial = min(max(simulated.initial, choice.low), choice.high)
    return simulated._replace(scaler=_with(simulated.scaler, choice), initial=initial)


def _with(scaler: Scaler, choice: ScalerChoice) -> Scaler:
    hpa = scaler.hpa._replace(low=max(choice.low, 1), high=choice.high)
    if choice.up is not None:
        hpa = hpa._replace(up=choice.up, has_behavior=True)
    if choice.down is not None:
        hpa = hpa._replace(down=choice.down, has_behavior=True)
    metrics, factor = scaler.metrics, choice.factor
    targets = [
        target if measure in (MEMORY, SCHEDULED) else _scaled(measure, target * factor)
        for measure, target in zip(metrics.measures, metrics.targets, strict=True)
    ]
    return scaler._replace(
        low=choice.low,
        high=choice.high,
        hpa=hpa,
        keda=scaler.keda._replace(low=choice.low),
        metrics=metrics._replace(targets=ints(targets)),
        window=scaler.window._replace(cpu_target=scaler.window.cpu_target * factor),
        tracking=scaler.tracking._replace(target_milli=scaler.tracking.target_milli * factor),
        kpa=scaler.kpa._replace(target=scaler.kpa.target * factor),
    )


def _scaled(measure: int, milli: float) -> int:
    """Return a target that can be written; Container Apps counts whole requests."""
    return max(int(milli / 1000 + 1e-9), 1) * 1000 if measure == PRESENT else max(round(milli), 1)


def overlay(subject: Subject, service: Service, choice: ScalerChoice) -> Mapping[str, Any]:
    """Return what the plan would say of the service for the choice to hold."""
    instances = {"min": choice.low, "max": choice.high}
    if service.instances.desired is not None:
        instances["desired"] = min(max(int(service.instances.desired), choice.low), choice.high)
    found: dict[str, Any] = {"instances": instances}
    share = _share(subject, service)
    if share is not None and choice.factor != 1.0:
        value: Any = round(share.value * choice.factor, 4)
        for key in reversed(share.path):
            value = {key: value}
        found.update(value)
    autoscaler = dict(_autoscaler(subject, choice))
    if autoscaler:
        found["workload"] = {"autoscaler": autoscaler}
    return found


def _autoscaler(subject: Subject, choice: ScalerChoice) -> Iterator[tuple[str, Any]]:
    """Yield what a plan says of an HPA or of KEDA, where the choice needs it said."""
    scaler = subject.simulated.scaler
    if not _has_behavior(subject):
        return
    if not _goes_by_running(scaler):
        yield "triggers", _triggers(_with(scaler, choice).metrics)
    behavior = {
        side: _as_written(given)
        for side, given in (("up", choice.up), ("down", choice.down))
        if given is not None
    }
    if behavior:
        yield "behavior", behavior


def _goes_by_running(scaler: Scaler) -> bool:
    """Say whether the only metric is the one of GPUs, which no trigger names."""
    return scaler.kind in (HPA, KEDA) and RUNNING in scaler.metrics.measures


def _triggers(metrics: ScalerMetrics) -> Mapping[str, Any]:
    names = ("cpu", "memory", "requests", "queue", "latency")
    return {
        names[measure]: {"threshold": int(target) if measure <= MEMORY else int(target) / 1000}
        for measure, target in zip(metrics.measures, metrics.targets, strict=True)
        if measure != SCHEDULED
    }


def _as_written(given: Rules) -> Mapping[str, Any]:
    amounts = {_UNITS[kind]: int(amount) for kind, amount in zip(given.kinds, given.amounts, strict=True)}
    steps = {"window": f"{given.window_s:g}s", **amounts, "period": f"{given.periods_s[0]:g}s"}
    return {**steps, "policies": [], "select": "min"}

"""The autoscaler of a service: which measures it holds at which targets, and what that leads to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats, in_scenario
from capplan.capacity.control import Control, Watched, control
from capplan.capacity.sizing import Sizing
from capplan.capacity.waiting import Backlogged
from capplan.components.services.checks import AUTOSCALER_RUNS_MORE, AUTOSCALER_SHORT, TARGET_UNREACHABLE
from capplan.findings import Finding
from capplan.plan.services import CloudRun, ContainerApps, Kubernetes, Service
from capplan.quantities import counted, plain

_TOLERANCE = 0.1
"""Share of the target by which an HPA may miss it, unless told otherwise (kube-controller-manager)."""

_CLOUD_RUN_MOST = 0.95
"""Highest target that Cloud Run takes (cloud.google.com/run/docs/about-instance-autoscaling)."""

_LEAST_CPU = 0.1
"""Below it the work of an instance without requests decides; an assumption."""

_SHOWN = {"cpu": "CPU", "concurrency": "requests in progress", "requests": "requests/s"}


def control_of(service: Service, sizing: Sizing, rps: Array) -> Control | None:
    """Return what the autoscaler of a service is told, in the first scenario.

    rps: what arrives, (scenarios | 1, hours); less than the sizing carries where another site may be lost.
    None where nothing scales, or where the plan does not say how its measures follow the load.
    """
    low, high = _bounds(sizing)
    if sizing.rps is None or low >= high or not np.any(sizing.rps):
        return None
    watched = list(watched_of(service, sizing, rps))
    if not watched:
        return None
    reserved = service.queue is None and np.any(sizing.rps > rps)
    asked = _row(sizing.required) if reserved else _asked(sizing, watched)
    return control(asked, _row(sizing.required), low, high, watched)


def target_of(service: Service, told: Control | None, name: str) -> float:
    """Return the share of cpu, memory or concurrency that the autoscaler of a service aims at."""
    if told is not None and name in told.targets:
        return told.targets[name]
    share = _number(getattr(service.target_utilization, name))
    return min(share, _CLOUD_RUN_MOST) if isinstance(service, CloudRun) else share


def threshold_of(
    service: Service, told: Control | None, capacity_rps: float | None, kind: str, given: Floats | None
) -> float | None:
    """Return the threshold of a trigger: the one given, or what the plan's other figures imply.

    Of cpu and memory in percent; None where nothing gives one.
    """
    is_share = kind in ("cpu", "memory")
    if given is not None:
        threshold = _number(given)
        return threshold * 100 if is_share and threshold <= 1 else threshold
    if is_share:
        return 100 * target_of(service, told, kind)
    if kind == "requests":
        return capacity_rps if told is None else told.targets.get(kind, capacity_rps)
    if kind == "queue":
        length = None if service.queue is None else service.queue.target_length
        return None if length is None else _number(length)
    return None if service.slo.p95 is None else _number(service.slo.p95)


def _bounds(sizing: Sizing) -> tuple[int, int]:
    low = math.ceil(in_scenario(sizing.floor) - 1e-9)
    if sizing.ceiling is not None:
        return low, math.ceil(in_scenario(sizing.ceiling) - 1e-9)
    return low, max(math.ceil(in_scenario(sizing.peak) - 1e-9), low + 1)


def _row(values: Array) -> Array:
    """Return the first scenario's hours."""
    return np.asarray(values[0], dtype=float)


def watched_of(service: Service, sizing: Sizing, rps: Array) -> Iterator[Watched]:
    """Yield the measures whose values follow from the load that arrives, and from a backlog that waits."""
    sizing = sizing if service.queue is not None else sizing._replace(rps=rps)
    if isinstance(service, CloudRun):
        yield from _share("cpu", service, sizing, most=_CLOUD_RUN_MOST)
        yield from _share("concurrency", service, sizing, most=_CLOUD_RUN_MOST)
    elif isinstance(service, ContainerApps):
        full = _full_rps(sizing)
        # Requests that share cores are in progress for longer the fuller these are, beyond the load.
        if full.get("cpu", math.inf) >= full.get("concurrency", 0.0):
            whole = 1 / _number(service.concurrency)
            for one in _share("concurrency", service, sizing, tolerance=_TOLERANCE):
                yield one._replace(step=whole, least=whole)
    elif isinstance(service, Kubernetes):
        yield from _on_kubernetes(service, sizing)
    else:
        yield from _share("cpu", service, sizing)


def _share(
    name: str, service: Service, sizing: Sizing, tolerance: float = 0.0, most: float = math.inf
) -> Iterator[Watched]:
    """Yield a measure that is a share of what an instance has, if the plan says what requests take of it."""
    full = _full_rps(sizing)
    if name in full:
        others = min((rps for other, rps in full.items() if other != name), default=math.inf)
        # Requests wait in an instance whose cores are busy, so its places fill up in any case.
        reach = others / full[name] if name == "cpu" else math.inf
        usual = _number(getattr(service.target_utilization, name))
        yield Watched(
            name=name,
            load=_row(sizing.rps) / full[name] if sizing.rps is not None else np.zeros(1),
            usual=usual,
            reach=reach if reach < 1 else math.inf,
            tolerance=tolerance,
            least=_LEAST_CPU if name == "cpu" else 0.01,
            most=most,
        )


def _full_rps(sizing: Sizing) -> dict[str, float]:
    """Return the load that fills an instance, by what is full then."""
    return {limit.name: _number(limit.rps_per_instance) / _number(limit.target) for limit in sizing.limits}


def _on_kubernetes(service: Kubernetes, sizing: Sizing) -> Iterator[Watched]:
    scaler = None if service.workload is None else service.workload.autoscaler
    if scaler is not None and scaler.kind == "knative":
        return
    up = None if scaler is None else scaler.behavior.up
    own = None if up is None or up.tolerance is None else _number(up.tolerance)
    tolerance = max(_TOLERANCE, own or 0.0)
    triggers = {} if scaler is None else scaler.triggers
    alone = not set(triggers) - {"cpu"} and not (scaler is not None and scaler.cron)
    if not triggers and not np.any(np.asarray(service.gpu)):
        yield from _share("cpu", service, sizing, tolerance)
    for name in triggers.keys() & {"cpu", "requests"}:
        threshold = triggers[name].threshold
        capacity = _number(sizing.capacity_rps)
        stated = None if threshold is None else _number(threshold)
        if name == "cpu":
            stated = stated if stated is None or stated <= 1 else stated / 100
            for one in _share("cpu", service, sizing, tolerance):
                reach = one.reach if alone else math.inf
                usual = one.usual if stated is None else stated
                yield one._replace(usual=usual, stated=stated is not None, reach=reach)
        elif triggers[name].query is None and (stated or math.isfinite(capacity)):
            yield Watched(
                name=name,
                load=_row(sizing.rps) if sizing.rps is not None else np.zeros(1),
                usual=stated or capacity,
                stated=bool(stated),
                tolerance=tolerance,
                step=0.0,
                least=0.0,
            )


def _asked(sizing: Sizing, watched: list[Watched]) -> Array:
    """Return the counts that must not be missed: all of them, but those that a target itself leads to.

    At the target that the sizing goes by, what an autoscaler tolerates is room that the target leaves.
    """
    bounds = sizing.bounds
    if any(np.any(x) for x in (bounds.spare, bounds.survive_zones)) or _fails(bounds.instance_availability):
        return _row(sizing.required)
    own = {one.name for one in watched if _goes_by_sizing(one, sizing)}
    rates = [
        _number(limit.rps_per_instance)
        for limit in sizing.limits
        if limit.name not in own and "requests" not in own
    ]
    asked = np.zeros(_row(sizing.required).shape)
    if rates and sizing.rps is not None:
        asked = np.ceil(_row(sizing.rps) / min(rates) - 1e-9)
    if sizing.promised is not None:
        asked = np.maximum(asked, _row(sizing.promised))
    return np.minimum(asked, _row(sizing.required))


def _fails(availability: Floats) -> bool:
    return bool(np.any(np.asarray(availability) < 1))


def _goes_by_sizing(one: Watched, sizing: Sizing) -> bool:
    """Say whether a measure's target is no higher than what the sizing fills an instance to."""
    if one.name == "requests":
        return one.usual <= _number(sizing.capacity_rps) * (1 + 1e-9)
    targets = {limit.name: _number(limit.target) for limit in sizing.limits}
    return one.usual <= targets[one.name] * (1 + 1e-9)


def _number(values: Floats) -> float:
    return in_scenario(np.asarray(values, dtype=float))


def control_findings(name: str, sizing: Sizing, told: Control | None) -> Iterator[Finding]:
    """Yield what the reader must know of an autoscaler: what it never reaches, holds or runs too many of."""
    if told is None:
        return
    for one in told.unreachable:
        what, target = _SHOWN[one.name], told.targets[one.name]
        message = (
            f"{what} reaches at most {one.reach:.0%} of an instance, as its {_fuller(one, sizing)} is used "
            f"up by then, so an autoscaler at {one.usual:.0%} never adds any"
        )
        if one.stated:
            yield TARGET_UNREACHABLE.finding(name, message)
        else:
            written = f"It is given {target:.0%} and a minimum of {told.low} instead."
            yield TARGET_UNREACHABLE.finding(name, message, written, severity="warning")
    yield from _counts(name, sizing, told)


def _counts(name: str, sizing: Sizing, told: Control) -> Iterator[Finding]:
    targets = " and ".join(_target(which, value) for which, value in told.targets.items())
    planned = np.minimum(_row(sizing.required), told.high)
    if told.short.any():
        hour = int(np.argmax(told.short))
        rests = counted(round(told.rests[hour]), "instance")
        message = (
            f"an autoscaler at {targets} may rest at {rests} in an hour that needs {told.asked[hour]:,.0f}"
        )
        yield AUTOSCALER_SHORT.finding(name, message)
        return
    if np.any(told.wants > np.maximum(planned + 1, (1 + _TOLERANCE) * planned)):
        message = (
            f"holding every count takes {targets} and a minimum of {told.low}, which runs "
            f"{told.wants.mean():,.1f} instances on average, not {planned.mean():,.1f}"
        )
        # The bill is of the counts, so what it leaves out must not be overlooked.
        grave = told.wants.sum() > (1 + _TOLERANCE) * planned.sum()
        yield AUTOSCALER_RUNS_MORE.finding(name, message, severity="warning" if grave else "info")


def backlogged_of(service: Service, sizing: Sizing, told: Control | None) -> Backlogged | None:
    """Return the autoscaler that goes by the messages that wait for a service; None where none does."""
    if not isinstance(service, Kubernetes) or service.workload is None or sizing.rps is None:
        return None
    scaler = service.workload.autoscaler
    trigger, (low, high) = scaler.triggers.get("queue"), _bounds(sizing)
    rates = _full_rps(sizing).values()
    if trigger is None or scaler.kind == "knative" or not rates or low >= high:
        return None
    length = None if service.queue is None else service.queue.target_length
    threshold = length if trigger.threshold is None else trigger.threshold
    if threshold is None:
        return None
    held = np.full(sizing.rps[0].shape, float(low)) if told is None else told.wants
    found = Backlogged(_number(threshold), min(rates), held, high)
    if "startup" in service.workload.model_fields_set:
        found = found._replace(starts_s=_number(service.workload.startup))
    down = scaler.behavior.down
    return found if down is None or down.window is None else found._replace(window_s=_number(down.window))


class Overshoot(NamedTuple):
    """What a backlog leads to on average, what is planned, and a threshold that keeps to it, if one does."""

    runs: float
    planned: float
    calm: float | None

    @property
    def remedy(self) -> str | None:
        """What to do about it, if a threshold helps."""
        return (
            None
            if self.calm is None
            else f"Raise the threshold to about {plain(self.calm, 3)}, and simulate it."
        )


def overshoot(waits: Backlogged, sizing: Sizing) -> Overshoot | None:
    """Return by how much an autoscaler that goes by a backlog overshoots; None where it hardly does."""
    assert sizing.rps is not None
    load = _row(sizing.rps)
    planned = float(np.maximum(_row(sizing.running), waits.low).mean())
    runs, most = float(waits.runs(load).mean()), max((1 + _TOLERANCE) * planned, planned + 1)
    return Overshoot(runs, planned, waits.calm(load, most)) if runs > most else None


def queue_findings(name: str, service: Service, sizing: Sizing, told: Control | None) -> Iterator[Finding]:
    """Yield what the reader must know of an autoscaler that goes by the messages that wait."""
    waits = backlogged_of(service, sizing, told)
    found = None if waits is None else overshoot(waits, sizing)
    if waits is None or found is None:
        return
    message = (
        f"an autoscaler at {plain(waits.threshold)} waiting messages for each instance runs "
        f"{found.runs:,.1f} instances on average, not {found.planned:,.1f}: one works off "
        f"{plain(waits.between)} before it looks again, so the count overshoots and stays for its window"
    )
    yield AUTOSCALER_RUNS_MORE.finding(name, message, found.remedy, severity="warning")


def _target(name: str, value: float) -> str:
    return f"{plain(value)} requests/s" if name == "requests" else f"{value:.0%} of {_SHOWN[name]}"


def _fuller(one: Watched, sizing: Sizing) -> str:
    full = {name: rps for name, rps in _full_rps(sizing).items() if name != one.name}
    return min(full, key=lambda name: full[name])

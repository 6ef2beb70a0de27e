"""End-to-end response time: a service and all that its requests wait for, along the call graph.

Waiting for a place or for cores comes on top of what `calls.py` says of an idle system. A p95 is that of the
lognormal law with the mean and variance of the sum; see :mod:`capplan.capacity.times` for laws and errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, per_scenario
from capplan.capacity.response import Promise
from capplan.capacity.times import Time, after, spread_of, time_of
from capplan.components import checks
from capplan.components.base import Component, Context
from capplan.components.measures import measure
from capplan.components.services import checks as scaling
from capplan.components.services.calls import callees_first, own_work, time_of_calls, unloaded_times
from capplan.components.services.latency import stations_of
from capplan.components.services.platforms import platform_of
from capplan.findings import Finding
from capplan.quantities import plain

_Z95 = 1.6448536269514722
_MOST_TRIED = 3


class _Graph(NamedTuple):
    """What the times of services follow from; ``idle`` are those without any waiting for each other."""

    ctx: Context
    components: Mapping[str, Component]
    idle: Mapping[str, Time]


def with_end_to_end(ctx: Context, components: Mapping[str, Component]) -> dict[str, Component]:
    """Return the services, those with an end-to-end objective with its figures and findings."""
    targets = {n: s.slo.end_to_end for n, s in ctx.plan.services.items() if s.slo.end_to_end is not None}
    graph = _Graph(ctx, components, unloaded_times(ctx.plan, ctx.places, targets))
    times = _loaded_times(graph, {})
    result = dict(components)
    for name in times:
        result[name] = result[name]._replace(findings=[*result[name].findings, *_too_short(graph, name)])
    for name, target in targets.items():
        time, own = times[name], result[name]
        promised = per_scenario(target)
        figure = measure(
            "end-to-end p95", time.percentile(0.95) * 1000, "ms", _formula(time), promised * 1000
        )
        found = list(_findings(graph, name, time, promised))
        result[name] = own._replace(measures=[*own.measures, figure], findings=[*own.findings, *found])
    return result


def _loaded_times(graph: _Graph, instances: Mapping[str, Array]) -> dict[str, Time]:
    """Return the times in the busiest hour; ``instances`` replace those that run, by service."""
    found: dict[str, Time] = {}
    for name in callees_first(graph.ctx.plan, graph.idle):
        calls = time_of_calls(graph.ctx.plan, graph.ctx.places, name, found.__getitem__)
        own = _own(graph, name, instances.get(name))
        found[name] = own if calls is None else after(own, calls)
    return found


def _own(graph: _Graph, name: str, instances: Array | None) -> Time:
    """Return a service's own work, and what its requests wait for a place and for cores.

    The wait is the difference of two laws of one kind, so that what they miss of the true one cancels.
    """
    ctx, component = graph.ctx, graph.components[name]
    service = ctx.plan.services[name]
    instance = platform_of(service).instance(ctx, service, component.path)
    stations = list(stations_of(service, instance, ctx.plan.demand.ca2))
    peak_rps, sizing = component.peak_rps, component.sizing
    work = time_of(name, own_work(ctx.places, name, service, _idle_calls(graph, name)), service.cs2)
    if not stations or sizing is None or peak_rps is None:
        return work
    promise = Promise({}, stations)
    running = sizing.peak_running if instances is None else instances
    mean, variance = _moments(*(promise.percentile(share, peak_rps, running) for share in (0.5, 0.95)))
    idle, idle_variance = _moments(*(per_scenario(promise.bare(share)) for share in (0.5, 0.95)))
    waiting = np.maximum(mean - idle, 0.0)
    return after(work, spread_of(waiting, np.maximum(variance - idle_variance, 0.0), {name: waiting}))


def _idle_calls(graph: _Graph, name: str) -> Time | None:
    return time_of_calls(graph.ctx.plan, graph.ctx.places, name, graph.idle.__getitem__)


def _moments(median: Array, high: Array) -> tuple[Array, Array]:
    """Return mean and variance of the lognormal law with these p50 and p95; an overload has no variance."""
    finite = np.isfinite(high) & (median > 0)
    middle = np.where(finite, median, 1.0)
    sigma2 = (np.log(np.where(finite, high, 1.0) / middle) / _Z95) ** 2
    mean = middle * np.exp(sigma2 / 2)
    return np.where(finite, mean, np.inf), np.where(finite, mean**2 * np.expm1(sigma2), 0.0)


def _too_short(graph: _Graph, name: str) -> Iterator[Finding]:
    """Yield that a place is said to be free before what its request waits for has answered."""
    service, calls = graph.ctx.plan.services[name], _idle_calls(graph, name)
    if service.service_time is None or service.own_time is not None or calls is None:
        return
    place = per_scenario(service.service_time)
    if np.any(calls.mean > place * (1 + 1e-6)):
        message = (
            f"a request takes {plain(1000 * place.max())} ms, but its calls take "
            f"{plain(1000 * calls.mean.max())} ms"
        )
        yield scaling.SERVICE_TIME_BELOW_CALLS.finding(name, message)


def _formula(time: Time) -> str:
    return "own time and the calls that it waits for; on average " + ", ".join(
        f"{name} {share:.0%}" for name, share in sorted(_shares(time).items(), key=lambda item: -item[1])
    )


def _shares(time: Time) -> dict[str, float]:
    """Return by component its share of the time; those that are overloaded have all of it between them."""
    overloaded = [name for name, mean in time.parts.items() if not np.all(np.isfinite(mean))]
    if overloaded:
        return {name: float(name in overloaded) / len(overloaded) for name in time.parts}
    whole = np.where(time.mean > 0, time.mean, 1.0)
    return {name: float(np.mean(mean / whole)) for name, mean in time.parts.items()}


def _findings(graph: _Graph, name: str, time: Time, target: Array) -> Iterator[Finding]:
    p95 = time.percentile(0.95)
    late = p95 > target * (1 + 1e-3)
    if not late.any():
        return
    worst = int(np.argmax(np.where(late, p95 - target, -np.inf)))
    shares = _shares(time)
    eats = max(shares, key=shares.__getitem__)
    found, promised = float(p95.ravel()[worst]), float(np.broadcast_to(target, p95.shape).ravel()[worst])
    said = (
        f"is {plain(1000 * found)} ms" if np.isfinite(found) else f"has no bound because {eats} is overloaded"
    )
    message = f"the end-to-end p95 {said}, but {plain(1000 * promised)} ms is promised"
    if np.isfinite(found):
        message += f"; {eats} takes {shares[eats]:.0%} of the time"
    yield checks.SLO_END_TO_END_MISSED.finding(name, message, _remedy(graph, name, time, target, eats))


def _remedy(graph: _Graph, name: str, time: Time, target: Array, eats: str) -> str:
    """Say how many instances of what would meet the target, or that no number does."""
    faster = f"Make {eats} faster, call it less, cache it, or call it in parallel"
    if np.any(graph.idle[name].percentile(0.95) > target * (1 + 1e-3)):
        return f"{faster}: more instances do not help."
    overloaded = [part for part, mean in time.parts.items() if not np.all(np.isfinite(mean))]
    if len(overloaded) > 1:
        named = ", ".join(overloaded[:_MOST_TRIED]) + (" and others" if len(overloaded) > _MOST_TRIED else "")
        return f"Raise instances.min of {named}: each of them is overloaded."
    shares = _shares(time)
    for part in sorted(graph.idle.keys() & shares.keys(), key=lambda part: (-shares[part], part))[
        :_MOST_TRIED
    ]:
        count = _count_that_meets(graph, name, part, target)
        if count is not None:
            return f"{count:,} instances of {part} meet it: set services.{part}.instances.min."
    return f"{faster}; more instances of one service alone do not meet it."


def _count_that_meets(graph: _Graph, name: str, part: str, target: Array) -> int | None:
    """Return the fewest instances of ``part`` with which ``name`` meets its target, if any number does."""
    sizing = graph.components[part].sizing
    if sizing is None:
        return None

    def p95(count: int) -> Array:
        times = _loaded_times(graph, {part: per_scenario(float(count))})
        return times[name].percentile(0.95)

    low, found = int(np.max(sizing.peak_running)), np.array(np.inf)
    high = low + 1
    while not np.all((faster := p95(high)) <= target * (1 + 1e-3)):
        if not np.any(faster < found * (1 - 1e-6)):
            return None
        low, high, found = high, 2 * high, faster
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if np.all(p95(middle) <= target * (1 + 1e-3)) else (middle, high)
    return high

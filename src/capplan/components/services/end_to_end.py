"""End-to-end response time: a service and all that it calls, along the call graph.

Every part is taken as lognormal, as its p50 and p95 say, and independent of the others. Calls in sequence
add up in mean and variance, with the calls that a cache answers left out; of parallel ones the longest counts
(Clark, 1961). The p95 of the sum is that of the lognormal law with its mean and variance. Against
simulation, two lognormal parts with cv² from 0.1 to 2: 0 … +11 % for their sum, −13 … +1 % for the longer
one. A service's time is taken without what it waits for its calls.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, per_scenario
from capplan.capacity.response import Promise
from capplan.components import checks
from capplan.components.base import Component, Context
from capplan.components.measures import measure
from capplan.components.services.latency import stations_of
from capplan.components.services.platforms import platform_of
from capplan.errors import InputError
from capplan.findings import Finding
from capplan.normal import normal_quantile
from capplan.plan.services import Call, Service

_Z95 = 1.6448536269514722


class Time(NamedTuple):
    """A response time by scenario, seconds: mean and variance, and the means of what it is made of."""

    mean: Array
    variance: Array
    parts: Mapping[str, Array]

    def p95(self) -> Array:
        """Return the time that 95 % do not exceed, (scenarios | 1, 1)."""
        spread = np.log1p(self.variance / self.mean**2)
        return self.mean * np.exp(np.sqrt(spread) * normal_quantile(np.array(0.95)) - spread / 2)


def with_end_to_end(ctx: Context, components: Mapping[str, Component]) -> dict[str, Component]:
    """Return the services, those with an end-to-end objective with its figures and findings."""
    result = dict(components)
    for name, service in ctx.plan.services.items():
        target = service.slo.end_to_end
        if target is not None:
            time = _of_service(ctx, components, name)
            figure = measure(
                "end-to-end p95", time.p95() * 1000, "ms", _formula(time), np.asarray(target) * 1000
            )
            found = list(_findings(name, time, per_scenario(target)))
            own = result[name]
            result[name] = own._replace(measures=[*own.measures, figure], findings=[*own.findings, *found])
    return result


def _of_service(ctx: Context, components: Mapping[str, Component], name: str) -> Time:
    """Return the time of a service and its calls, in the busiest hour."""
    service = ctx.plan.services[name]
    time = _own(ctx, components[name], service)
    parallel = [call for call in service.calls.items() if call[1].parallel]
    for callee, call in service.calls.items():
        if not call.parallel:
            time = _after(time, _of_call(ctx, components, name, callee, call))
    if parallel:
        time = _after(time, _longest([_of_call(ctx, components, name, *each) for each in parallel]))
    return time


def _own(ctx: Context, component: Component, service: Service) -> Time:
    instance = platform_of(service).instance(ctx, service, component.path)
    stations = list(stations_of(service, instance, ctx.plan.demand.ca2))
    peak_rps, sizing = component.peak_rps, component.sizing
    if not stations or sizing is None or peak_rps is None:
        what = "nothing says how long its requests take, so no end-to-end time is known"
        raise InputError(ctx.places.problem(component.path, what, "Give service_time or cpu_time."))
    promise = Promise({}, stations)
    median, high = (promise.percentile(share, peak_rps, sizing.peak_running) for share in (0.5, 0.95))
    sigma = np.log(high / median) / _Z95
    mean = median * np.exp(sigma**2 / 2)
    return Time(mean, mean**2 * np.expm1(sigma**2), {component.name: mean})


def _of_call(ctx: Context, components: Mapping[str, Component], caller: str, callee: str, call: Call) -> Time:
    """Return what all calls to ``callee`` that one request makes take, one after the other."""
    if call.response_time is not None:
        mean = per_scenario(call.response_time)
        one = Time(mean, mean**2, {callee: mean})
    elif callee in ctx.plan.services:
        one = _of_service(ctx, components, callee)
    else:
        where = ("services", caller, "calls", callee)
        what = f"nothing says how long a call to {callee} takes, and slo.end_to_end counts it"
        raise InputError(ctx.places.problem(where, what, "Give its response_time."))
    made = np.asarray(call.per_request, dtype=float)
    asked = per_scenario(made * (1 - np.asarray(call.cache_hit_rate)))
    left_out = 1 - asked / np.maximum(np.ceil(made), 1.0)
    return Time(
        asked * one.mean,
        asked * (one.variance + np.maximum(left_out, 0.0) * one.mean**2),
        {name: asked * mean for name, mean in one.parts.items()},
    )


def _after(first: Time, second: Time) -> Time:
    parts = dict(first.parts)
    for name, mean in second.parts.items():
        parts[name] = parts.get(name, 0.0) + mean
    return Time(first.mean + second.mean, first.variance + second.variance, parts)


def _longest(times: Sequence[Time]) -> Time:
    """Return the time of several that start together; its parts are those of the longest on average."""
    longest = times[0]
    for other in times[1:]:
        spread = np.sqrt(np.maximum(longest.variance + other.variance, 1e-300))
        gap = (longest.mean - other.mean) / spread
        above, density = _normal(gap), np.exp(-(gap**2) / 2) / math.sqrt(2 * math.pi)
        mean = longest.mean * above + other.mean * (1 - above) + spread * density
        square = (
            (longest.mean**2 + longest.variance) * above
            + (other.mean**2 + other.variance) * (1 - above)
            + (longest.mean + other.mean) * spread * density
        )
        parts = longest.parts if np.mean(longest.mean) >= np.mean(other.mean) else other.parts
        longest = Time(mean, np.maximum(square - mean**2, 0.0), parts)
    return longest


def _normal(z: Array) -> Array:
    """Return the standard normal distribution function."""
    flat = [0.5 * math.erfc(-x / math.sqrt(2)) for x in z.ravel().tolist()]
    return np.array(flat).reshape(z.shape)


def _formula(time: Time) -> str:
    shares = {name: float(np.mean(mean / time.mean)) for name, mean in time.parts.items()}
    told = sorted(shares.items(), key=lambda item: -item[1])
    return "own time and calls; on average " + ", ".join(f"{name} {share:.0%}" for name, share in told)


def _findings(name: str, time: Time, target: Array) -> Iterator[Finding]:
    p95 = time.p95()
    late = p95 > target * (1 + 1e-3)
    if late.any():
        eats = max(time.parts, key=lambda part: float(np.mean(time.parts[part])))
        share = float(np.mean(time.parts[eats] / time.mean))
        found, promised = 1000 * float(p95.max()), 1000 * float(target.min())
        message = (
            f"p95 from end to end is {found:,.4g} ms, and {promised:,.4g} ms is promised; "
            f"{eats} eats {share:.0%} of the time"
        )
        remedy = f"Make {eats} faster, call it less, cache it, or call in parallel."
        yield checks.SLO_END_TO_END_MISSED.finding(name, message, remedy)

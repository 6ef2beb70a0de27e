"""What a request waits for: the calls of a service, along the call graph, without the load's waiting.

`service_time` is how long a request occupies its place, which it does while it waits for what it calls too.
`own_time` is the rest, its own work. With both given, both are taken as they are. With `service_time` alone,
the calls leave its own work of it. With `own_time` alone, the place is occupied for that and for the calls.
Nobody waits for calls that are `async`, as calls to what has a `queue` are unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter

import numpy as np

from capplan.arrays import Array, per_scenario
from capplan.capacity.times import Time, after, longest, repeated, slowest, time_of
from capplan.errors import InputError
from capplan.plan.model import Plan
from capplan.plan.places import Places
from capplan.plan.services import Call, Service

TimeOf = Callable[[str], Time]
"""The time of a service and of all that it waits for."""


def awaited(plan: Plan, service: Service) -> Iterator[tuple[str, Call]]:
    """Yield the calls that a request of ``service`` waits for."""
    for callee, call in service.calls.items():
        called = plan.services.get(callee)
        is_queued = called is not None and called.queue is not None
        if not (is_queued if call.async_ is None else call.async_):
            yield callee, call


def callees_first(plan: Plan, roots: Iterable[str]) -> Sequence[str]:
    """Return the services that requests of the ``roots`` wait for, and these, callees first."""
    graph: dict[str, list[str]] = {}
    left = list(roots)
    while left:
        name = left.pop()
        if name not in graph:
            calls = awaited(plan, plan.services[name])
            graph[name] = [n for n, call in calls if n in plan.services and call.response_time is None]
            left += graph[name]
    return list(TopologicalSorter(graph).static_order())


def time_of_calls(plan: Plan, places: Places, name: str, of_service: TimeOf) -> Time | None:
    """Return what a request of the service ``name`` waits for its calls; None where it waits for none."""
    together, found = [], None
    for callee, call in awaited(plan, plan.services[name]):
        one = _of_one(plan, places, name, callee, call, of_service)
        if call.parallel:
            together.append(slowest(one, call.per_request, call.cache_hit_rate))
        else:
            each = repeated(one, call.per_request, call.cache_hit_rate)
            found = each if found is None else after(found, each)
    if not together:
        return found
    return longest(together) if found is None else after(found, longest(together))


def _of_one(plan: Plan, places: Places, caller: str, callee: str, call: Call, of_service: TimeOf) -> Time:
    if call.response_time is not None:
        return time_of(callee, call.response_time)
    if callee in plan.services:
        return of_service(callee)
    where = ("services", caller, "calls", callee)
    what = f"the time of a call to {callee} is unknown, and a request waits for it"
    raise InputError(places.problem(where, what, "Give its response_time, or set async: true."))


def unloaded_times(plan: Plan, places: Places, roots: Iterable[str]) -> dict[str, Time]:
    """Return the time of the ``roots``, and of all that they wait for, when no request waits for another."""
    found: dict[str, Time] = {}
    for name in callees_first(plan, roots):
        service = plan.services[name]
        calls = time_of_calls(plan, places, name, found.__getitem__)
        own = time_of(name, own_work(places, name, service, calls), service.cs2)
        found[name] = own if calls is None else after(own, calls)
    return found


def own_work(places: Places, name: str, service: Service, calls: Time | None) -> Array:
    """Return the mean time of a request's own work, (scenarios | 1, 1); ``calls`` is what it waits for."""
    if service.own_time is not None:
        return per_scenario(service.own_time)
    if service.service_time is not None:
        rest = service.service_time if calls is None else service.service_time - calls.mean
        return np.maximum(per_scenario(rest), 0.0 if service.cpu_time is None else service.cpu_time)
    if service.cpu_time is not None:
        return per_scenario(service.cpu_time)
    what = "the time of its requests is unknown, so the end-to-end time is unknown too"
    remedy = "Give service_time, own_time or cpu_time."
    raise InputError(places.problem(("services", name), what, remedy))


def with_occupancy(plan: Plan, places: Places) -> Plan:
    """Return the plan with a service time for services that say only their own: that, and their calls."""
    open_ = [n for n, s in plan.services.items() if s.own_time is not None and s.service_time is None]
    if not open_:
        return plan
    times = unloaded_times(plan, places, open_)
    given: Mapping[str, Service] = {
        name: plan.services[name].model_copy(update={"service_time": times[name].mean}) for name in open_
    }
    return plan.model_copy(update={"services": {**plan.services, **given}})

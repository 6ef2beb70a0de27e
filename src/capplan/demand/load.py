"""From what enters the system to the load on every component."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats, hourly_max, per_scenario
from capplan.demand import profiles
from capplan.errors import InputError, Problem
from capplan.plan.demand import Demand
from capplan.plan.model import Plan

_DAY_S = 86_400.0
_HOUR_S = 3_600.0


class Load(NamedTuple):
    """Requests per second of every component, by scenario and hour.

    average_rps: requests that enter the system, mean over the hours, (scenarios | 1, 1).
    shape: load of an hour ÷ the average, (scenarios | 1, hours).
    per_entry: requests to a component for each that enters the system, (scenarios | 1, 1).
    entering: share of the requests from outside that enter at a service, likewise.
    """

    average_rps: Array
    shape: Array
    per_entry: Mapping[str, Array]
    entering: Mapping[str, Array]
    profile: str

    def average(self, component: str) -> Array:
        """Return the mean requests per second of ``component``, (scenarios | 1, 1)."""
        return self.average_rps * self.per_entry[component]

    def rps(self, component: str) -> Array:
        """Return the requests per second of ``component``, (scenarios | 1, hours)."""
        return self.average(component) * self.shape

    @property
    def peak_rps(self) -> Array:
        """Requests that enter the system in the busiest hour, (scenarios | 1, 1)."""
        return self.average_rps * hourly_max(self.shape)


def load_of(plan: Plan, hours_per_month: Floats, directory: Path) -> Load:
    """Return the load that ``plan`` describes; traces are read relative to ``directory``."""
    demand = plan.demand
    if demand.trace is not None:
        from capplan.demand.trace import read_trace

        recorded, shape = read_trace(demand.trace, directory)
        name = demand.trace.file
    else:
        recorded, shape, name = 0.0, *_profile(demand)
    volume = _volume(demand, hours_per_month)
    average = recorded if volume is None else volume
    entering = _entering(plan)
    grown = average * (1 + demand.growth_per_month) ** demand.month
    return Load(
        average_rps=per_scenario(grown),
        shape=_stretched(shape, demand, name),
        per_entry=_follow_calls(plan, entering),
        entering=entering,
        profile=name,
    )


def _volume(demand: Demand, hours_per_month: Floats) -> Floats | None:
    """Return requests per second from whichever volume the plan gives."""
    if demand.requests_per_second is not None:
        return demand.requests_per_second
    if demand.requests_per_day is not None:
        return demand.requests_per_day / _DAY_S
    if demand.requests_per_month is not None:
        return demand.requests_per_month / (hours_per_month * _HOUR_S)
    if demand.users_per_day is not None and demand.requests_per_user is not None:
        return demand.users_per_day * demand.requests_per_user / _DAY_S
    return None


def _profile(demand: Demand) -> tuple[Array, str]:
    if demand.profile is None:
        return profiles.week("consumer-diurnal"), "consumer-diurnal"
    if isinstance(demand.profile, str):
        return profiles.week(demand.profile), demand.profile
    return profiles.tiled(demand.profile), "own profile"


def _stretched(shape: Array, demand: Demand, name: str) -> Array:
    ratio = demand.peak_to_average
    if ratio is None:
        return shape.reshape(1, -1)
    limit = profiles.largest_ratio(shape)
    wanted = np.asarray(ratio, dtype=float)
    if wanted.min() < 1 or wanted.max() >= limit > 1 or (limit == 1 and wanted.max() > 1):
        bad = wanted.min() if wanted.min() < 1 else wanted.max()
        what = f"demand.peak_to_average is {bad:g}; {name} can be stretched from 1 to below {limit:g}"
        remedy = "Choose a profile with a narrower peak, or give a trace."
        raise InputError(Problem("demand", what, remedy))
    return profiles.stretched(shape, ratio)


def _follow_calls(plan: Plan, entering: Mapping[str, Array]) -> dict[str, Array]:
    """Return for every component the requests it gets for each that enters the system.

    Fan-out multiplies, a cache hit takes away; components nobody calls get none.
    """
    per_entry = {name: np.zeros((1, 1)) for name in plan.callable_components}
    per_entry.update(entering)
    callers_first = TopologicalSorter({name: list(s.calls) for name, s in plan.services.items()})
    for name in reversed(list(callers_first.static_order())):
        if name not in plan.services:
            continue
        for callee, call in plan.services[name].calls.items():
            passed = call.per_request * (1 - call.cache_hit_rate)
            per_entry[callee] = per_entry[callee] + per_entry[name] * passed
    return per_entry


def _entering(plan: Plan) -> dict[str, Array]:
    """Return the share of the requests from outside that each entry gets."""
    weights = _entry(plan)
    total = sum(weights.values())
    return {name: per_scenario(weight / total) for name, weight in weights.items()}


def _entry(plan: Plan) -> Mapping[str, Floats]:
    if plan.demand.entry:
        return plan.demand.entry
    called = {callee for service in plan.services.values() for callee in service.calls}
    uncalled = [name for name in plan.services if name not in called]
    if len(uncalled) > 1:
        what = f"requests could enter at {', '.join(uncalled)}"
        remedy = "Say where in demand.entry, with weights: {" + uncalled[0] + ": 1}."
        raise InputError(Problem("demand.entry", what, remedy))
    return dict.fromkeys(uncalled, 1.0)

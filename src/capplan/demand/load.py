"""From what enters the system to the load on every component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats, hourly_max, hourly_mean, per_scenario
from capplan.demand import profiles
from capplan.errors import InputError
from capplan.plan.caches import Semantic
from capplan.plan.demand import Demand
from capplan.plan.fields import LARGEST
from capplan.plan.model import COMPONENTS, Plan
from capplan.plan.places import Places
from capplan.plan.services import Call
from capplan.plan.sites import arrivals, losses
from capplan.quantities import DAY_S, HOUR_S, plain
from capplan.stdin import name_of


class Load(NamedTuple):
    """Requests per second of every component, by scenario and hour.

    average_rps: requests that enter the system, mean over the hours, (scenarios | 1, 1).
    shape: load of an hour ÷ the average, (scenarios | 1, hours).
    per_entry: requests to a component for each that enters the system, (scenarios | 1, 1).
    entering: share of the requests from outside that enter at a service, likewise.
    callers: by component the services that call it, or ask it first if it is a semantic cache.
    shapes: of components whose day is not the plan's, as at sites in other time zones.
    after_loss: requests per second, (scenarios | 1, hours), of components that must also carry what comes to
    them when a site is lost.
    """

    average_rps: Array
    shape: Array
    per_entry: Mapping[str, Array]
    entering: Mapping[str, Array]
    profile: str
    callers: Mapping[str, Sequence[str]]
    shapes: Mapping[str, Array] = {}
    after_loss: Mapping[str, Array] = {}

    def average(self, component: str) -> Array:
        """Return the mean requests per second of ``component``, (scenarios | 1, 1)."""
        return self.average_rps * self.per_entry[component]

    def rps(self, component: str) -> Array:
        """Return the requests per second of ``component``, (scenarios | 1, hours)."""
        return self.average(component) * self.shapes.get(component, self.shape)

    def to_carry(self, component: str) -> Array:
        """Return the requests per second that ``component`` is sized for, (scenarios | 1, hours)."""
        lost = self.after_loss.get(component)
        return self.rps(component) if lost is None else np.maximum(self.rps(component), lost)

    def peak(self, component: str) -> Array:
        """Return the requests per second of ``component`` in the busiest hour, (scenarios | 1, 1)."""
        return self.average(component) * hourly_max(self.shapes.get(component, self.shape))

    @property
    def peak_rps(self) -> Array:
        """Requests that enter the system in the busiest hour, (scenarios | 1, 1)."""
        return self.average_rps * hourly_max(self.shape)


class Pattern(NamedTuple):
    """How load rises and falls, the same in every scenario until one stretches it.

    recorded_rps: mean requests per second of a trace; 0 for a profile.
    shape: load of an hour ÷ the mean, (hours,). step_s: how long its hours are.
    begins_s: when the first begins, since 1970 in UTC.
    said, gaps: how a trace was read, and what of it is made up.
    """

    recorded_rps: float
    shape: Array
    name: str
    said: Sequence[str] = ()
    gaps: Sequence[str] = ()
    step_s: float = HOUR_S
    begins_s: float = profiles.BEGINS_S


def pattern_of(demand: Demand, directory: Path) -> Pattern:
    """Return the profile, or the trace, which is read relative to ``directory``."""
    if demand.trace is not None:
        from capplan.demand.trace import read_recording

        recording = read_recording(demand.trace, directory)
        mean = float(recording.rps.mean())
        return Pattern(
            recorded_rps=mean,
            shape=recording.rps / mean,
            name=name_of(demand.trace.file),
            said=recording.said,
            gaps=recording.gaps,
            step_s=recording.step_s,
            begins_s=recording.begins_s,
        )
    if demand.profile is None:
        return Pattern(0.0, profiles.week("consumer-diurnal"), "consumer-diurnal")
    if isinstance(demand.profile, str):
        return Pattern(0.0, profiles.week(demand.profile), demand.profile)
    return Pattern(0.0, profiles.tiled(demand.profile), "own profile")


def load_on(pattern: Pattern, plan: Plan, hours_per_month: Floats, places: Places) -> Load:
    """Return the load that ``plan`` describes, with a ``pattern`` that was read before."""
    demand = plan.demand
    volume = _volume(demand, hours_per_month)
    average = pattern.recorded_rps if volume is None else volume
    entering = _entering(plan)
    grown = _grown(average, demand, places)
    with np.errstate(over="ignore", invalid="ignore"):
        per_entry = _follow_calls(plan, entering)
        _check_computable(plan, grown, per_entry, places)
    shape = _stretched(pattern, demand, places)
    load = Load(
        average_rps=grown,
        shape=shape,
        per_entry=per_entry,
        entering=entering,
        profile=pattern.name,
        callers=_callers(plan),
    )
    return load if len(plan.sites) < 2 else _at_sites(load, plan, pattern.step_s)


def _at_sites(load: Load, plan: Plan, step_s: float) -> Load:
    """Return the load with the days of the sites, and what the others carry when one is lost."""
    flows = _flows(load, plan, step_s, ())
    after: dict[str, Array] = {}
    for lost in losses(plan):
        for name, rps in rps_without(load, plan, step_s, lost).items():
            after[name] = np.maximum(after.get(name, 0.0), rps)
    moved = any(site.hours_ahead for site in plan.sites.values())
    means = {name: hourly_mean(flow) for name, flow in flows.items()}
    shapes = {}
    for name, flow in flows.items() if moved else ():
        usual = np.broadcast_to(load.shape, np.broadcast_shapes(load.shape.shape, flow.shape))
        shapes[name] = np.divide(flow, means[name], out=usual.copy(), where=means[name] > 0)
    return load._replace(shapes=shapes, after_loss=after)


def rps_without(load: Load, plan: Plan, step_s: float, lost: Sequence[str]) -> dict[str, Array]:
    """Return the requests per second of each component while sites are ``lost``, (scenarios | 1, hours)."""
    return {name: load.average_rps * flow for name, flow in _flows(load, plan, step_s, lost).items()}


def _flows(load: Load, plan: Plan, step_s: float, lost: Sequence[str]) -> dict[str, Array]:
    """Return the requests of each component for each that enters on average, (scenarios | 1, hours)."""
    entering: dict[str, Array] = {}
    for arrival in arrivals(plan, lost):
        steps = round(arrival.hours_ahead * HOUR_S / step_s)
        flow = per_scenario(arrival.share) * np.roll(load.shape, -steps, axis=1)
        entering[arrival.component] = entering.get(arrival.component, 0.0) + flow
    return _follow_calls(plan, entering)


def _check_computable(plan: Plan, average: Array, per_entry: Mapping[str, Array], places: Places) -> None:
    """Refuse calls that multiply until nobody can compute with them; InputError names the first component."""
    for section in COMPONENTS:
        for name in getattr(plan, section):
            rps = average * per_entry.get(name, 0.0)
            if not np.all(rps <= LARGEST):
                what = f"its callers ask for {np.max(rps):g} requests/s, more than {LARGEST:g}"
                raise InputError(
                    places.problem(
                        (section, name),
                        what,
                        "Look at per_request along its calls: nobody can compute with so many.",
                    )
                )


def _grown(average: Floats, demand: Demand, places: Places) -> Array:
    """Return the average load after the months of growth; InputError if nobody could serve it."""
    with np.errstate(over="ignore"):
        grown = per_scenario(average * np.power(1.0 + demand.growth_per_month, demand.month))
    if not np.all(grown <= LARGEST):
        what = f"{np.max(grown):g} requests/s are more than can be computed; the limit is {LARGEST:g}"
        raise InputError(places.problem(("demand",), what, "Check its volume, growth_per_month and month."))
    return grown


def _volume(demand: Demand, hours_per_month: Floats) -> Floats | None:
    """Return requests per second from whichever volume the plan gives."""
    if demand.requests_per_second is not None:
        return demand.requests_per_second
    if demand.requests_per_day is not None:
        return demand.requests_per_day / DAY_S
    if demand.requests_per_month is not None:
        return demand.requests_per_month / (hours_per_month * HOUR_S)
    if demand.users_per_day is not None and demand.requests_per_user is not None:
        return demand.users_per_day * demand.requests_per_user / DAY_S
    return None


def _stretched(pattern: Pattern, demand: Demand, places: Places) -> Array:
    ratio = demand.peak_to_average
    if ratio is None:
        return pattern.shape.reshape(1, -1)
    limit = profiles.largest_ratio(pattern.shape)
    wanted = np.asarray(ratio, dtype=float)
    if wanted.min() < 1 or wanted.max() >= limit > 1 or (limit == 1 and wanted.max() > 1):
        bad = wanted.min() if wanted.min() < 1 else wanted.max()
        reach = f"can be stretched from 1 to below {limit:g}" if limit > 1 else "has no peak to stretch"
        what = f"got {plain(bad, 6)}; {pattern.name} {reach}"
        remedy = "Choose a profile with a narrower peak, or give a trace."
        raise InputError(places.problem(("demand", "peak_to_average"), what, remedy))
    return profiles.stretched(pattern.shape, ratio)


def _callers(plan: Plan) -> dict[str, list[str]]:
    callers: dict[str, list[str]] = {}
    for caller, service in plan.services.items():
        asked = {*service.calls, *(call.through for call in service.calls.values() if call.through)}
        for callee in asked:
            callers.setdefault(callee, []).append(caller)
    return callers


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
            if call.through is not None:
                _ask_first(plan, per_entry, call.through, per_entry[name] * _questions(call))
            per_entry[callee] = per_entry[callee] + per_entry[name] * _asked(plan, call)
    return per_entry


def _questions(call: Call) -> Floats:
    """Return how often a request asks the callee, or the semantic cache before it."""
    return call.per_request * (1 - call.deduplicated)


def _asked(plan: Plan, call: Call) -> Floats:
    """Return how often a request of the caller reaches the callee."""
    semantic = None if call.through is None else plan.caches[call.through].semantic
    missed = 1.0 if semantic is None else 1 - hit_rate(semantic)
    return _questions(call) * missed * (1 - call.cache_hit_rate)


def asked_rps(load: Load, plan: Plan, caller: str, call: Call) -> Array:
    """Return the calls per second by which ``caller`` reaches a callee, on average, (scenarios | 1, 1)."""
    return load.average(caller) * _asked(plan, call)


def _ask_first(plan: Plan, per_entry: dict[str, Array], cache: str, asked: Array) -> None:
    """Count the questions that a semantic cache is asked, and the embedding of each."""
    semantic = plan.caches[cache].semantic
    per_entry[cache] = per_entry[cache] + asked
    if semantic is not None and semantic.embedding is not None:
        per_entry[semantic.embedding] = per_entry[semantic.embedding] + asked


def hit_rate(semantic: Semantic) -> Floats:
    """Return the share of hits: as given, or interpolated at the similarity threshold."""
    if not semantic.hit_rate_at:
        return semantic.hit_rate
    assert semantic.similarity_threshold is not None
    measured = sorted((float(at), rate) for at, rate in semantic.hit_rate_at.items())
    thresholds, rates = zip(*measured, strict=True)
    # Linear in the rates, so each has its weight at the threshold, and any of them may vary.
    weights = [np.interp(semantic.similarity_threshold, thresholds, unit) for unit in np.eye(len(rates))]
    found: Array = np.asarray(sum(weight * rate for weight, rate in zip(weights, rates, strict=True)))
    return found


def _entering(plan: Plan) -> dict[str, Array]:
    """Return the share of the requests from outside that each entry gets."""
    entering: dict[str, Array] = {}
    for arrival in arrivals(plan):
        share = per_scenario(arrival.share)
        entering[arrival.component] = entering.get(arrival.component, 0.0) + share
    return entering

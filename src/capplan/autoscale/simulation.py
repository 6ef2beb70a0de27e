"""A plan's load, replayed through its autoscalers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.autoscale.arrivals import arrivals, rates
from capplan.autoscale.bill import Run, SimulatedBill, bill
from capplan.autoscale.compiled import COMPILED, Reals
from capplan.autoscale.loop import SimulatedService as Simulated
from capplan.autoscale.loop import simulate
from capplan.autoscale.settings import Settings
from capplan.autoscale.setup import Subject, subjects
from capplan.catalog.catalog import Catalog
from capplan.demand.load import Load, Pattern, load_on, pattern_of
from capplan.errors import InputError, Problem
from capplan.estimate import Estimate, context_of, estimate_on
from capplan.plan.bind import Scenarios
from capplan.plan.demand import Trace
from capplan.plan.model import Plan
from capplan.plan.read import PlanFile
from capplan.quantities import DAY_S, HOUR_S, plain
from capplan.stdin import name_of

_DAYS = 7.0
_MOST_TICKS = 50_000_000


class SimulatedSeries(NamedTuple):
    """The timeline of a service as arrays, (ticks,); see :class:`capplan.autoscale.signals.Timeline`."""

    arrivals: Array
    served: Array
    shed: Array
    worked: Array
    waiting: Array
    wanted: Array
    ready: Array
    kept: Array
    wait_s: Array
    p95_s: Array
    late: Array


class Pace(NamedTuple):
    """How fast a count moved in one direction.

    most, share: the largest change within a minute, in instances and as a share of those before. turn_s: the
    shortest time from a change in the other direction, infinite where none came before.
    """

    most: float
    share: float
    turn_s: float


class Figures(NamedTuple):
    """What a timeline comes to.

    needed_mean: instances that hindsight would have run. over_provisioned: share of the instance-hours
    beyond it. against_peak: share saved against running the most that was needed all the time. late_s: time
    in which the SLO was broken, late_share and shed_share: of the requests. p95: of the median request's
    tick, and of the worst tick. climb_s: from the last of the fewest instances to the first of the most.
    """

    instances_min: float
    instances_mean: float
    instances_max: float
    needed_mean: float
    over_provisioned: float
    against_peak: float
    utilization: float
    late_s: float
    late_share: float
    shed_share: float
    p95_typical_s: float
    p95_worst_s: float
    scale_ups: int
    scale_downs: int
    rise: Pace
    fall: Pace
    climb_s: float


class Outcome(NamedTuple):
    """One service: what was simulated, what happened, what it comes to."""

    subject: Subject
    series: SimulatedSeries
    figures: Figures


class Costs(NamedTuple):
    """USD a month: as simulated, with an autoscaler that knows the load, at the peak's size all the time."""

    simulated: SimulatedBill
    ideal: float
    at_peak: float


class Simulation(NamedTuple):
    """A plan, simulated."""

    estimate: Estimate
    settings: Settings
    load: str
    seconds: float
    outcomes: Sequence[Outcome]
    costs: Costs
    skipped: Sequence[str]


class Prepared(NamedTuple):
    """A plan that is ready to be simulated, as it is or with other autoscalers; notes: on its trace."""

    estimate: Estimate
    settings: Settings
    load: str
    seconds: float
    subjects: Sequence[Subject]
    notes: Sequence[str]


def prepare(file: PlanFile, catalog: Catalog, settings: Settings, trace: Trace | None = None) -> Prepared:
    """Return the services of the plan in ``file`` and their load; ``trace`` replaces the plan's shape.

    A trace given here keeps the plan's volume, if it says one.
    """
    estimate = estimate_on(context_of(file, catalog), Scenarios())
    load, pattern, notes = _load(estimate, trace, file.directory)
    step_s, settings = pattern.step_s, settings._replace(begins_s=pattern.begins_s)
    steps = load.shape.shape[1]
    natural_s = steps * step_s if steps > 1 else _DAYS * DAY_S
    seconds = natural_s if settings.days is None else settings.days * DAY_S
    if seconds / settings.tick_s > _MOST_TICKS:
        what = f"{plain(seconds / DAY_S)} days in ticks of {plain(settings.tick_s)} s are too many"
        raise InputError(Problem("--days", what, "Simulate fewer days, or longer ticks."))
    begins_s = settings.blind_s[0] if settings.lost is None else settings.lost.from_s or 0.0
    if begins_s >= seconds:
        what = f"begins after the {plain(seconds / HOUR_S)} simulated hours"
        raise InputError(Problem("--outage", what))
    smooth = step_s >= HOUR_S

    def in_ticks(rps: Array) -> Array:
        return rates(rps, step_s, settings.tick_s, seconds, smooth)

    by_name = {name: in_ticks(load.rps(name)[0]) for name in (*estimate.plan.services, *estimate.plan.llm)}
    if settings.lost is not None:
        from capplan.autoscale.lost import with_loss

        tick_s = settings.tick_s
        by_name = with_loss(by_name, settings.lost, estimate.plan, load, step_s, tick_s, in_ticks)
    found = list(subjects(estimate, by_name, settings))
    if estimate.plan.llm:
        from capplan.autoscale.models import model_subjects

        found += model_subjects(estimate, by_name, settings)
    if not found:
        remedy = "Give a service load, and service_time, throughput or --set services.NAME.cpu_time=20ms."
        if any(llm.disaggregated is not None for llm in estimate.plan.llm.values()):
            remedy += " Models with prefill and decode on separate replicas are not simulated."
        raise InputError(Problem(file.plan.name, "no service of the plan can be simulated", remedy))
    return Prepared(estimate, settings, load.profile, seconds, found, notes)


def _load(estimate: Estimate, trace: Trace | None, directory: Path) -> tuple[Load, Pattern, Sequence[str]]:
    """Return the load, its pattern, and what a reader must know of a trace."""
    plan, pattern = estimate.plan, estimate.context.pattern
    if trace is None:
        return estimate.load, pattern, (*pattern.gaps, *pattern.said)
    found = pattern_of(plan.demand.model_copy(update={"trace": trace}), directory)
    pattern = found._replace(name=Path(name_of(trace.file)).name)
    load = load_on(pattern, _unstretched(plan), estimate.hours_per_month, estimate.file.places)
    return load, pattern, [f"{pattern.name}: {note}" for note in (*pattern.gaps, *pattern.said)]


def _unstretched(plan: Plan) -> Plan:
    demand = plan.demand.model_copy(update={"peak_to_average": None})
    return plan.model_copy(update={"demand": demand})


def run(prepared: Prepared, progress: Callable[[str], None] = lambda _: None) -> Simulation:
    """Return what happens to every service; ``progress`` hears the name of each."""
    outcomes = []
    for subject in prepared.subjects:
        progress(subject.name)
        outcomes.append(outcome(subject, requests_of(subject, prepared.settings)))
    names, plan = {subject.name for subject in prepared.subjects}, prepared.estimate.plan
    return Simulation(
        estimate=prepared.estimate,
        settings=prepared.settings,
        load=prepared.load,
        seconds=prepared.seconds,
        outcomes=outcomes,
        costs=_costs(prepared, outcomes),
        skipped=[name for name in (*plan.services, *plan.llm) if name not in names],
    )


def requests_of(subject: Subject, settings: Settings) -> Array:
    """Return the requests that come in each tick, with the backlog that a queue's peak begins with."""
    found = arrivals(subject.rps, settings.tick_s, settings.seed, subject.name, settings.random)
    if subject.backlog > 0:
        found = found.copy()
        found[int(subject.rps.argmax())] += subject.backlog
    return found


def outcome(subject: Subject, requests: Array) -> Outcome:
    """Return what happens to ``requests``, (ticks,), at one service."""
    series = series_of(subject.simulated, requests)
    return Outcome(subject, series, figures(subject, series))


def series_of(simulated: Simulated, requests: Array) -> SimulatedSeries:
    """Return the timeline of ``requests``, (ticks,)."""
    timeline = simulate(simulated, as_reals(requests))
    return SimulatedSeries._make(np.asarray(column, dtype=float) for column in timeline)


def as_reals(values: Array) -> Reals:
    """Return numbers as the time loop reads them."""
    return values if COMPILED else values.tolist()  # type: ignore[return-value]


def figures(subject: Subject, series: SimulatedSeries) -> Figures:
    """Return what a timeline comes to."""
    tick_s, scaler = subject.simulated.traffic.tick_s, subject.simulated.scaler
    needed = np.clip(np.ceil(subject.rps / subject.target_rps - 1e-9), scaler.low, scaler.high)
    mean, needed_mean = float(series.wanted.mean()), float(needed.mean())
    requests = max(float(series.arrivals.sum()), 1e-12)
    capacity = float(series.ready.sum()) * subject.simulated.traffic.rate_rps * tick_s
    busy = series.arrivals > 0
    change = np.diff(series.wanted)
    return Figures(
        instances_min=float(series.wanted.min()),
        instances_mean=mean,
        instances_max=float(series.wanted.max()),
        needed_mean=needed_mean,
        over_provisioned=max(1 - needed_mean / mean, 0.0) if mean else 0.0,
        against_peak=1 - mean / max(float(needed.max()), 1.0),
        utilization=float(series.worked.sum()) / capacity if capacity else 0.0,
        late_s=float(series.late.sum()) * tick_s,
        late_share=float(series.arrivals[series.late > 0].sum()) / requests,
        shed_share=float(series.shed.sum()) / requests,
        p95_typical_s=_weighted_median(series.p95_s[busy], series.arrivals[busy]),
        p95_worst_s=float(series.p95_s.max()),
        scale_ups=int((change > 0).sum()),
        scale_downs=int((change < 0).sum()),
        rise=_pace(series.wanted, 1, tick_s),
        fall=_pace(series.wanted, -1, tick_s),
        climb_s=_climb_s(series.wanted, tick_s),
    )


def _pace(counts: Array, sign: int, tick_s: float) -> Pace:
    """Return how fast ``counts``, (ticks,), went up (``sign`` 1) or down (-1)."""
    ticks = max(round(60 / tick_s), 1)
    moved = sign * (counts[ticks:] - counts[:-ticks])
    before = np.maximum(counts[:-ticks], 1.0)
    change = sign * np.diff(counts)
    moves, others = np.flatnonzero(change > 0), np.flatnonzero(change < 0)
    last = np.searchsorted(others, moves) - 1
    turns = (moves - others[last])[last >= 0] if others.size else others
    return Pace(
        most=float(moved.max(initial=0.0)),
        share=float((moved / before).max(initial=0.0)),
        turn_s=float(turns.min()) * tick_s if turns.size else math.inf,
    )


def _climb_s(counts: Array, tick_s: float) -> float:
    """Return the time from the last of the fewest instances to the first of the most after it."""
    first = int(counts.argmax())
    fewest = np.flatnonzero(counts[: first + 1] == counts[: first + 1].min())
    return (first - int(fewest[-1])) * tick_s


def _weighted_median(values: Array, weights: Array) -> float:
    if not values.size:
        return 0.0
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(passed, passed[-1] / 2)])


def _costs(prepared: Prepared, outcomes: Sequence[Outcome]) -> Costs:
    estimate, tick_s = prepared.estimate, prepared.settings.tick_s
    simulated = {o.subject.name: Run(o.series.wanted, o.subject.rps, o.series.kept) for o in outcomes}
    ideal = {o.subject.name: _ideal(o.subject, flat=False) for o in outcomes}
    at_peak = {o.subject.name: _ideal(o.subject, flat=True) for o in outcomes}
    return Costs(
        bill(estimate, simulated, tick_s),
        bill(estimate, ideal, tick_s).total,
        bill(estimate, at_peak, tick_s).total,
    )


def _ideal(subject: Subject, flat: bool) -> Run:
    """Return the instances that hindsight would run, or the most of them all the time."""
    scaler = subject.simulated.scaler
    needed = np.clip(np.ceil(subject.rps / subject.target_rps - 1e-9), scaler.low, scaler.high)
    if flat:
        needed = np.full(needed.shape, needed.max())
    return Run(needed, subject.rps, needed)

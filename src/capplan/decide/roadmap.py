"""The roadmap of a plan: the phase that it is in, what holds it back, and what the next one costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from capplan.cost.lines import is_priced
from capplan.decide.bounds import with_bounds
from capplan.decide.breakeven import Alternative, Owned, estimate_at
from capplan.decide.drivers import Document, driver_of
from capplan.decide.questions import ITSELF, check_alternative
from capplan.decide.rules import TriggeredRule, fires, read_triggers, trigger_of
from capplan.decide.world import Case, PlanWorld
from capplan.errors import InputError
from capplan.estimate import Estimate
from capplan.findings import Finding
from capplan.plan.bind import Path
from capplan.plan.decisions import RoadmapPhase, TrafficSteps
from capplan.plan.read import PlanFile

_ROADMAP: Path = ("decisions", "roadmap")


class PhaseStanding(NamedTuple):
    """One phase: whether its entry criteria hold, and its metrics; None where that is unknown."""

    name: str
    section: RoadmapPhase
    enters: bool | None
    entry: Sequence[TriggeredRule]
    met: bool | None
    metrics: Sequence[TriggeredRule]


class TrafficCost(NamedTuple):
    """What an alternative costs when so much of the traffic has moved; a lower bound where not complete."""

    share: float
    usd_per_month: float | None
    complete: bool


class PhaseCost(NamedTuple):
    """What a phase's alternative costs in a month, None where nothing has a price.

    complete: whether everything has a price, here and now. more_usd_per_month: than the plan costs now; None
    where a price is missing. errors: of its estimate. steps: its cost while traffic moves.
    """

    alternative: str
    usd_per_month: float | None
    more_usd_per_month: float | None
    complete: bool
    errors: Sequence[Finding]
    steps: Sequence[TrafficCost]


class Roadmap(NamedTuple):
    """All phases in order. phase: the one that the plan is in; None before the first.

    held_back: criteria that do not hold, or are unknown: metrics of the phase, entry criteria of the next.
    costs: of this phase and the next, by name, where they name an alternative.
    """

    phases: Sequence[PhaseStanding]
    phase: str | None
    next_phase: str | None
    held_back: Sequence[TriggeredRule]
    costs: Mapping[str, PhaseCost]


def roadmap_of(world: PlanWorld, case: Case) -> Roadmap | None:
    """Return where a case of a plan stands on its roadmap; None where it has none.

    Raises :class:`InputError` for expressions that cannot be read, and for unknown alternatives or drivers.
    """
    file = world.file(case)
    sections = file.plan.decisions.roadmap if file.plan.decisions else {}
    if not sections:
        return None
    for name, section in sections.items():
        if section.alternative is not None:
            check_alternative(file, (*_ROADMAP, name, "alternative"), section.alternative)
    names = with_bounds(world.names(case))
    phases = [_standing(file, name, section, names) for name, section in sections.items()]
    entered = _entered(phases)
    now = phases[entered - 1] if entered else None
    then = phases[entered] if entered < len(phases) else None
    return Roadmap(
        phases=phases,
        phase=now.name if now else None,
        next_phase=then.name if then else None,
        held_back=list(_held_back(now, then)),
        costs={phase.name: cost for phase in (now, then) if phase and (cost := _cost(world, case, phase))},
    )


def _standing(file: PlanFile, name: str, section: RoadmapPhase, names: Document) -> PhaseStanding:
    def judged(part: str, said: Mapping[str, str]) -> list[TriggeredRule]:
        read = read_triggers(file, (*_ROADMAP, name, part), said)
        return [trigger_of(text, expression, names) for text, expression in read.items()]

    entry, metrics = judged("entry", section.entry), judged("metrics", section.metrics)
    enters = fires(entry, section.when) if entry else True
    return PhaseStanding(name, section, enters, entry, fires(metrics, "all"), metrics)


def _entered(phases: Sequence[PhaseStanding]) -> int:
    """Return how many phases the plan has entered: each needs its entry, and the metrics before it."""
    before: bool | None = True
    for index, phase in enumerate(phases):
        if not (before and phase.enters):
            return index
        before = phase.met
    return len(phases)


def _held_back(now: PhaseStanding | None, then: PhaseStanding | None) -> Iterator[TriggeredRule]:
    if now is not None:
        yield from (criterion for criterion in now.metrics if not criterion.fires)
    if then is not None and not then.enters:
        yield from (criterion for criterion in then.entry if not criterion.fires)


def _cost(world: PlanWorld, case: Case, phase: PhaseStanding) -> PhaseCost | None:
    name, traffic = phase.section.alternative, phase.section.traffic
    if name is None:
        return None
    built = case._replace(alternative=None if name == ITSELF else name)
    now, found = world.estimate(case), world.estimate(built)
    complete = now.certainty.complete and found.certainty.complete
    usd, usd_now = _usd(found), _usd(now)
    return PhaseCost(
        alternative=name,
        usd_per_month=usd,
        more_usd_per_month=usd - usd_now if complete and usd is not None and usd_now is not None else None,
        complete=found.certainty.complete,
        errors=[finding for finding in found.findings if finding.severity == "error"],
        steps=list(_steps(world, built, found, traffic, phase.name)) if traffic else (),
    )


def _steps(
    world: PlanWorld, built: Case, found: Estimate, traffic: TrafficSteps, phase: str
) -> Iterator[TrafficCost]:
    try:
        driver = driver_of(traffic.over, [world.file(built)], lambda: world.names(built))
    except InputError as error:
        path = (*_ROADMAP, phase, "traffic", "over")
        (problem, *_) = error.problems
        raise InputError(found.file.places.problem(path, problem.what, problem.remedy)) from None
    now = driver.now([found.file.plan]) if driver.is_path else None
    if now is not None and max(traffic.steps) <= 1 < now:
        what = f"are shares, and {driver.description} is a number: {now:,.12g} now"
        remedy = "Give its values, or vary a driver that says how much has moved."
        raise InputError(found.file.places.problem((*_ROADMAP, phase, "traffic", "steps"), what, remedy))
    alternative = Alternative(phase, found.context, Owned())
    for share in traffic.steps:
        then = estimate_at(alternative, driver, share)
        yield TrafficCost(share, _usd(then), then.certainty.complete)


def _usd(found: Estimate) -> float | None:
    """Return the expected cost of a month; None where nothing has a price."""
    return float(found.total.expected[0, 0]) if is_priced(found.lines) else None

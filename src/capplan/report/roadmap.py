"""The roadmap of a plan, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from capplan.decide.roadmap import PhaseCost, PhaseStanding, Roadmap, TrafficCost
from capplan.report import numbers
from capplan.report.blocks import Block, Findings, Lines
from capplan.report.growth import evidence_of, trigger_document
from capplan.report.json_format import finding_document
from capplan.report.table import Column, Table

_HOLDS = {True: "yes", False: "no", None: "unknown"}
_PHASES = tuple(map(Column, ("", "Phase", "Timeline", "Entry", "Metrics")))


def roadmap_blocks(found: Roadmap) -> Iterator[Block]:
    """Yield where the plan stands, what holds it back, and what comes next."""
    names = [phase.name for phase in found.phases]
    yield Lines([_where(found, names)], bullets=True)
    yield Table(_PHASES, [_row(phase, found.phase) for phase in found.phases])
    if found.held_back:
        held = [f"{_short(c.fires)}: {c.text}{evidence_of(c)}" for c in found.held_back]
        yield Lines(["What holds it back:", *(f"  {line}" for line in held)], bullets=True, indent="    ")
    for name in filter(None, (found.phase, found.next_phase)):
        phase, cost = found.phases[names.index(name)], found.costs.get(name)
        yield Lines(list(_work(phase, cost)), bullets=True, indent="    ")
        for finding in cost.errors if cost else ():
            yield Findings((finding,))


def _where(found: Roadmap, names: Sequence[str]) -> str:
    if found.phase is None:
        return f"Roadmap: before the first phase, {found.next_phase}."
    line = f"Roadmap: phase {found.phase}, {names.index(found.phase) + 1} of {len(names)}"
    return f"{line}; next is {found.next_phase}." if found.next_phase else f"{line}, the last."


def _row(phase: PhaseStanding, now: str | None) -> list[str]:
    said = phase.section
    entry = f"{_HOLDS[phase.enters]} ({said.when})" if len(phase.entry) > 1 else _HOLDS[phase.enters]
    metrics = _HOLDS[phase.met] if phase.metrics else ""
    return [
        "→" if phase.name == now else "",
        phase.name,
        said.timeline,
        entry if phase.entry else "",
        metrics,
    ]


def _short(holds: bool | None) -> str:
    return "unknown" if holds is None else "does not hold"


def _work(phase: PhaseStanding, cost: PhaseCost | None) -> Iterator[str]:
    yield f"Phase {phase.name}: {phase.section.goal}".removesuffix(": ")
    if cost is None:
        yield "  names no alternative, so what it costs is unknown"
    else:
        more = cost.more_usd_per_month
        compared = "" if more is None else ", as now" if abs(more) < 0.5 else f", {more:+,.0f} from now"
        yield f"  costs {_amount(cost.usd_per_month, cost.complete)} as {cost.alternative}{compared}"
        yield from (f"  {_moved(step, phase)}" for step in cost.steps)
    yield from (f"  to do: {task}" for task in phase.section.tasks)


def _moved(step: TrafficCost, phase: PhaseStanding) -> str:
    over = phase.section.traffic.over if phase.section.traffic else ""
    return f"at {over} {numbers.quantity(step.share)}: {_amount(step.usd_per_month, step.complete)}"


def _amount(usd: float | None, complete: bool) -> str:
    if usd is None:
        return "an unknown amount, because nothing has a price,"
    return f"{usd:,.0f} USD a month" if complete else f"at least {usd:,.0f} USD a month"


def roadmap_document(found: Roadmap) -> dict[str, Any]:
    """Return the same as scripts read it."""
    return {
        "phase": found.phase,
        "next_phase": found.next_phase,
        "held_back": [trigger_document(criterion, "holds") for criterion in found.held_back],
        "costs": {name: _cost_document(cost) for name, cost in found.costs.items()},
        "phases": [_phase_document(phase) for phase in found.phases],
    }


def _cost_document(cost: PhaseCost) -> dict[str, Any]:
    return {
        "alternative": cost.alternative,
        "monthly_cost": cost.usd_per_month,
        "more_than_now": cost.more_usd_per_month,
        "bound": None if cost.complete else "lower",
        "errors": [finding_document(finding) for finding in cost.errors],
        "steps": [
            {
                "share": step.share,
                "monthly_cost": step.usd_per_month,
                "bound": None if step.complete else "lower",
            }
            for step in cost.steps
        ],
    }


def _phase_document(phase: PhaseStanding) -> dict[str, Any]:
    said = phase.section
    return {
        "name": phase.name,
        "goal": said.goal or None,
        "timeline": said.timeline or None,
        "alternative": said.alternative,
        "tasks": said.tasks,
        "when": said.when,
        "enters": phase.enters,
        "entry": [trigger_document(criterion, "holds") for criterion in phase.entry],
        "met": phase.met,
        "metrics": [trigger_document(criterion, "holds") for criterion in phase.metrics],
    }

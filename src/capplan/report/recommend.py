"""Recommendations, for people and for scripts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from capplan.decide.recommend import Advice, Hint, Margin
from capplan.decide.roadmap import Roadmap
from capplan.report import numbers
from capplan.report.blocks import Block, Findings, Heading, Lines, Report
from capplan.report.growth import Decided, decisions_blocks, decisions_document
from capplan.report.json_format import SCHEMA_VERSION, finding_document
from capplan.report.roadmap import roadmap_blocks, roadmap_document
from capplan.report.table import Column, Table

_UNDECIDED = Decided()


def report_of(advice: Advice, decided: Decided = _UNDECIDED, roadmap: Roadmap | None = None) -> Report:
    """Return what to do first, where every component stands, and what the plan's own rules say."""
    about = (advice, decided, roadmap)
    return Report(partial(_blocks, *about), partial(_document_of, *about))


def _blocks(advice: Advice, decided: Decided, roadmap: Roadmap | None) -> Iterator[Block]:
    yield Heading(
        f"{advice.estimate.plan.name}: what to change, best first; each saving is for that change alone"
    )
    for finding in advice.problems:
        yield Findings((finding,))
    if advice.hints:
        yield _hints(advice)
        yield Lines([_detail(i, hint) for i, hint in enumerate(advice.hints, 1)], bullets=True, indent="   ")
    elif not advice.estimate.certainty.complete:
        yield Lines(("Prices are missing, so it is unknown whether any change saves money.",))
    else:
        yield Lines(("No change was found that saves money without breaking anything.",))
    if advice.standings:
        yield standings(advice.standings)
    yield from decisions_blocks(decided)
    if roadmap is not None:
        yield from roadmap_blocks(roadmap)


def _document_of(advice: Advice, decided: Decided, roadmap: Roadmap | None) -> dict[str, Any]:
    phases = None if roadmap is None else roadmap_document(roadmap)
    return recommend_document(advice) | decisions_document(decided) | {"roadmap": phases}


def _hints(advice: Advice) -> Table:
    columns = (
        Column("#", right=True),
        Column("USD/month", right=True),
        Column("Component", shrinks=True),
        Column("Change", shrinks=True),
    )
    rows = [[str(i), _saving(h), h.change.component, h.change.text] for i, h in enumerate(advice.hints, 1)]
    return Table(columns, rows)


def _saving(hint: Hint) -> str:
    return ("up to " if hint.at_most else "") + numbers.money(hint.saving_usd_per_month)


def _detail(index: int, hint: Hint) -> str:
    return f"{index:>2} --set {shlex.quote(assignment(hint))}; risk: {hint.change.risk}"


def assignment(hint: Hint) -> str:
    """Return the change as `--set` takes it."""
    import json

    value = hint.change.value
    plain = value if isinstance(value, str) else json.dumps(value)
    return f"{'.'.join(hint.change.path)}={plain}"


def standings(margins: Sequence[Margin]) -> Table:
    """Return where every component stands, and how much load it has left."""
    columns = (
        Column("Component", shrinks=True),
        Column("Tier or machine", shrinks=True),
        Column("Limited by", shrinks=True),
        Column("Load growth left", right=True),
        Column("until", shrinks=True),
    )
    return Table(columns, [_standing(margin) for margin in margins])


def _standing(standing: Margin) -> list[str]:
    growth = "" if standing.growth is None else _growth(standing.growth)
    return [standing.component, standing.tier, standing.why, growth, standing.boundary]


def _growth(share: float) -> str:
    """Return how much more there may be: in percent, or as a factor where that says more."""
    return f"{share:+.0%}" if share < 9 else f"× {share + 1:,.0f}"


def recommend_document(advice: Advice) -> dict[str, Any]:
    """Return the advice as scripts read it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": advice.estimate.plan.name,
        "currency": "USD",
        "recommendations": [_document(hint) for hint in advice.hints],
        "components": {
            s.component: {"tier": s.tier, "why": s.why, "growth": s.growth, "boundary": s.boundary or None}
            for s in advice.standings
        },
        "warnings": [finding_document(finding) for finding in advice.problems],
    }


def _document(hint: Hint) -> dict[str, Any]:
    return {
        "component": hint.change.component,
        "kind": hint.change.kind,
        "change": hint.change.text,
        "set": assignment(hint),
        "saving_usd_per_month": hint.saving_usd_per_month,
        "bound": "upper" if hint.at_most else None,
        "risk": hint.change.risk,
    }

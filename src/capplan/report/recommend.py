"""Recommendations, for people and for scripts."""

from __future__ import annotations

import textwrap
from typing import Any

from capplan.decide.recommend import Advice, Hint, Standing
from capplan.report import numbers
from capplan.report.json_format import SCHEMA_VERSION, finding_document
from capplan.report.table import Column, Table, markdown, text


def recommend_text(advice: Advice, width: int) -> str:
    """Return what to do first, then where every component stands."""
    parts = [f"{advice.estimate.plan.name}: what to change, best first; each saving on its own\n"]
    parts += [
        textwrap.fill(f"ERROR  {f.subject}: {f.said}", width, subsequent_indent="  ") + "\n"
        for f in advice.problems
    ]
    if advice.hints:
        parts.append(text(_hints(advice), width))
        parts.append(_details(advice, width))
    else:
        parts.append("Nothing found that saves money and breaks nothing.\n")
    if advice.standings:
        parts.append(text(_standings(advice), width))
    return "\n".join(parts)


def recommend_markdown(advice: Advice) -> str:
    """Return the same as Markdown."""
    parts = [f"### {advice.estimate.plan.name}: recommendations\n"]
    parts += [f"- **error** `{f.subject}`: {f.said}\n" for f in advice.problems]
    if advice.hints:
        parts.append(markdown(_hints(advice)))
    parts.append(markdown(_standings(advice)))
    return "\n".join(parts)


def _hints(advice: Advice) -> Table:
    columns = (
        Column("#", right=True),
        Column("USD/month", right=True),
        Column("Component", shrinks=True),
        Column("Change", shrinks=True),
    )
    rows = [
        [str(i), numbers.money(h.saving_usd_per_month), h.change.component, h.change.text]
        for i, h in enumerate(advice.hints, 1)
    ]
    return Table(columns, rows)


def _details(advice: Advice, width: int) -> str:
    lines = []
    for index, hint in enumerate(advice.hints, 1):
        said = f"{index:>2} --set {assignment(hint)}; risk: {hint.change.risk}"
        lines.append(textwrap.fill(said, width, subsequent_indent="   ", break_on_hyphens=False))
    return "\n".join(lines) + "\n"


def assignment(hint: Hint) -> str:
    """Return the change as `--set` takes it."""
    import json

    value = hint.change.value
    plain = value if isinstance(value, str) else json.dumps(value)
    return f"{'.'.join(hint.change.path)}={plain}"


def _standings(advice: Advice) -> Table:
    columns = (
        Column("Component", shrinks=True),
        Column("Stands at", shrinks=True),
        Column("Because of", shrinks=True),
        Column("Load may grow", right=True),
        Column("until", shrinks=True),
    )
    return Table(columns, [_standing(standing) for standing in advice.standings])


def _standing(standing: Standing) -> list[str]:
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
        "risk": hint.change.risk,
    }

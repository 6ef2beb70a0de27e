"""An audit, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from capplan.decide.audit import Audit, ClaimResult
from capplan.plan.claims import Said
from capplan.report import numbers
from capplan.report.blocks import Block, Heading, Lines, Report, Wide
from capplan.report.json_format import SCHEMA_VERSION
from capplan.report.table import Column, Table

_INDENT = " " * 9


def report_of(audit: Audit, everything: bool) -> Report:
    """Return what does not hold, or ``everything``, by verdict, after how many claims have each."""
    return Report(partial(_blocks, audit, everything), partial(audit_document, audit))


def _blocks(audit: Audit, everything: bool) -> Iterator[Block]:
    yield Heading(audit.document, (_summary(audit), _kinds(audit)))
    for verdict in audit.counts:
        results = [result for result in audit.results if result.verdict == verdict]
        if verdict != "holds" or everything:
            said = [line for result in results for line in _item(result)]
            yield Wide(_table(verdict, results), Lines([verdict.upper(), *said], indent=_INDENT))


def _item(result: ClaimResult) -> Iterator[str]:
    claim = result.claim
    unit = f" {claim.unit}" if claim.unit else ""
    said = f"{claim.line:>5}  {claim.text}: {_said(claim.value)}{unit}"
    if result.computed is not None and result.verdict != "holds":
        said += f"; computed {_figure(result.computed, claim.value.percent)}{_distance(result)}"
    yield said
    if result.explanation:
        yield f"{_INDENT}{result.explanation}"


def audit_document(audit: Audit) -> dict[str, Any]:
    """Return all claims as JSON."""
    return {
        "schema_version": SCHEMA_VERSION,
        "document": audit.document,
        "summary": dict(audit.counts),
        "kinds": dict(audit.kinds),
        "truthful": audit.truthful,
        "claims": [_claim(result) for result in audit.results],
    }


_COUNTED: Mapping[str, tuple[str, str]] = {
    "holds": ("holds", "hold"),
    "off": ("is wrong", "are wrong"),
    "contradicts itself": ("contradicts itself", "contradict themselves"),
    "broken": ("is broken", "are broken"),
    "cannot be computed": ("cannot be computed", "cannot be computed"),
}
"""What one claim does that has a verdict, and what several do."""


def _summary(audit: Audit) -> str:
    counts = ", ".join(f"{count} {_COUNTED[verdict][count != 1]}" for verdict, count in audit.counts.items())
    return f"{len(audit.results)} claims: {counts}"


_KINDS: Mapping[str, str] = {
    "computed": "computed from the model",
    "restated": "restated in the plan or a table",
    "consistency": "compared with other claims",
    "not computable": "not computable",
}


def _kinds(audit: Audit) -> str:
    counts = ", ".join(f"{count} {_KINDS[kind]}" for kind, count in audit.kinds.items() if count)
    possible = len(audit.results) - audit.kinds["not computable"]
    return (
        f"{counts}; {audit.kinds['computed'] / possible:.0%} of what can be computed" if possible else counts
    )


def _table(verdict: str, results: Sequence[ClaimResult]) -> Table:
    columns = (
        Column("Line", right=True),
        Column("Claim"),
        Column("says", right=True),
        Column("computed", right=True),
        Column("Verdict"),
        Column("Kind"),
        Column("Why"),
    )
    return Table(columns, [_row(result) for result in results], verdict)


def _row(result: ClaimResult) -> list[str]:
    claim = result.claim
    unit = f" {claim.unit}" if claim.unit else ""
    computed = "" if result.computed is None else _figure(result.computed, claim.value.percent)
    return [
        str(claim.line),
        claim.text,
        _said(claim.value) + unit,
        computed,
        result.verdict + _distance(result),
        result.kind,
        result.explanation,
    ]


def _distance(result: ClaimResult) -> str:
    """Return how far the document is off: a multiple where it is at least double."""
    if not result.off_by:
        return ""
    ratio = 1 + result.off_by
    for times, word in ((ratio, "high"), (1 / ratio if ratio > 0 else 0.0, "low")):
        if times >= 2:
            return f" ({numbers.quantity(float(f'{times:.3g}'))} times too {word})"
    return f" ({result.off_by:+.{0 if abs(result.off_by) >= 0.0995 else 1}%})"


def _said(said: Said) -> str:
    if said.exact is not None:
        return _figure(said.exact, False)
    low, high = (_figure(figure, said.percent) for figure in (said.low, said.high))
    if said.low is None or said.high is None:
        return f"at least {low}" if said.high is None else f"at most {high}"
    return low if said.low == said.high else f"{low} to {high}"


def _figure(value: float | bool | str | None, percent: bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, str):
        return value or ""
    if percent:
        return f"{100 * float(value):.4g}%"
    tiny = 0 < abs(value) < 0.01
    return numbers.unit_price(float(value)) if tiny else numbers.quantity(float(value))


def _claim(result: ClaimResult) -> dict[str, Any]:
    claim = result.claim
    return {
        "id": result.name,
        "line": claim.line,
        "text": claim.text,
        "unit": claim.unit or None,
        "says": {"exact": claim.value.exact, "low": claim.value.low, "high": claim.value.high},
        "expression": claim.expression,
        "tolerance": claim.tolerance,
        "kind": result.kind,
        "verdict": result.verdict,
        "computed": result.computed,
        "off_by": result.off_by,
        "explanation": result.explanation or None,
    }

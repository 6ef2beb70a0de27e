"""The report of a check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from capplan.gate.check import Checked
from capplan.report import numbers
from capplan.report.blocks import Block, Heading, Report, Result, Results
from capplan.report.json_format import SCHEMA_VERSION
from capplan.report.results import sheet_of

_KINDS = ("cost", "capacity", "coverage")
_ANSWERS = {"error": "deny", "warning": "warn"}


def report_of(checked: Checked) -> Report:
    """Return the report of a check; its document is what a later check takes for its baseline."""
    results = Results(checked.found, _KINDS)
    return Report(
        partial(_blocks, checked, results),
        partial(_document, checked),
        {"csv": partial(sheet_of, results)},
        results=results,
    )


def _blocks(checked: Checked, results: Results) -> Iterator[Block]:
    """Yield whether the plan passes, what it costs, and what was found."""
    failing = sum(result.fails for result in results.results)
    word = "FAIL" if failing else "PASS"
    others = len(results.results) - failing
    said = f"{failing} failed, {others} warned or waived" if checked.found else "no violations"
    cost = checked.document["monthly_cost"]
    costs = f"USD a month min / expected / max: {_figures(cost)}"
    yield Heading(f"{word}  {checked.document['plan']}: {said}", (costs,))
    yield results


def _figures(cost: Mapping[str, Any]) -> str:
    """Return least, expected and highest cost, each with the sign of what it bounds."""
    if cost["expected"] is None:
        return "unpriced"
    sign = numbers.BOUNDS[cost["bound"]]
    shown = (numbers.money(cost[key]) for key in ("min", "expected", "max"))
    return " / ".join(usd if usd == numbers.money(None) else sign + usd for usd in shown)


def _document(checked: Checked) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": checked.document["plan"],
        "exit_code": int(checked.exit_code),
        "monthly_cost": checked.document["monthly_cost"],
        "violations": list(map(violation_document, checked.found)),
    }


def violation_document(result: Result) -> dict[str, Any]:
    """Return one result of a gate."""
    found = result.finding
    return {
        "gate": result.rule,
        "code": found.code,
        "kind": result.suite,
        "severity": _ANSWERS[found.severity],
        "fails": result.fails,
        "component": found.subject or None,
        "message": found.message,
        "remedy": found.remedy,
        "path": ".".join(map(str, result.path)),
        "where": found.where,
        "waived": result.waived or None,
        "known": result.known,
        "fingerprint": result.fingerprint,
    }

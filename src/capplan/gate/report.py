"""A check as text, Markdown and JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from capplan.gate.check import Checked
from capplan.gate.judged import Judged
from capplan.report import numbers
from capplan.report.json_format import SCHEMA_VERSION

WORDS = {"error": "FAIL", "warning": "WARN"}
_ANSWERS = {"error": "deny", "warning": "warn"}


def verdict(checked: Checked) -> str:
    """Return one line: whether it passes, and what it costs."""
    failing = [judged for judged in checked.found if judged.fails]
    cost = checked.document["monthly_cost"]
    figures = " / ".join(numbers.money(cost[key]) for key in ("min", "expected", "max"))
    word = "FAIL" if failing else "PASS"
    others = len(checked.found) - len(failing)
    said = f"{len(failing)} failed, {others} warned or waived" if checked.found else "nothing to say"
    return f"{word}  {checked.document['plan']}: {said}; USD a month min / expected / max: {figures}"


def label(judged: Judged) -> str:
    """Return what a finding counts as."""
    if judged.waived:
        return "WAIVED"
    return "KNOWN" if judged.old else WORDS[judged.finding.severity]


def message(judged: Judged) -> str:
    """Return what is wrong and what to do, in one line."""
    subject = judged.finding.subject
    return f"{subject}: {judged.said}" if subject else judged.said


def as_text(checked: Checked, width: int) -> str:
    """Return verdict and violations, worst first."""
    lines = [verdict(checked)]
    for judged in checked.found:
        said = f"{label(judged)}  {judged.where}: {message(judged)} [{judged.gate}]"
        lines.append(_wrapped(said, width))
    return "\n".join(lines) + "\n"


def _wrapped(said: str, width: int) -> str:
    """Break between words only: a path that is cut in two cannot be opened."""
    return textwrap.fill(said, width, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def as_markdown(checked: Checked) -> str:
    """Return the same for a comment or a step summary."""
    lines = [f"### {verdict(checked)}", ""]
    if checked.found:
        lines += ["| | Gate | Component | What | Where |", "|---|---|---|---|---|"]
    for judged in checked.found:
        said, subject = judged.said.replace("|", "\\|"), judged.finding.subject
        cells = (label(judged), f"`{judged.gate}`", subject, said, f"`{judged.where}`")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def as_document(checked: Checked) -> dict[str, Any]:
    """Return the check as scripts read it, and as a later check takes it for its baseline."""
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": checked.document["plan"],
        "exit_code": int(checked.exit_code),
        "monthly_cost": checked.document["monthly_cost"],
        "violations": [_document(judged) for judged in checked.found],
    }


def _document(judged: Judged) -> dict[str, Any]:
    found = judged.finding
    return {
        "gate": judged.gate,
        "code": found.code,
        "kind": judged.kind,
        "severity": _ANSWERS[found.severity],
        "fails": judged.fails,
        "component": found.subject or None,
        "message": found.message,
        "remedy": found.remedy,
        "path": ".".join(map(str, judged.path)),
        "where": judged.where,
        "waived": judged.waived or None,
        "known": judged.old,
        "fingerprint": judged.fingerprint,
    }


def fingerprints(document: Any) -> frozenset[str]:
    """Return what an earlier check, as JSON, already knew."""
    violations: Sequence[dict[str, Any]] = document.get("violations", ())
    return frozenset(violation["fingerprint"] for violation in violations)

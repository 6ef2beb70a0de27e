"""A check as text, Markdown and JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from capplan.gate.check import Checked
from capplan.gate.violations import Violation
from capplan.report import numbers
from capplan.report.json_format import SCHEMA_VERSION

WORDS = {"deny": "FAIL", "warn": "WARN"}


def verdict(checked: Checked) -> str:
    """Return one line: whether it passes, and what it costs."""
    failing = [violation for violation in checked.violations if violation.fails]
    cost = checked.document["monthly_cost"]
    figures = " / ".join(numbers.money(cost[key]) for key in ("min", "expected", "max"))
    word = "FAIL" if failing else "PASS"
    others = len(checked.violations) - len(failing)
    said = f"{len(failing)} failed, {others} warned or waived" if checked.violations else "nothing to say"
    return f"{word}  {checked.document['plan']}: {said}; USD a month min / expected / max: {figures}"


def label(violation: Violation) -> str:
    """Return what a violation counts as."""
    if violation.waived:
        return "WAIVED"
    return "KNOWN" if violation.old else WORDS[violation.severity]


def message(violation: Violation) -> str:
    """Return what is wrong and what to do, in one line."""
    subject = f"{violation.component}: " if violation.component else ""
    waived = f" Waived by {violation.waived}." if violation.waived else ""
    return f"{subject}{violation.message}. {violation.remedy}{waived}".replace("..", ".").rstrip()


def as_text(checked: Checked, width: int) -> str:
    """Return verdict and violations, worst first."""
    lines = [verdict(checked)]
    for violation in checked.violations:
        said = f"{label(violation)}  {violation.where}: {message(violation)} [{violation.gate}]"
        lines.append(_wrapped(said, width))
    return "\n".join(lines) + "\n"


def _wrapped(said: str, width: int) -> str:
    """Break between words only: a path that is cut in two cannot be opened."""
    return textwrap.fill(said, width, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def as_markdown(checked: Checked) -> str:
    """Return the same for a comment or a step summary."""
    lines = [f"### {verdict(checked)}", ""]
    if checked.violations:
        lines += ["| | Gate | Component | What | Where |", "|---|---|---|---|---|"]
    for violation in checked.violations:
        said = message(violation._replace(component="")).replace("|", "\\|")
        cells = (label(violation), f"`{violation.gate}`", violation.component, said, f"`{violation.where}`")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def as_document(checked: Checked) -> dict[str, Any]:
    """Return the check as scripts read it, and as a later check takes it for its baseline."""
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": checked.document["plan"],
        "exit_code": int(checked.exit_code),
        "monthly_cost": checked.document["monthly_cost"],
        "violations": [_document(violation) for violation in checked.violations],
    }


def _document(violation: Violation) -> dict[str, Any]:
    return {
        "gate": violation.gate,
        "kind": violation.kind,
        "severity": violation.severity,
        "fails": violation.fails,
        "component": violation.component or None,
        "message": violation.message,
        "remedy": violation.remedy,
        "path": ".".join(map(str, violation.path)),
        "where": violation.where,
        "waived": violation.waived or None,
        "known": violation.old,
        "fingerprint": violation.fingerprint,
    }


def fingerprints(document: Any) -> frozenset[str]:
    """Return what an earlier check, as JSON, already knew."""
    violations: Sequence[dict[str, Any]] = document.get("violations", ())
    return frozenset(violation["fingerprint"] for violation in violations)

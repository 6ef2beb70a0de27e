"""A check as the files and lines that CI systems read: JUnit, SARIF, GitHub's annotations."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from capplan import ci_output as ci
from capplan.gate.check import Checked
from capplan.gate.report import label, message
from capplan.gate.violations import Violation

MOST_ANNOTATIONS = 10
"""GitHub shows ten errors and ten warnings of a step, and drops the others silently."""

_LEVELS = {"deny": "error", "warn": "warning"}
_PLACE = re.compile(r"^(?P<file>.*?):(?P<line>\d+)(?::(?P<column>\d+))?$")


def _place(violation: Violation) -> tuple[str, int]:
    found = _PLACE.match(violation.where)
    return (violation.where, 1) if found is None else (found["file"], int(found["line"]))


def as_junit(checked: Checked) -> str:
    """Return a JUnit file: a suite for each kind of gate, a case for each violation, and one that passed."""
    kinds = ("cost", "capacity", "coverage")
    failing = sum(violation.fails for violation in checked.violations)
    root = ElementTree.Element("testsuites", name="capplan", tests="0", failures=str(failing))
    total = 0
    for kind in kinds:
        found = [violation for violation in checked.violations if violation.kind == kind]
        fails = sum(violation.fails for violation in found)
        cases = max(len(found), 1)
        total += cases
        suite = ElementTree.SubElement(
            root, "testsuite", name=kind, tests=str(cases), failures=str(fails), errors="0", skipped="0"
        )
        if not found:
            ElementTree.SubElement(suite, "testcase", classname=kind, name="every gate holds")
        for violation in found:
            _case(suite, violation)
    root.set("tests", str(total))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, violation: Violation) -> None:
    name = f"{violation.gate} {violation.component}".strip()
    case = ElementTree.SubElement(suite, "testcase", classname=violation.kind, name=name)
    said = f"{violation.where}: {message(violation)}"
    if violation.fails:
        failure = ElementTree.SubElement(case, "failure", message=violation.message, type=violation.gate)
        failure.text = said
    else:
        out = ElementTree.SubElement(case, "system-out")
        out.text = f"{label(violation)} {said}"


def as_sarif(checked: Checked) -> str:
    """Return SARIF 2.1.0; without violations the list of results is empty, not missing."""
    results = [_result(violation) for violation in checked.violations if not violation.old]
    return ci.sarif_log((violation.gate for violation in checked.violations), results)


def _result(violation: Violation) -> dict[str, Any]:
    file, line = _place(violation)
    result: dict[str, Any] = {
        "ruleId": violation.gate,
        "level": _LEVELS[violation.severity],
        "message": {"text": message(violation)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": ci.uri(Path(file))},
                    "region": {"startLine": line},
                }
            }
        ],
        "partialFingerprints": {"capplan/v1": hashlib.sha256(violation.fingerprint.encode()).hexdigest()},
    }
    if violation.waived:
        result["suppressions"] = [{"kind": "external", "justification": violation.waived}]
    return result


def as_github(checked: Checked) -> str:
    """Return workflow commands, worst first, as many as GitHub shows."""
    return "".join(f"{line}\n" for line in _annotations(checked))


def _annotations(checked: Checked) -> Iterator[str]:
    for command, wanted in (("error", True), ("warning", False)):
        found = [v for v in checked.violations if v.fails is wanted and not v.old and not v.waived]
        # The last place goes to saying how many more there are.
        shown = found if len(found) <= MOST_ANNOTATIONS else found[: MOST_ANNOTATIONS - 1]
        for violation in shown:
            file, line = _place(violation)
            place = (
                f"file={ci.escaped_property(file)},line={line},title={ci.escaped_property(violation.gate)}"
            )
            yield f"::{command} {place}::{ci.escaped(message(violation))}"
        if len(found) > len(shown):
            yield f"::{command} title=capplan::{len(found) - len(shown)} more: see the step summary"

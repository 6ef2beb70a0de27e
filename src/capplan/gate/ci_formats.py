"""A check as the files and lines that CI systems read: JUnit, SARIF, GitHub's annotations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from capplan import ci_output as ci
from capplan.gate.check import Checked
from capplan.gate.judged import Judged
from capplan.gate.report import label, message

MOST_ANNOTATIONS = 10
"""GitHub shows ten errors and ten warnings of a step, and drops the others silently."""


def _place(judged: Judged) -> tuple[str, int]:
    return judged.finding.file, judged.finding.line or 1


def as_junit(checked: Checked) -> str:
    """Return a JUnit file: a suite for each kind of gate, a case for each finding, and one that passed."""
    kinds = ("cost", "capacity", "coverage")
    failing = sum(judged.fails for judged in checked.found)
    root = ElementTree.Element("testsuites", name="capplan", tests="0", failures=str(failing))
    total = 0
    for kind in kinds:
        found = [judged for judged in checked.found if judged.kind == kind]
        fails = sum(judged.fails for judged in found)
        cases = max(len(found), 1)
        total += cases
        suite = ElementTree.SubElement(
            root, "testsuite", name=kind, tests=str(cases), failures=str(fails), errors="0", skipped="0"
        )
        if not found:
            ElementTree.SubElement(suite, "testcase", classname=kind, name="every gate holds")
        for judged in found:
            _case(suite, judged)
    root.set("tests", str(total))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, judged: Judged) -> None:
    name = f"{judged.gate} {judged.finding.subject}".strip()
    case = ElementTree.SubElement(suite, "testcase", classname=judged.kind, name=name)
    said = f"{judged.where}: {message(judged)}"
    if judged.fails:
        failure = ElementTree.SubElement(case, "failure", message=judged.finding.message, type=judged.gate)
        failure.text = said
    else:
        out = ElementTree.SubElement(case, "system-out")
        out.text = f"{label(judged)} {said}"


def as_sarif(checked: Checked) -> str:
    """Return SARIF 2.1.0; without findings the list of results is empty, not missing."""
    results = [_result(judged) for judged in checked.found if not judged.old]
    return ci.sarif_log((judged.gate for judged in checked.found), results)


def _result(judged: Judged) -> dict[str, Any]:
    file, line = _place(judged)
    result: dict[str, Any] = {
        "ruleId": judged.gate,
        "level": judged.finding.severity,
        "message": {"text": message(judged)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": ci.uri(Path(file))},
                    "region": {"startLine": line},
                }
            }
        ],
        "partialFingerprints": {"capplan/v1": hashlib.sha256(judged.fingerprint.encode()).hexdigest()},
    }
    if judged.waived:
        result["suppressions"] = [{"kind": "external", "justification": judged.waived}]
    return result


def as_github(checked: Checked) -> str:
    """Return workflow commands, worst first, as many as GitHub shows."""
    return "".join(f"{line}\n" for line in _annotations(checked))


def _annotations(checked: Checked) -> Iterator[str]:
    for command, wanted in (("error", True), ("warning", False)):
        found = [v for v in checked.found if v.fails is wanted and not v.old and not v.waived]
        # The last place goes to saying how many more there are.
        shown = found if len(found) <= MOST_ANNOTATIONS else found[: MOST_ANNOTATIONS - 1]
        for judged in shown:
            file, line = _place(judged)
            place = f"file={ci.escaped_property(file)},line={line},title={ci.escaped_property(judged.gate)}"
            yield f"::{command} {place}::{ci.escaped(message(judged))}"
        if len(found) > len(shown):
            yield f"::{command} title=capplan::{len(found) - len(shown)} more: see the step summary"

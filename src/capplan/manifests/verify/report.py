"""Findings as text, JSON, SARIF, and annotations of a GitHub workflow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from capplan import ci_output as ci
from capplan.findings import Finding

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def shown(findings: Sequence[Finding], fmt: str, directory: PurePath) -> str:
    """Return the findings in one format; paths are relative to where the command runs."""
    return _FORMATS[fmt](findings, directory)


def line_of(finding: Finding) -> str:
    """Return a finding as one line, without its file."""
    return f"{finding.severity} {finding.code} {_subject(finding, ': ')}: {finding.said}"


def _subject(finding: Finding, between: str = " ") -> str:
    return between.join(filter(None, (finding.subject, finding.field)))


def _table(findings: Sequence[Finding], directory: PurePath) -> str:
    return "".join(f"{_place(f, directory)}{line_of(f)}\n" for f in findings)


def _place(finding: Finding, directory: PurePath) -> str:
    if not finding.file:
        return ""
    numbers = [number for number in (finding.line, finding.column) if number is not None]
    return ":".join(map(str, (directory / finding.file, *numbers))) + ": "


def _json(findings: Sequence[Finding], directory: PurePath) -> str:
    found = [
        {
            "id": f.code,
            "severity": f.severity,
            "file": str(directory / f.file) if f.file else None,
            "line": f.line,
            "object": f.subject,
            "field": f.field or None,
            "message": f.message,
            "remedy": f.remedy or None,
        }
        for f in findings
    ]
    return json.dumps({"schema_version": 1, "findings": found}, indent=2, ensure_ascii=False) + "\n"


def _sarif(findings: Sequence[Finding], directory: PurePath) -> str:
    results = [
        {
            "ruleId": f.code,
            "level": _LEVELS[f.severity],
            "message": {"text": _message(f)},
            "locations": [{"physicalLocation": _location(f, directory)}],
        }
        for f in findings
    ]
    return ci.sarif_log((f.code for f in findings), results)


def _location(finding: Finding, directory: PurePath) -> dict[str, Any]:
    """Return where a finding is: the file, and the line where one is known."""
    location: dict[str, Any] = {"artifactLocation": {"uri": ci.uri(directory / (finding.file or "."))}}
    return location if finding.line is None else {**location, "region": {"startLine": finding.line}}


def _message(finding: Finding) -> str:
    return f"{_subject(finding)}: {finding.said}"


def _github(findings: Sequence[Finding], directory: PurePath) -> str:
    lines = []
    for f in findings:
        level = "notice" if f.severity == "info" else f.severity
        place = ci.from_here(directory / f.file).as_posix() if f.file else None
        known = {"file": place, "line": f.line, "title": f.code}
        said = ",".join(f"{key}={ci.escaped_property(str(v))}" for key, v in known.items() if v is not None)
        lines.append(f"::{level} {said}::{ci.escaped(_message(f))}\n")
    return "".join(lines)


_FORMATS = {"table": _table, "json": _json, "sarif": _sarif, "github": _github}

"""Findings as text, JSON, SARIF, and annotations of a GitHub workflow."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from capplan import ci_output as ci
from capplan.manifests.verify.world import Finding

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def shown(findings: Sequence[Finding], fmt: str, directory: PurePath) -> str:
    """Return the findings in one format; paths are relative to where the command runs."""
    return _FORMATS[fmt](findings, directory)


def _table(findings: Sequence[Finding], directory: PurePath) -> str:
    lines = [f"{directory / f.path}: {f}" if f.path else str(f) for f in findings]
    return "".join(f"{line}\n" for line in lines)


def _json(findings: Sequence[Finding], directory: PurePath) -> str:
    found = [
        {
            "id": f.id,
            "severity": f.severity,
            "file": str(directory / f.path) if f.path else None,
            "object": f.object,
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
            "ruleId": f.id,
            "level": _LEVELS[f.severity],
            "message": {"text": _message(f)},
            "locations": [{"physicalLocation": _location(f, directory)}],
        }
        for f in findings
    ]
    return ci.sarif_log((f.id for f in findings), results)


def _location(finding: Finding, directory: PurePath) -> dict[str, Any]:
    """Return where a finding is: the file, and the line where one is known."""
    location: dict[str, Any] = {"artifactLocation": {"uri": ci.uri(directory / (finding.path or "."))}}
    line = _line(finding)
    return location if line is None else {**location, "region": {"startLine": line}}


def _line(finding: Finding) -> int | None:
    """Return the line of a finding, where its field is one."""
    match = re.match(r"(?:line )?(\d+)(?::\d+)?$", finding.field)
    return int(match[1]) if match else None


def _message(finding: Finding) -> str:
    where = f"{finding.object} {finding.field}".strip()
    return f"{where}: {finding.message}. {finding.remedy}".strip()


def _github(findings: Sequence[Finding], directory: PurePath) -> str:
    lines = []
    for f in findings:
        level = "notice" if f.severity == "info" else f.severity
        line = _line(f)
        place = ci.from_here(directory / f.path).as_posix() if f.path else None
        known = {"file": place, "line": line, "title": f.id}
        said = ",".join(f"{key}={ci.escaped_property(str(v))}" for key, v in known.items() if v is not None)
        lines.append(f"::{level} {said}::{ci.escaped(_message(f))}\n")
    return "".join(lines)


_FORMATS = {"table": _table, "json": _json, "sarif": _sarif, "github": _github}

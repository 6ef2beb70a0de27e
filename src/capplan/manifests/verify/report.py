"""Findings as text, JSON, SARIF, and annotations of a GitHub workflow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePath

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
            "message": {"text": f"{f.object} {f.field}: {f.message}. {f.remedy}".strip()},
            "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": (directory / (f.path or ".")).as_posix()}}}
            ],
        }
        for f in findings
    ]
    return ci.sarif_log((f.id for f in findings), results)


def _github(findings: Sequence[Finding], directory: PurePath) -> str:
    lines = []
    for f in findings:
        level = "notice" if f.severity == "info" else f.severity
        message = f"{f.object} {f.field}: {f.message}. {f.remedy}".strip()
        place = ci.escaped_property((directory / f.path).as_posix()) if f.path else ""
        lines.append(f"::{level} file={place},title={ci.escaped_property(f.id)}::{ci.escaped(message)}\n")
    return "".join(lines)


_FORMATS = {"table": _table, "json": _json, "sarif": _sarif, "github": _github}

"""Findings as text, JSON, SARIF, and annotations of a GitHub workflow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePath

from capplan import __version__
from capplan.manifests.verify.world import Finding

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
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
    rules = [{"id": name} for name in sorted({f.id for f in findings})]
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
    driver = {"name": "capplan", "version": __version__, "rules": rules}
    document = {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _github(findings: Sequence[Finding], directory: PurePath) -> str:
    lines = []
    for f in findings:
        level = "notice" if f.severity == "info" else f.severity
        message = f"{f.object} {f.field}: {f.message}. {f.remedy}".strip()
        place = _property((directory / f.path).as_posix()) if f.path else ""
        lines.append(f"::{level} file={place},title={_property(f.id)}::{_data(message)}\n")
    return "".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


_FORMATS = {"table": _table, "json": _json, "sarif": _sarif, "github": _github}

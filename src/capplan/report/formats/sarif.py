"""SARIF 2.1.0, which code scanning reads."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from functools import partial
from typing import Any
from urllib.parse import quote

from capplan import __version__
from capplan.errors import printable
from capplan.findings import Check, Finding, register
from capplan.paths import from_here
from capplan.report.blocks import Report, Result, Style
from capplan.report.checks import details
from capplan.report.formats import markdown, text
from capplan.report.json_format import dumps

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_WIDE = 100
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def write(report: Report, fmt: str, style: Style) -> str:
    """Return a log of one run; without results the list is empty, not missing."""
    assert report.results is not None
    results = report.results.results
    driver = {"name": "capplan", "version": __version__, "rules": _rules(results)}
    run = {"tool": {"driver": driver}, "results": [_result(r) for r in results if not r.known]}
    return dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rules(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Return what each rule that found something means; a policy of the plan has a name of its own."""
    codes = {result.rule: result.finding.code for result in results}
    return [{"id": rule, **_explained(register()[codes[rule]])} for rule in sorted(codes)]


def _explained(check: Check) -> dict[str, Any]:
    said = Report(partial(details, check))
    style = Style(_WIDE)
    linked = {"helpUri": check.source} if check.source.startswith("https://") else {}
    return {
        "name": "".join(map(str.capitalize, check.code.split("-"))),
        "shortDescription": {"text": f"{check.title}."},
        "fullDescription": {"text": check.why},
        "defaultConfiguration": {"level": _LEVELS[check.severity]},
        "help": {
            "text": text.write(said, "table", style),
            "markdown": markdown.write(said, "markdown", style),
        },
        **linked,
    }


def _result(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": result.rule,
        "level": _LEVELS[result.finding.severity],
        "message": {"text": _message(result.said)},
        "locations": [{"physicalLocation": _location(result.finding)}],
        "partialFingerprints": {"capplan/v1": _hashed(result.fingerprint)},
    }
    if result.waived:
        found["suppressions"] = [{"kind": "external", "justification": result.waived}]
    return found


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _message(text: str) -> str:
    """Return ``text`` as a plain text message, in which `[…](…)` would be a link (SARIF 3.11.6)."""
    return re.sub(r"([\\\[\]])", r"\\\1", printable(text)) if "](" in text else printable(text)


def _location(finding: Finding) -> dict[str, Any]:
    """Return where a finding is: the file, and the line and column where they are known."""
    places = {"startLine": finding.line, "startColumn": finding.column}
    region = {name: number for name, number in places.items() if number is not None}
    file = {"artifactLocation": {"uri": _uri(finding.file)}}
    return {**file, "region": region} if region else file


def _uri(file: str) -> str:
    """Return a path as a URI reference, relative where it can be."""
    return quote(os.fsencode(from_here(file).as_posix()))

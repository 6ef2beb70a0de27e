"""The report of what was checked file by file: manifests, catalogs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import PurePath
from typing import Any

from capplan.findings import Finding
from capplan.quantities import counted
from capplan.report.blocks import Block, Heading, Report, Result, Results
from capplan.report.json_format import SCHEMA_VERSION
from capplan.report.results import sheet_of

Waived = Mapping[Finding, str]
NOTHING: Waived = {}


def report_of(
    findings: Sequence[Finding],
    files: Sequence[str],
    directory: PurePath,
    waived: Waived = NOTHING,
    name: str = "",
    *,
    strict: bool = False,
) -> Report:
    """Return the report of ``findings`` in ``files``, whose paths are relative to ``directory``.

    waived: who answers for those that are accepted. name: what was checked, if not the directory.
    strict: whether warnings fail too.
    """
    found = results_of(findings, directory, waived, name)
    suites = dict.fromkeys([*(str(directory / file) for file in files), *(r.suite for r in found)])
    results = Results(found, list(suites))
    return Report(
        partial(_blocks, results, name or str(directory), strict),
        partial(verified_document, findings, directory, waived),
        {"csv": partial(sheet_of, results)},
        results=results,
    )


def results_of(
    findings: Sequence[Finding], directory: PurePath, waived: Waived = NOTHING, name: str = ""
) -> list[Result]:
    """Return ``findings`` as the end of a check, with paths as seen from here."""
    return [_result(finding, directory, waived.get(finding, ""), name) for finding in findings]


def _result(finding: Finding, directory: PurePath, waived: str, name: str) -> Result:
    where = str(directory / finding.file) if finding.file or not name else name
    seen = finding._replace(file=where)
    fingerprint = ":".join((seen.code, seen.file, seen.subject, seen.field))
    return Result(seen, seen.code, seen.file, fingerprint, waived)


def _blocks(results: Results, checked: str, strict: bool) -> Iterator[Block]:
    severities = Counter(result.finding.severity for result in results.results if not result.waived)
    word = "FAIL" if severities["error"] or (strict and severities["warning"]) else "PASS"
    figures = (
        counted(len(results.suites), "file"),
        counted(severities["error"], "error"),
        counted(severities["warning"], "warning"),
    )
    name = results.suites[0] if len(results.suites) == 1 else checked
    yield Heading(f"{word}  {name}: {', '.join(figures)}")
    yield results


def verified_document(
    findings: Sequence[Finding], directory: PurePath, waived: Waived = NOTHING
) -> dict[str, Any]:
    """Return the findings as scripts read them."""
    return {
        "schema_version": SCHEMA_VERSION,
        "findings": [_finding(finding, directory, waived.get(finding)) for finding in findings],
    }


def _finding(finding: Finding, directory: PurePath, waived: str | None) -> dict[str, Any]:
    return {
        "id": finding.code,
        "severity": finding.severity,
        "file": str(directory / finding.file) if finding.file else None,
        "line": finding.line,
        "column": finding.column,
        "object": finding.subject,
        "field": finding.field or None,
        "message": finding.message,
        "remedy": finding.remedy or None,
        "waived": waived,
    }

"""What checks mean: one of them in full, or all of them in a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from capplan.findings import Check
from capplan.report.blocks import Block, Heading, Lines, Listing, Report, Sheet
from capplan.report.json_format import SCHEMA_VERSION
from capplan.report.table import Column, Table

Found = tuple[str, Check]
"""A check, and the command that finds it."""

_FIELDS = ("code", "severity", "command", "title")


def check_report(command: str, check: Check) -> Report:
    """Return everything about a check."""
    return Report(partial(_blocks, command, check), partial(_document, command, check))


def list_report(found: Sequence[Found]) -> Report:
    """Return checks, one a line."""
    return Report(
        lambda: [
            Table([Column(name) for name in ("Code", "Severity", "Command", "What")], _rows(found), keys=0)
        ],
        lambda: {"schema_version": SCHEMA_VERSION, "checks": [_entry(*one) for one in found]},
        {"csv": lambda: Sheet(_FIELDS, _rows(found))},
    )


def _rows(found: Sequence[Found]) -> list[list[str]]:
    return [[check.code, check.severity, f"capplan {command}", check.title] for command, check in found]


def _blocks(command: str, check: Check) -> Iterator[Block]:
    yield Heading(f"{check.code}: {check.title}", (f"{check.severity}, found by `capplan {command}`",))
    yield from details(check)


def details(check: Check) -> Iterator[Block]:
    """Yield why a check matters, what breaks it and what does not, the remedy and the source."""
    yield Lines((check.why,))
    yield Listing("This is reported:", check.breaks)
    yield Listing("This is fine:", check.near)
    if check.remedy:
        yield Lines((f"Remedy: {check.remedy}",))
    yield Lines((f"Source: {check.source}",))


def _document(command: str, check: Check) -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION, **_entry(command, check)}


def _entry(command: str, check: Check) -> dict[str, Any]:
    return {
        "code": check.code,
        "severity": check.severity,
        "command": command,
        "title": check.title,
        "why": check.why,
        "breaks": check.breaks,
        "near": check.near,
        "remedy": check.remedy or None,
        "source": check.source,
    }

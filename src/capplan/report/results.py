"""The results of a check in rows: for a page, and for a spreadsheet."""

from __future__ import annotations

from capplan.report.blocks import Result, Results, Sheet
from capplan.report.table import Column, Table

_PARTS = ("subject", "field", "message", "remedy", "file", "line", "column")


def table_of(block: Results) -> Table:
    """Return one row a result, for formats that fold what stands in a cell."""
    columns = [Column(name) for name in ("", "Rule", "What", "Where")]
    rows = [[result.word, result.rule, result.said, result.finding.where] for result in block.results]
    return Table(columns, rows)


def sheet_of(block: Results) -> Sheet:
    """Return one row a result, each of its parts in a cell."""
    return Sheet(("result", "rule", "suite", "waived", *_PARTS), map(_row, block.results))


def _row(result: Result) -> list[object]:
    parts = (getattr(result.finding, part) for part in _PARTS)
    return [result.word, result.rule, result.suite, result.waived, *parts]

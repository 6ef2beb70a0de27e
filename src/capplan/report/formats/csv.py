"""CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
import re

from capplan.errors import printable
from capplan.report import numbers
from capplan.report.blocks import Report, Sheet, Style

_FORMULA = re.compile(r"[=@\t\r\n]|[+-](?!\d+(\.\d+)?$)")
"""What makes a spreadsheet take words for a formula (owasp.org, CSV injection); a number is none."""


def write(report: Report, fmt: str, style: Style) -> str:
    """Return the rows of ``report``; what is unknown is an empty cell."""
    return text_of(report.sheets[fmt]())


def text_of(sheet: Sheet) -> str:
    """Return CSV text with a heading and one line a row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(_cell, sheet.columns))
    writer.writerows(map(_cell, row) for row in sheet.rows)
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return numbers.significant(value)
    if not isinstance(value, str):
        return value
    # An apostrophe tells a spreadsheet that words follow, and is not shown.
    shown = printable(value)
    return f"'{shown}" if _FORMULA.match(value) else shown

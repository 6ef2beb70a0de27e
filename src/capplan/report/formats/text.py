"""Text for terminals and files: aligned, folded to the width, with nothing in it that a terminal obeys."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from capplan.errors import printable
from capplan.report import numbers, table
from capplan.report.blocks import (
    Block,
    Curves,
    Findings,
    Fold,
    Heading,
    Lines,
    Listing,
    Outline,
    Report,
    Results,
    Sparklines,
    Style,
    Wide,
)
from capplan.report.sparkline import sparkline
from capplan.report.table import Table

if TYPE_CHECKING:
    from capplan.findings import Finding

_SPARKS = 56
_COMMAND = re.compile(r"(?m)^(\s*)::")
"""What GitHub takes for a command where it begins a line, as a word that folding moves there may."""


def write(report: Report, fmt: str, style: Style) -> str:
    """Return the blocks one below the other, with an empty line between."""
    return _COMMAND.sub(r"\1: :", "\n".join(_parts(report.blocks(), style)))


def _parts(blocks: Iterable[Block], style: Style) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Fold):
            yield from _parts(block.blocks, style)
        elif type(block) in _WRITERS:
            lines = list(_WRITERS[type(block)](block, style))
            if lines:
                yield "".join(f"{line}\n" for line in lines)


def _heading(block: Heading, style: Style) -> Iterator[str]:
    for line in (block.title, *block.lines):
        yield _folded(line, style, block.indent)


def _lines(block: Lines, style: Style) -> Iterator[str]:
    for line in block.lines:
        yield _folded(line, style, block.indent)


def _outline(block: Outline, style: Style) -> Iterator[str]:
    yield from map(printable, block.lines)


def _listing(block: Listing, style: Style) -> Iterator[str]:
    yield printable(block.title)
    for line in block.text.splitlines():
        yield f"  {printable(line)}".rstrip()


def _wide(block: Wide, style: Style) -> Iterator[str]:
    yield from _lines(block.lines, style)


def _folded(line: str, style: Style, indent: str) -> str:
    """Break between words only: a path that is cut in two cannot be opened."""
    return textwrap.fill(
        printable(line), style.width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


def _findings(block: Findings, style: Style) -> Iterator[str]:
    for finding in block.findings:
        yield _folded(_said(finding), style, "  ")


def _said(finding: Finding) -> str:
    return f"{finding.severity.upper()}  {finding.subject}: {finding.said}"


def _results(block: Results, style: Style) -> Iterator[str]:
    for result in block.results:
        yield _folded(str(result), style, "  ")


def _table(block: Table, style: Style) -> Iterator[str]:
    yield table.text(table.encoded(block, printable), style.width).rstrip("\n")
    yield from _lines(Lines(block.foot), style)


def _curves(block: Curves, style: Style) -> Iterator[str]:
    named = {printable(name): curve for name, curve in block.curves.items()}
    from capplan.report.chart import chart

    yield chart(block.x, named, block.unit, style.width).rstrip("\n")


def _sparklines(block: Sparklines, style: Style) -> Iterator[str]:
    if not block.rows:
        return
    named = {printable(name): values for name, values in block.rows.items()}
    yield block.title + (" (_ low, @ high)" if style.ascii_only else "")
    name_width = max(map(len, named))
    for name, values in named.items():
        columns = max(min(style.width - name_width - 12, _SPARKS), 10)
        yield f"{name:<{name_width}} {_spark(values, columns, style.ascii_only)}"


def _spark(values: Sequence[float], columns: int, ascii_only: bool) -> str:
    low, high = numbers.count(min(values)), numbers.count(max(values))
    return f"{low:>3} {sparkline(values, columns, ascii_only)} {high}"


_WRITERS: Mapping[type, Callable[[Any, Style], Iterator[str]]] = {
    Heading: _heading,
    Lines: _lines,
    Outline: _outline,
    Listing: _listing,
    Findings: _findings,
    Results: _results,
    Table: _table,
    Wide: _wide,
    Curves: _curves,
    Sparklines: _sparklines,
}
"""Blocks that are not here are for other readers than those of a terminal."""

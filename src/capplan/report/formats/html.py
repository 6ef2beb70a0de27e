"""A page of its own: no script, no font and no picture is loaded from anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from capplan.report.blocks import (
    Anchor,
    Bars,
    Block,
    Command,
    Curves,
    Explorer,
    Findings,
    Fold,
    Heading,
    Lines,
    Listing,
    Outline,
    Report,
    Results,
    Style,
    Wide,
)
from capplan.report.formats import controls, drawing
from capplan.report.formats.drawing import escaped
from capplan.report.results import table_of
from capplan.report.table import Column, Table

_RIGHT = ' class="right"'


def write(report: Report, fmt: str, style: Style) -> str:
    """Return the blocks as a page, with the charts of a report that has none among its blocks."""
    blocks = list(report.blocks())
    title = next((block.title for block in blocks if isinstance(block, Heading)), "capplan")
    if report.charts and not any(isinstance(block, Curves) for block in blocks):
        blocks += report.charts()
    return f"{head(title)}<body>\n{''.join(parts(blocks, 2))}</body>\n</html>\n"


def head(title: str, policy: str = "") -> str:
    """Return what stands before the body of a page: its title, its policy, and how all pages look."""
    css = Path(__file__).with_name("page.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"{policy}<title>{escaped(title)}</title>\n<style>{css}</style>\n</head>\n"
    )


def parts(blocks: Iterable[Block], level: int) -> Iterator[str]:
    """Yield each block as a part of a page, charts that follow each other side by side.

    level: of headings, from 1 to 6.
    """
    for is_chart, group in groupby(blocks, key=lambda block: isinstance(block, Curves)):
        written = [part for block in group for part in _part(block, level)]
        yield f'<div class="charts">{"".join(written)}</div>\n' if is_chart else "".join(written)


def _part(block: Block, level: int) -> Iterator[str]:
    if isinstance(block, Heading):
        yield from _heading(block, level)
    elif isinstance(block, Fold):
        yield from _fold(block, level)
    elif type(block) in _WRITERS:
        yield from (f"{line}\n" for line in _WRITERS[type(block)](block))


def _heading(block: Heading, level: int) -> Iterator[str]:
    yield f"<h{level}>{escaped(block.title)}</h{level}>\n"
    if block.lines:
        yield f"<p>{'<br>'.join(map(escaped, block.lines))}</p>"


def _lines(block: Lines) -> Iterator[str]:
    tag = "li" if block.bullets else "p"
    items = "".join(f"<{tag}>{escaped(line)}</{tag}>" for line in block.lines)
    yield f"<ul>{items}</ul>" if block.bullets and items else items


def _outline(block: Outline) -> Iterator[str]:
    for line in block.lines:
        inner = line.lstrip(" ")
        yield f'<p style="margin:0 0 0 {len(line) - len(inner)}em">{escaped(inner)}</p>'


def _listing(block: Listing) -> Iterator[str]:
    lines = "\n".join(map(escaped, block.text.splitlines()))
    yield f"<p>{escaped(block.title)}</p><pre>{lines}</pre>"


def _wide(block: Wide) -> Iterator[str]:
    yield from _table(block.table)


def _findings(block: Findings) -> Iterator[str]:
    for finding in block.findings:
        words = escaped(finding.said)
        yield (
            f'<p class="{finding.severity}"><strong>{finding.severity}</strong> '
            f"<code>{escaped(finding.subject)}</code>: {words}</p>"
        )


def _results(block: Results) -> Iterator[str]:
    if block.results:
        yield from _table(table_of(block))


def _table(block: Table) -> Iterator[str]:
    yield '<div class="scroll" tabindex="0"><table>'
    if block.title:
        yield f"<caption>{escaped(block.title)}</caption>"
    yield f"<thead>{_row('th', [c.name for c in block.columns], block.columns)}</thead>"
    yield "<tbody>"
    for index, row in enumerate(block.rows):
        is_total = block.totalled and index == len(block.rows) - 1
        yield _row("td", row, block.columns, ' class="total"' if is_total else "")
    yield "</tbody></table></div>"
    yield from _lines(Lines(block.foot))


def _row(tag: str, cells: Iterable[str], columns: Iterable[Column], attribute: str = "") -> str:
    shown = (_cell(tag if cell else "td", cell, column) for cell, column in zip(cells, columns, strict=True))
    return f"<tr{attribute}>{''.join(shown)}</tr>"


def _cell(tag: str, cell: str, column: Column) -> str:
    """Return a cell; one without words heads nothing."""
    scope = ' scope="col"' if tag == "th" else ""
    return f"<{tag}{scope}{_RIGHT if column.right else ''}>{escaped(cell)}</{tag}>"


def _fold(block: Fold, level: int) -> Iterator[str]:
    yield f"<details><summary>{escaped(block.title)}</summary>\n"
    yield from parts(block.blocks, level)
    yield "</details>\n"


def _anchor(block: Anchor) -> Iterator[str]:
    yield f'<a id="{escaped(block.name)}"></a>'


def _command(block: Command) -> Iterator[str]:
    yield f"<p><code>{escaped(block.line)}</code></p>"


_WRITERS: Mapping[type, Callable[[Any], Iterator[str]]] = {
    Lines: _lines,
    Outline: _outline,
    Listing: _listing,
    Findings: _findings,
    Results: _results,
    Table: _table,
    Bars: drawing.bars,
    Curves: drawing.curves,
    Explorer: controls.written,
    Wide: _wide,
    Anchor: _anchor,
    Command: _command,
}

"""A page of its own: no script, no font and no picture is loaded from anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape as _escape
from typing import Any

from capplan.errors import printable
from capplan.report.blocks import (
    Anchor,
    Block,
    Command,
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
from capplan.report.picture import NotInstalledError
from capplan.report.results import table_of
from capplan.report.table import Column, Table

_CSS = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}"
    "th,td{padding:.2rem .7rem;border-bottom:1px solid #ddd;text-align:left}"
    ".right{text-align:right;font-variant-numeric:tabular-nums}"
    ".total td{font-weight:600;border-top:2px solid #888}"
    ".error strong{color:#b00020}.warning strong{color:#8a5a00}"
)

_RIGHT = ' class="right"'


def escaped(text: str) -> str:
    """Return ``text`` as words of a page, in an attribute too."""
    return _escape(printable(text))


def write(report: Report, fmt: str, style: Style) -> str:
    """Return the blocks as a page, and the picture where the report has one."""
    blocks = list(report.blocks())
    title = next((block.title for block in blocks if isinstance(block, Heading)), "capplan")
    body = "".join(_parts(blocks))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escaped(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n{body}{_picture(report)}</body>\n</html>\n"
    )


def _picture(report: Report) -> str:
    """Return the drawing inside the page; scripts that a library writes around it are not needed."""
    if report.picture is None:
        return ""
    try:
        svg = report.picture("svg").decode()
    except NotInstalledError as missing:
        return f"<p>No picture: {escaped(str(missing))}</p>\n"
    return re.sub(r"^<\?xml[^>]*>\s*", "", svg) + "\n"


def _parts(blocks: Iterable[Block]) -> Iterator[str]:
    for block in blocks:
        if type(block) in _WRITERS:
            yield "".join(f"{line}\n" for line in _WRITERS[type(block)](block))


def _heading(block: Heading) -> Iterator[str]:
    yield f"<h2>{escaped(block.title)}</h2>"
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
    yield "<table>"
    if block.title:
        yield f"<caption>{escaped(block.title)}</caption>"
    yield f"<thead>{_row('th', [c.name for c in block.columns], block.columns)}</thead>"
    yield "<tbody>"
    for index, row in enumerate(block.rows):
        is_total = block.totalled and index == len(block.rows) - 1
        yield _row("td", row, block.columns, ' class="total"' if is_total else "")
    yield "</tbody></table>"
    yield from _lines(Lines(block.foot))


def _row(tag: str, cells: Iterable[str], columns: Iterable[Column], attribute: str = "") -> str:
    shown = (
        f"<{tag}{_RIGHT if column.right else ''}>{escaped(cell)}</{tag}>"
        for cell, column in zip(cells, columns, strict=True)
    )
    return f"<tr{attribute}>{''.join(shown)}</tr>"


def _fold(block: Fold) -> Iterator[str]:
    yield f"<details><summary>{escaped(block.title)}</summary>"
    yield from _parts(block.blocks)
    yield "</details>"


def _anchor(block: Anchor) -> Iterator[str]:
    yield f'<a id="{escaped(block.name)}"></a>'


def _command(block: Command) -> Iterator[str]:
    yield f"<p><code>{escaped(block.line)}</code></p>"


_WRITERS: Mapping[type, Callable[[Any], Iterator[str]]] = {
    Heading: _heading,
    Lines: _lines,
    Outline: _outline,
    Listing: _listing,
    Findings: _findings,
    Results: _results,
    Table: _table,
    Wide: _wide,
    Fold: _fold,
    Anchor: _anchor,
    Command: _command,
}

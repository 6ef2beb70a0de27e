"""GitHub-flavoured Markdown, for comments and step summaries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

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
from capplan.report.results import table_of
from capplan.report.table import Table

if TYPE_CHECKING:
    from capplan.findings import Finding

MOST_CHARACTERS = 65_000
"""GitHub refuses a comment of more than 65,536."""


def write(report: Report, fmt: str, style: Style) -> str:
    """Return the blocks, with an empty line between; what is long is cut until a comment holds it."""
    blocks = list(report.blocks())
    text, most = _joined(blocks), max(map(_length, blocks), default=0)
    while len(text) > MOST_CHARACTERS and most > 1:
        most //= 2
        text = _joined(_cut(block, most) for block in blocks)
    return text


def _length(block: Block) -> int:
    """Return the rows or lines of the longest table or list in ``block``."""
    if isinstance(block, Results):
        return len(block.results)
    if isinstance(block, Fold):
        return max(map(_length, block.blocks), default=0)
    return (
        len(block.rows) if isinstance(block, Table) else len(block.lines) if isinstance(block, Lines) else 0
    )


def _cut(block: Block, most: int) -> Block:
    """Return ``block`` with at most so many rows or lines, the first ones: what matters most comes first."""
    if isinstance(block, Fold):
        return block._replace(blocks=[_cut(inner, most) for inner in block.blocks])
    if isinstance(block, Results):
        return _cut(table_of(block), most)
    left_out = f"… and {_length(block) - most:,} more, omitted here"
    if isinstance(block, Table) and len(block.rows) > most:
        total = block.rows[-1:] if block.totalled else ()
        return block._replace(rows=[*block.rows[:most], *total], foot=(*block.foot, left_out))
    if isinstance(block, Lines) and len(block.lines) > most:
        return block._replace(lines=[*block.lines[:most], left_out])
    return block


def _joined(blocks: Iterable[Block]) -> str:
    return "\n".join(_parts(blocks))


def _parts(blocks: Iterable[Block]) -> Iterator[str]:
    for block in blocks:
        if type(block) in _WRITERS:
            lines = list(_WRITERS[type(block)](block))
            if lines:
                yield "".join(f"{line}\n" for line in lines)


_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKED = re.compile(
    r"[\\`*|~]|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_])|^[#+=-](?=\s|$)|^\d+[.)](?=\s|$)|^:(?=:)"
)


def escaped(text: str) -> str:
    r"""Return ``text`` as words of a Markdown document, in a cell too.

    >>> escaped("a|b <img> [x](y)")
    'a\\|b &lt;img&gt; [x\\](y)'
    """
    shown = printable(text)
    marked = _MARKED.sub(lambda found: f"\\{found[0]}", shown)
    return re.sub(r"[<>]|&(?=#?\w+;)", lambda found: _ENTITIES[found[0]], marked)


def code(text: str) -> str:
    """Return ``text`` as a code span; one without content is no span."""
    shown = printable(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    padding = " " if "`" in shown else ""
    return f"{fence}{padding}{shown}{padding}{fence}" if shown.strip() else ""


def _heading(block: Heading) -> Iterator[str]:
    yield f"### {escaped(block.title)}"
    if block.lines:
        yield ""
        yield "; ".join(map(escaped, block.lines))


def _lines(block: Lines) -> Iterator[str]:
    for line in block.lines:
        yield f"- {escaped(line.strip())}" if block.bullets else escaped(line.strip())


def _outline(block: Outline) -> Iterator[str]:
    for line in block.lines:
        inner = line.lstrip(" ")
        yield f"{line[: len(line) - len(inner)]}- {escaped(inner)}"


def _listing(block: Listing) -> Iterator[str]:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", block.text)), default=0))
    yield escaped(block.title)
    yield ""
    yield fence
    yield from map(printable, block.text.splitlines())
    yield fence


def _wide(block: Wide) -> Iterator[str]:
    yield from _table(block.table)


def _findings(block: Findings) -> Iterator[str]:
    for finding in block.findings:
        yield f"- {_said(finding)}"


def _said(finding: Finding) -> str:
    words = escaped(finding.said)
    return f"**{finding.severity}** {code(finding.subject)}: {words}"


def _results(block: Results) -> Iterator[str]:
    if block.results:
        yield from _table(table_of(block))


def _table(block: Table) -> Iterator[str]:
    if block.title:
        yield f"**{escaped(block.title)}**"
        yield ""
    yield _pipes([escaped(c.name) for c in block.columns])
    yield "|" + "|".join("---:" if c.right else "---" for c in block.columns) + "|"
    for index, row in enumerate(block.rows):
        bold = "**" if block.totalled and index == len(block.rows) - 1 else ""
        yield _pipes([f"{bold}{escaped(cell)}{bold}" if cell else "" for cell in row])
    if block.foot:
        yield ""
        yield from map(escaped, block.foot)


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _fold(block: Fold) -> Iterator[str]:
    yield f"<details><summary>{escaped(block.title)}</summary>"
    yield ""
    yield _joined(block.blocks)
    yield "</details>"


def _anchor(block: Anchor) -> Iterator[str]:
    yield f"<!-- {block.name} -->"


def _command(block: Command) -> Iterator[str]:
    yield code(block.line)


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

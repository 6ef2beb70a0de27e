"""What a report is made of: blocks, written once; every format writes each kind of block once.

Nothing here is encoded: a block holds the words of the plan, the manifest or the bill as they are, and the
format that writes it makes sure that they stay words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from capplan.report.table import Table

if TYPE_CHECKING:
    from capplan.findings import Finding


class Heading(NamedTuple):
    """A title, and the lines that say what the figures below are counted with."""

    title: str
    lines: Sequence[str] = ()


class Lines(NamedTuple):
    """Sentences, each a line of its own; ``bullets`` where a format with lists makes them one."""

    lines: Sequence[str]
    bullets: bool = False
    indent: str = "  "
    """What text puts before the lines that one sentence is folded into."""


class Findings(NamedTuple):
    """What the reader must know, worst first."""

    findings: Sequence[Finding]


class Curves(NamedTuple):
    """Curves over rising ``x``, by name; left out where a format cannot draw."""

    x: Sequence[float]
    curves: Mapping[str, Sequence[float]]
    unit: str


class Sparklines(NamedTuple):
    """One small curve a row, by name, with the numbers at its ends; left out where a format cannot draw."""

    title: str
    rows: Mapping[str, Sequence[float]]


class Fold(NamedTuple):
    """Blocks that a page shows when they are asked for."""

    title: str
    blocks: Sequence[Block]


class Anchor(NamedTuple):
    """A mark that no reader sees and a script finds again, such as a comment to replace."""

    name: str


class Command(NamedTuple):
    """What to type to get the report again, for readers who have not just typed it."""

    line: str


Block: TypeAlias = "Heading | Lines | Findings | Table | Curves | Sparklines | Fold | Anchor | Command"


class Sheet(NamedTuple):
    """Rows for a spreadsheet: values, not words; None is unknown."""

    columns: Sequence[str]
    rows: Iterable[Sequence[object]]


class Report(NamedTuple):
    """A result in every shape that a format may want; what a command cannot give is None.

    document: for JSON. sheets: by format, such as csv or focus. picture: takes svg or png and returns
    the drawing.
    """

    blocks: Callable[[], Iterable[Block]]
    document: Callable[[], Any]
    sheets: Mapping[str, Callable[[], Sheet]] = {}
    picture: Callable[[str], bytes] | None = None


class Style(NamedTuple):
    """What the output can show: columns, and characters."""

    width: int
    ascii_only: bool = False

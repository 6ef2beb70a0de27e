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
    indent: str = "    "
    """What text puts before the lines that one of these is folded into."""


class Lines(NamedTuple):
    """Sentences, each a line of its own; ``bullets`` where a format with lists makes them one."""

    lines: Sequence[str]
    bullets: bool = False
    indent: str = "  "
    """What text puts before the lines that one sentence is folded into."""


class Outline(NamedTuple):
    """Lines of which each belongs to the last one that begins with fewer spaces; never folded."""

    lines: Sequence[str]


class Wide(NamedTuple):
    """A table with sentences in its cells, and the lines that say the same where there is no room for it."""

    table: Table
    lines: Lines


class Listing(NamedTuple):
    """Text that keeps its lines and its spaces, such as an example."""

    title: str
    text: str


class Findings(NamedTuple):
    """What the reader must know, worst first."""

    findings: Sequence[Finding]


class Result(NamedTuple):
    """A finding as a check ends with it.

    rule: what reports and waivers call it by. suite: the group of rules that it is one of. fingerprint: what
    stays the same while figures change. waived: who answers for it; known: a baseline already had it.
    path: where the plan, or its gates, say it.
    """

    finding: Finding
    rule: str
    suite: str
    fingerprint: str
    waived: str = ""
    known: bool = False
    path: tuple[int | str, ...] = ()

    @property
    def fails(self) -> bool:
        """Whether it makes the check fail."""
        return self.finding.severity == "error" and not self.waived and not self.known

    @property
    def word(self) -> str:
        """What it counts as."""
        return "WAIVED" if self.waived else "KNOWN" if self.known else _WORDS[self.finding.severity]

    @property
    def said(self) -> str:
        """What it is about, what is wrong and what to do, and who answers for it."""
        subject = " ".join(filter(None, (self.finding.subject, self.finding.field)))
        waived = f" Waived by {self.waived}." if self.waived else ""
        return f"{subject}: {self.finding.said}{waived}".removeprefix(": ")

    def __str__(self) -> str:
        return f"{self.word}  {self.finding.where}: {self.said} [{self.rule}]"


_WORDS = {"error": "FAIL", "warning": "WARN", "info": "INFO"}


class Results(NamedTuple):
    """How a check ended, worst first; ``suites`` are all groups of rules, also where all of them hold."""

    results: Sequence[Result]
    suites: Sequence[str]


class Curves(NamedTuple):
    """Curves over rising ``x``, by name; left out where a format cannot draw.

    title: what they show; across: what ``x`` is, with its unit. steps: each value holds up to the next.
    dots: which of the curves are points. marks: by what they mean, places along ``x``.
    """

    x: Sequence[float]
    curves: Mapping[str, Sequence[float]]
    unit: str
    title: str = ""
    across: str = ""
    steps: bool = False
    dots: Sequence[str] = ()
    marks: Mapping[str, Sequence[float]] = {}


class Bars(NamedTuple):
    """Amounts of one unit by name, each as words and as a bar; left out where a format cannot draw."""

    title: str
    rows: Mapping[str, float]
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


class Explorer(NamedTuple):
    """Figures at many positions of controls; left out where a format has no controls.

    choices: by title, the options and the one that holds now. sliders: name, the texts of its values, and
    which holds now. document: the figures, for the script of the page.
    """

    choices: Mapping[str, tuple[Sequence[str], str]]
    sliders: Sequence[tuple[str, Sequence[str], int]]
    document: Mapping[str, Any]


Block: TypeAlias = (
    "Heading | Lines | Outline | Listing | Findings | Results | Table | Wide"
    " | Curves | Bars | Sparklines | Fold | Anchor | Command | Explorer"
)


class Chapter(NamedTuple):
    """A part of a page: what it is called in addresses and in words, and its blocks."""

    name: str
    title: str
    blocks: Sequence[Block]


class Sheet(NamedTuple):
    """Rows for a spreadsheet: values, not words; None is unknown."""

    columns: Sequence[str]
    rows: Iterable[Sequence[object]]


class Report(NamedTuple):
    """A result in every shape that a format may want; what a command cannot give is None.

    document: for JSON. sheets: by format, such as csv or focus. charts: headings and curves, for a picture,
    and for a page where the blocks have no curves. results: for CI systems.
    """

    blocks: Callable[[], Iterable[Block]]
    document: Callable[[], Any] | None = None
    sheets: Mapping[str, Callable[[], Sheet]] = {}
    charts: Callable[[], Iterable[Block]] | None = None
    results: Results | None = None


class Style(NamedTuple):
    """What the output can show: columns, and characters."""

    width: int
    ascii_only: bool = False

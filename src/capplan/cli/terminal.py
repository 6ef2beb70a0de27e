"""What stdout can show: its width, its characters, its colours."""

from __future__ import annotations

import os
import shutil
import sys

from capplan.cli import settings
from capplan.report.table import WIDTH

_ASCII = {
    "─": "-",
    "–": "-",
    "…": "~",
    "×": "x",
    "÷": "/",
    "∞": "inf",
    "←": "<-",
    "→": "->",
    "≥": ">=",
    "≤": "<=",
    "−": "-",
}
_STYLES = (
    (r"(?m)^(ERROR|FAIL)\b", "bold red"),
    (r"(?m)^(WARNING|WARN)\b", "bold yellow"),
    (r"(?m)^(PASS|INFO)\b", "green"),
    (r"(?m)^total .*$", "bold"),
    (r"(?m)^(?:[A-Z][A-Z0-9/]*(?: [A-Z0-9/]+)*  +)+[A-Z0-9/ ]+$", "bold"),
    (r"(?m)^\[\d+\] .*(?:\n    .*)*$", "dim"),
)
"""What is coloured: by words that say what the colour repeats."""


def width() -> int:
    """Return the columns that are set, or else those of the terminal or of COLUMNS.

    Files and pipes do not depend on a window: without a setting they have 80.
    """
    asked = settings.width()
    if asked is not None:
        return asked
    columns = os.environ.get("COLUMNS", "")
    if not (sys.stdout.isatty() or columns.isdecimal()):
        return WIDTH
    return min(max(shutil.get_terminal_size((WIDTH, 24)).columns, 40), 140)


def can_draw() -> bool:
    """Say whether stdout can carry block characters."""
    try:
        "▁█─".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def has_colour() -> bool:
    """Say whether to colour at all; rich knows the rest: NO_COLOR, TERM and what the terminal can do."""
    return sys.stdout.isatty() or bool(os.environ.get("FORCE_COLOR"))


def paint(text: str) -> None:
    """Write ``text`` to stdout with its findings, headings, totals and sources coloured."""
    from rich.console import Console
    from rich.text import Text

    painted = Text(text, end="")
    for pattern, style in _STYLES:
        painted.highlight_regex(pattern, style)
    Console(highlight=False, soft_wrap=True).print(painted, end="")


def plain(text: str) -> str:
    """Return ``text`` with ASCII in place of the signs that capplan draws with."""
    for sign, instead in _ASCII.items():
        text = text.replace(sign, instead)
    return text

"""What stdout can show: its width, its characters, its colours."""

from __future__ import annotations

import os
import re
import shutil
import sys

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
_COLOURS = (
    (r"^(ERROR|FAIL)\b", "1;31"),
    (r"^(WARNING|WARN)\b", "1;33"),
    (r"^(PASS|INFO)\b", "32"),
    (r"^(total .*)$", "1"),
    (r"^((?:[A-Z][A-Z0-9/ ]*  +)+[A-Z0-9/ ]+)$", "1"),
    (r"^(\[\d+\] .*(?:\n    .*)*)$", "2"),
)
"""Pattern of what is coloured, and its colour. Each says by its words what its colour repeats."""


def width() -> int:
    """Return the columns of the terminal; files and pipes do not depend on a window."""
    if not sys.stdout.isatty():
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
    """Say whether stdout shows colours: https://no-color.org and https://force-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str) -> str:
    """Return ``text`` with its findings, headings, totals and sources coloured."""
    for pattern, colour in _COLOURS:
        text = re.sub(pattern, f"\x1b[{colour}m\\1\x1b[0m", text, flags=re.MULTILINE)
    return text


def plain(text: str) -> str:
    """Return ``text`` with ASCII in place of the signs that capplan draws with."""
    for sign, instead in _ASCII.items():
        text = text.replace(sign, instead)
    return text

"""Tables as values, and as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

WIDTH = 80


class Column(NamedTuple):
    """A column: its heading, on which side its cells stand, whether it may be cut to fit."""

    name: str
    right: bool = False
    shrinks: bool = False


class Table(NamedTuple):
    """Cells under headings; the last row is a total where ``totalled``."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    title: str = ""
    totalled: bool = False


def text(table: Table, width: int = WIDTH) -> str:
    """Return ``table`` as aligned text, at most ``width`` wide as far as cutting a column allows."""
    widths = _widths(table, width)
    lines = [table.title] if table.title else []
    lines.append(_line([c.name.upper() for c in table.columns], table.columns, widths))
    for index, row in enumerate(table.rows):
        if table.totalled and index == len(table.rows) - 1:
            lines.append("─" * (sum(widths) + 2 * (len(widths) - 1)))
        lines.append(_line(row, table.columns, widths))
    return "\n".join(lines) + "\n"


def _widths(table: Table, width: int) -> list[int]:
    cells = [[c.name for c in table.columns], *table.rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    over = sum(widths) + 2 * (len(widths) - 1) - width
    for index, column in enumerate(table.columns):
        if over > 0 and column.shrinks:
            cut = min(over, max(widths[index] - 10, 0))
            widths[index] -= cut
            over -= cut
    return widths


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    shown = [_cell(cell, column, width) for cell, column, width in zip(cells, columns, widths, strict=True)]
    return "  ".join(shown).rstrip()


def _cell(cell: str, column: Column, width: int) -> str:
    if len(cell) > width:
        # The end of a name tells as much as its beginning: cut in the middle.
        tail = (width - 1) // 2
        cell = cell[: width - 1 - tail] + "…" + cell[len(cell) - tail :]
    return cell.rjust(width) if column.right else cell.ljust(width)


def markdown(table: Table) -> str:
    """Return ``table`` as GitHub-flavoured Markdown."""
    lines = [f"**{table.title}**", ""] if table.title else []
    lines.append(_pipes([c.name for c in table.columns]))
    lines.append("|" + "|".join("---:" if c.right else "---" for c in table.columns) + "|")
    for index, row in enumerate(table.rows):
        last = table.totalled and index == len(table.rows) - 1
        lines.append(_pipes([f"**{cell}**" if last and cell else cell for cell in row]))
    return "\n".join(lines) + "\n"


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

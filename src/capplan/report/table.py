"""Tables as values, and as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

WIDTH = 80


class Column(NamedTuple):
    """A column: its heading, on which side its cells stand, whether it may be cut to fit."""

    name: str
    right: bool = False
    shrinks: bool = False


class Table(NamedTuple):
    """Cells under headings; the last row is a total where ``totalled``.

    The first ``keys`` columns name the rows: text puts columns that do not fit beside the others below them,
    and repeats the keys. Without keys, the table stays whole. ``foot``: sentences on it, right below.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    title: str = ""
    totalled: bool = False
    keys: int = 1
    foot: Sequence[str] = ()


def encoded(table: Table, encode: Callable[[str], str]) -> Table:
    """Return ``table`` with every word of it through ``encode``."""
    return table._replace(
        columns=[column._replace(name=encode(column.name)) for column in table.columns],
        rows=[list(map(encode, row)) for row in table.rows],
        title=encode(table.title),
    )


def text(table: Table, width: int = WIDTH) -> str:
    """Return ``table`` as aligned text, at most ``width`` wide as far as cutting and folding allow."""
    widths = _widths(table, width)
    folds = _folds(widths, table.keys, width) if table.keys else [range(len(widths))]
    parts = ("\n".join(_lines(table, widths, beside)) + "\n" for beside in folds)
    return (f"{table.title}\n" if table.title else "") + "\n".join(parts)


def _lines(table: Table, widths: Sequence[int], beside: Sequence[int]) -> Iterator[str]:
    """Yield the heading and the rows of the columns that stand ``beside`` each other."""
    columns = [table.columns[i] for i in beside]
    own = [widths[i] for i in beside]
    yield _line([c.name.upper() for c in columns], columns, own)
    for index, row in enumerate(table.rows):
        if table.totalled and index == len(table.rows) - 1:
            yield "─" * (sum(own) + 2 * (len(own) - 1))
        yield _line([row[i] for i in beside], columns, own)


def _folds(widths: Sequence[int], keys: int, width: int) -> Iterator[Sequence[int]]:
    """Yield the columns of each part: the keys, and as many of the others as fit beside them."""
    beside = list(range(keys))
    for index in range(keys, len(widths)):
        if len(beside) > keys and sum(widths[i] + 2 for i in beside) + widths[index] > width:
            yield beside
            beside = list(range(keys))
        beside.append(index)
    yield beside


def _widths(table: Table, width: int) -> list[int]:
    cells = [[c.name for c in table.columns], *table.rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    over = sum(widths) + 2 * (len(widths) - 1) - width
    for index, column in enumerate(table.columns):
        if over > 0 and column.shrinks:
            cut = min(over, max(widths[index] - _least(table, index, widths[index]), 0))
            widths[index] -= cut
            over -= cut
    return widths


def _least(table: Table, index: int, whole: int) -> int:
    """Return how far a column shrinks: of figures only the heading is cut, and of keys no two look alike."""
    column, cells = table.columns[index], {row[index] for row in table.rows}
    if column.right or index >= table.keys:
        return max([10, *(len(cell) for cell in cells if column.right)])
    wide = range(10, whole)
    return next((w for w in wide if len({_cell(cell, column, w) for cell in cells}) == len(cells)), whole)


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    shown = [_cell(cell, column, width) for cell, column, width in zip(cells, columns, widths, strict=True)]
    return "  ".join(shown).rstrip()


def _cell(cell: str, column: Column, width: int) -> str:
    if len(cell) > width:
        # The end of a name tells as much as its beginning: cut in the middle.
        tail = (width - 1) // 2
        cell = cell[: width - 1 - tail] + "…" + cell[len(cell) - tail :]
    return cell.rjust(width) if column.right else cell.ljust(width)

"""The rows of a bill that differ in figures alone, as one: a bill of any size is read in bounded memory."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from capplan.gate.exports import Export
from capplan.tabular import BLANKS, MAX_ROWS, Column, Table, TableSource, figures, too_many_rows

ROWS = "rows"
"""The column that counts them; no export has one of this name."""

_Key = tuple[tuple[str, ...], tuple[bool, ...]]


def summed(source: TableSource, export: Export, more: Sequence[str] = ()) -> Table:
    """Return the columns that ``export`` reads, and ``more``, with the figures of rows alike summed.

    Blank figures stay apart from others, so that what is unknown remains so. Raises :class:`InputError` for
    a figure that is none, and for more kinds of rows than memory has room for.
    """
    there = [name for name in dict.fromkeys((*export.columns, *more)) if name in source.names]
    numbers = [name for name in there if name in export.figures]
    texts = [name for name in there if name not in export.figures]
    sums: dict[_Key, list[float]] = {}
    lines: list[int] = []
    split = len(texts)
    for line, row in source.rows([*texts, *numbers]):
        cells = [cell.strip() for cell in row[split:]]
        given = tuple([cell not in BLANKS for cell in cells])
        try:
            found = [float(cell) if cell else 0.0 for cell in cells]
            if not math.isfinite(sum(found)):
                raise ValueError
        except ValueError:
            plain = [_grouped(cell) for cell in cells] if export.grouped else cells
            found = _figures(source, numbers, plain, line)
        key = (tuple(row[:split]), given)
        before = sums.get(key)
        if before is None:
            if len(sums) == MAX_ROWS:
                raise too_many_rows(source.path)
            sums[key] = [*found, 1.0]
            lines.append(line)
        else:
            for index, value in enumerate(found):
                before[index] += value
            before[-1] += 1.0
    return _table(source, texts, numbers, sums, lines)


def _grouped(cell: str) -> str:
    """Return a figure without the commas between its thousands."""
    return cell.replace(",", "") if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d*)?", cell) else cell


def _figures(source: TableSource, names: Sequence[str], cells: Sequence[str], line: int) -> list[float]:
    """Return the figures of one row, zero for blank ones; what is none is refused."""
    columns = source.table(names, [[cell] for cell in cells], [line]).columns.values()
    return [0.0 if column.cells[0] in BLANKS else float(figures(column)[0]) for column in columns]


def _table(
    source: TableSource,
    texts: Sequence[str],
    numbers: Sequence[str],
    sums: dict[_Key, list[float]],
    lines: list[int],
) -> Table:
    cells = [[key[0][i].strip() for key in sums] for i in range(len(texts))]
    cells = [["" if cell in BLANKS else cell for cell in column] for column in cells]
    cells += [
        [repr(found[i]) if key[1][i] else "" for key, found in sums.items()] for i in range(len(numbers))
    ]
    counted = [repr(found[-1]) for found in sums.values()]
    table = source.table([*texts, *numbers], cells, lines)
    return table._replace(columns={**table.columns, ROWS: Column(source.path, ROWS, counted, lines)})

"""Curves drawn with characters, for terminals and text files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

_MARKS = "o*+x#@%&"
_HEIGHT = 12


def chart(x: Sequence[float], curves: Mapping[str, Sequence[float]], unit: str, width: int) -> str:
    """Return the ``curves`` over rising ``x`` as text; both axes are drawn by ratios where they span much.

    Where curves meet, the later one covers the earlier.
    """
    values = [y for curve in curves.values() for y in curve]
    low, high = min(values), max(values)
    scale = math.log if low > 0 and high / low > 20 else float
    labels = [short(high), short(low)]
    margin = max(map(len, labels)) + 1
    columns = width - margin - 1
    rows = [[" "] * columns for _ in range(_HEIGHT)]
    for mark, curve in zip(_MARKS, curves.values(), strict=False):
        for column in range(columns):
            y = curve[round(column * (len(x) - 1) / (columns - 1))]
            rows[_row(scale(y), scale(low), scale(high))][column] = mark
    lead = [labels[0], *[""] * (_HEIGHT - 2), labels[1]]
    body = [f"{a:>{margin - 1}} │{''.join(row).rstrip()}" for a, row in zip(lead, rows, strict=True)]
    body.append(" " * margin + "└" + "─" * columns)
    ends = f"{short(x[0])}{short(x[-1]):>{columns - len(short(x[0]))}}"
    legend = "   ".join(f"{mark} {name}" for mark, name in zip(_MARKS, curves, strict=False))
    return "\n".join([*body, " " * (margin + 1) + ends, f"{legend}   ({unit})"]) + "\n"


def _row(value: float, low: float, high: float) -> int:
    share = (value - low) / (high - low) if high > low else 0.5
    return min(_HEIGHT - 1, int((1 - share) * (_HEIGHT - 1) + 0.5))


def short(value: float) -> str:
    """Return a number in at most four significant digits, with k, M or G.

    >>> short(31470.0), short(0.01), short(1500000.0)
    ('31.47k', '0.01', '1.5M')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.4g}{letter}"
    return f"{value:.4g}"

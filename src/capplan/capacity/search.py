"""Searches that need no formula: the fewest servers, and the highest load, that are enough."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array

Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]

_POINTS_AT_ONCE = 256
_MOST_SECTIONS = 32


def chosen(column: Array, index: Indices | Flags | slice) -> Array:
    """Return some rows of a column (n,); a column (1,), which holds for all rows, as it is."""
    return column if column.size == 1 else column[index]


def fewest(least: Array, step: Array, enough: Callable[[Indices, Array], Flags]) -> Array:
    """Return the fewest, at least ``least``, that are ``enough``, which more always are; all (n,).

    ``enough`` gets positions and a whole number for each. Ever longer steps from ``least``, then halving: as
    exact as trying one after the other, in a number of trials that grows with the logarithm. Numbers above
    2⁵³ are as exact as floats are. Infinite where nothing finite is enough.
    """
    answer = least.copy()
    open_ = _not_yet(enough, np.arange(least.size), least)
    if not open_.size:
        return answer
    low, stride = least.copy(), np.maximum(step, 1.0)
    ends = open_
    while open_.size:
        low[open_] = answer[open_]
        answer[open_] += stride[open_]
        stride[open_] *= 2
        open_ = _not_yet(enough, open_, answer[open_])
    while ends.size:
        middle = np.floor((low[ends] + answer[ends]) / 2)
        inside = (middle > low[ends]) & (middle < answer[ends])
        ends, middle = ends[inside], middle[inside]
        kept = enough(ends, middle)
        answer[ends[kept]] = middle[kept]
        low[ends[~kept]] = middle[~kept]
    return answer


def _not_yet(enough: Callable[[Indices, Array], Flags], positions: Indices, tried: Array) -> Indices:
    """Return the positions for which a finite number is not enough."""
    finite = np.isfinite(tried)
    if not finite.all():
        positions, tried = positions[finite], tried[finite]
    return positions[~enough(positions, tried)]


def highest(bound: Array, kept: Callable[[Indices, Array], Flags]) -> Array:
    """Return the highest value below ``bound``, (n,), that is ``kept``, as lower ones always are; else 0.

    ``kept`` gets positions and a value for each. Exact to the last bit: the next float is not kept. A few
    brackets are cut into many sections at once, as a call costs as much as some hundred values.
    """
    low, high = np.zeros(bound.shape), bound.copy()
    sections = int(np.clip(_POINTS_AT_ONCE // max(bound.size, 1), 2, _MOST_SECTIONS))
    shares = np.arange(1, sections) / sections
    open_ = np.arange(bound.size)
    while open_.size:
        a, b = low[open_, None], high[open_, None]
        points = np.clip(a + (b - a) * shares, a, b)
        inside = ((points > a) & (points < b)).any(axis=1)
        open_, points = open_[inside], points[inside]
        if not open_.size:
            break
        answers = kept(np.repeat(open_, sections - 1), points.ravel()).reshape(points.shape)
        count = np.cumprod(answers, axis=1).sum(axis=1)
        edges = np.concatenate([low[open_, None], points, high[open_, None]], axis=1)
        rows = np.arange(open_.size)
        low[open_], high[open_] = edges[rows, count], edges[rows, count + 1]
    return low

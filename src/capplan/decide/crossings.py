"""Where the cheapest of several alternatives changes: every crossing of costs that rise in steps.

Costs are step functions of what drives them: instances are whole, tariffs have blocks. Between two points of
a grid they may cross and cross back. But along most drivers a cost only rises, or only falls, so between two
points it lies between its values there. Where these ranges overlap, the cell between the points is divided
again, until the ranges part, or the cell is as narrow as the resolution. So every crossing is found, but
for those that touch within the resolution, or where a cost turns around inside a cell of the grid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array

Costs = Callable[[Array], Array]
"""From values of the driver, (n,), to the cost of every alternative there, (alternatives, n)."""

_EQUAL = 1e-12
"""Relative difference below which two costs are the same."""
_PARTS = 64
_AT_ONCE = 512
"""Into how many cells each is divided at least, and all together: fewer rounds, where only few are left."""
_MOST_CELLS = 2048
"""Cells that are divided at once; with more of them the alternatives cost the same over a whole range."""


class Switchover(NamedTuple):
    """The cheapest alternative changes: below ``at`` it is ``before``, from ``at`` on it is ``after``."""

    at: float
    before: int
    after: int


class _Cells(NamedTuple):
    """Neighbouring points, (n,), and the costs at both, (alternatives, n)."""

    low: Array
    high: Array
    at_low: Array
    at_high: Array

    def where(self, mask: NDArray[np.bool_]) -> _Cells:
        return _Cells(self.low[mask], self.high[mask], self.at_low[:, mask], self.at_high[:, mask])


def cheapest(costs: Array) -> NDArray[np.intp]:
    """Return the alternative that costs least, (n,), of costs (alternatives, n); the first one on a tie."""
    least = costs.min(axis=0)
    found: NDArray[np.intp] = np.argmax(costs <= least + _EQUAL * np.abs(least), axis=0)
    return found


def changes(
    costs: Costs,
    points: Array,
    step: float = 0.0,
    at_points: Array | None = None,
    resolution: float = 1e-10,
) -> list[Switchover]:
    """Return every change of the cheapest alternative from the first of the ``points`` to the last.

    points: rising. step: the driver only has multiples of it; 0 where it has all values, and then changes
    are exact to the relative ``resolution``. at_points: the costs at the points, where they are known.
    """
    at_points = costs(points) if at_points is None else at_points
    cells = _Cells(points[:-1], points[1:], at_points[:, :-1], at_points[:, 1:])
    narrowest = 1e-18 * (points[-1] - points[0])
    found: list[Switchover] = []
    while cells.low.size:
        fine = cells.high - cells.low <= np.maximum(_resolution(cells, step, resolution), narrowest)
        found += _changes_in(cells.where(fine))
        cells = cells.where(~fine & ~_decided(cells))
        if cells.low.size > _MOST_CELLS:
            cells = cells.where(cheapest(cells.at_low) != cheapest(cells.at_high))
        cells = _divided(cells, costs, step)
    return sorted(found)


def _resolution(cells: _Cells, step: float, relative: float) -> Array:
    return np.maximum(step * (1 + _EQUAL), relative * np.maximum(np.abs(cells.low), np.abs(cells.high)))


def _changes_in(cells: _Cells) -> list[Switchover]:
    before, after = cheapest(cells.at_low), cheapest(cells.at_high)
    return [
        Switchover(float(cells.high[i]), int(before[i]), int(after[i]))
        for i in np.flatnonzero(before != after)
    ]


def _decided(cells: _Cells) -> NDArray[np.bool_]:
    """Say in which cells the cheapest cannot change: the most that it may cost is below all others' least."""
    winner = cheapest(cells.at_low)
    same = winner == cheapest(cells.at_high)
    most = np.maximum(cells.at_low, cells.at_high)
    least = np.minimum(cells.at_low, cells.at_high)
    columns = np.arange(winner.size)
    bar = most[winner, columns]
    least[winner, columns] = np.inf
    # Where both ranges touch, the first of two alternatives would win the tie.
    slack = _EQUAL * np.abs(bar)
    earlier = np.arange(most.shape[0])[:, None] < winner
    apart = np.where(earlier, least > bar + slack, least >= bar - slack)
    decided: NDArray[np.bool_] = same & apart.all(axis=0)
    return decided


def _divided(cells: _Cells, costs: Costs, step: float) -> _Cells:
    if not cells.low.size:
        return cells
    shares = np.linspace(0.0, 1.0, max(_PARTS, _AT_ONCE // cells.low.size) + 1)[:, None]
    points = cells.low + shares * (cells.high - cells.low)
    points[-1] = cells.high
    if step:
        points = np.rint(points / step) * step
    inner = points[1:-1]
    at_inner = costs(inner.ravel()).reshape(-1, *inner.shape)
    at_points = np.concatenate([cells.at_low[:, None], at_inner, cells.at_high[:, None]], axis=1)
    rows = at_points.shape[0]
    parts = _Cells(
        points[:-1].ravel(),
        points[1:].ravel(),
        at_points[:, :-1].reshape(rows, -1),
        at_points[:, 1:].reshape(rows, -1),
    )
    return parts.where(parts.high > parts.low)


def first(found: Sequence[Switchover], alternative: int) -> float | None:
    """Return where ``alternative`` first becomes the cheapest."""
    return next((change.at for change in found if change.after == alternative), None)


def sustained(found: Sequence[Switchover], alternative: int) -> float | None:
    """Return from where on ``alternative`` stays the cheapest."""
    return found[-1].at if found and found[-1].after == alternative else None

"""How sure a break-even is: the probability that a switch pays, where the plan has intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.decide.breakeven import Alternative
from capplan.decide.drivers import DrivenAxis
from capplan.estimate import Estimate
from capplan.many import in_chunks
from capplan.plan.bind import Path, Scenarios
from capplan.plan.draws import draw, intervals_of
from capplan.uncertainty.sample import Spread, spread_of

_POINTS = 64


class Chance(NamedTuple):
    """One alternative against the first, over draws of the plan's intervals.

    x, cheaper: values of the driver, and the probability that it costs less there. never: probability that
    it is not cheaper at the largest value. sustained: from where on it is cheaper for good, in the other
    draws; None where there are none.
    """

    alternative: int
    x: Array
    cheaper: Array
    never: float
    sustained: Spread | None


def chances(
    alternatives: Sequence[Alternative], driver: DrivenAxis, x: Array, samples: int, seed: int
) -> list[Chance]:
    """Return how sure each switch is; nothing where no plan has an interval besides the driver."""
    drawn = _draws(alternatives, driver, samples, seed)
    if not any(drawn):
        return []
    grid = x[np.unique(np.linspace(0, x.size - 1, min(_POINTS, x.size)).astype(int))]
    costs = [_costs(a, driver, grid, values, samples) for a, values in zip(alternatives, drawn, strict=True)]
    return [_chance(i, grid, costs[0] - costs[i]) for i in range(1, len(alternatives))]


def _draws(
    alternatives: Sequence[Alternative], driver: DrivenAxis, samples: int, seed: int
) -> list[dict[Path, Array]]:
    """Return the draws of each plan; what several plans have is drawn once for all of them."""
    shared: dict[Path, Array] = {}
    drawn = []
    for alternative in alternatives:
        file = alternative.context.file
        values = dict(draw(file, samples, seed).values) if intervals_of(file) else {}
        shared = {**values, **shared}
        drawn.append({path: shared[path] for path in values if path not in driver.sets})
    return drawn


def _costs(
    alternative: Alternative, driver: DrivenAxis, grid: Array, drawn: dict[Path, Array], samples: int
) -> Array:
    """Return USD a month, (samples, points)."""
    values = {path: np.repeat(column, grid.size) for path, column in drawn.items()}
    values |= driver.values(alternative.plan, np.tile(grid, samples))
    scenarios = Scenarios(samples * grid.size, values)
    parts = in_chunks(alternative.context, scenarios, _expected)
    return np.concatenate(parts).reshape(samples, grid.size) + alternative.owned.usd_per_month


def _expected(estimate: Estimate) -> Array:
    return np.broadcast_to(estimate.total.expected[:, 0], estimate.scenarios.count)


def _chance(which: int, grid: Array, saving: Array) -> Chance:
    """Read the draws: ``saving`` is what the switch saves, (samples, points)."""
    ends = saving[:, -1] > 0
    spread = spread_of(_sustained(grid, saving[ends])) if ends.any() else None
    return Chance(which, grid, (saving > 0).mean(axis=0), float(1 - ends.mean()), spread)


def _sustained(grid: Array, saving: Array) -> Array:
    """Return from where on each draw saves, by the straight line between two points; the first if always."""
    dearer = saving <= 0
    last = grid.size - 1 - np.argmax(dearer[:, ::-1], axis=1)
    rows = np.arange(saving.shape[0])
    after = np.minimum(last + 1, grid.size - 1)
    low, high = saving[rows, last], saving[rows, after]
    share = -low / np.where(high > low, high - low, 1.0)
    crossing = grid[last] + share * (grid[after] - grid[last])
    always: Array = np.where(dearer.any(axis=1), crossing, grid[0])
    return always

"""Which input matters: by how much each moves the result alone, and how much of its spread each explains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.catalog.catalog import Catalog
from capplan.components.base import Context
from capplan.cost.lines import Certainty
from capplan.errors import InputError
from capplan.estimate import context_of
from capplan.many import summarise
from capplan.plan.bind import Path, at
from capplan.plan.draws import intervals_of
from capplan.plan.read import PlanFile
from capplan.uncertainty.moves import Ends, Move, ends_of, numbers_of, percentiles_of, scenarios_of, tried

_RANGE = 0.1
"""How far a number that is no interval is moved, down and up, when the plan has no intervals at all."""


class Bar(NamedTuple):
    """One bar of a tornado: the result with one input low and high, everything else in the middle.

    elasticity: percent by which the cost moves for each percent that the input moves, from low to high; NaN
    where one of them is 0.
    """

    path: Path
    low: float
    high: float
    cost_low: float
    cost_high: float
    instances_low: float
    instances_high: float
    elasticity: float

    @property
    def swing(self) -> float:
        """By how much the cost moves, USD a month."""
        return abs(self.cost_high - self.cost_low)


class Tornado(NamedTuple):
    """Bars from the widest; cost and instances with every input in its middle.

    certainty: how sure the costs are; priced: whether anything has a price.
    """

    cost: float
    instances: float
    bars: Sequence[Bar]
    certainty: Certainty
    priced: bool


def tornado(file: PlanFile, catalog: Catalog) -> Tornado:
    """Return the tornado of the plan's intervals, p5 to p95; of all its numbers, ±10 %, if it has none.

    A number moves only as far as a plan could say it: shares up to the whole, others within what their
    section allows. Where shares add up to the whole, the others make room for the one that moves.
    """
    intervals = intervals_of(file)
    context = context_of(file, catalog)
    if intervals:
        exact = {path: _straight(path, percentiles_of(interval)) for path, interval in intervals.items()}
        return _tornado(file, context, exact)
    low, high = 1 - _RANGE, 1 + _RANGE
    numbers = {path: value for path, value in numbers_of(file).items() if value > 0}
    ends = {path: ends_of(file, path, (low * value, high * value)) for path, value in numbers.items()}

    def attempt(moves: Sequence[Move]) -> Sequence[Move]:
        summarise(context, scenarios_of(file.plan, moves))
        return moves

    try:
        return _tornado(file, context, ends)
    except InputError:
        possible = tried(ends, attempt)[1]
        return _tornado(
            file, context, {path: (low or {}, high or {}) for path, (low, high) in possible.items()}
        )


def _tornado(file: PlanFile, context: Context, ends: Mapping[Path, Ends]) -> Tornado:
    changes: list[Move] = [{}, *(move for both in ends.values() for move in both)]
    summary = summarise(context, scenarios_of(file.plan, changes))
    cost = summary.expected
    instances = np.sum(list(summary.peak_instances.values()), axis=0) + np.zeros(len(changes))
    bars = []
    for index, path in enumerate(ends):
        part = slice(1 + 2 * index, 3 + 2 * index)
        low, high = (float(change.get(path, at(file.plan, path))) for change in changes[part])  # type: ignore[arg-type]
        bars.append(_bar(path, (low, high), cost[part], instances[part]))
    ordered = sorted(
        bars, key=lambda bar: (-bar.swing, -abs(bar.instances_high - bar.instances_low), bar.path)
    )
    return Tornado(float(cost[0]), float(instances[0]), ordered, summary.certainty, summary.priced)


def _straight(path: Path, ends: tuple[float, float]) -> Ends:
    return {path: ends[0]}, {path: ends[1]}


def _bar(path: Path, ends: tuple[float, float], cost: Array, instances: Array) -> Bar:
    (cost_low, cost_high), (fewer, more) = cost.tolist(), instances.tolist()
    elasticity = math.nan
    if 0 < ends[0] < ends[1] and cost_low > 0 and cost_high > 0:
        elasticity = math.log(cost_high / cost_low) / math.log(ends[1] / ends[0])
    return Bar(
        path=path,
        low=ends[0],
        high=ends[1],
        cost_low=cost_low,
        cost_high=cost_high,
        instances_low=fewer,
        instances_high=more,
        elasticity=elasticity,
    )


def first_order_indices(inputs: Mapping[Path, Array], result: Array) -> dict[Path, float]:
    """Return the share of the result's variance that each input explains on its own (Sobol, 1993).

    Var(E[Y|X]) / Var(Y) from the draws themselves: classes of equally many draws along each input, and the
    variance between the means of the classes, less what chance alone puts between them (given-data
    estimate; Plischke et al., 2013). Error about 1/√draws. Correlated inputs each count
    what they explain together.
    """
    total = float(result.var())
    if total == 0:
        return dict.fromkeys(inputs, 0.0)
    return {path: _explained(values, result) / total for path, values in inputs.items()}


def _explained(values: Array, result: Array) -> float:
    classes = max(2, min(64, int(np.sqrt(result.size) / 2)))
    parts = np.array_split(result[np.argsort(values, kind="stable")], classes)
    sizes = np.array([part.size for part in parts], dtype=float)
    means = np.array([part.mean() for part in parts])
    between = float(np.sum(sizes * (means - result.mean()) ** 2) / result.size)
    within = float(np.sum([part.var() * part.size for part in parts]) / result.size)
    noise = within * (classes - 1) / (result.size - classes)
    return max(between - noise, 0.0)

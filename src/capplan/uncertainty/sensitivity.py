"""Which input matters: by how much each moves the result alone, and how much of its spread each explains."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel

from capplan.arrays import Array
from capplan.catalog.catalog import Catalog
from capplan.many import estimate_many
from capplan.plan.bind import Path, Scenarios, at
from capplan.plan.draws import intervals_of
from capplan.plan.fields import is_whole
from capplan.plan.intervals import Interval
from capplan.plan.read import PlanFile

_RANGE = 0.1
"""How far a number that is no interval is moved, down and up, when the plan has no intervals at all."""

_NO_INPUTS = ("alternatives", "service_templates", "manifests", "hours_per_month")


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
    """Bars from the widest; cost and instances with every input in its middle."""

    cost: float
    instances: float
    bars: Sequence[Bar]


def tornado(file: PlanFile, catalog: Catalog) -> Tornado:
    """Return the tornado of the plan's intervals, p5 to p95; of all its numbers, ±10 %, if it has none."""
    ranges = _ranges(file)
    middles = {path: float(at(file.plan, path)) for path in ranges}  # type: ignore[arg-type]
    changes: list[dict[Path, float]] = [{}]
    for path, ends in ranges.items():
        changes += [{path: end} for end in ends]
    rows = {p: np.array([change.get(p, middle) for change in changes]) for p, middle in middles.items()}
    summary = estimate_many(file, catalog, Scenarios(len(changes), rows))
    cost = summary.expected
    instances = np.sum(list(summary.peak_instances.values()), axis=0) + np.zeros(len(changes))
    bars = []
    for index, (path, ends) in enumerate(ranges.items()):
        part = slice(1 + 2 * index, 3 + 2 * index)
        bars.append(_bar(path, ends, cost[part], instances[part]))
    ordered = sorted(
        bars, key=lambda bar: (-bar.swing, -abs(bar.instances_high - bar.instances_low), bar.path)
    )
    return Tornado(float(cost[0]), float(instances[0]), ordered)


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


def _ranges(file: PlanFile) -> dict[Path, tuple[float, float]]:
    intervals = intervals_of(file)
    if intervals:
        return {path: _ends(interval) for path, interval in intervals.items()}
    return {
        path: ((1 - _RANGE) * value, (1 + _RANGE) * value)
        for path, value in _numbers(file, file.raw, ())
        if value > 0
    }


def _ends(interval: Interval) -> tuple[float, float]:
    """Return its p5 and p95."""
    if not interval.bounded:
        return interval.low, interval.high
    low, high = interval.quantiles(np.array([0.05, 0.95])).tolist()
    return low, high


def _numbers(file: PlanFile, raw: Mapping[str, object], above: Path) -> Iterator[tuple[Path, float]]:
    """Yield the numbers that the plan itself says, not its defaults; whole ones are choices, not inputs."""
    for key, value in raw.items():
        path = (*above, key)
        if path[0] in _NO_INPUTS:
            continue
        if isinstance(value, Mapping):
            yield from _numbers(file, value, path)
        elif _continuous(file, path):
            yield path, float(at(file.plan, path))  # type: ignore[arg-type]


def _continuous(file: PlanFile, path: Path) -> bool:
    try:
        section, value = at(file.plan, path[:-1]), at(file.plan, path)
    except KeyError:
        return False
    if not isinstance(section, BaseModel):
        return type(value) is float
    return type(value) is float and not is_whole(type(section).model_fields[path[-1]])


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

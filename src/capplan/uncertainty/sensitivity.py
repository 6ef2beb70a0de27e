"""Which input matters: by how much each moves the result alone, and how much of its spread each explains."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel

from capplan.arrays import Array
from capplan.catalog.catalog import Catalog
from capplan.components.base import Context
from capplan.cost.lines import Certainty
from capplan.errors import InputError
from capplan.estimate import context_of
from capplan.many import summarise
from capplan.plan.bind import Path, Scenarios, at, replaced
from capplan.plan.draws import intervals_of
from capplan.plan.fields import highest, is_whole
from capplan.plan.intervals import Interval
from capplan.plan.model import Plan
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
    """Bars from the widest; cost and instances with every input in its middle.

    certainty: how sure the costs are; priced: whether anything has a price.
    """

    cost: float
    instances: float
    bars: Sequence[Bar]
    certainty: Certainty
    priced: bool


Move = Mapping[Path, float]
"""What an input's low or high end changes: itself, and what has to make room for it."""


def tornado(file: PlanFile, catalog: Catalog) -> Tornado:
    """Return the tornado of the plan's intervals, p5 to p95; of all its numbers, ±10 %, if it has none.

    A number moves only as far as a plan could say it: shares up to the whole, others within what their
    section allows. Where shares add up to the whole, the others make room for the one that moves.
    """
    intervals = intervals_of(file)
    context = context_of(file, catalog)
    if intervals:
        moves = {path: _straight(path, _ends(interval)) for path, interval in intervals.items()}
        return _tornado(file, context, moves)
    moves = {path: _moves(file, path, value) for path, value in _numbers(file, file.raw, ()) if value > 0}
    try:
        return _tornado(file, context, moves)
    except InputError:
        return _tornado(file, context, {path: _possible(file, context, ends) for path, ends in moves.items()})


def _tornado(file: PlanFile, context: Context, moves: Mapping[Path, tuple[Move, Move]]) -> Tornado:
    changes: list[Move] = [{}, *(move for ends in moves.values() for move in ends)]
    middles = {path: float(at(file.plan, path)) for change in changes for path in change}  # type: ignore[arg-type]
    rows = {p: np.array([change.get(p, middle) for change in changes]) for p, middle in middles.items()}
    summary = summarise(context, Scenarios(len(changes), rows))
    cost = summary.expected
    instances = np.sum(list(summary.peak_instances.values()), axis=0) + np.zeros(len(changes))
    bars = []
    for index, (path, (low, high)) in enumerate(moves.items()):
        part = slice(1 + 2 * index, 3 + 2 * index)
        bars.append(_bar(path, (low[path], high[path]), cost[part], instances[part]))
    ordered = sorted(
        bars, key=lambda bar: (-bar.swing, -abs(bar.instances_high - bar.instances_low), bar.path)
    )
    return Tornado(float(cost[0]), float(instances[0]), ordered, summary.certainty, summary.priced)


def _straight(path: Path, ends: tuple[float, float]) -> tuple[Move, Move]:
    return {path: ends[0]}, {path: ends[1]}


def _moves(file: PlanFile, path: Path, value: float) -> tuple[Move, Move]:
    """Return what moving a number down and up by the usual range changes."""
    low, high = ((1 + sign * _RANGE) * value for sign in (-1, 1))
    section = at(file.plan, path[:-1])
    if isinstance(section, BaseModel):
        high = min(high, highest(type(section).model_fields[path[-1]]))
    others = _rest_of_the_whole(file, path) if value < 1 else {}
    found = []
    for end in (low, high):
        room = (1 - end) / (1 - value) if others else 1.0
        move = {path: end, **{other: room * share for other, share in others.items()}}
        found.append(move if _holds(file.plan, move) else {path: value})
    return found[0], found[1]


def _rest_of_the_whole(file: PlanFile, path: Path) -> dict[Path, float]:
    """Return the shares that make up the whole together with the one at ``path``; none where there are none.

    Such shares are the same field of all entries of a mapping, or all values of one.
    """
    for depth in (1, 2):
        container, field = at(file.plan, path[:-depth]), path[len(path) - depth + 1 :]
        if not isinstance(container, Mapping) or len(container) < 2:
            continue
        paths = [(*path[:-depth], name, *field) for name in container]
        values = [at(file.plan, each) for each in paths]
        if all(isinstance(value, float) for value in values) and abs(sum(values) - 1) < _ROUNDING:  # type: ignore[arg-type]
            return {each: float(v) for each, v in zip(paths, values, strict=True) if each != path}  # type: ignore[arg-type]
    return {}


_ROUNDING = 1e-9


def _holds(plan: Plan, move: Move) -> bool:
    """Say whether the sections around what is changed still agree with themselves."""
    changed: Any = plan
    for path, value in move.items():
        changed = replaced(changed, path, value)
    try:
        for path in move:
            for depth in range(len(path)):
                _check(at(changed, path[:depth]))
    except ValueError:
        return False
    return True


def _check(section: object) -> None:
    """Run what a section asks of its fields together; ValueError where it is not so."""
    if isinstance(section, BaseModel):
        for validator in type(section).__pydantic_decorators__.model_validators.values():
            validator.func(section)


def _possible(file: PlanFile, context: Context, ends: tuple[Move, Move]) -> tuple[Move, Move]:
    """Return the ends, one that no plan could have left in the middle."""
    low, high = (move if _can_be(context, move) else _still(file, move) for move in ends)
    return low, high


def _can_be(context: Context, move: Move) -> bool:
    try:
        summarise(context, Scenarios(1, {path: np.array([value]) for path, value in move.items()}))
    except InputError:
        return False
    return True


def _still(file: PlanFile, move: Move) -> Move:
    return {path: float(at(file.plan, path)) for path in move}  # type: ignore[arg-type]


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

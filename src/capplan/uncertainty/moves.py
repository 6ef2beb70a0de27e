"""Moves: one number of a plan at another value, and what has to make room for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel

from capplan.errors import InputError
from capplan.plan.bind import Path, Scenarios, at, replaced
from capplan.plan.fields import highest, is_whole, lowest
from capplan.plan.intervals import Interval
from capplan.plan.model import Plan
from capplan.plan.read import PlanFile

Move = Mapping[Path, float]
"""What an input's low or high end changes: itself, and what has to make room for it."""

Ends = tuple[Move, Move]

Found = TypeVar("Found")

_NO_INPUTS = ("alternatives", "service_templates", "manifests", "hours_per_month", "gates")
_ROUNDING = 1e-9


def scenarios_of(plan: Plan, moves: Sequence[Move]) -> Scenarios:
    """Return a scenario for each of the ``moves``, everything else as the ``plan`` says it."""
    middles = {path: float(at(plan, path)) for move in moves for path in move}  # type: ignore[arg-type]
    rows = {path: np.array([move.get(path, middle) for move in moves]) for path, middle in middles.items()}
    return Scenarios(len(moves), rows)


def tried(
    ends: Mapping[Path, Ends], attempt: Callable[[Sequence[Move]], Sequence[Found]]
) -> tuple[Found, dict[Path, tuple[Found | None, Found | None]]]:
    """Return what ``attempt`` makes of the plan as it is, and of each number at both ends.

    None stands for an end that no plan could have. All are tried at once. A refusal names the number at
    fault: first its high end is left out, then the low one, then both.
    """
    left_out: dict[Path, tuple[int, ...]] = {}
    while True:
        places = [(path, end) for path in ends for end in (0, 1) if end not in left_out.get(path, ())]
        try:
            base, *found = attempt([{}, *(ends[path][end] for path, end in places)])
        except InputError as refused:
            left_out |= _refused(refused, ends, attempt, left_out)
            continue
        results = dict(zip(places, found, strict=True))
        return base, {path: (results.get((path, 0)), results.get((path, 1))) for path in ends}


_NEXT: dict[tuple[int, ...], tuple[int, ...]] = {(): (1,), (1,): (0,), (0,): (0, 1)}


def _refused(
    refused: InputError,
    ends: Mapping[Path, Ends],
    attempt: Callable[[Sequence[Move]], object],
    left_out: Mapping[Path, tuple[int, ...]],
) -> dict[Path, tuple[int, ...]]:
    """Return which ends to leave out next; of a refusal that names no number, each is tried on its own."""
    where = refused.problems[0].where
    for path in ends:
        if where.endswith(": " + ".".join(path)) and left_out.get(path, ()) in _NEXT:
            return {path: _NEXT[left_out.get(path, ())]}
    alone = {
        path: tuple(end for end in (0, 1) if not _is_possible(ends[path][end], attempt)) for path in ends
    }
    if alone == left_out:
        raise refused
    return alone


def _is_possible(move: Move, attempt: Callable[[Sequence[Move]], object]) -> bool:
    try:
        attempt([move])
    except InputError:
        return False
    return True


def numbers_of(file: PlanFile) -> dict[Path, float]:
    """Return the numbers that the plan itself says, not its defaults; whole ones are choices, not inputs."""
    return dict(_numbers(file, file.raw, ()))


def _numbers(file: PlanFile, raw: Mapping[str, object], above: Path) -> Iterator[tuple[Path, float]]:
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


def percentiles_of(interval: Interval) -> tuple[float, float]:
    """Return the p5 and the p95 of an interval."""
    if not interval.bounded:
        return interval.low, interval.high
    low, high = interval.quantiles(np.array([0.05, 0.95])).tolist()
    return low, high


def ends_of(file: PlanFile, path: Path, ends: tuple[float, float]) -> Ends:
    """Return what moving a number down and up to the ``ends`` changes, as far as its section allows it."""
    value = float(at(file.plan, path))  # type: ignore[arg-type]
    section = at(file.plan, path[:-1])
    if isinstance(section, BaseModel):
        field = type(section).model_fields[path[-1]]
        whole = is_whole(field)
        low, high = (math.floor(ends[0]), math.ceil(ends[1])) if whole else ends
        ends = max(low, lowest(field)), min(high, highest(field))
    others = _rest_of_the_whole(file, path) if value < 1 else {}
    found = []
    for end in ends:
        room = (1 - end) / (1 - value) if others else 1.0
        move = {path: end, **{other: room * share for other, share in others.items()}}
        found.append(move if _holds(file.plan, move) else {path: value})
    return found[0], found[1]


def _rest_of_the_whole(file: PlanFile, path: Path) -> dict[Path, float]:
    """Return the shares that make up the whole together with the one at ``path``; none where there are none.

    Such shares are the field ``share`` of all entries of a mapping, or all values of one.
    """
    for depth in (1, 2):
        container, field = at(file.plan, path[:-depth]), path[len(path) - depth + 1 :]
        if not isinstance(container, Mapping) or len(container) < 2 or field not in ((), ("share",)):
            continue
        paths = [(*path[:-depth], name, *field) for name in container]
        values = [at(file.plan, each) for each in paths]
        if all(isinstance(value, float) for value in values) and abs(sum(values) - 1) < _ROUNDING:  # type: ignore[arg-type]
            return {each: float(v) for each, v in zip(paths, values, strict=True) if each != path}  # type: ignore[arg-type]
    return {}


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

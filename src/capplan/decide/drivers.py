"""What a comparison varies: a number of the plan, or one that users think in and the plan's follow from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel

from capplan.arrays import Array
from capplan.decide.expressions import Expression, ExpressionError
from capplan.errors import InputError, Problem, nearest
from capplan.plan.bind import Path, at
from capplan.plan.fields import highest, is_whole
from capplan.plan.model import Plan
from capplan.plan.overlay import full_path
from capplan.plan.read import PlanFile

X = "x"
"""What expressions call the value of the driver."""

Document = Mapping[str, Any]


class DrivenAxis(NamedTuple):
    """What varies, and how the plan's numbers follow from it.

    sets: path of a number → its value as a function of the driver's. document: what these functions name.
    step: of which the driver only has multiples; 0 where it has all values. highest: its largest value.
    is_path: it is a number of the plan itself.
    """

    name: str
    unit: str
    description: str
    sets: Mapping[Path, Expression]
    document: Document
    step: float = 0.0
    highest: float = math.inf
    is_path: bool = False

    def values(self, plan: Plan, x: Array) -> dict[Path, Array]:
        """Return the numbers of ``plan`` that follow from the values ``x``, (n,); none where it has none."""
        return {
            path: np.broadcast_to(np.asarray(self._value(path, x), dtype=float), x.shape)
            for path in self.sets
            if number_at(plan, path) is not None
        }

    def now(self, plans: Sequence[Plan]) -> float | None:
        """Return the driver's value in the first plan that has it; None where no line leads back to it."""
        for plan in plans:
            for path in self.sets:
                value = number_at(plan, path)
                if value is not None:
                    return self._driver_of(path, value)
        return None

    def _driver_of(self, path: Path, value: float) -> float | None:
        zero, one, two = (float(self._value(path, x)) for x in (0.0, 1.0, 2.0))
        if one == zero or abs((two - one) - (one - zero)) > 1e-9 * abs(two - zero):
            return None
        return (value - zero) / (one - zero)

    def _value(self, path: Path, x: Any) -> Any:
        try:
            return self.sets[path].value({**self.document, X: x})
        except ExpressionError as error:
            where = f"decisions.drivers.{self.name}.sets.{'.'.join(path)}"
            raise InputError(Problem(where, error.what, error.remedy)) from None


def driver_of(over: str, files: Sequence[PlanFile], document: Callable[[], Document]) -> DrivenAxis:
    """Return the driver that ``over`` names: one of the plan's, or the path of a number in any of the plans.

    document: gives the estimate of the first alternative, where expressions ask for it.
    """
    decisions = files[0].plan.decisions
    named = decisions.drivers if decisions else {}
    if over in named:
        return _named_driver(over, named[over], files, document)
    path = _path_in_any(over, files, named)
    found = next((p for f in files if (p := _with_number(f.plan, path)) is not None), None)
    if found is None:
        what = f"{'.'.join(path)} is not a number in the plan"
        raise InputError(Problem("--over", what, "Give it a value in the plan, or name another."))
    plan = next(f.plan for f in files if number_at(f.plan, found) is not None)
    step, most = _domain(plan, found)
    return DrivenAxis(
        name=path[-1],
        unit="",
        description=".".join(path),
        sets={found: Expression(X)},
        document={},
        step=step,
        highest=most,
        is_path=True,
    )


def _named_driver(
    name: str, section: Any, files: Sequence[PlanFile], document: Callable[[], Document]
) -> DrivenAxis:
    sets = {}
    for text, expression in section.sets.items():
        where: Path = ("decisions", "drivers", name, "sets", text)
        path: Path = tuple(text.split("."))
        try:
            found = next((p for f in files if (p := _with_number(f.plan, path)) is not None), None)
            if found is not None:
                sets[found] = Expression(expression)
        except ExpressionError as error:
            raise InputError(files[0].places.problem(where, error.what, error.remedy)) from None
    if not sets:
        where = ("decisions", "drivers", name, "sets")
        what = "none of these is a number in the alternatives that are compared"
        raise InputError(files[0].places.problem(where, what))
    asks = any(expression.names - {X} for expression in sets.values())
    return DrivenAxis(name, section.unit, section.description, sets, document() if asks else {})


def _path_in_any(over: str, files: Sequence[PlanFile], named: Mapping[str, object]) -> Path:
    """Return the full path that ``over`` means in the first plan that knows it."""
    problems = []
    for file in files:
        try:
            return full_path(file.raw, over, Plan.model_fields, "--over")
        except InputError as error:
            problems.append(error.problems[0])
    problem = problems[0]
    remedy = problem.remedy if "Did you" in problem.remedy else nearest(over, named) or problem.remedy
    raise InputError(problem._replace(remedy=remedy))


def _with_number(plan: Plan, path: Path) -> Path | None:
    """Return the path of the number at ``path``; a call may be written as its number alone."""
    call: Path = (*path, "per_request")
    for candidate in (path, call):
        if number_at(plan, candidate) is not None:
            return candidate
    return None


def number_at(plan: Plan, path: Path) -> float | None:
    """Return the number at ``path``; None where there is none."""
    try:
        value = at(plan, path)
    except KeyError:
        return None
    return float(value) if isinstance(value, float) else None


def _domain(plan: Plan, path: Path) -> tuple[float, float]:
    """Return the step and the largest value that the plan allows at ``path``."""
    section = at(plan, path[:-1])
    if not isinstance(section, BaseModel):
        return 0.0, math.inf
    field = type(section).model_fields[path[-1]]
    return float(is_whole(field)), highest(field)

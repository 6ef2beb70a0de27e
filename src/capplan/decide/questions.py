"""What is compared: the comparisons of a plan, or one from the command line, ready to be answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path as File
from typing import Any, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.catalog.catalog import Catalog
from capplan.components.base import Context
from capplan.decide.breakeven import Alternative, Owned
from capplan.decide.drivers import Document, DrivenAxis, driver_of, number_at
from capplan.decide.expressions import Expression, ExpressionError
from capplan.errors import InputError, Problem, nearest
from capplan.estimate import Estimate, context_of, estimate
from capplan.plan.bind import Path
from capplan.plan.decisions import bound
from capplan.plan.model import Plan
from capplan.plan.read import PlanFile, parse_plan
from capplan.plan.sweep import read_number
from capplan.quantities import plain

SourceText = tuple[str, str, File]
"""The text of a plan, its name and its directory."""
ITSELF = "plan"
"""What comparisons call the plan without an overlay."""
_SPAN = 100.0
"""Without a range the driver is followed from a hundredth of its value to a hundred times it."""
_WIDE = 30.0
"""A range as wide as this is divided by ratios, not by differences."""
_VOLUMES = ("users_per_day", "requests_per_month", "requests_per_day", "requests_per_second")


class ComparisonOptions(NamedTuple):
    """What the command line says; whatever is left out is the plan's, or a default."""

    between: Sequence[str] = ()
    over: str | None = None
    low: str | None = None
    high: str | None = None
    points: int = 1000
    comparison: str | None = None
    sets: Sequence[str] = ()
    books: Sequence[str] = ()


class Question(NamedTuple):
    """Alternatives, what varies, its values, and what is told at each crossing."""

    name: str
    description: str
    alternatives: Sequence[Alternative]
    driver: DrivenAxis
    x: Array
    shown: Mapping[str, Expression]


class _Wanted(NamedTuple):
    """A comparison of the plan, as the command line changed it."""

    name: str
    description: str
    between: Sequence[str]
    over: str
    low: str | float | None
    high: str | float | None
    books: Sequence[str]
    shown: Mapping[str, str]


def questions(
    text: SourceText, asked: ComparisonOptions, catalog: Catalog, document: Callable[[Estimate], Document]
) -> list[Question]:
    """Return what is asked about the plan in ``text``: its comparisons where ``asked`` names none."""

    def read(name: str, books: Sequence[str]) -> PlanFile:
        return parse_plan(*text, asked.sets, None if name == ITSELF else name, [*books, *asked.books])

    wanted = _wanted(read(ITSELF, ()), asked)
    return [_question(read, asked, each, catalog, document) for each in wanted]


def _wanted(file: PlanFile, asked: ComparisonOptions) -> list[_Wanted]:
    decisions = file.plan.decisions
    known = decisions.comparisons if decisions else {}
    if asked.comparison is not None and asked.comparison not in known:
        what = f"the plan has no comparison '{asked.comparison}'"
        raise InputError(Problem("--comparison", what, nearest(asked.comparison, known)))
    if asked.between or asked.over or not known:
        return [_own(file.plan, asked)]
    chosen = [asked.comparison] if asked.comparison else list(known)
    return [_from_plan(name, known[name], asked) for name in chosen]


def _from_plan(name: str, section: Any, asked: ComparisonOptions) -> _Wanted:
    return _Wanted(
        name=name,
        description=section.description,
        between=section.between,
        over=section.over,
        low=section.from_ if asked.low is None else asked.low,
        high=section.to if asked.high is None else asked.high,
        books=section.books,
        shown=section.shown,
    )


def _own(plan: Plan, asked: ComparisonOptions) -> _Wanted:
    """Return the comparison that the command line describes: all alternatives, over the volume of demand."""
    between = asked.between or [ITSELF, *plan.alternatives]
    if len(between) < 2:
        remedy = "Give the plan alternatives, or comparisons under decisions."
        raise InputError(Problem("--between", "needs at least two alternatives", remedy))
    volume = volume_of(plan)
    over = asked.over or (f"demand.{volume}" if volume else None)
    if over is None:
        raise InputError(Problem("--over", "is required, because the plan's demand is a trace", ""))
    return _Wanted(
        name="",
        description="",
        between=between,
        over=over,
        low=asked.low,
        high=asked.high,
        books=(),
        shown={},
    )


def check_alternative(file: PlanFile, path: Path, name: str) -> None:
    """Raise :class:`InputError` if ``name``, said at ``path``, is neither the plan nor an alternative."""
    known = (ITSELF, *file.plan.alternatives)
    if name not in known:
        raise InputError(
            file.places.problem(path, f"the plan has no alternative '{name}'", nearest(name, known))
        )


def volume_of(plan: Plan) -> str | None:
    """Return the field that says how much demand there is; None where a trace does."""
    return next((name for name in _VOLUMES if getattr(plan.demand, name) is not None), None)


def _question(
    read: Callable[[str, Sequence[str]], PlanFile],
    asked: ComparisonOptions,
    wanted: _Wanted,
    catalog: Catalog,
    document: Callable[[Estimate], Document],
) -> Question:
    files = [read(name, wanted.books) for name in wanted.between]
    driver = driver_of(wanted.over, files, lambda: document(estimate(files[0], catalog)))
    return Question(
        wanted.name,
        wanted.description,
        [
            Alternative(name, _context(file, catalog), _owned(file.plan))
            for name, file in zip(wanted.between, files, strict=True)
        ],
        driver,
        _grid(files, driver, wanted.low, wanted.high, asked.points),
        dict(_shown(files[0], wanted)),
    )


def _context(file: PlanFile, catalog: Catalog) -> Context:
    """Return the context of a plan, with one day instead of a week of equal days: a seventh of the work."""
    context = context_of(file, catalog)
    days = context.pattern.shape.reshape(-1, 24) if context.pattern.shape.size % 24 == 0 else None
    if days is None or not np.array_equal(days, np.broadcast_to(days[0], days.shape)):
        return context
    return replace(context, pattern=context.pattern._replace(shape=days[0]))


def _owned(plan: Plan) -> Owned:
    if plan.decisions is None:
        return Owned()
    said = plan.decisions.ownership
    return Owned(
        float(said.engineering_hours_per_month * said.usd_per_engineering_hour),
        float(said.on_call_usd_per_month),
        float(said.migration_usd),
        float(said.migration_months),
    )


def _shown(file: PlanFile, wanted: _Wanted) -> list[tuple[str, Expression]]:
    found = []
    for title, text in wanted.shown.items():
        try:
            found.append((title, Expression(text)))
        except ExpressionError as error:
            where = ("decisions", "comparisons", wanted.name, "shown", title)
            raise InputError(file.places.problem(where, error.what, error.remedy)) from None
    return found


def _grid(
    files: Sequence[PlanFile],
    driver: DrivenAxis,
    low: str | float | None,
    high: str | float | None,
    points: int,
) -> Array:
    now = driver.now([file.plan for file in files])
    first = _end(files, driver, low, "--from", None if now is None else now / _SPAN)
    last = _end(files, driver, high, "--to", None if now is None else now * _SPAN)
    if not first < last:
        what = f"the range from {plain(first, 6)} to {plain(last, 6)} is empty"
        raise InputError(Problem("--from, --to", what, "Give both."))
    if first > 0 and last / first >= _WIDE:
        x = np.geomspace(first, last, points)
    else:
        x = np.linspace(first, last, points)
    x[0], x[-1] = first, last
    return np.unique(np.rint(x / driver.step) * driver.step) if driver.step else x


def _end(
    files: Sequence[PlanFile],
    driver: DrivenAxis,
    given: str | float | None,
    option: str,
    default: float | None,
) -> float:
    """Return an end of the range, read as the plan reads it there."""
    if given is None:
        if default is None:
            raise InputError(
                Problem(option, f"is required, because the plan gives no value of {driver.name}")
            )
        return min(default, driver.highest)
    if isinstance(given, float):
        return given
    path = next(iter(driver.sets))
    if driver.is_path:
        file = next(file for file in files if number_at(file.plan, path) is not None)
        return read_number(file, path, given, option)
    try:
        return bound(given)
    except ValueError as error:
        raise InputError(Problem(option, str(error))) from None

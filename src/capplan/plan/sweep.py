"""`--sweep path=v1,v2,…`: the grid of scenarios that it asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from capplan.errors import InputError, Problem
from capplan.plan.bind import Path, Scenarios, at, grid
from capplan.plan.model import Plan
from capplan.plan.overlay import assignment, full_path, merge, nested
from capplan.plan.places import Places
from capplan.plan.read import PlanFile, scalar, validate

MAX_SCENARIOS = 2_000_000
MAX_MONTHS = 600


class Sweep(NamedTuple):
    """A grid of scenarios and what was written for each value on its axes."""

    scenarios: Scenarios
    axes: Mapping[Path, tuple[str, ...]]


def read_sweeps(file: PlanFile, texts: Iterable[str]) -> Sweep:
    """Return the grid over all the ``texts``, each PATH=VALUE,VALUE,….

    Every value is read as the plan would read it there, so units, bounds and messages are the plan's.
    """
    axes: dict[Path, list[float]] = {}
    labels: dict[Path, tuple[str, ...]] = {}
    for text in texts:
        path, values = assignment(text, "--sweep")
        full = full_path(file.raw, path, Plan.model_fields, "--sweep")
        if full in axes:
            raise InputError(Problem("--sweep", f"'{path}' is swept twice", "Give all values in one."))
        labels[full] = tuple(value.strip() for value in values.split(","))
        axes[full] = [read_number(file, full, label, "--sweep") for label in labels[full]]
    scenarios = grid(axes)
    if scenarios.count > MAX_SCENARIOS:
        what = f"{scenarios.count} scenarios are too many; the limit is {MAX_SCENARIOS}"
        raise InputError(Problem("--sweep", what))
    return Sweep(scenarios, labels)


def read_number(file: PlanFile, path: Path, label: str, option: str) -> float:
    """Return the number that ``label`` means at ``path``, as the plan would read it there."""
    dotted = ".".join(path)
    given = {**file.places.given, path: f"{option} {dotted}={label}"}
    places = Places(file.places.locator, file.places.alternative, given)
    plan = validate(merge(file.raw, nested(path, scalar(label))), places)
    value = at(plan, path)
    if not isinstance(value, float):
        what = f"{dotted} is not a number, and only numbers can be swept"
        raise InputError(Problem(option, what, "Use --set, or an alternative in the plan."))
    return value


HORIZON = "horizon"


def month_sweep(months: str | None, plan: Plan) -> list[str]:
    """Return the sweep over this month and the ``months`` after it, or none; ``horizon`` takes the plan's."""
    if months is None:
        return []
    return ["demand.month=" + ",".join(map(str, range(months_ahead(months, plan) + 1)))]


def months_ahead(months: str, plan: Plan) -> int:
    """Return how many months ``--months`` looks ahead."""
    if months == HORIZON:
        if plan.demand.horizon_months == 0:
            what = "the plan has no demand.horizon_months"
            raise InputError(Problem("--months", what, "Set it, or give a number of months."))
        return int(plan.demand.horizon_months)
    if months.isdecimal() and 0 < int(months) <= MAX_MONTHS:
        return int(months)
    raise InputError(Problem("--months", f"expected 1 to {MAX_MONTHS} months, got '{months}'"))

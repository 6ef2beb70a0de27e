"""`--sweep path=v1,v2,…`: the grid of scenarios that it asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from math import prod
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


def read_sweeps(file: PlanFile, texts: Iterable[str], option: str = "--sweep") -> Sweep:
    """Return the grid over all the ``texts``, each PATH=VALUE,VALUE,….

    Every value is read as the plan would read it there, so units, bounds and messages are the plan's.
    """
    labels: dict[Path, tuple[str, ...]] = {}
    for text in texts:
        path, values = assignment(text, option)
        full = full_path(file.raw, path, Plan.model_fields, option)
        if full in labels:
            raise InputError(Problem(option, f"'{path}' is swept twice", "Give all values in one."))
        labels[full] = tuple(value.strip() for value in values.split(","))
        if "" in labels[full]:
            raise InputError(Problem(f"{option} {text}", "a value is missing between two commas"))
    count = prod(map(len, labels.values()))
    if count > MAX_SCENARIOS:
        what = f"{count:,} scenarios are too many; the limit is {MAX_SCENARIOS:,}"
        raise InputError(Problem(option, what))
    axes = {full: [read_number(file, full, label, option) for label in said] for full, said in labels.items()}
    for section in {path[:-1] for path in axes}:
        _check_corners(file, {path: axes[path] for path in axes if path[:-1] == section}, labels, option)
    return Sweep(grid(axes), labels)


def _check_corners(
    file: PlanFile, axes: Mapping[Path, list[float]], labels: Mapping[Path, tuple[str, ...]], option: str
) -> None:
    """Refuse the axes of one section if some combination of their values is none that a plan could say.

    What a section asks of its numbers together (min up to max, commitments up to the whole) is monotone in
    each of them, so that it holds all over the grid if it holds in the corners.
    """
    if len(axes) < 2:
        return
    ends = {
        path: [labels[path][values.index(end(values))] for end in (min, max)] for path, values in axes.items()
    }
    for corner in product(*ends.values()):
        _with(file, dict(zip(ends, corner, strict=True)), option)


def read_number(file: PlanFile, path: Path, label: str, option: str) -> float:
    """Return the number that ``label`` means at ``path``, as the plan would read it there."""
    value = at(_with(file, {path: label}, option), path)
    if not isinstance(value, float):
        what = f"{'.'.join(path)} is not a number, and only numbers can be swept"
        raise InputError(Problem(option, what, "Use --set, or an alternative in the plan."))
    return value


def _with(file: PlanFile, changes: Mapping[Path, str], option: str) -> Plan:
    """Return the plan with what the labels mean at their paths."""
    given = {path: f"{option} {'.'.join(path)}={label}" for path, label in changes.items()}
    places = Places(file.places.locator, file.places.alternative, {**file.places.given, **given})
    raw = file.raw
    for path, label in changes.items():
        raw = merge(raw, nested(path, scalar(label, given[path])))
    return validate(raw, places)


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

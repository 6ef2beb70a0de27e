"""Where a plan stands on its tiers of growth, and the month in which it leaves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array
from capplan.catalog.catalog import Catalog
from capplan.cost.lines import is_priced
from capplan.decide.expressions import Expression, ExpressionError
from capplan.errors import InputError
from capplan.estimate import Estimate, context_of
from capplan.many import in_chunks
from capplan.plan.bind import Path, Scenarios
from capplan.plan.decisions import GrowthTier, GrowthTiers
from capplan.plan.draws import draw, intervals_of
from capplan.plan.read import PlanFile

_MONTH: Path = ("demand", "month")
_BY: Path = ("decisions", "growth_tiers", "by")
_SAMPLES = 200


class Entry(NamedTuple):
    """When a tier is entered: with which probability within the horizon, and in which months if so."""

    tier: str
    probability: float
    month_p5: float
    month_p50: float
    month_p95: float


class Growth(NamedTuple):
    """Where the plan stands.

    value: what drives the tiers, now; None, as is the tier, where that is a cost and prices are missing.
    next_tier: the one above, None at the top; room: by how much the value may still grow until it begins, as
    a share. usd_per_month: None where nothing has a price. in_budget: whether the plan costs what its tier
    says; None where it says nothing, or prices are missing. complete: whether everything has a price.
    entries: of the tiers above within ``months``, where the plan grows.
    """

    value: float | None
    unit: str
    tier: str | None
    tiers: Mapping[str, GrowthTier]
    next_tier: str | None
    room: float | None
    usd_per_month: float | None
    in_budget: bool | None
    complete: bool
    months: int
    entries: Sequence[Entry]


def growth(file: PlanFile, catalog: Catalog) -> Growth | None:
    """Return where the plan stands on its tiers; None where it has none."""
    decisions = file.plan.decisions
    if decisions is None or decisions.growth_tiers is None:
        return None
    section = decisions.growth_tiers
    months = int(decisions.horizon_months)
    values, costs, complete, priced = _by_month(file, catalog, section.by, months)
    now, cost = float(np.median(values[0])), float(np.median(costs[0]))
    if not complete and "monthly_cost" in section.by:
        return _unknown(section, cost if priced else None, months)
    names, bounds = list(section.tiers), bounds_of(file, section.tiers)
    index = min(int(np.searchsorted(bounds, now, side="right")), len(names) - 1)
    tier = section.tiers[names[index]]
    above = names[index + 1 :]
    return Growth(
        value=now,
        unit=section.unit,
        tier=names[index],
        tiers=section.tiers,
        next_tier=above[0] if above else None,
        room=bounds[index] / now - 1 if above and now > 0 else None,
        usd_per_month=cost if priced else None,
        in_budget=_within(cost, tier, complete),
        complete=complete,
        months=months,
        entries=[
            entry
            for name, bound in zip(above, bounds[index:], strict=False)
            if (entry := _entry(name, values >= bound)) is not None
        ],
    )


def _unknown(section: GrowthTiers, cost: float | None, months: int) -> Growth:
    """Return what is left to say where a cost without all its prices decides the tier."""
    return Growth(
        value=None,
        unit=section.unit,
        tier=None,
        tiers=section.tiers,
        next_tier=None,
        room=None,
        usd_per_month=cost,
        in_budget=None,
        complete=False,
        months=months,
        entries=(),
    )


def _within(cost: float, tier: GrowthTier, complete: bool) -> bool | None:
    """Say whether a cost is one of the tier's; of a lower bound only that it is above them is known."""
    if not tier.usd_per_month or (not complete and cost <= tier.usd_per_month[-1]):
        return None
    return bool(tier.usd_per_month[0] <= cost <= tier.usd_per_month[-1])


def bounds_of(file: PlanFile, tiers: Mapping[str, GrowthTier]) -> list[float]:
    """Return where each tier ends but the last, which may have no end; they must rise."""
    bounds = [np.inf if tier.below is None else float(tier.below) for tier in tiers.values()]
    if bounds != sorted(set(bounds)):
        path = ("decisions", "growth_tiers", "tiers")
        what = "the bounds of the tiers must rise, and only the last tier may have none"
        raise InputError(file.places.problem(path, what))
    return bounds


def _by_month(file: PlanFile, catalog: Catalog, by: str, months: int) -> tuple[Array, Array, bool, bool]:
    """Return what drives the tiers, and USD a month, in this month and those after, (months, samples).

    And whether everything has a price, and anything.
    """
    drawn = draw(file, _SAMPLES, 0) if intervals_of(file) else Scenarios()
    values = {path: np.tile(column, months + 1) for path, column in drawn.values.items()}
    values[_MONTH] = np.repeat(np.arange(months + 1, dtype=float), drawn.count)
    scenarios = Scenarios(drawn.count * (months + 1), values)
    driver, cost, complete, priced = _evaluated(file, catalog, by, scenarios)
    shape = (months + 1, drawn.count)
    return driver.reshape(shape), cost.reshape(shape), bool(complete.all()), bool(priced.any())


def driver_values(file: PlanFile, catalog: Catalog, by: str, path: Path, values: Array) -> Array:
    """Return what drives the tiers at ``values`` of the number at ``path``, (values,)."""
    found: Array = _evaluated(file, catalog, by, Scenarios(values.size, {path: values}))[0]
    return found


def _evaluated(file: PlanFile, catalog: Catalog, by: str, scenarios: Scenarios) -> Array:
    """Return the driver, the cost, whether all and whether anything is priced, (4, scenarios)."""
    try:
        expression = Expression(by)
        parts = in_chunks(context_of(file, catalog), scenarios, lambda found: _of(found, expression))
    except ExpressionError as error:
        raise InputError(file.places.problem(_BY, error.what, error.remedy)) from None
    return np.concatenate(parts, axis=1)


def _of(estimate: Estimate, expression: Expression) -> Array:
    count = estimate.scenarios.count
    value = np.asarray(expression.value(_names(estimate)), dtype=float)
    sure = (estimate.certainty.complete, is_priced(estimate.lines))
    found = (value, estimate.total.expected, *(np.array(float(flag)) for flag in sure))
    return np.stack([np.broadcast_to(v.reshape(-1), count) for v in found])


def _names(estimate: Estimate) -> Mapping[str, Any]:
    """Return the fields that have a value in every scenario, as columns."""
    load = estimate.load
    return {
        "demand": {"average_rps": load.average_rps, "peak_rps": load.peak_rps},
        "hours_per_month": estimate.hours_per_month,
        "monthly_cost": {"expected": estimate.total.expected},
        "components": {
            c.name: {"monthly_cost": {"expected": estimate.cost_of(c.name).expected}}
            for c in estimate.components
        },
        "plan": estimate.plan.model_dump(exclude={"alternatives", "service_templates", "decisions"}),
    }


def _entry(name: str, reached: NDArray[np.bool_]) -> Entry | None:
    """Return when a tier is entered; ``reached`` says so by month and sample. None where it never is."""
    enters = reached.any(axis=0)
    if not enters.any():
        return None
    month = np.argmax(reached, axis=0)[enters]
    p5, p50, p95 = np.percentile(month, (5, 50, 95), method="inverted_cdf")
    return Entry(name, float(enters.mean()), float(p5), float(p50), float(p95))

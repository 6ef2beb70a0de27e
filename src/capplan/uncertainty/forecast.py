"""The months ahead: how cost and counts grow, and when a limit is crossed, with probability."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.catalog.catalog import Catalog
from capplan.cost.lines import Certainty
from capplan.errors import InputError, Problem
from capplan.estimate import Estimate
from capplan.many import Summary, estimate_many
from capplan.plan.bind import Path, Scenarios
from capplan.plan.draws import draw
from capplan.plan.read import PlanFile
from capplan.plan.sweep import MAX_SCENARIOS
from capplan.uncertainty.sample import Spread, spread_of

MONTH: Path = ("demand", "month")


class Crossing(NamedTuple):
    """A limit that is crossed within the horizon.

    probability: share of the scenarios that cross it. month: in which these first do; by: probability that it
    is crossed by then, for each month from the first.
    complete: False where prices are missing: probabilities are then the least, months the latest, and None
    where nothing is known.
    """

    component: str
    what: str
    probability: float | None
    month: Spread | None
    by: Sequence[float]
    complete: bool = True


class Forecast(NamedTuple):
    """Cost and counts by month, and what is crossed."""

    months: Sequence[int]
    samples: int
    seed: int
    cost: Sequence[Spread]
    instances: Mapping[str, Sequence[Spread]]
    crossings: Sequence[Crossing]
    certainty: Certainty
    priced: bool


def forecast(
    file: PlanFile, catalog: Catalog, months: int, samples: int, seed: int, budget: float | None = None
) -> Forecast:
    """Return the forecast for this month and ``months`` more: every draw lives through all of them.

    budget: USD a month, whose crossing is told as well.
    """
    if samples * (months + 1) > MAX_SCENARIOS:
        what = f"{samples:,} draws of {months + 1} months are more than {MAX_SCENARIOS:,} scenarios"
        raise InputError(Problem("--samples", what, "Take fewer draws, or fewer months."))
    drawn = draw(file, samples, seed)
    values = {path: np.tile(column, months + 1) for path, column in drawn.values.items()}
    values[MONTH] = np.repeat(np.arange(months + 1, dtype=float), samples)
    summary = estimate_many(file, catalog, Scenarios(samples * (months + 1), values))
    by_month = (months + 1, samples)
    counts = {name: _spreads(v.reshape(by_month)) for name, v in summary.peak_instances.items()}
    return Forecast(
        months=range(months + 1),
        samples=samples,
        seed=seed,
        cost=_spreads(summary.expected.reshape(by_month)),
        instances=counts,
        crossings=list(crossings(summary, months + 1, budget)),
        certainty=summary.certainty,
        priced=summary.priced,
    )


def crossings(summary: Summary, months: int, budget: float | None = None) -> Iterator[Crossing]:
    """Yield the limits that ``summary``, month after month of the same draws, crosses.

    What holds in a later month only is a crossing; what is broken in the first month already is month 0.
    """
    for name, unmet in summary.unmet.items():
        yield from _crossing(name, "max or latency SLO", unmet.reshape(months, -1) > 0)
    for name, picked in summary.picked.items():
        tiers = picked.reshape(months, -1)
        yield from _crossing(name, "tier or machine", tiers != tiers[0])
    if budget is not None:
        what = f"budget of {budget:,.0f} USD"
        yield from _of_budget(summary, what, summary.expected.reshape(months, -1) > budget)


def _of_budget(summary: Summary, what: str, beyond: np.ndarray) -> Iterator[Crossing]:
    """Yield what is known of a budget: a lower bound only crosses it for sure, an upper one only keeps it."""
    sign = summary.certainty.sign
    if not sign or (sign == "≤" and not beyond.any()):
        yield from _crossing("total", what, beyond)
    elif sign == "≥" and beyond.any():
        yield from (c._replace(complete=bool(beyond[0].all())) for c in _crossing("total", what, beyond))
    else:
        yield Crossing("total", what, None, None, (), complete=False)


def crossings_of(estimate: Estimate, summary: Summary) -> list[Crossing]:
    """Return the crossings of an estimate whose scenarios are months, one draw each."""
    return list(crossings(summary, estimate.scenarios.count))


def _crossing(component: str, what: str, beyond: np.ndarray) -> Iterator[Crossing]:
    ever = beyond.any(axis=0)
    if ever.any():
        first = beyond[:, ever].argmax(axis=0).astype(float)
        reached = np.logical_or.accumulate(beyond, axis=0).mean(axis=1)
        yield Crossing(component, what, float(ever.mean()), spread_of(first), reached.tolist())


def _spreads(rows: Array) -> list[Spread]:
    return [spread_of(row) for row in rows]

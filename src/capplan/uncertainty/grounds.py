"""What an estimate rests on: which of its figures change with which numbers, and where these come from.

A figure rests on a number if it changes when the number is halved, doubled or, for an interval, at its p5 or
p95. A cost or a count is no better than the weakest source among the numbers that it rests on. What is sized
by a minimum, say, does not rest on a service time, however uncertain that is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.components.base import Context
from capplan.estimate import Estimate, estimate_on
from capplan.plan.bind import Path, at
from capplan.plan.draws import intervals_of
from capplan.plan.intervals import Interval
from capplan.plan.model import COMPONENTS
from capplan.plan.read import PlanFile
from capplan.plan.sites import site_of
from capplan.plan.sources import Mark
from capplan.uncertainty.moves import Ends, Move, ends_of, numbers_of, percentiles_of, scenarios_of, tried

ASSUMED, UNSTATED, FIXED = "assumed", "unstated", "fixed"
WEAKEST_FIRST = (ASSUMED, UNSTATED, "vendor", "documented", "measured", FIXED)
"""Sources by how little they say. Unstated: the plan does not say. Fixed: no number changes it."""

_FREE = "rate_limits"
"""Costs nothing and has no instances, but takes time to work out."""
_NOISE = 1e-9
_INSTEAD_OF_ZERO = 0.1
"""What is tried for a number that is 0: a tenth of a share, of a GiB, of a second; of a whole number, one."""

Figure = tuple[str, str]
"""A cost, by component and SKU, or a count of instances, by component and an empty name."""

_Figures = Mapping[Figure, float]


class Ground(NamedTuple):
    """A number of the plan and what rests on it.

    low, high: the values that were tried; costs: USD a month at each, NaN where no plan can say that.
    swing: by how much the cost varies with it, USD a month.
    """

    path: Path
    value: float
    mark: Mark | None
    low: float
    high: float
    costs: tuple[float, float]
    swing: float
    carries: frozenset[Figure]

    @property
    def source(self) -> str:
        """Where it comes from."""
        return UNSTATED if self.mark is None else self.mark.source

    @property
    def components(self) -> list[str]:
        """The components whose cost or count rests on it."""
        return sorted({component for component, _ in self.carries})


class Grounds(NamedTuple):
    """The numbers that an estimate rests on, and the figures: USD a month by SKU, and counts."""

    numbers: Sequence[Ground]
    untried: Mapping[Path, Mark]
    figures: _Figures

    def weakest(self, figure: Figure) -> str:
        """Return the weakest source among the numbers that a figure rests on."""
        found = {ground.source for ground in self.numbers if figure in ground.carries}
        return next((source for source in WEAKEST_FIRST if source in found), FIXED)

    @property
    def usd(self) -> dict[str, float]:
        """USD a month by the weakest source of each cost; they add up to the expected cost.

        What lowers a cost, such as a discount, goes with the rest of its component.
        """
        found = dict.fromkeys(WEAKEST_FIRST, 0.0)
        sources = {figure: self.weakest(figure) for figure, usd in self.figures.items() if figure[1] and usd}
        for lowered in {component for (component, sku), usd in self.figures.items() if sku and usd < 0}:
            own = [figure for figure in sources if figure[0] == lowered]
            worst = min((sources[figure] for figure in own), key=WEAKEST_FIRST.index)
            sources |= dict.fromkeys(own, worst)
        for figure, source in sources.items():
            found[source] += self.figures[figure]
        return found

    def share(self, *sources: str) -> float | None:
        """Return the share of the cost that rests on ``sources``; None where nothing costs anything."""
        usd = self.usd
        total = sum(usd.values())
        return sum(usd[source] for source in sources) / total if total > 0 else None

    def heaviest(self, *sources: str) -> list[Ground]:
        """Return the numbers from ``sources`` that figures rest on, those that move the bill most first."""
        found = [ground for ground in self.numbers if ground.source in sources and ground.carries]
        return sorted(found, key=lambda ground: (-ground.swing, ground.path))

    @property
    def counts(self) -> dict[str, str]:
        """The weakest source of the instances that each component needs at its peak."""
        return {component: self.weakest((component, sku)) for component, sku in self.figures if not sku}


def grounds_of(estimate: Estimate, assumed_only: bool = False) -> Grounds:
    """Return what an estimate of one scenario rests on.

    assumed_only: try no number that is not assumed, which is quicker; all others count as fixed.
    """
    file = estimate.file
    values = dict(_numbers(file, assumed_only))
    ends = {path: ends_of(file, path, _range(value)) for path, value in values.items()}
    context = replace(estimate.context.of(file.plan.model_copy(update={_FREE: {}})), silent=True)
    figures, found = tried(ends, partial(_figures, context))
    numbers = [
        _ground((path, file.sources.get(path)), values[path], ends[path], found[path], figures)
        for path in values
    ]
    varied = {ground.path for ground in numbers if ground.low != ground.high}
    untried = {path: mark for path, mark in file.sources.items() if path not in varied}
    return Grounds(numbers, untried, figures)


def _numbers(file: PlanFile, assumed_only: bool) -> Iterator[tuple[Path, float]]:
    """Yield what can be tried: numbers and intervals of the plan, and whole numbers with a source."""
    paths = [path for path, mark in file.sources.items() if mark.source == ASSUMED or not assumed_only]
    if not assumed_only:
        paths = [*numbers_of(file), *intervals_of(file), *paths]
    for path in dict.fromkeys(paths):
        try:
            value = at(file.plan, path)
        except KeyError:  # in a list, which nothing varies
            continue
        if isinstance(value, float) and path[0] != _FREE and not _is_copied(file, path):
            yield path, value


def _is_copied(file: PlanFile, path: Path) -> bool:
    """Say whether a number is that of the first site, with which it varies."""
    sites = file.plan.sites
    copied = path[0] in COMPONENTS and site_of(path[1], sites) != next(iter(sites), None)
    return copied and path not in file.sources


def _range(value: float) -> tuple[float, float]:
    """Return what a number may be instead: half and twice as much, unless an interval says it."""
    if isinstance(value, Interval):
        return percentiles_of(value)
    if value == 0:
        return 0.0, _INSTEAD_OF_ZERO
    low, high = sorted((value / 2, value * 2))
    return low, high


def _ground(
    named: tuple[Path, Mark | None],
    value: float,
    ends: Ends,
    found: Sequence[_Figures | None],
    base: _Figures,
) -> Ground:
    path, mark = named
    known = [figures for figures in found if figures is not None]
    carries = {
        figure for figures in known for figure in base if _differ(figures.get(figure, 0.0), base[figure])
    }
    low, high = (value if figures is None else end[path] for end, figures in zip(ends, found, strict=True))
    costs = [math.nan if figures is None else _cost(figures) for figures in found]
    reached = [_cost(base), *(usd for usd in costs if not math.isnan(usd))]
    return Ground(
        path=path,
        value=value,
        mark=mark,
        low=low,
        high=high,
        costs=(costs[0], costs[1]),
        swing=max(reached) - min(reached),
        carries=frozenset(carries),
    )


def _cost(figures: _Figures) -> float:
    return sum(usd for (_, sku), usd in figures.items() if sku)


def _differ(one: float, other: float) -> bool:
    return abs(one - other) > _NOISE * max(abs(one), abs(other))


def _figures(context: Context, moves: Sequence[Move]) -> list[_Figures]:
    """Return the costs by SKU and the counts for each of the ``moves``."""
    count = len(moves)
    with np.errstate(all="ignore"):  # what is extreme enough for a warning is refused, or shown as it is
        estimate = estimate_on(context, scenarios_of(context.file.plan, moves))
    columns: dict[Figure, Array] = {}
    for line in estimate.lines:
        if line.cost is not None:
            figure = line.meter.component, line.sku
            columns[figure] = columns.get(figure, np.zeros(count)) + line.cost.expected[:, 0]
    for component in estimate.components:
        if component.sizing is not None:
            columns[component.name, ""] = np.broadcast_to(component.sizing.peak[:, 0], count)
    rows = np.array(list(columns.values())).reshape(len(columns), count).T.tolist()
    return [dict(zip(columns, row, strict=True)) for row in rows]

"""When to switch: what alternatives cost along a driver, and every value where the cheapest changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array
from capplan.components.base import Context
from capplan.cost.lines import CostLine
from capplan.decide.crossings import Switchover, changes, cheapest, first, sustained
from capplan.decide.drivers import DrivenAxis
from capplan.estimate import Estimate, estimate_on
from capplan.many import in_chunks
from capplan.plan.bind import Scenarios
from capplan.plan.model import Plan


class Owned(NamedTuple):
    """What an alternative costs beside the bill, USD a month; ``migration_usd`` is paid once."""

    engineering_usd: float = 0.0
    on_call_usd: float = 0.0
    migration_usd: float = 0.0
    migration_months: float = 12.0

    @property
    def usd_per_month(self) -> float:
        """All of it, the migration spread over its months."""
        return self.engineering_usd + self.on_call_usd + self.migration_usd / self.migration_months


class Alternative(NamedTuple):
    """One of the alternatives, read and ready to be estimated."""

    name: str
    context: Context
    owned: Owned

    @property
    def plan(self) -> Plan:
        """The plan with its overlay."""
        return self.context.file.plan


class Stretch(NamedTuple):
    """Values of the driver over which one alternative is the cheapest.

    costs: of every alternative at both ends, USD a month. slopes: USD a month for one more of the driver.
    known: False where something in the cheapest has no price, so that another one may be cheaper.
    """

    low: float
    high: float
    cheapest: int
    costs: Sequence[tuple[float, float]]
    slopes: Sequence[float]
    known: bool = True


class Switch(NamedTuple):
    """One alternative against the first: where it begins to be cheaper, and stays so.

    from_start: it is cheaper at the smallest value already. sustained is None where it is not at the largest;
    ``reason`` then says why. known: False where prices that nobody knows could turn it around.
    """

    alternative: int
    from_start: bool
    first: float | None
    sustained: float | None
    crossings: Sequence[float]
    reason: str
    known: bool = True


class CostsNow(NamedTuple):
    """What the alternatives cost at the plan's own value of the driver, and how long a switch takes to pay.

    payback_months: of the migration, by alternative; None where it never pays, costs nothing or is not known.
    """

    value: float
    costs: Sequence[float]
    payback_months: Sequence[float | None]


class Least(NamedTuple):
    """The smallest cost of an alternative, and where on the grid it is."""

    alternative: int
    value: float
    cost: float


class BreakEven(NamedTuple):
    """Alternatives along a driver.

    x: values of the driver, (points,). costs: USD a month, (alternatives, points). limits: from where on an
    alternative does not carry the load or misses its SLO; None where it always does. lacking: whether
    something that the alternatives do not share has no price, so that the cost is a lower bound.
    """

    alternatives: Sequence[Alternative]
    driver: DrivenAxis
    x: Array
    costs: Array
    stretches: Sequence[Stretch]
    switches: Sequence[Switch]
    limits: Sequence[float | None]
    now: CostsNow | None
    lacking: Sequence[bool]

    @property
    def least(self) -> list[Least]:
        """Where on the grid each alternative costs least: the best split, size or month."""
        where = enumerate(np.argmin(self.costs, axis=1).tolist())
        return [Least(i, float(self.x[j]), float(self.costs[i, j])) for i, j in where if not self.lacking[i]]


class Points(NamedTuple):
    """What an alternative costs at values of the driver, (n,), or (1,) where it does not depend on them.

    by_component: USD a month. short: 1 where something may not run what it needs, else 0. lacks: by
    component, 1 where something in it has no price, else 0.
    """

    total: Array
    by_component: Mapping[str, Array]
    short: Array
    lacks: Mapping[str, Array]


class Curves:
    """Costs of alternatives as functions of a driver."""

    def __init__(self, alternatives: Sequence[Alternative], driver: DrivenAxis) -> None:
        self.alternatives = alternatives
        self.driver = driver
        self._common: frozenset[str] = frozenset()
        self._fixed: dict[int, Points] = {}

    def at(self, x: Array, which: int) -> Points:
        """Return what one alternative costs at every value of the driver."""
        if which in self._fixed:
            return self._fixed[which]
        alternative = self.alternatives[which]
        scenarios = scenarios_of(self.driver, alternative.plan, x)
        parts = in_chunks(alternative.context, scenarios, _points)
        found = Points(
            np.concatenate([part.total for part in parts]),
            {
                name: np.concatenate([part.by_component[name] for part in parts])
                for name in parts[0].by_component
            },
            np.concatenate([part.short for part in parts]),
            {name: np.concatenate([part.lacks[name] for part in parts]) for name in parts[0].lacks},
        )
        found = found._replace(total=found.total + alternative.owned.usd_per_month)
        if not scenarios.values:
            self._fixed[which] = found
        return found

    def totals(self, x: Array) -> Array:
        """Return the costs of all alternatives, (alternatives, n)."""
        every = range(len(self.alternatives))
        return np.stack([np.broadcast_to(self.at(x, i).total, x.size) for i in every])

    def ignore_common(self, points: Sequence[Points]) -> None:
        """Leave out of what is compared the components that cost the same everywhere in all alternatives.

        What they add would only widen the ranges that costs lie in.
        """
        self._common = frozenset(
            name
            for name, cost in points[0].by_component.items()
            if all(_same(cost, other.by_component.get(name)) for other in points[1:])
            and all(_same(points[0].lacks[name], other.lacks.get(name)) for other in points[1:])
        )

    def lacks(self, points: Points, count: int) -> NDArray[np.bool_]:
        """Say where something of an alternative that is not common has no price, (count,)."""
        flags = [flag for name, flag in points.lacks.items() if name not in self._common]
        return np.broadcast_to(np.any(np.broadcast_arrays(np.zeros(1), *flags), axis=0), count)

    def own(self, points: Points, which: int, count: int) -> Array:
        """Return what an alternative costs without what is common, (count,)."""
        total = np.full(count, self.alternatives[which].owned.usd_per_month)
        for name, cost in points.by_component.items():
            if name not in self._common:
                total = total + cost
        return total

    def compare(self, x: Array, which: Sequence[int]) -> Array:
        """Return the costs of ``which`` without what is common, (alternatives, n)."""
        return np.stack([self.own(self.at(x, i), i, x.size) for i in which])


def _points(estimate: Estimate) -> Points:
    count = estimate.scenarios.count
    short = np.zeros(count)
    for component in estimate.components:
        if component.sizing is not None:
            missing = component.sizing.peak > component.sizing.peak_running
            short = np.maximum(short, np.broadcast_to(missing[:, 0], count))
    costs = {c.name: _column(estimate.cost_of(c.name).expected, count) for c in estimate.components}
    lacks = {c.name: _lacks(estimate.lines_of(c.name), count) for c in estimate.components}
    return Points(_column(estimate.total.expected, count), costs, short, lacks)


def _lacks(lines: Sequence[CostLine], count: int) -> Array:
    """Return 1 where something is used that has no price."""
    used = [_column(line.quantity.expected, count) > 0 for line in lines if line.status == "unpriced"]
    return np.asarray(np.any(np.stack(used), axis=0) if used else np.zeros(count), dtype=float)


def _column(values: Array, count: int) -> Array:
    return np.broadcast_to(values[:, 0], count)


def scenarios_of(driver: DrivenAxis, plan: Plan, x: Array) -> Scenarios:
    """Return a scenario for every value of the driver; one where the plan does not depend on it."""
    values = driver.values(plan, x)
    return Scenarios(x.size, values) if values else Scenarios()


def _same(cost: Array, other: Array | None) -> bool:
    return other is not None and bool(np.array_equal(cost, other))


def break_even(alternatives: Sequence[Alternative], driver: DrivenAxis, x: Array) -> BreakEven:
    """Compare the alternatives over the values ``x`` of the driver, (points,), rising."""
    curves = Curves(alternatives, driver)
    every = list(range(len(alternatives)))
    points = [curves.at(x, i) for i in every]
    costs = np.stack([np.broadcast_to(p.total, x.size) for p in points])
    curves.ignore_common(points)
    compared = np.stack([curves.own(points[i], i, x.size) for i in every])
    found = _changes(curves, x, every, compared)
    pairs = [found] if len(every) == 2 else [_changes(curves, x, [0, i], compared) for i in every[1:]]
    lacking = np.stack([curves.lacks(p, x.size) for p in points])
    incomplete: NDArray[np.bool_] = np.any(lacking, axis=1, keepdims=True)[:, 0]
    return BreakEven(
        alternatives=alternatives,
        driver=driver,
        x=x,
        costs=costs,
        stretches=_stretches(curves, x, costs, found, lacking),
        switches=[_switch(x, costs, i, pair, lacking) for i, pair in zip(every[1:], pairs, strict=True)],
        limits=[_limit(curves, x, points[i], i) for i in every],
        now=_now(curves, driver, incomplete),
        lacking=incomplete.tolist(),
    )


def _changes(curves: Curves, x: Array, which: list[int], compared: Array) -> list[Switchover]:
    found = changes(lambda values: curves.compare(values, which), x, curves.driver.step, compared[which])
    return [Switchover(c.at, which[c.before], which[c.after]) for c in found]


def _stretches(
    curves: Curves, x: Array, costs: Array, found: Sequence[Switchover], lacking: NDArray[np.bool_]
) -> list[Stretch]:
    """Cut the range at the changes; costs at a change are those just there."""
    edges = np.array([x[0], *(change.at for change in found), x[-1]])
    at_edges = curves.totals(edges)
    winners = [int(cheapest(costs[:, :1])[0]), *(change.after for change in found)]
    stretches = []
    for index, winner in enumerate(winners):
        low, high = float(edges[index]), float(edges[index + 1])
        pairs = [(float(row[index]), float(row[index + 1])) for row in at_edges]
        slopes = [(b - a) / (high - low) if high > low else 0.0 for a, b in pairs]
        inside = (x >= low) & (x <= high) if index == len(winners) - 1 else (x >= low) & (x < high)
        stretches.append(Stretch(low, high, winner, pairs, slopes, not lacking[winner, inside].any()))
    return stretches


def _switch(
    x: Array, costs: Array, which: int, found: Sequence[Switchover], lacking: NDArray[np.bool_]
) -> Switch:
    winner = cheapest(costs[[0, which]])
    starts, ends = bool(winner[0]), bool(winner[-1])
    start = float(x[0])
    if np.where(winner, lacking[which], lacking[0]).any():
        return Switch(
            alternative=which,
            from_start=starts,
            first=None,
            sustained=None,
            crossings=(),
            reason="",
            known=False,
        )
    return Switch(
        which,
        starts,
        first=start if starts else first(found, which),
        sustained=start if starts and not found else sustained(found, which),
        crossings=[change.at for change in found],
        reason="" if ends else _why_not(x, costs[[0, which]]),
    )


def _why_not(x: Array, costs: Array) -> str:
    """Say why the second of two alternatives is not cheaper at the end, by what one more unit costs there."""
    tail = max(0, x.size - max(2, x.size // 10))
    slopes = (costs[:, -1] - costs[:, tail]) / (x[-1] - x[tail])
    gap = float(costs[1, -1] - costs[0, -1])
    if gap <= 0:
        return "they cost the same at the end of the range"
    if slopes[1] >= slopes[0] * (1 - 1e-9):
        per_unit = f"{slopes[1]:.4g} against {slopes[0]:.4g} USD for one more at the end of the range"
        return f"each further unit costs as much or more: {per_unit}"
    beyond = x[-1] + gap / (slopes[0] - slopes[1])
    return f"beyond the range, at about {beyond:.4g} if these slopes continue"


def _limit(curves: Curves, x: Array, points: Points, which: int) -> float | None:
    """Return from where on something in the alternative may not run what its load needs."""

    def short(found: Points, count: int) -> Array:
        return np.stack([np.broadcast_to(found.short, count), np.full(count, 0.5)])

    at_points = short(points, x.size)
    if at_points[0, 0] > 0:
        return float(x[0])
    step = curves.driver.step
    found = changes(lambda values: short(curves.at(values, which), values.size), x, step, at_points)
    return found[0].at if found else None


def _now(curves: Curves, driver: DrivenAxis, lacking: NDArray[np.bool_]) -> CostsNow | None:
    value = driver.now([alternative.plan for alternative in curves.alternatives])
    if value is None:
        return None
    costs = [float(row[0]) for row in curves.totals(np.array([value]))]
    known = [not lacking[0] and not lacks for lacks in lacking]
    pays = [_payback(costs, a.owned, i) if known[i] else None for i, a in enumerate(curves.alternatives)]
    return CostsNow(value, costs, pays)


def _payback(costs: Sequence[float], owned: Owned, which: int) -> float | None:
    """Return after how many months the savings have paid the migration."""
    running = costs[which] - owned.migration_usd / owned.migration_months
    saving = costs[0] - running
    return owned.migration_usd / saving if owned.migration_usd > 0 and saving > 0 else None


def estimate_at(alternative: Alternative, driver: DrivenAxis, value: float) -> Estimate:
    """Return the estimate of an alternative at one value of the driver."""
    return estimate_on(alternative.context, scenarios_of(driver, alternative.plan, np.array([value])))

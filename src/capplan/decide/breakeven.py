"""When to switch: what alternatives cost along a driver, and every value where the cheapest changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from capplan.quantities import plain


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
    known: False where the cheapest uses more of something without a price, so that another may be cheaper.
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

    estimates: of each there. payback_months: of the migration, by alternative; None where it never pays,
    costs nothing or is not known.
    """

    value: float
    estimates: Sequence[Estimate]
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
    something in an alternative has no price, so that its cost is a lower bound. comparable: whether all
    alternatives use the same of what has no price. least: where on the grid each costs least,
    if that is known.
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
    comparable: bool
    least: Sequence[Least]


class Points(NamedTuple):
    """What an alternative costs at values of the driver, (n,), or (1,) where it does not depend on them.

    by_component: USD a month. short: 1 where something may not run what it needs, else 0. unpriced: how much
    is used of what has no price, by component and SKU.
    """

    total: Array
    by_component: Mapping[str, Array]
    short: Array
    unpriced: Mapping[tuple[str, ...], Array]

    def no_more_than(self, other: Points, count: int) -> NDArray[np.bool_]:
        """Say where nothing without a price is used more than in ``other``, (count,).

        What is cheaper without such prices is then cheaper with them too, whatever they are.
        """
        none = np.zeros(1)
        found = [
            used <= other.unpriced.get(key, none) * (1 + _ROUNDING) for key, used in self.unpriced.items()
        ]
        return np.broadcast_to(np.all(np.broadcast_arrays(none == 0, *found), axis=0), count)


_ROUNDING = 1e-9


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
            _joined([part.unpriced for part in parts], [part.total.size for part in parts]),
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
        )

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
    return Points(_column(estimate.total.expected, count), costs, short, _unpriced(estimate.lines, count))


def _unpriced(lines: Sequence[CostLine], count: int) -> dict[tuple[str, ...], Array]:
    """Return how much is used of what has no price."""
    found: dict[tuple[str, ...], Array] = {}
    for line in lines:
        if line.status == "unpriced":
            meter = line.meter
            key = (meter.component, meter.provider, meter.service, line.sku, meter.region, meter.rate)
            used = _column(line.quantity.expected, count)
            found[key] = found[key] + used if key in found else used
    return found


def _joined(
    parts: Sequence[Mapping[tuple[str, ...], Array]], counts: Sequence[int]
) -> dict[tuple[str, ...], Array]:
    """Return quantities of all chunks; a chunk that uses nothing of a SKU does not have it."""
    return {
        key: np.concatenate(
            [part.get(key, np.zeros(count)) for part, count in zip(parts, counts, strict=True)]
        )
        for key in dict.fromkeys(key for part in parts for key in part)
    }


def _column(values: Array, count: int) -> Array:
    return np.broadcast_to(values[:, 0], count)


def scenarios_of(driver: DrivenAxis, plan: Plan, x: Array) -> Scenarios:
    """Return a scenario for every value of the driver; one where the plan does not depend on it."""
    values = driver.values(plan, x)
    return Scenarios(x.size, values) if values else Scenarios()


def _same(cost: Array, other: Array | None) -> bool:
    return other is not None and bool(np.array_equal(cost, other))


class Grid(NamedTuple):
    """Alternatives at values of a driver.

    x, costs and limits are as in :class:`BreakEven`; points: by alternative. no_more: where the first uses
    no more of what has no price than the second, (alternatives, alternatives, points).
    """

    curves: Curves
    x: Array
    points: Sequence[Points]
    costs: Array
    limits: Sequence[float | None]
    no_more: NDArray[np.bool_]

    @property
    def lacking(self) -> list[bool]:
        """Whether something in each alternative has no price."""
        return [bool(found.unpriced) for found in self.points]

    @property
    def comparable(self) -> bool:
        """Whether all alternatives use the same of what has no price."""
        return bool(self.no_more.all())


def on_grid(alternatives: Sequence[Alternative], driver: DrivenAxis, x: Array) -> Grid:
    """Return what the alternatives cost at the values ``x`` of the driver, (points,), rising."""
    curves = Curves(alternatives, driver)
    points = [curves.at(x, i) for i in range(len(alternatives))]
    return Grid(
        curves=curves,
        x=x,
        points=points,
        costs=np.stack([np.broadcast_to(p.total, x.size) for p in points]),
        limits=[_limit(curves, x, found, i) for i, found in enumerate(points)],
        no_more=np.stack([[one.no_more_than(other, x.size) for other in points] for one in points]),
    )


def break_even(alternatives: Sequence[Alternative], driver: DrivenAxis, x: Array) -> BreakEven:
    """Compare the alternatives over the values ``x`` of the driver, (points,), rising."""
    grid = on_grid(alternatives, driver, x)
    curves, points, costs, no_more = grid.curves, grid.points, grid.costs, grid.no_more
    every = list(range(len(alternatives)))
    curves.ignore_common(points)
    compared = np.stack([curves.own(points[i], i, x.size) for i in every])
    found = _changes(curves, x, every, compared)
    pairs = [found] if len(every) == 2 else [_changes(curves, x, [0, i], compared) for i in every[1:]]
    return BreakEven(
        alternatives=alternatives,
        driver=driver,
        x=x,
        costs=costs,
        stretches=_stretches(curves, x, costs, found, no_more),
        switches=[_switch(x, costs, i, pair, no_more) for i, pair in zip(every[1:], pairs, strict=True)],
        limits=grid.limits,
        now=_now(curves, driver),
        lacking=grid.lacking,
        comparable=grid.comparable,
        least=list(_least(x, costs, points)),
    )


def _changes(curves: Curves, x: Array, which: list[int], compared: Array) -> list[Switchover]:
    found = changes(lambda values: curves.compare(values, which), x, curves.driver.step, compared[which])
    return [Switchover(c.at, which[c.before], which[c.after]) for c in found]


def _stretches(
    curves: Curves, x: Array, costs: Array, found: Sequence[Switchover], no_more: NDArray[np.bool_]
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
        known = no_more[winner][:, inside] if inside.any() else no_more[winner]
        stretches.append(Stretch(low, high, winner, pairs, slopes, bool(known.all())))
    return stretches


def _switch(
    x: Array, costs: Array, which: int, found: Sequence[Switchover], no_more: NDArray[np.bool_]
) -> Switch:
    winner = cheapest(costs[[0, which]])
    starts, ends = bool(winner[0]), bool(winner[-1])
    start = float(x[0])
    if not np.where(winner, no_more[which, 0], no_more[0, which]).all():
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
        per_unit = f"{plain(slopes[1])} against {plain(slopes[0])} USD for one more at the end of the range"
        return f"each further unit costs as much or more: {per_unit}"
    beyond = x[-1] + gap / (slopes[0] - slopes[1])
    return f"beyond the range, at about {plain(beyond)} if these slopes continue"


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


def _least(x: Array, costs: Array, points: Sequence[Points]) -> Iterator[Least]:
    """Yield the smallest cost of each alternative; none where more without a price is used there."""
    for which, at in enumerate(np.argmin(costs, axis=1).tolist()):
        used = (np.broadcast_to(q, x.size) for q in points[which].unpriced.values())
        if all(q[at] <= q.min() * (1 + _ROUNDING) for q in used):
            yield Least(which, float(x[at]), float(costs[which, at]))


def _now(curves: Curves, driver: DrivenAxis) -> CostsNow | None:
    value = driver.now([alternative.plan for alternative in curves.alternatives])
    if value is None:
        return None
    estimates = [estimate_at(alternative, driver, value) for alternative in curves.alternatives]
    points = [_points(found) for found in estimates]
    costs = [
        float(p.total[0]) + a.owned.usd_per_month for p, a in zip(points, curves.alternatives, strict=True)
    ]
    same = [bool((p.no_more_than(points[0], 1) & points[0].no_more_than(p, 1)).all()) for p in points]
    pays = [_payback(costs, a.owned, i) if same[i] else None for i, a in enumerate(curves.alternatives)]
    return CostsNow(value, estimates, costs, pays)


def _payback(costs: Sequence[float], owned: Owned, which: int) -> float | None:
    """Return after how many months the savings have paid the migration."""
    running = costs[which] - owned.migration_usd / owned.migration_months
    saving = costs[0] - running
    return owned.migration_usd / saving if owned.migration_usd > 0 and saving > 0 else None


def estimate_at(alternative: Alternative, driver: DrivenAxis, value: float) -> Estimate:
    """Return the estimate of an alternative at one value of the driver."""
    return estimate_on(alternative.context, scenarios_of(driver, alternative.plan, np.array([value])))

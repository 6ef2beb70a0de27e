"""How much to commit to, and to what: the portfolio that costs least over the months ahead.

The cost of a portfolio is a convex function of the amounts, piecewise linear, since what is left uncovered
follows from a linear programme in every hour. One commitment is a newsvendor: buy up to the use that is
exceeded in a share of the hours that equals the commitment's price over the price without it (critical
fractile; Arrow, Harris and Marschak, Optimal Inventory Policy, Econometrica 19, 1951). Where several cover
the same use, planes from below close in on the cost (Kelley, The Cutting-Plane Method for Solving Convex
Programs, 1960; for recourse, Benders 1962, Van Slyke and Wets 1969), and HiGHS solves the programme over the
planes. Its optimum is a proven lower bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array
from capplan.cost.coverage import CommitmentOffer, Spent, States, applied, in_order, states_of
from capplan.errors import InputError, Problem

MOST_CUTS = 600
STALLED, PATIENCE = 1e-9, 5
"""A rise of the bound that ends the search if it comes so often in a row: how they apply remains."""
EXTRA = "Install capplan[commitments], or allow one kind of commitment with --offer."


class Objective(NamedTuple):
    """What is minimised, in dollars of today.

    cvar: instead of the mean, the mean of the worst share of the scenarios, such as 0.05 (Rockafellar and
    Uryasev, Optimization of Conditional Value-at-Risk, 2000). capital: what money costs in a year.
    tolerance: how far above the proven bound the cost may be, as a share.
    """

    cvar: float | None = None
    capital: float = 0.0
    hours_per_month: float = 730.0
    tolerance: float = 1e-4


EXPECTED = Objective()


class Buy(NamedTuple):
    """So many USD an hour of one of the offers, bought ``start`` months from now."""

    offer: CommitmentOffer
    start: int
    usd_per_hour: float


class Portfolio(NamedTuple):
    """What to buy, and what that costs over all months.

    usd: what was minimised, with all fees but those of what is held; without: the same with no purchase.
    least: a proven lower bound of ``usd``. later purchases are what the plan for the months ahead rests on.
    """

    purchases: Sequence[Buy]
    usd: float
    least: float
    without: float

    @property
    def gap(self) -> float:
        """How far above the bound the cost is, as a share."""
        return max(self.usd - self.least, 0.0) / (self.usd or 1.0)

    @property
    def now(self) -> Sequence[Buy]:
        """What to buy now."""
        return [purchase for purchase in self.purchases if purchase.start == 0]


class _Task(NamedTuple):
    """A portfolio to be found: USD an hour of each variable, which is an offer from some month on.

    of: the offer of each, by its position; on: where it holds, (variables, months); fees: what a dollar an
    hour of it costs over all months. fixed: amounts that are settled; NaN where they are to be found. What is
    held is settled, and has no fee.
    """

    states: States
    offers: Sequence[CommitmentOffer]
    of: NDArray[np.intp]
    on: Array
    fees: Array
    fixed: Array
    discount: Array
    objective: Objective

    @property
    def start(self) -> Array:
        """The settled amounts, and nothing of the others."""
        return np.nan_to_num(self.fixed)

    def amounts(self, x: Array) -> list[Array]:
        """Return USD an hour of each offer in each state."""
        by_month = np.zeros((len(self.offers), self.discount.size))
        np.add.at(by_month, self.of, x[:, None] * self.on)
        return list(by_month[:, self.states.month])

    def cost(self, x: Array) -> float:
        """Return what the amounts ``x`` cost, with what they leave."""
        return float(self.fees @ x) + _plane(self, x).usd


class _Planes(NamedTuple):
    """The cost of what is left at some point, and planes that nowhere exceed it: one a month, or one in all.

    slopes: (planes, variables); offsets: (planes,).
    """

    usd: float
    slopes: Array
    offsets: Array


def portfolio(
    use: Array,
    offers: Sequence[CommitmentOffer],
    held: Sequence[Buy] = (),
    objective: Objective = EXPECTED,
    worth: Array | None = None,
    bought: Sequence[Buy] | None = None,
) -> Portfolio:
    """Return the purchases of ``offers`` that minimise the ``objective`` over all months.

    use: USD an hour at the price without commitments, (pools, scenarios, months, hours of the week); worth:
    what a dollar of it costs where nothing covers it, 1 by default. held: what is held, with the months that
    it has left, and its USD an hour. Offers can be bought now, as they end, and as something held ends, at
    today's prices; what outlasts the last month is paid in part. bought: what to buy now, if that is settled.
    Raises :class:`InputError` where scipy is needed and missing.
    """
    by_scenario = objective.cvar is not None
    states = states_of(use, worth, objective.hours_per_month, by_scenario)
    kept = _undominated(offers, bought or ())
    buys = [Buy(o, start, np.nan) for o in kept for start in _starts(o, held, use.shape[2])]
    if bought is not None:
        settled = {id(buy.offer): buy.usd_per_hour for buy in bought}
        buys = [b if b.start else b._replace(usd_per_hour=settled.get(id(b.offer), 0.0)) for b in buys]
    task = _task(states, use.shape[2], held, buys, objective)
    found, least = task.start, 0.0
    for part, where in [(task, list(range(found.size)))] if by_scenario else _parts(task):
        found[where], low = _least(part)
        least += low
    without = task.cost(np.append([buy.usd_per_hour for buy in held], np.zeros(len(buys))))
    purchases = [
        buy._replace(usd_per_hour=float(usd))
        for buy, usd in zip(buys, found[len(held) :], strict=True)
        if usd > 0
    ]
    usd = task.cost(found)
    return Portfolio(purchases, usd, min(least, usd), without)


def outcome(states: States, bought: Sequence[Buy]) -> Spent:
    """Return what the commitments that are ``bought`` cover, in that order."""
    amounts = [
        np.where((states.month >= b.start) & (states.month < b.start + b.offer.months), b.usd_per_hour, 0.0)
        for b in bought
    ]
    return applied(states, [buy.offer for buy in bought], amounts)


def cash(purchase: Buy, months: int, hours_per_month: float) -> Array:
    """Return USD that a purchase costs in each of the ``months``, (months,), as it is paid."""
    monthly, end = purchase.usd_per_hour * hours_per_month, purchase.start + purchase.offer.months
    paid = np.zeros(months)
    paid[purchase.start : end] = monthly * (1 - purchase.offer.upfront)
    paid[purchase.start] += monthly * purchase.offer.upfront * purchase.offer.months
    return paid


def _undominated(offers: Sequence[CommitmentOffer], bought: Sequence[Buy]) -> list[CommitmentOffer]:
    """Return the offers that no other beats: as long, as wide, at no step, paid no earlier, and no dearer."""
    kept = list({id(buy.offer): buy.offer for buy in bought}.values())
    for offer in sorted(offers, key=lambda o: (float(np.nanmean(o.rates)), o.upfront, o.step)):
        if not any(offer is other or _beats(other, offer) for other in kept):
            kept.append(offer)
    return kept


def _beats(one: CommitmentOffer, other: CommitmentOffer) -> bool:
    cheaper = (np.isnan(other.rates) | (one.rates <= other.rates)).all()
    finer = one.step in (0, other.step)
    return bool(cheaper and finer and one.months == other.months and one.upfront <= other.upfront)


def _starts(offer: CommitmentOffer, held: Sequence[Buy], months: int) -> list[int]:
    """Return the months in which an offer may be bought: now, as something held ends, and at each renewal."""
    ends = {b.offer.months for b in held if (np.isfinite(b.offer.rates) & np.isfinite(offer.rates)).any()}
    return sorted({month for start in {0, *ends} for month in range(start, months, offer.months)})


def _task(
    states: States, months: int, held: Sequence[Buy], buys: Sequence[Buy], objective: Objective
) -> _Task:
    calendar, every = np.arange(months), [*held, *buys]
    offers = list({id(buy.offer): buy.offer for buy in every}.values())
    places = {id(offer): place for place, offer in enumerate(offers)}
    starts = np.array([buy.start for buy in every], dtype=int)[:, None]
    ends = starts + np.array([buy.offer.months for buy in every], dtype=int)[:, None]
    on = ((starts <= calendar) & (calendar < ends)).astype(float)
    discount = (1 + objective.capital) ** (-calendar / 12)
    upfront = np.array([buy.offer.upfront for buy in every])
    fees = upfront * on.sum(axis=1) * discount[starts[:, 0]] + (1 - upfront) * (on @ discount)
    return _Task(
        states=states,
        offers=offers,
        of=np.array([places[id(buy.offer)] for buy in every], dtype=np.intp),
        on=on,
        fees=fees * objective.hours_per_month * (np.arange(len(every)) >= len(held)),
        fixed=np.array([buy.usd_per_hour for buy in every]),
        discount=discount,
        objective=objective,
    )


def _parts(task: _Task) -> Iterator[tuple[_Task, list[int]]]:
    """Yield the parts of a task that share no pool, each with the places of its variables."""
    count = task.states.use.shape[1]
    reach = np.array([np.isfinite(offer.rates) for offer in task.offers], dtype=bool).reshape(-1, count)
    group = np.arange(count)
    for row in reach:
        group[np.isin(group, group[row])] = group[row].min(initial=count)
    for pools in (group == name for name in np.unique(group)):
        inside = np.flatnonzero((reach & pools).any(axis=1)).tolist()
        chosen = np.flatnonzero(np.isin(task.of, inside))
        states = task.states._replace(use=task.states.use[:, pools], worth=task.states.worth[:, pools])
        part = task._replace(
            states=states,
            offers=[task.offers[i]._replace(rates=task.offers[i].rates[pools]) for i in inside],
            of=np.searchsorted(inside, task.of[chosen]),
            on=task.on[chosen],
            fees=task.fees[chosen],
            fixed=task.fixed[chosen],
        )
        yield part, chosen.tolist()


def _plane(task: _Task, x: Array) -> _Planes:
    """Return the cost of what is left at the amounts ``x``, and a plane below it that touches it there."""
    states, amounts = task.states, task.amounts(x)
    found = applied(states, task.offers, amounts)
    count, months = int(states.scenario.max()) + 1, task.discount.size
    hours = states.hours * task.discount[states.month]
    left = hours * (found.left * states.worth).sum(axis=1)
    share = _shares(np.bincount(states.scenario, left, count).astype(float), task.objective.cvar)
    weight = share[states.scenario]
    spent = np.array(amounts).reshape(found.more.shape)
    bound = (found.need * states.use).sum(axis=1) - (found.more * spent).sum(axis=0)

    def by_month(values: Array) -> Array:
        summed: Array = np.bincount(states.month, weight * values, months).astype(float)
        return summed

    more = np.array([by_month(hours * row) for row in found.more]).reshape(-1, months)
    slopes = -(task.on * more[task.of]).T
    offsets = by_month(hours * bound) - slopes @ x
    if task.objective.cvar is not None:  # the worst scenarios are those of all months together
        slopes, offsets = slopes.sum(axis=0, keepdims=True), offsets.sum(keepdims=True)
    return _Planes(float(weight @ left), slopes, offsets)


def _shares(usd: Array, cvar: float | None) -> Array:
    """Return the weights of scenarios: equal ones, or all on the ``cvar`` share that costs most."""
    if cvar is None:
        return np.full(usd.size, 1 / usd.size)
    order = np.argsort(-usd, kind="stable")
    filled = np.clip(cvar * usd.size - np.arange(usd.size), 0.0, 1.0) / (cvar * usd.size)
    shares = np.empty(usd.size)
    shares[order] = filled
    return shares


def _least(task: _Task) -> tuple[Array, float]:
    """Return the amounts that cost least, and a lower bound of the cost."""
    free = np.flatnonzero(np.isnan(task.fixed))
    if not free.size:
        return task.start, task.cost(task.start)
    if free.size == 1 and task.objective.cvar is None:
        place = int(task.of[free[0]])
        if task.states.use.shape[1] == 1 or in_order(task.offers)[-1] == place:
            return _newsvendor(task, int(free[0]))
    return _in_steps(task)


def _newsvendor(task: _Task, index: int) -> tuple[Array, float]:
    """Return the amounts with the one that is to be found: where another dollar an hour no longer pays.

    A dollar an hour at height K saves, in each hour, what the use that it reaches costs without it. Summed
    over all hours that is a step function of K, which falls below the fee at the critical fractile.
    """
    states, offer = task.states, task.offers[task.of[index]]
    before = applied(states, task.offers, task.amounts(task.start))
    pools = np.flatnonzero(np.isfinite(offer.rates))
    pools = pools[np.argsort(offer.rates[pools], kind="stable")]
    cost = before.left[:, pools] * offer.rates[pools]
    end = cost.cumsum(axis=1)
    holds = task.on[index][states.month] * states.hours * task.discount[states.month]
    gain = holds[:, None] * states.worth[:, pools] / offer.rates[pools]
    at = np.concatenate([[0.0], (end - cost).ravel(), end.ravel()])
    change = np.concatenate([[0.0], gain.ravel(), -gain.ravel()])
    order = np.argsort(at, kind="stable")
    at, saves = at[order], change[order].cumsum()
    usd = np.append(0.0, (np.diff(at) * (task.fees[index] - saves[:-1])).cumsum())
    best, step = float(at[np.argmin(usd)]), offer.step
    heights = [np.floor(best / step) * step, np.ceil(best / step) * step] if step else [best]
    found = min((_with(task.start, index, height) for height in heights), key=task.cost)
    return found, task.cost(found)


def _with(x: Array, index: int, amount: float) -> Array:
    changed = x.copy()
    changed[index] = amount
    return changed


def _in_steps(task: _Task) -> tuple[Array, float]:
    """Return the amounts that cost least, in whole steps, and the bound that proves how good they are."""
    found, low = _cut(task)
    step = np.array([task.offers[i].step for i in task.of])
    whole = np.flatnonzero((step > 0) & np.isnan(task.fixed))
    parts = found[whole] / step[whole]
    if np.allclose(parts, np.rint(parts), atol=1e-6):
        found[whole] = np.rint(parts) * step[whole]
        return found, low
    for index, part in zip(whole.tolist(), parts, strict=True):
        heights = (np.floor(part + 1e-6), np.ceil(part - 1e-6))
        found = min((_with(found, index, height * step[index]) for height in heights), key=task.cost)
    fixed = task.fixed.copy()
    fixed[whole] = found[whole]
    return _cut(task._replace(fixed=fixed))[0], low


def _cut(task: _Task) -> tuple[Array, float]:
    """Return the amounts that cost least, be they whole steps or not, to the tolerance, and a lower bound."""
    x = best = task.start
    usd, low = np.inf, 0.0
    planes: list[_Planes] = []
    still = 0
    for _ in range(MOST_CUTS):
        plane = _plane(task, x)
        cost = float(task.fees @ x) + plane.usd
        if cost < usd:
            best, usd = x, cost
        planes.append(plane)
        before = low
        low, x = _below(task, planes)
        still = still + 1 if low - before <= STALLED * usd else 0
        if still == PATIENCE or usd - low <= task.objective.tolerance * usd:
            break
    return best.copy(), low


def _below(task: _Task, planes: Sequence[_Planes]) -> tuple[float, Array]:
    """Return the least cost by the ``planes`` found so far, and where it is."""
    try:
        from scipy.optimize import linprog  # type: ignore[import, unused-ignore]
    except ImportError:
        what = "several that cover the same use need scipy"
        raise InputError(Problem("commitments", what, EXTRA)) from None
    spend = [(task.states.use @ np.nan_to_num(task.offers[i].rates)).max(initial=0.0) for i in task.of]
    most = np.where(np.isnan(task.fixed), spend, task.fixed)
    parts = planes[0].offsets.size
    found = linprog(
        np.append(task.fees, np.ones(parts)),
        A_ub=np.vstack([np.hstack([plane.slopes, -np.eye(parts)]) for plane in planes]),
        b_ub=-np.concatenate([plane.offsets for plane in planes]),
        bounds=[*zip(task.start, most, strict=True), *[(0.0, None)] * parts],
        method="highs",
    )
    return float(found.fun), found.x[: task.fees.size]

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

from capplan.arrays import Array
from capplan.cost.coverage import CommitmentOffer, Spent, States, applied, in_order, states_of
from capplan.errors import InputError, Problem

MOST_CUTS = 600
STALLED = 1e-9
"""A rise of the bound that ends the search: the order in which providers apply commitments costs the rest."""
ROUNDED = ((np.floor, 1e-6), (np.ceil, -1e-6))
"""Down and up to a whole step, forgiving what a solver leaves."""
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
    def now(self) -> Sequence[Buy]:
        """What to buy now."""
        return [purchase for purchase in self.purchases if purchase.start == 0]


class _Task(NamedTuple):
    """A portfolio to be found: amounts of each variable, an offer and the month from which it holds.

    on: where a variable holds, (variables, months). of: position of its offer among the ``offers``, the held
    ones first. base: USD an hour that is held, (held, months). fees: what a dollar an hour of each costs over
    all months. fixed: amounts that stay as they are; NaN where they are to be found.
    """

    states: States
    offers: Sequence[CommitmentOffer]
    base: Array
    on: Array
    of: Sequence[int]
    starts: Sequence[int]
    fees: Array
    fixed: Array
    discount: Array
    objective: Objective

    @property
    def steps(self) -> Array:
        """The smallest amount of each variable; 0 where any will do."""
        return np.array([self.offers[i].step for i in self.of])

    def amounts(self, x: Array) -> list[Array]:
        """Return USD an hour of each offer in each state."""
        by_month = np.zeros((len(self.offers), self.base.shape[1]))
        by_month[: len(self.base)] = self.base
        np.add.at(by_month, np.array(self.of, dtype=int), x[:, None] * self.on)
        return list(by_month[:, self.states.month])


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
    held: Sequence[tuple[CommitmentOffer, float]] = (),
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
    task = _task(states, use.shape[2], _undominated(offers, bought), held, objective, bought)
    found = np.zeros(task.fees.size)
    least, paid, before = 0.0, 0.0, 0.0
    for part, where in [(task, list(range(found.size)))] if by_scenario else _parts(task):
        amounts, low = _least(part)
        found[where] = amounts
        least += low
        paid += float(part.fees @ amounts) + _plane(part, amounts).usd
        before += _plane(part, np.zeros(amounts.size)).usd
    purchases = [
        Buy(task.offers[of], start, float(usd))
        for of, start, usd in zip(task.of, task.starts, found, strict=True)
        if usd > 0
    ]
    return Portfolio(purchases, paid, min(least, paid), before)


def outcome(
    use: Array,
    bought: Sequence[Buy],
    held: Sequence[tuple[CommitmentOffer, float]] = (),
    worth: Array | None = None,
    hours_per_month: float = 730.0,
) -> tuple[States, Spent]:
    """Return the states of ``use``, and what the held and the ``bought`` commitments cover, in that order."""
    states = states_of(use, worth, hours_per_month, False)
    every = [*((offer, 0, usd) for offer, usd in held), *((p.offer, p.start, p.usd_per_hour) for p in bought)]
    amounts = [
        np.where((states.month >= start) & (states.month < start + offer.months), usd, 0.0)
        for offer, start, usd in every
    ]
    return states, applied(states, [offer for offer, _, _ in every], amounts)


def cash(purchase: Buy, months: int, hours_per_month: float) -> Array:
    """Return USD that a purchase costs in each of the ``months``, (months,), as it is paid."""
    monthly, end = purchase.usd_per_hour * hours_per_month, purchase.start + purchase.offer.months
    paid = np.zeros(months)
    paid[purchase.start : end] = monthly * (1 - purchase.offer.upfront)
    paid[purchase.start] += monthly * purchase.offer.upfront * purchase.offer.months
    return paid


def _undominated(offers: Sequence[CommitmentOffer], bought: Sequence[Buy] | None) -> list[CommitmentOffer]:
    """Return the offers that no other beats: as long, as wide, at no step, paid no earlier, and no dearer."""
    kept = list({id(p.offer): p.offer for p in bought or ()}.values())
    for offer in sorted(offers, key=lambda o: (float(np.nanmean(o.rates)), o.upfront, o.step)):
        if not any(offer is other or _beats(other, offer) for other in kept):
            kept.append(offer)
    return kept


def _beats(one: CommitmentOffer, other: CommitmentOffer) -> bool:
    with np.errstate(invalid="ignore"):
        cheaper = np.where(np.isfinite(other.rates), one.rates <= other.rates, True).all()
    finer = one.step == 0 or one.step == other.step
    return bool(cheaper and finer and one.months == other.months and one.upfront <= other.upfront)


def _task(
    states: States,
    months: int,
    offers: Sequence[CommitmentOffer],
    held: Sequence[tuple[CommitmentOffer, float]],
    objective: Objective,
    bought: Sequence[Buy] | None,
) -> _Task:
    calendar = np.arange(months)
    discount = (1 + objective.capital) ** (-calendar / 12)
    every = [offer for offer, _ in held] + list(offers)
    variables = [
        (index, start)
        for index, offer in enumerate(offers, len(held))
        for start in _starts(offer, [other for other, _ in held], months)
    ]
    on = np.array([(s <= calendar) & (calendar < s + every[i].months) for i, s in variables], dtype=float)
    on = on.reshape(len(variables), months)
    upfront = np.array([every[i].upfront for i, _ in variables])
    at_start = np.array([discount[s] for _, s in variables])
    fees = objective.hours_per_month * (upfront * on.sum(1) * at_start + (1 - upfront) * (on @ discount))
    fixed = np.full(len(variables), np.nan)
    if bought is not None:
        settled = {id(p.offer): p.usd_per_hour for p in bought}
        fixed = np.array([np.nan if start else settled.get(id(every[i]), 0.0) for i, start in variables])
    return _Task(
        states=states,
        offers=every,
        base=np.array([usd * (calendar < offer.months) for offer, usd in held]).reshape(len(held), months),
        on=on,
        of=[index for index, _ in variables],
        starts=[start for _, start in variables],
        fees=fees,
        fixed=fixed,
        discount=discount,
        objective=objective,
    )


def _starts(offer: CommitmentOffer, held: Sequence[CommitmentOffer], months: int) -> list[int]:
    """Return the months in which an offer may be bought: now, as something held ends, and at each renewal."""
    ends = {other.months for other in held if (np.isfinite(other.rates) & np.isfinite(offer.rates)).any()}
    first = {0, *(end for end in ends if end < months)}
    return sorted({month for start in first for month in range(start, months, offer.months)})


def _parts(task: _Task) -> Iterator[tuple[_Task, list[int]]]:
    """Yield the parts of a task that share no pool, each with the places of its variables."""
    reach = np.array([np.isfinite(offer.rates) for offer in task.offers], dtype=bool)
    reach = reach.reshape(len(task.offers), task.states.use.shape[1])
    group = np.arange(task.states.use.shape[1])
    for row in reach:
        group[np.isin(group, group[row])] = group[row].min(initial=group.size)
    for name in np.unique(group):
        pools = group == name
        inside = [i for i, row in enumerate(reach) if (row & pools).any()]
        chosen = [v for v, i in enumerate(task.of) if i in inside]
        states = task.states._replace(use=task.states.use[:, pools], worth=task.states.worth[:, pools])
        part = task._replace(
            states=states,
            offers=[task.offers[i]._replace(rates=task.offers[i].rates[pools]) for i in inside],
            base=task.base[[i for i in inside if i < len(task.base)]],
            on=task.on[chosen],
            of=[inside.index(task.of[v]) for v in chosen],
            starts=[task.starts[v] for v in chosen],
            fees=task.fees[chosen],
            fixed=task.fixed[chosen],
        )
        yield part, chosen


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
    slopes = -(task.on * more[np.array(task.of, dtype=int)]).T
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
    if not task.fees.size:
        return np.zeros(0), _plane(task, np.zeros(0)).usd
    alone = task.fees.size == 1 and task.objective.cvar is None and np.isnan(task.fixed[0])
    if alone and (task.states.use.shape[1] == 1 or in_order(task.offers)[-1] == task.of[0]):
        return _newsvendor(task)
    return _cut(task)


def _newsvendor(task: _Task) -> tuple[Array, float]:
    """Return the amount of one offer that costs least: where another dollar an hour no longer pays.

    A dollar an hour at height K saves, in each hour, what the use that it reaches costs without it. Summed
    over all hours that is a step function of K, which falls below the fee at the critical fractile.
    """
    states, offer = task.states, task.offers[task.of[0]]
    before = applied(states, task.offers, task.amounts(np.zeros(1)))
    pools = np.flatnonzero(np.isfinite(offer.rates))
    pools = pools[np.argsort(offer.rates[pools], kind="stable")]
    cost = before.left[:, pools] * offer.rates[pools]
    end = cost.cumsum(axis=1)
    holds = task.on[0][states.month] * states.hours * task.discount[states.month]
    gain = holds[:, None] * states.worth[:, pools] / offer.rates[pools]
    at = np.concatenate([[0.0], (end - cost).ravel(), end.ravel()])
    change = np.concatenate([[0.0], gain.ravel(), -gain.ravel()])
    order = np.argsort(at, kind="stable")
    at, saves = at[order], change[order].cumsum()
    usd = np.append(0.0, (np.diff(at) * (task.fees[0] - saves[:-1])).cumsum())
    best = float(at[np.argmin(usd)])
    step = offer.step
    tried = [np.floor(best / step) * step, np.ceil(best / step) * step] if step else [best]
    costs = [task.fees[0] * x + _plane(task, np.array([x])).usd for x in tried]
    return np.array([tried[int(np.argmin(costs))]]), float(min(costs))


def _cut(task: _Task) -> tuple[Array, float]:
    """Return the amounts that cost least, in whole steps, and the bound that proves how good they are."""
    found, low = _least_of_any(task)
    whole = np.flatnonzero((task.steps > 0) & np.isnan(task.fixed))
    parts = found[whole] / task.steps[whole]
    if np.allclose(parts, np.rint(parts), atol=1e-6):
        found[whole] = np.rint(parts) * task.steps[whole]
        return found, low
    for index, part in zip(whole, parts, strict=True):
        tried = [found.copy(), found.copy()]
        tried[0][index], tried[1][index] = (f(part + e) * task.steps[index] for f, e in ROUNDED)
        found = min(tried, key=lambda x: float(task.fees @ x) + _plane(task, x).usd)
    fixed = task.fixed.copy()
    fixed[whole] = found[whole]
    return _least_of_any(task._replace(fixed=fixed))[0], low


def _least_of_any(task: _Task) -> tuple[Array, float]:
    """Return the amounts that cost least, be they whole steps or not, to the tolerance, and a lower bound."""
    x = np.where(np.isnan(task.fixed), 0.0, task.fixed)
    best, usd, low = x, np.inf, 0.0
    planes: list[_Planes] = []
    for _ in range(MOST_CUTS):
        plane = _plane(task, x)
        cost = float(task.fees @ x) + plane.usd
        if cost < usd:
            best, usd = x, cost
        planes.append(plane)
        before = low
        low, x = _below(task, planes)
        if usd - low <= task.objective.tolerance * usd or (len(planes) > 1 and low - before <= STALLED * usd):
            break
    return best.copy(), low


def _below(task: _Task, planes: Sequence[_Planes]) -> tuple[float, Array]:
    """Return the least cost by the ``planes`` found so far, and where it is."""
    try:
        from scipy.optimize import linprog  # type: ignore[import, unused-ignore]
    except ImportError:
        raise InputError(
            Problem("commitments", "several that cover the same use need scipy", EXTRA)
        ) from None
    most = [float((task.states.use @ np.nan_to_num(task.offers[i].rates)).max(initial=0.0)) for i in task.of]
    free = np.isnan(task.fixed)
    bounds = np.column_stack([np.where(free, 0.0, task.fixed), np.where(free, most, task.fixed)])
    parts = planes[0].offsets.size
    found = linprog(
        np.append(task.fees, np.ones(parts)),
        A_ub=np.vstack([np.hstack([plane.slopes, -np.eye(parts)]) for plane in planes]),
        b_ub=-np.concatenate([plane.offsets for plane in planes]),
        bounds=[*bounds.tolist(), *[(0.0, None)] * parts],
        method="highs",
    )
    return float(found.fun), found.x[: task.fees.size]

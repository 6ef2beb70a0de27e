"""What to commit to: the portfolio that costs least for what plans run by the hour."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from datetime import MAXYEAR, date
from fnmatch import fnmatch
from functools import partial
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, hourly_mean
from capplan.catalog.catalog import Catalog
from capplan.components.base import Component, Context
from capplan.cost.coverage import CommitmentOffer, States, states_of
from capplan.cost.meters import Meter
from capplan.cost.portfolio import Buy, Objective, Portfolio, cash, outcome, portfolio
from capplan.decide import checks
from capplan.decide.changes import SPOT_SHARE, interruptible
from capplan.decide.offers import Deal, UsePool, deals, family
from capplan.errors import InputError, Problem, nearest
from capplan.estimate import Estimate, context_of, estimate_on
from capplan.findings import Finding
from capplan.many import in_chunks
from capplan.plan.bind import Path, Scenarios
from capplan.plan.commitments import HeldCommitment
from capplan.plan.draws import draw, intervals_of
from capplan.plan.read import PlanFile

FALL = 0.3
"""The fall of all use whose regret is told."""
WORTH_LOOKING = 0.1
"""Look again when commitments for this share of those that are held by then would pay on top."""
IDLE = 0.9
"""A held commitment of which less than this share is used is a finding."""
_WEEK = 168
_MONTH: Path = ("demand", "month")
_COMMITTED = ("commit_1y", "commit_3y")
_Key = tuple[str, str, str, str, str, bool]


class CommitmentTerms(NamedTuple):
    """What is asked. offers: parts of the names that may be bought. samples: draws of the intervals."""

    today: date
    objective: Objective = Objective()
    offers: Sequence[str] = ()
    samples: int = 20
    seed: int = 1


class BuyNow(NamedTuple):
    """A purchase now. used: the share of it that is used over its term."""

    deal: Deal
    usd_per_hour: float
    used: float

    @property
    def units(self) -> float | None:
        """How many machines of ``deal.unit``, of what is counted in machines."""
        return None if self.deal.unit_usd is None else self.usd_per_hour / self.deal.unit_usd


class Holding(NamedTuple):
    """What is held, as an offer of the months that it has left; used: the share that is used in them."""

    said: HeldCommitment
    buy: Buy
    used: float = 0.0

    @property
    def name(self) -> str:
        """What is held, in words."""
        one = self.said
        what = (
            f"{float(one.usd_per_hour or 0):g} USD/h"
            if one.count is None
            else f"{one.count:g} × {one.machine}"
        )
        return f"{what} of {one.provider}" + (f" in {one.region}" if one.region else "")


class Committing(NamedTuple):
    """What to buy now, and what that does over ``months``.

    covered: share of the use in the first year that commitments cover, without purchases and with them.
    break_even: the month from which all that was paid is no more than without; None if that is not within the
    terms. regret: USD by which the purchases cost more than the best ones would, if all use fell by
    :data:`FALL`; fallen: USD that they save even then. look_again: when, and why. spot: USD a month that spot
    saves. mixed: whether the plans have different price books, so that all prices are without them.
    """

    names: Sequence[str]
    terms: CommitmentTerms
    months: int
    portfolio: Portfolio
    buy: Sequence[BuyNow]
    held: Sequence[Holding]
    covered: tuple[float, float]
    break_even: int | None
    regret: float
    fallen: float
    look_again: tuple[date, str]
    spot: float
    mixed: bool
    findings: Sequence[Finding]


def committing(files: Sequence[PlanFile], catalog: Catalog, terms: CommitmentTerms) -> Committing:
    """Return what to commit to for what the plans in ``files`` run together, as one account bills it."""
    months, contexts = 36, [context_of(file, catalog) for file in files]
    mixed = len({tuple(book.path for book in context.catalog.books) for context in contexts}) > 1
    hours = float(np.mean(contexts[0].hours_per_month))
    terms = terms._replace(objective=terms.objective._replace(hours_per_month=hours))
    uses, unsaid = _uses(files, contexts, terms, months)
    catalog = catalog if mixed else contexts[0].catalog
    pools, use, worth = _priced(uses, catalog, files)
    on_sale, lacking = deals(pools, catalog)
    on_sale = [deal for deal in on_sale if _allowed(deal, terms.offers)]
    if not any(deal.offer.months > 12 for deal in on_sale):
        months = 12
        use, worth = use[:, :, :months], worth[:, :, :months]
    said = [one for file in files for one in file.plan.pricing.commitments]
    listed = [_holding(one, pools, catalog, terms.today) for one in said]
    held, offers = [one.buy for one in listed], [deal.offer for deal in on_sale]
    best = partial(portfolio, offers=offers, held=held, objective=terms.objective, worth=worth)
    found = best(use)
    states = states_of(use, worth, hours, False)
    before, after = (outcome(states, all_of) for all_of in (held, [*held, *found.now]))
    used = [
        float(states.hours @ row) / (buy.usd_per_hour * hours * min(buy.offer.months, months) or 1.0)
        for row, buy in zip(after.used, [*held, *found.now], strict=True)
    ]
    first = states.hours * (states.month < 12)
    open_to = float(first @ states.use.sum(axis=1)) or 1.0
    now, then = (1 - float(first @ one.left.sum(axis=1)) / open_to for one in (before, after))
    listed = [one._replace(used=share) for one, share in zip(listed, used, strict=False)]
    by_name = {deal.offer.name: deal for deal in on_sale}
    bought = zip(found.now, used[len(held) :], strict=True)
    fallen, least = best(use * (1 - FALL), bought=found.now), best(use * (1 - FALL))
    saved = states.hours * ((before.left - after.left) * states.worth).sum(axis=1)
    return Committing(
        names=[file.plan.name for file in files],
        terms=terms,
        months=months,
        portfolio=found,
        buy=[BuyNow(by_name[buy.offer.name], buy.usd_per_hour, share) for buy, share in bought],
        held=listed,
        covered=(now, then),
        break_even=_break_even(found.now, np.bincount(states.month, saved, months).astype(float), hours),
        regret=max(fallen.usd - least.usd, 0.0),
        fallen=fallen.without - fallen.usd,
        look_again=_look_again(found, states, held, on_sale, terms.today),
        spot=_spot_saves(pools, use) * hours,
        mixed=mixed,
        findings=sorted([*unsaid, *_lacking(lacking), *_of_held(listed, terms.today)], key=lambda f: f.rank),
    )


def _allowed(deal: Deal, parts: Sequence[str]) -> bool:
    return not parts or any(fnmatch(deal.offer.name.lower(), f"*{part.lower()}*") for part in parts)


def _uses(
    files: Sequence[PlanFile], contexts: Sequence[Context], terms: CommitmentTerms, months: int
) -> tuple[dict[_Key, Array], list[Finding]]:
    """Return units in use of each SKU of all plans, (scenarios, months, hours), and what is unsaid."""
    total: dict[_Key, Array] = {}
    unsaid: list[Finding] = []
    samples = terms.samples if any(intervals_of(file) for file in files) else 1
    for file, context in zip(files, contexts, strict=True):
        _check_held(context)
        drawn = draw(file, samples, terms.seed) if intervals_of(file) else Scenarios()
        values = {path: np.tile(column, months) for path, column in drawn.values.items()}
        values[_MONTH] = np.repeat(np.arange(months, dtype=float), drawn.count)
        parts = in_chunks(context, Scenarios(drawn.count * months, values), _used_in)
        for key in dict.fromkeys(key for part, _ in parts for key in part):
            rows = np.concatenate([part.get(key, idle) for part, idle in parts])
            by_month = _as_week(rows, file).reshape(months, drawn.count, -1).swapaxes(0, 1)
            total[key] = total.get(key, np.zeros((samples, months, 1))) + by_month
        unsaid += _unsaid(estimate_on(context, Scenarios()))
    return total, unsaid


def _check_held(context: Context) -> None:
    """Raise InputError where a plan holds what nobody sells, or what has no price."""
    for index, one in enumerate(context.file.plan.pricing.commitments):
        for field, what, remedy in _unknown(one, context.catalog):
            path = ("pricing", "commitments", index, field)
            raise InputError(context.places.problem(path, what, remedy))


def _unknown(one: HeldCommitment, catalog: Catalog) -> Iterator[tuple[str, str, str]]:
    provider, service, names = one.provider, one.service or "", catalog.names(one.provider)
    if one.region is not None and not catalog.knows_region(provider, one.region):
        known = catalog.regions(provider)
        yield "region", f"{provider} has no region '{one.region}'", nearest(one.region, known)
    if one.service is not None and service not in names:
        yield "service", f"{provider} has no service '{service}'", nearest(service, names)
    elif one.service and one.machine:
        sku, known = catalog.find(provider, service, one.machine), catalog.service(provider, service).skus
        if sku is None:
            yield "machine", f"unknown SKU '{one.machine}' of {service}", nearest(one.machine, known)
        elif one.count and not catalog.price(provider, service, sku, str(one.region), "on_demand"):
            what = f"the catalog has no on-demand price of {one.machine} in {one.region}"
            yield "machine", what, "Import the price list that has it (`capplan catalog import`)."


def _unsaid(estimate: Estimate) -> Iterator[Finding]:
    """Yield what a plan buys by commitment without a date, and what is left out though offers cover it."""
    facts = estimate.context.catalog.facts("commitments")
    uncounted: dict[str, str] = {}
    undated = set[str]()
    for meter in (line.meter for line in estimate.lines):
        if meter.rate in _COMMITTED and not estimate.file.plan.pricing.commitments:
            undated.add(meter.component)
        for name in facts.get(meter.provider, {}).get("uncounted", ()):
            if f"{meter.service}/{meter.sku}".startswith(name):
                uncounted[meter.component] = f"{meter.service} of {meter.provider}"
    said = "{} is bought by commitment, and the plan does not say until when"
    yield from (checks.COMMITMENT_UNDATED.finding(name, said.format(name)) for name in sorted(undated))
    for name, where in uncounted.items():
        yield checks.COMMITMENT_UNCOUNTED.finding(name, f"what {name} uses of {where} is not counted")


def _as_week(rows: Array, file: PlanFile) -> Array:
    """Return the hours of a week; a recorded load of several is the mean of its weeks."""
    hours = rows.shape[1]
    if _WEEK % hours == 0:
        return np.tile(rows, _WEEK // hours)
    weeks = hours // _WEEK
    if not weeks:
        what = f"has {hours} hours, which is not a part of a week"
        raise InputError(file.places.problem(("demand", "trace"), what, "Record whole days, or a week."))
    mean: Array = rows[:, : weeks * _WEEK].reshape(-1, weeks, _WEEK).mean(axis=1)
    return mean


def _used_in(estimate: Estimate) -> tuple[dict[_Key, Array], Array]:
    """Return units in use by hour, (scenarios, hours), of what commitments may cover, and no use."""
    found: dict[_Key, Array] = {}
    idle = np.zeros((estimate.scenarios.count, estimate.context.pattern.shape.size))
    for component in estimate.components:
        spot = interruptible(estimate, component)
        for meter in component.meters:
            hourly = _by_hour(meter, component, estimate)
            if hourly is not None and np.any(hourly):
                key = (meter.provider, meter.service, meter.sku, meter.region, meter.unit, spot)
                found[key] = found.get(key, idle) + hourly
    return found, idle


def _by_hour(meter: Meter, component: Component, estimate: Estimate) -> Array | None:
    """Return units in use by hour, (scenarios | 1, hours), whether committed or not; None where unknown."""
    if not meter.unit.endswith("hour") or meter.rate == "spot":
        return None
    if meter.pool is not None:
        return None if meter.rate != "on_demand" or meter.note else meter.pool.machines.running
    mean = meter.quantity.expected / estimate.hours_per_month
    if meter.quantity.is_fixed:
        return mean
    if meter.service != "fargate" or component.sizing is None:
        return None
    running = component.sizing.running
    return mean * running / np.maximum(hourly_mean(running), 1e-12)


def _priced(
    uses: Mapping[_Key, Array], catalog: Catalog, files: Sequence[PlanFile]
) -> tuple[list[UsePool], Array, Array]:
    """Return the pools, their use in USD an hour, (pools, scenarios, months, hours), and its worth."""
    discounts = all(file.plan.pricing.sustained_use for file in files)
    pools, use, worth = [], [], []
    for (provider, service, name, region, unit, spot), units in uses.items():
        sku = catalog.find(provider, service, name)
        price = sku and catalog.price(provider, service, sku, region, "on_demand")
        if not sku or not price or price.unit == "month":
            continue
        sold = (catalog.price(provider, service, sku, region, rate) for rate in _COMMITTED)
        if sku.vcpu is None and service != "fargate" and not any(sold):
            continue
        cheap = catalog.price(provider, service, sku, region, "spot") if spot else None
        ways = ((SPOT_SHARE, cheap.usd), (1 - SPOT_SHARE, price.usd)) if cheap else ((1.0, price.usd),)
        for share, usd in ways:
            pools.append(UsePool(provider, service, sku.name, region, unit=unit, list_usd=price.usd, usd=usd))
            use.append(units * share * usd)
            sustained = sku.family.sustained_use if discounts and usd == price.usd else None
            worth.append(_sustained(units, sustained))
    if not pools:
        what = "nothing in the plan is billed by the hour at a known price"
        raise InputError(Problem("--commitments", what))
    return pools, np.array(use), np.array(worth)


def _sustained(units: Array, multipliers: Sequence[float] | None) -> Array:
    """Return what a dollar costs in each hour under sustained use: less, the more of the month it is used."""
    if multipliers is None:
        return np.ones_like(units)
    rank = np.argsort(np.argsort(-units, axis=-1, kind="stable"), axis=-1)
    found: Array = np.asarray(multipliers, dtype=float)[rank * len(multipliers) // units.shape[-1]]
    return found


def _holding(one: HeldCommitment, pools: Sequence[UsePool], catalog: Catalog, today: date) -> Holding:
    """Return what is held, for whole calendar months of which this is the first.

    What it covers is told at on-demand prices, so that nobody needs to know what was paid for it.
    """
    whole = one.until.day == monthrange(one.until.year, one.until.month)[1]
    left = (one.until.year - today.year) * 12 + one.until.month - today.month + whole
    months = left if one.until >= today else 0
    off, usd = 1 - float(one.discount or 0.0), float(one.usd_per_hour or 0.0)
    if one.count is not None:
        sku = catalog.require(one.provider, str(one.service), str(one.machine))
        price = catalog.price(one.provider, str(one.service), sku, str(one.region), "on_demand")
        usd = 0.0 if price is None else float(one.count) * price.usd
    rates = np.array([off * p.list_usd / p.usd if _covers(one, p) else np.nan for p in pools])
    return Holding(one, Buy(CommitmentOffer(f"held {one}", months, rates, 0 if one.count else 2), 0, usd))


def _covers(one: HeldCommitment, pool: UsePool) -> bool:
    places = ((one.service, pool.service), (one.region, pool.region))
    same = one.provider == pool.provider and all(said in (None, there) for said, there in places)
    return same and (one.machine is None or family(one.provider, one.machine) == pool.family)


def _of_held(held: Sequence[Holding], today: date) -> Iterator[Finding]:
    """Yield what has ended, and what is not used."""
    for one in held:
        if one.buy.offer.months == 0:
            ends = "ended" if one.said.until < today else "ends before this month does,"
            message = f"{one.name} {ends} on {one.said.until}"
            yield checks.COMMITMENT_EXPIRED.finding("pricing.commitments", message)
        elif one.used < IDLE:
            message = f"{one.used:.0%} of {one.name} is used until {one.said.until}"
            yield checks.COMMITMENT_IDLE.finding("pricing.commitments", message)


def _lacking(lacking: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    for title in dict.fromkeys(title for title, _ in lacking):
        covers = ", ".join(covers for other, covers in lacking if other == title)
        yield checks.COMMITMENT_UNPRICED.finding(title, f"no price is known for {covers}")


def _break_even(bought: Sequence[Buy], saved: Array, hours: float) -> int | None:
    """Return the month from which what was paid stays no more than what it ``saved``, 1 the first."""
    months = max((buy.offer.months for buy in bought), default=0)
    paid = sum((cash(buy, months, hours) for buy in bought), np.zeros(months))
    behind = np.flatnonzero((saved[:months] - paid).cumsum() < -1e-9)
    last = int(behind[-1]) + 2 if behind.size else 1
    return last if last <= months else None


def _look_again(
    found: Portfolio,
    states: States,
    held: Sequence[Buy],
    on_sale: Sequence[Deal],
    today: date,
) -> tuple[date, str]:
    """Return when to look again, and why: something ends that is to be renewed, or more would pay by then.

    In each month, of each pool, more would pay for the use that no purchase covers and that is exceeded in
    the share of the hours of the next year that its cheapest offer costs (the critical fractile).
    """
    covered = outcome(states, [*held, *found.purchases])
    rates = np.nanmin([np.full(states.use.shape[1], np.inf), *(deal.offer.rates for deal in on_sale)], axis=0)
    later = min((p.start for p in found.purchases if p.start), default=12)
    for month in range(1, later):
        window = (states.month >= month) & (states.month < month + 12)
        more = sum(
            rate * _exceeded(left[window], states.hours[window], rate)
            for rate, left in zip(rates, covered.left.T, strict=True)
            if rate < 1
        )
        if more > WORTH_LOOKING * sum(b.usd_per_hour for b in [*held, *found.now] if b.offer.months > month):
            return _after(today, month), f"another {more:,.2f} USD/h would pay by then"
    ends = any(p.start == later for p in found.purchases)
    return _after(today, later), "a commitment ends" if ends else "a year has passed"


def _exceeded(values: Array, hours: Array, share: float) -> float:
    """Return the lowest of the ``values`` that is exceeded in at most ``share`` of the hours."""
    order = np.argsort(-values, kind="stable")
    reached = hours[order].cumsum() > share * hours.sum()
    return float(values[order][np.argmax(reached)]) if reached.any() else 0.0


def _after(today: date, months: int) -> date:
    year, month = divmod(today.month - 1 + months, 12)
    return date(min(today.year + year, MAXYEAR), month + 1, 1)


def _spot_saves(pools: Sequence[UsePool], use: Array) -> float:
    """Return USD an hour that the part on spot costs less than on demand, in the first month."""
    first = use[:, :, 0, :].mean(axis=(1, 2))
    return float(sum(usd * (pool.list_usd / pool.usd - 1) for pool, usd in zip(pools, first, strict=True)))

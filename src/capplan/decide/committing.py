"""What to commit to: the portfolio that costs least for what plans run by the hour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from fnmatch import fnmatch
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, hourly_mean
from capplan.catalog.catalog import Catalog
from capplan.components.base import Component
from capplan.cost.coverage import CommitmentOffer
from capplan.cost.meters import Meter
from capplan.cost.portfolio import Buy, Objective, Portfolio, cash, outcome, portfolio
from capplan.decide import checks
from capplan.decide.changes import SPOT_SHARE, interruptible
from capplan.decide.offers import Deal, Lacking, UsePool, deals, family
from capplan.errors import InputError, Problem
from capplan.estimate import Estimate, context_of
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
_HOURLY = ("hour", "vCPU-hour", "GiB-hour")

_Key = tuple[str, str, str, str, str, bool]


class CommitmentTerms(NamedTuple):
    """What is asked. offers: parts of the names that may be bought. samples: draws of the intervals."""

    today: date
    objective: Objective = Objective()
    offers: Sequence[str] = ()
    samples: int = 20
    seed: int = 1


class BuyNow(NamedTuple):
    """A purchase now. used: the share of it that is used over its term; units: machines of ``deal.unit``."""

    deal: Deal
    usd_per_hour: float
    used: float

    @property
    def units(self) -> float | None:
        """How many machines, of what is sold by the machine."""
        return None if self.deal.unit_usd is None else self.usd_per_hour / self.deal.unit_usd


class Committing(NamedTuple):
    """What to buy now, and what that does over ``months``.

    usd, without: what was minimised, with and without purchases. gap: how far above the bound at most, a
    share. covered, covered_before: share of the use in the first year that commitments cover. break_even:
    the month from which all that was paid is no more than without; None if that is not within the months.
    regret: USD by which the purchases cost more than the best ones would, if all use fell by :data:`FALL`;
    fallen: USD that they save even then. look_again: when, and why. spot: USD a month that spot saves.
    """

    names: Sequence[str]
    terms: CommitmentTerms
    months: int
    buy: Sequence[BuyNow]
    held: Sequence[tuple[str, date, float]]
    usd: float
    without: float
    gap: float
    covered_before: float
    covered: float
    break_even: int | None
    regret: float
    fallen: float
    look_again: tuple[date, str]
    spot: float
    findings: Sequence[Finding]


def committing(files: Sequence[PlanFile], catalog: Catalog, terms: CommitmentTerms) -> Committing:
    """Return what to commit to for what the plans in ``files`` run together, as one account bills it."""
    months, context = 36, context_of(files[0], catalog)
    if len({tuple(file.plan.pricing.books) for file in files}) == 1:
        catalog = context.catalog
    hours = float(np.mean(context.hours_per_month))
    terms = terms._replace(objective=terms.objective._replace(hours_per_month=hours))
    uses, problems = _uses(files, catalog, terms, months)
    pools, use, worth = _priced(uses, catalog, files)
    on_sale, lacking = deals(pools, catalog)
    on_sale = [deal for deal in on_sale if _allowed(deal, terms.offers)]
    if not any(deal.offer.months > 12 for deal in on_sale):
        months = 12
        use, worth = use[:, :, :months], worth[:, :, :months]
    listed = [held for file in files for held in file.plan.pricing.commitments]
    held = [_held(one, pools, catalog, terms.today) for one in listed]
    kept = [(offer, usd) for offer, usd in held if offer.months > 0 and np.isfinite(offer.rates).any()]
    found = portfolio(use, [deal.offer for deal in on_sale], kept, terms.objective, worth)
    by_name = {deal.offer.name: deal for deal in on_sale}
    states, after = outcome(use, found.now, kept, worth, terms.objective.hours_per_month)
    _, before = outcome(use, (), kept, worth, terms.objective.hours_per_month)
    first = states.hours * (states.month < 12)
    total = float(first @ states.use.sum(axis=1))
    used = [
        float(states.hours @ row) / max(usd * float(states.hours[states.month < offer.months].sum()), 1e-12)
        for row, (offer, usd) in zip(
            after.used, [*kept, *((p.offer, p.usd_per_hour) for p in found.now)], strict=True
        )
    ]
    fallen = portfolio(use * (1 - FALL), [d.offer for d in on_sale], kept, terms.objective, worth, found.now)
    best = portfolio(use * (1 - FALL), [d.offer for d in on_sale], kept, terms.objective, worth)
    findings = [*problems, *_lacking(lacking), *_of_held(listed, kept, held, used, terms)]
    return Committing(
        names=[file.plan.name for file in files],
        terms=terms,
        months=months,
        buy=[
            BuyNow(by_name[p.offer.name], p.usd_per_hour, share)
            for p, share in zip(found.now, used[len(kept) :], strict=True)
        ],
        held=[
            (_called(one), one.until, share) for one, share in zip(_active(listed, held), used, strict=False)
        ],
        usd=found.usd,
        without=found.without,
        gap=max(found.usd - found.least, 0.0) / max(found.usd, 1e-12),
        covered_before=1 - float(first @ before.left.sum(axis=1)) / total if total else 0.0,
        covered=1 - float(first @ after.left.sum(axis=1)) / total if total else 0.0,
        break_even=_break_even(found, use, kept, worth, terms),
        regret=max(fallen.usd - best.usd, 0.0),
        fallen=fallen.without - fallen.usd,
        look_again=_look_again(found, use, kept, on_sale, terms.today),
        spot=_spot_saves(pools, use) * hours,
        findings=sorted(findings, key=lambda finding: finding.rank),
    )


def _uses(
    files: Sequence[PlanFile], catalog: Catalog, terms: CommitmentTerms, months: int
) -> tuple[dict[_Key, Array], list[Finding]]:
    """Return units in use of each SKU of all plans, (scenarios, months, hours), and what is unsaid."""
    total: dict[_Key, Array] = {}
    findings: list[Finding] = []
    samples = terms.samples if any(intervals_of(file) for file in files) else 1
    for file in files:
        context = context_of(file, catalog)
        drawn = draw(file, samples, terms.seed) if intervals_of(file) else Scenarios()
        values = {path: np.tile(column, months) for path, column in drawn.values.items() if path != _MONTH}
        values[_MONTH] = np.repeat(np.arange(months, dtype=float), drawn.count)
        parts = in_chunks(context, Scenarios(drawn.count * months, values), _used_in)
        for key in dict.fromkeys(key for part in parts for key in part):
            rows = np.concatenate([np.atleast_2d(part[key]) for part in parts])
            by_month = _as_week(rows, file).reshape(months, drawn.count, -1).swapaxes(0, 1)
            total[key] = total.get(key, np.zeros((samples, months, 1))) + by_month
        findings += _undated(file)
    return total, findings


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


def _used_in(estimate: Estimate) -> dict[_Key, Array]:
    """Return units in use by hour, (scenarios, hours), of what commitments may cover."""
    found: dict[_Key, Array] = {}
    shape = (estimate.scenarios.count, estimate.context.pattern.shape.size)
    for component in estimate.components:
        for meter in component.meters:
            hourly = _by_hour(meter, component, estimate)
            if hourly is None or not np.any(hourly):
                continue
            spot = interruptible(estimate, component)
            key = (meter.provider, meter.service, meter.sku, meter.region, meter.unit, spot)
            found[key] = found.get(key, np.zeros(shape)) + hourly
    return found


def _by_hour(meter: Meter, component: Component, estimate: Estimate) -> Array | None:
    """Return units in use by hour, (scenarios | 1, hours), whether committed or not; None where unknown."""
    if meter.unit not in _HOURLY or meter.rate == "spot":
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
        if not sku or not price or price.unit == "month" or (sku.vcpu is None and service != "fargate"):
            continue
        cheap = catalog.price(provider, service, sku, region, "spot") if spot else None
        for share, usd in (
            ((SPOT_SHARE, cheap.usd), (1 - SPOT_SHARE, price.usd)) if cheap else ((1.0, price.usd),)
        ):
            pools.append(
                UsePool(
                    provider=provider,
                    service=service,
                    sku=name,
                    region=region,
                    unit=unit,
                    spot=usd < price.usd,
                    list_usd=price.usd,
                    usd=usd,
                )
            )
            use.append(units * share * usd)
            worth.append(
                _sustained(units, sku.family.sustained_use if discounts and usd == price.usd else None)
            )
    if not pools:
        raise InputError(
            Problem("--commitments", "nothing in the plan is billed by the hour at a known price")
        )
    return pools, np.array(use), np.array(worth)


def _sustained(units: Array, multipliers: Sequence[float] | None) -> Array:
    """Return what a dollar costs in each hour under sustained use: less, the more of the month it is used."""
    if multipliers is None:
        return np.ones_like(units)
    rank = np.argsort(np.argsort(-units, axis=-1, kind="stable"), axis=-1)
    quarter = rank * len(multipliers) // units.shape[-1]
    found: Array = np.asarray(multipliers, dtype=float)[quarter]
    return found


def _allowed(deal: Deal, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch(deal.offer.name.lower(), f"*{p.lower()}*") for p in patterns)


def _held(
    one: HeldCommitment, pools: Sequence[UsePool], catalog: Catalog, today: date
) -> tuple[CommitmentOffer, float]:
    """Return a held commitment as an offer of the months that it has left, and its USD an hour.

    What it covers is told at on-demand prices, so that nobody needs to know what was paid for it.
    """
    last = one.until + timedelta(days=1)  # whole calendar months, this one the first
    months = max((last.year - today.year) * 12 + last.month - today.month, 0) * (one.until >= today)
    off = 1 - float(one.discount or 0.0)
    rates = np.array([off * p.list_usd / p.usd if _covers(one, p) else np.nan for p in pools])
    usd = float(one.usd_per_hour or 0.0)
    if (
        one.count is not None
        and one.machine is not None
        and one.service is not None
        and one.region is not None
    ):
        sku = catalog.require(one.provider, one.service, one.machine)
        price = catalog.price(one.provider, one.service, sku, one.region, "on_demand")
        usd = 0.0 if price is None else float(one.count) * price.usd
    return CommitmentOffer(
        f"held {_called(one)} until {one.until}", months, rates, 0 if one.count else 2
    ), usd


def _covers(one: HeldCommitment, pool: UsePool) -> bool:
    same = (
        one.provider == pool.provider
        and one.service in (None, pool.service)
        and one.region in (None, pool.region)
    )
    return same and (one.machine is None or family(one.provider, one.machine) == pool.family)


def _called(one: HeldCommitment) -> str:
    what = f"{float(one.count):g} × {one.machine}" if one.count else f"{float(one.usd_per_hour or 0):g} USD/h"
    return f"{what} of {one.provider}" + (f" in {one.region}" if one.region else "")


def _active(
    listed: Sequence[HeldCommitment], held: Sequence[tuple[CommitmentOffer, float]]
) -> list[HeldCommitment]:
    return [
        one
        for one, (offer, _) in zip(listed, held, strict=True)
        if offer.months > 0 and np.isfinite(offer.rates).any()
    ]


def _of_held(
    listed: Sequence[HeldCommitment],
    kept: Sequence[tuple[CommitmentOffer, float]],
    held: Sequence[tuple[CommitmentOffer, float]],
    used: Sequence[float],
    terms: CommitmentTerms,
) -> Iterator[Finding]:
    """Yield what has ended, and what is not used."""
    for one, (offer, _) in zip(listed, held, strict=True):
        if offer.months == 0:
            message = f"{_called(one)} ends on {one.until}, within a month of {terms.today}"
            yield checks.COMMITMENT_EXPIRED.finding("pricing.commitments", message)
        elif not np.isfinite(offer.rates).any():
            message = f"nothing in the plan uses {_called(one)}"
            yield checks.COMMITMENT_IDLE.finding("pricing.commitments", message)
    for one, share in zip(_active(listed, held), used[: len(kept)], strict=True):
        if share < IDLE:
            message = f"{share:.0%} of {_called(one)} is used until {one.until}"
            yield checks.COMMITMENT_IDLE.finding("pricing.commitments", message)


def _undated(file: PlanFile) -> Iterator[Finding]:
    """Yield the components that are bought by commitment, of which the plan does not say what is held."""
    if file.plan.pricing.commitments:
        return
    pools = [(f"{c}/{n}", p) for c, cluster in file.plan.clusters.items() for n, p in cluster.pools.items()]
    for name, part in [
        *file.plan.services.items(),
        *pools,
        *file.plan.databases.items(),
        *file.plan.caches.items(),
    ]:
        bought = getattr(part, "purchase", part)
        if any(np.any(getattr(bought, rate, 0.0)) for rate in ("commit_1y", "commit_3y")):
            yield checks.COMMITMENT_UNDATED.finding(name, f"{name} is bought by commitment, without a date")


def _lacking(lacking: Iterable[Lacking]) -> Iterator[Finding]:
    by_title: dict[str, list[str]] = {}
    for each in lacking:
        by_title.setdefault(each.title, []).append(each.covers)
    for title, covers in by_title.items():
        yield checks.COMMITMENT_UNPRICED.finding(title, f"no price is known for {', '.join(covers)}")


def _break_even(
    found: Portfolio,
    use: Array,
    held: Sequence[tuple[CommitmentOffer, float]],
    worth: Array,
    terms: CommitmentTerms,
) -> int | None:
    """Return the month from which what was paid stays no more than without, 1 the first."""
    if not found.now:
        return None
    months = max(p.offer.months for p in found.now)
    hours = terms.objective.hours_per_month
    paid = sum((cash(p, months, hours) for p in found.now), np.zeros(months))
    saved = _left_by_month(use, (), held, worth, hours) - _left_by_month(use, found.now, held, worth, hours)
    ahead = (saved[:months] - paid).cumsum() >= -1e-9
    never = np.flatnonzero(~ahead)
    last = int(never[-1]) + 2 if never.size else 1
    return last if last <= months else None


def _left_by_month(
    use: Array,
    bought: Sequence[Buy],
    held: Sequence[tuple[CommitmentOffer, float]],
    worth: Array,
    hours: float,
) -> Array:
    states, covered = outcome(use, bought, held, worth, hours)
    paid = states.hours * (covered.left * states.worth).sum(axis=1)
    found: Array = np.bincount(states.month, paid, use.shape[2]).astype(float)
    return found


def _look_again(
    found: Portfolio,
    use: Array,
    held: Sequence[tuple[CommitmentOffer, float]],
    on_sale: Sequence[Deal],
    today: date,
) -> tuple[date, str]:
    """Return when to look again, and why: something ends that is to be renewed, or more would pay by then.

    In each month, of each pool, more would pay for the use that no purchase covers and that is exceeded in
    the share of the hours of the next year that its cheapest offer costs (the critical fractile).
    """
    states, covered = outcome(use, found.purchases, held)
    rates = np.nanmin([np.full(use.shape[0], np.inf), *(deal.offer.rates for deal in on_sale)], axis=0)
    usd = [sum(usd for o, usd in held if o.months > m) for m in range(use.shape[2])]
    later = min((p.start for p in found.purchases if p.start), default=12)
    for month in range(1, later):
        window = (states.month >= month) & (states.month < month + 12)
        more = sum(
            rate * _exceeded(left[window], states.hours[window], rate)
            for rate, left in zip(rates, covered.left.T, strict=True)
            if rate < 1
        )
        if more > WORTH_LOOKING * (usd[month] + sum(p.usd_per_hour for p in found.now)):
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
    return date(today.year + year, month + 1, 1)


def _spot_saves(pools: Sequence[UsePool], use: Array) -> float:
    """Return USD an hour that the part on spot costs less than on demand, in the first month."""
    first = use[:, :, 0, :].mean(axis=(1, 2))
    return float(sum(usd * (p.list_usd / p.usd - 1) for p, usd in zip(pools, first, strict=True) if p.spot))

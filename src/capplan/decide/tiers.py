"""Tiers of growth as alternatives: what each costs over its own range, and which is the cheapest where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.catalog.catalog import Catalog
from capplan.decide.breakeven import Grid, on_grid
from capplan.decide.crossings import changes, cheapest
from capplan.decide.drivers import Document
from capplan.decide.growth import bounds_of, driver_values
from capplan.decide.questions import (
    ITSELF,
    ComparisonOptions,
    Question,
    SourceText,
    check_alternative,
    questions,
    volume_of,
)
from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.plan.decisions import GrowthTier
from capplan.plan.read import PlanFile, parse_plan

_POINTS = 400
_BELOW, _ABOVE = 0.1, 10.0
"""Where the first tier begins and the last one ends, as a share of the bound that they have."""
_NEVER_USD = 1e30
"""More than anything costs: what an alternative counts where it does not carry its load."""
_JUST_BELOW = 5e-11
_BORDER = 1e-6
"""How exact the borders between tiers are, relative: nobody reads more digits."""


class TierCost(NamedTuple):
    """What the alternative of a tier costs at both ends of the tier, USD a month.

    begins, ends: the range of what drives the tiers. complete: whether
    everything has a price. fails_from: from where on the alternative does not carry its load or misses an
    SLO; None where it does throughout. budget: where, within what was looked at, the document's range of cost
    holds; None where it nowhere does, or where the document says none.
    """

    tier: str
    alternative: str
    begins: float
    ends: float
    usd: tuple[float, float]
    complete: bool
    fails_from: float | None
    budget: tuple[float, float] | None


class Reign(NamedTuple):
    """A stretch over which one tier's alternative is the cheapest of those that carry the load.

    tier: None where none does. known: whether prices that are missing cannot change it.
    """

    tier: str | None
    begins: float
    ends: float
    known: bool


class TierPath(NamedTuple):
    """All tiers that stand for an alternative, and which of these costs least where."""

    tiers: Sequence[TierCost]
    cheapest: Sequence[Reign]


class _Scale(NamedTuple):
    """What drives the tiers, (points,), rising, for volumes of the plan's demand."""

    volume: Array
    value: Array

    def volumes(self, values: Array) -> Array:
        """Return the volumes at which the driver has these values."""
        return np.interp(values, self.value, self.volume)

    def values(self, volumes: Array) -> Array:
        """Return the driver at these volumes."""
        return np.interp(volumes, self.volume, self.value)


def tier_path(
    text: SourceText,
    file: PlanFile,
    asked: ComparisonOptions,
    catalog: Catalog,
    document: Callable[..., Document],
) -> TierPath | None:
    """Return what the tiers cost as their own alternatives; None for fewer than two of them, or without load.

    Raises :class:`InputError` for an alternative that the plan does not have.
    """
    section = file.plan.decisions.growth_tiers if file.plan.decisions else None
    tiers = {name: tier for name, tier in section.tiers.items() if tier.alternative} if section else {}
    volume = volume_of(file.plan)
    if section is None or len(tiers) < 2 or volume is None or not getattr(file.plan.demand, volume):
        return None
    for name, tier in tiers.items():
        path = ("decisions", "growth_tiers", "tiers", name, "alternative")
        check_alternative(file, path, str(tier.alternative))
    scale = _scale(file, catalog, section.by, volume)
    ranges = _ranges(bounds_of(file, section.tiers))
    ends = scale.volumes(np.array(list(ranges)).reshape(-1))
    between = list(dict.fromkeys(str(tier.alternative) for tier in tiers.values()))
    wanted = asked._replace(
        between=between if len(between) > 1 else [*between, ITSELF],
        over=f"demand.{volume}",
        low=repr(float(ends.min())),
        high=repr(float(ends.max())),
        points=_POINTS,
    )
    question = questions(text, wanted, catalog, document)[0]
    found = on_grid(question.alternatives, question.driver, question.x)
    owner = {str(tier.alternative): name for name, tier in reversed(tiers.items())}
    named = zip(section.tiers, ranges, strict=True)
    costs = []
    for name, reach in named:
        if name in tiers:
            usd = [
                _usd(text, asked, tiers[name], volume, x, catalog)
                for x in scale.volumes(np.array(reach)).tolist()
            ]
            costs.append(_cost(name, tiers[name], reach, (usd[0], usd[1]), question, found, scale))
    return TierPath(costs, list(_reigns(question, found, scale, owner)))


def _scale(file: PlanFile, catalog: Catalog, by: str, volume: str) -> _Scale:
    now = float(getattr(file.plan.demand, volume))
    volumes = now * np.geomspace(1e-4, 1e6, _POINTS)
    values = driver_values(file, catalog, by, ("demand", volume), volumes)
    if np.any(np.diff(values) < 0):
        what = f"does not rise with demand.{volume}, so the tiers have no range of it"
        raise InputError(file.places.problem(("decisions", "growth_tiers", "by"), what))
    return _Scale(volumes, values)


def _ranges(bounds: Sequence[float]) -> list[tuple[float, float]]:
    """Return from where to where each tier reaches; what has no end is followed for a while."""
    finite = [bound for bound in bounds if np.isfinite(bound)]
    edges = [_BELOW * finite[0], *finite] if finite else [1.0]
    edges += [_ABOVE * edges[-1]] * (len(bounds) + 1 - len(edges))
    return list(pairwise(edges))


def _usd(
    text: SourceText, asked: ComparisonOptions, tier: GrowthTier, volume: str, value: float, catalog: Catalog
) -> float:
    """Return what a tier's alternative costs at a volume, with what `auto` chooses for that volume."""
    sets = [*asked.sets, f"demand.{volume}={value!r}"]
    overlay = None if tier.alternative == ITSELF else tier.alternative
    found = estimate(parse_plan(*text, sets, overlay, asked.books), catalog)
    return float(found.total.expected[0, 0])


def _cost(
    name: str,
    tier: GrowthTier,
    ends: tuple[float, float],
    usd: tuple[float, float],
    question: Question,
    found: Grid,
    scale: _Scale,
) -> TierCost:
    which = [alternative.name for alternative in question.alternatives].index(str(tier.alternative))
    x = scale.volumes(np.array(ends))
    limit = found.limits[which]
    return TierCost(
        tier=name,
        alternative=str(tier.alternative),
        begins=ends[0],
        ends=ends[1],
        usd=usd,
        complete=not found.lacking[which],
        fails_from=None if limit is None or limit >= x[1] else float(scale.values(np.array(limit))),
        budget=_budget(tier, found.costs[which], scale.values(found.x)),
    )


def _budget(tier: GrowthTier, costs: Array, values: Array) -> tuple[float, float] | None:
    if not tier.usd_per_month:
        return None
    inside = values[(costs >= float(tier.usd_per_month[0])) & (costs <= float(tier.usd_per_month[-1]))]
    return (float(inside.min()), float(inside.max())) if inside.size else None


def _reigns(question: Question, found: Grid, scale: _Scale, owner: dict[str, str]) -> Iterator[Reign]:
    """Yield who is the cheapest of those that carry the load; what does not, costs more than anything."""
    x = found.x
    limits = np.array([np.inf if limit is None else limit for limit in found.limits])[:, None]

    def costs(values: Array) -> Array:
        return np.where(values >= limits, _NEVER_USD, found.curves.totals(values))

    ends = limits[np.isfinite(limits) & (limits > x[0])]
    points = np.union1d(x, [ends, ends * (1 - _JUST_BELOW)])
    at_points = costs(points)
    switches = changes(costs, points, question.driver.step, at_points, _BORDER)
    edges = np.array([x[0], *(switch.at for switch in switches), x[-1]])
    winners = [int(cheapest(at_points[:, :1])[0]), *(switch.after for switch in switches)]
    for winner, low, high in zip(winners, edges[:-1], edges[1:], strict=True):
        name = question.alternatives[winner].name
        begins, ends = (float(end) for end in scale.values(np.array([low, high])))
        carries = low < limits[winner, 0]
        yield Reign(owner.get(name, name) if carries else None, begins, ends, found.comparable)

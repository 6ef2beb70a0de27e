"""What an autoscaler must aim at to run the counts that a sizing asks for.

An autoscaler divides a load by a target: of a load that fills ``u`` instances it wants u ÷ target. It rests
wherever the measure is within its tolerance of the target, so coming from below it may rest at
u ÷ (target × (1 + tolerance)). What a load asks for is not always in proportion to it: spares, lost zones and
response times are not. The target is then the highest that yields every count, and a minimum stands in for it
in quiet hours where that costs less. Loads and counts are those of one scenario, (hours,).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, ceil_count

_MOST_TRIED = 24
"""Minimums that are tried between the plan's and the highest count."""


_RISING_STEPS = 25
"""Loads between the busiest hour and what fills all instances; unlike any number of hours."""


class Watched(NamedTuple):
    """A measure that an autoscaler holds at a target.

    load: what all instances together show of it, in the unit of the target, (hours,). usual: the target that
    the plan's figures imply. stated: whether the plan states it. reach: the highest value that an instance
    can show, because something else is full by then. tolerance: share above the target at which nothing
    happens. step, least, most: which targets the platform takes.
    """

    name: str
    load: Array
    usual: float
    stated: bool = False
    reach: float = math.inf
    tolerance: float = 0.0
    step: float = 0.01
    least: float = 0.1
    most: float = math.inf

    def wants(self, target: float) -> Array:
        """Return the instances that it goes to, (hours,)."""
        return ceil_count(self.load / target)

    def rests(self, target: float) -> Array:
        """Return the fewest instances that it may rest at, (hours,)."""
        return self.wants(target * (1 + self.tolerance))

    def highest(self, counts: Array) -> float:
        """Return the highest target for which it rests at no fewer than ``counts`` at the same hours."""
        asked = counts > 1
        each = self.load[asked] / (counts[asked] - 1)
        most = min(float(each.min(initial=math.inf)), self.reach) / (1 + self.tolerance)
        return self.taken(min(most * (1 - 1e-9), self.usual, self.most))

    def taken(self, target: float) -> float:
        """Return the highest target not above ``target`` that the platform takes."""
        return self.step * math.floor(target / self.step + 1e-9) if self.step else target


class Control(NamedTuple):
    """What an autoscaler is told, and what comes of it.

    targets: by measure, in its unit. low, high: its bounds. asked: counts that it must hold. rests: the
    fewest that it may settle at; wants: those that it goes to; all (hours,).
    unreachable: the measures whose target of the plan no instance can reach.
    """

    targets: Mapping[str, float]
    low: int
    high: int
    asked: Array
    rests: Array
    wants: Array
    unreachable: Sequence[Watched] = ()

    @property
    def short(self) -> Array:
        """Instances that are missing of those asked for, (hours,)."""
        missing: Array = np.maximum(np.minimum(self.asked, self.high) - self.rests, 0.0)
        return missing


def control(asked: Array, planned: Array, low: int, high: int, watched: Sequence[Watched]) -> Control:
    """Return the control that holds ``asked`` with the fewest instances; stated targets stay.

    planned: the counts of the sizing; asked: the part of them that must not be missed, (hours,). Where the
    plan states all targets and they do not hold it, the control is :attr:`Control.short`.
    """
    asked = np.minimum(asked, high)
    free = [one for one in watched if not one.stated]
    fixed = {one.name: one.usual for one in watched if one.stated}
    if not free:
        return _told(asked, low, high, watched, fixed)
    peak = int(np.argmax(asked))
    # Of several the one that decides in the busiest hour is turned; the others stay as the plan implies.
    turned = max(free, key=lambda one: one.load[peak] / one.usual)
    others = fixed | {one.name: one.taken(min(one.usual, one.most)) for one in free if one is not turned}
    tried = []
    for bound, target in _candidates(asked, low, watched, turned, others):
        tried.append(_told(asked, bound, high, watched, {**others, turned.name: target}))
        if np.all(tried[-1].wants <= np.maximum(planned + 1, planned * (1 + turned.tolerance))):
            return tried[-1]
    return min(tried, key=lambda one: (one.wants.sum(), one.low))


def _candidates(
    asked: Array, low: int, watched: Sequence[Watched], turned: Watched, others: Mapping[str, float]
) -> Iterator[tuple[int, float]]:
    """Yield minimums, each with the target that holds what is asked for above it."""
    held = _most([one.rests(others[one.name]) for one in watched if one is not turned], asked)
    counts = sorted({int(count) for count in asked if count > low})
    # Evenly picked, the highest among them.
    picked = counts[:: -math.ceil(len(counts) / _MOST_TRIED)][::-1] if counts else []
    for bound in (low, *picked):
        target = turned.highest(np.where((asked > bound) & (held < asked), asked, 0.0))
        if target >= turned.least:
            yield bound, target
        elif bound >= asked.max(initial=0.0):
            yield bound, max(turned.taken(min(turned.usual, turned.most)), turned.least)


def rising(told: Control, watched: Sequence[Watched]) -> list[Watched]:
    """Return the measures under a load that rises from the busiest hour to what fills all instances."""
    peak = int(np.argmax(told.wants))
    count = max(float(one.load[peak]) / told.targets[one.name] for one in watched)
    factors = np.linspace(1.0, max(told.high / max(count, 1e-9), 1.0), _RISING_STEPS)
    return [one._replace(load=one.load[peak] * factors) for one in watched]


def settled(told: Control, watched: Sequence[Watched], targets: Mapping[str, float]) -> Control:
    """Return what comes of other ``targets`` than those that an autoscaler was to be told.

    Under loads that are not those of its hours, what it was told to hold counts as asked for.
    """
    if told.asked.size == watched[0].load.size:
        return _told(told.asked, told.low, told.high, watched, targets)
    asked = _told(np.zeros(1), told.low, told.high, watched, told.targets).rests
    return _told(asked, told.low, told.high, watched, targets)


def _told(
    asked: Array, low: int, high: int, watched: Sequence[Watched], targets: Mapping[str, float]
) -> Control:
    rests = _most([one.rests(targets[one.name]) for one in watched], asked)
    wants = _most([one.wants(targets[one.name]) for one in watched], asked)
    return Control(
        targets=targets,
        low=low,
        high=high,
        asked=asked,
        rests=np.clip(rests, low, high),
        wants=np.clip(wants, low, high),
        unreachable=[one for one in watched if one.usual * (1 + one.tolerance) >= one.reach],
    )


def _most(counts: Sequence[Array], like: Array) -> Array:
    found: Array = np.max(counts, axis=0) if counts else np.zeros(like.shape)
    return found

"""Lasting changes of a load's level, and its growth since the last of them."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.demand.steps import Indices, means_at
from capplan.history.read import History
from capplan.quantities import DAY_S

MONTH_DAYS = 365 / 12
_LEAST_CHANGE = 0.22
"""Logarithm of the smallest factor that is called a change: a quarter more, or a fifth less."""

_SURE = 6.0
"""Standard errors that two levels differ by."""

_SIDE = 5
"""Blocks that a level lasts at least."""

_MOST_BLOCKS = 600
_FROM_DAYS = 8
_YEAR_DAYS = 364
_GROWTH_FROM_DAYS = 28
_Z95 = 1.6449
_MOST_HANGING = 0.9


class LevelChange(NamedTuple):
    """A moment, s since 1970, from which the mean load stays at another level."""

    at_s: float
    before: float
    after: float


class Quantiles(NamedTuple):
    """A figure that nobody knows exactly."""

    p5: float
    p50: float
    p95: float


def level_changes(history: History) -> list[LevelChange]:
    """Return where the level changes for good, in order of time; a trend and a season are none.

    Blocks of a day or more are split in two where that explains most, again and again, as long as the levels
    of both parts differ by :data:`_SURE` standard errors and a quarter, most of it within a few blocks
    (binary segmentation; Vostrikova, 1981).
    """
    if history.values.size * history.step_s < _FROM_DAYS * DAY_S:
        return []
    begins_s, step_s, means = _blocks(history)
    known = np.flatnonzero(means > 0)
    of_mean, rise = _usual(means, step_s)
    logs = np.log((means / of_mean)[known]) - known * rise
    places = sorted(_splits(logs, 0, logs.size))
    bounds = [0, *places, logs.size]
    levels = [float(np.mean(means[known[a:b]])) for a, b in pairwise(bounds)]
    return [
        LevelChange(begins_s + float(known[at]) * step_s, before, after)
        for at, before, after in zip(places, levels, levels[1:], strict=False)
    ]


def _blocks(history: History, days: float = 0) -> tuple[float, float, Array]:
    """Return when whole blocks begin, how long they are, and their means, NaN where less than half is known.

    Without a number of days they last a day, a week where a step is a day, or longer if they are many.
    """
    size = history.values.size
    if not days:
        days = max(7 if history.step_s >= DAY_S else 1, size * history.step_s / DAY_S / _MOST_BLOCKS)
    per = max(1, int(np.ceil(days * DAY_S / history.step_s)))
    count = size // per
    tail = history.values[size - count * per :]
    means = means_at(np.arange(tail.size) // per, tail, count, per / 2)
    return history.begins_s + (size - tail.size) * history.step_s, per * history.step_s, means


def _usual(means: Array, step_s: float) -> tuple[Array, float]:
    """Return what each place in the week and in the year is of the mean, where enough of them are known.

    That of the year leaves growth out, which is no season though it lifts the end of each year; its logarithm
    a block is returned too, 0 where two years are not known.
    """
    of_mean, rise = np.ones(means.size), 0.0
    for days, fewest in ((7, 3), (_YEAR_DAYS, 2)):
        period = round(days * DAY_S / step_s)
        if period < 2 or means.size < fewest * period:
            continue
        place = np.arange(means.size) % period
        usable = np.flatnonzero(means > 0)
        logs = np.log(means[usable] / of_mean[usable])
        if days > 7:
            rise = _rise(usable, logs, period)
            logs -= usable * rise
        counts = np.bincount(place[usable], minlength=period)
        off = np.bincount(place[usable], logs - logs.mean(), period) / np.maximum(counts, 1)
        of_mean *= np.exp(off)[place]
    return of_mean, rise


def _rise(known: Indices, logs: Array, period: int) -> float:
    """Return by how much a logarithm rises a block, from what it is a year later.

    The middle of these rises; where a change of level lies in some of them, that of the others.
    """
    full = np.full(int(known[-1]) + 1, np.nan)
    full[known] = logs
    later = full[period:] - full[:-period]
    if np.isnan(later).all():
        return 0.0
    low, middle, high = np.nanquantile(means_at(np.arange(later.size) * 8 // period, later), (0.1, 0.5, 0.9))
    return float(middle if high - low < _LEAST_CHANGE else min(low, high, key=abs)) / period


def _splits(logs: Array, begin: int, end: int) -> list[int]:
    part = logs[begin:end]
    if part.size < 2 * _SIDE:
        return []
    at = np.arange(_SIDE, part.size - _SIDE + 1)
    sums = np.cumsum(part)
    left, right = sums[at - 1] / at, (sums[-1] - sums[at - 1]) / (part.size - at)
    best = int(np.argmax((right - left) ** 2 * at * (part.size - at)))
    split, shift = int(at[best]), float(right[best] - left[best])
    if not _is_step(part, split, shift):
        return []
    middle = begin + split
    return [*_splits(logs, begin, middle), middle, *_splits(logs, middle, end)]


def _is_step(part: Array, split: int, shift: float) -> bool:
    """Say whether a split is a change of level: large, sure, and sudden."""
    noise = 1.4826 * float(np.median(np.abs(np.diff(part)))) / np.sqrt(2)
    error = max(noise, 0.01) * np.sqrt(1 / split + 1 / (part.size - split))
    beside = float(np.median(part[split : split + _SIDE]) - np.median(part[split - _SIDE : split]))
    sudden = beside * np.sign(shift) >= 0.6 * abs(shift)
    return bool(abs(shift) >= _LEAST_CHANGE and abs(shift) >= _SURE * error and sudden)


def growth_of(history: History, since_s: float | None) -> Quantiles | None:
    """Return the growth a month since ``since_s``, a year at most; None for less than four weeks.

    The median slope between weekly means (Theil, 1950; Sen, 1968), on logarithms. Its interval is that of a
    straight line whose deviations hang on from week to week (AR(1); Bartlett, 1946) with Student's factor.
    """
    begins_s, step_s, means = _blocks(history, 7.0)
    first = 0 if since_s is None else max(0, int(np.ceil((since_s - begins_s) / step_s)))
    if 0 < first < means.size:  # as if the level had not changed, so that the change is no season
        means[:first] *= _beside(means[first:]) / _beside(means[:first][::-1])
    means = (means / _usual(means, step_s)[0])[first:]
    days = step_s / DAY_S
    means = means[-int(_YEAR_DAYS / days) :]
    known = np.flatnonzero(means > 0)
    if days < 7 or known.size * days < _GROWTH_FROM_DAYS:
        return None
    weeks, logs = known.astype(float), np.log(means[known])
    slope = _slope(weeks, logs)
    off = logs - slope * weeks
    half = _half_width(weeks, off - off.mean())
    ends = (float(np.expm1(x * MONTH_DAYS / days)) for x in (slope - half, slope, slope + half))
    p5, p50, p95 = (max(end, -0.99) for end in ends)
    return Quantiles(p5, p50, p95)


def _beside(means: Array) -> float:
    """Return the level of the first blocks that are known; 1 where none is."""
    known = means[means > 0][:_SIDE]
    return float(np.median(known)) if known.size else 1.0


def _slope(x: Array, y: Array) -> float:
    first, second = np.triu_indices(x.size, 1)
    return float(np.median((y[second] - y[first]) / (x[second] - x[first])))


def _half_width(x: Array, off: Array) -> float:
    """Return half of the 90 % interval of a slope, given what is ``off`` the line."""
    free = x.size - 2
    variance = float(off @ off) / free
    if variance == 0:
        return 0.0
    following = float(off[1:] @ off[:-1] / (off @ off))
    doubt = (2 + 4 * following) / x.size + np.sqrt(0.5 / x.size)
    hangs = min(max(following + doubt, 0.0), _MOST_HANGING)
    student = _Z95 * (1 + (_Z95**2 + 1) / (4 * free))
    return student * float(np.sqrt(variance * (1 + hangs) / (1 - hangs) / np.sum((x - x.mean()) ** 2)))

"""Recorded rows in equal steps: how long a step is, what is missing, what is there twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.errors import InputError, Problem
from capplan.moments import Moments
from capplan.plan.fields import LARGEST
from capplan.quantities import DAY_S, HOUR_S
from capplan.tabular import Column, figures

_SHORTEST_STEP_S = 0.5
_MOST_STEPS = 2_000_000
_UNSAID = 0.01
"""Share of gaps that nobody needs to be told of."""

_FEWEST_TIMES = 4
"""Times that it takes to tell a stray row from an irregular step."""

Indices = np.ndarray[tuple[int, ...], np.dtype[np.intp]]


class Rows(NamedTuple):
    """Times in s since 1970 and values, (rows,) each; places: where each row stands in the file."""

    time_s: Array
    values: Array
    places: Sequence[str]
    said: Sequence[str]


def rows_of(read: Moments, column: Column) -> Rows:
    """Return the rows that have a load; a blank one is a gap. InputError for what cannot be a load."""
    values = figures(column)
    for wrong, what in ((values < 0, "is negative"), (values > LARGEST, f"is more than {LARGEST:g}")):
        if np.any(wrong):
            raise column.error(int(np.argmax(wrong)), what)
    given = ~np.isnan(values)
    places = [f"{column.path}:{column.lines[row]}" for row in np.flatnonzero(given).tolist()]
    return Rows(read.seconds[given], values[given], places, read.said)


class Stepped(NamedTuple):
    """The rows that count, in order of time, and the step of each, from 0 on; gaps: what to say of them."""

    step_s: float
    order: Indices
    steps: Indices
    gaps: Sequence[str]


def in_steps(name: str, rows: Rows, limit: float, then: str, remedy: str = "") -> Stepped:
    """Return rows in steps of the median distance of two times; each belongs to the nearest.

    A first or last row that stands alone within half a step of the next is left out: it is no step of its
    own. Raises :class:`InputError` where more than the ``limit`` is missing or repeated. ``then``: what
    becomes of steps without a row; ``remedy``: how to raise the limit.
    """
    order = np.argsort(rows.time_s, kind="stable")
    step_s = _step_s(name, rows.time_s[order])
    whole = _whole(rows.time_s[order], step_s)
    strays = [_stray(rows.places[row], step_s) for row in order[~whole]]
    order = order[whole]
    steps = np.rint((rows.time_s[order] - rows.time_s[order[0]]) / step_s)
    if steps[-1] >= _MOST_STEPS:
        raise InputError(Problem(name, f"{steps[-1] + 1:,.0f} steps are more than {_MOST_STEPS:,}"))
    found = Stepped(step_s, order, steps.astype(np.intp), ())
    return found._replace(gaps=[*strays, *_gaps(name, rows, found, limit, then, remedy)])


def _step_s(name: str, time_s: Array) -> float:
    """Return the median distance of two times that follow each other."""
    apart = np.diff(np.unique(time_s))
    if not apart.size:
        raise InputError(Problem(name, "a recorded load needs at least two different times"))
    step_s = float(np.median(apart))
    if step_s < _SHORTEST_STEP_S:
        what = f"its rows are {step_s:g} s apart, and a step must be at least {_SHORTEST_STEP_S:g} s"
        raise InputError(Problem(name, what, "Sum them up by the second or the minute."))
    return step_s


def _whole(time_s: Array, step_s: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Say of each row whether it is more than a stray at either end; ``time_s`` rises, (rows,)."""
    times = np.unique(time_s)
    short = np.diff(times) < step_s / 2
    if len(times) < _FEWEST_TIMES or np.any(short[1:-1]):
        return np.ones(len(time_s), dtype=bool)
    first, last = times[1 if short[0] else 0], times[-2 if short[-1] else -1]
    return np.asarray((time_s >= first) & (time_s <= last))


def _stray(place: str, step_s: float) -> str:
    beside = f"it is less than half a step of {duration(step_s)} away from the row next to it"
    return f"{place} is left out: {beside}"


def _gaps(name: str, rows: Rows, found: Stepped, limit: float, then: str, remedy: str) -> list[str]:
    """Return what to say of gaps and repetitions; InputError where they are more than the ``limit``."""
    times = rows.time_s[found.order]
    missing = 1.0 - len(np.unique(found.steps)) / (float(found.steps[-1]) + 1.0)
    repeated = 1.0 - len(np.unique(times)) / len(times)
    gap = f"{_percent(missing)} of its steps are missing"
    widest = int(np.argmax(np.diff(found.steps)))
    ends = f"ends at {rows.places[found.order[widest + 1]]}"
    longest = f"the longest gap, {duration(times[widest + 1] - times[widest])}, {ends}"
    repetition = f"{_percent(repeated)} of its rows repeat the time of another row"
    if missing > limit:
        raise InputError(Problem(name, f"{gap}, more than {_percent(limit)}; {longest}", remedy))
    if repeated >= limit:  # half, where a file holds two series
        sums = f"Give one row for each time: sum the series, or keep one. {remedy}".rstrip()
        raise InputError(Problem(name, f"{repetition}, more than {_percent(limit)}", sums))
    said = [f"{gap} and {then}; {longest}"] if missing > _UNSAID else []
    return [*said, f"{repetition} and are averaged with it"] if repeated else said


def means_at(places: Indices, values: Array, size: int = 0, fewest: float = 1) -> Array:
    """Return the mean at each place, (size,) or more, NaN where fewer than ``fewest`` values are known."""
    known = ~np.isnan(values)
    counts = np.bincount(places[known], minlength=size)
    sums = np.bincount(places[known], values[known], size)
    means: Array = np.divide(sums, counts, out=np.full(counts.size, np.nan), where=counts >= fewest)
    return means


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"


def duration(seconds: float) -> str:
    """Return a time in its largest unit.

    >>> duration(93_600), duration(86_400), duration(30)
    ('26 hours', '1 day', '30 s')
    """
    for unit, length in (("day", DAY_S), ("hour", HOUR_S), ("minute", 60.0)):
        if seconds == length or seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}{'' if seconds == length else 's'}"
    return f"{seconds:.3g} s"

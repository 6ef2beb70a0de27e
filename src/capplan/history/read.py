"""A recorded load of any origin in equal steps: CSV with any columns, a row for each request, Prometheus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.demand import prometheus
from capplan.errors import InputError, Problem
from capplan.moments import elapsed, moments
from capplan.plan.fields import LARGEST
from capplan.quantities import DAY_S
from capplan.stdin import name_of
from capplan.tabular import Column, Table, figures, read_table

_MOST_STEPS = 2_000_000
_MOST_MISSING = 0.5
_MOST_REPEATED = 0.2
_REGULAR = 0.8
"""Share of the distances between rows that must be whole steps, or else each row is one request."""

_RATE = re.compile(r"(?:^|_)(?:rps|qps|tps|per_sec(?:ond)?|rate)$", re.IGNORECASE)
_TIME = re.compile(r"(?:^|_)(?:time|timestamp|date|datetime|ds|ts|epoch)(?:_|$)", re.IGNORECASE)
_COARSE_FROM_S = 4 * DAY_S
_MOST_SHORT = 360
"""Steps into which a trace of less than four days is divided at most."""

_NICE_S = tuple(unit * n for unit in (1, 60) for n in (1, 2, 5, 10, 15, 20, 30)) + (3600,)


class History(NamedTuple):
    """A load as it was, (steps,), NaN where nothing was recorded.

    value: what the column is called; unit_s: for how many seconds it counts requests, 1 for a rate.
    begins_s: since 1970; has_clock: whether the file says when that was. said: how the file was read.
    """

    name: str
    value: str
    unit_s: float
    step_s: float
    values: Array
    begins_s: float
    has_clock: bool
    said: Sequence[str]


class _Rows(NamedTuple):
    time_s: Array
    values: Array
    value: str
    is_rate: bool
    has_clock: bool
    said: Sequence[str]


def read_history(path: Path, time: str | None, value: str | None, is_rate: bool | None) -> History:
    """Return what a file records; ``time`` and ``value`` name its columns where they are given.

    Without a name the first column with times counts, and the first other one with numbers. Rows that follow
    no step, or of which many have the same time, are requests and counted by the second. Raises
    :class:`InputError` for what cannot be a load, and for one of which more than half is missing.
    """
    if prometheus.is_answer(path):
        time_s, rps = prometheus.total(path)
        rows = _Rows(time_s, rps, "requests/s", is_rate=True, has_clock=True, said=())
    else:
        rows = _recorded(read_table(path), time, value, is_rate)
    return _in_steps(name_of(path), rows)


def _recorded(table: Table, time: str | None, value: str | None, is_rate: bool | None) -> _Rows:
    times = _times_of(table) if time is None else table.column(time)
    since = elapsed(times)
    seconds, said = moments(times) if since is None else (since, [_WITHOUT_CLOCK.format(times.name)])
    if value is None and _are_requests(seconds):
        said = [*said, "rows follow no step, so each of them is counted as one request"]
        return _counted(seconds, np.ones(seconds.size), "requests", since is None, said)
    column, more = (table.column(value), "") if value is not None else _load_of(table, times)
    values = figures(column)
    for wrong, what in ((values < 0, "is negative"), (values > LARGEST, f"is more than {LARGEST:g}")):
        if np.any(wrong):
            raise column.error(int(np.argmax(wrong)), what)
    said = [*said, more] if more else said
    if _are_requests(seconds):
        return _counted(seconds, np.nan_to_num(values), column.name, since is None, said)
    known = ~np.isnan(values)
    rate = bool(_RATE.search(column.name)) if is_rate is None else is_rate
    return _Rows(seconds[known], values[known], column.name, rate, since is None, said)


_WITHOUT_CLOCK = "times in '{}' count from the start of the recording, so hours of the day are not known"


def _times_of(table: Table) -> Column:
    """Return the first column that holds times, by its name or by how they are written."""
    for column in table.columns.values():
        first = next(iter(column.cells), "")
        if re.match(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}", first) or (
            re.fullmatch(r"[\d.eE+]+", first) and (_TIME.search(column.name) or elapsed(column) is not None)
        ):
            return column
    known = ", ".join(table.header[:8])
    raise InputError(Problem(table.path, "no column holds times", f"{_NAME} Its columns: {known}."))


_NAME = "Name the columns with --trace-columns TIME,VALUE."


def _load_of(table: Table, times: Column) -> tuple[Column, str]:
    """Return the first column with numbers that are no times, and what to say of the others."""
    numbers = [c for c in table.columns.values() if c is not times and any(map(_is_number, c.cells[:100]))]
    if not numbers:
        raise InputError(Problem(table.path, f"no column beside '{times.name}' holds numbers", _NAME))
    others = ", ".join(f"'{column.name}'" for column in numbers[1:8])
    told = f"column '{numbers[0].name}' is taken as the load, and not {others}" if others else ""
    return numbers[0], told


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", cell))


def _are_requests(seconds: Array) -> bool:
    """Say whether rows are requests: their distances are no multiples of a step, or most times repeat."""
    times = np.unique(seconds)
    apart = np.diff(times)
    if seconds.size < 4 or not apart.size:
        return False
    steps = apart / np.median(apart)
    whole = np.abs(steps - np.rint(steps)) <= 0.1
    return times.size < seconds.size / 2 or float((whole & (steps > 0.5)).mean()) < _REGULAR


def _counted(seconds: Array, weights: Array, value: str, has_clock: bool, said: Sequence[str]) -> _Rows:
    """Return what came in each second; the last one is not whole and left out."""
    first = np.floor(seconds.min())
    count = int(np.floor(seconds.max()) - first)
    if not 1 <= count <= _MOST_STEPS:
        raise InputError(Problem(value, f"{count:,} seconds of requests are not from 1 to {_MOST_STEPS:,}"))
    counts = np.bincount((seconds - first).astype(np.int64), weights, count + 1)[:count].astype(float)
    return _Rows(first + np.arange(count), counts, value, is_rate=True, has_clock=has_clock, said=said)


def _in_steps(name: str, rows: _Rows) -> History:
    """Return rows in steps of the median distance of two times; those of one step are averaged."""
    times = np.unique(rows.time_s)
    if times.size < 2:
        raise InputError(Problem(name, "a history needs at least two different times"))
    step_s = float(np.median(np.diff(times)))
    order = np.argsort(rows.time_s, kind="stable")
    places = np.rint((rows.time_s[order] - times[0]) / step_s)
    if places[-1] >= _MOST_STEPS:
        raise InputError(Problem(name, f"{places[-1]:,.0f} steps are more than {_MOST_STEPS:,}"))
    steps = places.astype(np.int64)
    counts = np.bincount(steps).astype(float)
    sums = np.bincount(steps, rows.values[order])
    values = np.divide(sums, counts, out=np.full(counts.size, np.nan), where=counts > 0)
    said = [*rows.said, *_gaps(name, counts, step_s), *_repeated(name, rows.time_s.size, times.size)]
    if np.nanmax(values) == np.nanmin(values):
        what = f"'{rows.value}' is {values[0]:g} in every step, so there is nothing to forecast"
        raise InputError(Problem(name, what))
    return History(
        name=name,
        value=rows.value,
        unit_s=1.0 if rows.is_rate else step_s,
        step_s=step_s,
        values=values,
        begins_s=float(times[0]),
        has_clock=rows.has_clock,
        said=said,
    )


def _gaps(name: str, counts: Array, step_s: float) -> list[str]:
    missing = float((counts == 0).mean())
    filled = np.flatnonzero(counts)
    longest = float(np.diff(filled).max(initial=1) - 1) * step_s
    what = f"{100 * missing:.3g}% of its steps are missing; the longest gap lasts {duration(longest)}"
    if missing > _MOST_MISSING:
        raise InputError(Problem(name, f"{what}; more than half is no history"))
    return [f"{what}; gaps are left out and not filled"] if missing else []


def _repeated(name: str, rows: int, times: int) -> list[str]:
    repeated = 1 - times / rows
    what = f"{100 * repeated:.3g}% of its rows repeat the time of another row"
    if repeated > _MOST_REPEATED:
        remedy = "Give one row for each time: sum the series, or keep one."
        raise InputError(Problem(name, what, remedy))
    return [f"{what} and are averaged with it"] if repeated else []


def duration(seconds: float) -> str:
    """Return a time in its largest unit.

    >>> duration(93_600), duration(604_800), duration(30)
    ('26 hours', '7 days', '30 seconds')
    """
    for unit, length in (("days", DAY_S), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 2 * length or seconds == length:
            found = f"{seconds / length:.3g} {unit}"
            return found.removesuffix("s") if seconds == length else found
    return f"{seconds:.3g} seconds"


def coarse(history: History) -> History:
    """Return a history in the steps that it is forecast in: hours, or a few hundred if it is short.

    Values are means of those in the file. A step is known if at least half of it is; it begins at whole steps
    of the clock.
    """
    wanted = _working_step_s(history)
    if wanted <= history.step_s * 1.01:
        return history
    places = (history.begins_s + np.arange(history.values.size) * history.step_s) // wanted
    steps = (places - places[0]).astype(np.int64)
    known = ~np.isnan(history.values)
    counts = np.bincount(steps, known)
    sums = np.bincount(steps, np.where(known, history.values, 0.0))
    values = np.divide(sums, counts, out=np.full(counts.size, np.nan), where=counts > 0)
    values[counts < wanted / history.step_s / 2] = np.nan
    inside = np.flatnonzero(~np.isnan(values))
    first, last = (int(inside[0]), int(inside[-1])) if inside.size else (0, 0)
    begins_s = float(places[0] + first) * wanted
    return history._replace(step_s=wanted, values=values[first : last + 1], begins_s=begins_s)


def _working_step_s(history: History) -> float:
    span = history.values.size * history.step_s
    if span >= _COARSE_FROM_S:
        return 3_600.0
    return next(step for step in _NICE_S if step >= max(history.step_s, span / _MOST_SHORT) or step == 3600)

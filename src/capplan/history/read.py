"""A recorded load of any origin in equal steps: CSV with any columns, a row for each request, Prometheus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.demand import prometheus
from capplan.demand.steps import Indices, Rows, in_steps, means_at, rows_of
from capplan.errors import InputError, Problem
from capplan.moments import Moments, elapsed, moments
from capplan.quantities import DAY_S, HOUR_S, plain
from capplan.stdin import name_of
from capplan.tabular import Column, Table, read_table

_MOST_SECONDS = 2_000_000
_MOST_MISSING = 0.5
_REGULAR = 0.8
"""Share of the distances between rows that must be whole steps, or else each row is one request."""

_RATE = re.compile(
    r"(?:^|_|\b)(?:(?P<s>[rqt]ps|rate)|(?P<min>[rqt]pm))$"
    r"|(?:per[_ ]|/ ?)(?:(?P<s_>s)|(?P<min_>m)|(?P<h_>h)|(?P<day_>d))$"
    r"|(?:per[_ ]?|/ ?)(?:(?P<s__>sec(?:ond)?)|(?P<min__>min(?:ute)?)|(?P<h__>hour)|(?P<day__>day))$",
    re.IGNORECASE,
)
_RATE_S = {"s": 1.0, "min": 60.0, "h": HOUR_S, "day": DAY_S}
_TIME = re.compile(r"(?:^|_)(?:time|timestamp|date|datetime|ds|ts|epoch)(?:_|$)", re.IGNORECASE)
_NO_LOAD = re.compile(r"(?:^|_)(?:id|no|index|row|status|code|port|version|unnamed.*)$|^$", re.IGNORECASE)
"""What numbers or names a row, and is taken as the load only where nothing else is."""

_FEWEST_COUNTS = 30
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
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


class _Load(NamedTuple):
    """Rows, and what they hold: the name of the column, and the seconds it counts for, None for a step."""

    rows: Rows
    value: str
    unit_s: float | None
    has_clock: bool = True


def read_history(path: Path, time: str | None, value: str | None, is_rate: bool | None) -> History:
    """Return what a file records; ``time`` and ``value`` name its columns where they are given.

    Without a name the first column with times counts, and the first other one with numbers. Rows that follow
    no step, or of which many have the same time, are requests and counted by the second. Raises
    :class:`InputError` for what cannot be a load, and for one of which more than half is missing.
    """
    name = name_of(path)
    if prometheus.is_answer(path):
        return history_of(name, *prometheus.total(path))
    return _in_steps(name, _recorded(read_table(path), time, value, is_rate))


def history_of(name: str, time_s: Array, rps: Array) -> History:
    """Return requests/s at these times, (times,) each, as a history; ``name``: where they are from."""
    return _in_steps(name, _Load(Rows(time_s, rps, [name] * len(time_s), ()), "requests/s", unit_s=1.0))


def _recorded(table: Table, time: str | None, value: str | None, is_rate: bool | None) -> _Load:
    times = _times_of(table) if time is None else table.column(time)
    since = elapsed(times)
    read = moments(times) if since is None else Moments(since, [_WITHOUT_CLOCK.format(times.name)])
    if value is None and _are_requests(read.seconds):
        each = "rows follow no step, so each of them is counted as one request"
        rows = Rows(read.seconds, np.ones(read.seconds.size), (), [*read.said, each])
        return _Load(_counted(table.path, rows), "requests", unit_s=1.0, has_clock=since is None)
    column, more = (table.column(value), []) if value is not None else _load_of(table, times)
    rows = rows_of(Moments(read.seconds, [*read.said, *more]), column)
    if _are_requests(rows.time_s):
        return _Load(_counted(table.path, rows), column.name, unit_s=1.0, has_clock=since is None)
    order = np.argsort(rows.time_s, kind="stable")
    if is_rate is None and order.size >= _FEWEST_COUNTS and np.all(np.diff(rows.values[order]) >= 0):
        rows = _uncounted(rows, order, column.name)
        is_rate = column.name.lower().endswith(prometheus.COUNTERS) or None
    unit_s = _unit_s(column.name) if is_rate is None else 1.0 if is_rate else None
    return _Load(rows, column.name, unit_s, has_clock=since is None)


def _unit_s(name: str) -> float | None:
    """Return the seconds for which a column with such a name counts requests; None if it names no rate.

    >>> [_unit_s(name) for name in ("rps", "requests/s", "RequestsPerMinute", "requests_per_h", "shoppers")]
    [1.0, 1.0, 60.0, 3600.0, None]
    """
    found = _RATE.search(name.strip())
    return _RATE_S[str(found.lastgroup).rstrip("_")] if found else None


def _uncounted(rows: Rows, order: Indices, name: str) -> Rows:
    """Return the rates of a column that never falls if its name is that of a counter; say if it is not."""
    if not name.lower().endswith(prometheus.COUNTERS):
        return rows._replace(said=[*rows.said, f"'{name}' never falls: a counter would be read too high"])
    counter = prometheus.Series({}, rows.time_s[order], rows.values[order])
    _, time_s, rates = prometheus.rate_of(counter)
    said = [*rows.said, f"'{name}' never falls, so it is read as a counter"]
    return Rows(time_s, rates, [rows.places[row] for row in order[1:].tolist()], said)


_WITHOUT_CLOCK = "times in '{}' count from the start of the recording, so hours of the day are not known"


def _times_of(table: Table) -> Column:
    """Return the first column that holds times, by its name or by how they are written."""
    if any(re.match(_DATE, name) for name in table.header):
        raise InputError(Problem(table.path, "the first row holds a time and not the names of the columns"))
    if not any(column.cells for column in table.columns.values()):
        raise InputError(Problem(table.path, "has no rows below the names of its columns"))
    for column in table.columns.values():
        first = next(iter(column.cells), "")
        if re.match(_DATE, first) or (
            re.fullmatch(r"[\d.eE+]+", first) and (_TIME.search(column.name) or elapsed(column) is not None)
        ):
            return column
    known = ", ".join(table.header[:8])
    raise InputError(Problem(table.path, "no column holds times", f"{_NAME} Its columns: {known}."))


_NAME = "Name the columns with --trace-columns TIME,VALUE."


def _load_of(table: Table, times: Column) -> tuple[Column, list[str]]:
    """Return the first column with numbers that are no times, and what to say of the others."""
    numbers = [c for c in table.columns.values() if c is not times and any(map(_is_number, c.cells[:100]))]
    numbers.sort(key=lambda column: bool(_NO_LOAD.search(column.name)))
    if not numbers:
        raise InputError(Problem(table.path, f"no column beside '{times.name}' holds numbers", _NAME))
    first, *rest = (f"'{column.name}'" for column in numbers[:8])
    return numbers[0], [f"column {first} is taken as the load, and not {', '.join(rest)}"] if rest else []


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


def _counted(name: str, rows: Rows) -> Rows:
    """Return what came in each second; the last one is not whole and left out."""
    first = np.floor(rows.time_s.min())
    count = int(np.floor(rows.time_s.max()) - first)
    if not 1 <= count <= _MOST_SECONDS:
        raise InputError(Problem(name, f"{count:,} seconds of requests are not from 1 to {_MOST_SECONDS:,}"))
    sums = np.bincount((rows.time_s - first).astype(np.intp), rows.values, count + 1)[:count]
    return Rows(first + np.arange(count), sums.astype(float), [name] * count, rows.said)


def _in_steps(name: str, load: _Load) -> History:
    """Return rows in steps, the mean of each."""
    step_s, order, steps, gaps = in_steps(name, load.rows, _MOST_MISSING, "left out")
    values = means_at(steps, load.rows.values[order])
    if np.nanmax(values) == np.nanmin(values):
        what = f"'{load.value}' is {plain(values[0], 6)} in every step, so there is nothing to forecast"
        raise InputError(Problem(name, what))
    return History(
        name=name,
        value=load.value,
        unit_s=load.unit_s or step_s,
        step_s=step_s,
        values=values,
        begins_s=float(load.rows.time_s[order[0]]),
        has_clock=load.has_clock,
        said=[*load.rows.said, *gaps],
    )


def coarse(history: History) -> History:
    """Return a history in the steps that it is forecast in: hours, or a few hundred if it is short.

    Values are means of those in the file. A step is known if at least half of it is; it begins at whole steps
    of the clock.
    """
    wanted = _working_step_s(history)
    if wanted <= history.step_s * 1.01:
        return history
    places = (history.begins_s + np.arange(history.values.size) * history.step_s) // wanted
    steps = (places - places[0]).astype(np.intp)
    values = means_at(steps, history.values, fewest=wanted / history.step_s / 2)
    inside = np.flatnonzero(~np.isnan(values))
    first, last = (int(inside[0]), int(inside[-1])) if inside.size else (0, 0)
    begins_s = float(places[0] + first) * wanted
    return history._replace(step_s=wanted, values=values[first : last + 1], begins_s=begins_s)


def _working_step_s(history: History) -> float:
    span = history.values.size * history.step_s
    if span >= _COARSE_FROM_S:
        return 3_600.0
    return next(step for step in _NICE_S if step >= max(history.step_s, span / _MOST_SHORT) or step == 3600)

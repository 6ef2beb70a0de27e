"""Times in recorded figures: how a whole column is written is decided once, and never cell by cell.

Known are epoch numbers in seconds, milliseconds, microseconds and nanoseconds, told apart by their size;
ISO 8601; dates of three numbers whose order the column itself must show; and dates with the name of a month.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.errors import InputError
from capplan.tabular import Column

Order = Literal["day/month", "month/day"]

_EARLIEST_S, _LATEST_S = 315_532_800.0, 7_258_118_400.0
"""1980 and 2200. In these years no number of seconds is one of milliseconds."""

_EPOCHS = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
_CLOCK = r"(?:[ T,:]+(?P<clock>\d.*))?"
_THREE = re.compile(
    rf"(?P<first>\d{{1,2}})(?P<mark>[/.-])(?P<second>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}){_CLOCK}"
)
_NAMED = (
    re.compile(rf"(?P<day>\d{{1,2}})[ /-](?P<month>[A-Za-z]{{3,9}})[ /-](?P<year>\d{{4}}){_CLOCK}"),
    re.compile(rf"(?P<month>[A-Za-z]{{3,9}})\.? (?P<day>\d{{1,2}}),? (?P<year>\d{{4}}){_CLOCK}"),
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})" + _CLOCK)
_TIME = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d(?:[.,]\d+)?))?"
    r"\s*(?P<half>[AaPp][Mm])?\s*(?P<zone>Z|UTC|GMT|[-+]\d\d(?::?\d\d)?)?"
)
_ELAPSED = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_UNIT = re.compile(
    r"(?:^|_)(?:(?P<ns>ns)|(?P<us>us)|(?P<ms>ms|millis)|(?P<s>s|secs?|seconds?)|(?P<min>m|mins?|minutes?)"
    r"|(?P<h>h|hours?)|(?P<d>d|days?))$",
    re.IGNORECASE,
)
_WRITE = "Write dates as 2026-01-31T12:00:00Z, or seconds since 1970."


_TO_THE_SECOND = len("2026-01-31T12:00:0")


class Moments(NamedTuple):
    """Seconds since 1970 in UTC, (rows,), and what was decided about the column that not every file says."""

    seconds: Array
    said: Sequence[str]


def moments(column: Column, usual: Order | None = None) -> Moments:
    """Return the times in a column.

    ``usual`` is the order of dates such as 01/08/2026 where no row shows it. Raises :class:`InputError` for a
    cell that is no time, or is written in another way than the others, and for dates of unknown order.
    """
    first = next(iter(column.cells), "")
    if _NUMBER.fullmatch(first):
        return _epochs(column)
    if _THREE.fullmatch(first):
        return _of_three(column, usual)
    named = next((pattern for pattern in _NAMED if pattern.fullmatch(first)), None)
    return _dated(column, _iso if named is None else lambda cell: _with_name(named, cell))


def elapsed(column: Column) -> Array | None:
    """Return seconds since the recording began, (rows,), where a column counts them; None where it does not.

    Such are numbers too small for a time since 1970, in the unit that ends the name of the column.
    """
    unit = _UNIT.search(column.name)
    first = next(iter(column.cells), "")
    if unit is None or not _NUMBER.fullmatch(first):
        return None
    scale = _ELAPSED[str(unit.lastgroup)]
    if float(first) * scale >= _EARLIEST_S:
        return None
    wrong = next((row for row, cell in enumerate(column.cells) if not _NUMBER.fullmatch(cell)), None)
    if wrong is not None:
        raise _differs(column, wrong)
    return np.array([float(cell) for cell in column.cells]) * scale


def _epochs(column: Column) -> Moments:
    rows = enumerate(column.cells)
    wrong = next((row for row, cell in rows if not _NUMBER.fullmatch(cell)), None)
    if wrong is not None:
        raise _differs(column, wrong)
    numbers = np.array([float(cell) for cell in column.cells])
    found = [name for name, unit in _EPOCHS.items() if _EARLIEST_S <= numbers[0] * unit <= _LATEST_S]
    if not found:
        raise column.error(
            0, "is no time since 1970 in seconds, ms, µs or ns of the years 1980 to 2200", _WRITE
        )
    seconds = numbers * _EPOCHS[found[0]]
    outside = np.flatnonzero(~((seconds >= _EARLIEST_S) & (seconds <= _LATEST_S)))
    if outside.size:
        raise column.error(
            int(outside[0]), f"is not in {found[0]} since 1970 as the first, {column.cells[0]}"
        )
    return Moments(seconds, [f"times in '{column.name}' are {found[0]} since 1970"])


def _of_three(column: Column, usual: Order | None) -> Moments:
    """Return dates of three numbers, read in one order throughout."""
    pairs = []
    for row, cell in enumerate(column.cells):
        match = _THREE.fullmatch(cell)
        if match is None:
            raise _differs(column, row)
        pairs.append((int(match["first"]), int(match["second"])))
    order, said = _order_of(column, pairs, usual)

    def parse(cell: str) -> datetime | None:
        match = _THREE.fullmatch(cell)
        assert match is not None
        first, second = int(match["first"]), int(match["second"])
        day, month = (first, second) if order == "day/month" else (second, first)
        return _moment(int(match["year"]), month, day, match["clock"])

    found = _dated(column, parse)
    return Moments(found.seconds, [*said, *found.said])


def _order_of(
    column: Column, pairs: Sequence[tuple[int, int]], usual: Order | None
) -> tuple[Order, Sequence[str]]:
    """Return the order that days after the twelfth show, and what to say of it."""
    firsts = next((row for row, pair in enumerate(pairs) if pair[0] > 12), None)
    seconds = next((row for row, pair in enumerate(pairs) if pair[1] > 12), None)
    if firsts is not None and seconds is not None:
        raise column.error(
            max(firsts, seconds), f"has another order than '{column.cells[min(firsts, seconds)]}'", _WRITE
        )
    shown = firsts if firsts is not None else seconds
    if shown is not None:
        order: Order = "day/month" if firsts is not None else "month/day"
        return order, [f"dates in '{column.name}' are {order}/year, as '{column.cells[shown]}' shows"]
    if all(first == second for first, second in pairs):
        return "day/month", []
    if "." in column.cells[0]:
        usual = "day/month"  # nobody writes the month first with dots
    if usual is None:
        row = next(row for row, (first, second) in enumerate(pairs) if first != second)
        raise column.error(row, "may be day/month or month/day, and no other row shows which", _WRITE)
    return usual, [f"dates in '{column.name}' are taken as {usual}/year; no row shows it"]


def _dated(column: Column, parse: Callable[[str], datetime | None]) -> Moments:
    """Return the dates that ``parse`` reads; either all of them name a zone or none does."""
    first = parse(column.cells[0]) if column.cells else None
    zoned = first is not None and first.tzinfo is not None
    known: dict[str, float] = {}
    for row, cell in enumerate(column.cells):
        if cell not in known:
            known[cell] = _seconds(column, row, parse(cell), zoned)
    seconds = np.array([known[cell] for cell in column.cells])
    said = f"times in '{column.name}' name no zone and are read as UTC"
    unsaid = zoned or not any(":" in cell for cell in known)
    return Moments(seconds, [] if unsaid else [said])


def _seconds(column: Column, row: int, at: datetime | None, zoned: bool) -> float:
    """Return the moment in one cell as seconds since 1970."""
    if at is None:
        raise column.error(row, "is not a time" if column.cells[row] else "is no time: the cell is blank")
    if (at.tzinfo is not None) is not zoned:
        raise column.error(row, f"names {'no' if zoned else 'a'} zone, unlike the first row")
    try:
        seconds = (at if zoned else at.replace(tzinfo=UTC)).timestamp()
    except OverflowError:
        seconds = -math.inf
    if not _EARLIEST_S <= seconds <= _LATEST_S:
        raise column.error(row, "lies outside the years 1980 to 2200")
    return seconds


def _iso(cell: str) -> datetime | None:
    if len(cell) > _TO_THE_SECOND and cell[4] == cell[7] == "-":
        with suppress(ValueError):  # the usual way, which Python reads several times as fast
            return datetime.fromisoformat(cell)
    match = _ISO.fullmatch(cell)
    return None if match is None else _moment(int(match[1]), int(match[2]), int(match[3]), match["clock"])


def _with_name(pattern: re.Pattern[str], cell: str) -> datetime | None:
    match = pattern.fullmatch(cell)
    if match is None or match["month"][:3].lower() not in _MONTHS:
        return None
    month = _MONTHS.index(match["month"][:3].lower()) + 1
    return _moment(int(match["year"]), month, int(match["day"]), match["clock"])


def _moment(year: int, month: int, day: int, clock: str | None) -> datetime | None:
    """Return a moment of the calendar; None for one that it has not."""
    match = _TIME.fullmatch("00:00" if clock is None else clock)
    if match is None:
        return None
    hour = int(match["hour"])
    if match["half"]:
        hour = hour % 12 + (12 if match["half"].lower() == "pm" else 0)
    second = float((match["second"] or "0").replace(",", "."))
    zone = {"Z": "+00:00", "UTC": "+00:00", "GMT": "+00:00"}.get(match["zone"] or "", match["zone"] or "")
    # What is finer than a microsecond is cut off, so that it never becomes the next minute.
    text = (
        f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{match['minute']}:{int(second * 1e6) / 1e6:09.6f}{zone}"
    )
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _differs(column: Column, row: int) -> InputError:
    if not column.cells[row]:
        return column.error(row, "is no time: the cell is blank")
    return column.error(row, f"is not a time written as the first, '{column.cells[0][:40]}'")

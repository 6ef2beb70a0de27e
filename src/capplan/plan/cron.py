"""Cron expressions of five fields, as KEDA's cron trigger reads them (github.com/robfig/cron v3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import NamedTuple

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class _Field(NamedTuple):
    """One of the five fields: bounds, and the first value's and its successors' names."""

    name: str
    low: int
    high: int
    words: Sequence[str] = ()


_FIELDS = (
    _Field("a minute", 0, 59),
    _Field("an hour", 0, 23),
    _Field("a day of the month", 1, 31),
    _Field("a month", 1, 12, _MONTHS),
    _Field("a day of the week", 0, 6, _DAYS),
)


class CronTimes(NamedTuple):
    """When a cron expression fires; weekdays begin with Sunday at 0.

    either_day: both days are given, and one that matches is enough.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool


def parse_cron(text: str) -> CronTimes:
    """Return when ``text`` fires, such as ``0 8 * * 1-5``. Raises ValueError if it is not an expression."""
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(
            f"'{text[:40]}' has {len(parts)} fields; a cron expression has 5, such as 0 8 * * 1-5"
        )
    minutes, hours, days, months, weekdays = map(_values, _FIELDS, parts)
    either_day = not any(part.startswith(("*", "?")) for part in (parts[2], parts[4]))
    return CronTimes(minutes, hours, days, months, weekdays, either_day)


def _values(field: _Field, part: str) -> frozenset[int]:
    return frozenset().union(*(_range(field, one) for one in part.split(",")))


def _range(field: _Field, part: str) -> range:
    """Return the values of ``*``, ``5``, ``1-5``, ``*/15`` or ``5/15``, which goes on to the highest."""
    found = re.fullmatch(r"(?:([*?])|(\w+)(?:-(\w+))?)(?:/(\d{1,4}))?", part)
    if found is None:
        raise ValueError(f"'{part[:40]}' is not {field.name} of a cron expression")
    star, first, last, step = found.groups()
    low = field.low if star else _number(field, first)
    high = field.high if star or step else low
    if last is not None:
        high = _number(field, last)
    if step and not int(step):
        raise ValueError(f"'{part[:40]}' has a step of 0")
    if low > high:
        raise ValueError(f"'{part[:40]}' begins after it ends, as {field.name}")
    return range(low, high + 1, int(step or 1))


def _number(field: _Field, text: str) -> int:
    words = [word.lower() for word in field.words]
    if text.lower() in words:
        return field.low + words.index(text.lower())
    if (
        not text.isascii()
        or not text.isdecimal()
        or not field.low <= int(text[:4]) <= field.high
        or len(text) > 4
    ):
        raise ValueError(f"'{text[:40]}' is not {field.name}, {field.low} to {field.high}")
    return int(text)


def zone_of(name: str) -> tzinfo:
    """Return a time zone. Raises ValueError if there is none of that name."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError(f"'{name[:40]}' is not a time zone, such as Europe/Berlin") from None

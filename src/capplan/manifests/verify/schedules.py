"""Cron schedules as Kubernetes and KEDA parse them (github.com/robfig/cron v3), and names of time zones."""

from __future__ import annotations

import re
from functools import cache

_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 0, 6),
)
_MACROS = frozenset(("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"))
_NAMES = {
    "month": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    "day of week": ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}
_RANGE = re.compile(r"(\*|\?|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/(\d+))?")


def schedule_refused(schedule: str, macros: bool = False) -> str:
    """Return why a schedule is refused; empty if it is not.

    macros: whether names such as ``@daily`` and ``@every 1h`` are allowed, as in a CronJob.

    >>> schedule_refused("0 25 * * *"), schedule_refused("*/5 8-18 * * mon-fri")
    ('hour: 25 is not in 0 to 23', '')
    """
    if macros and (schedule in _MACROS or schedule.startswith("@every ")):
        return ""
    parts = schedule.split()
    if len(parts) != len(_FIELDS):
        return f"'{schedule}' has {len(parts)} fields, not 5"
    for part, (name, low, high) in zip(parts, _FIELDS, strict=True):
        for entry in part.lower().split(","):
            wrong = _refused(entry, name, low, high)
            if wrong:
                return f"{name}: {wrong}"
    return ""


def _refused(entry: str, name: str, low: int, high: int) -> str:
    match = _RANGE.fullmatch(entry)
    if match is None or (match[1] in "*?" and match[2]):
        return f"'{entry}' is no number, range or step"
    ends = [_number(end, name, low) for end in (match[1], match[2]) if end and end not in "*?"]
    if None in ends:
        return f"'{entry}' is no number, range or step"
    numbers = [end for end in ends if end is not None]
    outside = [end for end in numbers if not low <= end <= high]
    if outside:
        return f"{outside[0]} is not in {low} to {high}"
    if numbers != sorted(numbers):
        return f"{entry} ends before it begins"
    return "a step of 0" if match[3] and int(match[3]) == 0 else ""


def _number(text: str, name: str, low: int) -> int | None:
    named = _NAMES.get(name, ())
    return int(text) if text.isdecimal() else named.index(text) + low if text in named else None


def is_timezone(name: str) -> bool:
    """Say whether a time zone exists, as far as this machine has a list of them."""
    return not _zones() or name in _zones() or name in ("UTC", "Local")


@cache
def _zones() -> frozenset[str]:
    from zoneinfo import available_timezones

    return frozenset(available_timezones())

"""Quantities as people write them, turned into one base unit each.

    cpu        cores     500m, 2
    memory     GiB       512Mi, 2Gi, 2GB (decimal)
    duration   seconds   300ms, 5m, 1h30m
    share      0 to 1    70%, 0.7
    rate       per s     75/s, 4500/min, 1M/day
    number     as is     10_000, 10k, 1.5M, 1e6
    money      USD       0.05, $0.05

Every parser takes what a YAML scalar can hold and raises ``ValueError`` with a message for the user.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR_S, DAY_S = 3_600.0, 86_400.0
_GIB = 2.0**30
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": _GIB, "Ti": 2.0**40, "Pi": 2.0**50}
_DECIMAL = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_MEMORY = {
    **{unit + b: size / _GIB for unit, size in {**_BINARY, **_DECIMAL}.items() for b in ("", "B")},
    "B": 1 / _GIB,
}
_CPU = {"": 1.0, "m": 1e-3}
_NUMBER = {"": 1.0, **_DECIMAL}
_SECONDS = {
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": HOUR_S,
    "d": DAY_S,
    "w": 604800.0,
}
_PER = {
    "s": 1.0,
    "second": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "h": HOUR_S,
    "hour": HOUR_S,
    "day": DAY_S,
    "d": DAY_S,
}
_UNSIGNED = r"(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY = re.compile(rf"([+-]?{_UNSIGNED})\s*([A-Za-z]*)")
_PART = re.compile(rf"{_UNSIGNED}\s*[a-z]+\s*")


def _figure(value: object, what: str) -> float | None:
    """Return a YAML number as a float, ``None`` for text; refuse what is neither or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"expected {what}, got {shown(value)}")
    if isinstance(value, str):
        return None
    try:
        return _finite(float(value), value)
    except OverflowError:
        return _finite(math.inf, value)


def _finite(number: float, value: object) -> float:
    if not math.isfinite(number):
        raise ValueError(f"must be a finite number, got {shown(value)}")
    return number


def shown(value: object) -> str:
    """Return a YAML value as a message quotes it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    if len(text) > 80:
        text = text[:77] + "..."
    return f"'{text}'" if isinstance(value, str) else text


def _suffixed(text: str, units: Mapping[str, float], what: str) -> float:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match[2] not in units:
        raise ValueError(f"expected {what}, got {shown(text)}")
    return _finite(float(match[1].replace("_", "")) * units[match[2]], text)


def parse_number(value: object) -> float:
    """Return a plain number: 10_000, 10k, 1.5M.

    >>> parse_number("1.5M")
    1500000.0
    """
    what = "a number such as 250, 10_000, 10k or 1.5M"
    number = _figure(value, what)
    return _suffixed(str(value), _NUMBER, what) if number is None else number


def parse_cpu(value: object) -> float:
    """Return cores from a Kubernetes CPU quantity: 500m is 0.5."""
    what = "cores such as 2, 0.5 or 500m"
    number = _figure(value, what)
    return _suffixed(str(value), _CPU, what) if number is None else number


def parse_memory(value: object) -> float:
    """Return GiB from a quantity with its unit: 512Mi, 2Gi, 2GB.

    >>> parse_memory("512Mi")
    0.5
    """
    what = "memory with its unit, such as 512Mi, 2Gi or 2GB"
    if _figure(value, what) is not None:
        if value == 0:
            return 0.0
        raise ValueError(f"expected {what}, got {value} without a unit")
    return _suffixed(str(value), _MEMORY, what)


def parse_duration(value: object) -> float:
    """Return seconds from a duration with its unit: 300ms, 5m, 1h30m.

    >>> parse_duration("1h30m")
    5400.0
    """
    what = "a duration with its unit, such as 300ms, 15s, 5m or 1h30m"
    if _figure(value, what) is not None:
        if value == 0:
            return 0.0
        raise ValueError(f"expected {what}, got {value} without a unit")
    text = str(value).strip()
    position, seconds = 0, 0.0
    while part := _PART.match(text, position):
        seconds += _suffixed(part[0], _SECONDS, what)
        position = part.end()
    if not text or position < len(text):
        raise ValueError(f"expected {what}, got {shown(value)}")
    return _finite(seconds, value)


def parse_share(value: object) -> float:
    """Return a fraction from 70% or 0.7; a bare number above 1 is refused, it could mean either."""
    what = "a share such as 70% or 0.7"
    number = _figure(value, what)
    if number is None:
        text = str(value).strip()
        if text.endswith("%"):
            # 70/100 and not 70 × 0.01: the first is exactly what 0.7 is.
            return _suffixed(text[:-1], {"": 1.0}, what) / 100
        number = _suffixed(text, {"": 1.0}, what)
    if number > 1:
        raise ValueError(f"expected {what}, got {value}; write {value}% if you mean percent")
    return number


def parse_rate(value: object) -> float:
    """Return events per second: 75/s, 4500/min, 1M/day; a bare number is per second.

    >>> parse_rate("4500/min")
    75.0
    """
    what = "a rate such as 75/s, 4500/min or 1M/day"
    number = _figure(value, what)
    if number is not None:
        return number
    count, slash, per = str(value).strip().partition("/")
    if slash and per.strip() not in _PER:
        raise ValueError(f"expected {what}, got {shown(value)}")
    try:
        return parse_number(count) / _PER[per.strip() or "s"]
    except ValueError:
        raise ValueError(f"expected {what}, got {shown(value)}") from None


def parse_money(value: object) -> float:
    """Return US dollars: 0.05 or $0.05."""
    what = "an amount in USD such as 0.05 or $0.05"
    number = _figure(value, what)
    if number is not None:
        return number
    return _suffixed(str(value).strip().removeprefix("$"), _NUMBER, what)


def counted(number: float, noun: str) -> str:
    """Return a number of things, with one decimal where it is an average.

    >>> counted(1.0, "file"), counted(2000, "error"), counted(1.5, "instance")
    ('1 file', '2,000 errors', '1.5 instances')
    """
    return f"{number + 0.0:,.{int(number % 1 > 0)}f} {noun}{'' if number == 1 else 's'}"


def plain(value: float, digits: int = 4) -> str:
    """Return a number as people write it: in so many significant digits, but whole numbers whole.

    >>> plain(0.12345), plain(12345.6), plain(3e6), plain(1e18), plain(2e-5)
    ('0.1235', '12,346', '3,000,000', '1e+18', '0.00002')
    """
    if not 1e-9 <= abs(value) < 1e16:
        return f"{value:.{digits}g}"
    if abs(value) >= 10.0 ** (digits - 1):
        return f"{value:,.0f}"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

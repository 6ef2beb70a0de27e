"""What tables of refusals ask of a value."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from capplan.manifests.verify.trees import amount, at, is_placeholder

Wrong = Callable[[Any], object]
Rows = tuple[tuple[str, str, Wrong | str, str], ...]
"""Kinds of objects, or pod, container, init; places there, with `[]` for every entry and `.` for the whole;
what says whether the value is refused, or conditions of :func:`all_of`; and why."""

_NOTHING: tuple[Any, ...] = (None, "", [], {})
_TERM = re.compile(r"(?P<sign>[!+]?)(?P<path>[\w.]+)(?:(?P<not>!?)=(?P<values>\S*))?")


def all_of(conditions: str) -> Wrong:
    """Return whether all conditions hold: `key` is filled, `!key` is not, `+key` is there; `key=a|b`.

    >>> all_of("type=Recreate +rollingUpdate")({"type": "Recreate", "rollingUpdate": {}})
    True
    """
    terms = [match.groupdict() for match in _TERM.finditer(conditions)]
    return lambda value: isinstance(value, dict) and all(_holds(value, term) for term in terms)


def _holds(value: Any, term: dict[str, Any]) -> bool:
    found = at(value, term["path"])
    if term["values"] is not None:
        said = "" if found is None else str(found).lower()
        return (said in term["values"].lower().split("|")) is not bool(term["not"])
    return found is not None if term["sign"] == "+" else (found in _NOTHING) is bool(term["sign"])


def given(value: object) -> bool:
    """Say that a field may not be there at all."""
    return value is not None


def below(least: int) -> Wrong:
    """Return whether a whole number is too small."""
    return lambda value: isinstance(value, int) and value < least


def outside(least: int, most: int) -> Wrong:
    """Return whether a whole number is not within bounds."""
    return lambda value: isinstance(value, int) and not least <= value <= most


def unlike(pattern: str, most: int = 253) -> Wrong:
    """Return whether a text has another form or is too long; placeholders have any, and words in capitals."""
    form = re.compile(pattern)
    return lambda value: (
        isinstance(value, str)
        and not is_placeholder(value)
        and not value.isupper()
        and (len(value) > most or form.fullmatch(value) is None)
    )


def any_key(wrong: Wrong) -> Wrong:
    """Return whether a key of a map is refused."""
    return lambda value: isinstance(value, dict) and any(map(wrong, value))


def any_value(wrong: Wrong) -> Wrong:
    """Return whether a value of a map is refused."""
    return lambda value: isinstance(value, dict) and any(map(wrong, value.values()))


def no_share(value: object) -> bool:
    """Say whether a value is neither a number of pods nor a percentage."""
    return (isinstance(value, int) and value < 0) or unlike(r"\d+%")(value) is True


def above_all(value: object) -> bool:
    """Say whether a percentage is more than 100 %."""
    return isinstance(value, str) and value[:-1].isdecimal() and value.endswith("%") and int(value[:-1]) > 100


def negative(resources: object) -> bool:
    """Say whether a quantity in a map is below 0."""
    return isinstance(resources, dict) and any((amount(value) or 0) < 0 for value in resources.values())


_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
PORT = outside(1, 65535)
PORT_NAME = unlike(r"(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*", 15)
NAME = unlike(rf"{_LABEL}(\.{_LABEL})*")
LABEL_NAME = unlike(_LABEL, 63)
LABEL = unlike(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?", 63)
KEY = unlike(r"(?!\.\.?$|\.\.)[-._A-Za-z0-9]+")
HOST = unlike(rf"((\*\.)?{_LABEL}(\.{_LABEL})*)?")  # An empty one stands for all.

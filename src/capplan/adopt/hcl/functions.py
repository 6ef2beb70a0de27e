"""Terraform's functions that files use to say how many of what there are; others have an unknown value.

They are documented at developer.hashicorp.com/terraform/language/functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from itertools import chain, product
from typing import Any

from capplan.adopt.hcl.values import FailedError, Value, ValueSet, distinct, flag, number, text

_MOST = 100_000
"""Elements of one result."""


def _range(*bounds: Value) -> list[Value]:
    given = [int(number(bound)) for bound in bounds]
    found = range(*given)
    return list(found if len(found) <= _MOST else ())


def _format(pattern: Value, *values: Value) -> str:
    given = iter(values)

    def one(found: re.Match[str]) -> str:
        if found[2] == "%":
            return "%"
        value = next(given)
        value = int(number(value)) if found[2] == "d" else number(value) if found[2] == "f" else text(value)
        return str(f"%{found[1]}{found[2].replace('v', 's')}" % value)

    return re.sub(r"%([-+ 0]?\d{0,3}(?:\.\d{0,2})?)([%dfsv])", one, text(pattern))


def _rows(given: tuple[Value, ...]) -> list[tuple[Value, ...]]:
    """Return rows of lists of one length, with single values in each of them."""
    length = max(len(each) for each in given if isinstance(each, list))
    return list(zip(*(each if isinstance(each, list) else [each] * length for each in given), strict=True))


def _substr(value: Value, start: Value, length: Value) -> str:
    rest = text(value)[int(number(start)) :]
    return rest if number(length) < 0 else rest[: int(number(length))]


def _replace(where: Value, what: Value, by: Value) -> str:
    if text(what).startswith("/") and text(what).endswith("/"):
        raise FailedError("regular expressions are not read")
    return text(where).replace(text(what), text(by))


def _one(values: list[Value]) -> Value:
    (found,) = values or [None]
    return found


def _product(*sets: Value) -> list[Value]:
    return [list(each) for each in product(*sets)] if math.prod(map(len, sets)) <= _MOST else []


def _flatten(values: list[Value]) -> list[Value]:
    return list(chain.from_iterable(_flatten(each) if isinstance(each, list) else [each] for each in values))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": lambda value: abs(number(value)),
    "alltrue": lambda values: all(map(flag, values)),
    "anytrue": lambda values: any(map(flag, values)),
    "ceil": lambda value: math.ceil(number(value)),
    "coalesce": lambda *values: next(value for value in values if value not in (None, "")),
    "coalescelist": lambda *lists: next(found for found in lists if found),
    "compact": lambda values: [value for value in values if value not in (None, "")],
    "concat": lambda *lists: list(chain.from_iterable(lists)),
    "contains": lambda values, wanted: wanted in values,
    "distinct": distinct,
    "element": lambda values, index: values[int(number(index)) % len(values)],
    "endswith": lambda value, end: text(value).endswith(text(end)),
    "flatten": _flatten,
    "floor": lambda value: math.floor(number(value)),
    "format": _format,
    "formatlist": lambda *given: [_format(*row) for row in _rows(given)],
    "index": lambda values, wanted: values.index(wanted),
    "join": lambda between, *lists: text(between).join(map(text, chain.from_iterable(lists))),
    "keys": sorted,
    "length": len,
    "lookup": lambda mapping, key, *default: mapping.get(key, *default) if default else mapping[key],
    "lower": lambda value: text(value).lower(),
    "max": lambda *values: max(map(number, values)),
    "merge": lambda *mappings: {key: value for each in mappings for key, value in (each or {}).items()},
    "min": lambda *values: min(map(number, values)),
    "nonsensitive": lambda value: value,
    "one": _one,
    "range": _range,
    "replace": _replace,
    "reverse": lambda values: list(reversed(values)),
    "sensitive": lambda value: value,
    "setintersection": lambda first, *sets: ValueSet.of(
        [value for value in first if all(value in other for other in sets)]
    ),
    "setproduct": _product,
    "setsubtract": lambda first, other: ValueSet.of([value for value in first if value not in other]),
    "setunion": lambda *sets: ValueSet.of(list(chain.from_iterable(sets))),
    "slice": lambda values, start, end: list(values)[int(number(start)) : int(number(end))],
    "sort": lambda values: sorted(map(text, values)),
    "split": lambda between, value: text(value).split(text(between)),
    "startswith": lambda value, start: text(value).startswith(text(start)),
    "strcontains": lambda value, inside: text(inside) in text(value),
    "substr": _substr,
    "sum": lambda values: sum(map(number, values)),
    "tobool": lambda value: value if value is None else flag(value),
    "tolist": list,
    "tomap": dict,
    "tonumber": lambda value: value if value is None else number(value),
    "toset": lambda values: ValueSet.of(list(values)),
    "tostring": lambda value: value if value is None else text(value),
    "trim": lambda value, letters: text(value).strip(text(letters)),
    "trimprefix": lambda value, start: text(value).removeprefix(text(start)),
    "trimspace": lambda value: text(value).strip(),
    "trimsuffix": lambda value, end: text(value).removesuffix(text(end)),
    "upper": lambda value: text(value).upper(),
    "values": lambda mapping: [value for _, value in sorted(mapping.items())],
    "zipmap": lambda keys, values: dict(zip(map(text, keys), values, strict=True)),
}
"""What each function does; any exception of a wrong argument means that there is no value."""

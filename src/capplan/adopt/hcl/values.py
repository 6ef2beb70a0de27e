"""Values of Terraform's language: Python's own, sets, what is unknown, and what is looked up on demand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

Value: TypeAlias = Any
"""None, bool, int, float, str, list, dict, :class:`ValueSet`, :class:`Names`, or ``UNKNOWN``."""


class NotKnown:
    """A value that nothing in the files tells."""


UNKNOWN = NotKnown()


class FailedError(Exception):
    """An expression that has no value."""


class ValueSet(list[Value]):
    """A set: its members once each; Terraform sorts texts."""

    @classmethod
    def of(cls, values: Iterable[Value]) -> ValueSet:
        """Return a set of values."""
        found = distinct(values)
        return cls(sorted(found) if all(isinstance(value, str) for value in found) else found)


def distinct(values: Iterable[Value]) -> list[Value]:
    """Return values once each, in their order."""
    return list({json.dumps(value, sort_keys=True, default=repr): value for value in values}.values())


class Names:
    """Named values that are worked out when they are asked for: variables, a resource's attributes."""

    def __init__(self, find: Callable[[str], Value]) -> None:
        self.find = find


def attribute(value: Value, key: Value) -> Value:
    """Return what ``value.key`` or ``value[key]`` is."""
    if value is UNKNOWN or key is UNKNOWN:
        return UNKNOWN
    try:
        if isinstance(value, Names):
            return value.find(text(key))
        return value[text(key)] if isinstance(value, dict) else value[range(len(value))[int(number(key))]]
    except (KeyError, IndexError, TypeError):
        raise FailedError(f"there is no {key}") from None


def is_known(value: Value) -> bool:
    """Say whether a value is known with all that it holds."""
    if isinstance(value, list | dict):
        return all(map(is_known, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, Names | NotKnown)


def text(value: Value) -> str:
    """Return a value as text, as Terraform converts it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value)) if value == int(value) else repr(float(value))
    if not isinstance(value, str):
        raise FailedError("it is no text")
    return value


def number(value: Value) -> int | float:
    """Return a value as a number, as Terraform converts it."""
    try:
        found = float(value) if isinstance(value, int | float) or len(value) < 32 else float("nan")
    except (TypeError, ValueError):
        found = float("nan")
    if isinstance(value, bool) or not abs(found) < 1e15:
        raise FailedError("it is no number, or too large")
    return int(found) if found == int(found) else found


def flag(value: Value) -> bool:
    """Return a value as true or false, as Terraform converts it."""
    found = {"true": True, "false": False}.get(value) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise FailedError("it is neither true nor false")
    return found


def items(value: Value) -> list[tuple[Value, Value]]:
    """Return the keys and values that `for` and `for_each` go through."""
    if isinstance(value, dict):
        return list(value.items())
    if not isinstance(value, list):
        raise FailedError("it is no collection")
    return [(member, member) for member in value] if isinstance(value, ValueSet) else list(enumerate(value))

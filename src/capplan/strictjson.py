"""JSON files that a user hands in: bounded in size and depth, no key given twice, errors in our own words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from capplan.errors import InputError, Problem
from capplan.stdin import name_of
from capplan.strictyaml import TOO_DEEP, bracket_too_deep, read_text

MAX_JSON_BYTES = 128 * 2**20
"""Machines write JSON, such as the estimate of a fleet, so it may be larger than a plan."""

_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[][{}]', re.DOTALL)


def read_json(path: Path, remedy: str = "") -> Any:
    """Return the value in ``path``; raises :class:`InputError` as :func:`parse_json` does."""
    return parse_json(read_text(path, MAX_JSON_BYTES), name_of(path), remedy)


def parse_json(text: str, name: str, remedy: str = "", line: int = 1) -> Any:
    """Return the value in ``text``, which begins at ``line`` of what messages call ``name``.

    Raises :class:`InputError` for what is no JSON, is nested too deeply, or gives a key twice;
    ``remedy`` says what was expected.
    """
    deep = bracket_too_deep(text, _STRING_OR_BRACKET)
    if deep is not None:
        raise InputError(Problem(_place(name, line, text, deep), TOO_DEEP, remedy))
    try:
        return json.loads(text, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as error:
        raise InputError(Problem(_place(name, line, text, error.pos), "not valid JSON", remedy)) from None
    except _RepeatedKeyError as error:
        raise InputError(Problem(name, f"key '{error}' is given twice", remedy)) from None
    except ValueError:
        raise InputError(Problem(name, "holds a number with too many digits", remedy)) from None


class _RepeatedKeyError(Exception):
    """A mapping gives this key twice."""


def _place(name: str, line: int, text: str, index: int) -> str:
    return f"{name}:{line + text.count(chr(10), 0, index)}:{index - text.rfind(chr(10), 0, index)}"


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedKeyError(next(name for name in names if names.count(name) > 1))
    return found

"""Addresses, references and values as Terraform's documents write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from capplan.adopt.terraform.planned import UNKNOWN
from capplan.adopt.tfplan import list_of

_STEP = re.compile(r'\["(?:[^"\\]|\\.)*"\]|\[[^\]]*\]|[^.\[\]]+')


def steps_of(address: str) -> list[str]:
    """Return the parts of an address or a reference; keys keep their brackets."""
    return _STEP.findall(address)


def without_keys(steps: Iterable[str]) -> list[str]:
    """Return the parts of an address as the configuration writes it."""
    return [step for step in steps if not step.startswith("[")]


def scope_of(address: str) -> str:
    """Return the address of the module in which a resource is.

    >>> scope_of('module.a["x.y"].module.b.aws_instance.c[0]')
    'module.a["x.y"].module.b'
    """
    end, steps = 0, list(_STEP.finditer(address))
    index = 0
    while index + 1 < len(steps) and steps[index][0] == "module":
        index += 2
        if index < len(steps) and steps[index][0].startswith("["):
            index += 1
        end = steps[index - 1].end()
    return address[:end]


def key_of(step: str) -> int | str | None:
    """Return the key that a step in brackets is; None where an expression decides it."""
    inner = step[1:-1]
    if inner.isdecimal():
        return int(inner)
    return inner[1:-1] if inner.startswith('"') else None


def references_in(expression: object) -> list[str]:
    """Return the references inside an expression, each in its longest form."""
    found = list(dict.fromkeys(_all_references(expression)))
    return [r for r in found if not any(o != r and o.startswith((f"{r}.", f"{r}[")) for o in found)]


def _all_references(expression: object) -> Iterator[str]:
    if isinstance(expression, dict):
        yield from (found for found in list_of(expression.get("references")) if isinstance(found, str))
        for value in expression.values():
            yield from _all_references(value)
    elif isinstance(expression, list):
        for value in expression:
            yield from _all_references(value)


def value_at(tree: object, path: str) -> Any:
    """Return what is at a dotted path, in the first of nested blocks; all of it at the empty path."""
    for part in path.split(".") if path else ():
        tree = tree[0] if isinstance(tree, list) and tree else tree
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return tree


def picked(value: object, steps: Iterable[str]) -> object:
    """Return what the rest of a reference picks out of a value."""
    for step in steps if value is not UNKNOWN else ():
        key = key_of(step) if step.startswith("[") else step
        if isinstance(value, Mapping):
            value = value.get(str(key))
        elif isinstance(value, list) and isinstance(key, int):
            value = value[key] if key < len(value) else None
        else:
            return None
    return value


def texts_in(tree: object) -> Iterator[str]:
    """Yield every text inside a value."""
    if isinstance(tree, str) and tree:
        yield tree
    elif isinstance(tree, list | Mapping):
        for value in tree.values() if isinstance(tree, Mapping) else tree:
            yield from texts_in(value)


def modules_of(scope: str) -> list[tuple[str, int | str | None]]:
    """Return the modules of an address, each with the key of its instance.

    >>> modules_of('module.a["x.y"].module.b')
    [('a', 'x.y'), ('b', None)]
    """
    found: list[tuple[str, int | str | None]] = []
    for step in steps_of(scope):
        if step.startswith("[") and found:
            found[-1] = (found[-1][0], key_of(step))
        elif step != "module":
            found.append((step, None))
    return found

"""Trees as YAML has them. No shape is trusted: what is not as Kubernetes has it counts as absent."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from capplan.manifests.quantity import parse

Tree = Mapping[str, Any]


def at(tree: object, path: str) -> Any:
    """Return the value at a dotted path, or None."""
    for key in path.split("."):
        if not isinstance(tree, dict):
            return None
        tree = tree.get(key)
    return tree


def text(tree: object, path: str) -> str:
    """Return the text at a path; empty where there is none."""
    found = at(tree, path)
    return found if isinstance(found, str) else ""


def mapping(tree: object, path: str) -> Tree:
    """Return the map at a path; empty where there is none."""
    found = at(tree, path)
    return found if isinstance(found, dict) else {}


def maps(tree: object, path: str) -> list[Tree]:
    """Return the maps in the list at a path."""
    found = at(tree, path)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def whole(tree: object, path: str, default: int) -> int:
    """Return the whole number at a path."""
    found = at(tree, path)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def amount(value: object) -> float | None:
    """Return what a quantity means, or None where it is none."""
    try:
        return parse(value)
    except ValueError:
        return None


_PLACEHOLDER = re.compile(
    r"\$[({]|\{\{|\{[\w .-]+\}|<[\w. -]+>|@\w+@|__\w+__|\.\.\."
    r"|\b[A-Z][A-Z0-9]*(_[A-Z0-9]+)+(?![a-z])|REPLACE|CHANGE_?ME",
    re.ASCII,
)


def is_placeholder(value: object) -> bool:
    """Say whether a text stands for a value that something else fills in.

    >>> is_placeholder("${SIZE}"), is_placeholder("DISK_SIZE"), is_placeholder("10Gi")
    (True, True, False)
    """
    return isinstance(value, str) and _PLACEHOLDER.search(value) is not None


def share(value: object, total: int) -> int:
    """Return a number or a percentage of ``total``, rounded up."""
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdigit():
        return math.ceil(int(value[:-1]) * total / 100)
    return value if isinstance(value, int) else 0


def matches(selector: Tree, labels: Tree) -> bool:
    """Say whether a label selector matches; an empty one matches everything."""
    wanted = mapping(selector, "matchLabels")
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_holds(expression, labels) for expression in maps(selector, "matchExpressions"))


def _holds(expression: Tree, labels: Tree) -> bool:
    key, values = expression.get("key"), expression.get("values") or []
    operator = expression.get("operator")
    if operator == "In":
        return labels.get(key) in values if isinstance(key, str) else False
    if operator == "NotIn":
        # A label that is not there is not in the list either.
        return key not in labels or labels.get(str(key)) not in values
    if operator == "Exists":
        return key in labels
    return operator == "DoesNotExist" and key not in labels


def is_empty(selector: Tree) -> bool:
    """Say whether a label selector names nothing."""
    return not mapping(selector, "matchLabels") and not maps(selector, "matchExpressions")


def words(entries: Sequence[Tree], key: str) -> set[str | int]:
    """Return the names or numbers that entries have under a key."""
    found = (entry.get(key) for entry in entries)
    return {value for value in found if isinstance(value, str | int)}

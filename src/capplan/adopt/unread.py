"""Values that are set and cannot be read: found in what is adopted, whatever reads it, and never dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from capplan.adopt import checks
from capplan.adopt.draft import Draft
from capplan.manifests.verify.trees import amount
from capplan.quantities import shown

_MOST = 10**9
"""Of whatever is counted; what is more is no number of anything."""


class Shape(NamedTuple):
    """What a field must hold: its name in messages, and whether a value is one."""

    name: str
    fits: Callable[[object], bool]


def _is_quantity(value: object) -> bool:
    found = amount(value)
    return found is not None and found >= 0


def _is_whole(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= _MOST and value == int(value)


QUANTITY = Shape("a quantity", _is_quantity)
WHOLE = Shape("a whole number", _is_whole)
LIST = Shape("a list", lambda value: isinstance(value, list))
MAPPING = Shape("a mapping", lambda value: isinstance(value, dict))

Shapes = Mapping[str, "Shape | Mapping[str, Shape]"]
"""What each field holds, by its name; a mapping has fields of its own, and ``*`` stands for each of them."""

_LABELS = frozenset(("metadata", "selector", "matchLabels", "nodeSelector", "env", "tags", "labels"))
"""Fields that hold what a user names as he likes."""


def note_unread(draft: Draft, where: str, tree: object, shapes: Shapes) -> None:
    """Note each field of ``tree`` that is set and does not hold what ``shapes`` says; null is not set."""
    for path, value, shape in _unread(tree, shapes, ""):
        draft.note(checks.UNREAD_VALUE, where, f"{path} is {shown(value)}, which is not {shape.name}")


def _unread(tree: object, shapes: Shapes, path: str) -> Iterator[tuple[str, object, Shape]]:
    if isinstance(tree, list):
        for index, entry in enumerate(tree):
            yield from _unread(entry, shapes, f"{path}[{index}]")
    if not isinstance(tree, Mapping):
        return
    for key, value in tree.items():
        inside, shape = f"{path}.{key}".lstrip("."), shapes.get(str(key), shapes.get("*"))
        if value is None or key in _LABELS:
            continue
        if isinstance(shape, Shape):
            if not shape.fits(value):
                yield inside, value, shape
                continue
        elif shape is not None and not isinstance(value, list):
            yield from (
                _unread(value, shape, inside) if isinstance(value, dict) else [(inside, value, MAPPING)]
            )
            continue
        yield from _unread(value, shapes, inside)

"""Custom resources, judged by the schemas of the CRDs that stand beside them.

Schemas of CRDs are structural (kubernetes.io/docs/tasks/extend-kubernetes/custom-resources). Rules in CEL are
not evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from capplan.errors import almost
from capplan.findings import Finding
from capplan.manifests.verify.checks import api
from capplan.manifests.verify.trees import Tree, at, is_placeholder, mapping, maps, text
from capplan.manifests.verify.world import Item, World

_EVERY_OBJECT = ("apiVersion", "kind", "metadata")
Wrong = Iterator[tuple[str, str]]
"""Fields, and what is wrong with them."""


def custom_resources(world: World) -> Iterator[Finding]:
    """An object of a CRD's kind has a version that is served, and the shape that its schema gives."""
    known = _definitions(world.of("CustomResourceDefinition"))
    elsewhere = world.others or world
    others = _definitions(elsewhere.of("CustomResourceDefinition"))
    for item in world.items if others or known else ():
        version = text(item.tree, "apiVersion").rpartition("/")[2]
        versions = known.get((item.group, item.kind)) or others.get((item.group, item.kind), {})
        # A definition that stands elsewhere may be of another release than the one that is meant.
        if versions and (version in versions or (item.group, item.kind) in known):
            for found in _judged(item, versions, version):
                if not found.message.startswith(_NEEDS) or not _is_patch(elsewhere, item):
                    yield found


def _is_patch(elsewhere: World, item: Item) -> bool:
    """Say whether another file holds the same object: what is missing in one may stand in the other."""
    return sum(one.title == item.title for one in elsewhere.of(item.kind)) > 1


Versions = Mapping[str, Tree]
_NEEDS = "needs "


def _definitions(items: list[Item]) -> dict[tuple[str, str], Versions]:
    """Return the versions of each group and kind; none where two definitions differ."""
    found: dict[tuple[str, str], Versions] = {}
    for item in items:
        key = text(item.tree, "spec.group"), text(item.tree, "spec.names.kind")
        versions = {text(one, "name"): one for one in maps(item.tree, "spec.versions")}
        found[key] = versions if found.get(key, versions) == versions else {}
    return found


def _judged(item: Item, versions: Versions, name: str) -> Iterator[Finding]:
    served = [name for name, version in versions.items() if at(version, "served") is True]
    if name not in served:
        what, remedy = f"{item.kind} has no version '{name}'", f"Use {' or '.join(served)}."
        yield item.finding(api.CUSTOM_RESOURCE, "apiVersion", what, remedy)
        return
    schema = mapping(versions[name], "schema.openAPIV3Schema")
    for field, what in _wrong(item.tree, {**schema, "required": _needed(schema)}, ""):
        yield item.finding(api.CUSTOM_RESOURCE, field, what)
    for field, what in _unknown(item.tree, schema, ""):
        yield item.finding(api.UNKNOWN_FIELD, field, what)


def _needed(schema: Tree) -> list[str]:
    return [key for key in schema.get("required") or () if key not in _EVERY_OBJECT]


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: not isinstance(value, bool) and (isinstance(value, int) or _is_whole(value)),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()


def _wrong(value: Any, schema: Tree, field: str) -> Wrong:
    """Yield what a schema refuses of a value; what is empty, or filled in later, is not judged."""
    if value is None or is_placeholder(value) or not isinstance(schema, dict):
        return
    kind = text(schema, "type")
    if schema.get("x-kubernetes-int-or-string"):
        if not isinstance(value, int | str) or isinstance(value, bool):
            yield field, f"{_short(value)} is neither a whole number nor text"
    elif kind in _TYPES and not _TYPES[kind](value):
        yield field, f"{_short(value)} is not of type {kind}"
        return
    yield from _limits(value, schema, field)
    yield from _combined(value, schema, field)
    if isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _wrong(entry, mapping(schema, "items"), f"{field}[{index}]")
    elif isinstance(value, dict):
        yield from _members(value, schema, field)


def _members(value: Mapping[str, Any], schema: Tree, field: str) -> Wrong:
    properties, others = mapping(schema, "properties"), mapping(schema, "additionalProperties")
    for key in schema.get("required") or ():
        if value.get(key) is None and "default" not in mapping(properties, str(key)):
            yield field, f"{_NEEDS}{key}"
    for key, entry in value.items():
        if field or key not in _EVERY_OBJECT:
            yield from _wrong(entry, properties.get(key, others), f"{field}.{key}".lstrip("."))


def _limits(value: Any, schema: Tree, field: str) -> Wrong:
    """Yield the limits that a value is beyond: of numbers, and of the lengths of texts, lists and maps."""
    if isinstance(schema.get("enum"), list) and value not in schema["enum"]:
        yield field, f"{_short(value)} is not one of {', '.join(map(str, schema['enum'][:12]))}"
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and isinstance(value, str) and not _matches(pattern, value):
        yield field, f"{_short(value)} is not like {pattern}"
    sized = isinstance(value, str | list | dict)
    size = len(value) if sized else value
    for words in ("Length", "Items", "Properties") if sized else ("imum",):
        least, most = schema.get(f"min{words}"), schema.get(f"max{words}")
        if isinstance(size, int | float) and isinstance(least, int | float) and size < least:
            yield (
                field,
                f"{_short(value)} is less than {least:g}" if words == "imum" else f"has fewer than {least:g}",
            )
        if isinstance(size, int | float) and isinstance(most, int | float) and size > most:
            yield (
                field,
                f"{_short(value)} is more than {most:g}" if words == "imum" else f"has more than {most:g}",
            )


def _matches(pattern: str, value: str) -> bool:
    """Say whether a text matches; a pattern that only Go understands matches all."""
    try:
        return re.search(pattern, value) is not None
    except re.error:
        return True


def _combined(value: Any, schema: Tree, field: str) -> Wrong:
    for part in maps(schema, "allOf"):
        yield from _wrong(value, part, field)
    if isinstance(schema.get("not"), dict) and _fits(value, schema["not"]):
        yield field, "is what its schema excludes"
    fitting = [_fits(value, part) for part in maps(schema, "anyOf")]
    if fitting and not any(fitting):
        yield field, "fits none of the alternatives of its schema"
    fitting = [_fits(value, part) for part in maps(schema, "oneOf")]
    if fitting and sum(fitting) != 1:
        yield field, f"fits {sum(fitting)} of the alternatives of its schema, not 1"


def _fits(value: Any, schema: Tree) -> bool:
    return next(_wrong(value, schema, "."), None) is None


def _unknown(value: Any, schema: Tree, field: str) -> Wrong:
    """Yield the fields that the API server drops, or kubectl refuses."""
    if isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _unknown(entry, mapping(schema, "items"), f"{field}[{index}]")
    if not isinstance(value, dict) or schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    properties, others = mapping(schema, "properties"), schema.get("additionalProperties")
    own = _EVERY_OBJECT if not field or schema.get("x-kubernetes-embedded-resource") else ()
    for key, entry in value.items():
        place = f"{field}.{key}".lstrip(".")
        if key in properties:
            yield from _unknown(entry, mapping(properties, str(key)), place) if key not in own else ()
        elif isinstance(others, dict):
            yield from _unknown(entry, others, place)
        elif not others and key not in own and properties and entry is not None:
            near = almost(str(key), map(str, properties))
            yield place, "is not in the schema" + (f"; did you mean '{near}'?" if near else "")


def _short(value: object) -> str:
    said = f"'{value}'" if isinstance(value, str) else "a map" if isinstance(value, dict) else f"{value}"
    return said if len(said) < 60 else f"{said[:57]}…"


RULES = (custom_resources,)

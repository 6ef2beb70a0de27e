"""Custom resources, judged by the schemas of the CRDs that stand beside them.

Schemas of CRDs are structural (kubernetes.io/docs/tasks/extend-kubernetes/custom-resources). Rules in CEL are
not evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from capplan.errors import almost
from capplan.findings import Check, Finding
from capplan.manifests.verify.checks import api
from capplan.manifests.verify.trees import Tree, at, is_placeholder, mapping, maps, text
from capplan.manifests.verify.world import Item, World

_EVERY_OBJECT = ("apiVersion", "kind", "metadata")
Wrong = Iterator[tuple[str, str]]
"""Fields, and what is wrong with them."""


def custom_resources(world: World) -> Iterator[Finding]:
    """An object of a CRD's kind has a version that is served, and the shape that its schema gives."""
    elsewhere = world.others or world
    known, others = _definitions(world), _definitions(elsewhere)
    for item in world.items if others or known else ():
        key = item.group, item.kind
        version = text(item.tree, "apiVersion").rpartition("/")[2]
        # A definition that stands elsewhere may be of another release than the one that is meant.
        definitions = known.get(key) or [one for one in others.get(key, ()) if version in one]
        if not 0 < len(definitions) <= _MOST:
            continue
        patch = _is_patch(elsewhere, item) or _is_filled(elsewhere, item.group)
        for check, field, what in _in_all(_judged(item, one, version) for one in definitions):
            if not patch or not what.startswith(_NEEDS):
                yield item.finding(check, field, what)


def _is_patch(elsewhere: World, item: Item) -> bool:
    """Say whether another file holds the same object: what is missing in one may stand in the other."""
    return elsewhere.names_of.get((item.kind, item.namespace), []).count(item.name) > 1


def _is_filled(world: World, group: str) -> bool:
    """Say whether a mutating webhook beside an object may add what is missing before it is judged."""
    configurations = world.of("MutatingWebhookConfiguration")
    return any(_is_for(hook, group) for one in configurations for hook in maps(one.tree, "webhooks"))


def _is_for(hook: Tree, group: str) -> bool:
    """Say whether a webhook sees objects of a group; by its name where its controller writes the rules."""
    if "rules" not in hook:
        return text(hook, "name").endswith(f".{group}")
    groups = [at(rule, "apiGroups") for rule in maps(hook, "rules")]
    return any(isinstance(each, list) and (group in each or "*" in each) for each in groups)


Versions = Mapping[str, Tree]
Fault = tuple[Check, str, str]
_NEEDS = "needs "
_MOST = 4
"""Definitions of one kind that an object is judged by; a directory of all releases has many."""


@lru_cache(maxsize=4)
def _definitions(world: World) -> dict[tuple[str, str], list[Versions]]:
    """Return the versions of each group and kind, for each definition that there is of it."""
    found: dict[tuple[str, str], list[Versions]] = {}
    for item in world.of("CustomResourceDefinition"):
        versions = {text(one, "name"): one for one in maps(item.tree, "spec.versions")}
        same = found.setdefault((text(item.tree, "spec.group"), text(item.tree, "spec.names.kind")), [])
        if versions and versions not in same:
            same.append(versions)
    return found


def _in_all(judgements: Iterable[Iterator[Fault]]) -> list[Fault]:
    """Return what every definition refuses, where there are several."""
    first, *others = [list(faults) for faults in judgements] or [[]]
    return [fault for fault in first if all(fault in other for other in others)]


def _judged(item: Item, versions: Versions, name: str) -> Iterator[Fault]:
    served = [name for name, version in versions.items() if at(version, "served") is True]
    if name not in served:
        yield (
            api.CUSTOM_RESOURCE,
            "apiVersion",
            f"has no version '{name}', but {', '.join(served)}",
        )
        return
    schema = mapping(versions[name], "schema.openAPIV3Schema")
    for field, what in _wrong(_filled(item.tree, schema), {**schema, "required": _needed(schema)}, ""):
        yield api.CUSTOM_RESOURCE, field, what
    for field, what in _unknown(item.tree, schema, ""):
        yield api.UNKNOWN_FIELD, field, what


def _filled(value: Any, schema: Tree) -> Any:
    """Return a value with the defaults of its schema, which the API server fills in before it judges."""
    if isinstance(value, list):
        return [_filled(entry, mapping(schema, "items")) for entry in value]
    if not isinstance(value, dict):
        return value
    others = mapping(schema, "additionalProperties")
    filled = {key: entry if others == {} else _filled(entry, others) for key, entry in value.items()}
    for key, inner in mapping(schema, "properties").items():
        if value.get(key) is not None or (isinstance(inner, dict) and "default" in inner):
            filled[key] = _filled(inner.get("default") if value.get(key) is None else value[key], inner)
    return filled


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
        yield from _twice(value, schema, field)
        for index, entry in enumerate(value):
            yield from _wrong(entry, mapping(schema, "items"), f"{field}[{index}]")
    elif isinstance(value, dict):
        yield from _members(value, schema, field)


def _twice(value: list[Any], schema: Tree, field: str) -> Wrong:
    """Yield that two entries of a list that is a set, or a map by some keys, are the same."""
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or []
    marks = [repr([at(entry, key) for key in keys] if kind == "map" else entry) for entry in value]
    if kind in ("map", "set") and len(set(marks)) < len(marks):
        yield field, f"has two entries with the same {' and '.join(keys) or 'value'}"


def _members(value: Mapping[str, Any], schema: Tree, field: str) -> Wrong:
    properties, others = mapping(schema, "properties"), mapping(schema, "additionalProperties")
    for key in schema.get("required") or ():
        if value.get(key) is None:
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

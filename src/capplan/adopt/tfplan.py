"""What `terraform show -json` prints, read without trust in its shape: resources, and who refers to whom.

The format is documented at developer.hashicorp.com/terraform/internals/json-format; blocks are lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from capplan.adopt.draft import usable
from capplan.errors import InputError, Problem
from capplan.quantities import shown


class UncoveredError(Exception):
    """A resource that cannot be priced, and why."""


class Planned(NamedTuple):
    """One resource of the plan, by what its configuration says."""

    address: str
    type: str
    name: str
    values: Mapping[str, Any]

    def block(self, *path: str) -> Mapping[str, Any]:
        """Return the first of nested blocks; empty where there is none."""
        found: Any = self.values
        for part in path:
            found = found.get(part) if isinstance(found, Mapping) else None
            found = found[0] if isinstance(found, list) and found else found
        return found if isinstance(found, Mapping) else {}

    def texts(self, key: str) -> list[str]:
        """Return the texts of a list."""
        found = self.values.get(key)
        return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []

    def needed(self, key: str) -> str:
        """Return a value that must be known before `apply`."""
        found = self.values.get(key)
        if not isinstance(found, str) or not found:
            raise UncoveredError(f"{key} is not known before apply")
        return found


def mapping_of(value: object) -> Mapping[str, Any]:
    """Return a mapping; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> Sequence[Any]:
    """Return a list; an empty one for anything else."""
    return value if isinstance(value, list) else ()


def check_plan(plan: Mapping[str, Any], name: str) -> None:
    """Raise :class:`InputError` where a plan, which messages call ``name``, cannot hold resources."""
    values = plan.get("planned_values")
    root = values.get("root_module", {}) if isinstance(values, dict) else {}
    resources = root.get("resources") if isinstance(root, dict) else None
    for path, found, expected in (
        ("planned_values", values, "a mapping"),
        ("planned_values.root_module", root, "a mapping"),
        ("planned_values.root_module.resources", [] if resources is None else resources, "a list"),
    ):
        if not isinstance(found, list if expected == "a list" else dict):
            what = f"{path}: expected {expected}, got {shown(found)}"
            raise InputError(Problem(name, what, "Write it with: terraform show -json PLAN"))


def resources_of(module: Mapping[str, Any]) -> Iterator[Planned]:
    """Yield the managed resources of a module; an entry without address and type is none."""
    for entry in map(mapping_of, list_of(module.get("resources"))):
        address, kind, name = (entry.get(key) for key in ("address", "type", "name"))
        texts = all(isinstance(text, str) and text for text in (address, kind))
        if texts and entry.get("mode", "managed") == "managed":
            index, name = entry.get("index"), name if isinstance(name, str) else str(address)
            name = name if index is None else f"{name}-{str(index)[:63]}"
            yield Planned(str(address), str(kind), usable(name), mapping_of(entry.get("values")))
    for child in list_of(module.get("child_modules")):
        yield from resources_of(mapping_of(child))


def references_of(module: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the addresses that each resource of the configuration refers to."""
    for entry in map(mapping_of, list_of(module.get("resources"))):
        found = list(_inside(entry.get("expressions")))
        address = f"{prefix}{entry.get('address')}"
        yield address, [".".join(f.split(".")[:2]).partition("[")[0] for f in found]
    for name, call in mapping_of(module.get("module_calls")).items():
        yield from references_of(mapping_of(mapping_of(call).get("module")), f"{prefix}module.{name}.")


def _inside(expression: object) -> Iterator[str]:
    if isinstance(expression, dict):
        yield from (str(found) for found in list_of(expression.get("references")))
        for value in expression.values():
            yield from _inside(value)
    elif isinstance(expression, list):
        for value in expression:
            yield from _inside(value)

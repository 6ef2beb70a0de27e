"""Adopted estimates by the address of their resources, which stays the same while names of entries change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]


def are_adopted(base: Document, head: Document) -> bool:
    """Say whether both sides were adopted; a side without components can be compared with either kind."""
    sides = [side.get("adopted") or {} for side in (base, head) if side["components"] or side.get("adopted")]
    filled = [side.get("adopted") or {} for side in (base, head) if side["components"]]
    return any(sides) and all(side.get("components") for side in filled)


def moved(document: Document) -> dict[str, str]:
    """Return the address at which each resource that has moved was, by the address at which it is."""
    return dict((document.get("adopted") or {}).get("moved", {}))


def at_new_addresses(document: Document, head: Document) -> Document:
    """Return an adopted estimate with its resources where ``head`` has them."""
    adopted, new = document.get("adopted"), {before: after for after, before in moved(head).items()}
    if not adopted or not new:
        return document
    components = {name: new.get(address, address) for name, address in adopted["components"].items()}
    remarks = [
        {**one, "resource": new.get(one["resource"], one["resource"])} for one in adopted["not_covered"]
    ]
    return {**document, "adopted": {**adopted, "components": components, "not_covered": remarks}}


def by_address(document: Document) -> Document:
    """Return an estimate with its components by address; those of one resource become one."""
    behind = (document.get("adopted") or {}).get("components", {})
    components: dict[str, Document] = {}
    for name, component in document["components"].items():
        address = behind.get(name, name)
        known = components.get(address)
        components[address] = component if known is None else _together(known, component)
    return {
        **document,
        "components": components,
        "cost_lines": [_moved(line, behind) for line in document["cost_lines"]],
        "warnings": [_moved(finding, behind) for finding in document["warnings"]],
    }


def _moved(entry: Document, behind: Mapping[str, str]) -> Document:
    return {**entry, "component": behind.get(entry["component"], entry["component"])}


def _together(one: Document, other: Document) -> Document:
    """Return two components of one resource, such as a machine and its disk, as one with both costs."""
    first, second = sorted((one, other), key=lambda component: component.get("instances") is None)
    costs = [part["monthly_cost"] for part in (first, second) if part["monthly_cost"] is not None]
    total = {key: _sum([cost[key] for cost in costs]) for key in ("min", "expected", "max")}
    return {**first, "monthly_cost": total if costs else None}


def _sum(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def uncovered(base: Document, head: Document) -> dict[str, list[Document]]:
    """Return a remark for each resource that is not covered and that a change adds, removes or alters."""
    before, after = _remarks(base), _remarks(head)
    return {
        "added": [remark for address, remark in after.items() if address not in before],
        "removed": [remark for address, remark in before.items() if address not in after],
        "changed": [
            remark
            for address, remark in after.items()
            if address in before and before[address]["fingerprint"] != remark["fingerprint"]
        ],
    }


def _remarks(document: Document) -> dict[str, Document]:
    remarks = (document.get("adopted") or {}).get("not_covered", ())
    return {remark["resource"]: remark for remark in reversed(remarks)}

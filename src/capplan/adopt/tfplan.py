"""What every document of Terraform must hold, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from capplan.errors import InputError, Problem
from capplan.quantities import shown


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

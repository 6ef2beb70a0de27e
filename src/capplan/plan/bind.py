"""Binding: one plan, many scenarios.

A scenario is one value for every number that varies. Binding replaces each such number in the plan by an
array over the scenarios, shape (scenarios, 1), which broadcasts with arrays over hours, (1, hours). The
model never learns how many scenarios there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from capplan.plan.model import Plan

Path = tuple[str, ...]


@dataclass(frozen=True)
class Scenarios:
    """The values that vary: for each path in the plan an array of ``count`` numbers."""

    count: int = 1
    values: Mapping[Path, NDArray[np.float64]] = field(default_factory=dict)

    def part(self, start: int, stop: int) -> Scenarios:
        """Return the scenarios from ``start`` up to ``stop``."""
        values = {path: numbers[start:stop] for path, numbers in self.values.items()}
        return Scenarios(min(stop, self.count) - start, values)


def grid(axes: Mapping[Path, Sequence[float]]) -> Scenarios:
    """Return every combination of the values on the ``axes``; the last one varies fastest."""
    import numpy as np

    if not axes:
        return Scenarios()
    columns = np.meshgrid(*(np.asarray(axis, dtype=float) for axis in axes.values()), indexing="ij")
    values = {path: column.ravel() for path, column in zip(axes, columns, strict=True)}
    return Scenarios(columns[0].size, values)


def bind(plan: Plan, scenarios: Scenarios) -> Plan:
    """Return ``plan`` with an array of shape (scenarios, 1) in place of each number that varies."""
    bound: Any = plan
    for path, numbers in scenarios.values.items():
        for everywhere in _at_sites(plan, path):
            bound = replaced(bound, everywhere, numbers.reshape(-1, 1))
    result: Plan = bound
    return result


def _at_sites(plan: Plan, path: Path) -> Iterator[Path]:
    """Yield a path, and the same in the copies of a component at other sites."""
    yield path
    if plan.sites and len(path) > 1:
        from capplan.plan.sites import copy_of

        kind, name, *rest = path
        for site in list(plan.sites)[1:]:
            copy = copy_of(name, site, plan.sites)
            copies = getattr(plan, kind, None) or {}
            if copy not in copies:
                continue
            if rest[:1] == ["calls"] and rest[1] not in copies[copy].calls:
                rest = ["calls", copy_of(rest[1], site, plan.sites), *rest[2:]]
            yield (kind, copy, *rest)


def at(plan: Plan, path: Sequence[str]) -> object:
    """Return the value at ``path``; raises KeyError where there is none."""
    value: object = plan
    for key in path:
        if isinstance(value, BaseModel) and key in type(value).model_fields:
            value = getattr(value, key)
        elif isinstance(value, Mapping):
            value = value[key]
        else:
            raise KeyError(".".join(path))
    return value


def unit_at(plan: Plan, path: Path) -> str:
    """Return the unit of the number at ``path``; empty where it has none."""
    from capplan.plan.fields import unit_of

    section = at(plan, path[:-1])
    return unit_of(type(section).model_fields[path[-1]]) if isinstance(section, BaseModel) else ""


def replaced(value: Any, path: Path, new: Any) -> Any:
    """Return a plan, or a part of one, with ``new`` at ``path``; unchecked."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(value, BaseModel):
        return value.model_copy(update={key: replaced(getattr(value, key), rest, new)})
    return {**value, key: replaced(value[key], rest, new)}

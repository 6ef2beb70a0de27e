"""Tier tables: what a document or a team prescribes by load. They are data, so that users add theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats
from capplan.catalog.load import Reader
from capplan.catalog.rows import Source
from capplan.errors import nearest
from capplan.paths import is_file
from capplan.quantities import parse_cpu, parse_memory, parse_number, parse_rate, parse_share

_KEYS = frozenset(("schema", "name", "kind", "by", "source", "tiers"))
_TIER_KEYS = frozenset(
    (
        *("name", "below", "cpu", "memory", "cpu_limit", "memory_limit", "throughput", "concurrency"),
        *("limits", "classes"),
    )
)
_PARSERS = {
    "cpu": parse_cpu,
    "memory": parse_memory,
    "cpu_limit": parse_cpu,
    "memory_limit": parse_memory,
    "throughput": parse_rate,
    "concurrency": parse_number,
}
DRIVERS = ("requests_per_second", "requests_per_day", "entering_per_day", "memory_gib", "load_ratio")
"""Of the component in the busiest hour; of the component on average; of the whole plan on average; …"""
_BY_LOAD = DRIVERS[:3]
_RULES: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "resources": (_BY_LOAD, ("cpu", "memory")),
    "database": (_BY_LOAD, ("cpu", "memory")),
    "capacity": (("memory_gib",), ("throughput",)),
    "load": (("load_ratio",), ("limits",)),
}
"""By kind the drivers that it can be read by, and what each of its tiers must give."""
KINDS = tuple(_RULES)
CLASSES = "classes."
"""What begins the field of a class's throughput, before its name."""


class Tier(NamedTuple):
    """One row: below which value of the driver it holds, and what it prescribes."""

    name: str
    below: float
    values: dict[str, float]
    limits: dict[str, float]


class TierTable(NamedTuple):
    """Tiers by rising driver; ``by`` names the driver, with its unit."""

    name: str
    kind: str
    by: str
    source: Source
    tiers: tuple[Tier, ...]

    def falls_into(self, driver: Floats) -> NDArray[np.intp]:
        """Return the tier of each value of the driver; the last one where it exceeds them all."""
        bounds = np.array([tier.below for tier in self.tiers])
        found = np.searchsorted(bounds, np.asarray(driver, dtype=float), side="right")
        return np.minimum(found, len(self.tiers) - 1)

    def prescribes(self, field: str, driver: Floats) -> Array:
        """Return what the tiers prescribe for ``field``, with the shape of ``driver``."""
        values = np.array([tier.values[field] for tier in self.tiers])
        found: Array = values[self.falls_into(driver)]
        return found

    def until_next(self, driver: Array) -> Array:
        """Return by how much each value may grow, as a share of itself, until the next tier begins."""
        bounds = np.array([tier.below for tier in self.tiers])[self.falls_into(driver)]
        room: Array = bounds / np.maximum(driver, 1e-300) - 1
        return room

    def beyond(self, driver: Floats) -> float | None:
        """Return the highest value of the driver, if the last tier ends below it."""
        most = float(np.max(driver))
        return most if most >= self.tiers[-1].below else None

    def fields(self) -> frozenset[str]:
        """Return the fields that every tier prescribes."""
        return frozenset.intersection(*(frozenset(tier.values) for tier in self.tiers))


def find_table(name: str, root: Path, relative_to: Path) -> Path | None:
    """Return the file of the tier table ``name``, the catalog's or a path; None where there is none."""
    candidates = (root / "tiers" / f"{name}.yaml", relative_to / name)
    return next((path for path in candidates if is_file(path)), None)


def read_table(path: Path) -> TierTable:
    """Return the tier table in the file at ``path``."""
    reader = Reader(path)
    data = reader.keys(reader.data, _KEYS, ())
    if data.get("schema") != 1:
        raise reader.error(("schema",), f"expected 1, got '{data.get('schema')}'")
    for field, known in (("kind", KINDS), ("by", DRIVERS)):
        if reader.required(field) not in known:
            raise reader.error((field,), f"unknown {field} '{data[field]}'", nearest(str(data[field]), known))
    drivers, needed = _RULES[data["kind"]]
    if data["by"] not in drivers:
        what = f"tiers of {data['kind']} cannot be selected by {data['by']}"
        raise reader.error(("by",), what, f"Known: {', '.join(drivers)}.")
    rows = reader.required("tiers")
    if not isinstance(rows, list) or not rows:
        raise reader.error(("tiers",), "expected a list of tiers")
    tiers = tuple(_tier(reader, index, row, needed) for index, row in enumerate(rows))
    bounds = [tier.below for tier in tiers]
    if bounds != sorted(set(bounds)):
        raise reader.error(
            ("tiers",), "the bounds of the tiers must rise, and only the last tier may have none"
        )
    if len({frozenset(tier.values) for tier in tiers}) > 1:
        raise reader.error(("tiers",), "every tier must give the same fields")
    source = reader.source(reader.required("source"), ("source",))
    return TierTable(str(reader.required("name")), data["kind"], data["by"], source, tiers)


def _tier(reader: Reader, index: int, row: object, needed: Sequence[str]) -> Tier:
    where = ("tiers", index)
    fields = reader.keys(row, _TIER_KEYS, where)
    for key in needed:
        if key not in fields:
            raise reader.error((*where, key), "is required, but missing")
    limits = _named(reader, where, fields, "limits", "endpoint to limit")
    classes = _named(reader, where, fields, "classes", "class of requests to throughput")
    below = float("inf")
    if "below" in fields:
        below = _amount(reader, (*where, "below"), _bound, fields["below"])
    return Tier(
        name=str(fields.get("name", index)),
        below=below,
        values={
            key: _amount(reader, (*where, key), parse, fields[key])
            for key, parse in _PARSERS.items()
            if key in fields
        }
        | {
            f"{CLASSES}{key}": _amount(reader, (*where, "classes", str(key)), parse_rate, value)
            for key, value in classes.items()
        },
        limits={
            str(key): _amount(reader, (*where, "limits", str(key)), parse_number, value)
            for key, value in limits.items()
        },
    )


def _named(
    reader: Reader, where: tuple[int | str, ...], fields: Mapping[str, object], key: str, what: str
) -> dict[object, object]:
    found = fields.get(key, {})
    if not isinstance(found, dict):
        raise reader.error((*where, key), f"expected a mapping of {what}")
    return found


def _amount(
    reader: Reader, where: tuple[int | str, ...], parse: Callable[[object], float], value: object
) -> float:
    try:
        amount = parse(value)
    except ValueError as error:
        raise reader.error(where, str(error)) from None
    if not amount > 0:
        raise reader.error(where, f"must be above 0, got {amount:g}")
    return amount


def _bound(value: object) -> float:
    """Return where a tier ends: a number, or a share of the capacity."""
    return parse_share(value) if str(value).endswith("%") else parse_number(value)

"""What will be billed: quantities of SKUs. Sizing knows no price, pricing knows no service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats, per_scenario

EXTERNAL = "external"
"""The provider of what no catalog prices: only the plan and price books do."""


@dataclass(frozen=True, slots=True)
class Range:
    """A figure with every autoscaler at its floor, following the load, and at its ceiling.

    Each is (scenarios | 1, 1); the ceiling is ``None`` where the plan sets none.
    """

    floor: Array
    expected: Array
    ceiling: Array | None

    @staticmethod
    def fixed(value: Floats) -> Range:
        """Return a figure that no autoscaler changes."""
        same = per_scenario(value)
        return Range(same, same, same)

    def __mul__(self, factor: Floats) -> Range:
        return self.map(lambda value: value * factor)

    def __add__(self, other: Range) -> Range:
        top = None
        if self.ceiling is not None and other.ceiling is not None:
            top = self.ceiling + other.ceiling
        return Range(self.floor + other.floor, self.expected + other.expected, top)

    def map(self, change: Callable[[Array], Array]) -> Range:
        """Return the range of ``change`` applied to each of the three."""
        top = None if self.ceiling is None else change(self.ceiling)
        return Range(change(self.floor), change(self.expected), top)

    def any(self) -> bool:
        """Say whether anything is used at all, in any scenario."""
        return any(bool(np.any(v)) for v in (self.floor, self.expected, self.ceiling) if v is not None)


class Meter(NamedTuple):
    """A monthly quantity of one SKU.

    rate: on_demand, spot, commit_1y or commit_3y. unit: the SKU's, such as hour or GiB-month.
    price: USD per unit where the plan itself says it; the catalog's otherwise.
    """

    component: str
    provider: str
    service: str
    sku: str
    region: str
    unit: str
    quantity: Range
    formula: str
    rate: str = "on_demand"
    note: str = ""
    price: Floats | None = None
    price_path: str = ""

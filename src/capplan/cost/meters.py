"""What will be billed: quantities of SKUs. Sizing knows no price, pricing knows no service."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from capplan.arrays import Array, Floats, in_scenario, per_scenario

if TYPE_CHECKING:
    from capplan.cost.machines import MachinePool

EXTERNAL = "external"
"""The provider of what no catalog prices: only the plan and price books do."""

RATES = {
    "on_demand": "on-demand",
    "spot": "spot",
    "commit_1y": "1-year commitment",
    "commit_3y": "3-year commitment",
}
"""The ways to buy, as people say them."""


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

    @property
    def is_fixed(self) -> bool:
        """Whether no autoscaler changes the figure, so that the three are one array."""
        return self.floor is self.expected is self.ceiling

    def __mul__(self, factor: Floats) -> Range:
        if not np.any(factor):
            # Nothing of a ceiling that nobody knows is nothing.
            return Range.fixed(self.expected * factor)
        return self.map(lambda value: value * factor)

    def __add__(self, other: Range) -> Range:
        return self.combine(other, operator.add)

    def map(self, change: Callable[[Array], Array]) -> Range:
        """Return the range of ``change`` applied to each of the three."""
        expected = change(self.expected)
        if self.is_fixed:
            return Range(expected, expected, expected)
        return Range(change(self.floor), expected, None if self.ceiling is None else change(self.ceiling))

    def combine(self, other: Range, change: Callable[[Array, Array], Array]) -> Range:
        """Return the range of ``change`` applied to each of the three and its counterpart in ``other``."""
        expected = change(self.expected, other.expected)
        if self.is_fixed and other.is_fixed:
            return Range(expected, expected, expected)
        top = None
        if self.ceiling is not None and other.ceiling is not None:
            top = change(self.ceiling, other.ceiling)
        return Range(change(self.floor, other.floor), expected, top)

    def any(self) -> bool:
        """Say whether anything is used at all, in any scenario; without a ceiling nobody knows."""
        if self.ceiling is None:
            return True
        figures = [self.expected] if self.is_fixed else [self.expected, self.floor, self.ceiling]
        return any(figure.any() for figure in figures)

    def any_in(self, scenario: int) -> bool:
        """Say whether anything is used in one scenario; without a ceiling nobody knows."""
        if self.ceiling is None:
            return True
        return any(in_scenario(figure, scenario) for figure in (self.expected, self.floor, self.ceiling))


class Meter(NamedTuple):
    """A monthly quantity of one SKU.

    rate: on_demand, spot, commit_1y or commit_3y. unit: the SKU's, such as hour or GiB-month.
    price: USD per unit where the plan itself says it; the catalog's otherwise. price_path: where it says so.
    price_source: who else knows it. price_as_of: of which day that is. pool: the machines that it bills
    together with other meters, where commitments may cover them.
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
    price_source: str = ""
    price_as_of: str | None = None
    pool: MachinePool | None = None

"""What a component needs besides instances, and what it has of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats, per_scenario
from capplan.findings import Finding


class Sureness(NamedTuple):
    """How sure a figure is: factors for the ends of its range, and a class of confidence."""

    low: float
    high: float
    confidence: str


class Measure(NamedTuple):
    """A figure of a component: memory that a cache needs, connections, time to recover.

    needs: the figure, (scenarios | 1, 1). formula: how it was computed.
    has: what there is of it, or what was promised; None where nothing bounds it.
    detail: shown only on request. spread: how sure it is, where that is known.
    """

    name: str
    needs: Array
    unit: str
    formula: str
    has: Array | None = None
    detail: bool = False
    spread: Sureness | None = None

    def short(self) -> bool:
        """Say whether some scenario needs more than there is."""
        return self.has is not None and bool(np.any(self.needs > self.has * (1 + 1e-9)))


def measure(name: str, needs: Floats, unit: str, formula: str, has: Floats | None = None) -> Measure:
    """Return a measure of figures that are the same in all scenarios, or one for each."""
    return Measure(name, per_scenario(needs), unit, formula, None if has is None else per_scenario(has))


class Pick(NamedTuple):
    """The machine or the tier of a component in each scenario.

    which: position in ``names``, (scenarios | 1,). room: by how much the load may grow until the next tier.
    said: what a reader must know of the choice.
    """

    names: tuple[str, ...]
    which: NDArray[np.intp]
    room: Array | None = None
    said: Sequence[Finding] = ()

    def name(self, scenario: int) -> str:
        """Return the machine of one scenario."""
        return self.names[int(self.which[min(scenario, len(self.which) - 1)])]

"""Which of many: the cheapest candidate that meets every need, in each scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array

Mask = NDArray[np.bool_]


class Choice(NamedTuple):
    """What was chosen.

    which: the chosen candidate, (scenarios | 1,); the dearest where none meets every need.
    meets: whether it meets every need, (scenarios | 1,).
    short_of: for each candidate the need that it misses in some scenario, "" where it misses none.
    """

    which: NDArray[np.intp]
    meets: Mask
    short_of: Sequence[str]

    def chosen(self, candidate: int) -> Array:
        """Return 1 where ``candidate`` is the chosen one and 0 elsewhere, (scenarios | 1, 1)."""
        return np.asarray(self.which == candidate, dtype=float).reshape(-1, 1)


def cheapest(needs: Mapping[str, Array], has: Mapping[str, Array], price: Array) -> Choice:
    """Return the cheapest of the candidates that has what each scenario needs.

    needs: by resource what is needed, (scenarios | 1, 1). has: by resource what each candidate offers,
    (candidates,). price: of each candidate, (candidates,); infinite where it is unknown. One comparison of
    scenarios × candidates for each resource.
    """
    order = np.argsort(price, kind="stable")
    misses = {name: needs[name] > has[name][order] * (1 + 1e-9) for name in needs}
    feasible: Mask = np.isfinite(price[order])[np.newaxis, :]
    for missed in misses.values():
        feasible = feasible & ~missed
    meets: Mask = np.any(feasible, axis=1)
    known = max(int(np.isfinite(price).sum()) - 1, 0)
    first = np.where(meets, feasible.argmax(axis=1), known)
    reasons = [""] * len(price)
    for position, candidate in enumerate(order):
        short = (name for name, missed in misses.items() if missed[:, position].any())
        unknown = "" if np.isfinite(price[candidate]) else "price"
        reasons[candidate] = unknown or next(short, "")
    return Choice(order[first], meets, reasons)

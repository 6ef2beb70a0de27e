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

    which: the chosen candidate, (scenarios | 1,).
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

    Where none has it all, the cheapest that comes as close as any does in each resource, or else the dearest.

    needs: by resource what is needed, (scenarios | 1, 1). has: by resource what each candidate offers,
    (candidates,). price: of each candidate, (candidates,); infinite where it is unknown. One comparison of
    scenarios × candidates for each resource.
    """
    order = np.argsort(price, kind="stable")
    misses = {name: needs[name] > has[name][order] * (1 + 1e-9) for name in needs}
    known: Mask = np.isfinite(price[order])[np.newaxis, :]
    meets: Mask = np.any(_without(known, misses), axis=1)
    # What no candidate has is asked for as far as the best one goes, so that more need never gets less.
    most = {name: has[name][np.isfinite(price)].max(initial=0.0) for name in needs}
    nearest = {name: np.minimum(needs[name], most[name]) > has[name][order] * (1 + 1e-9) for name in needs}
    feasible = _without(known, nearest)
    dearest = max(int(known.sum()) - 1, 0)
    first = np.where(np.any(feasible, axis=1), feasible.argmax(axis=1), dearest)
    reasons = [""] * len(price)
    for position, candidate in enumerate(order):
        short = (name for name, missed in misses.items() if missed[:, position].any())
        unknown = "" if np.isfinite(price[candidate]) else "price"
        reasons[candidate] = unknown or next(short, "")
    return Choice(order[first], meets, reasons)


def _without(known: Mask, misses: Mapping[str, Mask]) -> Mask:
    """Return the candidates that miss nothing, (scenarios | 1, candidates)."""
    feasible = known
    for missed in misses.values():
        feasible = feasible & ~missed
    return feasible

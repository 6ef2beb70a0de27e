"""Which of many: the cheapest candidate that meets every need, in each scenario."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array


class Choice(NamedTuple):
    """What was chosen: the position of a candidate, (scenarios | 1,)."""

    which: NDArray[np.intp]

    def taken(self) -> list[int]:
        """Return the candidates that some scenario gets."""
        # np.unique would import numpy.ma, which takes longer than an estimate.
        found: list[int] = np.flatnonzero(np.bincount(np.ravel(self.which))).tolist()
        return found

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
    known = np.isfinite(price[order])[np.newaxis, :]
    feasible: NDArray[np.bool_] = known
    # What no candidate has is asked for as far as the best one goes, so that more need never gets less.
    for name, need in needs.items():
        most = has[name][np.isfinite(price)].max(initial=0.0)
        feasible = feasible & (np.minimum(need, most) <= has[name][order] * (1 + 1e-9))
    dearest = max(int(known.sum()) - 1, 0)
    first = np.where(np.any(feasible, axis=1), feasible.argmax(axis=1), dearest)
    return Choice(order[first])

"""Quadrature, and a difference of nearly equal numbers, for distributions with very many places."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from capplan.arrays import Array

FARTHEST_SIGMA = 9.5
"""Standard deviations from its peak at which a nearly normal density ends: below 10⁻¹⁹ of it remain."""
FARTHEST_DECAY = 40.0
"""Mean lengths after which an exponential ends: below 10⁻¹⁷ of it remain."""


@lru_cache(maxsize=4)
def gauss_legendre(count: int) -> tuple[Array, Array]:
    """Return nodes in −1 … 1 and their weights; numpy.polynomial is imported only for them."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes, weights


def less_log1p(y: Array) -> Array:
    """Return y − ln(1 + y) for y > −1, to the last digits also where y is small.

    With s = y/(2 + y), ln(1 + y) = 2·(s + s³/3 + s⁵/5 + …), and y − 2·s = y·s.
    """
    s = y / (2 + y)
    square = s * s
    terms = np.zeros(y.shape)
    for power in (17, 15, 13, 11, 9, 7, 5, 3):
        terms = terms * square + 1 / power
    small: Array = y * s - 2 * s * square * terms
    near = np.abs(y) < 0.3
    return np.where(near, small, y - np.log1p(np.where(near, 0.0, y)))

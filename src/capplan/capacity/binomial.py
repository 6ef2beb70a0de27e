"""How likely it is that too few of many instances are up, each on its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats
from capplan.capacity.numerics import FARTHEST_DECAY, FARTHEST_SIGMA, gauss_legendre, less_log1p

_SUMMED = 5_000
"""Instances to spare up to which the terms of the law are added up; beyond it is integrated."""

_LEAST_DOWN = 60.0
_CELLS = 1_000_000
_NODES = 48


def shortfall(instances: Array, need: Array, instance_availability: Floats) -> Array:
    """Return the probability that fewer than ``need`` of the ``instances`` are up, each on its own.

    Binomial: Σ_{i<need} C(n, i)·aⁱ·(1 − a)^(n − i), added up as logarithms as far as the terms count. With
    thousands of instances to spare by its integral. Relative error below 10⁻⁹. Whatever takes several down at
    once, such as a zone or a bad release, comes on top.
    """
    n, k, a = np.broadcast_arrays(instances, need, np.asarray(instance_availability, dtype=float))
    flat = np.stack([n.ravel(), k.ravel(), a.ravel()])
    share = np.where(flat[0] < flat[1], 1.0, 0.0)
    open_ = (flat[0] >= flat[1]) & (flat[1] > 0) & (flat[2] < 1)
    many = flat[0] - flat[1] > _SUMMED
    for which, formula in ((open_ & ~many, _summed), (open_ & many, _integrated)):
        if which.any():
            share[which] = formula(*flat[:, which])
    return share.reshape(n.shape)


def _summed(n: Array, k: Array, a: Array) -> Array:
    """Add up the tail that is not much more than a half: too many down, or few enough, and what is left."""
    spare, mean = n - k, n * (1 - a)
    upper = spare >= mean
    last = np.minimum(np.where(upper, spare + 12 * np.sqrt(mean) + _LEAST_DOWN, spare), n)
    width = int(last.max()) + 1
    rows = max(1, _CELLS // width)
    parts = [slice(start, start + rows) for start in range(0, n.size, rows)]
    share = np.concatenate([_tail(n[part], spare[part], a[part], upper[part], width) for part in parts])
    return np.where(upper, share, 1 - share)


def _tail(n: Array, spare: Array, a: Array, upper: NDArray[np.bool_], width: int) -> Array:
    down = np.arange(float(width))
    with np.errstate(divide="ignore"):
        log_up, log_down = np.log(a)[:, None], np.log1p(-a)[:, None]
        steps = np.log(np.maximum(n[:, None] - down, 0) / (down + 1)) + log_down - log_up
    first = n[:, None] * log_up
    log_p = np.concatenate((first, first + np.cumsum(steps, axis=1)), axis=1)[:, :-1]
    too_many = (down > spare[:, None]) & (down <= n[:, None])
    share: Array = np.sum(np.where(too_many == upper[:, None], np.exp(log_p), 0.0), axis=1)
    return share


def _integrated(n: Array, k: Array, a: Array) -> Array:
    """Return ∫₀^(1−a) t^(n−k)·(1−t)^(k−1) dt ÷ ∫₀¹, the same law (Abramowitz and Stegun, 26.5.24).

    By Gauss and Legendre around the peak of the integrand, t* = (n − k)/(n − 1), whose logarithm is written
    without its linear terms, which cancel.
    """
    peak = (n - k) / (n - 1)
    sigma = np.sqrt(peak * (1 - peak) / (n - 1))
    off = (1 - a) - peak
    steep = (n - 1) * np.abs(off) / (a * (1 - a))
    reach = np.minimum(FARTHEST_SIGMA * sigma, FARTHEST_DECAY / np.maximum(steep, 1e-300))
    below = off < 0
    tail = np.where(below, _area(n, k, peak, off - reach, off), _area(n, k, peak, off, off + reach))
    part = tail / _area(n, k, peak, -FARTHEST_SIGMA * sigma, FARTHEST_SIGMA * sigma)
    return np.where(below, part, 1 - part)


def _area(n: Array, k: Array, peak: Array, first: Array, last: Array) -> Array:
    """Return the integral over distances ``first`` to ``last`` from the peak, as a share of its height."""
    first, last = np.maximum(first, -peak), np.minimum(last, 1 - peak)
    nodes, weights = gauss_legendre(_NODES)
    half = ((last - first) / 2)[:, None]
    off = first[:, None] + half * (nodes + 1)
    left, right = (n - k)[:, None], (k - 1)[:, None]
    exponent = -left * less_log1p(off / peak[:, None]) - right * less_log1p(-off / (1 - peak)[:, None])
    area: Array = np.sum(np.exp(exponent) * weights, axis=1) * half[:, 0]
    return area

"""Erlang B of large loads, where the recurrence takes too many steps."""

from __future__ import annotations

import numpy as np

from capplan.arrays import Array
from capplan.capacity.numerics import FARTHEST_DECAY, FARTHEST_SIGMA, gauss_legendre, less_log1p

LARGE_LOAD = 10_000.0
"""Offered load, erlang, from which the integral is faster than the recurrence."""

_NODES = 40
_CHUNK = 4096


def blocked_of_large_load(servers: Array, load: Array) -> Array:
    """Return Erlang B by Fortet's integral, 1/B = ∫₀^∞ e^(−x)·(1 + x/A)^c dx (Jagerman, 1974); all (n,).

    By Gauss and Legendre around the peak of the integrand, nearly a normal density or an exponential.
    Its exponent is written in A − c and y − ln(1 + y), so no digits cancel. From A = 100 on within 10⁻¹³ of
    the recurrence.
    """
    blocked = np.empty(load.shape)
    for start in range(0, load.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        # With twice as many servers as load the share is below the smallest float.
        blocked[part] = _chunk(np.minimum(servers[part], 2 * load[part])[:, None], load[part, None])
    return blocked


def _chunk(servers: Array, load: Array) -> Array:
    spare = load - servers
    peak = np.maximum(-spare, 0.0)
    height = np.where(spare < 0, spare * (spare / load) - servers * less_log1p(peak / load), 0.0)
    sigma = (load + peak) / np.sqrt(np.maximum(servers, 1.0))
    decay = FARTHEST_DECAY * load / np.where(spare > 0, spare, 1.0)
    first = np.maximum(peak - FARTHEST_SIGMA * sigma, 0.0)
    last = np.minimum(peak + FARTHEST_SIGMA * sigma, np.where(spare > 0, decay, np.inf))
    nodes, weights = gauss_legendre(_NODES)
    x = first + (last - first) / 2 * (nodes + 1)
    exponent = -x * (spare / load) - servers * less_log1p(x / load) - height
    inverse = np.sum(np.exp(exponent) * weights, axis=1) * ((last - first) / 2)[:, 0]
    blocked: Array = np.exp(-height[:, 0]) / inverse
    return blocked

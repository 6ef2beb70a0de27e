"""Requests, tick by tick."""

from __future__ import annotations

import zlib

import numpy as np

from capplan.arrays import Array


def rates(rps: Array, step_s: float, tick_s: float, duration_s: float, smooth: bool) -> Array:
    """Return requests per second in every tick, repeating ``rps``, (steps,), as long as needed.

    ``smooth`` draws a line from the middle of each step to the next, as between hours of a profile; a trace
    keeps its steps.
    """
    middle_s = (np.arange(max(round(duration_s / tick_s), 1)) + 0.5) * tick_s
    if not smooth or rps.size == 1:
        return np.asarray(rps[(middle_s // step_s).astype(int) % rps.size])
    place = middle_s / step_s - 0.5
    return np.asarray(np.interp(place % rps.size, np.arange(rps.size + 1), np.append(rps, rps[0])))


def arrivals(rps: Array, tick_s: float, seed: int, name: str, random: bool) -> Array:
    """Return requests in every tick: a Poisson number of them, or exactly their mean.

    Each service has a stream of its own, so that adding one leaves the others as they are.
    """
    expected = rps * tick_s
    if not random:
        return expected
    generator = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))
    return generator.poisson(expected).astype(float)

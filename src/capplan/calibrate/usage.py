"""What a request uses of CPU and memory, by regression on the load."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.calibrate.outcome import Estimated

_DRAWS = 400
_SPREAD = 1.3
"""Highest ÷ lowest load above which what an idle service uses can be told apart."""


class UseOfLoad(NamedTuple):
    """Use of an idle instance, and of each unit of load; idle_known: whether the load varied enough."""

    idle: Estimated
    each: Estimated
    idle_known: bool


def usage_of(load: Array, used: Array, seed: int = 4) -> UseOfLoad | None:
    """Return use = idle + each · load, by least squares, with intervals from drawing blocks of samples anew.

    Where the load hardly varies all use is taken to follow it, which is an upper bound.
    """
    known = np.isfinite(load) & np.isfinite(used) & (load > 0)
    load, used = load[known], used[known]
    if not load.size:
        return None
    varied = load.size > 2 and float(np.quantile(load, 0.95) / np.quantile(load, 0.05)) > _SPREAD
    rng = np.random.default_rng(seed)
    block = max(1, round(load.size ** (1 / 3)))
    starts = rng.integers(0, load.size - block + 1, (_DRAWS, -(-load.size // block)))
    rows = (starts[:, :, None] + np.arange(block)).reshape(_DRAWS, -1)
    found = _line(load[None], used[None], varied)
    idle, each = (_drawn(*pair) for pair in zip(found, _line(load[rows], used[rows], varied), strict=True))
    return UseOfLoad(idle, each, varied)


def _line(x: Array, y: Array, varied: bool) -> tuple[Array, Array]:
    """Return what is used without load and what each unit of it adds, neither below 0, by row."""
    through = y.sum(axis=1) / x.sum(axis=1)
    if not varied:
        return np.zeros(through.size), through
    x_mean, y_mean = x.mean(axis=1, keepdims=True), y.mean(axis=1, keepdims=True)
    square = ((x - x_mean) ** 2).sum(axis=1)
    each = ((x - x_mean) * (y - y_mean)).sum(axis=1) / np.where(square > 0, square, np.inf)
    idle = y_mean[:, 0] - each * x_mean[:, 0]
    below = idle < 0
    return np.maximum(idle, 0.0), np.where(
        below, (x * y).sum(axis=1) / (x**2).sum(axis=1), np.maximum(each, 0.0)
    )


def _drawn(found: Array, draws: Array) -> Estimated:
    low, high = np.quantile(draws, (0.05, 0.95)).tolist()
    value = float(found[0])
    return Estimated(value, min(low, value), max(high, value))

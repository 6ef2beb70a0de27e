"""What the model computes with: a float, or an array over (scenario, hour)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Floats = float | Array

_ROUNDING_NOISE = 1e-9
"""Relative error that a chain of float operations may leave on a quotient that is really whole."""


def ceil_count(quotient: Floats) -> Array:
    """Return the smallest whole number not below ``quotient``, forgiving float noise.

    7 cores on a machine 7/4 as fast give 4.000000000000001, which is 4 and not 5.
    """
    quotient = np.asarray(quotient, dtype=float)
    count: Array = np.asarray(np.maximum(quotient, 1.0))
    count *= _ROUNDING_NOISE  # in place: these are the largest arrays there are
    np.subtract(quotient, count, out=count)
    np.ceil(count, out=count)
    return count


def per_scenario(value: Floats) -> Array:
    """Return ``value`` as a column, shape (scenarios, 1); a scalar becomes (1, 1)."""
    array = np.asarray(value, dtype=float)
    return array.reshape(1, 1) if array.ndim == 0 else array


def in_scenario(values: Floats, scenario: int = 0) -> float:
    """Return the value of one scenario of (scenarios | 1, 1) values; what never varies is the same in all."""
    if isinstance(values, np.ndarray) and values.ndim:
        return float(values[min(scenario, values.shape[0] - 1), 0])
    return float(values)


def hourly_mean(values: Array) -> Array:
    """Return the mean over the hours, (scenarios | 1, 1)."""
    if values.shape[-1] == 1:
        return values
    mean: Array = values.mean(axis=-1, keepdims=True)
    return mean


def hourly_max(values: Array) -> Array:
    """Return the value of the busiest hour, (scenarios | 1, 1)."""
    highest: Array = values.max(axis=-1, keepdims=True)
    return highest

"""Shapes of a week: 168 hourly loads with a mean of 1, Monday midnight first.

They are drawn, not measured, to have the features that matter to a planner: where the peak lies, how
high it is, how deep the night. `peak_to_average` stretches any of them; a trace replaces them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from capplan.arrays import Array, Floats, hourly_mean

BEGINS_S = 1_767_571_200.0
"""When the week begins, for what goes by the calendar: Monday 2026-01-05 at 00:00 UTC."""

HOURS = 168
_HOUR = np.arange(HOURS) % 24
_DAY = np.arange(HOURS) // 24


def week(name: str) -> Array:
    """Return the shipped shape ``name``, shape (hours,): 168 of them, or 1 for ``flat``."""
    shape = {
        "flat": _flat,
        "office-hours": _office_hours,
        "consumer-diurnal": _consumer_diurnal,
        "weekly": _weekly,
    }[name]()
    return _with_mean_one(shape)


def _with_mean_one(shape: Array) -> Array:
    return shape / hourly_mean(shape)


def _flat() -> Array:
    return np.ones(1)


def _consumer_diurnal() -> Array:
    """Every day alike: highest at 20:00, lowest at 08:00, 60 % above and below the mean."""
    swing: Array = 1 + 0.6 * np.cos(2 * np.pi * (_HOUR - 20) / 24)
    return swing


def _weekly() -> Array:
    """The consumer's day, and a week in which Saturday and Sunday are a third above a working day."""
    return _consumer_diurnal() * np.where(_DAY >= 5, 4 / 3, 1.0)


def _office_hours() -> Array:
    """Full from 9 to 17 o'clock on working days, half an hour either side of it, a tenth otherwise."""
    working = (_DAY < 5) & (_HOUR >= 9) & (_HOUR < 17)
    shoulder = (_DAY < 5) & ((_HOUR == 8) | (_HOUR == 17))
    return np.select([working, shoulder], [1.0, 0.55], 0.1)


def tiled(weights: Sequence[float]) -> Array:
    """Return a user's own 24 or 168 weights as a week with a mean of 1."""
    hours = np.asarray(weights, dtype=float)
    return _with_mean_one(np.tile(hours, HOURS // hours.size))


def stretched(shape: Array, peak_to_average: Floats) -> Array:
    """Return ``shape`` raised to the power that gives it the wanted peak-to-average ratio.

    A power keeps the order of the hours and never makes a load negative. ``shape`` is (hours,), the
    ratio a scalar or (scenarios, 1); the result is (scenarios, hours). The ratio max/mean grows with the
    exponent from 1 to ``hours`` ÷ (hours at the peak), so bisection finds it; that or more is unreachable
    and the caller has to refuse it.
    """
    ratio = np.atleast_2d(np.asarray(peak_to_average, dtype=float))
    relative = np.log(np.maximum(shape / shape.max(), 1e-300))
    low, high = np.zeros_like(ratio), np.full_like(ratio, 64.0)
    while np.any(short := (_ratio(high * relative) < ratio) & (high < _STEEPEST)):
        high = np.where(short, 2 * high, high)
    for _ in range(60):
        middle = (low + high) / 2
        short = _ratio(middle * relative) < ratio
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    powered = np.exp(high * relative)
    return _with_mean_one(powered)


_STEEPEST = 2.0**60
"""An exponent that leaves nothing of the hour next to the peak, as long as floats tell the two apart."""


def _ratio(logarithms: Array) -> Array:
    """Return peak ÷ mean of loads whose peak is 1."""
    ratio: Array = 1 / hourly_mean(np.exp(logarithms))
    return ratio


def largest_ratio(shape: Array) -> float:
    """Return the highest peak-to-average ratio that :func:`stretched` can give ``shape``."""
    return shape.size / float((shape == shape.max()).sum())

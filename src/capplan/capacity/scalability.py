"""Universal scalability law: how throughput grows with concurrency, and where it stops (Gunther, 2007).

X(N) = γ·N / (1 + α·(N − 1) + β·N·(N − 1)): γ the rate of one, α contention, β coherency. N is concurrency,
never an offered rate.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats

_STEPS = 200
_CONVERGED = 1e-14


class Usl(NamedTuple):
    """A fit: γ, α and β, and the residual standard error √(RSS/(n − 3)); NaN with three points."""

    gamma: float
    alpha: float
    beta: float
    sigma: float


def usl_throughput(concurrency: Floats, gamma: Floats, alpha: Floats, beta: Floats) -> Array:
    """Return X(N); 0 at N = 0, also where all is contention."""
    n = np.asarray(concurrency, dtype=float)
    below = 1 + alpha * (n - 1) + beta * n * (n - 1)
    throughput: Array = gamma * n / np.where(n > 0, below, 1.0)
    return throughput


def usl_peak(alpha: Floats, beta: Floats) -> Array:
    """Return the concurrency of the highest throughput: √((1 − α)/β); infinite where β = 0, 1 from α = 1."""
    coherency = np.asarray(beta, dtype=float)
    left = np.maximum(1 - np.asarray(alpha, dtype=float), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        peak: Array = np.where(coherency > 0, np.maximum(np.sqrt(left / coherency), 1.0), np.inf)
    return np.where(left > 0, peak, 1.0)


def fit_usl(concurrency: Array, throughput: Array) -> Usl:
    """Return the least-squares fit on X with γ > 0, 0 ≤ α ≤ 1, β ≥ 0.

    Damped Gauss–Newton from a linear fit of N/X, once for each choice of which of α and β are held at a
    bound; the fit with the least residual that keeps the bounds wins.

    Raises:
        ValueError: fewer than three points, or a value that is not above 0.
    """
    n, x = np.asarray(concurrency, dtype=float), np.asarray(throughput, dtype=float)
    if n.size < 3 or n.shape != x.shape or not np.all((n > 0) & (x > 0)):
        raise ValueError("needs three points or more, all above 0")
    fits = [_fit(n, x, fixed) for fixed in product((None, 0.0, 1.0), (None, 0.0))]
    allowed = [fit for fit in fits if fit[0] > 0 and 0 <= fit[1] <= 1 and fit[2] >= 0]
    best = min(allowed, key=lambda fit: _rss(n, x, fit))
    left = n.size - 3
    sigma = float(np.sqrt(_rss(n, x, best) / left)) if left else float("nan")
    return Usl(float(best[0]), float(best[1]), float(best[2]), sigma)


def _fit(n: Array, x: Array, fixed: tuple[float | None, ...]) -> Array:
    """Return γ, α, β with those that are ``fixed`` at their value."""
    free = [0, *(i + 1 for i, value in enumerate(fixed) if value is None)]
    value = _linear_start(n, x, free, fixed)
    for _ in range(_STEPS):
        left = x - usl_throughput(n, *value)
        step = np.asarray(np.linalg.lstsq(_slopes(n, value)[:, free], left)[0], dtype=float)
        better = _damped(n, x, value, free, step)
        if np.allclose(better, value, rtol=_CONVERGED, atol=_CONVERGED):
            return better
        value = better
    return value


def _linear_start(n: Array, x: Array, free: list[int], fixed: tuple[float | None, ...]) -> Array:
    """Return the fit of N/X = (1 + α(N − 1) + βN(N − 1))/γ, linear in 1/γ, α/γ and β/γ, weighted by X²/N."""
    terms = np.stack([np.ones(n.size), n - 1, n * (n - 1)], axis=1)
    held = np.array([0.0, *(value or 0.0 for value in fixed)])
    terms[:, 0] += terms @ held
    weight = x / np.sqrt(n)
    found = np.linalg.lstsq(terms[:, free] * weight[:, None], n / x * weight, rcond=None)[0]
    value = held.copy()
    value[free] = found / found[0]
    value[0] = 1 / found[0]
    return value


def _slopes(n: Array, value: Array) -> Array:
    """Return dX/dγ, dX/dα, dX/dβ, (points, 3)."""
    gamma, alpha, beta = value
    below = 1 + alpha * (n - 1) + beta * n * (n - 1)
    x = gamma * n / below
    return np.stack([x / gamma, -x * (n - 1) / below, -x * n * (n - 1) / below], axis=1)


def _damped(n: Array, x: Array, value: Array, free: list[int], step: Array) -> Array:
    """Return ``value`` after the longest of ever halved steps that lowers the residual, if any does."""
    before = _rss(n, x, value)
    for halvings in range(40):
        moved = value.copy()
        moved[free] += step / 2**halvings
        if _rss(n, x, moved) < before:
            return moved
    return value


def _rss(n: Array, x: Array, value: Array) -> float:
    return float(np.sum((x - usl_throughput(n, *value)) ** 2))

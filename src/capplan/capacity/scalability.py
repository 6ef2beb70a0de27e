"""Universal scalability law: how throughput grows with concurrency, and where it stops (Gunther, 2007).

X(N) = γ·N / (1 + α·(N − 1) + β·N·(N − 1)): γ the rate of one, α contention (σ in older texts), β coherency
(κ). N is concurrency, never an offered rate. With normalised data, C(N) = X(N)/X(1), γ is about 1.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats

_STEPS = 200
_CONVERGED = 1e-14


class Usl(NamedTuple):
    """A fit: γ, α and β, and the residual standard error √(RSS/(n − parameters)); NaN with as many points."""

    gamma: float
    alpha: float
    beta: float
    sigma: float

    def throughput(self, concurrency: Floats) -> Array:
        """Return X(N) in the unit of the throughput that was fitted."""
        return usl_throughput(concurrency, self.gamma, self.alpha, self.beta)

    @property
    def peak(self) -> float:
        """N*, the concurrency of the highest throughput; infinite where coherency costs nothing."""
        return float(usl_peak(self.alpha, self.beta))

    @property
    def peak_throughput(self) -> float:
        """X(N*): the ceiling γ/α where N* is infinite; infinite without contention."""
        return float(self.throughput(self.peak))


def usl_throughput(concurrency: Floats, gamma: Floats, alpha: Floats, beta: Floats) -> Array:
    """Return X(N); 0 at N = 0, also where all is contention. At infinity: γ/α, or 0 with coherency."""
    n = np.asarray(concurrency, dtype=float)
    many = np.isinf(n)
    finite = np.where(many, 1.0, n)
    below = 1 + alpha * (finite - 1) + beta * finite * (finite - 1)
    throughput: Array = gamma * finite / np.where(finite > 0, below, 1.0)
    with np.errstate(divide="ignore"):
        ceiling = np.where(np.asarray(beta) > 0, 0.0, np.divide(gamma, alpha))
    return np.where(many, ceiling, throughput)


def usl_peak(alpha: Floats, beta: Floats) -> Array:
    """Return the concurrency of the highest throughput: √((1 − α)/β); infinite where β = 0, 1 from α = 1."""
    coherency = np.asarray(beta, dtype=float)
    left = np.maximum(1 - np.asarray(alpha, dtype=float), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        peak: Array = np.where(coherency > 0, np.maximum(np.sqrt(left / coherency), 1.0), np.inf)
    return np.where(left > 0, peak, 1.0)


def fit_usl(concurrency: Array, throughput: Array, gamma: float | None = None) -> Usl:
    """Return the least-squares fit on X with γ > 0, 0 ≤ α ≤ 1, β ≥ 0.

    Damped Gauss–Newton from a linear fit of N/X, once for each choice of which of α and β are held at a
    bound; the fit with the least residual that keeps the bounds wins. ``gamma`` holds γ, such as at X(1), and
    leaves two parameters.

    Raises:
        ValueError: fewer than three points, or a value that is not above 0.
    """
    n, x = _points(concurrency, throughput)
    fits = [_fit(n, x, (gamma, *fixed)) for fixed in product((None, 0.0, 1.0), (None, 0.0))]
    allowed = [fit for fit in fits if fit[0] > 0 and 0 <= fit[1] <= 1 and fit[2] >= 0]
    best = min(allowed, key=lambda fit: _rss(n, x, fit))
    return _fitted(n, x, best, 3 if gamma is None else 2)


def fit_usl_linear(concurrency: Array, throughput: Array, gamma: float | None = None) -> Usl:
    """Return α and β as Gunther (2007) fits them by hand, from throughput relative to that of one.

    With C = X/γ, N/C − 1 = β·(N − 1)² + (α + β)·(N − 1) is linear: least squares through the origin, with
    the bounds of :func:`fit_usl`. It weighs high concurrency most, so it differs from :func:`fit_usl`.

    Args:
        concurrency: N, (points,).
        throughput: X, or X/X(1).
        gamma: the throughput of one; by default the mean of the points at N = 1.

    Raises:
        ValueError: as :func:`fit_usl`, or no point is at N = 1 and ``gamma`` is not given.
    """
    n, x = _points(concurrency, throughput)
    if gamma is None and not np.any(n == 1):
        raise ValueError("needs a point at a concurrency of 1, or the throughput there")
    one = float(x[n == 1].mean()) if gamma is None else gamma
    best = min(
        (_straight(n, one * n / x - 1, fixed) for fixed in product((None, 0.0, 1.0), (None, 0.0))),
        key=lambda found: found[0],
    )
    return _fitted(n, x, np.array([one, *best[1:]]), 2)


def _straight(n: Array, y: Array, fixed: tuple[float | None, ...]) -> tuple[float, float, float]:
    """Return the squares left, α and β of y = α·(N − 1) + β·N·(N − 1); infinite beyond the bounds."""
    terms = np.stack([n - 1, n * (n - 1)], axis=1)
    value = np.array([held or 0.0 for held in fixed])
    free = [i for i, held in enumerate(fixed) if held is None]
    value[free] = np.linalg.lstsq(terms[:, free], y - terms @ value, rcond=None)[0]
    within = 0 <= value[0] <= 1 and value[1] >= 0
    left = float(np.sum((y - terms @ value) ** 2)) if within else np.inf
    return left, float(value[0]), float(value[1])


def _points(concurrency: Array, throughput: Array) -> tuple[Array, Array]:
    n, x = np.asarray(concurrency, dtype=float), np.asarray(throughput, dtype=float)
    if n.size < 3 or n.shape != x.shape or not np.all((n > 0) & (x > 0)):
        raise ValueError("needs three points or more, all above 0")
    return n, x


def _fitted(n: Array, x: Array, value: Array, parameters: int) -> Usl:
    left = n.size - parameters
    sigma = float(np.sqrt(_rss(n, x, value) / left)) if left else float("nan")
    return Usl(float(value[0]), float(value[1]), float(value[2]), sigma)


def _fit(n: Array, x: Array, fixed: tuple[float | None, ...]) -> Array:
    """Return γ, α, β with those that are ``fixed`` at their value."""
    free = [i for i, value in enumerate(fixed) if value is None]
    value = _linear_start(n, x, free, fixed)
    if not free:
        return value
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
    value = np.array([held or 0.0 for held in fixed])
    weight = x / np.sqrt(n)
    gamma = fixed[0]
    if gamma is not None:
        left = gamma * n / x - terms @ [1.0, *value[1:]]
        value[free] = np.linalg.lstsq(terms[:, free] * weight[:, None], left * weight, rcond=None)[0]
        return value
    terms[:, 0] += terms[:, 1:] @ value[1:]
    found = np.linalg.lstsq(terms[:, free] * weight[:, None], n / x * weight, rcond=None)[0]
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

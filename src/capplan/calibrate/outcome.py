"""Figures of a fitted model, with intervals by parametric bootstrap: points drawn anew and fitted again.

A draw is fitted by one Gauss–Newton step from the fit to the points, for every number of places that is
possible. The errors are those of chance, made larger where the points scatter more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.calibrate.models import CLOSED, Fit, LoadPoints
from capplan.calibrate.runs import LoadRun
from capplan.capacity.queueing import ps_response_percentile, rate_for_response
from capplan.capacity.scalability import Usl, fit_usl, usl_peak, usl_throughput

_DRAWS, _LAW_DRAWS = 1000, 100
_LOW, _HIGH = 0.05, 0.95
_AS_GOOD = 4.0
"""Sum of squares by which a number of places may be worse than the best and still be possible."""

_APART = 1.25
_SIMULATED = 2000
_UNSURE = 1.06
"""Errors of the points are estimates themselves, so draws scatter a little more than they say."""

_SHARES_CORES = 0.6
_CROWDED, _VARIES = 8.0, 0.25
"""Requests for each place, and their cs2, that only sharing explains where cs2 is not known."""

_BISECTIONS = 40
_FEWEST_ALIKE, _ALIKE = 3, 0.05


class Estimated(NamedTuple):
    """A figure with its 90 % interval."""

    value: float
    low: float
    high: float


class FittedPool(NamedTuple):
    """A pool of places, its figures by draw; the first of each is the figure itself.

    delay: outside the places, as a share of service_s. seen, full: whether the runs tell the service time,
    and the capacity.
    """

    service_s: Array
    servers: Array
    delay: float
    seen: bool
    full: bool

    @property
    def capacity(self) -> Array:
        """Requests a second that the pool answers when it is full."""
        return np.asarray(self.servers / self.service_s)


def estimated(draws: Array) -> Estimated:
    """Return the first of the draws as the figure, with the interval of all."""
    low, high = np.quantile(draws, (_LOW, _HIGH)).tolist()
    value = float(draws[0])
    return Estimated(value, min(low, value), max(high, value))


def pool_of(fits: Sequence[Fit], seed: int = 1) -> FittedPool:
    """Return the best pool and its draws."""
    best = min(fits, key=lambda fit: fit.rss)
    points = best.left.size - 1
    possible = [fit for fit in fits if fit.rss - best.rss <= _AS_GOOD]
    noise = np.random.default_rng(seed).normal(0.0, _UNSURE, (_DRAWS, points + 1))
    noise[0], noise[:, -1] = 0.0, 0.0
    moved, squares = [], []
    for fit in possible:
        off = fit.left + noise
        steps = -off @ np.linalg.pinv(fit.slopes).T
        steps -= steps[0]
        moved.append(float(fit.values[0]) * np.exp(steps[:, 0]))
        squares.append(np.sum((off + steps @ fit.slopes.T) ** 2, axis=1))
    chosen = np.argmin(squares, axis=0)
    chosen[0] = possible.index(best)
    draws = np.arange(_DRAWS)
    servers = np.array([float(fit.servers) for fit in possible])
    times = np.array([float(fit.values[0]) for fit in possible])
    capacities = servers / times
    return FittedPool(
        service_s=np.array(moved)[chosen, draws],
        servers=servers[chosen],
        delay=float(best.values[1]),
        seen=float(times.max() / times.min()) < _APART,
        full=float(capacities.max() / capacities.min()) < _APART,
    )


def cs2_draws(value: float, requests: float, seed: int = 2) -> Array:
    """Return cs2 as so many requests of a lognormal law show it."""
    count = int(min(max(requests, 10), _SIMULATED))
    times = np.random.default_rng(seed).lognormal(0.0, np.sqrt(np.log1p(value)), (200, count))
    found = times.var(axis=1) / times.mean(axis=1) ** 2
    draws: Array = value + (found - np.median(found)) * np.sqrt(count / max(requests, count))
    return np.concatenate(([value], np.maximum(draws, 0.0)))


def shares_cores(runs: Sequence[LoadRun], servers: float, cs2: float | None) -> bool:
    """Say whether requests share cores: then those of a crowded run vary as the service does.

    In order of arrival they vary far less, because all wait for about as many others.
    """
    usual, crowd = (0.05, _CROWDED) if cs2 is None else (max(cs2, 0.05), 1.9)
    closed = (run for run in runs if run.arrivals == "closed" and run.cs2 is not None and not run.late)
    found = [(run.cs2 or 0.0) / usual for run in closed if run.present >= crowd * servers]
    return bool(found) and float(np.median(found)) > (_SHARES_CORES if cs2 is not None else _VARIES / usual)


def rate_within(slo: Mapping[float, float], pool: FittedPool, cs2: float, shared: bool) -> Array:
    """Return the highest rate at which the response times stay within what is promised, by draw."""
    rates = []
    for share, target_s in slo.items():
        if shared:
            rates.append(_shared_rate(share, target_s, pool, cs2))
        else:
            rates.append(rate_for_response(share, target_s, pool.service_s, pool.servers, cs2))
    lowest: Array = np.minimum.reduce(rates)
    return lowest


def _shared_rate(share: float, target_s: float, pool: FittedPool, cs2: float) -> Array:
    low, high = np.zeros(pool.service_s.size), pool.capacity
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        times = ps_response_percentile(share, middle, pool.service_s, pool.servers, cs2)
        low, high = np.where(times <= target_s, middle, low), np.where(times <= target_s, high, middle)
    return low


def evenly_limited(points: LoadPoints, capacity: float) -> bool:
    """Say whether crowded runs have one rate, as a rate limit gives it and chance does not."""
    crowded = (points.kind == CLOSED) & (
        points.rate * points.response_s > 1.5 * points.rate * points.response_s.min()
    )
    crowded &= points.rate > 0.9 * capacity
    if crowded.sum() < _FEWEST_ALIKE:
        return False
    return bool(np.std(np.log(points.rate[crowded])) < _ALIKE * np.mean(points.error[crowded]))


class FittedLaw(NamedTuple):
    """The universal scalability law by draw, (draws,) each."""

    gamma: Array
    sigma: Array
    kappa: Array

    @property
    def peak(self) -> Array:
        """N* = √((1 − σ)/κ); infinite without κ."""
        return usl_peak(self.sigma, self.kappa)

    @property
    def highest(self) -> Array:
        """X at N*, or γ/σ that is neared without κ; infinite without either."""
        peak = self.peak
        ends = np.isfinite(peak)
        at_peak = usl_throughput(np.where(ends, peak, 1.0), self.gamma, self.sigma, self.kappa)
        ceiling = np.divide(self.gamma, self.sigma, out=np.full(peak.shape, np.inf), where=self.sigma > 0)
        return np.where(ends, at_peak, ceiling)


def law_of(points: LoadPoints, seed: int = 3) -> FittedLaw:
    """Return the law with three parameters, by least squares on X, and its draws."""
    n, x = points.present, points.rate
    best = fit_usl(n, x)
    fitted = usl_throughput(n, *best[:3])
    error = float(np.sqrt(np.sum((x - fitted) ** 2) / max(n.size - 3, 1)))
    rng = np.random.default_rng(seed)
    drawn: list[Usl] = [best]
    for _ in range(_LAW_DRAWS):
        noisy = fitted + rng.normal(0.0, error, n.size)
        drawn.append(fit_usl(n, np.maximum(noisy, fitted * 0.05)))
    columns = np.array([fit[:3] for fit in drawn])
    return FittedLaw(columns[:, 0], columns[:, 1], columns[:, 2])

"""Models of a service under load, fitted to points of many runs; times in seconds, rates in 1/s.

A pool has m places, and a delay around them in which nothing waits: the closed M/M/m for clients in a loop,
G/G/m for open arrivals, m ÷ S where more is offered than it can take. The universal scalability law has no
places. All are scored on the logarithm of the response time, which of a loop is R = N ÷ X − Z.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.capacity.queueing import closed_mmm, kimura_wait
from capplan.capacity.scalability import fit_usl, usl_throughput

CLOSED, OPEN, FULL, UNKNOWN = 0, 1, 2, 3
"""Kinds of points: clients in a loop; open arrivals; more offered than is taken; nobody says."""

_FLOOR = 0.01
"""Relative error of every point besides that of chance."""

_BUSIEST, _IDLE = 0.98, 1e-9
_USUAL_DELAY, _DELAY_WEIGHT, _WORTH = 0.1, 2.0, 1.0
"""Delay outside the places as a share of the service time that is usual, and how much more is doubted."""

_STEPS = 15
_MOST_TRIED, _REACH = 14, 3


class LoadPoints(NamedTuple):
    """What runs say, (points,) each. present: N of a loop, else X·R; error: of the logarithm."""

    kind: Array
    present: Array
    think_s: Array
    rate: Array
    response_s: Array
    ca2: Array
    error: Array


class Fit(NamedTuple):
    """A model at its best. values: parameters; left: residuals in standard errors; free: how many are fitted.

    name: pool, linear, Amdahl or USL. servers: of a pool. A pool's last residual is that of its delay.
    """

    name: str
    servers: int
    values: Array
    left: Array
    free: int
    slopes: Array

    @property
    def rss(self) -> float:
        """Sum of squared residuals."""
        return float(np.sum(self.left**2))

    @property
    def aicc(self) -> float:
        """Akaike's criterion for small samples; the error variance counts as a parameter."""
        n, k = self.left.size - (self.servers > 0), self.free + 1
        if n < k + 2:
            return float("inf") if k > 2 else 0.0
        return float(n * np.log(max(self.rss / n, 1e-6)) + 2 * k + 2 * k * (k + 1) / (n - k - 1))


def pool_response(
    points: LoadPoints, service_s: float, servers: int, cs2: float, delay_s: float = 0.0
) -> Array:
    """Return the response time of a pool at each point, R·X ÷ (m/S) at a FULL one."""
    capacity = servers / service_s
    n, think = points.present, points.think_s + delay_s
    filled: Array = np.maximum(n / capacity, service_s) + delay_s
    result: Array = np.where(points.kind == FULL, points.rate / capacity * points.response_s, filled)
    looped = (points.kind == CLOSED) & (think > 0.01 * service_s)
    if looped.any():
        x = _looped(n[looped], think[looped], service_s, servers)
        result[looped] = n[looped] / x - think[looped] + delay_s
    opened = (points.kind == OPEN) | (points.kind == UNKNOWN)
    if opened.any():
        rate = np.minimum(points.rate[opened], _BUSIEST * capacity)
        waited = service_s + delay_s + _wait(rate, service_s, servers, cs2, points.ca2[opened])
        over = points.rate[opened] / rate
        unknown = points.kind[opened] == UNKNOWN
        middle = np.where(unknown, np.sqrt(np.minimum(waited, filled[opened] * 2) * filled[opened]), waited)
        result[opened] = middle * over**2
    return result


def _looped(clients: Array, think_s: Array, service_s: float, servers: int) -> Array:
    """Return the throughput of clients in a loop, between whole numbers of them by interpolation."""
    whole, part = np.floor(clients), clients % 1
    low, high = (
        closed_mmm(np.maximum(n, 1), think_s, service_s, servers).throughput for n in (whole, whole + 1)
    )
    return np.asarray(np.where(whole > 0, low * (1 - part), 0.0) + part * high)


def _wait(rate: Array, service_s: float, servers: int, cs2: float, ca2: Array) -> Array:
    """Return the mean wait; of arrivals that come evenly with Kraemer and Langenbach-Belz's factor (1976).

    Its exponent times the fourth root of the servers keeps the response time within 6 % of simulated D/G/c
    (c 1, 4 and 16, cs2 from 0.25 to 2, ρ from 0.6 to 0.95); Kimura's wait alone makes it up to 15 % too long.
    """
    rho = np.maximum(rate * service_s / servers, _IDLE)
    spread = np.maximum(ca2 + cs2, _IDLE)
    exponent = 2 * (1 - rho) * (1 - ca2) ** 2 / (3 * rho * spread) * servers**0.25
    return np.asarray(kimura_wait(rate, service_s, servers, cs2, ca2) * np.exp(-exponent))


def pool_fits(points: LoadPoints, cs2: float, near: int | None = None) -> list[Fit]:
    """Return the best fit for each number of places that may be right, or of the three ``near`` one."""
    slow = points.response_s <= 1.3 * points.response_s.min()
    service_s = float(np.median(points.response_s[slow]))
    about = float(points.rate.max()) * service_s
    if near is not None:
        numbers = near + np.arange(-1.0, 2.0)
    else:
        numbers = np.rint(np.geomspace(0.4 * about, 1.6 * about + 2, _MOST_TRIED))
    fits = {
        n: _pool(points, n, service_s, cs2) for n in np.unique(np.maximum(numbers, 1)).astype(int).tolist()
    }
    best = min(fits.values(), key=lambda fit: fit.rss).servers
    reach = range(max(best - _REACH, 1), best + _REACH + 1) if near is None else ()
    return list((fits | {n: _pool(points, n, service_s, cs2) for n in reach if n not in fits}).values())


def _pool(points: LoadPoints, servers: int, service_s: float, cs2: float) -> Fit:
    """Return the best fit of service and delay; there is none unless the points say otherwise."""

    def left(values: Array) -> Array:
        time_s, share = float(np.exp(values[0])), float(values[1])
        found = pool_response(points, time_s, servers, cs2, share * time_s)
        doubt = _DELAY_WEIGHT * np.sqrt(np.log1p((share / _USUAL_DELAY) ** 2))
        return np.append(np.log(points.response_s / found) / points.error, doubt)

    start = np.array([np.log(min(service_s, 1.2 * servers / float(points.rate.max()))), 0.0])
    low, high = np.array([-np.inf, 0.0]), np.array([np.inf, np.inf])
    values, slopes = solved(left, start, low, np.array([np.inf, 0.0]))
    delayed, with_delay = solved(left, values + [0.0, 0.01], low, high)
    if np.sum(left(delayed) ** 2) < np.sum(left(values) ** 2) - _WORTH:
        values, slopes = delayed, with_delay
    else:
        slopes[:, 1] *= not np.any(points.kind == CLOSED)  # open arrivals never tell that there is none
    return Fit("pool", servers, np.array([np.exp(values[0]), values[1]]), left(values), 2, slopes)


def usl_fits(points: LoadPoints) -> list[Fit]:
    """Return linear growth, Amdahl's law and the universal law, where the points are enough for each."""
    n, x = points.present, points.rate
    if np.unique(np.round(n, 2)).size < 3:
        return []
    start = fit_usl(n, x)

    def left_of(free: Sequence[int]) -> Callable[[Array], Array]:
        def left(values: Array) -> Array:
            full = np.array([0.0, 0.0, 0.0])
            full[list(free)] = values
            found = usl_throughput(n, np.exp(full[0]), full[1], full[2])
            return np.asarray(np.log(x / found) / points.error)

        return left

    fits = []
    for name, free in (("linear", (0,)), ("Amdahl", (0, 1)), ("USL", (0, 1, 2))):
        begin = np.array([np.log(start.gamma), max(start.alpha, 1e-3), max(start.beta, 1e-6)])[list(free)]
        low, high = np.array([-np.inf, 0.0, 0.0])[list(free)], np.array([np.inf, 1.0, np.inf])[list(free)]
        values, slopes = solved(left_of(free), begin, low, high)
        full = np.array([np.exp(values[0]), *values[1:], *[0.0] * (3 - len(free))])
        fits.append(Fit(name, 0, full, left_of(free)(values), len(free), slopes))
    return fits


def solved(left: Callable[[Array], Array], start: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Return what makes the squares of ``left`` least within bounds, and the slopes there.

    Gauss–Newton with Marquardt's damping and slopes by difference.
    """
    values, damping = np.clip(start, low, high), 1e-3
    now = left(values)
    slopes = _slopes(left, values, now, high)
    for _ in range(_STEPS):
        normal = slopes.T @ slopes
        step = np.linalg.lstsq(normal + damping * np.diag(np.diag(normal) + 1e-12), -slopes.T @ now)[0]
        moved = np.clip(values + np.asarray(step), low, high)
        after = left(moved)
        if np.sum(after**2) < np.sum(now**2):
            done = np.sum(now**2) - np.sum(after**2) < 1e-7 * np.sum(now**2)
            values, now, damping = moved, after, damping / 5
            slopes = _slopes(left, values, now, high)
            if done:
                break
        else:
            damping *= 6
            if damping > 1e5:
                break
    return values, slopes


def _slopes(left: Callable[[Array], Array], values: Array, now: Array, high: Array) -> Array:
    columns = []
    for index in range(values.size):
        step = max(1e-6, 1e-5 * abs(float(values[index])))
        step = -step if values[index] + step > high[index] else step
        moved = values.copy()
        moved[index] += step
        columns.append((left(moved) - now) / step)
    return np.stack(columns, axis=1)


def waiting_error(rho: Array, requests: Array, waited_share: Array, spread: Array) -> Array:
    """Return the relative error that chance gives the mean response time of open arrivals.

    That of M/M/1 (Daley, 1968), (2 + 5ρ − 4ρ² + ρ³)/(ρ(1 − ρ)²n), times ``spread``, (ca2 + cs2)/2.
    """
    rho = np.clip(rho, 0.01, _BUSIEST)
    wait = (2 + 5 * rho - 4 * rho**2 + rho**3) / (rho * (1 - rho) ** 2) * spread
    return np.asarray(waited_share * np.sqrt(wait / np.maximum(requests, 1)))


def total_error(chance: Array) -> Array:
    """Return the error of points: of chance, and of everything else."""
    return np.sqrt(chance**2 + _FLOOR**2)

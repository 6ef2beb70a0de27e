"""Operational laws: true for any system that loses nothing, whatever the distributions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats
from capplan.capacity.search import Indices


def offered_load(arrival_rate: Floats, service_time_s: Floats) -> Array:
    """Return the load in erlang: servers that are busy on average (Little, 1961)."""
    return np.asarray(arrival_rate, dtype=float) * service_time_s


def utilization(arrival_rate: Floats, service_time_s: Floats, servers: Floats) -> Array:
    """Return the share of the time in which a server is busy: U = X·S / c (Denning and Buzen, 1978).

    Infinite without servers.
    """
    load, c = np.broadcast_arrays(offered_load(arrival_rate, service_time_s), np.asarray(servers, float))
    busy: Array = np.divide(load, c, out=np.full(load.shape, np.inf), where=c > 0)
    return busy


def number_in_system(throughput: Floats, residence_s: Floats) -> Array:
    """Return the mean number present: L = X·W (Little, 1961)."""
    return np.asarray(throughput, dtype=float) * residence_s


class OperationalBounds(NamedTuple):
    """Asymptotic bounds of a closed system; knee is the population at which queueing must begin."""

    throughput: Array
    response_s: Array
    knee: Array


def asymptotic_bounds(population: Floats, demands_s: Array, think_time_s: Floats = 0.0) -> OperationalBounds:
    """Return the highest throughput and the shortest response of a closed system.

    X ≤ min(1/D_max, N/(ΣD + Z)), R ≥ max(ΣD, N·D_max − Z), N* = (ΣD + Z)/D_max (Muntz and Wong, 1974).

    Args:
        population: N, customers that circulate.
        demands_s: visits × service time ÷ servers of each station, along the last axis.
        think_time_s: Z, time between a response and the next request.

    Raises:
        ValueError: no station takes any time.
    """
    if not np.all(np.max(demands_s, axis=-1) > 0):
        raise ValueError("needs a station that takes time")
    total, largest = np.sum(demands_s, axis=-1), np.max(demands_s, axis=-1)
    clients = np.asarray(population, dtype=float)
    return OperationalBounds(
        np.minimum(1.0 / largest, clients / (total + think_time_s)),
        np.maximum(total, clients * largest - think_time_s),
        (total + think_time_s) / largest,
    )


class Stations(NamedTuple):
    """A closed network at its full population; arrays have the stations along their last axis.

    With several classes of customers all but ``utilization`` have the classes along their first. residence_s
    is the time of one visit, number of customers present; utilization the share of its servers that is busy.
    """

    throughput: Array
    response_s: Array
    residence_s: Array
    number: Array
    utilization: Array


def mean_value_analysis(
    population: int | Sequence[int],
    service_times_s: Array,
    visits: Array,
    think_time_s: Floats = 0.0,
    servers: Floats = 1.0,
) -> Stations:
    """Return a closed network exactly, as mean value analysis does (Reiser and Lavenberg, 1980).

    Computed as a product of one factor a station, convolved over populations (Buzen, 1973; Reiser and
    Kobayashi, 1975), which stays stable with several servers a station. X_c = G(N − 1_c)/G(N).

    Args:
        population: N, 1 or more; of each class, where there are several.
        service_times_s: S of a visit, (stations,) or (classes, stations).
        visits: V to each station in one cycle, likewise.
        think_time_s: Z, of each class if it differs.
        servers: of each station.

    Raises:
        ValueError: nobody circulates, nothing takes any time, or there are too many states.
    """
    counts = np.atleast_1d(np.asarray(population, dtype=int))
    if counts.min() < 0 or counts.sum() < 1:
        raise ValueError(f"population must be at least 1, got {population}")
    if np.prod(counts + 1.0) > MOST_POPULATIONS:
        raise ValueError(f"has {np.prod(counts + 1.0):,.0f} populations, more than {MOST_POPULATIONS:,}")
    demands = np.atleast_2d(np.asarray(service_times_s, dtype=float) * visits)
    think = np.broadcast_to(np.asarray(think_time_s, dtype=float), counts.shape)
    if np.any(think + demands.sum(axis=1) <= 0):
        raise ValueError("needs a station that takes time, or a think time")
    c = np.broadcast_to(np.asarray(servers, dtype=float), demands.shape[1:])
    scale = np.maximum((demands / c).max(axis=1), think / np.maximum(counts, 1))
    factors = [_factor(counts, demands[:, k] / scale, c[k]) for k in range(c.size)]
    waiting = _factor(counts, think / scale, np.inf)
    whole = reduce(_convolved, factors, waiting)
    fewer = np.maximum(counts - np.eye(counts.size, dtype=int), 0)
    before = np.where(counts > 0, whole[tuple(fewer.T)], 0.0)
    throughput = before / whole[tuple(counts)] / scale
    index = np.indices(whole.shape)
    number = np.empty(demands.shape)
    for k, factor in enumerate(factors):
        others = reduce(_convolved, factors[:k] + factors[k + 1 :], waiting)
        joint = factor * np.flip(others)
        number[:, k] = (index * joint).reshape(counts.size, -1).sum(axis=1) / joint.sum()
    passing = throughput[:, None] * np.broadcast_to(np.atleast_2d(visits), demands.shape)
    response = np.divide(number.sum(axis=1), throughput, out=np.zeros(counts.size), where=throughput > 0)
    residence = np.divide(number, passing, out=np.zeros(demands.shape), where=passing > 0)
    busy = (throughput @ demands) / c
    if np.ndim(population):
        return Stations(throughput, response, residence, number, busy)
    return Stations(throughput[0], response[0], residence[0], number[0], busy)


MOST_POPULATIONS = 20_000


def _factor(counts: Indices, demands: Array, servers: float) -> Array:
    """Return what a station is for each population in it, relative to the largest, (N₁ + 1, …).

    n!/Πn_c! · ΠD_c^n_c ÷ Π_{i ≤ n} min(i, servers).
    """
    index = np.indices(tuple(counts + 1))
    total = index.sum(axis=0)
    steps = np.arange(1.0, counts.sum() + 1)
    log_factorial = np.concatenate(([0.0], np.cumsum(np.log(steps))))
    busy = np.concatenate(([0.0], np.cumsum(np.log(np.minimum(steps, servers)))))
    with np.errstate(divide="ignore"):
        powers = np.where(index > 0, index * np.log(demands).reshape(-1, *[1] * counts.size), 0.0)
    logs = log_factorial[total] - busy[total] + (powers - log_factorial[index]).sum(axis=0)
    factor: Array = np.exp(logs - logs.max())
    return factor


def _convolved(first: Array, second: Array) -> Array:
    """Return the sums over all ways to divide a population in two, relative to the largest."""
    if first.ndim == 1:
        both = np.convolve(first, second)[: first.size]
    else:
        both = np.zeros(first.shape)
        for at in np.ndindex(first.shape):
            rest = tuple(slice(0, size - i) for i, size in zip(at, first.shape, strict=True))
            both[tuple(slice(i, None) for i in at)] += first[at] * second[rest]
    relative: Array = both / both.max()
    return relative

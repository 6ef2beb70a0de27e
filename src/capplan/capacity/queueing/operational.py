"""Operational laws: true for any system that loses nothing, whatever the distributions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats


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
    """A closed network at its full population; arrays have the stations along their one axis.

    residence_s is the time of one visit; utilization the share of the time a station is busy.
    """

    throughput: float
    response_s: float
    residence_s: Array
    number: Array
    utilization: Array


def mean_value_analysis(
    population: int, service_times_s: Array, visits: Array, think_time_s: float = 0.0
) -> Stations:
    """Return a closed network of single-server stations, one class of customers, exactly.

    R_k = D_k·(1 + Q_k), X = n/(Z + ΣR), Q_k = X·R_k, for n = 1 … N (Reiser and Lavenberg, 1980).

    Args:
        population: N, 1 or more.
        service_times_s: S of a visit, (stations,).
        visits: V to each station in one cycle, (stations,).
        think_time_s: Z.

    Raises:
        ValueError: the population is below 1, or nothing takes any time.
    """
    if population < 1:
        raise ValueError(f"population must be at least 1, got {population}")
    demands = np.asarray(service_times_s, dtype=float) * visits
    if think_time_s + demands.sum() <= 0:
        raise ValueError("needs a station that takes time, or a think time")
    number, throughput, residence = np.zeros(demands.shape), 0.0, demands
    for customers in range(1, population + 1):
        residence = demands * (1 + number)
        throughput = customers / (think_time_s + float(residence.sum()))
        number = throughput * residence
    per_visit = np.divide(residence, visits, out=np.zeros_like(residence), where=np.asarray(visits) > 0)
    return Stations(throughput, float(residence.sum()), per_visit, number, throughput * demands)

"""Systems of limited size: full queues that refuse, callers who give up, a fixed number of clients.

All are birth–death processes: p_k is a product of ratios birth ÷ death, added up as logarithms and scaled by
the largest, so that no population overflows. Arguments broadcast; results have their shape. Time and memory
grow with the states, so ValueError for more than :data:`MOST_STATES`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats

MOST_STATES = 10_000_000

_SHORTEST = 1e-200
"""Service times that a think time of 0 stands for: who comes back then still finds the others."""

_SPREADS = 8.0
"""Standard deviations above the mean at which the states of an unlimited system end: below 10⁻¹³ remain."""


class Steady(NamedTuple):
    """A system in its steady state.

    empty: share of the time with nobody present. waits: share of the admitted that find every server busy.
    lost: share of the arrivals refused, or that give up. throughput: completed, 1/s. number, queue: mean
    number present, and waiting. response_s, wait_s: mean times of those that are admitted.
    """

    empty: Array
    waits: Array
    lost: Array
    throughput: Array
    number: Array
    queue: Array
    response_s: Array
    wait_s: Array


def mmck(arrival_rate: Floats, service_time_s: Floats, servers: Floats, capacity: Floats) -> Steady:
    """Return M/M/c/K: ``capacity`` requests fit, in service or waiting, the rest is refused. Exact, any load.

    K = c is Erlang's loss system. ρ ≥ 1 is fine here: what cannot be carried is lost.

    Raises:
        ValueError: the capacity is below the servers, or the servers below 1.
    """
    rate, time, c, size = _columns(arrival_rate, service_time_s, servers, capacity)
    if np.any(size < c) or np.any(c < 1):
        raise ValueError(f"needs capacity >= servers >= 1, got {capacity} and {servers}")
    k = _states(float(size.max()))
    with np.errstate(divide="ignore"):
        log_ratio = np.log(rate * time / np.minimum(k[1:], c))
    p = _steady_state(np.where(k[1:] <= size, log_ratio, -np.inf))
    lost = np.sum(np.where(k == size, p, 0.0), axis=-1)
    admitted = rate[..., 0] * (1 - lost)
    queue = np.sum(np.maximum(k - c, 0) * p, axis=-1)
    number = np.sum(k * p, axis=-1)
    waits = _share(np.sum(np.where((k >= c) & (k < size), p, 0.0), axis=-1), 1 - lost)
    return Steady(
        empty=p[..., 0],
        waits=waits,
        lost=lost,
        throughput=admitted,
        number=number,
        queue=queue,
        response_s=_share(queue, admitted) + time[..., 0],
        wait_s=_share(queue, admitted),
    )


def erlang_a(arrival_rate: Floats, service_time_s: Floats, servers: Floats, patience_s: Floats) -> Steady:
    """Return M/M/c whose waiting requests give up after an exponential ``patience_s`` on average.

    Erlang A (Palm, 1943): birth λ, death min(k, c)/S + max(k − c, 0)/patience. Stable at any load. For a
    fixed timeout an approximation. ``wait_s`` and ``response_s`` are means over all arrivals, also those that
    give up.
    """
    rate, time, c, patience = _columns(arrival_rate, service_time_s, servers, patience_s)
    load, leaving = rate * time, time / patience
    settled = c + np.maximum(load - c, 0) / leaving
    spread = np.sqrt(np.maximum(load, c) / np.minimum(leaving, 1.0))
    span = float(np.max(settled + _SPREADS * spread)) + 60
    k = _states(np.ceil(span) - 1)[1:]
    with np.errstate(divide="ignore"):
        p = _steady_state(np.log(load / (np.minimum(k, c) + np.maximum(k - c, 0) * leaving)))
    k = np.concatenate(([0.0], k))
    queue, number = np.sum(np.maximum(k - c, 0) * p, axis=-1), np.sum(k * p, axis=-1)
    arriving = rate[..., 0]
    lost = _share(queue / patience[..., 0], arriving)
    waits = np.sum(np.where(k >= c, p, 0.0), axis=-1)
    return Steady(
        empty=p[..., 0],
        waits=waits,
        lost=lost,
        throughput=arriving * (1 - lost),
        number=number,
        queue=queue,
        response_s=_share(queue, arriving) + time[..., 0] * (1 - lost),
        wait_s=_share(queue, arriving),
    )


def closed_mmm(clients: Floats, think_time_s: Floats, service_time_s: Floats, servers: Floats) -> Steady:
    """Return a closed M/M/m: each of ``clients`` thinks, asks, and waits for the answer. Exact.

    Birth (N − k)/Z, death min(k, m)/S (the machine repairman; Gross and Harris, 1985). Without think time all
    clients are always present: X = min(N, m)/S.
    """
    n, think, time, m = _columns(clients, think_time_s, service_time_s, servers)
    k = _states(float(n.max()))
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.log(
            np.maximum(n - k[:-1], 0) / np.maximum(think, _SHORTEST * time) * time / np.minimum(k[1:], m)
        )
    p = _steady_state(log_ratio)
    throughput = np.sum(p * np.minimum(k, m), axis=-1) / time[..., 0]
    number, queue = np.sum(k * p, axis=-1), np.sum(np.maximum(k - m, 0) * p, axis=-1)
    arriving = np.maximum(n - k, 0) * p
    return Steady(
        empty=p[..., 0],
        waits=_share(np.sum(np.where(k >= m, arriving, 0.0), axis=-1), np.sum(arriving, axis=-1)),
        lost=np.zeros(throughput.shape),
        throughput=throughput,
        number=number,
        queue=queue,
        response_s=_share(number, throughput),
        wait_s=_share(queue, throughput),
    )


def _states(most: float) -> Array:
    """Return 0 … ``most``."""
    if not most <= MOST_STATES:
        raise ValueError(f"has {most:g} states, more than {MOST_STATES:,}")
    return np.arange(most + 1)


def _columns(*arguments: Floats) -> list[Array]:
    """Return the arguments broadcast, with an axis at the end for the states."""
    return [x[..., None] for x in np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in arguments))]


def _steady_state(log_ratio: Array) -> Array:
    """Return p₀ … p_K of ratios birth(k − 1)/death(k), k = 1 … K, along the last axis."""
    first = np.zeros((*log_ratio.shape[:-1], 1))
    log_p = np.concatenate((first, np.cumsum(log_ratio, axis=-1)), axis=-1)
    p = np.exp(log_p - log_p.max(axis=-1, keepdims=True))
    shares: Array = p / p.sum(axis=-1, keepdims=True)
    return shares


def _share(part: Array, whole: Array) -> Array:
    """Return part ÷ whole, 0 where there is nothing."""
    result: Array = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return result

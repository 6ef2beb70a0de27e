"""Queues simulated request by request, to check the formulas against."""

from __future__ import annotations

import heapq

import numpy as np


def work(cs2: float, count: int, rng: np.random.Generator):
    """Return service times of mean 1: constant, exponential, or lognormal."""
    if cs2 == 0:
        return np.ones(count)
    if cs2 == 1:
        return rng.exponential(1, count)
    sigma = np.sqrt(np.log1p(cs2))
    return np.exp(sigma * rng.standard_normal(count) - sigma**2 / 2)


def first_come_first_served(servers: int, utilization: float, cs2: float, count: int, seed: int):
    """Return the response times of M/G/c, in mean service times."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1 / (servers * utilization), count)).tolist()
    free_at = [0.0] * servers
    response = np.empty(count)
    for i, (arrival, service) in enumerate(zip(arrivals, work(cs2, count, rng).tolist(), strict=True)):
        done = max(arrival, free_at[0]) + service
        heapq.heapreplace(free_at, done)
        response[i] = done - arrival
    return response


def processor_sharing(cores: int, utilization: float, cs2: float, count: int, seed: int):
    """Return the response times of M/G/c-PS: work done per request so far is one common clock."""
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(1 / (cores * utilization), count).tolist()
    present: list[tuple[float, float]] = []
    clock = now = 0.0
    response = []
    for gap, service in zip(gaps, work(cs2, count, rng).tolist(), strict=True):
        arrival = now + gap
        while present:
            speed = min(1.0, cores / len(present))
            leaves = now + (present[0][0] - clock) / speed
            if leaves > arrival:
                clock += (arrival - now) * speed
                break
            now, clock = leaves, present[0][0]
            response.append(now - heapq.heappop(present)[1])
        now = arrival
        heapq.heappush(present, (clock + service, arrival))
    return np.array(response)

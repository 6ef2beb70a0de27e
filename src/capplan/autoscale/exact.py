"""Request by request: what the fluid of the time loop leaves out.

The instances are those that the time loop had ready. Requests come at random moments of their tick, wait in
one queue in order of arrival, and take exponential times; who would wait longer than the timeout leaves.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush, heapreplace
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.autoscale.simulation import Outcome
from capplan.errors import InputError, Problem

MOST_REQUESTS = 20_000_000


class Exact(NamedTuple):
    """Requests by what became of them, and the response times of those served, s; NaN if there are none."""

    served: int
    left: int
    waiting: int
    p50_s: float
    p95_s: float
    p99_s: float


def replay(outcome: Outcome, seed: int) -> Exact:
    """Return what each request of a simulated service meets.

    Raises :class:`InputError` if there are too many, or some that come again or are not let in.
    """
    traffic = outcome.subject.simulated.traffic
    if traffic.retries or traffic.limit_rps or traffic.breaker:
        what = "follows only requests that arrive once and are all admitted"
        raise InputError(Problem("--exact", what, "Remove --rate-limit, and use --retries 0 --breaker 0."))
    total = float(outcome.series.arrivals.sum())
    if total > MOST_REQUESTS:
        what = (
            f"{outcome.subject.name} gets {total:,.0f} requests; at most {MOST_REQUESTS:,} can be simulated"
        )
        raise InputError(Problem("--exact", what, "Simulate fewer --days."))
    places, mean_s = _places(outcome)
    generator = np.random.Generator(np.random.PCG64([seed, 1]))
    tick_s, timeout_s = traffic.tick_s, traffic.timeout_s
    free: list[float] = []
    queue: deque[float] = deque()
    responses: list[float] = []
    left = 0
    ticks = zip(outcome.series.arrivals.tolist(), outcome.series.ready.tolist(), strict=True)
    for tick, (arrivals, ready) in enumerate(ticks):
        begins = tick * tick_s
        _resize(free, int(ready) * places, begins)
        queue.extend((begins + np.sort(generator.random(round(arrivals))) * tick_s).tolist())
        times = generator.exponential(mean_s, len(queue)).tolist()
        left += _serve(queue, free, times, begins + tick_s, timeout_s, responses)
    p50_s, p95_s, p99_s = _percentiles(np.array(responses))
    return Exact(len(responses), left, len(queue), p50_s, p95_s, p99_s)


def _places(outcome: Outcome) -> tuple[int, float]:
    """Return how many requests an instance takes at once, and the mean time of one, as its rate allows."""
    rate, time_s = outcome.subject.simulated.traffic.rate_rps, outcome.subject.simulated.use.service_time_s
    places = max(round(rate * time_s), 1)
    return places, places / rate


def _resize(free: list[float], places: int, now_s: float) -> None:
    """Add places that are free from now on, or take away those that are free first."""
    while len(free) < places:
        heappush(free, now_s)
    while len(free) > places:
        heappop(free)


def _serve(
    queue: deque[float],
    free: list[float],
    times: list[float],
    until_s: float,
    timeout_s: float,
    responses: list[float],
) -> int:
    """Begin what can begin before ``until_s``, and return how many left instead."""
    left = 0
    while queue and free:
        begins = max(queue[0], free[0])
        if begins >= until_s:
            break
        came = queue.popleft()
        if begins - came > timeout_s:
            left += 1
            continue
        ends = begins + times.pop()
        heapreplace(free, ends)
        responses.append(ends - came)
    return left


def _percentiles(responses: Array) -> tuple[float, float, float]:
    if not responses.size:
        return np.nan, np.nan, np.nan
    p50_s, p95_s, p99_s = np.percentile(responses, [50, 95, 99]).tolist()
    return p50_s, p95_s, p99_s

"""Requests in one tick: who is let in, who is served, who waits, who gives up and comes back.

Requests are a fluid, so parts of one are served. What fails may be tried again a tick later; with retries,
a request whose client has given up still takes its turn, which is what makes a retry storm last.
"""

from __future__ import annotations

from typing import NamedTuple

from capplan.autoscale.compiled import Reals, compiled, reals


class Traffic(NamedTuple):
    """How a service meets its load.

    rate_rps: what one ready instance serves by its request. timeout_s: longest wait in the queue.
    retries: how often a client tries again. limit_rps: of a rate limiter, 0 without one; limit_shares of it
    are let in by load tier: below and between the limit_edges, shares of what the ready instances serve.
    breaker: share of failures in a tick that opens a circuit breaker, 0 without one.
    """

    tick_s: float
    rate_rps: float
    timeout_s: float
    retries: int
    limit_rps: float
    limit_shares: Reals
    limit_edges: Reals
    breaker: float
    breaker_open_s: float


class Burst(NamedTuple):
    """What pods may use beyond their request: up to their limit, where their node has CPU to spare.

    limit_milli, node_milli: of a pod and of a node that has room for per_node pods, which fill it one after
    another and share it. rps_per_milli: what a millicore serves. most_rps: what else limits a pod. A limit of
    0 is none that anybody set.
    """

    limit_milli: float = 0.0
    node_milli: float = 0.0
    per_node: int = 1
    rps_per_milli: float = 0.0
    most_rps: float = 0.0


@compiled
def rate_of(burst: Burst, rate_rps: float, ready: int) -> float:
    """Return what each of the ``ready`` pods serves on average, at least ``rate_rps`` by its request."""
    if burst.limit_milli <= 0.0 or ready == 0:
        return rate_rps
    in_full = ready // burst.per_node * burst.per_node
    rest = ready - in_full
    milli = in_full * min(burst.limit_milli, burst.node_milli / burst.per_node)
    milli += min(rest * burst.limit_milli, burst.node_milli)
    return max(min(milli / ready * burst.rps_per_milli, burst.most_rps), rate_rps)


class Waiting(NamedTuple):
    """What the last ticks left: queues, retries by attempt, and when the breaker closes.

    queues: requests whose clients wait, and those whose clients gave up.
    """

    queues: Reals
    attempts: Reals
    closes_s: Reals


class Tick(NamedTuple):
    """Requests of one tick: served in time, given up for good, all work done, mean wait in s."""

    served: float
    shed: float
    worked: float
    wait_s: float


def waiting(traffic: Traffic) -> Waiting:
    """Return empty queues."""
    return Waiting(reals(2), reals(traffic.retries + 2), reals([-1.0]))


@compiled
def flow(traffic: Traffic, left: Waiting, ready: int, rate_rps: float, fresh: float, now_s: float) -> Tick:
    """Return what happens to ``fresh`` arrivals and to what waited, and leave the rest waiting.

    Each of the ``ready`` instances serves ``rate_rps``.
    """
    left.attempts[0] = fresh
    offered = 0.0
    for count in left.attempts:
        offered += count
    rate = ready * rate_rps
    let_in = _let_in(traffic, left, offered, rate, now_s)
    before = left.queues[0] + left.queues[1]
    served, worked = _serve(left, let_in, rate * traffic.tick_s)
    late = _give_up(traffic, left, max(rate, rate_rps))
    failed = offered - let_in + late
    shed = _try_again(traffic, left, offered, failed)
    if traffic.breaker > 0.0 and failed > traffic.breaker * offered and left.closes_s[0] <= now_s:
        left.closes_s[0] = now_s + traffic.breaker_open_s
    behind = (before + left.queues[0] + left.queues[1]) / 2
    return Tick(served, shed, worked, behind / rate if rate > 0 else min(behind * 1e9, traffic.timeout_s))


@compiled
def _let_in(traffic: Traffic, left: Waiting, offered: float, rate: float, now_s: float) -> float:
    """Return the requests that breaker and limiter let pass; an open breaker lets none."""
    if left.closes_s[0] > now_s:
        return 0.0
    if traffic.limit_rps <= 0.0:
        return offered
    load = offered / max(rate * traffic.tick_s, 1e-9)
    tier = 0
    for edge in traffic.limit_edges:
        tier += load >= edge
    return min(offered, traffic.limit_rps * traffic.limit_shares[tier] * traffic.tick_s)


@compiled
def _serve(left: Waiting, let_in: float, most: float) -> tuple[float, float]:
    """Serve both queues in proportion, and return what clients got, and all that was done."""
    left.queues[0] += let_in
    total = left.queues[0] + left.queues[1]
    worked = min(total, most)
    share = worked / total if total > 0 else 0.0
    served = left.queues[0] * share
    left.queues[0] -= served
    left.queues[1] -= left.queues[1] * share
    return served, worked


@compiled
def _give_up(traffic: Traffic, left: Waiting, rate: float) -> float:
    """Return the requests that would wait longer than the timeout; with retries they stay as dead weight."""
    room = traffic.timeout_s * rate
    late = max(left.queues[0] - max(room - left.queues[1], 0.0), 0.0)
    left.queues[0] -= late
    if traffic.retries > 0:
        left.queues[1] = min(left.queues[1] + late, room)
    return late


@compiled
def _try_again(traffic: Traffic, left: Waiting, offered: float, failed: float) -> float:
    """Put failed requests up for another attempt, and return those that had their last."""
    share = min(failed / offered, 1.0) if offered > 0 else 0.0
    shed = failed - share * offered
    for attempt in range(traffic.retries, -1, -1):
        again = left.attempts[attempt] * share
        if attempt == traffic.retries:
            shed += again
        left.attempts[attempt + 1] = again
    left.attempts[traffic.retries + 1] = 0.0
    left.attempts[0] = 0.0
    return shed

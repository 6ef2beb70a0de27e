"""The inverse questions: how many servers keep a promise, and what load a number of servers carries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from capplan.arrays import Array, Floats
from capplan.capacity.queueing.erlang import blocking, search_step, waiting_share
from capplan.capacity.queueing.general import law_of, service_percentile, survival
from capplan.capacity.queueing.sharing import sharing_law, sharing_percentile
from capplan.capacity.search import Flags, Indices, chosen, fewest, highest

_TAIL = 0.9

NOISE = 1e-12
"""Relative error that a share is forgiven."""

_HARDLY_ANY = 1e-6
_WITH_ROOM = 1.0005
"""So much above its percentile a service time is exceeded by fewer, by more than hardly any that wait."""


def servers_for_wait(
    arrival_rate: Floats,
    service_time_s: Floats,
    wait_s: Floats,
    within: Floats,
    max_utilization: Floats = 1.0,
) -> Array:
    """Return the fewest servers of M/M/c that start ``within`` of the requests in ``wait_s``.

    Args:
        arrival_rate: 1/s.
        service_time_s: mean, above 0.
        wait_s: longest wait that keeps the promise.
        within: share of the requests that it is promised to, below 1.
        max_utilization: share of the time that a server may be busy.
    """
    shape, (rate, time, wait, share, cap) = _flat(
        arrival_rate, service_time_s, wait_s, within, max_utilization
    )
    load = rate * time

    def enough(index: Indices, servers: Array) -> Flags:
        a = load[index]
        late = _waits(servers, a) * np.exp(-np.maximum(servers - a, 0.0) * (wait[index] / time[index]))
        kept: Flags = (a < servers) & (late <= (1 - share[index]) * (1 + NOISE))
        return kept

    return fewest(_least(load, cap), search_step(load), enough).reshape(shape)


def servers_for_response(
    share: Floats,
    response_s: Floats,
    arrival_rate: Floats,
    service_time_s: Floats,
    cs2: Floats = 1.0,
    ca2: Floats = 1.0,
) -> Array:
    """Return the fewest servers of G/G/c that answer ``share`` of the requests in ``response_s``.

    None where nothing arrives; infinite where no number does: the percentile of the service alone is above
    the promise. Its error is that of :func:`~capplan.capacity.queueing.general.ggc_response_percentile`. In
    the tail, above p90, work
    that varies more than exponentially is not credited with a lighter tail than exponential work, so more
    variability never needs fewer servers (checked up to cs2 = 8).
    """
    shape, (p, time, load, cs, ca) = _promise(share, response_s, arrival_rate, service_time_s, cs2, ca2)

    def enough(i: Indices, servers: Array) -> Flags:
        return answered_in_time(p[i], time[i], _waits(servers, load[i]), servers, load[i], cs[i], ca[i])

    return _where_possible(possible(p, time, cs), load, enough).reshape(shape)


def cores_for_response(
    share: Floats,
    response_s: Floats,
    arrival_rate: Floats,
    service_time_s: Floats,
    cs2: Floats = 1.0,
) -> Array:
    """Return the fewest cores that, shared by all requests, answer ``share`` of them in ``response_s``.

    Infinite where no number does. Its error is that of
    :func:`~capplan.capacity.queueing.sharing.ps_response_percentile`.
    """
    shape, (p, time, load, cs, _) = _promise(share, response_s, arrival_rate, service_time_s, cs2, 1.0)

    def enough(i: Indices, cores: Array) -> Flags:
        return shared_in_time(p[i], time[i], _waits(cores, load[i]), cores, load[i], cs[i])

    bare = sharing_percentile(p, sharing_law(np.zeros(p.shape), np.ones(p.shape), cs))
    return _where_possible(bare <= time * (1 - NOISE), load, enough).reshape(shape)


def rate_for_response(
    share: Floats,
    response_s: Floats,
    service_time_s: Floats,
    servers: Floats,
    cs2: Floats = 1.0,
    ca2: Floats = 1.0,
) -> Array:
    """Return the highest arrival rate, 1/s, at which G/G/c answers ``share`` within ``response_s``.

    0 where not even a single request keeps the promise. Bisection on the same test as
    :func:`servers_for_response`.
    """
    shape, (p, response, time, c, cs, ca) = _flat(share, response_s, service_time_s, servers, cs2, ca2)
    x = response / time

    def kept(i: Indices, load: Array) -> Flags:
        return answered_in_time(p[i], x[i], _waits(c[i], load), c[i], load, cs[i], ca[i])

    rate: Array = np.where(possible(p, x, cs), highest(c, kept) / time, 0.0)
    return rate.reshape(shape)


def answered_in_time(
    share: Array, x: Array, waits: Array, servers: Array, load: Array, cs2: Array, ca2: Array
) -> Flags:
    """Return whether ``share`` of the responses take no longer than ``x`` service times; (n,) or (1,) each.

    Where hardly any request waits and the service alone keeps the promise with room, nothing is integrated.
    """
    kept: Flags = (waits < _HARDLY_ANY * (1 - share)) & (x >= credited_percentile(share, cs2) * _WITH_ROOM)
    (rest,) = np.nonzero(~kept & (load < servers))
    if rest.size:
        columns = (chosen(column, rest) for column in (share, x, waits, servers, load, cs2, ca2))
        kept[rest] = _integrated(*columns)
    return kept


def _integrated(
    share: Array, x: Array, waits: Array, servers: Array, load: Array, cs2: Array, ca2: Array
) -> Flags:
    late = survival(x, law_of(waits, servers, load, cs2, ca2))
    heavy = (cs2 > 1) & (share > _TAIL)
    if heavy.any():
        exponential = law_of(waits, servers, load, np.ones(cs2.shape), ca2)
        late = np.where(heavy, np.maximum(late, survival(x, exponential)), late)
    kept: Flags = late <= (1 - share) * (1 + NOISE)
    return kept


def shared_in_time(share: Array, x: Array, waits: Array, cores: Array, load: Array, cs2: Array) -> Flags:
    """Return whether ``share`` of the responses of shared cores take no longer than ``x`` service times."""
    kept: Flags = sharing_percentile(share, sharing_law(waits, cores - load, cs2)) <= x
    return kept


def _waits(servers: Array, load: Array) -> Array:
    """Return Erlang C of whole servers; all (n,)."""
    return waiting_share(blocking(servers, load), servers, load)


def possible(share: Array, x: Array, cs2: Array) -> Flags:
    """Return whether ``share`` of the services alone take less than ``x`` mean service times."""
    achievable: Flags = np.where(cs2 == 0, x >= 1, credited_percentile(share, cs2) <= x * (1 - 1e-9))
    return achievable


def credited_percentile(share: Array, cs2: Array) -> Array:
    """Return the percentile of the service, in mean service times, that a promise is judged by."""
    bare = service_percentile(share, cs2)
    exponential = service_percentile(share, np.ones(cs2.shape))
    judged: Array = np.where((cs2 > 1) & (share > _TAIL), np.maximum(bare, exponential), bare)
    return judged


def _promise(
    share: Floats, response: Floats, rate: Floats, time: Floats, cs2: Floats, ca2: Floats
) -> tuple[tuple[int, ...], tuple[Array, Array, Array, Array, Array]]:
    """Return the shape, and flat: share, response ÷ service time, offered load, cs2, ca2."""
    shape, (p, t, lam, s, cs, ca) = _flat(share, response, rate, time, cs2, ca2)
    return shape, (p, t / s, lam * s, cs, ca)


def _where_possible(achievable: Flags, load: Array, enough: Callable[[Indices, Array], Flags]) -> Array:
    """Return the fewest servers where the promise can be kept at all, and infinity elsewhere."""
    answer = np.where(load > 0, np.inf, 0.0)
    (those,) = np.nonzero(achievable & (load > 0))

    def enough_of_those(index: Indices, servers: Array) -> Flags:
        return enough(those[index], servers)

    some = load[those]
    answer[those] = fewest(_least(some, np.ones(some.shape)), search_step(some), enough_of_those)
    return answer


def _least(load: Array, max_utilization: Array) -> Array:
    """Return the fewest servers that are stable and not too busy."""
    least: Array = np.maximum(np.floor(load) + 1, np.ceil(load / max_utilization * (1 - NOISE)))
    return least


def _flat(*arguments: Floats) -> tuple[tuple[int, ...], list[Array]]:
    arrays = np.broadcast_arrays(*(np.asarray(argument, dtype=float) for argument in arguments))
    return arrays[0].shape, [array.ravel() for array in arrays]

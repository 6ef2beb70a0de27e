"""How much one replica carries at the promised speed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats
from capplan.llm.fit import Memory, sequences_that_fit
from capplan.llm.lengths import RequestLengths
from capplan.llm.serving import (
    Served,
    first_token,
    highest_rate,
    most_users,
    open_loop,
    request_time,
    residence,
    time_per_token,
)


class TokenPromise(NamedTuple):
    """What users were promised: seconds for each token on average, and to the first in 95 % of requests."""

    tpot_s: Floats = np.inf
    ttft_s: Floats = np.inf


class Carried(NamedTuple):
    """What one replica carries, arrays over configurations or scenarios.

    room: sequences that the KV cache and the engine have room for; 0 where the model does not fit.
    users: those of them at which all is kept; tpot_users, ttft_users: at which one of the promises is. Where
    one user who asks again at once is answered too late, ttft_users is the share of the time at which one may
    run, 0 if none is ever answered in time.
    rate: requests/s of ``users`` without pause, of one user where not even that one keeps the promise; of the
    others likewise by name.
    """

    room: Array
    tpot_users: Array
    ttft_users: Array
    room_rate: Array
    tpot_rate: Array
    ttft_rate: Array

    @property
    def users(self) -> Array:
        """Sequences that run at once when the replica is full."""
        fewest: Array = np.ceil(np.minimum(self.room, np.minimum(self.tpot_users, self.ttft_users)))
        return fewest

    @property
    def rate(self) -> Array:
        """Requests/s that a full replica serves."""
        lowest: Array = np.minimum(self.room_rate, np.minimum(self.tpot_rate, self.ttft_rate))
        return lowest


def carried(served: Served, memory: Memory, max_sequences: Floats, promise: TokenPromise) -> Carried:
    """Return what a replica carries: as many sequences as fit, as keep the TPOT, and as keep the TTFT."""
    room = np.asarray(np.minimum(sequences(served, memory, max_sequences), max_sequences))
    shape = np.broadcast_shapes(*map(np.shape, (room, served.work.layers, *promise)))
    room = np.broadcast_to(room, shape)

    def quick(users: Array) -> NDArray[np.bool_]:
        return np.asarray(time_per_token(served, users) <= promise.tpot_s)

    def prompt(users: Array) -> NDArray[np.bool_]:
        _, late = first_token(served, _rate(served, users), users)
        return np.asarray(late <= promise.ttft_s)

    full = _rate(served, np.maximum(room, 1.0))

    def kept(keeps: Callable[[Array], NDArray[np.bool_]], promised_s: Floats) -> tuple[Array, Array]:
        if np.all(np.isinf(promised_s)):
            return room, full
        users = most_users(keeps, room, shape)
        return users, _rate(served, np.maximum(users, 1.0))

    tpot_users, tpot_rate = kept(quick, promise.tpot_s)
    ttft_users, ttft_rate = kept(prompt, promise.ttft_s)
    rare = (ttft_users < 1) & (room >= 1)
    if np.any(rare):
        alone = _rate(served, np.ones(shape))
        share = _share(served, alone, promise.ttft_s)
        rare &= share > 0
        ttft_users, ttft_rate = np.where(rare, share, ttft_users), np.where(rare, share * alone, ttft_rate)
    return Carried(room, tpot_users, ttft_users, full, tpot_rate, ttft_rate)


def _share(served: Served, alone: Array, ttft_s: Floats) -> Array:
    """Return the share of the time that one sequence may run so that requests by chance are answered in time.

    alone: requests/s of one user who asks again at once.
    """

    def keeps(share: Floats) -> NDArray[np.bool_]:
        return np.asarray(first_token(served, share * alone, share)[1] <= ttft_s)

    return highest_rate(keeps, 1.0, alone)


_SURE = 1.645
"""Standard deviations that 95 % stay below: of the requests that come, so many find room."""


def sequences(served: Served, memory: Memory, most: Floats) -> Array:
    """Return the sequences that the KV cache has room for; 0 if it is too small for too many of the requests.

    Of many lengths, those that run are drawn by how long they do (Little's law for each length): N hold N·m
    on average, with a standard deviation of s·√N, and N is the largest for which N·m + 1.645·s·√N fits.
    """
    if served.lengths is None:
        return np.asarray(sequences_that_fit(memory, one_request(served)))
    size = served.dimensions(memory.room, memory.full_kv)
    inputs, outputs = served.lengths.tokens(served.inputs, served.outputs, size)
    held = np.asarray(memory.sequence(inputs + served.reached.growth * outputs))
    crowd = np.minimum(_running(served.lengths, memory, held, outputs + 1.0), most)
    stay = residence(served, np.maximum(crowd, 1.0))
    found = np.maximum(_running(served.lengths, memory, held, stay), 1.0)
    return np.where(memory.missing(one_request(served)) > 0, 0.0, found)


def _running(lengths: RequestLengths, memory: Memory, held: Array, stay: Array) -> Array:
    """Return how many requests run whose cache of ``held`` bytes each is there for so long, (points, …)."""
    whole = lengths.mean(stay)
    mean = lengths.mean(stay * held) / whole
    spread = np.sqrt(np.maximum(lengths.mean(stay * held**2) / whole - mean**2, 0.0))
    room = np.maximum(memory.sure / memory.ranks, 0.0)
    root = (np.sqrt((_SURE * spread) ** 2 + 4 * mean * room) - _SURE * spread) / (2 * mean)
    return np.asarray(memory.ranks * np.floor(root**2 * (1 + 1e-12)))


def one_request(served: Served) -> Floats:
    """Return the tokens that the KV cache has to hold for a request: the longest that has to be served."""
    usual: Floats = served.inputs + served.reached.growth * served.outputs
    return usual if served.lengths is None else served.lengths.longest(served.inputs, served.outputs)


def _rate(served: Served, users: Floats) -> Array:
    """Return the requests/s of so many users who ask again as soon as they are answered."""
    rate: Array = np.asarray(users / request_time(served, users))
    return rate


class Speed(NamedTuple):
    """What users see at a load: sequences running, TPOT, TTFT (mean and 95th percentile), tokens/s."""

    concurrency: Floats
    tpot_s: Floats
    ttft_s: Floats
    ttft_p95_s: Floats
    tokens_per_s: Floats


def speed_at(served: Served, rate: Floats, room: Floats) -> Speed:
    """Return what users see when ``rate`` requests/s arrive; infinite where the replica cannot keep up."""
    concurrency, tpot = open_loop(served, rate, np.maximum(room, 1.0))
    mean, late = first_token(served, rate, np.minimum(concurrency, np.maximum(room, 1.0)))
    overrun = np.isinf(concurrency)
    return Speed(
        concurrency,
        tpot,
        np.where(overrun, np.inf, mean),
        np.where(overrun, np.inf, late),
        rate * served.outputs,
    )

"""How much one replica carries at the promised speed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats
from capplan.llm.fit import Memory, sequences_that_fit
from capplan.llm.serving import Served, first_token, most_users, open_loop, request_time, time_per_token


class TokenPromise(NamedTuple):
    """What users were promised: seconds for each token on average, and to the first in 95 % of requests."""

    tpot_s: Floats = np.inf
    ttft_s: Floats = np.inf


class Carried(NamedTuple):
    """What one replica carries, arrays over configurations or scenarios.

    room: sequences that the KV cache and the engine have room for; 0 where the model does not fit.
    users: those of them at which all is kept; tpot_users, ttft_users: at which one of the promises is.
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
        fewest: Array = np.minimum(self.room, np.minimum(self.tpot_users, self.ttft_users))
        return fewest

    @property
    def rate(self) -> Array:
        """Requests/s that a full replica serves."""
        lowest: Array = np.minimum(self.room_rate, np.minimum(self.tpot_rate, self.ttft_rate))
        return lowest


def carried(served: Served, memory: Memory, max_sequences: Floats, promise: TokenPromise) -> Carried:
    """Return what a replica carries: as many sequences as fit, as keep the TPOT, and as keep the TTFT."""
    tokens = served.inputs + served.reached.growth * served.outputs
    room = np.asarray(np.minimum(sequences_that_fit(memory, tokens), max_sequences))
    shape = np.broadcast_shapes(*map(np.shape, (room, served.work.layers, *promise)))
    room = np.broadcast_to(room, shape)

    def quick(users: Array) -> NDArray[np.bool_]:
        return np.asarray(time_per_token(served, users) <= promise.tpot_s)

    def prompt(users: Array) -> NDArray[np.bool_]:
        _, late = first_token(served, _rate(served, users), users)
        return np.asarray(late <= promise.ttft_s)

    tpot_users = room if np.all(np.isinf(promise.tpot_s)) else most_users(quick, room, shape)
    ttft_users = room if np.all(np.isinf(promise.ttft_s)) else most_users(prompt, room, shape)
    rates = [_rate(served, np.maximum(users, 1.0)) for users in (room, tpot_users, ttft_users)]
    return Carried(room, tpot_users, ttft_users, *rates)


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

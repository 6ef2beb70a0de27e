"""The models of textbooks by their names in Kendall's notation, and the questions asked backwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats
from capplan.capacity.queueing.erlang import erlang_c
from capplan.capacity.queueing.finite import Steady, closed_mmm, erlang_a, mmck
from capplan.capacity.queueing.general import ggc_response_survival, ggc_wait_survival, kimura_wait
from capplan.capacity.queueing.multiserver import mmc_empty_share
from capplan.capacity.search import Flags, Indices, fewest, highest


class QueueingModel(NamedTuple):
    """A model: what it is, the arguments that it takes, and its steady state from these.

    cs2: that of its service times, where it is not an argument; None also where queues have an end.
    """

    title: str
    takes: tuple[str, ...]
    steady: Callable[..., Steady]
    cs2: float | None = None

    @property
    def loses(self) -> bool:
        """Whether requests are refused or give up."""
        return not self.is_endless and "clients" not in self.takes

    @property
    def is_endless(self) -> bool:
        """Whether its queue has no end, so that percentiles of its times are known."""
        return self.cs2 is not None or "cs2" in self.takes


def ggc(
    arrival_rate: Floats, service_time_s: Floats, servers: Floats = 1.0, cs2: Floats = 1.0, ca2: Floats = 1.0
) -> Steady:
    """Return G/G/c with an endless queue; exact for M/M/c and M/G/1, else as :func:`kimura_wait`.

    At ρ ≥ 1 numbers and times are infinite, and the servers do all they can. ``waits`` and, with several
    servers, ``empty`` are those of M/M/c.
    """
    rate, time, c = (np.asarray(x, dtype=float) for x in (arrival_rate, service_time_s, servers))
    wait = kimura_wait(rate, time, c, cs2, ca2)
    response = wait + time
    return Steady(
        empty=np.where(c == 1, np.maximum(1 - rate * time, 0.0), mmc_empty_share(rate, time, c)),
        waits=erlang_c(c, rate * time),
        lost=np.zeros(wait.shape),
        throughput=np.minimum(rate, c / time),
        number=rate * response,
        queue=rate * wait,
        response_s=response,
        wait_s=wait,
    )


def _mmcc(arrival_rate: Floats, service_time_s: Floats, servers: Floats) -> Steady:
    return mmck(arrival_rate, service_time_s, servers, servers)


_OPEN = ("arrival_rate", "service_time_s")
_SERVED = (*_OPEN, "servers")
MODELS: Mapping[str, QueueingModel] = {
    "M/M/1": QueueingModel("one server, an endless queue", _OPEN, ggc, 1.0),
    "M/M/c": QueueingModel("several servers, an endless queue (Erlang C)", _SERVED, ggc, 1.0),
    "M/M/1/K": QueueingModel(
        "one server, room for K requests", (*_OPEN, "capacity"), partial(mmck, servers=1)
    ),
    "M/M/c/K": QueueingModel("several servers, room for K requests", (*_SERVED, "capacity"), mmck),
    "M/M/c/c": QueueingModel("several servers, nobody waits (Erlang B)", _SERVED, _mmcc),
    "M/M/c//N": QueueingModel(
        "several servers, N clients who think between requests",
        ("clients", "think_time_s", "service_time_s", "servers"),
        closed_mmm,
    ),
    "M/M/c+M": QueueingModel(
        "several servers, impatient requests (Erlang A)", (*_SERVED, "patience_s"), erlang_a
    ),
    "M/D/1": QueueingModel("one server, constant service times", _OPEN, partial(ggc, cs2=0.0), 0.0),
    "M/G/1": QueueingModel("one server, service times of any law", (*_OPEN, "cs2"), ggc),
    "M/D/c": QueueingModel("several servers, constant service times", _SERVED, partial(ggc, cs2=0.0), 0.0),
    "M/G/c": QueueingModel("several servers, service times of any law", (*_SERVED, "cs2"), ggc),
    "G/G/c": QueueingModel("arrivals and service times of any law", (*_SERVED, "cs2", "ca2"), ggc),
}


class Target(NamedTuple):
    """What a queue must keep: the mean wait and response in s, and the share that is lost.

    within: the share of requests that must keep the times instead of the mean, in models without bounds.
    """

    wait_s: float = np.inf
    response_s: float = np.inf
    lost: float = 1.0
    within: float | None = None


def keeps(model: QueueingModel, target: Target, given: Mapping[str, Floats]) -> Flags:
    """Say whether a model keeps a target at these arguments."""
    found = model.steady(**given)
    kept: Flags = found.lost <= target.lost * (1 + _NOISE)
    if target.within is None:
        time = np.asarray(given["service_time_s"])
        kept &= found.wait_s <= target.wait_s * (1 + _NOISE)
        kept &= found.response_s <= target.response_s * (1 + _NOISE)
        # Some always wait in a queue without an end, however little of it a float can hold.
        if model.is_endless:
            kept &= (target.wait_s > 0) & (target.response_s > time)
        return kept
    where = (given["arrival_rate"], given["service_time_s"], given.get("servers", 1.0))
    late = (1 - target.within) * (1 + _NOISE)
    law = (model.cs2 if model.cs2 is not None else given.get("cs2", 1.0), given.get("ca2", 1.0))
    if np.isfinite(target.wait_s):
        kept &= ggc_wait_survival(target.wait_s, *where, *law) <= late
    if np.isfinite(target.response_s):
        kept &= ggc_response_survival(target.response_s, *where, *law) <= late
    return kept


_NOISE = 1e-12
_BEYOND = 1e12


def highest_rate(model: QueueingModel, target: Target, given: Mapping[str, float]) -> float:
    """Return the highest arrival rate, 1/s, at which a target is kept: 0 if at none, infinite if at any."""

    def kept(_: Indices, rate: Array) -> Flags:
        return keeps(model, target, {**given, "arrival_rate": rate})

    bound = np.array([1.0 / given["service_time_s"]])
    while kept(_ONE, bound)[0]:
        bound = bound * 2
        if bound[0] > _BEYOND:
            return np.inf
    return float(highest(bound, kept)[0])


def fewest_servers(model: QueueingModel, target: Target, given: Mapping[str, float]) -> float:
    """Return the fewest servers that keep a target; infinite where no number up to the capacity does.

    Raises ValueError where that takes more servers than are tried.
    """
    many = 2.0**53 if model.is_endless else _MOST_SERVERS
    most = min(given.get("capacity", many), given.get("clients", many))

    def kept(_: Indices, servers: Array) -> Flags:
        if not servers.size:
            return np.zeros(0, dtype=bool)
        return keeps(model, target, {**given, "servers": np.minimum(servers, most)}) | (servers > most)

    found = float(fewest(np.ones(1), np.ones(1), kept)[0])
    if found > most == _MOST_SERVERS:
        raise ValueError(f"keeps that at no number of servers up to {most:,.0f}, and more are not tried")
    return found if found <= most else np.inf


_ONE = np.zeros(1, dtype=np.intp)
_MOST_SERVERS = 1e6
"""Where each number of requests present is a state."""

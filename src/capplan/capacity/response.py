"""Response time of a group of equal instances, and how many instances keep a promised one.

All instances serve one queue, as behind a balancer that prefers the least busy; one that spreads at random
does worse. Values broadcast over (scenarios | 1, hours); times in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats, hourly_max, per_scenario
from capplan.capacity.queueing.erlang import blocking, waiting_share
from capplan.capacity.queueing.general import response_percentiles, service_percentile
from capplan.capacity.queueing.sharing import sharing_law, sharing_percentile
from capplan.capacity.search import Flags

SHARES = (0.50, 0.95, 0.99)
"""The shares of requests whose response times are reported: p50, p95, p99."""

LITTLE_WAITING = 1.001
"""A promise less than this above what the work alone takes counts as one that no number keeps."""


class Station(NamedTuple):
    """Where requests of one instance compete: for places in it, served in order, or for cores, shared.

    servers: places or cores of an instance; a part of a core serves one request, but slower.
    service_time_s: mean time at the station; delay_s is spent elsewhere, without competing.
    cs2, ca2: squared coefficients of variation of service times and of times between arrivals; the latter
    has no known part in shared cores.
    """

    servers: Floats
    service_time_s: Floats
    delay_s: Floats = 0.0
    cs2: Floats = 1.0
    ca2: Floats = 1.0
    shared: bool = False

    def bare(self, share: float) -> Array:
        """Return the response time that ``share`` of the requests do not exceed when nothing waits."""
        return self.delay_s + self.bare_percentile(share, service_percentile) * self.time()

    def percentiles(self, shares: Sequence[float], rps: Array, instances: Array) -> list[Array]:
        """Return the response time that each of the ``shares`` of the requests does not exceed."""
        time = self.time()
        columns = (servers_of(np.maximum(instances, 1.0), self.places()), rps * time, self.cs2, self.ca2)
        shape = np.broadcast_shapes(*(np.shape(column) for column in columns))
        servers, load = (np.broadcast_to(column, shape).ravel() for column in columns[:2])
        cs2, ca2 = (flat_column(column, shape) for column in columns[2:])
        waits = waiting_share(blocking(servers, load), servers, load)
        if self.shared:
            law = sharing_law(waits, servers - load, cs2)
            found = [sharing_percentile(np.array(share), law) for share in shares]
        else:
            found = response_percentiles(shares, waits, servers, load, cs2, ca2)
        return [self.delay_s + values.reshape(shape) * time for values in found]

    def each(self, change: Callable[[Floats], Floats]) -> Station:
        """Return the station with every number changed."""
        return Station(
            servers=change(self.servers),
            service_time_s=change(self.service_time_s),
            delay_s=change(self.delay_s),
            cs2=change(self.cs2),
            ca2=change(self.ca2),
            shared=self.shared,
        )

    def bare_percentile(self, share: float, of_service: Callable[[Array, Array], Array]) -> Array:
        """Return the percentile without any waiting, in service times."""
        cs2 = np.asarray(self.cs2, dtype=float)
        if self.shared:
            return sharing_percentile(np.array(share), sharing_law(np.array(0.0), np.array(1.0), cs2))
        return of_service(np.full(cs2.shape, share), cs2)

    def places(self) -> Array:
        """Return the requests that an instance serves at once, 1 or more."""
        places: Array = np.maximum(np.asarray(self.servers, dtype=float), 1.0)
        return places

    def time(self) -> Array:
        """Return the mean service time, seconds."""
        return np.asarray(self.service_time_s / np.minimum(self.servers, 1.0), dtype=float)


class Promise(NamedTuple):
    """A response-time objective: for each share of requests the time it is promised.

    Of several stations the slowest decides, as they slow down the same requests.
    """

    targets: Mapping[float, Floats]
    stations: Sequence[Station]

    def percentiles(self, shares: Sequence[float], rps: Array, instances: Array) -> list[Array]:
        """Return the response time that each of the ``shares`` of the requests does not exceed."""
        times = (station.percentiles(shares, rps, instances) for station in self.stations)
        return [reduce(np.maximum, of_share) for of_share in zip(*times, strict=True)]

    def percentile(self, share: float, rps: Array, instances: Array) -> Array:
        """Return the response time that ``share`` of the requests do not exceed; infinite when overloaded."""
        return by_distinct_hours(lambda *hours: self.percentiles([share], *hours)[0], rps, instances)

    def bare(self, share: float) -> Array:
        """Return the response time that ``share`` of the requests do not exceed when nothing waits."""
        return reduce(np.maximum, (station.bare(share) for station in self.stations))

    def values(self) -> Iterator[Floats]:
        """Yield every number of the promise and its stations."""
        yield from self.targets.values()
        for station in self.stations:
            yield from station[:-1]

    def each(self, change: Callable[[Floats], Floats]) -> Promise:
        """Return the promise with every number changed."""
        targets = {share: change(target) for share, target in self.targets.items()}
        return Promise(targets, tuple(station.each(change) for station in self.stations))

    def instances(self, rps: Array) -> Array:
        """Return the fewest instances that keep the promise, (scenarios | 1, hours)."""
        from capplan.capacity.promised import instances_for

        return instances_for(self, rps)

    def rate(self, instances: Array) -> Array:
        """Return the highest load for which :meth:`instances` asks for no more than ``instances``."""
        from capplan.capacity.promised import highest_rates

        return highest_rates(self, instances)


@dataclass(frozen=True, eq=False, repr=False)
class ResponseTimes:
    """The response times of a component, hour by hour.

    rps and running: load and instances, (scenarios | 1, hours). peak_running: in the busiest hour.
    peak_needed: what would keep the promise there, and all else that is asked for.
    """

    promise: Promise
    rps: Array
    running: Array
    peak_running: Array
    peak_needed: Array

    def at_peak(self, share: float) -> Array:
        """Return the response time of ``share`` in the busiest hour, (scenarios | 1, 1)."""
        return self._at_peak[share]

    @cached_property
    def _at_peak(self) -> dict[float, Array]:
        shares = sorted({*SHARES, *self.promise.targets})
        times = self.promise.percentiles(shares, hourly_max(self.rps), self.peak_running)
        return dict(zip(shares, times, strict=True))

    def missed(self) -> NDArray[np.bool_]:
        """Say in which scenarios a promise is broken in the busiest hour, (scenarios | 1, 1).

        A thousandth over it is not: so much is left where only endlessly many instances would keep it.
        """
        late = (
            self.at_peak(share) > per_scenario(target) * LITTLE_WAITING
            for share, target in self.promise.targets.items()
        )
        return np.asarray(np.logical_or.reduce(np.broadcast_arrays(*late)))

    def by_hour(self, share: float) -> Array:
        """Return the response time of ``share`` in every hour, (scenarios | 1, hours)."""
        return self.promise.percentile(share, self.rps, self.running)


def flat_column(value: Floats | Flags, shape: tuple[int, ...]) -> Array:
    """Return the value as a column (n,) of the flattened ``shape``; (1,) where it is the same for all."""
    array = np.asarray(value, dtype=float)
    return array.reshape(1) if array.size == 1 else np.broadcast_to(array, shape).ravel()


def servers_of(instances: Array, places: Array) -> Array:
    """Return the whole places of so many instances; float noise of a thousand-millionth is forgiven."""
    servers: Array = np.floor(instances * places * (1 + 1e-9))
    return servers


def by_distinct_hours(function: Callable[..., Array], *arrays: Array) -> Array:
    """Return ``function`` of the ``arrays``, worked out once for hours that are alike in all of them.

    A week of a profile has few different hours. They are found in the first scenario and checked in all.
    """
    wide = np.broadcast_arrays(*(array[:1] for array in arrays))
    _, first, hour = np.unique(np.concatenate(wide), axis=1, return_index=True, return_inverse=True)
    hour = hour.ravel()
    if first.size == hour.size:
        return function(*arrays)
    distinct = [array if array.shape[1] == 1 else array[:, first] for array in arrays]
    same = (
        array.shape[1] == 1 or np.array_equal(part[:, hour], array)
        for array, part in zip(arrays, distinct, strict=True)
    )
    return function(*distinct)[:, hour] if all(same) else function(*arrays)

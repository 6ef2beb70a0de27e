"""Response time of a group of equal instances, and how many instances keep a promised one.

All instances serve one queue, as behind a balancer that prefers the least busy; one that spreads at random
does worse. Values broadcast over (scenarios | 1, hours); times in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats, ceil_count, hourly_max, per_scenario
from capplan.capacity.queueing import (
    cores_for_response,
    ggc_response_percentile,
    ps_response_percentile,
    servers_for_response,
    servers_for_wait,
)
from capplan.capacity.queueing.general import service_percentile
from capplan.capacity.queueing.staffing import credited_percentile

SHARES = (0.50, 0.95, 0.99)
"""The shares of requests whose response times are reported: p50, p95, p99."""

_LITTLE_WAITING = 1.001
"""A promise less than this above what the work alone takes counts as one that no number keeps."""

_NEXT_TO_NO_WAITS = 1e-7
"""Share of the requests that may wait where a promise cannot be kept, however variable the work.

This takes more servers than any promise that can be kept, so that a tighter one never needs fewer.
"""

_BISECTIONS = 50


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
        return self.delay_s + self._bare(share, service_percentile) * self._time()

    def percentile(self, share: float, rps: Array, instances: Array) -> Array:
        """Return the response time that ``share`` of the requests do not exceed; infinite when overloaded."""
        servers = np.floor(np.maximum(instances, 1.0) * self._places() + 1e-9)
        if self.shared:
            time = ps_response_percentile(share, rps, self._time(), servers, self.cs2)
        else:
            time = ggc_response_percentile(share, rps, self._time(), servers, self.cs2, self.ca2)
        return self.delay_s + time

    def instances(self, share: float, response_s: Floats, rps: Array) -> Array:
        """Return the fewest instances that answer ``share`` of the requests in ``response_s``, or nearly."""
        shortest = self._bare(share, credited_percentile) * self._time() * _LITTLE_WAITING
        at_station = np.maximum(response_s - self.delay_s, shortest)
        if self.shared:
            servers = cores_for_response(share, at_station, rps, self._time(), self.cs2)
        else:
            servers = servers_for_response(share, at_station, rps, self._time(), self.cs2, self.ca2)
        beyond = response_s - self.delay_s < shortest
        if np.any(beyond):
            unhindered = servers_for_wait(rps, self._time(), 0.0, 1 - _NEXT_TO_NO_WAITS)
            servers = np.where(beyond & (rps > 0), np.maximum(unhindered, servers), servers)
        return ceil_count(servers / self._places())

    def _bare(self, share: float, of_service: Callable[[Array, Array], Array]) -> Array:
        """Return the percentile without any waiting, in service times."""
        if self.shared:
            return ps_response_percentile(share, 0.0, 1.0, 1.0, self.cs2)
        cs2 = np.asarray(self.cs2, dtype=float)
        return of_service(np.full(cs2.shape, share), cs2)

    def _places(self) -> Array:
        return np.maximum(self.servers, 1.0)

    def _time(self) -> Array:
        return np.asarray(self.service_time_s / np.minimum(self.servers, 1.0), dtype=float)


class Promise(NamedTuple):
    """A response-time objective: for each share of requests the time it is promised.

    Of several stations the slowest decides, as they slow down the same requests.
    """

    targets: Mapping[float, Floats]
    stations: Sequence[Station]

    def percentile(self, share: float, rps: Array, instances: Array) -> Array:
        """Return the response time that ``share`` of the requests do not exceed."""

        def slowest(rps: Array, instances: Array) -> Array:
            times = [station.percentile(share, rps, instances) for station in self.stations]
            return np.asarray(np.max(np.broadcast_arrays(*times), axis=0))

        return _by_distinct_hours(slowest, rps, instances)

    def bare(self, share: float) -> Array:
        """Return the response time that ``share`` of the requests do not exceed when nothing waits."""
        return np.asarray(np.max(np.broadcast_arrays(*(s.bare(share) for s in self.stations)), axis=0))

    def instances(self, rps: Array) -> Array:
        """Return the fewest instances that keep the promise, (scenarios | 1, hours)."""
        return _by_distinct_hours(self._instances, rps)

    def _instances(self, rps: Array) -> Array:
        needed = [
            station.instances(share, target, rps)
            for station in self.stations
            for share, target in self.targets.items()
        ]
        return np.asarray(np.max(np.broadcast_arrays(*needed), axis=0))

    def rate(self, instances: Array) -> Array:
        """Return the highest load for which :meth:`instances` asks for no more than ``instances``."""
        fastest = [station.service_time_s / np.maximum(station.servers, 1e-300) for station in self.stations]
        high = np.asarray(instances / np.max(np.broadcast_arrays(*fastest), axis=0))
        low = np.zeros(high.shape)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            kept = self._instances(middle) <= instances
            low, high = np.where(kept, middle, low), np.where(kept, high, middle)
        return low


class ResponseTimes(NamedTuple):
    """The response times of a component, hour by hour.

    rps and running: load and instances, (scenarios | 1, hours). peak_running: in the busiest hour.
    """

    promise: Promise
    rps: Array
    running: Array
    peak_running: Array

    def at_peak(self, share: float) -> Array:
        """Return the response time of ``share`` in the busiest hour, (scenarios | 1, 1)."""
        return self.promise.percentile(share, hourly_max(self.rps), self.peak_running)

    def missed(self) -> NDArray[np.bool_]:
        """Say in which scenarios a promise is broken in the busiest hour, (scenarios | 1, 1).

        A thousandth over it is not: so much is left where only endlessly many instances would keep it.
        """
        late = (
            self.at_peak(share) > per_scenario(target) * _LITTLE_WAITING
            for share, target in self.promise.targets.items()
        )
        return np.asarray(np.logical_or.reduce(np.broadcast_arrays(*late)))

    def by_hour(self, share: float) -> Array:
        """Return the response time of ``share`` in every hour, (scenarios | 1, hours)."""
        return self.promise.percentile(share, self.rps, self.running)


def _by_distinct_hours(function: Callable[..., Array], *arrays: Array) -> Array:
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

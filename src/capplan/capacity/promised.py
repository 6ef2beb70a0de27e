"""How many instances keep a promised response time, and what load so many keep it at.

One test says whether instances keep the promise at a load (:meth:`_Terms.kept`); all else searches with it.
The count is a step function of the load. Where nothing but the load varies, the load that a count just
carries is found once for each count that occurs, to the last bit, and looked up from then on.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats, ceil_count, hourly_max, per_scenario
from capplan.capacity.queueing.erlang import blocking, search_step, waiting_share
from capplan.capacity.queueing.staffing import (
    NOISE,
    answered_in_time,
    credited_percentile,
    shared_in_time,
)
from capplan.capacity.response import (
    LITTLE_WAITING,
    Promise,
    Station,
    by_distinct_hours,
    flat_column,
    servers_of,
)
from capplan.capacity.search import Flags, Indices, chosen, fewest, highest

_NEXT_TO_NO_WAITS = 1e-7
"""Share of the requests that may wait where a promise cannot be kept, however variable the work.

This takes more servers than any promise that can be kept, so that a tighter one never needs fewer.
"""

_WORTH_A_LIMIT = 256
"""Loads for each unknown limit from which a table is found sooner than an answer for each load."""


class _Terms(NamedTuple):
    """What one station must do for one target; all columns are (n,), or (1,) where nothing varies.

    x: promised time in service times, at least as long as the work alone. hopeless: the promise is shorter.
    """

    shared: bool
    share: Array
    x: Array
    time: Array
    places: Array
    cs2: Array
    ca2: Array
    hopeless: Array

    def of(self, index: Indices) -> _Terms:
        """Return the terms of some of the rows."""
        return _Terms._make((self.shared, *(chosen(column, index) for column in self[1:])))

    def least(self, rps: Array) -> Array:
        """Return the fewest instances that are not overloaded; (n,)."""
        return ceil_count((np.floor(rps * self.time) + 1) / self.places)

    def saturation(self, instances: Array) -> Array:
        """Return a load at which so many instances are overloaded; (n,)."""
        full: Array = servers_of(instances, self.places) / self.time
        return full * (1 + NOISE)

    def kept(self, rps: Array, instances: Array) -> Flags:
        """Return whether so many instances do it at a load; (n,)."""
        load, servers = np.broadcast_arrays(rps * self.time, servers_of(instances, self.places))
        waits = waiting_share(blocking(servers, load), servers, load)
        if self.shared:
            kept = shared_in_time(self.share, self.x, waits, servers, load, self.cs2)
        else:
            kept = answered_in_time(self.share, self.x, waits, servers, load, self.cs2, self.ca2)
        if self.hopeless.any():
            kept &= ~(self.hopeless > 0) | (waits <= _NEXT_TO_NO_WAITS * (1 + NOISE))
        return kept


def instances_for(promise: Promise, rps: Array) -> Array:
    """Return the fewest instances that keep the promise, (scenarios | 1, hours)."""
    fixed = _fixed(promise)
    if fixed is not None:
        return fixed.counts(rps)
    return by_distinct_hours(lambda distinct: _between_ends(promise, distinct), rps)


def highest_rates(promise: Promise, instances: Array) -> Array:
    """Return the highest load at which so many instances keep the promise; 0 for none."""
    shape = np.broadcast_shapes(instances.shape, *(np.shape(value) for value in promise.values()))
    counts = np.broadcast_to(instances, shape).ravel()
    terms = list(_terms(promise, shape))
    some = np.nonzero(counts > 0)[0]
    full = [each.of(some).saturation(counts[some]) for each in terms]

    def kept(index: Indices, rps: Array) -> Flags:
        rows = some[index]
        return _all_kept(terms, rows, rps, counts[rows])

    rates = np.zeros(counts.shape)
    rates[some] = highest(reduce(np.minimum, full), kept)
    return rates.reshape(shape)


def _all_kept(terms: list[_Terms], rows: Indices, rps: Array, instances: Array) -> Flags:
    answers: Flags = np.ones(rows.shape, dtype=bool)
    for each in terms:
        answers &= each.of(rows).kept(rps, instances)
    return answers


def _between_ends(promise: Promise, rps: Array) -> Array:
    """Return the fewest instances; of scenarios whose quietest and busiest hours need as many, only those."""
    if rps.shape[1] <= 2:
        return _searched(promise, rps)
    busiest = hourly_max(rps)
    quietest = np.min(np.where(rps > 0, rps, busiest), axis=1, keepdims=True)
    most, fewest_ = _searched(promise, busiest), _searched(promise, quietest)
    counts: Array = np.where(rps > 0, most, 0.0)
    (rows,) = np.nonzero((fewest_ < most)[:, 0])
    if rows.size:
        loads = rps if rps.shape[0] == 1 else rps[rows]
        counts[rows] = _searched(_of_scenarios(promise, rows), loads)
    return counts


def _searched(promise: Promise, rps: Array) -> Array:
    """Return the fewest instances for each load on its own."""
    shape = np.broadcast_shapes(rps.shape, *(np.shape(value) for value in promise.values()))
    rates = np.broadcast_to(rps, shape).ravel()
    some = np.nonzero(rates > 0)[0]
    loads, counts = rates[some], np.ones(some.size)
    for terms in _terms(promise, shape):
        at = terms.of(some)

        def enough(index: Indices, instances: Array, at: _Terms = at) -> Flags:
            return at.of(index).kept(loads[index], instances)

        step = search_step(loads * at.time) / at.places
        counts = fewest(np.maximum(counts, at.least(loads)), np.floor(step), enough)
    answer = np.zeros(rates.shape)
    answer[some] = counts
    return answer.reshape(shape)


def _terms(promise: Promise, shape: tuple[int, ...]) -> Iterator[_Terms]:
    """Yield what each station must do for each target, as columns of the flattened ``shape``."""
    for station in promise.stations:
        for share, target in promise.targets.items():
            yield _of_station(station, share, target, shape)


def _of_station(station: Station, share: float, target: Floats, shape: tuple[int, ...]) -> _Terms:
    time = station.time()
    shortest = station.bare_percentile(share, credited_percentile) * time * LITTLE_WAITING
    left = np.asarray(target - station.delay_s, dtype=float)
    values = {
        "share": share,
        "x": np.maximum(left, shortest) / time,
        "time": time,
        "places": station.places(),
        "cs2": station.cs2,
        "ca2": station.ca2,
        "hopeless": left < shortest,
    }
    return _Terms(
        shared=station.shared, **{name: flat_column(value, shape) for name, value in values.items()}
    )


def _of_scenarios(promise: Promise, rows: NDArray[np.intp]) -> Promise:
    """Return the promise of some scenarios."""

    def part(value: Floats) -> Floats:
        column = per_scenario(value)
        return column if column.shape[0] == 1 else column[rows]

    return promise.each(part)


class _Limits(NamedTuple):
    """The loads that counts just carry: ``rates[i]`` is the highest of ``first + i`` instances."""

    first: float
    rates: Array


class _Fixed:
    """A promise of which nothing varies, with the limits found so far."""

    def __init__(self, promise: Promise) -> None:
        self._promise = promise
        self._limits = _Limits(0.0, np.zeros(1))

    def counts(self, rps: Array) -> Array:
        """Return the fewest instances for each load."""
        least, most = float(np.min(rps, where=rps > 0, initial=np.inf)), float(rps.max())
        limits = self._covering(min(least, most), most, rps.size)
        if limits is None:
            return by_distinct_hours(lambda distinct: _searched(self._promise, distinct), rps)
        low, high = np.searchsorted(limits.rates, [least, most])
        index = low if low == high else np.searchsorted(limits.rates, rps)
        return np.where(rps > 0, limits.first + index, 0.0)

    def _covering(self, least: float, most: float, size: int) -> _Limits | None:
        """Return limits that enclose the loads; None where finding them takes longer than searching."""
        known = self._limits  # another thread may put more in its place
        if known.rates[0] <= least and most <= known.rates[-1]:
            return known
        low, high = _searched(self._promise, np.array([[least, most]]))[0]
        first, last = min(known.first, max(low - 1, 0.0)), max(known.first + known.rates.size - 1, high)
        if (last - first + 1 - known.rates.size) * _WORTH_A_LIMIT > size:
            return None
        self._limits = self._extended(known, first, last)
        return self._limits

    def _extended(self, known: _Limits, first: float, last: float) -> _Limits:
        before = np.arange(first, known.first)
        after = np.arange(known.first + known.rates.size, last + 1)
        found = highest_rates(self._promise, np.concatenate([before, after])[None])[0]
        return _Limits(first, np.concatenate([found[: before.size], known.rates, found[before.size :]]))


def _fixed(promise: Promise) -> _Fixed | None:
    """Return the promise with its limits if it is the same in all scenarios."""
    if any(np.size(value) != 1 for value in promise.values()):
        return None
    plain = promise.each(lambda value: float(np.max(value)))
    return _fixed_of(tuple(plain.targets.items()), tuple(plain.stations))


@lru_cache(maxsize=1024)
def _fixed_of(targets: tuple[tuple[float, Floats], ...], stations: tuple[Station, ...]) -> _Fixed:
    return _Fixed(Promise(dict(targets), stations))

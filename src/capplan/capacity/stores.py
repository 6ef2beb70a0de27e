"""What databases and caches must hold. Everything broadcasts to (scenarios, 1)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats, per_scenario

_GIB = 2.0**30
_CHUNK_HOURS = np.array([1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 72.0, 168.0])
"""Intervals that people can read in a log: hours, half a day, a day, three, a week."""


def node_load(queries_per_s: Floats, read_share: Floats, replicas: Floats) -> Floats:
    """Return the queries per second that the busiest node works on.

    Reads are split over the replicas where there are any; writes are replayed on every node, and so count
    in full on each.
    """
    return queries_per_s * ((1 - read_share) + read_share / np.maximum(replicas, 1.0))


def held_by_ttl(arrivals_per_s: Array, ttl_s: Floats) -> Array:
    """Return the most things that are held at once when each stays for ``ttl_s``.

    arrivals_per_s: by hour of a week that repeats, (scenarios | 1, hours). At a steady rate this is Little's
    law, rate × time; otherwise the arrivals within the fullest window of that length, which begins or ends
    with an hour because the rate is constant in each.
    """
    window = per_scenario(ttl_s) / 3600.0
    forwards = _fullest_window(arrivals_per_s * 3600.0, window)
    return np.maximum(forwards, _fullest_window(arrivals_per_s[:, ::-1] * 3600.0, window))


def _fullest_window(per_hour: Array, window: Array) -> Array:
    """Return the most that arrives in ``window`` hours from the beginning of an hour, (scenarios | 1, 1)."""
    hours = per_hour.shape[1]
    rounds, rest = np.divmod(window, hours)
    sofar = np.concatenate([np.zeros((len(per_hour), 1)), np.cumsum(per_hour, axis=1)], axis=1)
    week = sofar[:, -1:]
    starts = np.arange(hours, dtype=float).reshape(1, -1)
    beyond, end = np.divmod(starts + rest, hours)
    whole = end.astype(int)
    rows = np.broadcast_to(sofar, (max(len(sofar), len(whole)), hours + 1))
    at = np.broadcast_to(whole, (len(rows), hours))
    until = np.take_along_axis(rows, at, axis=1)
    until = until + (end - whole) * (np.take_along_axis(rows, at + 1, axis=1) - until) + beyond * week
    most: Array = (until - sofar[:, :-1]).max(axis=1, keepdims=True) + rounds * week
    return most


def cache_memory_gib(
    keys: Floats, key_bytes: Floats, fragmentation: Floats, headroom: Floats, shards: Floats
) -> Floats:
    """Return the memory of each shard, GiB: keys with overhead, fragmentation, and room before eviction."""
    return keys * key_bytes * fragmentation / (1 - headroom) / shards / _GIB


def steady_state_gib(
    rows_per_s: Floats, row_gib: Floats, compress_after_s: Floats, ratio: Floats, retain_s: Floats
) -> Floats:
    """Return the size of a table that compresses rows after a while and drops them later, once it is full.

    Young rows are as they came, older ones ``ratio`` times smaller. Whole chunks are compressed and dropped,
    so up to one chunk more stands at any time.
    """
    young_s = np.minimum(compress_after_s, retain_s)
    return rows_per_s * row_gib * (young_s + (retain_s - young_s) / ratio)


def chunk_interval_hours(
    rows_per_s: Floats,
    row_gib: Floats,
    memory_gib: Floats,
    compress_after_s: Floats = np.inf,
    retain_s: Floats = np.inf,
) -> Array:
    """Return the longest usual chunk interval whose newest chunk fits into a quarter of the memory.

    Timescale's advice, so that the chunk that is written to stays in memory with its indexes. Compression and
    retention work on whole chunks, so it is at most half of the time until a row is compressed, and a tenth
    of a row's life.
    """
    grows_per_hour = np.asarray(rows_per_s * row_gib * 3600.0, dtype=float)
    fits = 0.25 * np.asarray(memory_gib, dtype=float) / np.maximum(grows_per_hour, 1e-300)
    fits = np.minimum(fits, np.minimum(compress_after_s / 2, retain_s / 10) / 3600.0)
    position = np.searchsorted(_CHUNK_HOURS, fits, side="right") - 1
    chosen: Array = _CHUNK_HOURS[np.maximum(position, 0)]
    return chosen


class DiskSpeed(NamedTuple):
    """How many IOPS storage has: ``base``, and so many more ``per_gib``, up to ``most``.

    Storage of ``from_gib`` and more includes ``from_base``, and more can be bought, up to ``from_most``.
    """

    base: float
    per_gib: float
    most: float
    from_gib: float = np.inf
    from_base: float = 0.0
    from_most: float = 0.0

    def storage_gib(self, iops: Floats) -> Array:
        """Return the storage that gives the ``iops`` where speed comes with size, up to the most."""
        beyond = np.maximum(np.minimum(iops, self.most) - self.base, 0.0)
        return beyond / self.per_gib if self.per_gib else beyond * 0.0

    def included(self, storage_gib: Floats) -> Array:
        """Return the IOPS that come with so much storage."""
        small = np.minimum(self.base + self.per_gib * np.asarray(storage_gib), self.most)
        return np.where(np.asarray(storage_gib) >= self.from_gib, self.from_base, small)

    def bought(self, iops: Floats, storage_gib: Floats) -> Array:
        """Return the IOPS that must be bought beside those that come with the storage."""
        large = np.asarray(storage_gib) >= self.from_gib
        return np.where(large, np.maximum(np.minimum(iops, self.from_most) - self.from_base, 0.0), 0.0)


def backup_gib(stored_gib: Floats, daily_change: Floats, retention_days: Floats) -> Floats:
    """Return the size of the backups: one full copy, and what changed on each day that is kept."""
    kept = np.asarray(retention_days) > 0
    return np.where(kept, stored_gib * (1 + daily_change * retention_days), 0.0)


def stepwise(value: Floats, steps: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Array:
    """Return what the last step that ``value`` reaches gives; steps are (from, gives), rising."""
    position = np.searchsorted(steps[:, 0], np.asarray(value, dtype=float), side="right") - 1
    found: Array = np.where(position < 0, 0.0, steps[np.maximum(position, 0), 1])
    return found

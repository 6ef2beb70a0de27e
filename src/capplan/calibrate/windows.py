"""Single requests summed up by the second, however many there are, and cut into runs of steady load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array
from capplan.calibrate.assemble import in_loop
from capplan.calibrate.checks import TOO_FEW_REQUESTS, WARM_UP
from capplan.calibrate.runs import Arrivals, LoadRun
from capplan.findings import Finding

Rows = NDArray[np.int64]

_MOST = 4096
"""Windows that are kept; of a longer test each holds two seconds, or four, …"""

_PER_DECADE, _FASTEST_S, _DECADES = 20, 1e-5, 9
_BINS = _PER_DECADE * _DECADES
_EDGES = _FASTEST_S * 10 ** (np.arange(_BINS + 1) / _PER_DECADE)
_FIELDS = ("good", "failed", "rejected", "sum_s", "square_s", "present_s", "clients", "seen", "slowest_s")
_SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)
_MOST_LEVELS = 12
_ABOUT = 15
"""Windows before and after one that say at which level of load it is."""

_BY_CHANCE, _MEDIAN = (0.5, 0.8), 0.455
"""Variances of the counts and of the requests in progress ÷ those of Poisson arrivals from which on chance
starts requests; the median of a squared normal value."""

_SHORTEST = 3
_LONGEST_S, _LATEST_S = 1e6, 1e11
_SLOW_START = 1.5
_OVERDISPERSED = 4.0
"""Variance ÷ mean of the counts by window above which the load itself changed."""


class Batch(NamedTuple):
    """Requests of a part of a file, (requests,) each. clients: in the test at that moment, NaN if unknown."""

    time_s: Array
    elapsed_s: Array
    code: Array
    clients: Array | None = None
    service_s: Array | None = None


class Windows:
    """Counts and sums of requests by window of time, and a histogram of the response times of each.

    from_start: whether requests are listed by when they start; then some have not ended when the last starts.
    """

    def __init__(self, from_start: bool = False) -> None:
        self.width_s = 1.0
        self.rows: dict[int, Array] = {}
        self.service = np.zeros(3)
        self.first_s, self.last_s, self.to_second = np.inf, -np.inf, True
        self.from_start, self.ends = from_start, np.zeros(0)

    def add(self, batch: Batch) -> None:
        """Count a batch."""
        sound = (batch.elapsed_s >= 0) & (batch.elapsed_s < _LONGEST_S) & (np.abs(batch.time_s) < _LATEST_S)
        batch = Batch._make(None if column is None else column[sound] for column in batch)
        if not batch.time_s.size:
            return
        self.first_s, self.last_s = (
            min(self.first_s, batch.time_s.min()),
            max(self.last_s, batch.time_s.max()),
        )
        self.to_second = self.to_second and not np.any(batch.time_s % 1)
        windows, which = np.unique(np.floor(batch.time_s / self.width_s), return_inverse=True)
        good = (batch.code > 0) & (batch.code < 400)
        time = batch.elapsed_s
        if self.from_start:
            ends = np.concatenate((self.ends, (batch.time_s + time)[good]))
            self.ends = ends[ends > self.last_s]
        clients = np.full(time.size, np.nan) if batch.clients is None else batch.clients
        columns = {
            "good": good,
            "failed": ~good,
            "rejected": np.isin(batch.code, (429, 503)),
            "sum_s": time * good,
            "square_s": time**2 * good,
            "present_s": time,
            "clients": np.nan_to_num(clients),
            "seen": ~np.isnan(clients),
        }
        sums = [np.bincount(which, columns[name], windows.size) for name in _FIELDS[:-1]]
        slowest = np.zeros(windows.size)
        np.maximum.at(slowest, which[good], time[good])
        bins = np.clip(np.log10(np.maximum(time[good], 1e-9) / _FASTEST_S) * _PER_DECADE, 0, _BINS - 1)
        places = which[good] * _BINS + bins.astype(int)
        counts = np.bincount(places, minlength=windows.size * _BINS).reshape(windows.size, _BINS)
        self._merge(windows.astype(int), np.column_stack([*sums, slowest, counts]))
        if batch.service_s is not None:
            self.service += [np.sum(batch.service_s**power) for power in (0, 1, 2)]

    def count(self, time_s: Array, columns: Mapping[str, Array]) -> None:
        """Count what somebody has summed up already, by the second that ends then."""
        rows = np.zeros((time_s.size, len(_FIELDS) + _BINS))
        for name, values in columns.items():
            rows[:, _FIELDS.index(name)] = values
        self._merge(np.floor(time_s / self.width_s).astype(int), rows)

    def see(self, time_s: Array, clients: Array) -> None:
        """Take down how many clients there were at some moments."""
        self.count(time_s, {"clients": clients, "seen": np.ones(clients.size)})

    def _merge(self, windows: Array, rows: Array) -> None:
        slowest = len(_FIELDS) - 1
        for window, row in zip(windows.tolist(), rows, strict=True):
            old = self.rows.get(window)
            if old is not None:
                top = max(row[slowest], old[slowest])
                row = row + old
                row[slowest] = top
            self.rows[window] = row
        if len(self.rows) > _MOST:
            old_rows, self.rows, self.width_s = self.rows, {}, 2 * self.width_s
            keys = np.array(list(old_rows))
            self._merge(keys // 2, np.array(list(old_rows.values())))

    def runs(self, file: str, tool: str, arrivals: Arrivals) -> Iterator[LoadRun]:
        """Yield a run for each level of load that was held."""
        if not self.rows:
            return
        keys = np.array(sorted(self.rows))
        table = np.array([self.rows[key] for key in keys.tolist()])
        busy = table[:, :2].sum(axis=1) > 0
        keys, table = keys[busy], table[busy]
        held_s = self._held(keys)
        listed = float(table[:, :2].sum())
        if (
            self.to_second and keys.size > _SHORTEST
        ):  # nobody knows how much of the first and the last was held
            table, held_s = table[1:-1], held_s[1:-1]
        if arrivals == "unknown" and _by_chance(table):
            arrivals = "random"
        for level in _levels(table):
            kept, said = _warm(level, table, file)
            if self.to_second and keys.size <= _SHORTEST:
                what = f"spans {keys.size} s in whole seconds, which tells no rate"
                said.append(TOO_FEW_REQUESTS.finding(file, what, file=file, severity="error"))
            run = LoadRun(file, tool, 0.0, arrivals=arrivals, said=said, listed=listed)
            unended = 0 if self.to_second or kept[-1] < len(table) - 1 else self.ends.size
            yield self._run(table[kept], float(held_s[kept].sum()), unended, run)

    def _held(self, keys: Array) -> Array:
        """Return the seconds of each window that lie within the test."""
        starts, width = keys * self.width_s, self.width_s
        if self.to_second:
            return np.full(keys.size, width)
        ends = np.minimum(starts + width, max(self.last_s, self.first_s + 0.01))
        return np.asarray(np.maximum(ends - np.maximum(starts, self.first_s), 1e-3))

    def _run(self, table: Array, duration_s: float, unended: int, run: LoadRun) -> LoadRun:
        total = dict(zip(_FIELDS, table.sum(axis=0), strict=False))
        good = float(total["good"])
        mean_s = float(total["sum_s"]) / good if good else None
        square = float(total["square_s"])
        cs2 = max(square / good / mean_s**2 - 1, 0.0) if mean_s and square else None
        clients = float(total["clients"] / total["seen"]) if total["seen"] else None
        n, first, second = self.service
        failed = float(total["failed"])
        run = run._replace(
            rate=max(good - unended, 0.0) / duration_s,
            mean_s=mean_s,
            requests=good + failed,
            failed=failed,
            failed_s=float(total["present_s"] - total["sum_s"]) / failed if failed and clients else None,
            rejected=float(total["rejected"]),
            duration_s=duration_s,
            cs2=cs2,
            max_s=float(table[:, len(_FIELDS) - 1].max()) or None,
            quantiles=_quantiles(table[:, len(_FIELDS) :].sum(axis=0)),
            clients=clients,
            arrivals="closed" if clients else run.arrivals,
            service_s=first / n if n else None,
            service_cs2=max(n * second / first**2 - 1, 0.0) if n else None,
        )
        return run if clients else in_loop(run)


def _levels(table: Array) -> list[Rows]:
    """Return the rows of each level: of each number of clients, or of each part of a load that changes."""
    seen = table[:, 7] > 0
    if not seen.any():
        counts = table[:, 0] + table[:, 1]
        few = counts.size < 2 * _MOST_LEVELS or counts.var() < _OVERDISPERSED * counts.mean()
        return (
            [np.arange(len(table))] if few else np.array_split(np.argsort(_about(table[:, 5])), _MOST_LEVELS)
        )
    clients = np.where(seen, np.rint(table[:, 6] / np.maximum(table[:, 7], 1)), np.nan)
    known = np.flatnonzero(seen)
    clients = clients[known[np.maximum(np.searchsorted(known, np.arange(len(table)), side="right") - 1, 0)]]
    starts = np.flatnonzero(np.diff(clients, prepend=np.nan) != 0)
    held = np.split(np.arange(len(table)), starts[1:])
    if len({clients[each[0]] for each in held}) > _MOST_LEVELS:
        return np.array_split(np.argsort(clients, kind="stable"), _MOST_LEVELS)
    by_clients: dict[float, list[Rows]] = {}
    for each in held:
        steady = each[1:] if len(each) > 2 and len(held) > 1 else each
        by_clients.setdefault(float(clients[each[0]]), []).append(steady)
    found = [np.concatenate(parts) for count, parts in by_clients.items() if count > 0]
    longest = max(map(len, found), default=0)
    return [rows for rows in found if len(rows) >= min(3, longest)]


def _about(present: Array) -> Array:
    """Return the median of the windows about each; by its own requests one would be sorted by chance."""
    half = min(_ABOUT, present.size // (2 * _MOST_LEVELS))
    near = np.lib.stride_tricks.sliding_window_view(np.pad(present, half, "edge"), 2 * half + 1)
    return np.asarray(np.median(near, axis=1))


def _by_chance(table: Array) -> bool:
    """Say whether windows differ from those before as much as Poisson arrivals of their load make them.

    In a loop the requests in progress hardly do, and of a clock neither they nor the counts.
    """
    if len(table) < 2 * _MOST_LEVELS:
        return False
    counts, present = table[:, 0] + table[:, 1], table[:, 5]
    squares = np.maximum(table[:, 4], table[:, 3] ** 2 / np.maximum(table[:, 0], 1))
    usual = np.column_stack((_about(counts), _about(squares)))
    apart = np.diff(np.column_stack((counts, present)), axis=0)
    ratio = np.median(apart**2 / 2 / np.maximum(usual[1:], 1e-12), axis=0)
    return bool(np.all(ratio / _MEDIAN > _BY_CHANCE))


def _warm(level: Rows, table: Array, file: str) -> tuple[Rows, list[Finding]]:
    """Return the windows of a level without those at the start in which a cold service was slow."""
    if level.size < 6 or np.any(np.diff(level) < 0):
        return level, []
    mean_s = table[level, 3] / np.maximum(table[level, 0], 1)
    usual = float(np.median(mean_s[level.size // 2 :]))
    slow = mean_s > _SLOW_START * usual
    cold = int(np.argmin(slow)) if slow[0] and not slow.all() else 0
    if not 0 < cold <= level.size // 2:
        return level, []
    times = float(mean_s[:cold].mean()) / usual
    what = f"the first {cold} s answer {times:.1f} times as slowly as the rest, and are left out"
    return level[cold:], [WARM_UP.finding(file, what, file=file)]


def _quantiles(counts: Array) -> dict[float, float]:
    """Return times by share, interpolated within the bins of a histogram; none of an empty one."""
    if not counts.any():
        return {}
    passed = np.concatenate(([0.0], np.cumsum(counts))) / counts.sum()
    return {share: float(np.interp(share, passed, _EDGES)) for share in _SHARES}

"""What an autoscaler runs that goes by the messages that wait: a loop, not a proportion.

A backlog is the sum of what arrives less what is worked off, so it does not stand for the load. Where an
instance works off more between two looks than the messages that call for one, the count overshoots, the
backlog is gone, and the window that holds the highest count keeps all of it. Each hour's load is followed for
itself until it repeats: an HPA that looks every 15 s, may double or add four instances, and takes none away
that it asked for within its window (Kubernetes' defaults; KEDA's ScaledObjects make such HPAs).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, ceil_count

_LOOK_S, _TOLERANCE = 15.0, 0.1
_SETTLES, _COUNTED = 240, 240
"""Looks before the counts are taken, and during which they are."""


class Backlogged(NamedTuple):
    """An autoscaler of a queue.

    threshold: waiting messages for each instance. rate: messages that one works off in a second. low:
    instances that run without it, as other measures ask for them, (hours,). starts_s: until a new one works.
    window_s: how long the highest count that was asked for stays.
    """

    threshold: float
    rate: float
    low: Array
    high: int
    starts_s: float = 30.0
    window_s: float = 300.0

    @property
    def between(self) -> float:
        """Messages that an instance works off between two looks."""
        return _LOOK_S * self.rate

    def runs(self, load: Array) -> Array:
        """Return the mean count under each of the ``load`` of messages a second, (hours,)."""
        backlog = np.zeros(load.shape)
        counts, asked = [self.low + backlog], [backlog]
        starts = max(1, round(self.starts_s / _LOOK_S))
        window = max(1, round(self.window_s / _LOOK_S))
        for _ in range(_SETTLES + _COUNTED):
            count = counts[-1]
            ready = np.minimum.reduce(counts[-starts - 1 :])
            backlog = np.maximum(backlog + _LOOK_S * (load - self.rate * ready), 0.0)
            asked.append(self._asks(backlog, count))
            least = np.maximum.reduce(asked[-window:])
            grown = np.minimum(asked[-1], np.maximum(2 * count, count + 4))
            wanted = np.where(asked[-1] > count, grown, np.minimum(count, least))
            counts.append(np.clip(wanted, self.low, self.high))
        found: Array = np.mean(counts[-_COUNTED:], axis=0)
        return found

    def _asks(self, backlog: Array, count: Array) -> Array:
        near = np.abs(backlog / self.threshold - count) <= _TOLERANCE * count
        asks: Array = np.where(near, count, ceil_count(backlog / self.threshold))
        return np.minimum(asks, self.high)

    def calm(self, load: Array, most: float) -> float | None:
        """Return a higher threshold, in doublings, at half of which no more than ``most`` run on average.

        Messages do not arrive evenly, so a threshold that just keeps to it would not.
        """
        for power in range(10):
            half = self.threshold * 2.0**power
            if float(self._replace(threshold=half).runs(load).mean()) <= most:
                return 2 * half
        return None

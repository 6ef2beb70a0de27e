"""Workers that take messages from a queue: the backlog adds to the load until it is worked off."""

from __future__ import annotations

import numpy as np

from capplan.arrays import Array
from capplan.plan.services import Queue


def with_backlog(rps: Array, peak_rps: Array, queue: Queue | None) -> Array:
    """Return the rate at which messages must be taken so that the backlog is gone in time.

    The backlog is that of the busiest hour; in other hours it is as much smaller as the load is.
    """
    return rps if queue is None else rps * _factor(peak_rps, queue)


def _factor(peak_rps: Array, queue: Queue) -> Array:
    extra = queue.backlog / np.maximum(queue.drain_time, 1e-9)
    factor: Array = 1 + np.where(peak_rps > 0, extra / np.maximum(peak_rps, 1e-300), 0.0)
    return factor

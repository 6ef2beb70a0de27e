"""Workers that take messages from a queue: the backlog adds to the load until it is worked off."""

from __future__ import annotations

import numpy as np

from capplan.arrays import Array
from capplan.capacity.limits import Input, Limit
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


def queue_limit(peak_rps: Array, queue: Queue | None, path: tuple[str, ...]) -> Limit | None:
    """Return the limit that a target queue length for each instance sets; KEDA's queue triggers count so."""
    if queue is None or queue.target_length is None or not np.any(queue.backlog):
        return None
    waiting_per_rps = np.maximum(queue.backlog, 1e-9) / np.maximum(peak_rps * _factor(peak_rps, queue), 1e-9)
    rate = queue.target_length / waiting_per_rps
    inputs = {
        "target_length": Input(queue.target_length, "messages", ".".join((*path, "queue.target_length"))),
        "backlog": Input(queue.backlog, "messages", ".".join((*path, "queue.backlog"))),
    }
    return Limit("queue", rate, 1.0, "target_length ÷ backlog × peak rate", inputs)

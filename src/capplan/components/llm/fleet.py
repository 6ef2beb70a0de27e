"""The machines that run for replicas, with the time that new ones take to start and old ones to stop."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats, ceil_count
from capplan.cost.machines import Fleet
from capplan.plan.llm import ColdStart


class Delays(NamedTuple):
    """Seconds from the order of a machine until its replica serves, and that an idle one is kept."""

    start_s: Floats = 0.0
    idle_s: Floats = 0.0


def delays_of(cold_start: ColdStart, weight_bytes: Floats) -> Delays:
    """Return how long replicas with so many bytes of weights take."""
    load_s = weight_bytes / 1e9 / cold_start.weights_gb_per_s
    return Delays(cold_start.node + cold_start.image + load_s, cold_start.scale_down_window)


def fleet_of(
    replicas: Array, floor: Array, ceiling: Array | None, per_machine: Floats, delays: Delays
) -> Fleet:
    """Return the machines for ``replicas`` by hour, (…, hours); ``floor`` and ``ceiling`` are (…, 1).

    What the next hour needs more is there a start earlier, what the last one needed more is kept for a while.
    """
    machines = ceil_count(replicas / per_machine)
    following, before = np.roll(machines, -1, axis=-1), np.roll(machines, 1, axis=-1)
    early = np.maximum(following - machines, 0) * np.minimum(delays.start_s / 3600, 1.0)
    late = np.maximum(before - machines, 0) * np.minimum(delays.idle_s / 3600, 1.0)
    top = None if ceiling is None else ceil_count(ceiling / per_machine)
    running = machines + early + late
    if top is not None:
        running = np.maximum(machines, np.minimum(running, top))
    return Fleet(running, ceil_count(floor / per_machine), top)

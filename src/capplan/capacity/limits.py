"""What one instance can carry, by resource.

Each limit is a rate, in requests per second, that one instance sustains with one resource at its target
utilization. The smallest decides; the load divided by it is the number of instances. All arguments are
scalars or arrays that broadcast, (scenarios | 1, 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from capplan.arrays import Floats


class Input(NamedTuple):
    """A number that went into a formula: its value, unit, and where in the plan it is said."""

    value: Floats
    unit: str
    path: str


class Limit(NamedTuple):
    """The rate that one instance carries under one resource, and how it came about."""

    name: str
    rps_per_instance: Floats
    target: Floats
    formula: str
    inputs: Mapping[str, Input]


def cpu_limit(cores: Floats, cpu_time_s: Floats, target: Floats) -> Floats:
    """Return requests/s at which an instance's cores are busy for ``target`` of the time.

    Utilization law: busy cores = rate × CPU time of a request (Denning and Buzen, 1978).
    """
    return cores * target / cpu_time_s


def concurrency_limit(slots: Floats, service_time_s: Floats, target: Floats) -> Floats:
    """Return requests/s at which ``target`` of an instance's places are taken.

    Little's law: requests in progress = rate × time in progress (Little, 1961).
    """
    return slots * target / service_time_s


def memory_limit(
    memory_gib: Floats, base_gib: Floats, per_request_gib: Floats, service_time_s: Floats, target: Floats
) -> Floats:
    """Return requests/s at which base and requests in progress fill ``target`` of the memory.

    Zero where the base alone takes more than that.
    """
    slots = np.maximum(memory_gib * target - base_gib, 0.0) / per_request_gib
    return slots / service_time_s


def throughput_limit(measured_rps: Floats, target: Floats, share: Floats = 1.0) -> Floats:
    """Return the wanted share of the rate that was measured on one instance.

    It may have been measured of a ``share`` of the requests only; without any of these, it limits nothing.
    """
    with np.errstate(divide="ignore"):
        found: Floats = np.divide(measured_rps * target, share)
    return found

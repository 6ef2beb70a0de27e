"""How many instances: the fewest that meet every constraint, hour by hour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from capplan.arrays import Array, Floats, ceil_count, hourly_max, in_scenario, per_scenario
from capplan.capacity.limits import Limit
from capplan.capacity.redundancy import with_availability, with_zone_loss

if TYPE_CHECKING:
    from capplan.capacity.response import Promise


class Bounds(NamedTuple):
    """What is asked for besides carrying the load; each broadcasts to (scenarios, 1).

    desired: what runs today. Like the minimum it is kept in every hour, but it is no floor of the autoscaler.
    """

    minimum: Floats
    maximum: Floats | None
    spare: Floats = 0.0
    zones: Floats = 1.0
    survive_zones: Floats = 0.0
    instance_availability: Floats = 1.0
    availability: Floats = 0.0
    desired: Floats = 0.0


class Sizing(NamedTuple):
    """Instances of one component.

    required: fewest that meet every constraint but the maximum, (scenarios | 1, hours).
    peak: those required in the busiest hour, (scenarios | 1, 1).
    running: what an autoscaler with these bounds runs, (scenarios | 1, hours).
    floor, ceiling: its bounds, (scenarios | 1, 1); no ceiling where none is given.
    constraints: instances that each asks for in the busiest hour, (scenarios | 1, 1).
    capacity_rps: load that one instance carries; infinite where nothing limits it.
    promise: response times that are kept besides.
    peak_rps: load of the busiest hour that it is sized for, with a backlog; None where no requests arrive.
    rps: load that it is sized for, (scenarios | 1, hours), and the counts that keep the promise at it.
    """

    required: Array
    peak: Array
    running: Array
    floor: Array
    ceiling: Array | None
    constraints: dict[str, Array]
    capacity_rps: Array
    limits: Sequence[Limit]
    bounds: Bounds
    promise: Promise | None = None
    peak_rps: Array | None = None
    rps: Array | None = None
    promised: Array | None = None

    @property
    def peak_running(self) -> Array:
        """Instances that run in the busiest hour, (scenarios | 1, 1)."""
        return self.peak if self.ceiling is None else np.minimum(self.peak, self.ceiling)

    @property
    def carried_rps(self) -> Array | None:
        """Load that the ceiling carries with the redundancy asked for, (scenarios | 1, 1)."""
        if self.ceiling is None:
            return None
        most = carried(self.ceiling, self.capacity_rps, self.bounds)
        return (
            most
            if self.promise is None
            else np.minimum(most, self.promise.rate(surviving(self.ceiling, self.bounds)))
        )

    def headroom(self, rps: Array | None) -> Array | None:
        """Return how much more than the peak ``rps`` the ceiling carries, as a share, (scenarios | 1, 1).

        What works off a backlog is no room for more. Where no requests arrive, as at nodes, instances count.
        None where nothing bounds the instances, or where there is no load.
        """
        if self.ceiling is None:
            return None
        asked, most = self.peak, self.ceiling
        carried_rps = None if rps is None else self.carried_rps
        if rps is not None and carried_rps is not None:
            backlog = 0.0 if self.peak_rps is None else self.peak_rps - rps
            asked, most = rps, carried_rps - backlog
        if not (np.all(asked > 0) and np.all(np.isfinite(most))):
            return None
        room: Array = most / asked - 1
        return room

    def binding(self, scenario: int = 0) -> str:
        """Return the constraint that decides the count in ``scenario``; the first one on a tie."""
        counts = {name: in_scenario(count, scenario) for name, count in self.constraints.items()}
        return max(counts, key=lambda name: counts[name])


def size(rps: Array, limits: Sequence[Limit], bounds: Bounds, promise: Promise | None = None) -> Sizing:
    """Return the instances for the load ``rps``, (scenarios | 1, hours).

    More load never needs fewer instances, so the busiest hour is sized on its own, not sought in the others;
    of a promise, which takes a search, the highest count of the hours is taken.
    """
    capacity = np.full((1, 1), np.inf)
    for limit in limits:
        capacity = np.minimum(capacity, per_scenario(limit.rps_per_instance))
    need = _instances(rps, capacity)
    promised = None if promise is None else promise.instances(rps)
    if promised is not None:
        need = np.maximum(need, promised)
    kept = np.maximum(bounds.minimum, bounds.desired)
    required = np.maximum(with_redundancy(need, bounds), kept)
    ceiling = None if bounds.maximum is None else per_scenario(bounds.maximum)
    peak_rps = hourly_max(rps)
    constraints = {limit.name: _instances(peak_rps, per_scenario(limit.rps_per_instance)) for limit in limits}
    peak_need = _instances(peak_rps, capacity)
    if promised is not None:
        constraints["latency"] = hourly_max(promised)
        peak_need = np.maximum(peak_need, constraints["latency"])
    peak_safe = with_redundancy(peak_need, bounds)
    if np.any(peak_safe > peak_need):
        constraints["redundancy"] = peak_safe
    constraints |= least(bounds)
    return Sizing(
        required=required,
        peak=np.maximum(peak_safe, kept),
        running=required if ceiling is None else np.minimum(required, ceiling),
        floor=per_scenario(bounds.minimum),
        ceiling=ceiling,
        constraints=constraints,
        capacity_rps=capacity,
        limits=limits,
        bounds=bounds,
        promise=promise,
        peak_rps=peak_rps,
        rps=rps,
        promised=promised,
    )


def kept_ready(sizing: Sizing, rps: Array, carried: Array) -> Sizing:
    """Return the sizing of what stands by: where ``rps`` is 0 in all hours, its peak is its minimum.

    carried: the load that it must be able to carry, as ``rps``; what has none stands by for nothing.
    No load reaches it before another site is lost, so there is nothing that an autoscaler could follow.
    """
    idle = ~np.any(rps, axis=1, keepdims=True) & np.any(carried, axis=1, keepdims=True)
    if not np.any(idle & (sizing.peak > sizing.floor)):
        return sizing
    floor = np.where(idle, np.maximum(sizing.floor, sizing.peak_running), sizing.floor)
    return sizing._replace(
        required=np.where(idle, sizing.peak, sizing.required),
        running=np.maximum(sizing.running, floor),
        floor=floor,
        bounds=sizing.bounds._replace(minimum=floor),
    )


def least(bounds: Bounds) -> dict[str, Array]:
    """Return the instances that run whatever the load is: the floor, and those of today if the plan says."""
    found = {"min": per_scenario(bounds.minimum)}
    if np.any(bounds.desired):
        found["desired"] = per_scenario(bounds.desired)
    return found


def with_redundancy(need: Array, bounds: Bounds) -> Array:
    """Return ``need`` plus what zone loss and spare instances ask for; none where nothing is needed."""
    safe = need
    if np.any(np.asarray(bounds.instance_availability) < 1):
        safe = with_availability(safe, bounds.instance_availability, bounds.availability)
    if np.any(bounds.survive_zones):
        safe = with_zone_loss(safe, bounds.zones, bounds.survive_zones)
    if np.any(bounds.spare):
        safe = np.where(need > 0, safe + bounds.spare, 0.0)
    return safe


def utilization(peak_rps: Array, sizing: Sizing) -> Array | None:
    """Return the share of the scarcest resource in use in the busiest hour, (scenarios | 1, 1)."""
    return utilization_of(peak_rps, sizing.peak_running, sizing)


def utilization_of(rps: Array, instances: Array, sizing: Sizing) -> Array | None:
    """Return the share of the scarcest resource in use, (scenarios | 1, hours)."""
    if not sizing.limits:
        return None
    full = np.full((1, 1), np.inf)
    for limit in sizing.limits:
        full = np.minimum(full, limit.rps_per_instance / np.asarray(limit.target))
    used: Array = rps / (np.maximum(instances, 1.0) * full)
    return used


def carried(instances: Array, capacity_rps: Array, bounds: Bounds) -> Array:
    """Return the highest load for which :func:`size` asks for no more than ``instances``, promises aside."""
    return surviving(instances, bounds) * capacity_rps


def surviving(instances: Array, bounds: Bounds) -> Array:
    """Return how many of ``instances`` are left when all has failed that may; 0 or more."""
    left = np.maximum(instances - bounds.spare, 0.0)
    per_zone, rest = np.divmod(left, bounds.zones)
    lost = bounds.survive_zones * per_zone + np.minimum(bounds.survive_zones, rest)
    return _available(left - lost, bounds)


def _available(instances: Array, bounds: Bounds) -> Array:
    """Return the highest need that ``instances`` are enough for, failures of single ones included."""
    if np.all(np.asarray(bounds.instance_availability) >= 1):
        return instances
    from capplan.capacity.search import Flags, Indices, fewest

    most = np.floor(instances)
    cases = np.broadcast_arrays(most, bounds.instance_availability, bounds.availability)
    counts, up, target = (np.asarray(case, dtype=float).ravel() for case in cases)

    def enough(index: Indices, left_out: Array) -> Flags:
        need = np.maximum(counts[index] - left_out, 0.0)
        return with_availability(need, up[index], target[index]) <= counts[index]

    left_out = fewest(np.zeros(counts.shape), np.floor(counts * (1 - up)), enough)
    return np.maximum(counts - left_out, 0.0).reshape(most.shape)


def _instances(rps: Array, capacity: Array) -> Array:
    """Return whole instances for a load; ``capacity`` is above 0, and infinite where nothing limits."""
    return ceil_count(rps / capacity)

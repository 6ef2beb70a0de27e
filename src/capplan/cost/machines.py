"""Hours of machines that run all the time or are scaled, by the way they were bought."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import reduce
from typing import NamedTuple, TypeVar

import numpy as np

from capplan.arrays import Array, Floats, hourly_mean
from capplan.cost.meters import Range

Key = TypeVar("Key", bound=Hashable)


class Fleet(NamedTuple):
    """Machines running: by hour (scenarios | 1, hours), at the floor and at the ceiling (…, 1)."""

    running: Array
    floor: Array
    ceiling: Array | None

    def scaled(self, factor: Floats) -> Fleet:
        """Return ``factor`` of every one of them; nothing of a ceiling that nobody knows is nothing."""
        floor = self.floor * factor
        if self.ceiling is None:
            return Fleet(self.running * factor, floor, None if np.any(factor) else floor)
        return Fleet(self.running * factor, floor, self.ceiling * factor)

    def hours(self, hours_per_month: Floats) -> Range:
        """Return machine-hours in a month."""
        return Range(self.floor, hourly_mean(self.running), self.ceiling) * hours_per_month


class MachinePool(NamedTuple):
    """Machines that commitments may cover: those that are not spot, and how many are ``committed``, (…, 1).

    sustained_use: the multipliers of the quarters of a month, where there is such a discount.
    """

    machines: Fleet
    committed: Array
    sustained_use: Sequence[float] | None

    def with_(self, other: MachinePool) -> MachinePool:
        """Return the machines of both, with the commitments of both."""
        one, two = self.machines, other.machines
        top = None if one.ceiling is None or two.ceiling is None else one.ceiling + two.ceiling
        machines = Fleet(one.running + two.running, one.floor + two.floor, top)
        return self._replace(machines=machines, committed=self.committed + other.committed)

    def uncovered(self) -> tuple[Range, Range]:
        """Return the machines above the commitments, and those that sustained use takes off, on average."""
        machines = self.machines
        on_demand = Fleet(
            np.maximum(machines.running - self.committed, 0.0),
            np.maximum(machines.floor - self.committed, 0.0),
            None if machines.ceiling is None else np.maximum(machines.ceiling - self.committed, 0.0),
        )
        return on_demand.hours(1.0), _sustained_use(on_demand, self.sustained_use)


def left_of(found: Iterable[tuple[Key, MachinePool]]) -> dict[Key, tuple[Range, Range]]:
    """Return what share is left of the hours on demand, and of what sustained use takes off, by key.

    Pools of one key are machines alike, so commitments of each cover what the others run in the same hour.
    A key that has one pool, or no commitment, is left out.
    """
    pools: dict[Key, list[MachinePool]] = {}
    for key, pool in found:
        pools.setdefault(key, []).append(pool)
    return {
        key: _left(alike)
        for key, alike in pools.items()
        if len(alike) > 1 and any(np.any(pool.committed) for pool in alike)
    }


def _left(pools: Sequence[MachinePool]) -> tuple[Range, Range]:
    own = [pool.uncovered() for pool in pools]
    on_demand, saved = reduce(MachinePool.with_, pools).uncovered()
    return (
        on_demand.combine(reduce(Range.__add__, (hours for hours, _ in own)), _share),
        saved.combine(reduce(Range.__add__, (credit for _, credit in own)), _share),
    )


def _share(part: Array, whole: Array) -> Array:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 1.0)


class PurchasedHours(NamedTuple):
    """Machine-hours a month by rate; ``sustained_use`` are those that the discount takes off on-demand."""

    spot: Range
    commit_1y: Range
    commit_3y: Range
    on_demand: Range
    sustained_use: Range
    pool: MachinePool


def purchased_hours(
    fleet: Fleet,
    hours_per_month: Floats,
    spot: Floats,
    commit_1y: Floats,
    commit_3y: Floats,
    sustained_use: Sequence[float] | None,
) -> PurchasedHours:
    """Split a fleet's hours by the way they are paid.

    ``spot`` of the machines are spot. Commitments are sized once, as shares of the average number of the
    others, and paid whether used or not; what runs above them is on-demand. Sustained use applies to
    on-demand hours only, so it never adds to a commitment's discount.
    """
    others = fleet.scaled(1 - spot)
    average = hourly_mean(others.running)
    committed_1y, committed_3y = average * commit_1y, average * commit_3y
    pool = MachinePool(others, committed_1y + committed_3y, sustained_use)
    on_demand, saved = pool.uncovered()
    return PurchasedHours(
        spot=fleet.scaled(spot).hours(hours_per_month),
        commit_1y=Range.fixed(committed_1y * hours_per_month),
        commit_3y=Range.fixed(committed_3y * hours_per_month),
        on_demand=on_demand * hours_per_month,
        sustained_use=saved * hours_per_month,
        pool=pool,
    )


def _sustained_use(fleet: Fleet, multipliers: Sequence[float] | None) -> Range:
    """Return the machines' worth of on-demand use that the discount takes off.

    Google bills each quarter of the month that a machine runs at a falling multiple of the list price, and
    infers machines from what runs at once: the k-th machine is there in the hours with at least k running.
    Summed over the machines, that is the load sorted from high to low, weighted by the multiplier of the
    quarter in which each hour then falls.
    """
    if multipliers is None:
        return Range.fixed(0.0)
    hours = fleet.running.shape[-1]
    weights = _quarter_means(np.asarray(multipliers), hours)
    ranked = -np.sort(-fleet.running, axis=-1)
    expected = hourly_mean((1 - weights) * ranked)
    full_month = 1 - float(np.mean(multipliers))
    top = None if fleet.ceiling is None else fleet.ceiling * full_month
    return Range(fleet.floor * full_month, expected, top)


def _quarter_means(multipliers: Array, hours: int) -> Array:
    """Return the mean multiplier over each of ``hours`` equal parts of the month, (hours,)."""
    edges = np.linspace(0, len(multipliers), hours + 1)
    bill = np.interp(edges, np.arange(len(multipliers) + 1), np.concatenate([[0.0], np.cumsum(multipliers)]))
    means: Array = np.diff(bill) * hours / len(multipliers)
    return means

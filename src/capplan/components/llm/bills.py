"""What the machines of many configurations cost a month, as they are bought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.capacity.sizing import Bounds
from capplan.components.llm.fleet import delays_of, fleet_of
from capplan.components.llm.offers import Offer
from capplan.components.llm.replica import cache_gib, node_gib
from capplan.cost.machines import purchased_hours
from capplan.llm.configuration import Configuration
from capplan.plan.llm import ColdStart

if TYPE_CHECKING:
    from capplan.plan.workload import Vllm


class Bought(NamedTuple):
    """How machines are bought, in shares as the plan's ``purchase`` has them; what is left is on demand."""

    spot: float = 0.0
    commit_1y: float = 0.0
    commit_3y: float = 0.0


WAYS = {
    "on_demand": Bought(),
    "spot": Bought(spot=1.0),
    "commit_1y": Bought(commit_1y=1.0),
    "commit_3y": Bought(commit_3y=1.0),
}
"""Ways to buy by name. Who commits does so for the average, and pays for what runs above it on demand."""

_RATES = ("on_demand", "spot", "commit_1y", "commit_3y")


class Bills:
    """Bills of configurations whose replicas by hour, (n, hours), are known.

    vllm: what the plan says of the server.

    Machines with as many GPUs, and the same sustained-use discount, run for as many hours whatever they are,
    so the hours of all configurations are computed at once, and only once.
    """

    def __init__(
        self,
        configurations: Sequence[Configuration],
        replicas: Array,
        bounds: Bounds,
        cold_start: ColdStart,
        hours_per_month: float,
        vllm: Vllm | None,
    ) -> None:
        self._configurations, self._replicas, self._bounds = configurations, replicas, bounds
        self._cache_gib = [float(cache_gib(one, vllm)) for one in configurations]
        self._node_gib = [node_gib(one) for one in configurations]
        self._volumes_used = replicas.mean(axis=1) * [one.machines for one in configurations]
        self._delays = delays_of(cold_start, np.array([[one.memory().weights] for one in configurations]))
        self._hours_per_month = hours_per_month
        self._known: dict[object, Array] = {}
        self._volumes: dict[object, float] = {}

    def usd(self, index: int, offer: Offer, bought: Bought, sustained_use: bool) -> float | None:
        """Return USD a month for one configuration on an offer; None where a price is missing."""
        discount = offer.machine.family.sustained_use if sustained_use else None
        *hours, credit, machines = self._hours(offer.gpus, bought, discount)[index].tolist()
        pods = max(self._configurations[index].per_machine(offer.gpus), 1.0)
        bill = machines * offer.disk_usd(pods * self._node_gib[index])
        bill -= credit * (offer.machine_usd or 0.0)
        bill += self._volumes_used[index] * self._volume_usd(offer, self._cache_gib[index])
        for rate, running in zip(_RATES, hours, strict=False):
            usd = offer.usd_per_hour[rate]
            if running > 0 and usd is None:
                return None
            bill += running * (usd or 0.0)
        return float(bill)

    def _volume_usd(self, offer: Offer, gib: float) -> float:
        key = (offer.provider, offer.region, gib)
        if key not in self._volumes:
            self._volumes[key] = offer.volume_usd(gib) if gib else 0.0
        return self._volumes[key]

    def _hours(self, gpus: float, bought: Bought, discount: tuple[float, ...] | None) -> Array:
        """Return machine-hours a month by rate, those that sustained use takes off, and machines, (n, …)."""
        key = (gpus, bought, discount)
        if key not in self._known:
            per_machine = np.array([[one.per_machine(gpus)] for one in self._configurations])
            floor, most = np.full_like(per_machine, self._bounds.minimum), self._bounds.maximum
            ceiling = None if most is None else np.full_like(per_machine, most)
            fleet = fleet_of(self._replicas, floor, ceiling, per_machine, self._delays)
            hours = purchased_hours(fleet, self._hours_per_month, *bought, discount)
            columns = [getattr(hours, rate).expected for rate in (*_RATES, "sustained_use")]
            columns.append(fleet.hours(1.0).expected)
            self._known[key] = np.hstack([np.broadcast_to(c, per_machine.shape) for c in columns])
        return self._known[key]

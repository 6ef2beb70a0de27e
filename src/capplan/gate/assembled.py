"""Machines of Compute Engine, which Google bills as cores and memory by the family, and as GPUs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.catalog.catalog import Catalog
from capplan.catalog.rows import Sku
from capplan.gate.matching import MACHINE, Charge, Usage

_PART = re.compile(
    r"(?:spot )?(?:preemptible )?(?:(?P<series>[a-z]\d[a-z]?) )?(?:predefined )?(?:amd |arm )?"
    r"(?P<own>compute.optimized |memory.optimized )?(?P<custom>custom )?(?:instance )?(?P<what>core|ram) .*"
)
_GPU = re.compile(r"nvidia (?:tesla )?(?P<gpu>\w+(?: \d+gb)?) gpu .*")
_SERIES = {"c": "c2", "m": "m1"}
_MACHINE = re.compile(r"(?:(?P<series>[a-z]\d[a-z]?)-)?(?P<custom>custom-)?.*")
_SHARED = {"e2-micro": 0.25, "e2-small": 0.5, "e2-medium": 1.0}
"""vCPUs that are billed of machines that share cores (cloud.google.com/compute/docs, shared-core types)."""

_HOURS = {"hour": 1.0, "gibibyte hour": 1.0, "seconds": 1 / 3600, "byte-seconds": 1 / 3600 / 2**30}
"""vCPU-hours or GiB-hours in a unit."""

_CLOSE = 0.01
"""Share of the billed cores and memory that machines may differ from them, as shares of hours are rounded."""


class _Family(NamedTuple):
    """What cores and memory are sold for. series: the type of the machine instead, where the bill says it."""

    series: str
    custom: bool
    spot: bool

    def has(self, name: str) -> bool:
        """Say whether a SKU of the estimate is such a machine."""
        provider, service, bought = name.split("/", 2)
        machine = bought.removesuffix(" spot")
        found = _MACHINE.fullmatch(machine)
        if found is None or (provider, service, bought != machine) != ("gcp", "compute-engine", self.spot):
            return False
        return machine == self.series or (found["series"] or "n1", bool(found["custom"])) == self[:2]


def assembled(
    charges: Iterable[Charge], estimated: Mapping[str, Usage]
) -> tuple[Sequence[Charge], Sequence[str]]:
    """Return the charges with cores and memory made into the machines of the estimate, and notes.

    Of each family two sums are known. Where several hours of its machines add up to them, those nearest to
    the estimate are taken. What adds up to no hours is left as it is.
    """
    kept: list[Charge] = []
    parts: dict[_Family, list[Charge]] = {}
    for charge in charges:
        part = _part(charge)
        if part is None or charge.usage.unit not in (*_HOURS, ""):
            kept.append(charge)
        else:
            parts.setdefault(_family_of(part, charge.words.split()), []).append(charge)
    notes: list[str] = []
    for family, of in parts.items():
        machines = {name: usage for name, usage in estimated.items() if family.has(name)}
        skus = _skus(machines)
        gpus = _gpus(kept, skus, family.spot)
        made = list(_made((of, gpus), machines, skus))
        kept = [charge for charge in kept if not made or charge not in gpus] + (made or of)
        if machines and not made:
            notes.append(f"cores and memory of {family.series} do not add up to {', '.join(machines)}")
        elif len(machines) > 1:
            notes.append(
                f"hours of {', '.join(machines)} are those nearest to the estimate that the bill allows"
            )
    return kept, notes


def _part(charge: Charge) -> re.Match[str] | None:
    """Return what cores or memory a charge is for; None for anything else."""
    return _found(_PART, charge)


def _found(pattern: re.Pattern[str], charge: Charge) -> re.Match[str] | None:
    texts = charge.sku.lower().split(" | ") if charge.service == "Compute Engine" else []
    return next((found for text in texts if (found := pattern.fullmatch(text))), None)


def _family_of(text: re.Match[str], words: Sequence[str]) -> _Family:
    machine = next((word.removeprefix(MACHINE) for word in words if word.startswith(MACHINE)), None)
    if machine is not None:
        return _Family(machine, custom=False, spot="spot" in words)
    series = text["series"] or _SERIES.get((text["own"] or "")[:1], "n1")
    return _Family(series, custom=text["custom"] is not None, spot="spot" in words)


def _skus(machines: Iterable[str]) -> Sequence[Sku]:
    """Return the machines that the catalog knows."""
    types = [name.split("/")[2].removesuffix(" spot") for name in machines]
    return [sku for name in types if (sku := Catalog().find("gcp", "compute-engine", name))]


def _gpus(charges: Iterable[Charge], skus: Iterable[Sku], spot: bool) -> Sequence[Charge]:
    """Return the charges for GPUs that the machines have built in."""
    types = {sku.gpu.lower().removesuffix("-40gb") for sku in skus if sku.gpu}
    found = ((charge, _found(_GPU, charge)) for charge in charges)
    alike = (charge for charge, gpu in found if gpu and gpu["gpu"].replace(" ", "-") in types)
    return [charge for charge in alike if ("spot" in charge.words.split()) is spot]


def _made(
    billed: tuple[Sequence[Charge], Sequence[Charge]],
    machines: Mapping[str, Usage],
    skus: Sequence[Sku],
) -> Iterator[Charge]:
    """Yield the machines that cores and memory, and GPUs, add up to; nothing where they do not."""
    if not skus or len(skus) < len(machines):
        return
    sizes = np.array(
        [(_SHARED.get(sku.name, sku.vcpu), sku.memory_gib, sku.gpu_count) for sku in skus], float
    )
    parts, gpus = billed
    sums = np.array([_hours(parts, "core"), _hours(parts, "ram"), sum(gpu.usage.quantity for gpu in gpus)])
    used = sizes.any(axis=0) | (sums > 0.0)
    hours = _solved(sizes.T[used], sums[used], np.array([usage.quantity for usage in machines.values()]))
    if hours is None:
        return
    costs = [part.usage.cost for part in (*parts, *gpus)]
    cost = None if None in costs else sum(cost or 0.0 for cost in costs)
    worth = hours * np.array([(usage.cost or 0.0) / (usage.quantity or 1.0) for usage in machines.values()])
    shares = worth / worth.sum() if worth.sum() > 0.0 else hours / hours.sum()
    for name, each, share in zip(machines, hours.tolist(), shares.tolist(), strict=True):
        yield Charge("", name, "", Usage(each, "hour", None if cost is None else cost * share))


def _hours(parts: Sequence[Charge], what: str) -> float:
    of = [charge.usage for charge in parts if (part := _part(charge)) and part["what"] == what]
    return sum(usage.quantity * _HOURS.get(usage.unit, 0.0) for usage in of)


def _solved(sizes: Array, billed: Array, planned: Array) -> Array | None:
    """Return the hours of each machine, (machines,); None where no hours of them give what was billed.

    sizes: cores, GiB and GPUs, (parts, machines). The change from the planned hours is the smallest, by
    least squares.
    """
    if not np.all(billed > 0.0) or not np.all(planned > 0.0):
        return None
    scaled = sizes * planned / billed[:, None]
    change: Array = np.linalg.lstsq(scaled, 1.0 - scaled.sum(axis=1), rcond=None)[0]
    hours = (1.0 + change) * planned
    fits = np.abs(sizes @ hours - billed) <= _CLOSE * billed
    return hours if np.all(fits) and np.all(hours >= 0.0) else None

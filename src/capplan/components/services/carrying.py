"""What one instance of a service carries, as far as the plan says enough to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from capplan.arrays import Floats
from capplan.capacity import limits as capacity
from capplan.capacity.limits import Input, Limit
from capplan.plan.services import Service

Inputs = Mapping[str, tuple[str, Floats, str]]
"""Symbol of a formula → field of the service, value, unit."""


class Instance(NamedTuple):
    """One instance of a service: what it has, and which fields of the plan say so."""

    cores: Floats
    memory_gib: Floats
    path: tuple[str, ...]
    size_field: str = ""

    def limit(self, name: str, rate: Floats, target: Floats, formula: str, inputs: Inputs) -> Limit:
        """Return a limit whose inputs know their place in the plan."""
        resource = name.split(" ", 1)[0]
        target_field = ("target", (f"target_utilization.{resource}", target, ""))
        said = {
            symbol: Input(value, unit, ".".join((*self.path, field)))
            for symbol, (field, value, unit) in (*inputs.items(), target_field)
        }
        return Limit(name, rate, target, formula, said)


def limits_of(service: Service, instance: Instance) -> list[Limit]:
    """Return every limit that applies, in the order in which ties are decided."""
    found = (
        _cpu(service, instance),
        _memory(service, instance),
        _concurrency(service, instance),
        _throughput(service, instance),
        *_by_class(service, instance),
    )
    return [limit for limit in found if limit is not None]


def _cpu(service: Service, instance: Instance) -> Limit | None:
    """CPU time is the service time unless the plan says otherwise; a measured throughput replaces both."""
    field, time = "cpu_time", service.cpu_time
    if time is None and service.throughput is None:
        field, time = "service_time", service.service_time
    if time is None or not np.any(time):
        return None
    target = service.target_utilization.cpu
    rate = capacity.cpu_limit(instance.cores, time, target)
    inputs = {
        "cores": (instance.size_field or "cpu", instance.cores, "vCPU"),
        "time": (field, time, "s"),
    }
    return instance.limit("cpu", rate, target, "cores × target ÷ time", inputs)


def _memory(service: Service, instance: Instance) -> Limit | None:
    time, each = service.service_time, service.memory_per_request
    if time is None or not np.any(time) or not np.any(each):
        return None
    target, base = service.target_utilization.memory, service.memory_base
    rate = capacity.memory_limit(instance.memory_gib, base, each, time, target)
    inputs = {
        "memory": (instance.size_field or "memory", instance.memory_gib, "GiB"),
        "base": ("memory_base", base, "GiB"),
        "each": ("memory_per_request", each, "GiB"),
        "time": ("service_time", time, "s"),
    }
    return instance.limit("memory", rate, target, "(memory × target − base) ÷ each ÷ time", inputs)


def _concurrency(service: Service, instance: Instance) -> Limit | None:
    time, slots = service.service_time, service.concurrency
    if time is None or slots is None or not np.any(time):
        return None
    target = service.target_utilization.concurrency
    rate = capacity.concurrency_limit(slots, time, target)
    inputs = {
        "concurrency": ("concurrency", slots, ""),
        "time": ("service_time", time, "s"),
    }
    return instance.limit("concurrency", rate, target, "concurrency × target ÷ time", inputs)


def _throughput(service: Service, instance: Instance) -> Limit | None:
    if service.throughput is None:
        return None
    target = service.target_utilization.throughput
    rate = capacity.throughput_limit(service.throughput, target)
    inputs = {"throughput": ("throughput", service.throughput, "/s")}
    return instance.limit("throughput", rate, target, "throughput × target", inputs)


def _by_class(service: Service, instance: Instance) -> Iterator[Limit]:
    """Yield the load at which a class, at its share of it, reaches what was measured of it."""
    target = service.target_utilization.throughput
    for name, one in service.classes.items():
        if one.throughput is not None:
            rate = capacity.throughput_limit(one.throughput, target, one.share)
            inputs = {
                "throughput": (f"classes.{name}.throughput", one.throughput, "/s"),
                "share": (f"classes.{name}.share", one.share, ""),
            }
            formula = "throughput × target ÷ share"
            yield instance.limit(f"throughput of {name}", rate, target, formula, inputs)

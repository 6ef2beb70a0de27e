"""GKE Autopilot: pods are billed by what they request, and there are no nodes to size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from capplan.arrays import Array, Floats
from capplan.components.base import Context
from capplan.cost.meters import Meter, Range
from capplan.errors import InputError
from capplan.plan.model import COMPONENTS

if TYPE_CHECKING:
    from capplan.plan.clusters import Cluster

_LEAST_VCPU, _LEAST_GIB = 0.05, 52 / 1024
_GIB_PER_VCPU = (1.0, 6.5)
MOST_VCPU, _MOST_GIB = 30.0, 110.0
_EPHEMERAL_GIB = 1.0
"""Least request of a pod of the general-purpose class on a cluster that supports bursting, GiB for each vCPU,
the largest pod, which is rejected beyond, and the ephemeral storage of a pod that asks for none
(cloud.google.com/kubernetes-engine/docs/concepts/autopilot-resource-requests, read from memory)."""


def billed_size(vcpu: Floats, memory_gib: Floats) -> tuple[Array, Array]:
    """Return the vCPU and GiB that a pod is raised to, and billed by.

    >>> [float(part) for part in billed_size(0.5, 4.0)]
    [0.6153846153846154, 4.0]
    """
    low, high = _GIB_PER_VCPU
    cores = np.maximum(np.maximum(vcpu, _LEAST_VCPU), np.asarray(memory_gib) / high)
    return cores, np.maximum(np.maximum(memory_gib, _LEAST_GIB), cores * low)


def autopilot_meters(
    ctx: Context, name: str, region: str, cluster: Cluster, size: tuple[Floats, Floats], pods: Range
) -> Iterator[Meter]:
    """Yield what the pods of a component request by the hour, on demand and as Spot Pods."""
    assert cluster.platform == "gke"
    cores, memory_gib = billed_size(*size)
    if np.any(cores > MOST_VCPU) or np.any(memory_gib > _MOST_GIB):
        kind = next(kind for kind in COMPONENTS if name in getattr(ctx.plan, kind))
        what = (
            f"a pod of {np.max(cores):.4g} vCPU, {np.max(memory_gib):.4g} GiB is more than Autopilot takes, "
            f"{MOST_VCPU:g} vCPU and {_MOST_GIB:g} GiB"
        )
        raise InputError(ctx.places.problem((kind, name), what, "Request less, or use a standard cluster."))
    for prefix, share in (("autopilot", 1 - cluster.spot), ("autopilot-spot", cluster.spot)):
        if np.any(share):
            part = pods * share * ctx.hours_per_month
            yield _meter(name, region, f"{prefix}-vcpu", "vCPU-hour", part * cores, "pods × vCPU × hours")
            yield _meter(
                name, region, f"{prefix}-memory", "GiB-hour", part * memory_gib, "pods × GiB × hours"
            )
    held = pods * (_EPHEMERAL_GIB * ctx.hours_per_month)
    yield _meter(name, region, "autopilot-ephemeral-storage", "GiB-hour", held, "pods × GiB × hours")


def _meter(name: str, region: str, sku: str, unit: str, quantity: Range, formula: str) -> Meter:
    return Meter(
        component=name,
        provider="gcp",
        service="gke",
        sku=sku,
        region=region,
        unit=unit,
        quantity=quantity,
        formula=formula,
        note="pods",
    )

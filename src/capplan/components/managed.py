"""Managed Kubernetes: of each platform all that sizing and pricing must know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from capplan.arrays import Floats
from capplan.capacity.nodes import Allocatable, aks_allocatable, eks_allocatable, gke_allocatable
from capplan.catalog.rows import Sku

_SHARED_CORE = ("e2-micro", "e2-small", "e2-medium")


class ManagedCluster(NamedTuple):
    """What sizing and pricing must know of a platform for clusters.

    allocatable: of cores, GiB and pods of a machine what the platform leaves to pods. fee: SKU of the control
    plane of a cluster, None where it is free. pods_by_machine: whether a machine type says how many pods
    its nodes take.
    """

    allocatable: Callable[[Sku, Floats], Allocatable]
    fee: Callable[[Any], str | None]
    pods_by_machine: bool = False


def _size(machine: Sku) -> tuple[float, float]:
    return machine.vcpu or 0.0, machine.memory_gib or 0.0


def _gke(machine: Sku, pods: Floats) -> Allocatable:
    return gke_allocatable(*_size(machine), pods, shared_core=machine.name in _SHARED_CORE)


def _eks(machine: Sku, pods: Floats) -> Allocatable:
    return eks_allocatable(*_size(machine), pods)


def _aks(machine: Sku, pods: Floats) -> Allocatable:
    return aks_allocatable(*_size(machine), pods)


MANAGED: Mapping[str, ManagedCluster] = {
    "gke": ManagedCluster(
        _gke, lambda c: "zonal-cluster-management-fee" if c.zonal else "cluster-management-fee"
    ),
    "eks": ManagedCluster(
        _eks,
        lambda c: "cluster" if c.support == "standard" else "cluster-extended-support",
        pods_by_machine=True,
    ),
    "aks": ManagedCluster(_aks, lambda c: None if c.tier == "free" else "standard-tier-uptime-sla"),
}
"""By the name that a plan gives them."""

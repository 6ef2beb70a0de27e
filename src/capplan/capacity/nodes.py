"""Nodes: what of a machine pods may request, and how many nodes they need.

Reservations are those of the providers' own documentation and source code:
GKE "Plan GKE node sizes" and cluster-autoscaler's gce_reserved.go; awslabs/amazon-eks-ami's nodeadm;
AKS "Node resource reservations". Sizes in GiB, CPU in cores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats, ceil_count, per_scenario

_MIB_PER_GIB = 1024.0
_EVICTION_MIB = 100.0


class Allocatable(NamedTuple):
    """What the pods of one node may request in all."""

    cpu: Floats
    memory_gib: Floats
    pods: Floats
    gpus: Floats = 0.0

    def less(self, cpu: Floats, memory_gib: Floats, pods: Floats) -> Allocatable:
        """Return what is left beside DaemonSets that request so much on every node."""
        return Allocatable(
            np.maximum(self.cpu - cpu, 0.0),
            np.maximum(self.memory_gib - memory_gib, 0.0),
            np.maximum(self.pods - pods, 0.0),
            self.gpus,
        )


def gke_allocatable(vcpu: float, memory_gib: float, max_pods: Floats, shared_core: bool) -> Allocatable:
    """Return what a GKE node with Container-Optimized OS leaves to pods.

    >>> node = gke_allocatable(vcpu=4, memory_gib=16, max_pods=110, shared_core=False)
    >>> round(float(node.cpu), 3), round(node.memory_gib * 1024)
    (3.92, 13257)
    """
    reserved_cpu: Floats = 1.06 if shared_core else _brackets(vcpu, _GKE_CPU)
    reserved_cpu = reserved_cpu + np.where(np.asarray(max_pods) > 110, 0.4, 0.0)
    total_mib = memory_gib * _MIB_PER_GIB
    reserved_mib = 255.0 if memory_gib < 1 else _brackets(total_mib, _GKE_MEMORY_MIB)
    left_mib = total_mib - reserved_mib - _EVICTION_MIB - _gke_kernel_mib(total_mib)
    return Allocatable(vcpu - reserved_cpu, left_mib / _MIB_PER_GIB, max_pods)


def eks_allocatable(
    vcpu: float, memory_gib: float, max_pods: Floats, vm_overhead: float = 0.075
) -> Allocatable:
    """Return what an EKS node leaves to pods.

    ``vm_overhead`` is the share of the advertised memory that the hypervisor keeps; 7.5 % is what
    Karpenter assumes before it has seen a node.

    >>> node = eks_allocatable(vcpu=4, memory_gib=16, max_pods=58)
    >>> round(node.cpu, 3), int(node.memory_gib * 1024)
    (3.92, 14162)
    """
    seen_mib = memory_gib * _MIB_PER_GIB * (1 - vm_overhead)
    reserved_mib = 11 * max_pods + 255
    left_mib = seen_mib - reserved_mib - _EVICTION_MIB
    return Allocatable(vcpu - _brackets(vcpu, _GKE_CPU), left_mib / _MIB_PER_GIB, max_pods)


def aks_allocatable(vcpu: float, memory_gib: float, max_pods: Floats) -> Allocatable:
    """Return what an AKS node (1.29 or newer) leaves to pods.

    >>> node = aks_allocatable(vcpu=4, memory_gib=16, max_pods=110)
    >>> round(node.cpu, 3), round(node.memory_gib * 1024)
    (3.86, 14034)
    """
    total_mib = memory_gib * _MIB_PER_GIB
    reserved_mib = np.minimum(20 * max_pods + 50, 0.25 * total_mib)
    left_mib = total_mib - reserved_mib - _EVICTION_MIB
    return Allocatable(vcpu - _brackets(vcpu, _AKS_CPU), left_mib / _MIB_PER_GIB, max_pods)


_INF = float("inf")
_GKE_CPU = ((1, 0.06), (2, 0.01), (4, 0.005), (_INF, 0.0025))
_AKS_CPU = ((1, 0.06), (2, 0.04), (4, 0.02), (_INF, 0.01))
_GKE_MEMORY_MIB = tuple(
    (top * _MIB_PER_GIB, share) for top, share in ((4, 0.25), (8, 0.2), (16, 0.1), (128, 0.06), (_INF, 0.02))
)


def _brackets(amount: float, brackets: Sequence[tuple[float, float]]) -> float:
    """Return the sum of each bracket's share of the part of ``amount`` that falls into it."""
    reserved, below = 0.0, 0.0
    for top, share in brackets:
        reserved += share * max(min(amount, top) - below, 0.0)
        below = top
    return reserved


def _gke_kernel_mib(total_mib: float) -> float:
    """Return what kernel and image keep before Kubernetes sees the memory."""
    fixed = 16.0 + (64.0 if total_mib > 3 * 1024 else 0.0) + (8.0 if total_mib <= 8 * 1024 else 0.0)
    return float(np.floor(total_mib / 64)) + fixed + min(0.00175 * total_mib, 248.0)


class PodGroup(NamedTuple):
    """Pods that are all alike: what each requests, how many there are, and whether no two share a node."""

    cpu: Floats
    memory_gib: Floats
    gpus: Floats
    pods: Array
    one_per_node: bool = False


def shares(pod: PodGroup, node: Allocatable) -> dict[str, Floats]:
    """Return what share of each resource of ``node`` one pod takes; above 1 it does not fit."""
    wanted = {"cpu": pod.cpu, "memory": pod.memory_gib, "pods": 1.0, "gpu": pod.gpus}
    there = {"cpu": node.cpu, "memory": node.memory_gib, "pods": node.pods, "gpu": node.gpus}
    return {name: _share(wanted[name], there[name]) for name in wanted}


def _share(wanted: Floats, there: Floats) -> Floats:
    if isinstance(wanted, float) and isinstance(there, float):  # A fleet has thousands of these.
        return 0.0 if wanted <= 0 else wanted / there if there else float("inf")
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.divide(wanted, there)
    return np.where(np.asarray(wanted) > 0, share, 0.0)


def nodes_for(pods: Sequence[PodGroup], node: Allocatable) -> Array:
    """Return the nodes that ``pods`` need, (scenarios | 1, hours); every pod must fit an empty node.

    No placement can do with fewer. A function f is dual feasible if it sums to at most 1 over any sizes
    that fit one node; then its sum over all pods is a lower bound on the nodes (Fekete and Schepers,
    Mathematical Programming 91, 2001). The largest such bound is taken over every resource and f in
    {identity, u1 … u5, and where pods take more than half a node the family of Carlier, Clautiaux and Moukrim
    (Computers & Operations Research 34, 2007)}, and for each group alone the pods that a node holds. The
    result never falls when a count grows. Where a large pod leaves no room for those of other groups, its
    nodes and theirs add up. Exact for a single group; for mixed groups a scheduler that places pods one by
    one may need one node more.
    """
    return Packing.of(pods, node).nodes([pod.pods for pod in pods])


class Packing(NamedTuple):
    """What pods of each group take of a node, whatever their numbers.

    sizes: by group. taken: by resource, (groups, scenarios | 1, 1). alone: pods of a group that a node holds.
    """

    sizes: Sequence[dict[str, Floats]]
    taken: Mapping[str, Array]
    alone: Array

    @staticmethod
    def of(pods: Sequence[PodGroup], node: Allocatable) -> Packing:
        """Return what the ``pods`` take of a ``node``."""
        sizes = [shares(pod, node) for pod in pods]
        if not sizes:
            return Packing(sizes, {}, np.zeros((0, 1, 1)))
        taken = {resource: _stacked([size[resource] for size in sizes]) for resource in sizes[0]}
        most = _stacked([1.0 if pod.one_per_node else np.inf for pod in pods])
        alone = np.minimum(_per_node(np.max(np.broadcast_arrays(*taken.values()), axis=0)), most)
        return Packing(sizes, taken, alone)

    def nodes(self, counts: Sequence[Array]) -> Array:
        """Return the nodes for so many pods of each group, as :func:`nodes_for` does."""
        nodes = np.zeros((1, 1))
        if not self.sizes:
            return nodes
        blocks = list(_in_blocks(counts))
        for groups, stacked in blocks:
            nodes = np.maximum(nodes, ceil_count(stacked / self.alone[groups]).max(axis=0))
        if len(counts) > 1:
            for taken in self.taken.values():
                for transform in _functions_for(taken):
                    nodes = np.maximum(nodes, ceil_count(_weighted(blocks, transform(taken))))
            for bound in _apart(self, counts):
                nodes = np.maximum(nodes, bound)
        return nodes


_CELLS_AT_ONCE = 2**20


def _in_blocks(counts: Sequence[Array]) -> Iterator[tuple[slice, Array]]:
    """Yield counts as stacks (groups, scenarios | 1, hours): all at once, unless these are large arrays."""
    shape = np.broadcast_shapes(*(count.shape for count in counts))
    rows = max(1, _CELLS_AT_ONCE // max(1, math.prod(shape)))
    for start in range(0, len(counts), rows):
        part = slice(start, start + rows)
        alike = [c if c.shape == shape else np.broadcast_to(c, shape) for c in counts[part]]
        yield part, np.stack(alike)


def _weighted(counts: Sequence[tuple[slice, Array]], weights: Array) -> Array:
    """Return the sum of all counts, each times its weight, (groups, scenarios | 1, 1)."""
    total = np.zeros((1, 1))
    for groups, stacked in counts:
        weight = weights[groups]
        if weight.shape[1:] == (1, 1):
            total = total + np.einsum("g,gsh->sh", weight[:, 0, 0], stacked)
        else:
            total = total + np.sum(weight * stacked, axis=0)
    return total


_MOST_APART = 32
"""Groups of large pods that are looked at; each is compared with every other."""


def _apart(packing: Packing, counts: Sequence[Array]) -> Iterator[Array]:
    """Yield for each group of large pods its own nodes and those of all pods that fit beside none of them."""
    sizes = packing.sizes
    half = [(taken > 0.5).any(axis=(1, 2)) for taken in packing.taken.values()]
    large: list[int] = np.flatnonzero(np.any(half, axis=0)).tolist()
    if len(large) > _MOST_APART:
        return
    for index in large:
        others = [i for i in range(len(sizes)) if i != index]
        excluded = [_excluded(sizes[index], sizes[i]) for i in others]
        if not any(mask.any() for mask in excluded):
            continue
        rest = np.zeros((1, 1))
        for resource in sizes[index]:
            beside = (
                counts[i] * (mask * sizes[i][resource]) for i, mask in zip(others, excluded, strict=True)
            )
            rest = np.maximum(rest, ceil_count(sum(beside, start=np.zeros((1, 1)))))
        yield ceil_count(counts[index] / packing.alone[index]) + rest


def _excluded(one: dict[str, Floats], other: dict[str, Floats]) -> Array:
    """Return 1 where a node cannot hold one pod of each kind, (scenarios | 1, 1)."""
    together = np.zeros((1, 1))
    for resource in one:
        together = np.maximum(together, per_scenario(one[resource] + other[resource]))
    return np.where(together > 1 + 1e-9, 1.0, 0.0)


def _stacked(values: Sequence[Floats]) -> Array:
    """Return one array of all ``values``, (values, scenarios | 1, 1)."""
    if all(isinstance(value, float) for value in values):  # A fleet has thousands of these.
        return np.array(values).reshape(-1, 1, 1)
    return np.stack(np.broadcast_arrays(*map(per_scenario, values)))


def _per_node(largest: Array) -> Array:
    """Return how many pods a node holds, each of which takes the share ``largest`` of what is scarcest."""
    # 1e-9: three pods of a third each fit, whatever the floats say.
    with np.errstate(divide="ignore"):
        return np.floor(1 / largest + 1e-9)


def _u(k: int, size: Array) -> Array:
    """Return u(k) of Fekete and Schepers: (k+1)·x rounded down, by k; x itself where that is whole."""
    scaled = (k + 1) * size
    whole = np.abs(scaled - np.round(scaled)) < 1e-9
    return np.where(whole, size, np.floor(scaled) / k)


def _carlier(step: float, size: Array) -> Array:
    """Return Carlier's function: what is left beside a large size counts in whole steps."""
    steps = np.floor(1 / step + 1e-9)
    large = 2 * (steps - np.floor((1 - size) / step + 1e-9))
    small = 2 * np.floor(size / step + 1e-9)
    counted: Array = np.where(size > 0.5, large, np.where(size == 0.5, steps, small)) / (2 * steps)
    return counted


_DUAL_FEASIBLE: list[Callable[[Array], Array]] = [
    lambda size: size,
    *(partial(_u, k) for k in range(1, 6)),
]
_BESIDE_LARGE = [partial(_carlier, step) for step in np.arange(0.10, 0.505, 0.01)]


def _functions_for(sizes: Array) -> list[Callable[[Array], Array]]:
    """Return the functions that can tell something about ``sizes``."""
    if not sizes.any():
        return []
    return _DUAL_FEASIBLE + (_BESIDE_LARGE if (sizes > 0.5).any() else [])

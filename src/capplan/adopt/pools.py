"""Node pools: which nodes pods ask for by labels, and what those nodes are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from capplan.adopt import checks
from capplan.adopt.draft import ARM_POOL, DEFAULT_POOL, GPU_POOL, Draft, Tree, address_of, usable
from capplan.manifests.verify.trees import mapping, maps, text
from capplan.manifests.verify.world import Workload, World

_POOL_LABELS = (
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "karpenter.sh/nodepool",
)
_MACHINE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
_ARCHITECTURE = ("kubernetes.io/arch", "beta.kubernetes.io/arch")
_SYSTEM = ("kubernetes.io/os", "beta.kubernetes.io/os")
_ACCELERATOR = "cloud.google.com/gke-accelerator"
_SPOT_LABELS = {
    "cloud.google.com/gke-spot": "true",
    "cloud.google.com/gke-preemptible": "true",
    "cloud.google.com/gke-provisioning": "spot",
    "eks.amazonaws.com/capacityType": "SPOT",
    "karpenter.sh/capacity-type": "spot",
    "kubernetes.azure.com/scalesetpriority": "spot",
}
_SAME_NODES = (
    "topology.",
    "failure-domain.",
    "kubernetes.io/hostname",
    "node-role.kubernetes.io/",
    *_SPOT_LABELS,
)
"""Beginnings of labels that choose among nodes of a pool, or that every node has."""

_FAMILIES: Mapping[str, str] = {
    "karpenter.k8s.aws/instance-family": "{}.xlarge",
    "eks.amazonaws.com/instance-family": "{}.xlarge",
    "cloud.google.com/machine-family": "{}-standard-4",
}
"""Labels that name a family of machines, and its machine with four vCPU."""


class _Accelerated(NamedTuple):
    """A machine of GKE with one GPU; add_on: the GPU, where the machine does not include it."""

    machine: str | None = None
    add_on: str = ""


_ACCELERATED: Mapping[str, _Accelerated] = {
    # An L4 is what GPU pools have anyway.
    "nvidia-tesla-t4": _Accelerated("n1-standard-4", "nvidia-tesla-t4"),
    "nvidia-tesla-v100": _Accelerated("n1-standard-8", "nvidia-tesla-v100"),
    "nvidia-tesla-p100": _Accelerated("n1-standard-8", "nvidia-tesla-p100"),
    "nvidia-tesla-a100": _Accelerated("a2-highgpu-1g"),
    "nvidia-a100-80gb": _Accelerated("a2-ultragpu-1g"),
    "nvidia-h100-80gb": _Accelerated("a3-highgpu-1g"),
}
_OPEN_TAINTS = (
    "node.kubernetes.io/",
    "node-role.kubernetes.io/",
    "nvidia.com/",
    "amd.com/",
    "sandbox.gke.io/",
)
"""Beginnings of taints that a cluster or a provider sets by itself."""


def pool_of(workload: Workload, gpu: int, draft: Draft, world: World) -> str:
    """Return the node pool that a pod asks for by its node selector or required affinity.

    A label that no provider knows stands for a pool of its own, named by its value.
    """
    labels = dict(_wanted(workload.pod, world))
    spot = any(labels.get(key) == value for key, value in _SPOT_LABELS.items())
    arm = _first(labels, _ARCHITECTURE) == "arm64"
    named = _first(labels, _POOL_LABELS) or _first(labels, _MACHINE_LABELS)
    accelerated = _ACCELERATED.get(labels.get(_ACCELERATOR, "") if gpu else "", _Accelerated())
    machine = _first(labels, _MACHINE_LABELS) or _of_family(labels) or accelerated.machine
    own: Tree = {"gpu": {"type": accelerated.add_on, "count": gpu}} if accelerated.add_on else {}
    if named is None:
        kinds = [labels[_ACCELERATOR] if accelerated.machine else GPU_POOL] if gpu else []
        named = "-".join([*kinds, *_other(labels), *([ARM_POOL] if arm else [])]) or DEFAULT_POOL
        named = f"{named}-spot" if spot else named
        _note_tolerations(workload, named, draft)
    if _first(labels, _SYSTEM) == "windows":
        draft.note(
            checks.UNPRICED_ATTRIBUTE, address_of(workload.item), "the licence of Windows has no price"
        )
    kind = GPU_POOL if gpu else ARM_POOL if arm else DEFAULT_POOL
    name = usable(named)
    exact = any(key in _MACHINE_LABELS and len(values) == 1 for key, values in _choices(workload.pod, world))
    if machine is not None and not exact and name not in draft.asked.node_types:
        what = (
            f"nodes of {machine}, the first that its labels allow; confirm with --node-type {name}={machine}"
        )
        draft.note(checks.ASSUMED_MACHINE, address_of(workload.item), what)
    return draft.pool(name, machine, spot, kind, own)


def _first(labels: Mapping[str, str], keys: tuple[str, ...]) -> str | None:
    return next((labels[key] for key in keys if key in labels), None)


def _of_family(labels: Mapping[str, str]) -> str | None:
    return next((machine.format(labels[key]) for key, machine in _FAMILIES.items() if key in labels), None)


def _other(labels: Mapping[str, str]) -> list[str]:
    """Return a name for each label that sets nodes apart and that no provider knows."""
    known = {*_ARCHITECTURE, *_SYSTEM, _ACCELERATOR}
    found = []
    for key, value in sorted(labels.items()):
        if key in known and not (key in _SYSTEM and value == "windows"):
            continue
        if not key.startswith(_SAME_NODES):
            found.append(value if value not in ("", "true") else key.rpartition("/")[2])
    return found


def _note_tolerations(workload: Workload, pool: str, draft: Draft) -> None:
    """Name the taints that pods tolerate while no label chooses the nodes that have them."""
    if pool not in (DEFAULT_POOL, f"{DEFAULT_POOL}-spot"):
        return
    for toleration in maps(workload.pod, "tolerations"):
        key = text(toleration, "key")
        if key and not key.startswith(_OPEN_TAINTS) and key not in (*_SPOT_LABELS, *_ARCHITECTURE):
            what = f"tolerates the taint {key}, but no label chooses its nodes: counted in pool {pool}"
            draft.note(checks.ASSUMED_VALUE, address_of(workload.item), what)


def _wanted(pod: Mapping[str, Any], world: World) -> Iterator[tuple[str, str]]:
    """Yield the labels that a node must have; of a choice the first value."""
    yield from ((key, values[0]) for key, values in _choices(pod, world))


def _choices(pod: Mapping[str, Any], world: World) -> Iterator[tuple[str, list[str]]]:
    """Yield the labels that a node must have, with the values that each may have."""
    affinity = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
    for term in maps(pod, f"{affinity}.nodeSelectorTerms")[:1]:
        for expression in maps(term, "matchExpressions"):
            values = expression.get("values")
            if expression.get("operator") == "In" and isinstance(values, list) and values:
                yield str(expression.get("key")), list(map(str, values))
            if expression.get("operator") == "Exists":
                yield str(expression.get("key")), [""]
    for item in world.of("RuntimeClass"):
        if item.name == text(pod, "runtimeClassName"):
            yield from _texts(item.tree, "scheduling.nodeSelector")
    yield from _texts(pod, "nodeSelector")


def _texts(tree: object, path: str) -> Iterator[tuple[str, list[str]]]:
    yield from ((str(key), [str(value)]) for key, value in mapping(tree, path).items())

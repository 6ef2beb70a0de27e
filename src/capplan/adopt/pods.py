"""Pods: what they request, and which nodes they ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from capplan.adopt import checks
from capplan.adopt.draft import DEFAULT_POOL, GPU_POOL, Draft, address_of, usable
from capplan.manifests.verify.world import Item, Workload, World, amount, at, mapping, maps

_TEMPLATES = {
    "CronJob": "spec.jobTemplate.spec.template",
    "ScaledJob": "spec.jobTargetRef.template",
    "Pod": "",
}
"""Where the pod of a kind stands; `spec.template` for all others."""

_UNSAID = {"cpu": 0.1, "memory": 200.0 * 2**20}
"""Cores and bytes that kube-scheduler takes for a container without requests when it spreads pods
(pkg/scheduler/util/pod_resources.go)."""

_GPUS = ("nvidia.com/gpu", "amd.com/gpu")
_POOL_LABELS = (
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "karpenter.sh/nodepool",
)
_MACHINE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
_SPOT_LABELS = {
    "cloud.google.com/gke-spot": "true",
    "cloud.google.com/gke-preemptible": "true",
    "eks.amazonaws.com/capacityType": "SPOT",
    "karpenter.sh/capacity-type": "spot",
    "kubernetes.azure.com/scalesetpriority": "spot",
}


class PodRequests(NamedTuple):
    """What a pod requests: cores, bytes, GPUs; limits are None where a container has none."""

    cpu: float
    memory: float
    gpu: int
    cpu_limit: float | None
    memory_limit: float | None


class Defaults(NamedTuple):
    """What the LimitRanges of the objects give to containers that say nothing, by namespace and resource."""

    requests: Mapping[tuple[str, str], float]

    @classmethod
    def of(cls, world: World) -> Defaults:
        """Read them; the request's default is the limit's where only that is there, as in the API server."""
        found: dict[tuple[str, str], float] = {}
        for item in world.of("LimitRange"):
            for limit in maps(item.tree, "spec.limits"):
                if limit.get("type", "Container") != "Container":
                    continue
                said = {**mapping(limit, "default"), **mapping(limit, "defaultRequest")}
                for resource, value in said.items():
                    found[item.namespace, str(resource)] = amount(value) or 0.0
        return cls(found)


def workload_of(item: Item, world: World) -> Workload:
    """Return what runs pods, as a workload with its template in `spec.template`."""
    path = _TEMPLATES.get(item.kind, "spec.template")
    template: Any = at(item.tree, path) if path else {key: item.tree.get(key) for key in ("metadata", "spec")}
    tree = {**item.tree, "spec": {**mapping(item.tree, "spec"), "template": template}}
    return world.workload_of(Item(item.path, tree))


def requests_of(workload: Workload, defaults: Defaults, draft: Draft) -> PodRequests:
    """Return what a pod requests; what no container says is assumed, and noted."""
    filled = [_filled(container, workload, defaults, draft) for container in maps(workload.pod, "containers")]
    template = {"metadata": {}, "spec": {**workload.pod, "containers": filled}}
    item = Item(workload.item.path, {"spec": {"template": template}})
    whole = workload._replace(item=item)
    gpu = int(sum(whole.request(name) for name in _GPUS))
    limits = [_limit(whole, resource) for resource in ("cpu", "memory")]
    return PodRequests(whole.request("cpu"), whole.request("memory"), gpu, *limits)


def _filled(
    container: Mapping[str, Any], workload: Workload, defaults: Defaults, draft: Draft
) -> dict[str, Any]:
    resources = mapping(container, "resources")
    said = {**mapping(resources, "limits"), **mapping(resources, "requests")}
    added: dict[str, float] = {}
    for resource, usual in _UNSAID.items():
        if _is_said(said.get(resource)):
            continue
        default = defaults.requests.get((workload.namespace, resource))
        added[resource] = usual if default is None else default
        if default is None:
            shown = "100m" if resource == "cpu" else "200Mi"
            where = address_of(workload.item)
            name = container.get("name")
            no = "no" if said.get(resource) is None else "no readable"
            what = f"container {name} requests {no} {resource}: {shown}, as the scheduler assumes"
            draft.note(checks.ASSUMED_REQUESTS, where, what)
    requests = {**mapping(resources, "requests"), **added}
    return {**container, "resources": {**resources, "requests": requests}}


def _is_said(value: object) -> bool:
    found = amount(value)
    return found is not None and found >= 0


def _limit(workload: Workload, resource: str) -> float | None:
    found = [amount(mapping(c, "resources.limits").get(resource)) for c in workload.containers]
    return None if not found or None in found else sum(value for value in found if value is not None)


def pool_of(workload: Workload, gpu: int, draft: Draft) -> str:
    """Return the node pool that a pod asks for by its node selector or required affinity."""
    labels = dict(_wanted(workload.pod))
    spot = any(labels.get(key) == value for key, value in _SPOT_LABELS.items())
    machine = next((labels[key] for key in _MACHINE_LABELS if key in labels), None)
    named = next((labels[key] for key in _POOL_LABELS if key in labels), None)
    if named is None:
        named = machine or (GPU_POOL if gpu else DEFAULT_POOL)
        named = f"{named}-spot" if spot else named
    return draft.pool(usable(named), machine, spot)


def _wanted(pod: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the labels that a node must have; of a choice the first value."""
    affinity = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
    for term in maps(pod, f"{affinity}.nodeSelectorTerms")[:1]:
        for expression in maps(term, "matchExpressions"):
            values = expression.get("values")
            if expression.get("operator") == "In" and isinstance(values, list) and values:
                yield str(expression.get("key")), str(values[0])
    for key, value in mapping(pod, "nodeSelector").items():
        yield str(key), str(value)

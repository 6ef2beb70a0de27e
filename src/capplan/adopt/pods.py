"""Pods: what they request of nodes, whole pods and containers together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from capplan.adopt import checks
from capplan.adopt.draft import Draft, address_of
from capplan.findings import Severity
from capplan.manifests.quantity import memory
from capplan.manifests.verify.trees import amount, at, mapping, maps, text
from capplan.manifests.verify.world import Item, Workload, World, request

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
_DISK = "ephemeral-storage"
_PRICED = frozenset((*_GPUS, "cpu", "memory", _DISK))


class PodRequests(NamedTuple):
    """What a pod requests: cores, bytes, GPUs; limits are None where a container has none.

    Overheads are what it takes of its node besides: for its runtime, and for init containers that ask for
    more than those that keep running.
    """

    cpu: float
    memory: float
    gpu: int
    cpu_limit: float | None
    memory_limit: float | None
    overhead_cpu: float = 0.0
    overhead_memory: float = 0.0

    @property
    def taken(self) -> tuple[float, float]:
        """Cores and bytes that it takes of its node."""
        return self.cpu + self.overhead_cpu, self.memory + self.overhead_memory


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
    return world.workload_of(Item(item.path, tree))._replace(sidecars=())


def requests_of(workload: Workload, defaults: Defaults, draft: Draft, world: World) -> PodRequests:
    """Return what a pod requests; what neither it nor a container says is assumed, and noted."""
    pod = workload.pod
    inits = [
        _filled(container, workload, defaults, draft)
        if container.get("restartPolicy") == "Always"
        else container
        for container in maps(pod, "initContainers")
    ]
    filled = [_filled(container, workload, defaults, draft) for container in maps(pod, "containers")]
    spec = {**pod, "initContainers": inits, "containers": filled}
    item = Item(workload.item.path, {"spec": {"template": {"metadata": {}, "spec": spec}}})
    whole = workload._replace(item=item)
    _note_devices(workload, draft)
    overhead = _overhead(workload, draft, world)
    own = {name: _pod_request(whole, name) for name in ("cpu", "memory")}
    serving = {name: _serving(whole, name, most) for name, most in own.items()}
    gpu = int(sum(whole.request(name) for name in _GPUS))
    besides = {name: own[name] - serving[name] + overhead.get(name, 0.0) for name in own}
    return PodRequests(
        cpu=serving["cpu"],
        memory=serving["memory"],
        gpu=gpu,
        cpu_limit=_limit(whole, "cpu"),
        memory_limit=_limit(whole, "memory"),
        overhead_cpu=besides["cpu"],
        overhead_memory=besides["memory"],
    )


def _serving(workload: Workload, resource: str, whole: float) -> float:
    """Return the part of what a pod requests that containers which keep running share."""
    running = sum(request(container, resource) for container in workload.containers)
    return whole if _pod_says(workload.pod, resource) else min(running, whole)


def _pod_request(workload: Workload, resource: str) -> float:
    """Return what a pod requests as a whole: its own figure, or that of its containers (KEP-2837)."""
    own = amount(mapping(workload.pod, "resources.requests").get(resource))
    if own is None and not _some_container_says(workload, resource):
        own = amount(mapping(workload.pod, "resources.limits").get(resource))
    return workload.request(resource) if own is None else max(own, 0.0)


def _some_container_says(workload: Workload, resource: str) -> bool:
    every = [*maps(workload.pod, "initContainers"), *maps(workload.pod, "containers")]
    return any(
        _is_said(mapping(container, f"resources.{part}").get(resource))
        for container in every
        for part in ("requests", "limits")
    )


def _overhead(workload: Workload, draft: Draft, world: World) -> dict[str, float]:
    """Return what the pod's runtime takes besides its containers: the pod says it, or its RuntimeClass."""
    said = mapping(workload.pod, "overhead")
    name = text(workload.pod, "runtimeClassName")
    if name and not said:
        classes = {item.name: item.tree for item in world.of("RuntimeClass")}
        said = mapping(classes.get(name, {}), "overhead.podFixed")
        if name not in classes:
            what = f"runtime class {name} is not among the objects: no overhead"
            draft.note(checks.ASSUMED_REQUESTS, address_of(workload.item), what)
    return {resource: amount(value) or 0.0 for resource, value in said.items()}


def _note_devices(workload: Workload, draft: Draft) -> None:
    """Name what a pod asks of nodes besides cores, memory and GPUs."""
    every = [*maps(workload.pod, "initContainers"), *maps(workload.pod, "containers")]
    asked = {
        str(name)
        for container in every
        for part in ("requests", "limits")
        for name in mapping(container, f"resources.{part}")
    }
    claims = [f"resource claim {claim.get('name')}" for claim in maps(workload.pod, "resourceClaims")]
    for what in [*sorted(asked - _PRICED), *claims]:
        message = f"each pod asks for {what}, which has no price of its own"
        draft.note(checks.UNPRICED_ATTRIBUTE, address_of(workload.item), message)
    gib = workload.request(_DISK) / 2**30
    if gib > 0:
        what = f"each pod requests {memory(gib)} of its node's disk, which may take more nodes than counted"
        little: Severity | None = "info" if gib <= 1 else None
        draft.note(checks.UNPRICED_ATTRIBUTE, address_of(workload.item), what, severity=little)


def _filled(
    container: Mapping[str, Any], workload: Workload, defaults: Defaults, draft: Draft
) -> dict[str, Any]:
    resources = mapping(container, "resources")
    said = {**mapping(resources, "limits"), **mapping(resources, "requests")}
    added: dict[str, float] = {}
    for resource, usual in _UNSAID.items():
        if _is_said(said.get(resource)) or _pod_says(workload.pod, resource):
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


def _pod_says(pod: Mapping[str, Any], resource: str) -> bool:
    return any(_is_said(mapping(pod, f"resources.{part}").get(resource)) for part in ("requests", "limits"))


def _is_said(value: object) -> bool:
    found = amount(value)
    return found is not None and found >= 0


def _limit(workload: Workload, resource: str) -> float | None:
    own = amount(mapping(workload.pod, "resources.limits").get(resource))
    if own is not None:
        return own
    found = [amount(mapping(c, "resources.limits").get(resource)) for c in workload.containers]
    return None if not found or None in found else sum(value for value in found if value is not None)

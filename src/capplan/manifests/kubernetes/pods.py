"""Pods: what a Deployment says about them, from the service's size and its pool."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from capplan.components.services.platforms import surge_of
from capplan.manifests.figures import number
from capplan.manifests.kubernetes import vllm
from capplan.manifests.kubernetes.settings import pools_of
from capplan.manifests.observing.health import probes_of
from capplan.manifests.quantity import cpu, memory
from capplan.manifests.site import NodePool, Service, Site
from capplan.plan.services import Kubernetes

Tree = dict[str, Any]

MANAGED_BY = {"app.kubernetes.io/managed-by": "capplan"}
_USER = 10001
_CPU_BURST = 4.0
"""Limit ÷ request where the plan gives none: a start needs more CPU than a steady load."""

_GPU = "nvidia.com/gpu"
_SHARED = "2Gi"
"""Shared memory of processes that want to write to it."""


class PodTemplate(NamedTuple):
    """What a Deployment's template needs; trees are Kubernetes' own structures."""

    name: str
    namespace: str
    labels: Tree
    pod_labels: Tree
    annotations: Tree
    selector: Tree
    replicas: int | None
    strategy: Tree
    service_account: str
    priority_class: str
    grace_s: int
    pre_stop_s: int
    user: int
    image: str
    command: list[str]
    args: list[str]
    ports: list[Tree]
    env: list[Tree]
    env_from: list[Tree]
    resources: Tree
    probes: Tree
    mounts: list[Tree]
    volumes: list[Tree]
    node_selector: Tree
    tolerations: list[Tree]
    affinity: Tree
    spread: list[Tree]


def labels_of(site: Site, name: str) -> Tree:
    """Return the labels of everything that belongs to a service."""
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/part-of": site.name,
    }


def selector_of(name: str) -> Tree:
    """Return the labels by which a service's pods are found."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": name}


def image_of(site: Site, service: Service) -> str:
    """Return the image, or a placeholder on a host that never exists: to be set, and it cannot be pulled."""
    named = service.workload.image
    return named or f"registry.invalid/{site.name}/{service.name}:unset@sha256:{'0' * 64}"


def pool_of(site: Site, service: Service) -> NodePool:
    """Return the node pool of a service on Kubernetes."""
    spec = service.spec
    assert isinstance(spec, Kubernetes)
    return site.pool_of(spec.cluster, spec.pool)


def gpus_of(service: Service) -> int:
    """Return the GPUs of a pod."""
    return int(number(service.spec.gpu)) if isinstance(service.spec, Kubernetes) else 0


def machines_of(site: Site, name: str) -> int:
    """Return the machines, each with a pod, that make one replica."""
    replica = site.components[name].replica
    return 1 if replica is None else int(replica.configuration.machines)


LEADER = {"app.kubernetes.io/component": "leader"}
"""Label of the pod that answers for a replica of several."""


def members_of(pod: PodTemplate, engine: str) -> list[Tree]:
    """Return what tells the pods of a replica apart: only the leader answers, and others go to its zone."""
    silent = ["--headless"] if engine == "vllm" else []
    labels = {**pod.pod_labels, **LEADER}
    near = {
        "labelSelector": {"matchLabels": {**pod.selector, **LEADER}},
        "matchLabelKeys": ["leaderworkerset.sigs.k8s.io/group-key"],
        "topologyKey": "topology.kubernetes.io/zone",
    }
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [near]}, **pod.affinity}
    worker = {"labels": {**labels, "app.kubernetes.io/component": "worker"}, "affinity": affinity}
    return [
        {"serves": True, "labels": labels, "args": pod.args, "affinity": pod.affinity},
        {"serves": False, "args": [*pod.args, *silent], **worker},
    ]


def pod_of(site: Site, service: Service, priority_class: str, limit_cpu: bool = True) -> PodTemplate:
    """Return everything that the Deployment of a service says."""
    workload, name = service.workload, service.name
    pool = pool_of(site, service)
    labels = labels_of(site, name)
    grace = max(math.ceil(workload.grace), 1)
    volumes, mounts = _volumes(service)
    return PodTemplate(
        name=name,
        namespace=site.namespace,
        labels=labels | MANAGED_BY,
        pod_labels=labels,
        annotations=annotations_of(site, service),
        selector=selector_of(name),
        replicas=service.lo if service.fixed else None,
        strategy=_strategy(service),
        service_account=workload.service_account or name,
        priority_class=priority_class,
        grace_s=grace,
        pre_stop_s=min(5, grace // 2),
        user=_USER,
        image=image_of(site, service),
        command=list(workload.command),
        args=[*vllm.arguments_of(service, gpus_of(service), machines_of(site, name)), *workload.args],
        ports=[
            {"name": port, "containerPort": n, "protocol": "TCP"} for port, n in ports_of(service).items()
        ],
        env=_env(site, service),
        env_from=[{"configMapRef": {"name": name}}] if environment_of(site, service) else [],
        resources=_resources(site, service, limit_cpu),
        probes={decides: probe.kubernetes("http") for decides, probe in probes_of(service).items()},
        mounts=mounts,
        volumes=volumes,
        node_selector=node_selector_of(site, service),
        tolerations=_tolerations(service, pool),
        affinity=_affinity(service, pool),
        spread=_spread(name),
    )


def annotations_of(site: Site, service: Service) -> Tree:
    """Return what the plan computed, for readers and for the checks between objects."""
    said = {"capplan/plan": site.name, "capplan/peak-rps": f"{service.peak_rps:.6g}"}
    if service.capacity_rps is not None:
        said["capplan/rps-per-replica"] = f"{service.capacity_rps:.6g}"
    return said | {"capplan/replicas-at-peak": str(service.peak)}


def ports_of(service: Service) -> dict[str, int]:
    """Return the ports by name; requests come to ``http``."""
    return {"http": service.workload.port, **service.workload.ports}


def environment_of(site: Site, service: Service) -> dict[str, str]:
    """Return the environment that is no secret: the pools that the plan sized, and the plan's own."""
    found: dict[str, str] = {}
    for pool in pools_of(site, service.name).values():
        found |= pool.environment
    return found | service.workload.env


def _env(site: Site, service: Service) -> list[Tree]:
    found: list[Tree] = []
    for variable, reference in service.workload.secrets.items():
        secret, _, key = reference.partition("/")
        found.append({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
    if service.workload.vllm is not None:
        found += vllm.ENVIRONMENT
    return found


def resources_of(site: Site, service: Service) -> tuple[Tree, Tree]:
    """Return requests and limits, the limit of CPU included."""
    workload, asked = service.workload, site.components[service.name].pods
    assert asked is not None
    cores, gib = number(asked.cpu), number(asked.memory_gib)
    limit_cores, limit_gib = asked.cpu_limit, asked.memory_limit_gib
    disk = memory(number(workload.ephemeral_storage))
    requests: Tree = {"cpu": cpu(cores), "memory": memory(gib), "ephemeral-storage": disk}
    limits: Tree = {
        "cpu": cpu(_burst(site, service, cores) if limit_cores is None else number(limit_cores)),
        "memory": memory(gib if limit_gib is None else number(limit_gib)),
        "ephemeral-storage": disk,
    }
    gpus = gpus_of(service)
    if gpus:
        requests[_GPU] = limits[_GPU] = str(gpus)
    return requests, limits


def _burst(site: Site, service: Service, cores: float) -> float:
    """Return the limit of CPU where the plan gives none: no more than whole cores that a node has."""
    return max(cores, min(cores * _CPU_BURST, math.floor(pool_of(site, service).cpu)))


def _resources(site: Site, service: Service, limit_cpu: bool) -> Tree:
    requests, limits = resources_of(site, service)
    if not limit_cpu:
        del limits["cpu"]
    return {"requests": requests, "limits": limits}


def _strategy(service: Service) -> Tree:
    """Return how pods are replaced: a new one first, except where it would need another GPU."""
    surge = round(100 * surge_of(service.spec))
    rolling = (
        {"maxSurge": f"{surge}%", "maxUnavailable": 0} if surge else {"maxSurge": 0, "maxUnavailable": 1}
    )
    return {"type": "RollingUpdate", "rollingUpdate": rolling}


def _volumes(service: Service) -> tuple[list[Tree], list[Tree]]:
    size = memory(number(service.workload.ephemeral_storage))
    volumes: list[Tree] = []
    mounts: list[Tree] = []
    for index, path in enumerate(service.workload.writable):
        shared = {"medium": "Memory", "sizeLimit": _SHARED}
        where = shared if path == "/dev/shm" else {"sizeLimit": size}
        volumes.append({"name": f"writable-{index}", "emptyDir": where})
        mounts.append({"name": f"writable-{index}", "mountPath": path})
    if service.workload.vllm is not None:
        more_volumes, more_mounts = vllm.volumes_of(service.workload.vllm)
        return volumes + more_volumes, mounts + more_mounts
    return volumes, mounts


def _spot_share(service: Service, pool: NodePool) -> float:
    """Return the share of spot nodes for a service; pods that may be interrupted prefer them."""
    bought = number(pool.spec.purchase.spot)
    return max(bought, 0.5) if service.spec.interruptible else bought


def node_selector_of(site: Site, service: Service) -> Tree:
    """Return the labels of the nodes that will do; needed only where the cluster has others too."""
    pool = pool_of(site, service)
    found: Tree = {}
    if gpus_of(service) or len(site.clusters[pool.cluster].pools) > 1:
        found |= pool.selector
    return found | spot_labels_of(pool) | service.workload.node_selector


def spot_labels_of(pool: NodePool) -> Tree:
    """Return the label by which a provider tells spot nodes, where all nodes of a pool are."""
    return dict([pool.managed.spot]) if number(pool.spec.purchase.spot) >= 1 else {}


def _tolerations(service: Service, pool: NodePool) -> list[Tree]:
    found: list[Tree] = []
    if gpus_of(service):
        found.append({"key": _GPU, "operator": "Exists", "effect": "NoSchedule"})
    taint = pool.managed.spot_taint
    if _spot_share(service, pool) > 0 and taint is not None:
        found.append(taint)
    return found


def apart(selector: Tree, required: bool) -> Tree:
    """Return that pods prefer, or need, nodes without others of their kind."""
    term = {"labelSelector": {"matchLabels": selector}, "topologyKey": "kubernetes.io/hostname"}
    if required:
        return {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    return {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]}


def _affinity(service: Service, pool: NodePool) -> Tree:
    """Return the wish or need for a host of its own, and the wish for spot nodes in the share of the plan."""
    assert isinstance(service.spec, Kubernetes)
    found: Tree = {"podAntiAffinity": apart(selector_of(service.name), service.spec.one_per_node)}
    share = _spot_share(service, pool)
    if 0 < share < 1:
        key, value = pool.managed.spot
        match = {"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}
        weighted = [{"weight": max(1, round(100 * share)), "preference": match}]
        found["nodeAffinity"] = {"preferredDuringSchedulingIgnoredDuringExecution": weighted}
    return found


def _spread(name: str) -> list[Tree]:
    """Return the spread over zones; a zone that is full does not keep pods from starting."""
    zones = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector_of(name)},
    }
    return [zones]

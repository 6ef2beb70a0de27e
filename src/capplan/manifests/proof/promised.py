"""What the files of a plan must order: the figures that its estimate counts on, by component."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from capplan.components.services.platforms import surge_of
from capplan.manifests.artefact import Tree
from capplan.manifests.clouds.aws import full_name, machine_of
from capplan.manifests.clouds.clusters import clusters_of
from capplan.manifests.clouds.commands import command_artefacts
from capplan.manifests.figures import number, whole
from capplan.manifests.kubernetes.autoscalers import behavior_of, hpa_metrics, measures_of, scaled_object_of
from capplan.manifests.kubernetes.edge import service_of
from capplan.manifests.kubernetes.karpenter import capacity_types
from capplan.manifests.kubernetes.network import STORE_PORTS, policy_of
from capplan.manifests.kubernetes.pods import (
    environment_of,
    machines_of,
    node_selector_of,
    ports_of,
    resources_of,
)
from capplan.manifests.kubernetes.quotas import POOLER_REQUESTS
from capplan.manifests.kubernetes.settings import pooler_of
from capplan.manifests.observing.health import probes_of
from capplan.manifests.proof.facts import passing
from capplan.manifests.proof.pieces import bare, canonical, triggered
from capplan.manifests.quantity import parse
from capplan.manifests.site import NodePool, Service, Site
from capplan.plan.caches import ElastiCache
from capplan.plan.databases import Rds
from capplan.plan.services import CloudRun, ContainerApps, Fargate, Kubernetes, VmGroup
from capplan.plan.stores import SelfHosted

_GIB = 2.0**30
_MEASURED = {"requests": "requests_per_second"}


class Promised(NamedTuple):
    """One figure: of a component of the plan, by the name that files have for it."""

    component: str
    owner: str
    name: str
    value: object


def promised(site: Site) -> Iterator[Promised]:
    """Yield what each component needs files to order, but targets that only behaviour can judge."""
    for service in site.services.values():
        yield from _service(site, service)
    yield from _stores(site)
    for platform in ("gke", "eks", "aks"):
        for made in clusters_of(site, platform):
            for pool in made["pools"]:
                own = f"{made['name']}/{pool['name']}"
                component = own if own in site.components else made["name"]
                for name, value in (*_pool(platform, pool), *_place(platform, made)):
                    yield Promised(component, own, name, value)
    for (cluster, name), each in site.pools.items():
        if each.platform == "eks":
            own = f"{cluster}/{name}"
            component = own if own in site.components else cluster
            for fact, value in _karpenter(each):
                yield Promised(component, f"karpenter/{name}", fact, value)
            if each.max_nodes is not None:
                most = each.max_nodes * math.ceil(each.cpu)
                yield Promised(component, f"karpenter/{name}", "cores", most)
    yield from _scripted(site)


def _karpenter(pool: NodePool) -> Iterator[tuple[str, object]]:
    yield "machine", canonical(("In", [pool.spec.machine]))
    yield "capacity", canonical(("In", capacity_types(pool)))
    if pool.disk is not None:
        yield from (("disk", number(pool.disk.size)), ("disk type", pool.disk.type))


def _service(site: Site, service: Service) -> Iterator[Promised]:
    spec, owner = service.spec, service.name
    if isinstance(spec, Fargate | VmGroup):
        owner = full_name(site, service.name)
    found: list[tuple[str, object]] = [("min", service.lo), ("max", service.hi)]
    found += [(f"variable {key}", value) for key, value in environment_of(site, service).items()]
    if isinstance(spec, CloudRun | ContainerApps):
        found += [("region", service.region), *_probes(service)]
    if isinstance(spec, Kubernetes):
        found = [*found, *_pods(site, service)]
    elif isinstance(spec, CloudRun):
        ingress = "all" if service.workload.public or service.name in site.entries else "internal"
        throttled = "true" if spec.billing == "request" else "false"
        found += [
            ("cpu", number(spec.cpu)),
            ("memory", number(spec.memory)),
            ("ingress", ingress),
            ("port", service.workload.port),
        ]
        found += [("concurrency", max(1, int(number(spec.concurrency)))), ("throttled", throttled)]
    elif isinstance(spec, ContainerApps):
        external = service.workload.public or service.name in site.entries
        found += [
            ("cpu", number(spec.cpu)),
            ("memory", number(spec.memory)),
            ("external", external),
            ("port", service.workload.port),
        ]
        at_once = max(1, int(number(spec.concurrency) * service.target("concurrency") + 1e-9))
        found.append(("target requests at once", at_once))
    elif isinstance(spec, Fargate):
        found = [entry for entry in found if not service.fixed or entry[0] not in ("min", "max")]
        found += [("cpu units", 1024 * number(spec.cpu)), ("memory MiB", 1024 * number(spec.memory))]
        found += [("rollout percent", round(100 * (1 + surge_of(spec)))), ("start", service.start)]
        found.append(("ports", tuple(sorted(map(str, ports_of(service).values())))))
    elif isinstance(spec, VmGroup):
        found = [entry for entry in found if not entry[0].startswith("variable ")]
        # The template of a group on Google Cloud is the user's.
        found += [] if spec.provider == "gcp" else [("machine", spec.machine)]
    for name, value in found:
        yield Promised(service.name, owner, name, value)


def _pods(site: Site, service: Service) -> Iterator[tuple[str, object]]:
    requests, limits = resources_of(site, service)
    yield "cpu", parse(requests["cpu"])
    yield "memory", parse(requests["memory"]) / _GIB
    yield "gpus", float(requests.get("nvidia.com/gpu", 0))
    yield "cpu limit", parse(limits["cpu"])
    yield "memory limit", parse(limits["memory"]) / _GIB
    ports = tuple(sorted(map(str, ports_of(service).values())))
    yield "ports", ports
    surge = round(100 * surge_of(service.spec))
    yield "maxSurge", f"{surge}%" if surge else 0
    yield "maxUnavailable", 0 if surge else 1
    yield "pods of a replica", machines_of(site, service.name)
    before = service_of(site, service)
    yield "Service", tuple(sorted(str(port["port"]) for port in before["ports"]))
    yield from (("Service name", service.name), ("Service type", before["type"]))
    yield "ports that a Service sends to", ports
    yield "node selector", canonical(node_selector_of(site, service))
    yield "service account", service.workload.service_account or service.name
    yield from (("paused", False), ("restarted at once", False), *_probes(service))
    if number(service.spec.redundancy.survive_zones) > 0:
        yield "spread over zones", True
    yield "PodDisruptionBudget", max(1, service.lo // 4)
    policy = policy_of(site, service)
    yield "NetworkPolicy", (passing(policy.ingress), passing(policy.egress))
    if service.workload.host is not None:
        yield "host", service.workload.host
    if not service.fixed:
        yield "behavior", json.dumps(behavior_of(service), sort_keys=True)
        yield from _measuring(site, service)


def _measuring(site: Site, service: Service) -> Iterator[tuple[str, object]]:
    """Yield what the autoscaler of a service measures and how, without targets."""
    if service.workload.autoscaler.kind == "hpa":
        yield "measures", canonical(bare(hpa_metrics(site, service)))
        return
    told = scaled_object_of(site, service)
    spec = {
        "pollingInterval": told.polling_s,
        "cooldownPeriod": told.cooldown_s,
        "idleReplicaCount": told.idle,
    }
    yield from triggered(spec, told.triggers, told.fallback)
    yield "autoscaler paused", False


def _probes(service: Service) -> Iterator[tuple[str, object]]:
    for decides, probe in probes_of(service).items():
        yield f"{decides} probe", canonical(probe.kubernetes(service.workload.port))


def measured_targets(site: Site, service: Service) -> Iterator[tuple[str, str, float]]:
    """Yield the measures of a service's autoscaler: the plan's name, the file's, and the target."""
    spec = service.spec
    if isinstance(spec, CloudRun):
        for name in ("cpu", "concurrency"):
            yield name, name, max(service.target(name), 0.1)
    elif isinstance(spec, Fargate | VmGroup) and not service.fixed:
        yield "cpu", "cpu", service.target("cpu")
    elif isinstance(spec, Kubernetes) and not service.fixed:
        keda = service.workload.autoscaler.kind == "keda"
        metrics = site.manifests.metrics
        names = {"requests": metrics.requests_per_second, "queue": metrics.queue}
        names |= {"latency": f"{metrics.latency}_p95", "running": "vllm_num_requests_running"}
        for measured in measures_of(site, service):
            share = measured.kind in ("cpu", "memory")
            own = measured.kind if keda or share else names[measured.kind]
            yield measured.kind, own, measured.threshold / 100 if share else measured.threshold


def _place(platform: str, cluster: Tree) -> Iterator[tuple[str, object]]:
    """Yield where the nodes of a cluster run, as far as the commands that make its pools say it."""
    if platform != "aks":
        zonal = cluster["zonal"]
        yield ("zone", f"{cluster['region']}-a") if zonal else ("region", cluster["region"])


def _pool(platform: str, pool: Tree) -> Iterator[tuple[str, object]]:
    yield "machine", pool["machine"]
    low, high = pool["min"], pool["max"]
    if platform == "eks" or (high is not None and high > low):
        yield "nodes min", low
        if high is not None:
            yield "nodes max", high
    yield ("nodes in a zone", pool["per_zone"]) if platform == "gke" else ("nodes", pool["start"])
    if pool["disk_gb"] is not None:
        yield "disk", pool["disk_gb"]
        if platform != "aks":
            yield "disk type", pool["disk_type"]
    if pool["spot"] and platform != "aks":
        yield "spot", True
    if platform == "gke" and pool["gpu"] is not None:
        yield "gpu", pool["gpu"]


def _poolers(site: Site) -> Iterator[Promised]:
    for name in site.plan.databases:
        pooler = pooler_of(site, name)
        if pooler is not None and pooler.name is not None:
            asked = {"cpu": parse(POOLER_REQUESTS["cpu"]), "memory": parse(POOLER_REQUESTS["memory"]) / _GIB}
            counts = {"min": pooler.replicas, "max": pooler.replicas, "PodDisruptionBudget": 1}
            rollout = {"maxSurge": 0, "maxUnavailable": 1, "Service": (str(STORE_PORTS["postgres"]),)}
            for fact, value in (asked | counts | rollout).items():
                yield Promised(name, pooler.name, fact, value)


def _stores(site: Site) -> Iterator[Promised]:
    yield from _poolers(site)
    for name, store in {**site.plan.databases, **site.plan.caches}.items():
        owner = full_name(site, name)
        if isinstance(store, SelfHosted):
            yield from (Promised(name, name, fact, value) for fact, value in _self_hosted(site, name, store))
        elif isinstance(store, Rds):
            yield Promised(name, owner, "machine", machine_of(site, name, store.machine))
            yield Promised(name, owner, "storage", site.storage_gib(name))
            yield Promised(name, owner, "available", store.high_availability)
            for index in range(1, whole(store.read_replicas) + 1):
                machine = machine_of(site, name, store.machine)
                yield Promised(name, f"{owner}-replica-{index}", "machine", machine)
        elif isinstance(store, ElastiCache):
            yield Promised(name, owner[:40], "machine", machine_of(site, name, store.machine))
            yield Promised(name, owner[:40], "shards", whole(store.shards))
            yield Promised(name, owner[:40], "replicas", whole(store.replicas))


def _self_hosted(site: Site, name: str, store: SelfHosted) -> Iterator[tuple[str, object]]:
    yield "cpu", number(store.cpu)
    yield "memory", number(store.memory)
    shards = whole(getattr(store, "shards", 1.0))
    if shards > 1:
        yield "shards", shards
        yield "leaders", shards
        yield "followers", max(0, whole(store.replicas) - shards)
        yield from (("leaders down", 1), ("followers down", 1), ("storage", number(store.storage)))
        return
    yield "min", max(1, whole(store.replicas))
    yield "storage", float(max(1, site.storage_gib(name), whole(store.storage)))
    yield "Service", (str(STORE_PORTS[getattr(store, "engine", "redis")]),)
    yield "PodDisruptionBudget", 1


_SCRIPTED: Mapping[str, Mapping[str, Sequence[str]]] = {
    "groups": {"lo": ("min", "start"), "hi": ("max",), "region": ("region",)},
    "databases": {
        "tier": ("machine",),
        "sku": ("machine",),
        "storage_gb": ("storage",),
        "backups": ("backups",),
        "region": ("region",),
        "availability": ("available",),
    },
    "caches": {
        "size_gb": ("size",),
        "tier": ("tier",),
        "sku": ("tier",),
        "region": ("region",),
    },
}
"""What the scripts of Google Cloud and Azure make besides clusters: figures of each, and their facts."""


_CLOUD_SQL = {"disk type": "SSD", "edition": "enterprise", "private": True}
"""What is priced of every Cloud SQL instance."""


def _scripted(site: Site) -> Iterator[Promised]:
    components = {full_name(site, name): name for name in site.components}
    for artefact in command_artefacts(site):
        context: dict[str, Any] = dict(artefact.context)
        for kind, facts in _SCRIPTED.items():
            for entry in context.get(kind, []):
                owner = entry["name"]
                component = next((n for full, n in components.items() if full.startswith(owner)), owner)
                # On Azure the tier of a database follows from its machine.
                keys = [key for key in facts if key in entry and not (key == "tier" and "sku" in entry)]
                for name, value in ((name, entry[key]) for key in keys for name in facts[key]):
                    yield Promised(component, owner, name, value)
                if "availability" in entry:
                    for name, value in _CLOUD_SQL.items():
                        yield Promised(component, owner, name, value)

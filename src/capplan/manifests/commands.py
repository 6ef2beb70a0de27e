"""Commands that make what has no manifest: clusters, node pools, managed databases and caches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from capplan.errors import InputError, Problem
from capplan.manifests.artefact import Artefact, Rendered, Tree
from capplan.manifests.aws import full_name, machine_of
from capplan.manifests.health import probes_of
from capplan.manifests.pods import environment_of, image_of
from capplan.manifests.quantity import memory
from capplan.manifests.site import NodePool, Service, Site, number, whole
from capplan.plan.caches import AzureRedis, Memorystore
from capplan.plan.databases import AzurePostgres, CloudSql
from capplan.plan.services import CloudRun, ContainerApps, VmGroup

_ZONES_OF_A_REGION = 3


def command_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield a script for every provider that has something to make."""
    apps = [s for s in site.services.values() if isinstance(s.spec, ContainerApps)]
    context: Tree = {"region": site.plan.regions, "name": site.name}
    gcp = {
        "clusters": _clusters(site, "gke"),
        "databases": _cloud_sql(site),
        "caches": _memorystore(site),
        "groups": _groups(site, "gcp"),
        "services": [s for s in site.services.values() if isinstance(s.spec, CloudRun)],
    }
    azure = {
        "clusters": _clusters(site, "aks"),
        "databases": _flexible_servers(site),
        "caches": _azure_redis(site),
        "groups": _groups(site, "azure"),
        "apps": apps,
    }
    for service in apps:
        path = f"azure/{service.name}.containerapp.yaml"
        yield Artefact(path, "azure/containerapp.yaml.j2", _container_app(site, service), "azure")
    for provider, script, found in (("gcp", "gcloud", gcp), ("azure", "az", azure)):
        if any(found.values()):
            path = f"commands/{script}.sh"
            yield Artefact(path, f"{provider}/{script}.sh.j2", {**context, **found}, provider)


def aws_script(site: Site, files: Sequence[Rendered]) -> Iterator[Artefact]:
    """Yield the script that makes the API calls of the rendered bodies, and the EKS clusters."""
    calls = [
        {"service": _AWS_SERVICE[operation], "operation": operation, "body": item.path}
        for item in files
        if item.part == "aws"
        for operation in [item.path.split(".")[-2]]
    ]
    for call in calls:
        if call["operation"] == "put-scaling-policy" and "ecs" in _text_of(files, call["body"]):
            call["service"] = "application-autoscaling"
    calls.sort(key=lambda call: _AWS_ORDER.index(call["operation"]))
    clusters = _clusters(site, "eks")
    has_tasks = any(call["operation"] == "create-service" for call in calls)
    if calls or clusters:
        context = {"calls": calls, "clusters": clusters, "cluster": site.name if has_tasks else None}
        yield Artefact("commands/aws.sh", "aws/aws.sh.j2", context, "aws")


def _text_of(files: Sequence[Rendered], path: str) -> str:
    return next(item.text for item in files if item.path == path)


_AWS_SERVICE = {
    "create-launch-template": "ec2",
    "create-auto-scaling-group": "autoscaling",
    "register-task-definition": "ecs",
    "create-service": "ecs",
    "register-scalable-target": "application-autoscaling",
    "put-scaling-policy": "autoscaling",
    "create-db-cluster": "rds",
    "create-db-instance": "rds",
    "create-db-instance-read-replica": "rds",
    "create-replication-group": "elasticache",
}
_AWS_ORDER = list(_AWS_SERVICE)
"""Also the order in which calls can be made."""


def _clusters(site: Site, platform: str) -> list[Tree]:
    found = []
    for name, cluster in site.clusters.items():
        if cluster.platform != platform:
            continue
        pools = [_pool(pool) for (owner, _), pool in site.pools.items() if owner == name]
        region = site.region_of(name)
        zonal = bool(getattr(cluster, "zonal", False))
        # The system's own pods do not run on GPU nodes, which are tainted.
        plain = any(pool["gpu"] is None for pool in pools)
        cluster_body = {"name": name, "region": region, "zonal": zonal, "pools": pools}
        found.append(cluster_body | {"keeps_default_pool": not plain})
    return found


def _pool(pool: NodePool) -> Tree:
    """Return a pool's figures in all, and each zone's share, which is what gcloud's --num-nodes counts."""
    spec = pool.spec
    zones = int(number(spec.zones)) if spec.nodes_per_zone else _ZONES_OF_A_REGION
    each = int(number(spec.zones)) if spec.nodes_per_zone else 1
    low = 0 if spec.nodes.min is None else whole(spec.nodes.min) * each
    disk = spec.disk
    return {
        "name": pool.own_name,
        "machine": spec.machine,
        "min": low,
        "max": pool.max_nodes,
        "per_zone": math.ceil(low / zones),
        "spot": number(spec.purchase.spot) >= 1,
        "gpu": _accelerator(pool),
        "disk_gb": 100 if disk is None else whole(disk.size),
        "disk_type": None if disk is None else disk.type,
        "max_pods": pool.pods if spec.max_pods is not None else None,
    }


_BUILT_IN_GPUS = {
    "g2-": "nvidia-l4",
    "a2-highgpu": "nvidia-tesla-a100",
    "a2-megagpu": "nvidia-tesla-a100",
    "a2-ultragpu": "nvidia-a100-80gb",
    "a3-highgpu": "nvidia-h100-80gb",
    "a3-megagpu": "nvidia-h100-mega-80gb",
    "a3-ultragpu": "nvidia-h200-141gb",
}
"""GKE's names of the GPUs of machine types that include them."""


def _accelerator(pool: NodePool) -> str | None:
    """Return the GPUs of a pool as gcloud names them, so that GKE installs their driver."""
    added, machine = pool.spec.gpu, pool.spec.machine
    built_in = next((gpu for start, gpu in _BUILT_IN_GPUS.items() if machine.startswith(start)), None)
    kind = built_in if added is None else added.type
    count = pool.gpus if added is None else int(number(added.count))
    return None if kind is None or not count else f"type={kind},count={count},gpu-driver-version=default"


def _groups(site: Site, provider: str) -> list[Tree]:
    return [
        {
            "name": full_name(site, s.name),
            "machine": s.spec.machine,
            "region": s.region,
            "lo": s.lo,
            "hi": s.hi,
            "cpu": round(number(s.spec.target_utilization.cpu), 4),
            "cpu_percent": round(100 * number(s.spec.target_utilization.cpu)),
            "warmup_s": math.ceil(s.workload.startup),
            "spot": number(s.spec.purchase.spot) >= 1,
        }
        for s in site.services.values()
        if isinstance(s.spec, VmGroup) and s.spec.provider == provider
    ]


def _cloud_sql(site: Site) -> list[Tree]:
    versions = {"postgres": "POSTGRES_16", "mysql": "MYSQL_8_0"}
    return [
        {
            "name": full_name(site, name),
            "version": versions[database.engine],
            "tier": machine_of(site, name, database.machine),
            "region": site.components[name].region,
            "availability": "REGIONAL" if database.high_availability else "ZONAL",
            "storage_gb": max(10, whole(database.storage)),
            "replicas": list(range(1, whole(database.read_replicas) + 1)),
        }
        for name, database in site.plan.databases.items()
        if isinstance(database, CloudSql)
    ]


def _memorystore(site: Site) -> list[Tree]:
    found = []
    for name, cache in site.plan.caches.items():
        if isinstance(cache, Memorystore):
            pick = site.components[name].pick
            size = (
                whole(cache.size)
                if cache.size is not None
                else _picked_size(name, pick.name(0) if pick else "")
            )
            where = {"name": full_name(site, name)[:40], "region": site.components[name].region}
            found.append({**where, "tier": cache.tier, "size_gb": max(1, size)})
    return found


def _picked_size(name: str, picked: str) -> int:
    """Return the GiB of the size that capplan chose, such as `standard 5 GiB`."""
    import re

    figures = re.findall(r"[0-9]+", picked)
    if not figures:
        raise InputError(Problem(f"caches.{name}.size", "is required to render its command"))
    return int(figures[-1])


def _flexible_servers(site: Site) -> list[Tree]:
    tiers = {"GP": "GeneralPurpose", "B": "Burstable", "MO": "MemoryOptimized"}
    found = []
    for name, database in site.plan.databases.items():
        if not isinstance(database, AzurePostgres):
            continue
        machine = machine_of(site, name, database.machine)
        prefix, _, sku = machine.partition("_")
        if sku.startswith("Gen5"):
            # Single Server was retired in March 2025; its 4 vCPU are a D4ds_v4 of Flexible Server.
            sku = f"Standard_D{sku.rpartition('_')[2]}ds_v4"
        where = {"name": full_name(site, name), "region": site.components[name].region}
        size = {
            "tier": tiers.get(prefix, "GeneralPurpose"),
            "sku": sku,
            "storage_gb": max(32, whole(database.storage)),
        }
        found.append({**where, **size, "high_availability": database.high_availability})
    return found


def _azure_redis(site: Site) -> list[Tree]:
    found = []
    for name, cache in site.plan.caches.items():
        if isinstance(cache, AzureRedis):
            tier, _, size = machine_of(site, name, cache.machine).partition("-")
            where = {"name": full_name(site, name), "region": site.components[name].region}
            found.append({**where, "sku": tier.capitalize(), "size": size.lower()})
    return found


def _container_app(site: Site, service: Service) -> Tree:
    spec, workload = service.spec, service.workload
    assert isinstance(spec, ContainerApps)
    return {
        "location": service.region,
        "name": service.name,
        "image": image_of(site, service),
        "port": workload.port,
        "external": workload.public or service.name in site.entries,
        "cpu": number(spec.cpu),
        "memory": memory(number(spec.memory)),
        "env": [{"name": n, "value": v} for n, v in environment_of(site, service).items()],
        "lo": service.lo,
        "hi": service.hi,
        "concurrency": str(int(number(spec.concurrency) * number(spec.target_utilization.concurrency))),
        "probes": [
            {"type": decides.capitalize(), **probe.kubernetes(workload.port)}
            for decides, probe in probes_of(service).items()
        ],
    }

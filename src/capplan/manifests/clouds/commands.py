"""Commands that make what has no manifest: clusters, groups of machines, managed databases and caches."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence

from capplan.manifests.artefact import Artefact, Rendered, Tree
from capplan.manifests.clouds.aws import backup_days, full_name, log_group_of, machine_of
from capplan.manifests.clouds.balancers import balancers_of
from capplan.manifests.clouds.cloudrun import account_of
from capplan.manifests.clouds.clusters import clusters_of, disk_kind
from capplan.manifests.clouds.networks import ZONES, aws_networks, own_subnets
from capplan.manifests.figures import number, whole
from capplan.manifests.kubernetes.network import STORE_PORTS
from capplan.manifests.site import Site
from capplan.plan.caches import AzureRedis, Memorystore
from capplan.plan.databases import Aurora, AzurePostgres, CloudSql, Rds
from capplan.plan.services import CloudRun, ContainerApps, VmGroup
from capplan.quantities import DAY_S


def command_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield a script for every provider that has something to make."""
    apps = [s for s in site.services.values() if isinstance(s.spec, ContainerApps)]
    context: Tree = {"region": site.plan.regions, "name": site.name, "gcp": site.manifests.gcp}
    clusters = clusters_of(site, "gke")
    gcp = {
        "clusters": clusters,
        "private": sorted({each["region"] for each in clusters if each["private"]}),
        "databases": _cloud_sql(site),
        "caches": _memorystore(site),
        "groups": _groups(site, "gcp"),
        "services": [
            {"name": s.name, "region": s.region, "account": account_of(site, s)}
            for s in site.services.values()
            if isinstance(s.spec, CloudRun)
        ],
    }
    azure = {
        "clusters": clusters_of(site, "aks"),
        "databases": _flexible_servers(site),
        "caches": _azure_redis(site),
        "groups": _groups(site, "azure"),
        "apps": apps,
    }
    azure["subnets"] = [{"name": name, **_SUBNETS[name]} for name, kind in _USERS.items() if azure[kind]]
    zones = {"databases": f"{site.name}.private.postgres.database.azure.com", "caches": _REDIS_ZONE}
    azure |= {"zones": [zone for kind, zone in zones.items() if azure[kind]]}
    context["database_zone"] = zones["databases"]
    for provider, script, found in (("gcp", "gcloud", gcp), ("azure", "az", azure)):
        if any(found.values()):
            path = f"commands/{script}.sh"
            yield Artefact(
                path,
                f"{provider}/{script}.sh.j2",
                {**context, **found, "database_zone": zones["databases"]},
                provider,
            )


_USERS = {
    "nodes": "clusters",
    "machines": "groups",
    "apps": "apps",
    "databases": "databases",
    "endpoints": "caches",
}
"""Subnets of Azure's network, and what of the script goes there."""

_SUBNETS: Mapping[str, Tree] = {
    "nodes": {"range": "10.64.0.0/20", "delegation": None},
    "machines": {"range": "10.64.32.0/20", "delegation": None},
    "apps": {"range": "10.64.64.0/21", "delegation": "Microsoft.App/environments"},
    "databases": {"range": "10.64.16.0/24", "delegation": "Microsoft.DBforPostgreSQL/flexibleServers"},
    "endpoints": {"range": "10.64.17.0/24", "delegation": None},
}
_REDIS_ZONE = "privatelink.redis.azure.net"


def aws_script(site: Site, files: Sequence[Rendered]) -> Iterator[Artefact]:
    """Yield the script that makes the API calls of the rendered bodies, and the EKS clusters."""
    balancers = balancers_of(site)
    calls = [
        _call(site, item)
        for item in files
        if item.part == "aws" and item.path.startswith("aws/") and item.path.split(".")[-2] in _AWS_SERVICE
    ]
    for call in calls:
        own = [one for one in balancers if call["body"] == f"aws/{one['name']}.create-service.json"]
        call["balancer"] = own[0] if own else None
    calls.sort(key=lambda call: (call["source"] is not None, _AWS_ORDER.index(call["operation"])))
    networks = aws_networks(site)
    clusters = [
        {
            **cluster,
            "subnets": ",".join(own_subnets(site, cluster["region"])),
            "zones": ",".join(
                f"{network.region}{zone}"
                for network in networks.values()
                for zone in ZONES
                if network.machines and network.cluster == cluster["name"]
            ),
        }
        for cluster in clusters_of(site, "eks")
    ]
    logs = [call for call in calls if call["logs"] is not None]
    if calls or clusters:
        context: Tree = {"calls": calls, "clusters": clusters, "logs": logs, "vpc_cni": _VPC_CNI}
        context["balancers"] = balancers
        context["homes"] = sorted({call["region"] for call in logs})
        context["name"] = site.name
        context["networks"] = [
            {**network._asdict(), "variable": network.variable, "ids": json.dumps(network.subnets)}
            for network in networks.values()
        ]
        context["copies"] = any(call["source"] is not None for call in calls)
        yield Artefact("commands/aws.sh", "aws/aws.sh.j2", context, "aws")


def _call(site: Site, item: Rendered) -> Tree:
    """Return the call of a body, with what must be there before: the log group, or the instance it copies."""
    operation = item.path.split(".")[-2]
    # A component has bodies by its own name and by that with a number: postgres-replica-1.
    stem = item.path.removeprefix("aws/").split(".")[0]
    owner = max((name for name in site.components if stem.startswith(name)), key=len)
    scales_tasks = "ServiceNamespace" in item.value and operation == "put-scaling-policy"
    is_task = operation == "register-task-definition"
    source = _copied(site, owner) if stem == f"{owner}-standby" else None
    region = site.components[owner].region if source is None else source["away"]
    return {
        "service": "application-autoscaling" if scales_tasks else _AWS_SERVICE[operation],
        "operation": operation,
        "body": item.path,
        "region": region,
        "source": source,
        "guard": _guard(site, region, operation, item.value),
        "waits_for": item.value.get("SourceDBInstanceIdentifier"),
        "logs": log_group_of(item.value["family"]) if is_task else None,
    }


def _guard(site: Site, region: str, operation: str, body: Tree) -> Tree | None:
    """Return the option that puts a store behind its security group, or machines into their network."""
    network, option = aws_networks(site).get(region), _GUARDS.get(operation)
    # Instances of Aurora have the groups of their cluster.
    of_cluster = operation == "create-db-instance" and "DBClusterIdentifier" in body
    if network is None or option is None or of_cluster:
        return None
    if operation == "create-auto-scaling-group":
        return {"option": option, "variable": f"zones_{network.variable}"} if network.machines else None
    return {"option": option, "variable": f"group_{network.variable}"}


def _copied(site: Site, name: str) -> Tree | None:
    """Return what a standby in another region copies, and where that is; None without one."""
    database = site.plan.databases.get(name)
    if not isinstance(database, Rds | Aurora) or database.recovery.standby_region is None:
        return None
    home = site.components[name].region
    kind = "db" if isinstance(database, Rds) else "cluster"
    return {
        "arn": (f"arn:aws:rds:{home}:", f":{kind}:{full_name(site, name)}"),
        "home": home,
        "away": database.recovery.standby_region,
        "name": full_name(site, name),
    }


_VPC_CNI = json.dumps({"enableNetworkPolicy": "true"})
_GUARDS = {
    "create-db-cluster": "--vpc-security-group-ids",
    "create-db-instance": "--vpc-security-group-ids",
    "create-db-instance-read-replica": "--vpc-security-group-ids",
    "create-replication-group": "--security-group-ids",
    "create-auto-scaling-group": "--vpc-zone-identifier",
}
"""Options of calls whose value only the script knows: security groups of stores, subnets of machines."""

_AWS_SERVICE = {
    "create-cluster": "kafka",
    "create-cache-parameter-group": "elasticache",
    "modify-cache-parameter-group": "elasticache",
    "create-global-cluster": "rds",
    "create-db-cluster": "rds",
    "create-db-instance": "rds",
    "create-db-instance-read-replica": "rds",
    "create-replication-group": "elasticache",
    "create-launch-template": "ec2",
    "modify-target-group": "elbv2",
    "create-auto-scaling-group": "autoscaling",
    "register-task-definition": "ecs",
    "create-service": "ecs",
    "register-scalable-target": "application-autoscaling",
    "put-scaling-policy": "autoscaling",
}
_AWS_ORDER = list(_AWS_SERVICE)
"""Also the order in which calls can be made; the script makes load balancers before them."""


def _groups(site: Site, provider: str) -> list[Tree]:
    return [
        {
            "name": full_name(site, s.name),
            "machine": s.spec.machine,
            "region": s.region,
            "lo": s.lo,
            "hi": s.hi,
            "cpu": round(s.target("cpu"), 4),
            "cpu_percent": round(100 * s.target("cpu")),
            # What one instance more than the fewest may carry so that the fewest stay within the target.
            "idle_percent": math.floor(100 * s.target("cpu") * s.lo / (s.lo + 1)),
            "warmup_s": math.ceil(s.workload.startup),
            "spot": number(s.spec.purchase.spot) >= 1,
            "disk_gb": None if s.spec.disk is None else whole(s.spec.disk.size),
            "disk_type": None if s.spec.disk is None else disk_kind(s.spec.disk.type),
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
            "storage_gb": site.storage_gib(name),
            "replicas": list(range(1, whole(database.read_replicas) + 1)),
            "standby_region": database.recovery.standby_region,
            "key": site.manifests.gcp.key_in(site.components[name].region),
            "standby_key": database.recovery.standby_region
            and site.manifests.gcp.key_in(database.recovery.standby_region),
            "backups": backup_days(database),
            "log": _cloud_sql_log(database),
            "log_days": min(7, max(1, math.ceil(number(database.backup.point_in_time) / DAY_S))),
        }
        for name, database in site.plan.databases.items()
        if isinstance(database, CloudSql)
    ]


def _cloud_sql_log(database: CloudSql) -> str | None:
    """Return the option that keeps the log: no standby, replica or point in time goes without."""
    point_in_time = number(database.backup.point_in_time) > 0
    copied = number(database.read_replicas) > 0 or database.recovery.standby_region is not None
    if not (database.high_availability or point_in_time or copied):
        return None
    return "--enable-bin-log" if database.engine == "mysql" else "--enable-point-in-time-recovery"


def _memorystore(site: Site) -> list[Tree]:
    return [
        {
            "name": full_name(site, name)[:40],
            "region": site.components[name].region,
            "tier": cache.tier,
            "size_gb": memorystore_gib(site, name, cache),
            "settings": f"maxmemory-policy={cache.eviction}",
            "key": site.manifests.gcp.key_in(site.components[name].region),
        }
        for name, cache in site.plan.caches.items()
        if isinstance(cache, Memorystore)
    ]


def memorystore_gib(site: Site, name: str, cache: Memorystore) -> int:
    """Return the whole GiB of an instance: those of the plan, or those that its content was given."""
    if cache.size is not None:
        return max(1, whole(cache.size))
    [given] = [measure.has for measure in site.components[name].measures if measure.name == "memory"]
    assert given is not None
    return whole(given)


def _flexible_servers(site: Site) -> list[Tree]:
    tiers = {"GP": "GeneralPurpose", "B": "Burstable", "MO": "MemoryOptimized"}
    found = []
    for name, database in site.plan.databases.items():
        if not isinstance(database, AzurePostgres):
            continue
        machine = machine_of(site, name, database.machine)
        prefix, _, sku = machine.partition("_")
        if not sku:
            # Catalogs call the burstable classes B1MS, az Standard_B1ms.
            prefix, sku = "B", f"Standard_B{machine[1:].lower()}"
        elif sku.startswith("Gen5"):
            # Single Server was retired in March 2025; its 4 vCPU are a D4ds_v4 of Flexible Server.
            sku = f"Standard_D{sku.rpartition('_')[2]}ds_v4"
        where = {"name": full_name(site, name), "region": site.components[name].region}
        size = {
            "tier": tiers.get(prefix, "GeneralPurpose"),
            "sku": sku,
            # It is sold in powers of two.
            "storage_gb": 2 ** math.ceil(math.log2(site.storage_gib(name))),
        }
        # Azure keeps backups for a week to five.
        days = min(35, max(7, backup_days(database)))
        kept = {"high_availability": database.high_availability, "backups": days}
        replicas = list(range(1, whole(database.read_replicas) + 1))
        # Its TimescaleDB is the Apache edition; what it lacks to drop old chunks, pg_cron does.
        extensions = ["timescaledb", "pg_cron"] if database.time_series else []
        standby = database.recovery.standby_region
        copies = {"replicas": replicas, "standby_region": standby, "extensions": extensions}
        found.append({**where, **size, **kept, **copies})
    return found


def _azure_redis(site: Site) -> list[Tree]:
    """Return caches as Azure Managed Redis sells them; other SKUs are refused to new tenants."""
    catalog = site.estimate.context.catalog
    found = []
    for name, cache in site.plan.caches.items():
        if isinstance(cache, AzureRedis):
            machine = machine_of(site, name, cache.machine)
            sku = catalog.service("azure", "redis-cache").skus[machine]
            tier, _, size = (sku.successor or machine).partition("-")
            where = {"name": full_name(site, name), "region": site.components[name].region}
            first, _, rest = cache.eviction.partition("-")
            # allkeys-lru is AllKeysLRU there.
            eviction = {"noeviction": "NoEviction", "allkeys": "AllKeys", "volatile": "Volatile"}[first]
            policy = {"eviction": eviction + rest.upper(), "port": STORE_PORTS["azure-redis"]}
            found.append({**where, "sku": f"{tier.capitalize()}_{size}", **policy})
    return found

"""A Terraform plan, as `terraform show -json` prints it: the resources that catalogs price.

The format is documented at developer.hashicorp.com/terraform/internals/json-format; blocks are lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from capplan.adopt import checks
from capplan.adopt.draft import Draft, Tree, cores, usable
from capplan.adopt.tfplan import Planned, UncoveredError, mapping_of, references_of, resources_of
from capplan.adopt.unread import FLAG, LIST, QUANTITY, WHOLE, Shapes, note_unread
from capplan.catalog.catalog import Catalog
from capplan.components.base import MACHINES
from capplan.manifests.quantity import memory
from capplan.manifests.verify.world import amount
from capplan.plan.services import Provider

_MOST = 10**9
"""Of whatever is counted or measured in GiB; what is more, or below 0, is no number of anything."""

_REGIONAL_ZONES = 3
"""Zones over which GKE spreads a regional cluster that names none."""


_DISKS = ("aws_ebs_volume", "google_compute_disk")
"""Types whose `size` is one in GiB; elsewhere it is the name of a machine type."""

_COUNTS = (
    *("min_size", "max_size", "min_count", "max_count", "node_count", "initial_node_count"),
    *("min_node_count", "max_node_count", "total_min_node_count", "total_max_node_count"),
    *("allocated_storage", "disk_size", "storage_mb", "memory_size_gb", "capacity"),
    *("num_node_groups", "num_cache_clusters", "num_cache_nodes", "replicas_per_node_group"),
    *("max_instance_request_concurrency", "min_instance_count", "max_instance_count"),
)
_SHAPES: Shapes = {
    **dict.fromkeys(_COUNTS, WHOLE),
    **dict.fromkeys(("multi_az", "spot", "preemptible", "cpu_idle"), FLAG),
    "limits": {"*": QUANTITY},
}
_MODULES: Shapes = {"child_modules": LIST, "resources": LIST, "values": {}}


class Terraform:
    """The resources of a plan, and how they refer to each other."""

    def __init__(self, plan: Mapping[str, Any], draft: Draft) -> None:
        self.draft = draft
        self.catalog = Catalog(draft.asked.catalogs)
        root = mapping_of(mapping_of(plan.get("planned_values")).get("root_module"))
        note_unread(draft, "planned_values.root_module", {**root, "resources": None}, _MODULES)
        self.resources = list(resources_of(root))
        self.by_address = {resource.address: resource for resource in self.resources}
        self._configuration = mapping_of(plan.get("configuration"))
        self.references = dict(references_of(mapping_of(self._configuration.get("root_module")), ""))

    def adopt(self) -> None:
        """Add every resource that capplan knows; note the others by type."""
        for resource in self.resources:
            self.draft.hold(resource.address, resource.type, resource.values)
            reader = READERS.get(resource.type)
            if reader is None:
                what = f"capplan does not know the type {resource.type}"
                self.draft.note(checks.UNKNOWN_RESOURCE, resource.address, what)
                continue
            sized = {"size": WHOLE} if resource.type in _DISKS else {}
            note_unread(self.draft, resource.address, resource.values, {**_SHAPES, **sized})
            try:
                reader(self, resource)
            except UncoveredError as reason:
                self.draft.note(checks.UNREAD_RESOURCE, resource.address, str(reason))

    def region(self, provider: Provider, said: object) -> str:
        """Return a resource's region: its own or its provider's; nothing else stands in for it."""
        region = str(said) if said else self._provider_region(provider)
        if region is None:
            return self._asked(provider)
        # Azure's names as people write them: "West Europe" is westeurope.
        region = region.replace(" ", "").lower()
        if provider == "gcp":
            region = re.sub(r"-[a-f]$", "", region)
        if provider == "aws":
            region = re.sub(r"(?<=\d)[a-f]$", "", region)
        self.draft.regions.setdefault(provider, region)
        return region

    def _asked(self, provider: Provider) -> str:
        self.draft.provider(provider)
        return self.draft.regions[provider]

    def _provider_region(self, provider: Provider) -> str | None:
        names = {"aws": "aws", "gcp": "google", "azure": "azurerm"}
        configs = mapping_of(self._configuration.get("provider_config"))
        expressions = mapping_of(mapping_of(configs.get(names[provider])).get("expressions"))
        value = mapping_of(expressions.get("region")).get("constant_value")
        return value if isinstance(value, str) else None

    def referred(self, resource: Planned, kind: str) -> Planned | None:
        """Return the resource of a type that another one's configuration refers to."""
        path = re.sub(r"\[[^]]*\]", "", resource.address)
        for reference in self.references.get(path, ()):
            module = path.rpartition(f"{resource.type}.")[0]
            target = self.by_address.get(module + reference)
            if target is not None and target.type == kind:
                return target
        return None

    def check(self, provider: Provider, service: str, sku: str) -> str:
        """Return a SKU that the catalog has."""
        if self.catalog.find(provider, service, sku) is None:
            raise UncoveredError(f"the catalog has no {sku} of {provider} {service}")
        return sku

    def machine(self, provider: Provider, name: str) -> str:
        """Return a machine type that the catalog has."""
        return self.check(provider, MACHINES[provider], name)

    def add(self, section: str, resource: Planned, tree: Tree) -> None:
        """Add an entry by the resource's name."""
        self.draft.add(section, resource.name, tree, f"{resource.address}", resource.type)


def adopt_terraform(draft: Draft, plan: Mapping[str, Any]) -> None:
    """Add the resources of a plan. ``plan`` is the document of `terraform show -json`."""
    Terraform(plan, draft).adopt()


def _whole(value: object, default: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        return default
    return int(value)


def _range(low: object, high: object, default: int = 1) -> Tree | int:
    lo = _whole(low, default)
    hi = max(_whole(high, lo), lo)
    return lo if lo == hi else {"min": lo, "max": hi}


def _group(
    tf: Terraform, resource: Planned, provider: Provider, region: str, machine: str, instances: Any
) -> None:
    tree: Tree = {"platform": "vm-group", "provider": provider, "region": region}
    tf.add("services", resource, {**tree, "machine": tf.machine(provider, machine), "instances": instances})


def _aws_instance(tf: Terraform, resource: Planned) -> None:
    region = tf.region("aws", resource.values.get("availability_zone"))
    _group(tf, resource, "aws", region, resource.needed("instance_type"), 1)


def _aws_group(tf: Terraform, resource: Planned) -> None:
    template = tf.referred(resource, "aws_launch_template") or tf.referred(
        resource, "aws_launch_configuration"
    )
    if template is None:
        raise UncoveredError("its launch template is not in the plan")
    zones = [*resource.texts("availability_zones"), None]
    bounds = _range(resource.values.get("min_size"), resource.values.get("max_size"))
    _group(tf, resource, "aws", tf.region("aws", zones[0]), template.needed("instance_type"), bounds)


def _google_instance(tf: Terraform, resource: Planned) -> None:
    region = tf.region("gcp", resource.values.get("zone"))
    _group(tf, resource, "gcp", region, resource.needed("machine_type"), 1)


def _azure_machine(tf: Terraform, resource: Planned) -> None:
    region = tf.region("azure", resource.values.get("location"))
    _group(tf, resource, "azure", region, resource.needed("size"), 1)


def _pools(tf: Terraform, cluster: Planned, kind: str, read: Callable[[Planned], Tree]) -> dict[str, Tree]:
    """Return the pools of a cluster: those that refer to it, or all where there is no other cluster."""
    alone = sum(other.type == cluster.type for other in tf.resources) == 1
    found = {}
    for pool in (resource for resource in tf.resources if resource.type == kind):
        owner = tf.referred(pool, cluster.type)
        if owner != cluster and not (owner is None and alone):
            continue
        tf.draft.used.add(pool.address)
        try:
            found[pool.name] = read(pool)
        except UncoveredError as reason:
            tf.draft.note(checks.UNREAD_RESOURCE, pool.address, str(reason))
    return found


def _cluster(tf: Terraform, resource: Planned, tree: Tree, pools: dict[str, Tree]) -> None:
    if not pools:
        raise UncoveredError("the plan has no node pool for it that capplan knows")
    tf.add("clusters", resource, {**tree, "pools": pools})


def _eks(tf: Terraform, resource: Planned) -> None:
    pools = _pools(tf, resource, "aws_eks_node_group", lambda pool: _eks_pool(tf, pool))
    _cluster(tf, resource, {"platform": "eks", "region": tf.region("aws", None)}, pools)


def _eks_pool(tf: Terraform, pool: Planned) -> Tree:
    scaling = pool.block("scaling_config")
    machine = tf.machine("aws", [*pool.texts("instance_types"), "t3.medium"][0])
    found: Tree = {"machine": machine, "nodes": _range(scaling.get("min_size"), scaling.get("max_size"))}
    if pool.values.get("capacity_type") == "SPOT":
        found["purchase"] = {"spot": "100%"}
    return found


def _gke(tf: Terraform, resource: Planned) -> None:
    location = resource.values.get("location")
    region = tf.region("gcp", location)
    zones = len(resource.texts("node_locations")) or (_REGIONAL_ZONES if location == region else 1)
    pools = _pools(tf, resource, "google_container_node_pool", lambda pool: _gke_pool(tf, pool, zones))
    _cluster(tf, resource, {"platform": "gke", "region": region}, pools)


def _gke_pool(tf: Terraform, pool: Planned, zones: int) -> Tree:
    """Return a node pool; its counts are for each zone, as the provider's documentation says."""
    config, scaling = pool.block("node_config"), pool.block("autoscaling")
    if scaling.get("total_max_node_count"):
        nodes = _range(scaling.get("total_min_node_count"), scaling.get("total_max_node_count"), 0)
        found: Tree = {"nodes": nodes}
    else:
        fixed = pool.values.get("node_count") or pool.values.get("initial_node_count")
        low = scaling.get("min_node_count") if scaling else fixed
        high = scaling.get("max_node_count") if scaling else fixed
        zones = len(pool.texts("node_locations")) or zones
        found = {"nodes": _range(low, high, 0 if scaling else 1), "nodes_per_zone": True, "zones": zones}
    machine = tf.machine("gcp", str(config.get("machine_type") or "e2-medium"))
    if config.get("spot") or config.get("preemptible"):
        found["purchase"] = {"spot": "100%"}
    return {"machine": machine, **found}


def _aks(tf: Terraform, resource: Planned) -> None:
    default = resource.block("default_node_pool")
    kind = "azurerm_kubernetes_cluster_node_pool"
    pools = _pools(tf, resource, kind, lambda pool: _aks_pool(tf, pool.values))
    if default:
        pools = {usable(str(default.get("name", "default"))): _aks_pool(tf, default), **pools}
    tier = "free" if str(resource.values.get("sku_tier") or "Free") == "Free" else "standard"
    tree = {"platform": "aks", "region": tf.region("azure", resource.values.get("location")), "tier": tier}
    _cluster(tf, resource, tree, pools)


def _aks_pool(tf: Terraform, pool: Mapping[str, Any]) -> Tree:
    fixed = pool.get("node_count")
    low, high = pool.get("min_count"), pool.get("max_count")
    nodes = _range(fixed if low is None else low, fixed if high is None else high)
    return {"machine": tf.machine("azure", str(pool.get("vm_size"))), "nodes": nodes}


def _pool_of_a_cluster(tf: Terraform, resource: Planned) -> None:
    """Node pools are read with their cluster."""
    kinds = ("aws_eks_cluster", "google_container_cluster", "azurerm_kubernetes_cluster")
    if not any(other.type in kinds for other in tf.resources):
        raise UncoveredError("its cluster is not in the plan")


def _rds(tf: Terraform, resource: Planned) -> None:
    engine = {"postgres": "postgres", "mysql": "mysql"}.get(resource.needed("engine"))
    if engine is None:
        raise UncoveredError(f"capplan does not know RDS for {resource.values['engine']}")
    machine = tf.check("aws", f"rds-{engine}", resource.needed("instance_class"))
    tree: Tree = {"platform": "rds", "engine": engine, "machine": machine}
    tree["region"] = tf.region("aws", resource.values.get("availability_zone"))
    tree["high_availability"] = resource.values.get("multi_az") is True
    size = _whole(resource.values.get("allocated_storage"))
    if size:
        tree["storage"] = f"{size}Gi"
    else:
        what = "allocated_storage is unknown, so its storage has no price"
        tf.draft.note(checks.UNKNOWN_VOLUME_SIZE, resource.address, what)
    tf.add("databases", resource, tree)


def _cloud_sql(tf: Terraform, resource: Planned) -> None:
    version = resource.needed("database_version")
    engine = {"POSTGRES": "postgres", "MYSQL": "mysql"}.get(version.partition("_")[0])
    if engine is None:
        raise UncoveredError(f"capplan does not know Cloud SQL for {version}")
    settings = resource.block("settings")
    machine = str(settings.get("tier"))
    custom = re.fullmatch(r"db-custom-\d+-\d+", machine)
    if not custom and tf.catalog.find("gcp", "cloud-sql", machine) is None:
        tf.check("gcp", f"cloud-sql-{engine}", machine)
    tree: Tree = {"platform": "cloud-sql", "engine": engine, "machine": machine}
    tree["region"] = tf.region("gcp", resource.values.get("region"))
    tree["high_availability"] = settings.get("availability_type") == "REGIONAL"
    tree["storage"] = f"{_whole(settings.get('disk_size'), 10)}Gi"
    tf.add("databases", resource, tree)


def _azure_postgres(tf: Terraform, resource: Planned) -> None:
    machine = tf.check("azure", "postgresql-flexible", resource.needed("sku_name"))
    tree: Tree = {"platform": "azure-postgresql", "machine": machine}
    tree["region"] = tf.region("azure", resource.values.get("location"))
    tree["high_availability"] = bool(resource.block("high_availability").get("mode"))
    tree["storage"] = f"{_whole(resource.values.get('storage_mb'), 32768) // 1024}Gi"
    tf.add("databases", resource, tree)


def _elasticache(tf: Terraform, resource: Planned) -> None:
    machine = tf.check("aws", "elasticache-redis", resource.needed("node_type"))
    shards = _whole(resource.values.get("num_node_groups"), 1)
    nodes = _whole(resource.values.get("num_cache_clusters") or resource.values.get("num_cache_nodes"), 1)
    replicas = _whole(resource.values.get("replicas_per_node_group"), nodes - 1)
    tree: Tree = {"platform": "elasticache", "machine": machine, "region": tf.region("aws", None)}
    tf.add("caches", resource, {**tree, "shards": max(1, shards), "replicas": max(0, replicas)})


def _memorystore(tf: Terraform, resource: Planned) -> None:
    tier = "standard" if resource.values.get("tier") == "STANDARD_HA" else "basic"
    size = f"{_whole(resource.values.get('memory_size_gb'), 1)}Gi"
    region = tf.region("gcp", resource.values.get("region"))
    tf.add("caches", resource, {"platform": "memorystore", "region": region, "tier": tier, "size": size})


def _azure_redis(tf: Terraform, resource: Planned) -> None:
    sku = f"{resource.needed('sku_name').lower()}-{resource.needed('family')}"
    machine = tf.check("azure", "redis-cache", f"{sku}{_whole(resource.values.get('capacity'))}")
    region = tf.region("azure", resource.values.get("location"))
    tf.add("caches", resource, {"platform": "azure-redis", "region": region, "machine": machine})


def _cloud_run(tf: Terraform, resource: Planned) -> None:
    template, scaling = resource.block("template"), resource.block("template", "scaling")
    resources = resource.block("template", "containers", "resources")
    limits = mapping_of(resources.get("limits"))
    tree: Tree = {
        "platform": "cloud-run",
        "region": tf.region("gcp", resource.values.get("location")),
        "cpu": cores(amount(limits.get("cpu")) or 1.0),
        "memory": memory((amount(limits.get("memory")) or 512.0 * 2**20) / 2**30),
        "service_time": "100ms",
        "concurrency": _whole(template.get("max_instance_request_concurrency")) or 80,
        "instances": {
            "min": _whole(scaling.get("min_instance_count")),
            "max": _whole(scaling.get("max_instance_count"), 100),
        },
        "billing": "instance" if resources.get("cpu_idle") is False else "request",
    }
    tf.draft.note(
        checks.ASSUMED_SERVICE_TIME,
        resource.address,
        "a request takes 100ms; measure service_time",
    )
    tf.add("services", resource, tree)


def _priced(
    tf: Terraform,
    resource: Planned,
    provider: Provider,
    service: str,
    sku: str,
    quantity: int,
    place: object,
) -> None:
    tree: Tree = {"provider": provider, "service": service, "sku": tf.check(provider, service, sku)}
    tree["region"] = tf.region(provider, place)
    tf.add("resources", resource, {**tree, "quantity": quantity})


def _aws_balancer(tf: Terraform, resource: Planned) -> None:
    sku = "nlb-hour" if resource.values.get("load_balancer_type") == "network" else "alb-hour"
    _priced(tf, resource, "aws", "elb", sku, 1, None)


def _aws_nat(tf: Terraform, resource: Planned) -> None:
    _priced(tf, resource, "aws", "nat-gateway", "hour", 1, None)


def _volume_gib(resource: Planned) -> int:
    size = _whole(resource.values.get("size"))
    if not size:
        raise UncoveredError("its size is unknown")
    return size


def _aws_volume(tf: Terraform, resource: Planned) -> None:
    size, zone = _volume_gib(resource), resource.values.get("availability_zone")
    _priced(tf, resource, "aws", "ebs", str(resource.values.get("type") or "gp2"), size, zone)


def _google_disk(tf: Terraform, resource: Planned) -> None:
    size, zone = _volume_gib(resource), resource.values.get("zone")
    kind = str(resource.values.get("type") or "pd-standard")
    _priced(tf, resource, "gcp", "persistent-disk", kind, size, zone)


Reader = Callable[[Terraform, Planned], None]
READERS: Mapping[str, Reader] = {
    "aws_instance": _aws_instance,
    "aws_autoscaling_group": _aws_group,
    "aws_launch_template": lambda tf, resource: None,
    "aws_launch_configuration": lambda tf, resource: None,
    "aws_eks_cluster": _eks,
    "aws_eks_node_group": _pool_of_a_cluster,
    "aws_db_instance": _rds,
    "aws_elasticache_cluster": _elasticache,
    "aws_elasticache_replication_group": _elasticache,
    "aws_lb": _aws_balancer,
    "aws_nat_gateway": _aws_nat,
    "aws_ebs_volume": _aws_volume,
    "google_compute_instance": _google_instance,
    "google_container_cluster": _gke,
    "google_container_node_pool": _pool_of_a_cluster,
    "google_sql_database_instance": _cloud_sql,
    "google_redis_instance": _memorystore,
    "google_cloud_run_v2_service": _cloud_run,
    "google_compute_disk": _google_disk,
    "azurerm_linux_virtual_machine": _azure_machine,
    "azurerm_kubernetes_cluster": _aks,
    "azurerm_kubernetes_cluster_node_pool": _pool_of_a_cluster,
    "azurerm_postgresql_flexible_server": _azure_postgres,
    "azurerm_redis_cache": _azure_redis,
}
"""How each resource type is read; launch templates are read with their group."""

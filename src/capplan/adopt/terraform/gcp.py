"""Resources of Google's provider."""

from __future__ import annotations

import re
from collections.abc import Mapping

from capplan.adopt import checks
from capplan.adopt.draft import Tree, cores
from capplan.adopt.terraform.reading import Reading, bounds, name_of
from capplan.adopt.terraform.table import Attributes, Row, UncoveredError
from capplan.manifests.quantity import memory
from capplan.manifests.verify.world import amount

_REGIONAL_ZONES = 3
"""Zones over which GKE spreads a regional cluster that names none."""

_CLUSTER = "google_container_cluster"


def _instance(tf: Reading, resource: Attributes) -> None:
    node = resource.node
    machine = tf.machine("gcp", resource.needed("machine_type"))
    tree: Tree = {"platform": "vm-group", "provider": "gcp", "region": tf.region(node)}
    tf.add("services", node, {**tree, "machine": machine, "instances": 1})


def _gke(tf: Reading, resource: Attributes) -> None:
    node = resource.node
    region = tf.region(node)
    zones = len(resource.texts("node_locations")) or (
        _REGIONAL_ZONES if resource.text("location") == region else 1
    )
    behind = {name_of(pool.node): pool for pool in tf.owned(node, "cluster", "google_container_node_pool")}
    pools: dict[str, Tree] = {}
    for name, pool in behind.items():
        with tf.part(pool.node):
            pools[name] = _gke_pool(tf, pool, zones)
    if not pools:
        raise UncoveredError("the plan has no node pool for it that capplan knows")
    tree: Tree = {"platform": "gke", "region": region}
    tf.add_cluster(node, tree, pools, {name: pool.node for name, pool in behind.items()})


def _gke_pool(tf: Reading, pool: Attributes, zones: int) -> Tree:
    """Return a node pool; its counts are for each zone, as the provider's documentation says."""
    config, scaling = pool.block("node_config"), pool.block("autoscaling")
    if scaling.whole("total_max_node_count"):
        nodes = bounds(scaling.whole("total_min_node_count"), scaling.whole("total_max_node_count"))
        found: Tree = {"nodes": nodes}
    else:
        fixed = pool.whole("node_count") or pool.whole("initial_node_count", 1)
        low = scaling.whole("min_node_count") if scaling else fixed
        high = scaling.whole("max_node_count") if scaling else fixed
        zones = len(pool.texts("node_locations")) or zones
        found = {"nodes": bounds(low, high), "nodes_per_zone": True, "zones": zones}
    machine = tf.machine("gcp", config.text("machine_type", "e2-medium"))
    if config.flag("spot") or config.flag("preemptible"):
        found["purchase"] = {"spot": "100%"}
    return {"machine": machine, **found}


def _gke_pool_alone(tf: Reading, pool: Attributes) -> None:
    """Planned pools are read with their cluster."""
    if tf.owner(pool.node, "cluster", _CLUSTER) is None:
        raise UncoveredError("its cluster is not in the plan")


def _cloud_sql(tf: Reading, resource: Attributes) -> None:
    version, settings = resource.needed("database_version"), resource.block("settings")
    engine = {"POSTGRES": "postgres", "MYSQL": "mysql"}.get(version.partition("_")[0])
    if engine is None:
        raise UncoveredError(f"capplan does not know Cloud SQL for {version}")
    machine = settings.text("tier")
    custom = re.fullmatch(r"db-custom-\d+-\d+", machine)
    if not custom and tf.catalog.find("gcp", "cloud-sql", machine) is None:
        tf.check("gcp", f"cloud-sql-{engine}", machine)
    tree: Tree = {"platform": "cloud-sql", "engine": engine, "machine": machine}
    tree["region"] = tf.region(resource.node)
    tree["high_availability"] = settings.text("availability_type") == "REGIONAL"
    tree["storage"] = f"{settings.whole('disk_size', 10)}Gi"
    tf.add("databases", resource.node, tree)


def _memorystore(tf: Reading, resource: Attributes) -> None:
    tree: Tree = {"platform": "memorystore", "region": tf.region(resource.node)}
    tree["tier"] = "standard" if resource.text("tier") == "STANDARD_HA" else "basic"
    tf.add("caches", resource.node, {**tree, "size": f"{resource.whole('memory_size_gb', 1)}Gi"})


def _cloud_run(tf: Reading, resource: Attributes) -> None:
    template = resource.block("template")
    scaling, resources = template.block("scaling"), template.block("containers").block("resources")
    limits = resources.block("limits")
    tree: Tree = {
        "platform": "cloud-run",
        "region": tf.region(resource.node),
        "cpu": cores(amount(limits.get("cpu")) or 1.0),
        "memory": memory((amount(limits.get("memory")) or 512.0 * 2**20) / 2**30),
        "service_time": "100ms",
        "concurrency": template.whole("max_instance_request_concurrency") or 80,
        "instances": {
            "min": scaling.whole("min_instance_count"),
            "max": scaling.whole("max_instance_count", 100),
        },
        "billing": "request" if resources.flag("cpu_idle", True) else "instance",
    }
    tf.draft.note(
        checks.ASSUMED_SERVICE_TIME,
        resource.node.address,
        "a request takes 100ms; measure service_time",
    )
    tf.add("services", resource.node, tree)


def _disk(tf: Reading, resource: Attributes) -> None:
    size = resource.whole("size")
    if not size:
        raise UncoveredError("its size is unknown")
    tf.priced(resource.node, "persistent-disk", resource.text("type", "pd-standard"), size)


TYPES: Mapping[str, Row] = {
    "google_compute_instance": Row(_instance),
    _CLUSTER: Row(_gke),
    "google_container_node_pool": Row(_gke_pool_alone),
    "google_sql_database_instance": Row(_cloud_sql),
    "google_redis_instance": Row(_memorystore),
    "google_cloud_run_v2_service": Row(_cloud_run),
    "google_compute_disk": Row(_disk),
}
"""How each type is read."""

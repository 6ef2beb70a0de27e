"""Databases, caches, Cloud Run, networks and what is billed by use, as Google's provider describes them.

Defaults are those of registry.terraform.io/providers/hashicorp/google.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from capplan.adopt import checks
from capplan.adopt.draft import Tree, cores
from capplan.adopt.terraform.planned import Planned
from capplan.adopt.terraform.reading import Reading, bounds
from capplan.adopt.terraform.simple import free_always, held, used
from capplan.adopt.terraform.table import Attributes, Row, UncoveredError
from capplan.components.services.serverless import cloud_run_refuses
from capplan.manifests.quantity import memory
from capplan.manifests.verify.trees import amount

_ENGINES = {"POSTGRES": "postgres", "MYSQL": "mysql"}
_MONTH_S = 730 * 3600


def _cloud_sql(tf: Reading, resource: Attributes) -> None:
    """Read an instance: its machine, and a disk of the kind that it asks for; a stopped one keeps that."""
    node, version = resource.node, resource.needed("database_version")
    settings = resource.block("settings")
    engine = _ENGINES.get(version.partition("_")[0])
    if engine is None:
        raise UncoveredError(f"capplan does not know Cloud SQL for {version}")
    _note_support(tf, node, version)
    plus = _PLUS.fullmatch(settings.text("tier"))
    high = settings.text("availability_type", "ZONAL") == "REGIONAL"
    hdd = settings.text("disk_type", "PD_SSD") == "PD_HDD"
    size, machine = settings.number("disk_size", 10), settings.needed("tier")
    stopped = settings.text("activation_policy", "ALWAYS") == "NEVER"
    if settings.block("backup_configuration").flag("enabled"):
        tf.usage(node, "backups")
    if stopped:
        tf.assume(node, "it is stopped, so only its disk and its address cost something")
        if settings.block("ip_configuration").flag("ipv4_enabled", True):
            tf.priced(node, "cloud-sql", "ip-address-idle", 1, "address")
    elif plus:
        _add_enterprise_plus(tf, settings, f"cloud-sql-{engine}", int(plus[1]), high)
    else:
        tree: Tree = {"platform": "cloud-sql", "engine": engine, "region": tf.region(node)}
        tree |= {"machine": _sql_machine(tf, engine, machine), "high_availability": high}
        tf.add("databases", node, tree if hdd else {**tree, "storage": f"{size:g}Gi"})
    if stopped or hdd or plus:
        sku = "storage-hdd" if hdd else "enterprise-plus-storage-ssd" if plus else "storage-ssd"
        tf.priced(node, "cloud-sql", f"{sku} regional-ha" if high else sku, size, "storage")


def _note_support(tf: Reading, node: Planned, version: str) -> None:
    """Note a version that costs extended support: cloud.google.com/sql/docs, db-versions of each engine."""
    if re.fullmatch(r"MYSQL_(5_[67]|8_0.*)|POSTGRES_(9_6|1[0-2])", version):
        tf.note(node, f"{version} is past standard support; extended support has a price by the vCPU")


_PLUS = re.compile(r"db-perf-optimized-N-(\d{1,3})")
_PLUS_GIB = 8
"""Memory by vCPU of the machines of the Enterprise Plus edition."""


def _add_enterprise_plus(tf: Reading, settings: Attributes, service: str, vcpus: int, high: bool) -> None:
    """Add a machine of the Enterprise Plus edition, which is sold by the vCPU and the GiB."""
    node, suffix = settings.node, " regional-ha" if high else ""
    tf.priced(node, service, f"enterprise-plus-n-vcpu{suffix}", vcpus)
    tf.priced(node, service, f"enterprise-plus-n-ram{suffix}", vcpus * _PLUS_GIB, "memory")
    if settings.block("data_cache_config").flag("data_cache_enabled"):
        tf.usage(node, "data that is cached")


def _sql_machine(tf: Reading, engine: str, machine: str) -> str:
    """Return a machine type of Cloud SQL: shared, of a standard size, or of a size of the user's own."""
    if (
        re.fullmatch(r"db-custom-\d+-\d+", machine)
        or tf.catalog.find("gcp", "cloud-sql", machine) is not None
    ):
        return machine
    named = re.fullmatch(r"db-(?:n1-)?(standard|highmem|lightweight)-(\d+)", machine)
    if named is None:
        return tf.check("gcp", f"cloud-sql-{engine}", machine)
    mib = _SQL_MIB[named[1]] * (1 if named[1] == "lightweight" else int(named[2]))
    return f"db-custom-{named[2]}-{mib}"


_SQL_MIB = {"standard": 3840, "highmem": 6656, "lightweight": 3840}
"""Memory by vCPU of the sizes that have names; a lightweight one has so much altogether."""


_REDIS_SIZES = ((4, "M1"), (10, "M2"), (35, "M3"), (100, "M4"), (float("inf"), "M5"))
"""Largest size of each capacity tier, GiB: cloud.google.com/memorystore/docs/redis/pricing."""


def _redis(tf: Reading, resource: Attributes) -> None:
    """Read an instance; with read replicas each node costs half of what the standard tier takes for two."""
    node, size = resource.node, resource.whole("memory_size_gb", 1)
    standard = resource.text("tier", "BASIC") == "STANDARD_HA"
    mode = resource.text("read_replicas_mode", "READ_REPLICAS_DISABLED")
    replicas = resource.whole("replica_count", 2 if mode == "READ_REPLICAS_ENABLED" else 1)
    tree: Tree = {"platform": "memorystore", "region": tf.region(node)}
    tree["tier"] = "standard" if standard else "basic"
    tf.add("caches", node, {**tree, "size": f"{size}Gi"})
    if standard and replicas > 1:
        tier = next(name for most, name in _REDIS_SIZES if size <= most)
        tf.priced(node, "memorystore-redis", f"standard-{tier}", size * (replicas - 1) / 2, "read-replicas")
        tf.assume(node, "each read replica costs half of the standard tier, which counts two nodes")


_GPUS = {"nvidia-l4": "gpu-l4"}


def _cloud_run(tf: Reading, resource: Attributes) -> None:
    template = resource.block("template")
    scaling, service = template.block("scaling"), resource.block("scaling")
    low = max(scaling.whole("min_instance_count"), service.whole("min_instance_count"))
    if service.text("scaling_mode") == "MANUAL":
        low = service.whole("manual_instance_count")
    high = low if service.get("manual_instance_count") else scaling.whole("max_instance_count", 100)
    containers = template.blocks("containers")
    limits = [container.block("resources").block("limits") for container in containers]
    idle = all(container.block("resources").flag("cpu_idle", True) for container in containers)
    concurrency = template.whole("max_instance_request_concurrency")
    tree = _sized(tf, resource, limits, concurrency)
    tree["instances"] = bounds(low, max(low, high))
    tree["billing"] = "request" if idle else "instance"
    tf.add("services", resource.node, tree)
    gpus = sum(each.number("nvidia.com/gpu") for each in limits)
    if gpus:
        _add_gpus(tf, template, gpus, low)


def _add_gpus(tf: Reading, template: Attributes, gpus: float, low: int) -> None:
    node, kind = template.node, template.block("node_selector").text("accelerator", "nvidia-l4")
    alone = template.flag("gpu_zonal_redundancy_disabled")
    sku = f"{_GPUS.get(kind, kind)}{'' if alone else '-zonal-redundancy'}"
    tf.priced(node, "cloud-run", sku, gpus * low * _MONTH_S, "gpu")
    tf.usage(node, f"GPUs of instances beyond the {low} that always run")


def _sized(tf: Reading, resource: Attributes, limits: Sequence[Attributes], concurrency: int) -> Tree:
    """Return a service with what all its containers may use; one CPU and 512 MiB where one says nothing."""
    cpus = sum(amount(each.get("cpu")) or 1.0 for each in limits) or 1.0
    gib = sum((amount(each.get("memory")) or 512.0 * 2**20) / 2**30 for each in limits) or 0.5
    concurrency = concurrency or (80 if cpus >= 1 else 1)
    refused = cloud_run_refuses(cpus, gib, concurrency)
    if refused:
        raise UncoveredError(f"{refused} ({len(limits)} containers together)")
    what = "a request takes 100ms; measure service_time"
    tf.draft.note(checks.ASSUMED_SERVICE_TIME, resource.node.address, what)
    tree: Tree = {"platform": "cloud-run", "region": tf.region(resource.node), "cpu": cores(cpus)}
    return {**tree, "memory": memory(gib), "service_time": "100ms", "concurrency": concurrency}


def _cloud_run_v1(tf: Reading, resource: Attributes) -> None:
    template = resource.block("template")
    spec, annotations = template.block("spec"), template.block("metadata").block("annotations")

    def said(name: str, default: int) -> int:
        value = str(annotations.get(f"autoscaling.knative.dev/{name}") or "")
        return int(value) if value.isdecimal() else default

    limits = [each.block("resources").block("limits") for each in spec.blocks("containers")]
    tree = _sized(tf, resource, limits, spec.whole("container_concurrency"))
    low = said("minScale", 0)
    tree["instances"] = bounds(low, max(low, said("maxScale", 100)))
    always = annotations.get("run.googleapis.com/cpu-throttling") == "false"
    tf.add("services", resource.node, {**tree, "billing": "instance" if always else "request"})


def _function(tf: Reading, resource: Attributes) -> None:
    tf.usage(resource.node, "invocations and the time of functions")
    if resource.whole("min_instances") or resource.block("service_config").whole("min_instance_count"):
        tf.note(resource.node, "instances that always run cost something, which has no price here")


_USERS: Mapping[str, str] = {
    "google_compute_instance": "network_interface.access_config.nat_ip",
    "google_compute_router_nat": "nat_ips",
}
_FORWARDING = ("google_compute_forwarding_rule", "google_compute_global_forwarding_rule")


def _address(tf: Reading, resource: Attributes) -> None:
    """Read a reserved address: free behind a forwarding rule, else in use or idle."""
    node = resource.node
    internal = resource.text("address_type", "EXTERNAL") == "INTERNAL"
    if internal or any(tf.owned(node, "ip_address", kind) for kind in _FORWARDING):
        tf.free(node)
    else:
        busy = resource.get("users") or any(tf.owned(node, path, kind) for kind, path in _USERS.items())
        tf.priced(node, "external-ip", "in-use" if busy else "unused")


def _forwarding_rule(tf: Reading, resource: Attributes) -> None:
    """Read a rule: the first five of a project have one price together."""
    node = resource.node
    if "serviceAttachments" in resource.text("target"):
        raise UncoveredError("endpoints of Private Service Connect have no price here")
    rules = tf.graph.of(*_FORWARDING)
    rank = rules.index(node)
    if rank == 0:
        tf.priced(node, "load-balancer", "forwarding-rules-first-5")
    elif rank < 5:
        tf.assume(node, f"the price of {rules[0].address} covers five forwarding rules")
        tf.free(node)
    else:
        tf.priced(node, "load-balancer", "additional-forwarding-rule")
    tf.usage(node, "data that load balancers process")


def _connector(tf: Reading, resource: Attributes) -> None:
    """Read a connector of serverless services to a network: machines, at least two of them."""
    machine = resource.text("machine_type", "e2-micro")
    least = resource.whole("min_instances", resource.whole("min_throughput", 200) // 100)
    tf.priced(resource.node, "compute-engine", tf.machine("gcp", machine), least)
    tf.assume(resource.node, f"it runs the {least} machines that are its least")


def _nat(tf: Reading, resource: Attributes) -> None:
    tf.priced(resource.node, "cloud-nat", "gateway")
    tf.assume(resource.node, "32 or more machines use it; fewer cost less")
    tf.usage(resource.node, "processed data and addresses that it allocates itself")


_SQL_FREE = """
    root_password replica_configuration maintenance_version encryption_key_name clone
    restore_backup_context master_instance_name replica_names instance_type
    psc_service_attachment_link available_maintenance_versions settings.disk_autoresize
    settings.edition settings.disk_autoresize_limit settings.database_flags settings.user_labels
    settings.maintenance_window settings.location_preference settings.insights_config
    settings.ip_configuration settings.backup_configuration settings.password_validation_policy
    settings.deletion_protection_enabled settings.deny_maintenance_period
    settings.connector_enforcement settings.time_zone settings.collation
    settings.active_directory_config settings.sql_server_audit_config settings.pricing_plan
    settings.version settings.advanced_machine_features settings.effective_availability_type
    settings.enable_dataplex_integration settings.enable_google_ml_integration
    settings.retain_backups_on_delete final_backup_description replication_cluster"""
_REDIS_FREE = """
    alternative_location_id auth_enabled authorized_network connect_mode customer_managed_key
    display_name location_id maintenance_policy maintenance_schedule persistence_config
    redis_configs redis_version reserved_ip_range secondary_ip_range transit_encryption_mode"""
_RUN_FREE = """
    binary_authorization build_config client client_version custom_audiences default_uri_disabled
    iap_enabled ingress invoker_iam_disabled launch_stage traffic scaling template.annotations
    template.labels template.encryption_key template.execution_environment template.service_account
    template.timeout template.revision template.session_affinity template.vpc_access template.volumes
    template.node_selector template.health_check_disabled template.service_mesh
    template.gpu_zonal_redundancy_disabled template.containers.image template.containers.name
    template.containers.args template.containers.command template.containers.env
    template.containers.ports template.containers.volume_mounts template.containers.working_dir
    template.containers.startup_probe template.containers.liveness_probe template.containers.depends_on
    template.containers.base_image_uri template.containers.build_info
    template.containers.resources.startup_cpu_boost template.containers.resources.limits.nvidia.com/gpu"""
_RUN_V1_FREE = """
    autogenerate_revision_name metadata traffic template.metadata template.spec.service_account_name
    template.spec.timeout_seconds template.spec.volumes template.spec.serving_state
    template.spec.node_selector template.spec.containers.image template.spec.containers.env
    template.spec.containers.ports template.spec.containers.args template.spec.containers.command
    template.spec.containers.name template.spec.containers.env_from
    template.spec.containers.working_dir template.spec.containers.volume_mounts
    template.spec.containers.startup_probe template.spec.containers.liveness_probe
    template.spec.containers.resources.requests"""
_ADDRESS_FREE = "address address_type purpose network_tier prefix_length ip_version ipv6_endpoint_type users"
_RUN_NAMED = "multi_region_settings"
_CACHED = ("compute_backend_service", "compute_region_backend_service", "compute_backend_bucket")
_BY_USE: Mapping[str, str] = {
    "artifact_registry_repository": "stored images",
    "bigquery_dataset": "queries",
    "bigquery_table": "queries and stored data",
    "cloud_run_v2_job": "executions",
    "cloudbuild_trigger": "minutes of builds",
    "compute_security_policy": "rules and requests of Cloud Armor",
    "cloud_scheduler_job": "jobs beyond the three that are free",
    "cloud_tasks_queue": "operations",
    "compute_image": "stored images",
    "compute_machine_image": "stored images",
    "compute_snapshot": "stored snapshots",
    "container_registry": "stored images",
    "dns_managed_zone": "queries and zones",
    "firestore_database": "operations and stored data",
    "kms_crypto_key": "key versions and operations",
    "logging_project_bucket_config": "logs",
    "logging_project_sink": "logs",
    "monitoring_metric_descriptor": "samples",
    "pubsub_subscription": "messages",
    "pubsub_topic": "messages",
    "secret_manager_secret": "secrets and accesses",
    "secret_manager_secret_version": "secrets and accesses",
    "storage_bucket": "stored data, operations and traffic",
    "workflows_workflow": "steps",
    "monitoring_alert_policy": "conditions",
    "monitoring_uptime_check_config": "checks beyond those that are free",
    "gke_hub_feature": "features of GKE's fleets",
    "clouddeploy_delivery_pipeline": "active pipelines beyond the first",
    "network_connectivity_spoke": "spokes and their traffic",
}
"""What is billed by use only: any attribute may change the price of a unit, none the number of them."""

TYPES: Mapping[str, Row] = {
    "google_sql_database_instance": Row(_cloud_sql, _SQL_FREE),
    "google_redis_instance": Row(_redis, _REDIS_FREE),
    "google_cloud_run_v2_service": Row(_cloud_run, _RUN_FREE, named=_RUN_NAMED),
    "google_cloud_run_service": Row(_cloud_run_v1, _RUN_V1_FREE),
    "google_cloudfunctions_function": Row(_function, "*"),
    "google_cloudfunctions2_function": Row(_function, "*"),
    "google_compute_address": Row(_address, _ADDRESS_FREE),
    "google_compute_global_address": Row(_address, _ADDRESS_FREE),
    **dict.fromkeys(_FORWARDING, Row(_forwarding_rule, "*")),
    "google_compute_router_nat": Row(_nat, "*"),
    "google_vpc_access_connector": Row(_connector, "*"),
    "google_compute_vpn_tunnel": Row(held("cloud-vpn", "tunnel", "traffic"), "*"),
    **{f"google_{kind}": Row(free_always, "*", named="enable_cdn") for kind in _CACHED},
    **{f"google_{kind}": Row(used(what), "*") for kind, what in _BY_USE.items()},
}
"""How each type is read."""

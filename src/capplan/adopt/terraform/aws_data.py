"""Databases, caches, volumes and what else stores, as AWS' provider describes them.

Defaults are those of the provider's documentation (registry.terraform.io/providers/hashicorp/aws).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from capplan.adopt import checks
from capplan.adopt.draft import Tree
from capplan.adopt.terraform.aws_disks import add_volume, volume_of
from capplan.adopt.terraform.planned import UNKNOWN, Planned
from capplan.adopt.terraform.reading import Reading
from capplan.adopt.terraform.table import Attributes, Row, UncoveredError

_ENGINES = {"postgres": "rds-postgres", "mysql": "rds-mysql", "mariadb": "rds-mariadb"}
"""Service of the catalog by the engine of an RDS instance."""

_EXTENDED = {
    "rds-postgres": (12, 13),
    "rds-mysql": (5.7, 8.0),
    "aurora-postgres": (12, 13),
    "aurora-mysql": (5.7, 5.7),
}
"""The newest versions past standard support when the price lists were made, in 2025, and in October 2026:
release calendars in the user guides of RDS and Aurora."""

_THIRD_YEAR = {"rds-postgres": 11, "aurora-postgres": 11, "rds-mysql": 5.7}
"""The newest versions in the third year of extended support, since March or April 2026: RDS pricing."""

_IO_GIB, _IO_IOPS = 100, 1_000
"""The least of a volume with provisioned IOPS: RDS user guide, storage."""

_GP3_LARGE_GIB, _GP3_IOPS, _GP3_LARGE_IOPS = 400, 3_000, 12_000
"""IOPS included in gp3 volumes of RDS, and from which size more are, with 500 MiB/s instead of 125: RDS user
guide, storage."""


def _rds(tf: Reading, resource: Attributes) -> None:
    node = resource.node
    source = _source(tf, resource)
    engine = _inherited(resource, source, "engine")
    service = _ENGINES.get(engine)
    if service is None:
        raise UncoveredError(f"capplan has no prices of RDS for {engine}")
    multi = resource.flag("multi_az")
    machine = tf.check("aws", service, _inherited(resource, source, "instance_class"))
    _rds_extended(tf, resource, service, machine, 2 if multi else 1)
    kind = resource.text("storage_type") or ("io1" if resource.number("iops") else "gp2")
    gib = _rds_gib(tf, resource, source)
    general = kind in ("gp2", "gp3")
    if service == "rds-mariadb":
        suffix = " multi-az" if multi else ""
        tf.priced(node, service, machine + suffix)
        if general and gib:
            tf.priced(node, service, f"storage-general-purpose{suffix}", gib, "storage")
    else:
        tree: Tree = {"platform": "rds", "engine": engine, "machine": machine, "region": tf.region(node)}
        tree["high_availability"] = multi
        if general and gib:
            tree["storage"] = f"{gib:g}Gi"
        tf.add("databases", node, tree)
    _rds_storage(tf, resource, service, kind, gib, 2 if multi else 1)
    if resource.number("backup_retention_period"):
        tf.usage(node, "backups beyond the size of the database")
    if resource.number("max_allocated_storage") and gib:
        tf.assume(node, f"its storage stays at {gib:g} GiB; it may grow to max_allocated_storage")


def _source(tf: Reading, resource: Attributes) -> Attributes | None:
    """Return the database that a replica copies."""
    if resource.get("replicate_source_db") is None and not _refers(resource, "replicate_source_db"):
        return None
    found = tf.owner(resource.node, "replicate_source_db", "aws_db_instance")
    return None if found is None else tf.block(found)


def _refers(resource: Attributes, name: str) -> bool:
    return name in (resource.node.expressions or {})


def _inherited(resource: Attributes, source: Attributes | None, name: str) -> str:
    """Return what a database says, or what the one that it copies does."""
    if source is not None and not isinstance(resource.get(name), str):
        return source.needed(name)
    return resource.needed(name)


def _rds_gib(tf: Reading, resource: Attributes, source: Attributes | None) -> float | None:
    """Return the storage of a database; None, with a note, where it is unknown: a snapshot's is."""
    for each in (resource, source):
        if each is not None and each.get("allocated_storage") not in (None, UNKNOWN):
            return each.number("allocated_storage") or None
    what = "allocated_storage is unknown, so its storage has no price"
    tf.draft.note(checks.UNKNOWN_VOLUME_SIZE, resource.node.address, what)
    return None


def _rds_storage(
    tf: Reading, resource: Attributes, service: str, kind: str, gib: float | None, copies: int
) -> None:
    """Add storage that is not for general purposes, and provisioned performance."""
    node, iops = resource.node, resource.number("iops")
    with tf.part(node):
        if kind in ("io1", "io2"):
            if gib:
                tf.priced(node, service, "storage-provisioned-iops", max(gib, _IO_GIB) * copies, "storage")
            if not iops:
                raise UncoveredError("its iops are not set")
            tf.priced(node, service, "provisioned-iops", max(iops, _IO_IOPS) * copies, "iops")
        elif kind == "standard":
            tf.priced(node, service, "storage-magnetic", (gib or 0) * copies, "storage")
        elif kind == "gp3" and gib:
            large = gib >= _GP3_LARGE_GIB
            if resource.number("storage_throughput") > (500 if large else 125):
                tf.note(node, "its throughput above the one that is included has no price here")
            extra = iops - (_GP3_LARGE_IOPS if large else _GP3_IOPS)
            if extra > 0:
                tf.priced(
                    node, service, "iops-general-purpose" + (" multi-az" if copies > 1 else ""), extra, "iops"
                )


def _rds_extended(tf: Reading, resource: Attributes, service: str, machine: str, copies: int) -> None:
    """Add extended support of an old engine, by the vCPU; name one that since may cost it."""
    ended, ending = _EXTENDED.get(service, (0, 0))
    found = re.match(r"\d+(\.\d+)?", resource.text("engine_version"))
    refused = resource.text("engine_lifecycle_support").endswith("-disabled")
    version = float(found[0] if ended % 1 else found[0].partition(".")[0]) if found else 99
    if refused or version > ending:
        return
    if version > ended:
        tf.note(resource.node, f"{version:g} is past standard support or about to be; then it costs more")
        return
    if version <= _THIRD_YEAR.get(service, 0):
        tf.note(resource.node, "its third year of extended support costs twice what is priced")
    vcpu = tf.catalog.require("aws", service, machine).vcpu or 0
    with tf.part(resource.node):
        tf.priced(resource.node, service, "extended-support", vcpu * copies, "extended-support")


def _cluster(tf: Reading, resource: Attributes) -> None:
    """Read an Aurora cluster; its instances are billed one by one, its storage and I/O by use."""
    engine = resource.text("engine", "aurora-mysql")
    if not engine.startswith("aurora"):
        raise UncoveredError(f"capplan has no prices of Multi-AZ clusters of RDS for {engine}")
    resource.text("storage_type")
    what = "storage, I/O and backups"
    if resource.text("engine_mode", "provisioned") == "serverless":
        what = "capacity units, storage, I/O and backups"
    tf.usage(resource.node, what)


def _cluster_instance(tf: Reading, resource: Attributes) -> None:
    node = resource.node
    owner = tf.owner(node, "cluster_identifier", "aws_rds_cluster")
    cluster = None if owner is None else tf.block(owner)
    engine = resource.text("engine") or (
        cluster.text("engine", "aurora-mysql") if cluster is not None else ""
    )
    service = {
        "aurora-postgresql": "aurora-postgres",
        "aurora-mysql": "aurora-mysql",
        "aurora": "aurora-mysql",
    }.get(engine)
    if service is None:
        raise UncoveredError(f"capplan has no prices of {engine or 'an unknown engine'}")
    optimized = cluster is not None and cluster.text("storage_type") == "aurora-iopt1"
    machine = resource.needed("instance_class")
    if machine == "db.serverless":
        _serverless(tf, node, cluster, service, optimized)
        return
    if optimized:
        raise UncoveredError(f"capplan has no I/O-Optimized price of {machine}")
    tf.priced(node, service, machine)
    versioned = resource if cluster is None or resource.get("engine_version") else cluster
    _rds_extended(tf, versioned, service, machine, 1)


def _serverless(
    tf: Reading, node: Planned, cluster: Attributes | None, service: str, optimized: bool
) -> None:
    """Add the least capacity that an instance of Serverless v2 has."""
    if cluster is None:
        raise UncoveredError("its cluster, which says its capacity, is not in the plan")
    scaling = cluster.block("serverlessv2_scaling_configuration")
    low, high = scaling.number("min_capacity"), scaling.number("max_capacity")
    scaling.get("seconds_until_auto_pause")
    sku = "serverless-v2-acu-io-optimized" if optimized else "serverless-v2-acu"
    tf.priced(node, service, sku, low)
    tf.usage(node, f"capacity units above {low:g}, up to {high:g},")


def _elasticache(tf: Reading, resource: Attributes) -> None:
    """Add a cluster, or one more node of a replication group."""
    owner = tf.owner(resource.node, "replication_group_id", "aws_elasticache_replication_group")
    group = tf.block(owner) if owner is not None and _refers(resource, "replication_group_id") else None
    engine = (group or resource).text("engine", "redis")
    kind = (group or resource).needed("node_type")
    _cache(tf, resource.node, engine, kind, 1, resource.whole("num_cache_nodes", 1) - 1)


def _replication_group(tf: Reading, resource: Attributes) -> None:
    # A block until version 5 of the provider, and a word that costs nothing since 5.78.
    mode = resource.block("cluster_mode") if isinstance(resource.get("cluster_mode"), list) else resource
    shards = resource.whole("num_node_groups") or mode.whole("num_node_groups", 1)
    nodes = resource.whole("num_cache_clusters") or resource.whole("number_cache_clusters", 1)
    said = resource.get("replicas_per_node_group")
    replicas = (
        resource.whole("replicas_per_node_group")
        if said is not None
        else mode.whole("replicas_per_node_group", nodes - 1)
    )
    _cache(
        tf,
        resource.node,
        resource.text("engine", "redis"),
        resource.needed("node_type"),
        max(1, shards),
        replicas,
    )
    if resource.number("snapshot_retention_limit"):
        tf.usage(resource.node, "backups beyond the first")


def _cache(tf: Reading, node: Planned, engine: str, kind: str, shards: int, replicas: int) -> None:
    machine = tf.check("aws", f"elasticache-{engine}", kind)
    if engine != "redis":
        tf.priced(node, f"elasticache-{engine}", machine, shards * (1 + max(0, replicas)))
        return
    tree: Tree = {"platform": "elasticache", "machine": machine, "region": tf.region(node)}
    tf.add("caches", node, {**tree, "shards": shards, "replicas": max(0, replicas)})


def _volume(tf: Reading, resource: Attributes) -> None:
    add_volume(tf, resource.node, volume_of(resource, "size", "type"))


def _dynamodb(tf: Reading, resource: Attributes) -> None:
    node = resource.node
    if resource.text("billing_mode", "PROVISIONED") == "PROVISIONED":
        for attribute, sku in (
            ("read_capacity", "provisioned-read"),
            ("write_capacity", "provisioned-write"),
        ):
            units = resource.number(attribute, 1)
            for index in resource.blocks("global_secondary_index"):
                units += index.number(attribute)
            with tf.part(node):
                tf.priced(node, "dynamodb", sku, units, sku.removeprefix("provisioned-"))
        tf.usage(node, "stored data")
    else:
        tf.usage(node, "reads, writes and stored data")


def _opensearch(tf: Reading, resource: Attributes) -> None:
    node, config, ebs = resource.node, resource.block("cluster_config"), resource.block("ebs_options")
    count = config.whole("instance_count", 1)
    tf.priced(node, "opensearch", _search(config.text("instance_type", "m4.large.search")), count)
    if config.flag("dedicated_master_enabled"):
        kind, number = config.needed("dedicated_master_type"), config.whole("dedicated_master_count", 3)
        with tf.part(node):
            tf.priced(node, "opensearch", _search(kind), number, "masters")
    kind, gib = ebs.text("volume_type", "gp2"), ebs.number("volume_size")
    if config.flag("warm_enabled"):
        with tf.part(node):
            warm, number = _search(config.needed("warm_type")), config.whole("warm_count")
            if not number:
                raise UncoveredError("cluster_config.warm_count is unknown")
            tf.priced(node, "opensearch", warm, number, "warm")
        tf.usage(node, "data in UltraWarm and cold storage")
    if ebs.flag("ebs_enabled"):
        with tf.part(node):
            tf.priced(node, "opensearch", f"storage-{kind}", gib * count, "storage")
            if kind == "io1":
                tf.priced(node, "opensearch", "io1-iops", ebs.number("iops") * count, "iops")


def _search(kind: str) -> str:
    return kind.replace(".elasticsearch", ".search")


_RDS_FREE = """
    engine_version_actual password_wo copy_tags_to_snapshot apply_immediately auto_minor_version_upgrade
    allow_major_version_upgrade publicly_accessible iam_database_authentication_enabled
    performance_insights_enabled delete_automated_backups license_model s3_import blue_green_update
    network_type timezone replica_mode domain customer_owned_ip_enabled backup_target
    upgrade_storage_config allocated_storage engine_lifecycle_support"""

_RDS_NAMED = "dedicated_log_volume database_insights_mode monitoring_interval enabled_cloudwatch_logs_exports"
_RDS_USUAL = {"performance_insights_retention_period": 7, "database_insights_mode": "standard"}

_AURORA_FREE = f"""
    {_RDS_FREE} master_password_wo engine_mode enable_global_write_forwarding enable_local_write_forwarding
    scaling_configuration backup_retention_period promotion_tier cluster_members iam_roles instance_class"""

_CACHE_FREE = """
    az_mode preferred_cache_cluster_azs apply_immediately auto_minor_version_upgrade network_type
    ip_discovery auth_token_update_strategy automatic_failover_enabled multi_az_enabled outpost_mode
    snapshot_retention_limit cluster_mode_enabled member_clusters"""


_SEARCH = Row(
    _opensearch,
    """
    vpc_options encrypt_at_rest domain_endpoint_options advanced_options advanced_security_options
    access_policies log_publishing_options snapshot_options cognito_options auto_tune_options
    software_update_options off_peak_window_options ip_address_type cluster_config.zone_awareness_enabled
    cluster_config.zone_awareness_config cluster_config.warm_type cluster_config.warm_count
    cluster_config.cold_storage_options cluster_config.dedicated_master_type
    cluster_config.dedicated_master_count aiml_options deployment_strategy_options""",
    {"ebs_options.iops": 3000, "ebs_options.throughput": 125},
    "log_publishing_options",
)

TYPES: Mapping[str, Row] = {
    "aws_db_instance": Row(_rds, _RDS_FREE, _RDS_USUAL, _RDS_NAMED),
    "aws_rds_cluster": Row(_cluster, _AURORA_FREE, _RDS_USUAL, f"{_RDS_NAMED} global_cluster_identifier"),
    "aws_rds_cluster_instance": Row(_cluster_instance, _AURORA_FREE, _RDS_USUAL, _RDS_NAMED),
    "aws_elasticache_cluster": Row(_elasticache, _CACHE_FREE, named="log_delivery_configuration"),
    "aws_elasticache_replication_group": Row(
        _replication_group, _CACHE_FREE, named="log_delivery_configuration global_replication_group_id"
    ),
    "aws_ebs_volume": Row(_volume, "availability_zone snapshot_id final_snapshot outpost_arn region"),
    "aws_dynamodb_table": Row(
        _dynamodb,
        """
        attribute ttl deletion_protection_enabled global_secondary_index.projection_type
        global_secondary_index.non_key_attributes local_secondary_index stream_enabled stream_view_type
        import_table""",
        {
            "table_class": "STANDARD",
            "warm_throughput.read_units_per_second": 12_000,
            "warm_throughput.write_units_per_second": 4_000,
        },
        """
        point_in_time_recovery.enabled warm_throughput.read_units_per_second
        warm_throughput.write_units_per_second""",
    ),
    **dict.fromkeys(("aws_opensearch_domain", "aws_elasticsearch_domain"), _SEARCH),
}
"""How each type is read."""

"""GKE as Google's provider describes it: clusters and their node pools, inline and separate.

Counts are for each zone, except total limits. A regional cluster has three zones unless it names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from capplan.adopt.draft import Tree, usable
from capplan.adopt.terraform.gcp_machines import GcpDisk, Machine, disk_sku, gpu_of, is_spot, last, put
from capplan.adopt.terraform.planned import Planned, region_in
from capplan.adopt.terraform.reading import Reading, bounds, name_of
from capplan.adopt.terraform.simple import inside
from capplan.adopt.terraform.table import Attributes, Row, UncoveredError

_CLUSTER = "google_container_cluster"
_POOL = "google_container_node_pool"
_REGIONAL_ZONES = 3
_NODE_GIB = 100
_LOCAL_GIB = 375
_LOCAL = ("ephemeral_storage_config", "ephemeral_storage_local_ssd_config", "local_nvme_ssd_block_config")


def _is_zone(location: str) -> bool:
    return location.count("-") == 2


def _zones(cluster: Attributes) -> int:
    """Return the zones of a cluster's nodes; a zonal cluster names those beside its own."""
    named, location = cluster.texts("node_locations"), cluster.text("location")
    return len({*named, location}) if _is_zone(location) else len(named) or _REGIONAL_ZONES


def _cluster(tf: Reading, resource: Attributes) -> None:
    node = resource.node
    tree: Tree = {"platform": "gke", "region": tf.region(node)}
    pools: dict[str, Tree] = {}
    behind: dict[str, Planned] = {}
    for name, pool, parent in _pools(tf, resource):
        with tf.part(pool.node):
            pools[name] = _pool(tf, pool, _zones(resource), parent)
            behind[name] = pool.node
    if resource.block("release_channel").text("channel") == "EXTENDED":
        tf.note(node, "a version of the Extended channel costs more once its standard support has ended")
    if resource.flag("enable_autopilot"):
        tf.usage(node, "pods of Autopilot")
    if resource.block("cluster_autoscaling").flag("enabled"):
        tf.usage(node, "node pools that autoscaling adds")
    if pools:
        tf.add_cluster(node, tree, pools, behind)
        return
    tf.priced(node, "gke", "cluster-management-fee")
    if not resource.flag("enable_autopilot"):
        tf.note(node, "the plan has no node pool for it, so only its fee is priced")


def _pools(tf: Reading, cluster: Attributes) -> Iterator[tuple[str, Attributes, Attributes]]:
    """Yield the pools of a cluster: name, what it says, and the block with its machines' configuration."""
    separate = {name_of(pool.node): pool for pool in tf.owned(cluster.node, "cluster", _POOL)}
    known = {pool.text("name") for pool in separate.values()} - {""}
    inline = cluster.blocks("node_pool")
    for index, pool in enumerate(inline):
        name = pool.text("name")
        if name not in known:
            yield usable(name or f"pool-{index}"), pool, pool
    yield from ((name, pool, pool) for name, pool in separate.items())
    first = cluster.whole("initial_node_count")
    if first and not inline and not cluster.flag("remove_default_node_pool"):
        yield "default-pool", cluster, cluster


def _pool(tf: Reading, pool: Attributes, zones: int, configured: Attributes) -> Tree:
    """Return a node pool; how many nodes run today is what the file says, or the autoscaler's floor."""
    config, scaling = configured.block("node_config"), pool.block("autoscaling")
    ordered = _node(tf, config)
    zones = len(pool.texts("node_locations")) or zones if pool.node.type == _POOL or pool.path else zones
    given = pool.get("node_count") is not None or pool.get("initial_node_count") is not None
    today = pool.whole("node_count", pool.whole("initial_node_count"))
    found: Tree = {"machine": ordered.machine}
    if scaling.get("total_max_node_count"):
        low, high = scaling.whole("total_min_node_count"), scaling.whole("total_max_node_count")
        today = max(today * zones, low)
        found["nodes"] = bounds(low, high, today)
    else:
        low = scaling.whole("min_node_count") if scaling else today
        high = scaling.whole("max_node_count") if scaling else today
        today = min(max(today, low), max(high, low))
        found |= {"nodes": bounds(low, high, today), "nodes_per_zone": True, "zones": zones}
        today *= zones
    if not given and not scaling:
        raise UncoveredError("it says no number of nodes")
    put(tf, pool.node, found, ordered, today)
    return found


def _node(tf: Reading, config: Attributes) -> Machine:
    config.refuse_host("sole_tenant_config", "node_group")
    machine = tf.machine("gcp", last(config.text("machine_type", "e2-medium")))
    if config.text("image_type").upper().startswith("WINDOWS"):
        tf.note(config.node, "the licence of Windows has no price here; its nodes are priced as Linux")
    boot = config.block("boot_disk")
    kind = boot.text("disk_type") or config.text("disk_type", "pd-balanced")
    if config.get("flex_start"):
        tf.note(config.node, "its nodes start when there is room, at a price of their own")
    own = config.get("disk_type"), config.get("disk_size_gb")
    gib = boot.number("size_gb") or config.number("disk_size_gb", _NODE_GIB)
    if not boot and not all(own):
        tf.assume(config.node, f"its nodes have boot disks of {gib:g} GiB of {kind}, as GKE gives them")
    disks: list[GcpDisk] = []
    gpu = None
    with tf.part(config.node):
        disks.append(GcpDisk(disk_sku(tf, kind), gib))
    if not disks:
        tf.assume(config.node, "its boot disks are priced as those that GKE gives where nobody says any")
    with tf.part(config.node):
        gpu = gpu_of(tf, config, machine)
    local = config.whole("local_ssd_count") + sum(config.block(n).whole("local_ssd_count") for n in _LOCAL)
    if local:
        disks.append(GcpDisk("local-ssd", local * _LOCAL_GIB))
    return Machine(machine, is_spot(config), gpu, disks)


def _pool_alone(tf: Reading, pool: Attributes) -> None:
    """Read a pool whose cluster is elsewhere, in its own region; the others are read with their cluster."""
    pool.get("cluster")
    if tf.owner(pool.node, "cluster", _CLUSTER) is not None and not _is_elsewhere(tf, pool):
        return
    location = pool.text("location")
    zones = len(pool.texts("node_locations")) or (1 if _is_zone(location) else _REGIONAL_ZONES)
    tree = _pool(tf, pool, zones, pool)
    per_zone = tree.pop("zones", 1) if tree.pop("nodes_per_zone", False) else 1
    nodes = tree["nodes"]
    tree["nodes"] = (
        {k: v * per_zone for k, v in nodes.items()} if isinstance(nodes, dict) else nodes * per_zone
    )
    tf.pool_alone(pool.node, tree)


def _is_elsewhere(tf: Reading, pool: Attributes) -> bool:
    """Say whether a pool is in another region than the only cluster that it could belong to."""
    owner = tf.owner(pool.node, "cluster", _CLUSTER)
    own = region_in(pool.text("location"), "gcp")
    return own is not None and owner is not None and own != tf.graph.region(owner)


_NODE_FREE = """
    image_type oauth_scopes metadata taint shielded_instance_config workload_metadata_config labels
    resource_labels tags service_account min_cpu_platform logging_variant gcfs_config gvnic
    kubelet_config linux_node_config advanced_machine_features reservation_affinity
    host_maintenance_policy fast_socket containerd_config effective_taints local_ssd_encryption_mode
    resource_manager_tags sandbox_config boot_disk_kms_key guest_accelerator"""
_NODE_NAMED = """
    confidential_nodes.enabled enable_confidential_storage max_run_duration secondary_boot_disks
    storage_pools boot_disk.provisioned_iops boot_disk.provisioned_throughput"""
_POOL_NAMED = """
    queued_provisioning.enabled network_config.network_performance_config.total_egress_bandwidth_tier"""
_CLUSTER_NAMED = """
    addons_config.gke_backup_agent_config.enabled monitoring_config.managed_prometheus.enabled
    network_performance_config security_posture_config.vulnerability_mode enable_tpu
    enterprise_config.cluster_tier"""
_POOL_FREE = """
    management max_pods_per_node network_config upgrade_settings version placement_policy
    initial_node_count instance_group_urls managed_instance_group_urls node_count
    autoscaling.location_policy cluster node_drain_config name name_prefix operation
    ignore_node_count_changes"""
_CLUSTER_FREE = """
    addons_config allow_net_admin authenticator_groups_config binary_authorization cluster_ipv4_cidr
    cluster_telemetry control_plane_endpoints_config cost_management_config database_encryption
    datapath_provider default_max_pods_per_node default_snat_status dns_config
    enable_cilium_clusterwide_network_policy enable_fqdn_network_policy enable_intranode_visibility
    enable_k8s_beta_apis enable_kubernetes_alpha enable_l4_ilb_subsetting enable_legacy_abac
    enable_multi_networking enable_shielded_nodes fleet gateway_api_config identity_service_config
    in_transit_encryption_config ip_allocation_policy logging_config logging_service maintenance_policy
    master_auth master_authorized_networks_config mesh_certificates min_master_version monitoring_config
    monitoring_service network_policy networking_mode node_config node_locations node_pool_auto_config
    node_pool_defaults node_version notification_config pod_autoscaling private_cluster_config
    private_ipv6_google_access release_channel remove_default_node_pool resource_usage_export_config
    secret_manager_config security_posture_config service_external_ips_config vertical_pod_autoscaling
    workload_alts_config workload_identity_config cluster_autoscaling.resource_limits
    cluster_autoscaling.auto_provisioning_defaults cluster_autoscaling.autoscaling_profile
    cluster_autoscaling.auto_provisioning_locations user_managed_keys_config rbac_binding_config
    anonymous_authentication_config"""


TYPES: Mapping[str, Row] = {
    _CLUSTER: Row(
        _cluster,
        " ".join(
            (
                _CLUSTER_FREE,
                inside("node_pool", _POOL_FREE),
                inside("node_pool.node_config", _NODE_FREE),
            )
        ),
        {
            "security_posture_config.vulnerability_mode": (
                *("VULNERABILITY_DISABLED", "VULNERABILITY_MODE_UNSPECIFIED"),
            ),
            "enterprise_config.cluster_tier": "STANDARD",
        },
        " ".join(
            (
                _CLUSTER_NAMED,
                inside("node_config", _NODE_NAMED),
                inside("node_pool", _POOL_NAMED),
                inside("node_pool.node_config", _NODE_NAMED),
            )
        ),
    ),
    _POOL: Row(
        _pool_alone,
        f"{_POOL_FREE} {inside('node_config', _NODE_FREE)}",
        named=f"{_POOL_NAMED} {inside('node_config', _NODE_NAMED)}",
    ),
}
"""How each type is read."""

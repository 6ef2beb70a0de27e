"""Virtual machines, scale sets, disks and AKS as Azure's provider describes them.

Defaults are those of registry.terraform.io/providers/hashicorp/azurerm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from capplan.adopt.draft import Tree, usable
from capplan.adopt.terraform.planned import Planned
from capplan.adopt.terraform.reading import Reading, bounds, name_of
from capplan.adopt.terraform.simple import free, inside
from capplan.adopt.terraform.table import Attributes, Row, UncoveredError
from capplan.components.disks import parts_of

_LINUX_GIB, _WINDOWS_GIB = 30, 127
"""Disks of Azure's usual images."""

_NODE_GIB = ((64, 1024), (16, 512), (8, 256), (0, 128))
"""Managed disks of AKS nodes by vCPU from which: learn.microsoft.com/azure/aks/concepts-storage."""

_CLUSTER, _POOL = "azurerm_kubernetes_cluster", "azurerm_kubernetes_cluster_node_pool"
_KINDS: Mapping[str, str] = {"Premium": "P10", "StandardSSD": "E10", "Standard": "S10"}
"""A disk of 128 GiB of each kind; which size one really is follows from its GiB."""

_PREMIUM = re.compile(r"Standard_(B|[A-Z]+S\d|[A-Z]+\d+(-\d+)?[a-z]*s)", re.IGNORECASE)
"""Sizes that take premium disks."""


class AzureDisk(NamedTuple):
    """A disk of a machine: a SKU of its kind, and GiB."""

    sku: str
    gib: float


class Ordered(NamedTuple):
    """What a machine, a scale set or a node pool orders."""

    machine: str
    spot: bool
    disks: Sequence[AzureDisk]


def machine_of(tf: Reading, name: str) -> str:
    """Return a size as the catalog writes it; Azure takes any case."""
    skus = tf.catalog.service("azure", "virtual-machines").skus
    if name not in skus:
        name = next((sku for sku in skus if sku.lower() == name.lower()), name)
    return tf.machine("azure", name)


def _disk(tf: Reading, kind: str, gib: float) -> AzureDisk:
    name, _, copies = kind.partition("_")
    if name not in _KINDS:
        raise UncoveredError(
            f"disks of type {kind} are priced by size and performance, which capplan does not"
        )
    if not gib:
        raise UncoveredError("the size of a disk is unknown")
    return AzureDisk(tf.check("azure", "managed-disk", f"{_KINDS[name]}-{copies}-128GiB"), gib)


def sold(tf: Reading, disk: AzureDisk) -> tuple[str, float]:
    """Return what a disk is billed as, and how many of it: whole disks of the smallest size that holds it."""
    any_size = tf.catalog.require("azure", "managed-disk", disk.sku)
    part, count = next(parts_of(tf.catalog, "azure", "managed-disk", any_size, disk.gib))
    return part.name, float(count.item())


_DISKS = (
    *(("os_disk", "storage_account_type"), ("storage_os_disk", "managed_disk_type")),
    *(("storage_profile_os_disk", "managed_disk_type"), ("data_disk", "storage_account_type")),
    *(("storage_data_disk", "managed_disk_type"), ("storage_profile_data_disk", "managed_disk_type")),
)
"""Blocks that describe a disk of a machine, the system's first, and what their type is called."""


def _disks(tf: Reading, block: Attributes, usual_gib: float) -> Iterator[AzureDisk]:
    """Yield the disks of a machine, the system's first; note each that has no price."""
    for name, kind in _DISKS:
        usual = usual_gib if name.endswith("os_disk") else 0
        for each in block.blocks(name):
            with tf.part(block.node):
                found = _described(tf, each, kind, usual)
                if found is not None:
                    yield found


def _described(tf: Reading, block: Attributes, kind: str, usual_gib: float) -> AzureDisk | None:
    """Return the disk of a block; None for one on the host itself, or with a resource of its own.

    usual_gib: of a system's disk.
    """
    local = block.block("diff_disk_settings").text("option") == "Local"
    attached = block.text("create_option", "Empty") == "Attach"
    if local or (attached and not usual_gib):
        return None
    gib = block.number("disk_size_gb")
    if usual_gib and not gib:
        tf.assume(block.node, f"its system disk has {usual_gib:g} GiB, as the usual images have")
    return _disk(tf, block.text(kind, "Standard_LRS"), gib or usual_gib)


def _ordered(tf: Reading, block: Attributes, size: str, windows: bool) -> Ordered:
    block.refuse_host("dedicated_host_id", "dedicated_host_group_id", "host_group_id")
    machine = machine_of(tf, size)
    if windows and block.text("license_type") not in ("Windows_Server", "Windows_Client"):
        tf.note(block.node, "the licence of Windows has no price here; its machine is priced as Linux")
    if block.block("source_image_reference").text("publisher").lower() in ("redhat", "suse"):
        tf.note(block.node, "the licence of its image has no price here")
    disks: list[AzureDisk] = []
    with tf.part(block.node):
        disks += _disks(tf, block, _WINDOWS_GIB if windows else _LINUX_GIB)
    return Ordered(machine, block.text("priority", "Regular").lower() in ("spot", "low"), disks)


def _put(tf: Reading, node: Planned, tree: Tree, ordered: Ordered, machines: float) -> None:
    """Give an entry its machines with their disks: the first is the boot disk, others stand beside it."""
    if ordered.spot:
        tree["purchase"] = {"spot": "100%"}
    if ordered.disks:
        tree["disk"] = {"type": ordered.disks[0].sku, "size": f"{ordered.disks[0].gib:g}Gi"}
    for index, disk in enumerate(ordered.disks[1:], 1):
        sku, count = sold(tf, disk)
        moves = isinstance(tree.get("instances", tree.get("nodes")), dict)
        tf.priced(node, "managed-disk", sku, count, f"disk-{index}", machines, moves)


def _group(tf: Reading, node: Planned, ordered: Ordered, instances: Any, machines: float) -> None:
    tree: Tree = {"platform": "vm-group", "provider": "azure", "region": tf.region(node)}
    tree |= {"machine": ordered.machine, "instances": instances}
    _put(tf, node, tree, ordered, machines)
    tf.add("services", node, tree)


def _machine(tf: Reading, resource: Attributes) -> None:
    size = resource.text("size") or resource.needed("vm_size")
    windows = "windows" in resource.node.type or bool(resource.block("os_profile_windows_config"))
    _group(tf, resource.node, _ordered(tf, resource, size, windows), 1, 1)


def _scale_set(tf: Reading, resource: Attributes) -> None:
    """Read a scale set; an autoscale setting says between how many machines it moves."""
    node, legacy = resource.node, resource.block("sku") if _is_legacy(resource.node) else None
    if legacy is not None:
        size, today = legacy.needed("name"), legacy.whole("capacity", 1)
    else:
        name = "sku_name" if "orchestrated" in node.type else "sku"
        size, today = resource.needed(name), resource.whole("instances")
    profile = resource.block("os_profile")
    windows = "windows" in node.type or bool(
        profile.block("windows_configuration") or resource.block("os_profile_windows_config")
    )
    low = high = today
    for setting in tf.owned(node, "target_resource_id", "azurerm_monitor_autoscale_setting"):
        capacities = [profile.block("capacity") for profile in setting.blocks("profile")]
        if not capacities:
            continue
        low = min(each.whole("minimum") for each in capacities)
        high = max(each.whole("maximum") for each in capacities)
        today = min(max(today or capacities[0].whole("default"), low), high)
        if len(capacities) > 1:
            tf.assume(node, f"its {len(capacities)} profiles together say how few and how many may run")
    _group(tf, node, _ordered(tf, resource, size, windows), bounds(low, high, today), today)


def _is_legacy(node: Planned) -> bool:
    return node.type == "azurerm_virtual_machine_scale_set"


def _managed_disk(tf: Reading, resource: Attributes) -> None:
    """Read a disk: a whole one of the smallest size that holds it, or of the tier that it names."""
    node, kind = resource.node, resource.needed("storage_account_type")
    gib, tier = resource.number("disk_size_gb"), resource.text("tier")
    performance = [resource.number(f"disk_{name}_read_write") for name in ("iops", "mbps")]
    if kind in _BY_PERFORMANCE:
        _add_performance(tf, node, kind, gib, performance)
        return
    sku, count = sold(tf, _disk(tf, kind, gib))
    if tier and not sku.startswith(f"{tier}-"):
        skus = tf.catalog.service("azure", "managed-disk").skus
        sku = next((name for name in skus if name.startswith(f"{tier}-{kind.partition('_')[2]}")), tier)
    tf.priced(node, "managed-disk", sku, count)
    if not kind.startswith("Premium"):
        tf.usage(node, "disk operations")


_BY_PERFORMANCE: Mapping[str, tuple[str, str, str, float, float]] = {
    "UltraSSD_LRS": ("ultra", "ultra-iops", "ultra-throughput", 0, 0),
    "PremiumV2_LRS": (
        "premium-v2",
        "premium-v2-iops-above-3000",
        "premium-v2-throughput-above-125",
        3000,
        125,
    ),
}
"""SKUs of disks that are sold by size, IOPS and MB/s, and how much of the latter two is included."""


def _add_performance(tf: Reading, node: Planned, kind: str, gib: float, performance: Sequence[float]) -> None:
    size, iops, throughput, free_iops, free_mbps = _BY_PERFORMANCE[kind]
    tf.priced(node, "managed-disk", size, gib)
    for sku, amount, included, suffix in (
        (iops, performance[0], free_iops, "iops"),
        (throughput, performance[1], free_mbps, "throughput"),
    ):
        if amount > included:
            tf.priced(node, "managed-disk", sku, amount - included, suffix)


def _aks(tf: Reading, resource: Attributes) -> None:
    node, default = resource.node, resource.block("default_node_pool")
    pools: dict[str, Tree] = {}
    behind: dict[str, Planned] = {}
    found = {name_of(pool.node): pool for pool in tf.owned(node, "kubernetes_cluster_id", _POOL)}
    if default:
        found = {usable(default.text("name", "default")): default, **found}
    for name, pool in found.items():
        with tf.part(pool.node):
            pools[name] = _pool(tf, pool)
            behind[name] = pool.node
    tier = resource.text("sku_tier", "Free")
    tree: Tree = {"platform": "aks", "region": tf.region(node)}
    tree["tier"] = "free" if tier == "Free" else "standard"
    if tier == "Premium":
        tf.note(node, "the Premium tier costs more than the Standard tier that is priced")
    if not pools:
        raise UncoveredError("the plan has no node pool for it that capplan knows")
    tf.assume(node, "the load balancer and the address that AKS makes for its traffic are not counted")
    tf.add_cluster(node, tree, pools, behind)


def _pool(tf: Reading, pool: Attributes) -> Tree:
    # A state has zeros where nothing scales.
    scales = bool(pool.get("min_count") or pool.get("max_count"))
    today = pool.whole("node_count", pool.whole("min_count") if scales else 1)
    low = pool.whole("min_count") if scales else today
    high = pool.whole("max_count", low) if scales else today
    today = min(max(today, low), max(high, low))
    pool.refuse_host("host_group_id")
    machine = machine_of(tf, pool.needed("vm_size"))
    if pool.text("os_type", "Linux") == "Windows" or pool.text("os_sku").startswith("Windows"):
        tf.note(pool.node, "the licence of Windows has no price here; its nodes are priced as Linux")
    gib, kind = pool.number("os_disk_size_gb"), "Premium" if _PREMIUM.match(machine) else "Standard"
    vcpus = tf.catalog.require("azure", "virtual-machines", machine).vcpu or 0
    usual = next(size for least, size in _NODE_GIB if vcpus >= least)
    disks = [_disk(tf, f"{kind}_LRS", gib or usual)]
    if pool.text("os_disk_type", "Managed") == "Ephemeral":
        disks = []
    elif not gib:
        tf.assume(pool.node, f"its nodes have system disks of {usual} GiB ({kind}), as AKS gives them")
    tree: Tree = {"machine": machine, "nodes": bounds(low, high, today)}
    spot = pool.text("priority", "Regular") == "Spot"
    _put(tf, pool.node, tree, Ordered(machine, spot, disks), today)
    return tree


def _pool_alone(tf: Reading, pool: Attributes) -> None:
    """Read a pool whose cluster is elsewhere; the others are read with their cluster."""
    pool.get("kubernetes_cluster_id")
    if tf.owner(pool.node, "kubernetes_cluster_id", _CLUSTER) is None:
        tf.pool_alone(pool.node, _pool(tf, pool))


_MACHINE_FREE = """
    computer_name computer_name_prefix admin_username admin_password admin_ssh_key
    disable_password_authentication network_interface_ids network_interface source_image_id
    source_image_reference custom_data user_data availability_set_id zone zones
    proximity_placement_group_id boot_diagnostics identity allow_extension_operations
    bypass_platform_safety_checks_on_user_schedule_enabled capacity_reservation_group_id
    disk_controller_type edge_zone encryption_at_host_enabled eviction_policy extensions_time_budget
    gallery_application license_type max_bid_price os_image_notification os_managed_disk_id
    patch_assessment_mode patch_mode platform_fault_domain platform_fault_domain_count priority
    provision_vm_agent reboot_setting secret secure_boot_enabled termination_notification timezone
    virtual_machine_scale_set_id vm_agent_platform_updates_enabled vtpm_enabled winrm_listener
    additional_unattend_content automatic_updates_enabled enable_automatic_updates hotpatching_enabled
    os_disk.caching os_disk.name os_disk.disk_encryption_set_id os_disk.write_accelerator_enabled
    os_disk.secure_vm_disk_encryption_set_id os_disk.diff_disk_settings os_disk.security_encryption_type
    data_disk.lun data_disk.caching data_disk.create_option data_disk.name
    data_disk.disk_encryption_set_id data_disk.write_accelerator_enabled upgrade_mode overprovision
    single_placement_group health_probe_id automatic_os_upgrade_policy automatic_instance_repair
    rolling_upgrade_policy scale_in spot_restore terminate_notification zone_balance extension
    extension_operations_enabled do_not_run_extensions_on_overprovisioned_machines os_profile
    os_profile_linux_config os_profile_windows_config storage_image_reference storage_os_disk.name
    storage_os_disk.caching storage_os_disk.create_option storage_os_disk.os_type
    storage_os_disk.image_uri storage_os_disk.vhd_uri storage_os_disk.managed_disk_id
    storage_os_disk.write_accelerator_enabled storage_data_disk.name storage_data_disk.lun
    storage_data_disk.caching storage_data_disk.create_option storage_data_disk.managed_disk_id
    delete_os_disk_on_termination delete_data_disks_on_termination primary_network_interface_id
    network_profile upgrade_policy_mode sku.tier storage_profile_os_disk storage_profile_image_reference
    storage_profile_data_disk.lun storage_profile_data_disk.create_option instances unique_id
    virtual_machine_id private_ip_address public_ip_address os_profile_secrets network_api_version
    resilient_vm_creation_enabled resilient_vm_deletion_enabled additional_location"""
_MACHINE_NAMED = """
    additional_capabilities.ultra_ssd_enabled priority_mix sku_profile
    network_interface.ip_configuration.public_ip_address
    network_profile.ip_configuration.public_ip_address_configuration"""
_DISK_FREE = """
    create_option source_uri source_resource_id image_reference_id gallery_image_reference_id os_type
    hyper_v_generation encryption_settings disk_encryption_set_id network_access_policy disk_access_id
    public_network_access_enabled trusted_launch_enabled security_type zone
    optimized_frequent_attach_enabled performance_plus_enabled logical_sector_size storage_account_id
    secure_vm_disk_encryption_set_id upload_size_bytes edge_zone disk_iops_read_only disk_mbps_read_only"""
_POOL_FREE = """
    auto_scaling_enabled enable_auto_scaling capacity_reservation_group_id custom_ca_trust_enabled
    enable_host_encryption host_encryption_enabled eviction_policy fips_enabled gpu_driver gpu_instance
    kubelet_config kubelet_disk_type linux_os_config max_pods message_of_the_day mode node_labels
    node_network_profile node_public_ip_prefix_id node_taints only_critical_addons_enabled
    orchestrator_version pod_subnet_id proximity_placement_group_id scale_down_mode snapshot_id
    spot_max_price temporary_name_for_rotation type upgrade_settings vnet_subnet_id windows_profile
    workload_runtime zones os_type os_sku priority kubernetes_cluster_id min_count max_count node_count"""
_POOL_NAMED = "enable_node_public_ip node_public_ip_enabled ultra_ssd_enabled"
_CLUSTER_NAMED = """
    aci_connector_linux ai_toolchain_operator_enabled http_application_routing_enabled monitor_metrics
    oms_agent network_profile.nat_gateway_profile network_profile.advanced_networking
    network_profile.load_balancer_profile.managed_outbound_ip_count node_provisioning_profile.mode
    support_plan"""
_CLUSTER_FREE = """
    ingress_application_gateway.gateway_id api_server_access_profile auto_scaler_profile
    automatic_channel_upgrade automatic_upgrade_channel azure_active_directory_role_based_access_control
    azure_policy_enabled confidential_computing cost_analysis_enabled custom_ca_trust_certificates_base64
    disk_encryption_set_id dns_prefix dns_prefix_private_cluster edge_zone fqdn http_proxy_config
    identity image_cleaner_enabled image_cleaner_interval_hours key_management_service
    key_vault_secrets_provider kubelet_identity kubernetes_version linux_profile local_account_disabled
    maintenance_window maintenance_window_auto_upgrade maintenance_window_node_os network_profile
    node_os_channel_upgrade node_os_upgrade_channel node_resource_group oidc_issuer_enabled
    open_service_mesh_enabled private_cluster_enabled private_cluster_public_fqdn_enabled
    private_dns_zone_id public_network_access_enabled role_based_access_control_enabled
    run_command_enabled service_mesh_profile service_principal storage_profile upgrade_override
    web_app_routing windows_profile workload_autoscaler_profile workload_identity_enabled
    bootstrap_profile node_provisioning_profile.default_node_pools"""
_SETS = ("linux_", "windows_", "orchestrated_", "")

TYPES: Mapping[str, Row] = {
    "azurerm_linux_virtual_machine": Row(_machine, _MACHINE_FREE, named=_MACHINE_NAMED),
    "azurerm_windows_virtual_machine": Row(_machine, _MACHINE_FREE, named=_MACHINE_NAMED),
    "azurerm_virtual_machine": Row(_machine, _MACHINE_FREE, named=_MACHINE_NAMED),
    **{
        f"azurerm_{kind}virtual_machine_scale_set": Row(_scale_set, _MACHINE_FREE, named=_MACHINE_NAMED)
        for kind in _SETS
    },
    "azurerm_monitor_autoscale_setting": Row(free, "*"),
    "azurerm_managed_disk": Row(_managed_disk, _DISK_FREE, {"max_shares": 1}),
    _CLUSTER: Row(
        _aks,
        f"{_CLUSTER_FREE} {inside('default_node_pool', _POOL_FREE)}",
        {
            "network_profile.load_balancer_profile.managed_outbound_ip_count": 1,
            "node_provisioning_profile.mode": "Manual",
            "support_plan": "KubernetesOfficial",
        },
        f"{_CLUSTER_NAMED} {inside('default_node_pool', _POOL_NAMED)}",
    ),
    _POOL: Row(_pool_alone, _POOL_FREE, named=_POOL_NAMED),
}
"""How each type is read."""

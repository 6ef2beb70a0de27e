"""Compute Engine as Google's provider describes it: instances, their groups and templates, and disks.

Defaults are those of registry.terraform.io/providers/hashicorp/google and of the API behind it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from capplan.adopt.draft import Tree
from capplan.adopt.terraform.planned import Planned
from capplan.adopt.terraform.reading import Reading, bounds
from capplan.adopt.terraform.simple import free, free_always
from capplan.adopt.terraform.table import Attributes, Row, UncoveredError

_IMAGE_GIB = 10
"""The boot disk of Google's Linux images; Windows has 50 GiB."""

_LOCAL_GIB = 375
_TEMPLATES = ("google_compute_instance_template", "google_compute_region_instance_template")
_AUTOSCALERS = ("google_compute_autoscaler", "google_compute_region_autoscaler")

_SKUS: Mapping[str, tuple[str, str]] = {
    "pd-standard": ("pd-standard", "hdd-replicated"),
    "pd-balanced": ("pd-balanced", "balanced-replicated"),
    "pd-ssd": ("pd-ssd", "ssd-replicated"),
    "pd-extreme": ("extreme", ""),
}
"""SKU of each type of disk, and of its replicated variant."""

_USUAL_GIB: Mapping[str, int] = {"pd-standard": 500, "pd-extreme": 1000, "hyperdisk-extreme": 1000}
"""Sizes of disks that name none and are made from nothing; others have 100 GiB."""


_LICENSED = re.compile(r"windows|rhel|sles|-sql-", re.IGNORECASE)
"""Images whose licence costs something besides the machine."""


class GcpDisk(NamedTuple):
    """A disk of a machine: its SKU, and GiB."""

    sku: str
    gib: float


class Machine(NamedTuple):
    """What an instance, a template or a node pool orders."""

    machine: str
    spot: bool
    gpu: Tree | None
    disks: Sequence[GcpDisk]


def last(text: str) -> str:
    """Return what a link such as `projects/p/zones/z/diskTypes/pd-ssd` ends with."""
    return text.rpartition("/")[2]


def disk_sku(tf: Reading, kind: str, replicated: bool = False) -> str:
    """Return the SKU of a type of disk."""
    sku = _SKUS.get(last(kind), (last(kind), ""))[replicated]
    return tf.check("gcp", "persistent-disk", sku or f"replicated {last(kind)}")


def gpu_of(tf: Reading, block: Attributes, machine: str) -> Tree | None:
    """Return the GPUs that are added to a machine; some machines include theirs, at their price."""
    for each in block.blocks("guest_accelerator"):
        kind, count = last(each.text("type")), each.whole("count", 1)
        sku = tf.catalog.find("gcp", "compute-engine", machine)
        if count and (sku is None or sku.gpu is None):
            tf.check("gcp", "compute-engine-gpu", kind)
            return {"type": kind, "count": count}
    return None


def is_spot(block: Attributes) -> bool:
    """Say whether a block orders preemptible machines: `scheduling`, or the configuration of nodes."""
    return block.flag("preemptible") or block.flag("spot") or block.text("provisioning_model") == "SPOT"


def _machine_of(tf: Reading, block: Attributes) -> Machine:
    """Return what an instance or a template orders."""
    scheduling = block.block("scheduling")
    scheduling.refuse_host("node_affinities")
    if scheduling.text("provisioning_model", "STANDARD") not in ("STANDARD", "SPOT"):
        tf.note(
            block.node, f"its provisioning model {scheduling.text('provisioning_model')} has no price here"
        )
    machine = tf.machine("gcp", last(block.needed("machine_type")))
    spot = is_spot(scheduling)
    gpu = None
    with tf.part(block.node):
        gpu = gpu_of(tf, block, machine)
    disks: list[GcpDisk] = []
    for found in (_instance_disks, _template_disks):
        with tf.part(block.node):
            disks += found(tf, block)
    return Machine(machine, spot, gpu, disks)


def _instance_disks(tf: Reading, block: Attributes) -> list[GcpDisk]:
    """Return the disks of an instance, the boot disk first; what it attaches has a resource of its own."""
    found: list[GcpDisk] = []
    with tf.part(block.node):
        boot = block.block("boot_disk")
        made = boot.block("initialize_params")
        for name in ("size", "type"):
            made.get(name)  # A state repeats here what the resource of another disk says.
        if boot and not _is_given(tf, boot, "source", "google_compute_disk"):
            found.append(_disk(tf, block, made, "size", "type"))
    found += [GcpDisk("local-ssd", each.number("size", _LOCAL_GIB)) for each in block.blocks("scratch_disk")]
    return found


def _is_given(tf: Reading, block: Attributes, name: str, kind: str) -> bool:
    """Say whether what an attribute names is a resource of its own, and not what apply made with this one."""
    if not block.get(name):
        return False
    written = block.expressions is not None and name in block.expressions
    return written or bool(tf.graph.referred(block.node, f"{block.path}{name}", (kind,)))


def _template_disks(tf: Reading, block: Attributes) -> list[GcpDisk]:
    found = []
    for each in block.blocks("disk"):
        with tf.part(block.node):
            if each.text("type") == "SCRATCH" or each.text("disk_type") == "local-ssd":
                found.append(GcpDisk("local-ssd", each.number("disk_size_gb", _LOCAL_GIB)))
            elif not each.get("source"):
                found.append(_disk(tf, block, each, "disk_size_gb", "disk_type"))
    return found


def _disk(tf: Reading, owner: Attributes, block: Attributes, size: str, kind: str) -> GcpDisk:
    gib = block.number(size)
    if _LICENSED.search(str(block.get("image") or block.get("source_image"))):
        tf.note(owner.node, "the licence of its image has no price here")
    if not gib:
        gib = _IMAGE_GIB
        tf.assume(owner.node, f"its boot disk has {_IMAGE_GIB} GiB, as Google's Linux images have")
    return GcpDisk(disk_sku(tf, block.text(kind, "pd-standard")), gib)


def put(tf: Reading, node: Planned, tree: Tree, ordered: Machine, machines: float) -> None:
    """Give an entry its machines with GPUs and disks: the first is the boot disk, others stand beside it."""
    if ordered.spot:
        tree["purchase"] = {"spot": "100%"}
    if ordered.gpu:
        tree["gpu"] = ordered.gpu
    local = sum(disk.gib for disk in ordered.disks if disk.sku == "local-ssd")
    others = [disk for disk in ordered.disks if disk.sku != "local-ssd"]
    if others:
        tree["disk"] = {"type": others[0].sku, "size": f"{others[0].gib:g}Gi"}
    beside = [("local-ssd", GcpDisk("local-ssd", local))] if local else []
    beside += [(f"disk-{index}", disk) for index, disk in enumerate(others[1:], 1)]
    for suffix, disk in beside:
        moves = isinstance(tree.get("instances", tree.get("nodes")), dict)
        tf.priced(node, "persistent-disk", disk.sku, disk.gib, suffix, machines, moves)
    if local and ordered.spot:
        tf.assume(node, "its local SSDs are priced on demand, though its machines are on spot")


def _group(tf: Reading, node: Planned, ordered: Machine, instances: Any, machines: float) -> None:
    tree: Tree = {"platform": "vm-group", "provider": "gcp", "region": tf.region(node)}
    tree |= {"machine": ordered.machine, "instances": instances}
    put(tf, node, tree, ordered, machines)
    tf.add("services", node, tree)


def _instance(tf: Reading, resource: Attributes) -> None:
    ordered = _machine_of(tf, resource)
    status = resource.text("desired_status") or resource.text("current_status")
    if status not in ("TERMINATED", "SUSPENDED"):
        _group(tf, resource.node, ordered, 1, 1)
    else:
        tf.assume(resource.node, "it is stopped, so only its disks cost something")
        for index, disk in enumerate(ordered.disks):
            tf.priced(resource.node, "persistent-disk", disk.sku, disk.gib, f"disk-{index}")
    _addresses(tf, resource, 1)


def _addresses(tf: Reading, resource: Attributes, machines: float) -> None:
    """Add the external addresses of machines; one that is reserved has a resource of its own."""
    count = 0
    for interface in resource.blocks("network_interface"):
        for access in interface.blocks("access_config"):
            count += not _is_given(tf, access, "nat_ip", "google_compute_address")
    if count * machines:
        tf.priced(resource.node, "external-ip", "in-use", count * machines, "address")


def _template_of(tf: Reading, group: Attributes, path: str) -> Attributes:
    template = tf.owner(group.node, path, *_TEMPLATES)
    if template is None:
        raise UncoveredError("its instance template is not in the plan")
    return tf.block(template)


def _from_template(tf: Reading, resource: Attributes) -> None:
    """Read an instance that overrides some of its template."""
    resource.get("source_instance_template")
    base = _machine_of(tf, _template_of(tf, resource, "source_instance_template"))
    machine = resource.text("machine_type")
    disks = _instance_disks(tf, resource) or base.disks
    spot = is_spot(resource.block("scheduling")) or base.spot
    own = base._replace(machine=tf.machine("gcp", last(machine)) if machine else base.machine)
    _group(tf, resource.node, own._replace(disks=disks, spot=spot), 1, 1)


def _managed_group(tf: Reading, resource: Attributes) -> None:
    versions = resource.blocks("version")
    resource.block("version").get("instance_template")
    template = _template_of(tf, resource, "version.instance_template")
    if len(versions) > 1:
        tf.assume(resource.node, "all its machines are those of its first version")
    low = high = today = resource.whole("target_size")
    for scaler in tf.owned(resource.node, "target", *_AUTOSCALERS):
        policy = scaler.block("autoscaling_policy")
        if policy.blocks("scaling_schedules"):
            tf.note(resource.node, "at the times of its schedules more machines run than are priced")
        low, high = policy.whole("min_replicas"), policy.whole("max_replicas")
        today = today or low
    today = min(max(today, low), high)
    _group(tf, resource.node, _machine_of(tf, template), bounds(low, high, today), today)
    _addresses_of_group(tf, resource.node, template, today, low != high)


def _addresses_of_group(
    tf: Reading, node: Planned, template: Attributes, machines: float, moves: bool
) -> None:
    interfaces = template.blocks("network_interface")
    count = sum(len(interface.blocks("access_config")) for interface in interfaces)
    if count and (machines or moves):
        tf.priced(node, "external-ip", "in-use", count, "address", machines, moves)


def _volume(tf: Reading, resource: Attributes) -> None:
    """Read a disk; without a size it has that of what it is made from, or the API's for its type."""
    node, kind = resource.node, last(resource.text("type", "pd-standard"))
    size = _made_gib(tf, resource, 0)
    if size is None:
        size = _USUAL_GIB.get(kind, 100)
        tf.assume(node, f"its size is {size:g} GiB, the default of {kind}")
    if not size:
        raise UncoveredError("its size, that of its image or snapshot, is unknown")
    sku = disk_sku(tf, kind, node.type == "google_compute_region_disk")
    tf.priced(node, "persistent-disk", sku, size)
    if resource.number("provisioned_iops") or "extreme" in kind:
        tf.note(node, "its provisioned IOPS have no price in the catalog")


def _made_gib(tf: Reading, made: Attributes, depth: int) -> float | None:
    """Return the size of a disk, an image or a snapshot: its own or its source's; None where it has none."""
    size = made.number("size") or made.number("disk_size_gb")
    sources = [name for name in _SOURCES if made.get(name)]
    if size or not sources or depth > len(_SOURCES):
        return size or (0 if sources or depth else None)
    source = tf.owner(made.node, sources[0], *_SOURCE_TYPES)
    return 0 if source is None else _made_gib(tf, tf.block(source), depth + 1)


_SOURCES = ("image", "snapshot", "source_disk", "source_image", "source_snapshot")
_SOURCE_TYPES = ("google_compute_image", "google_compute_snapshot", "google_compute_disk")

_MACHINE_FREE = """
    allow_stopping_for_update can_ip_forward enable_display hostname metadata metadata_startup_script
    min_cpu_platform resource_policies tags service_account shielded_instance_config scheduling
    advanced_machine_features reservation_affinity params key_revocation_action_type network_interface
    attached_disk boot_disk.auto_delete boot_disk.device_name boot_disk.mode boot_disk.source
    boot_disk.interface boot_disk.kms_key_self_link boot_disk.disk_encryption_key_raw
    boot_disk.guest_os_features boot_disk.initialize_params.architecture
    boot_disk.initialize_params.image boot_disk.initialize_params.labels
    boot_disk.initialize_params.resource_manager_tags boot_disk.initialize_params.snapshot
    scratch_disk.interface scratch_disk.device_name instance_description partner_metadata region
    disk.auto_delete disk.boot disk.device_name disk.disk_name disk.interface disk.labels disk.mode
    disk.source disk.source_image disk.source_snapshot disk.resource_policies disk.disk_encryption_key
    disk.resource_manager_tags source_instance_template cpu_platform current_status tags_fingerprint"""

_GROUP_FREE = """
    base_instance_name named_port auto_healing_policies update_policy target_pools wait_for_instances
    wait_for_instances_status stateful_disk stateful_internal_ip stateful_external_ip
    distribution_policy_zones distribution_policy_target_shape all_instances_config
    instance_lifecycle_policy list_managed_instances_results standby_policy version.name params
    version.target_size"""

_DISK_FREE = """
    image snapshot source_disk physical_block_size_bytes disk_encryption_key source_image_encryption_key
    source_snapshot_encryption_key resource_policies guest_os_features replica_zones access_mode
    create_snapshot_before_destroy architecture interface multi_writer params"""

_MACHINE_NAMED = "scheduling.max_run_duration"
_GROUP_NAMED = "target_stopped_size target_suspended_size instance_flexibility_policy"
_DISK_NAMED = "async_primary_disk enable_confidential_compute provisioned_throughput storage_pool licenses"
_AUTOSCALER_FREE = "autoscaling_policy target"

TYPES: Mapping[str, Row] = {
    "google_compute_instance": Row(_instance, _MACHINE_FREE, named=_MACHINE_NAMED),
    "google_compute_instance_from_template": Row(_from_template, _MACHINE_FREE, named=_MACHINE_NAMED),
    **dict.fromkeys(_TEMPLATES, Row(free, _MACHINE_FREE, named=_MACHINE_NAMED)),
    "google_compute_instance_group_manager": Row(_managed_group, _GROUP_FREE, named=_GROUP_NAMED),
    "google_compute_region_instance_group_manager": Row(_managed_group, _GROUP_FREE, named=_GROUP_NAMED),
    **dict.fromkeys(_AUTOSCALERS, Row(free, _AUTOSCALER_FREE)),
    "google_compute_resource_policy": Row(
        free_always, "*", named="instance_schedule_policy snapshot_schedule_policy"
    ),
    "google_compute_disk": Row(_volume, _DISK_FREE, named=_DISK_NAMED),
    "google_compute_region_disk": Row(_volume, _DISK_FREE, named=_DISK_NAMED),
}
"""How each type is read."""

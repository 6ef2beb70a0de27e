"""EC2 instances, their launch templates and groups, as AWS' provider describes them.

Defaults are those of the provider's documentation (registry.terraform.io/providers/hashicorp/aws).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from capplan.adopt.draft import Tree
from capplan.adopt.terraform.aws_disks import add_volume, put_volumes, volume_of
from capplan.adopt.terraform.planned import Planned
from capplan.adopt.terraform.reading import Reading, bounds
from capplan.adopt.terraform.simple import free, inside, told
from capplan.adopt.terraform.table import ON_HOST, Attributes, Row, UncoveredError
from capplan.adopt.tfplan import list_of, mapping_of
from capplan.adopt.volumes import Volume

_IMAGE_GIB = 8
"""The root volume of Amazon's Linux images; Windows has 30 GiB."""

CAPACITY_BLOCK = "it runs in a Capacity Block, which is paid for beforehand at a price of its own"

_TEMPLATES = ("aws_launch_template", "aws_launch_configuration")


class OrderedMachine(NamedTuple):
    """What an instance or a launch template orders.

    monitored: with metrics that are billed. public: with an IPv4 address of its own. volumes: by device.
    image: data of its machine image.
    """

    machine: str | None
    spot: bool
    monitored: bool
    public: bool
    volumes: Mapping[str, Volume]
    image: Mapping[str, Any]


def ordered(tf: Reading, block: Attributes, template: Attributes | None = None) -> OrderedMachine:
    """Return what an instance or a template says, and else what the template that it names does."""
    base = OrderedMachine(None, False, False, False, {}, {}) if template is None else ordered(tf, template)
    _note_terms(tf, block)
    spot = block.block("instance_market_options").text("market_type") == "spot"
    spot = spot or block.node.type == "aws_spot_instance_request" or bool(block.known("spot_price"))
    return OrderedMachine(
        machine=block.text("instance_type") or base.machine,
        spot=spot or base.spot,
        monitored=_is_monitored(block) or base.monitored,
        public=_is_public(block) or base.public,
        volumes={**base.volumes, **_volumes(tf, block)},
        image=_image(tf, block) or base.image,
    )


def _image(tf: Reading, block: Attributes) -> Mapping[str, Any]:
    """Return what a data source says of a machine image; note an image that costs money by the hour."""
    name = "ami" if block.node.type in ("aws_instance", "aws_spot_instance_request") else "image_id"
    found = tf.graph.referred(block.node, name, ("aws_ami",))
    image = found[0].values if len(found) == 1 else {}
    system = str(image.get("platform_details") or image.get("platform") or "Linux/UNIX")
    if system != "Linux/UNIX":
        tf.note(block.node, f"its image is {system}, and the price is that of Linux")
    return image


def _is_monitored(block: Attributes) -> bool:
    """Say whether an instance has detailed metrics, as those of launch configurations have by default."""
    if block.node.type == "aws_launch_configuration":
        return block.flag("enable_monitoring", True)
    if block.node.type == "aws_launch_template":
        return block.block("monitoring").flag("enabled")
    return block.flag("monitoring")


def _is_public(block: Attributes) -> bool:
    """Say whether an instance gets an address; templates say it in text, for each of their interfaces."""
    said = [each.known("associate_public_ip_address") for each in block.blocks("network_interfaces")]
    return "true" in [str(value).lower() for value in (*said, block.known("associate_public_ip_address"))]


def _note_terms(tf: Reading, block: Attributes) -> None:
    """Note what makes an instance dearer than its type."""
    family = block.text("instance_type").partition(".")[0]
    tenancy = block.text("tenancy") or block.text("placement_tenancy")
    placement = block.block("placement")
    tenancy = tenancy or placement.text("tenancy")
    for each in (block, placement):
        each.refuse_host("host_id", "host_resource_group_arn")
    if tenancy == "host":
        raise UncoveredError(ON_HOST)
    if block.block("instance_market_options").text("market_type") == "capacity-block":
        tf.note(block.node, CAPACITY_BLOCK)
    if tenancy == "dedicated":
        tf.note(block.node, "tenancy is dedicated, which costs more than the shared tenancy that is priced")
    said = block.block("credit_specification").text("cpu_credits")
    if said == "unlimited" and family.startswith("t"):
        tf.usage(block.node, "CPU credits beyond the baseline")
    elif not said and family in _UNLIMITED:
        tf.assume(block.node, f"it needs no CPU credits beyond its baseline, which {family} would buy")
    if str(block.get("ebs_optimized")).lower() == "true" and family in _OPTIMIZED_FOR_MONEY:
        tf.note(block.node, f"ebs_optimized costs money with {family}")


_UNLIMITED = ("t3", "t3a", "t4g")
"""Families that may use more than their credits unless told otherwise: EC2 user guide, unlimited mode."""

_OPTIMIZED_FOR_MONEY = ("c1", "c3", "g2", "i2", "m1", "m2", "m3", "r3")
"""Families that are optimized for EBS at a price, and not always: EC2 user guide, EBS-optimized instances."""


_ROOT = "root"
_ROOTS = ("/dev/xvda", "/dev/sda1", "/dev/sda", "xvda")


def _volumes(tf: Reading, block: Attributes) -> dict[str, Volume]:
    """Return the volumes of an instance or template by their device; a root may have its image's size."""
    blocks = (
        dict.fromkeys((_ROOT,), block.block("root_block_device")) if block.has("root_block_device") else {}
    )
    for index, each in enumerate(block.blocks("ebs_block_device")):
        blocks[each.text("device_name", f"volume {index}")] = each
    for index, each in enumerate(block.blocks("block_device_mappings")):
        device = each.text("device_name", f"volume {index}" if index else _ROOT)
        if each.block("ebs"):
            blocks[_ROOT if device in _ROOTS else device] = each.block("ebs")
    found = {}
    for device, each in blocks.items():
        with tf.part(block.node):
            found[device] = volume_of(each, usual_gib=_IMAGE_GIB if device == _ROOT else 0)
    return found


def mounted(tf: Reading, node: Planned, found: OrderedMachine, usual_gib: float) -> list[Volume]:
    """Return all volumes of a machine, the root first; one that nobody describes is that of its image."""
    root = found.volumes.get(_ROOT) or _root_of(found.image)
    if root is None:
        tf.assume(node, f"its root volume is {usual_gib:g} GiB of gp2, as the usual images have it")
        root = Volume("gp2", usual_gib)
    return [root, *(volume for device, volume in found.volumes.items() if device != _ROOT)]


def _root_of(image: Mapping[str, Any]) -> Volume | None:
    """Return the root volume of a machine image; None where its data do not say it."""
    for mapping in map(mapping_of, list_of(image.get("block_device_mappings"))):
        ebs = mapping_of(mapping.get("ebs"))
        if (
            mapping.get("device_name") == image.get("root_device_name")
            and str(ebs.get("volume_size")).isdecimal()
        ):
            return Volume(str(ebs.get("volume_type") or "gp2"), float(ebs["volume_size"]))
    return None


def template_of(tf: Reading, block: Attributes, path: str) -> Attributes | None:
    """Return the launch template that a block at ``path`` refers to, in the plan or read as data."""
    found = tf.owner(block.node, path, *_TEMPLATES)
    if found is None:
        read = [n for n in tf.graph.referred(block.node, path, _TEMPLATES) if n.values and not n.managed]
        found = read[0] if len(read) == 1 else None
    return None if found is None else tf.block(found)


def _instance(tf: Reading, resource: Attributes) -> None:
    template = template_of(tf, resource, "launch_template") if resource.has("launch_template") else None
    found = ordered(tf, resource, template)
    machine = found.machine or resource.needed("instance_type")
    fixed = tf.owned(resource.node, "instance", "aws_eip")  # It takes the place of another address.
    found = found._replace(machine=machine, public=found.public and not fixed)
    if resource.text("instance_state") != "stopped":
        _group(tf, resource.node, found, 1, 1)
        return
    tf.assume(resource.node, "it is stopped, so only its volumes cost something")
    for index, volume in enumerate(mounted(tf, resource.node, found, _IMAGE_GIB)):
        add_volume(tf, resource.node, volume, f"volume-{index}")


_DETAILED_METRICS = 7
"""Metrics of an instance with detailed monitoring: aws.amazon.com/cloudwatch/pricing, example 1."""


def _group(
    tf: Reading, node: Planned, found: OrderedMachine, instances: Any, count: float, spot: float = 0.0
) -> None:
    """Add machines with their volumes and metrics; ``count``: how many run today."""
    if found.machine is None:
        raise UncoveredError("its launch template names no instance type")
    tree: Tree = {"platform": "vm-group", "provider": "aws", "region": tf.region(node)}
    tree |= {"machine": tf.machine("aws", found.machine), "instances": instances}
    if found.spot or spot:
        tree["purchase"] = {"spot": percent(1.0 if found.spot else spot)}
    put_volumes(tf, node, tree, mounted(tf, node, found, _IMAGE_GIB), count)
    tf.add("services", node, tree)
    moves = isinstance(instances, dict)
    if found.public:
        tf.priced(node, "public-ipv4", "in-use", 1, "address", count, moves)
    if found.monitored:
        tf.priced(node, "cloudwatch", "metric", _DETAILED_METRICS, "monitoring", count, moves)


def percent(share: float) -> str:
    """Return a share as a plan writes it.

    >>> percent(1 / 3)
    '33.3333%'
    """
    return f"{share * 100:.6g}%"


def _auto_scaling_group(tf: Reading, resource: Attributes) -> None:
    mixed = resource.block("mixed_instances_policy")
    path = "launch_template"
    if mixed:
        path = "mixed_instances_policy.launch_template.launch_template_specification"
    elif resource.get("launch_configuration") is not None:
        path = "launch_configuration"
    resource.get("launch_template")
    template = template_of(tf, resource, path)
    if template is None:
        raise UncoveredError("its launch template is not in the plan")
    found = ordered(tf, template)
    low, high = resource.whole("min_size", 1), resource.whole("max_size", 1)
    desired, weight, spot = resource.whole("desired_capacity", low), 1.0, 0.0
    if mixed:
        machine, weight = _overridden(tf, mixed, found.machine)
        found, spot = found._replace(machine=machine), _spot_share(mixed, desired)
    low, high, desired = (math.ceil(count / weight) for count in (low, high, desired))
    _group(tf, resource.node, found, bounds(low, high, desired), desired, spot)


def _overridden(tf: Reading, mixed: Attributes, machine: str | None) -> tuple[str | None, float]:
    """Return the machine type of a mixed group, and how much of its capacity one of them is."""
    overrides = mixed.block("launch_template").blocks("override")
    types = [override.text("instance_type") for override in overrides]
    if any(override.get("instance_requirements") for override in overrides):
        raise UncoveredError("instance_requirements leave the instance type to AWS")
    if not any(types):
        return machine, 1.0
    first = next(index for index, kind in enumerate(types) if kind)
    if len({kind for kind in types if kind}) > 1:
        tf.assume(
            mixed.node, f"all its instances are {types[first]}, the first of {len(types)} types it may take"
        )
    return types[first], overrides[first].number("weighted_capacity", 1.0) or 1.0


def _spot_share(mixed: Attributes, desired: float) -> float:
    """Return the share of spot instances in a mixed group of ``desired`` instances."""
    distribution = mixed.block("instances_distribution")
    base = distribution.number("on_demand_base_capacity")
    above = distribution.number("on_demand_percentage_above_base_capacity", 100.0) / 100
    if desired <= 0:
        return 1 - above
    on_demand = min(desired, base) + math.ceil(max(0.0, desired - base) * above)
    return 1 - on_demand / desired


_INSTANCE_FREE = """
    ami ipv6_address_count source_dest_check disable_api_termination disable_api_stop ebs_optimized
    hibernation metadata_options maintenance_options enclave_options private_dns_name_options
    capacity_reservation_specification cpu_options cpu_core_count cpu_threads_per_core
    instance_initiated_shutdown_behavior placement_partition_number network_interface
    ephemeral_block_device enable_primary_ipv6 root_block_device.delete_on_termination
    ebs_block_device.delete_on_termination spot_type instance_interruption_behavior
    instance_interruption_behaviour valid_from valid_until instance_market_options.spot_options
    primary_network_interface tenancy"""

_TEMPLATE_FREE = """
    ebs_optimized iam_instance_profile metadata_options tag_specifications
    disable_api_termination disable_api_stop enclave_options hibernation_options maintenance_options
    private_dns_name_options cpu_options instance_initiated_shutdown_behavior license_specification
    capacity_reservation_specification placement block_device_mappings.no_device
    block_device_mappings.ebs.delete_on_termination instance_market_options.spot_options
    root_block_device.delete_on_termination ebs_block_device.delete_on_termination enable_monitoring
    monitoring"""

_NETWORKS = """
    associate_carrier_ip_address connection_tracking_specification delete_on_termination device_index
    ena_srd_specification interface_type ipv4_address_count ipv4_addresses ipv4_prefix_count ipv4_prefixes
    ipv6_address_count ipv6_addresses ipv6_prefix_count ipv6_prefixes network_card_index
    primary_ipv6 private_ip_address security_groups"""

_INSTANCE_NAMED = "cpu_options.amd_sev_snp"

_GROUP_FREE = """
    health_check_type health_check_grace_period load_balancers termination_policies suspended_processes
    enabled_metrics metrics_granularity min_elb_capacity protect_from_scale_in default_cooldown
    default_instance_warmup capacity_rebalance instance_refresh initial_lifecycle_hook traffic_source
    ignore_failed_scaling_activities desired_capacity_type max_instance_lifetime
    availability_zone_distribution
    mixed_instances_policy.instances_distribution.on_demand_allocation_strategy
    mixed_instances_policy.instances_distribution.spot_allocation_strategy
    mixed_instances_policy.instances_distribution.spot_instance_pools
    mixed_instances_policy.launch_template.launch_template_specification predicted_capacity warm_pool_size"""


TYPES: Mapping[str, Row] = {
    "aws_instance": Row(_instance, _INSTANCE_FREE, named=_INSTANCE_NAMED),
    "aws_spot_instance_request": Row(_instance, _INSTANCE_FREE, named=_INSTANCE_NAMED),
    **dict.fromkeys(
        _TEMPLATES,
        Row(
            free,
            f"{_TEMPLATE_FREE} {inside('network_interfaces', _NETWORKS)}",
            {"cpu_options.amd_sev_snp": "disabled"},
            _INSTANCE_NAMED,
        ),
    ),
    "aws_autoscaling_group": Row(_auto_scaling_group, _GROUP_FREE, named="warm_pool"),
    **dict.fromkeys(
        ("aws_autoscaling_schedule", "aws_appautoscaling_scheduled_action"),
        Row(told("at the times of its schedule more or fewer run than are priced"), "*"),
    ),
    "aws_ec2_instance_state": Row(told("what it starts or stops is priced as if it always ran"), "*"),
}
"""How each type is read."""

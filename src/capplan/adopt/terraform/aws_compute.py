"""EC2 instances and their groups, EKS, ECS and Lambda, as AWS' provider describes them.

Defaults are those of the provider's documentation (registry.terraform.io/providers/hashicorp/aws).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from capplan.adopt.draft import Tree, cores
from capplan.adopt.terraform.aws_disks import put_volumes, volume_of
from capplan.adopt.terraform.planned import Planned
from capplan.adopt.terraform.reading import Reading, bounds, name_of
from capplan.adopt.terraform.table import Attributes, Row, UncoveredError
from capplan.adopt.volumes import Volume
from capplan.manifests.quantity import memory

_IMAGE_GIB = 8
"""The root volume of Amazon's Linux images; Windows has 30 GiB."""

_NODE_GIB = 20
"""The root volume of an EKS node: eksctl's and the API's default of disk_size."""

_CLUSTER = "aws_eks_cluster"
_TEMPLATES = ("aws_launch_template", "aws_launch_configuration")

_EKS_EXTENDED, _EKS_ENDING = 29, 33
"""The newest minor versions of Kubernetes past standard support when the price list was made, in July 2025,
and in October 2026: EKS user guide, release calendar."""


class _Machine(NamedTuple):
    """What an instance or a launch template orders; ``monitored``: with metrics that are billed."""

    machine: str | None
    spot: bool
    monitored: bool
    volumes: Mapping[str, Volume]


def _ordered(tf: Reading, block: Attributes, template: Attributes | None = None) -> _Machine:
    """Return what an instance or a template says, and else what the template that it names does."""
    base = _Machine(None, False, False, {}) if template is None else _ordered(tf, template)
    _note_terms(tf, block)
    spot = block.block("instance_market_options").text("market_type") == "spot"
    spot = spot or block.node.type == "aws_spot_instance_request" or bool(block.known("spot_price"))
    return _Machine(
        machine=block.text("instance_type") or base.machine,
        spot=spot or base.spot,
        monitored=_is_monitored(block) or base.monitored,
        volumes={**base.volumes, **_volumes(tf, block)},
    )


def _is_monitored(block: Attributes) -> bool:
    """Say whether an instance has detailed metrics, as those of launch configurations have by default."""
    if block.node.type == "aws_launch_configuration":
        return block.flag("enable_monitoring", True)
    if block.node.type == "aws_launch_template":
        return block.block("monitoring").flag("enabled")
    return block.flag("monitoring")


def _note_terms(tf: Reading, block: Attributes) -> None:
    """Note what makes an instance dearer than its type."""
    tenancy = block.text("tenancy") or block.text("placement_tenancy")
    tenancy = tenancy or block.block("placement").text("tenancy")
    if tenancy == "host":
        raise UncoveredError("it runs on a dedicated host, which is billed in its place")
    if tenancy == "dedicated":
        tf.note(block.node, "tenancy is dedicated, which costs more than the shared tenancy that is priced")
    if block.block("credit_specification").text("cpu_credits") == "unlimited":
        tf.usage(block.node, "CPU credits beyond the baseline")
    family = block.text("instance_type").partition(".")[0]
    if str(block.get("ebs_optimized")).lower() == "true" and family in _OPTIMIZED_FOR_MONEY:
        tf.note(block.node, f"ebs_optimized costs money with {family}")


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


def _mounted(tf: Reading, node: Planned, volumes: Mapping[str, Volume], usual_gib: float) -> list[Volume]:
    """Return all volumes of a machine, the root first; one that nobody describes is that of its image."""
    if _ROOT not in volumes:
        tf.assume(node, f"its root volume is {usual_gib:g} GiB of gp2, as the usual images have it")
    root = volumes.get(_ROOT, Volume("gp2", usual_gib))
    return [root, *(volume for device, volume in volumes.items() if device != _ROOT)]


def _template(tf: Reading, block: Attributes, path: str) -> Attributes | None:
    """Return the launch template that a block at ``path`` refers to; None where it has no such block."""
    found = tf.owner(block.node, path, *_TEMPLATES)
    return None if found is None else tf.block(found)


def _instance(tf: Reading, resource: Attributes) -> None:
    template = _template(tf, resource, "launch_template") if resource.has("launch_template") else None
    found = _ordered(tf, resource, template)
    if resource.flag("associate_public_ip_address"):
        tf.priced(resource.node, "public-ipv4", "in-use", 1, "address")
    machine = found.machine or resource.needed("instance_type")
    _group(tf, resource.node, found._replace(machine=machine), 1, 1)


_DETAILED_METRICS = 7
"""Metrics of an instance with detailed monitoring: aws.amazon.com/cloudwatch/pricing, example 1."""


def _group(
    tf: Reading, node: Planned, found: _Machine, instances: Any, count: float, spot: float = 0.0
) -> None:
    """Add machines with their volumes and metrics; ``count``: how many run today."""
    if found.machine is None:
        raise UncoveredError("its launch template names no instance type")
    tree: Tree = {"platform": "vm-group", "provider": "aws", "region": tf.region(node)}
    tree |= {"machine": tf.machine("aws", found.machine), "instances": instances}
    if found.spot or spot:
        tree["purchase"] = {"spot": _share(1.0 if found.spot else spot)}
    put_volumes(tf, node, tree, _mounted(tf, node, found.volumes, _IMAGE_GIB), count)
    tf.add("services", node, tree)
    if found.monitored:
        tf.priced(node, "cloudwatch", "metric", _DETAILED_METRICS * count, "monitoring")


def _share(share: float) -> str:
    return f"{share * 100:.6g}%"


def _auto_scaling_group(tf: Reading, resource: Attributes) -> None:
    mixed = resource.block("mixed_instances_policy")
    path = "launch_template"
    if mixed:
        path = "mixed_instances_policy.launch_template.launch_template_specification"
    elif resource.get("launch_configuration") is not None:
        path = "launch_configuration"
    resource.get("launch_template")
    template = _template(tf, resource, path)
    if template is None:
        raise UncoveredError("its launch template is not in the plan")
    found = _ordered(tf, template)
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


def _eks(tf: Reading, resource: Attributes) -> None:
    node = resource.node
    tree: Tree = {"platform": "eks", "region": tf.region(node)}
    groups = {name_of(group.node): group for group in tf.owned(node, "cluster_name", "aws_eks_node_group")}
    pools: dict[str, Tree] = {}
    for name, group in groups.items():
        with tf.part(group.node):
            pools[name] = _eks_pool(tf, group)
    if resource.block("compute_config").flag("enabled"):
        tf.usage(node, "nodes of EKS Auto Mode and their fee")
    if _is_extended(tf, resource):
        tree["support"] = "extended"
    if pools:
        tf.add_cluster(node, tree, pools, {name: group.node for name, group in groups.items()})
    else:
        tf.priced(node, "eks", "cluster-extended-support" if "support" in tree else "cluster")


def _is_extended(tf: Reading, resource: Attributes) -> bool:
    """Say whether the version of a cluster costs extended support; name a version that since may."""
    policy = resource.block("upgrade_policy").text("support_type", "EXTENDED")
    major, _, minor = resource.text("version").partition(".")
    if policy != "EXTENDED" or major != "1" or not minor.isdecimal() or int(minor) > _EKS_ENDING:
        return False
    if int(minor) > _EKS_EXTENDED:
        tf.note(
            resource.node, f"1.{minor} is past standard support or about to be; then it costs 0.60 an hour"
        )
    return int(minor) <= _EKS_EXTENDED


def _eks_pool(tf: Reading, pool: Attributes) -> Tree:
    """Return a node group: its machines by its own types, its launch template, or the API's default."""
    scaling = pool.block("scaling_config")
    has_template = pool.has("launch_template")
    template = _template(tf, pool, "launch_template") if has_template else None
    types, ordered = pool.texts("instance_types"), None
    if template is not None:
        ordered = _ordered(tf, template)
    elif has_template:
        tf.note(pool.node, "its launch template is not in the plan, so its disks have no price")
    kind = types[0] if types else (ordered.machine if ordered else None)
    if kind is None and template is None and has_template:
        raise UncoveredError("its launch template, which says its instance type, is not in the plan")
    low, high = scaling.whole("min_size", 1), scaling.whole("max_size", 1)
    desired = scaling.whole("desired_size", low)
    found: Tree = {"machine": tf.machine("aws", kind or "t3.medium"), "nodes": bounds(low, high, desired)}
    if pool.text("capacity_type", "ON_DEMAND") == "SPOT" or (ordered is not None and ordered.spot):
        found["purchase"] = {"spot": "100%"}
    if len(types) > 1:
        tf.assume(pool.node, f"all its nodes are {types[0]}, the first of {len(types)} types it may take")
    if ordered is not None:
        put_volumes(tf, pool.node, found, _mounted(tf, pool.node, ordered.volumes, _NODE_GIB), desired)
    elif not has_template:
        put_volumes(tf, pool.node, found, [Volume("gp2", pool.number("disk_size", _NODE_GIB))], desired)
    return found


def _eks_pool_alone(tf: Reading, pool: Attributes) -> None:
    """Read a node group whose cluster is elsewhere; the others are read with their cluster."""
    if tf.owner(pool.node, "cluster_name", _CLUSTER) is not None:
        return
    tf.pool_alone(pool.node, _eks_pool(tf, pool))


def _fargate_profile(tf: Reading, resource: Attributes) -> None:
    tf.usage(resource.node, "pods on Fargate")


def _ecs_service(tf: Reading, resource: Attributes) -> None:
    """Add a service on Fargate; on EC2 its tasks run on machines that are billed by themselves."""
    node = resource.node
    task = tf.owner(node, "task_definition", "aws_ecs_task_definition")
    resource.get("task_definition")
    shares = _fargate_shares(resource)
    needs_fargate = task is not None and "FARGATE" in tf.block(task).texts("requires_compatibilities")
    if resource.text("launch_type") in ("EC2", "EXTERNAL") or (shares is None and not needs_fargate):
        tf.free(node)
        return
    if task is None:
        raise UncoveredError("its task definition is not in the plan")
    tree = _task(tf, task)
    if shares:
        tree["spot"] = _share(shares)
    desired = resource.whole("desired_count", 0)
    targets = tf.owned(node, "resource_id", "aws_appautoscaling_target")
    low, high = desired, desired
    for target in targets:
        low, high = target.whole("min_capacity", desired), target.whole("max_capacity", desired)
    tree["instances"] = bounds(low, high, desired)
    tf.add("services", node, {"platform": "fargate", "region": tf.region(node), **tree})


def _fargate_shares(resource: Attributes) -> float | None:
    """Return the share of a service's tasks on Fargate Spot; None where it is not on Fargate."""
    strategy = resource.blocks("capacity_provider_strategy")
    if not strategy:
        return 0.0 if resource.text("launch_type") == "FARGATE" else None
    weights = {each.text("capacity_provider"): each.number("weight") for each in strategy}
    if not set(weights) <= {"FARGATE", "FARGATE_SPOT"}:
        return None
    total = sum(weights.values())
    return weights.get("FARGATE_SPOT", 0.0) / total if total else float("FARGATE_SPOT" in weights)


def _task(tf: Reading, node: Planned) -> Tree:
    """Return what a task definition asks of Fargate."""
    task = tf.block(node)
    units, mib = _scaled(task, "cpu", "vcpu"), _scaled(task, "memory", "gb")
    if not units or not mib:
        raise UncoveredError("its task definition says no cpu or memory")
    tree: Tree = {"cpu": cores(units / 1024), "memory": memory(mib / 1024)}
    platform = task.block("runtime_platform")
    if platform.text("cpu_architecture", "X86_64") == "ARM64":
        tree["architecture"] = "arm"
    if platform.text("operating_system_family", "LINUX") != "LINUX":
        raise UncoveredError("it runs Windows on Fargate, which capplan does not price")
    size = task.block("ephemeral_storage").number("size_in_gib")
    return {**tree, "ephemeral_storage": f"{size:g}Gi"} if size else tree


def _scaled(task: Attributes, name: str, unit: str) -> float:
    """Return CPU units or MiB; a task definition may also say vCPU and GB, which are 1024 of them."""
    said = str(task.known(name) or "").lower().replace(" ", "")
    if said.endswith(unit) and said.removesuffix(unit).replace(".", "", 1).isdecimal():
        return float(said.removesuffix(unit)) * 1024
    return task.number(name)


def _lambda(tf: Reading, resource: Attributes) -> None:
    resource.number("memory_size", 128)
    tf.usage(resource.node, "requests and the time of functions")


def _provisioned_concurrency(tf: Reading, resource: Attributes) -> None:
    function = tf.owner(resource.node, "function_name", "aws_lambda_function")
    if function is None:
        raise UncoveredError("its function is not in the plan")
    gib = tf.block(function).number("memory_size", 128) / 1024
    seconds = resource.number("provisioned_concurrent_executions") * 730 * 3600
    tf.priced(resource.node, "lambda", "provisioned-concurrency", gib * seconds)


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
    ebs_optimized iam_instance_profile network_interfaces metadata_options tag_specifications
    disable_api_termination disable_api_stop enclave_options hibernation_options maintenance_options
    private_dns_name_options cpu_options instance_initiated_shutdown_behavior license_specification
    capacity_reservation_specification placement block_device_mappings.no_device
    block_device_mappings.ebs.delete_on_termination instance_market_options.spot_options
    root_block_device.delete_on_termination ebs_block_device.delete_on_termination enable_monitoring
    monitoring"""

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


def _template_alone(tf: Reading, resource: Attributes) -> None:
    """Launch templates cost nothing; what they order is read with what uses them."""
    tf.free(resource.node)


TYPES: Mapping[str, Row] = {
    "aws_instance": Row(_instance, _INSTANCE_FREE),
    "aws_spot_instance_request": Row(_instance, _INSTANCE_FREE),
    "aws_launch_template": Row(_template_alone, _TEMPLATE_FREE),
    "aws_launch_configuration": Row(_template_alone, _TEMPLATE_FREE),
    "aws_autoscaling_group": Row(_auto_scaling_group, _GROUP_FREE),
    _CLUSTER: Row(
        _eks,
        """
        vpc_config access_config kubernetes_network_config enabled_cluster_log_types
        bootstrap_self_managed_addons zonal_shift_config storage_config compute_config.node_pools
        remote_network_config""",
    ),
    "aws_eks_node_group": Row(
        _eks_pool_alone,
        """
        ami_type taint update_config remote_access node_repair_config launch_template""",
    ),
    "aws_eks_fargate_profile": Row(
        _fargate_profile, "cluster_name fargate_profile_name pod_execution_role_arn selector region"
    ),
    "aws_ecs_task_definition": Row(
        _template_alone,
        """
        container_definitions family network_mode volume placement_constraints pid_mode ipc_mode
        proxy_configuration track_latest enable_fault_injection""",
    ),
    "aws_ecs_service": Row(
        _ecs_service,
        """
        cluster network_configuration load_balancer service_registries deployment_controller
        deployment_circuit_breaker deployment_maximum_percent deployment_minimum_healthy_percent
        deployment_configuration enable_execute_command scheduling_strategy
        health_check_grace_period_seconds ordered_placement_strategy placement_constraints
        service_connect_configuration triggers alarms availability_zone_rebalancing
        capacity_provider_strategy.base""",
    ),
    "aws_lambda_function": Row(
        _lambda,
        """
        handler runtime filename s3_bucket source_code_hash timeout layers environment vpc_config publish
        package_type image_config architectures dead_letter_config tracing_config file_system_config
        reserved_concurrent_executions logging_config replace_security_groups_on_destroy""",
        {"ephemeral_storage.size": 512},
    ),
    "aws_lambda_provisioned_concurrency_config": Row(
        _provisioned_concurrency, "qualifier skip_destroy region"
    ),
}
"""How each type is read."""

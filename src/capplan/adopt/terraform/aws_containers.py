"""EKS, ECS and Lambda, as AWS' provider describes them.

Defaults are those of the provider's documentation (registry.terraform.io/providers/hashicorp/aws).
"""

from __future__ import annotations

from collections.abc import Mapping

from capplan.adopt.draft import Tree, cores
from capplan.adopt.terraform.aws_disks import put_volumes
from capplan.adopt.terraform.aws_ec2 import CAPACITY_BLOCK, mounted, ordered, percent, template_of
from capplan.adopt.terraform.reading import Reading, bounds, name_of
from capplan.adopt.terraform.simple import free, free_always
from capplan.adopt.terraform.table import Attributes, Row, UncoveredError
from capplan.adopt.volumes import Volume
from capplan.manifests.quantity import memory

_NODE_TYPE, _NODE_GIB, _WINDOWS_GIB = "t3.medium", 20, 50
"""The API's defaults of instanceTypes and diskSize: EKS API reference, CreateNodegroup."""

_CLUSTER = "aws_eks_cluster"

_EKS_EXTENDED, _EKS_ENDING = 29, 33
"""The newest minor versions of Kubernetes past standard support when the price list was made, in July 2025,
and in October 2026: EKS user guide, release calendar."""


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
    template = template_of(tf, pool, "launch_template") if has_template else None
    types, base = pool.texts("instance_types"), None
    if template is not None:
        base = ordered(tf, template)
    elif has_template:
        tf.note(pool.node, "its launch template is not in the plan, so its disks have no price")
    if pool.get("instance_types") and not types:
        raise UncoveredError("its instance_types are no list of types")
    kind = types[0] if types else (base.machine if base else None)
    if kind is None and template is None and has_template:
        raise UncoveredError("its launch template, which says its instance type, is not in the plan")
    usual_gib = _WINDOWS_GIB if pool.text("ami_type").startswith("WINDOWS") else _NODE_GIB
    low, high = scaling.whole("min_size", 1), scaling.whole("max_size", 1)
    desired = scaling.whole("desired_size", low)
    found: Tree = {"machine": tf.machine("aws", kind or _NODE_TYPE), "nodes": bounds(low, high, desired)}
    if pool.text("capacity_type", "ON_DEMAND") == "SPOT" or (base is not None and base.spot):
        found["purchase"] = {"spot": "100%"}
    _note_nodes(tf, pool, types or [kind or ""])
    if base is not None:
        put_volumes(tf, pool.node, found, mounted(tf, pool.node, base, usual_gib), desired)
    elif not has_template:
        gib = pool.number("disk_size")
        if not gib:
            tf.assume(pool.node, f"its nodes have disks of {usual_gib} GiB of gp2, as EKS gives them")
        put_volumes(tf, pool.node, found, [Volume("gp2", gib or usual_gib)], desired)
    return found


def _note_nodes(tf: Reading, pool: Attributes, types: list[str]) -> None:
    """Note what makes nodes dearer than their type, and what is taken for their type."""
    if pool.text("capacity_type") == "CAPACITY_BLOCK":
        tf.note(pool.node, CAPACITY_BLOCK)
    if pool.text("ami_type").startswith("WINDOWS"):
        tf.note(pool.node, "its nodes run Windows, and the price is that of Linux")
    if not types[0]:
        tf.assume(pool.node, f"its nodes are {_NODE_TYPE}, the type that EKS takes where nobody says one")
    if len(types) > 1:
        tf.assume(pool.node, f"all its nodes are {types[0]}, the first of {len(types)} types it may take")


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
    found = tf.owner(node, "task_definition", "aws_ecs_task_definition")
    task = None if found is None else tf.block(found)
    strategy, kind = _strategy(tf, resource), resource.text("launch_type")
    if not strategy and not kind and task is not None and "FARGATE" in task.texts("requires_compatibilities"):
        kind = "FARGATE"
    if not {each.text("capacity_provider") for each in strategy} <= {"FARGATE", _SPOT} or (
        not strategy and kind != "FARGATE"
    ):
        tf.free(node)
        return
    if task is None:
        raise UncoveredError("its task definition is not in the plan")
    desired = resource.whole("desired_count")
    tree = {"platform": "fargate", "region": tf.region(node), **_task(task)}
    if resource.text("scheduling_strategy") == "DAEMON":
        raise UncoveredError("it runs a task on each container instance, and how many there are is unknown")
    spot = _spot_share(strategy, desired)
    if spot:
        tree["spot"] = percent(spot)
    low, high = desired, desired
    for target in tf.owned(node, "resource_id", _TARGET) or _targets_of(tf, resource):
        low, high = target.whole("min_capacity", desired), target.whole("max_capacity", desired)
    tf.add("services", node, {**tree, "instances": bounds(low, high, desired)})


_TARGET = "aws_appautoscaling_target"


def _targets_of(tf: Reading, service: Attributes) -> list[Attributes]:
    """Return what scales a service, by the names that a state has in place of references."""
    cluster = str(service.get("cluster")).rpartition("/")[2]
    name = f"service/{cluster}/{service.get('name')}"
    return [tf.block(node) for node in tf.graph.of(_TARGET) if node.values.get("resource_id") == name]


def _ecs_cluster(tf: Reading, resource: Attributes) -> None:
    insights = [each for each in resource.blocks("setting") if each.text("name") == "containerInsights"]
    if any(each.text("value") in ("enabled", "enhanced") for each in insights):
        tf.usage(resource.node, "metrics and logs of Container Insights")
    tf.free(resource.node)


def _scaling_target(tf: Reading, resource: Attributes) -> None:
    """Read bounds: those of ECS services are read with them."""
    if resource.text("service_namespace", "ecs") == "ecs":
        tf.free(resource.node)
    else:
        tf.note(resource.node, "what it scales is priced as it is, and not between its bounds")


_SPOT = "FARGATE_SPOT"


def _strategy(tf: Reading, resource: Attributes) -> list[Attributes]:
    """Return the capacity providers of a service: its own, or those of its cluster if it says nothing."""
    own = resource.blocks("capacity_provider_strategy")
    cluster = tf.owner(resource.node, "cluster", "aws_ecs_cluster")
    if own or resource.text("launch_type") or cluster is None:
        return own
    sets = tf.owned(cluster, "cluster_name", "aws_ecs_cluster_capacity_providers")
    return [
        b for each in (*sets, tf.block(cluster)) for b in each.blocks("default_capacity_provider_strategy")
    ]


def _spot_share(strategy: list[Attributes], desired: float) -> float:
    """Return the share of ``desired`` tasks that run on Fargate Spot.

    A provider's base comes first, and weights divide the rest: ECS developer guide, capacity providers.
    """
    bases = {each.text("capacity_provider"): each.number("base") for each in strategy}
    weights = {each.text("capacity_provider"): each.number("weight") for each in strategy}
    total = sum(weights.values())
    share = weights.get(_SPOT, 0.0) / total if total else float(_SPOT in weights)
    rest = max(0.0, desired - sum(bases.values()))
    return (min(desired, bases.get(_SPOT, 0.0)) + rest * share) / desired if desired else share


def _task(task: Attributes) -> Tree:
    """Return what a task definition asks of Fargate."""
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
    if tf.block(function).texts("architectures") == ["arm64"]:
        tf.note(resource.node, "its function runs on ARM, and the price is that of x86")
    gib = tf.block(function).number("memory_size", 128) / 1024
    seconds = resource.number("provisioned_concurrent_executions") * 730 * 3600
    tf.priced(resource.node, "lambda", "provisioned-concurrency", gib * seconds)


TYPES: Mapping[str, Row] = {
    _CLUSTER: Row(
        _eks,
        """
        vpc_config access_config kubernetes_network_config
        bootstrap_self_managed_addons zonal_shift_config storage_config compute_config.node_pools identity""",
        {"control_plane_scaling_config.tier": "standard"},
        "control_plane_scaling_config.tier enabled_cluster_log_types remote_network_config",
    ),
    "aws_ecs_cluster": Row(_ecs_cluster, "*"),
    "aws_lambda_event_source_mapping": Row(free_always, "*", named="provisioned_poller_config"),
    _TARGET: Row(_scaling_target, "*"),
    "aws_eks_node_group": Row(
        _eks_pool_alone,
        """
        ami_type taint update_config remote_access node_repair_config launch_template resources""",
    ),
    "aws_eks_fargate_profile": Row(
        _fargate_profile, "cluster_name fargate_profile_name pod_execution_role_arn selector region"
    ),
    "aws_ecs_task_definition": Row(
        free,
        """
        container_definitions requires_compatibilities family network_mode volume placement_constraints
        pid_mode ipc_mode proxy_configuration track_latest enable_fault_injection""",
    ),
    "aws_ecs_service": Row(
        _ecs_service,
        """
        cluster network_configuration load_balancer service_registries deployment_controller
        deployment_circuit_breaker deployment_maximum_percent deployment_minimum_healthy_percent
        deployment_configuration enable_execute_command
        health_check_grace_period_seconds ordered_placement_strategy placement_constraints
        service_connect_configuration triggers alarms availability_zone_rebalancing
       """,
    ),
    "aws_lambda_function": Row(
        _lambda,
        """
        handler runtime filename s3_bucket source_code_hash timeout layers environment vpc_config publish
        package_type image_config architectures dead_letter_config tracing_config file_system_config
        reserved_concurrent_executions logging_config replace_security_groups_on_destroy""",
        {"ephemeral_storage.size": 512},
        "ephemeral_storage.size",
    ),
    "aws_lambda_provisioned_concurrency_config": Row(
        _provisioned_concurrency, "qualifier skip_destroy region"
    ),
}
"""How each type is read."""

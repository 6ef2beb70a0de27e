"""What resources of AWS cost a month by hand's figures, in us-east-1, and what of them is named instead."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import SHIPPED, monthly

from capplan.adopt.document import note_lines
from capplan.adopt.draft import AdoptOptions
from capplan.adopt.run import Adopted, adopt
from capplan.adopt.terraform import TYPES
from capplan.estimate import Estimate, estimate

ROOT = {"root_block_device": [{"volume_size": 10, "volume_type": "gp3"}]}
"""0.80 a month."""

M5, M5_4X, T3, ROOT_USD = 730 * 0.192, 730 * 0.768, 730 * 0.0416, 0.8


def resource(address: str, **values: Any) -> dict[str, Any]:
    kind, _, name = address.partition(".")
    return {"address": address, "mode": "managed", "type": kind, "name": name, "values": values}


def adopted(
    directory: Path,
    *resources: dict[str, Any],
    written: dict[str, Any] | None = None,
    unknown: dict[str, Any] | None = None,
    prior: Sequence[dict[str, Any]] = (),
) -> Adopted:
    """Return what a plan is adopted as; ``written``: expressions, ``unknown``: after_unknown, by address.

    prior: data sources of the prior state.
    """
    plan = {
        "planned_values": {"root_module": {"resources": list(resources)}},
        "resource_changes": [
            {"address": address, "change": {"after_unknown": tree}}
            for address, tree in (unknown or {}).items()
        ],
        "prior_state": {"values": {"root_module": {"resources": list(prior)}}},
        "configuration": {
            "provider_config": {"aws": {"expressions": {"region": {"constant_value": "us-east-1"}}}},
            "root_module": {
                "resources": [{"address": a, "expressions": tree} for a, tree in (written or {}).items()]
            },
        },
    }
    path = directory / "tfplan.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    return adopt(path, AdoptOptions())


def priced(found: Adopted) -> Estimate:
    return estimate(found.file(sets=["pricing.free_tier=false"]), SHIPPED)


GROUP = {"min_size": 1, "max_size": 8, "desired_capacity": 4}
TEMPLATE = resource(
    "aws_launch_template.lt",
    instance_type="m5.xlarge",
    block_device_mappings=[{"device_name": "/dev/xvda", "ebs": [{"volume_size": 10, "volume_type": "gp3"}]}],
)


def mixed(*overrides: dict[str, Any], **distribution: float) -> dict[str, Any]:
    template = [{"launch_template_specification": [{}], "override": list(overrides)}]
    policy = {"instances_distribution": [distribution], "launch_template": template}
    return resource("aws_autoscaling_group.g", **GROUP, mixed_instances_policy=[policy])


def task(**more: Any) -> dict[str, Any]:
    said = {"cpu": "1 vCPU", "memory": "2048", "requires_compatibilities": ["FARGATE"], **more}
    return resource("aws_ecs_task_definition.t", **said)


def service(**more: Any) -> dict[str, Any]:
    return resource("aws_ecs_service.s", **{"desired_count": 2, "launch_type": "FARGATE", **more})


def rds(**values: Any) -> dict[str, Any]:
    said = {"engine": "postgres", "instance_class": "db.r6g.xlarge", "allocated_storage": 100, **values}
    return resource("aws_db_instance.db", **said)


R6G = 730 * 0.45
FARGATE = 730 * (0.04048 + 2 * 0.004445)
EXACT: list[tuple[str, list[dict[str, Any]], float]] = [
    (
        "a domain with warm nodes",
        [
            resource(
                "aws_opensearch_domain.d",
                cluster_config=[
                    {
                        "instance_type": "m6g.large.search",
                        "warm_enabled": True,
                        "warm_type": "ultrawarm1.medium.search",
                        "warm_count": 3,
                    }
                ],
                ebs_options=[{"ebs_enabled": True, "volume_type": "gp3", "volume_size": 50}],
            )
        ],
        730 * (0.128 + 3 * 0.238) + 50 * 0.122,
    ),
    (
        "addresses of a group by its template",
        [
            resource(
                "aws_launch_template.lt",
                **TEMPLATE["values"],
                network_interfaces=[{"associate_public_ip_address": "true", "device_index": 0}],
            ),
            resource("aws_autoscaling_group.g", **GROUP),
        ],
        4 * (M5 + ROOT_USD + 730 * 0.005),
    ),
    ("root volume of the image", [resource("aws_instance.i", instance_type="m5.xlarge")], M5 + 0.8),
    (
        "volumes of an instance",
        [
            resource(
                "aws_instance.i",
                instance_type="m5.xlarge",
                root_block_device=[
                    {"volume_size": 100, "volume_type": "gp3", "iops": 4000, "throughput": 225}
                ],
                ebs_block_device=[
                    {"device_name": "sdf", "volume_size": 10, "volume_type": "io1", "iops": 100}
                ],
            )
        ],
        M5 + 8 + 1000 * 0.005 + 100 * 0.04 + 1.25 + 6.5,
    ),
    (
        "address and metrics of an instance",
        [
            resource(
                "aws_instance.i",
                **ROOT,
                instance_type="m5.xlarge",
                associate_public_ip_address=True,
                monitoring=True,
            )
        ],
        M5 + ROOT_USD + 3.65 + 2.1,
    ),
    (
        "an instance of a template",
        [TEMPLATE, resource("aws_instance.i", launch_template=[{"id": "x"}], instance_type="t3.medium")],
        T3 + 0.8,
    ),
    ("a group at its desired size", [TEMPLATE, resource("aws_autoscaling_group.g", **GROUP)], 4 * (M5 + 0.8)),
    (
        "a mixed group on demand",
        [TEMPLATE, mixed({"instance_type": "m5.4xlarge", "weighted_capacity": "2"})],
        2 * (M5_4X + 0.8),
    ),
    ("tasks on Fargate", [task(), service()], 2 * FARGATE),
    (
        "tasks between bounds",
        [
            task(),
            service(),
            resource(
                "aws_appautoscaling_target.t", resource_id="service/c/s", min_capacity=1, max_capacity=9
            ),
        ],
        2 * FARGATE,
    ),
    ("tasks on machines", [task(), service(launch_type="EC2")], 0.0),
    ("storage and IOPS of gp3", [rds(storage_type="gp3", iops=4000)], R6G + 11.5 + 1000 * 0.02),
    ("storage with provisioned IOPS", [rds(storage_type="io1", iops=2000)], R6G + 12.5 + 200),
    (
        "twice everything in two zones",
        [rds(multi_az=True, storage_type="gp3", allocated_storage=400, iops=13000)],
        2 * (R6G + 46 + 1000 * 0.02),
    ),
    ("extended support", [rds(engine_version="11.22")], R6G + 11.5 + 4 * 73),
    (
        "values of a directory, not yet converted",
        [rds(engine_version=11, multi_az="false")],
        R6G + 11.5 + 292,
    ),
    ("a flag as text", [rds(multi_az="true")], 2 * (R6G + 11.5)),
    (
        "no extended support",
        [rds(engine_version="11", engine_lifecycle_support="open-source-rds-extended-support-disabled")],
        R6G + 11.5,
    ),
    (
        "an Aurora instance",
        [
            resource("aws_rds_cluster.c", engine="aurora-postgresql", engine_version="15.4"),
            resource("aws_rds_cluster_instance.i", instance_class="db.r5.large"),
        ],
        730 * 0.29,
    ),
    (
        "capacity units at their least",
        [
            resource(
                "aws_rds_cluster.c",
                engine="aurora-postgresql",
                serverlessv2_scaling_configuration=[{"min_capacity": 0.5, "max_capacity": 8}],
            ),
            resource("aws_rds_cluster_instance.i", instance_class="db.serverless"),
        ],
        730 * 0.5 * 0.12,
    ),
    (
        "shards and replicas as old providers write them",
        [
            resource(
                "aws_elasticache_replication_group.r",
                node_type="cache.m5.large",
                cluster_mode=[{"num_node_groups": 2, "replicas_per_node_group": 1}],
            )
        ],
        4 * 730 * 0.156,
    ),
    (
        "Valkey is cheaper",
        [
            resource(
                "aws_elasticache_replication_group.r",
                engine="valkey",
                node_type="cache.m5.large",
                num_cache_clusters=2,
            )
        ],
        2 * 730 * 0.1248,
    ),
    (
        "three tiers of io2",
        [resource("aws_ebs_volume.v", size=100, type="io2", iops=70000)],
        12.5 + 32000 * 0.065 + 32000 * 0.046 + 6000 * 0.032,
    ),
    (
        "provisioned reads and writes",
        [resource("aws_dynamodb_table.t", read_capacity=10, write_capacity=5)],
        730 * (10 * 0.00013 + 5 * 0.00065),
    ),
    (
        "balancers of each type",
        [
            *(resource(f"aws_lb.{kind}", load_balancer_type=kind) for kind in ("network", "gateway")),
            resource("aws_elb.c"),
        ],
        730 * (0.0225 + 0.0125 + 0.025),
    ),
    (
        "endpoints by zone; gateways are free",
        [
            resource("aws_vpc_endpoint.i", vpc_endpoint_type="Interface", subnet_ids=["a", "b"]),
            resource("aws_vpc_endpoint.g", service_name="com.amazonaws.us-east-1.s3"),
        ],
        2 * 7.3,
    ),
    (
        "by the piece",
        [
            resource("aws_eip.a"),
            resource("aws_kms_key.k"),
            resource("aws_secretsmanager_secret.s"),
            resource("aws_route53_zone.z"),
        ],
        3.65 + 1 + 0.4 + 0.5,
    ),
    (
        "a control plane without nodes, and an old one",
        [
            resource("aws_eks_cluster.new", version="1.34"),
            resource("aws_eks_cluster.old", version="1.27"),
            resource(
                "aws_eks_cluster.refused", version="1.27", upgrade_policy=[{"support_type": "STANDARD"}]
            ),
        ],
        73 + 438 + 73,
    ),
    (
        "a node group by its launch template",
        [
            resource("aws_eks_cluster.c", version="1.34"),
            TEMPLATE,
            resource("aws_eks_node_group.n", launch_template=[{}], scaling_config=[{"desired_size": 2}]),
        ],
        73 + 2 * (M5 + 0.8),
    ),
    (
        "a node group by the API's defaults",
        [
            resource("aws_eks_cluster.c"),
            resource("aws_eks_node_group.n", scaling_config=[{"desired_size": 2}]),
        ],
        73 + 2 * (T3 + 2),
    ),
]


@pytest.mark.parametrize(("resources", "usd"), [case[1:] for case in EXACT], ids=[case[0] for case in EXACT])
def test_what_resources_cost(resources: list[dict[str, Any]], usd: float, tmp_path: Path) -> None:
    result = priced(adopted(tmp_path, *resources))
    assert monthly(result) == pytest.approx(usd)
    assert all(line.status != "unpriced" for line in result.lines)


def test_a_mixed_group_has_the_spot_share_of_today(tmp_path: Path) -> None:
    group = mixed(on_demand_base_capacity=1, on_demand_percentage_above_base_capacity=50)
    web = adopted(tmp_path, TEMPLATE, group).file().plan.services["g"]
    # One of four, and half of the other three, rounded up: three on demand.
    assert web.purchase.spot == pytest.approx(0.25)
    assert (web.instances.min, web.instances.desired, web.instances.max) == (1, 4, 8)


def test_a_replica_is_what_it_copies(tmp_path: Path) -> None:
    replica = resource("aws_db_instance.replica")
    refers = {"references": ["aws_db_instance.db.identifier", "aws_db_instance.db"]}
    written = {"aws_db_instance.replica": {"replicate_source_db": refers}}
    result = priced(adopted(tmp_path, rds(), replica, written=written))
    assert monthly(result, "replica") == monthly(result, "db") == pytest.approx(R6G + 11.5)


def ami(**values: Any) -> dict[str, Any]:
    return {**resource("aws_ami.a", **values), "address": "data.aws_ami.a", "mode": "data"}


def test_the_cluster_mode_of_new_providers_is_a_word(tmp_path: Path) -> None:
    shards = {"num_node_groups": 2, "replicas_per_node_group": 2, "cluster_mode": "enabled"}
    kind = "aws_elasticache_replication_group.r"
    found = adopted(tmp_path, resource(kind, node_type="cache.m5.large", **shards))
    assert monthly(priced(found)) == pytest.approx(6 * 730 * 0.156)
    assert not [line for line in note_lines(found.notes) if "cluster_mode" in line]


def test_an_instance_has_the_root_volume_of_its_image(tmp_path: Path) -> None:
    disk = {"device_name": "/dev/sda1", "ebs": {"volume_size": "30", "volume_type": "gp3"}}
    image = ami(platform_details="Windows", root_device_name="/dev/sda1", block_device_mappings=[disk])
    written = {"aws_instance.i": {"ami": {"references": ["data.aws_ami.a.id", "data.aws_ami.a"]}}}
    machine = resource("aws_instance.i", instance_type="m5.xlarge")
    found = adopted(tmp_path, machine, written=written, prior=[image])
    assert monthly(priced(found)) == pytest.approx(M5 + 30 * 0.08)
    assert note_lines(found.notes) == [
        "not covered: aws_instance.i: its image is Windows, and the price is that of Linux"
    ]


def test_a_launch_template_may_be_read_as_data(tmp_path: Path) -> None:
    data = {**TEMPLATE, "address": "data.aws_launch_template.lt", "mode": "data"}
    refers = {"references": ["data.aws_launch_template.lt.id", "data.aws_launch_template.lt"]}
    written = {"aws_autoscaling_group.g": {"launch_template": [{"id": refers}]}}
    found = adopted(tmp_path, resource("aws_autoscaling_group.g", **GROUP), written=written, prior=[data])
    assert monthly(priced(found)) == pytest.approx(4 * (M5 + 0.8))


def test_bases_come_before_weights(tmp_path: Path) -> None:
    strategy = [
        {"capacity_provider": "FARGATE", "base": 2, "weight": 1},
        {"capacity_provider": "FARGATE_SPOT", "weight": 3},
    ]
    tasks = service(launch_type=None, desired_count=10, capacity_provider_strategy=strategy)
    found = adopted(tmp_path, task(), tasks).file().plan.services["s"]
    assert found.spot == pytest.approx(0.6)


def test_a_service_that_says_nothing_runs_where_its_cluster_does(tmp_path: Path) -> None:
    spot = [{"capacity_provider": "FARGATE_SPOT", "weight": 1}]
    kind = "aws_ecs_cluster_capacity_providers.p"
    providers = resource(kind, cluster_name="c", default_capacity_provider_strategy=spot)
    cluster = resource("aws_ecs_cluster.c", name="c", id="c")
    tasks = service(launch_type=None, cluster="c")
    found = adopted(tmp_path, task(), tasks, cluster, providers).file().plan
    assert found.services["s"].spot == 1.0
    elsewhere = [{"capacity_provider": "machines", "weight": 1}]
    tasks = service(launch_type=None, cluster="c", capacity_provider_strategy=elsewhere)
    assert not adopted(tmp_path, task(), tasks, cluster, providers).file().plan.services


NAMED: list[tuple[dict[str, Any], str]] = [
    (resource("aws_instance.i", instance_type="m5.large", tenancy="host"), "runs on a dedicated host"),
    (resource("aws_instance.i", **ROOT, instance_type="m5.large", tenancy="dedicated"), "costs more than"),
    (
        resource("aws_instance.i", **ROOT, instance_type="m5.large", get_password_data=True),
        "get_password_data",
    ),
    (
        resource("aws_instance.i", **ROOT, instance_type="r3.xlarge", ebs_optimized=True),
        "costs money with r3",
    ),
    (resource("aws_instance.i", instance_type="m5.large", host_id="h-1"), "runs on a dedicated host"),
    (
        resource(
            "aws_instance.i",
            **ROOT,
            instance_type="p5.48xlarge",
            instance_market_options=[{"market_type": "capacity-block"}],
        ),
        "runs in a Capacity Block",
    ),
    (
        resource(
            "aws_instance.i", **ROOT, instance_type="m6a.large", cpu_options=[{"amd_sev_snp": "enabled"}]
        ),
        "cpu_options.amd_sev_snp is 'enabled', which may cost money",
    ),
    (
        resource("aws_autoscaling_schedule.night", autoscaling_group_name="g", min_size=9, max_size=9),
        "at the times of its schedule more or fewer run",
    ),
    (resource("aws_ec2_instance_state.s", instance_id="i-1", state="stopped"), "starts or stops"),
    (resource("aws_ebs_volume.v", type="gp3"), "its size is unknown"),
    (rds(engine="oracle-ee"), "no prices of RDS for oracle-ee"),
    (rds(engine_version="11.22"), "its third year of extended support costs twice what is priced"),
    (rds(engine_version="13.4"), "13 is past standard support"),
    (rds(performance_insights_enabled=True, performance_insights_retention_period=731), "is 731"),
    (rds(allocated_storage=None), "allocated_storage is unknown"),
    (rds(dedicated_log_volume=True), "dedicated_log_volume is true, which may cost money"),
    (rds(database_insights_mode="advanced"), "database_insights_mode is 'advanced'"),
    (rds(monitoring_interval=15), "monitoring_interval is 15"),
    (
        resource("aws_eks_node_group.g", scaling_config=[{}], capacity_type="CAPACITY_BLOCK"),
        "runs in a Capacity Block",
    ),
    (
        resource("aws_eks_node_group.g", scaling_config=[{}], instance_types="m5.large"),
        "its instance_types are no list of types",
    ),
    (resource("aws_instance.i"), "instance_type is not known before apply, or nobody sets it"),
    (resource("aws_eks_cluster.c", enabled_cluster_log_types=["api"]), "enabled_cluster_log_types is set"),
    (
        resource("aws_ecs_cluster.c", setting=[{"name": "containerInsights", "value": "enhanced"}]),
        "metrics and logs of Container Insights are billed by use",
    ),
    (
        resource("aws_appautoscaling_target.t", service_namespace="dynamodb", min_capacity=1),
        "is priced as it is, and not between its bounds",
    ),
    (resource("aws_lb.l", internal=False), "public addresses of a load balancer"),
    (
        resource(
            "aws_opensearch_domain.d",
            cluster_config=[{"instance_type": "m6g.large.search", "warm_enabled": True}],
        ),
        "cluster_config.warm_type is not known before apply, or nobody sets it",
    ),
    (
        resource(
            "aws_wafv2_web_acl.w",
            rule=[{"statement": [{"group": [{"name": "AWSManagedRulesATPRuleSet"}]}]}],
        ),
        "AWSManagedRulesATPRuleSet has a fee of its own",
    ),
    (resource("aws_acm_certificate.c", certificate_authority_arn="arn:c"), "certificate_authority_arn is"),
    (resource("aws_fms_policy.p"), "policies of Firewall Manager have a fee"),
    (resource("kubernetes_deployment_v1.d", spec=[{"replicas": 40}]), "its pods run on nodes"),
    (resource("aws_s3_bucket.b"), "stored data and requests are billed by use"),
    (resource("aws_eks_cluster.c", version="1.33"), "1.33 is past standard support"),
    (resource("aws_eks_fargate_profile.p"), "pods on Fargate are billed by use"),
    (resource("aws_autoscaling_group.g", **GROUP), "its launch template is not in the plan"),
    (
        resource("aws_efs_file_system.f", provisioned_throughput_in_mibps=50),
        "provisioned_throughput_in_mibps is 50",
    ),
    (resource("aws_cloudwatch_metric_alarm.a", period=10), "cost more than the standard alarm"),
]


@pytest.mark.parametrize(("found", "said"), NAMED, ids=[said for _, said in NAMED])
def test_what_has_no_price_is_named(found: dict[str, Any], said: str, tmp_path: Path) -> None:
    lines = note_lines(adopted(tmp_path, found).notes)
    assert any(found["address"] in line and said in line and "not covered" in line for line in lines)


@pytest.mark.parametrize("name", ["allocated_storage", "iops", "multi_az", "engine"])
def test_what_only_apply_tells_is_no_default(name: str, tmp_path: Path) -> None:
    database = rds(**{"storage_type": "gp3", "iops": 4000, name: None})
    address = database["address"]
    said = {key: {} for key in database["values"]}
    found = adopted(tmp_path, database, written={address: said}, unknown={address: {name: True}})
    assert any(f"{address}: {name} is" in line for line in note_lines(found.notes))


def test_what_the_provider_chooses_is_not_what_somebody_set(tmp_path: Path) -> None:
    """Computed attributes are unknown too, but no configuration writes them."""
    machine = resource("aws_instance.i", instance_type="m5.xlarge", **ROOT)
    written = {machine["address"]: {"instance_type": {}, "root_block_device": [{"volume_size": {}}]}}
    computed = {"cpu_core_count": True, "host_id": True, "get_password_data": True, "tenancy": True}
    found = adopted(tmp_path, machine, written=written, unknown={machine["address"]: computed})
    assert note_lines(found.notes) == []


def test_every_type_that_is_read_ends_in_the_plan_as_free_or_in_a_note(tmp_path: Path) -> None:
    """Whatever is missing: nothing is lost, and nothing is in the plan by its defaults alone in silence."""
    kinds = [*TYPES, "aws_iam_role", "azurerm_subnet", "google_compute_network", "random_id", "acme_thing"]
    resources = [resource(f"{kind}.r{index}") for index, kind in enumerate(kinds)]
    found = adopted(tmp_path, *resources)
    covered = found.file().plan.adopted
    assert covered.resources == len(resources)
    noted = {note.subject for note in found.notes}
    ended = noted | set(covered.components.values())
    free = {r["address"] for r in resources if r["type"] in covered.free}
    assert {r["address"] for r in resources} == ended | free


def test_what_costs_money_is_named_whatever_the_configuration_shows(tmp_path: Path) -> None:
    pool = [{"pool_state": "Running", "min_size": 2}]
    group = resource("aws_autoscaling_group.g", **GROUP, warm_pool=pool)
    template = {"launch_template": [{"id": {"references": ["aws_launch_template.lt.id"]}}]}
    lines = note_lines(adopted(tmp_path, TEMPLATE, group, written={group["address"]: template}).notes)
    assert any("aws_autoscaling_group.g: warm_pool is set, which may cost money" in line for line in lines)


def test_what_eks_takes_by_default_is_said(tmp_path: Path) -> None:
    group = resource("aws_eks_node_group.g", scaling_config=[{}], ami_type="WINDOWS_CORE_2022_x86_64")
    lines = note_lines(adopted(tmp_path, group).notes)
    assert any("its nodes are t3.medium" in line for line in lines)
    assert any("disks of 50 GiB of gp2" in line for line in lines)


def test_a_daemon_is_no_service_on_fargate(tmp_path: Path) -> None:
    daemon = service(launch_type=None, desired_count=None, scheduling_strategy="DAEMON", task_definition="t")
    found = adopted(tmp_path, task(family="t"), daemon)
    assert "fargate" not in found.text
    assert any("a task on each container instance" in line for line in note_lines(found.notes))


def test_concurrency_on_arm_is_named(tmp_path: Path) -> None:
    function = resource("aws_lambda_function.f", architectures=["arm64"], name="f", memory_size=512)
    kept = resource(
        "aws_lambda_provisioned_concurrency_config.k",
        function_name="f",
        provisioned_concurrent_executions=2,
    )
    lines = note_lines(adopted(tmp_path, function, kept).notes)
    assert any("runs on ARM, and the price is that of x86" in line for line in lines)


@pytest.mark.parametrize("pools", [False, True])
def test_what_each_machine_holds_follows_their_number(pools: bool, tmp_path: Path) -> None:
    disks = [
        *TEMPLATE["values"]["block_device_mappings"],
        {"device_name": "/dev/xvdb", "ebs": [{"volume_size": 100, "volume_type": "io1", "iops": 200}]},
    ]
    template = resource("aws_launch_template.lt", instance_type="m5.xlarge", block_device_mappings=disks)
    scaling = {"min_size": 1, "max_size": 8, "desired_size": 4}
    nodes = resource("aws_eks_node_group.g", scaling_config=[scaling], cluster_name="c")
    group = resource("aws_autoscaling_group.g", **GROUP)
    cluster = [resource("aws_eks_cluster.c", name="c", version="1.34")] if pools else []
    used = nodes if pools else group
    reference = {"launch_template": [{"id": {"references": ["aws_launch_template.lt.id"]}}]}
    found = adopted(
        tmp_path, template, *cluster, used, written={used["address"]: {**reference, "cluster_name": {}}}
    )
    fee = 73.0 if pools else 0.0
    each = M5 + ROOT_USD + 100 * 0.125 + 200 * 0.065
    total = priced(found).total
    assert [
        float(cost[0, 0]) for cost in (total.floor, total.expected, total.ceiling) if cost is not None
    ] == pytest.approx([fee + each, fee + 4 * each, fee + 8 * each], abs=0.01)


def test_what_two_groups_share_is_said_once(tmp_path: Path) -> None:
    credit = {"credit_specification": [{"cpu_credits": "unlimited"}]}
    burstable = {**TEMPLATE["values"], "instance_type": "t3.large", **credit}
    template = resource("aws_launch_template.lt", **burstable)
    groups = [resource(f"aws_autoscaling_group.{name}", **GROUP) for name in "ab"]
    notes = adopted(tmp_path, template, *groups).notes
    assert [note.subject for note in notes if "CPU credits" in note.message] == ["aws_launch_template.lt"]

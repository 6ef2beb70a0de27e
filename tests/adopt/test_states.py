"""States say what apply made of a configuration: zeros, computed values and addresses are no wishes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import SHIPPED, monthly

from capplan.adopt.draft import AdoptOptions
from capplan.adopt.run import Adopted, adopt
from capplan.estimate import estimate

HOURS = 730
M5, GP3, ADDRESS = 0.096 * HOURS, 0.08, 0.005 * HOURS
D2S, P10 = 0.096 * HOURS, 19.71
E2, BALANCED = 0.03350571 * HOURS, 0.1


def thing(kind: str, at: str = "x", **values: Any) -> dict[str, Any]:
    return {"address": f"{kind}.{at}", "mode": "managed", "type": kind, "name": at, "values": values}


def ec2(**values: Any) -> dict[str, Any]:
    root = [{"volume_size": 50, "volume_type": "gp3", "iops": 3000, "throughput": 125}]
    place = {"availability_zone": "us-east-1b", "instance_type": "m5.large", "id": "i-1"}
    return thing("aws_instance", **place, root_block_device=root, **values)


def gce(nat_ip: str = "", **values: Any) -> dict[str, Any]:
    made = {"size": 10, "type": "pd-balanced", "image": "debian-12", "architecture": "X86_64"}
    boot = [{"source": "https://c/zones/us-east1-b/disks/x", "initialize_params": [made]}]
    access = [{"access_config": [{"nat_ip": nat_ip}]}] if nat_ip else []
    said = {"machine_type": "e2-medium", "zone": "us-central1-a", "current_status": "RUNNING", **values}
    return thing("google_compute_instance", boot_disk=boot, network_interface=access, **said)


def pool(**values: Any) -> dict[str, Any]:
    size = {"vm_size": "Standard_D2s_v3", "os_disk_size_gb": 128, "auto_scaling_enabled": False}
    return {"name": "a", "min_count": 0, "max_count": 0, "node_count": 2, **size, **values}


def rds(**values: Any) -> dict[str, Any]:
    size = {"instance_class": "db.r6g.xlarge", "engine": "postgres", "engine_version": "16.3"}
    storage = {"storage_type": "gp3", "iops": 3000, "storage_throughput": 125, "allocated_storage": 100}
    return thing("aws_db_instance", availability_zone="us-east-1a", **{**size, **storage, **values})


R6G = 0.45 * HOURS
DISK = thing("google_compute_disk", "d", self_link="https://c/zones/us-east1-b/disks/x", size=10)
UNIQUE = "https://c/global/instanceTemplates/t?uniqueId=5"
ARN = "arn:aws:ecs:us-east-1:1:"
TASK = {"cpu": "1024", "memory": "2048", "family": "t", "arn": f"{ARN}task-definition/t:3", "revision": 3}
SHOWN: list[tuple[list[dict[str, Any]], float, str]] = [
    ([ec2(instance_state="running")], M5 + 50 * GP3, ""),
    ([ec2(instance_state="stopped")], 50 * GP3, "it is stopped"),
    (
        [ec2(associate_public_ip_address=True), thing("aws_eip", instance="i-1", region="us-east-1")],
        M5 + 50 * GP3 + ADDRESS,
        "",
    ),
    ([gce()], E2 + 10 * BALANCED, ""),
    ([gce(), {**DISK, "values": {**DISK["values"], "zone": "us-central1-a"}}], E2 + 10 * 0.04, ""),
    ([gce("5.6.7.8")], E2 + 10 * BALANCED + ADDRESS, ""),
    (
        [gce("5.6.7.8"), thing("google_compute_address", address="5.6.7.8", region="us-central1")],
        E2 + 10 * BALANCED + ADDRESS,
        "",
    ),
    ([gce(current_status="TERMINATED")], 10 * BALANCED, "it is stopped"),
    (
        [thing("google_compute_address", address="5.6.7.8", region="us-central1", users=["vm"])],
        ADDRESS,
        "",
    ),
    (
        [thing("azurerm_kubernetes_cluster", location="eastus", default_node_pool=[pool()])],
        2 * (D2S + P10),
        "the load balancer",
    ),
    (
        [thing("azurerm_kubernetes_cluster_node_pool", location="eastus", **pool(node_count=3))],
        3 * (D2S + P10),
        "its cluster is not in the plan",
    ),
    (
        [
            thing(
                "google_compute_instance_template",
                self_link="https://c/global/instanceTemplates/t",
                self_link_unique=UNIQUE,
                machine_type="e2-medium",
                metadata_fingerprint="abc",
                disk=[{"boot": True, "disk_size_gb": 10, "disk_type": "pd-balanced", "source": ""}],
            ),
            thing(
                "google_compute_instance_group_manager",
                target_size=2,
                zone="us-central1-a",
                version=[{"instance_template": UNIQUE}],
            ),
        ],
        2 * (E2 + 10 * BALANCED),
        "",
    ),
    (
        [
            thing(
                "aws_lambda_function",
                arn="arn:aws:lambda:us-east-1:1:function:f",
                ephemeral_storage=[{"size": 512}],
                code_sha256="abc",
                source_code_size=5,
                last_modified="2026-11-30",
            )
        ],
        0.0,
        "requests and the time of functions",
    ),
    ([rds()], R6G + 11.5, ""),
    ([rds(allocated_storage=400, iops=12000, storage_throughput=500)], R6G + 46, ""),
    ([rds(storage_throughput=300)], R6G + 11.5, "its throughput above"),
    (
        [thing("aws_nat_gateway", region="us-east-1", availability_mode="zonal", connectivity_type="public")],
        0.045 * HOURS,
        "processed data",
    ),
]


def adopted(directory: Path, resources: list[dict[str, Any]]) -> Adopted:
    path = directory / "state.json"
    path.write_text(
        json.dumps({"format_version": "1.0", "values": {"root_module": {"resources": resources}}})
    )
    return adopt(path, AdoptOptions())


@pytest.mark.parametrize("case", range(len(SHOWN)))
def test_what_a_state_shows_costs_what_it_is(case: int, tmp_path: Path) -> None:
    resources, usd, said = SHOWN[case]
    found = adopted(tmp_path, resources)
    notes = [note.message for note in found.notes]
    assert [note for note in notes if not (said and said in note)] == []
    assert any(said in note for note in notes) or not said
    result = estimate(found.file(sets=["pricing.free_tier=false"]), SHIPPED)
    assert monthly(result) == pytest.approx(usd, abs=0.01)


def test_a_service_finds_its_bounds_by_name(tmp_path: Path) -> None:
    said = {"cluster": f"{ARN}cluster/main", "task_definition": TASK["arn"], "launch_type": "FARGATE"}
    target = {"service_namespace": "ecs", "min_capacity": 1, "max_capacity": 6}
    resources = [
        thing("aws_ecs_task_definition", **TASK, requires_compatibilities=["FARGATE"]),
        thing("aws_ecs_service", "shop", name="shop", desired_count=2, region="us-east-1", **said),
        thing("aws_appautoscaling_target", "a", resource_id="service/main/shop", **target),
        thing("aws_appautoscaling_target", "b", resource_id="service/main/other", **target),
    ]
    found = adopted(tmp_path, resources)
    instances = found.file().plan.services["shop"].instances
    assert (instances.min, instances.max, list(found.notes)) == (1, 6, [])

"""Whatever a Terraform plan or a compose file holds: entries that are none are left out, never a crash."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

SERVER = {
    "address": "aws_instance.web",
    "mode": "managed",
    "type": "aws_instance",
    "name": "web",
    "values": {"instance_type": "m5.large", "availability_zone": "us-east-1a"},
}
GROUP = {
    "address": "aws_eks_node_group.n",
    "type": "aws_eks_node_group",
    "name": "n",
    "values": {"instance_types": ["m5.large"], "scaling_config": [{"min_size": 1, "max_size": float("inf")}]},
}
CLUSTER = {"address": "aws_eks_cluster.k", "type": "aws_eks_cluster", "name": "k", "values": {}}


@pytest.mark.parametrize(
    "entry",
    [
        *([], "x", 5, None, {}, {"address": "a.b"}, {**SERVER, "address": ["x"]}, {**SERVER, "type": 7}),
        *({**SERVER, "name": {"a": 1}}, {**SERVER, "index": [[]]}, {**SERVER, "values": "x"}),
        *({**SERVER, "values": {"instance_type": {}}}, {**SERVER, "mode": {}}),
    ],
)
def test_an_entry_of_any_shape_beside_a_sound_one(capplan: Callable, tmp_path: Path, entry: object) -> None:
    root = {
        "resources": [entry, {**SERVER, "address": "aws_instance.ok", "name": "ok"}],
        "child_modules": entry,
    }
    file = tmp_path / "tf.json"
    configuration = {"root_module": {"resources": [entry, 5], "module_calls": {"m": entry}}}
    file.write_text(json.dumps({"planned_values": {"root_module": root}, "configuration": configuration}))
    run = capplan("adopt", file, "--provider", "aws", "--region", "us-east-1")
    assert run.exit_code == 0
    assert "ok:" in run.stdout


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (None, "planned_values: expected a mapping, got nothing"),
        ([], "planned_values: expected a mapping, got a list"),
        ({"root_module": 5}, "planned_values.root_module: expected a mapping, got 5"),
        ({"root_module": None}, "planned_values.root_module: expected a mapping, got nothing"),
        (
            {"root_module": {"resources": {}}},
            "planned_values.root_module.resources: expected a list, got a mapping",
        ),
    ],
)
def test_a_plan_that_can_hold_nothing_is_refused(
    capplan: Callable, tmp_path: Path, values: object, said: str
) -> None:
    file = tmp_path / "tf.json"
    file.write_text(json.dumps({"format_version": "1.2", "planned_values": values}))
    for command in (("adopt", file), ("estimate", "--manifests", file)):
        run = capplan(*command)
        assert (run.exit_code, run.stdout) == (2, "")
        assert f"{file}: {said}" in run.stderr


def test_a_module_whose_resources_are_none_is_noted(capplan: Callable, tmp_path: Path) -> None:
    file = tmp_path / "tf.json"
    root = {"resources": [SERVER], "child_modules": [{"resources": {}}]}
    file.write_text(json.dumps({"planned_values": {"root_module": root}}))
    run = capplan("adopt", file)
    assert "child_modules[0].resources is a mapping, which is not a list" in run.stderr


@pytest.mark.parametrize("low", [-1, True, 10**400, float("nan"), "many", None])
def test_counts_that_are_none(capplan: Callable, tmp_path: Path, low: object) -> None:
    group = {**GROUP, "values": {**GROUP["values"], "scaling_config": [{"min_size": low, "max_size": low}]}}
    file = tmp_path / "tf.json"
    root = {"resources": [SERVER, CLUSTER, GROUP, {**group, "address": "aws_eks_node_group.m", "name": "m"}]}
    file.write_text(json.dumps({"planned_values": {"root_module": root}}))
    run = capplan("adopt", file)
    assert run.exit_code == 0
    assert "nodes: 1" in run.stdout


@pytest.mark.parametrize("size", ["9" * 400 + "g", "1e400", "-5m", "inf", []])
def test_sizes_that_are_none(capplan: Callable, tmp_path: Path, size: object) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(json.dumps({"services": {"web": {"image": "x", "mem_limit": size, "cpus": size}}}))
    run = capplan("adopt", file, "--provider", "gcp", "--region", "us-central1")
    assert run.exit_code == 0
    assert "reserves no cpus" in run.stderr


def test_a_plan_that_would_be_refused_is_not_written(capplan: Callable, tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text("services: {web: {image: x}}\n")
    out = tmp_path / "plan.yaml"
    run = capplan("adopt", file, "--provider", "gcp", "--region", "nowhere-1", "-o", out)
    assert run.exit_code == 2
    assert "no plan was written, because capplan would reject it" in run.stderr
    assert not out.exists()


DEPLOYMENT = """\
kind: Deployment
metadata: {name: web}
spec:
  replicas: %s
  template: {spec: {containers: [{name: c, resources: {requests: {cpu: %s, memory: %s}}}]}}
"""
CLAIM = "kind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {resources: {requests: {storage: %s}}}\n"
STORE = """\
kind: StatefulSet
metadata: {name: db}
spec:
  template: {spec: {containers: [{name: c, image: "postgres:16"}]}}
  volumeClaimTemplates: [{metadata: {name: d}, spec: {resources: {requests: {storage: %s}}}}]
"""
REQUESTS = "spec.template.spec.containers[0].resources.requests"
OTHER = "---\nkind: Deployment\nmetadata: {name: other}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            DEPLOYMENT % ("two", "1", "1Gi"),
            "Deployment/web: spec.replicas is 'two', which is not a whole number",
        ),
        (DEPLOYMENT % (-1, "1", "1Gi"), "spec.replicas is -1, which is not a whole number"),
        (DEPLOYMENT % (1, "lots", "1Gi"), f"{REQUESTS}.cpu is 'lots', which is not a quantity"),
        (DEPLOYMENT % (1, "1", "5Qi"), f"{REQUESTS}.memory is '5Qi', which is not a quantity"),
        (
            "kind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: {}}}}\n",
            "spec.template.spec.containers is a mapping, which is not a list",
        ),
        (CLAIM % "5Qi", "spec.resources.requests.storage is '5Qi', which is not a quantity"),
        (CLAIM % "-5Gi", "storage is '-5Gi', which is not a quantity"),
        (STORE % "much", "storage is 'much', which is not a quantity"),
        (
            "kind: LimitRange\nspec: {limits: [{default: {cpu: few}}]}\n",
            "spec.limits[0].default.cpu is 'few'",
        ),
        ("kind: Job\nmetadata: {name: j}\nspec: {parallelism: [4]}\n", "spec.parallelism is a list"),
    ],
)
def test_a_damaged_value_of_an_object_is_noted(
    capplan: Callable, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "all.yaml").write_text(text + OTHER)
    run = capplan("adopt", tmp_path / "all.yaml", "--provider", "gcp", "--region", "us-central1")
    assert run.exit_code == 0
    assert said in run.stderr
    assert "not covered" in run.stderr
    assert not {"quantity: 0", "storage: 0Gi"} & {line.strip() for line in run.stdout.splitlines()}


@pytest.mark.parametrize("claim", [CLAIM % "5Qi", CLAIM.replace("storage: %s", "")])
def test_a_volume_of_unknown_size_is_not_free(capplan: Callable, tmp_path: Path, claim: str) -> None:
    (tmp_path / "all.yaml").write_text(claim + OTHER)
    run = capplan("adopt", tmp_path / "all.yaml", "--provider", "gcp", "--region", "us-central1")
    assert "PersistentVolumeClaim/data: the size of a volume is unknown" in run.stderr
    assert "data-disk" not in run.stdout


DATABASE = {"engine": "postgres", "instance_class": "db.m5.large", "availability_zone": "us-east-1a"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"allocated_storage": "many"}, "aws_db_instance.d: allocated_storage is 'many'"),
        ({"allocated_storage": 10**400}, "aws_db_instance.d: allocated_storage is 1000"),
        (
            {"allocated_storage": 20, "multi_az": "perhaps"},
            "multi_az is 'perhaps', which is not true or false",
        ),
        ({}, "allocated_storage is unknown, so its storage has no price"),
    ],
)
def test_a_damaged_value_of_a_database_is_noted(
    capplan: Callable, tmp_path: Path, values: dict, said: str
) -> None:
    entry = {"address": "aws_db_instance.d", "type": "aws_db_instance", "name": "d"}
    root = {"resources": [SERVER, {**entry, "values": {**DATABASE, **values}}]}
    (tmp_path / "tf.json").write_text(json.dumps({"planned_values": {"root_module": root}}))
    run = capplan("adopt", tmp_path / "tf.json")
    assert run.exit_code == 0
    assert said in run.stderr
    assert "storage: 0Gi" not in run.stdout


@pytest.mark.parametrize("size", ["many", -1, None])
def test_a_terraform_volume_of_unknown_size_is_not_free(
    capplan: Callable, tmp_path: Path, size: object
) -> None:
    entry = {"address": "aws_ebs_volume.v", "type": "aws_ebs_volume", "name": "v"}
    values = {"size": size, "availability_zone": "us-east-1a"}
    root = {"resources": [SERVER, {**entry, "values": values}]}
    (tmp_path / "tf.json").write_text(json.dumps({"planned_values": {"root_module": root}}))
    run = capplan("adopt", tmp_path / "tf.json")
    assert "aws_ebs_volume.v: its size is unknown" in run.stderr
    assert "service: ebs" not in run.stdout


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("{deploy: {replicas: x}}", "service web: deploy.replicas is 'x', which is not a whole number"),
        ("{deploy: {resources: {limits: {cpus: [1]}}}}", "deploy.resources.limits.cpus is a list"),
        ("{mem_limit: huge}", "mem_limit is 'huge', which is not a size"),
        ("5", "service is 5, which is not a mapping"),
    ],
)
def test_a_damaged_value_of_a_compose_file_is_noted(
    capplan: Callable, tmp_path: Path, service: str, said: str
) -> None:
    (tmp_path / "compose.yaml").write_text(f"services: {{web: {service}, other: {{image: x}}}}\n")
    run = capplan("adopt", tmp_path / "compose.yaml", "--provider", "gcp", "--region", "us-central1")
    assert run.exit_code == 0
    assert said in run.stderr


def test_a_plan_without_a_root_module_has_nothing(capplan: Callable, tmp_path: Path) -> None:
    file = tmp_path / "tf.json"
    file.write_text('{"format_version": "1.2", "planned_values": {}}')
    run = capplan("estimate", "--manifests", file)
    assert run.exit_code == 0
    assert "0.00" in run.stdout


def test_a_pool_of_any_name_can_be_written(capplan: Callable, tmp_path: Path) -> None:
    pool = {"name": "module.a[0]: {b}", "node_config": [{"machine_type": "e2-medium"}], "node_count": 1}
    values = {"location": "us-central1-a", "node_pool": [pool]}
    kind = "google_container_cluster"
    cluster = {"address": f"{kind}.c", "type": kind, "name": "c", "values": values}
    file = tmp_path / "tf.json"
    file.write_text(json.dumps({"planned_values": {"root_module": {"resources": [cluster]}}}))
    run = capplan("estimate", "--manifests", file, "--format", "json")
    assert run.exit_code == 0
    assert "c/module-a-0-b" in json.loads(run.stdout)["components"]

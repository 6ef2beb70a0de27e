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

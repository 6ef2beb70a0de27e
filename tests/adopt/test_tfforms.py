"""Every form in which people have what Terraform and OpenTofu say."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

AWS = ("--provider", "aws", "--region", "us-east-1")
GATEWAY = 730 * 0.045
"""A NAT gateway in us-east-1, USD a month."""

RESOURCE = {
    "address": "aws_nat_gateway.out",
    "mode": "managed",
    "type": "aws_nat_gateway",
    "name": "out",
    "provider_name": "registry.opentofu.org/hashicorp/aws",
    "values": {"connectivity_type": "public"},
}
PLAN: dict[str, Any] = {
    "format_version": "1.2",
    "terraform_version": "1.9.5",
    "planned_values": {"root_module": {"resources": [RESOURCE]}},
}
STATE_FILE = {
    "version": 4,
    "terraform_version": "1.9.5",
    "serial": 3,
    "lineage": "3f2c1d0e",
    "outputs": {},
    "resources": [
        {
            "mode": "managed",
            "type": "aws_nat_gateway",
            "name": "out",
            "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
            "instances": [{"schema_version": 0, "attributes": {"connectivity_type": "public"}}],
        },
        {
            "module": 'module.zone["b"]',
            "mode": "managed",
            "type": "aws_nat_gateway",
            "name": "out",
            "provider": 'module.zone.provider["registry.terraform.io/hashicorp/aws"].west',
            "instances": [
                {"index_key": 0, "attributes": {"connectivity_type": "public"}},
                {"index_key": "x", "attributes": {"connectivity_type": "public"}},
            ],
        },
    ],
}


def cost(capplan: Callable, source: str | Path, stdin: bytes = b"") -> float:
    done = capplan("estimate", "--manifests", source, *AWS, "--format", "json", stdin=stdin)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)["monthly_cost"]["expected"]


WRAPPED = {
    "plain": json.dumps(PLAN).encode(),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(PLAN).encode(),
    "PowerShell": json.dumps(PLAN).encode("utf-16"),
    "big-endian": b"\xfe\xff" + json.dumps(PLAN).encode("utf-16-be"),
    "setup-terraform": f"[command]/bin/terraform show -json p\n{json.dumps(PLAN)}\n::debug::0\n".encode(),
    "repeated": f"[command]tofu\n{json.dumps(PLAN)}\n::set-output name=x::{json.dumps(PLAN)}%0A\n".encode(),
    "echoed": f"+ tofu show -json tfplan\n\n{json.dumps(PLAN, indent=1)}\n".encode(),
    "sorted": json.dumps(PLAN, sort_keys=True, indent=2).encode(),
    "state": json.dumps({"format_version": "1.0", "values": PLAN["planned_values"]}).encode(),
}


@pytest.mark.parametrize("form", WRAPPED)
def test_a_plan_is_read_however_it_was_written(form: str, capplan: Callable, tmp_path: Path) -> None:
    path = tmp_path / "tfplan.json"
    path.write_bytes(WRAPPED[form])
    assert cost(capplan, path) == pytest.approx(GATEWAY, abs=0.01)
    assert cost(capplan, "-", WRAPPED[form]) == pytest.approx(GATEWAY, abs=0.01)
    same = capplan("diff", path, "-", *AWS, "--format", "json", stdin=WRAPPED[form])
    expected = json.loads(same.stdout)["monthly_cost"]["expected"]
    assert expected["before"] == expected["after"]


def test_a_state_file_holds_what_is_there(capplan: Callable, tmp_path: Path) -> None:
    path = tmp_path / "terraform.tfstate"
    path.write_text(json.dumps(STATE_FILE), encoding="utf-8")
    assert cost(capplan, path) == pytest.approx(3 * GATEWAY, abs=0.01)
    done = capplan("adopt", path, *AWS)
    assert 'module.zone["b"].aws_nat_gateway.out["x"]' in done.stdout
    assert capplan("diff", path, path, *AWS).exit_code == 0


def _archive() -> bytes:
    """Return an archive whose time of day is written as 0xd5 0x9b, which is one character in UTF-8."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("tfplan", (2026, 11, 30, 19, 30, 42)), b"\x0a\x02")
        archive.writestr("tfstate", b"{}")
    assert b"\xd5\x9b" in file.getvalue()
    return file.getvalue()


LOG = {"@level": "info", "@message": "Terraform 1.9.5", "@module": "terraform.ui", "type": "version"}
REFUSED = {
    "binary": (_archive(), "is a binary plan file", "terraform show -json tfplan"),
    "log": (f"{json.dumps(LOG)}\n{json.dumps(LOG)}\n".encode(), "is the log", "terraform show -json tfplan"),
    "text": (
        b"\x1b[0m\x1b[1mTerraform will perform the following actions:\n",
        "is a plan as text",
        "terraform show -json tfplan",
    ),
    "old state": (
        b'{"version": 3, "terraform_version": "0.11.14", "lineage": "a", "modules": []}',
        "is a state file of version 3",
        "terraform show -json",
    ),
    "encrypted": (
        b'{"serial": 1, "lineage": "a", "meta": {}, "encrypted_data": "c2VjcmV0"}',
        "is an encrypted state",
        "tofu show -json",
    ),
}


@pytest.mark.parametrize("form", REFUSED)
@pytest.mark.parametrize("command", ["adopt", "diff"])
def test_what_only_terraform_can_read_says_what_to_run(
    form: str, command: str, capplan: Callable, tmp_path: Path
) -> None:
    content, said, remedy = REFUSED[form]
    path = tmp_path / "tfplan"
    path.write_bytes(content)
    done = capplan("adopt", path, *AWS) if command == "adopt" else capplan("diff", path, path, *AWS)
    assert done.exit_code == 2
    assert said in done.stderr
    assert remedy in done.stderr


NOTHING = {
    "destroyed": {
        **PLAN,
        "planned_values": {"root_module": {}},
        "resource_changes": [{"address": RESOURCE["address"], "change": {"actions": ["delete"]}}],
    },
    "free": {
        **PLAN,
        "planned_values": {"root_module": {"resources": [{**RESOURCE, "type": "aws_iam_role"}]}},
    },
    "an empty state": {"format_version": "1.0"},
    "an empty state file": {**STATE_FILE, "resources": None},
}


@pytest.mark.parametrize("form", NOTHING)
def test_nothing_to_pay_for_is_an_estimate_of_nothing(form: str, capplan: Callable, tmp_path: Path) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_text(json.dumps(PLAN), encoding="utf-8")
    after.write_text(json.dumps(NOTHING[form]), encoding="utf-8")
    assert cost(capplan, after) == 0.0
    done = capplan("diff", before, after, *AWS, "--format", "json")
    expected = json.loads(done.stdout)["monthly_cost"]["expected"]
    assert (expected["before"], expected["after"]) == (pytest.approx(GATEWAY, abs=0.01), 0.0)
    plan = tmp_path / "plan.yaml"
    assert capplan("adopt", after, "-o", plan).exit_code == 0
    assert capplan("estimate", plan).exit_code == 0
    assert capplan("check", plan).exit_code == 0


@pytest.mark.parametrize("command", ["adopt", "diff"])
def test_one_file_of_terraform_is_no_directory(command: str, capplan: Callable, tmp_path: Path) -> None:
    path = tmp_path / "main.tf"
    path.write_text('resource "aws_nat_gateway" "a" {}\n', encoding="utf-8")
    done = capplan(command, path, *([path] if command == "diff" else []), *AWS)
    assert done.exit_code == 2
    assert f"Give the directory: {tmp_path}" in done.stderr


@pytest.mark.parametrize(
    "state",
    [
        {"version": 4, "lineage": "a", "resources": [5, None, {"instances": 7}, {"instances": [3, {}]}]},
        {
            "version": 4,
            "lineage": "a",
            "resources": [{"type": "aws_lb", "name": "a", "instances": [{}]}],
        },
    ],
)
def test_a_damaged_state_file_is_no_internal_error(state: dict, capplan: Callable, tmp_path: Path) -> None:
    path = tmp_path / "terraform.tfstate"
    path.write_text(json.dumps(state), encoding="utf-8")
    assert capplan("adopt", path, *AWS).exit_code == 0

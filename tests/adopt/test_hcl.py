"""Directories of Terraform files: what needs nothing but variables is worked out, the rest is named."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capplan.adopt.hcl.document import read_terraform
from capplan.errors import InputError


def written(directory: Path, **files: str) -> Path:
    """Write files; in their names `__` is a slash and the last `_` a dot."""
    for name, text in files.items():
        path = directory / ".".join(name.replace("__", "/").rsplit("_", 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return directory


def planned(directory: Path) -> dict[str, dict[str, Any]]:
    """Return the values of each resource by its address, what is unknown as `?`."""
    document = read_terraform(directory).document
    unknown = {each["address"]: each["change"]["after_unknown"] for each in document["resource_changes"]}
    found: dict[str, dict[str, Any]] = {}

    def add(module: dict[str, Any]) -> None:
        for entry in module["resources"]:
            missing = {key: "?" for key, value in unknown[entry["address"]].items() if value is True}
            found[entry["address"]] = {**entry["values"], **missing}
        for child in module["child_modules"]:
            add(child)

    add(document["planned_values"]["root_module"])
    return found


def value(directory: Path, expression: str, more: str = "") -> Any:
    """Return what an expression comes to."""
    text = f'resource "x_y" "z" {{\n  v = {expression}\n}}\n{textwrap.dedent(more)}'
    (directory / "main.tf").write_text(text, encoding="utf-8")
    return planned(directory)["x_y.z"]["v"]


EXPRESSIONS: list[tuple[str, Any]] = [
    ("1 + 2 * 3 - 4 / 2", 5),
    ('"${1 + 1}" == 2 ? "yes" : "no"', "yes"),
    ('"a-${var.n}-$${x}"', "a-3-${x}"),
    ("var.n > 2 && !(var.n >= 4) || false", True),
    ("[for k, v in var.m : v.size if v.size > 1]", [2, 5]),
    ('{ for k, v in var.m : upper(k) => v.kind }["B"]', "small"),
    ('{ for k, v in var.m : v.kind => k... }["small"]', ["a", "b"]),
    ('var.m["c"].size + length(keys(var.m))', 8),
    ("values(var.m)[*].size", [1, 2, 5]),
    ("merge(local.base, { size = 9 }).size", 9),
    ('lookup(local.base, "none", 7)', 7),
    ("try(var.m.none.size, local.base.size)", 4),
    ('can(var.m["none"])', False),
    ("element(concat([1], [2, 3]), 4)", 2),
    ('join(",", sort(toset(["b", "a", "b"])))', "a,b"),
    ("flatten([[1, [2]], [3]])", [1, 2, 3]),
    ('format("%s-%03d", "n", var.n)', "n-003"),
    ("max(1, ceil(2.1), min(9, 8))", 8),
    ("[for i in range(3) : i * 2]", [0, 2, 4]),
    ('tonumber("4") + 1', 5),
    ("coalesce(null, var.m.c.kind)", "large"),
    ("-var.n", -3),
    ("7 % 4", 3),
    ("-7 % 4", -3),
    ('formatlist("%s.%s", ["c5", "m5"], "large")', ["c5.large", "m5.large"]),
    ('substr("m5.large", 3, -1)', "large"),
    ('substr("m5.large", 0, 2)', "m5"),
    ('trim("--m5-", "-")', "m5"),
    ('setintersection(["a", "b"], ["b", "c"])', ["b"]),
    ("terraform.workspace", "default"),
    ("1 / 0", "?"),
    ("var.missing", "?"),
    ("data.x_z.y.size", "?"),
    ('file("secret.txt")', "?"),
    ("x_y.other.generated", "?"),
    ("[1, 2][5]", "?"),
    ("local.loop", "?"),
    ("x_y.other.set", 6),
]
NAMES = """
variable "n" { default = 3 }
variable "m" {
  type = map(object({ size = optional(number, 1), kind = string }))
  default = {
    a = { kind = "small" }
    b = { kind = "small", size = "2" }
    c = { kind = "large", size = 5 }
  }
}
locals {
  base = { size = 4 }
  loop = local.loop
}
resource "x_y" "other" { set = 6 }
"""


@pytest.mark.parametrize(("expression", "right"), EXPRESSIONS)
def test_an_expression_is_worked_out_as_terraform_does(expression: str, right: Any, tmp_path: Path) -> None:
    assert value(tmp_path, expression, NAMES) == right


def test_instances_have_their_own_keys_and_values(tmp_path: Path) -> None:
    found = planned(
        written(
            tmp_path,
            main_tf="""
            variable "on" { default = false }
            resource "aws_instance" "n" {
              count         = 2
              instance_type = count.index == 0 ? "m5.large" : "m5.xlarge"
            }
            resource "aws_instance" "off" {
              count         = var.on ? 1 : 0
              instance_type = "m5.large"
            }
            resource "aws_ebs_volume" "v" {
              for_each = { "data/1" = 10, log = 20 }
              size     = each.value
              name     = each.key
              dynamic "part" {
                for_each = range(each.value / 10)
                content {
                  number = part.value
                }
              }
              lifecycle { ignore_changes = [size] }
            }
            """,
        )
    )
    assert {address: each.get("size") or each["instance_type"] for address, each in found.items()} == {
        "aws_instance.n[0]": "m5.large",
        "aws_instance.n[1]": "m5.xlarge",
        'aws_ebs_volume.v["data/1"]': 10,
        'aws_ebs_volume.v["log"]': 20,
    }
    assert found['aws_ebs_volume.v["log"]']["part"] == [{"number": 0}, {"number": 1}]
    assert "lifecycle" not in found['aws_ebs_volume.v["log"]']


MODULES = {
    "main_tf": """
        variable "sizes" { type = map(number) }
        provider "aws" { region = "us-east-1" }
        provider "aws" {
          alias  = "europe"
          region = local.region
        }
        locals { region = "eu-${"west"}-1" }
        module "disks" {
          source    = "./modules/disks"
          for_each  = var.sizes
          size      = each.value
          providers = { aws = aws.europe }
        }
        module "elsewhere" {
          source = "terraform-aws-modules/vpc/aws"
        }
        resource "aws_ebs_volume" "copy" {
          size              = module.disks["a"].twice
          availability_zone = "us-east-1a"
        }
    """,
    "modules__disks__main_tf": """
        variable "size" {}
        resource "aws_ebs_volume" "d" { size = var.size }
        output "twice" { value = 2 * aws_ebs_volume.d.size }
    """,
}


def test_local_modules_are_read_with_their_inputs_outputs_and_providers(
    capplan: Callable, tmp_path: Path
) -> None:
    directory = written(tmp_path / "infra", **MODULES)
    (directory / "terraform.tfvars").write_text("sizes = { a = 100, b = 1 }\n", encoding="utf-8")
    (directory / "z.auto.tfvars.json").write_text('{"sizes": {"a": 100, "b": 50}}', encoding="utf-8")
    assert {address: each["size"] for address, each in planned(directory).items()} == {
        'module.disks["a"].aws_ebs_volume.d': 100,
        'module.disks["b"].aws_ebs_volume.d': 50,
        "aws_ebs_volume.copy": 200,
    }
    done = capplan("estimate", "--manifests", directory, "--format", "json")
    assert done.exit_code == 0
    assert "module.elsewhere: its source is not here" in done.stderr
    # gp2: 0.10 a GB-month in us-east-1.
    assert json.loads(done.stdout)["monthly_cost"]["expected"] >= 20.0


def test_a_number_of_instances_that_nobody_knows_is_named(capplan: Callable, tmp_path: Path) -> None:
    directory = written(
        tmp_path / "infra",
        main_tf="""
        variable "teams" {}
        variable "size" { type = number }
        resource "aws_nat_gateway" "a" { for_each = var.teams }
        resource "aws_ebs_volume" "b" { size = var.size }
        resource "aws_nat_gateway" "c" { count = length(data.aws_subnets.all.ids) }
        """,
    )
    done = capplan("adopt", directory, "--provider", "aws", "--region", "us-east-1")
    assert done.exit_code == 0
    for said in ("var.teams", "var.size", "aws_nat_gateway.a", "aws_ebs_volume.b", "aws_nat_gateway.c"):
        assert said in done.stdout


def test_two_directories_are_compared(capplan: Callable, tmp_path: Path) -> None:
    sides = [
        written(tmp_path / name, main_tf=f'resource "aws_nat_gateway" "a" {{\n  count = {count}\n}}\n')
        for name, count in (("before", 1), ("after", 3))
    ]
    done = capplan("diff", *sides, "--provider", "aws", "--region", "us-east-1", "--format", "json")
    expected = json.loads(done.stdout)["monthly_cost"]["expected"]
    assert expected["after"] - expected["before"] == pytest.approx(2 * 730 * 0.045, abs=0.01)


def test_a_revision_is_compared_with_its_modules(
    capplan: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(
        tmp_path,
        stacks__shop__main_tf='module "out" {\n  source = "../../parts/out"\n  count = 1\n}\n',
        parts__out__main_tf='resource "aws_nat_gateway" "a" {}\n',
    )
    plan = {"planned_values": {"root_module": {"resources": []}}, "format_version": "1.2"}
    (tmp_path / "tfplan.json").write_text(json.dumps(plan), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for command in (
        ("init", "-q", "-b", "main"),
        ("add", "."),
        ("-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "base"),
    ):
        subprocess.run(["git", *command], check=True)
    shop = tmp_path / "stacks" / "shop" / "main.tf"
    shop.write_text(shop.read_text().replace("count = 1", "count = 3"), encoding="utf-8")
    gateway = 730 * 0.045
    for base, here, below in (("main:stacks/shop", "stacks/shop", "."), ("main:shop", "shop", "stacks")):
        monkeypatch.chdir(tmp_path / below)
        done = capplan("diff", base, here, "--provider", "aws", "--region", "us-east-1", "--format", "json")
        expected = json.loads(done.stdout)["monthly_cost"]["expected"]
        assert (expected["before"], expected["after"]) == pytest.approx((gateway, 3 * gateway), abs=0.01)
    monkeypatch.chdir(tmp_path)
    assert capplan("diff", "main:tfplan.json", "tfplan.json").exit_code == 0
    assert "git cannot show it" in capplan("diff", "tfplan.json", "main:gone.json").stderr


HOSTILE = {
    "an attribute twice": (
        'resource "x_y" "z" {\n  a = 1\n  b = 2\n  a = 3\n}\n',
        r"main\.tf:4: a is set twice",
    ),
    "an attribute and a block": (
        'resource "x_y" "z" {\n  a = "1"\n  a {}\n}\n',
        r"main\.tf:2: a is set twice",
    ),
    "a resource twice": (
        'resource "x_y" "z" {}\n\nresource "x_y" "z" {}\n',
        r"main\.tf:3: resource x_y\.z is declared again; the first one is at main\.tf:1",
    ),
    "no HCL": ('resource "a" {\n  b = = 1\n}\n', r"main\.tf:2:\d+: not valid HCL"),
    "brackets": (f"locals {{\n  a = {'[' * 5000}{']' * 5000}\n}}\n", "main.tf: .*nested"),
    "parentheses": (f"locals {{\n  a = {'(' * 5000}1{')' * 5000}\n}}\n", "main.tf: .*nested"),
    "operators": (f'resource "x_y" "z" {{\n  a = {" + ".join(["1"] * 5000)}\n}}\n', "nested too deeply"),
    "instances": ('resource "x_y" "z" {\n  count = 1000000\n}\n', "more than 20,000 resources"),
    "loops": (
        'resource "x_y" "z" {\n  a = [for i in range(9000) : [for j in range(9000) : i * j]]\n}\n',
        "need more than 500,000 steps",
    ),
    "doubling": (
        'locals {\n  a0 = "xxxxxxxxxx"\n'
        + "".join(f'  a{i + 1} = "${{local.a{i}}}${{local.a{i}}}"\n' for i in range(25))
        + '}\nresource "x_y" "z" {\n  a = local.a25\n}\n',
        "need more than 500,000 steps",
    ),
    "sharing": (
        "locals {\n  a0 = [1]\n"
        + "".join(f"  a{i + 1} = [local.a{i}, local.a{i}]\n" for i in range(25))
        + '}\nresource "x_y" "z" {\n  a = local.a25\n}\n',
        "need more than 500,000 steps",
    ),
    "a module in itself": ('module "m" {\n  source = "./"\n  count  = 2\n}\n', None),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused_within_bounds(case: str, tmp_path: Path) -> None:
    text, said = HOSTILE[case]
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    if said is None:
        assert read_terraform(tmp_path).skipped
        return
    with pytest.raises(InputError, match=said):
        read_terraform(tmp_path)


def test_no_file_is_read_through_a_symbolic_link(tmp_path: Path) -> None:
    outside = written(tmp_path / "outside", main_tf='resource "x_y" "secret" {}\n')
    inside = written(tmp_path / "infra", main_tf='module "m" {\n  source = "./linked"\n}\n')
    (inside / "linked").symlink_to(outside)
    (inside / "also.tf").symlink_to(outside / "main.tf")
    assert planned(inside) == {}
    assert [where for where, _ in read_terraform(inside).skipped] == ["module.m"]


def test_a_chosen_workspace_is_heeded_and_another_is_assumed(tmp_path: Path) -> None:
    sizes = "{ default = 1, prod = 3 }[terraform.workspace]"
    assert value(tmp_path, sizes) == 1
    assert [where for where, _ in read_terraform(tmp_path).skipped] == ["terraform.workspace"]
    (tmp_path / ".terraform").mkdir()
    (tmp_path / ".terraform" / "environment").write_text("prod\n", encoding="utf-8")
    assert value(tmp_path, sizes) == 3
    assert not read_terraform(tmp_path).skipped


def test_modules_that_init_installed_are_read(tmp_path: Path) -> None:
    directory = written(
        tmp_path / "infra",
        main_tf="""
        module "net" {
          source = "example/net/test"
          size   = 3
        }
        module "gone" { source = "example/gone/test" }
        """,
    )
    installed = directory / ".terraform" / "modules"
    written(
        installed / "net",
        main_tf="""
        variable "size" {}
        module "part" {
          source = "./part"
          size   = 2 * var.size
        }
        """,
        part__main_tf='variable "size" {}\nresource "x_y" "z" { v = var.size }\n',
    )
    written(tmp_path / "outside", main_tf='resource "x_y" "secret" {}\n')
    modules = [
        {"Key": "", "Dir": "."},
        {"Key": "net", "Dir": ".terraform/modules/net"},
        {"Key": "gone", "Dir": "../outside"},
    ]
    (installed / "modules.json").write_text(json.dumps({"Modules": modules}), encoding="utf-8")
    assert planned(directory) == {
        "module.net.module.part.x_y.z": {"id": "module.net.module.part.x_y.z", "v": 6}
    }
    assert [where for where, _ in read_terraform(directory).skipped] == ["module.gone"]


def test_references_may_be_wrapped(tmp_path: Path) -> None:
    assert value(tmp_path, "(\n    var\n    .m\n    .c.size\n  )", NAMES) == 5


def test_without_the_reader_a_message_says_what_to_install(
    capplan: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hcl2", None)
    done = capplan("adopt", written(tmp_path, main_tf='resource "x_y" "z" {}\n'))
    assert done.exit_code == 2
    assert "pip install 'capplan[tf]'" in done.stderr


def test_what_is_special_in_a_call_of_a_module_is_a_value_elsewhere(tmp_path: Path) -> None:
    text = """
    resource "x_y" "z" {
      count   = 1
      version = "1.29"
      source  = "data.zip"
      accelerator {
        type  = "t4"
        count = 2
      }
    }
    """
    found = planned(written(tmp_path, main_tf=text))["x_y.z[0]"]
    assert (found["version"], found["source"], "count" in found) == ("1.29", "data.zip", False)
    assert found["accelerator"] == [{"type": "t4", "count": 2}]

"""What an adopted plan covers of its source is data: estimates, checks and diffs read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from capplan.adopt.checks import UNREAD_RESOURCE
from capplan.adopt.draft import AdoptOptions, Draft
from capplan.adopt.kinds import FREE, READ, SCALERS
from capplan.adopt.kubernetes import adopt_objects
from capplan.adopt.run import adopt
from capplan.manifests.verify.world import Item


def resource(address: str, **values: object) -> dict[str, Any]:
    kind, name = address.split(".")
    return {"address": address, "type": kind, "name": name, "values": values}


def write(path: Path, *resources: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"planned_values": {"root_module": {"resources": list(resources)}}}))
    return path


WEB = resource("aws_instance.web", instance_type="m5.large", availability_zone="us-east-1a")
LARGE = resource("aws_instance.web", instance_type="m5.xlarge", availability_zone="us-east-1a")
DISK = resource("aws_ebs_volume.data", type="gp3", size=100, availability_zone="us-east-1a")
BROKER = resource("aws_msk_cluster.log", number_of_broker_nodes=3)
BROKERS = resource("aws_msk_cluster.log", number_of_broker_nodes=6)
HOUR_USD = 0.096
"""m5.large in us-east-1."""


def test_the_plan_says_what_it_covers(tmp_path: Path) -> None:
    source = write(tmp_path / "tfplan.json", WEB, DISK, BROKER)
    adopted = yaml.safe_load(adopt(source, AdoptOptions()).text)["adopted"]
    assert adopted["from"] == str(source)
    assert adopted["resources"] == 3
    assert adopted["components"] == {"web": "aws_instance.web", "data": "aws_ebs_volume.data"}
    only = adopted["not_covered"][0]
    assert (only["resource"], only["type"]) == ("aws_msk_cluster.log", "aws_msk_cluster")
    assert "does not know" in only["reason"]


def test_estimates_name_the_share_and_the_types(capplan: Callable, tmp_path: Path) -> None:
    source = write(tmp_path / "tfplan.json", WEB, DISK, BROKER)
    plan = tmp_path / "plan.yaml"
    assert capplan("adopt", source, "-o", plan).exit_code == 0
    for arguments in (("--manifests", source), (plan,)):
        said = " ".join(capplan("estimate", *arguments).stdout.split())
        assert "covers 2 of 3 resources that may cost something (67%)" in said
        assert "1 aws_msk_cluster" in said
        assert "1 aws_msk_cluster" in capplan("estimate", *arguments, "--format", "markdown").stdout
        found = json.loads(capplan("estimate", *arguments, "--format", "json").stdout)["adopted"]
        assert (found["covered"], found["share"]) == (2, pytest.approx(2 / 3, rel=1e-4))
        assert [remark["resource"] for remark in found["not_covered"]] == ["aws_msk_cluster.log"]


def test_what_costs_nothing_is_neither_covered_nor_missing(capplan: Callable, tmp_path: Path) -> None:
    objects = tmp_path / "all.yaml"
    objects.write_text(
        "kind: ConfigMap\nmetadata: {name: c}\n---\nkind: Deployment\nmetadata: {name: web}\n"
        "spec: {template: {spec: {containers: [{name: c, resources: {requests: {cpu: 1, memory: 1Gi}}}]}}}\n"
    )
    done = capplan("estimate", "--manifests", objects, "--provider", "gcp", "--region", "us-central1")
    assert "covers 1 of 1 resources" in " ".join(done.stdout.split())
    plan = adopt(objects, AdoptOptions("gcp", "us-central1")).file().plan
    assert plan.adopted.free == {"ConfigMap": 1}


@pytest.mark.parametrize(("answer", "code"), [("deny", 6), ("warn", 0), ("allow", 0)])
def test_the_gate_answers_for_what_is_missing(
    capplan: Callable, tmp_path: Path, answer: str, code: int
) -> None:
    plan = tmp_path / "plan.yaml"
    capplan("adopt", write(tmp_path / "tfplan.json", WEB, BROKER), "-o", plan)
    gates = tmp_path / "gates.yaml"
    gates.write_text(f"coverage: {{adopted: {answer}}}\n")
    done = capplan("check", plan, "--gates", gates)
    assert done.exit_code == code
    assert ("aws_msk_cluster.log is not covered" in " ".join(done.stdout.split())) == (answer != "allow")


def compared(capplan: Callable, base: Path, head: Path) -> dict[str, Any]:
    done = capplan("diff", base, head, "--format", "json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_diff_lists_resources_by_address_with_their_money(capplan: Callable, tmp_path: Path) -> None:
    base = write(tmp_path / "base.json", WEB, DISK)
    # An entry's name depends on what came before it; its address does not.
    other = {**WEB, "address": "module.blue.aws_instance.web"}
    head = write(tmp_path / "head.json", other, LARGE)
    found = compared(capplan, base, head)
    assert found["by_address"]
    changes = {
        address: (entry["status"], round(entry["monthly_cost"]["expected"]["difference"], 2))
        for address, entry in found["components"].items()
    }
    assert changes == {
        "aws_instance.web": ("changed", round(730 * HOUR_USD, 2)),
        "module.blue.aws_instance.web": ("added", round(730 * HOUR_USD + 0.8, 2)),
        "aws_ebs_volume.data": ("removed", -8.0),
    }
    text = capplan("diff", base, head).stdout
    assert "module.blue.aws_instance.web: added, 0.00 → 70.88 (+70.88)" in text
    saved = tmp_path / "saved.json"
    saved.write_text(capplan("estimate", "--manifests", base, "--format", "json").stdout)
    assert compared(capplan, saved, head)["components"] == found["components"]


def test_a_resource_that_moved_is_neither_removed_nor_added(capplan: Callable, tmp_path: Path) -> None:
    base, head = write(tmp_path / "base.json", WEB, BROKER), tmp_path / "head.json"
    after = [
        {**WEB, "address": "module.m.aws_instance.api"},
        {**BROKER, "address": "module.m.aws_msk_cluster.log"},
    ]
    changes = [
        {"address": new["address"], "previous_address": old["address"]}
        for new, old in zip(after, (WEB, BROKER), strict=True)
    ]
    root = {"child_modules": [{"address": "module.m", "resources": after}]}
    head.write_text(json.dumps({"planned_values": {"root_module": root}, "resource_changes": changes}))
    found = compared(capplan, base, head)
    assert {address: entry["status"] for address, entry in found["components"].items()} == {
        "module.m.aws_instance.api": "same"
    }
    assert not any(found["not_covered"].values())
    said = " ".join(capplan("diff", base, head).stdout.split())
    assert "module.m.aws_instance.api: moved, was aws_instance.web" in said
    assert "removed" not in said


def test_an_empty_side_is_compared_by_address_too(capplan: Callable, tmp_path: Path) -> None:
    nothing, lost = write(tmp_path / "nothing.json"), write(tmp_path / "lost.json", BROKER)
    head = write(tmp_path / "head.json", WEB)
    for base in (nothing, lost):
        found = compared(capplan, base, head)
        assert list(found["components"]) == ["aws_instance.web"]
    assert [remark["resource"] for remark in found["not_covered"]["removed"]] == ["aws_msk_cluster.log"]


def test_a_plan_that_somebody_wrote_is_compared_by_name(capplan: Callable, tmp_path: Path) -> None:
    source = write(tmp_path / "tfplan.json", WEB)
    plan = tmp_path / "plan.yaml"
    capplan("adopt", source, "-o", plan)
    plan.write_text(plan.read_text().partition("adopted:")[0])
    found = compared(capplan, plan, source)
    assert not found["by_address"]
    assert found["components"]["web"]["status"] == "same"


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ((WEB, BROKER), (WEB, BROKERS), "changed"),
        ((WEB,), (WEB, BROKER), "added"),
        ((WEB, BROKER), (WEB,), "removed"),
    ],
)
def test_a_change_of_what_is_not_covered_is_no_saving(
    capplan: Callable, tmp_path: Path, before: tuple[Any, ...], after: tuple[Any, ...], change: str
) -> None:
    base, head = write(tmp_path / "base.json", *before), write(tmp_path / "head.json", *after)
    found = compared(capplan, base, head)["not_covered"]
    assert {kind: [one["resource"] for one in remarks] for kind, remarks in found.items() if remarks} == {
        change: ["aws_msk_cluster.log"]
    }
    said = " ".join(capplan("diff", base, head, "--format", "markdown").stdout.split())
    assert "of what is covered stays at" in said
    assert "not counted: aws" in said.replace("\\", "")


def test_an_untouched_gap_is_not_brought_up(capplan: Callable, tmp_path: Path) -> None:
    base, head = (write(tmp_path / f"{n}.json", WEB, BROKER) for n in ("base", "head"))
    said = " ".join(capplan("diff", base, head).stdout.split())
    assert "expected cost stays at" in said
    assert "not counted" not in said


def test_a_machine_and_its_volumes_are_one_resource() -> None:
    from capplan.gate.addresses import by_address

    cost = {"min": 1.0, "expected": 2.0, "max": None}
    document = {
        "components": {
            "web-disk": {"instances": None, "monthly_cost": cost},
            "web": {"instances": {"min": 1}, "monthly_cost": cost},
            "free": {"instances": None, "monthly_cost": None},
        },
        "cost_lines": [{"component": "web-disk"}],
        "warnings": [],
        "adopted": {"components": {"web": "aws_instance.web", "web-disk": "aws_instance.web"}},
    }
    found = by_address(document)
    assert found["components"] == {
        "aws_instance.web": {
            "instances": {"min": 1},
            "monthly_cost": {"min": 2.0, "expected": 4.0, "max": None},
        },
        "free": {"instances": None, "monthly_cost": None},
    }
    assert found["cost_lines"] == [{"component": "aws_instance.web"}]


def test_no_resource_is_lost() -> None:
    draft = Draft("x", AdoptOptions())
    for address in ("t.entry", "t.free", "t.used", "t.noted", "t.lost"):
        draft.hold(address, "t", {})
    draft.add("resources", "entry", {}, "t.entry")
    draft.free.add("t.free")
    draft.used.add("t.used")
    draft.note(UNREAD_RESOURCE, "t.noted", "for a reason")
    draft.account_for_all()
    assert [note.subject for note in draft.notes] == ["t.noted", "t.lost"]


def test_every_object_ends_as_an_entry_free_used_or_a_note() -> None:
    """What is left to the last resort is only what says nothing at all."""
    pods = {"template": {"spec": {"containers": [{"name": "c"}]}}, "replicas": 1}
    specs: dict[str, dict[str, Any]] = {
        **dict.fromkeys(READ, pods),
        "CronJob": {"jobTemplate": {"spec": pods}},
        "ScaledJob": {"jobTargetRef": pods},
        "Pod": pods["template"]["spec"],
        "PersistentVolumeClaim": {"resources": {"requests": {"storage": "1Gi"}}},
        **{kind: {"scaleTargetRef": {"kind": "Deployment", "name": "deployment"}} for kind in SCALERS},
        "Gateway": {"gatewayClassName": "istio"},
        "Shop": pods,
        "Widget": {},
    }
    groups = {"Gateway": "gateway.networking.k8s.io/v1", "ScaledObject": "keda.sh/v1alpha1"}
    groups |= {"ScaledJob": "keda.sh/v1alpha1", "Job": "batch/v1"}
    items = [
        Item(
            "all.yaml",
            {
                "apiVersion": groups.get(kind, "v1"),
                "kind": kind,
                "metadata": {"name": kind.lower()},
                "spec": specs.get(kind, {}),
            },
        )
        for kind in [*specs, *sorted(FREE)]
    ]
    draft = Draft("x", AdoptOptions("aws", "us-east-1"))
    adopt_objects(draft, items)
    before = len(draft.notes)
    draft.account_for_all()
    assert [note.subject for note in draft.notes[before:]] == []
    assert len(draft.resources) == len(items)

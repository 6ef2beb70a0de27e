"""Results that are read again, and revisions: what is damaged is said, what is not there is nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLAN = (
    "name: x\nregions: {aws: us-east-1}\ndemand: {requests_per_second: 50, profile: flat}\n"
    "services:\n  api: {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: 10/s}\n"
)


def commit(directory: Path) -> None:
    author = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "x", "--allow-empty"]):
        subprocess.run(["git", *command], cwd=directory, check=True)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


@pytest.mark.parametrize("before", ["", "name: [", "name: x\ndemand: {requests_per_second: many}\n"])
def test_the_first_plan_and_a_mended_one_pass(
    capplan: Callable, plan: Path, tmp_path: Path, before: str
) -> None:
    plan.write_text(before)
    if not before:
        plan.unlink()
    commit(tmp_path)
    plan.write_text(PLAN)
    said = "has no readable plan" if before else "has no such file"
    run = capplan("diff", "HEAD:plan.yaml", plan, "--format", "json")
    assert run.exit_code == 0
    assert f"HEAD:plan.yaml: {said}" in run.stderr
    assert "so there is nothing to compare with" in run.stderr
    document = json.loads(run.stdout)
    assert document["components"]["api"]["status"] == "added"
    gates = tmp_path / "gates.yaml"
    gates.write_text("increases: [{percent: 5%}]\n")
    checked = capplan("check", plan, "--gates", gates, "--base", "HEAD:plan.yaml")
    assert checked.exit_code == 0
    assert said in checked.stderr


def test_a_revision_that_is_not_there_is_no_empty_base(capplan: Callable, plan: Path, tmp_path: Path) -> None:
    commit(tmp_path)
    for command in (["diff", "nowhere:plan.yaml", plan], ["check", plan, "--base", "nowhere:plan.yaml"]):
        run = capplan(*command)
        assert run.exit_code == 2
        assert "nowhere: git cannot show it" in run.stderr


@pytest.mark.parametrize("base", ["--output=out:plan.yaml", "-p:plan.yaml"])
def test_a_revision_is_no_option(capplan: Callable, plan: Path, tmp_path: Path, base: str) -> None:
    commit(tmp_path)
    run = capplan("diff", "--", base, plan)
    assert run.exit_code == 2
    assert "is not a revision: it begins with '-'" in run.stderr
    assert not (tmp_path / "out").exists()


def damaged(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    *above, last = path.split(".")
    inside: Any = document
    for part in above:
        inside = inside[int(part) if part.isdigit() else part]
    inside[int(last) if last.isdigit() else last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(("components", []), ("components.api", 5), ("components.api.monthly_cost", "12")),
        *(("cost_lines", {"a": 1}), ("cost_lines.0", 4.5), ("cost_lines.0.sku", ["x"])),
        *(("cost_lines.0.monthly_cost", float("inf")), ("cost_lines.0.quantity", 10**400)),
        *(("warnings", None), ("monthly_cost", None), ("demand", []), ("hours_per_month", float("nan"))),
    ],
)
def test_a_damaged_estimate_names_the_field(
    capplan: Callable, plan: Path, tmp_path: Path, path: str, value: object
) -> None:
    saved = tmp_path / "saved.json"
    document = json.loads(capplan("estimate", plan, "--format", "json").stdout)
    saved.write_text(json.dumps(damaged(document, path, value)))
    for command in (["diff", saved, plan], ["check", plan, "--base", saved]):
        run = capplan(*command)
        assert run.exit_code == 2
        assert f"saved.json: {path}" in run.stderr
        assert "Save one with `capplan estimate" in run.stderr


@pytest.mark.parametrize("text", ["[]", "5", "{}", '{"violations": 4}', '{"violations": [1]}', "[" * 5000])
def test_a_damaged_baseline_is_told(capplan: Callable, plan: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "old.json").write_text(text)
    run = capplan("check", plan, "--baseline", tmp_path / "old.json")
    assert run.exit_code == 2
    assert "old.json" in run.stderr
    assert "Save one with `capplan check" in run.stderr

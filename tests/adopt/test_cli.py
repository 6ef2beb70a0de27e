"""`capplan adopt`, `estimate --manifests` and directories of manifests in `diff`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from rendering import example, write

GCP = ("--provider", "gcp", "--region", "us-central1")

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: %d
  template: {spec: {containers: [{name: c, resources: {requests: {cpu: 1, memory: 1Gi}}}]}}
"""


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    directory = tmp_path / "k8s"
    directory.mkdir()
    (directory / "web.yaml").write_text(WEB % 2)
    return directory


def test_adopt_writes_a_plan_that_estimates(capplan: Callable, manifests: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    done = capplan("adopt", manifests, *GCP, "-o", plan)
    assert done.exit_code == 0
    assert "assumed: node pool default: nodes of e2-standard-4" in done.stderr
    direct = capplan("estimate", "--manifests", manifests, *GCP, "--format", "json")
    written = capplan("estimate", plan, "--format", "json")
    assert json.loads(direct.stdout)["monthly_cost"] == json.loads(written.stdout)["monthly_cost"]
    assert capplan("adopt", manifests, *GCP, "-o", plan).exit_code == 2


def test_streams_are_read_from_stdin(capplan: Callable, manifests: Path) -> None:
    listed = json.dumps({"kind": "List", "items": [{"kind": "ConfigMap", "metadata": {"name": "c"}}]})
    for stdin in (WEB % 2, "# Source: a chart\n---\n" + WEB % 2, "---\n" + WEB % 2 + "---\n" + listed):
        done = capplan("estimate", "--manifests", "-", *GCP, "--format", "csv", stdin=stdin.encode())
        assert done.exit_code == 0
        assert "e2-standard-4" in done.stdout


def test_diff_takes_directories_and_revisions(
    capplan: Callable, manifests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (
        ("init", "-q", "-b", "main"),
        ("add", "."),
        ("-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "base"),
    ):
        subprocess.run(["git", *command], check=True)
    base = tmp_path / "before"
    base.mkdir()
    (base / "web.yaml").write_text(WEB % 2)
    (manifests / "web.yaml").write_text(WEB % 8)
    listed = {"apiVersion": "v1", "kind": "List", "items": list(yaml.safe_load_all(WEB % 8))}
    (tmp_path / "after.json").write_text(json.dumps(listed, indent=1))
    changes = []
    for name, after in (("before", "k8s"), ("main:k8s", "k8s"), ("main:k8s/web.yaml", "after.json")):
        done = capplan("diff", name, after, *GCP, "--node-type", "e2-standard-2", "--format", "json")
        assert done.exit_code == 0, done.stderr
        changes.append(json.loads(done.stdout)["monthly_cost"])
    assert changes[0] == changes[1] == changes[2]
    # One pod of a core fits on an e2-standard-2: from two nodes to eight, each with a disk of 100 GiB.
    expected = changes[0]["expected"]
    assert expected["after"] - expected["before"] == pytest.approx(6 * (730 * 0.06701142 + 10), abs=0.01)


def test_the_overlay_is_chosen_by_name(capplan: Callable, tmp_path: Path) -> None:
    write(example("afpi", "gke-web"), tmp_path)
    prod = capplan("adopt", tmp_path, *GCP)
    assert "{min: 2, max: 50}" in prod.stdout
    assert "overlays/dev: another overlay" in prod.stderr
    assert "{min: 1, max: 2}" in capplan("adopt", tmp_path, *GCP, "--overlay", "dev").stdout
    inside = capplan("adopt", tmp_path / "kubernetes/overlays/dev", *GCP)
    assert "{min: 1, max: 2}" in inside.stdout
    assert "Did you mean 'dev'" in capplan("adopt", tmp_path, *GCP, "--overlay", "de").stderr


def test_charts_are_named_with_the_way_to_render_them(capplan: Callable, manifests: Path) -> None:
    chart = manifests / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("name: c\n")
    (chart / "templates" / "d.yaml").write_text("kind: {{ .Values.kind }}\n")
    beside = capplan("adopt", manifests, *GCP)
    assert beside.exit_code == 0
    assert "not covered: " in beside.stderr
    assert "helm template" in beside.stderr
    alone = capplan("adopt", chart, *GCP)
    assert alone.exit_code == 2
    assert "| capplan adopt -" in alone.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("estimate",), "PLAN: is missing"),
        (("estimate", "plan.yaml", "--manifests", "x"), "cannot be combined with a plan"),
        (("estimate", "plan.yaml", "--node-type", "x"), "are for manifests"),
        (("adopt", "nowhere"), "no such file"),
        (("adopt", "k8s", "--provider", "gpc"), "Did you mean 'gcp'"),
    ],
)
def test_bad_input_names_the_way_out(
    arguments: tuple[str, ...],
    message: str,
    capplan: Callable,
    manifests: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(manifests.parent)
    done = capplan(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr

"""`capplan render-manifests`, `verify`, `templates`: whole runs."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import ROOT
from rendering import SERVICE

LEVQOR = ROOT / "examples/levqor"


@pytest.fixture
def plan(tmp_path):
    """Return a small plan of one service on Kubernetes."""
    path = tmp_path / "plan.yaml"
    path.write_text(textwrap.dedent(SERVICE), encoding="utf-8")
    return path


@pytest.fixture
def out(capplan, plan, tmp_path):
    """Return a directory that the plan was rendered to."""
    directory = tmp_path / "out"
    assert capplan("render-manifests", plan, "-o", directory).exit_code == 0
    return directory


def deployment(out):
    """Return the path of the rendered Deployment."""
    return out / "kubernetes/base/api/deployment-api.yaml"


def test_what_was_rendered_does_not_drift(capplan, plan, out):
    done = capplan("render-manifests", plan, "-o", out, "--check")
    assert (done.exit_code, done.stdout) == (0, "")
    again = capplan("render-manifests", plan, "-o", out)
    assert "wrote 0 of" in again.stderr


def test_a_changed_plan_is_drift_with_a_diff(capplan, plan, out):
    before = deployment(out).read_text()
    done = capplan("render-manifests", plan, "-o", out, "--check", "--set", "services.api.cpu=250m")
    assert done.exit_code == 7
    assert '-              cpu: "1"' not in done.stdout
    assert '+              cpu: "250m"' in done.stdout
    assert deployment(out).read_text() == before
    dry = capplan("render-manifests", plan, "-o", out, "--dry-run", "--set", "services.api.cpu=250m")
    assert (dry.exit_code, dry.stdout) == (0, done.stdout)


def test_a_file_changed_by_hand_is_not_replaced(capplan, plan, out):
    deployment(out).write_text(deployment(out).read_text() + "# mine\n", encoding="utf-8")
    done = capplan("render-manifests", plan, "-o", out)
    assert done.exit_code == 2
    assert "changed since" in done.stderr
    assert "--force" in done.stderr
    assert capplan("render-manifests", plan, "-o", out, "--force").exit_code == 0
    assert "# mine" not in deployment(out).read_text()


def test_a_file_that_is_not_capplans_is_not_replaced(capplan, plan, tmp_path):
    path = tmp_path / "mine/helm/values.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("mine: true\n", encoding="utf-8")
    assert capplan("render-manifests", plan, "-o", tmp_path / "mine").exit_code == 2
    assert path.read_text() == "mine: true\n"
    assert not (tmp_path / "mine/kubernetes").exists()


def test_prune_deletes_only_what_capplan_wrote_and_nobody_changed(capplan, plan, out):
    (out / "kubernetes/base/api/notes.txt").write_text("mine", encoding="utf-8")
    pdb = out / "kubernetes/base/api/poddisruptionbudget-api.yaml"
    pdb.write_text(pdb.read_text() + "# mine\n", encoding="utf-8")
    text = plan.read_text().replace("api:", "shop:").replace("{default:", "{default:")
    plan.write_text(text, encoding="utf-8")
    assert capplan("render-manifests", plan, "-o", out, "--check").exit_code == 7
    kept = capplan("render-manifests", plan, "-o", out)
    assert "no longer rendered" in kept.stderr
    assert deployment(out).exists()
    assert capplan("render-manifests", plan, "-o", out, "--prune").exit_code == 0


def test_prune_after_a_service_has_gone(capplan, plan, out):
    plan.write_text(plan.read_text().replace("  api:", "  shop:"), encoding="utf-8")
    (out / "kubernetes/base/api/notes.txt").write_text("mine", encoding="utf-8")
    done = capplan("render-manifests", plan, "-o", out, "--prune")
    assert done.exit_code == 0
    assert sorted(path.name for path in (out / "kubernetes/base/api").iterdir()) == ["notes.txt"]
    assert (out / "kubernetes/base/shop/deployment-shop.yaml").exists()


def test_a_lock_file_that_names_files_elsewhere_deletes_nothing(capplan, plan, out, tmp_path):
    victim = tmp_path / "victim.txt"
    victim.write_text("mine", encoding="utf-8")
    lock = json.loads((out / "capplan.lock.json").read_text())
    import hashlib

    lock["files"]["../victim.txt"] = hashlib.sha256(b"mine").hexdigest()
    lock["files"][str(victim)] = hashlib.sha256(b"mine").hexdigest()
    (out / "capplan.lock.json").write_text(json.dumps(lock), encoding="utf-8")
    assert capplan("render-manifests", plan, "-o", out, "--prune").exit_code == 0
    assert victim.read_text() == "mine"


def test_a_symbolic_link_is_not_followed(capplan, plan, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/kubernetes").symlink_to(elsewhere)
    done = capplan("render-manifests", plan, "-o", tmp_path / "linked")
    assert done.exit_code == 2
    assert "symbolic link" in done.stderr
    assert list(elsewhere.iterdir()) == []


def test_list_and_only(capplan, plan, tmp_path):
    listed = capplan("render-manifests", plan, "--list")
    assert "kubernetes   kubernetes/base/api/deployment-api.yaml" in listed.stdout
    done = capplan(
        "render-manifests", plan, "-o", tmp_path / "some", "--only", "monitoring", "--only", "loadtest"
    )
    assert done.exit_code == 0
    assert not (tmp_path / "some/kubernetes/base").exists()
    assert (tmp_path / "some/prometheus/shop.rules.yaml").exists()
    wrong = capplan("render-manifests", plan, "--only", "monitring")
    assert wrong.exit_code == 2
    assert "'monitoring'" in wrong.stderr


@pytest.mark.parametrize("layout", ["plain", "helm"])
def test_other_layouts(capplan, plan, tmp_path, layout):
    assert capplan("render-manifests", plan, "-o", tmp_path / "o", "--layout", layout).exit_code == 0
    where = {"plain": "kubernetes/api", "helm": "chart/templates/api"}[layout]
    assert (tmp_path / "o" / where / "deployment-api.yaml").exists()
    assert not list((tmp_path / "o").rglob("kustomization.yaml"))
    if layout == "helm":
        assert (tmp_path / "o/chart/Chart.yaml").exists()


def test_a_plan_whose_pods_fit_no_node_is_not_written(capplan, tmp_path):
    done = capplan(
        "render-manifests", ROOT / "examples/afpi", "--alternative", "gke-gpu", "-o", tmp_path / "o"
    )
    assert done.exit_code == 4
    assert "pod-fits-no-node" in done.stderr
    assert not (tmp_path / "o").exists()


def test_verify_of_any_directory(capplan, out):
    assert capplan("verify", out).exit_code == 0
    path = out / "kubernetes/base/api/service-api.yaml"
    path.write_text(path.read_text().replace("targetPort: http", "targetPort: grpc"), encoding="utf-8")
    done = capplan("verify", out, "--format", "json")
    assert done.exit_code == 4
    (finding,) = json.loads(done.stdout)["findings"]
    assert finding["id"] == "unknown-target-port"
    assert finding["object"] == "Service/api"


def test_verify_of_plain_files_with_several_documents(capplan, tmp_path):
    (tmp_path / "all.yaml").write_text(
        "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: a}\nspec: {}\n---\n"
        "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: a}\nspec: {}\n",
        encoding="utf-8",
    )
    done = capplan("verify", tmp_path)
    assert done.exit_code == 4
    assert "duplicate-object" in done.stdout
    assert "empty-selector" in done.stdout
    assert capplan("verify", tmp_path / "nowhere").exit_code == 2


def test_templates_can_be_listed_shown_ejected_and_changed(capplan, plan, tmp_path):
    assert "kubernetes/deployment.yaml.j2" in capplan("templates", "list").stdout.split()
    assert "kind: Deployment" in capplan("templates", "show", "kubernetes/deployment.yaml.j2").stdout
    wrong = capplan("templates", "show", "kubernetes/deploiment.yaml.j2")
    assert wrong.exit_code == 2
    assert "Did you mean 'kubernetes/deployment.yaml.j2'?" in wrong.stderr
    own = tmp_path / "own"
    assert capplan("templates", "eject", "kubernetes/service.yaml.j2", "-o", own).exit_code == 0
    mine = own / "kubernetes/service.yaml.j2"
    mine.write_text(mine.read_text() + "  sessionAffinity: ClientIP\n", encoding="utf-8")
    done = capplan("render-manifests", plan, "-o", tmp_path / "o", "--templates", own)
    assert done.exit_code == 0
    assert "ClientIP" in (tmp_path / "o/kubernetes/base/api/service-api.yaml").read_text()
    mine.write_text("name: [[ name ]]-x\n", encoding="utf-8")
    refused = capplan("render-manifests", plan, "-o", tmp_path / "p", "--templates", own)
    assert refused.exit_code == 2
    assert str(mine) in refused.stderr
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "holds a list"),
        ("5\n", "holds 5 where an object is expected"),
        ("", "holds nothing"),
        ("kind: List\nitems: {a: b}\n", "holds a list"),
        ("kind: List\nitems: [5]\n", "holds 5"),
    ],
)
def test_verify_names_a_file_without_objects(capplan: Callable, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(text)
    for source in (file, tmp_path) if text else (file,):
        run = capplan("verify", source, "--format", "json")
        assert run.exit_code == 4
        found = [f for f in json.loads(run.stdout)["findings"] if f["severity"] == "error"]
        assert [(f["id"], Path(f["file"]).name) for f in found] == [("unreadable", "all.yaml")]
        assert said in found[0]["message"]


def test_verify_allows_the_patches_of_an_overlay(capplan: Callable, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [settings.yaml]\npatches: [{path: p.yaml}]\n")
    (tmp_path / "settings.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n")
    (tmp_path / "p.yaml").write_text("- {op: add, path: /data, value: {}}\n")
    run = capplan("verify", tmp_path, "--format", "json")
    assert "unreadable" not in run.stdout

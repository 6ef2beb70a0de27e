"""`capplan render-manifests`: what it does to a directory, and what it never does."""

import json
import textwrap

import pytest
from rendering import SERVICE


@pytest.fixture
def plan(tmp_path):
    """Return a small plan of one service on Kubernetes."""
    path = tmp_path / "plan.yaml"
    path.write_text(textwrap.dedent(SERVICE), encoding="utf-8")
    return path


@pytest.fixture
def out(capplan, plan, tmp_path):
    """Return a directory that the plan was rendered to."""
    assert capplan("render-manifests", plan, "-o", tmp_path / "out").exit_code == 0
    return tmp_path / "out"


def contents(directory):
    """Return every file below a directory with its bytes."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def refused(done, words):
    """Check that a run refused its input, and said why."""
    assert done.exit_code == 2
    assert words in done.stderr


LINKS = ["helm/values.yaml", "helm", "kubernetes/base/api", "capplan.lock.json", "."]


@pytest.mark.parametrize("where", LINKS)
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_no_symbolic_link_is_followed(capplan, plan, tmp_path, where, force):
    """Of a file, of a directory, of the lock, and the directory itself."""
    elsewhere = tmp_path / "elsewhere"
    if where.endswith((".yaml", ".json")):
        elsewhere.write_text("{}", encoding="utf-8")
    else:
        elsewhere.mkdir()
    place = tmp_path / "out" / where
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir():
        place.rmdir()
    place.symlink_to(elsewhere)
    refused(capplan("render-manifests", plan, "-o", tmp_path / "out", *force), "symbolic link")
    assert elsewhere.read_text() == "{}" if elsewhere.is_file() else not any(elsewhere.iterdir())
    assert contents(tmp_path / "out") == {} or where.endswith((".yaml", ".json"))


def test_a_link_to_nowhere_is_not_written_through(capplan, plan, tmp_path):
    (tmp_path / "out/helm").mkdir(parents=True)
    (tmp_path / "out/helm/values.yaml").symlink_to(tmp_path / "new")
    refused(capplan("render-manifests", plan, "-o", tmp_path / "out", "--force"), "symbolic link")
    assert not (tmp_path / "new").exists()


def test_a_link_in_the_way_of_an_orphan_deletes_nothing(capplan, plan, out, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "deployment-api.yaml").write_bytes(
        (out / "kubernetes/base/api/deployment-api.yaml").read_bytes()
    )
    for path in (out / "kubernetes/base/api").iterdir():
        path.unlink()
    (out / "kubernetes/base/api").rmdir()
    (out / "kubernetes/base/api").symlink_to(victim)
    plan.write_text(plan.read_text().replace("  api:", "  shop:"), encoding="utf-8")
    refused(capplan("render-manifests", plan, "-o", out, "--prune"), "symbolic link")
    assert (victim / "deployment-api.yaml").exists()


@pytest.mark.parametrize("option", ["--list", "--dry-run", "--check"])
def test_looking_writes_nothing(capplan, plan, tmp_path, option):
    done = capplan("render-manifests", plan, "-o", tmp_path / "none", option)
    assert done.exit_code == (7 if option == "--check" else 0)
    assert done.stdout
    assert not (tmp_path / "none").exists()


def test_check_tells_same_from_drift_from_error(capplan, plan, out, tmp_path):
    before = contents(out)

    def check(*more):
        return capplan("render-manifests", plan, "-o", out, "--check", *more)

    assert (check().exit_code, check().stdout) == (0, "")
    edited = out / "kubernetes/base/api/service-api.yaml"
    edited.write_text(edited.read_text() + "# mine\n", encoding="utf-8")
    assert check().exit_code == 7
    assert "-# mine" in check().stdout
    edited.unlink()
    missing = check()
    assert missing.exit_code == 7
    assert "--- /dev/null" in missing.stdout
    edited.write_bytes(before[edited])
    assert check().exit_code == 0
    assert check("--set", "services.api.cpu=none").exit_code == 2
    assert contents(out) == before


def test_an_orphan_is_drift_until_it_is_pruned(capplan, plan, out):
    plan.write_text(plan.read_text().replace("  api:", "  shop:"), encoding="utf-8")
    (out / "kubernetes/base/api/service-api.yaml").write_text("mine: true\n", encoding="utf-8")
    pdb = out / "kubernetes/base/api/poddisruptionbudget-api.yaml"
    for _ in range(2):
        done = capplan("render-manifests", plan, "-o", out)
        assert done.exit_code == 0
        assert "no longer rendered (--prune deletes it): kubernetes/base/api/pod" in done.stderr
    drift = capplan("render-manifests", plan, "-o", out, "--check")
    assert drift.exit_code == 7
    assert "--- a/kubernetes/base/api/poddisruptionbudget-api.yaml" in drift.stdout
    assert capplan("render-manifests", plan, "-o", out, "--prune").exit_code == 0
    assert not pdb.exists()
    assert [path.name for path in pdb.parent.iterdir()] == ["service-api.yaml"], "changed by hand"
    assert capplan("render-manifests", plan, "-o", out, "--check").exit_code == 0


def test_files_are_written_together_or_not_at_all(capplan, plan, tmp_path):
    (tmp_path / "out/terraform/capplan.auto.tfvars.json").mkdir(parents=True)
    done = capplan("render-manifests", plan, "-o", tmp_path / "out", "--force")
    assert done.exit_code == 2
    assert contents(tmp_path / "out") == {}


def test_force_replaces_what_was_edited_and_the_lock_knows_it(capplan, plan, out):
    edited = out / "helm/values.yaml"
    original = edited.read_bytes()
    edited.write_text("mine: true\n", encoding="utf-8")
    refused(capplan("render-manifests", plan, "-o", out), "helm/values.yaml")
    assert edited.read_text() == "mine: true\n"
    assert capplan("render-manifests", plan, "-o", out, "--force").exit_code == 0
    assert edited.read_bytes() == original
    assert capplan("render-manifests", plan, "-o", out).exit_code == 0


def test_only_a_part_leaves_the_others_and_their_hashes(capplan, plan, out):
    before = json.loads((out / "capplan.lock.json").read_text())
    done = capplan(
        "render-manifests", plan, "-o", out, "--only", "helm", "--set", "services.api.cpu=250m", "--prune"
    )
    assert done.exit_code == 0
    after = json.loads((out / "capplan.lock.json").read_text())
    changed = {path for path in before["files"] if before["files"][path] != after["files"][path]}
    assert changed == {"helm/values.yaml"}
    assert set(before["files"]) == set(after["files"])
    assert all((out / path).exists() for path in after["files"])


@pytest.mark.parametrize(
    "text", ["[", "[]", '{"files": 1}', '{"files": {"../../x": "y", "a": 1}}', "\udcff", '{"facts": 1}']
)
def test_a_lock_file_may_hold_anything(capplan, plan, out, text):
    (out / "capplan.lock.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    for done in (capplan("render-manifests", plan, "-o", out, "--prune"), capplan("verify", out)):
        assert done.exit_code in (0, 2)
        assert "internal error" not in done.stderr

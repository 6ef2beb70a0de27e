"""What a team accepts: by code, by annotation, and by a file with reasons and a last day."""

import json

import pytest
import yaml
from objects import pdb, workload

SECRET = workload(container={"env": [{"name": "DB_PASSWORD", "value": "demo"}]})
WARNING = "literal-secret"


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "web.yaml").write_text(yaml.safe_dump(SECRET), encoding="utf-8")
    return tmp_path


def findings(capplan, directory, *options):
    """Return the findings with the exit code."""
    done = capplan("verify", directory, "--format", "json", *options)
    return json.loads(done.stdout)["findings"], done.exit_code


def test_a_warning_fails_only_if_asked(capplan, directory):
    found, code = findings(capplan, directory)
    assert ([one["id"] for one in found], code) == ([WARNING], 0)
    assert findings(capplan, directory, "--strict")[1] == 4


def test_a_code_is_left_out(capplan, directory):
    assert findings(capplan, directory, "--strict", "--ignore", WARNING) == ([], 0)
    done = capplan("verify", directory, "--ignore", "literal-secrets")
    assert done.exit_code == 2
    assert "Did you mean 'literal-secret'?" in done.stderr


def test_an_object_ignores_by_annotation(capplan, directory):
    said = {
        **SECRET,
        "metadata": {"name": "a", "annotations": {"capplan/ignore": "no-volume, literal-secret"}},
    }
    (directory / "web.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
    assert findings(capplan, directory, "--strict") == ([], 0)


ACCEPTED = {"check": WARNING, "object": "Deployment/*", "reason": "a demo", "expires": "2026-12-31"}


def accept(directory, **changes):
    path = directory / "capplan.verify.yaml"
    path.write_text(yaml.safe_dump({"accept": [{**ACCEPTED, **changes}]}), encoding="utf-8")


def test_a_file_accepts_until_a_day(capplan, directory):
    accept(directory)
    found, code = findings(capplan, directory, "--strict", "--today", "2026-12-31")
    assert code == 0
    assert "a demo" in found[0]["waived"]
    assert "WAIVED" in capplan("verify", directory, "--today", "2026-12-31").stdout
    late = capplan("verify", directory, "--strict", "--today", "2027-01-01")
    assert late.exit_code == 4
    assert "literal-secret is accepted only until 2026-12-31" in late.stderr


@pytest.mark.parametrize("other", [{"object": "Service/*"}, {"file": "other.yaml"}, {"check": "no-volume"}])
def test_what_is_not_accepted_fails(capplan, directory, other):
    accept(directory, **other)
    assert findings(capplan, directory, "--strict", "--today", "2026-12-31")[1] == 4


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"check": "nothing"}, "there is no check 'nothing'"),
        ({"reason": None}, "reason"),
        ({"until": 1}, "until"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(capplan, directory, wrong, said):
    accept(directory, **wrong)
    done = capplan("verify", directory)
    assert done.exit_code == 2
    assert "capplan.verify.yaml:" in done.stderr
    assert said in done.stderr


def test_findings_have_line_and_column(capplan, directory):
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  DB_PASSWORD: demo\n"
    (directory / "web.yaml").write_text("# first\n---\n" + text, encoding="utf-8")
    (found,), _ = findings(capplan, directory)
    assert (found["line"], found["column"]) == (8, 3)


def test_matters_of_style_are_found_if_asked(capplan, directory):
    (directory / "web.yaml").write_text(
        yaml.safe_dump(workload(container={"env": [{"name": "A"}]})), encoding="utf-8"
    )
    assert findings(capplan, directory)[0] == []
    assert [one["id"] for one in findings(capplan, directory, "--style")[0]] == ["no-value"]


def test_a_target_version_decides_which_api_versions_are_gone(capplan, directory):
    old = {**pdb(maxUnavailable=1), "apiVersion": "policy/v1beta1"}
    (directory / "web.yaml").write_text(yaml.safe_dump_all([workload(), old]), encoding="utf-8")
    assert [one["id"] for one in findings(capplan, directory)[0]] == ["removed-api"]
    assert [one["id"] for one in findings(capplan, directory, "--kubernetes", "1.24")[0]] == [
        "deprecated-api"
    ]
    assert capplan("verify", directory, "--kubernetes", "two").exit_code == 2


def test_one_environment_is_checked_or_every_file_alone(capplan, tmp_path):
    for name in ("dev", "prod"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "web.yaml").write_text(yaml.safe_dump(SECRET), encoding="utf-8")
    (found,), _ = findings(capplan, tmp_path, "--environment", "prod")
    assert found["file"].endswith("prod/web.yaml")
    assert capplan("verify", tmp_path, "--environment", "test").exit_code == 2
    twice = workload(container={"image": "b"})
    (tmp_path / "dev" / "other.yaml").write_text(yaml.safe_dump(twice), encoding="utf-8")
    assert "alternatives" in {one["id"] for one in findings(capplan, tmp_path)[0]}
    assert {one["id"] for one in findings(capplan, tmp_path, "--each")[0]} == {WARNING}


HELM = """#!/bin/sh
echo ---
echo '# Source: shop/templates/web.yaml'
echo '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {DB_PASSWORD: demo}}'
"""


def test_a_chart_is_rendered_by_helm_or_named(capplan, tmp_path, monkeypatch):
    chart = tmp_path / "charts" / "shop"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("name: shop\n", encoding="utf-8")
    (chart / "templates" / "web.yaml").write_text(
        "kind: ConfigMap\nname: {{ .Values.name }}\n", encoding="utf-8"
    )
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert [one["id"] for one in findings(capplan, tmp_path)[0]] == ["helm-templates"]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "helm").write_text(HELM, encoding="utf-8")
    (tmp_path / "bin" / "helm").chmod(0o755)
    (found,), _ = findings(capplan, tmp_path)
    assert (found["id"], found["file"].endswith("charts/shop/templates/web.yaml")) == (WARNING, True)

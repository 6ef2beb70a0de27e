"""Hostile words in gates, saved estimates, bills and manifests stay words, whatever the format."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml
from hostile import ALL, READERS, WORDS, assert_printable

PLAN = """\
name: shop
regions: {gcp: us-central1}
demand: {requests_per_second: 10, profile: flat}
services:
  api: {platform: cloud-run, service_time: 100ms, concurrency: 10, instances: {min: 1, max: 9}}
"""
CHECKS = ["table", "json", "markdown", "html", "csv", "junit", "sarif", "github"]


def deployment(name: str) -> dict:
    """Return a Deployment that selects other pods than its own, and costs something."""
    resources = {"requests": {"cpu": "1", "memory": "1Gi"}}
    pod = {
        "metadata": {"labels": {"app": "y"}},
        "spec": {"containers": [{"name": name, "image": name, "resources": resources}]},
    }
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "x"}}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    """Return a directory with a hostile name, of objects with hostile names, and of a file that is none."""
    directory = tmp_path / "it\n::error::[a](b)\x1b[1m,=%|`<img onerror=x>"
    directory.mkdir()
    for index, word in enumerate([*WORDS, ALL]):
        (directory / f"{index}.yaml").write_text(yaml.safe_dump(deployment(word)))
    (directory / "z\n::error::z.yaml").write_text(f"kind: Pod\n{yaml.safe_dump({ALL: 1})}{{")
    return directory


@pytest.mark.parametrize("fmt", CHECKS)
def test_findings_of_hostile_manifests_stay_words(capplan, manifests: Path, fmt: str) -> None:
    run = capplan("verify", manifests, "--format", fmt)
    assert run.exit_code == 4
    READERS[fmt](run.stdout)
    assert_printable(run.stderr)


@pytest.mark.parametrize("fmt", CHECKS)
def test_gates_with_hostile_words_stay_words(
    capplan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fmt: str
) -> None:
    gates = {
        "budgets": [{"name": word, "expected": 0.01} for word in WORDS],
        "policies": [{"name": w, "when": "true", "message": w, "remedy": w} for w in (*WORDS, ALL)],
        "waivers": [{"gate": "policy/=*", "owner": ALL, "reason": ALL, "expires": "2030-01-01"}],
    }
    (tmp_path / "plan.yaml").write_text(PLAN)
    path = tmp_path / "g\n::error::[31m\x1b.yaml"
    path.write_text(yaml.safe_dump(gates))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    run = capplan("check", tmp_path / "plan.yaml", "--gates", path, "--format", fmt, "--today", "2026-11-21")
    assert run.exit_code == 5
    READERS[fmt](run.stdout)
    assert_printable(run.stderr)
    if fmt == "github":
        READERS["markdown"]((tmp_path / "summary.md").read_text())


@pytest.mark.parametrize("fmt", ["table", "json", "markdown", "html"])
def test_a_diff_of_hostile_estimates_stays_words(capplan, tmp_path: Path, fmt: str) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    base = json.loads(capplan("estimate", tmp_path / "plan.yaml", "--format", "json").stdout)
    head = {**base, "plan": ALL, "components": {}, "cost_lines": []}
    for word in (*WORDS, ALL):
        head["components"][word] = {**base["components"]["api"], "binding_constraint": word}
        finding = {"severity": "error", "code": word, "component": word, "message": word, "remedy": word}
        head["warnings"] = [*head["warnings"], finding]
    sides = [tmp_path / "a\n::error::`b`.json", tmp_path / "c\x1b[1m.json"]
    for path, document in zip(sides, (base, head), strict=True):
        path.write_text(json.dumps(document))
    run = capplan("diff", *sides, "--format", fmt)
    assert run.exit_code == 0
    READERS[fmt](run.stdout)
    assert_printable(run.stderr)


@pytest.mark.parametrize("fmt", ["table", "json", "markdown", "html"])
def test_a_hostile_bill_stays_words(capplan, tmp_path: Path, fmt: str) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    bill = tmp_path / "bill.csv"
    names = "ServiceName,SkuId,PricingUnit,PricingQuantity,EffectiveCost,BillingPeriodStart,BillingCurrency"
    with bill.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names.split(","), "ChargeCategory"])
        for word in (w for w in WORDS if "\x00" not in w):
            writer.writerow([word, word, word, 1, 5, "2026-09-01", "USD", "Usage"])
            writer.writerow([word, word, word, 1, 5, "2026-09-01", "USD", "Tax"])
    run = capplan("diff", tmp_path / "plan.yaml", "--actual", bill, "--format", fmt)
    assert run.exit_code == 0, run.stderr
    READERS[fmt](run.stdout)
    assert_printable(run.stderr)


@pytest.mark.parametrize("word", [*WORDS, ALL])
def test_what_is_adopted_of_hostile_manifests_can_be_read_again(capplan, tmp_path: Path, word: str) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(deployment(word)))
    plan = tmp_path / "plan.yaml"
    options = ("--provider", "gcp", "--region", "us-central1")
    run = capplan("adopt", tmp_path / "a.yaml", *options, "-o", plan)
    assert run.exit_code == 0, run.stderr
    assert_printable(run.stderr)
    assert_printable(plan.read_text())
    assert capplan("estimate", plan).exit_code == 0
    assert_printable(capplan("diff", plan, tmp_path / "a.yaml", *options).stderr)

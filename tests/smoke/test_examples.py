"""Every example, through every command: shows that capplan works with the versions that are installed.

It needs nothing but capplan, its extras and pytest, so it also runs with the lowest and the newest versions.
"""

import json
from pathlib import Path

import pytest
import yaml

EXAMPLES = [path.parent for path in sorted(Path(__file__).parents[2].glob("examples/*/plan.yaml"))]


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name)
def plan(request):
    return request.param


@pytest.fixture
def document(capplan):
    """Return a function that runs a command that succeeds, and returns its JSON."""

    def run(*arguments):
        done = capplan(*arguments, "--format", "json")
        assert (done.exit_code, done.stderr) == (0, ""), done.stderr
        return json.loads(done.stdout)

    return run


def test_an_estimate_adds_up(document, plan):
    found = document("estimate", plan)
    costs = [part["monthly_cost"]["expected"] for part in found["components"].values()]
    assert found["monthly_cost"]["expected"] == pytest.approx(sum(cost or 0 for cost in costs))
    assert found["monthly_cost"]["expected"] > 0


def test_gates_judge_what_was_estimated(document, capplan, plan):
    judged = json.loads(capplan("check", plan, "--format", "json", "--exit-zero").stdout)
    assert judged["monthly_cost"] == pytest.approx(document("estimate", plan)["monthly_cost"])


def test_manifests_are_written_and_are_yaml(capplan, plan, tmp_path):
    done = capplan("render-manifests", plan, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    documents = [
        tree for path in written if path.suffix == ".yaml" for tree in yaml.safe_load_all(path.read_text())
    ]
    assert documents
    assert all(isinstance(tree, dict) for tree in documents)
    assert capplan("render-manifests", plan, "-o", tmp_path / "out", "--check").exit_code == 0


def test_each_component_has_a_tier(document, plan):
    assert set(document("recommend", plan)["components"]) <= set(document("estimate", plan)["components"])


@pytest.mark.parametrize("name", ["afpi", "llm-serving"])
def test_alternatives_are_compared(document, root, name):
    comparisons = document("breakeven", root / "examples" / name, "--points", "50")["comparisons"]
    assert comparisons
    assert all(len(comparison["alternatives"]) > 1 for comparison in comparisons)


def test_a_simulated_hour_has_instances(document, plan):
    found = document("simulate", plan, "--days", "0.05")
    assert all(service["instances"]["average"] > 0 for service in found["services"].values())


def test_claims_are_computed(capplan, plan):
    if not (plan / "claims.yaml").exists():
        pytest.skip("no document to audit")
    found = json.loads(capplan("audit", plan, "--format", "json").stdout)
    assert sum(found["summary"].values()) == len(found["claims"]) > 0


def test_a_chart_is_drawn(capplan, tmp_path):
    file = tmp_path / "chart.svg"
    assert capplan("simulate", EXAMPLES[0], "--days", "0.05", "--format", "svg", "-o", file).exit_code == 0
    assert "<svg" in file.read_text(encoding="utf-8")

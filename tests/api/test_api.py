"""The interface for programs gives the figures of the commands, and costs nothing until it is used."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT

import capplan
from capplan import api

EXAMPLES = ("afpi", "amas", "levqor", "llm-governance", "llm-observatory")


def example(name: str, **options: object) -> capplan.LoadedPlan:
    return capplan.load(ROOT / "examples" / name, **options)


def shown(run: Callable, *arguments: object) -> dict:
    return json.loads(run(*arguments, "--format", "json").stdout)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_estimate_is_that_of_the_command(capplan: Callable, name: str) -> None:
    answer = example(name).estimate()
    document = shown(capplan, "estimate", ROOT / "examples" / name)
    assert answer.document == document
    costs = {part: getattr(answer.monthly_cost, part) for part in ("min", "expected", "max")}
    assert costs == pytest.approx({part: document["monthly_cost"][part] for part in costs})
    for component, said in document["components"].items():
        peak = said["instances"] and said["instances"]["peak"]
        counts = answer.components[component].instances
        assert (counts.peak if counts else None) == pytest.approx(peak)
    assert (
        answer.to_markdown() == capplan("estimate", ROOT / "examples" / name, "--format", "markdown").stdout
    )
    rows = answer.to_pandas()
    assert rows["monthly_cost"].sum() == pytest.approx(document["monthly_cost"]["expected"])


def test_changes_and_sweeps_are_those_of_the_options(capplan: Callable) -> None:
    plan = example("levqor", set={"demand.requests_per_second": 50})
    changed = plan.estimate(set={"services.backend.instances": {"min": 3, "max": 9}})
    said = ("--set", "demand.requests_per_second=50", "--set", "services.backend.instances={min: 3, max: 9}")
    document = shown(capplan, "estimate", ROOT / "examples" / "levqor", *said)
    assert changed.document == document
    swept = plan.estimate(sweep={"demand.requests_per_second": [10, 100, 1000]}).to_pandas()
    assert list(swept["demand.requests_per_second"].astype(float)) == [10, 100, 1000]
    assert swept["monthly_cost"].is_monotonic_increasing
    assert (
        plan.estimate().components["backend"].instances.peak
        == plan.estimate(months=3).components["backend"].instances.peak
    )


def test_values_may_be_those_of_numpy_and_a_text_is_one_text() -> None:
    plan = example("levqor")
    found = [
        plan.estimate(set={"demand.requests_per_second": rps, "services.backend.instances.max": most})
        for rps, most in ((np.int64(50), np.int64(9)), (Decimal(50), 9), (50, 9))
    ]
    assert found[0].document == found[1].document == found[2].document
    rows = plan.estimate(sweep={"demand.requests_per_second": "10,200"}).to_pandas()
    assert list(rows["demand.requests_per_second"].astype(float)) == [10, 200]
    over = {"between": "plan", "over": "demand.requests_per_second"}
    with pytest.raises(capplan.InputError, match="at least two"):
        plan.breakeven(**over)
    with pytest.raises(capplan.InputError, match="'none-such'"):
        example("levqor", books="none-such").estimate()


@pytest.mark.parametrize("path", ["a" * 5000, "a\0b"])
def test_a_path_that_no_file_can_have_is_an_input_error(path: str) -> None:
    with pytest.raises(capplan.InputError):
        capplan.load(path)


def test_the_other_questions_are_answered_as_by_the_commands(capplan: Callable) -> None:
    path, plan = ROOT / "examples" / "levqor", example("levqor")
    pairs = {
        "recommend": plan.recommend(),
        "breakeven": plan.breakeven(points=50),
        "check": plan.check(today=date(2026, 9, 30)),
        "simulate": plan.simulate(days=0.01),
    }
    more = {
        "breakeven": ("--points", "50"),
        "check": ("--today", "2026-09-30"),
        "simulate": ("--days", "0.01"),
    }
    for command, answer in pairs.items():
        document = shown(capplan, command, path, *more.get(command, ()))
        assert answer.document == document, command
    assert plan.check(today=date(2026, 9, 30)).exit_code == 0
    other = example("levqor", alternative=plan.alternatives[0])
    assert plan.diff(other).document["monthly_cost"]["expected"]["after"] == pytest.approx(
        other.estimate().monthly_cost.expected
    )


def test_files_are_those_that_are_written(capplan: Callable, tmp_path: Path) -> None:
    assert capplan("render-manifests", ROOT / "examples" / "levqor", "-o", tmp_path).exit_code == 0
    files = example("levqor").render()
    assert files == {path: (tmp_path / path).read_text() for path in files}


def test_a_drawing_is_that_of_the_command(capplan: Callable) -> None:
    drawn = capplan("simulate", ROOT / "examples" / "levqor", "--days", "0.01", "--format", "svg").stdout
    assert example("levqor").simulate(days=0.01).to_svg() == drawn


def test_notebooks_show_pages_and_text_is_that_of_a_terminal() -> None:
    answer = example("levqor").estimate()
    assert answer._repr_html_().startswith("<!doctype html>")
    assert "backend" in str(answer)
    assert "services.backend.throughput" in str(answer.explain("backend"))
    with pytest.raises(capplan.InputError, match="has no drawing"):
        answer.to_svg()
    with pytest.raises(capplan.InputError, match="has no rows"):
        answer.explain().to_pandas()


def test_errors_have_their_places(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("name: t\ndemand: {requests_per_secnd: 1}\n")
    with pytest.raises(
        capplan.InputError, match=r"plan\.yaml:2:\d+: demand\.requests_per_secnd: unknown field"
    ):
        capplan.load(path)
    with pytest.raises(capplan.InputError, match="nothing"):
        example("levqor", set={"nothing": 1})
    with pytest.raises(AttributeError, match="no attribute 'estimat'"):
        capplan.estimat  # noqa: B018 - reading it is what fails


def test_prices_and_explanations_are_those_of_the_commands(capplan: Callable) -> None:
    wanted = {"provider": "aws", "service": "ec2", "region": "us-east-1", "vcpu": "4", "memory": "16"}
    options = [word for name, value in wanted.items() for word in (f"--{name}", value)]
    assert api.prices(**wanted).document == shown(capplan, "catalog", "list", *options)
    assert api.explain("unpriced").document == shown(capplan, "explain", "unpriced")
    with pytest.raises(api.InputError, match="Did you mean"):
        api.explain("unprised")


@pytest.mark.parametrize(("size", "option"), [("vcpu", "--vcpu"), ("memory", "--memory")])
def test_a_size_without_a_figure_is_refused(size: str, option: str) -> None:
    with pytest.raises(api.InputError, match=f"{option}: expected a number or a range"):
        api.prices(provider="gcp", **{size: ""})


def test_the_interface_is_what_it_says_it_is() -> None:
    """A name that comes or goes is a change for users: say it in the changelog."""
    import capplan.api

    assert sorted(capplan.__all__) == sorted(capplan.api.__all__)
    assert sorted(capplan.__all__) == [
        *("Answer", "Change", "CheckAnswer", "ComponentView", "Cost", "EstimateAnswer", "Finding"),
        *("InputError", "InstanceCounts", "LineView", "LoadedPlan", "explain", "load", "prices"),
    ]
    stub = (ROOT / "src/capplan/__init__.pyi").read_text()
    assert all(f" as {name}\n" in stub for name in capplan.__all__)


SCRIPT = """
import capplan
from capplan import InputError

def peak(plan: capplan.LoadedPlan, rps: float) -> float:
    counts = plan.estimate(set={"demand.requests_per_second": rps}).components["backend"].instances
    return 0.0 if counts is None else counts.peak

try:
    plan = capplan.load("plan.yaml", books=["afpi"])
except InputError as error:
    print(error)
    raise SystemExit(2)
cost = plan.estimate(samples=100).monthly_cost
total: float = 0.0 if cost is None else cost.expected
lines = [(line.sku, line.unit_price, line.as_of) for line in plan.estimate().lines]
worst = [finding.said for finding in plan.check().findings if finding.severity == "error"]
files = {path: len(text) for path, text in plan.render().items()}
frame = plan.estimate(sweep={"demand.month": [0, 1]}).to_pandas()
print(total, lines, worst, files, len(frame), peak(plan, 3.0), plan.breakeven().document["answers"])
"""


def test_a_users_script_is_typed(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = (
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--cache-dir",
        str(ROOT / ".mypy_cache"),
        str(script),
    )
    done = subprocess.run(
        command, capture_output=True, text=True, env={"MYPYPATH": str(ROOT / "src"), "PATH": ""}
    )
    assert done.stdout.startswith("Success"), done.stdout


def test_the_notebook_runs() -> None:
    """Its cells run one after the other in one namespace, as in a kernel."""
    cells = json.loads((ROOT / "docs" / "notebook.ipynb").read_text())["cells"]
    namespace: dict[str, object] = {}
    shown = 0
    for cell in cells:
        if cell["cell_type"] == "code":
            *lines, last = "".join(cell["source"]).split("\n")
            exec("\n".join(lines), namespace)
            value = eval(last, namespace)
            shown += value is not None
    assert shown >= 5


def test_the_page_about_programs_says_what_happens() -> None:
    """Each line that ends in a comment with a number gives it."""
    block = re.search(r"```python\n(.*?)```", (ROOT / "docs/api.md").read_text(), re.DOTALL)
    namespace: dict[str, object] = {}
    told = 0
    for line in block[1].splitlines():
        code, _, said = line.partition("  #")
        if re.fullmatch(r" [\d.]+", said):
            assert eval(code, namespace) == float(said)
            told += 1
        else:
            exec(code, namespace)
    assert told == 2

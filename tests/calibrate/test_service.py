"""`capplan calibrate service` from the command line: the document, the plan that it changes, the picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import ROOT

from capplan.plan.read import read_plan

RUNS = sorted((ROOT / "examples/loadtests/wrk").iterdir())
FIGURES = ("service_time_s", "cs2", "cpu_time_s", "concurrency", "throughput_rps", "knee_rps", "usl")
PLAN = """\
# the shop
name: shop
regions: {gcp: us-central1}
demand: {users_per_day: 20k, requests_per_user: 30}
services:
  web:   # what people see
    platform: cloud-run
    service_time: 50ms  # a guess
    concurrency: 8
    slo: {p95: 80ms}
"""


def test_the_document(capplan: Callable) -> None:
    run = capplan("calibrate", "service", *RUNS, "--format", "json")
    found = json.loads(run.stdout)
    assert (run.exit_code, found["model"]) == (0, "M/G/c")
    for name in FIGURES:
        figure = found[name]
        assert figure is None or figure["low"] <= figure["value"] <= figure["high"]
    assert {name for name in FIGURES if found[name] is None} == {"cpu_time_s", "usl"}
    for name in ("used", "warnings", "refused"):
        assert all(set(one) == {"file", "code", "message"} for one in found[name])
    assert [one["code"] for one in found["used"]] == ["wrk"] * len(RUNS)
    assert found["refused"] == []


def test_the_scalability_law_of_a_table(capplan: Callable, tmp_path: Path) -> None:
    """Gunther's law with γ 20, σ 0.05 and κ 0.001, to which exact values are given."""
    rows = (
        (n, 20 * n / (1 + 0.05 * (n - 1) + 0.001 * n * (n - 1))) for n in (1, 2, 4, 8, 16, 24, 32, 48, 64)
    )
    (tmp_path / "law.csv").write_text("users,throughput\n" + "".join(f"{n},{x:.9f}\n" for n, x in rows))
    usl = json.loads(capplan("calibrate", "service", tmp_path / "law.csv", "--format", "json").stdout)["usl"]
    assert usl["value"]["gamma"] == pytest.approx(20, rel=1e-6)
    assert usl["value"]["sigma"] == pytest.approx(0.05, rel=1e-5)
    assert usl["value"]["kappa"] == pytest.approx(0.001, rel=1e-5)
    assert usl["value"]["peak_concurrency"] == pytest.approx((0.95 / 0.001) ** 0.5, rel=1e-5)


def test_figures_are_written_into_the_plan(capplan: Callable, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    run = capplan("calibrate", "service", *RUNS, "--plan", plan, "--service", "web", "--apply")
    assert run.exit_code == 0, run.stderr
    assert "-    concurrency: 8\n" in run.stderr
    lines = plan.read_text().splitlines()
    assert [line for line in PLAN.splitlines() if line not in lines] == [
        "    service_time: 50ms  # a guess",
        "    concurrency: 8",
    ]
    assert next(line for line in lines if "service_time" in line).endswith("# a guess")
    web = read_plan(plan).plan.services["web"]
    assert float(web.service_time) == pytest.approx(0.0162, rel=0.05)
    assert web.service_time.low < 0.0162 < web.service_time.high
    assert float(web.concurrency) == 3
    assert 0 < float(web.throughput) < 3 / 0.0162
    again = capplan("calibrate", "service", *RUNS, "--plan", plan, "--service", "web", "--apply")
    assert "nothing to apply" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "RESULT...: is missing"),
        ((RUNS[0], "--apply"), "--apply: needs --plan"),
        ((RUNS[0], "--plan", "PLAN", "--service", "wob"), "no service 'wob'. Did you mean 'web'?"),
        ((RUNS[0], "--plan", "PLAN"), "which service was tested?"),
        (("gone.txt",), "gone.txt: no such file"),
        (("--prometheus", "ftp://x"), "is not an http address"),
        (("--prometheus", "http://127.0.0.1:9"), "cannot be asked"),
    ],
)
def test_bad_input(capplan: Callable, tmp_path: Path, arguments: tuple, said: str) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    words = (tmp_path / "plan.yaml" if word == "PLAN" else word for word in arguments)
    run = capplan("calibrate", "service", *words)
    assert run.exit_code == 2
    assert said in run.stderr


@pytest.mark.parametrize("fmt", ["svg", "html", "markdown"])
def test_reports_show_the_model_over_the_points(capplan: Callable, tmp_path: Path, fmt: str) -> None:
    run = capplan("calibrate", "service", *RUNS, "--format", fmt, "-o", tmp_path / "out")
    assert run.exit_code == 0, run.stderr
    text = (tmp_path / "out").read_text("utf-8")
    assert "M/G/c" in text

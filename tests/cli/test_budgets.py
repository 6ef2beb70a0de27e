"""Every input has a budget: what is too much is told before it is computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from capplan.report import render, sweep

GRID = (
    "--sweep",
    "demand.users_per_day=100,200,300,400,500,600,700",
    "--sweep",
    "demand.growth_per_month=0%,1%,2%",
)


@pytest.mark.parametrize("fmt", ["csv", "json", "table"])
def test_parts_of_a_sweep_change_no_digit(
    capplan: Callable, root: Path, monkeypatch: pytest.MonkeyPatch, fmt: str
) -> None:
    command = ("estimate", root / "examples/afpi", *GRID, "--format", fmt)
    whole = capplan(*command)
    monkeypatch.setattr(render, "_PART", 4)
    assert whole.exit_code == 0
    assert capplan(*command).stdout == whole.stdout


@pytest.mark.parametrize(
    ("fmt", "limit", "what"), [("table", "MAX_SHOWN", "a table"), ("json", "MAX_HOURLY", "JSON")]
)
def test_formats_say_how_many_scenarios_they_hold(
    capplan: Callable, root: Path, monkeypatch: pytest.MonkeyPatch, fmt: str, limit: str, what: str
) -> None:
    monkeypatch.setattr(sweep, limit, 20)
    run = capplan("estimate", root / "examples/afpi", *GRID, "--format", fmt)
    assert run.exit_code == 2
    assert f"21 scenarios are too many for {what}; the limit is 20. Take --format csv" in run.stderr
    assert (
        len(capplan("estimate", root / "examples/afpi", *GRID, "--format", "csv").stdout.splitlines()) == 22
    )


def test_samples_without_an_interval_draw_nothing_and_say_so(capplan: Callable, root: Path) -> None:
    plain = capplan("estimate", root / "examples/afpi", "--format", "json")
    run = capplan("estimate", root / "examples/afpi", "--samples", "1000", "--format", "json")
    assert run.stdout == plain.stdout
    assert "nothing is drawn: no number of the plan is an interval" in run.stderr
    assert capplan("estimate", root / "examples/afpi", "--samples", "3").exit_code == 2
    drawn = ("--set", "demand.users_per_day={p5: 100, p95: 400}", "--samples", "50")
    assert "nothing is drawn" not in capplan("estimate", root / "examples/afpi", *drawn).stderr


MONTHS, USERS = (",".join(map(str, range(first, last))) for first, last in ((0, 1500), (1, 1502)))


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (
            ["estimate", "--months", "600", "--samples", "9999", "--set", "demand.ca2={low: 1, high: 2}"],
            "scenarios",
        ),
        (["simulate", "--set", "services.backend.instances.max=1e9"], "at most 100,000 can be simulated"),
        (
            ["estimate", "--sweep", f"demand.month={MONTHS}", "--sweep", f"demand.users_per_day={USERS}"],
            "limit is 2",
        ),
    ],
    ids=["draws", "instances", "scenarios"],
)
def test_too_much_is_told(capplan: Callable, root: Path, command: list[str], what: str) -> None:
    name, *options = command
    run = capplan(name, root / "examples/afpi", *options)
    assert run.exit_code == 2
    assert what in run.stderr


def test_a_sample_of_another_time_is_no_history(capplan: Callable, root: Path, tmp_path: Path) -> None:
    series = {"metric": {"container": "api"}, "values": [[0, "1"], [1767225600, "1"], [1767225660, "1"]]}
    answer = {"status": "success", "data": {"resultType": "matrix", "result": [series]}}
    (tmp_path / "cpu.json").write_text(json.dumps(answer))
    usage = f"cpu={tmp_path / 'cpu.json'}"
    run = capplan("simulate", root / "examples/afpi", "--days", "0.01", "--right-size", "--usage", usage)
    assert run.exit_code == 2
    assert "the samples of 'api' span 20,454 days" in run.stderr

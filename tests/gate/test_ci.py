"""What CI runs: the action's own script, under the variables that GitHub sets."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="the script is one of bash")


def run(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script with a fake GitHub around it."""
    command = tmp_path / "bin" / "capplan"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m capplan "$@"\n')
    command.chmod(0o755)
    github = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary.md", "RUNNER_TEMP": "temp"}
    (tmp_path / "temp").mkdir(exist_ok=True)
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("CAPPLAN_")},
        **{name: str(tmp_path / value) for name, value in github.items()},
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        **variables,
    }
    script = ["bash", str(ROOT / "ci" / "check.sh")]
    return subprocess.run(script, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@needs_bash
def test_a_plan_that_passes_leaves_summary_report_and_code(tmp_path: Path) -> None:
    done = run(tmp_path, PLAN="examples/levqor", BASE="examples/levqor")
    assert done.returncode == 0, done.stderr
    outputs = dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())
    assert outputs["exit-code"] == "0"
    assert Path(outputs["report"]).read_text().startswith("<!-- capplan-diff -->")
    assert "### PASS  levqor" in (tmp_path / "summary.md").read_text()


@needs_bash
@pytest.mark.parametrize(("forgiven", "code"), [("false", 4), ("true", 0)])
def test_a_failing_plan_annotates_and_fails_unless_forgiven(tmp_path: Path, forgiven: str, code: int) -> None:
    gates = tmp_path / "gates.yaml"
    gates.write_text("capacity: {minimum_instances: 5}\n")
    done = run(tmp_path, PLAN="examples/levqor", GATES=str(gates), EXIT_ZERO=forgiven)
    assert done.returncode == code
    assert done.stdout.startswith("::error file=examples/levqor/plan.yaml,line=")
    assert "exit-code=4" in (tmp_path / "output").read_text()


@needs_bash
def test_bad_input_is_never_forgiven(tmp_path: Path) -> None:
    done = run(tmp_path, PLAN="examples/nowhere", EXIT_ZERO="true")
    assert done.returncode == 2
    assert "nowhere" in done.stderr


def test_the_action_passes_inputs_through_the_environment() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    steps = action["runs"]["steps"]
    assert all("${{" not in step["run"] for step in steps)
    used = {value for step in steps for value in step["env"].values()}
    assert {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]} <= used

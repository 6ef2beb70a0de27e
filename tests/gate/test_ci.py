"""What CI runs: the scripts of the action and the job for GitLab, under the variables that these set."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from capplan import __version__

ROOT = Path(__file__).resolve().parents[2]
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="the script is one of bash")


def run(tmp_path: Path, place: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the action's script in ``place`` with a fake GitHub around it."""
    return job(tmp_path, [str(ROOT / "ci" / "check.sh")], place, **variables)


def job(tmp_path: Path, script: list[str], place: Path, **variables: str) -> subprocess.CompletedProcess[str]:
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
    return subprocess.run(
        ["bash", *script], cwd=place, env=environment, capture_output=True, text=True, check=False
    )


PLAN = """
name: {0}
regions: {{aws: us-east-1}}
demand: {{requests_per_second: 0, profile: flat}}
resources: {{balancers: {{provider: aws, service: elb, sku: alb-hour, quantity: {1}}}}}
gates: {{budgets: [{{name: month, expected: 100}}]}}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository of two plans, one of which costs too much since its branch began."""
    place = tmp_path / "repository"
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for number, words in enumerate([("init", "-qb", "main"), ("checkout", "-qb", "more")]):
        for name in ("mail", "scans")[number:]:
            (place / name).mkdir(parents=True, exist_ok=True)
            (place / name / "plan.yaml").write_text(PLAN.format(name, 1 + 9 * number))
        for command in (words, ("add", "."), ("commit", "-qm", "Plan")):
            subprocess.run(["git", *who, *command], cwd=place, check=True, capture_output=True)
    return place


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


@needs_bash
def test_without_a_plan_all_that_change_are_judged(tmp_path: Path, repository: Path) -> None:
    done = run(tmp_path, repository, PLAN="", BASE="main")
    assert done.returncode == 3, done.stderr
    assert "scans/plan.yaml: budget/month: expected cost is" in done.stderr
    summary = (tmp_path / "summary.md").read_text()
    assert "1 plan, 1 changed, 1 over a gate" in summary
    assert "exit-code=3" in (tmp_path / "output").read_text()


@needs_bash
def test_the_job_for_gitlab_runs_as_it_stands(tmp_path: Path, repository: Path) -> None:
    written = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text())["capplan"]
    script = ["-euc", "\n".join(written["script"])]
    base = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "main", "PLAN": "scans/plan.yaml"}
    done = job(tmp_path, script, repository, **base)
    assert done.returncode == 3, done.stderr
    assert "scans: expected cost rises" in (repository / "capplan-diff.md").read_text()
    assert "budget/month" in (repository / "capplan.xml").read_text()
    assert written["variables"]["CAPPLAN_VERSION"] == __version__


def test_the_action_passes_inputs_through_the_environment() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    steps = action["runs"]["steps"]
    assert all("${{" not in step["run"] for step in steps)
    used = {value for step in steps for value in step["env"].values()}
    assert {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]} <= used


USES = re.compile(r"uses: *(\S+)")
WORKFLOWS = [
    *(ROOT / ".github" / "workflows").glob("*.yml"),
    *(ROOT / "docs").rglob("*.md"),
    ROOT / "action.yml",
]


def test_every_action_is_pinned_by_its_hash() -> None:
    used = [found for path in WORKFLOWS for found in USES.findall(path.read_text(encoding="utf-8"))]
    assert len(used) > 8
    assert [one for one in used if not re.search(r"@([0-9a-f]{40}|COMMIT)$", one)] == []


@pytest.mark.parametrize(
    "command", [("zizmor", "--offline", "--no-progress", "."), ("hadolint", "--no-color", "Dockerfile")]
)
def test_linters_of_workflows_and_images_have_nothing_to_say(command: tuple[str, ...]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_workflows_that_users_copy_are_as_good_as_ours(tmp_path: Path) -> None:
    if shutil.which("zizmor") is None:
        pytest.skip("zizmor is not installed")
    shown = (ROOT / "docs" / "how-to" / "ci.md").read_text() + (ROOT / "docs" / "tutorial.md").read_text()
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", shown, re.DOTALL) if "uses:" in block]
    for number, block in enumerate(blocks):
        path = tmp_path / ".github" / "workflows" / f"{number}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.replace("@COMMIT", f"@{'a' * 40}"))
    assert blocks
    done = subprocess.run(
        ["zizmor", "--offline", "--no-progress", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_image_runs_as_nobody_in_particular_with_git_and_locked_versions() -> None:
    lines = (ROOT / "Dockerfile").read_text()
    assert re.search(r"(?m)^USER [1-9]\d*$", lines)
    assert re.search(r"install [^\n]*\bgit\b", lines)
    installs = re.findall(r"pip install (.*)", lines)
    assert all("--require-hashes" in one or "--no-deps --no-build-isolation" in one for one in installs)
    assert len(installs) == 2

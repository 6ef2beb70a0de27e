"""The locked requirements: complete, with hashes, from no index in particular."""

import re
import tomllib
from pathlib import Path

import pytest
from changed import paths_for
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = DECLARED["project"]
NEEDED = {
    "run": PROJECT["dependencies"] + ["hatchling"],
    "dev": PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"],
    "docs": DECLARED["dependency-groups"]["docs"],
}


def locked(name: str) -> list[Requirement]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    logical = re.sub(r" *\\\n *", " ", text).splitlines()
    return [Requirement(line.split(" --hash=")[0]) for line in logical if line and line[0] not in " #"]


@pytest.mark.parametrize("name", NEEDED)
def test_every_requirement_is_locked_within_its_range(name):
    versions = {}
    for pin in locked(name):
        (version,) = pin.specifier
        versions.setdefault(canonicalize_name(pin.name), []).append(version.version)
    for requirement in map(Requirement, NEEDED[name]):
        found = versions[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in found), requirement


@pytest.mark.parametrize("name", NEEDED)
def test_every_locked_version_has_hashes_and_no_index(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert set(re.findall(r"(?m)(?:^|\s)(--?[a-z-]+)[= ]", text)) <= {"--hash", "-c"}
    assert all(pin.url is None for pin in locked(name))
    assert len(locked(name)) <= len(
        re.findall(r"==\S+(?: ;[^\n]*)? \\\n    --hash=sha256:[0-9a-f]{64}", text)
    )


def test_what_runs_is_what_is_tested():
    tested = {(pin.name, str(pin.specifier)) for pin in locked("dev")}
    assert {(pin.name, str(pin.specifier)) for pin in locked("run")} <= tested


@pytest.mark.parametrize(
    ("files", "tests"),
    [
        (["README.md"], []),
        (["src/capplan/gate/check.py"], ["tests/gate", "tests/smoke", "tests/test_imports.py"]),
        (["src/capplan/many.py"], ["tests/smoke", "tests/test_imports.py", "tests/test_many.py"]),
        (["tests/gate/test_diff.py"], ["tests/gate/test_diff.py"]),
        (["tests/cli/snapshots/json.txt", "tests/cli/test_help.py"], ["tests/cli"]),
    ],
)
def test_make_check_runs_the_paths_for_what_changed(files, tests):
    assert paths_for(files) == tests

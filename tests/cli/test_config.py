"""Defaults of the user's own: which is stronger, where each comes from, what is wrong with one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from capplan.cli.app import app_with
from capplan.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
SHOP = ("estimate", ROOT / "tests" / "cli" / "plans" / "shop.yaml")
FROZEN = str(ROOT / "tests" / "cli" / "frozen_catalogs")
BOOK = """\
schema: 1
name: ours
source: {text: a contract, as_of: 2026-01-01}
discounts: [{provider: gcp, percent: 50%}]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory with a repository to work in, and the user's file beside it."""
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "deep").mkdir()
    (tmp_path / "capplan").mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path / "repo" / "deep")
    return tmp_path


def user(home: Path, text: str) -> None:
    (home / "capplan" / "config.toml").write_text(text, encoding="utf-8")


def project(home: Path, text: str, name: str = "capplan.toml") -> Path:
    path = home / "repo" / name
    path.write_text(text, encoding="utf-8")
    return path


def in_force(capplan: Callable, key: str) -> tuple[Any, str]:
    run = capplan("config", "show", "--format", "json")
    assert run.exit_code == 0, run.stderr
    found = json.loads(run.stdout)["settings"][key]
    return found["value"], found["origin"]


# Which is stronger


def test_each_level_is_stronger_than_the_one_below(
    capplan: Callable, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begins() -> str:
        return capplan(*SHOP, "--catalogs", FROZEN).stdout[:2]

    assert begins() not in ("{\n", "##", "co")
    user(home, 'format = "markdown"\n')
    assert begins() == "##"
    assert in_force(capplan, "format") == ("markdown", f"{home}/capplan/config.toml:1")
    path = project(home, '# the team\'s\nformat = "json"\n')
    assert begins() == "{\n"
    assert in_force(capplan, "format") == ("json", f"{path}:2")
    monkeypatch.setenv("CAPPLAN_FORMAT", "csv")
    assert begins() not in ("{\n", "##")
    assert in_force(capplan, "format") == ("csv", "CAPPLAN_FORMAT")
    assert capplan(*SHOP, "--catalogs", FROZEN, "--format", "markdown").stdout[:2] == "##"


def test_every_setting_has_a_variable(capplan: Callable, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "provider": "aws",
        "region": "us-east-1",
        "books": "afpi ours",
        "catalogs": FROZEN,
        "schemas": "here",
        "format": "json",
        "width": "99",
    }
    for key, value in said.items():
        monkeypatch.setenv(f"CAPPLAN_{key.upper()}", value)
    found = json.loads(capplan("config", "show").stdout)["settings"]
    assert {key: one["origin"] for key, one in found.items()} == {k: f"CAPPLAN_{k.upper()}" for k in said}
    assert (found["books"]["value"], found["width"]["value"]) == (["afpi", "ours"], 99)


def test_nothing_set_is_the_default(capplan: Callable, home: Path) -> None:
    run = capplan("config", "show")
    assert (run.exit_code, run.stderr) == (0, "")
    assert [line.split()[-1] for line in run.stdout.splitlines()[1:]] == ["default"] * 7


# Where the files are


def test_project_is_found_up_to_the_top_of_the_repository(capplan: Callable, home: Path) -> None:
    (home / "capplan.toml").write_text("width = 90\n")
    assert in_force(capplan, "width") == (None, "default")
    path = project(home, '[project]\nname = "x"\n[tool.capplan]\n\nwidth = 91\n', "pyproject.toml")
    assert in_force(capplan, "width") == (91, f"{path}:5")
    path = project(home, "width = 92\n")
    assert in_force(capplan, "width") == (92, f"{path}:1")


def test_pyproject_without_our_table_is_none_of_ours(capplan: Callable, home: Path) -> None:
    project(home, "not toml at all", "pyproject.toml")
    assert in_force(capplan, "width") == (None, "default")


def test_without_a_repository_only_the_working_directory_counts(
    capplan: Callable, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "plain" / "deep").mkdir(parents=True)
    (home / "plain" / "capplan.toml").write_text("width = 90\n")
    monkeypatch.chdir(home / "plain" / "deep")
    assert in_force(capplan, "width") == (None, "default")
    monkeypatch.chdir(home / "plain")
    assert in_force(capplan, "width")[0] == 90


# What they do


def test_width_is_that_of_reports(capplan: Callable, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    narrow = capplan(*SHOP, "--catalogs", FROZEN).stdout
    project(home, "width = 120\n")
    wide = capplan(*SHOP, "--catalogs", FROZEN).stdout
    assert max(map(len, narrow.splitlines())) <= 80 < max(map(len, wide.splitlines())) <= 120


def test_books_are_as_if_given_and_are_named(capplan: Callable, home: Path) -> None:
    project(home, f'catalogs = "{FROZEN}"\nbooks = ["books/ours.yaml"]\n')
    (home / "repo" / "books").mkdir()
    book = home / "repo" / "books" / "ours.yaml"
    book.write_text(BOOK, encoding="utf-8")
    set_ = capplan(*SHOP, "--format", "json")
    assert set_.exit_code == 0, set_.stderr
    assert set_ == capplan(*SHOP, "--format", "json", "--book", book)
    assert "book ours" in [catalog["name"] for catalog in json.loads(set_.stdout)["catalogs"]]


def test_region_and_provider_are_for_manifests_and_change_no_plan(capplan: Callable, home: Path) -> None:
    before = capplan(*SHOP, "--catalogs", FROZEN)
    project(home, 'provider = "aws"\nregion = "us-east-1"\n')
    assert capplan(*SHOP, "--catalogs", FROZEN) == before
    adopted = capplan("adopt", ROOT / "examples" / "manifests")
    assert adopted.exit_code == 0, adopted.stderr
    assert "us-east-1" in adopted.stdout
    other = capplan("adopt", ROOT / "examples" / "manifests", "--provider", "gcp")
    assert other.exit_code == 2
    assert "us-east-1" not in other.stderr


def test_catalog_is_searched_for_what_is_asked_and_no_less(capplan: Callable, home: Path) -> None:
    every = capplan("catalog", "list", "--catalogs", FROZEN)
    project(home, 'provider = "aws"\nregion = "us-east-1"\n')
    assert capplan("catalog", "list", "--catalogs", FROZEN) == every


def test_quick_look_at_a_model_takes_no_offence_at_books(capplan: Callable, home: Path) -> None:
    project(home, 'books = ["afpi"]\n')
    assert capplan("llm", "--model", "mistral-7b", "--gpu", "t4").exit_code == 0


# Formats that a command does not have


@pytest.mark.parametrize("place", ["environment", "file"])
def test_format_that_is_set_and_that_a_command_lacks_is_passed_over(
    capplan: Callable, home: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    plain = capplan("config", "show", "--format", "json").stdout
    user(home, 'format = "json"\n')
    if place == "file":
        origin = str(project(home, 'format = "focus"')) + ":1"
    else:
        origin = "CAPPLAN_FORMAT"
        monkeypatch.setenv(origin, "focus")
    run = capplan("config", "show")
    assert (run.exit_code, plain[:2], run.stdout[:2]) == (0, "{\n", "{\n")
    assert run.stderr.startswith(f"{origin}: format 'focus' is ignored, because this command prints")


def test_format_on_the_command_line_that_a_command_lacks_is_an_error(capplan: Callable, home: Path) -> None:
    run = capplan("config", "show", "--format", "tabel")
    assert (run.exit_code, run.stdout) == (2, "")
    assert "--format: 'tabel' is not a format of this command. Did you mean 'table'?" in run.stderr


def test_explanation_is_text_whatever_format_is_set(
    capplan: Callable, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explained = capplan(*SHOP, "--catalogs", FROZEN, "--explain")
    monkeypatch.setenv("CAPPLAN_FORMAT", "json")
    run = capplan(*SHOP, "--catalogs", FROZEN, "--explain")
    assert (run.exit_code, run.stdout) == (0, explained.stdout)
    assert run.stderr.startswith("CAPPLAN_FORMAT: format 'json' is ignored")
    assert capplan(*SHOP, "--catalogs", FROZEN, "--explain", "--format", "json").exit_code == 2


LEVQOR = ROOT / "examples" / "levqor"


@pytest.mark.parametrize(
    ("fmt", "command"),
    [
        ("focus", (*SHOP, "--catalogs", FROZEN, "--sweep", "users_per_day=1k,2k")),
        ("csv", ("simulate", LEVQOR, "--days", "0.05", "--right-size")),
        ("sarif", ("recommend", *SHOP[1:], "--catalogs", FROZEN)),
        ("focus", ("verify", ROOT / "examples" / "manifests")),
        ("svg", ("catalog", "list", "--catalogs", FROZEN)),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, tuple) else value,
)
def test_format_that_an_answer_lacks_is_passed_over_from_the_environment_only(
    capplan: Callable, home: Path, monkeypatch: pytest.MonkeyPatch, fmt: str, command: tuple
) -> None:
    plain = capplan(*command)
    monkeypatch.setenv("CAPPLAN_FORMAT", fmt)
    run = capplan(*command)
    assert (run.exit_code, run.stdout) == (plain.exit_code, plain.stdout)
    assert run.stderr.startswith(f"CAPPLAN_FORMAT: format '{fmt}' is ignored")
    said = capplan(*command, "--format", fmt)
    assert (said.exit_code, said.stdout) == (2, "")


def test_every_format_heeds_the_environment() -> None:
    waiting, without = [get_command(app_with(COMMANDS))], []
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        without += [p for p in command.params if "--format" in p.opts and p.envvar != "CAPPLAN_FORMAT"]
    assert without == []


# Mistakes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\nfromat = 1\n", ":2: unknown setting 'fromat'. Did you mean 'format'?"),
        ("width = 20\n", ":1: width: expected a whole number from 40 to 1000, got 20"),
        ("width = true\n", ":1: width: expected a whole number"),
        ('books = "afpi"\n', ":1: books: expected a list of strings, got 'afpi'"),
        ("books = [1]\n", ":1: books: expected a list of strings"),
        ('region = ""\n', ":1: region: expected text"),
        ('format = ["json"]\n', ":1: format: expected text"),
        (
            'x = 1\nprovider = "awz"\n',
            ":2: provider: expected one of gcp, aws, azure, got 'awz'. Did you mean 'aws'?",
        ),
        ("width = \n", "is not valid TOML"),
        ("width = 1\nwidth = 2\n", "is not valid TOML"),
    ],
)
@pytest.mark.parametrize("whose", ["project", "user"])
def test_mistake_is_named_with_its_place(
    capplan: Callable, home: Path, whose: str, text: str, says: str
) -> None:
    if whose == "project":
        path = project(home, text)
    else:
        path = home / "capplan" / "config.toml"
        user(home, text)
    for command in (("config", "show"), SHOP):
        run = capplan(*command)
        assert (run.exit_code, run.stdout) == (2, "")
        assert str(path) in run.stderr
        assert says in run.stderr
    assert capplan("estimate", "--help").exit_code == 0


@pytest.mark.parametrize("width", ["20", "wide", "-5", "1001"])
def test_variable_with_a_wrong_width_is_named(
    capplan: Callable, home: Path, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("CAPPLAN_WIDTH", width)
    run = capplan(*SHOP, "--catalogs", FROZEN)
    assert (run.exit_code, run.stdout) == (2, "")
    assert run.stderr.startswith("capplan: CAPPLAN_WIDTH: expected a whole number from 40 to 1000")


def test_toml_is_read_only_where_there_is_a_file(home: Path) -> None:
    code = (
        "import sys, capplan.cli.settings as s; s.layers(); "
        "print('tomllib' in sys.modules, 'capplan.strictyaml' in sys.modules)"
    )

    def loaded() -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert loaded().split() == ["False", "False"]
    project(home, "width = 90\n")
    assert loaded().split() == ["True", "True"]

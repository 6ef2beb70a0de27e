"""Completion scripts, driven by the shells themselves where these are installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from capplan.cli.commands import COMMANDS
from capplan.cli.tree import nodes

NODES = {node.words: node for node in nodes()}
SHELLS = ("bash", "zsh", "fish")

_BASH = """
source "$1"; shift
complete -p capplan >/dev/null || exit 1
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_capplan; printf '%s\\n' "${COMPREPLY[@]}"
"""
_ZSH = """
compdef() { :; }
compadd() { shift; print -l -- "$@"; }
compset() { PREFIX="${PREFIX#*=}"; }
_files() { print -- FILES; }
source "$1"; shift
words=("$@"); CURRENT=$#; PREFIX="${words[CURRENT]}"
_capplan
"""
_FISH = 'source "$argv[1]"; complete -C "$argv[2]"'


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scripts")


@pytest.fixture(params=SHELLS)
def offered(request: pytest.FixtureRequest, capplan: Callable, scripts: Path) -> Callable[..., set[str]]:
    """Return a function that says what a shell offers for the last of some words."""
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = scripts / f"capplan.{shell}"
    if not script.exists():
        script.write_text(capplan("completion", shell).stdout, encoding="utf-8")

    def run(*words: str) -> set[str]:
        code = {
            "bash": ["bash", "--norc", "-c", _BASH, "bash", script, "capplan", *words],
            "zsh": ["zsh", "-f", "-c", _ZSH, "zsh", script, "capplan", *words],
            "fish": ["fish", "--no-config", "-c", _FISH, script, " ".join(["capplan", *words])],
        }[shell]
        done = subprocess.run(code, capture_output=True, text=True, check=True, cwd=scripts)
        assert done.stderr == ""
        # zsh leaves it to its own compadd to keep what begins as the word does; fish adds descriptions.
        found = {line.split("\t")[0] for line in done.stdout.splitlines()}
        typed = words[-1].rpartition("=")[2]
        return {one for one in found if one.removeprefix("--format=").startswith(typed) and one}

    return run


def files(found: set[str]) -> bool:
    """Say whether a shell is left to offer files, or has offered those of the directory."""
    return found <= {"FILES", *(f"capplan.{shell}" for shell in SHELLS)}


def test_commands_are_offered(offered: Callable) -> None:
    assert offered("") == set(COMMANDS)
    assert offered("e") >= {"estimate"}
    assert offered("catalog", "") == set(NODES["catalog"].below)


@pytest.mark.parametrize("words", [node.words for node in NODES.values() if not node.below])
def test_options_of_every_command_are_offered(offered: Callable, words: str) -> None:
    names = {name for option in NODES[words].options for name in option.names if name.startswith("--")}
    assert {name for name in offered(*words.split(), "--") if name.startswith("--")} == names


def test_choices_are_offered(offered: Callable) -> None:
    formats = set(next(o for o in NODES["estimate"].options if "--format" in o.names).choices)
    assert "json" in formats
    assert offered("estimate", "plan.yaml", "--format", "") == formats
    assert offered("estimate", "--format", "j") == {"json"}
    assert offered("completion", "") == set(SHELLS)


def test_choices_are_offered_after_an_equals_sign(offered: Callable, request: pytest.FixtureRequest) -> None:
    in_bash = "bash" in request.node.name
    words = ["estimate", "--format", "=", "j"] if in_bash else ["estimate", "--format=j"]
    assert {one.rpartition("=")[2] for one in offered(*words)} == {"json"}


def test_files_are_offered_otherwise(offered: Callable) -> None:
    assert files(offered("estimate", ""))
    assert files(offered("estimate", "plan.yaml", "-o", ""))
    assert files(offered("check", "plan.yaml", "--gates", ""))


def test_values_are_no_commands(offered: Callable) -> None:
    assert "--vcpu" not in offered("check", "--")
    assert "--gates" not in offered("catalog", "check", "--")


def test_every_command_is_in_the_tree() -> None:
    assert set(NODES[""].below) == set(COMMANDS)
    assert NODES["catalog check"].arguments[0].names == ("files",)


def test_another_shell_is_refused(capplan: Callable) -> None:
    run = capplan("completion", "tcsh")
    assert (run.exit_code, run.stdout) == (2, "")
    assert "'bash'" in run.stderr

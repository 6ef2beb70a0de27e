"""The help of every command: there, in order, with an example that works."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from capplan.cli.app import app_with
from capplan.cli.commands import COMMANDS as SUMMARIES

ROOT = Path(__file__).resolve().parents[2]
WHOLE = get_command(app_with(SUMMARIES))


def _commands() -> Iterator[list[str]]:
    """Yield the words of every command, groups included, capplan itself left out."""
    waiting = [([], WHOLE)]
    while waiting:
        words, command = waiting.pop()
        for name, below in getattr(command, "commands", {}).items():
            yield [*words, name]
            waiting.append(([*words, name], below))


COMMANDS = sorted(_commands())


def _example(capplan: Callable, command: list[str]) -> list[str]:
    """Return the arguments of the example in a command's help, its lines joined as a reader would."""
    text = capplan(*command, "--help").stdout
    found = re.search(r"Example: capplan (.*?)\n\n", text, re.DOTALL)
    assert found, text
    # typer breaks lines at hyphens, too, and indents them.
    return shlex.split(re.sub(r"-\n\s+", "-", found[1]))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_is_there_in_short_and_long(capplan: Callable, command: list[str]) -> None:
    run = capplan(*command, "--help")
    assert (run.exit_code, run.stderr) == (0, "")
    assert run == capplan(*command, "-h")
    assert run.stdout.startswith(f"Usage: capplan {' '.join(command)} ")
    assert run.stdout.split("\n\n")[1].endswith(".")


MANIFESTS = "render-manifests examples/levqor --alternative eks -o"
NEEDS = {"verify": f"{MANIFESTS} manifests", "adopt": f"{MANIFESTS} k8s"}
"""What must have been run before an example, because it reads what somebody has written."""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_example_of_the_help_works(
    capplan: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    _check_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    if command[0] in NEEDS:
        capplan(*NEEDS[command[0]].split())
    arguments = _example(capplan, command)
    assert arguments[: len(command)] == command
    if command == ["catalog", "update"]:
        # Nobody is there to answer: what is tested is that the example is understood.
        assert "nobody answers there" in capplan(*arguments, "--url", "http://127.0.0.1:9").stderr
        return
    run = capplan(*arguments)
    # 6 is `catalog check --strict` on prices that have grown old since.
    assert run.exit_code in ((0, 6) if "--strict" in arguments else (0,)), run.stderr


def _check_out(directory: Path) -> None:
    """Make what the examples run in: the top of a checkout, but free to write."""
    shutil.copytree(ROOT / "examples", directory / "examples")
    who = ("-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false")
    for step in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "."],
        ["commit", "--quiet", "-m", "one"],
    ):
        subprocess.run(["git", *who, *step], cwd=directory, check=True)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_option_says_what_it_does(command: list[str]) -> None:
    below = WHOLE
    for word in command:
        below = below.commands[word]
    assert [parameter.name for parameter in below.params if not getattr(parameter, "help", "")] == []


@pytest.mark.parametrize("name", SUMMARIES)
def test_list_of_commands_says_what_their_own_help_says(name: str) -> None:
    # The list is made without loading the commands, from sentences of its own.
    own = WHOLE.commands[name].help.split("\n\n")[0]
    assert " ".join(own.split()) == SUMMARIES[name].summary


def test_bare_command_shows_the_help(capplan: Callable) -> None:
    run = capplan()
    assert run == capplan("--help") == capplan("-h")
    assert max(map(len, run.stdout.splitlines())) <= 80
    assert all(f"\n  {name} " in run.stdout for (name, *rest) in COMMANDS if not rest)


def test_help_fits_one_screen(capplan: Callable) -> None:
    """A line a command, and twelve around them."""
    commands = [name for name, *rest in COMMANDS if not rest]
    assert len(capplan().stdout.splitlines()) <= len(commands) + 12


@pytest.mark.parametrize(
    ("wrong", "right"), [("estimat", "estimate"), ("catalogue", "catalog"), ("shema", "schema")]
)
def test_unknown_command_gets_the_nearest(capplan: Callable, wrong: str, right: str) -> None:
    run = capplan(wrong)
    assert (run.exit_code, run.stdout) == (2, "")
    assert f"No such command '{wrong}'. Did you mean '{right}'" in run.stderr


def test_help_names_the_debug_option(capplan: Callable) -> None:
    assert "--debug" in capplan("--help").stdout

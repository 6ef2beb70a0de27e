"""What an argument means is decided by the arguments alone, and a flag means one thing everywhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from capplan.cli.app import app_with
from capplan.cli.argv import spelled_out
from capplan.cli.command import Command
from capplan.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "tests" / "cli" / "plans" / "shop.yaml"
CATALOGS = ("--catalogs", ROOT / "tests" / "cli" / "frozen_catalogs")
AFPI = ROOT / "examples" / "afpi"


def commands(command: Any, words: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its words."""
    below = getattr(command, "commands", {})
    if not below:
        yield words, command
    for name, one in below.items():
        yield from commands(one, f"{words} {name}".strip())


ALL = dict(commands(get_command(app_with(COMMANDS))))


@pytest.mark.parametrize("command", ALL)
def test_every_command_reads_its_arguments_in_the_same_way(command: str) -> None:
    assert isinstance(ALL[command], Command)


# Options whose value may be left out


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ("p.yaml --explain", "--explain all p.yaml"),
        ("p.yaml --explain web", "--explain web p.yaml"),
        ("--explain web p.yaml", "--explain web p.yaml"),
        ("--explain p.yaml", "--explain all p.yaml"),
        ("--explain -v p.yaml", "--explain all p.yaml -v"),
        ("--explain -", "--explain all -"),
        ("--explain=web p.yaml", "p.yaml --explain=web"),
        ("p.yaml --months 12 --explain", "--months 12 --explain all p.yaml"),
        ("--months 12 --explain web", "--months 12 --explain web"),
        ("--months --explain p.yaml", "--months horizon --explain all p.yaml"),
        ("--manifests k8s --explain web", "--explain web --manifests k8s"),
        ("--manifests=k8s --explain web", "--explain web --manifests=k8s"),
        ("-o --explain p.yaml", "p.yaml -o --explain"),
        ("--explain -qo out.txt p.yaml", "--explain all p.yaml -qo out.txt"),
        ("--explain -oout.txt p.yaml", "--explain all p.yaml -oout.txt"),
        ("--book --explain p.yaml", "p.yaml --book --explain"),
        ("-- --explain", "-- --explain"),
        ("--explain -- p.yaml", "--explain all -- p.yaml"),
        ("p.yaml --samples", "p.yaml --samples"),
        ("p.yaml --explain --explain web", "--explain web p.yaml"),
    ],
)
def test_optional_values_are_found(given: str, understood: str) -> None:
    takes_value = ALL["estimate"]._takes_value
    assert spelled_out(given.split(), takes_value) == understood.split()


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ("p.yaml --between plan gpu", "--between plan --between gpu p.yaml"),
        ("--between plan gpu p.yaml", "--between plan --between gpu p.yaml"),
        ("--between plan gpu --over users p.yaml", "--between plan --between gpu p.yaml --over users"),
        ("p.yaml --between plan --between gpu", "--between plan --between gpu p.yaml"),
        ("p.yaml --between=plan --between=gpu", "p.yaml --between=plan --between=gpu"),
        ("p.yaml --between", "p.yaml --between"),
        ("--between plan gpu -- p.yaml", "--between plan --between gpu -- p.yaml"),
    ],
)
def test_several_values_are_found(given: str, understood: str) -> None:
    assert spelled_out(given.split(), ALL["breakeven"]._takes_value) == understood.split()


@pytest.mark.parametrize(
    "arguments",
    [
        ("estimate", SHOP, "--explain", "web", *CATALOGS),
        ("estimate", "--explain", "web", SHOP, *CATALOGS),
        ("estimate", SHOP, "--months", "3", *CATALOGS),
        ("estimate", "--months", "3", SHOP, *CATALOGS),
        ("breakeven", AFPI, "--between", "plan", "gke-gpu", "--points", "20", "--format", "json"),
        ("breakeven", "--points", "20", "--between", "plan", "gke-gpu", AFPI, "--format", "json"),
    ],
    ids=lambda arguments: " ".join(str(a) for a in arguments[:-2] if not isinstance(a, Path)),
)
def test_files_with_the_names_of_values_change_nothing(
    capplan: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple
) -> None:
    monkeypatch.chdir(tmp_path)
    alone = capplan(*arguments)
    assert alone.exit_code == 0
    for name in ("web", "3", "plan", "gke-gpu"):
        (tmp_path / name).mkdir()
    assert capplan(*arguments) == alone


def test_plan_that_is_not_there_is_still_the_plan(capplan: Callable) -> None:
    run = capplan("estimate", "--explain", "gone.yaml")
    assert run.exit_code == 2
    assert run.stderr.startswith("capplan: gone.yaml: no such file.")


def test_value_that_could_be_the_plan_beside_another_is_none(capplan: Callable) -> None:
    run = capplan("estimate", "--months", "12", "--explain", "web")
    assert run.exit_code == 2
    assert "PLAN: is missing" in run.stderr


# One flag, one meaning

_SEVERAL_MEANINGS = {
    "--output": "a file, or a directory where a command writes several; of schema the command that prints it",
    "-o": "likewise, and always a place",
    "--force": "of render-manifests it replaces only what was changed by hand: the rest is its own",
    "--name": "the name of a SKU, or of the system",
    "--service": "a service of the plan, or of the catalog, by name",
    "--plan": "the plan that is judged with, or compared with what was measured",
    "--apply": "writes into the plan: settings as an alternative, what was measured in place",
    "--to": "the largest value of a driver, or the forge that is posted to",
    "--list": "what it lists is the command's own: parts of the output, or checks",
}
"""Flags whose help differs, each with the reason."""


def _values(option: Any) -> tuple[str, ...]:
    """Return what an option takes, be it once or several times; formats differ, as what is printed does."""
    if "--format" in option.opts:
        return ()
    annotation = option.type_descriptor.annotation
    return str(option.metavar), str(getattr(annotation, "__args__", (annotation,))[0])


def test_a_flag_means_the_same_in_every_command() -> None:
    meanings = defaultdict(lambda: defaultdict(list))
    for words, command in ALL.items():
        for option in (p for p in command.params if p.opts[0].startswith("-")):
            for name in option.opts:
                meanings[name][option.help, _values(option)].append(words)
    differing = {name: dict(found) for name, found in meanings.items() if len(found) > 1}
    assert differing.keys() == _SEVERAL_MEANINGS.keys(), differing


def test_tokens_and_tries_have_names_of_their_own(capplan: Callable, tmp_path: Path) -> None:
    look = ("llm", "--model", "mistral-7b", "--gpu", "t4", "--output-tokens", "300")
    assert capplan(*look).exit_code == 0
    assert capplan(*look, "--output", tmp_path / "look.txt").stdout == ""
    assert (tmp_path / "look.txt").read_text(encoding="utf-8") == capplan(*look).stdout
    assert "--budget" in capplan("simulate", AFPI, "--tune", "--budget", "40").stderr

"""What stdout can show, without a terminal to try it on."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest
from helpers import ROOT

from capplan.cli import terminal
from capplan.cli.output import emit


class Screen(io.TextIOWrapper):
    """A terminal, or a pipe, with an encoding."""

    def __init__(self, encoding: str = "utf-8", tty: bool = True) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty

    def shown(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.mark.parametrize(("columns", "width"), [("20", 40), ("40", 40), ("97", 97), ("500", 140)])
def test_width_is_the_terminals_within_reason(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    monkeypatch.setattr(sys, "stdout", Screen())
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal.width() == width


@pytest.mark.parametrize(("columns", "width"), [("132", 132), ("500", 140), ("", 80), ("wide", 80)])
def test_width_of_a_pipe_is_80_or_what_columns_says(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    monkeypatch.setattr(sys, "stdout", Screen(tty=False))
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal.width() == width


@pytest.mark.parametrize("tty", [False, True])
def test_width_that_is_set_is_stronger_than_columns(monkeypatch: pytest.MonkeyPatch, tty: bool) -> None:
    monkeypatch.setattr(sys, "stdout", Screen(tty=tty))
    monkeypatch.setenv("CAPPLAN_WIDTH", "200")
    assert terminal.width() == 200


@pytest.mark.parametrize(("encoding", "can"), [("utf-8", True), ("ascii", False), ("latin-1", False)])
def test_blocks_need_an_encoding_that_has_them(
    monkeypatch: pytest.MonkeyPatch, encoding: str, can: bool
) -> None:
    monkeypatch.setattr(sys, "stdout", Screen(encoding))
    assert terminal.can_draw() is can


def test_plain_replaces_every_sign_that_capplan_draws_with() -> None:
    signs = "─–…×÷∞←→≥≤−"
    assert terminal.plain(signs).isascii()
    assert terminal.plain("2 × 3 ≥ 5 → ∞") == "2 x 3 >= 5 -> inf"


def test_what_has_no_sign_in_the_encoding_is_a_question_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen("ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    emit("Zürich → 5\n")
    assert screen.shown() == "Z?rich -> 5\n"


def test_signs_stay_where_the_encoding_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen("utf-8")
    monkeypatch.setattr(sys, "stdout", screen)
    emit("Zürich → 5\n")
    assert screen.shown() == "Zürich → 5\n"


@pytest.mark.parametrize(
    ("tty", "forced", "coloured"), [(True, "", True), (False, "", False), (False, "1", True)]
)
def test_colours_are_for_terminals_or_by_force(
    monkeypatch: pytest.MonkeyPatch, tty: bool, forced: str, coloured: bool
) -> None:
    monkeypatch.setattr(sys, "stdout", Screen(tty=tty))
    monkeypatch.setenv("FORCE_COLOR", forced)
    assert terminal.has_colour() is coloured


def test_tables_of_an_estimate_fit_a_narrow_terminal(
    capplan: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    run = capplan("estimate", ROOT / "examples" / "afpi")
    assert run.exit_code == 0
    longest = max(run.stdout.splitlines(), key=len)
    assert len(longest) <= 40 or " " not in longest.strip()

"""The manual page: of the commands as they are, and without a warning of the formatter."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from capplan.cli.settings import KEYS
from capplan.cli.tree import nodes
from capplan.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "capplan.1"


@pytest.fixture(scope="module")
def shown() -> str:
    """Return the page as a reader sees it, on one endless line and without hyphenation."""
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tascii", "-P-cbou", "-rLL=2000n", "-rHY=0", str(PAGE)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return " ".join(done.stdout.split())


def test_page_is_of_these_commands() -> None:
    written = subprocess.run(
        [sys.executable, ROOT / "docs" / "manual.py"], capture_output=True, text=True, check=True
    )
    assert written.stdout == PAGE.read_text(encoding="utf-8"), "run `make docs`"


def test_page_shows_every_command_and_option(shown: str) -> None:
    for node in nodes():
        assert f"capplan {node.words}".strip() in shown
        assert node.summary in shown or node.words == ""
        for option in node.options:
            assert ", ".join(option.names) in shown


def test_page_shows_codes_and_variables(shown: str) -> None:
    codes = re.search(r"EXIT STATUS (.*) ENVIRONMENT", shown)
    assert codes is not None
    assert set(map(int, re.findall(r"(?:^| )(\d+) [A-Z]", codes[1]))) == {code.value for code in ExitCode}
    assert all(f"CAPPLAN_{key.upper()}" in shown for key in KEYS)

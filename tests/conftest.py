"""What every test relies on: the same environment everywhere, and two ways to run capplan."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

# Tests run the plain code, so that they wait for no compiler; those of the compiled code start processes of
# their own. NUMBA_DISABLE_JIT=0 compiles in all of them.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")

from capplan.cli.app import _run

ROOT = Path(__file__).resolve().parents[1]

_FIXED = {
    "NO_COLOR": "1",
    "COLUMNS": "80",
    "LINES": "24",
    "TZ": "UTC",
    "PYTHONIOENCODING": "utf-8",
    "XDG_CONFIG_HOME": str(ROOT / "no-such-directory"),
}


class Run(NamedTuple):
    """How a run of capplan ended."""

    exit_code: int
    stdout: str
    stderr: str


def _is_ours(name: str) -> bool:
    return name.startswith("CAPPLAN_") or name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


@pytest.fixture(autouse=True)
def _fixed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test the same terminal, time zone and options, whoever runs it."""
    for name in filter(_is_ours, list(os.environ)):
        monkeypatch.delenv(name)
    for name, value in _FIXED.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def root() -> Path:
    """Return the top of the checkout."""
    return ROOT


@pytest.fixture(params=["afpi", "levqor"])
def example(request: pytest.FixtureRequest) -> Path:
    """Return each of the examples that every command must be able to take."""
    return ROOT / "examples" / request.param


@pytest.fixture
def capplan(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Run]]:
    """Return a function that runs capplan in this process: ``capplan("estimate", path)``."""

    def run(*arguments: object, stdin: bytes | None = None) -> Run:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        # A process prints warnings to stderr, where pytest would swallow them or make them errors.
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always", RuntimeWarning)
            exit_code = _exit_code([str(argument) for argument in arguments])
        stdout, stderr = capsys.readouterr()
        return Run(exit_code, stdout, stderr + "".join(f"{w.category.__name__}: {w.message}\n" for w in seen))

    return run


def _exit_code(arguments: list[str]) -> int:
    """Return the exit code, whether it is returned or, as typer does, raised."""
    try:
        return _run(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)


@pytest.fixture
def process() -> Callable[..., Run]:
    """Return a function that runs capplan in a process of its own; ``env`` changes its environment."""

    def run(
        *arguments: object,
        stdin: bytes = b"",
        cwd: Path = ROOT,
        env: Mapping[str, str | None] = {},
        encoding: str = "utf-8",
    ) -> Run:
        done = subprocess.run(
            [sys.executable, "-m", "capplan", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            cwd=cwd,
            env=environment(env),
            check=False,
        )
        return Run(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))

    return run


def environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return this environment with ``changes``; None removes a variable."""
    changed: dict[str, Any] = {**os.environ, **changes}
    return {name: value for name, value in changed.items() if value is not None}

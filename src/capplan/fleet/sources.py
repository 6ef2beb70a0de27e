"""Which plans a fleet is: files, directories, patterns, and what git has at a revision."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from glob import glob
from pathlib import Path

from capplan.errors import InputError, Problem
from capplan.gate.read import GATES_NAME
from capplan.gate.sides import is_revision, names_at, plan_at
from capplan.plan.read import PLAN_NAMES, PlanFile, parse_plan, read_plan, text_of
from capplan.stdin import is_stdin

FLEET_NAME = "fleet.yaml"

SentText = tuple[str, str]
"""Text of a plan, and what messages call it."""


def sources_of(arguments: Sequence[str]) -> list[str]:
    """Return the plans that ``arguments`` stand for, each once; InputError where one stands for none."""
    found: dict[str, str] = {}
    for argument in arguments:
        here = list(_plans(argument))
        if not here:
            remedy = f"In directories, plans are called {', '.join(PLAN_NAMES)}; others are named."
            raise InputError(Problem(argument, "there is no plan here", remedy))
        for source in here:
            found.setdefault(source if is_revision(source) else os.path.realpath(source), source)
    return list(found.values())


def travelling(sources: Sequence[str]) -> Iterator[tuple[str, SentText]]:
    """Yield the text and name of the plans that a machine without any of their files can estimate.

    Those are files whose text has no name of anything beside them, no gates beside them, and none that look
    at a base.
    """
    for source in (source for source in sources if not is_revision(source)):
        with suppress(InputError, OSError):
            text, name, directory = text_of(Path(source))
            beside = {entry.name for entry in os.scandir(directory)} - {Path(name).name}
            if GATES_NAME not in beside and not any(found in text for found in (*beside, "..", "increases")):
                yield source, (text, name)


def plan_of(source: str, books: Sequence[str], sent: SentText | None = None) -> PlanFile:
    """Return the plan at one of the :func:`sources_of` a fleet, or what was ``sent`` in its place."""
    if sent is not None:
        return parse_plan(*sent, Path(os.devnull), (), None, books)
    return plan_at(source, books) if is_revision(source) else read_plan(Path(source), (), None, books)


def _plans(argument: str) -> Iterator[str]:
    if is_revision(argument):
        names = names_at(argument)
        yield from names if names == [argument] else _called_plans(names)
    elif is_stdin(argument) or Path(argument).is_file():
        yield argument
    elif Path(argument).is_dir():
        yield from _below(argument)
    else:
        for path in sorted(glob(argument, recursive=True)):  # noqa: PTH207 (patterns may be absolute)
            if Path(path).name not in (FLEET_NAME, GATES_NAME):
                yield from _below(path) if Path(path).is_dir() else [path]


def _below(directory: str) -> Iterator[str]:
    """Yield the plans in a directory and below it; hidden directories, linked ones and pipes are left out."""
    for where, inside, files in os.walk(directory):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        found = (Path(where, name) for name in files)
        plans = [str(path) for path in found if path.is_file() or not path.exists()]
        yield from map(os.path.normpath, _called_plans(plans))


def _called_plans(files: Sequence[str]) -> Iterator[str]:
    """Yield the plan of each directory: the one that other commands read, if there are several."""
    found: dict[str, set[str]] = {}
    for file in files:
        directory, name = os.path.split(file)
        found.setdefault(directory, set()).add(name)
    for directory, names in found.items():
        yield from [f"{directory}/{name}" for name in PLAN_NAMES if name in names][:1]

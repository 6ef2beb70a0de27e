"""Defaults of the user's own, from the environment, the project's file and the user's file, in this order.

A file is read only if it is there: `capplan.toml`, or `[tool.capplan]` in `pyproject.toml`, in the working
directory or above it up to the top of the repository; and `capplan/config.toml` where XDG says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from capplan.errors import InputError, Problem, nearest
from capplan.paths import user_dir

PROVIDERS = ("gcp", "aws", "azure")
LEAST_WIDTH, MOST_WIDTH = 40, 1000
KEYS = {
    "provider": f"one of {', '.join(PROVIDERS)}",
    "region": "text",
    "books": "a list of strings",
    "catalogs": "text",
    "schemas": "text",
    "format": "text",
    "width": f"a whole number from {LEAST_WIDTH} to {MOST_WIDTH}",
}
"""Every setting, and what it takes."""
_PATHS = ("catalogs", "schemas")


class Setting(NamedTuple):
    """A value, and where it was set."""

    value: Any
    origin: str


Layer = Mapping[str, Setting]


def twin(key: str) -> str:
    """Return the environment variable of a setting."""
    return f"CAPPLAN_{key.upper()}"


def layers() -> list[Layer]:
    """Return what is set, the strongest layer first; raise :class:`InputError` for mistakes in a file."""
    return [_environment(), *files()]


def files() -> list[Layer]:
    """Return what the project's file and the user's file set."""
    found = (_project_file(), _user_file())
    return [_read(*each) for each in found if each is not None]


def in_force(key: str) -> Setting | None:
    """Return a setting, from the strongest layer that has it."""
    return next((layer[key] for layer in layers() if key in layer), None)


def width() -> int | None:
    """Return the columns that reports are to have, if they are set."""
    found = in_force("width")
    if found is None:
        return None
    if not _fits("width", found.value):
        raise InputError(Problem(found.origin, f"expected {KEYS['width']}, got '{found.value}'"))
    return int(found.value)


def _environment() -> Layer:
    said = {key: os.environ.get(twin(key)) for key in KEYS}
    return {key: Setting(_of_text(key, text), twin(key)) for key, text in said.items() if text}


def _of_text(key: str, text: str) -> Any:
    if key == "books":
        return text.split()
    return int(text) if key == "width" and text.isdecimal() else text


def _project_file() -> tuple[Path, str] | None:
    """Return the project's file and the table of it that is ours."""
    for directory in _up_to_the_top(Path.cwd()):
        own = directory / "capplan.toml"
        if own.is_file():
            return own, ""
        shared = directory / "pyproject.toml"
        if shared.is_file() and b"tool.capplan" in shared.read_bytes():
            return shared, "tool.capplan"
    return None


def _up_to_the_top(here: Path) -> Iterator[Path]:
    """Yield ``here`` and the directories above it that belong to the same repository."""
    above = (here, *here.parents)
    top = next((directory for directory in above if (directory / ".git").exists()), here)
    yield from above[: above.index(top) + 1]


def _user_file() -> tuple[Path, str] | None:
    path = user_dir() / "config.toml"
    return (path, "") if path.is_file() else None


def _read(path: Path, table: str) -> Layer:
    import tomllib

    from capplan.strictyaml import read_text

    text = read_text(path)
    try:
        found: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(Problem(str(path), f"is not valid TOML: {error}")) from None
    for part in filter(None, table.split(".")):
        found = found.get(part, {}) if isinstance(found, dict) else found
    if not isinstance(found, dict):
        raise InputError(Problem(str(path), f"expected a table at {table}"))
    places = {key: f"{path}:{_line(text, table, key)}" for key in found}
    problems = [problem for key, value in found.items() if (problem := _wrong(key, value, places[key]))]
    if problems:
        raise InputError(*problems)
    return {key: Setting(_resolved(key, value, path.parent), places[key]) for key, value in found.items()}


def _line(text: str, table: str, key: str) -> int:
    """Return the line on which a key stands; the first one where it is spelled in a way not known here."""
    start = max(text.find(f"[{table}]"), 0) if table else 0
    found = re.search(rf"""(?m)^[ \t]*(?:tool\.capplan\.)?["']?{re.escape(key)}["']?[ \t]*=""", text[start:])
    return text.count("\n", 0, start + (found.start() if found else 0)) + 1


def _wrong(key: str, value: Any, where: str) -> Problem | None:
    if key not in KEYS:
        return Problem(where, f"unknown setting '{key}'", nearest(key, KEYS))
    if _fits(key, value):
        return None
    remedy = nearest(str(value), PROVIDERS) if key == "provider" else ""
    return Problem(where, f"{key}: expected {KEYS[key]}, got {value!r}", remedy)


def _fits(key: str, value: Any) -> bool:
    if key == "books":
        return isinstance(value, list) and all(isinstance(book, str) and book for book in value)
    if key == "width":
        return type(value) is int and LEAST_WIDTH <= value <= MOST_WIDTH
    return value in PROVIDERS if key == "provider" else isinstance(value, str) and value != ""


def _resolved(key: str, value: Any, directory: Path) -> Any:
    """Return a value with its paths relative to the file that says them; a book is a path if it looks so."""
    if key == "books":
        return [str(directory / book) if is_path(book) else book for book in value]
    if key == "catalogs":
        return os.pathsep.join(str(directory / part) for part in value.split(os.pathsep))
    return str(directory / value) if key in _PATHS else value


def is_path(book: str) -> bool:
    """Say whether a book is a file, and not the name of one that ships."""
    return "/" in book or book.endswith((".yaml", ".yml"))

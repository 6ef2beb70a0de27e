"""Where files are: those that ship with capplan, and others as seen from here."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parent


@cache
def data_dir(name: str) -> Path:
    """Return the directory ``name`` ("catalogs", "templates" or "examples"), of the wheel or the checkout."""
    for place in (_PACKAGE / name, _PACKAGE.parents[1] / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"capplan's {name}/ is missing; reinstall capplan")


def user_dir() -> Path:
    """Return the directory of the user's own settings and catalogs, where XDG says."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111
    return Path(base, "capplan")


def from_here(name: str) -> Path:
    """Return a path relative to where the command runs, if it is below: that is the checkout."""
    path, here = Path(name), Path.cwd()
    return path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path


def is_file(path: Path) -> bool:
    """Say whether there is such a file; a name that no file can have, because of its length, is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_own_file(path: Path) -> bool:
    """Say whether there is such a file, and no link, which may lead anywhere."""
    return path.is_file() and not path.is_symlink()

"""Where the files that ship with capplan are: in the wheel, or at the top of a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parent


@cache
def data_dir(name: str) -> Path:
    """Return the directory ``name`` ("catalogs", "templates" or "examples")."""
    for place in (_PACKAGE / name, _PACKAGE.parents[1] / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"capplan's {name}/ is missing; reinstall capplan")

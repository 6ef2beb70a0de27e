"""Which directories of catalogs apply, and in which order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from capplan.errors import InputError, Problem
from capplan.paths import data_dir, user_dir

PROVIDERS = ("gcp", "aws", "azure", "gpu-cloud")

RECORD = "imported.json"
"""What `catalog import` writes beside the catalogs that it makes."""


def roots_of(catalogs: Path | None, without: Path | None = None) -> Sequence[Path]:
    """Return the directories that apply, the lowest first: a whole catalog, then those that add to it.

    ``catalogs`` is one directory, or several divided as in PATH. One that holds `hardware/` is whole:
    it takes the place of all before it, the embedded one included. Raises :class:`InputError` for others that
    hold no catalog. ``without``: a directory that adds, and is left out.
    """
    given = [Path(part) for part in str(catalogs or "").split(os.pathsep) if part]
    roots = [data_dir("catalogs"), *_imported()]
    for path in given:
        if not path.is_dir():
            raise InputError(Problem(str(path), "no such directory of catalogs"))
        if (path / "hardware").is_dir():
            roots = [path]
            continue
        if not any((path / provider).is_dir() for provider in PROVIDERS):
            what = (
                f"holds no catalog: expected a directory {', '.join(PROVIDERS[:-1])} or {PROVIDERS[-1]} in it"
            )
            raise InputError(Problem(str(path), what))
        roots.append(path)
    left_out = None if without is None else without.resolve()
    return [roots[0], *(root for root in roots[1:] if root.resolve() != left_out)]


def imported_dir() -> Path:
    """Return where `catalog import` writes by default."""
    return user_dir() / "catalogs"


def _imported() -> list[Path]:
    """Return the user's own catalogs, if `catalog import` wrote them."""
    path = imported_dir()
    return [path] if (path / RECORD).is_file() else []

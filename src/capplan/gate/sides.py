"""What can stand on either side of a comparison: a plan, a saved estimate, a revision of git."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from capplan.catalog.catalog import Catalog
from capplan.errors import InputError, Problem
from capplan.estimate import estimate
from capplan.plan.read import parse_plan, read_plan
from capplan.report.json_format import SCHEMA_VERSION, estimate_document

_GIT_TIMEOUT_S = 30


class Side(NamedTuple):
    """One side: its JSON document, and how it was named."""

    name: str
    document: Mapping[str, Any]


def side_of(name: str, catalogs: Path | None, books: Sequence[str], alternative: str | None) -> Side:
    """Return the estimate that ``name`` stands for: a plan, ``estimate.json``, or ``REVISION:PATH``."""
    path = Path(name)
    if path.suffix == ".json" and path.is_file():
        return Side(name, saved_estimate(path))
    if path.exists() or name == "-" or ":" not in name:
        file = read_plan(path, (), alternative, books)
        return Side(name, estimate_document(estimate(file, Catalog(catalogs))))
    revision, _, inside = name.partition(":")
    where, text = _at_revision(revision, inside)
    file = parse_plan(text, f"{revision}:{where}", Path(where).parent, (), alternative, books)
    return Side(name, estimate_document(estimate(file, Catalog(catalogs))))


def saved_estimate(path: Path) -> dict[str, Any]:
    """Return an estimate that `capplan estimate --format json` wrote."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(Problem(str(path), f"cannot be read as JSON ({error})")) from None
    if not isinstance(document, dict) or "components" not in document:
        remedy = "Save one with `capplan estimate PLAN --format json -o FILE`."
        raise InputError(Problem(str(path), "is not the estimate of one plan", remedy))
    if document.get("schema_version") != SCHEMA_VERSION:
        what = f"has schema_version {document.get('schema_version')}, and {SCHEMA_VERSION} is read"
        raise InputError(Problem(str(path), what))
    return document


def _at_revision(revision: str, inside: str) -> tuple[str, str]:
    """Return path and text of a plan at a revision; a directory is searched for its plan."""
    names = [inside] if inside.endswith((".yaml", ".yml")) else []
    names = names or [f"{inside.rstrip('/')}/{name}".lstrip("/") for name in ("plan.yaml", "capplan.yaml")]
    for name in names:
        # `./` makes the path relative to here, as the user means it, and not to the top of the repository.
        spelled = name if name.startswith(("/", "./", "../")) else f"./{name}"
        done = _git("show", f"{revision}:{spelled}")
        if done.returncode == 0:
            return name, done.stdout
    reason = done.stderr.strip().splitlines()
    what = f"git cannot show it ({reason[0] if reason else 'no output'})"
    raise InputError(
        Problem(f"{revision}:{inside}", what, "Fetch the revision: git fetch --depth=1 origin …")
    )


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(Problem("git", f"cannot be run ({error})")) from None

"""What can stand on either side of a comparison: a plan, a saved estimate, manifests, a revision of git."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from capplan.adopt.draft import Asked
from capplan.adopt.run import adopt
from capplan.adopt.source import is_manifests
from capplan.catalog.catalog import Catalog
from capplan.errors import InputError, Problem
from capplan.estimate import Estimate, estimate
from capplan.findings import Finding
from capplan.plan.read import parse_plan, read_plan
from capplan.report.json_format import SCHEMA_VERSION, dumps, estimate_document
from capplan.stdin import is_stdin, name_of
from capplan.strictjson import read_json
from capplan.strictyaml import read_text

_GIT_TIMEOUT_S = 30


class Side(NamedTuple):
    """One side: its JSON document, how it was named, and what was left open where it was adopted."""

    name: str
    document: Mapping[str, Any]
    notes: Sequence[Finding] = ()


def side_of(name: str, books: Sequence[str], alternative: str | None, asked: Asked) -> Side:
    """Return the estimate that ``name`` stands for: a plan, ``estimate.json``, manifests, ``REVISION:PATH``.

    ``asked`` says what manifests do not: provider, region, machine types.
    """
    path = Path(name)
    if is_manifests(path):
        return _adopted(name, path, books, asked)
    if (path.suffix == ".json" and path.is_file()) or (is_stdin(path) and read_text(path)[:1] == "{"):
        return Side(name, saved_estimate(path))
    if path.exists() or is_stdin(path) or ":" not in name:
        file = read_plan(path, (), alternative, books)
        return Side(name, _as_saved(estimate(file, Catalog(asked.catalogs))))
    revision, _, inside = name.partition(":")
    if _is_directory_without_plan(revision, inside):
        with TemporaryDirectory() as directory:
            return _adopted(name, _extracted(revision, inside, Path(directory)), books, asked)
    where, text = _at_revision(revision, inside)
    file = parse_plan(text, f"{revision}:{where}", Path(where).parent, (), alternative, books)
    return Side(name, _as_saved(estimate(file, Catalog(asked.catalogs))))


def _adopted(name: str, path: Path, books: Sequence[str], asked: Asked) -> Side:
    found = adopt(path, asked)
    document = _as_saved(estimate(found.file((), books), Catalog(asked.catalogs)))
    return Side(name, document, found.notes)


def _as_saved(found: Estimate) -> dict[str, Any]:
    """Return an estimate's document as it would be read back, so that both sides have as many digits."""
    document: dict[str, Any] = json.loads(dumps(estimate_document(found)))
    return document


def saved_estimate(path: Path) -> dict[str, Any]:
    """Return an estimate that `capplan estimate --format json` wrote."""
    remedy = "Save one with `capplan estimate PLAN --format json -o FILE`."
    document: Any = read_json(path, remedy)
    if not isinstance(document, dict) or "components" not in document:
        raise InputError(Problem(name_of(path), "is not the estimate of one plan", remedy))
    if document.get("schema_version") != SCHEMA_VERSION:
        what = f"has schema_version {document.get('schema_version')}, and {SCHEMA_VERSION} is read"
        raise InputError(Problem(name_of(path), what))
    return document


def _at_revision(revision: str, inside: str) -> tuple[str, str]:
    """Return path and text of a plan at a revision; a directory is searched for its plan."""
    names = [inside] if inside.endswith((".yaml", ".yml")) else []
    names = names or [f"{inside.rstrip('/')}/{name}".lstrip("/") for name in ("plan.yaml", "capplan.yaml")]
    for name in names:
        done = _git("show", f"{revision}:{_from_here(name)}")
        if done.returncode == 0:
            return name, done.stdout
    reason = done.stderr.strip().splitlines()
    what = f"git cannot show it ({reason[0] if reason else 'no output'})"
    raise InputError(
        Problem(f"{revision}:{inside}", what, "Fetch the revision: git fetch --depth=1 origin …")
    )


def _is_directory_without_plan(revision: str, inside: str) -> bool:
    """Say whether a path is a directory at a revision, and holds manifests rather than a plan."""
    done = _git("ls-tree", "--name-only", f"{revision}:{_from_here(inside)}")
    return done.returncode == 0 and not {"plan.yaml", "capplan.yaml"} & set(done.stdout.splitlines())


def _extracted(revision: str, inside: str, directory: Path) -> Path:
    """Write the files of a directory at a revision, links left out, and return where they are."""
    listed = _git("ls-tree", "-r", "-z", f"{revision}:{_from_here(inside)}").stdout
    for line in filter(None, listed.split("\0")):
        about, _, name = line.partition("\t")
        mode, _, blob = about.split()
        if mode.startswith("100") and name.endswith((".yaml", ".yml", ".json")):
            target = directory / Path(inside).name / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_git("cat-file", "blob", blob).stdout, encoding="utf-8")
    return directory / Path(inside).name


def _from_here(path: str) -> str:
    """Return a path that git takes as relative to here, as the user means it, not to the repository's top."""
    return path if path.startswith(("/", "./", "../")) else f"./{path}"


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

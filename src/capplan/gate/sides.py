"""What can stand on either side of a comparison: a plan, a saved estimate, manifests, a revision of git."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os.path import normpath, relpath
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from capplan.adopt.draft import AdoptOptions
from capplan.adopt.run import adopt
from capplan.adopt.source import is_manifests
from capplan.catalog.catalog import Catalog
from capplan.errors import InputError, Problem
from capplan.estimate import Estimate, estimate
from capplan.findings import Finding
from capplan.gate.read import GATES_NAME
from capplan.gate.saved import nothing, saved_estimate
from capplan.paths import is_file
from capplan.plan.read import PLAN_NAMES, PlanFile, parse_plan, read_plan
from capplan.report.json_format import dumps, estimate_document
from capplan.stdin import is_stdin
from capplan.strictyaml import decode, load, read_text

_GIT_TIMEOUT_S = 30


class Side(NamedTuple):
    """One side: its JSON document, how it was named, and what its reader must know.

    absent: why there is no plan, and the document is that of nothing; empty where there is one.
    """

    name: str
    document: Mapping[str, Any]
    notes: Sequence[Finding] = ()
    absent: str = ""


def side_of(name: str, books: Sequence[str], alternative: str | None, asked: AdoptOptions) -> Side:
    """Return the estimate that ``name`` stands for: a plan, ``estimate.json``, manifests, ``REVISION:PATH``.

    ``asked`` says what manifests do not: provider, region, machine types. A path with a colon is written as
    ``./PATH``, so that what a name means does not depend on the files that are there.
    """
    path = Path(name)
    if not is_revision(name) and is_manifests(path):
        return _adopted(name, path, books, asked)
    if (path.suffix == ".json" and not is_revision(name)) or (is_stdin(path) and read_text(path)[:1] == "{"):
        return Side(name, saved_estimate(path))
    if not is_revision(name):
        file = read_plan(path, (), alternative, books)
        return Side(name, _as_saved(estimate(file, Catalog(asked.catalogs))))
    return _revised(name, books, alternative, asked)


def base_of(name: str, books: Sequence[str], alternative: str | None, asked: AdoptOptions) -> Side:
    """Return the side that changes are measured from: like :func:`side_of`, but a revision may have no plan.

    A change that adds the first plan, or mends a broken one, is compared with nothing, and that is said. A
    revision that git does not have is an error all the same.
    """
    if not is_revision(name):
        return side_of(name, books, alternative, asked)
    revision, _, inside = name.partition(":")
    check_revision(revision)
    try:
        return _revised(name, books, alternative, asked)
    except InputError as error:
        there = _git("cat-file", "-e", f"{revision}:{_from_here(inside)}").returncode == 0
        reason = f"has no readable plan ({error.problems[0]})" if there else "has no such file"
        return Side(name, nothing(name), absent=f"{reason}, so there is nothing to compare with")


def _revised(name: str, books: Sequence[str], alternative: str | None, asked: AdoptOptions) -> Side:
    revision, _, inside = name.partition(":")
    check_revision(revision)
    if _is_directory_without_plan(revision, inside):
        with TemporaryDirectory() as directory:
            return _adopted(name, _extracted(revision, inside, Path(directory)), books, asked)
    if inside.endswith((".json", ".tfstate", ".yaml", ".yml")):
        with TemporaryDirectory() as directory:
            path = Path(directory) / Path(inside).name
            path.write_bytes(_blob(revision, inside))
            if not path.suffix.startswith(".y") or is_manifests(path):
                return side_of(str(path), books, alternative, asked)._replace(name=name)
    with as_it_was(name, plan_at(name, books, alternative)) as file:
        return Side(name, _as_saved(estimate(file, Catalog(asked.catalogs))))


def changed_files(revision: str) -> Sequence[Path]:
    """Return the absolute paths of the files in the repository that differ from ``revision``."""
    done = _git("diff", "--name-only", "--no-renames", "-z", revision)
    if done.returncode:
        raise InputError(Problem(revision, f"git cannot compare with it ({_reason(done)})"))
    top = Path(os.fsdecode(_git("rev-parse", "--show-toplevel", "HEAD").stdout).splitlines()[0])
    return [top / os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


@contextmanager
def as_it_was(
    name: str, file: PlanFile, differing: Callable[[str], Sequence[Path]] = changed_files
) -> Iterator[PlanFile]:
    """Yield the plan in ``file``, at ``name``, with the files that it names as they were at its revision.

    They are there until the end. differing: :func:`changed_files`, or what remembers them.
    """
    if not is_revision(name):
        yield file
        return
    revision = name.partition(":")[0]
    with TemporaryDirectory() as directory:
        try:
            yield _with_files_at(revision, file, Path(directory), differing)
        except InputError as error:  # the directory's name is another each time, and says nothing
            problems = (p._replace(where=p.where.replace(directory, f"{revision}:")) for p in error.problems)
            raise InputError(*problems) from None


def _with_files_at(
    revision: str, file: PlanFile, top: Path, differing: Callable[[str], Sequence[Path]]
) -> PlanFile:
    """Return a plan of a revision with the files that it names as they were there, written below ``top``."""
    changed = set(differing(revision)) if revision else set()
    mentioned = _named([file.raw, GATES_NAME], file.directory)
    named = {path for path in mentioned if path in changed or is_file(path)}
    if not named & changed:
        return file
    directory = _below(top, Path(normpath(file.directory.absolute())))
    directory.mkdir(parents=True)
    for path in named:
        target = _below(top, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path not in changed:
            copyfile(path, target)
        elif names_at(f"{revision}:{relpath(path)}"):
            target.write_bytes(_blob(revision, relpath(path)))
    return file._replace(directory=directory)


def _below(top: Path, path: Path) -> Path:
    return top / path.relative_to(path.anchor)


def plan_at(name: str, books: Sequence[str], alternative: str | None = None) -> PlanFile:
    """Return the plan at ``REVISION:PATH``; relative files in it are those of the work tree."""
    revision, _, inside = name.partition(":")
    where, text = _at_revision(revision, inside)
    return parse_plan(text, f"{revision}:{where}", Path(where).parent, (), alternative, books)


def text_at(name: str) -> str:
    """Return the text of the file ``REVISION:PATH``."""
    revision, _, inside = name.partition(":")
    return decode(_blob(revision, inside), name)


def names_at(name: str) -> list[str]:
    """Return the file ``REVISION:PATH``, or all files of that directory and below; perhaps none."""
    revision, _, inside = name.partition(":")
    check_revision(revision)
    done = _git("cat-file", "-t", f"{revision}:{_from_here(inside)}")
    if done.stdout.strip() != b"tree":
        return [] if done.returncode else [name]
    top = inside.rstrip("/") or "."
    return [f"{revision}:{top}/{file}" for file in _files(f"{revision}:{_from_here(top)}")]


def is_revision(name: str) -> bool:
    """Say whether a name is ``REVISION:PATH``, and no path with a colon, which is written as ``./PATH``."""
    is_path = re.match(r"\.{0,2}/|[A-Za-z]:[\\/]|\.{0,2}\\", name)
    return ":" in name and not is_path


def check_revision(revision: str) -> None:
    """Refuse a revision that git does not have; without one, the index is meant."""
    if revision.startswith("-"):
        raise InputError(Problem(revision, "is not a revision: it begins with '-'"))
    if not revision:
        return
    done = _git("rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}")
    if done.returncode:
        what = f"git cannot show it ({_reason(done) or 'no such revision'})"
        raise InputError(Problem(revision, what, "Run this in a clone that has it: git fetch origin …"))


def _adopted(name: str, path: Path, books: Sequence[str], asked: AdoptOptions) -> Side:
    found = adopt(path, asked)
    document = _as_saved(estimate(found.file((), books), Catalog(asked.catalogs)))
    return Side(name, document, found.notes)


def _as_saved(found: Estimate) -> dict[str, Any]:
    """Return an estimate's document as it would be read back, so that both sides have as many digits."""
    document: dict[str, Any] = json.loads(dumps(estimate_document(found)))
    return document


def _at_revision(revision: str, inside: str) -> tuple[str, str]:
    """Return path and text of a plan at a revision; a directory is searched for its plan."""
    names = [inside] if inside.endswith((".yaml", ".yml")) else []
    names = names or [f"{inside.rstrip('/')}/{name}".lstrip("/") for name in PLAN_NAMES]
    for name in names:
        done = _git("cat-file", "blob", f"{revision}:{_from_here(name)}")
        if done.returncode == 0:
            return name, decode(done.stdout, f"{revision}:{name}")
    raise _not_shown(revision, inside, done)


def _blob(revision: str, inside: str) -> bytes:
    done = _git("cat-file", "blob", f"{revision}:{_from_here(inside)}")
    if done.returncode:
        raise _not_shown(revision, inside, done)
    return done.stdout


def _not_shown(revision: str, inside: str, done: subprocess.CompletedProcess[bytes]) -> InputError:
    what = f"git cannot show it ({_reason(done) or 'no output'})"
    return InputError(Problem(f"{revision}:{inside}", what))


def _is_directory_without_plan(revision: str, inside: str) -> bool:
    """Say whether a path is a directory at a revision, and holds manifests rather than a plan."""
    done = _git("ls-tree", "-z", "--full-tree", "--name-only", f"{revision}:{_from_here(inside)}")
    return done.returncode == 0 and not set(map(os.fsencode, PLAN_NAMES)) & set(done.stdout.split(b"\0"))


def _extracted(revision: str, inside: str, directory: Path) -> Path:
    """Write the files of a directory at a revision, links left out, and return where they are.

    Terraform may use modules beside the directory, so all its files in the repository are written.
    """
    ends: tuple[str, ...] = (".yaml", ".yml", ".json")
    top = found = directory / Path(inside).name
    files = _files(f"{revision}:{_from_here(inside)}")
    if any(name.endswith(".tf") and "/" not in name for name in files):
        prefix = _git("rev-parse", "--show-prefix", revision).stdout.decode().splitlines()[0]
        ends, files = (".tf", ".tfvars", ".tfvars.json"), _files(revision)
        top, found = directory, directory / normpath(f"{prefix}{inside}")
    for name, blob in files.items():
        if name.endswith(ends):
            target = top / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_git("cat-file", "blob", blob).stdout)
    return found


def _files(tree: str) -> dict[str, str]:
    """Return the blobs of the regular files in a tree, by name."""
    found = {}
    for line in filter(None, _git("ls-tree", "-r", "-z", "--full-tree", tree).stdout.split(b"\0")):
        about, _, path = line.partition(b"\t")
        mode, _, blob = about.decode().split()
        if mode.startswith("100"):
            found[os.fsdecode(path)] = blob
    return found


def _from_here(path: str) -> str:
    """Return a path that git takes as relative to here, as the user means it, not to the repository's top."""
    return path if path.startswith(("/", "./", "../")) else f"./{path}"


def _git(command: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git with the arguments, the last of them taken as a name whatever it begins with."""
    *options, name = arguments
    try:
        return subprocess.run(
            ["git", command, *options, "--end-of-options", name],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise InputError(Problem("git", f"cannot be run ({error})")) from None


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return what git says first of why it cannot."""
    return next(iter(done.stderr.decode("utf-8", "replace").strip().splitlines()), "")


class ChangedPlans(NamedTuple):
    """Plans that differ from a revision, or whose directories do, and plans that are no longer there."""

    changed: Sequence[Path]
    removed: Sequence[str] = ()


def changed_plans(revision: str) -> ChangedPlans:
    """Return the plans here that differ from ``revision``, or files that they name do, as git knows them."""
    files, here = changed_files(revision), Path.cwd()
    names = [path.relative_to(here) for path in files if path.is_relative_to(here)]
    directories = {parent for name in names for parent in name.parents}
    plans = {directory / name for directory in directories for name in PLAN_NAMES}
    listed = _git("ls-files", "-z", "*plan.y*ml").stdout.split(b"\0")
    others = {path for name in listed if (path := Path(os.fsdecode(name))).name in PLAN_NAMES} - plans
    found = [path for path in plans if path.is_file()] + [path for path in others if _names_any(path, files)]
    gone = (name.as_posix() for name in names if name.name in PLAN_NAMES and not name.exists())
    return ChangedPlans(
        sorted(found, key=lambda path: (path.parent, PLAN_NAMES.index(path.name))), list(gone)
    )


def _names_any(plan: Path, files: Sequence[Path]) -> bool:
    """Say whether a plan names one of the files; one that cannot be read names none."""
    try:
        text = read_text(plan)
        mentioned = {path for path in files if path.name in text}  # parsing all plans of a repository is slow
        return bool(mentioned and mentioned & set(_named(load(text, str(plan)), plan.parent)))
    except InputError:
        return False


def _named(value: Any, directory: Path) -> Iterator[Path]:
    """Yield what the texts in a plan would be as absolute paths; most of them are no files."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _named(inner, directory)
    elif isinstance(value, str):
        yield Path(normpath(Path.cwd() / directory / value))


def branched_from(revision: str) -> str:
    """Return the commit at which HEAD left ``revision``: what came there since is no change of HEAD's."""
    check_revision(revision)
    done = _git("merge-base", "HEAD", revision)
    if done.returncode:
        remedy = "Fetch the whole history: fetch-depth: 0 on GitHub, GIT_DEPTH: 0 on GitLab."
        raise InputError(Problem(revision, "git finds no commit that HEAD and it share", remedy))
    return done.stdout.decode().strip()

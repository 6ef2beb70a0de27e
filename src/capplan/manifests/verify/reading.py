"""Reads a directory of manifests from any source; what cannot be read is reported and left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from capplan.errors import InputError, Problem
from capplan.findings import Finding, Severity
from capplan.manifests.verify.checks import files as checks
from capplan.manifests.verify.helm import render_chart
from capplan.manifests.verify.world import Item
from capplan.quantities import shown
from capplan.stdin import is_stdin, name_of
from capplan.strictjson import parse_json
from capplan.strictyaml import load_all, read_text

_TREES = (".yaml", ".yml", ".json")
_TEXTS = (".js", ".py", ".sh", ".sql")
_VERIFIED = {"apiVersion", "kind", "groups", "rule_files", "rules"}
"""Fields of objects and of rules, one of which a YAML file has that there is something to verify in."""
_KUSTOMIZATION = "kustomization.yaml"
_KUSTOMIZATIONS = ("kustomization.yml", "Kustomization")
"""Names that Kustomize takes besides ``kustomization.yaml``."""

_LIKE_A_MANIFEST = re.compile(r'^[\s{]*"?(?:apiVersion|kind)"?\s*:', re.MULTILINE)
_TEMPLATE = re.compile(r"\{\{|\$\{|<%|@[A-Z_]+@")
"""Marks for a program that makes a manifest of a file."""

_PLACE = re.compile(r":(\d+):(\d+)")
_LITERAL_BRACES = '{{ "{{" }}'
"""How a Helm chart says two braces that are meant as they are."""


class Contents(NamedTuple):
    """documents: what YAML and JSON files hold, by path. texts: scripts. unread: what could not be read."""

    documents: dict[str, list[Any]]
    texts: dict[str, str]
    unread: list[Finding]


def read_directory(
    directory: Path, without: Sequence[Path] = ()
) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Return what a directory's YAML and JSON files hold, and the texts of scripts; follow no symlink.

    without: directories inside it that are left out. Raises :class:`InputError` for the first file that
    cannot be read.
    """
    documents: dict[str, list[Any]] = {}
    texts: dict[str, str] = {}
    for name, path in _files(directory):
        if any(left_out in path.parents for left_out in without):
            continue
        if _is_tree(path):
            documents[_known_name(name)] = _documents(path)
        elif path.suffix in _TEXTS:
            texts[name] = path.read_text(encoding="utf-8", errors="replace")
    return documents, texts


def read_contents(directory: Path) -> Contents:
    """Return everything in a directory that can be read, and a finding for each file that cannot."""
    found = Contents({}, {}, [])
    files = list(_files(directory))
    charts = [path.parent for _, path in files if path.name == "Chart.yaml"]
    inner = [chart for chart in charts if any(other in chart.parents for other in charts)]
    to_render = [c for c in charts if c not in inner and any(_is_template(path, c) for _, path in files)]
    for chart in to_render:
        name = (chart / "Chart.yaml").relative_to(directory).as_posix()
        item = Item(name, {"kind": "Chart", "metadata": {"name": chart.name}})
        wrong = render_chart(chart, name.rpartition("/")[0], found.documents)
        if wrong:
            found.unread.append(item.finding(checks.HELM_TEMPLATES, "", wrong))
    for name, path in files:
        if any(chart in path.parents for chart in to_render) and "templates" in path.parent.parts:
            continue
        if _is_tree(path):
            _read_tree(found, name, path)
        elif path.suffix in _TEXTS:
            found.texts[name] = path.read_text(encoding="utf-8", errors="replace")
    found.unread.extend(_without_objects(found.documents, lambda name: _text(directory / name)))
    return found


def read_one(path: Path) -> Contents:
    """Return what one file of manifests holds, or stdin; raise :class:`InputError` where it is unreadable."""
    text = read_text(path)
    name = name_of(path) if is_stdin(path) else path.name
    is_json = path.suffix == ".json" or text.lstrip()[:1] == "{"
    documents = {name: documents_in(text, name, is_json) or [None]}
    strange = [isinstance(value, dict) and not _VERIFIED & value.keys() for value in documents[name]]
    if not is_json and all(strange) and not _is_kustomization(name):
        raise InputError(Problem(str(path), "holds no manifests", "Name a file that does."))
    return Contents(documents, {}, list(_without_objects(documents, lambda _: text)))


def _without_objects(documents: Mapping[str, list[Any]], text: Callable[[str], str]) -> Iterator[Finding]:
    """Yield a finding for each file that holds something else than objects; patches of overlays may be lists.

    An error where nothing is an object, or the file looks like a manifest; otherwise a warning.
    """
    overlays = tuple(name.removesuffix(_KUSTOMIZATION) for name in documents if _is_kustomization(name))
    nothing = not any(isinstance(value, dict) for values in documents.values() for value in values)
    for name, values in documents.items():
        strange = [value for value in values if not isinstance(value, dict)]
        if strange and not name.startswith(overlays):
            severity: Severity = "error" if nothing or _LIKE_A_MANIFEST.search(text(name)) else "warning"
            what = f"holds {shown(strange[0])} where an object is expected"
            yield _file(name).finding(checks.UNREADABLE, "", what, severity=severity)


def _is_kustomization(name: str) -> bool:
    return name.rpartition("/")[2] == _KUSTOMIZATION


def _file(name: str) -> Item:
    return Item(name, {"kind": "File", "metadata": {"name": name}})


def _read_tree(found: Contents, name: str, path: Path) -> None:
    try:
        found.documents[_known_name(name)] = _documents(path)
    except InputError as error:
        problem = error.problems[0]
        text = _text(path)
        manifest = _LIKE_A_MANIFEST.search(text) and not _TEMPLATE.search(text)
        severity: Severity = "error" if manifest else "warning"
        place = _PLACE.fullmatch(problem.where.removeprefix(f"{path}"))
        line, column = (None, None) if place is None else (int(place[1]), int(place[2]))
        item = _file(name)
        what = f"cannot be read: {problem.what}"
        found.unread.append(
            item.finding(checks.UNREADABLE, "", what, problem.remedy, severity, line=line, column=column)
        )


def _text(path: Path) -> str:
    return path.read_bytes()[:100_000].decode("utf-8", "replace")


def _is_template(path: Path, chart: Path) -> bool:
    """Say whether a file is a template of ``chart``, and more than text in which braces are escaped."""
    return (
        _is_tree(path)
        and chart / "templates" in path.parents
        and "{{" in _text(path).replace(_LITERAL_BRACES, "")
    )


def _is_tree(path: Path) -> bool:
    return path.suffix in _TREES or path.name in _KUSTOMIZATIONS


def _known_name(name: str) -> str:
    directory, _, last = name.rpartition("/")
    if last not in _KUSTOMIZATIONS:
        return name
    return f"{directory}/kustomization.yaml" if directory else "kustomization.yaml"


def _files(directory: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of a directory, sorted, with their relative names: nothing hidden, no symlink."""
    if not directory.is_dir():
        what = "is not a directory" if directory.exists() else "does not exist"
        raise InputError(Problem(str(directory), what))
    for path in sorted(directory.rglob("*")):
        inside = path.relative_to(directory)
        hidden = any(part.startswith(".") for part in inside.parts)
        links = any(p.is_symlink() for p in (path, *path.parents) if directory in p.parents)
        if not hidden and not links and path.is_file() and path.name != "capplan.lock.json":
            yield inside.as_posix(), path


def _documents(path: Path) -> list[Any]:
    text = read_text(path).replace(_LITERAL_BRACES, "{{")
    return documents_in(text, str(path), path.suffix == ".json")


def documents_in(source: str, name: str, is_json: bool) -> list[Any]:
    """Return the documents of a stream, those of a List one by one; ``name`` is what messages call it."""
    values = [parse_json(source, name)] if is_json else load_all(source, name)
    return [item for value in values if value is not None for item in _members(value)]


def _members(value: Any) -> list[Any]:
    """Return the objects of a List, which may be one of a kind, such as a RoleBindingList."""
    if isinstance(value, dict) and str(value.get("kind")).endswith("List") and "items" in value:
        items = value["items"]
        # What is no list of objects is kept as what it is: no object.
        return items if isinstance(items, list) else [] if items is None else [[items]]
    return [value]

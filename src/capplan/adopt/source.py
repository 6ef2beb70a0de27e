"""What is adopted: objects of a directory, a file or a stream; a Terraform plan; a compose file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from capplan.adopt.tfforms import is_terraform, plan_of, refuse_other_forms, without_wrapper
from capplan.errors import InputError, Problem, nearest
from capplan.manifests.composing.compose import composed
from capplan.manifests.composing.objects import NotComposedError
from capplan.manifests.kustomize import KUSTOMIZATION
from capplan.manifests.verify.reading import documents_in, read_directory
from capplan.manifests.verify.scopes import top_directories
from capplan.manifests.verify.world import Item
from capplan.paths import is_own_file
from capplan.plan.read import PLAN_NAMES
from capplan.stdin import in_unicode, is_stdin, name_of, read_stdin
from capplan.strictjson import MAX_JSON_BYTES
from capplan.strictyaml import MAX_BYTES, read_text

_HEAD = 200_000

_PRODUCTION = ("prod", "production", "live")


class Skipped(NamedTuple):
    """What is not read, and why. on_purpose: something else is read in its place."""

    where: str
    what: str
    on_purpose: bool = False


class SourceText(NamedTuple):
    """What was read; of objects, Terraform plan and compose file one only is there.

    skipped: what is there and is none of these, with the reason.
    """

    name: str
    objects: Sequence[Item] = ()
    terraform: Mapping[str, Any] | None = None
    compose: Mapping[str, Any] | None = None
    skipped: Sequence[Skipped] = ()


def read_source(source: Path, overlay: str | None = None) -> SourceText:
    """Read a directory, a file, or ``-`` for stdin. Raises :class:`InputError` for what is unreadable."""
    if source.is_dir() and not is_stdin(source):
        return _terraform(source) if any(source.glob("*.tf")) else _directory(source, overlay)
    name = name_of(source)
    if source.suffix == ".tf":
        what = "is one file of a directory of Terraform, which only has a meaning as a whole"
        raise InputError(Problem(name, what, f"Give the directory: {source.parent}"))
    text = _text(source, name)
    documents = documents_in(text, name, text.lstrip()[:1] == "{")
    only = documents[0] if len(documents) == 1 and isinstance(documents[0], dict) else {}
    plan = plan_of(only, name)
    if plan is not None:
        return SourceText(name, terraform=plan)
    if "kind" not in only and isinstance(only.get("services"), dict):
        return _compose(source, name, only)
    return _objects(name, {name: documents})


_COMPOSE = tuple(f"{name}.{end}" for name in ("compose", "docker-compose") for end in ("yaml", "yml"))
"""Names of Compose files that are found without being named, in their order."""


def _compose(source: Path, name: str, document: Mapping[str, Any]) -> SourceText:
    """Return a Compose file with the variables of the ``.env`` beside it; name what overrides it."""
    from capplan.adopt.compose import filled_in, variables_in

    beside = source.parent / ".env"
    variables = variables_in(read_text(beside)) if not is_stdin(source) and is_own_file(beside) else {}
    what = "it changes the Compose file and is not read; `docker compose config` writes one file of both"
    names = [] if source.name not in _COMPOSE else [each.replace(".", ".override.") for each in _COMPOSE]
    skipped = [Skipped(each, what) for each in names if (source.parent / each).is_file()]
    return SourceText(name, compose=filled_in(document, variables), skipped=skipped)


def _terraform(directory: Path) -> SourceText:
    from capplan.adopt.hcl.document import read_terraform

    plan = read_terraform(directory)
    return SourceText(
        directory.resolve().name, terraform=plan.document, skipped=[Skipped(*each) for each in plan.skipped]
    )


def _text(source: Path, name: str) -> str:
    """Return the text of a file; what Terraform wrote is JSON, and may be larger than YAML."""
    head = _head(source) if is_stdin(source) or source.is_file() else ""
    refuse_other_forms(head, name)
    if not is_terraform(head):
        return read_text(source, MAX_JSON_BYTES if head.lstrip()[:1] == "{" else MAX_BYTES)
    return without_wrapper(read_text(source, MAX_JSON_BYTES))


def is_manifests(path: Path) -> bool:
    """Say whether a path is to be adopted rather than read as a plan."""
    if path.is_dir() and not is_stdin(path):
        return not any((path / name).is_file() for name in PLAN_NAMES)
    if not (is_stdin(path) or path.is_file()):
        return False
    # The first bytes tell: a plan may be broken YAML, and then its own reader says so best.
    head = _head(path)
    if path.suffix == ".tf" or is_terraform(head):
        return True
    if path.suffix == ".json" or head.startswith("{"):
        return '"schema_version"' not in head and ('"apiVersion"' in head or '"services"' in head)
    lines = head.splitlines()
    kinds = any(line.startswith("kind:") for line in lines)
    return kinds or (any(line.startswith("services:") for line in lines) and "platform:" not in head)


def _head(path: Path) -> str:
    if is_stdin(path):
        return in_unicode(read_stdin(_HEAD), "replace")
    with path.open("rb") as file:
        return in_unicode(file.read(_HEAD), "replace")


def _objects(
    name: str, documents: Mapping[str, Sequence[Any]], skipped: list[Skipped] | None = None
) -> SourceText:
    found, others = [], skipped or []
    for path, values in documents.items():
        for value in values:
            if _is_object(value):
                found.append(Item(path, value))
            else:
                others.append(Skipped(path, "not a Kubernetes object"))
    if not found:
        what = "holds no Kubernetes object, Terraform plan or compose file"
        raise InputError(Problem(name, what, "Render it first: helm template . | capplan adopt -"))
    return SourceText(name, objects=_once(found, others), skipped=others)


def _is_object(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("kind"), str)


def _once(items: Sequence[Item], skipped: list[Skipped]) -> list[Item]:
    """Return every object once; the first counts. Objects whose names the server makes are never the same."""
    seen: dict[tuple[str, str, str, str], Item] = {}
    for item in items:
        key = (item.group, item.kind, item.namespace, item.name or f"{len(seen)} without a name")
        if key in seen:
            what = f"{item.title} is repeated; the one in {seen[key].path} is used"
            skipped.append(Skipped(item.path, what, on_purpose=True))
        seen.setdefault(key, item)
    return list(seen.values())


def _directory(directory: Path, overlay: str | None) -> SourceText:
    if (directory / "Chart.yaml").is_file():
        what = "is a Helm chart, whose templates are not manifests until they are rendered"
        raise InputError(Problem(str(directory), what, f"helm template {directory} | capplan adopt -"))
    charts = [path.parent for path in sorted(directory.rglob("Chart.yaml"))]
    root = _root(directory)
    documents, _ = read_directory(root, charts)
    compose = next((directory / name for name in _COMPOSE if (directory / name).is_file()), None)
    if compose is not None and not any(map(_is_object, chain.from_iterable(documents.values()))):
        return read_source(compose)
    inside = directory.resolve().relative_to(root.resolve()).as_posix() if root != directory else ""
    skipped = [Skipped(str(chart), "a Helm chart; adopt the output of `helm template`") for chart in charts]
    name = directory.resolve().name
    tops = [inside] if inside else top_directories(documents)
    if not tops:
        return _objects(name, documents, skipped)
    chosen = _chosen(tops, overlay, directory)
    others = (top for top in tops if top != chosen)
    skipped += [Skipped(top, f"another overlay; {chosen} is adopted", on_purpose=True) for top in others]
    try:
        objects = composed(chosen, documents)
    except NotComposedError as error:
        remedy = f"kustomize build {directory} | capplan adopt -"
        raise InputError(Problem(str(directory), f"cannot be composed here: {error}", remedy)) from None
    together: dict[str, list[Any]] = {}
    for path, tree in objects:
        together.setdefault(path, []).append(tree)
    if not inside:
        together |= _beside(documents)
    return _objects(name, together, skipped)


def _beside(documents: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Return the Cloud Run services that stand beside kustomized objects: Kustomize never holds those."""
    return {
        path: [value for value in values if is_cloud_run(value)]
        for path, values in documents.items()
        if any(map(is_cloud_run, values))
    }


def is_cloud_run(tree: object) -> bool:
    """Say whether an object is a Cloud Run, or Knative, service."""
    return isinstance(tree, dict) and str(tree.get("apiVersion")).startswith("serving.knative.dev/")


def _chosen(tops: Sequence[str], overlay: str | None, directory: Path) -> str:
    """Return the overlay that is meant: the one named, the only one, or production."""
    by_name = {(top.rpartition("/")[2] or "."): top for top in tops}
    if overlay is not None:
        if overlay not in by_name:
            raise InputError(Problem("--overlay", f"no overlay '{overlay}'", nearest(overlay, by_name)))
        return by_name[overlay]
    if len(tops) == 1:
        return tops[0]
    for name in _PRODUCTION:
        if name in by_name:
            return by_name[name]
    what = f"has several overlays: {', '.join(sorted(by_name))}"
    raise InputError(Problem(str(directory), what, "Choose one with --overlay."))


def _root(directory: Path) -> Path:
    """Return the directory above which an overlay's kustomization does not reach: it may name ../../base."""
    file = directory / KUSTOMIZATION
    if not file.is_file():
        return directory
    documents = documents_in(read_text(file), str(file), False)
    tree = documents[0] if documents and isinstance(documents[0], dict) else {}
    entries = [str(entry) for key in ("resources", "components") for entry in tree.get(key) or []]
    depth = max((entry.split("/").count("..") for entry in entries), default=0)
    found = directory.resolve()
    for _ in range(depth):
        found = found.parent
    return directory if depth == 0 else found

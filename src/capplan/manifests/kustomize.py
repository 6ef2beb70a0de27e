"""Kustomize: the files that tie objects together, and what an overlay composes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from posixpath import join, normpath, relpath
from typing import Any

from capplan.manifests.artefact import Artefact, Rendered, Tree
from capplan.manifests.kubernetes import BASE, COMPONENTS

OVERLAYS = "kubernetes/overlays"
KUSTOMIZATION = "kustomization.yaml"
_TEMPLATE = "kubernetes/kustomization.yaml.j2"
_READ = frozenset(("apiVersion", "kind", "metadata", "resources", "components", "patches", "namespace"))


def kustomizations(objects: Sequence[Rendered], environments: Iterable[str]) -> Iterator[Artefact]:
    """Yield the kustomizations of the base, of the components, and an overlay an environment."""
    base = [item.path for item in objects if item.path.startswith(f"{BASE}/")]
    if not base:
        return
    yield _kustomization(BASE, "Kustomization", base)
    components: dict[str, list[str]] = {}
    for item in objects:
        if item.path.startswith(f"{COMPONENTS}/"):
            components.setdefault(str(PurePosixPath(item.path).parent), []).append(item.path)
    for directory, paths in components.items():
        yield _kustomization(directory, "Component", paths)
    for environment in environments:
        directory = f"{OVERLAYS}/{environment}"
        patches = list(_smaller(directory, objects)) if environment == "dev" else []
        yield from patches
        used = [] if environment == "dev" else list(components)
        yield _kustomization(directory, "Kustomization", [BASE], used, [patch.path for patch in patches])


def _kustomization(
    directory: str,
    kind: str,
    resources: Iterable[str],
    components: Iterable[str] = (),
    patches: Iterable[str] = (),
) -> Artefact:
    def inside(paths: Iterable[str]) -> list[str]:
        return sorted(relpath(path, directory) for path in paths)

    context: Tree = {"kind": kind, "resources": inside(resources), "components": inside(components)}
    context["patches"] = [{"path": path} for path in inside(patches)]
    return Artefact(f"{directory}/{KUSTOMIZATION}", _TEMPLATE, context, "kubernetes")


def _smaller(directory: str, objects: Sequence[Rendered]) -> Iterator[Artefact]:
    """Yield the patches that make an environment for trying things out: one or two of everything."""
    for item in objects:
        if not item.path.startswith(f"{BASE}/"):
            continue
        kind = item.value["kind"]
        if kind == "HorizontalPodAutoscaler":
            spec: Tree = {"minReplicas": 1, "maxReplicas": 2}
        elif kind == "Deployment" and "replicas" in item.value["spec"]:
            spec = {"replicas": 1}
        else:
            continue
        name = item.value["metadata"]["name"]
        context = {"object": item.value, "spec": spec}
        path = f"{directory}/patch-{kind.lower()}-{name}.yaml"
        yield Artefact(path, "kubernetes/patch.yaml.j2", context, "kubernetes")


class NotComposedError(Exception):
    """A kustomization uses something that capplan does not compose itself."""


def composed(directory: str, files: Mapping[str, Sequence[Any]]) -> list[tuple[str, Tree]]:
    """Return the objects of the kustomization in ``directory``, each with the file it comes from.

    files: documents by path. Raises :class:`NotComposedError` for generators, transformers, remotes.
    """
    path = join(directory, KUSTOMIZATION) if directory else KUSTOMIZATION
    found = _document(path, files)
    unknown = sorted(set(found) - _READ)
    if unknown:
        raise NotComposedError(f"{path} uses {', '.join(unknown)}")
    objects: list[tuple[str, Tree]] = []
    for entry in [*found.get("resources", []), *found.get("components", [])]:
        target = normpath(join(directory, str(entry)))
        if target in files:
            objects += [(target, document) for document in files[target] if isinstance(document, dict)]
        else:
            objects += composed(target, files)
    return _patched(objects, found.get("patches", []), directory, files)


def _document(path: str, files: Mapping[str, Sequence[Any]]) -> Tree:
    documents = files.get(path, ())
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise NotComposedError(f"{path} is not there")
    return documents[0]


def _patched(
    objects: list[tuple[str, Tree]],
    patches: Iterable[object],
    directory: str,
    files: Mapping[str, Sequence[Any]],
) -> list[tuple[str, Tree]]:
    """Return the objects with each patch laid over the object that it names; maps only, as ours are."""
    changes = []
    for patch in patches:
        if not isinstance(patch, dict) or set(patch) != {"path"}:
            raise NotComposedError(f"{directory} has patches that are inline or select by target")
        changes.append(_document(normpath(join(directory, str(patch["path"]))), files))
    if not changes:
        return objects
    patched = {identity(item): (path, item) for path, item in objects}
    for change in changes:
        name = identity(change)
        if name in patched:
            path, item = patched[name]
            patched[name] = (path, _merged(item, change))
    return list(patched.values())


def identity(item: Tree) -> tuple[str, str, str, str]:
    """Return API group, kind, namespace and name of an object."""
    metadata = item.get("metadata") or {}
    group = str(item.get("apiVersion", "")).rpartition("/")[0]
    return group, str(item.get("kind")), str(metadata.get("namespace", "")), str(metadata.get("name", ""))


def _merged(base: Any, change: Any) -> Any:
    if isinstance(base, dict) and isinstance(change, dict):
        result = dict(base)
        for key, value in change.items():
            if value is None:
                result.pop(key, None)
            else:
                result[key] = _merged(base.get(key), value)
        return result
    if isinstance(base, list) and isinstance(change, list):
        raise NotComposedError("a patch changes a list")
    return change

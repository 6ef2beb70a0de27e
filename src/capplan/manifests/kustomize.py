"""Kustomize: the files that tie objects together, and what an overlay composes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from posixpath import join, normpath, relpath
from typing import Any

from capplan.manifests.artefact import Artefact, Rendered, Tree
from capplan.manifests.kubernetes.objects import BASE, COMPONENTS

OVERLAYS = "kubernetes/overlays"
KUSTOMIZATION = "kustomization.yaml"
_TEMPLATE = "kubernetes/kustomization.yaml.j2"
_GENERATORS = {"configMapGenerator": "ConfigMap", "secretGenerator": "Secret"}
_COMPOSED = ("resources", "bases", "components", "patches", "patchesStrategicMerge", "namespace", "replicas")
_NEUTRAL = ("images", "labels", "commonLabels", "commonAnnotations", "generatorOptions", "sortOptions")
"""What changes no relation between objects: a label goes to selectors and to pods alike."""

_READ = frozenset(("apiVersion", "kind", "metadata", *_COMPOSED, *_GENERATORS, *_NEUTRAL))
_CLUSTER_SCOPED = frozenset(
    (
        "Namespace",
        "PriorityClass",
        "StorageClass",
        "IngressClass",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "PersistentVolume",
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "APIService",
        "NodePool",
        "EC2NodeClass",
        "ComputeClass",
        "ClusterTriggerAuthentication",
        "ClusterIssuer",
        "GatewayClass",
    )
)
_MERGE_KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "port"),
}
"""Lists that a strategic merge patch merges, by what names their entries; others it replaces."""


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


def composed(
    directory: str, files: Mapping[str, Sequence[Any]], above: Sequence[str] = ()
) -> list[tuple[str, Tree]]:
    """Return the objects of the kustomization in ``directory``, each with the file it comes from.

    files: documents by path. above: directories that are being composed, of which this is a part. Raises
    :class:`NotComposedError` for JSON patches, transformers, remotes.
    """
    path = join(directory, KUSTOMIZATION) if directory else KUSTOMIZATION
    found = _document(path, files)
    unknown = sorted(set(found) - _READ)
    if unknown:
        raise NotComposedError(f"{path} uses {', '.join(unknown)}")
    if directory in above:
        raise NotComposedError(f"{path} is a part of itself")
    objects: list[tuple[str, Tree]] = []
    for entry in [*_list(found, "resources"), *_list(found, "bases"), *_list(found, "components")]:
        target = normpath(join(directory, str(entry)))
        if target in files:
            objects += [(target, document) for document in files[target] if isinstance(document, dict)]
        else:
            objects += composed("" if target == "." else target, files, (*above, directory))
    objects += [(path, tree) for tree in _generated(found, objects)]
    patches = [*_list(found, "patches"), *({"path": name} for name in _list(found, "patchesStrategicMerge"))]
    return [
        (place, _transformed(tree, found)) for place, tree in _patched(objects, patches, directory, files)
    ]


def _list(tree: Tree, key: str) -> list[Any]:
    said = tree.get(key)
    return said if isinstance(said, list) else []


def _generated(found: Tree, objects: Sequence[tuple[str, Tree]]) -> Iterator[Tree]:
    """Yield the ConfigMaps and Secrets that are made of files, by name alone."""
    known = {(str(tree.get("kind")), str(_metadata(tree).get("name"))) for _, tree in objects}
    for key, kind in _GENERATORS.items():
        for entry in _list(found, key):
            if isinstance(entry, dict) and (kind, str(entry.get("name"))) not in known:
                metadata = {part: entry[part] for part in ("name", "namespace") if part in entry}
                yield {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def _metadata(tree: Tree) -> Tree:
    metadata = tree.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _transformed(tree: Tree, found: Tree) -> Tree:
    """Return an object in the kustomization's namespace, and with the replicas that it says."""
    namespace = found.get("namespace")
    if namespace and str(tree.get("kind")) not in _CLUSTER_SCOPED:
        tree = {**tree, "metadata": {**_metadata(tree), "namespace": namespace}}
    for entry in _list(found, "replicas"):
        workload = tree.get("kind") in ("Deployment", "StatefulSet") and isinstance(tree.get("spec"), dict)
        if workload and isinstance(entry, dict) and entry.get("name") == _metadata(tree).get("name"):
            tree = {**tree, "spec": {**tree["spec"], "replicas": entry.get("count")}}
    return tree


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
    """Return the objects with each patch laid over the object that it names, by a strategic merge."""
    changes = [change for patch in patches for change in _changes(patch, directory, files)]
    if not changes:
        return objects
    patched = {identity(item): (path, item) for path, item in objects}
    for change in changes:
        name = identity(change)
        if name in patched:
            path, item = patched.pop(name)
            merged = _merged(item, change)
            if merged is not None:
                patched[name] = (path, merged)
    order = [identity(item) for _, item in objects]
    return [patched[name] for name in dict.fromkeys(order) if name in patched]


def _changes(patch: object, directory: str, files: Mapping[str, Sequence[Any]]) -> list[Tree]:
    """Return the objects of a patch in a file, or in the kustomization itself."""
    if isinstance(patch, dict) and set(patch) == {"path"}:
        return [_document(normpath(join(directory, str(patch["path"]))), files)]
    if not isinstance(patch, dict) or set(patch) != {"patch"}:
        raise NotComposedError(f"{directory} has patches that select by target")
    from capplan.errors import InputError
    from capplan.strictyaml import load_all

    try:
        found = load_all(str(patch["patch"]), directory)
    except InputError:
        found = [None]
    if not all(isinstance(change, dict) for change in found):
        raise NotComposedError(f"{directory} has a patch that is no object")
    return found


def identity(item: Tree) -> tuple[str, str, str, str]:
    """Return API group, kind, namespace and name of an object."""
    metadata = _metadata(item)
    group = str(item.get("apiVersion", "")).rpartition("/")[0]
    return group, str(item.get("kind")), str(metadata.get("namespace", "")), str(metadata.get("name", ""))


def _merged(base: Any, change: Any, field: str = "") -> Any:
    """Return ``base`` with a strategic merge patch over it; None where the patch deletes it."""
    if isinstance(base, dict) and isinstance(change, dict):
        directive = change.get("$patch")
        if directive is not None:
            return None if directive == "delete" else {k: v for k, v in change.items() if k != "$patch"}
        result = dict(base)
        for key, value in change.items():
            merged = None if value is None else _merged(base.get(key), value, str(key))
            if merged is None:
                result.pop(key, None)
            else:
                result[key] = merged
        return result
    if isinstance(base, list) and isinstance(change, list):
        return _merged_list(base, change, field)
    return change


def _merged_list(base: list[Any], change: list[Any], field: str) -> list[Any]:
    entries = [*base, *change]
    for key in _MERGE_KEYS.get(field, ()):
        if all(isinstance(entry, dict) and isinstance(entry.get(key), str | int) for entry in entries):
            found = {entry[key]: entry for entry in base}
            found |= {entry[key]: _merged(found.get(entry[key], {}), entry) for entry in change}
            return [entry for entry in found.values() if entry is not None]
    return change

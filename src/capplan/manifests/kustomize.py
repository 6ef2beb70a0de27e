"""Kustomize: the files that tie objects together, and what an overlay composes to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import PurePosixPath
from posixpath import join, normpath, relpath
from typing import Any

from capplan.manifests.artefact import Artefact, Rendered, Tree
from capplan.manifests.kubernetes.objects import BASE, COMPONENTS

OVERLAYS = "kubernetes/overlays"
KUSTOMIZATION = "kustomization.yaml"
SMALLER = "capplan/smaller"
"""Marks what is not meant to carry the peak of the plan."""

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
    base = [item for item in objects if item.path.startswith(f"{BASE}/")]
    scaled = {
        item.value["metadata"]["name"] for item in base if item.value["kind"] == "HorizontalPodAutoscaler"
    }
    for item in base:
        kind = item.value["kind"]
        if kind == "HorizontalPodAutoscaler":
            spec: Tree = {"minReplicas": 1, "maxReplicas": 2}
        elif kind == "Deployment" and item.value["metadata"]["name"] not in scaled:
            spec = {"replicas": 1}
        else:
            continue
        name = item.value["metadata"]["name"]
        context = {"object": item.value, "spec": spec, "annotations": {SMALLER: "true"}}
        path = f"{directory}/patch-{kind.lower()}-{name}.yaml"
        yield Artefact(path, "kubernetes/patch.yaml.j2", context, "kubernetes")


Identity = tuple[str, str, str, str]
"""API group, kind, namespace and name."""


class NotComposedError(Exception):
    """A kustomization uses something that capplan does not compose itself."""


def composed(
    directory: str, files: Mapping[str, Sequence[Any]], above: Sequence[str] = ()
) -> list[tuple[str, Tree]]:
    """Return the objects of the kustomization in ``directory``, each with the file it comes from.

    files: documents by path. above: directories that are being composed, of which this is a part. Raises
    :class:`NotComposedError` for transformers, remotes, patches that select by labels.
    """
    path = join(directory, KUSTOMIZATION) if directory else KUSTOMIZATION
    found = _document(path, files)
    unknown = sorted(set(found) - _READ)
    if unknown:
        raise NotComposedError(f"{path} uses {', '.join(unknown)}")
    if directory in above:
        raise NotComposedError(f"{path} includes itself")
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
        raise NotComposedError(f"{path} does not exist")
    return documents[0]


def _patched(
    objects: list[tuple[str, Tree]],
    patches: Iterable[object],
    directory: str,
    files: Mapping[str, Sequence[Any]],
) -> list[tuple[str, Tree]]:
    """Return the objects with each patch laid over what it names, or over all that its target means."""
    changes = [change for patch in patches for change in _changes(patch, directory, files)]
    if not changes:
        return objects
    patched: dict[Identity, tuple[str, Tree | None]] = {
        identity(item): (path, item) for path, item in objects
    }
    for target, change in changes:
        meant = _named(change, patched) if target is None else [n for n in patched if _is_meant(n, target)]
        for name in meant:
            path, item = patched.get(name, ("", None))
            if item is not None:
                edits = isinstance(change, list)
                patched[name] = (path, _edited(item, change) if edits else _merged(item, change))
    return [(path, item) for path, item in patched.values() if item is not None]


def _named(change: Tree, known: Iterable[Identity]) -> list[Identity]:
    """Return the object that a patch is for; one without a namespace is for an object that was given one."""
    name = identity(change)
    group, kind, namespace, own = name
    if name in known or namespace:
        return [name]
    return [other for other in known if (other[0], other[1], other[3]) == (group, kind, own)]


def _changes(
    patch: object, directory: str, files: Mapping[str, Sequence[Any]]
) -> list[tuple[Tree | None, Any]]:
    """Return the target of a patch, if it has one, with each object or list of edits that it says."""
    known = isinstance(patch, dict) and set(patch) <= {"path", "patch", "target"}
    if not isinstance(patch, dict) or not known or ("path" in patch) is ("patch" in patch):
        raise NotComposedError(f"{directory} has an invalid patch")
    if "path" in patch:
        found = files.get(normpath(join(directory, str(patch["path"]))), ())
    else:
        found = _inline(str(patch["patch"]), directory)
    target = patch.get("target")
    if target is not None and not (isinstance(target, dict) and set(target) <= _TARGET):
        raise NotComposedError(f"{directory} has a patch that selects by labels")
    if not found or not all(isinstance(c, dict) or (target and isinstance(c, list)) for c in found):
        raise NotComposedError(f"{directory} has a patch that does not exist or names nothing")
    return [(target, change) for change in found]


_TARGET = {"group", "version", "kind", "name", "namespace"}


def _inline(text: str, directory: str) -> list[Any]:
    from capplan.errors import InputError
    from capplan.strictyaml import load_all

    try:
        return load_all(text, directory)
    except InputError:
        return []


def _is_meant(name: Identity, target: Tree) -> bool:
    """Say whether a target means an object: names and namespaces are patterns of the whole."""
    group, kind, namespace, own = name
    exact = target.get("group", group) == group and target.get("kind", kind) == kind
    try:
        patterns = (target.get("namespace") or ".*", namespace), (target.get("name") or ".*", own)
        return exact and all(re.fullmatch(str(pattern), value) for pattern, value in patterns)
    except re.error:
        raise NotComposedError(f"a patch's target is not a valid pattern: {target}") from None


def _edited(tree: Tree, edits: Sequence[Any]) -> Tree:
    """Return an object after the edits of a JSON patch (RFC 6902): what adds, replaces or removes."""
    tree = deepcopy(tree)
    try:
        for edit in edits:
            *parents, last = [p.replace("~1", "/").replace("~0", "~") for p in edit["path"].split("/")[1:]]
            holder: Any = tree
            for part in parents:
                holder = holder[int(part)] if isinstance(holder, list) else holder[part]
            _edit(holder, last, edit)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError):
        raise NotComposedError("a JSON patch finds nothing at its path") from None
    return tree


def _edit(holder: Any, key: str, edit: Tree) -> None:
    place: Any = key if isinstance(holder, dict) else len(holder) if key == "-" else int(key)
    if edit["op"] == "remove":
        del holder[place]
    elif edit["op"] == "add" and isinstance(holder, list):
        holder.insert(place, edit["value"])
    elif edit["op"] in ("add", "replace"):
        holder[place] = edit["value"]
    else:
        raise NotComposedError(f"a JSON patch that would {edit['op']}")


def identity(item: Tree) -> Identity:
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

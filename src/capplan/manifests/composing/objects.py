"""An object while it is composed, and which objects a target means."""

from __future__ import annotations

import re
from typing import Any

from capplan.manifests.artefact import Tree


class NotComposedError(Exception):
    """A kustomization is not valid, or uses something that capplan does not compose itself."""


class RefusedError(NotComposedError):
    """A kustomization is one that `kustomize build` refuses as well."""


class ComposedObject:
    """An object that is being composed.

    path: the file it comes from. names, namespaces: those it had before; Kustomize finds objects by them too.
    """

    __slots__ = ("names", "namespaces", "path", "tree")

    def __init__(self, path: str, tree: Any) -> None:
        self.path = path
        self.tree = tree
        self.names, self.namespaces = {self.name}, {self.namespace}

    @property
    def metadata(self) -> Tree:
        """Its metadata."""
        return part(self.tree, "metadata")

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.tree.get("kind"))

    @property
    def group(self) -> str:
        """Its API group."""
        return str(self.tree.get("apiVersion", "")).rpartition("/")[0]

    @property
    def name(self) -> str:
        """Its name as it stands."""
        return str(self.metadata.get("name", ""))

    @property
    def namespace(self) -> str:
        """Its namespace as it stands."""
        return str(self.metadata.get("namespace", ""))

    def set(self, **fields: Any) -> None:
        """Change fields of its metadata."""
        self.tree = {**self.tree, "metadata": {**self.metadata, **fields}}
        self.namespaces.add(self.namespace)


def part(tree: Any, key: str) -> Tree:
    """Return the map under a key, empty where there is none."""
    found = tree.get(key) if isinstance(tree, dict) else None
    return found if isinstance(found, dict) else {}


def parts(tree: Any, key: str) -> list[Tree]:
    """Return the maps in the list under a key."""
    found = tree.get(key) if isinstance(tree, dict) else None
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def is_patched(made: ComposedObject, change: Tree) -> bool:
    """Say whether a patch without a target is for an object; it need not name a namespace."""
    other = ComposedObject("", change)
    named = other.name == made.name or other.name in made.names
    within = not other.namespace or not made.namespace or other.namespace in made.namespaces
    return named and within and (other.group, other.kind) == (made.group, made.kind)


def is_meant(made: ComposedObject, target: Tree) -> bool:
    """Say whether a target means an object: names and namespaces are patterns of the whole.

    A name may be one that the object had before; without a namespace an object is in `default`.
    """
    version = str(made.tree.get("apiVersion", "")).rpartition("/")[2]
    for key, value in (("group", made.group), ("version", version), ("kind", made.kind)):
        if target.get(key) not in (None, "", value):
            return False
    try:
        named = any(re.fullmatch(str(target.get("name") or ".*"), name) for name in {*made.names, made.name})
        wanted_in = str(target.get("namespace") or ".*")
        within = any(re.fullmatch(wanted_in, name or "default") for name in made.namespaces)
    except re.error:
        raise NotComposedError(f"a patch's target is not a valid pattern: {target}") from None
    labels = part(made.metadata, "labels"), part(made.metadata, "annotations")
    wanted = (target.get("labelSelector"), target.get("annotationSelector"))
    return bool(named and within) and all(map(_selected, wanted, labels))


_TERM = re.compile(r"\s*(!?)\s*([^\s!=,()]+)\s*(?:(==?|!=)\s*([^\s,]*)|(in|notin)\s*\(([^)]*)\))?\s*")


def _selected(selector: object, labels: Tree) -> bool:
    """Say whether a selector as kubectl writes it holds for labels; none holds for all."""
    for term in re.split(r",(?![^(]*\))", str(selector)) if selector else ():
        match = _TERM.fullmatch(term)
        if match is None:
            raise NotComposedError(f"a patch selects by {selector}, which is no selector")
        absent, key, operator, value, among, values = match.groups()
        is_one = str(labels.get(key)) in ([v.strip() for v in values.split(",")] if among else [value or ""])
        holds = key in labels if not operator and not among else key in labels and is_one
        if holds is (bool(absent) or operator == "!=" or among == "notin"):
            return False
    return True

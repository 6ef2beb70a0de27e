"""Patches of the three kinds: strategic merge, JSON (RFC 6902), and either of them with a target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from posixpath import join, normpath
from typing import Any

from capplan.manifests.artefact import Tree
from capplan.manifests.composing.names import is_built_in
from capplan.manifests.composing.objects import (
    ComposedObject,
    NotComposedError,
    RefusedError,
    is_meant,
    is_patched,
    part,
)

_MERGE_KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "hostAliases": ("ip",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "topologySpreadConstraints": ("topologyKey",),
    "ports": ("containerPort", "port"),
}
"""Lists that a strategic merge patch merges, by what names their entries; others it replaces."""


def patched(
    objects: Sequence[ComposedObject],
    patches: Iterable[object],
    directory: str,
    files: Mapping[str, Sequence[Any]],
) -> list[ComposedObject]:
    """Return the objects with each patch laid over what it names, or over all that its target means."""
    left = list(objects)
    for patch in patches:
        for target, change in _changes(patch, directory, files):
            meant = [
                made
                for made in left
                if (is_patched(made, change) if target is None else is_meant(made, target))
            ]
            if not meant and target is None:
                what = f"{change.get('kind')}/{part(change, 'metadata').get('name')}"
                # What a List holds is not told apart here.
                certain = not any(made.kind.endswith("List") for made in left)
                raise (RefusedError if certain else NotComposedError)(
                    f"a patch is for {what}, which is not among the resources"
                )
            for made in meant:
                made.tree = (
                    _edited(made.tree, change) if isinstance(change, list) else laid_over(made, change)
                )
            left = [made for made in left if made.tree is not None]
    return left


def _changes(
    patch: object, directory: str, files: Mapping[str, Sequence[Any]]
) -> list[tuple[Tree | None, Any]]:
    """Return the target of a patch, if it has one, with each object or list of edits that it says."""
    known = isinstance(patch, dict) and set(patch) <= {"path", "patch", "target", "options"}
    if not isinstance(patch, dict) or not known or ("path" in patch) is ("patch" in patch):
        raise NotComposedError(f"{directory or '.'} has an invalid patch")
    if "path" in patch:
        found = files.get(normpath(join(directory, str(patch["path"]))), ())
    else:
        found = _inline(str(patch["patch"]), directory)
    target = patch.get("target")
    if target is not None and not (isinstance(target, dict) and set(target) <= _TARGET):
        raise NotComposedError(f"{directory or '.'} has a patch with an unknown target")
    if not found or not all(isinstance(c, dict) or (target and isinstance(c, list)) for c in found):
        raise NotComposedError(f"{directory or '.'} has a patch that does not exist or names nothing")
    return [(target, change) for change in found]


_TARGET = {"group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector"}


def _inline(text: str, directory: str) -> list[Any]:
    from capplan.errors import InputError
    from capplan.strictyaml import load_all

    try:
        return [value for value in load_all(text, directory) if value is not None]
    except InputError:
        return []


def _edited(tree: Tree, edits: Sequence[Any]) -> Tree:
    """Return an object after the edits of a JSON patch (RFC 6902)."""
    whole: dict[str, Any] = {"": deepcopy(tree)}
    for field in ("annotations", "labels"):
        if any(
            str(edit.get("path")).startswith(f"/metadata/{field}/")
            for edit in edits
            if isinstance(edit, dict)
        ):
            whole[""].setdefault("metadata", {}).setdefault(field, {})
    try:
        for edit in edits:
            value = edit.get("value")
            if edit["op"] in ("move", "copy"):
                holder, last = _place(whole, edit["from"])
                value = deepcopy(holder[last])
                if edit["op"] == "move":
                    del holder[last]
            _edit(*_place(whole, edit["path"]), edit["op"], value)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError):
        raise NotComposedError("a JSON patch finds nothing at its path") from None
    edited: Tree = whole[""]
    return edited


def _place(whole: Any, path: str) -> tuple[Any, Any]:
    """Return the container of what a pointer names, and its key or index there."""
    holder: Any = whole
    *parents, last = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")]
    for step in parents:
        holder = holder[int(step)] if isinstance(holder, list) else holder[step]
    return holder, last if isinstance(holder, dict) else len(holder) if last == "-" else int(last)


def _edit(holder: Any, key: Any, operation: str, value: Any) -> None:
    if operation == "remove":
        del holder[key]
    elif isinstance(holder, list) and operation in ("add", "copy", "move"):
        holder.insert(key, value)
    elif operation == "test":
        if holder[key] != value:
            raise KeyError(key)
    elif operation in ("add", "replace", "copy", "move"):
        holder[key] = value
    else:
        raise NotComposedError(f"a JSON patch that would {operation}")


def laid_over(made: ComposedObject, change: Any) -> Any:
    """Return an object under a strategic merge patch; None where the patch deletes it.

    A patch keeps name, namespace and kind; lists of kinds without a known schema are replaced.
    """
    found = _merged(made.tree, change, is_built_in(made.group))
    if isinstance(found, dict) and isinstance(found.get("metadata"), dict):
        kept = {key: value for key, value in made.metadata.items() if key in ("name", "namespace")}
        others = {key: value for key, value in found["metadata"].items() if key not in ("name", "namespace")}
        found = {**found, "kind": made.kind, "metadata": {**others, **kept}}
    return found


def _merged(base: Any, change: Any, merges: bool, field: str = "") -> Any:
    if isinstance(base, dict) and isinstance(change, dict):
        directive = change.get("$patch")
        if directive is not None:
            return None if directive == "delete" else {k: v for k, v in change.items() if k != "$patch"}
        result = dict(base)
        for key, value in change.items():
            merged = None if value is None else _merged(base.get(key), value, merges, str(key))
            if merged is None:
                result.pop(key, None)
            else:
                result[key] = merged
        return result
    if isinstance(base, list) and isinstance(change, list) and merges:
        return _merged_list(base, change, field)
    if isinstance(change, dict):
        # What is new has no directives or nulls left in it.
        return {k: v for k, v in change.items() if v is not None and k != "$patch"}
    return change


def _merged_list(base: list[Any], change: list[Any], field: str) -> list[Any]:
    directives = [entry for entry in change if isinstance(entry, dict) and set(entry) == {"$patch"}]
    if directives:
        # `$patch: replace` beside the entries takes the place of all that were there.
        return [entry for entry in change if entry not in directives]
    entries = [*base, *change]
    for key in _MERGE_KEYS.get(field, ()):
        if all(isinstance(entry, dict) and isinstance(entry.get(key), str | int) for entry in entries):
            there = {entry[key]: entry for entry in base}
            changed = {entry[key]: _merged(there.get(entry[key], {}), entry, True) for entry in change}
            # What the patch names comes first.
            found = {**changed, **{name: entry for name, entry in there.items() if name not in changed}}
            return [entry for entry in found.values() if entry is not None]
    return change

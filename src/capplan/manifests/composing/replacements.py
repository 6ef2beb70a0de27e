"""Replacements: the value of one field put into others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from posixpath import join, normpath
from typing import Any

from capplan.manifests.artefact import Tree
from capplan.manifests.composing.objects import ComposedObject, NotComposedError, is_meant, part, parts

_PART = re.compile(r"\[[^\]]*\]|(?:[^.\[\\]|\\.)+")


def replaced(
    objects: Sequence[ComposedObject], said: Sequence[Any], directory: str, files: Mapping[str, Sequence[Any]]
) -> None:
    """Put the value that each replacement names into the fields of its targets."""
    for entry in said:
        if isinstance(entry, dict) and "path" in entry:
            documents = files.get(normpath(join(directory, str(entry["path"]))), ())
            loaded = [one for value in documents for one in (value if isinstance(value, list) else [value])]
            replaced(objects, loaded, directory, files)
        elif isinstance(entry, dict):
            _replace(objects, entry)


def _replace(objects: Sequence[ComposedObject], entry: Tree) -> None:
    value = _source(objects, part(entry, "source")) if "source" in entry else entry.get("sourceValue")
    # The keys and values of files of variables are not known.
    for target in parts(entry, "targets") if value is not None else ():
        rejected = [_exact(one) for one in parts(target, "reject")]
        said = target.get("fieldPaths")
        for made in objects:
            meant = is_meant(made, _exact(part(target, "select")))
            if not meant or any(is_meant(made, one) for one in rejected):
                continue
            tree = deepcopy(made.tree)
            for path in said if isinstance(said, list) else ["metadata.name"]:
                _put(tree, _steps(str(path)), value, part(target, "options"))
            made.tree = tree


def _exact(selector: Tree) -> Tree:
    """Return a selector whose names are no patterns."""
    named = ("name", "namespace")
    return {key: re.escape(str(value)) if key in named else value for key, value in selector.items()}


def _source(objects: Sequence[ComposedObject], source: Tree) -> Any:
    selector = _exact({k: v for k, v in source.items() if k not in ("fieldPath", "options")})
    chosen = [made for made in objects if is_meant(made, selector)]
    if len(chosen) != 1:
        raise NotComposedError(f"a replacement's source means {len(chosen)} objects, not one")
    path = _steps(str(source.get("fieldPath", "metadata.name")))
    holders = list(_holders(chosen[0].tree, path, False))
    if not holders and chosen[0].kind in ("ConfigMap", "Secret") and "data" not in chosen[0].tree:
        return None
    if not holders:
        raise NotComposedError(f"a replacement's source has no field {source.get('fieldPath')}")
    holder, key = holders[0]
    value, options = holder[key], part(source, "options")
    if not options.get("delimiter"):
        return value
    pieces, index = str(value).split(str(options["delimiter"])), _index(options)
    if not -len(pieces) <= index < len(pieces):
        raise NotComposedError(f"a replacement's source has no part {index}")
    return pieces[index]


def _index(options: Tree) -> int:
    index = options.get("index", 0)
    return index if isinstance(index, int) else 0


def _steps(path: str) -> list[str]:
    return [step.replace("\\.", ".") for step in _PART.findall(path)]


def _put(tree: Any, path: Sequence[str], value: Any, options: Tree) -> None:
    for holder, key in _holders(tree, path, bool(options.get("create"))):
        if options.get("delimiter"):
            delimiter, index = str(options["delimiter"]), _index(options)
            pieces = str(holder[key]).split(delimiter)
            if index < 0:
                pieces = [str(value), *pieces]
            elif index >= len(pieces):
                pieces.append(str(value))
            else:
                pieces[index] = str(value)
            holder[key] = delimiter.join(pieces)
        else:
            holder[key] = deepcopy(value)


def _holders(tree: Any, path: Sequence[str], create: bool) -> Iterator[tuple[Any, Any]]:
    """Yield the containers of the fields that a path means, each with the key or index there."""
    if not path:
        return
    keys = list(_keys(tree, path[0].strip("[]") if path[0][:1] == "[" else path[0], create, len(path) == 1))
    for key in keys:
        if len(path) == 1:
            yield tree, key
        else:
            yield from _holders(tree[key], path[1:], create)


def _keys(tree: Any, wanted: str, create: bool, last: bool) -> Iterator[Any]:
    if isinstance(tree, dict):
        if wanted not in tree and create:
            tree[wanted] = None if last else {}
        if wanted in tree:
            yield wanted
    elif isinstance(tree, list):
        name, equals, value = wanted.partition("=")
        for index, entry in enumerate(tree):
            named = equals and isinstance(entry, dict) and str(entry.get(name)) == value
            if wanted == "*" or named or wanted == str(index):
                yield index

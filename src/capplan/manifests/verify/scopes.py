"""What belongs together among all that was read: kustomizations, directories, and alternatives among them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from posixpath import commonpath, dirname
from typing import Any, NamedTuple

from capplan.errors import InputError, Problem, nearest
from capplan.findings import Finding, Severity
from capplan.manifests.composing.compose import composed
from capplan.manifests.composing.objects import NotComposedError, RefusedError
from capplan.manifests.kustomize import KUSTOMIZATION
from capplan.manifests.verify.checks import files, identity
from capplan.manifests.verify.kinds import ANY_CONTROLLER, PODS
from capplan.manifests.verify.trees import mapping, maps, text
from capplan.manifests.verify.world import Item, Workload

Documents = Mapping[str, Sequence[Any]]
"""What the YAML and JSON files hold, by path."""

Identity = tuple[str, str, str, str]
"""API group, kind, namespace and name."""


class Unit(NamedTuple):
    """Objects that are applied together: of a kustomization, or the plain files of a directory.

    parts: the objects by file; of a kustomization all of them are one part.
    """

    place: str
    parts: Mapping[str, Sequence[Item]]

    @property
    def items(self) -> list[Item]:
        """All objects."""
        return [item for part in self.parts.values() for item in part]


def identity_of(item: Item) -> Identity | None:
    """Return what tells an object from others; None where the API server makes the name."""
    return (item.group, item.kind, item.namespace, item.name) if item.name else None


def units_of(documents: Documents, found: list[Finding]) -> list[Unit]:
    """Return the kustomizations that no other one uses, and the directories of plain files."""
    units: list[Unit] = []
    covered: set[str] = set()
    for directory in top_directories(documents):
        missing: list[str] = []
        item = _kustomization(directory)
        try:
            objects = composed(directory, documents, missing=missing)
        except NotComposedError as error:
            severity: Severity | None = "error" if isinstance(error, RefusedError) else None
            found.append(item.finding(files.NOT_COMPOSED, "", str(error), None, severity))
            continue
        found += [item.finding(files.NOT_COMPOSED, "resources", f"'{name}' is elsewhere") for name in missing]
        covered |= {path for path, _ in objects}
        units.append(Unit(directory, {directory: [Item(path, tree) for path, tree in objects]}))
    inside = {_directory(path) for path in documents if path.endswith(KUSTOMIZATION)}
    plain: dict[str, dict[str, list[Item]]] = {}
    expected = set(_expectations(documents))
    charts = {dirname(path) for path in documents if path.rpartition("/")[2] == "Chart.yaml"}
    for path, values in documents.items():
        if path in covered or path in expected or path.endswith(KUSTOMIZATION) or _is_inside(path, inside):
            continue
        objects_ = [Item(path, value) for value in values if isinstance(value, dict) and "kind" in value]
        if objects_:
            plain.setdefault(_chart_of(path, charts), {})[path] = objects_
    return units + [Unit(place, parts) for place, parts in plain.items()]


_EXPECTED = re.compile(r"\d+-(?:assert|errors)\.ya?ml")


def _expectations(documents: Documents) -> Iterator[str]:
    """Yield the files that tests compare a cluster with, those of kuttl and chainsaw: parts of objects."""
    from posixpath import join, normpath

    for path, values in documents.items():
        if _EXPECTED.fullmatch(path.rpartition("/")[2]):
            yield path
        for value in values:
            if text(value, "apiVersion").startswith("chainsaw.kyverno.io/"):
                for step in maps(value, "spec.steps"):
                    for operation in maps(step, "try"):
                        for key in ("assert", "error"):
                            yield normpath(join(dirname(path), text(operation, f"{key}.file")))


def _chart_of(path: str, charts: set[str]) -> str:
    """Return the outermost chart that a file is of, or its directory."""
    parts = dirname(path).split("/")
    above = ("/".join(parts[:depth]) for depth in range(len(parts) + 1))
    return next((place for place in above if place in charts), dirname(path))


def _is_inside(path: str, directories: set[str]) -> bool:
    """Say whether a file stands in one of ``directories``, or below."""
    place = dirname(path)
    while place:
        if place in directories:
            return True
        place = dirname(place)
    return "" in directories


def _kustomization(directory: str) -> Item:
    place = f"{directory}/{KUSTOMIZATION}" if directory else KUSTOMIZATION
    return Item(place, {"kind": "Kustomization", "metadata": {"name": directory or "."}})


def _directory(path: str) -> str:
    return path.removesuffix(KUSTOMIZATION).rstrip("/")


def top_directories(documents: Documents) -> list[str]:
    """Return the kustomizations that no other one uses: what is applied."""
    used: set[str] = set()
    for path, values in documents.items():
        if path.endswith(KUSTOMIZATION) and values and isinstance(values[0], dict):
            used |= set(_entries(path, values[0])) - {_directory(path)}
    every = [_directory(path) for path in documents if path.endswith(KUSTOMIZATION)]
    whole = sorted(d for d in every if text(_first(documents, d), "kind") != "Component")
    # Where each is a part of another they go round, which composing any of them says.
    return [directory for directory in whole if directory not in used] or whole


def _first(documents: Documents, directory: str) -> Any:
    path = f"{directory}/{KUSTOMIZATION}" if directory else KUSTOMIZATION
    return next(iter(documents[path]), None)


def _entries(path: str, kustomization: Mapping[str, Any]) -> Iterator[str]:
    from posixpath import join, normpath

    for key in ("resources", "bases", "components"):
        entries = kustomization.get(key)
        for entry in entries if isinstance(entries, list) else []:
            place = normpath(join(dirname(path), str(entry)))
            yield "" if place == "." else place


def chosen_units(units: Sequence[Unit], name: str) -> list[Unit]:
    """Return the units whose path ends with a name. Raises :class:`InputError` where there is none."""
    chosen = [unit for unit in units if f"/{unit.place}".endswith(f"/{name.strip('/')}")]
    if not chosen:
        places = [unit.place for unit in units]
        raise InputError(Problem("--environment", f"there is no '{name}'", nearest(name, places)))
    return chosen


def each_alone(units: Sequence[Unit]) -> Iterator[list[Item]]:
    """Yield the objects of every file, or kustomization, on its own."""
    for unit in units:
        yield from map(list, unit.parts.values())


def environments(units: Sequence[Unit], found: list[Finding]) -> Iterator[list[Item]]:
    """Yield the objects of each environment: units that refer to each other, with one of each alternative.

    Where there are no objects at all, that is one environment, which the facts of a plan may still not fit.
    """
    if not units:
        yield []
    for group in _joined(units):
        parts = {path: items for unit in group for path, items in unit.parts.items()}
        found += _twice_in_one(parts)
        against = _alternatives(parts)
        found += _pairs(parts, against)
        left = list(parts)
        while left:
            chosen: set[str] = set()
            for path in [*left, *_beside(left, parts)]:
                if against.get(path, set()).isdisjoint(chosen):
                    chosen.add(path)
            left = [path for path in left if path not in chosen]
            yield [item for path in parts if path in chosen for item in parts[path]]


_SMALL = 200


def _beside(left: Sequence[str], parts: Mapping[str, Sequence[Item]]) -> Iterable[str]:
    """Return the files that alternatives are judged with: all, or of many those that refer to them."""
    if len(parts) <= _SMALL or len(left) == len(parts):
        return parts
    known = {name for path in left for item in parts[path] for name in _names(item)}
    return [
        path
        for path, items in parts.items()
        if any(not known.isdisjoint(names) for item in items for names in (*_wanted(item), [*_names(item)]))
    ]


def _twice_in_one(parts: Mapping[str, Sequence[Item]]) -> Iterator[Finding]:
    """Yield each object that is given twice in a file or kustomization, with other contents."""
    for items in parts.values():
        known: dict[Identity, Item] = {}
        for item in items:
            own = identity_of(item)
            before = known.setdefault(own, item) if own is not None else item
            if before is not item:
                # Kustomize refuses even what two files say alike.
                same = before.tree == item.tree and before.path == item.path
                what = "is defined twice" if before.path == item.path else f"is defined in {before.path} too"
                yield item.finding(
                    identity.DUPLICATE_OBJECT, "metadata.name", what, None, "warning" if same else None
                )


def _alternatives(parts: Mapping[str, Sequence[Item]]) -> dict[str, set[str]]:
    """Return for each file those that have an object of the same identity."""
    holders: dict[Identity, set[str]] = {}
    for path, items in parts.items():
        for own in filter(None, map(identity_of, items)):
            holders.setdefault(own, set()).add(path)
    against: dict[str, set[str]] = {}
    for paths in holders.values():
        for path in paths if len(paths) > 1 else ():
            against.setdefault(path, set()).update(paths - {path})
    return against


def _pairs(parts: Mapping[str, Sequence[Item]], against: Mapping[str, set[str]]) -> Iterator[Finding]:
    """Yield one finding for a file of a directory that is an alternative of another, with what both have."""
    for other in sorted(against):
        beside = [path for path in against[other] if path < other and dirname(path) == dirname(other)]
        path = min(beside, default="")
        if path and path == parts[path][0].path:
            theirs = {identity_of(item) for item in parts[path]} - {None}
            both = [item for item in parts[other] if identity_of(item) in theirs]
            if all(any(item.tree == one.tree for one in parts[path]) for item in both):
                continue
            names = ", ".join(item.title for item in both[:3]) + (", …" if len(both) > 3 else "")
            what = f"{names} is also defined in {path}: the two files are alternatives"
            yield both[0].finding(identity.ALTERNATIVES, "metadata.name", what)


def _joined(units: Sequence[Unit]) -> Iterator[list[Unit]]:
    """Yield units that belong together: an object of one refers to what only the nearest other one has."""
    head = list(range(len(units)))

    def top(number: int) -> int:
        while head[number] != number:
            number = head[number]
        return number

    for number, other in _references(units):
        head[top(other)] = top(number)
    groups: dict[int, list[Unit]] = {}
    for number, unit in enumerate(units):
        groups.setdefault(top(number), []).append(unit)
    yield from groups.values()


def _references(units: Sequence[Unit]) -> Iterator[tuple[int, int]]:
    """Yield units that lack something, each with the nearest one that has it."""
    holders: dict[str, set[int]] = {}
    for number, unit in enumerate(units):
        for item in unit.items:
            for name in _names(item):
                holders.setdefault(name, set()).add(number)
    for number, unit in enumerate(units):
        for item in unit.items:
            for names in _wanted(item):
                there = set.intersection(*(holders.get(name, set()) for name in names))
                if there and number not in there:
                    yield number, _nearest(number, there, units)


def _nearest(number: int, others: Iterable[int], units: Sequence[Unit]) -> int:
    """Return the unit with the longest path in common, or this one where two are as near."""

    def shared(other: int) -> int:
        return len(commonpath([f"/{units[number].place}", f"/{units[other].place}"]))

    ranked = sorted(others, key=shared, reverse=True)
    clear = len(ranked) == 1 or shared(ranked[0]) > shared(ranked[1])
    return ranked[0] if clear else number


def _names(item: Item) -> Iterator[str]:
    """Yield what others may know an object by: kind and name, and the labels of its pods."""
    yield f"{item.kind}/{item.name}"
    if item.kind in PODS:
        labels = Workload(item, 1, 1, ()).labels
        yield from (f"{key}={value}" for key, value in labels.items())


def _wanted(item: Item) -> Iterator[list[str]]:
    """Yield what an object needs of others: its target, its backends, or pods with all labels."""
    for field in ("spec.scaleTargetRef", "spec.targetRef"):
        target = mapping(item.tree, field)
        if target:
            yield [f"{target.get('kind', 'Deployment')}/{target.get('name')}"]
    for rule in maps(item.tree, "spec.rules"):
        for path in maps(rule, "http.paths"):
            yield [f"Service/{text(path, 'backend.service.name')}"]
    selector = mapping(item.tree, _SELECTORS.get(item.kind, "spec.podSelector.matchLabels"))
    if selector:
        yield [f"{key}={value}" for key, value in selector.items() if key not in ANY_CONTROLLER] or [""]


_SELECTORS = {"Service": "spec.selector", "PodDisruptionBudget": "spec.selector.matchLabels"}

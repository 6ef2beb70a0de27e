"""Running the rules: over what was rendered, or over any directory of manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from capplan.components import checks as plans
from capplan.findings import Finding
from capplan.manifests.artefact import Rendered
from capplan.manifests.kustomize import KUSTOMIZATION, NotComposedError, composed
from capplan.manifests.site import Site
from capplan.manifests.verify import agreement, autoscaling, capacity, exposure, identity, outputs, routing
from capplan.manifests.verify.checks import files
from capplan.manifests.verify.facts import Facts, facts_of
from capplan.manifests.verify.schemas import schema_findings
from capplan.manifests.verify.world import Item, World, text

RULES = (
    *identity.RULES,
    *routing.RULES,
    *autoscaling.RULES,
    *capacity.RULES,
    *exposure.RULES,
    *outputs.RULES,
)
SHARED = (plans.POD_FITS_NO_NODE, plans.POOL_TOO_SMALL, plans.TOO_MANY_CONNECTIONS)
"""Checks of estimates that hold for manifests too."""

Documents = Mapping[str, Sequence[Any]]
"""What the YAML and JSON files hold, by path."""


def verify_rendered(site: Site, files: Sequence[Rendered], schemas: Path | None = None) -> list[Finding]:
    """Return what is wrong with rendered files."""
    texts = {item.path: item.text for item in files if item.value is None}
    documents = {item.path: [item.value] for item in files if item.value is not None}
    return verify(documents, texts, facts_of(site), schemas)


def verify(
    documents: Documents, texts: Mapping[str, str], facts: Facts, schemas: Path | None = None
) -> list[Finding]:
    """Return what is wrong in every environment: each overlay composed, or else all objects together."""
    found: list[Finding] = []
    for items in _environments(documents, found):
        if schemas is not None:
            found += schema_findings(items, schemas)
        world = World(items, facts)
        for rule in RULES:
            found += rule(world)
    for path, values in documents.items():
        for value in values:
            if isinstance(value, dict) and "kind" not in value:
                found += outputs.documents(Item(path, {"kind": "File", "metadata": {"name": path}, **value}))
    for path, source in texts.items():
        found += outputs.load_test(path, source)
        found += agreement.load_test_rate(path, source, facts)
        found += exposure.secrets_in_text(path, source)
    found += outputs.alerts_tested(documents)
    found += agreement.alerts_and_lines(documents)
    # The same check may fail in several environments, with other figures: the last one's are shown.
    unique = {(f.code, f.file, f.subject, f.field, f.line, f.remedy): excused(f, facts) for f in found}
    return sorted(unique.values(), key=_rank)


def worlds_of(documents: Documents, facts: Facts) -> list[World]:
    """Return the objects of each environment that can be composed."""
    return [World(items, facts) for items in _environments(documents, [])]


def _rank(finding: Finding) -> tuple[int, str, str, str, str, str]:
    return (finding.rank, finding.file, finding.subject, finding.code, finding.field, finding.message)


def excused(finding: Finding, facts: Facts) -> Finding:
    """Return a finding that the plan accepts as what it is: known, with its reason."""
    reason = facts.accepted.get(finding.code)
    return finding if reason is None else finding._replace(severity="info", remedy=f"Accepted: {reason}")


def _environments(documents: Documents, found: list[Finding]) -> Iterator[list[Item]]:
    """Yield the objects of each environment; a directory without overlays is one."""
    tops = top_directories(documents)
    covered: set[str] = set()
    for directory in tops:
        try:
            objects = composed(directory, documents)
        except NotComposedError as error:
            place = f"{directory}/{KUSTOMIZATION}" if directory else KUSTOMIZATION
            item = Item(place, {"kind": "Kustomization", "metadata": {"name": directory or "."}})
            found.append(item.finding(files.NOT_COMPOSED, "", str(error)))
            continue
        covered |= {path for path, _ in objects}
        yield [Item(path, tree) for path, tree in objects]
    inside = [directory + "/" for directory in _kustomized(documents)]
    rest = [
        Item(path, value)
        for path, values in documents.items()
        for value in values
        if isinstance(value, dict) and "kind" in value and path not in covered
        if not path.endswith(KUSTOMIZATION) and not any(path.startswith(d) for d in inside)
    ]
    if rest or not tops:
        yield rest


def _kustomized(documents: Documents) -> list[str]:
    """Return the directories that have a kustomization."""
    return [_directory(path) for path in documents if path.endswith(KUSTOMIZATION)]


def _directory(path: str) -> str:
    return path.removesuffix(KUSTOMIZATION).rstrip("/")


def top_directories(documents: Documents) -> list[str]:
    """Return the kustomizations that no other one uses: what is applied."""
    used: set[str] = set()
    for path, values in documents.items():
        if path.endswith(KUSTOMIZATION) and values and isinstance(values[0], dict):
            used |= set(_entries(path, values[0])) - {_directory(path)}
    whole = sorted(d for d in _kustomized(documents) if text(_first(documents, d), "kind") != "Component")
    # Where each is a part of another they go round, which composing any of them says.
    return [directory for directory in whole if directory not in used] or whole


def _first(documents: Documents, directory: str) -> Any:
    path = f"{directory}/{KUSTOMIZATION}" if directory else KUSTOMIZATION
    return next(iter(documents[path]), None)


def _entries(path: str, kustomization: Mapping[str, Any]) -> Iterator[str]:
    from posixpath import dirname, join, normpath

    for key in ("resources", "bases", "components"):
        entries = kustomization.get(key)
        for entry in entries if isinstance(entries, list) else []:
            yield normpath(join(dirname(path), str(entry)))

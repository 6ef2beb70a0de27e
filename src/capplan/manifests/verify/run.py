"""Running the rules: over what was rendered, or over any directory of manifests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from capplan.components import checks as plans
from capplan.findings import Finding
from capplan.manifests.artefact import Rendered
from capplan.manifests.site import Site
from capplan.manifests.verify import (
    agreement,
    autoscaling,
    capacity,
    exposure,
    identity,
    outputs,
    routing,
    values,
    versions,
)
from capplan.manifests.verify.facts import Facts, facts_of
from capplan.manifests.verify.schemas import schema_findings
from capplan.manifests.verify.scopes import Documents, environments, units_of
from capplan.manifests.verify.world import Item, World

RULES = (
    *versions.RULES,
    *values.RULES,
    *identity.RULES,
    *routing.RULES,
    *autoscaling.RULES,
    *capacity.RULES,
    *exposure.RULES,
    *outputs.RULES,
)
SHARED = (plans.POD_FITS_NO_NODE, plans.POOL_TOO_SMALL, plans.TOO_MANY_CONNECTIONS)
"""Checks of estimates that hold for manifests too."""


def verify_rendered(site: Site, files: Sequence[Rendered], schemas: Path | None = None) -> list[Finding]:
    """Return what is wrong with rendered files."""
    texts = {item.path: item.text for item in files if item.value is None}
    documents = {item.path: [item.value] for item in files if item.value is not None}
    return verify(documents, texts, facts_of(site), schemas)


def verify(
    documents: Documents, texts: Mapping[str, str], facts: Facts, schemas: Path | None = None
) -> list[Finding]:
    """Return what is wrong in every environment: each overlay composed, directories of plain files."""
    found: list[Finding] = []
    units = units_of(documents, found)
    everything = World([item for unit in units for item in unit.items], facts)
    seen: set[tuple[object, ...]] = set()
    for items in environments(units, found):
        found += _new(_found_in(World(items, facts, everything), schemas), seen)
    for path, held in documents.items():
        for value in held:
            if isinstance(value, dict) and "kind" not in value:
                found += outputs.documents(Item(path, {"kind": "File", "metadata": {"name": path}, **value}))
    for path, source in texts.items():
        found += outputs.load_test(path, source)
        found += agreement.load_test_rate(path, source, facts)
        found += exposure.secrets_in_text(path, source)
    found += outputs.alerts_tested(documents)
    found += agreement.alerts_and_lines(documents)
    return sorted((excused(finding, facts) for finding in dict.fromkeys(found)), key=_rank)


def _found_in(world: World, schemas: Path | None) -> Iterator[Finding]:
    """Yield what is wrong in one environment."""
    if schemas is not None:
        yield from schema_findings(world.items, schemas)
    for rule in RULES:
        yield from rule(world)


_FIGURES = re.compile(r"\d[\d.,]*")


def _new(found: Iterable[Finding], seen: set[tuple[object, ...]]) -> Iterator[Finding]:
    """Yield what earlier environments did not have, or had with other figures."""
    here: dict[tuple[object, ...], list[Finding]] = {}
    for finding in found:
        said = _FIGURES.sub("", finding.message)
        place = (finding.file, finding.line, finding.subject, finding.field)
        here.setdefault((finding.code, *place, said), []).append(finding)
    for key, findings in here.items():
        if key not in seen:
            yield from findings
    seen.update(here)


def worlds_of(documents: Documents, facts: Facts) -> list[World]:
    """Return the objects of each environment that can be composed."""
    return [World(items, facts) for items in environments(units_of(documents, []), [])]


def _rank(finding: Finding) -> tuple[int, str, str, str, str, str]:
    return (finding.rank, finding.file, finding.subject, finding.code, finding.field, finding.message)


def excused(finding: Finding, facts: Facts) -> Finding:
    """Return a finding that the plan accepts as what it is: known, with its reason."""
    reason = facts.accepted.get(finding.code)
    return finding if reason is None else finding._replace(severity="info", remedy=f"Accepted: {reason}")

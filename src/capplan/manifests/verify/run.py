"""Running the rules: over what was rendered, or over any directory of manifests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

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
    limits,
    outputs,
    reach,
    refused,
    resources,
    routing,
    using,
    values,
    versions,
)
from capplan.manifests.verify.facts import Facts, facts_of
from capplan.manifests.verify.schemas import schema_findings
from capplan.manifests.verify.scopes import Documents, chosen_units, each_alone, environments, units_of
from capplan.manifests.verify.waivers import ignored_by_objects
from capplan.manifests.verify.world import Item, World

RULES = (
    *versions.RULES,
    *values.RULES,
    *refused.RULES,
    *resources.RULES,
    *identity.RULES,
    *routing.RULES,
    *using.RULES,
    *autoscaling.RULES,
    *capacity.RULES,
    *limits.RULES,
    *exposure.RULES,
    *reach.RULES,
    *outputs.RULES,
)
SHARED = (plans.POD_FITS_NO_NODE, plans.POOL_TOO_SMALL, plans.TOO_MANY_CONNECTIONS)
"""Checks of estimates that hold for manifests too."""


class VerifyOptions(NamedTuple):
    """What is asked of a check.

    schemas: a directory of JSON Schemas. style: whether matters of style are wanted. each: whether every file
    is judged alone. environment: the only kustomization or directory that is judged, by the end of its path.
    """

    schemas: Path | None = None
    style: bool = False
    each: bool = False
    environment: str = ""


def verify_rendered(site: Site, files: Sequence[Rendered], schemas: Path | None = None) -> list[Finding]:
    """Return what is wrong with rendered files."""
    texts = {item.path: item.text for item in files if item.value is None}
    documents = {item.path: [item.value] for item in files if item.value is not None}
    return verify(documents, texts, facts_of(site), VerifyOptions(schemas))


def verify(
    documents: Documents, texts: Mapping[str, str], facts: Facts, options: VerifyOptions | None = None
) -> list[Finding]:
    """Return what is wrong in every environment: each overlay composed, directories of plain files."""
    options = options or VerifyOptions()
    found: list[Finding] = []
    units = units_of(documents, found)
    everything = World([item for unit in units for item in unit.items], facts)
    seen: set[tuple[object, ...]] = set()
    chosen = units if not options.environment else chosen_units(units, options.environment)
    judged = each_alone(chosen) if options.each else environments(chosen, found)
    for items in judged:
        found += _new(_found_in(World(items, facts, everything), options.schemas), seen)
    found += _of_other_files(documents, texts, facts)
    ignored = ignored_by_objects(everything.items, found)
    wanted = (
        excused(finding, facts)
        for finding in dict.fromkeys(found)
        if (options.style or finding.severity != "info")
        and finding.code not in ignored.get((finding.file, finding.subject), ())
    )
    return sorted(wanted, key=_rank)


def _of_other_files(documents: Documents, texts: Mapping[str, str], facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong with files that hold no objects: bodies of calls, dashboards, rules, scripts."""
    for path, held in documents.items():
        for value in held:
            if isinstance(value, dict) and "kind" not in value:
                yield from outputs.documents(
                    Item(path, {"kind": "File", "metadata": {"name": path}, **value})
                )
    for path, source in texts.items():
        yield from outputs.load_test(path, source)
        yield from agreement.load_test_rate(path, source, facts)
        yield from exposure.secrets_in_text(path, source)
    yield from outputs.alerts_tested(documents)
    yield from agreement.alerts_and_lines(documents)
    yield from agreement.metrics_of_adapters(documents)


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

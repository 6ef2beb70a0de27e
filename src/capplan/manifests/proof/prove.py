"""Proof: files read back, run through the hours of the plan, and held against its estimate.

Nothing is rendered to compare with. What a file orders is a fact; facts that no behaviour can judge (sizes,
bounds, machines) must be what the estimate counts on. Targets are judged by the counts that they lead to at
every hour, with the controller's tolerance, and so by response times, lost zones and the bill.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from capplan.capacity.control import Control, Watched, rising, settled
from capplan.capacity.sizing import Sizing
from capplan.components.checks import SLO_BELOW_SERVICE_TIME, SLO_MISSED
from capplan.components.services.controls import backlogged_of, overshoot, watched_of
from capplan.findings import Check, Finding
from capplan.manifests.artefact import Rendered
from capplan.manifests.clouds.aws import full_name
from capplan.manifests.clouds.values import variables_of
from capplan.manifests.figures import number
from capplan.manifests.proof import checks
from capplan.manifests.proof.facts import Fact, facts_in
from capplan.manifests.proof.networks import apart
from capplan.manifests.proof.pieces import canonical
from capplan.manifests.proof.promised import Promised, measured_targets, promised
from capplan.manifests.site import Service, Site
from capplan.manifests.verify.checks import autoscaling, capacity, identity, references
from capplan.manifests.verify.checks.files import NOT_COMPOSED
from capplan.manifests.verify.facts import facts_of
from capplan.manifests.verify.run import verify, worlds_of
from capplan.quantities import counted

Documents = Mapping[str, Sequence[Any]]
_Facts = Mapping[tuple[str, str], Sequence[Fact]]


def rendered(site: Site) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Return the files of a plan, as :func:`as_read` does."""
    from capplan.manifests.render import as_planned

    return as_read(as_planned(site))


def as_read(files: Sequence[Rendered]) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Return rendered files as they would be read from a disk: documents by path, and scripts."""
    documents = {item.path: [item.value] for item in files if item.value is not None}
    return documents, {item.path: item.text for item in files if item.value is None}


def prove(site: Site, documents: Documents, texts: Mapping[str, str]) -> list[Finding]:
    """Return where files do not keep what the estimate of ``site`` promises, and what verification finds."""
    facts = facts_of(site)
    found: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts_in(documents, texts, worlds_of(documents, facts)):
        found.setdefault((fact.owner, fact.name), []).append(fact)
    wrong = [
        finding._replace(severity="error")
        for finding in verify(documents, texts, facts)
        if finding.severity == "error" or finding.code in _BREAKS
    ]
    wrong += _figured(site, documents)
    # Files cannot keep a response time that the estimate itself does not reach.
    wrong += [each._replace(severity="error") for each in site.estimate.findings if each.code in _BROKEN]
    wrong += _held(promised(site), found)
    wrong += _uncalled(documents, found)
    wrong += _elsewhere(site, found)
    wrong += apart(site, documents, texts)
    for service in site.services.values():
        wrong += _scaled(site, service, found)
        wrong += _in_one_zone(site, service)
    return wrong


_BREAKS = frozenset(
    check.code
    for check in (
        NOT_COMPOSED,
        capacity.QUOTA_TOO_SMALL,
        references.NO_REFERENCE,
        autoscaling.REPLICAS_UNDER_AUTOSCALER,
        references.NO_TARGET,
        identity.SERVICE_WITHOUT_PODS,
    )
)
"""What is only risky among the manifests of others, and breaks a promise here."""

_BROKEN = (SLO_MISSED.code, SLO_BELOW_SERVICE_TIME.code)

_FIGURES = {"terraform/capplan.auto.tfvars.json": variables_of}


def _figured(site: Site, documents: Documents) -> Iterator[Finding]:
    """Yield the files for one's own modules whose figures are not those of the plan."""
    for path, figures in _FIGURES.items():
        for tree in documents.get(path, ()):
            if canonical(tree) != canonical(figures(site)):
                yield checks.ORDERED_OTHERWISE.finding(path, "its figures are not the plan's", file=path)


def _held(wanted: Iterator[Promised], found: _Facts) -> Iterator[Finding]:
    """Yield the figures that no file has, once where it has none of a component, and those that differ."""
    by_owner: dict[tuple[str, str], list[Promised]] = {}
    for one in wanted:
        by_owner.setdefault((one.component, one.owner), []).append(one)
    known = {owner for owner, _ in found}
    for (component, owner), figures in by_owner.items():
        if owner not in known:
            yield checks.NOT_ORDERED.finding(component, f"no file orders {owner}")
            continue
        yield from _besides(component, owner, {one.name for one in figures}, found)
        for one in figures:
            facts = found.get((owner, one.name), ())
            if not facts:
                yield checks.NOT_ORDERED.finding(component, f"no file gives {owner} a {one.name}")
            for fact in facts:
                if not _same(fact.value, one.value):
                    message = f"{one.name} is {_said(fact.value)}, but the plan has {_said(one.value)}"
                    yield _otherwise(component, message, fact)


def _besides(component: str, owner: str, wanted: Collection[str], found: _Facts) -> Iterator[Finding]:
    """Yield what commands order of a component that the plan does not have, such as other hardware."""
    for (other, name), facts in found.items():
        if other == owner and name not in wanted and not name.startswith("target "):
            for fact in facts:
                if fact.field.startswith("--"):
                    said = "" if fact.value is True else f" {_said(fact.value)}"
                    yield _otherwise(component, f"asks for {name}{said}, which the plan does not", fact)


def _otherwise(component: str, message: str, fact: Fact) -> Finding:
    return checks.ORDERED_OTHERWISE.finding(component, message, file=fact.file, field=fact.field)


def _same(found: object, wanted: object) -> bool:
    if isinstance(found, int | float) and isinstance(wanted, int | float):
        return abs(float(found) - float(wanted)) <= 1e-6 * max(1.0, abs(float(wanted)))
    return found == wanted


def _said(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


_CALLED = ("aws/", "cloudrun/", "azure/")


def _elsewhere(site: Site, found: _Facts) -> Iterator[Finding]:
    """Yield the calls that are made in another region than the plan has what they make in."""
    for (path, name), facts in found.items():
        stem = path.removeprefix("aws/").split(".")[0]
        owner = max((own for own in site.components if stem.startswith(own)), key=len, default=None)
        if name == "region" and path.startswith("aws/") and owner and not stem.endswith("-standby"):
            for fact in facts:
                if fact.value != site.components[owner].region:
                    message = f"{path} is called in {fact.value}, not {site.components[owner].region}"
                    yield _otherwise(owner, message, fact)


def _uncalled(documents: Documents, found: _Facts) -> Iterator[Finding]:
    """Yield the bodies that no script calls, and calls of bodies that are not there."""
    named = {path: facts for (path, name), facts in found.items() if name == "called"}
    for path in documents:
        if path.startswith(_CALLED) and path not in named:
            yield checks.NOT_ORDERED.finding(path, "no script calls it", file=path)
    for path, facts in named.items():
        if path not in documents:
            message = f"{facts[0].file} calls it, and it is not there"
            yield checks.NOT_ORDERED.finding(path, message, file=facts[0].file)


def _in_one_zone(site: Site, service: Service) -> Iterator[Finding]:
    if not number(service.spec.redundancy.survive_zones):
        return
    for name in service.spec.calls:
        store = site.plan.databases.get(name)
        if store is not None and not getattr(store, "high_availability", True):
            message = f"calls {name}, which is gone with its zone"
            yield checks.STORE_IN_ONE_ZONE.finding(service.name, message)


def _scaled(site: Site, service: Service, found: _Facts) -> Iterator[Finding]:
    """Yield what the targets of a service's files lead to; those of no known load must be the plan's."""
    told, component = service.control, site.components[service.name]
    followed: dict[str, Watched] = {}
    if told is not None and component.sizing is not None and component.rps is not None:
        watched = watched_of(service.spec, component.sizing, component.rps)
        followed = {one.name: one for one in watched}
    given: dict[str, float] = {}
    where: Fact | None = None
    for kind, name, target in measured_targets(site, service):
        owners = (service.name, full_name(site, service.name))
        facts = [f for owner in owners for f in found.get((owner, f"target {name}"), ())]
        if not facts:
            yield checks.NOT_ORDERED.finding(service.name, f"no autoscaler goes by {kind}")
        if kind == "queue" and facts and component.sizing is not None:
            yield from _waiting(service, component.sizing, facts[0])
        for fact in facts:
            where = fact
            stated = kind in followed and followed[kind].stated
            if kind in followed and _is_target(fact.value):
                given[kind] = float(fact.value)
            elif kind in followed:
                stated = True
            if (stated or kind not in followed) and not _same(fact.value, target):
                message = f"its target of {kind} is {_said(fact.value)}, but the plan has {_said(target)}"
                yield _otherwise(service.name, message, fact)
    if told is not None and given and where is not None:
        targets = {**told.targets, **given}
        yield from _counts(service, told, list(followed.values()), targets, where)


def _waiting(service: Service, sizing: Sizing, where: Fact) -> Iterator[Finding]:
    """Yield that more run than the estimate bills, where the count goes by the messages that wait."""
    waits = backlogged_of(service.spec, sizing, service.control)
    if waits is None or not _is_target(where.value):
        return
    found = overshoot(waits._replace(threshold=where.value), sizing)
    if found is not None:
        message = f"runs {found.runs:,.1f} instances on average, not {found.planned:,.1f}, as it overshoots"
        yield _run(checks.FILES_RUN_TOO_MANY, service, message, where, found.remedy)


def _is_target(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and value > 0


def _counts(
    service: Service,
    told: Control,
    watched: Sequence[Watched],
    targets: Mapping[str, float],
    where: Fact,
) -> Iterator[Finding]:
    """Yield the hours in which too few instances run, or more than the estimate tells.

    Above the busiest hour, up to the maximum, as many run as with the targets that hold the plan.
    """
    hours = settled(told, watched, targets)
    more = rising(told, watched)
    busier, as_told = settled(told, more, targets), settled(told, more, told.targets)
    if np.any(hours.short > 0):
        hour = int(np.argmax(hours.short))
        rests, asked = hours.rests[hour], hours.asked[hour]
        at = counted(round(rests), "instance")
        message = f"may rest at {at} in hour {hour} of the week, which needs {asked:,.0f}"
        yield _run(checks.FILES_RUN_TOO_FEW, service, message, where)
    elif np.any(busier.short > np.maximum(1.0, 0.1 * busier.asked)):
        most = counted(told.high, "instance")
        message = f"grows to its {most} only above the load that the plan gives them"
        yield _run(checks.FILES_RUN_TOO_FEW, service, message, where)
    for runs, plan in ((hours, told), (busier, as_told)):
        if np.any(runs.wants > plan.wants + 1) and runs.wants.sum() > 1.1 * plan.wants.sum():
            what = "on average" if runs is hours else "under a rising load"
            message = f"runs {runs.wants.mean():,.1f} instances {what}, not {plan.wants.mean():,.1f}"
            yield _run(checks.FILES_RUN_TOO_MANY, service, message, where)
            return


def _run(check: Check, service: Service, message: str, where: Fact, remedy: str | None = None) -> Finding:
    return check.finding(service.name, message, remedy, file=where.file, field=where.field)

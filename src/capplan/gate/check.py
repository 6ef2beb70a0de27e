"""The check: every gate, what was waived, what the baseline already had, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from capplan.errors import ExitCode, InputError, nearest
from capplan.estimate import Estimate
from capplan.findings import Finding
from capplan.gate.artefacts import artefact_findings
from capplan.gate.capacity import capacity_findings
from capplan.gate.cost import budget_findings, increase_findings
from capplan.gate.coverage import adopted_findings, assumption_findings, coverage_findings
from capplan.gate.drift import drift_findings
from capplan.gate.files import PlannedFiles
from capplan.gate.policies import policy_findings
from capplan.gate.read import GateFile
from capplan.plan.gates import Gates, Waiver
from capplan.plan.places import Places
from capplan.report.blocks import Result

if TYPE_CHECKING:
    from capplan.gate.actual import Actual

Document = Mapping[str, Any]
_PLACE = re.compile(r"(?P<file>.*?):(?P<line>\d+):(?P<column>\d+)")


class Checked(NamedTuple):
    """What was judged, and what came of it, worst first."""

    document: Document
    found: Sequence[Result]
    gates: int

    @property
    def exit_code(self) -> ExitCode:
        """How the check ends."""
        return exit_code_of(self.found)


def exit_code_of(found: Iterable[Result]) -> ExitCode:
    """Return 3 for cost, 4 for capacity, 5 for both, 6 for coverage alone."""
    kinds = {result.suite for result in found if result.fails}
    if {"cost", "capacity"} <= kinds:
        return ExitCode.COST_AND_CAPACITY
    if "cost" in kinds:
        return ExitCode.COST
    if "capacity" in kinds:
        return ExitCode.CAPACITY
    return ExitCode.COVERAGE if kinds else ExitCode.OK


class Against(NamedTuple):
    """What the plan is held against: the day, an earlier estimate, a bill, and an earlier check."""

    today: date
    base: Document | None = None
    actual: Actual | None = None
    baseline: frozenset[str] = frozenset()


def check(estimate: Estimate, document: Document, gate_file: GateFile, against: Against) -> Checked:
    """Judge an estimate, whose JSON is ``document``, by the gates in ``gate_file``."""
    gates = gate_file.gates
    units = units_of(estimate)
    names = {component.name for component in estimate.components}
    check_known(gate_file, "plan", names, estimate.plan.tags, units)
    document = {**document, "tags": estimate.plan.tagged}
    files = PlannedFiles(estimate)
    found = [
        *budget_findings(gates, document, units),
        *_increases(gates, document, against.base),
        *(() if against.actual is None else drift_findings(gates, against.actual)),
        *capacity_findings(gates.capacity, files),
        *coverage_findings(gates.coverage, estimate, against.today),
        *adopted_findings(gates.coverage, estimate),
        *assumption_findings(gates.assumptions, estimate),
        *artefact_findings(gates.coverage, files),
        *policy_findings(gate_file, estimate, document),
    ]
    judged = judged_by(gate_file, found, against, estimate.file.places)
    limits = (*gates.budgets, *gates.increases, *gates.drifts, *gates.policies)
    rules = len(limits) + 2 + (gates.assumptions is not None)
    return Checked(document, judged, rules)


def judged_by(
    gate_file: GateFile, found: Iterable[Result], against: Against, places: Places | None = None
) -> list[Result]:
    """Return what gates found, worst first, with waivers, baseline and its place: there, or in ``places``."""
    waivers = gate_file.gates.waivers
    judged = [_placed(_judged(one, waivers, against), places or gate_file.places, gate_file) for one in found]
    return sorted(judged, key=lambda j: (not j.fails, j.finding.rank, j.suite, j.finding.subject, j.rule))


def _increases(gates: Gates, document: Document, base: Document | None) -> Iterable[Result]:
    return () if base is None else increase_findings(gates, base, document)


def _judged(found: Result, waivers: Sequence[Waiver], against: Against) -> Result:
    """Mark what somebody answers for, or what the baseline already had."""
    old = found.fingerprint in against.baseline
    for waiver in waivers:
        if not fnmatchcase(found.rule, waiver.gate) or not fnmatchcase(
            found.finding.subject, waiver.component
        ):
            continue
        if waiver.expires >= against.today:
            said = f"{waiver.owner} until {waiver.expires.isoformat()}: {waiver.reason}"
            return found._replace(waived=said, known=old)
        expired = f"the waiver of {waiver.owner} expired on {waiver.expires.isoformat()}"
        message = f"{found.finding.message} ({expired})"
        found = found._replace(finding=found.finding._replace(message=message))
    return found._replace(known=old)


def _placed(found: Result, places: Places, gate_file: GateFile) -> Result:
    """Say where it stands: at its component in the plan, or at the gate that is exceeded."""
    path = found.path
    if path and path[0] in ("budgets", "increases", "drifts", "assumptions"):
        places, path = gate_file.places, (*gate_file.prefix, *path)
    where = places.where(path) if path else f"{places.locator.name}:1:1"
    if where == "default":
        where = places.locator.find(path)[0]
    return found._replace(path=path, finding=_at(found.finding, where))


def _at(finding: Finding, where: str) -> Finding:
    """Return a finding at ``file:line:column``, or at an option of the command line."""
    place = _PLACE.fullmatch(where)
    if place is None:
        return finding._replace(file=where)
    return finding._replace(file=place["file"], line=int(place["line"]), column=int(place["column"]))


def units_of(estimate: Estimate) -> dict[str, float]:
    """Return how many of each unit a month holds."""
    hours = float(np.max(estimate.hours_per_month))
    units = {"requests": float(estimate.load.average_rps.max()) * 3600 * hours}
    if estimate.plan.demand.users_per_day is not None:
        units["users"] = float(np.max(estimate.plan.demand.users_per_day))
    for name in estimate.plan.callable_components:
        units[name] = float(estimate.load.average(name).max()) * 3600 * hours
    return units


def check_known(
    gate_file: GateFile, whole: str, names: Container[str], tags: Container[str], units: Container[str]
) -> None:
    """Refuse a gate on something that the ``whole`` does not have: it would pass for ever."""
    problems = [
        gate_file.problem(path, f"the {whole} has no '{name}'", nearest(name, known))
        for path, name, known in _named(gate_file.gates, names, tags, units)
        if name not in known
    ]
    if problems:
        raise InputError(*problems)


def _named(
    gates: Gates, names: Container[str], tags: Container[str], units: Container[str]
) -> Iterator[tuple[tuple[str | int, ...], str, Container[str]]]:
    """Yield every name in the gates, with its path and those that the plan has."""
    for index, gate in enumerate(gates.budgets):
        said = {"component": (gate.component, names), "tag": (gate.tag, tags), "per": (gate.per, units)}
        for field, (name, known) in said.items():
            if name is not None:
                yield ("budgets", index, field), name, known
    for name in gates.capacity.quotas:
        yield ("capacity", "quotas", name), name, names

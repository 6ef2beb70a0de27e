"""The check: every gate, what was waived, what the baseline already had, and how it ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import numpy as np

from capplan.errors import ExitCode, InputError, Problem, nearest
from capplan.estimate import Estimate
from capplan.gate.capacity import capacity_violations
from capplan.gate.cost import budget_violations, increase_violations
from capplan.gate.coverage import coverage_violations
from capplan.gate.policies import policy_violations
from capplan.gate.read import GateFile
from capplan.gate.violations import Violation
from capplan.plan.gates import Gates, Waiver

Document = Mapping[str, Any]
_ORDER = {"deny": 0, "warn": 1}


class Checked(NamedTuple):
    """What was judged, and what came of it, worst first."""

    document: Document
    violations: Sequence[Violation]
    gates: int

    @property
    def exit_code(self) -> ExitCode:
        """3 for cost, 4 for capacity, 5 for both, 6 for coverage alone."""
        kinds = {violation.kind for violation in self.violations if violation.fails}
        if {"cost", "capacity"} <= kinds:
            return ExitCode.COST_AND_CAPACITY
        if "cost" in kinds:
            return ExitCode.COST
        if "capacity" in kinds:
            return ExitCode.CAPACITY
        return ExitCode.COVERAGE if kinds else ExitCode.OK


class Against(NamedTuple):
    """What the plan is held against: the day, an earlier estimate, the fingerprints of an earlier check."""

    today: date
    base: Document | None = None
    baseline: frozenset[str] = frozenset()


def check(estimate: Estimate, document: Document, gate_file: GateFile, against: Against) -> Checked:
    """Judge an estimate, whose JSON is ``document``, by the gates in ``gate_file``."""
    gates = gate_file.gates
    units = _units(estimate)
    _known(gates, estimate, units)
    document = {**document, "tags": estimate.plan.tags}
    found = [
        *budget_violations(gates.budgets, document, units),
        *_increases(gates, document, against.base),
        *capacity_violations(gates.capacity, estimate),
        *coverage_violations(gates.coverage, estimate, against.today),
        *policy_violations(gates.policies, estimate, document),
    ]
    judged = [
        _placed(_judged(violation, gates.waivers, against), estimate, gate_file)
        for violation in found
        if violation.severity != "allow"
    ]
    judged.sort(key=lambda v: (not v.fails, _ORDER[v.severity], v.kind, v.component, v.gate))
    rules = len(gates.budgets) + len(gates.increases) + len(gates.policies) + 2
    return Checked(document, judged, rules)


def _increases(gates: Gates, document: Document, base: Document | None) -> Iterable[Violation]:
    return () if base is None else increase_violations(gates.increases, base, document)


def _judged(violation: Violation, waivers: Sequence[Waiver], against: Against) -> Violation:
    """Mark a violation that somebody answers for, or that the baseline already had."""
    old = violation.fingerprint in against.baseline
    for waiver in waivers:
        if not fnmatchcase(violation.gate, waiver.gate) or not fnmatchcase(
            violation.component, waiver.component
        ):
            continue
        if waiver.expires >= against.today:
            said = f"{waiver.owner} until {waiver.expires.isoformat()}: {waiver.reason}"
            return violation._replace(waived=said, old=old)
        expired = (
            f"{violation.message} (the waiver of {waiver.owner} expired on {waiver.expires.isoformat()})"
        )
        violation = violation._replace(message=expired)
    return violation._replace(old=old)


def _placed(violation: Violation, estimate: Estimate, gate_file: GateFile) -> Violation:
    """Say where a violation stands: at its component in the plan, or at the gate that is exceeded."""
    places, path = estimate.file.places, violation.path
    if path and path[0] in ("budgets", "increases"):
        places, path = gate_file.places, (*gate_file.prefix, *path)
    where = places.where(path) if path else f"{places.locator.name}:1:1"
    if where == "default":
        where = places.locator.find(path)[0]
    return violation._replace(path=path, where=where)


def _units(estimate: Estimate) -> dict[str, float]:
    """Return how many of each unit a month holds."""
    hours = float(np.max(estimate.hours_per_month))
    units = {"requests": float(estimate.load.average_rps.max()) * 3600 * hours}
    if estimate.plan.demand.users_per_day is not None:
        units["users"] = float(np.max(estimate.plan.demand.users_per_day))
    for name in estimate.plan.callable_components:
        units[name] = float(estimate.load.average(name).max()) * 3600 * hours
    return units


def _known(gates: Gates, estimate: Estimate, units: Mapping[str, float]) -> None:
    """Refuse a gate on something that the plan does not have: it would pass for ever."""
    names = {component.name for component in estimate.components}
    problems = []
    for index, gate in enumerate(gates.budgets):
        if gate.component is not None and gate.component not in names:
            problems.append(_unknown(f"gates.budgets.{index}.component", gate.component, names))
        if gate.tag is not None and gate.tag not in estimate.plan.tags:
            problems.append(_unknown(f"gates.budgets.{index}.tag", gate.tag, estimate.plan.tags))
        if gate.per is not None and gate.per not in units:
            problems.append(_unknown(f"gates.budgets.{index}.per", gate.per, units))
    quotas = (name for name in gates.capacity.quotas if name not in names)
    problems += [_unknown("gates.capacity.quotas", name, names) for name in quotas]
    if problems:
        raise InputError(*problems)


def _unknown(where: str, name: str, known: Iterable[str]) -> Problem:
    return Problem(where, f"the plan has no '{name}'", nearest(name, known))

"""Gates over a fleet: its budgets and increases, and the gates of each plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from capplan.fleet.run import PlanFleet
from capplan.gate.check import Against, Checked, check_known, judged_by
from capplan.gate.cost import budget_findings, increase_findings
from capplan.gate.read import GateFile
from capplan.plan.gates import Gates
from capplan.report.blocks import Result

Document = Mapping[str, Any]


def check_fleet(fleet: PlanFleet, document: Document, base: Document | None, today: date) -> Checked:
    """Judge a fleet, whose JSON is ``document``, by its own gates and each plan by its own."""
    said = fleet.file.gates.model_dump()
    coverage = {"unpriced": said.pop("unpriced")}
    gates = Gates.model_validate({**said, "coverage": coverage})
    gate_file = GateFile(gates, fleet.places, ("gates",))
    if not any(member.trouble for member in fleet.members.values()):
        check_known(gate_file, "fleet", document["components"], document["tags"], ())
    found = [*budget_findings(gates, document, {})]
    found += [] if base is None else increase_findings(gates, base, document)
    results = [*judged_by(gate_file, found, Against(today)), *_of_plans(fleet)]
    return Checked(document, results, len(gates.budgets) + len(gates.increases))


def _of_plans(fleet: PlanFleet) -> Iterator[Result]:
    for name, member in fleet.members.items():
        for result in member.failed:
            subject = " ".join(filter(None, (name, result.finding.subject)))
            finding = result.finding._replace(subject=subject)
            yield result._replace(finding=finding, fingerprint=f"{name}:{result.fingerprint}")

"""Whether the plan carries its load, and stays within its quotas."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from capplan.components.base import Component
from capplan.components.checks import UNPRICED
from capplan.gate import checks
from capplan.gate.files import PlannedFiles
from capplan.gate.judged import SEVERITIES, judged
from capplan.plan.gates import Answer, CapacityGate
from capplan.quantities import counted, plain
from capplan.report.blocks import Result


def capacity_findings(gate: CapacityGate, files: PlannedFiles) -> Iterator[Result]:
    """Yield the findings that the gate forbids, services with too little headroom, and exceeded quotas."""
    estimate = files.estimate
    paths = {component.name: component.path for component in estimate.components}
    levels: dict[str, Answer] = {"error": gate.errors, "warning": gate.warnings}
    for finding in estimate.findings:
        severity = SEVERITIES.get(levels.get(finding.severity, "allow"))
        if severity is not None and finding.code != UNPRICED.code:
            graver = finding._replace(severity=severity)
            yield judged(graver, f"capacity/{finding.code}", "capacity", paths.get(finding.subject, ()))
    yield from _files(gate, files)
    for component in estimate.components:
        yield from _headroom(gate, component)
        yield from _minimum(gate, component)
        yield from _quota(gate, component)


def _files(gate: CapacityGate, files: PlannedFiles) -> Iterator[Result]:
    """Yield what `capplan prove` finds in the files that the plan renders to."""
    severity = SEVERITIES.get(gate.files)
    if severity is None:
        return
    from capplan.manifests.proof.prove import as_read, prove

    for finding in prove(files.site, *as_read(files.rendered)):
        yield judged(
            finding._replace(severity=severity, file="", line=None), "capacity/files", "capacity", ()
        )


def _headroom(gate: CapacityGate, component: Component) -> Iterator[Result]:
    wanted, headroom = float(np.max(gate.headroom)), component.headroom
    if component.kind != "service" or component.peak_rps is None or headroom is None or wanted <= 0:
        return
    room = float(headroom.min())
    if room < wanted - 1e-9:
        message = f"carries {room:+.0%} of its peak with every instance; the gate asks for {wanted:.0%} more"
        remedy = "Raise instances.max, or make instances larger."
        path = (*component.path, "instances", "max")
        finding = checks.HEADROOM_TOO_SMALL.finding(component.name, message, remedy)
        yield judged(finding, "capacity/headroom", "capacity", path)


def _minimum(gate: CapacityGate, component: Component) -> Iterator[Result]:
    wanted = float(np.max(gate.minimum_instances))
    if component.kind == "service" and component.sizing is not None:
        floor = float(component.sizing.floor.min())
        if floor < wanted:
            message = f"keeps at least {counted(floor, 'instance')}; the gate asks for {plain(wanted, 6)}"
            remedy = f"Set instances.min to {plain(wanted, 6)}."
            path = (*component.path, "instances", "min")
            finding = checks.TOO_FEW_INSTANCES.finding(component.name, message, remedy)
            yield judged(finding, "capacity/minimum", "capacity", path)


def _quota(gate: CapacityGate, component: Component) -> Iterator[Result]:
    quota = gate.quotas.get(component.name)
    if quota is None or component.sizing is None:
        return
    most = component.sizing.ceiling
    most = component.sizing.peak if most is None else most
    if float(most.max()) > float(np.max(quota)):
        message = f"may run {most.max():,.0f}, but the quota is {np.max(quota):,.0f}"
        remedy = "Ask for a higher quota, or lower the maximum."
        finding = checks.INSTANCE_QUOTA_EXCEEDED.finding(component.name, message, remedy)
        yield judged(finding, "capacity/quota", "capacity", component.path)

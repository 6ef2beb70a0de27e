"""Whether the plan carries its load, and stays within its quotas."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from capplan.components.base import Component
from capplan.estimate import Estimate
from capplan.gate.violations import Violation
from capplan.plan.gates import CapacityGate

_COVERAGE = frozenset(("unpriced",))


def capacity_violations(gate: CapacityGate, estimate: Estimate) -> Iterator[Violation]:
    """Yield the findings that the gate forbids, services with too little headroom, and exceeded quotas."""
    paths = {component.name: component.path for component in estimate.components}
    levels = {"error": gate.errors, "warning": gate.warnings}
    for finding in estimate.findings:
        severity = levels.get(finding.severity, "allow")
        if severity != "allow" and finding.code not in _COVERAGE:
            yield Violation(
                f"capacity/{finding.code}",
                "capacity",
                severity,
                finding.component,
                finding.message,
                finding.remedy,
                paths.get(finding.component, ()),
            )
    for component in estimate.components:
        yield from _headroom(gate, component)
        yield from _minimum(gate, component)
        yield from _quota(gate, component)


def _headroom(gate: CapacityGate, component: Component) -> Iterator[Violation]:
    sizing, peak = component.sizing, component.peak_rps
    wanted = float(np.max(gate.headroom))
    if component.kind != "service" or sizing is None or peak is None or wanted <= 0:
        return
    carried, highest = sizing.carried_rps, float(peak.max())
    if carried is None or highest <= 0 or not np.all(np.isfinite(carried)):
        return
    room = float((carried / peak).min()) - 1
    if room < wanted - 1e-9:
        message = f"carries {room:+.0%} of its peak with every instance; {wanted:.0%} more is asked for"
        remedy = "Raise instances.max, or make instances larger."
        path = (*component.path, "instances", "max")
        yield Violation("capacity/headroom", "capacity", "deny", component.name, message, remedy, path)


def _minimum(gate: CapacityGate, component: Component) -> Iterator[Violation]:
    wanted = float(np.max(gate.minimum_instances))
    if component.kind == "service" and component.sizing is not None:
        floor = float(component.sizing.floor.min())
        if floor < wanted:
            message = f"keeps {floor:g} instances at least; {wanted:g} are asked for"
            remedy = f"Set instances.min to {wanted:g}."
            path = (*component.path, "instances", "min")
            yield Violation("capacity/minimum", "capacity", "deny", component.name, message, remedy, path)


def _quota(gate: CapacityGate, component: Component) -> Iterator[Violation]:
    quota = gate.quotas.get(component.name)
    if quota is None or component.sizing is None:
        return
    most = component.sizing.ceiling
    most = component.sizing.peak if most is None else most
    if float(most.max()) > float(np.max(quota)):
        message = f"may run {float(most.max()):g}, and the quota is {float(np.max(quota)):g}"
        remedy = "Ask for a higher quota, or lower the maximum."
        yield Violation("capacity/quota", "capacity", "deny", component.name, message, remedy, component.path)

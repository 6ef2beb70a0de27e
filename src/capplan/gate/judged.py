"""What a gate has to say about a plan."""

from __future__ import annotations

from capplan.findings import Finding, Severity
from capplan.plan.gates import Answer
from capplan.report.blocks import Result

Path = tuple[int | str, ...]

SEVERITIES: dict[Answer, Severity] = {"deny": "error", "warn": "warning"}
"""How grave a finding is by what its gate does about it; one that allows finds nothing."""


def judged(finding: Finding, gate: str, kind: str, path: Path = ()) -> Result:
    """Return a finding that a gate forbids, or warns of.

    gate is the name that waivers and baselines use; it and the subject stay the same while figures change.
    kind decides the exit code. path is where the plan, or the gates, say it.
    """
    fingerprint = f"{gate}:{finding.subject}"
    return Result(finding, rule=gate, suite=kind, fingerprint=fingerprint, path=path)

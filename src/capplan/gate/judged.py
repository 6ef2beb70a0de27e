"""What a gate has to say about a plan."""

from __future__ import annotations

from typing import NamedTuple

from capplan.findings import Finding, Severity
from capplan.plan.gates import Answer

Path = tuple[int | str, ...]

SEVERITIES: dict[Answer, Severity] = {"deny": "error", "warn": "warning"}
"""How grave a finding is by what its gate does about it; one that allows finds nothing."""


class Judged(NamedTuple):
    """A finding that a gate forbids, or warns of.

    gate is the name that waivers and baselines use, kind decides the exit code. path is where the plan, or
    the gates, say it. waived names who answers for it; old says that the baseline already had it.
    """

    finding: Finding
    gate: str
    kind: str
    path: Path = ()
    waived: str = ""
    old: bool = False

    @property
    def fails(self) -> bool:
        """Whether it makes the check fail."""
        return self.finding.severity == "error" and not self.waived and not self.old

    @property
    def fingerprint(self) -> str:
        """What stays the same while figures change, to find it again in a baseline."""
        return f"{self.gate}:{self.finding.subject}"

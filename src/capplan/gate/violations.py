"""What a gate has to say about a plan."""

from __future__ import annotations

from typing import NamedTuple

Path = tuple[int | str, ...]


class Violation(NamedTuple):
    """Something that a gate forbids, or warns of.

    gate identifies the rule, kind decides the exit code. path is where the plan says it; where is that
    place in the file. waived names who answers for it; old says that the baseline already had it.
    """

    gate: str
    kind: str
    severity: str
    component: str
    message: str
    remedy: str
    path: Path = ()
    where: str = ""
    waived: str = ""
    old: bool = False

    @property
    def fails(self) -> bool:
        """Whether it makes the check fail."""
        return self.severity == "deny" and not self.waived and not self.old

    @property
    def fingerprint(self) -> str:
        """What stays the same while figures change, to find it again in a baseline."""
        return f"{self.gate}:{self.component}"

"""From manifests to a plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from capplan.adopt import checks
from capplan.adopt.document import plan_text
from capplan.adopt.draft import AdoptOptions, Draft
from capplan.adopt.kubernetes import adopt_objects
from capplan.adopt.source import read_source
from capplan.findings import Finding, Severity
from capplan.plan.read import PlanFile, parse_plan


class Adopted(NamedTuple):
    """A plan's text, and what its reader must know."""

    text: str
    notes: Sequence[Finding]
    name: str

    def file(
        self, sets: Sequence[str] = (), books: Sequence[str] = (), alternative: str | None = None
    ) -> PlanFile:
        """Return the plan that the text says, with changes on top."""
        return parse_plan(self.text, f"plan of {self.name}", Path(), sets, alternative, books)


def adopt(path: Path, asked: AdoptOptions) -> Adopted:
    """Return the plan of what ``path`` holds: a directory, a file, or ``-`` for stdin.

    Raises :class:`~capplan.errors.InputError` for what cannot be read, and where provider or region is
    needed and not said.
    """
    source = read_source(path, asked.overlay)
    draft = Draft("adopted" if source.name == "stdin" else Path(source.name).stem, asked)
    if source.terraform is not None:
        from capplan.adopt.terraform import adopt_terraform

        adopt_terraform(draft, source.terraform)
    elif source.compose is not None:
        from capplan.adopt.compose import adopt_compose

        adopt_compose(draft, source.compose, source.name)
    else:
        adopt_objects(draft, source.objects)
    draft.check_pools()
    for skipped in source.skipped:
        severity: Severity = "info" if skipped.on_purpose else "warning"
        draft.note(checks.LEFT_OUT, skipped.where, skipped.what, severity=severity)
    draft.account_for_all()
    return Adopted(plan_text(draft, source.name), draft.notes, source.name)

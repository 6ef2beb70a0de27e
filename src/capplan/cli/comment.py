"""`capplan comment`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.cli.options import Books, Catalogs, Force, OutputFile, Today, day_of
from capplan.errors import InputError, Problem

if TYPE_CHECKING:
    from datetime import date

    from capplan.gate.comment import PlanChange
    from capplan.report.blocks import Report


class ForgeName(StrEnum):
    """Where pull requests are."""

    GITHUB = "github"
    GITLAB = "gitlab"
    FORGEJO = "forgejo"


def comment(
    plans: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PLAN",
            help="Plans; by default, all whose directories, or files that they name, differ from --since.",
        ),
    ] = None,
    since: Annotated[
        str,
        typer.Option(
            "--since", metavar="REVISION", help="Revision of git to compare with, such as origin/main."
        ),
    ] = "origin/main",
    to: Annotated[
        ForgeName | None,
        typer.Option("--to", help="Forge to post to; without it the comment is printed."),
    ] = None,
    link: Annotated[
        str, typer.Option("--link", metavar="URL", help="Address of the whole report, for readers.")
    ] = "",
    always: Annotated[
        bool, typer.Option("--always", help="Post even if nothing changed and no gate fails.")
    ] = False,
    fail: Annotated[
        bool, typer.Option("--fail", help="Exit as check does if a gate of any of the plans fails.")
    ] = False,
    output: OutputFile = None,
    force: Force = False,
    today: Today = None,
    books: Books = None,
    catalogs: Catalogs = None,
) -> None:
    """Post one comment about changed plans, and renew it.

    It says what changes since HEAD left the revision, how full budgets are, what gates fail and what is
    unknown. The token is taken from GITHUB_TOKEN, GITLAB_TOKEN or FORGEJO_TOKEN. Where it may not write, as
    in pull requests from forks, the comment goes to the step summary.

    Example: capplan comment examples/afpi --since HEAD
    """
    from capplan.cli.output import note, show
    from capplan.gate.check import exit_code_of
    from capplan.gate.comment import PullRequest, comment_of
    from capplan.gate.sides import ChangedPlans, branched_from, changed_plans

    left = branched_from(since)
    found = ChangedPlans(plans) if plans else changed_plans(left)
    changes = [_change(plan, left, books or (), catalogs, day_of(today)) for plan in found.changed]
    request = PullRequest(since, changes, found.removed)
    report = comment_of(request, link)
    if to is None or output is not None:
        show(report, "markdown", output, force)
    if to is not None:
        note(_posted(to, report, always or request.changed))
    code = exit_code_of(result for change in changes for result in change.checked.found) if fail else 0
    if code:
        for change in changes:
            for broken in change.broken:
                note(f"{change.name}: {broken}")
        raise typer.Exit(code)


def _change(plan: Path, base: str, books: Sequence[str], catalogs: Path | None, today: date) -> PlanChange:
    from capplan.adopt.draft import AdoptOptions
    from capplan.ask.results import estimated
    from capplan.gate.check import Against, check, units_of
    from capplan.gate.comment import PlanChange
    from capplan.gate.cost import budget_states
    from capplan.gate.diff import diff
    from capplan.gate.read import gates_of
    from capplan.gate.sides import base_of

    before = base_of(f"{base}:{plan.as_posix()}", books, None, AdoptOptions(catalogs=catalogs))
    estimate, document = estimated(plan, (), None, books, catalogs)
    gate_file, tagged = gates_of(estimate.file, None), {**document, "tags": estimate.plan.tagged}
    against = Against(today, None if before.absent else before.document)
    return PlanChange(
        name=plan.as_posix(),
        diff=diff(before.document, document),
        checked=check(estimate, document, gate_file, against),
        budgets=list(budget_states(gate_file.gates, tagged, units_of(estimate))),
        absent=before.absent,
    )


def _posted(to: ForgeName, report: Report, changed: bool) -> str:
    """Post, or leave it in the step summary; return what was done."""
    import time

    from capplan.forge import NoRightsError, post, thread_of
    from capplan.gate.comment import MARK
    from capplan.report.blocks import Style
    from capplan.report.formats import written

    body = str(written(report, "markdown", Style(100, ascii_only=False)))
    try:
        return post(thread_of(to.value, os.environ), body, f"<!-- {MARK} -->", changed, time.sleep)
    except NoRightsError:
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if not summary:
            what = "the token may not write comments"
            raise InputError(
                Problem("--to", what, "Give it the right, or post from the target branch.")
            ) from None
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(body)
        return "the token may not write comments, so the comment is in the step summary"

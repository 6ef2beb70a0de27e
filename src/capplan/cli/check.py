"""`capplan check`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capplan.cli.options import (
    Alternative,
    Books,
    Catalogs,
    Force,
    OutputFile,
    PlanFile,
    Sets,
    Today,
    day_of,
)

if TYPE_CHECKING:
    from capplan.estimate import Estimate
    from capplan.gate.check import Checked


class CheckFormat(StrEnum):
    """What a check can be printed as."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    SARIF = "sarif"
    GITHUB = "github"


def check(
    plan: PlanFile,
    fmt: Annotated[
        CheckFormat, typer.Option("--format", envvar="CAPPLAN_FORMAT", help="Output format.")
    ] = CheckFormat.TABLE,
    output: OutputFile = None,
    force: Force = False,
    gates: Annotated[
        Path | None,
        typer.Option("--gates", help="Gates file; capplan.gates.yaml beside the plan by default."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base", help="Plan, saved estimate or REVISION:PATH that increases are measured from."
        ),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", help="JSON of an earlier check: only new violations fail.")
    ] = None,
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="Exit with 0 whatever the gates say.")
    ] = False,
    today: Today = None,
    sets: Sets = None,
    alternative: Alternative = None,
    books: Books = None,
    catalogs: Catalogs = None,
) -> None:
    """Judge a plan by budgets, capacity, prices and policies.

    Example: capplan check examples/afpi --format markdown
    """
    from capplan.adopt.draft import Asked
    from capplan.cli.output import emit
    from capplan.gate.check import Against
    from capplan.gate.check import check as judge
    from capplan.gate.read import gates_of
    from capplan.gate.sides import side_of

    estimate, document = _estimated(plan, sets or (), alternative, books or (), catalogs)
    asked = Asked(catalogs=catalogs)
    against = Against(
        today=day_of(today),
        base=None if base is None else side_of(base, books or (), alternative, asked).document,
        baseline=_known(baseline),
    )
    checked = judge(estimate, document, gates_of(estimate.file, gates), against)
    emit(_shown(checked, fmt), output, force, painted=fmt is CheckFormat.TABLE)
    _summarise(checked, fmt)
    if checked.exit_code and not exit_zero:
        raise typer.Exit(checked.exit_code)


def _estimated(
    plan: Path, sets: Sequence[str], alternative: str | None, books: Sequence[str], catalogs: Path | None
) -> tuple[Estimate, dict[str, Any]]:
    """Return the estimate, and its JSON: with percentiles where the plan has intervals."""
    from capplan.cli.results import Asked, result_of
    from capplan.estimate import Estimate
    from capplan.report.json_format import estimate_document
    from capplan.report.uncertain import Sampled, sampled_document

    asked = Asked(plan, sets, books, catalogs, (), None, alternative, None, 1, False, False, None, False)
    result = result_of(asked)
    if isinstance(result, Sampled):
        return result.estimate, sampled_document(result)
    assert isinstance(result, Estimate)
    return result, estimate_document(result)


def _shown(checked: Checked, fmt: CheckFormat) -> str:
    from capplan.cli import terminal
    from capplan.gate import ci_formats, report
    from capplan.report.json_format import dumps

    if fmt is CheckFormat.JSON:
        return dumps(report.as_document(checked))
    if fmt is CheckFormat.TABLE:
        return report.as_text(checked, terminal.width())
    formats = {
        CheckFormat.MARKDOWN: report.as_markdown,
        CheckFormat.JUNIT: ci_formats.as_junit,
        CheckFormat.SARIF: ci_formats.as_sarif,
        CheckFormat.GITHUB: ci_formats.as_github,
    }
    return formats[fmt](checked)


def _summarise(checked: Checked, fmt: CheckFormat) -> None:
    """Add the check to the summary of a GitHub step, where it is one."""
    import os

    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if fmt is CheckFormat.GITHUB and summary:
        from capplan.gate.report import as_markdown

        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(as_markdown(checked))


def _known(baseline: Path | None) -> frozenset[str]:
    import json

    from capplan.errors import InputError, Problem
    from capplan.gate.report import fingerprints
    from capplan.stdin import name_of
    from capplan.strictyaml import read_text

    if baseline is None:
        return frozenset()
    try:
        return fingerprints(json.loads(read_text(baseline)))
    except (ValueError, KeyError, AttributeError) as error:
        remedy = "Save one with `capplan check PLAN --format json --exit-zero -o FILE`."
        raise InputError(Problem(name_of(baseline), f"cannot be read as a check ({error})", remedy)) from None

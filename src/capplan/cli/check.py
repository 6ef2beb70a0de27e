"""`capplan check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capplan.cli.bills import ActualBill, BillOptions, Cost, CostBasis, NameMap, Where
from capplan.cli.options import (
    Alternative,
    Books,
    Catalogs,
    Force,
    OutputFile,
    Period,
    PlanFile,
    Sets,
    Today,
    day_of,
    formats,
)

if TYPE_CHECKING:
    from capplan.estimate import Estimate


def check(
    plan: PlanFile,
    fmt: Annotated[
        str, formats("table", "json", "markdown", "html", "csv", "junit", "sarif", "github")
    ] = "table",
    output: OutputFile = None,
    force: Force = False,
    gates: Annotated[
        Path | None,
        typer.Option("--gates", help="Gates file; by default, capplan.gates.yaml next to the plan."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", help="Plan, saved estimate or REVISION:PATH to measure increases from."),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", help="JSON of an earlier check, so that only new violations fail."),
    ] = None,
    actual: ActualBill = None,
    names: NameMap = None,
    cost: Cost = CostBasis.EFFECTIVE,
    where: Where = None,
    period: Period = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 even if gates fail.")] = False,
    today: Today = None,
    sets: Sets = None,
    alternative: Alternative = None,
    books: Books = None,
    catalogs: Catalogs = None,
) -> None:
    """Check a plan against budgets, capacity, prices and policies.

    Example: capplan check examples/afpi --format markdown
    """
    from capplan.adopt.draft import AdoptOptions
    from capplan.cli.output import note, show
    from capplan.gate.check import Against
    from capplan.gate.check import check as judge
    from capplan.gate.read import gates_of
    from capplan.gate.report import report_of
    from capplan.gate.saved import saved_fingerprints
    from capplan.gate.sides import base_of

    estimate, document = _estimated(plan, sets or (), alternative, books or (), catalogs)
    asked = AdoptOptions(catalogs=catalogs)
    side = None if base is None else base_of(base, books or (), alternative, asked)
    if side is not None and side.absent:
        note(f"{base}: {side.absent}")
    against = Against(
        today=day_of(today),
        base=None if side is None or side.absent else side.document,
        actual=BillOptions(actual, names, cost, where, period).compared(document),
        baseline=frozenset() if baseline is None else saved_fingerprints(baseline),
    )
    checked = judge(estimate, document, gates_of(estimate.file, gates), against)
    show(report_of(checked), fmt, output, force)
    if checked.exit_code and not exit_zero:
        raise typer.Exit(checked.exit_code)


def _estimated(
    plan: Path, sets: Sequence[str], alternative: str | None, books: Sequence[str], catalogs: Path | None
) -> tuple[Estimate, dict[str, Any]]:
    """Return the estimate, and its JSON: with percentiles where the plan has intervals."""
    from capplan.api.results import EstimateOptions, result_of
    from capplan.estimate import Estimate
    from capplan.report.json_format import estimate_document
    from capplan.report.uncertain import Sampled, sampled_document

    asked = EstimateOptions(
        plan=plan,
        sets=sets,
        books=books,
        catalogs=catalogs,
        sweeps=(),
        months=None,
        alternative=alternative,
        samples=None,
        seed=1,
        sensitivity=False,
        sobol=False,
        budget=None,
        middle=False,
    )
    result = result_of(asked)
    if isinstance(result, Sampled):
        return result.estimate, sampled_document(result)
    assert isinstance(result, Estimate)
    return result, estimate_document(result)

"""`capplan check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from capplan.cli.bills import ActualBill, BillOptions, Cost, CostBasis, NameMap, Where
from capplan.cli.options import (
    Alternative,
    Base,
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
    base: Base = None,
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
    from capplan.ask.results import estimated
    from capplan.cli.output import note, show
    from capplan.gate.check import Against
    from capplan.gate.check import check as judge
    from capplan.gate.read import gates_of
    from capplan.gate.report import report_of
    from capplan.gate.saved import saved_fingerprints
    from capplan.gate.sides import base_of

    estimate, document = estimated(plan, sets or (), alternative, books or (), catalogs)
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

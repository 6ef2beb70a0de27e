"""`capplan estimate`."""

from __future__ import annotations

from typing import Annotated

import typer

from capplan.cli.options import (
    Books,
    Catalogs,
    Force,
    Format,
    OutputFile,
    OutputFormat,
    PlanFile,
    Sets,
)
from capplan.errors import InputError, Problem

_ONE = "Leave out --sweep, --months and --alternative all."


def estimate(
    plan: PlanFile,
    fmt: OutputFormat = Format.TABLE,
    output: OutputFile = None,
    force: Force = False,
    sets: Sets = None,
    sweeps: Annotated[
        list[str] | None,
        typer.Option("--sweep", metavar="PATH=V1,V2,…", help="Estimate every value; several make a grid."),
    ] = None,
    months: Annotated[
        str | None,
        typer.Option(
            "--months",
            metavar="[N]",
            help="Estimate this month and N more, or the plan's horizon, as demand grows.",
        ),
    ] = None,
    alternative: Annotated[
        str | None, typer.Option("--alternative", help="An alternative of the plan; 'all' compares them.")
    ] = None,
    books: Books = None,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="[COMPONENT]", help="Show where every number comes from."),
    ] = None,
    period: Annotated[
        str | None, typer.Option("--period", metavar="YYYY-MM", help="Billing month of --format focus.")
    ] = None,
    catalogs: Catalogs = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show constraints and free lines.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only the summary.")] = False,
) -> None:
    """Count the instances and the monthly cost of a plan.

    Example: capplan estimate examples/afpi --sweep users_per_day=100,1000,10000
    """
    from capplan.catalog.catalog import Catalog
    from capplan.cli import terminal
    from capplan.cli.output import emit
    from capplan.estimate import estimate as run
    from capplan.plan.read import alternatives_of, read_plan
    from capplan.plan.sweep import month_sweep, read_sweeps
    from capplan.report.render import Compared, Result, Swept, render
    from capplan.report.text import Style

    # Each estimate gets a catalog of its own, so that it names only the files it used.
    file = read_plan(plan, sets or (), None if alternative == "all" else alternative, books or ())
    result: Result
    if sweeps or months:
        sweep = read_sweeps(file, [*(sweeps or ()), *month_sweep(months, file.plan)])
        result = Swept(run(file, Catalog(catalogs), sweep.scenarios), sweep.axes)
    elif alternative == "all":
        others = {name: read_plan(plan, sets or (), name, books or ()) for name in alternatives_of(file)}
        result = Compared({n: run(f, Catalog(catalogs)) for n, f in {"plan": file, **others}.items()})
    else:
        result = run(file, Catalog(catalogs))
    if explain is not None:
        if isinstance(result, Swept | Compared):
            raise InputError(Problem("--explain", "explains one estimate, not several", _ONE))
        from capplan.report.explain import explain as derivation

        text = derivation(result, explain)
    else:
        style = Style(verbose - quiet, terminal.width(), not terminal.can_draw())
        text = render(result, fmt.value, style, Catalog(catalogs), period)
    emit(text, output, force, painted=fmt is Format.TABLE)

"""`capplan breakeven`."""

from __future__ import annotations

from typing import Annotated

import typer

from capplan.cli.options import (
    SAMPLES,
    Books,
    Catalogs,
    Force,
    OutputFile,
    PlanFile,
    Quiet,
    Seed,
    Sets,
    formats,
)
from capplan.cli.workers import Cluster, Workers, work_in


def breakeven(
    context: typer.Context,
    plan: PlanFile,
    between: Annotated[
        list[str] | None,
        typer.Option(
            "--between", metavar="A B...", help="Alternatives to compare; 'plan' is the plan itself."
        ),
    ] = None,
    over: Annotated[
        str | None, typer.Option("--over", metavar="DRIVER", help="Driver or number that varies.")
    ] = None,
    low: Annotated[str | None, typer.Option("--from", help="Smallest value of the driver.")] = None,
    high: Annotated[str | None, typer.Option("--to", help="Largest value of the driver.")] = None,
    comparison: Annotated[
        str | None, typer.Option("--comparison", help="Only this comparison of the plan.")
    ] = None,
    points: Annotated[
        int, typer.Option("--points", min=2, max=100_000, help="Number of values on the grid.")
    ] = 1000,
    samples: Annotated[int, typer.Option("--samples", metavar="N", min=1, max=20_000, help=SAMPLES)] = 200,
    seed: Seed = 1,
    fmt: Annotated[str, formats("table", "json", "csv", "markdown", "html", "svg", "png")] = "table",
    output: OutputFile = None,
    force: Force = False,
    sets: Sets = None,
    books: Books = None,
    catalogs: Catalogs = None,
    workers: Workers = None,
    cluster: Cluster = None,
    quiet: Quiet = False,
) -> None:
    """Find where another alternative becomes cheapest.

    It finds every such value of a driver.

    --between takes every argument up to the next option; without another argument for the plan, the last of
    them is the plan. --quiet leaves out the charts.

    Example: capplan breakeven examples/afpi --book afpi
    """
    from capplan.ask.reports import breakeven_report
    from capplan.catalog.catalog import Catalog
    from capplan.cli.output import show
    from capplan.decide.questions import ComparisonOptions

    work_in(context, workers, cluster)
    asked = ComparisonOptions(
        between=between or (),
        over=over,
        low=low,
        high=high,
        points=points,
        comparison=comparison,
        sets=sets or (),
        books=books or (),
    )
    show(breakeven_report(plan, asked, Catalog(catalogs), samples, seed, quiet), fmt, output, force)

"""`capplan breakeven`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from capplan.decide.drivers import Document
    from capplan.estimate import Estimate


def breakeven(
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
    quiet: Quiet = False,
) -> None:
    """Find where another alternative becomes cheapest.

    It finds every such value of a driver.

    --between takes every argument up to the next option; without another argument for the plan, the last of
    them is the plan. --quiet leaves out the charts.

    Example: capplan breakeven examples/afpi --book afpi
    """
    from capplan.catalog.catalog import Catalog
    from capplan.cli.output import show
    from capplan.decide.answers import answer
    from capplan.decide.questions import ComparisonOptions, questions
    from capplan.decide.world import names_of
    from capplan.plan.read import text_of
    from capplan.report.breakeven import report_of
    from capplan.report.json_format import estimate_document

    def document(estimate: Estimate) -> Document:
        return names_of(estimate, estimate_document)

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
    found = questions(text_of(plan), asked, Catalog(catalogs), document)
    answers = [answer(question, document, samples, seed) for question in found]
    show(report_of(answers, quiet), fmt, output, force)

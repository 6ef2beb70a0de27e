"""`capplan breakeven`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.cli.options import SAMPLES, Books, Catalogs, Force, OutputFile, PlanFile, Quiet, Seed, Sets

if TYPE_CHECKING:
    from pathlib import Path

    from capplan.decide.answers import Answer
    from capplan.decide.drivers import Document
    from capplan.estimate import Estimate


class ChartFormat(StrEnum):
    """What a break-even can be printed as."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    SVG = "svg"
    PNG = "png"
    HTML = "html"


def breakeven(
    plan: PlanFile,
    between: Annotated[
        list[str] | None,
        typer.Option(
            "--between", metavar="A B...", help="Alternatives to compare; 'plan' is the plan itself."
        ),
    ] = None,
    over: Annotated[
        str | None, typer.Option("--over", metavar="DRIVER", help="What varies: a driver, or any number.")
    ] = None,
    low: Annotated[str | None, typer.Option("--from", help="Smallest value of the driver.")] = None,
    high: Annotated[str | None, typer.Option("--to", help="Largest value of the driver.")] = None,
    comparison: Annotated[
        str | None, typer.Option("--comparison", help="Only this one of the plan's comparisons.")
    ] = None,
    points: Annotated[int, typer.Option("--points", min=2, max=100_000, help="Values on the grid.")] = 1000,
    samples: Annotated[int, typer.Option("--samples", metavar="N", min=1, max=20_000, help=SAMPLES)] = 200,
    seed: Seed = 1,
    fmt: Annotated[
        ChartFormat, typer.Option("--format", envvar="CAPPLAN_FORMAT", help="Output format.")
    ] = ChartFormat.TABLE,
    output: OutputFile = None,
    force: Force = False,
    sets: Sets = None,
    books: Books = None,
    catalogs: Catalogs = None,
    quiet: Quiet = False,
) -> None:
    """Find where another alternative becomes the cheapest.

    It finds every such value of a driver.

    --between takes every argument up to the next option; without another argument for the plan, the last of
    them is the plan. --quiet leaves out the charts.

    Example: capplan breakeven examples/afpi --book afpi
    """
    from capplan.catalog.catalog import Catalog
    from capplan.decide.answers import answer
    from capplan.decide.questions import Asked, questions
    from capplan.decide.world import names_of
    from capplan.plan.read import text_of
    from capplan.report.json_format import estimate_document

    def document(estimate: Estimate) -> Document:
        return names_of(estimate, estimate_document)

    asked = Asked(between or (), over, low, high, points, comparison, sets or (), books or ())
    found = questions(text_of(plan), asked, Catalog(catalogs), document)
    _show([answer(question, document, samples, seed) for question in found], fmt, output, force, quiet)


def _show(answers: list[Answer], fmt: ChartFormat, output: Path | None, force: bool, quiet: bool) -> None:
    from capplan.cli import terminal
    from capplan.cli.output import emit, emit_bytes
    from capplan.report import breakeven as report
    from capplan.report.json_format import dumps

    if fmt is ChartFormat.JSON:
        emit(dumps(report.breakeven_document(answers)), output, force)
    elif fmt is ChartFormat.CSV:
        emit(report.breakeven_csv(answers), output, force)
    elif fmt is ChartFormat.MARKDOWN:
        emit(report.breakeven_markdown(answers), output, force)
    elif fmt is ChartFormat.TABLE:
        emit(report.breakeven_text(answers, terminal.width(), quiet), output, force, painted=True)
    else:
        from capplan.report.figure import breakeven_figure

        emit_bytes(breakeven_figure(answers, fmt.value), output, force)

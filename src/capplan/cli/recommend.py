"""`capplan recommend`."""

from __future__ import annotations

from typing import Annotated

import typer

from capplan.cli.options import (
    Books,
    Catalogs,
    Force,
    OutputFile,
    PlanFile,
    RecommendFormat,
    Sets,
    TextFormat,
)


def recommend(
    plan: PlanFile,
    fmt: RecommendFormat = TextFormat.TABLE,
    output: OutputFile = None,
    force: Force = False,
    sets: Sets = None,
    alternative: Annotated[
        str | None, typer.Option("--alternative", help="An alternative of the plan.")
    ] = None,
    books: Books = None,
    catalogs: Catalogs = None,
) -> None:
    """Say what to change in a plan, and how far each component is from its next boundary.

    Example: capplan recommend examples/llm-observatory
    """
    from capplan.catalog.catalog import Catalog
    from capplan.cli import terminal
    from capplan.cli.output import emit
    from capplan.decide.recommend import recommend as run
    from capplan.plan.read import read_plan
    from capplan.report import json_format
    from capplan.report import recommend as report

    advice = run(read_plan(plan, sets or (), alternative, books or ()), Catalog(catalogs))
    if fmt is TextFormat.JSON:
        emit(json_format.dumps(report.recommend_document(advice)), output, force)
    elif fmt is TextFormat.MARKDOWN:
        emit(report.recommend_markdown(advice), output, force)
    else:
        emit(report.recommend_text(advice, terminal.width()), output, force, painted=True)

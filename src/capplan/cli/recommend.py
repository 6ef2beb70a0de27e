"""`capplan recommend`."""

from __future__ import annotations

from typing import Annotated

from capplan.cli.options import (
    Alternative,
    Books,
    Catalogs,
    Force,
    OutputFile,
    PlanFile,
    Sets,
    formats,
)


def recommend(
    plan: PlanFile,
    fmt: Annotated[str, formats("table", "json", "markdown", "html")] = "table",
    output: OutputFile = None,
    force: Force = False,
    sets: Sets = None,
    alternative: Alternative = None,
    books: Books = None,
    catalogs: Catalogs = None,
) -> None:
    """Show what to change in a plan, and what is nearly full.

    For each component it says how far the next boundary is.

    Example: capplan recommend examples/llm-observatory
    """
    from capplan.ask.reports import recommend_report
    from capplan.cli.output import show

    report = recommend_report(plan, sets or (), alternative, books or (), catalogs)
    show(report, fmt, output, force)

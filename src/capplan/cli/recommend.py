"""`capplan recommend`."""

from __future__ import annotations

from typing import Annotated

import typer

from capplan.cli.options import (
    Alternative,
    Books,
    Catalogs,
    Commitments,
    Force,
    OutputFile,
    PlanFile,
    Sets,
    Today,
    day_of,
    formats,
)

_SHARE = "SHARE"


def recommend(
    plan: PlanFile,
    fmt: Annotated[str, formats("table", "json", "markdown", "html")] = "table",
    output: OutputFile = None,
    force: Force = False,
    sets: Sets = None,
    alternative: Alternative = None,
    books: Books = None,
    catalogs: Catalogs = None,
    commitments: Commitments = False,
    offers: Annotated[
        list[str] | None,
        typer.Option("--offer", metavar="TEXT", help="Allow only commitments with this in their name."),
    ] = None,
    cvar: Annotated[
        float | None,
        typer.Option(
            "--cvar",
            metavar=_SHARE,
            min=0.001,
            max=1,
            help="Minimise the cost of this share of the worst scenarios.",
        ),
    ] = None,
    capital: Annotated[
        float,
        typer.Option(
            "--capital-cost",
            metavar=_SHARE,
            min=0,
            max=1,
            help="Cost of money in a year, for what is paid upfront.",
        ),
    ] = 0.0,
    today: Today = None,
) -> None:
    """Show what to change in a plan, and what is nearly full.

    For each component it says how far the next boundary is. With --commitments it shows the reservations,
    savings plans and committed-use discounts that cost least for the use over the week, its growth and its
    uncertainty.

    Example: capplan recommend examples/llm-observatory

    Example: capplan recommend examples/llm-observatory --commitments --offer "1 year"
    """
    from capplan.ask.reports import committing_report, recommend_report
    from capplan.cli.output import show
    from capplan.errors import InputError, Problem

    about = (plan, sets or (), alternative, books or (), catalogs)
    if not commitments:
        if offers or cvar or capital:
            raise InputError(Problem("--offer, --cvar and --capital-cost", "need --commitments"))
        show(recommend_report(*about), fmt, output, force)
        return
    from capplan.cost.portfolio import Objective
    from capplan.decide.committing import CommitmentTerms

    terms = CommitmentTerms(day_of(today), Objective(cvar, capital), offers or ())
    show(committing_report(*about, terms), fmt, output, force)

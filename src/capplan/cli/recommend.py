"""`capplan recommend`."""

from __future__ import annotations

from typing import Annotated

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
    commitments: Annotated[
        bool, typer.Option("--commitments", help="Show what to commit to, and when to look again.")
    ] = False,
    offers: Annotated[
        list[str] | None,
        typer.Option("--offer", metavar="TEXT", help="Allow only commitments with this in their name."),
    ] = None,
    cvar: Annotated[
        str | None,
        typer.Option("--cvar", metavar=_SHARE, help="Minimise the cost of so many of the worst scenarios."),
    ] = None,
    capital: Annotated[
        str,
        typer.Option(
            "--capital-cost", metavar=_SHARE, help="Cost of money in a year, for what is paid upfront."
        ),
    ] = "0%",
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

    about = (plan, sets or (), alternative, books or (), catalogs)
    if not commitments:
        _only_with_commitments({"--offer": offers, "--cvar": cvar, "--capital-cost": capital != "0%"})
        show(recommend_report(*about), fmt, output, force)
        return
    from capplan.cost.portfolio import Objective
    from capplan.decide.committing import CommitmentTerms

    objective = Objective(None if cvar is None else _share(cvar, "--cvar"), _share(capital, "--capital-cost"))
    terms = CommitmentTerms(day_of(today), objective, offers or ())
    show(committing_report(*about, terms), fmt, output, force)


def _only_with_commitments(given: dict[str, object]) -> None:
    from capplan.errors import InputError, Problem

    for option in (option for option, value in given.items() if value):
        raise InputError(Problem(option, "needs --commitments"))


def _share(text: str, option: str) -> float:
    from capplan.errors import InputError, Problem
    from capplan.quantities import parse_share

    try:
        share = parse_share(text)
    except ValueError as error:
        raise InputError(Problem(option, str(error))) from None
    if not (0 < share <= 1 or (share == 0 and option == "--capital-cost")):
        raise InputError(Problem(option, f"must lie above 0% and at most at 100%, got {text}"))
    return share

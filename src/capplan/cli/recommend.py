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
    from capplan.catalog.catalog import Catalog
    from capplan.cli.output import show
    from capplan.decide.recommend import recommend as run
    from capplan.plan.read import parse_plan, text_of
    from capplan.report.growth import Decided
    from capplan.report.json_format import estimate_document
    from capplan.report.recommend import report_of

    text = text_of(plan)
    file = parse_plan(*text, sets or (), alternative, books or ())
    catalog = Catalog(catalogs)
    advice = run(file, catalog)
    decided, roadmap = Decided(), None
    if file.plan.decisions is not None:
        from capplan.decide.growth import growth
        from capplan.decide.questions import ComparisonOptions
        from capplan.decide.roadmap import roadmap_of
        from capplan.decide.rules import rules_of
        from capplan.decide.tiers import tier_path
        from capplan.decide.world import Case, PlanWorld, names_of
        from capplan.report.answers import ANSWERS

        asked = ComparisonOptions(sets=sets or (), books=books or ())
        about = (text, file, asked, catalog, lambda e: names_of(e, estimate_document))
        decided = Decided(growth(file, catalog), tier_path(*about), rules_of(*about))
        world = PlanWorld(plan, catalogs, estimate_document, ANSWERS)
        roadmap = roadmap_of(world, Case(alternative, tuple(books or ()), tuple(sets or ())))
    show(report_of(advice, decided, roadmap), fmt, output, force)

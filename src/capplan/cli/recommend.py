"""`capplan recommend`."""

from __future__ import annotations

from capplan.cli.options import (
    Alternative,
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
    alternative: Alternative = None,
    books: Books = None,
    catalogs: Catalogs = None,
) -> None:
    """Say what to change in a plan, and what is nearly full.

    For each component it says how far the next boundary is.

    Example: capplan recommend examples/llm-observatory
    """
    from capplan.catalog.catalog import Catalog
    from capplan.cli import terminal
    from capplan.cli.output import emit
    from capplan.decide.recommend import recommend as run
    from capplan.plan.read import parse_plan, text_of
    from capplan.report import growth as decided
    from capplan.report import json_format
    from capplan.report import recommend as report

    text = text_of(plan)
    file = parse_plan(*text, sets or (), alternative, books or ())
    advice = run(file, Catalog(catalogs))
    growing, rules = None, []
    if file.plan.decisions is not None:
        from capplan.decide.growth import growth
        from capplan.decide.questions import Asked
        from capplan.decide.rules import rules_of
        from capplan.decide.world import names_of

        asked = Asked(sets=sets or (), books=books or ())
        growing = growth(file, Catalog(catalogs))
        rules = rules_of(
            text, file, asked, Catalog(catalogs), lambda e: names_of(e, json_format.estimate_document)
        )
    if fmt is TextFormat.JSON:
        document = report.recommend_document(advice) | decided.decisions_document(growing, rules)
        emit(json_format.dumps(document), output, force)
    elif fmt is TextFormat.MARKDOWN:
        said = report.recommend_markdown(advice) + decided.decisions_markdown(growing, rules)
        emit(said, output, force)
    else:
        width = terminal.width()
        said = report.recommend_text(advice, width) + decided.decisions_text(growing, rules, width)
        emit(said, output, force, painted=True)

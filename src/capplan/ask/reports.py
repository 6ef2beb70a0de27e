"""Reports that need several parts of the house, for commands and programs alike."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from capplan.catalog.catalog import Catalog
    from capplan.decide.committing import CommitmentTerms
    from capplan.decide.drivers import Document
    from capplan.decide.questions import ComparisonOptions
    from capplan.decide.roadmap import Roadmap
    from capplan.estimate import Estimate
    from capplan.plan.read import PlanFile
    from capplan.report.blocks import Report
    from capplan.report.growth import Decided


def breakeven_report(
    plan: Path, asked: ComparisonOptions, catalog: Catalog, samples: int, seed: int, quiet: bool = False
) -> Report:
    """Return where another alternative becomes cheapest; ``quiet`` leaves out the charts."""
    from capplan.decide.answers import answer
    from capplan.decide.questions import questions
    from capplan.plan.read import text_of
    from capplan.report.breakeven import report_of

    found = questions(text_of(plan), asked, catalog, _document)
    return report_of([answer(question, _document, samples, seed) for question in found], quiet)


def prices_report(
    catalogs: Path | None, *, vcpu: str | None = None, memory: str | None = None, **wanted: str | None
) -> Report:
    """Return the rows of the catalogs that hold what is wanted, by the names of :class:`Filter`."""
    from capplan.catalog.catalog import Catalog
    from capplan.catalog.query import Filter, bounds, find_rows
    from capplan.report.catalog_tables import rows_report

    sizes = Filter(
        vcpu=None if vcpu is None else bounds(vcpu, "--vcpu"),
        memory_gib=None if memory is None else bounds(memory, "--memory"),
    )
    return rows_report(find_rows(Catalog(catalogs), sizes._replace(**wanted)))  # type: ignore[arg-type]


def explained_report(code: str) -> Report:
    """Return what a finding, or a gate, means; :class:`InputError` where there is none of that name."""
    from capplan.errors import InputError, Problem, nearest
    from capplan.findings import found_by
    from capplan.gate.checks import code_of_gate
    from capplan.manifests.verify.checks import code_of
    from capplan.report.checks import check_report

    known = found_by()
    found = known.get(code_of_gate(code_of(code)))
    if found is None:
        raise InputError(Problem("CODE", f"there is no finding '{code}'", nearest(code, known)))
    return check_report(*found)


def recommend_report(
    plan: Path, sets: Sequence[str], alternative: str | None, books: Sequence[str], catalogs: Path | None
) -> Report:
    """Return what to change in a plan, what is nearly full, and where its tiers and phases stand."""
    from capplan.catalog.catalog import Catalog
    from capplan.decide.questions import ComparisonOptions
    from capplan.decide.recommend import recommend
    from capplan.plan.read import read_plan
    from capplan.report.recommend import report_of

    file = read_plan(plan, sets, alternative, books)
    asked = ComparisonOptions(sets=sets, books=books)
    catalog = Catalog(catalogs)
    advice = recommend(file, catalog)
    return report_of(advice, *decided(plan, file, asked, alternative, catalog))


def decided(
    plan: Path, file: PlanFile, asked: ComparisonOptions, alternative: str | None, catalog: Catalog
) -> tuple[Decided, Roadmap | None]:
    """Return where a plan stands on its tiers, rules and phases; nothing of a plan without decisions."""
    from capplan.report.growth import Decided

    if file.plan.decisions is None:
        return Decided(), None
    from capplan.decide.growth import growth
    from capplan.decide.roadmap import roadmap_of
    from capplan.decide.rules import rules_of
    from capplan.decide.tiers import tier_path
    from capplan.decide.world import Case, PlanWorld
    from capplan.plan.read import text_of
    from capplan.report.answers import ANSWERS
    from capplan.report.json_format import estimate_document

    about = (text_of(plan), file, asked, catalog, _document)
    world = PlanWorld(plan, catalog, estimate_document, ANSWERS)
    roadmap = roadmap_of(world, Case(alternative, tuple(asked.books), tuple(asked.sets)))
    return Decided(growth(file, catalog), tier_path(*about), rules_of(*about)), roadmap


def committing_report(
    plan: Path,
    sets: Sequence[str],
    alternative: str | None,
    books: Sequence[str],
    catalogs: Path | None,
    terms: CommitmentTerms,
) -> Report:
    """Return what to commit to for what a plan runs by the hour."""
    from capplan.catalog.catalog import Catalog
    from capplan.decide.committing import committing
    from capplan.plan.read import read_plan
    from capplan.report.committing import report_of

    file = read_plan(plan, sets, alternative, books)
    return report_of(committing([file], Catalog(catalogs), terms))


def ranking_report(estimate: Estimate, pareto_only: bool = False, everything: bool = False) -> Report:
    """Return the ways to serve each model of a plan, cheapest first."""
    from capplan.components.llm.choice import ranked, taken_by_auto
    from capplan.components.llm.options import best_of_each, pareto
    from capplan.report import llm as report

    options = ranked(estimate.context)
    models = estimate.file.plan.llm
    taken = {name: taken_by_auto(models[name], ways) for name, ways in options.items()}
    if pareto_only:
        options = {name: pareto(ways) for name, ways in options.items()}
    elif not everything:
        options = {name: best_of_each(ways) for name, ways in options.items()}
    return report.ranking_report(report.served(estimate), options, taken)


def _document(estimate: Estimate) -> Document:
    """Return what the decisions of a plan can name; what takes long only where one of them asks."""
    from capplan.decide.world import names_of
    from capplan.report.json_format import estimate_document

    return names_of(estimate, partial(estimate_document, asked=str(estimate.file.raw.get("decisions"))))

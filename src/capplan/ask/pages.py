"""The page of a plan: everything that the commands say about it, in chapters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from capplan.decide.recommend import margins
from capplan.errors import InputError
from capplan.report import chapters
from capplan.report.blocks import Chapter, Lines

if TYPE_CHECKING:
    from capplan.catalog.catalog import Catalog
    from capplan.estimate import Estimate
    from capplan.plan.read import PlanFile
    from capplan.report.blocks import Block

_POINTS, _DRAWS = 100, 40
_DAYS, _MOST_SIMULATED = 1.0, 12
_MONTHS = "12"


class PageOptions(NamedTuple):
    """What `capplan report` is asked for."""

    plan: Path
    sets: Sequence[str]
    books: Sequence[str]
    catalogs: Path | None
    alternative: str | None
    vary: Sequence[str] = ()


class _Case(NamedTuple):
    """The plan that the page is of: what was asked, the file as read, and its estimate."""

    asked: PageOptions
    file: PlanFile
    catalog: Catalog
    now: Estimate


def page_of(asked: PageOptions) -> str:
    """Return the page, HTML that loads nothing."""
    from capplan.catalog.catalog import Catalog
    from capplan.estimate import estimate
    from capplan.plan.read import read_plan
    from capplan.quantities import counted
    from capplan.report.estimate import basis
    from capplan.report.formats.page import Page, written
    from capplan.report.tables import heading
    from capplan.report.view import view

    file = read_plan(asked.plan, asked.sets, asked.alternative, asked.books)
    catalog = Catalog(asked.catalogs)
    case = _Case(asked, file, catalog, estimate(file, catalog))
    filled = ((name, title, list(blocks(case))) for name, title, blocks in _CHAPTERS)
    errors = sum(finding.severity == "error" for finding in case.now.findings)
    wrong = (
        [f"{counted(errors, 'error')} among the findings: the plan does not hold as it is."] if errors else []
    )
    shown = [Chapter(*one) for one in filled if one[2]]
    return written(Page(heading(view(case.now)), [basis(case.now), *wrong], shown))


def _what_if(case: _Case) -> Iterable[Block]:
    """Return the controls over the main drivers, alternatives and regions; nothing if there are none."""
    from capplan.decide.whatif import PlanSource, what_if
    from capplan.report.positions import explorer

    asked = case.asked
    source = PlanSource(asked.plan, asked.sets, asked.books, asked.alternative)
    found = what_if(source, case.now, case.catalog, asked.vary)
    return [explorer(found, source)] if found.sliders or len(found.variations) > 1 else ()


def _alternatives(case: _Case) -> Iterator[Block]:
    """Yield the alternatives side by side, and the break-evens that the plan asks for."""
    from capplan.ask.reports import breakeven_report
    from capplan.decide.questions import ComparisonOptions
    from capplan.estimate import estimate
    from capplan.plan.read import alternatives_of, read_plan
    from capplan.report.estimate import alternatives_blocks

    asked, file = case.asked, case.file
    others = {name: read_plan(asked.plan, asked.sets, name, asked.books) for name in alternatives_of(file)}
    if others:
        found = {name: estimate(other, case.catalog) for name, other in others.items()}
        now = asked.alternative or "plan"
        yield from alternatives_blocks({now: case.now} | found)
    if file.plan.decisions is not None and file.plan.decisions.comparisons:
        questions = ComparisonOptions(points=_POINTS, sets=asked.sets, books=asked.books)
        yield from breakeven_report(asked.plan, questions, case.catalog, _DRAWS, 1).blocks()


def _growth(case: _Case) -> Iterator[Block]:
    """Yield the months ahead with what is crossed, where demand grows, and the plan's tiers and phases."""
    from capplan.ask.reports import decided
    from capplan.decide.questions import ComparisonOptions
    from capplan.estimate import estimate
    from capplan.many import summary_of
    from capplan.plan.sweep import HORIZON, month_sweep, read_sweeps
    from capplan.report.growth import decisions_blocks
    from capplan.report.roadmap import roadmap_blocks
    from capplan.report.uncertain import crossings_block
    from capplan.uncertainty.forecast import crossings_of

    demand = case.file.plan.demand
    ahead = HORIZON if demand.horizon_months else _MONTHS
    sweep = read_sweeps(case.file, month_sweep(ahead, case.file.plan))
    found = estimate(case.file, case.catalog, sweep.scenarios)
    blocks = list(chapters.months(found))
    if blocks:
        yield from blocks
        yield crossings_block(crossings_of(found, summary_of(found)))
    asked = case.asked
    options = ComparisonOptions(points=_POINTS, sets=asked.sets, books=asked.books)
    tiers, roadmap = decided(asked.plan, case.file, options, asked.alternative, case.catalog)
    yield from decisions_blocks(tiers)
    yield from roadmap_blocks(roadmap) if roadmap else ()


def _llm(case: _Case) -> Iterable[Block]:
    from capplan.ask.reports import ranking_report

    return ranking_report(case.now).blocks() if case.file.plan.llm else ()


def _simulation(case: _Case) -> Iterator[Block]:
    """Yield the simulation of a day; nothing of a plan without services that can be simulated."""
    from capplan.autoscale.scalers import usual_tick_s
    from capplan.autoscale.settings import Settings
    from capplan.autoscale.simulation import prepare, run
    from capplan.report.simulation import report_of
    from capplan.report.simulation_charts import charts

    tick_s = usual_tick_s(case.file.plan.services.values())
    try:
        prepared = prepare(case.file, case.catalog, Settings(tick_s=tick_s, days=_DAYS))
    except InputError as refused:
        yield Lines([f"Not simulated: {problem.what}." for problem in refused.problems])
        return
    if len(prepared.subjects) > _MOST_SIMULATED:
        said = f"{len(prepared.subjects)} services are too many to simulate on a page: see capplan simulate."
        yield Lines([said])
        return
    simulation = run(prepared)
    yield from report_of(simulation).blocks()
    yield from charts(simulation)


def _findings(case: _Case) -> Iterable[Block]:
    from capplan.findings import checks_of

    return chapters.findings(case.now.findings, {check.code: check for check in checks_of("estimate")})


_CHAPTERS: Sequence[tuple[str, str, Callable[[_Case], Iterable[Block]]]] = (
    ("unknown", "What is unknown", lambda case: chapters.unknown(case.now)),
    ("bill", "The bill", lambda case: chapters.bill(case.now)),
    ("what-if", "What if", _what_if),
    ("week", "Instances over the week", lambda case: chapters.weeks(case.now)),
    ("binding", "What binds", lambda case: chapters.binding(case.now, margins(case.now))),
    ("alternatives", "Alternatives and break-even", _alternatives),
    ("growth", "Growth", _growth),
    ("llm", "Ways to serve models", _llm),
    ("simulation", "A simulated day", _simulation),
    ("findings", "Findings", _findings),
    ("inputs", "Inputs and their sources", lambda case: chapters.inputs(case.now)),
    ("prices", "Prices and their sources", lambda case: chapters.prices(case.now)),
)
"""The chapters in their order; one without blocks is left out."""

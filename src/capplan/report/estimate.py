"""The report of an estimate, of a sweep, and of the alternatives of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from capplan.arrays import in_scenario
from capplan.estimate import Estimate
from capplan.findings import Finding
from capplan.quantities import counted
from capplan.report import numbers, tables
from capplan.report.blocks import Block, Findings, Fold, Heading, Lines, Sparklines
from capplan.report.grounds import assumptions_line
from capplan.report.table import Column, Table
from capplan.report.view import ComponentView, EstimateView, view

_COUNTS = "instances: min/average/needed at the peak/max"


def estimate_blocks(estimate: Estimate, verbosity: int) -> Iterator[Block]:
    """Yield the report of one estimate; a ``verbosity`` below 0 is the summary, above 0 everything."""
    shown = view(estimate)
    said = (*_estimated(shown), *assumptions_line(estimate, verbosity), *_adopted(shown))
    yield Heading(tables.heading(shown), (basis(estimate), *said, _COUNTS))
    yield tables.components(shown)
    if verbosity >= 0:
        yield _weeks(shown)
    if verbosity > 0:
        yield constraints(shown)
    figures = tables.measures(shown, verbosity > 0)
    if figures.rows and verbosity >= 0:
        yield figures
    lines = tables.shown_lines(shown.lines, verbosity > 0)
    if lines and verbosity >= 0:
        sources = Lines(list(tables.sources(lines)), bullets=True, indent="    ")
        yield Fold("Cost lines and sources", (tables.cost_lines(lines), sources))
    yield from told(shown.findings, verbosity)


def basis(estimate: Estimate) -> str:
    """Return what the money is counted with: month, discounts, price books."""
    pricing = estimate.plan.pricing
    said = [f"{in_scenario(estimate.hours_per_month, 0):g} hours a month"]
    said.append("free tiers" if pricing.free_tier else "no free tiers")
    if any((line.meter.provider, line.meter.service) == ("gcp", "compute-engine") for line in estimate.lines):
        said.append("sustained-use discount" if pricing.sustained_use else "no sustained-use discount")
    books = [c.name.removeprefix("book ") for c in estimate.catalogs if c.name.startswith("book ")]
    prices = f"prices of book {', '.join(books)} over list prices" if books else "list prices"
    over = dict.fromkeys(c.over for c in estimate.catalogs if c.over)
    prices += f" and those in {', '.join(over)}" if over else ""
    dates = sorted(line.as_of for line in estimate.lines if line.as_of)
    dated = f" of {numbers.span(dates[0], dates[-1])}" if dates else ""
    return f"USD, {prices}{dated}; {', '.join(said)}"


def _estimated(shown: EstimateView) -> Iterator[str]:
    """Yield what part of the bill is no more than an estimate."""
    if shown.estimated_share:
        yield f"{shown.estimated_share:.0%} of the expected cost uses estimated prices"


def _adopted(shown: EstimateView) -> Iterator[str]:
    """Yield what an adopted plan covers of its source, and the types that are missing."""
    found = shown.adopted
    if found is None or not (found.billable or found.left_out):
        return
    share = f" ({found.covered / found.billable:.0%})" if found.billable else ""
    said = f"adopted from {found.from_}: covers {found.covered} of {found.billable} resources that may cost"
    types = [f"{count} {kind}" for kind, count in found.left_out.most_common()]
    more = [counted(len(types) - _TYPES, "more type")] if len(types) > _TYPES else []
    missing = f"; not or only partly covered: {', '.join([*types[:_TYPES], *more])}" if types else ""
    yield f"{said} something{share}{missing}"


_TYPES = 6
"""Most types of missing resources that a report names; JSON has them all."""


def _weeks(shown: EstimateView) -> Sparklines:
    """Return a curve for each component whose instances vary over the week."""
    varying = {c.name: c.week for c in shown.components if len(c.week) > 1 and min(c.week) != max(c.week)}
    return Sparklines("Instances over the week, or the trace", varying)


def constraints(shown: EstimateView) -> Table:
    """Return the instances that each constraint asks for, with utilization and response times."""
    sized = [c for c in shown.components if c.instances is not None]
    names = list(dict.fromkeys(name for c in sized for name in c.constraints))
    columns = [Column("Instances for", shrinks=True), *(Column(name, right=True) for name in names)]
    rows = [
        [c.name, *(numbers.count(c.constraints[n]) if n in c.constraints else "" for n in names)]
        for c in sized
    ]
    percentiles = list(dict.fromkeys(name for c in sized if c.latency for name in c.latency.peak))
    columns += [Column("utilization", right=True), *(Column(f"{p} ms", right=True) for p in percentiles)]
    known = [[_utilization(c), *(_milliseconds(c, p) for p in percentiles)] for c in sized]
    return Table(columns, [[*row, *more] for row, more in zip(rows, known, strict=True)])


def _utilization(component: ComponentView) -> str:
    return "" if component.utilization is None else f"{component.utilization:.0%}"


def _milliseconds(component: ComponentView, percentile: str) -> str:
    """Return the response time in the busiest hour."""
    if component.latency is None:
        return ""
    found = component.latency.peak[percentile]
    return "∞" if found is None else numbers.quantity(found)


def told(findings: Sequence[Finding], verbosity: int) -> Iterator[Findings]:
    """Yield each finding in a block of its own: they are long, and easier to tell apart."""
    for finding in findings:
        if finding.severity != "info" or verbosity > 0:
            yield Findings((finding,))


def alternatives_blocks(estimates: Mapping[str, Estimate]) -> Iterator[Block]:
    """Yield the alternatives side by side, with what each of them costs by component."""
    first = next(iter(estimates.values()))
    yield Heading(f"{first.plan.name}: alternatives, cost per month", (basis(first),))
    yield _alternatives(estimates)
    yield _by_component(estimates)


def _by_component(estimates: Mapping[str, Estimate]) -> Table:
    """Return the expected cost of every component in every alternative."""
    shown = {name: {c.name: c for c in view(estimate).components} for name, estimate in estimates.items()}
    names = list(dict.fromkeys(name for components in shown.values() for name in components))
    columns = [Column("Component"), *(Column(name, right=True) for name in shown)]
    rows = []
    for name in names:
        found = [components.get(name) for components in shown.values()]
        rows.append([name, *("" if c is None else tables.expected_cost(c) for c in found)])
    return Table(columns, rows)


def _alternatives(estimates: Mapping[str, Estimate]) -> Table:
    """Return one row an alternative, as the plan lists them."""
    columns = [Column("Alternative"), *(Column(n, right=True) for n in ("USD min", "expected", "max"))]
    columns += [Column("against first", right=True), Column("findings", right=True)]
    costs = {name: view(estimate).total for name, estimate in estimates.items()}
    base = next(iter(costs.values()))
    rows = []
    for name, cost in costs.items():
        problems = sum(f.severity != "info" for f in estimates[name].findings)
        change = tables.difference(cost, base)
        rows.append([name, *tables.costs(cost), change, str(problems) if problems else ""])
    return Table(columns, rows)

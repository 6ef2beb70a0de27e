"""The report of an estimate as text or Markdown, whole."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from capplan.components.base import Finding
from capplan.estimate import Estimate
from capplan.plan.bind import Path
from capplan.report import numbers, tables
from capplan.report.sparkline import sparkline
from capplan.report.table import WIDTH, Column, Table, markdown, text
from capplan.report.view import ComponentView, EstimateView, pick, view

_COUNTS = "instances: min/average/needed at the peak/max"


class Style(NamedTuple):
    """How much to show, and with which characters."""

    verbosity: int = 0
    width: int = WIDTH
    ascii_only: bool = False


def estimate_text(estimate: Estimate, style: Style) -> str:
    """Return the report of one estimate."""
    shown = view(estimate)
    parts = [_filled((tables.heading(shown), _basis(estimate), _COUNTS), style)]
    parts.append(text(tables.components(shown), style.width))
    if style.verbosity >= 0:
        parts += _details(shown, style)
    parts += [_finding(finding, style) for finding in _told(shown.findings, style)]
    return "\n".join(parts)


def _details(shown: EstimateView, style: Style) -> Iterator[str]:
    weeks = "\n".join(_weeks(shown, style))
    if weeks:
        yield weeks + "\n"
    if style.verbosity > 0:
        yield text(_constraints(shown), style.width)
    figures = tables.measures(shown, style.verbosity > 0)
    if figures.rows:
        yield text(figures, style.width)
    lines = tables.shown_lines(shown.lines, style.verbosity > 0)
    if lines:
        yield text(tables.cost_lines(lines), style.width)
        yield _filled(tables.sources(lines), style)


def _basis(estimate: Estimate) -> str:
    """Return what the money is counted with: month, discounts, price books."""
    pricing = estimate.plan.pricing
    said = [f"{pick(estimate.hours_per_month, 0):g} hours a month"]
    said.append("free tiers" if pricing.free_tier else "no free tiers")
    if any((line.meter.provider, line.meter.service) == ("gcp", "compute-engine") for line in estimate.lines):
        said.append("sustained-use discount" if pricing.sustained_use else "no sustained-use discount")
    books = [c.name.removeprefix("book ") for c in estimate.catalogs if c.name.startswith("book ")]
    prices = f"prices of book {', '.join(books)} over list prices" if books else "list prices"
    dates = sorted(line.as_of for line in estimate.lines if line.as_of)
    dated = f" of {dates[0]} to {dates[-1]}" if dates else ""
    return f"USD, {prices}{dated}; {', '.join(said)}"


def _weeks(shown: EstimateView, style: Style) -> Iterator[str]:
    """Yield a sparkline for each component whose instances vary over the week."""
    varying = [c for c in shown.components if len(c.week) > 1 and min(c.week) != max(c.week)]
    if varying:
        yield "Instances over the week, or the trace" + (" (_ low, @ high)" if style.ascii_only else "")
    name_width = max((len(c.name) for c in varying), default=0)
    for component in varying:
        low, high = numbers.count(min(component.week)), numbers.count(max(component.week))
        line = sparkline(component.week, 56, style.ascii_only)
        yield f"{component.name:<{name_width}} {low:>3} {line} {high}"


def _constraints(shown: EstimateView) -> Table:
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
    return Table(columns, [[*row, *more] for row, more in zip(rows, known, strict=True)], keys=1)


def _utilization(component: ComponentView) -> str:
    return "" if component.utilization is None else f"{component.utilization:.0%}"


def _milliseconds(component: ComponentView, percentile: str) -> str:
    """Return the response time in the busiest hour."""
    if component.latency is None:
        return ""
    found = component.latency.peak[percentile]
    return "∞" if found is None else numbers.quantity(found)


def _told(findings: Sequence[Finding], style: Style) -> list[Finding]:
    return [f for f in findings if f.severity != "info" or style.verbosity > 0]


def _finding(finding: Finding, style: Style) -> str:
    said = f"{finding.severity.upper()}  {finding.component}: {finding.message}. {finding.remedy}".rstrip()
    return textwrap.fill(said, style.width, subsequent_indent="  ", break_on_hyphens=False) + "\n"


def _filled(lines: Iterable[str], style: Style) -> str:
    return "\n".join(_wrapped(lines, style)) + "\n"


def _wrapped(lines: Iterable[str], style: Style) -> Iterator[str]:
    for line in lines:
        yield textwrap.fill(
            line, style.width, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
        )


def estimate_markdown(estimate: Estimate, style: Style) -> str:
    """Return the report of one estimate as Markdown, with the cost lines folded away."""
    shown = view(estimate)
    parts = [f"### {tables.heading(shown)}\n", f"{_basis(estimate)}; {_COUNTS}\n"]
    parts.append(markdown(tables.components(shown)))
    figures = tables.measures(shown, style.verbosity > 0)
    if figures.rows and style.verbosity >= 0:
        parts.append(markdown(figures))
    parts += [
        f"- **{finding.severity}** `{finding.component}`: {finding.message}. {finding.remedy}".rstrip() + "\n"
        for finding in _told(shown.findings, style)
    ]
    lines = tables.shown_lines(shown.lines, style.verbosity > 0)
    if style.verbosity >= 0 and lines:
        parts.append("<details><summary>Cost lines and sources</summary>\n")
        parts.append(markdown(tables.cost_lines(lines)))
        parts.append("\n".join(f"- {source}" for source in tables.sources(lines)) + "\n")
        parts.append("</details>\n")
    return "\n".join(parts)


def sweep_table(estimate: Estimate, axes: Mapping[Path, Sequence[str]]) -> Table:
    """Return one row a scenario: what varies, instances at the peak, monthly cost."""
    sized = [c for c in estimate.components if c.sizing is not None]
    columns = [
        *(Column(path[-1], right=True, shrinks=True) for path in axes),
        Column("peak req/s", right=True),
        *(Column(component.name, right=True, shrinks=True) for component in sized),
        *(Column(name, right=True) for name in ("USD min", "expected", "max")),
    ]
    rows = [_scenario_row(estimate, axes, i) for i in range(estimate.scenarios.count)]
    return Table(columns, rows, keys=len(axes))


def _scenario_row(estimate: Estimate, axes: Mapping[Path, Sequence[str]], scenario: int) -> list[str]:
    shown = view(estimate, scenario)
    values = [numbers.quantity(float(estimate.scenarios.values[path][scenario])) for path in axes]
    peaks = [_peak(c.instances.peak, c.instances.max) for c in shown.components if c.instances is not None]
    total = shown.total
    cost = [numbers.money(amount) for amount in (total.min, total.expected, total.max)]
    return [*values, numbers.rate(shown.peak_rps), *peaks, *cost]


def _peak(peak: float, most: float | None) -> str:
    """Return the instances needed, marked where the maximum does not allow them."""
    return numbers.count(peak) + ("!" if most is not None and peak > most else "")


def sweep_report(
    estimate: Estimate, axes: Mapping[Path, Sequence[str]], style: Style, render: Callable[[Table], str]
) -> str:
    """Return the heading, the scenarios, and what was found; ``render`` draws the table."""
    heading = f"{estimate.plan.name}: instances in the busiest hour, and cost per month"
    parts = [_filled((heading, _basis(estimate)), style)]
    parts.append(render(sweep_table(estimate, axes)))
    parts += [_finding(finding, style) for finding in _told(estimate.findings, style)]
    return "\n".join(parts)


def alternatives_report(
    estimates: Mapping[str, Estimate], style: Style, render: Callable[[Table], str]
) -> str:
    """Return the alternatives side by side, with what each of them costs by component."""
    first = next(iter(estimates.values()))
    heading = _filled((f"{first.plan.name}: alternatives, cost per month", _basis(first)), style)
    return "\n".join((heading, render(alternatives_table(estimates)), render(_by_component(estimates))))


def _by_component(estimates: Mapping[str, Estimate]) -> Table:
    """Return the expected cost of every component in every alternative."""
    shown = {name: {c.name: c for c in view(estimate).components} for name, estimate in estimates.items()}
    names = list(dict.fromkeys(name for components in shown.values() for name in components))
    columns = [Column("Component"), *(Column(name, right=True) for name in shown)]
    rows = []
    for name in names:
        found = [components.get(name) for components in shown.values()]
        rows.append([name, *("" if c is None else tables.expected_cost(c) for c in found)])
    return Table(columns, rows, keys=1)


def alternatives_table(estimates: Mapping[str, Estimate]) -> Table:
    """Return one row an alternative, as the plan lists them."""
    columns = [Column("Alternative"), *(Column(n, right=True) for n in ("USD min", "expected", "max"))]
    columns += [Column("against first", right=True), Column("findings", right=True)]
    costs = {name: view(estimate).total for name, estimate in estimates.items()}
    base = next(iter(costs.values())).expected
    rows = []
    for name, cost in costs.items():
        problems = sum(f.severity != "info" for f in estimates[name].findings)
        change = f"{cost.expected - base:+,.2f}"
        amounts = [numbers.money(a) for a in (cost.min, cost.expected, cost.max)]
        rows.append([name, *amounts, change, str(problems) if problems else ""])
    return Table(columns, rows)

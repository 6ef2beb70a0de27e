"""The chapters of a plan's page: what is unknown first, then the bill, the instances, what they rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capplan.arrays import in_scenario
from capplan.components.base import Component
from capplan.decide.recommend import Margin
from capplan.estimate import Estimate
from capplan.findings import Check, Finding
from capplan.report import tables
from capplan.report.blocks import Bars, Block, Curves, Findings, Fold, Heading, Lines, Outline
from capplan.report.estimate import constraints
from capplan.report.grounds import grounds_blocks
from capplan.report.recommend import standings
from capplan.report.table import Column, Table
from capplan.report.view import ComponentView, view

UNKNOWN = (
    "unpriced",
    "price-bound",
    "unsized",
    "traffic-unknown",
    "slo-not-checked",
    "availability-not-checked",
    "llm-low-confidence",
    "trace-gaps",
)
"""Codes of findings that say what an estimate does not know."""

_NOT_INPUTS = ("alternatives", "service_templates", "manifests", "decisions", "gates", "tags")


def unknown(estimate: Estimate) -> Iterator[Block]:
    """Yield what the figures do not know: prices, capacities, traffic, and what is only assumed."""
    shown = view(estimate)
    found = [finding for finding in shown.findings if finding.code in UNKNOWN]
    if found:
        yield Findings(found)
    assumed = sum(mark.source == "assumed" for mark in estimate.file.sources.values())
    said = [] if found else ["Every line of the bill has a price, and every component has a size."]
    if shown.estimated_share:
        said.append(f"{shown.estimated_share:.0%} of the expected cost uses estimated prices.")
    if assumed:
        said.append(f"{assumed} numbers of the plan are assumed; the chapter on inputs names them.")
    if not estimate.file.sources:
        said.append("The plan does not say where its numbers come from.")
    yield Lines(said, bullets=True)


def bill(estimate: Estimate) -> Iterator[Block]:
    """Yield the cost by component, with bars; by provider and by tag, where there are several."""
    shown = view(estimate)
    yield tables.components(shown)
    by_component = {c.name: c.cost.expected for c in shown.components if c.cost and c.cost.expected}
    providers: dict[str, float] = {}
    for line in shown.lines:
        if line.cost is not None:
            providers[line.provider] = providers.get(line.provider, 0.0) + line.cost.expected
    tags = {
        tag: sum(by_component.get(name, 0.0) for name in names) for tag, names in estimate.plan.tagged.items()
    }
    for title, amounts in (("component", by_component), ("provider", providers), ("tag", tags)):
        if len(amounts) > 1:
            ordered = dict(sorted(amounts.items(), key=lambda item: -item[1]))
            yield Bars(f"Expected cost by {title}", ordered, "USD a month")


def weeks(estimate: Estimate) -> Iterator[Block]:
    """Yield a chart for each component whose instances vary: floor, need, what runs, ceiling."""
    varying = [component for component in estimate.components if _varies(component)]
    varying.sort(key=lambda c: -in_scenario(estimate.cost_of(c.name).expected, 0))
    for component in varying[:_MOST_CHARTS]:
        yield _week(component, estimate.context.pattern.step_s / 3600)
    if len(varying) > _MOST_CHARTS:
        yield Lines((f"{len(varying) - _MOST_CHARTS} components that cost less are not drawn.",))


_MOST_CHARTS = 12


def _varies(component: Component) -> bool:
    sizing = component.sizing
    return sizing is not None and bool(sizing.required[0].min() != sizing.required[0].max())


def _week(component: Component, step_h: float) -> Curves:
    sizing = component.sizing
    assert sizing is not None
    count = sizing.required.shape[1]
    bounds = {"floor": sizing.floor, "ceiling": sizing.ceiling}
    lines = {"need": sizing.required[0].tolist(), "runs": sizing.running[0].tolist()}
    lines |= {
        name: [in_scenario(bound, 0)] * count
        for name, bound in bounds.items()
        if bound is not None and _is_near(component, in_scenario(bound, 0))
    }
    return Curves(
        x=[step_h * step for step in range(count)],
        curves=lines,
        unit=f"instances{_far(component)}",
        title=component.name,
        across="hours",
        steps=True,
    )


_NEAR = 5
"""A ceiling that is so many times the need would press it flat, and is said in words."""


def _is_near(component: Component, bound: float) -> bool:
    assert component.sizing is not None
    return bound <= _NEAR * float(component.sizing.required[0].max())


def _far(component: Component) -> str:
    """Return the ceiling in words, where the chart has no room for it."""
    assert component.sizing is not None
    ceiling = component.sizing.ceiling
    if ceiling is None:
        return "; no ceiling"
    most = in_scenario(ceiling, 0)
    return "" if _is_near(component, most) else f"; ceiling {most:,.0f}"


def binding(estimate: Estimate, margins: Sequence[Margin]) -> Iterator[Block]:
    """Yield what each component would need for each constraint, and how much load is left until a limit."""
    shown = view(estimate)
    table = constraints(shown)
    if table.rows:
        yield table
    if margins:
        yield Heading("Headroom")
        yield standings(margins)
    measures = tables.measures(shown, verbose=False)
    if measures.rows:
        yield Heading("Besides instances")
        yield measures


def findings(found: Sequence[Finding], checks: Mapping[str, Check]) -> Iterator[Block]:
    """Yield all findings, worst first, each kind with why it matters and what to do."""
    for code in dict.fromkeys(finding.code for finding in found):
        yield Findings([finding for finding in found if finding.code == code])
        if code in checks:
            check = checks[code]
            lines = (check.why, check.remedy, f"Source: {check.source}", f"capplan explain {code}")
            yield Fold(f"Why it matters: {check.title}", (Lines([line for line in lines if line]),))


def inputs(estimate: Estimate) -> Iterator[Block]:
    """Yield every value of the plan with its place and its source, and what the bill rests on."""
    for block in grounds_blocks(estimate, None):
        yield Fold("Numbers that the bill rests on", (block,)) if isinstance(block, Outline) else block
    columns = [Column("Input"), Column("Value", right=True), Column("Source"), Column("Place")]
    rows = list(_inputs(estimate, estimate.file.raw, ()))
    yield Fold(f"All {len(rows)} values of the plan", (Table(columns, rows),))


def _inputs(estimate: Estimate, raw: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[list[str]]:
    file = estimate.file
    for key, value in raw.items():
        path = (*above, str(key))
        if path[0] in _NOT_INPUTS:
            continue
        if isinstance(value, Mapping) and not {"p5", "low"} & set(value):
            yield from _inputs(estimate, value, path)
        elif value is not None and value != {}:
            marks = [mark for at, mark in file.sources.items() if at[: len(path)] == path]
            source = str(marks[0]) if marks else "unstated"
            yield [".".join(path), _shown(value), source, file.places.where(path)]


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def prices(estimate: Estimate) -> Iterator[Block]:
    """Yield every cost line, and the sources of the prices with their dates."""
    lines = view(estimate).lines
    if lines:
        yield tables.cost_lines(lines)
        yield Lines(list(tables.sources(lines)))


def months(estimate: Estimate) -> Iterator[Block]:
    """Yield cost and instances month by month, of an estimate whose scenarios are the months from now on."""
    count = estimate.scenarios.count
    shown = [view(estimate, month) for month in range(count)]
    totals = [one.total for one in shown]
    if all(total is not None for total in totals) and len(set(totals)) > 1:
        yield Curves(
            x=[float(month) for month in range(count)],
            curves={"expected": [total.expected for total in totals if total is not None]},
            unit=f"USD a month{_bound(estimate)}",
            title="Cost",
            across="months from now",
        )
    grown = {c.name: [_peak(one.components[i]) for one in shown] for i, c in enumerate(shown[0].components)}
    varying = {name: peaks for name, peaks in grown.items() if min(peaks) != max(peaks)}
    most = sorted(varying, key=lambda name: varying[name][0] - varying[name][-1])[:_MOST_GROWING]
    if varying:
        yield Curves(
            x=[float(month) for month in range(count)],
            curves={name: varying[name] for name in most},
            unit="instances",
            title="Needed at the peak",
            across="months from now",
            steps=True,
        )
    if len(varying) > len(most):
        yield Lines((f"{len(varying) - len(most)} components that grow less are not drawn.",))


_MOST_GROWING = 12


def _peak(component: ComponentView) -> float:
    return 0.0 if component.instances is None else component.instances.peak


def _bound(estimate: Estimate) -> str:
    sign = estimate.certainty.sign
    return f", {sign} because of what is unknown" if sign else ""

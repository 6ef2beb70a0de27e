"""The tables of an estimate, for people: the same for text and for Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from capplan.cost.meters import RATES
from capplan.plan.bind import Path, unit_at
from capplan.plan.model import Plan
from capplan.report import numbers
from capplan.report.table import Column, Table
from capplan.report.view import ComponentView, Cost, EstimateView, LineView, MeasureView


def heading(shown: EstimateView) -> str:
    """Return the plan, its load, and the month that is counted with."""
    name = shown.plan if shown.alternative is None else f"{shown.plan}, alternative {shown.alternative}"
    return (
        f"{name}: {numbers.rate(shown.average_rps)} requests/s on average, "
        f"{numbers.rate(shown.peak_rps)} at the peak ({shown.profile})"
    )


def shown_in_unit(plan: Plan, path: Path) -> Callable[[float], str]:
    """Return what writes the values of an input of the plan in its unit."""
    return partial(numbers.in_unit, unit=unit_at(plan, path))


def components(shown: EstimateView) -> Table:
    """Return one row a component: instances, what binds, monthly cost."""
    columns = (
        Column("Component", shrinks=True),
        Column("Platform", shrinks=True),
        Column("Instances", right=True),
        Column("Binding", shrinks=True),
        Column("USD min", right=True),
        Column("expected", right=True),
        Column("max", right=True),
    )
    rows = [_component(component) for component in shown.components]
    total = ["total", "", "", "", *costs(shown.total)]
    return Table(columns, [*rows, total], totalled=True, foot=list(_other_money(shown)))


def _other_money(shown: EstimateView) -> Iterator[str]:
    """Yield the total with tax, and in the plan's own currency, where the plan has either."""
    for money in shown.money:
        if money.currency != "USD":
            rate = f"{money.per_usd:g} a dollar, {money.source}, {money.as_of or 'undated'}"
            yield f"In {money.currency} ({rate}): {' / '.join(costs(money.net))}"
        if money.tax:
            yield f"With {100 * money.tax:.4g} % tax, in {money.currency}: {' / '.join(costs(money.gross))}"


def _component(component: ComponentView) -> list[str]:
    instances = component.instances
    counts = ""
    if instances is not None:
        several = (instances.min, instances.average, instances.peak, instances.max)
        counts = "/".join(map(numbers.count, several))
    binding = component.binding or ""
    cost = [_IN_NODES, "", ""] if _only_in_nodes(component) else costs(component.cost)
    return [component.name, component.platform, counts, binding, *cost]


_IN_NODES = "in nodes"


def _only_in_nodes(component: ComponentView) -> bool:
    """Say whether pods cost nothing but their nodes; what they send or call is a cost of their own."""
    return component.billed_with is not None and component.cost is not None and component.cost.is_nothing


def expected_cost(component: ComponentView) -> str:
    """Return what a component is expected to cost in a month."""
    if _only_in_nodes(component):
        return _IN_NODES
    return "unpriced" if component.cost is None else _bounded(component.cost, component.cost.expected)


def costs(cost: Cost | None) -> list[str]:
    """Return least, expected and highest cost of a month, each with a sign where it is only a bound."""
    if cost is None:
        return ["unpriced"] * 3
    return [_bounded(cost, usd) for usd in (cost.min, cost.expected, cost.max)]


def difference(cost: Cost | None, base: Cost | None) -> str:
    """Return by how much a cost is above another, as far as what is known bounds that."""
    if cost is base:
        return "+0.00"
    if cost is None or base is None:
        return "unknown"
    sign = _DIFFERENCES.get((cost.certainty.sign, base.certainty.sign))
    if sign is None:
        return "unknown"
    return f"{sign} {cost.expected - base.expected:+z,.2f}".lstrip()


_DIFFERENCES = {
    ("", ""): "",
    **dict.fromkeys((("≥", ""), ("", "≤"), ("≥", "≤")), "≥"),
    **dict.fromkeys((("≤", ""), ("", "≥"), ("≤", "≥")), "≤"),
}
"""What the difference of two bounds is; of other pairs nothing is known."""


def _bounded(cost: Cost, usd: float | None) -> str:
    """Return an amount with the sign of what it bounds; an unknown one bounds nothing."""
    return numbers.money(usd) if usd is None else f"{cost.certainty.sign} {numbers.money(usd)}".lstrip()


def measures(shown: EstimateView, verbose: bool) -> Table:
    """Return one row a figure besides instances: what is needed, and what there is of it."""
    columns = (
        Column("Component", shrinks=True),
        Column("Needs", shrinks=True),
        Column("", right=True),
        Column("has", right=True),
        Column("Unit"),
    )
    rows = []
    for component in shown.components:
        told = [m for m in component.measures if verbose or not m.detail]
        for index, found in enumerate(told):
            has = "" if found.has is None else numbers.quantity(found.has)
            needs = "∞" if found.needs is None else numbers.quantity(found.needs)
            mark = " !" if found.has is not None and (found.needs is None or found.needs > found.has) else ""
            name = "" if index else component.name
            rows.append([name, found.name, needs, has + mark, _unit_and_range(found)])
    return Table(columns, rows, keys=2)


def _unit_and_range(found: MeasureView) -> str:
    if found.low is None or found.high is None:
        return found.unit
    ends = f"{numbers.quantity(found.low)}…{numbers.quantity(found.high)}"
    return f"{found.unit}, {ends} ({found.confidence})"


def source_numbers(lines: Iterable[LineView]) -> Mapping[tuple[str, str | None], int]:
    """Return a number for each source, in the order in which they appear."""
    found: dict[tuple[str, str | None], int] = {}
    for line in lines:
        found.setdefault((line.source, line.as_of), len(found) + 1)
    return found


def cost_lines(lines: Sequence[LineView]) -> Table:
    """Return one row a cost line, with a note to its source."""
    columns = (
        Column("Component", shrinks=True),
        Column("Item", shrinks=True),
        Column("Quantity", right=True),
        Column("Unit"),
        Column("USD each", right=True),
        Column("a month", right=True),
        Column("Src", right=True),
    )
    sources = source_numbers(lines)
    rows = [_line(line, sources[(line.source, line.as_of)]) for line in lines]
    for row, previous in zip(reversed(rows[1:]), reversed(rows[:-1]), strict=True):
        if row[0] == previous[0]:
            row[0] = ""
    return Table(columns, rows, keys=2)


def _line(line: LineView, source: int) -> list[str]:
    return [
        line.component,
        item(line),
        numbers.quantity(line.quantity),
        numbers.short_unit(line.unit),
        numbers.unit_price(line.unit_price),
        numbers.money(line.cost.expected if line.cost else None),
        f"[{source}]",
    ]


def item(line: LineView) -> str:
    """Return the SKU with how it is bought, where that is not on demand."""
    extra = line.note or ("" if line.rate == "on_demand" else RATES[line.rate])
    return f"{line.sku}, {extra}" if extra else line.sku


def sources(lines: Sequence[LineView]) -> Iterator[str]:
    """Yield each source with its number and date."""
    for (text, as_of), number in source_numbers(lines).items():
        dated = f", as of {as_of}" if as_of else ""
        yield f"[{number}] {text}{dated}"


def shown_lines(lines: Sequence[LineView], verbose: bool) -> list[LineView]:
    """Return the lines worth showing: what is free of charge only where details are asked for."""
    return [line for line in lines if verbose or line.unit_price != 0]

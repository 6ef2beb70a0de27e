"""Estimates as rows of values: a cost line each, or a scenario of a sweep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from capplan.report.blocks import Sheet

if TYPE_CHECKING:
    from capplan.estimate import Estimate
    from capplan.plan.bind import Path
    from capplan.report.view import Cost, EstimateView

_LINE_COLUMNS = (
    ("plan", "alternative", "component", "provider", "service", "sku", "region", "rate", "note")
    + ("unit", "quantity", "unit_price", "monthly_cost_min", "monthly_cost", "monthly_cost_max")
    + ("currency", "price_status", "source", "as_of")
)


def lines(estimates: Iterable[Estimate]) -> Sheet:
    """Return one row a cost line; what is unknown is empty."""
    from capplan.report.view import view

    return Sheet(_LINE_COLUMNS, (row for estimate in estimates for row in _line_rows(view(estimate))))


def _line_rows(shown: EstimateView) -> Iterator[list[object]]:
    for line in shown.lines:
        cost = _cost(line.cost)
        yield [
            *(shown.plan, shown.alternative, line.component, line.provider, line.service, line.sku),
            *(line.region, line.rate, line.note, line.unit, line.quantity, line.unit_price),
            *cost,
            *("USD", line.status, line.source, line.as_of),
        ]


def sweep(estimate: Estimate, axes: Mapping[Path, Sequence[str]]) -> Sheet:
    """Return one row a scenario: the values that vary, instances at the peak, the monthly cost."""
    sized = [component.name for component in estimate.components if component.sizing is not None]
    paths = [".".join(path) for path in axes]
    columns = [*paths, *(f"{name}_peak_instances" for name in sized)]
    columns += ["monthly_cost_min", "monthly_cost", "monthly_cost_max", "complete"]
    return Sheet(columns, (_sweep_row(estimate, axes, i) for i in range(estimate.scenarios.count)))


def _sweep_row(estimate: Estimate, axes: Mapping[Path, Sequence[str]], scenario: int) -> list[object]:
    from capplan.report.view import view

    shown = view(estimate, scenario)
    values: list[object] = [float(estimate.scenarios.values[path][scenario]) for path in axes]
    peaks = [c.instances.peak for c in shown.components if c.instances is not None]
    total = shown.total
    return [*values, *peaks, *_cost(total), total is not None and total.certainty.complete]


def _cost(cost: Cost | None) -> tuple[float | None, float | None, float | None]:
    return (cost.min, cost.expected, cost.max) if cost else (None, None, None)

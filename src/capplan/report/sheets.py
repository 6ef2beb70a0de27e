"""Estimates as rows of values: a cost line each, or a scenario of a sweep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from capplan.report.blocks import Sheet

if TYPE_CHECKING:
    from capplan.estimate import Estimate
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


def _cost(cost: Cost | None) -> tuple[float | None, float | None, float | None]:
    return (cost.min, cost.expected, cost.max) if cost else (None, None, None)

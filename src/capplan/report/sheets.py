"""Estimates as rows of values: a cost line each, or a scenario of a sweep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from capplan.report.blocks import Sheet
from capplan.report.json_format import line_document

if TYPE_CHECKING:
    from capplan.estimate import Estimate
    from capplan.report.view import EstimateView, LineView

LINE_COLUMNS = (
    "plan",
    "alternative",
    "component",
    "provider",
    "service",
    "sku",
    "region",
    "rate",
    "note",
    "unit",
    "quantity",
    "unit_price",
    "monthly_cost_min",
    "monthly_cost",
    "monthly_cost_max",
    "currency",
    "price_status",
    "source",
    "as_of",
)


def lines(estimates: Iterable[Estimate]) -> Sheet:
    """Return one row a cost line; what is unknown is empty."""
    from capplan.report.view import view

    return Sheet(LINE_COLUMNS, (row for estimate in estimates for row in _line_rows(view(estimate))))


def _line_rows(shown: EstimateView) -> Iterator[list[object]]:
    return (line_row(shown.plan, shown.alternative, line) for line in shown.lines)


def line_row(plan: str, alternative: str | None, line: LineView) -> list[object]:
    """Return the cells of one cost line."""
    said = {"plan": plan, "alternative": alternative, "currency": "USD", **line_document(line)}
    return [said[column] for column in LINE_COLUMNS]

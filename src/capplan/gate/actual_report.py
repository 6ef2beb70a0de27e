"""The report of an estimate against a bill."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from capplan.gate.actual import Actual, Drift
from capplan.gate.matching import Usage
from capplan.report import numbers
from capplan.report.blocks import Block, Heading, Lines, Report
from capplan.report.json_format import SCHEMA_VERSION
from capplan.report.table import Column, Table


def headline(found: Actual) -> str:
    """Return by how much a month was dearer than estimated, and why."""
    months = ", ".join(found.months)
    mean = " on average" if len(found.months) > 1 else ""
    difference, quantity, price = map(found.total, ("difference", "by_quantity", "by_price"))
    if difference is None or quantity is None or price is None:
        what = "the difference from the estimate is unknown, because prices or billed costs are missing"
        return f"{found.document['plan']}: {months}{mean}: {what}"
    unsplit = difference - quantity - price
    more = "" if abs(unsplit) < 0.005 else f", units that cannot be compared {_signed(unsplit)}"
    known = "" if found.complete else ", of what has a price"
    return (
        f"{found.document['plan']}: {months} cost{mean} {_signed(difference)} USD a month against the "
        f"estimate{known}: quantity {_signed(quantity)}, price {_signed(price)}{more}"
    )


def report_of(found: Actual) -> Report:
    """Return the report of an estimate against a bill."""
    return Report(partial(_blocks, found), partial(_document, found))


def _blocks(found: Actual) -> Iterator[Block]:
    """Yield headline, lines, and what is not compared."""
    yield Heading(headline(found))
    yield _table(found)
    yield Lines(_remarks(found), bullets=True)


def _document(found: Actual) -> dict[str, Any]:
    """Return the same as JSON; what is unknown is null."""
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": found.document["plan"],
        "months": list(found.months),
        "days": found.days,
        "complete": found.complete,
        "difference": found.total("difference"),
        "by_quantity": found.total("by_quantity"),
        "by_price": found.total("by_price"),
        "lines": [_line(drift) for drift in found.drifts],
        "left_out": dict(found.left_out),
    }


def _line(drift: Drift) -> dict[str, Any]:
    sides = {"estimated": drift.estimated, "billed": drift.billed}
    return {
        "sku": drift.name,
        **{name: None if usage is None else usage._asdict() for name, usage in sides.items()},
        "difference": drift.difference,
        "by_quantity": drift.by_quantity,
        "by_price": drift.by_price,
    }


def _table(found: Actual) -> Table:
    names = ("quantity", "USD", "billed", "USD billed", "by quantity", "by price", "change")
    columns = (Column("SKU", shrinks=True), *(Column(name, right=True) for name in names))
    shown = [d for d in found.drifts if abs(d.difference or 0.0) >= 0.005 or d.difference is None]
    return Table(columns, [_row(drift) for drift in shown])


def _row(drift: Drift) -> list[str]:
    parts = (drift.by_quantity, drift.by_price, drift.difference)
    return [drift.name, *_usage(drift.estimated), *_usage(drift.billed), *map(_signed, parts)]


def _usage(usage: Usage | None) -> list[str]:
    if usage is None:
        return ["–", "–"]
    return [numbers.count(usage.quantity), "unpriced" if usage.cost is None else numbers.money(usage.cost)]


def _signed(usd: float | None) -> str:
    # Adding zero turns a rounded -0.0 into 0.0.
    return "–" if usd is None else f"{round(usd, 2) + 0.0:+,.2f}"


def _remarks(found: Actual) -> list[str]:
    only = [drift.name for drift in found.drifts if drift.estimated is None]
    lines = [
        f"left out because it is not usage: {kind} {_signed(usd)} USD" for kind, usd in found.left_out.items()
    ]
    if only:
        cost = sum(d.billed.cost or 0.0 for d in found.drifts if d.estimated is None and d.billed)
        lines.append(f"billed but not in the estimate: {len(only)} SKUs, {cost:,.2f} USD; --map names them")
    if found.partial:
        lines.append(
            f"the bill covers only {numbers.counted(found.days, 'day')}, so missing days look like a saving"
        )
    if found.maybe_partial:
        lines.append(
            "all charges begin on one day, and the bill does not say when they end: "
            "if it covers only that day, missing days look like a saving"
        )
    unpriced = [d.name for d in found.drifts if d.estimated is not None and d.estimated.cost is None]
    if unpriced:
        lines.append(f"unpriced in the estimate, so the drift is unknown: {', '.join(unpriced)}")
    return lines

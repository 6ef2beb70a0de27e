"""The report of an estimate against a bill."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from capplan.gate.actual import PARTS, Actual, Drift
from capplan.gate.matching import Usage
from capplan.quantities import counted
from capplan.report import numbers
from capplan.report.blocks import Block, Heading, Lines, Report, Sparklines
from capplan.report.json_format import SCHEMA_VERSION
from capplan.report.table import Column, Table


def headline(found: Actual) -> str:
    """Return by how much the bill was dearer than estimated, and why."""
    months = f"{found.months[0]} to {found.months[-1]}" if len(found.months) > 1 else found.months[0]
    difference, *parts = (found.total(part) for part in PARTS)
    if difference is None or None in parts:
        what = "the difference from the estimate is unknown, because prices or billed costs are missing"
        return f"{found.document['plan']}: {months}: {what}"
    quantity, price, unmatched = (part or 0.0 for part in parts)
    unsplit = difference - quantity - price - unmatched
    more = "" if abs(unsplit) < 0.005 else f", units that cannot be compared {_signed(unsplit)}"
    known = "" if found.complete else ", of what has a price"
    unit = "USD" if len(found.months) > 1 or found.partial else "USD a month"
    return (
        f"{found.document['plan']}: {months} cost {_signed(difference)} {unit} against the estimate{known}: "
        f"quantity {_signed(quantity)}, price {_signed(price)}, not matched {_signed(unmatched)}{more}"
    )


def report_of(found: Actual) -> Report:
    """Return the report of an estimate against a bill."""
    return Report(partial(_blocks, found), partial(_document, found))


def _blocks(found: Actual) -> Iterator[Block]:
    """Yield headline, lines, and what is not compared; of several months each beside the others."""
    yield Heading(headline(found))
    if found.by_month:
        yield _months(found)
        drift = [each.total("difference") for each in found.by_month]
        if None not in drift:
            yield Sparklines("Drift by month, USD", {"difference": [usd or 0.0 for usd in drift]})
    yield from (table for table in (_matched(found), _unmatched(found)) if table.rows)
    yield Lines(_remarks(found), bullets=True)


def _document(found: Actual) -> dict[str, Any]:
    """Return the same as JSON; what is unknown is null."""
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": found.document["plan"],
        **_figures(found),
        "by_month": [_figures(each) for each in found.by_month],
    }


def _figures(found: Actual) -> dict[str, Any]:
    return {
        "months": list(found.months),
        "days": found.days,
        "partial": found.partial,
        "complete": found.complete,
        **{part: found.total(part) for part in PARTS},
        "calendar": found.calendar,
        "lines": [_line(drift) for drift in found.drifts],
        "left_out": dict(found.left_out),
    }


def _line(drift: Drift) -> dict[str, Any]:
    sides = {"estimated": drift.estimated, "billed": drift.billed}
    return {
        "sku": drift.name,
        **{name: None if usage is None else usage._asdict() for name, usage in sides.items()},
        **{part: getattr(drift, part) for part in PARTS},
    }


def _months(found: Actual) -> Table:
    """Return the SKUs that drift most, with what each month billed."""
    months = [Column(f"{month} USD", right=True) for month in found.months]
    columns = (Column("SKU", shrinks=True), Column("estimate", right=True), *months)
    drifts = [{drift.name: drift for drift in each.drifts} for each in found.by_month]
    rows = []
    for drift in _shown(found):
        own = [month.get(drift.name) for month in drifts]
        planned = next((each.estimated for each in own if each and each.estimated), None)
        billed = [_usage(each.billed if each else None)[1] for each in own]
        rows.append([drift.name, _usage(planned)[1], *billed])
    totals = [_signed(each.total("difference")) for each in found.by_month]
    return Table(columns, [*rows, ["difference from the estimate", "", *totals]])


def _shown(found: Actual) -> list[Drift]:
    return [d for d in found.drifts if abs(d.difference or 0.0) >= 0.005 or d.difference is None]


def _matched(found: Actual) -> Table:
    names = ("quantity", "USD", "billed", "USD billed", "by quantity", "by price", "change")
    columns = (Column("SKU", shrinks=True), *(Column(name, right=True) for name in names))
    return Table(columns, [_row(drift) for drift in _shown(found) if drift.estimated and drift.billed])


def _row(drift: Drift) -> list[str]:
    parts = (drift.by_quantity, drift.by_price, drift.difference)
    return [drift.name, *_usage(drift.estimated), *_usage(drift.billed), *map(_signed, parts)]


def _unmatched(found: Actual) -> Table:
    columns = (
        Column("Not matched", shrinks=True),
        Column("only in the"),
        Column("quantity", right=True),
        Column("USD", right=True),
    )
    alone = [drift for drift in _shown(found) if not (drift.estimated and drift.billed)]
    rows = [
        [drift.name, "estimate" if drift.estimated else "bill", *_usage(drift.estimated or drift.billed)]
        for drift in alone
    ]
    return Table(columns, rows)


def _usage(usage: Usage | None) -> list[str]:
    if usage is None:
        return ["–", "–"]
    return [numbers.count(usage.quantity), "unpriced" if usage.cost is None else numbers.money(usage.cost)]


def _signed(usd: float | None) -> str:
    # Adding zero turns a rounded -0.0 into 0.0.
    return "–" if usd is None else f"{round(usd, 2) + 0.0:+,.2f}"


_CENT = 0.005


def _remarks(found: Actual) -> list[str]:
    lines = [
        f"left out because it is not usage: {kind} {_signed(usd)} USD" for kind, usd in found.left_out.items()
    ]
    lines += _of_periods(found)
    if any(drift.estimated is None for drift in found.drifts):
        lines.append("--write-map writes what is not matched, to be named and read with --map")
    unpriced = [d.name for d in found.drifts if d.estimated is not None and d.estimated.cost is None]
    if unpriced:
        lines.append(f"unpriced in the estimate, so the drift is unknown: {', '.join(unpriced)}")
    return lines


def _of_periods(found: Actual) -> Iterator[str]:
    """Yield what of the months is covered, and what is the calendar's."""
    for month, of in found.covered.items():
        if of.scaled:
            yield (
                f"{month}: charges cover {counted(of.days, 'day')} of {of.month_days}, "
                f"so the estimate is scaled to {of.share:.1%}"
            )
        elif of.days == 1:
            yield f"{month}: all charges lie on one day, and are taken for those of the month by their size"
    if abs(found.calendar) >= _CENT:
        (of,) = found.covered.values()
        yield (
            f"the month has {of.hours:.0f} hours, and the plan's {of.planned_hours:.0f}: "
            f"{_signed(found.calendar)} USD of the quantity is the calendar's"
        )


def map_of(found: Actual) -> str:
    """Return YAML that lists what is not matched, each with a name of the estimate that it may be."""
    billed = [drift for drift in found.drifts if drift.estimated is None and drift.billed]
    planned = [drift.name for drift in found.drifts if drift.billed is None]
    lines = [
        "# What the bill has and the estimate lacks, the dearest first.",
        "# Write the SKU of the catalog, and take away the mark before the name; * stands for any text.",
    ]
    lines += [f"# Estimated and not billed: {name}" for name in planned]
    for drift in billed:
        cost = "unknown" if drift.difference is None else numbers.money(drift.difference)
        like = difflib.get_close_matches(drift.name, planned, n=1, cutoff=0.0)
        name = json.dumps(drift.name, ensure_ascii=False)
        lines += [f"# {cost} USD", f"# {name}: {like[0] if like else 'provider/service/sku'}"]
    return "\n".join(lines) + "\n"

"""The report of a diff."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from capplan.errors import sentences
from capplan.gate.addresses import moved
from capplan.gate.diff import ComponentDiff, Diff, Difference, lost_prices
from capplan.report import numbers
from capplan.report.blocks import Anchor, Block, Command, Fold, Heading, Lines, Report, Wide
from capplan.report.json_format import SCHEMA_VERSION
from capplan.report.table import Column, Table

MARKER = "capplan-diff"
"""Hidden in the comment, so that the next run finds and replaces it."""


def headline(found: Diff) -> str:
    """Return by how much the expected cost moves, and how much of that is design and how much price."""
    parts = f"by design {_signed(found.by_design)}, by price {_signed(found.by_price)}"
    lost = list(lost_prices(found))
    unpriced = f"; not counted: {', '.join(lost)} lost a price, which is not a saving" if lost else ""
    return f"{found.head['plan']}: expected cost {_moves(found)}; {parts}{unpriced}{_uncovered(found)}"


def _uncovered(found: Diff) -> str:
    """Say that a change touches what is not covered: what it costs is not in the figures."""
    touched = [remark["resource"] for remarks in found.uncovered.values() for remark in remarks]
    if not touched:
        return ""
    more = f" and {len(touched) - 1} more" if len(touched) > 1 else ""
    verb = "are" if more else "is"
    return f"; not counted: {touched[0]}{more}, which {verb} touched and not fully covered"


def _moves(found: Diff) -> str:
    """Return how the expected cost moves; where prices are missing only what is known of it."""
    total = found.total["expected"]
    if total.before is None or total.after is None:
        side = "before" if total.before is None else "after"
        return f"is unknown: nothing that it has {side} has a price"
    more, least = total.after - total.before, "" if found.complete else "at least "
    if abs(more) < 0.005:
        stays = "stays at" if found.complete else "of what has a price stays at"
        stays = "of what is covered stays at" if any(found.uncovered.values()) else stays
        return f"{stays} {numbers.money(total.after)} USD a month"
    share = f" ({more / total.before:+.1%})" if total.before and found.complete else ""
    verb = "rises" if more > 0 else "falls"
    of = "" if found.complete else "of what has a price "
    return (
        f"{of}{verb} by {numbers.money(abs(more))} to {least}{numbers.money(total.after)} USD a month{share}"
    )


def _signed(usd: float | None) -> str:
    if usd is None:
        return "unknown"
    return "0.00" if abs(usd) < 0.005 else f"{usd:+,.2f}"


def report_of(found: Diff, reproduce: str) -> Report:
    """Return the report of a diff; ``reproduce`` is the command that prints it again."""
    return Report(partial(_blocks, found, reproduce), partial(diff_document, found))


def _blocks(found: Diff, reproduce: str) -> Iterator[Block]:
    """Yield headline, what changes, and the command to reproduce it."""
    yield Anchor(MARKER)
    yield Heading(headline(found))
    yield from change_blocks(found)
    yield Command(reproduce)


def change_blocks(found: Diff) -> Iterator[Block]:
    """Yield totals, changed components, details and coverage."""
    yield _totals(found)
    if found.changed:
        yield _resources(found.changed) if found.by_address else _components(found.changed)
    details = [*_addresses(found), *_not_covered(found), *_details(found.changed), *_findings(found)]
    if details:
        yield Fold("Details", (Lines(details, bullets=True),))
    yield Lines((*_assumed(found), _coverage(found)))


def _assumed(found: Diff) -> Iterator[str]:
    """Yield the share of the cost that rests on assumptions, where it changes."""
    if found.assumed.changed:
        before, after = ("unmarked" if share is None else f"{share:.0%}" for share in found.assumed)
        yield f"share of the expected cost that rests on assumptions: {before} → {after}"


def _totals(found: Diff) -> Table:
    columns = (Column("USD a month"), *(Column(n, right=True) for n in ("before", "after", "change")))
    signs = [numbers.BOUNDS[side["monthly_cost"].get("bound")] for side in (found.base, found.head)]
    exact = found.exact
    rows = [[name, *_signs(signs, _money(found.total[name]), exact)] for name in ("min", "expected", "max")]
    if found.unit_cost.before is not None or found.unit_cost.after is not None:
        rows.append(
            ["per 1,000 requests", *_signs(signs, _money(found.unit_cost, 4), found.complete and exact)]
        )
    return Table(columns, rows)


def _signs(signs: Sequence[str], cells: Sequence[str], exact: bool) -> list[str]:
    """Return before, after and change, with the sign of what each side bounds."""
    before, after, change = cells
    return [signs[0] + before, signs[1] + after, change if exact else "unknown"]


def _money(change: Difference, digits: int = 2) -> list[str]:
    def said(value: float | None, sign: str = "") -> str:
        return "–" if value is None else f"{value:{sign}z,.{digits}f}"

    return [said(change.before), said(change.after), said(change.difference, "+")]


def _resources(changed: Sequence[ComponentDiff]) -> Wide:
    """Return what changed by address; addresses are long and must stay whole, so a terminal has lines."""
    columns = (
        Column("Resource"),
        Column(""),
        *(Column(name, right=True) for name in ("before", "after", "change")),
    )
    rows = []
    for resource in changed:
        before, after, change = _money(resource.cost["expected"])
        change = change if resource.by_design is not None else "unknown"
        rows.append([resource.name, resource.status, before, after, change])
    said = [f"{name}: {status}, {was} → {now} ({more})" for name, status, was, now, more in rows]
    return Wide(Table(columns, rows), Lines(said, indent="    "))


def _components(changed: Sequence[ComponentDiff]) -> Table:
    columns = (
        Column("Component", shrinks=True),
        Column(""),
        *(Column(name, right=True) for name in ("min", "expected", "max", "change")),
        Column("instances", right=True),
    )
    return Table(columns, [_row(component) for component in changed])


def _row(component: ComponentDiff) -> list[str]:
    difference = component.cost["expected"].difference
    counts = [_arrow(component.instances[key], numbers.count) for key in ("min", "peak", "max")]
    known = any(c.before is not None or c.after is not None for c in component.instances.values())
    return [
        component.name,
        component.status,
        *(_arrow(component.cost[key], numbers.money) for key in ("min", "expected", "max")),
        _signed(None if component.by_design is None else difference),
        "/".join(counts) if known else "",
    ]


def _arrow(change: Difference, show: Any) -> str:
    before, after = (("–" if value is None else show(value)) for value in change)
    return str(after) if before == after else f"{before}→{after}"


def _details(changed: Sequence[ComponentDiff]) -> Iterator[str]:
    for component in changed:
        before, after = component.binding
        if before != after and before and after:
            yield f"{component.name}: bound by {after}, before by {before}"
        if component.headroom.changed and component.headroom.after is not None:
            was = "unknown" if component.headroom.before is None else f"{component.headroom.before:+.0%}"
            yield f"{component.name}: headroom over the peak {was} → {component.headroom.after:+.0%}"
        if component.latency_p95_ms.changed:
            shown = _arrow(component.latency_p95_ms, lambda ms: f"{ms:,.0f} ms")
            yield f"{component.name}: p95 {shown}"
        if component.by_price is not None and abs(component.by_price) >= 0.005:
            yield f"{component.name}: {_signed(component.by_price)} USD a month by price alone"


def _addresses(found: Diff) -> Iterator[str]:
    for address, before in moved(found.head).items() if found.by_address else ():
        yield f"{address}: moved, was {before}"


def _not_covered(found: Diff) -> Iterator[str]:
    for change, remarks in found.uncovered.items():
        for remark in remarks:
            yield f"NOT COVERED, {change}: {remark['resource']}: {remark['reason']}"


def _findings(found: Diff) -> Iterator[str]:
    new, gone = found.findings
    for finding in new:
        said = f"{finding['component']}: {sentences(finding['message'], finding['remedy'])}"
        yield f"NEW {finding['severity']}: {said}"
    for finding in gone:
        yield f"GONE {finding['severity']}: {finding['component']}: {finding['message']}"


def _coverage(found: Diff) -> str:
    lines = found.head["cost_lines"]
    unpriced = sum(line["price_status"] == "unpriced" for line in lines)
    dates = sorted(line["as_of"] for line in lines if line["as_of"])
    dated = f"; prices of {numbers.span(dates[0], dates[-1])}" if dates else ""
    priced = f"{len(lines) - unpriced} of {len(lines)} lines priced{dated}"
    return f"{priced}; {found.head['hours_per_month']:g} hours a month"


def diff_document(found: Diff) -> dict[str, Any]:
    """Return the diff as scripts read it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": found.head["plan"],
        "monthly_cost": {key: _change(change, found.exact) for key, change in found.total.items()},
        "complete": found.complete,
        "assumed_share": _change(found.assumed),
        "usd_per_1k_requests": _change(found.unit_cost, found.complete and found.exact),
        "by_design": found.by_design,
        "by_price": found.by_price,
        "components": {component.name: _component(component) for component in found.components},
        "findings": {"new": list(found.findings[0]), "gone": list(found.findings[1])},
        "lost_prices": list(lost_prices(found)),
        "by_address": found.by_address,
        "not_covered": {change: list(remarks) for change, remarks in found.uncovered.items()},
    }


def _change(change: Difference, exact: bool = True) -> dict[str, float | None]:
    """Return both sides, and what lies between them where that is known."""
    return {
        "before": change.before,
        "after": change.after,
        "difference": change.difference if exact else None,
    }


def _component(component: ComponentDiff) -> dict[str, Any]:
    exact = component.by_design is not None
    return {
        "status": component.status,
        "monthly_cost": {key: _change(change, exact) for key, change in component.cost.items()},
        "instances": {key: _change(change) for key, change in component.instances.items()},
        "binding_constraint": {"before": component.binding[0], "after": component.binding[1]},
        "latency_p95_ms": _change(component.latency_p95_ms),
        "headroom": _change(component.headroom),
        "by_design": component.by_design,
        "by_price": component.by_price,
    }

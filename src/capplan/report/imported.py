"""What an import of price lists changes, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from capplan.catalog.imports.difference import PriceChange, PriceDifference
from capplan.findings import Finding
from capplan.quantities import counted
from capplan.report import numbers
from capplan.report.blocks import Block, Lines, Report, Sheet
from capplan.report.json_format import SCHEMA_VERSION, finding_document
from capplan.report.table import Column, Table

_MOST = 20
_COLUMNS = (Column("Service"), *(Column(n, right=True) for n in ("new", "changed", "same", "largest change")))


def difference_report(
    found: PriceDifference,
    findings: Sequence[Finding] = (),
    left_out: Mapping[str, int] | None = None,
    doubted: Sequence[str] = (),
) -> Report:
    """Return what changes, what is odd about it, and what was left out, by reason.

    doubted: the prices of which a list says two.
    """
    left = dict(sorted((left_out or {}).items(), key=lambda item: (-item[1], item[0])))
    return Report(
        lambda: [*_blocks(found, findings, left), *_doubts(doubted)],
        lambda: {**_document(found, findings, left), "two_prices": list(doubted)},
        {"csv": partial(_sheet, found)},
    )


def _blocks(found: PriceDifference, findings: Sequence[Finding], left: Mapping[str, int]) -> Iterator[Block]:
    yield Table(_COLUMNS, [_service(found, key) for key in found.same], "" if found.same else "no price")
    moved = sorted((c for c in found.changes if c.before is not None), key=lambda c: -abs(c.share))
    if moved:
        columns = [Column("SKU", shrinks=True), Column("Region"), Column("Rate")]
        columns += [Column(name, right=True) for name in ("was", "is", "change")]
        of = f", the {_MOST} largest of {len(moved)}" if len(moved) > _MOST else ""
        yield Table(columns, [_change(change) for change in moved[:_MOST]], f"Changed prices{of}")
    odd = [f"{o.severity.upper()}  {o.subject}: {o.message} [{o.code}]" for o in findings]
    if odd:
        yield Lines(odd, bullets=True)
    if left:
        said = [f"{count} × {why}" for why, count in list(left.items())[:_MOST]]
        more = [counted(len(left) - _MOST, "more reason")] if len(left) > _MOST else []
        yield Lines([f"left out {counted(sum(left.values()), 'price')}", *said, *more], bullets=True)


def _doubts(doubted: Sequence[str]) -> Iterator[Block]:
    if doubted:
        more = [f"{len(doubted) - _MOST} more"] if len(doubted) > _MOST else []
        yield Lines(["two prices of the same SKU", *doubted[:_MOST], *more], bullets=True)


def _service(found: PriceDifference, key: tuple[str, str]) -> list[str]:
    own = [c for c in found.changes if (c.provider, c.service) == key]
    moved = [c.share for c in own if c.before is not None]
    largest = f"{max(moved, key=abs):+.1%}" if moved else ""
    return ["/".join(key), str(len(own) - len(moved)), str(len(moved)), str(found.same[key]), largest]


def _change(change: PriceChange) -> list[str]:
    before, after = (numbers.unit_price(usd) for usd in (change.before, change.after))
    return [change.sku, change.region, change.rate, before, after, f"{change.share:+.1%}"]


def _document(found: PriceDifference, findings: Sequence[Finding], left: Mapping[str, int]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "changes": [change._asdict() for change in found.changes],
        "same": {"/".join(key): count for key, count in found.same.items()},
        "findings": [finding_document(finding) for finding in findings],
        "left_out": dict(left),
    }


def _sheet(found: PriceDifference) -> Sheet:
    return Sheet(PriceChange._fields, found.changes)

"""Regions: what the catalog knows of them, and what a plan costs in each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from capplan.catalog.regions import KnownRegion
from capplan.decide.regions import InRegion
from capplan.quantities import counted
from capplan.report import numbers
from capplan.report.blocks import Block, Heading, Lines, Report
from capplan.report.json_format import SCHEMA_VERSION
from capplan.report.table import Column, Table

_MOST_NAMES = 3


def known_report(rows: Sequence[KnownRegion], source: str) -> Report:
    """Return the regions that the catalog knows; ``source``: of the carbon intensities."""
    return Report(partial(_known, rows, source), partial(_known_document, rows, source))


def _known(rows: Sequence[KnownRegion], source: str) -> Iterator[Block]:
    columns = [Column("Provider"), Column("Region"), Column("Place", shrinks=True)]
    columns += [Column(name, right=True) for name in ("Machines", "Services", "gCO2e/kWh")]
    cells = [
        [
            row.provider,
            row.region,
            row.place,
            f"{row.machines:,}",
            str(len(row.services)),
            "" if row.gco2e_per_kwh is None else f"{row.gco2e_per_kwh:.0f}",
        ]
        for row in rows
    ]
    yield Table(columns, cells, keys=2)
    if any(row.gco2e_per_kwh is not None for row in rows):
        yield Lines([f"gCO2e/kWh: {source}"])


def _known_document(rows: Sequence[KnownRegion], source: str) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "carbon_source": source,
        "regions": [
            {**row._asdict(), "aliases": list(row.aliases), "services": list(row.services)} for row in rows
        ],
    }


def compared_report(plan: str, rows: Sequence[InRegion]) -> Report:
    """Return what the plan costs in each region, cheapest first."""
    return Report(partial(_compared, plan, rows), partial(_compared_document, plan, rows))


def _compared(plan: str, rows: Sequence[InRegion]) -> Iterator[Block]:
    yield Heading(f"{plan}: the same plan in {counted(len(rows), 'region')}, cost per month")
    base = next((row.expected for row in rows if row.now and row.is_exact), None)
    columns = [Column("Region"), Column("Place", shrinks=True)]
    columns += [Column(name, right=True) for name in ("USD expected", "against now", "unpriced SKUs")]
    cells = [_cells(row, base) for row in rows]
    if any(row.gco2e_per_kwh is not None for row in rows):
        columns.append(Column("gCO2e/kWh", right=True))
    yield Table(columns, [row[: len(columns)] for row in cells])
    yield from _lacking(rows)


def _lacking(rows: Sequence[InRegion]) -> Iterator[Block]:
    """Yield what has no price, with the regions that lack it, and why a region has no such plan."""
    where: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for sku in row.missing:
            how = "is not sold" if sku in row.not_sold else "has no price"
            where.setdefault((sku, how), []).append(row.region)
    said = [f"{sku} {how} in {_named(regions)}" for (sku, how), regions in where.items()]
    said += [f"{row.region}: {row.problem}" for row in rows if row.problem]
    guessed = [f"{row.region} {row.estimated_share:.0%}" for row in rows if row.estimated_share]
    if guessed:
        yield Lines([f"share of the cost that uses estimated prices: {', '.join(guessed)}"])
    if said:
        yield Lines(["What is incomplete comes last: it costs at least what is shown.", *said], bullets=True)


def _cells(row: InRegion, base: float | None) -> list[str]:
    sign = f"{row.certainty.sign} " if row.certainty.sign else ""
    comparable = row.expected is not None and base is not None and row.is_exact
    against = (row.expected or 0.0) - (base or 0.0)
    return [
        f"{row.region} (now)" if row.now else row.region,
        row.place,
        "–" if row.expected is None else f"{sign}{numbers.money(row.expected)}",
        f"{against:+z,.2f}" if comparable and not row.now else "",
        str(len(row.missing) or ""),
        "" if row.gco2e_per_kwh is None else f"{row.gco2e_per_kwh:.0f}",
    ]


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _compared_document(plan: str, rows: Sequence[InRegion]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": plan,
        "currency": "USD",
        "regions": [_document(row) for row in rows],
    }


def _document(row: InRegion) -> Mapping[str, Any]:
    return {
        "provider": row.provider,
        "region": row.region,
        "place": row.place,
        "now": row.now,
        "monthly_cost": {
            "expected": row.expected,
            "complete": row.expected is not None and row.certainty.complete,
        },
        "estimated_share": row.estimated_share,
        "unpriced": list(row.missing),
        "not_sold": list(row.not_sold),
        "gco2e_per_kwh": row.gco2e_per_kwh,
        "problem": row.problem or None,
    }

"""Catalog rows and what the linter says of them, for people and for scripts."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from capplan.catalog.query import Row
from capplan.findings import Finding
from capplan.report import numbers
from capplan.report.table import Column, Table, text

FIELDS = (
    *("provider", "service", "sku", "region", "unit", "usd", "spot_usd", "vcpu", "memory_gib", "gpu"),
    *("gpu_count", "as_of", "source", "commit_1y_usd", "commit_3y_usd"),
)


def document(row: Row) -> dict[str, Any]:
    """Return a row as scripts read it; null where something is unknown."""
    return {field: getattr(row, field) for field in FIELDS}


_COLUMNS = (
    Column("Provider"),
    Column("Service", shrinks=True),
    Column("SKU"),
    Column("Region"),
    Column("vCPU", right=True),
    Column("GiB", right=True),
    Column("GPU"),
    Column("USD", right=True),
    Column("spot", right=True),
    Column("per"),
    Column("As of"),
)
_ALWAYS = frozenset(("SKU", "USD"))


def listing(rows: Sequence[Row]) -> Table:
    """Return one line a row, with what people choose by; what all rows share is said once, in the title."""
    cells = [_cells(row) for row in rows]
    shared, shown = [], []
    for index, column in enumerate(_COLUMNS):
        values = {row[index] for row in cells}
        if len(values) != 1 or column.name in _ALWAYS:
            shown.append(index)
        elif values != {""}:
            shared.append(f"{column.name} {values.pop()}")
    if not rows:
        return Table(_COLUMNS, [], "no row of the catalog is like that")
    return Table([_COLUMNS[i] for i in shown], [[row[i] for i in shown] for row in cells], ", ".join(shared))


def _cells(row: Row) -> list[str]:
    gpu = f"{row.gpu_count:g}×{row.gpu}" if row.gpu else ""
    return [
        row.provider,
        row.service,
        row.sku,
        row.region,
        "" if row.vcpu is None else f"{row.vcpu:g}",
        "" if row.memory_gib is None else f"{row.memory_gib:g}",
        gpu,
        numbers.unit_price(row.usd),
        "" if row.spot_usd is None else numbers.unit_price(row.spot_usd),
        numbers.short_unit(row.unit),
        row.as_of or "unknown",
    ]


def details(rows: Sequence[Row]) -> str:
    """Return everything about the rows of one SKU."""
    first = rows[0]
    size = "" if first.vcpu is None else f", {first.vcpu:g} vCPU, {first.memory_gib or 0:g} GiB"
    gpu = f", {first.gpu_count:g} × {first.gpu}" if first.gpu else ""
    heading = f"{first.sku}: {first.provider} {first.service}{size}{gpu}; USD per {first.unit}\n"
    columns = [Column("Region"), *(Column(n, right=True) for n in ("on demand", "spot", "1 year", "3 years"))]
    table = Table([*columns, Column("As of")], [_prices(row) for row in rows])
    sources = "\n".join(
        textwrap.fill(f"{row.region}: {row.source}", 80, subsequent_indent="  ", break_on_hyphens=False)
        for row in rows
    )
    return f"{heading}\n{text(table)}\n{sources}\n"


def _prices(row: Row) -> list[str]:
    prices = (row.usd, row.spot_usd, row.commit_1y_usd, row.commit_3y_usd)
    shown = ["–" if usd is None else numbers.unit_price(usd) for usd in prices]
    return [row.region, *shown, row.as_of or "unknown"]


def findings(found: Sequence[Finding], checked: int) -> str:
    """Return what the linter found, errors first."""
    ordered = sorted(found, key=lambda finding: finding.rank)
    lines = [
        textwrap.fill(
            f"{finding.severity.upper()}  {finding.subject}: {finding.message} [{finding.code}]",
            100,
            subsequent_indent="  ",
            break_on_hyphens=False,
        )
        for finding in ordered
    ]
    errors = sum(finding.severity == "error" for finding in found)
    lines.append(f"{checked} files, {errors} errors, {len(found) - errors} warnings")
    return "\n".join(lines) + "\n"

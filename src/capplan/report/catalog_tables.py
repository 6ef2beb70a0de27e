"""Catalog rows and what the linter says of them, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import PurePath
from typing import Any

from capplan.catalog.query import CatalogRow
from capplan.catalog.rows import RATES
from capplan.findings import Finding
from capplan.quantities import counted
from capplan.report import numbers
from capplan.report.blocks import Block, Heading, Lines, Report, Results, Sheet
from capplan.report.json_format import SCHEMA_VERSION, finding_document
from capplan.report.table import Column, Table
from capplan.report.verified import results_of


def rows_report(rows: Sequence[CatalogRow]) -> Report:
    """Return rows of catalogs, one a line."""
    return Report(
        lambda: [_listing(rows), *_marked(rows)], partial(_documents, rows), {"csv": partial(_sheet, rows)}
    )


def sku_report(rows: Sequence[CatalogRow]) -> Report:
    """Return everything about the rows of one SKU."""
    return rows_report(rows)._replace(blocks=partial(_details, rows))


def _documents(rows: Sequence[CatalogRow]) -> list[dict[str, Any]]:
    """Return rows as scripts read them; null where something is unknown."""
    return [row._asdict() for row in rows]


def _sheet(rows: Sequence[CatalogRow]) -> Sheet:
    return Sheet(CatalogRow._fields, rows)


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


def _listing(rows: Sequence[CatalogRow]) -> Table:
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
        return Table(_COLUMNS, [], "no row of the catalog matches", keys=0)
    columns = [_COLUMNS[i] for i in shown]
    return Table(columns, [[row[i] for i in shown] for row in cells], ", ".join(shared), keys=0)


def _marked(rows: Sequence[CatalogRow]) -> Iterator[Block]:
    """Yield what the mark of an unconfirmed price means, where there is one."""
    if any(row.unconfirmed for row in rows):
        yield Lines(["~ before a price: derived from other prices, or confirmed by no second source."])


def _usd(row: CatalogRow, rate: str, usd: float | None, unknown: str) -> str:
    mark = "~" if rate in row.unconfirmed.split() else ""
    return unknown if usd is None else f"{mark}{numbers.unit_price(usd)}"


def _cells(row: CatalogRow) -> list[str]:
    gpu = f"{row.gpu_count:g}×{row.gpu}" if row.gpu else ""
    return [
        row.provider,
        row.service,
        row.sku,
        row.region,
        "" if row.vcpu is None else f"{row.vcpu:g}",
        "" if row.memory_gib is None else f"{row.memory_gib:g}",
        gpu,
        _usd(row, "on_demand", row.usd, numbers.unit_price(None)),
        _usd(row, "spot", row.spot_usd, ""),
        numbers.short_unit(row.unit),
        row.as_of or "unknown",
    ]


def _details(rows: Sequence[CatalogRow]) -> Iterator[Block]:
    """Yield what is known of a SKU, for each service that has one of the name."""
    for _, own in groupby(rows, key=lambda row: (row.provider, row.service)):
        yield from _of_service(list(own))


def _of_service(rows: Sequence[CatalogRow]) -> Iterator[Block]:
    first = rows[0]
    size = "" if first.vcpu is None else f", {first.vcpu:g} vCPU, {first.memory_gib or 0:g} GiB"
    gpu = f", {first.gpu_count:g} × {first.gpu}" if first.gpu else ""
    yield Heading(f"{first.sku}: {first.provider} {first.service}{size}{gpu}; USD per {first.unit}")
    columns = [Column("Region"), *(Column(n, right=True) for n in ("on demand", "spot", "1 year", "3 years"))]
    yield Table([*columns, Column("As of")], [_prices(row) for row in rows])
    yield from _marked(rows)
    yield Lines([f"{row.region}: {row.source}" for row in rows], bullets=True)
    others: dict[str, list[str]] = {}
    for row in rows:
        for told in filter(None, row.other_sources.split(" | ")):
            others.setdefault(told, []).append(row.region)
    yield Lines([f"{told}, in {_regions(regions)}" for told, regions in others.items()], bullets=True)


def _regions(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _prices(row: CatalogRow) -> list[str]:
    prices = (row.usd, row.spot_usd, row.commit_1y_usd, row.commit_3y_usd)
    shown = [_usd(row, rate, usd, "–") for rate, usd in zip(RATES, prices, strict=True)]
    return [row.region, *shown, row.as_of or "unknown"]


def lint_report(found: Sequence[Finding], files: Sequence[str]) -> Report:
    """Return what the linter found in ``files``, errors first."""
    ordered = sorted(found, key=lambda finding: finding.rank)
    return Report(
        partial(_linted, ordered, len(files)),
        partial(_lint_document, ordered, len(files)),
        results=Results(results_of(ordered, PurePath()), files),
    )


def _linted(found: Sequence[Finding], checked: int) -> Iterator[Block]:
    said = [f"{o.severity.upper()}  {o.subject}: {o.message} [{o.code}]" for o in found]
    errors = _errors(found)
    counts = {"file": checked, "error": errors, "warning": len(found) - errors}
    summary = ", ".join(counted(number, noun) for noun, number in counts.items())
    yield Lines([*said, summary], bullets=True)


def _errors(found: Sequence[Finding]) -> int:
    return sum(finding.severity == "error" for finding in found)


def _lint_document(found: Sequence[Finding], checked: int) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "files": checked,
        "errors": _errors(found),
        "warnings": len(found) - _errors(found),
        "findings": list(map(finding_document, found)),
    }

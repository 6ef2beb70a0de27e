"""A linter for catalogs: what has been wrong in published price lists before.

Each rule looks at one file and says what is odd. An error cannot be right; a warning asks for a look.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from capplan.catalog import checks
from capplan.catalog.catalog import Catalog
from capplan.catalog.query import CatalogRow, rows_of
from capplan.catalog.rows import ServiceCatalog
from capplan.findings import Check, Finding, Severity

UNITS = frozenset(
    ("hour", "month", "vCPU-hour", "vCore-hour", "GiB-hour", "GPU-hour", "node-hour", "cluster-hour")
    + ("LCU-hour", "vCPU-second", "GiB-second", "GPU-second", "GiB-month", "GB-month", "IOPS-month")
    + ("MBps-month", "GiB", "GB", "request", "token", "ACU-hour", "second", "GHz-second")
)

LIST_AGE = timedelta(days=365)
GPU_AGE = timedelta(days=92)
SPOT_AGE = timedelta(days=31)
"""How long a price stays believable: in a year few list prices moved, in three months GPU prices did,
and in twelve months every spot price had changed."""

_SPREAD = 0.006
"""Sizes of one family cost the same per vCPU to within this; larger differences were data errors."""


class LintFacts(NamedTuple):
    """What the rules compare with."""

    today: date
    gpus: frozenset[str]


def known_gpus(catalog: Catalog) -> frozenset[str]:
    """Return the GPUs that the hardware table names, with figures or without."""
    known = catalog.facts("gpus")
    return frozenset((*known["gpus"], *known.get("others", ())))


Rule = Callable[[ServiceCatalog, list[CatalogRow], LintFacts], Iterator[tuple[Severity, str]]]


def lint(file: ServiceCatalog, facts: LintFacts) -> list[Finding]:
    """Return everything that is odd about ``file``."""
    rows = list(rows_of(file))
    name = f"{file.provider}/{file.service}"
    return [
        check.finding(name, message, severity=severity, file=file.file)
        for check, rule in RULES.items()
        for severity, message in rule(file, rows, facts)
    ]


def _said(rows: list[CatalogRow], what: str) -> str:
    """Return ``what`` is wrong, with how often, and the first place."""
    first = rows[0]
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"{first.sku} in {first.region}{more}: {what}"


def _units(file: ServiceCatalog, rows: list[CatalogRow], facts: LintFacts) -> Iterator[tuple[Severity, str]]:
    odd = [row for row in rows if row.unit not in UNITS]
    if odd:
        yield "error", _said(odd, f"unknown unit '{odd[0].unit}'")


def _commitments(
    file: ServiceCatalog, rows: list[CatalogRow], facts: LintFacts
) -> Iterator[tuple[Severity, str]]:
    odd = [
        row
        for row in rows
        for committed in (row.commit_1y_usd, row.commit_3y_usd)
        if committed is not None and row.usd is not None and committed > row.usd
    ]
    if odd:
        yield (
            "error",
            _said(odd, "a commitment costs more than on demand, so one of them belongs to another product"),
        )


def _spot(file: ServiceCatalog, rows: list[CatalogRow], facts: LintFacts) -> Iterator[tuple[Severity, str]]:
    priced = [row for row in rows if row.spot_usd is not None and row.usd is not None]
    above = [row for row in priced if row.spot_usd > row.usd]  # type: ignore[operator]
    equal = [row for row in priced if row.spot_usd == row.usd]
    if above:
        yield "error", _said(above, "spot costs more than on demand")
    if equal:
        yield "warning", _said(equal, "spot costs as much as on demand, which stands for 'no spot here'")


def _per_vcpu(
    file: ServiceCatalog, rows: list[CatalogRow], facts: LintFacts
) -> Iterator[tuple[Severity, str]]:
    groups: dict[tuple[str, str, float], list[CatalogRow]] = defaultdict(list)
    for row in rows:
        if row.vcpu and row.memory_gib and row.usd and row.gpu is None:
            ratio = row.memory_gib / row.vcpu
            shape = round(ratio) if ratio >= 2 else round(ratio, 1)
            groups[(family(file.provider, row.sku), row.region, shape)].append(row)
    odd = [row for group in groups.values() for row in _outliers(group)]
    if odd:
        yield "warning", _said(odd, "costs more or less per vCPU than the rest of its family")


def _outliers(group: list[CatalogRow]) -> Iterator[CatalogRow]:
    each = sorted((row.usd or 0.0) / (row.vcpu or 1.0) for row in group)
    middle = each[len(each) // 2]
    for row in group:
        usd, vcpu = row.usd or 0.0, row.vcpu or 1.0
        # Small prices are rounded to tenths of a cent, which is more than the spread of a family.
        if abs(usd - middle * vcpu) > _SPREAD * usd + 0.0011 * max(1.0, vcpu / 2):
            yield row


def family(provider: str, sku: str) -> str:
    """Return what is left of a machine's name without its size.

    >>> family("gcp", "n2-highmem-8"), family("aws", "db.r6g.xlarge"), family("azure", "Standard_E8as_v5")
    ('n2-highmem', 'db.r6g', 'Standard_Eas_v5')
    """
    if provider == "azure":
        return re.sub(r"(?<=[A-Z])\d+(-\d+)?", "", sku, count=1)
    if provider == "aws":
        return sku.partition(" ")[0].rpartition(".")[0] + sku.partition(" ")[2]
    return re.sub(r"-\d+", "", sku, count=1)


def _dates(file: ServiceCatalog, rows: list[CatalogRow], facts: LintFacts) -> Iterator[tuple[Severity, str]]:
    undated = [row for row in rows if row.as_of is None]
    if undated:
        yield "warning", _said(undated, "the age of the price is unknown")
    for old, what, age in (
        ([r for r in rows if not r.gpu], "list price", LIST_AGE),
        ([r for r in rows if r.gpu], "GPU list price", GPU_AGE),
    ):
        stale = [row for row in old if _older(row.as_of, age, facts.today)]
        if stale:
            oldest = min(row.as_of or "" for row in stale)
            yield "warning", _said(stale, f"{what} of {oldest} is older than {age.days} days")
    for rates, what, age in (
        (("spot",), "spot prices", SPOT_AGE),
        (("commit_1y", "commit_3y"), "prices of commitments", LIST_AGE),
    ):
        dates = [as_of for as_of in _dates_of(file, rates) if _older(as_of, age, facts.today)]
        if dates:
            yield "warning", f"{len(dates):,} {what}, the oldest of {min(dates)}: older than {age.days} days"


def _dates_of(file: ServiceCatalog, rates: Sequence[str]) -> Iterator[str]:
    """Yield the date of each price or discount of a SKU at these rates, where it has one."""
    for sku in file.skus.values():
        for rate in rates:
            for region in (*sku.prices.get(rate, ()), *sku.off.get(rate, ())):
                as_of = sku.source(region, rate).as_of
                if as_of is not None:
                    yield as_of


def _older(as_of: str | None, age: timedelta, today: date) -> bool:
    return as_of is not None and today - date.fromisoformat(as_of) > age


def _gpus(file: ServiceCatalog, rows: list[CatalogRow], facts: LintFacts) -> Iterator[tuple[Severity, str]]:
    odd = [row for row in rows if row.gpu is not None and row.gpu not in facts.gpus]
    if odd:
        yield "error", _said(odd, f"GPU '{odd[0].gpu}' is not in hardware/gpus.yaml")


def _tiers(file: ServiceCatalog, rows: list[CatalogRow], facts: LintFacts) -> Iterator[tuple[Severity, str]]:
    for name in sorted(file.tiers):
        blocks = file.blocks_of(name)
        starts = [block.start for block in blocks]
        if starts[0] != 0:
            yield "error", f"the first block of {name} starts at {starts[0]:g}, not at 0"
        if len(set(starts)) < len(starts):
            yield "error", f"two blocks of {name} start at the same quantity"
        open_blocks = [block.name for block in blocks if not block.prices]
        if open_blocks:
            yield "warning", f"{', '.join(open_blocks)}: this block of {name} has no price"


def _nodes(file: ServiceCatalog, rows: list[CatalogRow], facts: LintFacts) -> Iterator[tuple[Severity, str]]:
    """Azure meters a Redis cache whole and by the node: the node is half of it."""
    whole = {(row.sku, row.region): row.usd for row in rows}
    for row in rows:
        cache = whole.get((row.sku.removesuffix("-node"), row.region))
        if (
            row.sku.endswith("-node")
            and row.usd
            and cache is not None
            and abs(cache - 2 * row.usd) > _ROUNDED
        ):
            yield "error", _said([row], "a cache of two nodes does not cost two nodes")


_ROUNDED = 0.0021
"""A node's price is rounded to a tenth of a cent on its own."""


def _successors(
    file: ServiceCatalog, rows: list[CatalogRow], facts: LintFacts
) -> Iterator[tuple[Severity, str]]:
    for sku in file.skus.values():
        if sku.retired is not None and sku.successor is None:
            yield "error", f"{sku.name} was retired in {sku.retired}, but names no successor"


RULES: dict[Check, Rule] = {
    checks.UNIT: _units,
    checks.COMMITMENT_ABOVE_ON_DEMAND: _commitments,
    checks.SPOT_NOT_BELOW_ON_DEMAND: _spot,
    checks.PRICE_PER_VCPU: _per_vcpu,
    checks.AGE: _dates,
    checks.UNKNOWN_GPU: _gpus,
    checks.TIERS: _tiers,
    checks.HALF_A_CACHE: _nodes,
    checks.RETIRED_WITHOUT_SUCCESSOR: _successors,
}

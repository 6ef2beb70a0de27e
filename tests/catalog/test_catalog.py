"""The catalog: files read when asked for, and what a SKU costs."""

import pytest
from crafted import catalog_of, service_file, write_book

from capplan.catalog.catalog import Catalog
from capplan.errors import InputError


def tiered(**blocks):
    skus = {name: {"tier_of": "all", **row} for name, row in blocks.items()}
    return service_file(service="meter", kind="meter", unit="GB", skus=skus)


@pytest.fixture
def catalog(tmp_path):
    database = service_file(
        service="db",
        kind="database",
        high_availability={"suffix": "regional-ha", "multiplier": 2},
        skus={"small": {"usd": {"us-central1": 0.1}, "spot": {"us-central1": 0.04}}},
    )
    blocks = tiered(
        free={"from": 0, "free": True, "usd": {"global": 0}},
        rest={"from": 100, "usd": {"us-central1": 0.09}},
        bulk={"from": 1000, "usd": {"us-central1": 0.05}},
    )
    return catalog_of(tmp_path, service_file(), database, blocks)


def price(catalog, service, name, region="us-central1", rate="on_demand"):
    return catalog.price("gcp", service, catalog.require("gcp", service, name), region, rate)


def test_a_price_has_unit_source_and_status(catalog):
    found = price(catalog, "compute-engine", "n1-standard-1")
    assert (found.usd, found.unit, found.status) == (0.05, "hour", "list")
    assert (found.source.text, found.source.as_of) == ("a price list", "2026-07-01")


def test_no_price_in_another_region(catalog):
    """A region without a price is unpriced; it never falls back to the first one."""
    assert price(catalog, "compute-engine", "n1-standard-1", "europe-west1") is None
    assert price(catalog, "compute-engine", "n1-standard-1", rate="spot") is None


def test_high_availability_multiplies_every_rate_and_says_so(catalog):
    double = catalog.require("gcp", "db", "small regional-ha")
    assert double.usd("us-central1") == pytest.approx(0.2)
    assert double.usd("us-central1", "spot") == pytest.approx(0.08)
    assert double.source("us-central1", "on_demand").text.startswith("2 × the price without")
    assert catalog.find("gcp", "compute-engine", "n1-standard-1 regional-ha") is None


def test_an_unknown_name_is_refused_with_the_nearest(catalog):
    with pytest.raises(InputError, match=r"gcp db has no 'smal'\. Did you mean 'small'"):
        catalog.require("gcp", "db", "smal")
    with pytest.raises(InputError, match=r"gcp has no service 'dbs'\. Did you mean 'db'"):
        catalog.service("gcp", "dbs")
    with pytest.raises(InputError, match=r"no region 'us-centrall'\. Did you mean 'us-central1'"):
        catalog.check_region("gcp", "us-centrall")


def test_a_directory_must_be_there(tmp_path):
    with pytest.raises(InputError, match="no such directory of catalogs"):
        Catalog(tmp_path / "nope")


def test_a_tariff_is_its_blocks_in_order(catalog):
    blocks = catalog.tariff("gcp", "meter", "all", "us-central1", "on_demand")
    assert [(b.start, b.sku, b.free) for b in blocks] == [
        (0, "free", True),
        (100, "rest", False),
        (1000, "bulk", False),
    ]
    assert [b.price.usd for b in blocks] == [0, 0.09, 0.05]


def test_a_flat_price_is_one_block(catalog):
    (block,) = catalog.tariff("gcp", "compute-engine", "n1-standard-1", "us-central1", "on_demand")
    assert (block.start, block.price.usd, block.list_price) == (0, 0.05, 0.05)


def test_a_books_price_of_the_whole_replaces_the_blocks(catalog, tmp_path):
    book = write_book(tmp_path / "flat.yaml", prices={"gcp/meter/all": {"usd": 0.02}})
    (block,) = catalog.with_books([str(book)], tmp_path).tariff(
        "gcp", "meter", "all", "us-central1", "on_demand"
    )
    assert (block.start, block.price.usd, block.price.status) == (0, 0.02, "book")


def test_a_books_price_of_one_region_leaves_the_blocks_of_the_others(catalog, tmp_path):
    book = write_book(tmp_path / "flat.yaml", prices={"gcp/meter/all": {"usd": {"europe-west1": 0.02}}})
    blocks = catalog.with_books([str(book)], tmp_path).tariff(
        "gcp", "meter", "all", "us-central1", "on_demand"
    )
    assert [b.price.usd for b in blocks] == [0, 0.09, 0.05]


def test_what_was_used_is_on_record(catalog):
    price(catalog, "compute-engine", "n1-standard-1")
    (used,) = catalog.provenance({("gcp", "compute-engine")})
    assert used.name == "gcp/compute-engine"
    assert used.as_of == "2026-07-01"
    assert len(used.sha256) == 64


def test_every_file_of_a_provider(catalog):
    assert [file.service for file in catalog.services("gcp")] == ["compute-engine", "db", "meter"]
    assert catalog.services("aws") == []

"""Price books: a document's own figures, or a negotiated discount."""

import pytest
from crafted import catalog_of, service_file, write_book
from helpers import ROOT, SHIPPED, estimate_of, moderate, monthly, plan_of
from hypothesis import given
from hypothesis import strategies as st

from capplan.catalog.books import read_book
from capplan.catalog.catalog import Catalog
from capplan.errors import InputError
from capplan.estimate import estimate

SKUS = {
    "n1-standard-1": {"usd": {"us-central1": 1.0, "europe-west1": 1.2}, "spot": {"us-central1": 0.3}},
    "n1-standard-2": {"usd": {"us-central1": 2.0}},
    "c2-standard-4": {"usd": {"us-central1": 4.0}},
}


@pytest.fixture
def catalog(tmp_path):
    return catalog_of(tmp_path / "catalogs", service_file(skus=SKUS))


def priced(catalog: Catalog, name="n1-standard-1", region="us-central1", rate="on_demand"):
    return catalog.price(
        "gcp", "compute-engine", catalog.require("gcp", "compute-engine", name), region, rate
    )


def with_book(catalog, tmp_path, **fields):
    book = write_book(tmp_path / "mine.yaml", **fields)
    return catalog.with_books([book.name], tmp_path)


ROW = "gcp/compute-engine/n1-standard-1"


def test_a_replacement_names_the_book(catalog, tmp_path):
    found = priced(with_book(catalog, tmp_path, prices={ROW: {"usd": 0.5, "note": "page 3"}}))
    assert (found.usd, found.status, found.unit) == (0.5, "book", "hour")
    assert found.source.text == "price book mine: page 3 (a contract)"
    assert found.source.as_of == "2026-08-01"


def test_a_replacement_by_region_leaves_the_others(catalog, tmp_path):
    book = with_book(catalog, tmp_path, prices={ROW: {"usd": {"us-central1": 0.5}}})
    assert priced(book).usd == 0.5
    assert (priced(book, region="europe-west1").usd, priced(book, region="europe-west1").status) == (
        1.2,
        "list",
    )


def test_a_replacement_of_one_rate_leaves_the_others(catalog, tmp_path):
    book = with_book(catalog, tmp_path, prices={ROW: {"spot": 0.1}})
    assert (priced(book).usd, priced(book, rate="spot").usd) == (1.0, 0.1)


def test_a_book_may_price_what_the_list_does_not(catalog, tmp_path):
    book = with_book(catalog, tmp_path, prices={ROW: {"commit_1y": 0.6}})
    assert priced(catalog, rate="commit_1y") is None
    assert priced(book, rate="commit_1y").usd == 0.6


def test_a_book_may_say_free(catalog, tmp_path):
    assert priced(with_book(catalog, tmp_path, prices={ROW: {"usd": 0}})).usd == 0


def test_a_discount_by_pattern(catalog, tmp_path):
    discounts = [{"provider": "gcp", "sku": "n1-*", "percent": "20%"}, {"percent": "5%"}]
    book = with_book(catalog, tmp_path, discounts=discounts)
    assert priced(book).usd == pytest.approx(0.8)
    assert priced(book, rate="spot").usd == pytest.approx(0.24)
    assert priced(book, "c2-standard-4").usd == pytest.approx(3.8), (
        "the first that matches holds, they do not add up"
    )
    assert priced(book).status == "book"
    assert priced(book).source.text == "0.2 off by price book mine; a price list"


@pytest.mark.parametrize(
    ("discount", "applies"),
    [
        ({"provider": "gcp"}, True),
        ({"provider": "aws"}, False),
        ({"service": "compute-*"}, True),
        ({"service": "cloud-*"}, False),
        ({"sku": "n1-standard-1"}, True),
        ({"sku": "N1-*"}, False),
        ({"provider": "gcp", "service": "compute-engine", "sku": "c2-*"}, False),
        ({}, True),
    ],
)
def test_a_discount_matches_provider_service_and_sku(catalog, tmp_path, discount, applies):
    book = with_book(catalog, tmp_path, discounts=[{**discount, "percent": "50%"}])
    assert priced(book).usd == pytest.approx(0.5 if applies else 1.0)


def test_the_last_book_wins(catalog, tmp_path):
    one = write_book(tmp_path / "one.yaml", prices={ROW: {"usd": 0.7}}, hours_per_month=720)
    two = write_book(tmp_path / "two.yaml", prices={ROW: {"usd": 0.6}})
    assert priced(catalog.with_books([one.name, two.name], tmp_path)).usd == 0.6
    assert priced(catalog.with_books([two.name, one.name], tmp_path)).usd == 0.7
    assert catalog.with_books([one.name, two.name], tmp_path).hours_per_month == 720


def test_a_later_discount_comes_off_an_earlier_books_price(catalog, tmp_path):
    one = write_book(tmp_path / "one.yaml", prices={ROW: {"usd": 0.5}})
    two = write_book(tmp_path / "two.yaml", discounts=[{"percent": "10%"}])
    assert priced(catalog.with_books([one.name, two.name], tmp_path)).usd == pytest.approx(0.45)


@moderate
@given(st.integers(0, 100))
def test_a_discount_never_raises_a_price_and_never_pays_one(tmp_path_factory, percent):
    directory = tmp_path_factory.mktemp("book")
    catalog = catalog_of(directory / "catalogs", service_file(skus=SKUS))
    book = with_book(catalog, directory, discounts=[{"percent": f"{percent}%"}])
    assert priced(book).usd == pytest.approx(1 - percent / 100)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"schema": 2}, "expected 1, got '2'"),
        ({"price": {}}, "unknown field. Did you mean 'prices'"),
        ({"prices": {"n1-standard-1": {"usd": 1}}}, "expected provider/service/sku"),
        ({"prices": {ROW: {"unit": "hour"}}}, "has no price"),
        ({"prices": {ROW: {"usd": -1}}}, "expected a number of at least 0"),
        ({"prices": {ROW: {"usd": "a lot"}}}, "expected a number of at least 0"),
        ({"prices": {ROW: {"dollars": 1}}}, "unknown field"),
        ({"discounts": [{"percent": 20}]}, "write 20% if you mean percent"),
        ({"discounts": [{"provider": "gcp"}]}, "percent: expected a share"),
        ({"discounts": [{"percent": "5%", "region": "x"}]}, "unknown field"),
        ({"hours_per_month": 0}, "must be above 0"),
        ({"source": {"text": "x"}}, "needs 'as_of'"),
    ],
)
def test_a_wrong_book_is_refused_with_the_place(tmp_path, fields, what):
    path = write_book(tmp_path / "mine.yaml", **fields)
    with pytest.raises(InputError) as caught:
        read_book(path)
    assert what in str(caught.value)
    assert "mine.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("gcp/compute-engin/n1-standard-4", "the catalog has no 'gcp/compute-engin'. Did you mean"),
        ("gcp/compute-engine/n1-standrd-4", "gcp/compute-engine has no 'n1-standrd-4'. Did you mean"),
    ],
)
def test_a_price_of_what_the_catalog_has_not_is_refused_where_it_stands(tmp_path, key, says):
    book = write_book(tmp_path / "mine.yaml", prices={key: {"usd": 0.1}})
    with pytest.raises(InputError) as caught:
        SHIPPED.with_books([str(book)], tmp_path).service("gcp", "compute-engine")
    assert f"prices.{key}: {says}" in str(caught.value)
    assert "mine.yaml:" in str(caught.value)


@pytest.mark.parametrize("percent", ["150%", "-20%"])
def test_a_discount_outside_0_to_100_percent_is_refused(tmp_path, percent):
    path = write_book(tmp_path / "mine.yaml", discounts=[{"percent": percent}])
    with pytest.raises(InputError):
        read_book(path)


@pytest.mark.parametrize("fields", [{"prices": [1]}, {"discounts": 3}])
def test_a_book_of_the_wrong_shape_is_refused(tmp_path, fields):
    path = write_book(tmp_path / "mine.yaml", **fields)
    with pytest.raises(InputError):
        read_book(path)


def test_a_misspelt_price_is_not_ignored(tmp_path):
    """A negotiated price that is never applied is a wrong estimate that nobody sees."""
    book = write_book(tmp_path / "mine.yaml", prices={"gcp/compute-engine/n1-standrd-4": {"usd": 0.1}})
    text = """
        name: t
        regions: {gcp: us-central1}
        demand: {requests_per_second: 1, profile: flat}
        services: {api: {platform: vm-group, provider: gcp, machine: n1-standard-4, throughput: 1/s}}
    """
    try:
        said = [f.message for f in estimate(plan_of(text, f"pricing.books=[{book}]"), SHIPPED).findings]
    except InputError as error:
        said = [str(error)]
    assert any("n1-standrd-4" in message for message in said)


def test_an_unknown_book_names_the_shipped_ones(catalog, tmp_path):
    with pytest.raises(InputError, match="no book 'apfi'"):
        SHIPPED.with_books(["apfi"], tmp_path)


def test_the_books_that_ship_are_read_and_price_what_exists():
    books = [read_book(path) for path in sorted(ROOT.glob("catalogs/books/*.yaml"))]
    assert [book.name for book in books] == ["afpi"]
    for book in books:
        for key in book.rows:
            provider, service, name = key.split("/")
            file = SHIPPED.service(provider, service)
            assert name in file.tiers or SHIPPED.find(provider, service, name), key


def test_hours_of_the_plan_beat_those_of_a_book(tmp_path):
    book = write_book(tmp_path / "mine.yaml", hours_per_month=720)
    text = """
        name: t
        regions: {gcp: us-central1}
        demand: {requests_per_second: 1, profile: flat}
        pricing: {sustained_use: false}
        services: {api: {platform: vm-group, provider: gcp, machine: e2-standard-4, throughput: 1/s}}
    """
    hourly = 0.134012
    assert monthly(estimate_of(text)) == pytest.approx(730 * hourly, rel=1e-3)
    assert monthly(estimate_of(text, f"pricing.books=[{book}]")) == pytest.approx(720 * hourly, rel=1e-3)
    assert monthly(estimate_of(text, f"pricing.books=[{book}]", "hours_per_month=744")) == pytest.approx(
        744 * hourly, rel=1e-3
    )


def test_a_unit_that_is_not_metered_is_refused(tmp_path):
    book = write_book(
        tmp_path / "mine.yaml", prices={"gcp/compute-engine/e2-standard-4": {"unit": "GiB", "usd": 1}}
    )
    text = """
        name: t
        regions: {gcp: us-central1}
        demand: {requests_per_second: 1, profile: flat}
        services: {api: {platform: vm-group, provider: gcp, machine: e2-standard-4, throughput: 1/s}}
    """
    with pytest.raises(InputError, match="prices e2-standard-4 by the GiB, but it is metered by the hour"):
        estimate_of(text, f"pricing.books=[{book}]")


@pytest.mark.parametrize(
    ("region", "like", "said"),
    [
        (
            *("eu-central-1", "westeurope"),
            "regions.eu-central-1: is a region of aws, and westeurope is one of azure",
        ),
        ("eu-central-1", "us-esat-1", "there is no region 'us-esat-1'"),
    ],
)
def test_a_region_resembles_another_of_its_provider(tmp_path, region, like, said):
    book = write_book(tmp_path / "like.yaml", regions={region: {"like": like, "factor": 1.1}})
    with pytest.raises(InputError, match=said):
        SHIPPED.with_books([book.name], tmp_path)


@pytest.mark.parametrize(("used", "said"), [("us-esat-1", False), ("us-east-1", True)])
def test_a_likeness_of_a_region_that_nobody_has_is_said_where_nothing_uses_it(tmp_path, used, said):
    book = write_book(tmp_path / "like.yaml", regions={"us-esat-1": {"like": "us-east-1", "factor": 1.1}})
    plan = f"""
        name: t
        regions: {{aws: {used}}}
        demand: {{requests_per_second: 1}}
        pricing: {{books: ["{tmp_path / book.name}"]}}
        resources: {{r: {{provider: aws, service: sqs, sku: standard-request, quantity: 10}}}}
    """
    found = [f.message for f in estimate(plan_of(plan), SHIPPED).findings if f.code == "added-sku-unused"]
    assert [message.split(",")[0] for message in found] == (
        ["a price book estimates us-esat-1"] if said else []
    )

"""A price that nothing confirms is marked wherever it is shown, and counts as estimated in a bill."""

import pytest
from crafted import SOURCES, catalog_of, service_file, write_book, write_service
from helpers import plan_of

from capplan.catalog.load import read_service
from capplan.catalog.query import Filter, find_rows
from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.report.json_format import estimate_document

PLAN = """\
name: t
demand: {requests_per_second: 1, profile: flat}
resources:
  one: {provider: gcp, region: us-central1, service: compute-engine, sku: a, quantity: 1}
  two: {provider: gcp, region: us-central1, service: compute-engine, sku: b, quantity: 1}
"""

GUESS = {"as_of": "2026-11-01", "text": "one list", "unconfirmed": True}


def test_a_source_is_confirmed_unless_it_says_otherwise(tmp_path):
    sources = {"list": {"as_of": "2026-11-01", "text": "t"}, "guess": GUESS}
    skus = {
        "a": {"usd": {"us-central1": 1.0}},
        "b": {"usd": {"us-central1": 1.0}, "source": {"us-central1": "guess"}},
    }
    file = read_service(write_service(tmp_path, service_file(sources=sources, skus=skus)))
    assert [file.skus[name].source("us-central1", "on_demand").unconfirmed for name in "ab"] == [False, True]


@pytest.mark.parametrize("value", ["maybe", 1, None])
def test_whether_a_source_is_confirmed_is_true_or_false(tmp_path, value):
    file = service_file(sources={"list": GUESS | {"unconfirmed": value}})
    with pytest.raises(InputError, match=r"sources\.list\.unconfirmed: expected true or false"):
        read_service(write_service(tmp_path, file))


def test_a_table_marks_its_sources(tmp_path):
    path = write_service(tmp_path, service_file(skus={}))
    table = path.with_suffix(".tsv")
    lines = ["# a\t2026-11-01\ta list", "# b\t2026-11-01\ta guess\tunconfirmed"]
    table.write_text("\n".join([*lines, "sku\trate\tr1\tr2", "x\tusd\t1\t2@b"]) + "\n")
    sku = read_service(path).skus["x"]
    assert [sku.source(region, "on_demand").unconfirmed for region in ("r1", "r2")] == [False, True]
    table.write_text("# a\t2026-11-01\ta list\tperhaps\nsku\trate\tr1\nx\tusd\t1\n")
    with pytest.raises(InputError, match="expected a source"):
        read_service(path)


def test_a_bill_says_what_stands_on_unconfirmed_prices(tmp_path):
    skus = {"a": {"usd": {"us-central1": 1.0}}, "b": {"usd": {"us-central1": 3.0}, "source": "guess"}}
    catalog = catalog_of(tmp_path / "c", service_file(sources={**SOURCES, "guess": GUESS}, skus=skus))
    plan = plan_of(PLAN)
    found = estimate_document(estimate(plan, catalog))
    assert [line["price_status"] for line in found["cost_lines"]] == ["list", "estimated"]
    assert found["estimated_share"] == pytest.approx(0.75)
    book = write_book(tmp_path / "own.yaml", prices={"gcp/compute-engine/b": {"usd": 2.0}})
    found = estimate_document(estimate(plan_of(PLAN, f"pricing.books=[{book}]"), catalog))
    assert [line["price_status"] for line in found["cost_lines"]] == ["list", "book"]


def test_a_discount_leaves_a_price_unconfirmed(tmp_path):
    skus = {"a": {"usd": {"us-central1": 1.0}}, "b": {"usd": {"us-central1": 3.0}, "source": "guess"}}
    catalog = catalog_of(tmp_path / "c", service_file(sources={**SOURCES, "guess": GUESS}, skus=skus))
    book = write_book(tmp_path / "own.yaml", discounts=[{"percent": "10%"}])
    found = estimate_document(estimate(plan_of(PLAN, f"pricing.books=[{book}]"), catalog))
    assert [line["price_status"] for line in found["cost_lines"]] == ["book", "estimated"]


@pytest.mark.parametrize(("words", "marked"), [(["list"], ["~0.5"]), (["show", "a"], ["~0.5", "~0.4"])])
def test_lists_mark_unconfirmed_prices(tmp_path, capplan, words, marked):
    skus = {
        "a": {
            "usd": {"us-central1": 0.5},
            "spot": {"us-central1": 0.125},
            "commit_1y": {"us-central1": 0.4},
            "source": {"us-central1": "guess", "spot": "list", "commit_1y": "guess"},
        }
    }
    catalog = catalog_of(tmp_path, service_file(sources={**SOURCES, "guess": GUESS}, skus=skus))
    assert [row.unconfirmed for row in find_rows(catalog, Filter())] == ["on_demand commit_1y"]
    text = capplan("catalog", *words, "--catalogs", tmp_path).stdout
    assert [word for word in text.split() if word.startswith("~0")] == marked
    assert "confirmed by no second source" in text
    csv = capplan("catalog", *words, "--catalogs", tmp_path, "--format", "csv").stdout
    assert csv.splitlines()[1].count(",on_demand commit_1y,") == 1


def test_a_list_of_confirmed_prices_explains_no_mark(tmp_path, capplan):
    catalog_of(tmp_path, service_file(skus={"a": {"usd": {"us-central1": 0.5}}}))
    assert "~" not in capplan("catalog", "list", "--catalogs", tmp_path).stdout


def test_each_way_to_pay_names_its_own_source(tmp_path, capplan):
    skus = {
        "a": {
            "usd": {"us-central1": 0.5, "us-east1": 0.5},
            "commit_1y": {"us-central1": 0.4, "us-east1": 0.4},
            "source": {"commit_1y": "guess"},
        }
    }
    terms = {"commit_1y": {"term": "1 year", "payment": "all-upfront"}}
    sources = {**SOURCES, "guess": GUESS}
    catalog_of(tmp_path, service_file(sources=sources, skus=skus, commitments=terms))
    text = capplan("catalog", "show", "a", "--catalogs", tmp_path).stdout
    assert "1 year, all-upfront: one list (2026-11-01), in us-central1 and 1 more" in " ".join(text.split())

"""Price tables: thousands of prices beside a catalog file, read a line at a time."""

import pytest
from crafted import catalog_of, service_file, write_service
from hypothesis import given
from hypothesis import strategies as st

from capplan.catalog.load import read_service
from capplan.errors import InputError

HEAD = ("sku", "rate", "vcpu", "memory_gib", "us-central1", "europe-west1")


def table(tmp_path, *lines, head=HEAD, **changes):
    """Return the service of a catalog file with a table beside it."""
    path = write_service(tmp_path, service_file(**{"skus": None, **changes}))
    path.with_suffix(".tsv").write_text("".join("\t".join(line) + "\n" for line in (head, *lines)))
    return read_service(path)


def test_a_line_is_a_sku_at_a_rate_and_a_column_a_region(tmp_path):
    file = table(
        tmp_path,
        ("a", "usd", "2", "8", "0.1", "0.11"),
        ("a", "spot", "", "", "0.03", ""),
        ("b", "usd", "4", "16", "", "0.22"),
    )
    assert list(file.skus) == ["a", "b"]
    a, b = file.skus.values()
    assert (a.vcpu, a.memory_gib, a.unit, a.gpu) == (2, 8, "hour", None)
    assert (a.usd("us-central1"), a.usd("europe-west1")) == (0.1, 0.11)
    assert (a.usd("us-central1", "spot"), a.usd("europe-west1", "spot")) == (0.03, None)
    assert b.usd("us-central1") is None
    assert dict(b.prices["on_demand"]) == {"europe-west1": 0.22}
    assert file.regions == {"us-central1", "europe-west1"}
    assert file.newest == "2026-07-01"
    assert "0.22" in file.text


def test_a_dash_says_that_a_region_does_not_sell_it(tmp_path):
    (sku,) = table(tmp_path, ("a", "usd", "2", "8", "0.1", "-")).skus.values()
    assert sku.not_sold == {"europe-west1"}
    assert sku.usd("europe-west1") is None
    assert list(sku.prices["on_demand"]) == ["us-central1"]


def test_a_cell_names_its_source_where_it_is_not_the_files(tmp_path):
    (sku,) = table(tmp_path, ("a", "usd", "2", "8", "0.1@old", "0.2")).skus.values()
    assert sku.usd("us-central1") == 0.1
    assert sku.source("us-central1", "on_demand").text == "hearsay"
    assert sku.source("europe-west1", "on_demand").text == "a price list"


def test_a_share_is_taken_off_the_on_demand_price(tmp_path):
    head = (*HEAD, "global")
    (sku,) = table(
        tmp_path,
        ("a", "usd", "2", "8", "1", "2", ""),
        ("a", "spot%", "", "", "0.6", "", ""),
        ("a", "commit_1y%", "", "", "", "0.5", "0.4"),
        head=head,
    ).skus.values()
    assert sku.usd("us-central1", "spot") == pytest.approx(0.4)
    assert sku.usd("europe-west1", "spot") is None
    assert sku.usd("us-central1", "commit_1y") == pytest.approx(0.6)
    assert sku.usd("europe-west1", "commit_1y") == pytest.approx(1.0)


def test_what_the_catalog_file_writes_out_comes_before_the_table(tmp_path):
    written = {
        "a": {"usd": {"us-central1": 0.09}, "max_pods": 58, "source": "old"},
        "c": {"usd": {"us-central1": 3}},
    }
    file = table(tmp_path, ("a", "usd", "2", "8", "0.1", "0.2"), skus=written)
    a = file.skus["a"]
    assert (a.usd("us-central1"), a.usd("europe-west1"), a.vcpu, a.max_pods) == (0.09, 0.2, 2, 58)
    assert a.source("us-central1", "on_demand").text == "hearsay"
    assert a.source("europe-west1", "on_demand").text == "a price list"
    assert set(file.skus) == {"a", "c"}
    assert (len(file.skus), "a" in file.skus, "d" in file.skus) == (2, True, False)


def test_a_table_has_units_and_the_blocks_of_tariffs(tmp_path):
    head = ("sku", "rate", "unit", "tier_of", "from", "us-central1")
    file = table(
        tmp_path,
        ("more", "usd", "GB", "all", "100", "0.05"),
        ("first", "usd", "GB", "all", "0", "0.09"),
        head=head,
        kind="meter",
    )
    assert file.tiers == {"all": ["more", "first"]}
    assert [(s.name, s.start, s.unit) for s in file.blocks_of("all")] == [
        ("first", 0, "GB"),
        ("more", 100, "GB"),
    ]


def test_a_size_is_one_number_or_two(tmp_path):
    head = ("sku", "rate", "size_gib", "us-central1")
    file = table(tmp_path, ("a", "usd", "5-10", "1"), ("b", "usd", "32", "1"), head=head)
    assert [sku.size_gib for sku in file.skus.values()] == [(5, 10), (32, 32)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("a", "usd", "2", "8", "dear", ""), "compute-engine.tsv:2: us-central1: expected a number"),
        (("a", "usd", "2", "8", "-1", ""), "expected a number of at least 0, got '-1'"),
        (("a", "usd", "2", "8", "nan", ""), "expected a number"),
        (("a", "usd", "two", "8", "1", ""), "compute-engine.tsv:2: vcpu: expected a number"),
        (("a", "usd", "2", "8", "1"), "compute-engine.tsv:2: has 5 cells, expected 6"),
        (("a", "hourly", "2", "8", "1", ""), "compute-engine.tsv:2: unknown rate 'hourly'"),
        (("a", "usd", "2", "8", "1@nobody", ""), "compute-engine.tsv:2: unknown source 'nobody'"),
    ],
)
def test_a_wrong_line_is_named_when_it_is_read(tmp_path, line, said):
    with pytest.raises(InputError) as error:
        table(tmp_path, line).skus["a"].usd("us-central1")
    assert said in str(error.value)


@pytest.mark.parametrize("head", [("sku", "us-central1"), ("sku", "rate", "a", "a"), ("",)])
def test_a_wrong_header_is_refused(tmp_path, head):
    with pytest.raises(InputError, match=r"\.tsv:1: expected columns 'sku', 'rate'"):
        table(tmp_path, head=head)


def test_an_estimate_reads_only_the_lines_it_needs(tmp_path):
    file = table(tmp_path, ("a", "usd", "2", "8", "0.1", ""), ("b", "usd", "2", "8", "wrong", ""))
    assert file.skus["a"].usd("us-central1") == 0.1


def test_a_catalog_finds_what_a_table_has(tmp_path):
    path = write_service(tmp_path, service_file(skus=None))
    path.with_suffix(".tsv").write_text("sku\trate\tus-central1\nx-1\tusd\t0.5\n")
    catalog = catalog_of(tmp_path)
    sku = catalog.require("gcp", "compute-engine", "x-1")
    assert catalog.price("gcp", "compute-engine", sku, "us-central1", "on_demand").usd == 0.5


@given(prices=st.lists(st.none() | st.floats(1e-9, 1e6), min_size=2, max_size=2))
def test_prices_are_read_as_they_are_written(tmp_path_factory, prices):
    cells = ["" if usd is None else repr(usd) for usd in prices]
    (sku,) = table(tmp_path_factory.mktemp("t"), ("a", "usd", "2", "8", *cells)).skus.values()
    assert [sku.usd(region) for region in HEAD[-2:]] == prices

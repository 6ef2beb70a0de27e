"""Kinds of lists and of rows: places, pages, services of no region, names without their place."""

import json

import pytest
from catalog import price_lists as lists
from catalog.test_imports_traps import DAY, PARIS, core, imported, prices

from capplan.catalog.catalog import Catalog
from capplan.catalog.imports import read
from capplan.catalog.query import Filter, find_rows
from capplan.cli.price_lists import Import, selection_of
from capplan.errors import InputError

assert imported  # A fixture.


@pytest.mark.parametrize(
    ("location", "region"),
    [
        ("Canada (Central)", "ca-central-1"),
        ("South America (Sao Paulo)", "sa-east-1"),
        ("EU (Paris)", PARIS),
        ("Europe (Spain)", "eu-south-2"),
    ],
)
def test_lists_without_codes_name_regions_as_consoles_do(imported, location, region):
    row = lists.aws_row("NatGateway-Hours", "0.05", Location=location, Region_Code="")
    assert prices(imported("aws", lists.aws_csv("AmazonEC2", row)), "nat-gateway") == {("hour", region): 0.05}


EDGE = {"Region_Code": "", "Location": "United States", "Location_Type": "AWS Edge Location"}


@pytest.mark.parametrize(
    ("offer", "row", "found"),
    [
        (
            "AmazonCloudFront",
            lists.aws_row(
                "", "2e-6", "Requests", usageType="US-Requests-Tier2-HTTPS", Product_Family="Request", **EDGE
            ),
            ("cloudfront", "https-request", "global", 2e-6),
        ),
        (
            "AmazonRoute53",
            lists.aws_row(
                *("", "0.6", "HostedZone"),
                usageType="HostedZone",
                Region_Code="",
                Location="",
                Location_Type="",
            ),
            ("route53", "hosted-zone", "global", 0.6),
        ),
        (
            "AWSEvents",
            lists.aws_row("Event-64K-Chunks", "0.000002", "64K Chunks"),
            ("eventbridge", "custom-event", PARIS, 2e-6),
        ),
        ("awswaf", lists.aws_row("WebACLV2", "6", "Web ACLs"), ("waf", "web-acl", PARIS, 6)),
        ("AmazonKinesis", lists.aws_row("S", "0.02", "ShardHour"), ("kinesis", "s", PARIS, 0.02)),
    ],
)
def test_services_of_aws_have_the_names_of_the_catalogs(imported, offer, row, found):
    service, sku, region, usd = found
    assert prices(imported("aws", lists.aws_csv(offer, row)), service) == {(sku, region): usd}


def test_edges_elsewhere_and_other_events_are_other_products(imported):
    rows = [
        lists.aws_row("Event-64K-Chunks", "0.000002", "64K Chunks"),
        lists.aws_row("WebACLV2", "6", "Web ACLs", Location_Type="Other"),
    ]
    assert imported("aws", lists.aws_csv("AWSEvents", *rows)).collection.left_out == {"locationtype Other": 1}
    edge = [
        lists.aws_row("", usd, "GB", usageType=f"{at}-DataTransfer-Out-Bytes", **EDGE)
        for at, usd in (("US", "0.07"), ("JP", "0.11"))
    ]
    work = imported("aws", lists.aws_csv("AmazonCloudFront", *edge))
    assert prices(work, "cloudfront") == {("egress", "global"): 0.07}


def test_what_has_two_prices_is_named_with_its_rows(imported):
    rows = [lists.machine("m9x.large", usd) for usd in ("0.10", "0.12", "0.10")]
    work = imported("aws", lists.aws_csv("AmazonEC2", lists.machine("m9x.xlarge", "0.2"), *rows))
    (said,) = work.collection.doubted
    assert said.startswith("ec2/m9x.large, on_demand in eu-west-3: 0.1 (")
    assert "list-0:8) or 0.12 (" in said
    assert said.endswith("list-0:9)")


def test_a_value_may_hold_several_pages_and_empty_ones(imported):
    pages = [{"Items": [lists.vm(0.2)], "NextPageLink": None}, {"Items": []}]
    work = imported("azure", pages)
    assert prices(work, "virtual-machines") == {("Standard_D4x_v9", "francecentral"): 0.2}
    assert work.collection.left_out == {"a page without prices": 1}
    with pytest.raises(InputError, match="1 × a page without prices"):
        imported("azure", {"Items": []})


def test_lists_of_another_provider_in_a_directory_are_left_out(tmp_path):
    both = tmp_path / "lists"
    both.mkdir()
    (both / "a.json").write_text(json.dumps({"Items": [lists.vm(0.2)]}))
    (both / "b.csv").write_text(lists.EC2)
    work = Import("azure", selection_of([]), tmp_path / "own", None, DAY)
    work.read([both])
    assert prices(work, "virtual-machines") == {("Standard_D4x_v9", "francecentral"): 0.2}
    assert work.collection.left_out == {"a price list of another provider": 1}
    with pytest.raises(InputError, match="is a price list of aws, not of azure"):
        Import("azure", selection_of([]), tmp_path / "own", None, DAY).read([both / "b.csv"])


@pytest.mark.parametrize("sku", ["Standard_E4x_v3_Promo", "Standard_E4x_v3"])
def test_promotions_and_what_is_sold_no_more_are_left_out(imported, sku):
    name = "E4x v3 Expired" if sku.endswith("v3") else "E4x v3"
    odd = lists.vm(0.1, sku=name) | {"armSkuName": sku}
    assert set(prices(imported("azure", {"Items": [lists.vm(0.2), odd]}), "virtual-machines")) == {
        ("Standard_D4x_v9", "francecentral")
    }


def run_sku(description, unit):
    sku = lists.gcp_sku("Cloud Run", "Compute", description, unit, (0, 3e-6))
    return sku | {"serviceRegions": ["europe-west9"]}


@pytest.mark.parametrize(
    ("description", "unit", "sku"),
    [
        (
            "Services Min Instance CPU (Request-based billing) in europe-west9",
            "s",
            "request-based-min-instance-idle-cpu",
        ),
        (
            "Services Min Instance Memory (Request-based billing)",
            "GiBy.s",
            "request-based-min-instance-idle-memory",
        ),
        ("Jobs CPU in europe-west9", "s", "jobs-cpu"),
        ("Autoclass Storage Paris", "GiBy.mo", "autoclass-storage"),
        ("Relay running in Paris", "h", "relay"),
    ],
)
def test_a_sku_of_google_has_one_name_in_every_region(imported, description, unit, sku):
    work = imported("gcp", {"skus": [run_sku(description, unit)]})
    assert set(prices(work, "cloud-run")) == {(sku, "europe-west9")}


def test_a_list_that_is_too_large_for_json_says_what_to_do(imported, monkeypatch):
    monkeypatch.setattr(read, "_LARGEST_JSON", 1 << 20)
    large = {"skus": [core("N2 Instance Core", 0.03)], "filler": "x" * (1 << 20)}
    with pytest.raises(InputError, match=r"too large for JSON.*The limit is 1 MiB"):
        imported("gcp", large)


def test_an_import_with_an_error_in_it_is_not_written(capplan, tmp_path):
    path = tmp_path / "page.json"
    row = lists.azure_row("Relays", "Relays", "Standard", "Standard Calls", 1)
    path.write_text(json.dumps({"Items": [row | {"tierMinimumUnits": 13}]}))
    run = capplan("catalog", "import", "azure", path, "-o", tmp_path / "own")
    assert run.exit_code == 2
    assert "[tiers]" in run.stdout
    assert "nothing was written" in run.stderr
    assert not (tmp_path / "own").exists()


def test_each_commitment_says_how_it_is_paid(imported):
    vcore = ("Azure Database for PostgreSQL Flexible Server General Purpose Ddsv5 Series Compute", "vCore")
    row = lists.azure_row("Azure Database for PostgreSQL", *vcore, "vCore", 0.1)
    reserved = {**row, "type": "Reservation", "reservationTerm": "1 Year", "retailPrice": 569.4}
    saving = lists.vm(0.2, savingsPlan=[{"retailPrice": 0.15, "term": "1 Year"}])
    work = imported("azure", {"Items": [row, reserved, saving]})
    wanted = Filter("azure", "postgresql-flexible", name="GP_Standard_D4ds_v5")
    rows = find_rows(Catalog(work.directory), wanted)
    paid = {row.region: row.other_sources.partition(": ")[0] for row in rows if row.sku == wanted.name}
    assert paid["francecentral"] == "1 year, reservation"
    assert paid["westeurope"] == "1 year, savings plan"
    machine = Filter("azure", "virtual-machines", "francecentral", "Standard_D4x_v9")
    (row,) = find_rows(Catalog(work.directory), machine)
    assert row.other_sources.startswith("1 year, savings plan: ")

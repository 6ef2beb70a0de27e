"""Providers' own price lists become catalogs: what is taken, what is left out, and what is refused."""

import csv
import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml
from catalog import price_lists as lists
from helpers import SHIPPED, plan_of

from capplan.catalog.catalog import Catalog
from capplan.catalog.imports.found import measured
from capplan.catalog.imports.overlay import text
from capplan.cli.price_lists import Import, selection_of
from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.report.focus import focus_sheet
from capplan.report.json_format import estimate_document
from capplan.report.view import view
from capplan.strictyaml import load

DAY = date(2026, 11, 1)
RATE = "{per_usd: 0.5, as_of: 2026-11-01, source: a bank}"


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., Import]:
    """Return a function that imports texts, or values as JSON, and writes the catalogs."""

    def run(provider: str, *contents: object, select: str = "", as_of: date | None = None) -> Import:
        paths = []
        for index, content in enumerate(contents):
            text = content if isinstance(content, str) else json.dumps(content)
            paths.append(tmp_path / f"list-{index}")
            paths[-1].write_text(text, encoding="utf-8")
        work = Import(provider, selection_of([select] if select else []), tmp_path / "own", None, DAY)
        work.read(paths, as_of)
        for path, text in work.texts().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return work

    return run


def content(work: Import, service: str) -> dict:
    path = work.directory / work.collection.provider / f"{service}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_an_aws_offer_becomes_machines_and_volumes(imported):
    work = imported("aws", lists.EC2)
    assert content(work, "ec2")["skus"] == {
        "m9x.xlarge": {"vcpu": 4, "memory_gib": 16, "usd": {"eu-west-3": 0.21}}
    }
    assert content(work, "ebs")["skus"] == {
        "gp3": {"usd": {"eu-west-3": 0.093}},
        "gp3-throughput-above-125": {"unit": "MBps-month", "usd": {"eu-west-3": 0.046}},
    }
    assert content(work, "ec2")["sources"] == {
        "aws-price-list-amazonec2-2026-09-04": {"as_of": date(2026, 9, 4), "text": "AWS price list AmazonEC2"}
    }


def test_what_is_left_out_is_counted_by_reason(imported):
    assert imported("aws", lists.EC2).collection.left_out == {
        "operatingsystem Windows": 1,
        "tenancy Dedicated": 1,
        "capacitystatus AllocatedCapacityReservation": 1,
        "AmazonEC2 FluxCapacitor": 1,
    }


def test_the_json_offer_says_what_the_csv_offer_says(imported):
    csv = content(imported("aws", lists.EC2, select="service=ec2"), "ec2")["skus"]
    assert content(imported("aws", lists.offer_json()), "ec2")["skus"] == csv


def test_a_list_without_region_codes_names_places(imported):
    columns = tuple(name for name in lists.HEAD if name != "Region Code")
    work = imported("aws", lists.aws_csv("AmazonEC2", lists.machine("m9x.xlarge", 0.21), columns=columns))
    assert content(work, "ec2")["skus"]["m9x.xlarge"]["usd"] == {"eu-west-3": 0.21}


def test_databases_keep_engine_and_availability_apart_and_reservations_their_fee(imported):
    found = content(imported("aws", lists.RDS), "rds-postgres")
    assert found["skus"]["db.r6g.large"]["usd"] == {"eu-west-3": 0.264}
    assert found["skus"]["db.r6g.large"]["commit_1y"] == {"eu-west-3": pytest.approx(0.08 + 700.80 / 8760)}
    assert found["skus"]["db.r6g.large multi-az"]["usd"] == {"eu-west-3": 0.529}
    assert found["skus"]["storage-general-purpose"] == {"unit": "GiB-month", "usd": {"eu-west-3": 0.133}}
    assert found["commitments"] == {"commit_1y": {"term": "1 year", "payment": "partial-upfront"}}


def test_a_reservation_without_its_fee_is_left_out(imported):
    text = "\n".join(line for line in lists.RDS.splitlines() if "Quantity" not in line)
    work = imported("aws", text)
    assert "commit_1y" not in content(work, "rds-postgres")["skus"]["db.r6g.large"]
    assert work.collection.left_out["a reservation without its fee or its hours"] == 1


def test_blocks_that_begin_where_the_catalogs_do_keep_its_free_tier(imported):
    work = imported("aws", lists.EGRESS)
    catalog = Catalog(work.directory)
    blocks = catalog.tariff("aws", "egress-internet", "internet", "eu-west-3", "on_demand")
    assert [(b.start, b.price.usd) for b in blocks] == [
        (0, 0), (100, 0.10), (10240, 0.09), (51200, 0.08), (153600, 0.07),
    ]  # fmt: skip


def test_an_offer_without_rules_keeps_the_providers_names(imported):
    work = imported("aws", lists.TRAVEL)
    assert content(work, "time-travel")["skus"] == {"jump-requests": {"usd": {"eu-west-3": 0.000003}}}
    assert content(work, "time-travel")["unit"] == "request"
    assert work.collection.left_out == {"AmazonTimeTravel unit Jigowatts": 1}


def test_a_tariff_of_one_block_takes_the_name_and_the_free_tier_that_catalogs_have(imported):
    work = imported("aws", lists.aws_csv("awskms", lists.aws_row("KMS-Requests", "0.000005", "Requests")))
    blocks = Catalog(work.directory).tariff("aws", "kms", "request", "eu-west-3", "on_demand")
    assert [(block.start, block.price.usd) for block in blocks] == [(0, 0), (20_000, 0.000005)]


def test_machines_of_google_follow_from_cores_and_memory(imported):
    found = content(imported("gcp", lists.GCP), "compute-engine")["skus"]["e2-standard-4"]["usd"]
    assert found["europe-west9"] == pytest.approx(4 * 0.025 + 16 * 50 / 15000)


def test_flexible_servers_follow_from_their_vcores(imported):
    product = "Azure Database for PostgreSQL Flexible Server General Purpose Ddsv4 Series Compute"
    row = lists.azure_row("Azure Database for PostgreSQL", product, "1 vCore", "vCore", 0.1)
    skus = content(imported("azure", {"Items": [row]}), "postgresql-flexible")["skus"]
    assert skus["general-purpose-Ddsv4-vcore"]["usd"] == {"francecentral": 0.1}
    assert skus["GP_Standard_D4ds_v4"]["usd"] == {"francecentral": 0.4}


def test_of_two_prices_of_one_sku_none_is_taken(imported):
    rows = (lists.machine("m9x.xlarge", usd) for usd in ("0.21", "0.22", "0.21"))
    work = imported("aws", lists.aws_csv("AmazonEC2", *rows, lists.machine("m9y.large", "0.1")))
    assert set(content(work, "ec2")["skus"]) == {"m9y.large"}
    assert work.collection.left_out == {"two prices of the same SKU, so none is taken": 1}


def test_prices_by_another_unit_do_not_mix(imported):
    rows = [
        lists.azure_row("Teleporter", "Beam", "Std", "Std", usd, unitOfMeasure=unit)
        for usd, unit in ((1, "1 Hour"), (2, "10K"))
    ]
    work = imported("azure", {"Items": rows})
    assert content(work, "teleporter")["skus"] == {"beam-std": {"usd": {"francecentral": 1}}}
    assert work.collection.left_out == {"a second unit of the same SKU": 1}


def test_spot_savings_come_off_the_on_demand_price(imported):
    work = imported("aws", lists.EC2, lists.ADVISOR)
    assert content(work, "ec2")["skus"]["m9x.xlarge"]["spot"] == {"eu-west-3": pytest.approx(0.21 * 0.4)}
    assert work.collection.left_out["spot: no on-demand price, or no saving"] == 1


def test_savings_plans_name_their_machine_or_its_sku(imported):
    work = imported("aws", lists.EC2, lists.PLANS)
    skus = content(work, "ec2")["skus"]
    assert skus["m9x.xlarge"]["commit_3y"] == {"eu-west-3": 0.09}
    assert skus["m9z.large"]["commit_3y"] == {"eu-west-3": 0.045}


def test_azure_rows_become_machines_disks_and_tariffs(imported):
    work = imported("azure", lists.AZURE)
    assert content(work, "virtual-machines")["skus"] == {
        "Standard_D4x_v9": {
            "usd": {"francecentral": 0.2},
            "spot": {"francecentral": 0.05},
            "commit_1y": {"francecentral": 0.1},
        }
    }
    assert content(work, "managed-disk")["skus"]["P40-LRS-2048GiB"] == {"usd": {"francecentral": 250.5}}
    assert SHIPPED.find("azure", "managed-disk", "P40-LRS-2048GiB").size_gib == (2048, 2048), "not said again"
    assert content(work, "container-apps")["skus"]["vcpu-active"] == {
        "usd": {"francecentral": pytest.approx(0.1224)},
        "commit_1y": {"francecentral": pytest.approx(0.1044)},
    }
    assert content(work, "functions")["skus"] == {"executions": {"usd": {"francecentral": 2e-7}}}
    assert work.collection.left_out["unit 1 Person"] == 1


def test_a_page_that_goes_on_elsewhere_is_said(imported):
    work = imported("azure", {**lists.AZURE, "NextPageLink": "https://example.test/next"})
    assert work.collection.left_out["a page that follows, and is not among the files"] == 1


def test_a_list_without_a_day_is_of_its_newest_price_unless_one_is_given(imported):
    (source,) = content(imported("azure", lists.AZURE), "managed-disk")["sources"].values()
    assert source["as_of"] == date(2026, 8, 1)
    (source,) = content(imported("azure", lists.AZURE, as_of=DAY), "managed-disk")["sources"].values()
    assert source["as_of"] == DAY


def test_google_skus_hold_in_all_their_regions_and_in_dollars(imported):
    work = imported("gcp", lists.GCP)
    skus = content(work, "compute-engine-unit")["skus"]
    everywhere = lambda usd: {"europe-west12": usd, "europe-west9": usd}  # noqa: E731
    assert skus["e2-predefined-vcpu"] == {"usd": everywhere(0.025), "spot": everywhere(0.01)}
    assert skus["e2-predefined-ram"]["usd"] == everywhere(pytest.approx(50 / 15000))
    assert content(work, "cloud-run")["skus"] == {"request-based-cpu": {"usd": everywhere(3e-05)}}
    assert content(work, "cloud-sql-mysql")["skus"] == {
        "enterprise-vcpu": {"unit": "vCPU-hour", "usd": everywhere(0.05)}
    }
    assert set(content(work, "pub-sub")["skus"]) == {
        "message-delivery-basic-from-0",
        "message-delivery-basic-from-10",
    }
    assert work.collection.left_out == {"unit prophecy": 1}


def test_models_are_sold_by_the_token(imported):
    work = imported("gcp", lists.MODELS)
    assert content(work, "gemini-api")["skus"] == {
        "gemini-9-input": {"usd": {"global": 2e-6}},
        "gemini-9-output": {"usd": {"global": 8e-6}},
    }


def test_a_focus_price_sheet_gives_list_prices(imported):
    work = imported("aws", lists.FOCUS)
    assert content(work, "teleport")["skus"] == {"beam-requests": {"usd": {"eu-west-3": 0.5}}}
    assert content(work, "ec2")["skus"] == {"m9x.xlarge": {"usd": {"eu-west-3": 0.21}}}


@pytest.mark.parametrize(
    ("select", "services"),
    [
        ("service=ebs", ["aws/ebs.yaml"]),
        ("service=e*,region=eu-west-3", ["aws/ebs.yaml", "aws/ec2.yaml"]),
        ("family=m9x", ["aws/ec2.yaml"]),
    ],
)
def test_only_what_is_selected_is_taken(imported, select, services):
    assert sorted(imported("aws", lists.EC2, select=select).written.texts) == services


@pytest.mark.parametrize("select", ["colour=red", "region", "region="])
def test_a_selection_of_nothing_known_is_refused(select):
    with pytest.raises(InputError, match="--select"):
        selection_of([select])


LISTS = {
    "aws": (lists.EC2, lists.RDS, lists.EGRESS, lists.TRAVEL, lists.ADVISOR, lists.PLANS),
    "azure": (lists.AZURE,),
    "gcp": (lists.GCP,),
}


@pytest.mark.parametrize("provider", LISTS)
def test_importing_twice_changes_nothing(imported, provider):
    once = {path: path.read_bytes() for path in imported(provider, *LISTS[provider]).texts()}
    again = imported(provider, *LISTS[provider])
    assert {path: path.read_bytes() for path in again.texts()} == once
    assert again.report().document()["changes"] == []


@pytest.mark.parametrize("provider", LISTS)
def test_a_catalog_renders_to_itself(imported, provider):
    for path in imported(provider, *LISTS[provider]).texts():
        if path.suffix == ".yaml":
            written = path.read_text(encoding="utf-8")
            assert text(load(written, str(path))) == written


@pytest.mark.parametrize("sets", [(), ("pricing.currency=EUR", f"pricing.rate={RATE}")], ids=["USD", "EUR"])
def test_list_prices_survive_the_way_through_focus(imported, sets):
    """What capplan writes as FOCUS, it reads again: the list prices on demand of what was used."""
    plan = """
        name: t
        regions: {aws: eu-west-1}
        demand: {requests_per_second: 10, profile: flat}
        services: {api: {platform: vm-group, provider: aws, machine: m5.large, throughput: 100/s}}
        databases: {db: {platform: rds, engine: postgres, machine: db.m5.large, storage: 100GiB}}
    """
    estimated = estimate(plan_of(plan, *sets), SHIPPED)
    sheet = focus_sheet([view(estimated)], "2026-11", SHIPPED.facts("regions"))
    out = io.StringIO()
    csv.writer(out).writerows([sheet.columns, *sheet.rows])
    work = imported("aws", out.getvalue())
    assert len(work.collection.entries) == len(estimated.lines)
    for line in estimated.lines:
        service, region = line.meter.service, line.meter.region
        assert content(work, service)["skus"][line.sku]["usd"][region] == pytest.approx(line.list_price)


def test_a_second_import_keeps_what_it_does_not_say(imported):
    imported("aws", lists.EC2)
    other = imported(
        "aws", lists.aws_csv("AmazonEC2", lists.machine("m9x.xlarge", 0.3), lists.machine("m9y.large", 0.1))
    )
    assert {name: row["usd"]["eu-west-3"] for name, row in content(other, "ec2")["skus"].items()} == {
        "m9x.xlarge": 0.3,
        "m9y.large": 0.1,
    }
    assert content(other, "ebs")["skus"]["gp3"]["usd"] == {"eu-west-3": 0.093}


def test_what_an_import_changes_is_shown_against_the_catalogs_that_hold(imported):
    imported("aws", lists.EC2)
    work = imported("aws", lists.aws_csv("AmazonEC2", lists.machine("m9x.xlarge", 0.25)))
    work = Import("aws", selection_of([]), work.directory, None, DAY)
    path = work.directory.parent / "dearer"
    path.write_text(lists.aws_csv("AmazonEC2", lists.machine("m9x.xlarge", 0.5)))
    work.read([path])
    (change,) = work.report().document()["changes"]
    assert (change["sku"], change["before"], change["after"]) == ("m9x.xlarge", 0.25, 0.5)


def test_a_plan_is_priced_with_what_was_imported(imported):
    work = imported("aws", lists.EC2, lists.RDS)
    text = """
        name: t
        regions: {aws: eu-west-3}
        demand: {requests_per_second: 10, profile: flat}
        services: {api: {platform: vm-group, provider: aws, machine: m9x.xlarge, throughput: 100/s}}
        databases: {db: {platform: rds, engine: postgres, machine: db.r6g.large, storage: 100GiB}}
    """
    found = estimate(plan_of(text), Catalog(work.directory))
    lines = {line["sku"]: line["unit_price"] for line in estimate_document(found)["cost_lines"]}
    assert lines["m9x.xlarge"] == 0.21
    assert lines["db.r6g.large"] == 0.264
    assert lines["storage-general-purpose"] == 0.133


def test_a_file_that_somebody_wrote_is_not_replaced(imported, tmp_path):
    path = tmp_path / "own" / "aws" / "ec2.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("# mine\n")
    with pytest.raises(InputError, match="was not written by"):
        imported("aws", lists.EC2)
    assert path.read_text() == "# mine\n"


ROW = lists.EC2.splitlines()[6]
BAD = {
    "empty": ("aws", "", "list-0: is empty"),
    "wrong provider": ("azure", lists.EC2, "list-0: is a price list of aws, not of azure"),
    "wrong provider, JSON": ("aws", json.dumps(lists.AZURE), "list-0: is a price list of azure"),
    "no column": ("aws", lists.EC2.replace('"PricePerUnit"', '"Price"'), ":6: no column 'PricePerUnit'"),
    "no field": ("azure", json.dumps({"Items": [{"retailPrice": 1}]}), "no column 'armRegionName'"),
    "a short row": ("aws", lists.EC2.replace(ROW, '"a","b","c"'), "list-0:7: the row has 3 cells"),
    "a stray quote": ("aws", lists.EC2.replace(ROW, '"abc"def,"'), "list-0:7: not readable as CSV"),
    "no price": ("aws", lists.EC2.replace("0.2100000000", "cheap"), ":7: price 'cheap' is not"),
    "a negative price": ("aws", lists.EC2.replace("0.2100000000", "-1"), "list-0:7: price '-1'"),
    "a huge price": ("aws", lists.EC2.replace("0.2100000000", "1e400"), "list-0:7: price '1e400'"),
    "no number": ("aws", lists.EC2.replace("0.2100000000", "nan"), "list-0:7: price 'nan'"),
    "broken JSON": ("azure", json.dumps(lists.AZURE)[:-9], "list-0:1:"),
    "a digit too many": ("azure", '{"Items": [{"retailPrice": ' + "9" * 5000 + "}]}", "list-0"),
    "another shape": ("gcp", json.dumps({"skus": [{**lists.GCP["skus"][0], "pricingInfo": 3}]}), "skus[0]"),
    "a row of another shape": ("azure", json.dumps({"Items": [lists.vm(1), 7]}), "list-0: Items[1]"),
    "a price of another shape": ("azure", json.dumps({"Items": [lists.vm([1])]}), "Items[0]: price '[1]'"),
    "something else": ("aws", '{"hello": "world"}', "is no price list that capplan knows"),
    "nothing to take": ("aws", lists.aws_csv("AmazonEC2"), "no price in it has a place"),
    "terms of another shape": ("aws", '{"products": [], "terms": {}}', "must be mappings"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_damaged_list_is_refused_with_its_place(imported, case, tmp_path):
    provider, text, says = BAD[case]
    with pytest.raises(InputError) as caught:
        imported(provider, text)
    assert says in str(caught.value)
    assert not (tmp_path / "own").exists()


def test_a_list_may_be_gzipped_and_a_broken_one_is_refused(tmp_path):
    whole = gzip.compress(lists.EC2.encode())
    for name, data in (("whole.csv.gz", whole), ("half.csv.gz", whole[: len(whole) // 2])):
        (tmp_path / name).write_bytes(data)
    work = Import("aws", selection_of([]), tmp_path / "own", None, DAY)
    work.read([tmp_path / "whole.csv.gz"])
    assert ("ec2", "m9x.xlarge") in work.collection.entries
    with pytest.raises(InputError, match="gzip"):
        Import("aws", selection_of([]), tmp_path / "own", None, DAY).read([tmp_path / "half.csv.gz"])


def test_a_directory_gives_its_lists_and_nothing_else(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ec2.csv").write_text(lists.EC2)
    (tmp_path / "in" / "README.md").write_text("not a list")
    work = Import("aws", selection_of([]), tmp_path / "own", None, DAY)
    work.read([tmp_path / "in"])
    assert [origin.title for origin in work.origins] == ["AWS price list AmazonEC2"]
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="holds no CSV or JSON file"):
        work.read([tmp_path / "none"])


def test_a_long_list_is_read_row_by_row(tmp_path):
    """Memory must not grow with the rows that nobody wants."""
    windows = lists.machine("m9x.xlarge", 0.5, Operating_System="Windows", SKU="X" * 200)
    peaks = []
    for rows in (100, 20_000):
        path = tmp_path / f"{rows}.csv"
        path.write_text(lists.aws_csv("AmazonEC2", lists.machine("m9x.xlarge", 0.21), *[windows] * rows))
        work = Import("aws", selection_of([]), tmp_path / "own", None, DAY)
        tracemalloc.start()
        work.read([path])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert path.stat().st_size > 8_000_000
    assert peaks[1] < peaks[0] + 1_000_000


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("1 Hour", ("hour", 1)),
        ("100 Hours", ("hour", 100)),
        ("10K", ("request", 10_000)),
        ("1M", ("request", 1_000_000)),
        ("1 GB/Month", ("GiB-month", 1)),
        ("1/Month", ("month", 1)),
        ("GB-Mo", ("GiB-month", 1)),
        ("GiBy.mo", ("GiB-month", 1)),
        ("1 Person", None),
        ("0 Hours", None),
    ],
)
def test_units_are_read_as_providers_write_them(text, unit):
    assert measured(text) == unit

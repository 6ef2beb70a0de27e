"""Catalogs and books laid over one another: what they add, and what they replace."""

import os
from pathlib import Path

import pytest
from crafted import SOURCES, catalog_of, service_file, write_book, write_service
from helpers import SHIPPED, plan_of

from capplan.catalog.catalog import Catalog
from capplan.catalog.roots import RECORD, imported_dir
from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.report.json_format import estimate_document

SKUS = {
    "n1-standard-1": {"usd": {"us-central1": 1.0, "europe-west1": 1.2}, "spot": {"us-central1": 0.3}},
    "n1-standard-2": {"vcpu": 2, "usd": {"us-central1": 2.0}},
}
EGRESS = {
    "provider": "aws",
    "service": "egress-internet",
    "kind": "meter",
    "unit": "GiB",
    "sources": SOURCES,
}


@pytest.fixture
def whole(tmp_path):
    catalog_of(tmp_path / "whole", service_file(skus=SKUS))
    return tmp_path / "whole"


def over(*paths: Path) -> Catalog:
    return Catalog(Path(os.pathsep.join(map(str, paths))))


def usd(catalog: Catalog, name: str, region: str, rate: str = "on_demand") -> float | None:
    sku = catalog.require("gcp", "compute-engine", name)
    price = catalog.price("gcp", "compute-engine", sku, region, rate)
    return None if price is None else price.usd


def test_an_overlay_adds_and_replaces_sku_by_sku_and_region_by_region(whole, tmp_path):
    skus = {
        "n1-standard-1": {"usd": {"europe-west1": 1.5, "asia-east1": 1.6}},
        "x9": {"usd": {"asia-east1": 9}},
    }
    write_service(tmp_path / "mine", service_file(skus=skus))
    catalog = over(whole, tmp_path / "mine")
    assert usd(catalog, "n1-standard-1", "us-central1") == 1.0
    assert usd(catalog, "n1-standard-1", "us-central1", "spot") == 0.3
    assert usd(catalog, "n1-standard-1", "europe-west1") == 1.5
    assert usd(catalog, "n1-standard-1", "asia-east1") == 1.6
    assert usd(catalog, "n1-standard-2", "us-central1") == 2.0
    assert usd(catalog, "x9", "asia-east1") == 9


def test_the_last_overlay_wins_and_a_whole_catalog_takes_the_place_of_all_before(whole, tmp_path):
    for name, price in (("one", 5.0), ("two", 6.0)):
        skus = {"n1-standard-1": {"usd": {"us-central1": price}}}
        write_service(tmp_path / name, service_file(skus=skus))
    one, two = tmp_path / "one", tmp_path / "two"
    assert usd(over(whole, one, two), "n1-standard-1", "us-central1") == 6.0
    assert usd(over(whole, two, one), "n1-standard-1", "us-central1") == 5.0
    assert usd(over(one, two, whole), "n1-standard-1", "us-central1") == 1.0


def test_an_overlay_adds_to_the_catalogs_that_ship(tmp_path):
    write_service(
        tmp_path / "mine", service_file(service="tapes", kind="meter", skus={"reel": {"usd": {"global": 3}}})
    )
    catalog = Catalog(tmp_path / "mine")
    assert "tapes" in catalog.names("gcp")
    assert set(SHIPPED.names("gcp")) < set(catalog.names("gcp"))


def test_each_price_keeps_its_own_source(whole, tmp_path):
    skus = {"n1-standard-1": {"usd": {"europe-west1": 1.5}}}
    write_service(tmp_path / "mine", service_file(skus=skus, source="old"))
    sku = over(whole, tmp_path / "mine").require("gcp", "compute-engine", "n1-standard-1")
    assert sku.source("europe-west1", "on_demand").text == "hearsay"
    assert sku.source("us-central1", "on_demand").text == "a price list"


def test_blocks_of_two_layers_do_not_mix(tmp_path):
    base = {
        "free": {"tier_of": "internet", "from": 0, "free": True, "usd": {"global": 0}},
        "rest": {"tier_of": "internet", "from": 100, "usd": {"us-east-1": 0.09}},
    }
    own = {
        "first": {"tier_of": "internet", "from": 0, "usd": {"eu-west-1": 0.08}},
        "then": {"tier_of": "internet", "from": 500, "usd": {"eu-west-1": 0.05}},
    }
    catalog_of(tmp_path / "whole", service_file(**EGRESS, skus=base))
    write_service(tmp_path / "mine", service_file(**EGRESS, skus=own))
    catalog = over(tmp_path / "whole", tmp_path / "mine")

    def blocks(region: str) -> list[tuple[float, float | None]]:
        tariff = catalog.tariff("aws", "egress-internet", "internet", region, "on_demand")
        return [(block.start, None if block.price is None else block.price.usd) for block in tariff]

    assert blocks("eu-west-1") == [(0, 0.08), (500, 0.05)]
    assert blocks("us-east-1") == [(0, 0), (100, 0.09)]


def test_an_overlay_that_sells_by_another_unit_is_refused(whole, tmp_path):
    skus = {"n1-standard-1": {"unit": "month", "usd": {"us-central1": 700}}}
    path = write_service(tmp_path / "mine", service_file(skus=skus))
    with pytest.raises(InputError) as caught:
        over(whole, tmp_path / "mine").service("gcp", "compute-engine")
    assert f"{path}: n1-standard-1" in str(caught.value)


@pytest.mark.parametrize("made", [True, False])
def test_what_is_no_directory_of_catalogs_is_refused(tmp_path, made):
    if made:
        (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="catalog"):
        Catalog(tmp_path / "empty")


@pytest.mark.parametrize("imported", [True, False])
def test_the_users_catalogs_hold_only_if_they_were_imported(tmp_path, monkeypatch, imported):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    write_service(
        imported_dir(), service_file(service="tapes", kind="meter", skus={"reel": {"usd": {"global": 3}}})
    )
    if imported:
        (imported_dir() / RECORD).write_text("{}")
    assert ("tapes" in Catalog().names("gcp")) is imported


def test_the_catalogs_laid_over_are_on_record(tmp_path):
    write_service(
        tmp_path / "mine",
        service_file(service="tapes", kind="meter", unit="GB", skus={"reel": {"usd": {"global": 3}}}),
    )
    plan = plan_of(
        PLAN.format("{provider: gcp, region: us-central1, service: tapes, sku: reel, quantity: 2}")
    )
    found = estimate(plan, Catalog(tmp_path / "mine"))
    assert estimate_document(found)["monthly_cost"]["expected"] == 6
    assert [used.label for used in found.catalogs] == [f"gcp/tapes of {tmp_path / 'mine'}"]


PLAN = """
    name: t
    demand: {{requests_per_second: 1, profile: flat}}
    resources: {{thing: {}}}
"""
LAMBDA = {
    "aws/lambda/request-free": {"tier_of": "request", "unit": "request", "free": True, "usd": 0},
    "aws/lambda/request-paid": {"tier_of": "request", "from": 1e6, "unit": "request", "usd": 2e-7},
}


def document(tmp_path: Path, resource: str, **book: object) -> dict:
    path = write_book(tmp_path / "mine.yaml", **book)
    return estimate_document(estimate(plan_of(PLAN.format(resource), f"pricing.books=[{path}]"), SHIPPED))


def test_a_book_adds_a_service_with_blocks_and_a_free_tier(tmp_path):
    resource = "{provider: aws, region: eu-west-1, service: lambda, sku: request, quantity: 3000000}"
    found = document(tmp_path, resource, prices=LAMBDA)
    assert found["monthly_cost"]["expected"] == pytest.approx(0.4)
    assert {line["price_status"] for line in found["cost_lines"]} == {"book"}


def test_a_book_adds_a_sku_to_a_service_that_is_known(tmp_path):
    row = {"aws/fargate/windows-licence": {"unit": "vCPU-hour", "usd": {"eu-west-1": 0.05}}}
    resource = "{provider: aws, region: eu-west-1, service: fargate, sku: windows-licence, quantity: 2}"
    assert document(tmp_path, resource, prices=row)["monthly_cost"]["expected"] == pytest.approx(73)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"awss/lambda/request": {"unit": "request", "usd": 1}}, "unknown provider 'awss'"),
        ({"aws/lambda/request": {"unit": "request", "usd": 1, "from": 5}}, "not of which tariff"),
    ],
)
def test_a_row_that_adds_nothing_sensible_is_refused(tmp_path, row, says):
    with pytest.raises(InputError, match=says):
        document(tmp_path, "{provider: aws, region: eu-west-1, service: lambda, sku: request}", prices=row)


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("aws/nat-gateway/hours", "Did you mean aws/nat-gateway/hour?"),
        ("aws/nat-gatway/hour", "Did you mean aws/nat-gateway/hour?"),
        ("aws/ec2/m9i.large", None),
        ("aws/fargate/windows-licence", None),
    ],
)
def test_a_misspelt_addition_that_nothing_uses_is_said(tmp_path, key, near):
    resource = "{provider: aws, region: eu-west-1, service: nat-gateway, sku: hour, quantity: 2}"
    found = document(tmp_path, resource, prices={key: {"unit": "hour", "usd": 0.01}})
    said = [w["remedy"] for w in found["warnings"] if w["code"] == "added-sku-unused"]
    assert said == ([] if near is None else [near])


def test_an_addition_that_is_used_is_no_misspelling(tmp_path):
    resource = "{provider: aws, region: eu-west-1, service: nat-gateway, sku: hours, quantity: 2}"
    found = document(tmp_path, resource, prices={"aws/nat-gateway/hours": {"unit": "hour", "usd": 0.01}})
    assert "added-sku-unused" not in {w["code"] for w in found["warnings"]}
    assert found["monthly_cost"]["expected"] == pytest.approx(14.6)


REGIONS = {"eu-west-9": {"like": "eu-west-1", "factor": 1.5}}


def test_a_region_like_another_is_estimated_and_said(tmp_path):
    resource = "{provider: aws, region: eu-west-9, service: nat-gateway, sku: hour, quantity: 1}"
    found = document(tmp_path, resource, regions=REGIONS)
    assert found["monthly_cost"]["expected"] == pytest.approx(730 * 1.5 * 0.048)
    assert found["estimated_share"] == 1
    (line,) = found["cost_lines"]
    assert line["price_status"] == "estimated"
    assert line["source"].startswith("1.5 × the price in eu-west-1, estimated by price book mine: ")


def test_a_tariff_with_blocks_is_estimated_block_by_block(tmp_path):
    resource = "{provider: aws, region: %s, service: egress-internet, sku: internet, quantity: 300000}"
    known = document(tmp_path, resource % "eu-west-1", regions=REGIONS)["monthly_cost"]["expected"]
    guessed = document(tmp_path, resource % "eu-west-9", regions=REGIONS)["monthly_cost"]["expected"]
    assert guessed == pytest.approx(1.5 * known)


def test_a_price_that_is_known_is_not_estimated(tmp_path):
    row = {"aws/nat-gateway/hour": {"usd": {"eu-west-9": 0.1}}}
    resource = "{provider: aws, region: eu-west-9, service: nat-gateway, sku: hour, quantity: 1}"
    found = document(tmp_path, resource, regions=REGIONS, prices=row)
    assert (found["monthly_cost"]["expected"], found["estimated_share"]) == (pytest.approx(73), 0)


def test_a_region_like_one_that_is_estimated_itself_is_refused(tmp_path):
    regions = {**REGIONS, "eu-west-8": {"like": "eu-west-9", "factor": 2}}
    with pytest.raises(InputError, match="has prices of its own"):
        document(tmp_path, "{provider: aws, region: eu-west-9, service: fargate, sku: x}", regions=regions)


def test_a_price_in_a_region_that_nobody_has_is_refused(tmp_path):
    row = {"aws/nat-gateway/hour": {"usd": {"eu-wset-1": 0.1}}}
    resource = "{provider: aws, region: eu-west-1, service: nat-gateway, sku: hour, quantity: 2}"
    with pytest.raises(InputError, match=r"no region 'eu-wset-1'. Did you mean 'eu-west-1'"):
        document(tmp_path, resource, prices=row)


def test_what_lies_below_the_first_block_of_a_tariff_is_unpriced(tmp_path):
    rows = {"aws/x/late": {"unit": "request", "tier_of": "calls", "from": 10, "usd": 2}}
    resource = "{provider: aws, region: eu-west-1, service: x, sku: calls, quantity: 100}"
    found = document(tmp_path, resource, prices=rows)
    assert found["monthly_cost"]["expected"] == pytest.approx(180)
    assert not found["monthly_cost"]["complete"]


def test_two_blocks_that_start_together_are_refused(tmp_path):
    block = {"unit": "request", "tier_of": "calls", "usd": 2}
    resource = "{provider: aws, region: eu-west-1, service: x, sku: calls, quantity: 100}"
    with pytest.raises(InputError, match="start at the same quantity"):
        document(tmp_path, resource, prices={"aws/x/a": block, "aws/x/b": block})


def test_a_file_that_is_not_called_as_its_service_is_refused(capplan, tmp_path):
    path = tmp_path / "aws" / "warp.yaml"
    path.parent.mkdir()
    said = "schema: 1\nprovider: aws\nservice: drive\nkind: meter\nunit: hour\nsource: a\n"
    path.write_text(said + "sources: {a: {as_of: 2026-10-01, text: a}}\nskus: {x: {usd: {us-east-1: 1}}}\n")
    run = capplan("catalog", "list", "--provider", "aws", "--catalogs", tmp_path, "--name", "x")
    assert run.exit_code == 2
    assert "is the catalog of aws/drive" in run.stderr
    assert "aws/drive.yaml" in run.stderr
    path.rename(path.with_name("drive.yaml"))
    assert capplan("catalog", "check", tmp_path, "--today", "2026-11-01").exit_code == 0
    early = capplan("catalog", "check", tmp_path, "--today", "2026-09-01")
    assert "of 2026-10-01, a day that is to come" in " ".join(early.stdout.split())
    (tmp_path / "none").mkdir()
    assert "holds no catalog" in capplan("catalog", "check", tmp_path / "none").stderr

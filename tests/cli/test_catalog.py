"""`capplan catalog`: looking prices up, and finding those that cannot be right."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

FROZEN = Path(__file__).resolve().parent / "frozen_catalogs"
LIST = ("catalog", "list", "--catalogs", FROZEN)
SHOW = ("catalog", "show", "--catalogs", FROZEN)
CHECK = ("catalog", "check", "--catalogs", FROZEN, "--today", "2026-02-01")


def listed(capplan: Callable, *options: str) -> list[dict]:
    run = capplan(*LIST, "--format", "json", *options)
    assert (run.exit_code, run.stderr) == (0, "")
    return json.loads(run.stdout)


# List


@pytest.mark.parametrize(
    ("options", "skus"),
    [
        (["--provider", "aws", "--service", "elb"], ["alb-hour", "alb-lcu"]),
        (["--service", "ec2"], ["t3.small", "m6i.large"]),
        (["--region", "europe-west1", "--name", "n1"], ["n1-standard-2", "n1-standard-4"]),
        (["--name", "TESLA"], ["nvidia-tesla-t4"]),
        (["--gpu", "l4"], ["g2-standard-4"]),
        (["--vcpu", "4", "--region", "us-central1"], ["n1-standard-4", "g2-standard-4"]),
        (["--vcpu", "3+", "--region", "us-central1"], ["n1-standard-4", "g2-standard-4"]),
        (["--memory", "7.6-15.5", "--provider", "gcp", "--region", "us-central1"], ["n1-standard-4"]),
        (["--memory", "-2"], ["t3.small"]),
    ],
)
def test_list_finds_what_was_asked_for(capplan: Callable, options: list[str], skus: list[str]) -> None:
    assert [row["sku"] for row in listed(capplan, *options)] == skus


def test_list_has_a_row_for_every_region(capplan: Callable) -> None:
    rows = listed(capplan, "--name", "n1-standard-2")
    assert [(row["region"], row["usd"], row["spot_usd"]) for row in rows] == [
        ("europe-west1", 0.12, None),
        ("us-central1", 0.1, 0.02),
    ]


def test_list_has_the_highly_available_variant_of_a_database(capplan: Callable) -> None:
    rows = {row["sku"]: row["usd"] for row in listed(capplan, "--service", "cloud-sql-postgres")}
    assert rows == {"db-custom-2-7680": 0.15, "db-custom-2-7680 regional-ha": 0.3}


def test_csv_of_a_list_has_the_rows_of_its_json(capplan: Callable) -> None:
    rows = list(csv.DictReader(io.StringIO(capplan(*LIST, "--format", "csv").stdout)))
    document = listed(capplan)
    assert list(rows[0]) == list(document[0])
    for row, expected in zip(rows, document, strict=True):
        assert row == {field: "" if value is None else str(value) for field, value in expected.items()}


def test_list_says_once_what_all_rows_share(capplan: Callable) -> None:
    lines = capplan(*LIST, "--service", "ec2").stdout.splitlines()
    assert "Provider aws, Service ec2, Region us-east-1" in lines[0]
    assert "PROVIDER" not in lines[1]


def test_list_of_nothing_says_so(capplan: Callable) -> None:
    assert capplan(*LIST, "--vcpu", "999").stdout.startswith("no row of the catalog matches\n")
    assert listed(capplan, "--vcpu", "999") == []
    assert len(capplan(*LIST, "--vcpu", "999", "--format", "csv").stdout.splitlines()) == 1


def test_list_goes_to_a_file(capplan: Callable, tmp_path: Path) -> None:
    printed = capplan(*LIST).stdout
    assert capplan(*LIST, "-o", tmp_path / "list").exit_code == 0
    assert (tmp_path / "list").read_text(encoding="utf-8") == printed
    assert capplan(*LIST, "-o", tmp_path / "list").exit_code == 2


def test_shipped_catalog_can_be_listed_in_every_format(capplan: Callable) -> None:
    for fmt in ("table", "json", "csv", "markdown"):
        run = capplan("catalog", "list", "--provider", "azure", "--name", "D4s_v5", "--format", fmt)
        assert (run.exit_code, run.stderr) == (0, "")
        assert "Standard_D4s_v5" in run.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--service", "ec3"], ["--service: no provider has a service 'ec3'", "Did you mean 'ec2'?"]),
        (
            ["--provider", "gcp", "--service", "cloudrun"],
            ["gcp has no service 'cloudrun'", "Did you mean 'cloud-run'?"],
        ),
        (["--vcpu", "four"], ["--vcpu: expected a number or a range such as 4, 4-8", "got 'four'"]),
        (["--memory", "1-2-3"], ["--memory: expected a number or a range", "got '1-2-3'"]),
        (["--memory", "+"], ["--memory: expected a number or a range", "got '+'"]),
        (["--format", "focus"], ["--format", "'focus'", "markdown"]),
        (
            ["--provider", "gpc"],
            ["--provider", "'gpc'", "Did you mean 'gcp'?"],
        ),
        (
            ["--region", "us-centrall"],
            ["--region", "'us-centrall'", "Did you mean 'us-central1'?"],
        ),
        (
            ["--vcpu", "8-4"],
            ["--vcpu", "'8-4'"],
        ),
    ],
)
def test_list_refuses_what_it_does_not_know(capplan: Callable, options: list[str], says: list[str]) -> None:
    run = capplan(*LIST, *options)
    assert (run.exit_code, run.stdout) == (2, "")
    assert all(part in run.stderr for part in says), run.stderr


# Show


def test_show_has_every_region_and_way_to_pay(capplan: Callable) -> None:
    shown = capplan(*SHOW, "n1-standard-2").stdout
    assert "2 vCPU, 7.5 GiB; USD per hour" in shown
    rows = [line.split() for line in shown.splitlines() if line.startswith(("us-central1 ", "europe-west1 "))]
    assert rows == [
        ["europe-west1", "0.12", "–", "0.072", "0.048", "2026-01-15"],
        ["us-central1", "0.1", "0.02", "0.06", "0.04", "2026-01-15"],
    ]
    assert "frozen for tests" in shown


def test_show_in_json_has_the_rows_of_the_list(capplan: Callable) -> None:
    shown = json.loads(capplan(*SHOW, "n1-standard-2", "--format", "json").stdout)
    assert shown == listed(capplan, "--name", "n1-standard-2")


@pytest.mark.parametrize("fmt", ["csv", "markdown"])
def test_show_keeps_to_the_format(capplan: Callable, fmt: str) -> None:
    shown = capplan(*SHOW, "n1-standard-2", "--format", fmt).stdout
    assert shown.count("," if fmt == "csv" else "|") > 10


@pytest.mark.parametrize(
    ("sku", "says"),
    [("n1-standart-2", "Did you mean 'n1-standard-2'?"), ("n1", "Did you mean 'n1-standard-2'?")],
)
def test_show_refuses_an_unknown_sku(capplan: Callable, sku: str, says: str) -> None:
    run = capplan(*SHOW, sku)
    assert (run.exit_code, run.stdout) == (2, "")
    assert f"there is no SKU '{sku}'. {says}" in run.stderr


# Check


def test_check_of_good_catalogs_finds_nothing(capplan: Callable) -> None:
    assert capplan(*CHECK, "--strict") == (0, f"{_files()} files, 0 errors, 0 warnings\n", "")


def _files() -> int:
    return len([path for p in ("gcp", "aws", "azure") for path in (FROZEN / p).iterdir()])


def test_check_of_the_shipped_catalogs_finds_no_error(capplan: Callable) -> None:
    run = capplan("catalog", "check")
    assert run.exit_code == 0
    assert ", 0 errors, " in run.stdout.splitlines()[-1]


def test_old_prices_are_warnings_and_strictness_makes_them_count(capplan: Callable) -> None:
    old = ("catalog", "check", "--catalogs", FROZEN, "--today", "2030-01-01")
    assert capplan(*old).exit_code == 0
    strict = capplan(*old, "--strict")
    assert strict.exit_code == 6
    assert "WARNING  gcp/compute-engine: " in strict.stdout


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("unit: hour", "unit: fortnight", "unit"),
        ("spot: {us-central1: 0.02}", "spot: {us-central1: 0.2}", "spot-not-below-on-demand"),
        ("gpu: L4", "gpu: L5", "unknown-gpu"),
        ("spot: {us-central1: 0.02}", "commit_1y: {us-central1: 0.2}", "commitment-above-on-demand"),
    ],
)
def test_price_that_cannot_be_right_is_an_error(
    capplan: Callable, tmp_path: Path, old: str, new: str, rule: str
) -> None:
    good = (FROZEN / "gcp" / "compute-engine.yaml").read_text(encoding="utf-8")
    assert old in good
    bad = tmp_path / "compute-engine.yaml"
    bad.write_text(good.replace(old, new), encoding="utf-8")
    run = capplan(*CHECK, bad)
    assert run.exit_code == 2
    assert f"[{rule}]" in run.stdout.replace("\n ", "")
    assert "ERROR  gcp/compute-engine: " in run.stdout
    assert run.stdout.endswith("1 file, 1 error, 0 warnings\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--today", "tomorrow"], "--today: expected YYYY-MM-DD, got 'tomorrow'"),
        (["nowhere.yaml"], "nowhere.yaml: no such file"),
        ([str(FROZEN / "books" / "agreed.yaml")], "agreed.yaml:3:1: name: unknown field"),
        (["--catalogs", "nowhere"], "nowhere: no such directory of catalogs"),
    ],
)
def test_check_refuses_what_is_no_catalog(capplan: Callable, arguments: list[str], says: str) -> None:
    run = capplan(*CHECK, *arguments)
    assert (run.exit_code, run.stdout) == (2, "")
    assert says in run.stderr


def test_bare_catalog_command_shows_its_help(capplan: Callable) -> None:
    run = capplan("catalog")
    assert run.exit_code == 2
    assert "Usage: capplan catalog" in run.stdout + run.stderr


# What CI reads of a check

OLD = ("catalog", "check", FROZEN / "gcp" / "cloud-run.yaml", "--today", "2027-06-01")


def test_junit_has_a_suite_for_each_catalog(capplan: Callable) -> None:
    suites = ElementTree.fromstring(capplan(*OLD, "--format", "junit").stdout)
    assert [suite.get("name") for suite in suites] == [str(OLD[2])]
    assert [case.get("name") for case in suites.iter("testcase")] == ["age gcp/cloud-run"]


def test_sarif_says_where_an_old_price_stands(capplan: Callable) -> None:
    (run,) = json.loads(capplan(*OLD, "--format", "sarif").stdout)["runs"]
    (found,) = run["results"]
    assert (found["ruleId"], found["level"]) == ("age", "warning")
    location = found["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location["uri"].endswith("gcp/cloud-run.yaml")


def test_github_shows_an_annotation_at_the_catalog(capplan: Callable) -> None:
    (line,) = capplan(*OLD, "--format", "github").stdout.splitlines()
    assert line.startswith("::warning file=")
    assert "gcp/cloud-run.yaml,title=age::gcp/cloud-run: " in line


def test_a_plan_is_compared_over_regions(capplan: Callable) -> None:
    run = capplan("catalog", "compare", "examples/afpi", "--regions", "europe-west1,us-central1,europe-west9")
    assert (run.exit_code, run.stderr) == (0, "")
    order = [line.split()[0] for line in run.stdout.splitlines() if line.startswith(("europe", "us-"))]
    assert sorted(order[:3]) == ["europe-west1", "europe-west9", "us-central1"]
    document = json.loads(
        capplan("catalog", "compare", "examples/afpi", "--regions", "all", "--format", "json").stdout
    )
    assert document["plan"] == "afpi"
    costs = [
        row["monthly_cost"]["expected"] for row in document["regions"] if row["monthly_cost"]["complete"]
    ]
    assert costs == sorted(costs)
    assert sum(row["now"] for row in document["regions"]) == 1


def test_regions_have_names_prices_and_carbon(capplan: Callable) -> None:
    run = capplan("catalog", "regions", "--format", "json")
    assert (run.exit_code, run.stderr) == (0, "")
    rows = {(row["provider"], row["region"]): row for row in json.loads(run.stdout)["regions"]}
    assert "EU (Frankfurt)" in rows["aws", "eu-central-1"]["aliases"]
    assert rows["azure", "eastus"]["aliases"] == ["East US"]
    assert rows["gcp", "us-central1"]["gco2e_per_kwh"] == pytest.approx(412.72)
    assert rows["aws", "us-east-1"]["gco2e_per_kwh"] == pytest.approx(396.25)
    assert rows["azure", "northeurope"]["gco2e_per_kwh"] is None
    assert "rds-postgres" in rows["aws", "eu-central-1"]["services"]
    assert rows["gcp", "europe-west9"]["machines"] > 100
    table = capplan("catalog", "regions", "--provider", "gcp")
    assert "us-central1" in table.stdout
    assert capplan("catalog", "regions", "--provider", "gpc").exit_code == 2

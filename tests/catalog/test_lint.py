"""Each rule of the linter fires on a catalog that is wrong in its way, and on nothing that ships."""

from datetime import date

import pytest
from crafted import service_file, write_service
from helpers import SHIPPED

from capplan.catalog.lint import RULES, LintFacts, family, lint, lint_facts
from capplan.catalog.load import read_service

PLACES = {name: name for name in ("us-central1", "europe-west1", "eastus")}
FACTS = LintFacts(
    date(2026, 7, 15),
    frozenset(["T4"]),
    {"gcp": "us-central1"},
    {"gcp": "z3-"},
    {"gcp": {**PLACES, "Iowa": "us-central1"}},
)


def oddities(tmp_path, facts=FACTS, **changes):
    return lint(read_service(write_service(tmp_path, service_file(**changes))), facts)


def rules_of(tmp_path, skus, **changes):
    return {(o.severity, o.code) for o in oddities(tmp_path, skus=skus, **changes)}


def one(**row):
    return {"x": {"usd": {"us-central1": 1.0}, **row}}


def sources(as_of):
    return {"list": {"as_of": as_of, "text": "t"}}


def family_of(price_of_8):
    return {
        f"n1-standard-{n}": {"vcpu": n, "memory_gib": 4 * n, "usd": {"us-central1": usd}}
        for n, usd in ((2, 0.5), (4, 1.0), (8, price_of_8))
    }


def in_two_regions(*there, name="n1-standard"):
    return {
        f"{name}-{n}": {"vcpu": n, "memory_gib": 4 * n, "usd": {"us-central1": n / 4, "europe-west1": usd}}
        for n, usd in zip((2, 4, 8), there, strict=False)
    }


def node_pair(node):
    return {
        "standard-C3": {"usd": {"eastus": 0.45}},
        "standard-C3-node": {"unit": "node-hour", "usd": {"eastus": node}},
    }


def tier(**blocks):
    return {name: {"tier_of": "t", "usd": {"us-central1": 1.0}, **row} for name, row in blocks.items()}


HALF = {"us-central1": 0.5}
CASES = [
    ("unit", "error", one(unit="hours"), {}),
    ("commitment-above-on-demand", "error", one(commit_1y={"us-central1": 1.1}), {}),
    ("commitment-above-on-demand", "error", one(commit_3y={"us-central1": 1.1}), {}),
    ("spot-not-below-on-demand", "error", one(spot={"us-central1": 1.1}), {}),
    ("spot-not-below-on-demand", "warning", one(spot={"us-central1": 1.0}), {}),
    ("price-per-vcpu", "warning", family_of(2.2), {}),
    ("commitment-above-on-demand", "warning", one(commit_1y=HALF, commit_3y={"us-central1": 0.6}), {}),
    ("region-factor", "warning", in_two_regions(0.5 * 3.1), {}),
    ("age", "warning", one(), {"sources": sources("unknown")}),
    ("age", "warning", one(), {"sources": sources("2025-07-01")}),
    ("age", "warning", one(gpu="T4", gpu_count=1), {"sources": sources("2026-04-01")}),
    ("age", "warning", one(spot={"us-central1": 0.5}), {"sources": sources("2026-06-01")}),
    ("age", "warning", one(commit_1y={"us-central1": 0.5}), {"sources": sources("2025-07-01")}),
    ("age", "warning", one(), {"sources": sources("2026-07-16")}),
    ("unknown-region", "warning", {"x": {"usd": {"us-central9": 1.0}}}, {}),
    ("unknown-region", "warning", {"x": {"usd": {"Iowa": 1.0}}}, {}),
    ("tiers", "warning", tier(a={"from": 0}, b={"from": 5, "usd": {"us-central1": 3.0}}), {}),
    ("unknown-gpu", "error", one(gpu="T5", gpu_count=1), {}),
    ("tiers", "error", tier(a={"from": 5}), {}),
    ("tiers", "error", tier(a={"from": 0}, b={"from": 0}), {}),
    ("tiers", "warning", {**tier(a={"from": 0}), "b": {"tier_of": "t", "from": 5}}, {}),
    ("half-a-cache", "error", node_pair(0.2), {"kind": "cache"}),
    ("retired-without-successor", "error", one(retired="2025-03"), {}),
]


@pytest.mark.parametrize(("rule", "severity", "skus", "changes"), CASES)
def test_the_rule_fires(tmp_path, rule, severity, skus, changes):
    assert rules_of(tmp_path, skus, **changes) == {(severity, rule)}


FINE = [
    one(commit_1y={"us-central1": 0.7}, commit_3y={"us-central1": 0.5}, spot={"us-central1": 0.4}),
    family_of(2.0),
    one(gpu="T4", gpu_count=1),
    tier(a={"from": 0}, b={"from": 5}),
    node_pair(0.225),
    in_two_regions(0.6, 1.2, 2.4),
    in_two_regions(0.6, 1.2, 2.5, name="z3-standard"),
    one(retired="2025-03", successor="y"),
    one(unit="GiB-month"),
]


@pytest.mark.parametrize("skus", FINE)
def test_what_is_right_passes(tmp_path, skus):
    assert rules_of(tmp_path, skus) == set()


def test_every_rule_has_a_case():
    assert {rule for rule, *_ in CASES} == {check.code for check in RULES}


def test_commitments_age_apart_from_the_price(tmp_path):
    given = {"old": {"as_of": "2024-01-01", "text": "t"}, **sources("2026-07-01")}
    skus = one(commit_3y={"us-central1": 0.5}, spot={"us-central1": 0.4}, source={"commit_3y": "old"})
    (odd,) = oddities(tmp_path, skus=skus, sources=given)
    assert odd.message == "1 prices of commitments, the oldest of 2024-01-01: older than 365 days"


def test_a_list_price_may_be_old_when_a_gpus_may_not(tmp_path):
    assert rules_of(tmp_path, one(), sources=sources("2026-04-01")) == set()


def test_the_message_counts_and_names_the_first(tmp_path):
    skus = {name: {"unit": "hours", "usd": {"us-central1": 1.0}} for name in ("a", "b", "c")}
    (odd,) = oddities(tmp_path, skus=skus)
    assert odd.message == "a in us-central1 and 2 more: unknown unit 'hours'"
    assert odd.subject == "gcp/compute-engine"


@pytest.mark.parametrize(
    ("provider", "sku", "name"),
    [
        ("gcp", "n1-standard-4", "n1-standard"),
        ("aws", "m5.xlarge", "m5"),
        ("aws", "db.r6g.xlarge multi-az", "db.r6gmulti-az"),
        ("azure", "Standard_D4s_v3", "Standard_Ds_v3"),
        ("azure", "Standard_E8-4as_v5", "Standard_Eas_v5"),
    ],
)
def test_family(provider, sku, name):
    assert family(provider, sku) == name


FILES = SHIPPED.services()


@pytest.mark.parametrize("file", FILES, ids=[f"{file.provider}/{file.service}" for file in FILES])
def test_no_shipped_catalog_has_an_error(file):
    facts = lint_facts(SHIPPED, date(2026, 11, 1))
    assert [odd for odd in lint(file, facts) if odd.severity == "error"] == []


def test_a_size_apart_from_its_family_in_a_region_is_said(tmp_path):
    (odd,) = (o for o in oddities(tmp_path, skus=in_two_regions(0.6, 1.2, 2.9)) if o.code == "region-factor")
    said = "costs more than in us-central1 by another factor than its family"
    assert odd.message == f"n1-standard-8 in europe-west1: {said}"


def test_a_file_is_judged_with_what_it_lies_over(tmp_path):
    below = read_service(write_service(tmp_path / "below", service_file(skus=in_two_regions(0.6, 1.2, 2.4))))
    commit = {"n1-standard-4": {"commit_1y": {"us-central1": 9.0}}}
    over = read_service(write_service(tmp_path / "over", service_file(skus=commit)))
    assert {o.code for o in lint(over, FACTS)} == set()
    assert {o.code for o in lint(over, FACTS, below)} == {"commitment-above-on-demand"}
    dear = {"n1-standard-4": {"usd": {"europe-west1": 2.9}}}
    over = read_service(write_service(tmp_path / "dear", service_file(skus=dear)))
    assert {o.code for o in lint(over, FACTS, below)} == set(), "one size alone is not apart from its family"


def test_a_region_under_the_name_of_its_place_is_said_with_its_own(tmp_path):
    (odd,) = oddities(tmp_path, skus={"x": {"usd": {"Iowa": 1.0}}})
    assert odd.message == "gcp has no region 'Iowa'. Its region is us-central1."

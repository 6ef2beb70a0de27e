"""FOCUS rows: numbers without exponents, months that end where the next begins, categories that exist."""

from __future__ import annotations

import re

import pytest
from helpers import SHIPPED, plan_of
from hypothesis import given
from hypothesis import strategies as st
from report.focus_rules import SUBCATEGORIES, broken

from capplan.catalog.catalog import Catalog
from capplan.estimate import estimate
from capplan.gate.matching import Usage, in_unit
from capplan.report import focus
from capplan.report.view import view


@given(st.floats(-1e12, 1e12))
def test_decimals_have_no_exponent(value: float) -> None:
    shown = focus._decimal(value)
    assert re.fullmatch(r"-?\d+\.\d+", shown)
    assert float(shown) == pytest.approx(value, rel=1e-11, abs=0)


@pytest.mark.parametrize(("value", "shown"), [(0, "0.0"), (5, "5.0"), (2.5e-06, "0.0000025"), (1e20, None)])
def test_decimals_are_short(value: float, shown: str | None) -> None:
    assert focus._decimal(value) == (shown or "100000000000000000000.0")


@pytest.mark.parametrize("usd", [1.23456789e-08, 3.3333333333e-10])
def test_small_prices_keep_their_digits(usd: float) -> None:
    assert float(focus._decimal(usd)) == pytest.approx(usd, rel=1e-8, abs=0)


def test_nothing_is_minus_zero() -> None:
    assert focus._decimal(-0.0) == "0.0"


@pytest.mark.parametrize(
    ("period", "following"), [("2026-01", "2026-02"), ("2026-12", "2027-01"), ("2024-02", "2024-03")]
)
def test_month_ends_where_the_next_begins(period: str, following: str) -> None:
    assert focus.month(period) == (f"{period}-01T00:00:00Z", f"{following}-01T00:00:00Z")


def test_every_category_is_one_of_focus() -> None:
    assert [kind for kind in focus._KINDS if kind[1] not in SUBCATEGORIES.get(kind[0], ())] == []


def test_every_service_of_the_catalog_has_a_category() -> None:
    services = {file.service for file in Catalog().services()}
    assert sorted(services - set(focus._KIND_OF)) == []


def test_no_service_has_two_categories() -> None:
    listed = [service for services in focus._KINDS.values() for service in services.split()]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        ("hour", "Hours"),
        ("GiB-hour", "GiB-Hours"),
        ("GB-month", "GB-Months"),
        ("cluster-hour", "Cluster-Hours"),
        ("request", "Requests"),
        ("1M tokens", "1000000 Tokens"),
        ("GB", "GB"),
        ("IOPS-month", "IOPS-Months"),
    ],
)
def test_units_are_written_as_focus_writes_them(unit: str, shown: str) -> None:
    assert focus.unit_name(unit) == shown
    assert in_unit(Usage(3.0, shown, 1.0), unit) == Usage(3.0, unit, 1.0)


def test_what_is_sold_by_the_token_is_generative_ai() -> None:
    plan = plan_of("""
        name: t
        demand: {requests_per_second: 1}
        external_apis: {chat: {input_tokens: 100, usd_per_1m_input_tokens: 1}}
    """)
    rows = list(focus.focus_sheet([view(estimate(plan, SHIPPED))], "2026-09", {}).rows)
    kinds = {row[focus.COLUMNS.index("ServiceCategory")] for row in rows}
    assert kinds == {"AI and Machine Learning"}


EUROS = (
    "pricing.currency=EUR",
    "pricing.rate={per_usd: 0.5, as_of: 2026-11-01, source: a bank}",
    "pricing.tax=19%",
)


def rows_of(*sets: str) -> tuple[list[str], list[dict[str, str]]]:
    text = """
        name: t
        regions: {aws: eu-west-1, gcp: us-central1}
        demand: {requests_per_second: 10, profile: flat, entry: {api: 1, web: 1}}
        services:
          api:
            platform: vm-group
            provider: aws
            machine: m5.large
            throughput: 5/s
            purchase: {commit_1y: 40%, spot: 30%}
          web:
            platform: vm-group
            provider: gcp
            machine: n1-standard-2
            throughput: 20/s
        databases: {db: {platform: rds, engine: postgres, machine: db.m5.large, storage: 100GiB}}
        resources: {net: {provider: aws, service: egress-internet, sku: internet, quantity: 20000}}
    """
    estimated = estimate(plan_of(text, *sets), SHIPPED)
    sheet = focus.focus_sheet([view(estimated)], "2026-11", SHIPPED.facts("regions"))
    rows = [dict(zip(sheet.columns, map(str, row), strict=True)) for row in sheet.rows]
    return list(sheet.columns), rows


OWNED = ("team=core", "account=production", "tags={front: [web, db], all: [web]}")


@pytest.mark.parametrize("sets", [(), EUROS, OWNED], ids=["dollars", "euros", "owned"])
def test_the_rules_of_the_specification_hold(sets: tuple[str, ...]) -> None:
    header, rows = rows_of(*sets)
    assert {row["PricingCategory"] for row in rows} == {"Standard", "Committed", "Dynamic"}
    assert {row["ChargeCategory"] for row in rows} == {"Usage", "Credit"}
    assert broken(header, rows) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("ServiceCategory", "Storage"),
        ("ChargeCategory", "usage"),
        ("BilledCost", "1e5"),
        ("BillingAccountType", ""),
        ("SkuMeter", ""),
        ("CommitmentDiscountUnit", "hour"),
        ("ListCost", "1.0"),
        ("BillingPeriodEnd", "2026-12-01"),
        ("PricingCurrency", "dollars"),
    ],
)
def test_the_rules_see_what_is_wrong(column: str, value: str) -> None:
    header, rows = rows_of()
    assert broken(header, [{**rows[0], column: value}]) != []


def test_costs_are_billed_in_the_currency_of_the_plan_and_prices_stay_in_dollars() -> None:
    (_, dollars), (_, euros) = rows_of(), rows_of(*EUROS)
    for one, other in zip(dollars, euros, strict=True):
        assert (one["BillingCurrency"], other["BillingCurrency"]) == ("USD", "EUR")
        assert {one["PricingCurrency"], other["PricingCurrency"]} == {"USD"}
        for column in ("BilledCost", "EffectiveCost", "ListUnitPrice", "ContractedCost"):
            assert float(other[column]) == pytest.approx(0.5 * float(one[column]))
        assert other["PricingCurrencyListUnitPrice"] == one["ListUnitPrice"]

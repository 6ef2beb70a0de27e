"""Totals in other money, and with tax; everything inside stays in dollars."""

import pytest
from crafted import write_book
from helpers import SHIPPED, estimate_of

from capplan.errors import InputError
from capplan.report.estimate import estimate_blocks
from capplan.report.json_format import estimate_document
from capplan.report.table import Table

PLAN = """
    name: t
    demand: {requests_per_second: 1, profile: flat}
    resources: {net: {provider: aws, region: eu-west-1, service: nat-gateway, sku: hour, quantity: 1}}
"""
RATE = "pricing.rate={per_usd: 0.9, as_of: 2026-11-01, source: a bank}"
USD = 730 * 0.048


def document(*sets: str) -> dict:
    return estimate_document(estimate_of(PLAN, *sets))


def test_totals_are_shown_in_dollars_and_in_the_plans_currency():
    found = document("pricing.currency=EUR", RATE, "pricing.tax=20%")
    assert found["currency"] == "USD"
    assert found["monthly_cost"]["expected"] == pytest.approx(USD)
    assert found["exchange_rate"] == {
        "currency": "EUR",
        "per_usd": 0.9,
        "as_of": "2026-11-01",
        "source": "a bank",
    }
    dollars, euros = found["totals"]
    assert (dollars["currency"], euros["currency"]) == ("USD", "EUR")
    assert dollars["monthly_cost_with_tax"]["expected"] == pytest.approx(1.2 * USD)
    assert euros["monthly_cost"]["expected"] == pytest.approx(0.9 * USD)
    assert euros["monthly_cost_with_tax"]["expected"] == pytest.approx(0.9 * 1.2 * USD)


def test_without_a_currency_there_is_one_total_and_no_rate():
    found = document()
    assert found["exchange_rate"] is None
    assert [total["currency"] for total in found["totals"]] == ["USD"]
    assert found["totals"][0]["monthly_cost_with_tax"] == found["totals"][0]["monthly_cost"]


def test_the_report_says_rate_and_tax():
    estimated = estimate_of(PLAN, "pricing.currency=EUR", RATE, "pricing.tax=20%")
    tables = [block for block in estimate_blocks(estimated, 0) if isinstance(block, Table)]
    foot = " ".join(tables[0].foot)
    assert "0.9 a dollar, a bank, 2026-11-01" in foot
    assert f"{0.9 * USD:.2f}" in foot
    assert f"{0.9 * 1.2 * USD:.2f}" in foot
    assert "20 % tax" in foot


def test_a_book_says_the_rate_and_the_plan_a_better_one(tmp_path):
    exchange = {"EUR": {"per_usd": 0.8, "as_of": "2026-10-01", "source": "a contract"}}
    book = write_book(tmp_path / "mine.yaml", exchange=exchange)
    books = f"pricing.books=[{book}]"
    assert document("pricing.currency=EUR", books)["exchange_rate"]["per_usd"] == 0.8
    assert document("pricing.currency=EUR", books, RATE)["exchange_rate"]["per_usd"] == 0.9


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        (["pricing.currency=EUR"], "pricing.currency: nothing says what a dollar costs in EUR"),
        ([RATE], "pricing.rate: a rate needs a currency"),
        (["pricing.currency=euro"], "expected an ISO 4217 code such as EUR, got 'euro'"),
        (["pricing.currency=EUR", "pricing.rate={per_usd: 0, as_of: 2026-11-01, source: x}"], "per_usd"),
        (["pricing.currency=EUR", "pricing.rate={per_usd: 1, as_of: soon, source: x}"], "expected a day"),
        (["pricing.tax=150%"], "tax"),
    ],
)
def test_money_that_cannot_be_is_refused(sets, says):
    with pytest.raises(InputError) as caught:
        document(*sets)
    assert says in str(caught.value)


@pytest.mark.parametrize("entry", [{"per_usd": 1}, {"per_usd": -1, "as_of": "2026-10-01", "source": "x"}, 3])
def test_a_book_with_a_wrong_rate_is_refused(tmp_path, entry):
    book = write_book(tmp_path / "mine.yaml", exchange={"EUR": entry})
    with pytest.raises(InputError, match=r"exchange\.EUR"):
        SHIPPED.with_books([str(book)], tmp_path)

"""What kind of charge a row of a bill is, in the words of each export: nothing is counted twice or lost."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from capplan.errors import InputError
from capplan.gate.bill import Bill, BillQuery, read_bill
from capplan.gate.covered import Month, covered
from capplan.gate.scope import conditions_of, months_of

TITLES = {
    "aws": {
        "service": "lineItem/ProductCode",
        "sku": "lineItem/UsageType",
        "unit": "pricing/unit",
        "quantity": "lineItem/UsageAmount",
        "cost": "lineItem/UnblendedCost",
        "start": "lineItem/UsageStartDate",
        "end": "lineItem/UsageEndDate",
        "period": "bill/BillingPeriodStartDate",
        "kind": "lineItem/LineItemType",
        "entity": "bill/BillingEntity",
        "ri": "reservation/EffectiveCost",
        "sp": "savingsPlan/SavingsPlanEffectiveCost",
        "idle_upfront": "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
        "idle_fee": "reservation/UnusedRecurringFee",
        "promised": "savingsPlan/TotalCommitmentToDate",
        "used": "savingsPlan/UsedCommitment",
        "list": "pricing/publicOnDemandCost",
        "account": "lineItem/UsageAccountId",
        "team": "resourceTags/user:team",
        "currency": "lineItem/CurrencyCode",
    },
    "focus": {
        "service": "ServiceName",
        "sku": "SkuId",
        "text": "ChargeDescription",
        "unit": "PricingUnit",
        "quantity": "PricingQuantity",
        "cost": "EffectiveCost",
        "billed": "BilledCost",
        "start": "ChargePeriodStart",
        "end": "ChargePeriodEnd",
        "period": "BillingPeriodStart",
        "kind": "ChargeCategory",
        "class": "ChargeClass",
        "status": "CommitmentDiscountStatus",
        "account": "SubAccountId",
        "tags": "Tags",
    },
    "azure": {
        "service": "meterCategory",
        "sku": "meterName",
        "unit": "unitOfMeasure",
        "quantity": "quantity",
        "cost": "costInBillingCurrency",
        "start": "date",
        "period": "billingPeriodStartDate",
        "until": "billingPeriodEndDate",
        "kind": "chargeType",
        "model": "pricingModel",
        "publisher": "publisherType",
        "account": "SubscriptionId",
        "tags": "tags",
        "currency": "billingCurrency",
        "rate": "exchangeRatePricingToBilling",
        "priced": "pricingCurrency",
        "usd": "costInUsd",
    },
    "google": {
        "service": "service.description",
        "sku": "sku.description",
        "unit": "usage.pricing_unit",
        "quantity": "usage.amount_in_pricing_units",
        "cost": "cost",
        "start": "usage_start_time",
        "end": "usage_end_time",
        "period": "invoice.month",
        "kind": "cost_type",
        "credits": "credits",
        "labels": "system_labels",
        "list": "cost_at_list",
        "account": "project.id",
        "tags": "labels",
        "currency": "currency",
        "rate": "currency_conversion_rate",
    },
    "oracle": {
        "service": "product/service",
        "sku": "product/Description",
        "unit": "cost/billingUnitReadable",
        "quantity": "usage/billedQuantity",
        "cost": "cost/myCost",
        "start": "lineItem/intervalUsageStart",
        "end": "lineItem/intervalUsageEnd",
        "kind": "lineItem/isCorrection",
    },
}
USUAL = {"service": "AmazonEC2", "sku": "BoxUsage:c6i.large", "unit": "Hrs", "quantity": 100, "cost": 8.5} | {
    "start": "2026-05-01T00:00:00Z",
    "end": "2026-06-01T00:00:00Z",
    "period": "2026-05-01T00:00:00Z",
}


def bill(directory: Path, export: str, *rows: dict[str, Any], asked: BillQuery | None = None) -> Bill:
    titles = TITLES[export]
    path = directory / "bill.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(titles.values())
        writer.writerows([{**USUAL, **row}.get(name, "") for name in titles] for row in rows)
    return read_bill(path, asked)


def parts(read: Bill) -> dict[str, float]:
    """Return the cost of each kind that has one."""
    sums = read.rows.groupby("kind")["cost"].sum().round(4)
    return {str(kind): float(usd) for kind, usd in sums.items() if usd}


def hours(read: Bill) -> float:
    return float(read.rows["quantity"].sum())


@pytest.mark.parametrize(
    ("export", "said", "kind"),
    [
        ("aws", {"kind": "Usage"}, "usage"),
        ("aws", {"kind": "Credit"}, "credit"),
        ("aws", {"kind": "Refund"}, "refund"),
        ("aws", {"kind": "Tax"}, "tax"),
        ("aws", {"kind": "EdpDiscount"}, "discount"),
        ("aws", {"kind": "PrivateRateDiscount"}, "discount"),
        ("aws", {"kind": "Usage", "service": "AWSSupportBusiness"}, "support"),
        ("aws", {"kind": "Fee", "service": "AWSDeveloperSupport"}, "support"),
        ("aws", {"kind": "Usage", "entity": "AWS Marketplace"}, "marketplace"),
        ("aws", {"kind": "Usage", "service": "0f3kxmarketplace"}, "marketplace"),
        ("aws", {"kind": "Fee"}, "fee"),
        ("focus", {"kind": "Usage"}, "usage"),
        ("focus", {"kind": "Usage", "status": "Used"}, "covered"),
        ("focus", {"kind": "Usage", "status": "Unused"}, "unused commitment"),
        ("focus", {"kind": "Usage", "class": "Correction"}, "refund"),
        ("focus", {"kind": "Purchase"}, "fee"),
        ("focus", {"kind": "Tax"}, "tax"),
        ("focus", {"kind": "Credit"}, "credit"),
        ("focus", {"kind": "Credit", "text": "n2-standard-4 sustained-use discount: 30%"}, "discount"),
        ("focus", {"kind": "Adjustment"}, "adjustment"),
        ("azure", {"kind": "Usage", "model": "OnDemand"}, "usage"),
        ("azure", {"kind": "Usage", "model": "SavingsPlan"}, "covered"),
        ("azure", {"kind": "UnusedReservation", "model": "Reservation"}, "unused commitment"),
        ("azure", {"kind": "UnusedSavingsPlan"}, "unused commitment"),
        ("azure", {"kind": "Purchase", "model": "Reservation"}, "fee"),
        ("azure", {"kind": "Refund", "model": "Reservation"}, "refund"),
        ("azure", {"kind": "Usage", "publisher": "Marketplace"}, "marketplace"),
        ("azure", {"kind": "RoundingAdjustment"}, "adjustment"),
        ("google", {"kind": "regular", "period": "202605"}, "usage"),
        ("google", {"kind": "tax", "period": "202605"}, "tax"),
        ("google", {"kind": "rounding_error", "period": "202605"}, "adjustment"),
        ("google", {"kind": "regular", "sku": "Commitment v1: N2 Cpu in Finland for 1 Year"}, "fee"),
        ("oracle", {"kind": "false"}, "usage"),
        ("oracle", {"kind": "true"}, "refund"),
    ],
)
def test_a_row_has_a_kind(tmp_path: Path, export: str, said: dict[str, str], kind: str) -> None:
    read = bill(tmp_path, export, said)
    assert parts(read) == {kind: 8.5}
    assert hours(read) == (100.0 if kind in {"usage", "covered", "marketplace"} else 0.0)
    assert set(read.rows["month"]) == {"2026-05"}


def test_a_reservation_is_counted_once_and_its_idle_part_apart(tmp_path: Path) -> None:
    read = bill(
        tmp_path,
        "aws",
        {"kind": "DiscountedUsage", "quantity": 600, "cost": 0, "ri": 30},
        {"kind": "RIFee", "quantity": 744, "cost": 37.2, "idle_upfront": 0, "idle_fee": 7.2},
    )
    assert parts(read) == {"covered": 30.0, "unused commitment": 7.2}
    assert hours(read) == 600.0


def test_what_was_paid_ahead_stands_among_the_fees(tmp_path: Path) -> None:
    """A year of 1,200 was paid in January: May costs 100 of it, and none of it is on May's invoice."""
    covered = {"kind": "DiscountedUsage", "cost": 0, "ri": 80}
    idle = {"kind": "RIFee", "cost": 0, "idle_upfront": 20, "idle_fee": 0}
    assert parts(bill(tmp_path, "aws", covered, idle)) == {
        "covered": 80.0,
        "unused commitment": 20.0,
        "fee": -100.0,
    }
    upfront = {"kind": "Fee", "cost": 1200}
    assert parts(bill(tmp_path, "aws", covered, idle, upfront))["fee"] == 1100.0


def test_a_savings_plan_is_counted_once(tmp_path: Path) -> None:
    covered = {"kind": "SavingsPlanCoveredUsage", "quantity": 500, "cost": 42.5, "sp": 30, "ri": 0}
    negation = {"kind": "SavingsPlanNegation", "quantity": 500, "cost": -42.5, "ri": 0, "sp": 0}
    fee = {"kind": "SavingsPlanRecurringFee", "service": "ComputeSavingsPlans", "cost": 40}
    read = bill(tmp_path, "aws", covered, negation, fee | {"promised": 40, "used": 30})
    assert parts(read) == {"covered": 30.0, "unused commitment": 10.0}
    assert hours(read) == 500.0
    # Without the two columns nobody knows what is idle, but what was paid for no usage is still there.
    assert parts(bill(tmp_path, "aws", covered, negation, fee)) == {"covered": 30.0, "fee": 10.0}


def test_covered_usage_without_its_amortised_cost_has_none(tmp_path: Path) -> None:
    read = bill(tmp_path, "aws", {"kind": "DiscountedUsage", "cost": 0})
    assert read.rows["cost"].isna().all()
    assert read.notes == ["1 of 1 rows have a blank cost, so the cost of their SKUs is unknown"]


@pytest.mark.parametrize("blank", ["", "NULL", "None", "null"])
def test_a_cell_that_says_nothing_is_blank(tmp_path: Path, blank: str) -> None:
    said = {"kind": "Usage", "ri": blank, "sp": blank, "idle_fee": blank, "entity": blank, "period": blank}
    read = bill(tmp_path, "aws", said)
    assert parts(read) == {"usage": 8.5}
    assert list(read.rows["month"]) == ["2026-05"]
    assert parts(bill(tmp_path, "focus", {"kind": "Usage", "status": blank, "class": blank})) == {
        "usage": 8.5
    }


PROMOTION = '{"name": "Trial", "type": "PROMOTION", "amount": -10.0}'
SUSTAINED = '{"name": "Sustained Usage Discount", "type": "SUSTAINED_USAGE_DISCOUNT", "amount": "-30.0"}'


@pytest.mark.parametrize(
    ("cost", "listed", "expected"),
    [
        (100, f"[{SUSTAINED}]", {"usage": 70.0}),
        (100, f"[{SUSTAINED}, {PROMOTION}]", {"usage": 70.0, "credit": -10.0}),
        (70, f"[{SUSTAINED}]", {"usage": 70.0}),  # of 100 at list: the cost is net already
        (100, '[{"name": "Committed Usage Discount: CPU", "amount": -100}]', {}),
        (100, "", {"usage": 100.0}),
    ],
)
def test_googles_discounts_are_price_and_its_credits_are_not(
    tmp_path: Path, cost: float, listed: str, expected: dict[str, float]
) -> None:
    read = bill(tmp_path, "google", {"kind": "regular", "cost": cost, "list": 100, "credits": listed})
    assert parts(read) == expected


def test_fees_of_googles_commitments_are_said_to_stand_apart(tmp_path: Path) -> None:
    fee = {"kind": "regular", "sku": "Commitment v1: N2 Cpu in Finland for 1 Year", "period": "202605"}
    assert any("are not spread over the usage" in note for note in bill(tmp_path, "google", fee).notes)
    billed = bill(tmp_path, "google", fee, asked=BillQuery(cost="billed"))
    assert not any("spread" in note for note in billed.notes)


@pytest.mark.parametrize("listed", ["30 off", '[{"amount": "some"}]', '[{"type": "PROMOTION"}]', "{", "[[]]"])
def test_credits_that_are_none_are_refused(tmp_path: Path, listed: str) -> None:
    with pytest.raises(InputError, match=r"bill\.csv:2: credits .* is no list of credits with amounts"):
        bill(tmp_path, "google", {"kind": "regular", "credits": listed})


def test_a_credit_is_a_figure_within_bounds(tmp_path: Path) -> None:
    for amount in ("1e999", "NaN", '"-inf"'):
        with pytest.raises(InputError, match="has a credit that is too large"):
            bill(tmp_path, "google", {"kind": "regular", "credits": f'[{{"type": "X", "amount": {amount}}}]'})


def test_stored_bytes_are_counted_by_the_second(tmp_path: Path) -> None:
    """2 TiB of a month are 5.9e18 byte-seconds, as Google's export counts them."""
    stored = {"kind": "regular", "unit": "byte-seconds"}
    assert hours(bill(tmp_path, "google", stored | {"quantity": 5.9e18})) == 5.9e18
    with pytest.raises(InputError, match="is too large for a bill"):
        bill(tmp_path, "google", stored | {"quantity": 1e28})


def test_the_month_is_that_of_the_invoice(tmp_path: Path) -> None:
    late = {"kind": "regular", "start": "2026-06-01 03:00:00 UTC", "end": "2026-06-01 04:00:00 UTC"}
    assert list(bill(tmp_path, "google", late | {"period": "202605"}).rows["month"]) == ["2026-05"]
    with pytest.raises(InputError, match="'202613'"):
        bill(tmp_path, "google", late | {"period": "202613"})
    refund = {"kind": "Refund", "start": "2026-03-07T00:00:00Z", "end": "2026-03-08T00:00:00Z"}
    assert list(bill(tmp_path, "aws", refund).rows["month"]) == ["2026-05"]
    # Credits and taxes need not name a period; then their own time counts.
    assert list(bill(tmp_path, "aws", refund | {"period": ""}).rows["month"]) == ["2026-03"]
    both = bill(tmp_path, "aws", refund | {"period": ""}, refund | {"end": "2026-03-09T00:00:00Z"})
    assert list(both.rows["month"]) == ["2026-03", "2026-05"]


def test_one_order_of_dates_for_both_columns(tmp_path: Path) -> None:
    read = bill(tmp_path, "azure", {"kind": "Usage", "start": "14/05/2026", "period": "01/05/2026"})
    assert list(read.rows["month"]) == ["2026-05"]
    assert read.notes == ["dates in 'date' are day/month/year, as '14/05/2026' shows"]
    ends = {"start": "02/05/2026", "period": "01/05/2026", "until": "31/05/2026"}
    assert set(bill(tmp_path, "azure", {"kind": "Usage", **ends}).rows["month"]) == {"2026-05"}


def test_charges_that_end_say_what_is_covered(tmp_path: Path) -> None:
    read = bill(tmp_path, "aws", {"kind": "Usage", "end": "2026-05-02T00:00:00Z"})
    assert read.dated
    assert covered(read.rows, "2026-05", Month(8.5, 730.0)).days == 1


def test_amortised_costs_that_are_not_those_billed_are_said(tmp_path: Path) -> None:
    purchase = {"kind": "Purchase", "cost": 0, "billed": 1200}
    read = bill(tmp_path, "focus", {"kind": "Usage", "status": "Used", "cost": 100, "billed": 0}, purchase)
    assert parts(read) == {"covered": 100.0}
    assert read.notes == ["costs are amortised and add up to 100.00; 1,200.00 was billed"]


def test_a_row_says_how_its_machine_is_bought_and_which_it_is(tmp_path: Path) -> None:
    labels = '[{"key": "compute.googleapis.com/machine_spec", "value": "n2-standard-8"}]'
    spot = "Spot Preemptible N2 Instance Core running in Iowa"
    read = bill(tmp_path, "google", {"kind": "regular", "sku": spot, "labels": labels}, {"labels": "[]"})
    assert list(read.rows["words"]) == ["spot machine:n2-standard-8", ""]
    assert list(bill(tmp_path, "azure", {"kind": "Usage", "model": "Spot"}).rows["words"]) == ["spot"]


def test_what_is_no_bill_is_told_what_one_has(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("MeterCategory,MeterName,Quantity,Date\nVirtual Machines,D2 v3,1,2026-05-01\n")
    with pytest.raises(InputError, match=r"metercategory, metername.* Azure's cost details.* costinbilling"):
        read_bill(path)
    path.write_text("Service,EC2-Instances($),Total costs($)\n2026-05-01,5,5\n")
    with pytest.raises(InputError, match="AWS Cost Explorer, which has costs and no hours"):
        read_bill(path)


def test_a_directory_is_a_bill_in_parts(tmp_path: Path) -> None:
    parts_dir = tmp_path / "parts"
    (parts_dir / "05").mkdir(parents=True)
    bill(tmp_path, "focus", {"kind": "Usage"})
    text = (tmp_path / "bill.csv").read_bytes()
    (parts_dir / "05" / "part-0.csv.gz").write_bytes(gzip.compress(text))
    (parts_dir / "part-1.csv").write_bytes(text.replace(b"100,8.5", b"50,4"))
    (parts_dir / "manifest.json").write_text("{}")
    (parts_dir / "._part-1.csv").write_bytes(b"left by a file system")
    read = read_bill(parts_dir)
    assert (hours(read), parts(read), read.dated) == (150.0, {"usage": 12.5}, True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no CSV file, JSON lines or Parquet"):
        read_bill(tmp_path / "empty")


def test_a_bill_may_be_json_lines(tmp_path: Path) -> None:
    row = {
        "service": {"description": "Compute Engine"},
        "sku": {"id": "A1", "description": "N2 Instance Core running in Iowa"},
        "usage_start_time": "2026-05-03T00:00:00Z",
        "usage_end_time": "2026-05-03T01:00:00Z",
        "usage": {"amount_in_pricing_units": 8, "pricing_unit": "hour"},
        "cost": 0.25,
        "currency": "USD",
        "invoice": {"month": "202605"},
        "credits": [{"name": "Trial", "type": "PROMOTION", "amount": -0.05}],
        "cost_type": "regular",
    }
    path = tmp_path / "bill.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for _ in range(4)))
    read = read_bill(path)
    assert parts(read) == {"usage": 1.0, "credit": -0.2}
    assert hours(read) == 32.0
    assert set(read.rows["month"]) == {"2026-05"}


def test_rows_that_differ_in_figures_alone_are_one(tmp_path: Path) -> None:
    same = [{"kind": "Usage", "quantity": 0.1, "cost": 0.2} for _ in range(500)]
    read = bill(tmp_path, "aws", *same, {"kind": "Usage", "cost": ""}, {"kind": "Usage", "sku": "other"})
    assert list(read.rows["rows"]) == [500, 1, 1]
    assert read.rows["cost"].iloc[0] == pytest.approx(100.0)
    assert read.notes == ["1 of 502 rows have a blank cost, so the cost of their SKUs is unknown"]


COMMITTED = (
    {"kind": "SavingsPlanCoveredUsage", "cost": 42.5, "sp": 30, "list": 42.5},
    {"kind": "SavingsPlanNegation", "quantity": 500, "cost": -42.5},
    {"kind": "SavingsPlanRecurringFee", "service": "ComputeSavingsPlans", "cost": 30},
)


def test_what_was_billed_leaves_commitments_with_their_fees(tmp_path: Path) -> None:
    billed = bill(tmp_path, "aws", *COMMITTED, asked=BillQuery(cost="billed"))
    assert billed.compared["cost"].sum() == pytest.approx(0.0)
    assert parts(billed) == {"covered": 42.5, "discount": -42.5, "fee": 30.0}
    focus = {"kind": "Usage", "status": "Used", "cost": 100, "billed": 0}
    assert parts(bill(tmp_path, "focus", focus, asked=BillQuery(cost="billed"))) == {}


def test_list_prices_are_compared_where_a_bill_has_them(tmp_path: Path) -> None:
    listed = bill(tmp_path, "aws", *COMMITTED, asked=BillQuery(cost="list"))
    assert listed.compared["cost"].sum() == pytest.approx(42.5)
    assert "negation" not in set(listed.rows["kind"])
    with pytest.raises(InputError, match="has no column of list prices"):
        bill(tmp_path, "focus", {"kind": "Usage"}, asked=BillQuery(cost="list"))


@pytest.mark.parametrize(
    ("export", "said"),
    [
        ("aws", {"account": "4711", "team": "web"}),
        ("focus", {"account": "4711", "tags": '{"team": "web", "stage": "prod"}'}),
        ("focus", {"account": "4711", "tags": '{"user_team": "web"}'}),
        ("azure", {"account": "4711", "tags": '"team": "web","stage": "prod"'}),
        ("google", {"account": "4711", "tags": '[{"key": "team", "value": "web"}]', "period": "202605"}),
    ],
)
def test_rows_of_an_account_and_a_tag_count_alone(tmp_path: Path, export: str, said: dict[str, str]) -> None:
    rows = (
        {"kind": "Usage", **said},
        {"kind": "Usage", "sku": "x", "period": said.get("period", "2026-05-01")},
    )
    for asked in (["account=4711"], ["tag:team=w*"], ["label:team=web,account=47*"]):
        read = bill(tmp_path, export, *rows, asked=BillQuery(where=conditions_of(asked)))
        assert len(read.rows) == 1
    with pytest.raises(InputError, match=r"no row has tag:team=wob.*Did you mean 'web'"):
        bill(tmp_path, export, *rows, asked=BillQuery(where=conditions_of(["tag:team=wob"])))
    for wrong in ("acount=1", "tag=web", "account", "tag:=x"):
        with pytest.raises(InputError, match="is no condition"):
            conditions_of([wrong])


def test_months_that_are_asked_for_count_alone(tmp_path: Path) -> None:
    rows = [{"kind": "Usage", "period": f"2026-0{month}-01"} for month in (5, 6, 7)]
    read = bill(tmp_path, "aws", *rows, asked=BillQuery(period=months_of("2026-06..2026-07")))
    assert list(read.rows["month"]) == ["2026-06", "2026-07"]
    with pytest.raises(InputError, match=r"no month of --period.*2026-05 to 2026-07"):
        bill(tmp_path, "aws", *rows, asked=BillQuery(period=months_of("2025-01")))
    for wrong in ("2026-13", "may", "2026-07..2026-06", "2026"):
        with pytest.raises(InputError, match="is no month"):
            months_of(wrong)


@pytest.mark.parametrize(
    ("export", "said", "rates", "usd"),
    [
        ("google", {"rate": 0.5, "credits": f"[{PROMOTION}]"}, {}, {"usage": 17.0, "credit": -20.0}),
        ("azure", {"rate": 0.5, "priced": "USD"}, {}, {"usage": 17.0}),
        ("azure", {"usd": 11.0}, {}, {"usage": 11.0}),
        ("aws", {}, {"EUR": 0.85}, {"usage": 10.0}),
    ],
)
def test_other_currencies_become_dollars_at_a_rate_that_somebody_states(
    tmp_path: Path, export: str, said: dict[str, Any], rates: dict[str, float], usd: dict[str, float]
) -> None:
    row = {"kind": "Usage", "currency": "EUR", "period": "202605" if export == "google" else "2026-05-01"}
    assert parts(bill(tmp_path, export, {**row, **said}, asked=BillQuery(per_usd=rates))) == usd
    with pytest.raises(InputError, match="billed in EUR"):
        bill(tmp_path, export, row)


def test_a_bill_may_be_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    from pyarrow import parquet

    table = {
        "ServiceName": ["EC2", "EC2"],
        "SkuId": ["A", "A"],
        "PricingUnit": ["Hours", "Hours"],
        "PricingQuantity": [1.5, 2.5],
        "EffectiveCost": [0.25, None],
        "ChargePeriodStart": [datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC)],
        "ChargeCategory": ["Usage", "Usage"],
        "Tags": pyarrow.array(
            [[("team", "web")], [("team", "db")]], pyarrow.map_(pyarrow.string(), pyarrow.string())
        ),
    }
    path = tmp_path / "bill.parquet"
    parquet.write_table(pyarrow.table(table), path)
    read = read_bill(path)
    assert (hours(read), parts(read)) == (4.0, {"usage": 0.25})
    assert hours(read_bill(path, BillQuery(where=conditions_of(["tag:team=web"])))) == 1.5
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match="is not a whole Parquet file"):
        read_bill(path)


COST_TABLE = """\
Invoice number,55,
Invoice date,2026-05-31,
Currency,CHF,
Currency exchange rate,0.5,
Total amount due,"Fr.1,204.40",

Project ID,Service description,SKU description,SKU ID,Credit type,Cost type,Usage start date,Usage end date,\
Usage amount,Usage unit,Unrounded cost (CHF),Cost (CHF)
shop,Cloud Run,CPU in Finland,A1,,Usage,2026-05-01,2026-05-31,"1,204,300.5",second,1200.104,"1,200.10"
shop,Cloud Run,CPU in Finland,A1,SPENDING_BASED_DISCOUNT,Usage,2026-05-01,2026-05-31,,,-10.1,-10.10
shop,Cloud Run,CPU in Finland,A1,PROMOTION,Usage,2026-05-04,2026-05-31,,,-1.2,-1.20
shop,,VAT,,,Tax,,,,,14.4,14.40
,,,,,Rounding error,,,,,1.2,1.20
,,,,,Total,,,,,"1,204.404","1,204.40"
"""


def test_googles_cost_table_is_read_as_it_is_downloaded(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(COST_TABLE)
    read = read_bill(path)
    assert parts(read) == {"usage": 2400.2, "discount": -20.2, "credit": -2.4, "tax": 28.8, "adjustment": 2.4}
    assert hours(read) == 1_204_300.5
    assert set(read.rows["month"]) == {"2026-05"}
    used = covered(read.rows[read.rows["kind"] == "usage"], "2026-05", Month(9.0, 730.0))
    assert (used.days, used.scaled) == (31, False)


def test_a_currency_may_stand_in_the_title_of_the_cost_alone(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(COST_TABLE[COST_TABLE.index("Project ID") :])
    with pytest.raises(InputError, match="is billed in CHF"):
        read_bill(path)
    path.write_text(path.read_text().replace("CHF", "$"))
    assert parts(read_bill(path))["usage"] == 1200.1


def test_a_translated_title_has_its_name_behind(tmp_path: Path) -> None:
    titles = "Kategorie (MeterCategory),Verbrauchseinheit (MeterName),UsageQuantity (UsageQuantity),"
    titles += "Kosten (PreTaxCost),UsageDateTime (UsageDateTime),Tags (Tags),Currency,Einheit (UnitOfMeasure)"
    path = tmp_path / "bill.csv"
    path.write_text(
        f'{titles}\nVirtual Network,IP Addresses,7,0.35,05/14/2026,"""team"": ""web""",USD,1 Hour\n'
    )
    read = read_bill(path, BillQuery(where=conditions_of(["tag:team=web"])))
    assert (hours(read), parts(read), set(read.rows["month"])) == (7.0, {"usage": 0.35}, {"2026-05"})


def test_commitments_that_cost_nothing_are_not_amortised(tmp_path: Path) -> None:
    free = {"kind": "Usage", "model": "Reservation", "cost": 0}
    fee = {"kind": "Purchase", "cost": 90}
    assert any("export amortised costs" in note for note in bill(tmp_path, "azure", free, fee).notes)
    assert not bill(tmp_path, "azure", {**free, "cost": 5}, fee).notes

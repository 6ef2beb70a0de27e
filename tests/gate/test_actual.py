"""Estimates against bills: what of the drift is quantity and what price; nothing unknown is a saving."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from helpers import estimate_of, moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.errors import InputError
from capplan.gate.actual import Actual, Drift, compare
from capplan.gate.actual_report import headline, map_of, report_of
from capplan.gate.matching import Usage
from capplan.report.blocks import Style
from capplan.report.formats import written
from capplan.report.json_format import estimate_document

# Four m5.xlarge all month, $0.192 an hour, and an API without a price.
PLAN = """
    name: shop
    regions: {aws: us-east-1}
    demand: {requests_per_second: 40, profile: flat}
    services:
      api:
        platform: vm-group
        provider: aws
        machine: m5.xlarge
        throughput: 10/s
        target_utilization: {throughput: 100%}
        calls: {mail: 1}
    external_apis: {mail: {}}
"""
M5 = "aws/ec2/m5.xlarge"
HEADERS = {
    "focus": "ServiceName,SkuId,PricingUnit,PricingQuantity,EffectiveCost,BillingPeriodStart,BillingCurrency,"
    "ChargeCategory",
    "cur": "lineItem/ProductCode,lineItem/UsageType,pricing/unit,lineItem/UsageAmount,lineItem/UnblendedCost,"
    "lineItem/UsageStartDate,lineItem/CurrencyCode,lineItem/LineItemType",
    "cur2": "line_item_product_code,line_item_usage_type,pricing_unit,line_item_usage_amount,"
    "line_item_unblended_cost,line_item_usage_start_date,line_item_currency_code,line_item_line_item_type",
    "gcp": "service.description,sku.description,usage.pricing_unit,usage.amount_in_pricing_units,cost,"
    "usage_start_time,currency,cost_type",
    "azure": "MeterCategory,MeterName,UnitOfMeasure,Quantity,CostInBillingCurrency,Date,BillingCurrency,"
    "ChargeType",
}


def against(
    directory: Path, *rows: str, header: str = "focus", names: dict[str, str] | None = None
) -> Actual:
    path = directory / "bill.csv"
    path.write_text("\n".join([HEADERS[header], *rows]) + "\n", encoding="utf-8")
    document = json.loads(json.dumps(estimate_document(estimate_of(PLAN))))
    return compare(document, path, names or {})


def of(found: Actual, name: str = M5) -> Drift:
    return next(drift for drift in found.drifts if drift.name == name)


def row(
    hours: float, usd: float, sku: str = M5, start: str = "2026-09-01", unit: str = "Hrs", kind: str = "Usage"
) -> str:
    return f"EC2,{sku},{unit},{hours},{usd},{start}T00:00:00Z,USD,{kind}"


def test_more_hours_are_quantity_and_a_dearer_hour_is_price(tmp_path: Path) -> None:
    drift = of(against(tmp_path, row(3650, 3650 * 0.21)))
    # 730 hours more at $0.192, and $0.018 more for each of 3,650.
    assert drift.by_quantity == pytest.approx(730 * 0.192)
    assert drift.by_price == pytest.approx(3650 * 0.018)
    assert drift.difference == pytest.approx(3650 * 0.21 - 2920 * 0.192)


@pytest.mark.parametrize("header", ["cur", "cur2", "gcp", "azure"])
def test_every_export_names_the_machine_in_its_own_words(header: str, tmp_path: Path) -> None:
    text = {"azure": "M5.xlarge", "gcp": "Instance m5.xlarge running"}.get(header, "USE1-BoxUsage:m5.xlarge")
    found = against(tmp_path, row(2920, 560.64, sku=text), header=header)
    assert found.total("difference") == pytest.approx(0.0, abs=0.01)


def test_a_database_of_the_same_size_is_another_machine(tmp_path: Path) -> None:
    found = against(tmp_path, row(730, 250.0, sku="InstanceUsage:db.m5.xlarge"), header="cur")
    assert of(found).billed is None
    database = of(found, "EC2/InstanceUsage:db.m5.xlarge")
    assert (database.not_matched, database.by_quantity, database.by_price) == (250.0, 0.0, 0.0)
    assert found.total("not_matched") == pytest.approx(250.0 - 560.64)


def test_names_may_be_mapped(tmp_path: Path) -> None:
    found = against(tmp_path, row(2920, 560.64, sku="XYZ-1"), names={"XYZ-1": M5})
    assert of(found).difference == pytest.approx(0.0, abs=0.01)


def test_several_months_stand_side_by_side_and_add_up(tmp_path: Path) -> None:
    rows = [row(hours, hours * 0.2, start=f"2026-0{month}-01") for month, hours in ((7, 2920), (8, 1460))]
    found = against(tmp_path, *rows, row(0, -3.0, start="2026-08-01", kind="Credit"))
    assert found.months == ["2026-07", "2026-08"]
    july, august = found.by_month
    assert of(july).by_quantity == pytest.approx(0.0, abs=0.01)
    assert of(august).by_quantity == pytest.approx(-1460 * 0.192)
    assert (july.left_out, august.left_out, found.left_out) == ({}, {"credit": -3.0}, {"credit": -3.0})
    for part in ("difference", "by_quantity", "by_price", "not_matched"):
        assert found.total(part) == pytest.approx(july.total(part) + august.total(part))
    said = written(report_of(found), "table", Style(120))
    assert "2026-07 USD" in said
    assert "2026-08 USD" in said


def test_what_a_map_does_not_name_is_said(tmp_path: Path) -> None:
    found = against(tmp_path, row(2920, 560.64, sku="XYZ-1"), names={"XYZ-*": "aws/ec2/m5.xlage", "old": M5})
    assert found.notes == [
        f"--map: the estimate has no 'aws/ec2/m5.xlage' Did you mean '{M5}'?",
        "--map: nothing in the bill is called 'old'",
    ]
    listed = map_of(found)
    assert "# Estimated and not billed: aws/ec2/m5.xlarge" in listed
    assert json.loads(listed.splitlines()[-1].lstrip("# ").rpartition(": ")[0]) == "aws/ec2/m5.xlage"


def test_a_part_of_a_month_is_no_saving(tmp_path: Path) -> None:
    half = [row(96, 18.43, start=f"2026-09-{day:02d}") for day in range(1, 16)]
    assert against(tmp_path, *half).partial
    assert of(against(tmp_path, *half)).by_quantity == pytest.approx(0.0, abs=0.01)
    said = written(report_of(against(tmp_path, *half)), "table", Style(100))
    assert "charges cover 15 days of 30, so the estimate is scaled to 49.3%" in said
    whole = [row(96, 18.43, start=f"2026-09-{day:02d}") for day in range(1, 31)]
    assert not against(tmp_path, *whole).partial
    assert not against(tmp_path, row(2920, 560.64)).partial


def focus(directory: Path, *periods: tuple[str, str]) -> Actual:
    header = HEADERS["focus"] + ",ChargePeriodStart,ChargePeriodEnd"
    rows = [f"{row(2920, 560.64, start=start)},{start}T00:00:00Z,{end}T00:00:00Z" for start, end in periods]
    path = directory / "bill.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return compare(json.loads(json.dumps(estimate_document(estimate_of(PLAN)))), path, {})


@pytest.mark.parametrize(
    ("periods", "days", "partial"),
    [
        ([("2026-10-01", "2026-11-01")], 31, False),
        ([("2026-10-01", "2026-11-01"), ("2026-10-05", "2026-10-09")], 31, False),
        ([("2026-10-01", "2026-11-01"), ("2019-03-14", "2019-03-15")], 32, False),
        ([("2026-10-01", "2026-10-11"), ("2026-10-06", "2026-10-16")], 15, True),
        ([("2026-10-01", "2026-10-01")], 1, False),
    ],
)
def test_days_are_those_that_charges_cover(
    tmp_path: Path, periods: list[tuple[str, str]], days: int, partial: bool
) -> None:
    found = focus(tmp_path, *periods)
    assert (found.days, found.partial) == (days, partial)


@pytest.mark.parametrize(("hours", "scaled"), [(96, True), (2920, False)])
def test_charges_of_one_day_are_those_of_the_period_that_they_are_nearer_to(
    tmp_path: Path, hours: float, scaled: bool
) -> None:
    """Many exports write the sum of a month at its first day."""
    only = PLAN.replace("calls: {mail: 1}", "").replace("external_apis: {mail: {}}", "")
    path = tmp_path / "bill.csv"
    path.write_text(f"{HEADERS['focus']}\n{row(hours, hours * 0.192)}\n")
    found = compare(json.loads(json.dumps(estimate_document(estimate_of(only)))), path, {})
    assert (found.days, found.partial) == (1, scaled)
    assert found.total("difference") == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(("month", "hours"), [("2026-02", 672), ("2026-09", 720), ("2026-10", 744)])
def test_the_calendar_is_told_apart_where_machines_ran_all_month(
    tmp_path: Path, month: str, hours: float
) -> None:
    found = against(tmp_path, row(4 * hours, 4 * hours * 0.192, start=f"{month}-01"))
    assert of(found).by_quantity == pytest.approx((4 * hours - 2920) * 0.192)
    assert found.calendar == pytest.approx(of(found).by_quantity)
    assert against(tmp_path, row(2920, 560.64, start=f"{month}-01")).calendar == 0.0
    # Machines that stopped before the end, or began late, did not follow the calendar.
    for part in (2000, 3900):
        assert against(tmp_path, row(part, part * 0.192, start=f"{month}-01")).calendar == 0.0


def test_rows_of_months_are_no_single_days(tmp_path: Path) -> None:
    found = against(tmp_path, *(row(2920, 560.64, start=f"{year}-10-01") for year in (2019, 2026)))
    assert not found.partial
    assert any("months are missing" in note for note in found.notes)


def test_azure_writes_dates_its_own_way(tmp_path: Path) -> None:
    text = row(2920, 560.64, sku="M5.xlarge").replace("2026-09-01T00:00:00Z", "09/14/2026")
    assert against(tmp_path, text, header="azure").months == ["2026-09"]
    with pytest.raises(InputError, match="Date 'then' is not a time"):
        against(tmp_path, text.replace("09/14/2026", "then"), header="azure")


def test_taxes_are_no_drift(tmp_path: Path) -> None:
    found = against(tmp_path, row(2920, 560.64), row(0, 99.0, sku="VAT", kind="Tax"))
    assert found.left_out == {"tax": 99.0}
    assert found.total("difference") == pytest.approx(0.0, abs=0.01)


def test_units_that_do_not_compare_split_nothing(tmp_path: Path) -> None:
    drift = of(against(tmp_path, row(4, 600.0, unit="Instance-Months")))
    assert (drift.by_quantity, drift.by_price) == (None, None)
    assert drift.difference == pytest.approx(600 - 560.64)


def test_a_price_that_nobody_knows_is_no_saving(tmp_path: Path) -> None:
    found = against(tmp_path, row(2920, 560.64))
    drift = of(found, "external/mail/request")
    assert drift.difference is None
    assert drift.estimated is not None
    assert drift.estimated.cost is None


def test_bad_bills_name_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"bill\.csv:3: PricingQuantity 'many' is not a number"):
        against(tmp_path, row(1, 1), row(1, 1).replace(",1,1,", ",many,1,"))
    with pytest.raises(InputError, match="billed in EUR"):
        against(tmp_path, row(1, 1).replace("USD", "EUR"))
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="match no kind of bill that capplan knows"):
        compare({"cost_lines": []}, tmp_path / "x.csv", {})


amounts = st.floats(0, 1e6).filter(lambda value: value == 0 or value > 1e-6)


@moderate
@given(q0=amounts, p0=amounts, q1=amounts, p1=amounts)
def test_quantity_and_price_add_up_to_the_whole(q0: float, p0: float, q1: float, p1: float) -> None:
    drift = Drift("x", Usage(q0, "hour", q0 * p0), Usage(q1, "Hrs", q1 * p1))
    # The two may be large and cancel out: the noise is that of the larger one.
    noise = 1e-6 + 1e-12 * max(q0, q1) * max(p0, p1)
    assert drift.by_quantity + drift.by_price == pytest.approx(drift.difference, rel=1e-9, abs=noise)
    if q0 > 0 and p0 == p1:
        assert drift.by_price == pytest.approx(0.0, abs=1e-6 * max(1.0, q0 * p0, q1 * p1))


COMMITTED = """
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
      web: {platform: vm-group, provider: gcp, machine: n1-standard-2, throughput: 5/s}
"""


@pytest.mark.parametrize("name", ["afpi", "amas", "levqor", "llm-governance", "llm-observatory", "committed"])
def test_an_estimate_against_its_own_export_does_not_drift(
    capplan: Callable, tmp_path: Path, root: Path, name: str
) -> None:
    bill = tmp_path / "bill.csv"
    plan = root / "examples" / name
    if name == "committed":
        plan = tmp_path / "plan.yaml"
        plan.write_text(COMMITTED)
    assert capplan("estimate", plan, "--format", "focus", "--period", "2026-09", "-o", bill).exit_code == 0
    done = capplan("diff", plan, "--actual", bill, "--format", "json")
    document = json.loads(done.stdout)
    for part in ("difference", "by_quantity", "by_price", "not_matched"):
        assert document[part] == pytest.approx(0.0, abs=1e-6)
    assert all(line["billed"] is not None for line in document["lines"])
    if name != "afpi":
        return
    for fmt in ("table", "markdown"):
        assert "+0.00 USD a month" in capplan("diff", plan, "--actual", bill, "--format", fmt).stdout
    assert capplan("diff", plan).exit_code == 2
    assert capplan("diff", plan, plan, "--actual", bill).exit_code == 2


def test_one_order_of_dates_for_the_whole_bill(tmp_path: Path) -> None:
    days = [row(96, 18.43).replace("2026-09-01T00:00:00Z", f"{day:02d}/09/2026") for day in range(1, 31)]
    found = against(tmp_path, *days)
    assert (found.months, found.days) == (["2026-09"], 30)
    assert found.notes == ["dates in 'BillingPeriodStart' are day/month/year, as '13/09/2026' shows"]
    with pytest.raises(InputError, match="may be day/month or month/day"):
        against(tmp_path, *days[:12])


def test_a_blank_cost_is_unknown_and_never_zero(tmp_path: Path) -> None:
    found = against(tmp_path, row(2920, 560.64).replace("560.64", ""))
    assert of(found).billed is not None
    assert of(found).billed.cost is None
    assert of(found).difference is None
    assert found.notes[0].startswith("1 of 1 rows have a blank cost")
    unknown = of(against(tmp_path, row(2920, 560.64).replace("2920", "NULL")))
    assert (unknown.difference, unknown.by_quantity) == (pytest.approx(0.0, abs=0.01), None)


def test_another_column_of_cost_stands_in_where_one_is_blank(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    header = HEADERS["focus"].replace("EffectiveCost", "EffectiveCost,BilledCost")
    path.write_text(f"{header}\nEC2,{M5},Hrs,2920,,560.64,2026-09-01,USD,Usage\n")
    document = json.loads(json.dumps(estimate_document(estimate_of(PLAN))))
    assert of(compare(document, path, {})).difference == pytest.approx(0.0, abs=0.01)


def test_a_bill_without_rows_is_no_bill_of_zero(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a header and no rows"):
        against(tmp_path)


def test_months_that_are_missing_are_said(tmp_path: Path) -> None:
    found = against(tmp_path, row(2920, 560.64), row(2920, 560.64, start="2027-09-01"))
    assert "between 2026-09 and 2027-09 months are missing" in found.notes


@pytest.mark.parametrize("unknown", ["estimate", "bill"])
def test_a_total_that_nobody_knows_is_no_number(capplan: Callable, tmp_path: Path, unknown: str) -> None:
    only = "{name: t, demand: {requests_per_second: 10}, external_apis: {mail: {}}}"
    plan, bill = tmp_path / "plan.yaml", tmp_path / "bill.csv"
    plan.write_text(only if unknown == "estimate" else PLAN)
    billed = row(2920, 560.64) if unknown == "estimate" else row(2920, 560.64).replace("560.64", "")
    bill.write_text("\n".join([HEADERS["focus"], billed, row(1, 2.0, sku="other")]) + "\n")
    asked = ("diff", plan, "--actual", bill)
    found = json.loads(capplan(*asked, "--format", "json").stdout)
    assert [found[part] for part in ("difference", "by_quantity", "by_price")] == [None, None, None]
    assert found["complete"] is False
    for fmt in ("table", "markdown"):
        said = " ".join(capplan(*asked, "--format", fmt).stdout.split())
        assert "the difference from the estimate is unknown" in said


def test_a_total_without_some_prices_says_so(tmp_path: Path) -> None:
    """The API of the plan has no price, so the rest only is compared."""
    assert "against the estimate, of what has a price" in headline(against(tmp_path, row(2920, 560.64)))


def test_a_bill_writes_what_it_shows_into_the_plan(capplan: Callable, tmp_path: Path) -> None:
    plan, bill = tmp_path / "plan.yaml", tmp_path / "bill.csv"
    plan.write_text("""\
name: t
regions: {aws: us-east-1}
demand: {requests_per_second: 100, profile: flat, entry: {web: 1}}
services:
  web:
    platform: vm-group
    provider: aws
    machine: m5.xlarge
    throughput: 50/s
    calls: {chat: 1}
    instances: 2  # two
external_apis: {chat: {input_tokens: 10, usd_per_1m_input_tokens: 1}}
databases:
  db: {platform: rds, engine: postgres, machine: db.m6g.large, storage: 100GiB}  # guessed
""")
    rows = (
        f"ec2,{M5},Hours,2160,414.72",
        "chat,external/chat/input-tokens,1000000 Tokens,3153.6,3153.6",
        "rds,aws/rds-postgres/storage-general-purpose,GiB-Months,140,16.1",
    )
    header = "ServiceName,SkuId,PricingUnit,PricingQuantity,EffectiveCost,ChargePeriodStart"
    bill.write_text("\n".join([header, *(f"{each},2026-09-01" for each in rows)]) + "\n")
    done = capplan("diff", plan, "--actual", bill, "--apply")
    assert done.exit_code == 0, done.stderr
    written = yaml.safe_load(plan.read_text())
    mark = {"source": "measured", "from": "bill of 2026-09"}
    assert written["services"]["web"]["instances"] == {"value": 3, **mark}
    assert written["databases"]["db"]["storage"] == {"value": "140GiB", **mark}
    assert written["demand"]["requests_per_second"] == {"value": 120, **mark}
    assert "# guessed" in plan.read_text()
    assert capplan("diff", plan, plan, "--apply").exit_code == 2

"""Every format of an estimate, on every example, says the same."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import pytest
from report import focus_rules

from capplan.strictyaml import load

ROOT = Path(__file__).resolve().parents[2]
PLANS = Path(__file__).resolve().parent / "plans"
FROZEN = Path(__file__).resolve().parent / "frozen_catalogs"
SHOP = ("estimate", PLANS / "shop.yaml", "--catalogs", FROZEN)
FORMATS = ("table", "json", "csv", "markdown", "focus")

NEVER_NULL = (
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SkuPriceId",
)


def _estimates() -> Iterator[str]:
    """Yield each example in each of its alternatives, as it is written on the command line."""
    for name in ("afpi", "levqor"):
        plan = load((ROOT / "examples" / name / "plan.yaml").read_text(encoding="utf-8"), name)
        yield name
        yield from (f"{name} --alternative {alternative}" for alternative in plan["alternatives"])
    yield "afpi --book afpi"


@pytest.fixture(params=_estimates())
def arguments(request: pytest.FixtureRequest) -> list[str]:
    name, *options = request.param.split()
    return ["estimate", str(ROOT / "examples" / name), *options]


@pytest.fixture(scope="module")
def made() -> dict:
    """Return what estimates have printed, by arguments and format: made once, looked at often."""
    return {}


@pytest.fixture
def run(capplan: Callable, arguments: list[str], made: dict) -> Callable[[str], tuple[int, str, str]]:
    """Return a function that estimates the example in a format."""

    def in_format(fmt: str) -> tuple[int, str, str]:
        key = (*arguments, fmt)
        if key not in made:
            made[key] = capplan(*arguments, "--format", fmt)
        return made[key]

    return in_format


@pytest.fixture
def printed(run: Callable[[str], tuple[int, str, str]]) -> Callable[[str], str]:
    """Return a function that gives what an estimate of the example prints in a format."""
    return lambda fmt: run(fmt)[1]


@pytest.fixture
def document(printed: Callable[[str], str]) -> dict:
    return json.loads(printed("json"))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_format_of_every_example_succeeds(run: Callable, fmt: str) -> None:
    exit_code, stdout, stderr = run(fmt)
    assert (exit_code, stderr) == (0, "")
    assert stdout.endswith("\n")
    assert not re.search(r"(?i)\bnan\b|\binf(inity)?\b|Traceback|\bNone\b", stdout)


@pytest.mark.parametrize("fmt", ["table", "json", "csv", "markdown"])
@pytest.mark.parametrize("several", [["--alternative", "all"], ["--sweep", "demand.month=0,12"]])
def test_every_format_can_show_several_estimates(
    capplan: Callable, example: Path, several: list[str], fmt: str
) -> None:
    run = capplan("estimate", example, *several, "--format", fmt)
    assert (run.exit_code, run.stderr) == (0, "")


@pytest.mark.parametrize("fmt", ["table", "markdown"])
def test_people_read_total_currency_and_age_of_prices(
    printed: Callable[[str], str], document: dict, fmt: str
) -> None:
    shown = printed(fmt)
    dates = sorted(line["as_of"] for line in document["cost_lines"] if line["as_of"])
    assert f"{document['monthly_cost']['expected']:,.2f}" in shown
    assert "USD" in shown
    assert not dates or f"of {dates[0]} to {dates[-1]}" in shown
    assert f"{document['hours_per_month']:g} hours a month" in shown


def _components_table(report: str) -> list[str]:
    """Return the rows of the table of components, the total last, without heading and rule."""
    lines = report.splitlines()
    rule = next(number for number, line in enumerate(lines) if line.startswith("───"))
    heading = next(number for number, line in enumerate(lines) if line.startswith("COMPONENT "))
    return [*lines[heading + 1 : rule], lines[rule + 1]]


def test_table_has_a_row_for_every_component(capplan: Callable, arguments: list[str], document: dict) -> None:
    *shown, total = [line.split()[0] for line in _components_table(capplan(*arguments).stdout)]
    for name, component in zip(shown, document["components"], strict=True):
        beginning, _, end = name.partition("…")
        assert component.startswith(beginning)
        assert component.endswith(end)
    assert total == "total"


def _rows_add_up(report: str) -> bool:
    amounts = [re.search(r"([\d,.]+)  +([\d,.]+)  +([\d,.]+)$", row) for row in _components_table(report)]
    *components, total = [float(found[2].replace(",", "")) for found in amounts if found]
    return math.isclose(sum(components), total, abs_tol=0.005 * len(components))


def test_table_adds_up(printed: Callable[[str], str]) -> None:
    assert _rows_add_up(printed("table"))


def test_table_adds_up_where_pods_have_costs_of_their_own(capplan: Callable) -> None:
    assert _rows_add_up(capplan(*SHOP, "--alternative", "pods", "-q").stdout)


@pytest.mark.parametrize("name", ["afpi", "levqor"])
@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--sweep", "demand.month=0,1"],
        ["-v"],
    ],
    ids=" ".join,
)
def test_report_fits_80_columns(capplan: Callable, name: str, options: list[str]) -> None:
    assert _longest(capplan("estimate", ROOT / "examples" / name, *options).stdout) <= 80


def test_comparison_of_many_alternatives_fits_80_columns(capplan: Callable) -> None:
    run = capplan("estimate", ROOT / "examples" / "afpi", "--alternative", "all")
    assert _longest(run.stdout) <= 80


def test_report_of_a_long_named_alternative_fits_80_columns(capplan: Callable) -> None:
    run = capplan("estimate", ROOT / "examples" / "afpi", "--alternative", "gke-gpu")
    assert _longest(run.stdout) <= 80


def test_sweep_of_six_components_fits_80_columns(capplan: Callable) -> None:
    run = capplan(
        *("estimate", PLANS / "crowded.yaml", "--catalogs", FROZEN),
        *("--sweep", "requests_per_second=1,10,100"),
    )
    assert _longest(run.stdout) <= 80


def _longest(text: str) -> int:
    return max(map(len, text.splitlines()))


def _figures(table: str) -> Counter:
    """Count the words of a report that are figures, however its lines are broken."""
    return Counter(re.findall(r"(?<![^\s])[+-]?[\d,./∞]*\d[\d,./∞]*!?(?![^\s])", table))


@pytest.mark.parametrize(
    "options", [["-v"], ["--alternative", "all"], ["--sweep", "demand.month=0,1,12"]], ids=lambda o: o[0]
)
def test_narrow_terminal_loses_no_figure(
    capplan: Callable, monkeypatch: pytest.MonkeyPatch, example: Path, options: list[str]
) -> None:
    wide = capplan("estimate", example, *options).stdout
    monkeypatch.setattr("capplan.cli.terminal.width", lambda: 40)
    narrow = capplan("estimate", example, *options).stdout
    assert _figures(narrow) >= _figures(wide)
    assert len(narrow.splitlines()) >= len(wide.splitlines())


@pytest.mark.parametrize(
    "options",
    [["--sweep", "users_per_day=1000000000"], ["--alternative", "all", "--set", "users_per_day=1000M"]],
    ids=["swept values", "costs of alternatives"],
)
def test_narrow_terminal_loses_no_large_figure(
    capplan: Callable, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.setattr("capplan.cli.terminal.width", lambda: 40)
    shown = capplan(*SHOP, *options).stdout
    assert not re.search(r"\d…|…\d", shown)


def test_quiet_is_part_of_normal_and_normal_of_verbose(capplan: Callable, example: Path) -> None:
    quiet, normal, verbose = (
        set(capplan("estimate", example, *flag).stdout.splitlines()) for flag in (["-q"], [], ["-v"])
    )
    assert quiet < normal
    assert len(normal) < len(verbose)


def test_markdown_tables_have_as_many_cells_in_every_row(printed: Callable[[str], str]) -> None:
    shown = printed("markdown")
    tables = re.findall(r"(?m)(?:^\|.*\|\n)+", shown)
    assert len(tables) >= 2
    for table in tables:
        cells = {line.count("|") for line in table.splitlines()}
        assert len(cells) == 1
    assert shown.count("<details>") == shown.count("</details>") == 1


# CSV


def test_csv_has_the_cost_lines_of_the_json(printed: Callable[[str], str], document: dict) -> None:
    lines = rows(printed("csv"))
    assert len(lines) == len(document["cost_lines"])
    for row, line in zip(lines, document["cost_lines"], strict=True):
        assert (row["component"], row["sku"], row["unit"]) == (line["component"], line["sku"], line["unit"])
        assert float(row["monthly_cost"]) == line["monthly_cost"]


def test_csv_of_alternatives_names_each_row(capplan: Callable) -> None:
    lines = rows(capplan(*SHOP, "--alternative", "all", "--format", "csv").stdout)
    assert list(dict.fromkeys(row["alternative"] for row in lines)) == ["", "vms", "pods", "taiwan"]


def test_csv_leaves_empty_what_is_unknown(capplan: Callable) -> None:
    lines = rows(capplan(*SHOP, "--alternative", "taiwan", "--format", "csv").stdout)
    unpriced = [row for row in lines if row["price_status"] == "unpriced"]
    assert {(row["unit_price"], row["monthly_cost"], row["as_of"]) for row in unpriced} == {("", "", "")}


def test_csv_of_a_sweep_has_a_row_for_every_scenario(capplan: Callable) -> None:
    shown = capplan(
        *SHOP, "--sweep", "users_per_day=1k,20k", "--sweep", "services.web.cpu=1,2", "--format", "csv"
    )
    values = [(float(r["demand.users_per_day"]), float(r["services.web.cpu"])) for r in rows(shown.stdout)]
    assert values == [(1e3, 1), (1e3, 2), (2e4, 1), (2e4, 2)]


# FOCUS


@pytest.fixture
def charges(printed: Callable[[str], str]) -> list[dict[str, str]]:
    return rows(printed("focus"))


def test_focus_has_its_columns(capplan: Callable) -> None:
    heading = capplan(*SHOP, "--format", "focus").stdout.splitlines()[0].split(",")
    assert [name for name in focus_rules.COLUMNS if name not in heading] == []
    assert len(set(heading)) == len(heading)


def test_focus_marks_columns_of_its_own(capplan: Callable) -> None:
    heading = capplan(*SHOP, "--format", "focus").stdout.splitlines()[0].split(",")
    own = [name for name in heading if name not in focus_rules.COLUMNS]
    assert [name for name in own if not name.startswith("x_")] == []


def test_focus_bills_the_expected_cost(charges: list[dict[str, str]], document: dict) -> None:
    for column in ("BilledCost", "EffectiveCost"):
        billed = math.fsum(float(charge[column]) for charge in charges)
        assert billed == pytest.approx(document["monthly_cost"]["expected"], abs=1e-6)


def test_focus_leaves_no_required_column_empty(charges: list[dict[str, str]]) -> None:
    empty = {(column, charge["SkuId"]) for charge in charges for column in NEVER_NULL if not charge[column]}
    assert empty == set()


def test_focus_multiplies(charges: list[dict[str, str]]) -> None:
    for charge in charges:
        quantity = float(charge["PricingQuantity"])
        for cost, price in (("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")):
            # Prices have twelve decimals in the file, quantities reach the millions.
            assert float(charge[cost]) == pytest.approx(quantity * float(charge[price]), rel=1e-6, abs=1e-6)


def test_focus_writes_numbers_and_words_as_the_specification_says(charges: list[dict[str, str]]) -> None:
    for charge in charges:
        for column, value in charge.items():
            if value and column.endswith(("Cost", "Price", "Quantity")):
                assert re.fullmatch(r"-?\d+(\.\d+)?", value), (column, value)
        assert charge["BillingCurrency"] == "USD"
        assert charge["ChargeCategory"] in ("Usage", "Credit")
        assert charge["PricingCategory"] in ("Standard", "Dynamic", "Committed", "Other")
        assert charge["ServiceCategory"] in (
            "AI and Machine Learning",
            "Compute",
            "Databases",
            "Storage",
            "Networking",
            "Other",
        )
        assert isinstance(json.loads(charge["Tags"]), Mapping)


def test_focus_month_is_that_of_the_newest_price(charges: list[dict[str, str]], document: dict) -> None:
    newest = max(line["as_of"] or "" for line in document["cost_lines"])
    starts = {charge["BillingPeriodStart"] for charge in charges}
    assert starts == {f"{newest[:7] or '2026-01'}-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("period", "end"), [("2026-02", "2026-03"), ("2024-02", "2024-03"), ("2026-12", "2027-01")]
)
def test_focus_month_ends_where_the_next_begins(capplan: Callable, period: str, end: str) -> None:
    charge = rows(capplan(*SHOP, "--format", "focus", "--period", period).stdout)[0]
    for kind in ("Billing", "Charge"):
        assert datetime.fromisoformat(charge[f"{kind}PeriodStart"]).strftime("%Y-%m-%dZ") == f"{period}-01Z"
        assert charge[f"{kind}PeriodEnd"] == f"{end}-01T00:00:00Z"


def test_focus_has_no_charge_without_a_price(capplan: Callable) -> None:
    charges = rows(capplan(*SHOP, "--alternative", "taiwan", "--format", "focus").stdout)
    assert {charge["RegionId"] for charge in charges if charge["ResourceType"] == "cloud-run"} == {
        "asia-east1"
    }
    free_or_priced = {
        charge["SkuId"].rpartition("/")[2] for charge in charges if charge["ResourceName"] == "web"
    }
    assert {sku for sku in free_or_priced if not sku.endswith("-free")} == {"requests"}


def test_focus_tells_commitments_and_spot_apart(capplan: Callable) -> None:
    charges = rows(capplan(*SHOP, "--alternative", "vms", "--format", "focus").stdout)
    machines = [charge for charge in charges if charge["ServiceName"] == "compute-engine"]
    kinds = [(c["PricingCategory"], c["ChargeCategory"], c["CommitmentDiscountStatus"]) for c in machines]
    assert kinds == [
        ("Standard", "Usage", ""),
        ("Standard", "Credit", ""),
        ("Committed", "Usage", "Used"),
        ("Dynamic", "Usage", ""),
    ]
    committed = machines[2]
    assert float(committed["ListUnitPrice"]) == 0.1
    assert float(committed["EffectiveCost"]) == pytest.approx(0.6 * float(committed["ListCost"]))


def test_focus_credit_consumes_nothing(capplan: Callable) -> None:
    charges = rows(capplan(*SHOP, "--alternative", "vms", "--format", "focus").stdout)
    given = [charge for charge in charges if charge["ChargeCategory"] == "Credit"]
    assert {(charge["ConsumedQuantity"], charge["ConsumedUnit"]) for charge in given} == {("", "")}

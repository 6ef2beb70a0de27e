"""The same plan in other regions: what it costs there, and in which order."""

import pytest
from helpers import SHIPPED, monthly, plan_of

from capplan.decide import regions
from capplan.decide.regions import in_regions
from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.report.regions import compared_report
from capplan.report.table import Table

PLAN = """
    name: shop
    regions: {aws: us-east-1}
    demand: {requests_per_second: 50, profile: flat}
    services:
      web: {platform: fargate, cpu: 1, memory: 2Gi, service_time: 50ms, calls: {db: 1}}
    databases:
      db: {platform: rds, engine: postgres, machine: db.m6g.large, storage: 100Gi}
"""
GPU = """
    name: gpu
    regions: {gcp: us-central1}
    demand: {requests_per_second: 1, profile: flat}
    services:
      m: {platform: vm-group, provider: gcp, machine: a2-highgpu-1g, service_time: 50ms}
"""


def compared(text, *sets, wanted=("all",)):
    return in_regions(plan_of(text, *sets), SHIPPED, wanted)


def alone(text, provider, region, *sets):
    """Return the estimate of the plan in a region, the long way."""
    return estimate(plan_of(text, *sets, f"regions.{provider}={region}"), SHIPPED)


def test_complete_regions_come_first_by_cost():
    rows = compared(PLAN)
    assert len(rows) == len(SHIPPED.regions("aws"))
    complete = [row for row in rows if row.expected is not None and row.certainty.complete]
    assert rows[: len(complete)] == complete
    costs = [row.expected for row in complete]
    assert costs == sorted(costs)
    assert len(complete) > 15
    assert all(row.missing for row in rows[len(complete) :])


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "sa-east-1", "ap-southeast-7"])
def test_a_region_costs_what_the_plan_costs_there(region):
    (row,) = compared(PLAN, wanted=(region,))
    there = alone(PLAN, "aws", region)
    assert row.certainty == there.certainty
    assert (row.expected or 0.0) == pytest.approx(monthly(there))
    assert row.now == (region == "us-east-1")


@pytest.mark.parametrize("opened", ["databases.db.machine=auto"])
def test_what_capplan_chooses_by_price_is_chosen_in_each_region(opened):
    sets = (opened, "databases.db.cpu_time=1ms", "databases.db.working_set=2Gi")
    (row,) = compared(PLAN, *sets, wanted=("eu-central-1",))
    assert row.expected == pytest.approx(monthly(alone(PLAN, "aws", "eu-central-1", *sets)))


def test_a_component_with_a_region_of_its_own_stays():
    sets = ("databases.db.region=eu-west-1",)
    (row,) = compared(PLAN, *sets, wanted=("eu-central-1",))
    there = alone(PLAN, "aws", "eu-central-1", *sets)
    assert row.expected == pytest.approx(monthly(there))
    assert {line.meter.region for line in there.lines_of("db")} == {"eu-west-1"}


def test_what_a_region_does_not_sell_is_named():
    (row,) = compared(GPU, wanted=("europe-west1",))
    assert (row.expected, list(row.missing)) == (None, ["a2-highgpu-1g"])
    assert row.gco2e_per_kwh == pytest.approx(103.37)


def test_a_plan_is_estimated_twice_however_many_regions_there_are(monkeypatch):
    asked = []
    estimate_on = regions.estimate_on
    monkeypatch.setattr(regions, "estimate_on", lambda *given: asked.append(1) or estimate_on(*given))
    assert len(compared(PLAN)) > 30
    assert len(asked) == 2


def test_only_providers_that_are_used_are_compared():
    rows = compared(PLAN, "regions.gcp=us-central1")
    assert {row.provider for row in rows} == {"aws"}


@pytest.mark.parametrize(
    ("sets", "wanted", "said"),
    [
        (
            (),
            ("eu-central-2", "eu-centrall-1"),
            r"--regions: aws has no region 'eu-centrall-1'\. Did you mean",
        ),
        ((), ("",), "aws has no region ''"),
    ],
)
def test_a_region_that_is_none_is_refused(sets, wanted, said):
    with pytest.raises(InputError, match=said):
        compared(PLAN, *sets, wanted=wanted)


def test_a_plan_that_runs_nowhere_has_nothing_to_compare():
    plan = """
        name: t
        demand: {requests_per_second: 1}
        external_apis: {mail: {price_per_request: 0.001}}
    """
    with pytest.raises(InputError, match="nothing to compare"):
        compared(plan)


SPOT = """
    name: spot
    regions: {azure: eastus}
    demand: {requests_per_second: 1, profile: flat}
    services:
      m:
        platform: vm-group
        provider: azure
        machine: Standard_D4s_v5
        cpu_time: 5ms
        purchase: {spot: 100%}
"""


def test_what_is_only_bounded_has_no_difference_from_now():
    rows = compared(SPOT, wanted=("eastus", "westeurope"))
    assert [row.is_exact for row in rows] == [False, False]
    (table,) = (b for b in compared_report("spot", rows).blocks() if isinstance(b, Table))
    assert [cells[3] for cells in table.rows] == ["", ""]
    assert all(cells[2].startswith("≤ ") for cells in table.rows)


def test_regions_say_what_share_of_their_cost_is_estimated(tmp_path):
    book = tmp_path / "like.yaml"
    source = "source: {as_of: 2026-11-01, text: a guess}"
    likeness = "regions: {eu-central-1: {like: us-east-1, factor: 1.2}}"
    book.write_text(f"schema: 1\nname: like\n{source}\n{likeness}\n")
    storage = "resources: {r: {provider: aws, service: opensearch, sku: storage-gp2, quantity: 10}}"
    plan = f"name: t\nregions: {{aws: us-east-1}}\ndemand: {{requests_per_second: 1}}\n{storage}\n"
    rows = compared(plan, f"pricing.books=[{book}]", wanted=("us-east-1", "eu-central-1"))
    assert {row.region: row.estimated_share for row in rows} == {"us-east-1": 0, "eu-central-1": 1}


@pytest.mark.parametrize(
    ("name", "region"), [("frankfurt", "eu-central-1"), ("EU (Ireland)", "eu-west-1"), ("USE2", "us-east-2")]
)
def test_regions_may_be_called_by_their_other_names(name, region):
    assert [row.region for row in compared(PLAN, wanted=(name,))] == [region]


def test_all_regions_and_one_of_them_contradict_each_other():
    with pytest.raises(InputError, match="'all' stands beside other regions"):
        compared(PLAN, wanted=("all", "us-east-1"))


def test_regions_that_do_not_sell_something_come_last_and_are_told_apart():
    rows = compared(GPU)
    kinds = [bool(row.not_sold) for row in rows if row.missing]
    assert any(kinds)
    assert kinds == sorted(kinds)
    said = [line for block in compared_report("gpu", rows).blocks() for line in getattr(block, "lines", ())]
    assert any(line.startswith("a2-highgpu-1g is not sold in ") for line in said)


def test_a_column_without_a_value_is_left_out():
    rows = [row._replace(gco2e_per_kwh=None) for row in compared(PLAN, wanted=("us-east-1",))]
    (table,) = [block for block in compared_report("shop", rows).blocks() if isinstance(block, Table)]
    assert [column.name for column in table.columns] == [
        *("Region", "Place", "USD expected", "against now", "unpriced SKUs")
    ]
    assert all(len(row) == len(table.columns) for row in table.rows)

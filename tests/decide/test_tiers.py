"""Tiers that stand for alternatives are priced with their own architecture over their own range."""

import json
import math

import pytest
from helpers import SHIPPED

from capplan.decide.questions import ComparisonOptions
from capplan.decide.tiers import tier_path
from capplan.decide.world import names_of
from capplan.errors import InputError
from capplan.plan.read import parse_plan
from capplan.report.json_format import estimate_document

SMALL_USD, LARGE_USD = 0.192 * 730, 0.384 * 730
PLAN = """
name: t
regions: {aws: us-east-1}
demand: {requests_per_second: 100, profile: flat}
services:
  api: {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: 10/s, instances: {max: 60}}
decisions:
  growth_tiers:
    by: demand.average_rps * 60
    unit: requests a minute
    tiers:
      small: {below: 9k, alternative: plan, usd_per_month: [100, 1500]}
      middle: {below: 36k}
      large: {alternative: large, usd_per_month: [1, 2]}
alternatives:
  large: {services: {api: {machine: m5.2xlarge, throughput: 30/s}}}
"""


def path_of(tmp_path, text=PLAN, *sets):
    source = (text, "plan.yaml", tmp_path)
    file = parse_plan(*source, sets)
    asked = ComparisonOptions(sets=sets)
    return tier_path(source, file, asked, SHIPPED, lambda e: names_of(e, estimate_document))


def test_a_tier_costs_what_its_own_alternative_costs_over_its_own_range(tmp_path):
    small, large = path_of(tmp_path).tiers
    assert (small.tier, small.alternative, small.begins, small.ends) == ("small", "plan", 900, 9000)
    # 15 and 150 requests a second at ten an instance.
    assert small.usd == pytest.approx((2 * SMALL_USD, 15 * SMALL_USD))
    assert (large.tier, large.begins, large.ends) == ("large", 36_000, 360_000)
    assert large.usd[0] == pytest.approx(20 * LARGE_USD)
    assert small.complete
    assert large.complete


def test_where_the_stated_cost_holds_and_where_the_load_is_not_carried(tmp_path):
    small, large = path_of(tmp_path).tiers
    low, high = small.budget
    assert low == pytest.approx(900)
    # Ten instances cost 1,401.60, eleven more than 1,500.
    assert 0.98 * 6000 <= high <= 6000
    assert large.budget is None
    assert small.fails_from is None
    # Sixty instances of thirty.
    assert large.fails_from == pytest.approx(60 * 30 * 60, rel=0.02)


def test_the_cheapest_tier_changes_where_the_alternatives_cross(tmp_path):
    path = path_of(tmp_path)
    assert [reign.tier for reign in path.cheapest][-2:] == ["large", None]
    assert all(reign.known for reign in path.cheapest)
    for reign in path.cheapest:
        rps = math.sqrt(reign.begins * reign.ends) / 60
        usd = {
            "small": math.ceil(rps / 10 - 1e-9) * SMALL_USD,
            "large": math.ceil(rps / 30 - 1e-9) * LARGE_USD,
        }
        if rps > 60 * 10:
            del usd["small"]
        if rps > 60 * 30:
            assert reign.tier is None
        else:
            assert usd[str(reign.tier)] == min(usd.values())


def test_prices_that_are_missing_are_said(tmp_path):
    text = PLAN.replace("throughput: 30/s}}", "throughput: 30/s, calls: {pay: 1}}}, external_apis: {pay: {}}")
    path = path_of(tmp_path, text)
    assert [tier.complete for tier in path.tiers] == [True, False]
    assert not all(reign.known for reign in path.cheapest)


def test_without_load_there_is_nothing_to_vary(tmp_path):
    assert path_of(tmp_path, PLAN, "demand.requests_per_second=0") is None


def test_a_budget_begins_with_its_lower_end(tmp_path):
    with pytest.raises(InputError, match="the lowest budget comes first"):
        path_of(tmp_path, PLAN, "decisions.growth_tiers.tiers.large.usd_per_month=[200, 100]")


def test_a_tier_without_alternatives_beside_it_has_no_path(tmp_path):
    assert path_of(tmp_path, PLAN.replace("alternative: large, ", "")) is None


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ("decisions.growth_tiers.tiers.large.alternative=larg", "Did you mean 'large'"),
        ("decisions.growth_tiers.by=-demand.average_rps", "does not rise with demand.requests_per_second"),
    ],
)
def test_what_cannot_be_priced_is_refused_with_its_place(tmp_path, sets, said):
    with pytest.raises(InputError, match=r"growth_tiers\.") as error:
        path_of(tmp_path, PLAN, sets)
    assert said in str(error.value)


def test_recommend_shows_what_the_tiers_cost(capplan, tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN)
    found = json.loads(capplan("recommend", tmp_path, "--format", "json").stdout)["tiers"]
    assert [cost["alternative"] for cost in found["costs"]] == ["plan", "large"]
    assert found["cheapest"][-2]["tier"] == "large"
    shown = capplan("recommend", tmp_path).stdout
    assert "large is the cheapest." in shown
    assert "no tier carries the load." in shown

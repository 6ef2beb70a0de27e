import json

import pytest
from helpers import SHIPPED, plan_of

from capplan.decide.growth import growth
from capplan.decide.questions import ComparisonOptions
from capplan.decide.rules import rules_of
from capplan.decide.world import names_of
from capplan.errors import InputError
from capplan.plan.read import text_of
from capplan.report.json_format import estimate_document

PLAN = """
name: t
regions: {aws: us-east-1}
demand: {requests_per_second: 100, profile: flat}
services:
  api: {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: 10/s}
decisions:
  growth_tiers:
    by: demand.average_rps
    tiers:
      small: {below: 150, usd_per_month: [100, 500]}
      middle: {below: 1k}
      large: {}
  comparisons:
    size: {between: [plan, large], over: requests_per_second, from: 10, to: 1000}
  migration_rules:
    larger:
      to: large
      comparison: size
      triggers:
        costs too much: monthly_cost.expected > 500
        nobody knows: components.api.instances.max > 3
  facts: {told: true}
alternatives:
  large: {services: {api: {machine: m5.2xlarge, throughput: 30/s}}}
"""


def stands(*sets):
    return growth(plan_of(PLAN, *sets), SHIPPED)


def ruled(tmp_path, *sets):
    (tmp_path / "plan.yaml").write_text(PLAN)
    text = text_of(tmp_path)
    return rules_of(
        text,
        plan_of(PLAN, *sets),
        ComparisonOptions(sets=sets),
        SHIPPED,
        lambda e: names_of(e, estimate_document),
    )


def test_the_tier_and_the_room_to_the_next():
    found = stands()
    assert (found.tier, found.next_tier) == ("small", "middle")
    assert found.room == pytest.approx(0.5)
    assert found.in_budget is False
    assert found.entries == []


def test_a_bound_belongs_to_the_tier_above():
    assert stands("requests_per_second=150").tier == "middle"
    assert stands("requests_per_second=1000").tier == "large"
    assert stands("requests_per_second=1000").next_tier is None


def test_a_plan_beyond_its_last_tier_is_told_so(capplan, tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN.replace("      large: {}", "      large: {below: 2k}"))
    within, beyond = (
        capplan("recommend", tmp_path, "--set", f"requests_per_second={rps}").stdout for rps in (1500, 2000)
    )
    assert "Growth: tier large, at 1,500." in within
    assert "Growth: beyond tier large, the last, which ends at 2,000; the plan is at 2,000." in beyond


def test_growth_tells_the_month():
    """1.1^5 = 1.61: the bound of 150 is passed in month 5; 1.1^25 = 10.8."""
    months = {entry.tier: entry.month_p50 for entry in stands("demand.growth_per_month=10%").entries}
    assert months == {"middle": 5, "large": 25}


def test_uncertain_growth_tells_a_probability():
    found = stands("demand.growth_per_month={p5: 0.1%, p50: 1%, p95: 10%}", "decisions.horizon_months=12")
    (entry,) = found.entries
    assert 0.1 < entry.probability < 0.5
    assert entry.month_p5 <= entry.month_p50 <= entry.month_p95 <= 12


def test_tiers_must_rise():
    with pytest.raises(InputError, match="must rise"):
        stands("decisions.growth_tiers.tiers.middle.below=100")


def test_an_expression_without_a_value_is_said_with_its_place():
    with pytest.raises(InputError, match=r"decisions\.growth_tiers\.by: .*Did you mean 'average_rps'"):
        stands("decisions.growth_tiers.by=demand.averge_rps")


def test_a_rule_and_its_triggers(tmp_path):
    (rule,) = ruled(tmp_path)
    dear, unknown = rule.triggers
    assert rule.fires is True
    assert dear.fires is True
    assert dear.evidence[0].value == pytest.approx(10 * 0.192 * 730)
    assert unknown.fires is None
    assert "is unknown" in unknown.why_unknown


def test_all_needs_every_trigger(tmp_path):
    assert ruled(tmp_path, "decisions.migration_rules.larger.when=all")[0].fires is None
    assert (
        ruled(tmp_path, "requests_per_second=10", "decisions.migration_rules.larger.when=all")[0].fires
        is False
    )


def test_a_trigger_that_contradicts_the_break_even_is_called_out(tmp_path):
    """At 3 instances of the smaller kind one larger one costs less: from 20 requests/s on, not from 30."""
    (rule,) = ruled(tmp_path)
    assert rule.triggers[0].contradiction.startswith("fires from 30")


def test_recommend_shows_tiers_and_rules(capplan, tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN)
    shown = capplan("recommend", tmp_path)
    assert "tier small, at 100; middle begins at 1.5 times that" in shown.stdout
    assert "Rule larger" in shown.stdout
    found = json.loads(capplan("recommend", tmp_path, "--format", "json").stdout)
    assert found["growth_tier"]["next_tier"] == "middle"
    assert found["migration_rules"][0]["fires"] is True
    assert "tier small" in capplan("recommend", tmp_path, "--format", "markdown").stdout


UNPRICED = """
name: t
regions: {aws: us-east-1}
demand: {requests_per_second: 100, profile: flat}
%s
external_apis: {pay: {}}
decisions:
  growth_tiers: {by: monthly_cost.expected, unit: USD, tiers: {small: {below: 500}, large: {}}}
  migration_rules:
    move:
      to: elsewhere
      when: any
      triggers: {dear: "monthly_cost.expected > %s"}
"""
API = """
services:
  api: {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: 10/s, calls: {pay: 1}}
"""


@pytest.mark.parametrize(
    ("services", "limit", "fires"), [(API, 100_000, None), (API, 1, True), ("", 0, None)]
)
def test_costs_without_prices_decide_no_tier_and_no_rule(capplan, tmp_path, services, limit, fires):
    file = tmp_path / "plan.yaml"
    file.write_text(UNPRICED % (services, limit))
    found = json.loads(capplan("recommend", file, "--format", "json").stdout)
    assert found["migration_rules"][0]["fires"] is fires
    tier = found["growth_tier"]
    assert (tier["tier"], tier["value"]) == (None, None)
    assert (tier["monthly_cost"] is None) is (services == "")
    said = capplan("recommend", file).stdout
    assert "tier is unknown" in said

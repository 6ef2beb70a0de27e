"""Laws that every estimate obeys, over plans drawn at random."""

import json
from itertools import pairwise

import numpy as np
import pytest
from drawn import PLANS, RATES, text_of
from helpers import (
    FLAT_VM,
    SHIPPED,
    codes,
    component,
    estimate_of,
    lines_by_sku,
    moderate,
    monthly,
    plan_of,
    row,
    survivors,
)
from hypothesis import given
from hypothesis import strategies as st

from capplan.catalog.catalog import Catalog
from capplan.errors import InputError
from capplan.estimate import Estimate, estimate
from capplan.plan.bind import Scenarios
from capplan.plan.sweep import read_sweeps

EPSILON = 1e-7


def figures(result: Estimate, scenario: int = 0) -> dict[str, float]:
    """Return all that an estimate says of one scenario: costs and counts of every component."""
    found = {}
    for part in result.components:
        cost = result.cost_of(part.name)
        found[f"{part.name} floor"] = row(cost.floor, scenario)
        found[f"{part.name} expected"] = row(cost.expected, scenario)
        found[f"{part.name} ceiling"] = np.inf if cost.ceiling is None else row(cost.ceiling, scenario)
        if part.sizing is not None:
            found[f"{part.name} need"] = row(part.sizing.required.max(axis=1, keepdims=True), scenario)
            found[f"{part.name} runs"] = row(part.sizing.running.mean(axis=1, keepdims=True), scenario)
    found["total"] = row(result.total.expected, scenario)
    return found


def swept(text: str, *texts: str) -> Estimate:
    return estimate_of(text, sweep=texts)


def check_monotone(text: str, rates: list[float]) -> None:
    ordered = sorted(rates)
    result = swept(text, "requests_per_second=" + ",".join(map(str, ordered)))
    found = [figures(result, scenario) for scenario in range(len(ordered))]
    for less, more in pairwise(found):
        for name, value in less.items():
            assert more[name] >= value - EPSILON * max(1.0, abs(value)), name


@moderate
@given(PLANS, st.lists(RATES, min_size=2, max_size=5))
def test_more_demand_never_needs_fewer_or_costs_less(plan, rates):
    """At a fixed price: no commitments, which are a share of the average, and no free tiers."""
    plan["pricing"] = {"free_tier": False}
    check_monotone(text_of(plan), rates)


@moderate
@given(PLANS, st.lists(RATES, min_size=2, max_size=5))
def test_more_demand_never_costs_less_with_free_tiers(plan, rates):
    """Where nothing idles: an idle minimum instance is paid, its first busy seconds are free."""
    for service in plan["services"].values():
        service["instances"]["min"] = 0
    check_monotone(text_of(plan), rates)


@moderate
@given(PLANS)
def test_components_add_up_to_the_total(plan):
    result = estimate_of(text_of(plan))
    names = {part.name for part in result.components}
    assert {line.meter.component for line in result.lines} <= names, "no line belongs to nobody"
    for figure in ("floor", "expected", "ceiling"):
        parts = [getattr(result.cost_of(name), figure) for name in names]
        whole = getattr(result.total, figure)
        if whole is not None:
            assert sum(float(part[0, 0]) for part in parts) == pytest.approx(float(whole[0, 0]))


@moderate
@given(PLANS)
def test_every_line_is_its_quantity_times_its_price(plan):
    for line in estimate_of(text_of(plan)).lines:
        assert (line.cost is None) == (line.unit_price is None) == (line.status == "unpriced")
        if line.cost is not None:
            assert float(line.cost.expected[0, 0]) == pytest.approx(
                float(line.quantity.expected[0, 0]) * line.unit_price
            )
            assert line.source, line.sku


@moderate
@given(PLANS)
def test_floor_expected_and_ceiling_are_in_order(plan):
    # With free tiers one case is out of order, see below.
    result = estimate_of(text_of(plan), "pricing.free_tier=false")
    for part in result.components:
        sizing = part.sizing
        if sizing is None:
            continue
        average = sizing.running.mean(axis=1)
        assert np.all(sizing.floor <= average + 1e-9), part.name
        assert sizing.ceiling is None or np.all(average <= sizing.ceiling + 1e-9), part.name
    for name in [None, *(part.name for part in result.components)]:
        cost = result.total if name is None else result.cost_of(name)
        low, expected = float(cost.floor[0, 0]), float(cost.expected[0, 0])
        assert low <= expected * (1 + 1e-9) + 1e-9, name
        assert cost.ceiling is None or expected <= float(cost.ceiling[0, 0]) * (1 + 1e-9) + 1e-9, name


def test_with_free_tiers_an_idle_minimum_may_cost_more_than_a_busy_one():
    """The free tier covers the busy seconds but not the idle ones, as docs/plan.md says."""
    text = """
        name: t
        regions: {gcp: us-central1}
        demand: {requests_per_second: 0.5, profile: flat}
        services:
          web: {platform: cloud-run, service_time: 100ms, concurrency: 1, instances: {min: 1, max: 2}}
    """
    free, paid = estimate_of(text).total, estimate_of(text, "pricing.free_tier=false").total
    assert float(free.floor[0, 0]) > float(free.expected[0, 0])
    assert float(paid.floor[0, 0]) <= float(paid.expected[0, 0])


@moderate
@given(PLANS, st.lists(RATES, min_size=2, max_size=6), st.data())
def test_splitting_a_sweep_in_two_changes_nothing(plan, rates, data):
    file = plan_of(text_of(plan))
    whole = read_sweeps(file, ["requests_per_second=" + ",".join(map(str, rates))]).scenarios
    cut = data.draw(st.integers(1, len(rates) - 1))
    parts = [
        estimate(file, SHIPPED, whole.part(start, stop)) for start, stop in ((0, cut), (cut, len(rates)))
    ]
    together = estimate(file, SHIPPED, whole)
    apart = [figures(part, n) for part in parts for n in range(part.scenarios.count)]
    assert [figures(together, n) for n in range(len(rates))] == [pytest.approx(f) for f in apart]


AXES = [
    ("demand.requests_per_second", ["0.5", "3", "77.7", "900"]),
    ("demand.peak_to_average", ["1", "1.5", "2"]),
    ("demand.month", ["0", "6"]),
    ("hours_per_month", ["720", "730", "744"]),
    ("services.web.service_time", ["10ms", "2s"]),
    ("services.web.redundancy.spare", ["0", "2"]),
    ("services.web.calls.api.per_request", ["0.1", "2.5"]),
    ("services.web.calls.api.cache_hit_rate", ["0%", "90%"]),
    ("services.web.target_utilization.cpu", ["30%", "70%"]),
    ("external_apis.llm.price_per_request", ["0", "$1"]),
]


@moderate
@given(PLANS, st.sampled_from(AXES), st.sampled_from(AXES))
def test_a_row_of_a_sweep_is_the_estimate_of_that_plan(plan, one, other):
    plan["demand"] |= {"profile": "office-hours", "growth_per_month": "5%"}
    text, axes = text_of(plan), dict([one, other])
    result = swept(text, *(f"{path}={','.join(values)}" for path, values in axes.items()))
    combinations = [[]]
    for path, values in axes.items():
        combinations = [[*done, f"{path}={value}"] for done in combinations for value in values]
    assert result.scenarios.count == len(combinations)
    for scenario, sets in enumerate(combinations):
        assert figures(result, scenario) == pytest.approx(
            figures(estimate_of(text, *sets)), rel=1e-9, abs=1e-9
        ), sets


@moderate
@given(PLANS)
def test_an_alternative_that_says_the_same_costs_the_same(plan):
    same = {"services": {"web": plan["services"]["web"]}, "demand": plan["demand"]}
    text = text_of({**plan, "alternatives": {"same": same, "nothing": {}}})
    for alternative in ("same", "nothing"):
        assert figures(estimate_of(text, alternative=alternative)) == figures(estimate_of(text))


@moderate
@given(PLANS)
def test_the_same_plan_gives_the_same_numbers_to_the_last_bit(plan):
    once, again = (json.dumps(figures(estimate_of(text_of(plan)))) for _ in range(2))
    assert once == again


@moderate
@given(PLANS, st.integers(1, 5))
def test_more_spare_never_costs_less(plan, more):
    web = plan["services"]["web"]
    text = text_of(plan)
    raised = f"services.web.redundancy.spare={web['redundancy']['spare'] + more}"
    before, after = figures(estimate_of(text)), figures(estimate_of(text, raised))
    assert after["web need"] >= before["web need"]
    # Requests that are spread keep more time active, which a free tier may cover, and less of it idle.
    kept_idle = web["platform"] == "cloud-run" and web.get("billing") == "request" and web["instances"]["min"]
    assert kept_idle or after["total"] >= before["total"] - EPSILON


@moderate
@given(PLANS)
def test_what_is_left_of_the_needed_instances_carries_the_peak(plan):
    """Lose the zones that may be lost, the fullest ones, and the spare instances besides."""
    result = estimate_of(text_of(plan))
    for name, service in plan["services"].items():
        sizing, redundancy = component(result, name).sizing, service["redundancy"]
        peak_rps = float(result.load.peak(name)[0, 0])
        at_peak = int(sizing.required.max()) - redundancy["spare"]
        left = survivors(max(at_peak, 0), redundancy["zones"], redundancy["survive_zones"])
        assert left * float(sizing.capacity_rps[0, 0]) >= peak_rps * (1 - 1e-6) - 1e-6


@moderate
@given(PLANS)
def test_free_tiers_and_sustained_use_never_raise_the_bill(plan):
    text = text_of(plan)
    full = monthly(estimate_of(text, "pricing.free_tier=false", "pricing.sustained_use=false"))
    assert monthly(estimate_of(text)) <= full * (1 + 1e-9)
    assert monthly(estimate_of(text, "pricing.free_tier=false")) <= full * (1 + 1e-9)


@moderate
@given(PLANS, st.integers(2, 5))
def test_a_looser_target_never_needs_more(plan, parts):
    """Fuller instances are fewer: a target raised by any factor never adds one."""
    text = text_of(plan)
    tight = figures(estimate_of(text, f"services.web.target_utilization.cpu={100 // parts}%"))
    loose = figures(estimate_of(text, "services.web.target_utilization.cpu=100%"))
    assert loose["web need"] <= tight["web need"]


@moderate
@given(PLANS)
def test_money_is_never_negative_nor_unknown(plan):
    result = estimate_of(text_of(plan))
    for value in (result.total.floor, result.total.expected):
        assert np.all(np.isfinite(value))
        assert np.all(value >= -1e-9)
    for part in result.components:
        assert np.all(result.cost_of(part.name).expected >= -1e-9), part.name


def test_sustained_use_at_the_ceiling_is_counted_without_any_load():
    """At its ceiling a group runs all month, whatever the load: a sweep says so, one estimate does not."""
    bounds = "services.api.instances={min: 0, max: 10}"
    idle = estimate_of(text_of(SMALL), bounds, "demand.requests_per_second=0")
    busy = estimate_of(text_of(SMALL), bounds)
    assert idle.total.ceiling == pytest.approx(busy.total.ceiling)


def test_no_scenarios_is_one():
    assert estimate(plan_of(text_of(SMALL)), SHIPPED).scenarios == Scenarios()


SMALL = {
    "name": "small",
    "regions": {"gcp": "us-central1", "aws": "us-east-1"},
    "demand": {"requests_per_second": 1, "profile": "flat"},
    "services": {
        "api": {"platform": "vm-group", "provider": "gcp", "machine": "n1-standard-1", "throughput": "1/s"}
    },
}


def test_a_month_is_730_hours_unless_somebody_says_so():
    assert estimate_of(text_of(SMALL)).hours_per_month == 730
    assert estimate_of(text_of(SMALL), "hours_per_month=720").hours_per_month == 720
    assert estimate_of(text_of(SMALL), "pricing.books=[afpi]").hours_per_month == 720
    assert estimate_of(text_of(SMALL), "pricing.books=[afpi]", "hours_per_month=744").hours_per_month == 744


def test_findings_come_worst_first():
    result = estimate_of(
        text_of(SMALL),
        "services.api.region=europe-west9",
        "services.api.instances={max: 1}",
        "demand.requests_per_second=5",
    )
    order = [finding.severity for finding in result.findings]
    assert order == sorted(order, key=["error", "warning", "info"].index)
    assert {"max-too-small", "unpriced"} <= codes(result)


def test_the_catalogs_that_were_used_are_on_record():
    result = estimate_of(text_of(SMALL), "pricing.books=[afpi]")
    names = [used.name for used in result.catalogs]
    assert "gcp/compute-engine" in names
    assert names[-1] == "book afpi"


def test_an_estimate_names_only_the_catalogs_that_its_own_lines_come_from():
    catalog = Catalog(None)
    others = estimate_of(FLAT_VM, catalog=catalog)
    result = estimate_of(text_of(SMALL), "pricing.books=[afpi]", catalog=catalog)
    again = estimate_of(FLAT_VM, catalog=catalog)
    assert [used.name for used in result.catalogs if used.name.startswith("aws/")] == []
    assert [used.name for used in again.catalogs] == [used.name for used in others.catalogs] == ["aws/ec2"]


def test_sustained_use_is_a_line_of_its_own():
    lines = lines_by_sku(estimate_of(text_of(SMALL)), "api")["n1-standard-1"]
    discount = next(line for line in lines if line.meter.note == "sustained-use discount")
    paid = next(line for line in lines if line.meter.note == "")
    assert float(discount.cost.expected[0, 0]) == pytest.approx(-0.3 * float(paid.cost.expected[0, 0]))
    assert (
        component(estimate_of(text_of(SMALL), "pricing.sustained_use=false"), "api")
        .meters[0]
        .quantity.expected
        == 730
    )


@moderate
@given(PLANS, st.floats(0.01, 1e12))
def test_requests_that_enter_are_those_that_arrive(plan, rps):
    """The load over the entries is the demand, and what is called gets what its callers send."""
    plan["demand"]["requests_per_second"] = rps
    result = estimate_of(text_of(plan))
    load = result.load
    entered = sum(load.average_rps * share for share in load.entering.values())
    assert np.allclose(entered, load.average_rps, rtol=1e-12)
    for name in result.plan.callable_components:
        sent = load.average_rps * load.entering.get(name, 0.0)
        for caller in load.callers.get(name, ()):
            call = result.plan.services[caller].calls.get(name)
            if call is not None:
                sent = sent + load.average(caller) * call.per_request * (1 - call.cache_hit_rate)
        assert np.allclose(load.average(name), sent, rtol=1e-9)


@moderate
@given(PLANS, st.lists(st.floats(-2, 15).map(lambda power: 10.0**power), min_size=2, max_size=4))
def test_more_load_never_needs_less_up_to_a_quadrillion_requests(plan, rates):
    """At fixed prices: where only busy seconds are free, being idle may cost more than a few requests."""
    plan["pricing"] = {"free_tier": False}
    check_monotone(text_of(plan), rates)


def test_calls_that_multiply_beyond_all_numbers_are_refused_with_their_place():
    chain = "".join(
        f"\n      s{i}: {{platform: fargate, cpu_time: 5ms, calls: {{s{i + 1}: 1e18}}}}" for i in range(20)
    )
    plan = f"""
    name: t
    regions: {{aws: us-east-1}}
    demand: {{requests_per_second: 1e9, profile: flat}}
    services:{chain}
      s20: {{platform: fargate, cpu_time: 5ms}}
"""
    with pytest.raises(InputError, match=r"plan.yaml:7:\d+: services\.s1: its callers ask for 1e\+27"):
        estimate_of(plan)


def test_an_unused_maximum_of_a_billion_costs_nothing():
    """A ceiling is a number and no list of instances."""
    wide, narrow = (estimate_of(FLAT_VM, f"services.api.instances.max={most}") for most in (1e9, 100))
    assert monthly(wide) == monthly(narrow)

"""Percentiles of results, forecasts and tornados of whole plans."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers import SHIPPED, estimate_of, monthly, peak, plan_of

from capplan.cli.app import main
from capplan.cost.lines import Certainty
from capplan.many import estimate_many
from capplan.plan.draws import draw
from capplan.uncertainty.forecast import crossings, forecast
from capplan.uncertainty.sample import sample, spread_of
from capplan.uncertainty.sensitivity import tornado

# The check of the reference page: required servers of P(Wq > 20 ms) ≤ 5 % have the quantiles
# 18/33/45/62/81 at 5/50/80/95/99 % for these lognormal inputs; here as throughput to keep it simple.
PLAN = """
    name: t
    regions: {aws: us-east-1}
    demand:
      requests_per_second: {p5: 300, p95: 900}
      profile: flat
      growth_per_month: {p5: 0%, p50: 4%, p95: 8%}
    services:
      api:
        platform: vm-group
        provider: aws
        machine: m5.xlarge
        service_time: {p5: 35ms, p95: 80ms}
        cpu_time: 1ms
        concurrency: 1
        instances: {min: 1, max: 80}
        slo: {p95: 400ms}
"""


def test_the_percentile_is_of_the_result_and_not_of_all_inputs_at_once():
    drawn = sample(plan_of(PLAN), SHIPPED, 2000, 1)
    spread = drawn.instances("api")
    both = peak(estimate_of(PLAN, "demand.requests_per_second=900", "services.api.service_time=80ms"), "api")
    assert spread.p5 < spread.p50 < spread.p95 < both
    assert drawn.cost.p95 == pytest.approx(spread.p95 * 0.192 * 730)
    assert drawn.component_cost("api") == drawn.cost
    times = drawn.response_s("api")
    assert times["p50"].p50 < times["p95"].p50 < times["p99"].p50
    assert times["p95"].p95 <= 0.4 * 1.001


def test_draws_are_what_their_estimates_are():
    scenarios = draw(plan_of(PLAN), 40, 3)
    summary = estimate_many(plan_of(PLAN), SHIPPED, scenarios)
    for index in (0, 17, 39):
        rps, _, time = (values[index] for values in scenarios.values.values())
        alone = estimate_of(
            PLAN, f"demand.requests_per_second={float(rps)!r}", f"services.api.service_time={float(time)!r}s"
        )
        assert peak(alone, "api") == summary.peak_instances["api"][index]
        assert monthly(alone) == pytest.approx(summary.expected[index])


def test_the_share_that_is_met_holds_for_fresh_draws():
    tight = plan_of(PLAN, "services.api.instances={min: 1, max: 45}")
    first, fresh = sample(tight, SHIPPED, 4000, 1), sample(tight, SHIPPED, 4000, 2)
    assert 0.5 < first.all_met < 1
    assert first.all_met == pytest.approx(fresh.all_met, abs=0.01)


def test_more_draws_than_memory_holds_are_counted_in_blocks(monkeypatch):
    monkeypatch.setattr("capplan.uncertainty.sample.MAX_SAMPLES", 1000)
    monkeypatch.setattr("capplan.uncertainty.sample._BLOCK", 700)
    monkeypatch.setattr("capplan.uncertainty.sample._TOGETHER", 2)
    file = plan_of(PLAN, "services.api.instances={min: 1, max: 45}")
    blocks = [draw(file, count, 7, index) for index, count in enumerate((700, 700, 600))]
    summaries = [estimate_many(file, SHIPPED, block) for block in blocks]
    found = sample(file, SHIPPED, 2000, 7)
    assert found.samples == 2000
    counts = np.concatenate([summary.peak_instances["api"] for summary in summaries])
    assert found.instances("api") == spread_of(counts)
    usd = np.array(spread_of(np.concatenate([summary.expected for summary in summaries])))
    assert np.all(usd <= np.array(found.cost))
    assert np.all(np.array(found.cost) <= usd * (1 + 2**-14))
    assert found.all_met == pytest.approx(1 - np.mean(counts > 45), abs=1e-12)
    for path, spread in found.inputs.items():
        exact = spread_of(np.concatenate([block.values[path] for block in blocks]))
        assert spread == pytest.approx(exact, rel=2**-14)
    assert sample(file, SHIPPED, 1000, 7).cost == spread_of(
        estimate_many(file, SHIPPED, draw(file, 1000, 7)).expected
    )


def test_the_tornado_is_widest_for_what_matters():
    found = tornado(plan_of(PLAN), SHIPPED)
    assert [bar.path[-1] for bar in found.bars][:2] == ["requests_per_second", "service_time"]
    assert found.bars[-1].path == ("demand", "growth_per_month")
    assert found.bars[-1].swing == 0
    assert found.cost == pytest.approx(monthly(estimate_of(PLAN)))
    widest = found.bars[0]
    assert widest.cost_low == pytest.approx(monthly(estimate_of(PLAN, "demand.requests_per_second=300")))
    assert widest.elasticity == pytest.approx(1, abs=0.15)


def test_a_plan_without_intervals_moves_all_its_numbers():
    certain = plan_of(
        PLAN, "demand.requests_per_second=500", "demand.growth_per_month=0%", "services.api.service_time=50ms"
    )
    found = {bar.path[-1] for bar in tornado(certain, SHIPPED).bars}
    assert {"requests_per_second", "service_time", "concurrency", "p95"} <= found
    assert not found & {"min", "max"}


def test_a_forecast_crosses_its_maximum_in_the_month_of_the_closed_form():
    certain = plan_of(
        PLAN,
        "demand.requests_per_second=500",
        "demand.growth_per_month=10%",
        "services.api.service_time=50ms",
        "services.api.slo={p95: null}",
        "services.api.instances={min: 1, max: 40}",
    )
    ahead = forecast(certain, SHIPPED, 12, 20, 1, budget=5000)
    # 25 erlang · 1.1^m > 40 from m = ln(40/25)/ln(1.1) = 4.93; 0.192 · 730 · instances > 5000 from 36
    crossed = {c.what: c for c in ahead.crossings}
    assert crossed["max or latency SLO"].month.p50 == 5
    assert crossed["max or latency SLO"].probability == 1
    assert crossed["budget of 5,000 USD"].month.p50 == 4


def test_a_forecast_of_an_uncertain_plan_has_probabilities():
    ahead = forecast(plan_of(PLAN), SHIPPED, 24, 200, 1)
    (crossing,) = ahead.crossings
    assert 0 < crossing.probability <= 1
    assert list(crossing.by) == sorted(crossing.by)
    assert crossing.by[-1] == crossing.probability
    medians = [spread.p50 for spread in ahead.cost]
    assert medians == sorted(medians)
    assert len(medians) == 25


@pytest.fixture
def plan_file(tmp_path):
    import textwrap

    path = tmp_path / "plan.yaml"
    path.write_text(textwrap.dedent(PLAN))
    return str(path)


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code or 0, capsys.readouterr().out


def test_json_carries_the_percentiles(plan_file, capsys):
    code, out = run(capsys, "estimate", plan_file, "--samples", "500", "--seed", "3", "--format", "json")
    document = json.loads(out)
    assert code == 0
    cost = document["monthly_cost"]
    assert cost["p5"] < cost["p50"] < cost["p95"]
    api = document["components"]["api"]
    assert api["instances"]["p5"] < api["instances"]["p95"]
    assert document["uncertainty"]["samples"] == 500
    assert run(capsys, "estimate", plan_file, "--samples", "500", "--seed", "3", "--format", "json")[1] == out
    assert (
        json.loads(run(capsys, "estimate", plan_file, "--format", "json")[1])["uncertainty"]["samples"]
        == 1000
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--samples", "300"], "Results"),
        (["--sensitivity"], "ELASTICITY"),
        (["--sobol"], "EXPLAINS"),
        (["--months", "6", "--budget", "9000"], "PROBABILITY"),
        (["--explain"], "bound by"),
        (["--sensitivity", "--format", "json"], '"swing"'),
        (["--months", "3", "--format", "json"], '"crossings"'),
        (["--months", "3", "--format", "csv"], "monthly_cost_p95"),
        (["--sensitivity", "--format", "csv"], "elasticity"),
        (["--format", "csv"], "p95"),
        (["--format", "markdown"], "| total, USD a month"),
    ],
)
def test_every_option_prints(plan_file, capsys, options, said):
    code, out = run(capsys, "estimate", plan_file, *options)
    assert code == 0
    assert said in out


def test_samples_of_a_sweep_are_refused(plan_file, capsys):
    assert (
        run(capsys, "estimate", plan_file, "--samples", "300", "--sweep", "requests_per_second=1,2")[0] == 2
    )
    assert run(capsys, "estimate", plan_file, "--samples", "3")[0] == 2


def test_the_share_of_all_is_that_of_the_worst_scenario_by_scenario():
    drawn = sample(plan_of(PLAN, "services.api.instances={min: 1, max: 30}"), SHIPPED, 300, 1)
    assert drawn.all_met == drawn.met("api") == drawn.drawn["instances", "api"].share_up_to(30)


UNKNOWN = """
name: t
regions: {aws: us-east-1}
demand: {requests_per_second: 200}
external_apis: {pay: {}}
"""
BOUND = (
    UNKNOWN
    + """
services:
  api:
    {platform: fargate, cpu: 1, memory: 2Gi, service_time: 50ms, cpu_time: 20ms, concurrency: 16,
     instances: {min: 2, max: 20}, calls: {pay: 1}}
"""
)


@pytest.mark.parametrize(
    ("plan", "budget", "cost", "crossed"),
    [(UNKNOWN, 400, "unpriced", "unknown"), (BOUND, 1e6, "≥ ", "unknown"), (BOUND, 1, "≥ ", "100%")],
)
def test_a_forecast_without_all_prices_is_a_bound(tmp_path, capsys, plan, budget, cost, crossed):
    """A budget above a lower bound may be crossed or not: nobody knows."""
    path = tmp_path / "plan.yaml"
    path.write_text(plan)
    asked = ("estimate", str(path), "--months", "1", "--budget", str(budget), "--samples", "20")
    out = run(capsys, *asked)[1]
    rows = out.splitlines()
    assert all(row.count(cost) == 3 for row in rows if row.lstrip().startswith(("0  ", "1  ")))
    assert crossed in next(row for row in rows if row.startswith("budget of"))
    assert "the plan gives no price for request" in out
    document = json.loads(run(capsys, *asked, "--format", "json")[1])
    assert [
        (m["monthly_cost"]["p50"] is None, m["monthly_cost"]["complete"]) for m in document["months"]
    ] == [(cost == "unpriced", False)] * 2
    (found,) = document["crossings"]
    assert (found["probability"] is None) is (crossed == "unknown")
    assert [w["code"] for w in document["warnings"]] == ["unpriced"]


def test_an_upper_bound_keeps_a_budget_and_crosses_none():
    file = plan_of(PLAN)
    summary = estimate_many(file, SHIPPED, draw(file, 20, 1))
    summary = replace(summary, certainty=Certainty(bound=1))
    assert list(crossings(summary, 1, 1e9)) == list(crossings(summary, 1))
    assert [c.probability for c in crossings(summary, 1, 1.0) if c.component == "total"] == [None]


@pytest.mark.parametrize(("plan", "cost"), [(UNKNOWN, "unpriced"), (BOUND, "≥ ")])
def test_spreads_and_sensitivity_without_all_prices_are_bounds(tmp_path, capsys, plan, cost):
    path = tmp_path / "plan.yaml"
    path.write_text(plan.replace("200", "{p5: 150, p95: 250}"))
    asked = ("estimate", str(path), "--seed", "1")
    total = next(row for row in run(capsys, *asked)[1].splitlines() if row.startswith("total, USD a month"))
    assert total.count(cost) == 3
    document = json.loads(run(capsys, *asked, "--format", "json")[1])
    assert (document["monthly_cost"]["p95"] is None) is (cost == "unpriced")
    assert cost in run(capsys, *asked, "--sensitivity")[1].splitlines()[0]
    tornado = json.loads(run(capsys, *asked, "--sensitivity", "--format", "json")[1])
    assert (tornado["monthly_cost"] is None, tornado["complete"]) == (cost == "unpriced", False)
    assert [bar["elasticity"] for bar in tornado["sensitivity"]] == [None]

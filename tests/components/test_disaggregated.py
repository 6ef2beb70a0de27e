"""Models of a plan whose prompts are read by a pool of their own: sized, paid, compared."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from helpers import SHIPPED, monthly

from capplan.autoscale.settings import Settings
from capplan.autoscale.simulation import prepare
from capplan.autoscale.simulation import run as simulate
from capplan.decide.recommend import recommend
from capplan.errors import InputError
from capplan.estimate import Estimate, estimate
from capplan.gate.check import Against, check
from capplan.gate.read import gates_of
from capplan.plan.bind import grid
from capplan.plan.read import parse_plan
from capplan.report.json_format import estimate_document
from capplan.report.llm import served, served_line
from capplan.report.simulation import report_of
from capplan.report.view import view

PLAN = """
name: chat
regions: {gcp: us-central1, aws: us-east-1}
demand: {requests_per_month: 4M, peak_to_average: 2.5}
services:
  front: {platform: cloud-run, service_time: 1s, calls: {talk: 10}}
llm:
  talk:
    model: llama-3.1-8b
    precision: fp8
    gpu: L4
    machine: g2-standard-8
    tensor_parallel: 1
    input_tokens: 1500
    output_tokens: 150
    slo: {tpot: 60ms, ttft: 2s}
    disaggregated: {link_gb_per_s: 3}
"""
APART = "disaggregated"
LONG_ANSWERS = ("input_tokens=200", "output_tokens=1500", "slo.tpot=200ms")


def run(*sets: str, text: str = PLAN) -> Estimate:
    return estimate(parse_plan(text, "plan.yaml", Path(), [f"llm.talk.{each}" for each in sets]), SHIPPED)


def pool(result: Estimate, name: str = "talk/prefill"):
    return next(component for component in result.components if component.name == name)


def peak(result: Estimate, name: str = "talk/prefill") -> float:
    return float(pool(result, name).sizing.peak[0, 0])


@pytest.fixture(scope="module")
def apart() -> Estimate:
    return run()


def test_the_cost_of_both_pools_adds_up_and_tells_what_a_token_costs(apart):
    parts = monthly(apart, "talk") + monthly(apart, "talk/prefill")
    assert parts + monthly(apart, "front") == pytest.approx(float(apart.total.expected[0, 0]))
    shown = {m.name: m.needs for c in view(apart).components for m in c.measures if c.name == "talk"}
    # 40 million requests of 150 tokens.
    assert shown["cost of 1M output tokens"] == pytest.approx(parts / 6000)
    assert served(apart)["talk"].usd_per_month == pytest.approx(parts)


def test_each_pool_follows_the_load_by_its_own_constraint(apart):
    reading, making = pool(apart).sizing, pool(apart, "talk").sizing
    assert making.binding() in ("kv-cache", "tpot")
    assert reading.binding() in ("prompts", "ttft")
    ratio = reading.running / making.running
    assert reading.running.min() < reading.running.max()
    assert making.running.min() < making.running.max()
    assert ratio.min() > 0.3


def test_users_see_both_pools_in_the_first_token_and_one_in_the_others(apart):
    shown = {m.name: m for m in pool(apart, "talk").measures}
    until_sent = {m.name: m for m in pool(apart).measures}["prompt p95"].needs
    first, promised = shown["ttft p95"].needs[0, 0], 2000
    assert until_sent[0, 0] < first <= promised
    assert shown["tpot"].spread.confidence == "low"
    [low] = [f for f in apart.findings if f.code == "llm-low-confidence" and f.subject == "talk"]
    assert "no measurement of prefill and decode" in low.message
    assert "nothing calibrates them" in low.remedy


def test_a_pool_has_its_own_gpu_machine_purchase_minimum_and_spare():
    machine, kept = "gpu: H100-80GB, machine: a3-highgpu-1g", "replicas: {min: 3}, redundancy: {spare: 1}"
    result = run(f"disaggregated.prefill={{{machine}, {kept}, purchase: {{spot: 1}}}}")
    reading = pool(result)
    assert reading.sizing.floor[0, 0] == 3
    assert reading.sizing.constraints["redundancy"][0, 0] >= 2
    assert {line.meter.rate for line in result.lines_of("talk/prefill") if "highgpu" in line.sku} == {"spot"}
    assert {line.sku for line in result.lines_of("talk") if line.meter.unit == "hour"} == {"g2-standard-8"}
    assert pool(result, "talk").sizing.floor[0, 0] == 1


def test_a_minimum_of_the_component_is_that_of_decode():
    result = run("replicas.min=40")
    assert (peak(result, "talk"), pool(result).sizing.floor[0, 0]) == (40, 1)


def test_more_input_never_takes_fewer_prefill_replicas():
    tokens = [100.0, 400.0, 1500.0, 3000.0, 6000.0]
    file = parse_plan(PLAN, "plan.yaml", Path(), ["llm.talk.slo.ttft=20s"])
    swept = pool(estimate(file, SHIPPED, grid({("llm", "talk", "input_tokens"): tokens}))).sizing.peak[:, 0]
    assert list(swept) == sorted(swept)
    assert swept[-1] > 20 * swept[0]
    # A sweep is the same as each on its own.
    assert swept[3] == peak(run("input_tokens=3000", "slo.ttft=20s"))


def test_a_prefix_cache_saves_prefill_replicas_and_no_transfer(apart):
    cached = run("prefix_cache_hit_rate=60%")
    assert peak(cached) < peak(apart)
    transfers = [{m.name: m.needs[0, 0] for m in pool(each).measures}["transfer"] for each in (apart, cached)]
    assert transfers[0] == transfers[1]


def test_a_slow_link_binds_both_pools_and_a_slower_one_breaks_the_promise():
    slow = run("disaggregated.link_gb_per_s=0.2", "slo.ttft=null")
    assert pool(slow).sizing.binding() == pool(slow, "talk").sizing.binding() == "link"
    broken = run("disaggregated.link_gb_per_s=0.02")
    assert ("llm-slo", "talk/prefill") in {(f.code, f.subject) for f in broken.findings}


def test_without_load_each_pool_keeps_its_minimum():
    result = run(text=PLAN.replace("talk: 10", "talk: 0"))
    assert (peak(result), peak(result, "talk")) == (1, 1)
    none = run(
        "replicas.min=0", "disaggregated.prefill.replicas={min: 0}", text=PLAN.replace("talk: 10", "talk: 0")
    )
    assert monthly(none, "talk") == monthly(none, "talk/prefill") == 0


def test_it_is_said_if_replicas_that_do_both_would_cost_less(apart):
    costly = run(*LONG_ANSWERS)
    [said] = [f.message for f in costly.findings if f.code == "llm-disaggregated"]
    together = run(*LONG_ANSWERS, f"{APART}=null")
    assert f"{monthly(together, 'talk'):,.2f}" in said
    assert monthly(together, "talk") < monthly(costly, "talk") + monthly(costly, "talk/prefill")
    # Where prompts are long and tokens must come fast, separate pools cost less.
    assert "llm-disaggregated" not in {f.code for f in apart.findings}
    both = monthly(apart, "talk") + monthly(apart, "talk/prefill")
    assert served(apart)["talk"].usd_per_month_together == pytest.approx(
        monthly(run(f"{APART}=null"), "talk")
    )
    assert both < served(apart)["talk"].usd_per_month_together
    line = served_line(served(apart)["talk"])
    assert f"{peak(apart):.0f} that read prompts" in line
    assert "if it were not disaggregated" in line


def test_nothing_is_compared_where_replicas_that_do_both_would_not_do(apart):
    most = run(f"replicas.max={peak(apart, 'talk'):g}")
    assert served(most)["talk"].usd_per_month_together is None
    assert not any(finding.severity == "error" for finding in most.findings)


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (("engine=tgi",), "talk.engine: capplan does not know how tgi reads prompts and makes tokens"),
        (("engine=tensorrt-llm",), "Choose vllm or sglang, or remove disaggregated"),
        (("gpu=auto", "machine=auto"), "name gpu, machine: auto does not search"),
        (("disaggregated.link_gb_per_s=0",), "link_gb_per_s"),
        (("disaggregated.prefill={gpu: H100-80GB}",), "g2-standard-8 has L4, not H100-80GB"),
        (("disaggregated.prefill={gpus: L4}",), "gpus"),
        (("disaggregated.prefill={tensor_parallel: 0}",), "tensor_parallel"),
        (("disaggregated.prefill={machine: g2-standart-8}",), "unknown SKU 'g2-standart-8'"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(sets, said):
    with pytest.raises(InputError, match=said):
        run(*sets)


def test_the_speed_of_the_link_is_not_guessed():
    with pytest.raises(InputError, match=r"talk\.disaggregated.*link_gb_per_s"):
        run(text=PLAN.replace("{link_gb_per_s: 3}", "{prefill: {gpu: L4}}"))


@pytest.mark.parametrize(
    ("own", "sets", "said"),
    [
        # FP8 weights have a KV cache of 16 bit on GPUs before Ada.
        ("{gpu: A100-80GB, machine: a2-ultragpu-1g}", (), "KV cache at 16 bit, and decode at 8"),
        ("{gpu: T4, machine: n1-standard-8}", ("precision=int8", "input_tokens=500"), "no bfloat16"),
    ],
)
def test_pools_that_cannot_exchange_a_cache_are_refused(own, sets, said):
    found = {(f.code, f.subject): f.message for f in run(f"disaggregated.prefill={own}", *sets).findings}
    assert said in found["llm-cannot-run", "talk/prefill"]


def test_both_pools_are_within_the_budget_and_the_tag_of_the_model(apart):
    text = (
        PLAN
        + "tags: {ml: [talk]}\ngates: {budgets: [{tag: ml, expected: 1}, {component: talk, expected: 1}]}"
    )
    result = run(text=text)
    whole = f"{monthly(apart, 'talk') + monthly(apart, 'talk/prefill'):,.2f} USD"
    checked = check(result, estimate_document(result), gates_of(result.file, None), Against(date(2026, 8, 1)))
    said = [one.finding.message for one in checked.found if one.finding.code == "budget-exceeded"]
    assert len(said) == 2
    assert all(whole in message for message in said)
    assert view(result).owner.tags["talk/prefill"] == ["ml"]


def test_two_pools_are_no_service_of_a_simulation_and_are_billed_as_estimated(apart):
    simulation = simulate(prepare(apart.file, SHIPPED, Settings(days=0.1)))
    said = " ".join(line for block in report_of(simulation).blocks() for line in getattr(block, "lines", ()))
    assert "talk: not simulated: prefill and decode are on separate replicas" in said
    assert simulation.costs.simulated.by_component["talk/prefill"] == pytest.approx(
        monthly(apart, "talk/prefill")
    )
    alone = re.sub(r"services:\n.*\n", "", PLAN)
    with pytest.raises(InputError, match="prefill and decode on separate replicas are not simulated"):
        prepare(parse_plan(alone, "plan.yaml", Path()), SHIPPED, Settings(days=0.1))


def test_drafted_tokens_make_the_decode_pool_faster(apart):
    drafted = run("speculative={method: ngram, tokens: 3, acceptance: 70%}")
    tpot = [{m.name: m.needs[0, 0] for m in pool(each, "talk").measures}["tpot"] for each in (apart, drafted)]
    assert tpot[1] < 0.6 * tpot[0]
    assert peak(drafted) == peak(apart)


def test_an_api_is_compared_with_both_pools(apart):
    price = "api={model: mini, usd_per_1m_input_tokens: 1, usd_per_1m_output_tokens: 1}"
    both = monthly(apart, "talk") + monthly(apart, "talk/prefill")
    api = monthly(run(price, "local_share=0"), "talk")
    assert float(run(price).total.expected[0, 0] - run(price, "local_share=0").total.expected[0, 0]) == (
        pytest.approx(both - api)
    )


def test_serving_without_pools_is_recommended_where_it_costs_less():
    file = parse_plan(PLAN, "plan.yaml", Path(), [f"llm.talk.{each}" for each in LONG_ANSWERS])
    hints = [hint.change for hint in recommend(file, SHIPPED).hints if hint.change.component == "talk"]
    assert any(
        change.value.get("disaggregated", 0) is None for change in hints if isinstance(change.value, dict)
    )


def test_a_prefill_gpu_that_holds_no_prompt_is_named():
    own = "disaggregated.prefill={gpu: T4, machine: n1-standard-8}"
    result = run("precision=fp16", "input_tokens=3000", own)
    assert ("llm-does-not-fit", "talk/prefill") in {(f.code, f.subject) for f in result.findings}
    assert not np.any(monthly(result, "talk/prefill"))


def test_no_pool_is_told_to_take_what_pools_cannot():
    large = ("model=deepseek-v3", "gpu=H100-80GB", "machine=a3-highgpu-8g", "tensor_parallel=8")
    alone = [run(*large, *more).findings for more in ((), ("disaggregated=null",))]
    pooled, whole = (next(f.remedy for f in found if f.code == "llm-does-not-fit") for found in alone)
    assert "PP 2" in whole
    assert "PP" not in pooled
    with pytest.raises(InputError, match=r"a replica takes 2. Choose a machine with more GPUs"):
        run("disaggregated.prefill={gpu: H100-80GB, machine: a3-highgpu-1g, tensor_parallel: 2}")


def test_only_a_pool_that_is_kept_is_called_idle():
    api = "api={model: mini, usd_per_1m_input_tokens: 0.15, usd_per_1m_output_tokens: 0.6}"
    found = run("local_share=0%", "replicas.min=2", api).findings
    assert [each.subject for each in found if each.code == "llm-idle"] == ["talk"]

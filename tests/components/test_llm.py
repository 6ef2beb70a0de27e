"""LLM components of a plan: sized, paid, chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capplan.catalog.catalog import Catalog
from capplan.components.llm.choice import ranked
from capplan.errors import InputError
from capplan.estimate import Estimate, estimate
from capplan.plan.read import parse_plan
from capplan.report.view import view

PLAN = """
name: chat
regions: {gcp: us-central1, aws: us-east-1}
demand: {requests_per_month: 400_000, peak_to_average: 2.5}
services:
  chat: {platform: cloud-run, service_time: 1s, calls: {assistant: 10}}
llm:
  assistant:
    model: llama-3.1-8b
    precision: fp8
    gpu: L4
    machine: g2-standard-8
    tensor_parallel: 1
    input_tokens: 1200
    output_tokens: 200
    slo: {tpot: 100ms, ttft: 3s}
"""


def run(*sets: str, text: str = PLAN) -> Estimate:
    changed = [f"llm.assistant.{s}" for s in sets]
    return estimate(parse_plan(text, "plan.yaml", Path(), changed), Catalog())


def assistant(result: Estimate) -> Any:
    return next(c for c in result.components if c.name == "assistant")


def usd(result: Estimate) -> float:
    return float(result.cost_of("assistant").expected[0, 0])


def errors(result: Estimate) -> dict[str, str]:
    return {f.code: f.message for f in result.findings if f.severity == "error"}


SERVER = "workload={{vllm: {{model: a/b, {}}}}}"
REFUSED = [
    (
        (SERVER.format("prefix_cache: false"), "prefix_cache_hit_rate=40%"),
        "hit_rate is given, but workload.vllm.prefix_cache is false",
    ),
    ((SERVER.format("max_num_seqs: 8"), "max_num_seqs=32"), "is 32, but workload.vllm.max_num_seqs is 8"),
    ((SERVER.format("prefix_cache: true"), "prefix_cache=false"), "prefix_cache is false, but workload.vllm"),
    ((SERVER.format("tensor_parallel: 2"),), "is 1, but workload.vllm.tensor_parallel is 2"),
    ((SERVER.format("chunked_prefill: false"),), "estimates count with chunks"),
    ((SERVER.format("served_model_name: x"), "engine=tgi", "precision=bf16"), "is nothing that tgi is told"),
    ((SERVER.format("dtype: float32"),), "estimates do not count with"),
    (("workload={image: 'vllm/vllm-openai:latest'}",), "workload.image names no version of vllm"),
    (("workload={image: 'lmsysorg/sglang:v0.5.6'}",), "engine is vllm, but workload.image is that of sglang"),
]
CANNOT = [
    (SERVER.format("quantization: awq"), "the checkpoint is at int4, not fp8"),
    (SERVER.replace("a/b", "a/b-NVFP4").format("max_num_seqs: 8"), "the checkpoint is at fp4, not fp8"),
    ("workload={args: ['--max-num-seqs=4']}", "workload.args has --max-num-seqs=4, which capplan writes"),
    (SERVER.format("max_model_len: 1000"), "requests of 1,400 tokens, but max_model_len is 1,000"),
    (SERVER.format("max_model_len: 200000"), "max_model_len 200,000, but the model's context is 131,072"),
    (
        SERVER.format("max_model_len: 131072, kv_cache_dtype: auto"),
        "no room for one request of max_model_len",
    ),
    ("max_num_seqs=4096", "max_num_seqs is above the 2048 tokens of a step"),
    ("engine=tgi,precision=mxfp4,hybrid_cache=true,model=gpt-oss-20b", "cannot be told hybrid_cache: true"),
    ("engine=ollama,precision=int4,kv_cache_dtype=fp8", "cannot be told kv_cache_dtype: fp8"),
    ("engine=ollama,precision=int4,prefix_cache=false", "cannot be told prefix_cache: false"),
    ("engine_version=0.8.5,hybrid_cache=true,model=gemma-2-9b", "cannot be told hybrid_cache: true"),
]


@pytest.mark.parametrize(("sets", "words"), REFUSED)
def test_settings_that_contradict_each_other_are_refused(sets, words):
    with pytest.raises(InputError, match=words):
        run(*sets)


@pytest.mark.parametrize(("said", "words"), CANNOT)
def test_what_the_engine_cannot_be_told_or_does_not_start_with_is_said(said, words):
    sets = [said] if "vllm" in said else said.split(",")
    assert words in "".join(errors(run(*sets)).values())


def test_auto_takes_the_precision_that_the_name_of_the_checkpoint_says():
    named = run("precision=auto", "gpu=auto", "machine=auto", "model=Qwen/Qwen3-8B-AWQ")
    assert assistant(named).replica.configuration.precision.name == "int4"


def test_replicas_carry_the_peak_at_the_target():
    sizing = assistant(run()).sizing
    measures = {m.name: m for m in assistant(run()).measures}
    assert sizing.peak[0, 0] >= 1
    assert measures["tpot"].needs[0, 0] < measures["tpot"].has[0, 0] == pytest.approx(100)
    assert measures["ttft p95"].needs[0, 0] < 3000


def test_cost_is_told_by_tokens_and_conversations_and_speeds_by_range():
    result = run("requests_per_conversation=10")
    shown = next(c for c in view(result).components if c.name == "assistant")
    figures = {m.name: m for m in shown.measures}
    # Four million requests of 200 tokens, ten to a conversation.
    assert figures["cost of 1M output tokens"].needs == pytest.approx(usd(result) / 800)
    assert figures["cost of 1,000 conversations"].needs == pytest.approx(usd(result) / 400)
    tpot = figures["tpot"]
    assert (tpot.low, tpot.high) == pytest.approx((tpot.needs / 1.75, tpot.needs * 1.75))
    assert tpot.confidence == "medium"


def test_more_requests_never_need_fewer_replicas_or_less_money():
    base = parse_plan(PLAN, "plan.yaml", Path(), ["demand.requests_per_month=100k"])
    replicas, costs = [], []
    for volume in ("100k", "1M", "5M", "20M"):
        file = parse_plan(PLAN, "plan.yaml", base.directory, [f"demand.requests_per_month={volume}"])
        result = estimate(file, Catalog())
        replicas.append(assistant(result).sizing.peak[0, 0])
        costs.append(usd(result))
    assert replicas == sorted(replicas)
    assert costs == sorted(costs)
    assert replicas[-1] > 10 * replicas[0]


def test_a_sweep_is_the_same_as_each_on_its_own():
    from capplan.plan.bind import grid

    path = ("llm", "assistant", "output_tokens")
    file = parse_plan(PLAN, "plan.yaml", Path())
    values = [50.0, 200.0, 800.0]
    swept = estimate(file, Catalog(), grid({path: values}))
    apart = [usd(run(f"output_tokens={value:g}")) for value in values]
    assert swept.cost_of("assistant").expected[:, 0].tolist() == pytest.approx(apart)


def test_gpus_of_a_replica_are_the_same_in_all_scenarios():
    from capplan.plan.bind import grid

    file = parse_plan(PLAN, "plan.yaml", Path())
    with pytest.raises(InputError, match="tensor_parallel: must be the same number in all scenarios"):
        estimate(file, Catalog(), grid({("llm", "assistant", "tensor_parallel"): [1.0, 2.0]}))


def test_hybrid_pays_the_api_for_its_share():
    prices = ("api.model=gpt", "api.usd_per_1m_input_tokens=0.15", "api.usd_per_1m_output_tokens=0.6")
    result = run("local_share=75%", "fallback=4%", *prices)
    line = next(line for line in result.lines if line.sku == "gpt")
    # A quarter, and 4 % of the rest, of four million requests of 1,200 × $0.15 + 200 × $0.60 a million.
    assert float(line.quantity.expected[0, 0]) == pytest.approx(4e6 * (0.25 + 0.75 * 0.04))
    assert float(line.cost.expected[0, 0]) == pytest.approx(4e6 * 0.28 * 300e-6)


def test_api_alone_needs_no_gpu():
    prices = ("api.model=gpt", "api.usd_per_1m_input_tokens=0.15", "api.usd_per_1m_output_tokens=0.6")
    for machine in (("gpu=L4",), OPEN, ("model=llama-3.1-405b",)):  # the last does not fit
        result = run("local_share=0%", *prices, *machine)
        assert [line.sku for line in result.lines_of("assistant")] == ["gpt"]
        assert not errors(result)
    kept = run("local_share=0%", "replicas.min=1", *prices)
    assert "g2-standard-8" in {line.sku for line in kept.lines}


def test_cached_input_has_its_own_price():
    prices = ("api.model=x", "api.usd_per_1m_input_tokens=1", "api.usd_per_1m_output_tokens=0")
    result = run("local_share=0%", "prefix_cache_hit_rate=50%", "api.usd_per_1m_cached_tokens=0.1", *prices)
    line = next(line for line in result.lines if line.sku == "x")
    assert float(line.unit_price) == pytest.approx((600 * 1 + 600 * 0.1) / 1e6)


def test_semantic_cache_takes_requests_away():
    assert usd(run("semantic_cache_hit_rate=90%", "replicas.min=0")) < usd(run("replicas.min=0"))


@pytest.mark.parametrize(
    ("sets", "code", "said"),
    [
        (("gpu=T4", "machine=n1-standard-4"), "llm-cannot-run", "fp8 needs compute capability 8.9"),
        (
            ("model=llama-3.1-70b",),
            "llm-does-not-fit",
            "llama-3.1-70b at fp8 does not fit 1 × L4: 53.1 GB short",
        ),
        (
            ("model=llama-2-7b", "input_tokens=4000", "output_tokens=300"),
            "llm-context",
            "requests of 4,300 tokens, but llama-2-7b has a context of 4,096",
        ),
        (("slo.tpot=1ms",), "llm-slo", "not even one request at a time"),
        (("replicas.max=1", "replicas.min=1", "redundancy.spare=2"), "max-too-small", "needs 5"),
    ],
)
def test_what_is_impossible_is_an_error(sets, code, said):
    assert said in errors(run(*sets))[code]


def test_afpis_pod_cannot_be_scheduled():
    result = run(
        "model=mistral-7b",
        "precision=int8",
        "gpu=T4",
        "machine=n1-standard-4",
        "pod_cpu=4",
        "pod_memory=16Gi",
    )
    assert "16 GiB of 11.45" in errors(result)["pod-fits-no-node"]
    names = {line.sku for line in result.lines}
    assert {"n1-standard-4", "nvidia-tesla-t4"} <= names


def test_pods_beside_each_other_have_to_fit_too():
    beside = ("machine=g2-standard-24", "pod_cpu=13", "pod_memory=20Gi")
    assert "2 of its pods" in errors(run(*beside))["pod-fits-no-node"]
    assert "26 vCPU of 23" in errors(run(*beside))["pod-fits-no-node"]
    assert "pod-fits-no-node" not in errors(run(*beside, "tensor_parallel=2"))


def test_old_gpus_are_marked_as_uncertain():
    result = run("model=mistral-7b", "precision=int4", "gpu=T4", "machine=n1-standard-4", "slo.ttft=20s")
    assert any(f.code == "llm-low-confidence" for f in result.findings)


def test_spot_without_a_spare_is_a_risk():
    def codes(*sets):
        return {f.code for f in run(*sets).findings}

    assert "llm-spot" in codes("purchase.spot=50%")
    assert "llm-spot" not in codes("purchase.spot=50%", "redundancy.spare=1")
    assert "llm-spot" not in codes()


def test_a_spare_replica_beside_the_others_is_none():
    beside = ("machine=g2-standard-24", "replicas.min=2")
    said = {f.code: f.remedy for f in run(*beside, "redundancy.spare=1").findings}
    assert said["llm-same-machine"] == "Set redundancy.spare to 2."
    assert "llm-same-machine" not in {f.code for f in run(*beside, "redundancy.spare=2").findings}


def test_auto_takes_the_cheapest_that_keeps_the_promise():
    auto = run("precision=auto", "gpu=auto", "machine=auto", "tensor_parallel=auto")
    assert usd(auto) <= usd(run())
    assert "llm-slo" not in errors(auto)


def test_a_gpu_whose_name_several_have_may_be_any_that_is_sold():
    named = run("precision=bf16", "gpu=A100-80GB", "machine=auto")
    either = run("precision=bf16", "gpu=A100", "machine=auto")
    assert assistant(either).replica.configuration.gpu.name == "A100-40GB"
    assert usd(either) < usd(named)


OPEN = ("precision=auto", "gpu=auto", "machine=auto", "tensor_parallel=auto")
PURCHASES = {
    "on_demand": (),
    "spot": ("purchase.spot=100%",),
    "commit_3y": ("purchase.commit_3y=100%",),
    "as_planned": ("purchase.spot=30%", "purchase.commit_1y=50%"),
    # Weights are downloaded to boot disks, which are the larger for it.
    "as_planned sglang": ("purchase.spot=30%", "engine=sglang"),
}


def ranking(*sets: str) -> list[Any]:
    file = parse_plan(PLAN, "plan.yaml", Path(), [f"llm.assistant.{s}" for s in sets])
    return ranked(estimate(file, Catalog()).context)["assistant"]


@pytest.mark.parametrize("way", PURCHASES)
def test_options_cost_what_an_estimate_of_them_does(way):
    more = (
        *PURCHASES[way],
        "redundancy.zones=3",
        "redundancy.survive_zones=1",
        "semantic_cache_hit_rate=20%",
    )
    bought = [option for option in ranking(*more) if option.bought == way.split()[0] and option.feasible]
    for option in bought[:3]:
        c = option.configuration
        one = run(
            f"precision={c.precision.name}",
            f"gpu={c.gpu.name}",
            f"machine={option.offer.machine.name}",
            f"tensor_parallel={c.tensor_parallel:g}",
            *more,
        )
        assert option.usd_per_month == pytest.approx(usd(one))
        measures = {m.name: m.needs[0, 0] for m in assistant(one).measures}
        assert 1e3 * option.tpot_s == pytest.approx(measures["tpot"])
        assert option.replicas == assistant(one).sizing.peak[0, 0]
    assert usd(run(*OPEN, *more)) == pytest.approx(bought[0].usd_per_month)


def test_a_machine_that_is_named_takes_what_can_be_added_to_it():
    result = run("model=mistral-7b", "precision=auto", "gpu=T4", "machine=n1-standard-8", "slo.ttft=20s")
    names = {line.sku for line in result.lines}
    assert {"n1-standard-8", "nvidia-tesla-t4"} <= names
    assert "llm-slo" not in errors(result)


def test_more_replicas_than_allowed_is_a_reason_to_lose():
    lost = [option.lost for option in ranking("replicas.max=2", "redundancy.spare=1")]
    assert any("replicas in the busiest hour, but replicas.max is 2" in reason for reason in lost)


@pytest.mark.parametrize(("memory", "machine"), [("8GiB", "n1-standard-4"), ("16GiB", "n1-standard-8")])
def test_auto_takes_a_machine_that_its_pod_fits(memory, machine):
    result = run(*OPEN, "precision=int8", "gpu=T4", "pod_cpu=3", f"pod_memory={memory}")
    assert "pod-fits-no-node" not in errors(result)
    assert assistant(result).replica.machine == machine


def test_auto_with_a_pod_that_fits_nothing_says_so():
    with pytest.raises(InputError, match="its pod fits no machine with 1 of this GPU"):
        run(*OPEN, "pod_memory=9TiB")


def test_auto_with_requests_beyond_the_context_says_so():
    with pytest.raises(InputError, match="llama-2-7b has a context of 4,096"):
        run(*OPEN, "model=llama-2-7b", "input_tokens=4000", "output_tokens=300")


def test_auto_that_finds_nothing_says_what_stood_in_the_way():
    with pytest.raises(InputError, match=r"no machine of gcp .* can serve llama-3.1-405b"):
        run("model=llama-3.1-405b", "gpu=L4", "machine=auto")


def test_auto_that_finds_nothing_names_the_nearest_miss_of_each_kind():
    with pytest.raises(InputError) as error:
        run(*OPEN, "slo.tpot=1ms")
    said = str(error.value)
    assert "8 × H100-80GB: TPOT 2." in said
    assert "ms with one user, above the promised 1 ms" in said
    assert said.count("TPOT") == said.count("does not fit") == 1


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (("model=llama-3.1-9b",), "llama-3.1-8b"),
        (("gpu=L5",), "unknown GPU 'L5'"),
        (("machine=n2-standard-8",), "no L4 can be added"),
        (("machine=a2-highgpu-1g",), "has A100-40GB, not L4"),
        (("tensor_parallel=2",), "has 1 GPU, but a replica takes 2"),
        (("tensor_parallel=0",), "tensor_parallel must be at least 1"),
        (("gpu=auto", "machine=n2-standard-8"), "no machine n2-standard-8 with whole GPUs is sold in"),
        (("gpu=auto", "machine=auto", "region=me-central1"), "no machine with whole GPUs is sold in me-"),
        (("local_share=50%",), "an api is needed for"),
        (("api.model=x", "api.usd_per_1m_cached_tokens=1"), "needs the prices of input and output"),
    ],
)
def test_wrong_plans_are_refused(sets, said):
    with pytest.raises(InputError, match=said):
        run(*sets)


def test_names_are_shared_with_other_components():
    text = PLAN.replace("calls: {assistant: 10}", "calls: {asistant: 10}")
    with pytest.raises(InputError, match="Did you mean 'assistant'"):
        run(text=text)


class TestListedPrices:
    """genai-prices, where it is installed."""

    package = pytest.importorskip("genai_prices")

    def price(self, model: str, inputs: int, outputs: int, day: str = "2026-01-01") -> float:
        result = run(
            "local_share=0%",
            f"api.model={model}",
            f"api.as_of={day}",
            f"input_tokens={inputs}",
            f"output_tokens={outputs}",
            "precision=bf16",
            "model=llama-3.1-8b",
        )
        line = next(line for line in result.lines if line.sku == model)
        assert line.source.startswith("genai-prices 0.2")
        return float(line.unit_price)

    def test_a_request_is_priced_in_its_own_tier(self):
        assert self.price("gpt-4o", 1000, 1000) == pytest.approx(0.0125)
        # Above 200,000 tokens the whole request costs twice as much, and what it returns 1.5 times.
        assert self.price("claude-sonnet-4-5", 100_000, 1000) == pytest.approx(0.3 + 0.015)
        assert self.price("claude-sonnet-4-5", 300_000, 1000) == pytest.approx(1.8 + 0.0225)

    def test_the_day_decides(self):
        before, after = self.price("o3", 1000, 1000, "2025-06-01"), self.price("o3", 1000, 1000, "2025-07-01")
        assert (before, after) == pytest.approx((0.05, 0.01))

    def test_prices_that_change_by_the_hour_are_averaged_over_the_day(self):
        # Half price from 16:30 to 00:30 UTC: the full hours 17 to 24 of a day.
        assert self.price("deepseek-chat", 1000, 1000) == pytest.approx(0.00137 * (16 + 8 / 2) / 24, rel=1e-3)

    def test_unknown_vendor_gets_the_nearest(self):
        with pytest.raises(InputError, match=r"not know the vendor 'opena1'. Did you mean 'openai'"):
            run("local_share=0%", "api.model=gpt-4o", "api.vendor=opena1")

    def test_model_of_another_vendor_is_not_its(self):
        with pytest.raises(InputError, match=r"does not know the model 'gpt-4o' of anthropic"):
            run("local_share=0%", "api.model=gpt-4o", "api.vendor=anthropic")

    def test_model_that_only_its_vendors_tell_apart_names_them(self):
        with pytest.raises(InputError, match=r"only for a given vendor. Set vendor to one of groq"):
            run("local_share=0%", "api.model=llama-3.1-8b-instant")
        assert run("local_share=0%", "api.model=llama-3.1-8b-instant", "api.vendor=groq")

    def test_unknown_model_gets_the_nearest(self):
        with pytest.raises(InputError, match="gpt-4o-mini"):
            self.price("gpt-4o-minni", 10, 10)

    def test_bad_day_is_refused(self):
        with pytest.raises(InputError, match="expected YYYY-MM-DD"):
            self.price("gpt-4o", 10, 10, "soon")

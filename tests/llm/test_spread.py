"""Replicas over many GPUs: stages of layers, ranks of attention, and experts on GPUs of their own."""

from __future__ import annotations

import numpy as np
import pytest

from capplan.llm.architecture import PRECISIONS, weight_bytes
from capplan.llm.capacity import TokenPromise, carried
from capplan.llm.confidence import confidence_of
from capplan.llm.facts import find_model
from capplan.llm.fit import sequences_that_fit
from capplan.llm.flags import flags_of, longest, options_of
from capplan.llm.lengths import of_quantiles
from capplan.llm.roofline import step_time
from capplan.llm.serving import Served, decode_step, first_token, prompt_time, time_per_token
from capplan.llm.spread import Parallelism, stages_of

FAR = {"per_machine": 8, "network": 400e9}


@pytest.fixture(scope="module")
def spread_over(configuration):
    def made(model, precision, gpu, count, engine="vllm", **spread):
        return configuration(model, precision, gpu, count, engine)._replace(spread=Parallelism(**spread))

    return made


def requests(one):
    return float(sequences_that_fit(one.memory(), 2000.0))


@pytest.mark.parametrize(
    ("model", "precision", "gpu", "spread", "fits"),
    [
        # 671 GB of weights against 640 and 1,280 GB of memory; 810 and 406 GB against 640.
        ("deepseek-v3", "fp8", "H100", {}, False),
        ("deepseek-v3", "fp8", "H100", {"pipeline": 2, **FAR}, True),
        ("deepseek-v3", "fp8", "H200", {}, True),
        ("llama-3.1-405b", "bf16", "H100", {}, False),
        ("llama-3.1-405b", "fp8", "H100", {}, True),
        ("llama-3.1-405b", "bf16", "H100", {"pipeline": 2, **FAR}, True),
        ("kimi-k2", "fp8", "H200", {}, False),
        ("kimi-k2", "fp8", "H200", {"pipeline": 2, **FAR}, True),
    ],
)
def test_published_sizes_fit_where_they_are_served(spread_over, model, precision, gpu, spread, fits):
    one = spread_over(model, precision, gpu, 8, **spread)
    assert one.obstacles() == []
    assert (requests(one) >= 1) is fits


def test_deepseek_fits_two_machines_with_experts_whole_and_attention_on_each_gpu(spread_over):
    """vLLM's expert_parallel_deployment.md serves it so on 8 H200 and on 16 H100."""
    assert requests(spread_over("deepseek-v3", "fp8", "H200", 1, data=8, experts=True)) > 100
    assert requests(spread_over("deepseek-v3", "fp8", "H100", 1, data=16, experts=True, **FAR)) > 100


@pytest.mark.parametrize(
    ("case", "spread", "most"),
    [
        (("deepseek-v3", "fp8", "H200", 1), {"data": 16, "experts": True, **FAR}, 16 * 1024.0),
        (("llama-3.1-8b", "fp8", "H200", 1), {"pipeline": 4, "per_machine": 8}, 9000.0),
    ],
)
def test_each_rank_and_stage_has_a_chunk_of_its_own_for_prompts(spread_over, facts, case, spread, most):
    served = spread_over(*case, **spread).served(facts, 1500.0, 150.0)
    served = served._replace(lengths=of_quantiles((900.0, 3000.0, 9000.0), 150.0))
    users = np.geomspace(1.0, most, 40)
    assert np.all(np.diff(time_per_token(served, users)) >= -1e-9)
    # One with room for a whole chunk, and one whose sequences take a sixteenth or a quarter of it.
    idle, full = (first_token(served, 0.01, running)[0] for running in (0.0, most / 2))
    assert full < 10 * idle


@pytest.mark.parametrize("name", ["deepseek-v3", "llama-3.1-70b", "gemma-4-31b", "kimi-k3", "mixtral-8x7b"])
@pytest.mark.parametrize("pipeline", [2, 3, 7, 30])
@pytest.mark.parametrize("precision", ["bf16", "fp8", "int4"])
def test_stages_hold_the_whole_model(facts, name, pipeline, precision):
    model, kind = find_model(name, facts), PRECISIONS[precision]
    stages = stages_of(model, pipeline)
    assert sum(stage.layers for stage in stages) == pytest.approx(model.layers)
    assert max(stage.layers for stage in stages) - min(stage.layers for stage in stages) < 1.001
    # Tied embeddings are needed at both ends.
    twice = 2 * model.head_parameters if model.tied else 0.0
    held = sum(weight_bytes(stage, kind) for stage in stages)
    assert held == pytest.approx(weight_bytes(model, kind) + twice, rel=1e-9)
    assert sum(stage.held(2.0).of(1000) for stage in stages) == pytest.approx(model.held(2.0).of(1000))


@pytest.mark.parametrize(("model", "precision"), [("llama-3.1-70b", "bf16"), ("deepseek-v3", "fp8")])
def test_more_stages_never_leave_less_room(spread_over, model, precision):
    rooms = [requests(spread_over(model, precision, "H200", 8, pipeline=n)) for n in (1, 2, 3, 4, 8)]
    assert rooms == sorted(rooms)
    assert rooms[-1] > rooms[0]


def test_ranks_of_attention_do_not_copy_the_cache_of_latent_heads(spread_over):
    """Each tensor-parallel GPU keeps the one latent head; a rank keeps its own requests only."""
    sliced = spread_over("deepseek-v3", "fp8", "H200", 8)
    ranks = spread_over("deepseek-v3", "fp8", "H200", 1, data=8, experts=True)
    assert sliced.memory().full_kv == pytest.approx(8 * ranks.memory().full_kv)
    assert ranks.memory().room < sliced.memory().room, "attention is on every GPU"
    assert requests(ranks) > 4 * requests(sliced)
    # A request has to fit the rank that it goes to.
    memory = ranks.memory()
    most = float(memory.room / 8 / memory.full_kv)
    assert memory.missing(1.1 * most) > 0
    assert memory.missing(0.9 * most) == 0


def test_no_rank_is_told_to_accept_what_its_own_cache_cannot_hold(spread_over):
    ranks = spread_over("deepseek-v3", "fp8", "H100", 1, data=14, experts=True, per_machine=2, network=400e9)
    own = float(ranks.longest())
    assert 1 < own < ranks.model.context
    assert longest(ranks, 1e6, None) == own
    beyond = ranks._replace(told=ranks.told._replace(longest=own + 1000))
    assert any("no room for one request" in why for why in beyond.obstacles())


def test_experts_that_do_not_divide_are_held_by_the_fullest_gpu(spread_over):
    even = spread_over("deepseek-v3", "fp8", "B300", 1, data=8, experts=True).memory().room
    sliced = spread_over("deepseek-v3", "fp8", "B300", 1, data=8).memory().room
    uneven = spread_over("deepseek-v3", "fp8", "B300", 1, data=7, experts=True).memory().room
    slices = spread_over("deepseek-v3", "fp8", "B300", 1, data=7).memory().room
    # 256 experts over 7 GPUs: 37 on the fullest instead of 36.6, 256 over 8 divide.
    assert slices - uneven > 1.5 * (sliced - even)


@pytest.mark.parametrize("stages", [1, 2, 4])
def test_stages_cost_a_token_their_sum_and_the_sends_between_them(spread_over, facts, stages):
    one = spread_over("llama-3.1-70b", "bf16", "H100", 8, pipeline=stages, **FAR)
    whole = spread_over("llama-3.1-70b", "bf16", "H100", 8)
    alone, beside = (time_per_token(each.served(facts, 1000.0, 300.0), 1.0) for each in (one, whole))
    sends = float(alone - beside)
    # A send is a message from machine to machine and a gathering within one: some 40 µs.
    assert sends == pytest.approx(40e-6 * (stages - 1), rel=0.2)


def test_stages_carry_more_only_with_enough_requests(spread_over, facts):
    one, two = (spread_over("llama-3.1-70b", "fp8", "H200", 8, pipeline=n, **FAR) for n in (1, 2))

    def rate(chosen, users):
        served = chosen.served(facts, 1000.0, 300.0)
        return users / (prompt_time(served) + 300 * time_per_token(served, users))

    assert rate(two, 1) == pytest.approx(rate(one, 1), rel=0.05), "half of the pipeline is empty"
    assert 1.4 * rate(one, 256) < rate(two, 256) < 2 * rate(one, 256)


def test_long_prompts_are_read_in_chunks_by_all_stages_at_once(spread_over, facts):
    two = spread_over("llama-3.1-70b", "fp8", "H200", 8, pipeline=2, **FAR)
    short, long = (two.served(facts, tokens, 100.0) for tokens in (8192.0, 8 * 8192.0))
    # (chunks + stages − 1) ÷ (chunks × stages) of the time.
    assert (short.overlapped, long.overlapped) == (1.0, 9 / 16)


def test_experts_are_as_uneven_as_random_routing_makes_them(spread_over, facts):
    """Few tokens meet experts on some GPUs twice; many meet all of them nearly as often."""
    whole = spread_over("deepseek-v3", "fp8", "H200", 8, experts=True)
    work, reached = whole.work(), whole.reached(facts)
    even = work._replace(apart=work.apart._replace(holders=1.0))

    def ratio(tokens):
        return step_time(work, reached, 0.0, 0.0, tokens) / step_time(even, reached, 0.0, 0.0, tokens)

    assert 1.05 < ratio(16.0) < 2
    assert 1 < ratio(8192.0) < 1.02
    assert (
        whole.reached(facts).mfu_experts
        > spread_over("deepseek-v3", "fp8", "H200", 8).reached(facts).mfu_experts
    ), "whole experts are wider than slices"


def test_what_experts_exchange_goes_once_to_a_machine(spread_over):
    near = spread_over("deepseek-v3", "fp8", "H100", 1, data=8, experts=True).work().apart
    far = spread_over("deepseek-v3", "fp8", "H100", 1, data=16, experts=True, **FAR).work().apart
    assert (near.far_hops, near.hops, far.far_hops) == (0.0, 2 * 58, 2 * 58)
    # FP8 there and BF16 back, 58 layers, nearly always (1 − 2⁻⁸) to the other machine, 50 GB/s by GPU.
    assert far.far == pytest.approx(58 * 7168 * 3 * (1 - 2**-8) / 50e9, rel=1e-6)
    # 8 of 256 experts lie on 1 − (7/8)⁸ of the eight GPUs.
    assert near.near == pytest.approx(58 * 7168 * 3 * 7 * (1 - (7 / 8) ** 8) / 450e9, rel=1e-6)


def test_one_request_keeps_one_rank_busy(spread_over, facts):
    one = spread_over("deepseek-v3", "fp8", "H200", 1, data=8, experts=True).served(facts, 4000.0, 200.0)
    work, reached = one.work, one.reached
    together = step_time(work, reached, 0.0, 0.0, 8 * 4000.0, 2000.0, 8.0)
    assert prompt_time(one) < together < 8 * prompt_time(one)
    assert decode_step(one, 8.0) < 1.8 * decode_step(one, 1.0)


SHAPES = [
    {},
    {"pipeline": 2, **FAR},
    {"data": 2, **FAR},
    {"data": 2, "experts": True, **FAR},
    {"experts": True},
    {"pipeline": 2, "data": 2, "experts": True, **FAR},
]


@pytest.mark.parametrize("spread", SHAPES)
def test_laws_of_speed_hold_however_a_replica_is_spread(spread_over, facts, spread):
    one = spread_over("deepseek-v3", "fp8", "H200", 8, **spread)
    served = one.served(facts, 1000.0, 200.0)
    times = [float(time_per_token(served, users)) for users in (1, 2, 3, 5, 16, 100, 1000)]
    assert times == sorted(times)
    loose, tight = (
        carried(served, one.memory(), one.max_sequences, TokenPromise(tpot, 3.0)) for tpot in (0.2, 0.05)
    )
    assert 0 < tight.users <= loose.users
    assert loose.rate >= tight.rate * (1 - 1e-9)
    mean, late = first_token(served, loose.rate / 2, loose.users / 2)
    assert served.reached.first_token_s < mean < late
    assert (confidence_of(one).level, one.spread.is_plain) in [("low", False), ("low", True)]


def test_nothing_changes_for_a_replica_that_is_sliced(spread_over, facts):
    one = spread_over("deepseek-v3", "fp8", "H200", 8)
    assert one.work().apart is None
    bare = Served(one.work(), one.reached(facts), 1000.0, 200.0, True)
    assert one.served(facts, 1000.0, 200.0)._replace(chunk=bare.chunk) == bare
    assert stages_of(one.model, 1) == [one.model]


def test_absurd_sizes_take_no_time(spread_over):
    one = spread_over("llama-3.1-8b", "bf16", "H200", 1, pipeline=1e12)
    assert one.memory().room > 0
    assert one.obstacles() == ["32 layers make no 1e+12 stages"]


WRONG = [
    ("llama-3.1-8b", 1, {"pipeline": 33}, "32 layers make no 33 stages"),
    ("llama-3.1-8b", 1, {"data": 2}, "data_parallel needs experts: use replicas instead"),
    ("llama-3.1-8b", 2, {"experts": True}, "expert_parallel needs experts"),
    ("mixtral-8x7b", 1, {"experts": True}, "expert_parallel needs tensor_parallel or data_parallel"),
    ("mixtral-8x7b", 2, {"data": 8, "experts": True, **FAR}, "8 experts cannot be spread over 16 GPUs"),
    ("mixtral-8x7b", 8, {"data": 3, **FAR}, "experts 14336 wide cannot be sliced for 24 GPUs"),
    ("mixtral-8x7b", 16, {"pipeline": 2, **FAR}, "tensor_parallel is 16, but a machine has 8 GPUs"),
    ("mixtral-8x7b", 4, {"pipeline": 3, **FAR}, "12 GPUs in groups of 4 do not fill machines with 8"),
    ("mixtral-8x7b", 8, {"pipeline": 2, "per_machine": 8}, "give network_gbit_per_s"),
]


@pytest.mark.parametrize(("model", "count", "spread", "why"), WRONG)
def test_replicas_that_cannot_be_are_refused(spread_over, model, count, spread, why):
    [found] = spread_over(model, "bf16", "H200", count, **spread).obstacles()
    assert why in found


@pytest.mark.parametrize("engine", ["tgi", "ollama", "tensorrt-llm"])
def test_engines_that_cannot_are_refused_by_name(spread_over, engine):
    assert engine in spread_over("mixtral-8x7b", "bf16", "H200", 2, engine, data=2).obstacles()[0]


def test_flags_are_those_of_each_engine(spread_over):
    spread = {"data": 2, "experts": True, **FAR}
    vllm, sglang = (
        {
            *flags_of(
                engine, options_of(spread_over("deepseek-v3", "fp8", "H200", 8, engine, **spread), 8192, 99)
            )
        }
        for engine in ("vllm", "sglang")
    )
    assert {
        "--tensor-parallel-size=8",
        "--data-parallel-size=2",
        "--enable-expert-parallel",
        "--all2all-backend=deepep_low_latency",
        "--nnodes=2",
        "--max-num-seqs=50",  # of each rank
    } <= vllm
    assert {
        "--tp-size=16",  # of all ranks
        "--dp-size=2",
        "--enable-dp-attention",
        "--ep-size=16",
        "--moe-a2a-backend=deepep",
        "--max-running-requests=99",
    } <= sglang
    staged = options_of(spread_over("deepseek-v3", "fp8", "H200", 8, pipeline=2, **FAR), 8192, 99)
    assert "--pipeline-parallel-size=2" in flags_of("vllm", staged)

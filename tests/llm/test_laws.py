"""What holds of fit, speed and capacity whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.llm.capacity import TokenPromise, carried
from capplan.llm.fit import sequences_that_fit
from capplan.llm.roofline import stacked, step_time, taken
from capplan.llm.serving import Served, decode_step, first_token, open_loop, time_per_token

CASES = st.sampled_from(
    [
        ("llama-3.1-8b", "bf16", "A100-80G", 1),
        ("llama-3.1-70b", "fp8", "H100", 4),
        ("mixtral-8x7b", "fp8", "L40S", 2),
        ("gpt-oss-120b", "mxfp4", "H200", 1),
        ("mistral-7b", "int4", "T4", 1),
        ("deepseek-v3", "fp8", "H200", 8),
    ]
)
LAWS = settings(max_examples=50, deadline=None)


def served(one, facts, inputs=1000.0, outputs=200.0, cached=0.0):
    return Served(one.work(), one.reached(facts), inputs, outputs, one.engine.mixes, cached)


@LAWS
@given(case=CASES, users=st.integers(1, 500), inputs=st.integers(1, 16000), outputs=st.integers(1, 4000))
def test_more_of_anything_never_is_faster(facts, configuration, case, users, inputs, outputs):
    one = configuration(*case)
    before = time_per_token(served(one, facts, inputs, outputs), users)
    assert time_per_token(served(one, facts, inputs, outputs), users + 1) >= before * (1 - 1e-9)
    assert time_per_token(served(one, facts, inputs + 100, outputs), users) >= before * (1 - 1e-9)


@LAWS
@given(case=CASES, decodes=st.integers(0, 500), context=st.floats(0, 1e5), prefill=st.integers(0, 9000))
def test_a_step_takes_at_least_what_the_hardware_must(facts, configuration, case, decodes, context, prefill):
    one = configuration(*case)
    work, reached = one.work(), one.reached(facts)
    time = step_time(work, reached, decodes, context, prefill, prefill / 2)
    compute = (decodes + prefill) * (work.common_flop + work.expert_flop)
    assert time > max(work.common_read, compute)


@LAWS
@given(case=CASES, tpot=st.floats(0.003, 0.5), ttft=st.floats(0.1, 10), inputs=st.integers(1, 8000))
def test_a_looser_promise_never_carries_less(facts, configuration, case, tpot, ttft, inputs):
    one = configuration(*case)
    serving, memory = served(one, facts, inputs), one.memory()
    tight = carried(serving, memory, 256, TokenPromise(tpot, ttft))
    loose = carried(serving, memory, 256, TokenPromise(tpot * 1.3, ttft * 1.3))
    assert loose.users >= tight.users
    if tight.users >= 1:  # what never keeps the promise is an error, and its rate is not held to any
        assert loose.rate >= tight.rate * (1 - 1e-9)
    assert tight.users <= sequences_that_fit(memory, inputs)


@LAWS
@given(case=CASES, more=st.floats(1.05, 20), inputs=st.integers(1, 8000), outputs=st.integers(1, 20))
def test_short_answers_come_in_time_if_requests_are_rare_enough(
    facts, configuration, case, more, inputs, outputs
):
    one = configuration(*case)
    serving = served(one, facts, inputs, outputs)
    ttft = more * first_token(serving, 0.0, 0.0)[1]
    does = carried(serving, one.memory(), 256, TokenPromise(ttft_s=ttft))
    assert does.users >= 1
    assert does.ttft_users > 0
    assert first_token(serving, does.ttft_rate, does.ttft_users)[1] <= ttft
    if does.ttft_users < 1:
        assert first_token(serving, 1.01 * does.ttft_rate, 1.01 * does.ttft_users)[1] > ttft
    never = carried(serving, one.memory(), 256, TokenPromise(ttft_s=ttft / more / 2))
    assert never.ttft_users == 0
    assert never.rate > 0


@LAWS
@given(case=CASES, tpot=st.floats(0.005, 0.3))
def test_users_keep_the_promise_and_one_more_would_not(facts, configuration, case, tpot):
    one = configuration(*case)
    serving = served(one, facts)
    does = carried(serving, one.memory(), 256, TokenPromise(tpot))
    if does.tpot_users >= 1:
        assert time_per_token(serving, does.tpot_users) <= tpot
    if does.tpot_users < does.room:
        assert time_per_token(serving, does.tpot_users + 1) > tpot


@LAWS
@given(case=CASES, rates=st.lists(st.floats(0.01, 20), min_size=2, max_size=2))
def test_more_load_never_needs_less_concurrency(facts, configuration, case, rates):
    one = configuration(*case)
    low, high = (open_loop(served(one, facts), rate, 200.0)[0] for rate in sorted(rates))
    assert low <= high


def test_configurations_stacked_are_each_on_their_own(facts, configuration):
    ones = [
        configuration("llama-3.1-8b", "bf16", gpu, count) for gpu in ("A100-80G", "H100") for count in (1, 2)
    ]
    work, reached = stacked([o.work() for o in ones]), stacked([o.reached(facts) for o in ones])
    users = np.array([1.0, 8.0, 64.0, 3.0])
    together = step_time(work, reached, users, 1000.0)
    apart = [step_time(o.work(), o.reached(facts), u, 1000.0) for o, u in zip(ones, users, strict=True)]
    assert together == pytest.approx(apart)
    assert taken(work, np.array([2])).common_read[0] == ones[2].work().common_read


@LAWS
@given(case=CASES, inputs=st.integers(1, 16000), outputs=st.integers(1, 4000))
def test_one_user_alone_never_waits_for_a_prompt(facts, configuration, case, inputs, outputs):
    alone = served(configuration(*case), facts, inputs, outputs)
    assert time_per_token(alone, 1.0) == pytest.approx(decode_step(alone, 1.0))


@LAWS
@given(case=CASES, decodes=st.integers(0, 500), prefill=st.integers(1, 9000))
def test_a_step_with_a_prompt_waits_for_its_launches(facts, configuration, case, decodes, prefill):
    one = configuration(*case)
    work, reached = one.work(), one.reached(facts)
    launched = step_time(work, reached, decodes, 1000.0, prefill, prefill / 2)
    free = step_time(work, reached._replace(prefill_layer_s=0.0), decodes, 1000.0, prefill, prefill / 2)
    assert max(free, work.layers * reached.prefill_layer_s) <= launched
    assert launched <= free + work.layers * reached.prefill_layer_s


@pytest.mark.parametrize("gpus", [2, 4, 8])
def test_all_reduces_take_the_quicker_way(facts, configuration, gpus):
    """Short messages are exchanged whole, n − 1 of them; long ones in parts, 2(n − 1)/n, with more waits."""
    one = configuration("llama-3.1-70b", "bf16", "H100", gpus)
    work, reached = one.work(), one.reached(facts)
    tokens = np.array([1.0, 1e6])
    apart = work._replace(hops=0.0, one_shot=0.0, two_shot=0.0)
    spent = step_time(work, reached, tokens, 0.0) - step_time(apart, reached, tokens, 0.0)
    bytes_s = 160 * 2 * 8192 / 450e9 / reached.link
    assert spent[0] == pytest.approx(160 * reached.hop_s + (gpus - 1) * bytes_s)
    second = 160 * reached.hop_s * reached.second_shot + 2 * (gpus - 1) / gpus * bytes_s * 1e6
    assert spent[1] == pytest.approx(min(second, 160 * reached.hop_s + (gpus - 1) * bytes_s * 1e6))


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tensorrt-llm"])
def test_an_h100_multiplies_as_fast_as_an_h200_with_every_engine(facts, configuration, engine):
    model, precision = "llama-3.1-8b", "fp8"
    one, other = (configuration(model, precision, gpu, 1, engine).reached(facts) for gpu in ("H100", "H200"))
    assert (one.mfu, one.mfu_attention) == (other.mfu, other.mfu_attention)


def test_experts_cut_into_slices_are_multiplied_more_slowly(facts, configuration):
    def share(model, gpus):
        reached = configuration(model, "bf16", "H200", gpus).reached(facts)
        return reached.mfu_experts / reached.mfu

    assert share("llama-3.1-70b", 8) == 1
    narrow = [share("qwen3-235b-a22b", gpus) for gpus in (2, 4, 8)]
    assert narrow == sorted(narrow, reverse=True)
    assert narrow[0] < share("mixtral-8x7b", 8)


def test_what_tokens_move_between_products_is_that_of_the_datasheet(configuration):
    """Each of 32 layers: the width 8 times; 32 heads of 128, 8 of keys and values, and 14,336 3 times."""
    values = [32 * (8 * 4096 + 3 * (4096 + 2 * 1024 + 14336) / gpus) for gpus in (1, 4)]
    for gpus, moved in zip((1, 4), values, strict=True):
        work = configuration("llama-3.1-8b", "fp8", "H100", gpus).work()
        assert work.moved == pytest.approx(2 * moved / 3.35e12)


def test_tokens_that_spread_over_many_experts_are_multiplied_more_slowly(facts, configuration):
    """Each of 128 experts gets a few tokens of 4,096; each of 8 experts gets all of them."""
    one = configuration("qwen3-235b-a22b", "bf16", "H200", 8)
    work, reached = one.work(), one.reached(facts)._replace(expert_tokens=16.0)
    free = reached._replace(expert_tokens=0.0)
    wide = [work._replace(expert_read=0.0, experts=count) for count in (8.0, 128.0)]
    few, many = (step_time(w, reached, 4096.0, 0.0) - step_time(w, free, 4096.0, 0.0) for w in wide)
    assert many == pytest.approx(16 * few)
    assert few == pytest.approx(16 * work.expert_flop / reached.mfu_experts)

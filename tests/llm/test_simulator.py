"""The simulator against the reference outputs of its description, and against laws."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.llm.capacity import speed_at
from capplan.llm.facts import find_engine
from capplan.llm.fit import sequences_that_fit
from capplan.llm.roofline import step_time
from capplan.llm.serving import Served, first_token, open_loop, request_time, time_per_token
from capplan.llm.simulator import (
    SimulatedReplica,
    SimulatedRequests,
    burst,
    poisson,
    simulate,
    steady_users,
)


def reference_facts(facts):
    """The constants of the description's outputs: no smooth maximum, nothing that engines add."""
    changed = copy.deepcopy(dict(facts))
    speed = changed["speed"]
    # With a second shot that costs nothing more every all-reduce takes two.
    speed["common"].update(half_tokens=64, overlap=2000, passes=0, growth=1.0, second_shot=1)
    speed["families"] = {
        "any": {
            "weights": {"16 bit": 0.75, "8 bit": 0.75, "4 bit": 0.45},
            "kv": 0.65,
            "mfu": {"16 bit": 0.80, "8 bit": 0.56, "4 bit": 0.80},
            "mfu_attention": 0.45,
        }
    }
    speed["links"]["NVLink"] = {"hop_us": 5, "efficiency": 0.64, "falls_with": 0}
    speed["engines"]["vllm"].update(
        layer_us=40,
        step_us=1000,
        sequence_us=0,
        prefill_layer_us=0,
        first_token_ms=0,
        request_us=0,
        token_us=0,
        compute=1,
        cache=1,
        max_sequences=100_000,
    )
    return changed


def replica_of(one, facts, tokens):
    reached = one.reached(facts)
    room = float(sequences_that_fit(one.memory(), tokens))
    return SimulatedReplica(one.work(), reached, one.engine, room * tokens), room


def head_for_every_token(work):
    """The description passes prompts through the output layer, too."""
    return work._replace(
        common_read=work.common_read + work.head_read,
        common_flop=work.common_flop + work.head_flop,
        head_read=0.0,
        head_flop=0.0,
    )


@pytest.mark.parametrize(
    ("case", "users", "inputs", "outputs", "ttft_ms", "tpot_ms"),
    [
        (("llama-3.1-8b", "bf16", "H100", 1), 64, 1024, 1024, 289.8, 15.12),
        (("llama-3.1-70b", "bf16", "A100-80G", 8), 128, 2048, 256, 3463.0, 115.12),
        (("mistral-7b", "int4", "T4", 1), 80, 1200, 200, 19572.7, 149.75),
    ],
)
def test_reference_outputs(facts, configuration, case, users, inputs, outputs, ttft_ms, tpot_ms):
    old = reference_facts(facts)
    one = configuration(*case)._replace(engine=find_engine("vllm", old))
    replica, _ = replica_of(one, old, inputs + outputs)
    # The description's T4 holds 53 of its requests.
    held = 53.0 * 1400 if case[2] == "T4" else replica.cache_tokens
    replica = replica._replace(cache_tokens=held, work=head_for_every_token(replica.work))
    out = simulate(replica, steady_users(inputs, outputs, users, 1.0, 5.0))
    # Here attention and feed-forward layers are bound by bandwidth or by compute each on its own.
    assert 1e3 * out.ttft_s.mean() == pytest.approx(ttft_ms, rel=3e-3)
    assert 1e3 * out.tpot_s.mean() == pytest.approx(tpot_ms, rel=3e-3)


@settings(max_examples=40, deadline=None)
@given(
    inputs=st.integers(1, 9000), outputs=st.integers(2, 400), users=st.integers(1, 60), cached=st.floats(0, 1)
)
def test_every_request_ends_and_waits_a_positive_time(facts, configuration, inputs, outputs, users, cached):
    replica, _ = replica_of(configuration("llama-3.1-8b", "bf16", "A100-40G"), facts, inputs + outputs)
    requests = steady_users(inputs, outputs, users, 0.8, 3.0)._replace(cached=cached)
    out = simulate(replica, requests)
    assert out.ttft_s.shape == requests.inputs.shape
    assert (out.ttft_s > 0).all()
    assert (out.tpot_s > 0).all()
    assert out.duration_s >= out.ttft_s.max() - replica.reached.first_token_s


def test_one_request_alone_is_the_sum_of_its_steps(facts, configuration):
    replica, _ = replica_of(configuration("llama-3.1-8b", "bf16", "H100"), facts, 1100)
    one = steady_users(1000, 100, 1, 1.0, 1.0)._replace(inputs=np.array([1000]), outputs=np.array([100]))
    out = simulate(replica, one)
    work, reached = replica.work, replica.reached
    read = step_time(work, reached, 0.0, 0.0, 1000.0, 500.0)
    assert out.ttft_s[0] == pytest.approx(read + reached.first_token_s)
    steps = sum(float(step_time(work, reached, 1.0, 1000.0 + k + 0.5)) for k in range(99))
    assert out.tpot_s[0] == pytest.approx(steps / 99, rel=1e-3)


def test_an_api_server_sends_no_faster_than_it_can(facts, configuration):
    """The engine does not wait for it, but users do: for 200 µs a token of each of 64."""
    replica, _ = replica_of(configuration("llama-3.1-8b", "bf16", "H100", 8), facts, 1200)
    requests = steady_users(1000, 200, 64, 0.85, 8.0)
    slow = replica._replace(reached=replica.reached._replace(token_s=2e-4))
    late = simulate(slow, requests)
    assert simulate(replica, requests).tpot_s.mean() < 0.8 * 64 * 2e-4
    assert 0.9 * 64 * 2e-4 < late.tpot_s.mean() < 1.2 * 64 * 2e-4
    assert late.duration_s == pytest.approx(requests.outputs.sum() * 2e-4, rel=0.2)
    served = Served(slow.work, slow.reached, 1000.0, 200.0, True)
    assert time_per_token(served, 64.0) == pytest.approx(64 * 2e-4)


def test_a_cached_prefix_is_not_read_again(facts, configuration):
    replica, _ = replica_of(configuration("llama-3.1-8b", "bf16", "H100"), facts, 4100)
    requests = poisson(4000, 100, 0.5, 50)
    cold, warm = simulate(replica, requests), simulate(replica, requests._replace(cached=0.9))
    assert warm.ttft_s.mean() < 0.5 * cold.ttft_s.mean()


def test_more_users_than_the_cache_holds_wait(facts, configuration):
    replica, room = replica_of(configuration("mistral-7b", "int8", "T4"), facts, 1400)
    fitting = simulate(replica, steady_users(1200, 200, int(room), 1.0, 3.0))
    double = simulate(replica, steady_users(1200, 200, 2 * int(room), 1.0, 3.0))
    assert double.ttft_s.mean() > 3 * fitting.ttft_s.mean()
    assert double.tpot_s.mean() < 1.2 * fitting.tpot_s.mean()


@pytest.mark.parametrize("load", [0.3, 0.5, 0.7])
@pytest.mark.parametrize(
    ("case", "inputs", "outputs"),
    [
        (("llama-3.1-8b", "fp8", "L4", 1), 1200, 200),
        (("llama-3.1-70b", "fp8", "H100", 4), 4000, 500),
        (("gpt-oss-120b", "mxfp4", "H200", 1), 1000, 1000),
    ],
)
def test_closed_form_agrees_with_the_simulator(facts, configuration, case, inputs, outputs, load):
    one = configuration(*case)
    replica, room = replica_of(one, facts, inputs + outputs)
    served = Served(replica.work, replica.reached, inputs, outputs, True)
    limit = min(room, one.engine.max_sequences)
    rate = load * limit / request_time(served, limit)
    out = simulate(replica, poisson(inputs, outputs, float(rate), 1500))
    concurrency, tpot = open_loop(served, rate, limit)
    mean, late = first_token(served, rate, concurrency)
    assert float(tpot) == pytest.approx(out.tpot_s.mean(), rel=0.1)
    assert float(mean) == pytest.approx(out.ttft_s.mean(), rel=0.12)
    assert float(late) == pytest.approx(np.quantile(out.ttft_s, 0.95), rel=0.25)


@pytest.mark.parametrize("case", [("llama-3.1-8b", "fp8", "L4", 1), ("mistral-7b", "int8", "T4", 1)])
def test_first_token_of_an_idle_replica_waits_for_nobody(facts, configuration, case):
    replica, room = replica_of(configuration(*case), facts, 300)
    served = Served(replica.work, replica.reached, 200, 100, True)
    out = simulate(replica, poisson(200, 100, 0.01, 300))
    mean, late = first_token(served, 0.01, open_loop(served, 0.01, room)[0])
    assert float(mean) == pytest.approx(out.ttft_s.mean(), rel=0.01)
    assert float(late) == pytest.approx(np.quantile(out.ttft_s, 0.95), rel=0.05)


def test_overload_is_infinite_not_wrong(facts, configuration):
    replica, room = replica_of(configuration("llama-3.1-8b", "fp8", "L4"), facts, 1400)
    served = Served(replica.work, replica.reached, 1200, 200, True)
    speed = speed_at(served, np.array([0.1, 1e4]), np.array([room, room]))
    assert np.isfinite(speed.tpot_s).tolist() == [True, False]
    assert np.isfinite(speed.ttft_p95_s).tolist() == [True, False]


def test_a_burst_waits_until_the_server_has_let_in_its_last_request(facts, configuration):
    replica, _ = replica_of(configuration("llama-3.1-8b", "bf16", "H100"), facts, 300)
    slow = replica._replace(reached=replica.reached._replace(request_s=0.01))
    at_once = simulate(slow, burst(200, 100, 300, 300))
    assert at_once.ttft_s.min() > 300 * 0.01
    assert at_once.duration_s > simulate(replica, burst(200, 100, 300, 300)).duration_s + 1.0
    apart = SimulatedRequests(np.full(3, 200), np.full(3, 100), np.array([0.0, 5.0, 10.0]))
    assert simulate(slow, apart).ttft_s.max() < 0.5


def test_varied_lengths_keep_the_mean_and_take_longer_than_equal_ones(facts, configuration):
    """Conversations: the longest answers run on when the others are done, and short ones wait for prompts."""
    varied, alike = burst(200, 150, 400, 800, longest=1000), burst(200, 150, 400, 800)
    for one, other in ((varied.inputs, alike.inputs), (varied.outputs, alike.outputs)):
        assert one.mean() == pytest.approx(other.mean(), rel=0.01)
        assert one.max() <= 1100
        assert one.std() > 0.8 * one.mean()
    replica, _ = replica_of(configuration("llama-3.1-8b", "bf16", "H100", 1, "sglang"), facts, 350)
    uneven, even = simulate(replica, varied), simulate(replica, alike)
    assert uneven.duration_s > even.duration_s
    assert uneven.tpot_s.mean() > even.tpot_s.mean()

"""What holds of prefill and decode on separate replicas, whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.llm.capacity import TokenPromise, carried
from capplan.llm.disaggregated import first_decode, prompt_rates, sent_prompt, transfer_time
from capplan.llm.roofline import step_time
from capplan.llm.serving import Served, decode_step, first_token, open_loop, prompt_time, time_per_token
from capplan.llm.simulator import SimulatedReplica, poisson, simulate

CASES = st.sampled_from(
    [
        ("llama-3.1-8b", "bf16", "A100-80G", 1),
        ("llama-3.1-70b", "fp8", "H100", 4),
        ("mixtral-8x7b", "fp8", "L40S", 2),
        ("deepseek-v3", "fp8", "H200", 8),
    ]
)
LAWS = settings(max_examples=12, deadline=None)


def served(one, facts, inputs=1000.0, outputs=200.0, **more):
    return Served(one.work(), one.reached(facts), inputs, outputs, one.engine.mixes, **more)


def rates_of(one, facts, inputs, left_s, gb_per_s=25.0, cached=0.0):
    transfer_s = transfer_time(one.memory(), inputs, 1e9 * gb_per_s)
    reading = served(one, facts, inputs, cached=cached)
    return prompt_rates(reading, one.memory(), one.settings.batched_tokens, transfer_s, left_s)


def slowest(rates):
    return float(min(rates.prompts, rates.held, rates.sent, rates.ttft))


def test_the_cache_of_a_prompt_is_what_its_layers_hold(configuration):
    # Llama 3.1 8B: 32 layers × 8 heads × 128 × keys and values × 2 bytes = 131,072 bytes a token.
    one = configuration("llama-3.1-8b", "bf16", "A100-80G", 1)
    assert transfer_time(one.memory(), 1000.0, 25e9) == pytest.approx(131_072 * 1000 / 25e9)


@LAWS
@given(case=CASES, inputs=st.integers(100, 16000), outputs=st.integers(2, 2000), users=st.integers(1, 300))
def test_prompts_never_delay_tokens(facts, configuration, case, inputs, outputs, users):
    one = configuration(*case)
    apart = served(one, facts, inputs, outputs, transfer_s=0.01)
    step = decode_step(apart, users)
    assert time_per_token(apart, users) == max(step, users * one.reached(facts).token_s)
    assert step <= time_per_token(served(one, facts, inputs, outputs), users)


@LAWS
@given(case=CASES, inputs=st.integers(100, 8000), outputs=st.integers(2, 2000), tpot=st.floats(0.02, 0.3))
def test_behind_an_infinite_prefill_pool_and_link_decode_is_serving_without_prompts(
    facts, configuration, case, inputs, outputs, tpot
):
    one = configuration(*case)
    server = one.reached(facts)
    does = carried(served(one, facts, inputs, outputs, transfer_s=0.0), one.memory(), 256, TokenPromise(tpot))
    users = np.maximum(does.users, 1)
    # Little's law over steps that decode only, each a token of every sequence; or what the server sends.
    assert does.rate == pytest.approx(
        min(
            users / max(outputs * float(decode_step(served(one, facts, inputs, outputs), users)), 1e-12),
            1 / float(server.request_s + outputs * server.token_s),
        )
    )


# Not of fewer tokens: two of the shortest prompts reach nearly twice the experts of one, and wait the longer.
@LAWS
@given(case=CASES, inputs=st.integers(300, 16000), cached=st.sampled_from([0.0, 0.5]))
def test_longer_prompts_are_never_carried_faster(facts, configuration, case, inputs, cached):
    one = configuration(*case)
    before, after = (
        slowest(rates_of(one, facts, tokens, 5.0, cached=cached)) for tokens in (inputs, inputs + 97)
    )
    assert after <= before * (1 + 1e-9)


@LAWS
@given(case=CASES, inputs=st.integers(50, 16000), link=st.floats(0.1, 100), left=st.floats(0.05, 10))
def test_a_faster_link_and_a_looser_promise_never_carry_less(facts, configuration, case, inputs, link, left):
    one = configuration(*case)
    slow, fast = (rates_of(one, facts, inputs, left, each) for each in (link, 1.5 * link))
    assert slowest(fast) >= slowest(slow) * (1 - 1e-9)
    assert rates_of(one, facts, inputs, left * 1.2, link).ttft >= slow.ttft * (1 - 1e-9)


@LAWS
@given(case=CASES, inputs=st.integers(50, 8000), link=st.floats(0.1, 100), load=st.floats(0, 0.95))
def test_the_first_token_comes_no_later_over_a_faster_link(facts, configuration, case, inputs, link, load):
    one = configuration(*case)
    reading = served(one, facts, inputs)
    rate = load * slowest(rates_of(one, facts, inputs, np.inf, link))
    times = [
        sent_prompt(reading, transfer_time(one.memory(), inputs, 1e9 * each), rate)
        for each in (link, 2 * link)
    ]
    assert times[1][0] <= times[0][0] * (1 + 1e-9)
    assert times[1][1] <= times[0][1] * (1 + 1e-9)
    assert times[0][0] <= times[0][1] * (1 + 1e-9)


def test_without_load_a_prompt_waits_for_nothing(facts, configuration):
    one = configuration("llama-3.1-8b", "bf16", "A100-80G", 1)
    reading = served(one, facts)
    read_s = step_time(reading.work, reading.reached, 0.0, 0.0, reading.prompt, reading.prompt_context)
    mean, late = sent_prompt(reading, 0.5, 0.0)
    assert mean == late == pytest.approx(reading.reached.first_token_s + read_s + 0.5)
    apart = served(one, facts, transfer_s=0.5)
    assert first_decode(apart, 0.0)[0] == pytest.approx(
        reading.reached.first_token_s + decode_step(apart, 1.0)
    )


def test_a_prefix_cache_saves_reading_but_no_sending(facts, configuration):
    one = configuration("llama-3.1-8b", "bf16", "A100-80G", 1)
    plain, cached = (rates_of(one, facts, 4000.0, 2.0, cached=share) for share in (0.0, 0.75))
    assert cached.prompts > 2 * plain.prompts
    assert cached.sent == plain.sent


def test_a_slow_link_keeps_places_of_the_decode_replica(facts, configuration):
    one = configuration("llama-3.1-8b", "bf16", "A100-80G", 1)
    quick, slow = (served(one, facts, 8000.0, 20.0, transfer_s=each) for each in (0.0, 2.0))
    running = [float(open_loop(each, 5.0, 1000.0)[0]) for each in (quick, slow)]
    # Ten requests more are on their way; those slow the others down a little.
    assert 10 <= running[1] - running[0] < 14


@pytest.mark.parametrize(
    ("case", "inputs", "gb_per_s"),
    [
        (("llama-3.1-8b", "fp8", "L40S", 1), 3000.0, 3.0),  # reading is slower than sending
        (("llama-3.1-8b", "bf16", "H100", 1), 4000.0, 1.5),  # sending is
        (("llama-3.1-8b", "bf16", "A100-80G", 1), 300.0, 5.0),  # steps read several prompts
    ],
)
@pytest.mark.parametrize("load", [0.3, 0.7])
def test_waits_are_those_of_queues_in_tandem(facts, configuration, case, inputs, gb_per_s, load):
    one = configuration(*case)
    reading, transfer_s = served(one, facts, inputs), transfer_time(one.memory(), inputs, 1e9 * gb_per_s)
    rate = load * slowest(rates_of(one, facts, inputs, np.inf, gb_per_s))
    simulated = _tandem(reading, transfer_s, rate, int(one.settings.batched_tokens // inputs))
    expected = sent_prompt(reading, transfer_s, rate)
    found = simulated.mean(), np.percentile(simulated, 95)
    assert expected == pytest.approx(found, rel=0.22)


@pytest.mark.parametrize("load", [0.2, 0.5])
@pytest.mark.parametrize("inputs", [3000, 6000, 20_000])
def test_long_prompts_wait_for_the_beginning_of_those_behind_them(facts, configuration, inputs, load):
    """Chunks of 8,192 tokens hold parts of two prompts: M/D/1 alone, with no rest of a step, is too short."""
    one = configuration("llama-3.1-70b", "fp8", "H100", 2)
    reading = served(one, facts, float(inputs), 2.0)
    rate = load * float(1 / prompt_time(reading))
    replica = SimulatedReplica(reading.work, reading.reached, one.engine, np.inf)
    found = simulate(replica, poisson(inputs, 2, rate, 3000)).ttft_s
    mean, late = first_token(reading, rate, 0.0)
    assert 0.99 < mean / found.mean() < 1.12
    assert 0.9 < late / np.percentile(found, 95) < 1.25


def _tandem(reading, transfer_s, rate, at_once):
    """Return the seconds until each of many prompts is sent, read one step after the other."""
    arrivals = np.cumsum(np.random.default_rng(1).exponential(1 / rate, 8000)).tolist()
    steps = [float(prompt_time(reading, count)) for count in range(max(at_once, 1) + 1)]
    ready, link, first, sent = 0.0, 0.0, 0, []
    while first < len(arrivals):
        ready = max(ready, arrivals[first])
        waiting = arrivals[first + 1 : first + len(steps) - 1]
        count = 1 + sum(arrival <= ready for arrival in waiting)
        ready += steps[count]
        for arrival in arrivals[first : first + count]:
            link = max(link, ready) + transfer_s
            sent.append(link - arrival)
        first += count
    return np.array(sent) + reading.reached.first_token_s

"""Speculative decoding: what drafts bring, what they cost, and where they do not pay."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.catalog.catalog import Catalog
from capplan.llm.capacity import TokenPromise, carried, speed_at
from capplan.llm.confidence import confidence_of
from capplan.llm.facts import architecture_of, find_model
from capplan.llm.flags import file_of, flags_of, options_of
from capplan.llm.importing import row_of
from capplan.llm.serving import decode_step, first_token, request_time, stream_throughput
from capplan.llm.serving import time_per_token as tpot
from capplan.llm.simulator import SimulatedReplica, simulate, steady_users
from capplan.llm.speculation import Speculation, acceptance_of, eagle_layer, emitted, mtp_layers, steps_of

LAWS = settings(max_examples=40, deadline=None)
TOKENS, CHANCE = st.integers(0, 12), st.floats(0, 1)


def drafting(facts, one, method="draft", tokens=4.0, acceptance=0.7, small="llama-3.2-1b"):
    """Return the configuration with speculation."""
    said = Speculation(method, tokens, acceptance)
    if method == "mtp":
        layer, count = mtp_layers(one.model)
        said = said._replace(draft=layer, layers=count, shares=True)
    elif method == "eagle":
        said = said._replace(draft=eagle_layer(one.model), shares=True, checkpoint="a/head")
    elif method == "draft":
        said = said._replace(draft=find_model(small, facts), checkpoint="a/draft")
    return one._replace(speculation=said)


def served(facts, one, inputs=800.0, outputs=200.0):
    return one.served(facts, inputs, outputs)


@pytest.mark.parametrize(
    ("tokens", "acceptance", "expected"),
    [(0, 0.3, 1), (5, 0, 1), (5, 1, 6), (1, 0.85, 1.85), (3, 0.7, 2.533)],
)
def test_steps_emit_a_geometric_sum(tokens, acceptance, expected):
    assert emitted(tokens, acceptance) == pytest.approx(expected, rel=1e-6)


# Leviathan et al. 2023, theorem 3.8: γ, α and cost of a T5-small, -base and -large that draft for T5-XXL.
@pytest.mark.parametrize(
    ("tokens", "acceptance", "cost", "expected"),
    [(7, 0.75, 0.02, 3.2), (7, 0.8, 0.04, 3.3), (7, 0.82, 0.11, 2.5), (5, 0.65, 0.02, 2.4)],
)
def test_improvements_that_the_paper_expects_of_t5(tokens, acceptance, cost, expected):
    assert emitted(tokens, acceptance) / (tokens * cost + 1) == pytest.approx(expected, abs=0.06)


@LAWS
@given(tokens=TOKENS, acceptance=CHANCE)
def test_more_is_emitted_the_more_is_drafted_or_accepted(tokens, acceptance):
    mean = emitted(tokens, acceptance)
    assert 1 - 1e-9 <= mean <= (tokens + 1) * (1 + 1e-6)
    assert mean == pytest.approx(sum(acceptance**k for k in range(tokens + 1)), rel=1e-6)
    assert emitted(tokens + 1, acceptance) >= mean * (1 - 1e-9)
    assert emitted(tokens, min(acceptance + 0.05, 1.0)) >= mean * (1 - 1e-6)


@LAWS
@given(tokens=st.integers(1, 12), acceptance=CHANCE)
def test_a_length_that_engines_report_gives_the_acceptance(tokens, acceptance):
    assert acceptance_of(tokens, emitted(tokens, acceptance)) == pytest.approx(acceptance, abs=1e-6)


def test_drawn_steps_emit_as_much_as_expected():
    rng = np.random.default_rng(3)
    for tokens, acceptance in ((1, 0.85), (4, 0.7), (7, 0.2), (3, 0.0), (3, 1.0)):
        steps = [steps_of(601, tokens, acceptance, rng) for _ in range(40)]
        assert 600 / np.mean(steps) == pytest.approx(emitted(tokens, acceptance), rel=0.02)
    assert steps_of(1, 4, 0.7, rng) == 1


CASES = st.sampled_from(
    [
        ("llama-3.1-8b", "bf16", "L40S", 1, "vllm", "eagle"),
        ("llama-3.1-70b", "fp8", "H100-80GB", 4, "sglang", "draft"),
        ("deepseek-v3", "fp8", "H200", 8, "vllm", "mtp"),
        ("qwen3.5-27b", "bf16", "A100-80GB", 2, "vllm", "ngram"),
    ]
)


@LAWS
@given(case=CASES, users=st.integers(1, 400), acceptance=CHANCE)
def test_nothing_drafted_is_today_and_nothing_accepted_only_costs(
    facts, configuration, case, users, acceptance
):
    *which, method = case
    plain = configuration(*which)
    none = drafting(facts, plain, method, 0.0, acceptance)
    asked, same = served(facts, plain), served(facts, none)
    assert none.memory() == plain.memory()
    for figure in (tpot, request_time, decode_step):
        assert figure(same, users) == figure(asked, users)
    assert first_token(same, 0.3, users) == first_token(asked, 0.3, users)
    assert stream_throughput(same) == stream_throughput(asked)
    some = drafting(facts, plain, method, 3.0, acceptance)
    refused = drafting(facts, plain, method, 3.0, 0.0)
    assert tpot(served(facts, refused), users) >= tpot(asked, users) * (1 - 1e-9)
    assert tpot(served(facts, some), users) <= tpot(served(facts, refused), users) * (1 + 1e-9)
    assert tpot(served(facts, some), users) >= tpot(asked, users) / (4 + 1e-6)


def test_the_gain_falls_with_the_users_and_turns_into_a_loss(facts, configuration):
    plain = configuration("llama-3.1-70b", "bf16", "H100-80GB", 4)
    one = drafting(facts, plain)
    users = np.array([1.0, 4, 16, 64, 256])
    gains = tpot(served(facts, plain), users) / tpot(served(facts, one), users)
    assert gains[0] > 1.5
    assert gains[-1] < 1
    assert np.all(np.diff(gains) < 0)


@pytest.mark.parametrize(
    ("case", "method", "tokens", "length", "expected"),
    [
        # vllm-project/vllm #16035 and #24343: EAGLE's head for Llama 3 8B, one user; mean accepted lengths.
        (("llama-3.1-8b", "bf16", "H100-80GB"), "eagle", 2, 1.89, 1.36),
        (("llama-3.1-8b", "bf16", "H100-80GB"), "eagle", 4, 2.08, 1.29),
        (("llama-3.1-8b", "bf16", "A100-40GB"), "eagle", 1, 1.63, 1.30),
        (("llama-3.1-8b", "bf16", "A100-40GB"), "eagle", 32, 2.18, 0.53),
        # vllm-project/vllm #12755: DeepSeek-R1, 81 to 82.3 % accepted, at one request a second.
        (("deepseek-v3", "fp8", "H200", 8), "mtp", 1, 1.82, 1.63),
        # The report of DeepSeek-V3: 85 to 90 % accepted, 1.8 times the tokens a second.
        (("deepseek-v3", "fp8", "H200", 8), "mtp", 1, 1.875, 1.8),
    ],
)
def test_published_speedups_of_one_user(facts, configuration, case, method, tokens, length, expected):
    plain = configuration(*case)
    one = drafting(facts, plain, method, float(tokens), float(acceptance_of(tokens, length)))
    gain = stream_throughput(served(facts, one, 80, 200)) / stream_throughput(served(facts, plain, 80, 200))
    assert gain == pytest.approx(expected, rel=0.22)


def test_memory_holds_what_drafts(facts, configuration):
    plain = configuration("llama-3.1-70b", "bf16", "H100-80GB", 4)
    before, after = plain.memory(), drafting(facts, plain).memory()
    # 1.24 billion weights at 16 bit, and 16 layers with 8 heads of 64 for keys and values, at 16 bit.
    assert after.weights - before.weights == pytest.approx(2 * 1.236e9, rel=0.01)
    assert after.full_kv - before.full_kv == 16 * 2 * 8 * 64 * 2
    assert after.state == 4 * after.full_kv, "room for the drafts of a sequence"
    # In the profiling run each of 4 GPUs holds scores of 1,024 sequences: of two at 16 bit, of one at 32.
    sampled = 4 * 8 * 1024 * 128256
    assert before.room - after.room == pytest.approx(2 * 1.236e9 + sampled, rel=0.01)
    deepseek = configuration("deepseek-v3", "fp8", "H200", 8)
    mtp = drafting(facts, deepseek, "mtp", 1.0)
    assert mtp.memory().weights - deepseek.memory().weights == pytest.approx(deepseek.model.drafts, rel=0.01)
    assert mtp.memory().full_kv == pytest.approx(deepseek.memory().full_kv * 62 / 61)
    ngram = drafting(facts, plain, "ngram").memory()
    assert (ngram.weights, ngram.full_kv) == (before.weights, before.full_kv)


def test_sglang_keeps_memory_free_for_what_drafts(facts, configuration):
    """6 GiB for a draft model, 2 GiB for a head (sglang/srt/server_args.py), or what the plan leaves."""
    plain = configuration("llama-3.1-70b", "bf16", "H100-80GB", 4, "sglang")
    share = plain.settings.memory_share
    for method, kept in (("draft", 6), ("eagle", 2), ("ngram", 0)):
        one = drafting(facts, plain, method)
        assert (share - one.settings.memory_share) * one.gpu.memory_bytes == pytest.approx(kept * 2**30)
        assert not one.obstacles()
    large = drafting(facts, plain._replace(tensor_parallel=1.0), "draft", small="llama-3.1-8b")
    assert "too little for what drafts" in large.obstacles()[0]
    told = large._replace(told=large.told._replace(memory_share=0.6))
    assert not told.obstacles()


def test_the_config_of_a_head_has_a_vocabulary_of_its_own(facts):
    """The config of an EAGLE-3 head for an 8B model."""
    config = {
        "architectures": ["LlamaForCausalLMEagle3"],
        "model_type": "llama",
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "num_hidden_layers": 1,
        "vocab_size": 128256,
        "draft_vocab_size": 32000,
    }
    head = architecture_of("head", row_of(config, "head", "config.json", Catalog().facts("configs")))
    assert (head.vocabulary, head.layers) == (32000, 1)
    assert head.active_parameters < 0.5 * eagle_layer(find_model("llama-3.1-8b", facts)).active_parameters


def test_a_state_is_kept_for_each_token_that_may_be_refused(facts, configuration):
    plain = configuration("qwen3.5-27b", "bf16", "H200")
    one = drafting(facts, plain, "ngram", 3.0)
    assert one.memory().state == 4 * plain.memory().state + 3 * plain.memory().full_kv


@pytest.mark.parametrize("users", [1, 12, 64])
@pytest.mark.parametrize("method", ["draft", "eagle", "ngram"])
def test_simulator_and_closed_form_agree(facts, configuration, users, method):
    plain = configuration("llama-3.1-70b", "fp8", "H100-80GB", 4)
    one = drafting(facts, plain, method)
    requests = steady_users(800, 200, users, 0.6, 8)
    ratios = []
    for run in (plain, one):
        replica = SimulatedReplica(run.work(), run.reached(facts), run.engine, 1e6, run.drafting(facts))
        simulated = float(np.mean(simulate(replica, requests).tpot_s))
        closed = float(tpot(served(facts, run, 640, 160), float(users)))
        ratios.append(simulated / closed)
    assert ratios[1] == pytest.approx(ratios[0], rel=0.1), "as far from each other as without speculation"


def test_simulated_without_drafts_is_the_same_to_the_digit(facts, configuration):
    plain = configuration("llama-3.1-8b", "bf16", "L40S")
    requests = steady_users(500, 100, 8, 0.5, 3)
    replica = SimulatedReplica(plain.work(), plain.reached(facts), plain.engine, 1e5)
    none = replica._replace(drafting=drafting(facts, plain, "eagle", 0.0).drafting(facts))
    assert simulate(none, requests).tpot_s.tolist() == simulate(replica, requests).tpot_s.tolist()


def test_a_replica_carries_more_at_a_tight_promise_and_less_when_full(facts, configuration):
    plain = configuration("llama-3.1-70b", "bf16", "H100-80GB", 4)
    one = drafting(facts, plain)
    tight, loose = TokenPromise(0.014), TokenPromise()
    rates = {
        promise: [
            float(carried(served(facts, run), run.memory(), 1024, promise).rate) for run in (plain, one)
        ]
        for promise in (tight, loose)
    }
    assert rates[tight][1] > rates[tight][0]
    assert rates[loose][1] < rates[loose][0]
    at_load = speed_at(served(facts, one), 1.0, 256)
    assert at_load.tpot_s < speed_at(served(facts, plain), 1.0, 256).tpot_s


def test_confidence_is_low_unless_the_configuration_was_measured(facts, configuration):
    one = configuration("llama-3.1-8b", "bf16", "A100-80GB", 1, "tensorrt-llm")
    assert confidence_of(one).level == "high"
    found = confidence_of(drafting(facts, one))
    assert (found.level, found.reasons[0]) == ("low", "no measurement of an engine that speculates")
    measured = one._replace(model=one.model._replace(measured=frozenset({("A100-80GB", "16 bit", 1)})))
    assert confidence_of(drafting(facts, measured)).level == "medium"


SAID = {
    ("vllm", "mtp"): {"method": "mtp", "num_speculative_tokens": 4},
    ("vllm", "eagle"): {"method": "eagle", "model": "a/head", "num_speculative_tokens": 4},
    ("vllm", "draft"): {"method": "draft_model", "model": "a/draft", "num_speculative_tokens": 4},
    ("vllm", "ngram"): {"method": "ngram", "num_speculative_tokens": 4},
    ("sglang", "mtp"): {"algorithm": "NEXTN", "num-steps": "4", "eagle-topk": "1", "num-draft-tokens": "5"},
    ("sglang", "draft"): {
        "algorithm": "STANDALONE",
        "draft-model-path": "a/draft",
        "num-steps": "4",
        "eagle-topk": "1",
        "num-draft-tokens": "5",
    },
    ("sglang", "ngram"): {"algorithm": "NGRAM", "num-draft-tokens": "5"},
    ("tensorrt-llm", "mtp"): {"decoding_type": "MTP", "max_draft_len": 4, "num_nextn_predict_layers": 4},
    ("tensorrt-llm", "draft"): {
        "decoding_type": "DraftTarget",
        "max_draft_len": 4,
        "speculative_model_dir": "a/draft",
    },
    ("tgi", "ngram"): "4",
}


@pytest.mark.parametrize(("engine", "method"), SAID)
def test_engines_are_told_in_their_own_words(facts, configuration, engine, method):
    """Flags, parsed back, say what the estimate counts with."""
    one = drafting(facts, configuration("deepseek-v3", "fp8", "H200", 8, engine), method)
    options = options_of(one, 4096, 64)
    flags = dict(flag.removeprefix("--").partition("=")[::2] for flag in flags_of(engine, options))
    if engine == "vllm":
        found = json.loads(flags["speculative-config"])
    elif engine == "sglang":
        found = {k.removeprefix("speculative-"): v for k, v in flags.items() if k.startswith("speculative")}
    elif engine == "tgi":
        found = flags["speculate"]
    else:
        file = yaml.safe_load(file_of(engine, options))
        found = file["speculative_config"]
        assert file["kv_cache_config"]["free_gpu_memory_fraction"] == 0.9
        assert file.get("disable_overlap_scheduler", False) == (method == "draft")
    assert found == SAID[engine, method]
    plain = options_of(one._replace(speculation=None), 4096, 64)
    assert not any("specul" in flag for flag in flags_of(engine, plain))

"""Lengths of requests as distributions: their points, and the closed form against the simulator on them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from capplan.errors import InputError
from capplan.llm.capacity import TokenPromise, carried, sequences, speed_at
from capplan.llm.lengths import of_quantiles, recorded
from capplan.llm.serving import residence, time_per_token
from capplan.llm.simulator import SimulatedReplica, SimulatedRequests, poisson, simulate
from capplan.llm.traces import read_lengths

REQUESTS = 2500


def drawn(median_in, sigma_in, median_out, sigma_out, longest, count=REQUESTS):
    """Lengths of requests, lognormal: those of conversations, of completions of code, of long documents."""
    rng = np.random.default_rng(7)
    both = ((median_in, sigma_in), (median_out, sigma_out))
    tokens = (np.rint(median * np.exp(sigma * rng.standard_normal(count))) for median, sigma in both)
    inputs, outputs = (np.clip(each, 2, longest) for each in tokens)
    return inputs, outputs


CHAT = drawn(800, 0.9, 150, 0.8, 14_000)
CODE = drawn(1400, 0.9, 13, 1.1, 7_000)
DOCUMENTS = drawn(6000, 1.1, 350, 0.6, 100_000)


@pytest.mark.parametrize("requests", [CHAT, CODE, DOCUMENTS])
def test_points_keep_means_and_squares_of_a_record(requests):
    found = recorded(*requests)
    assert found.shares.size <= 256
    assert found.shares.sum() == pytest.approx(1)
    assert found.means == pytest.approx([each.mean() for each in requests])
    for points, tokens in zip((found.inputs, found.outputs), requests, strict=True):
        assert found.mean(points**2) == pytest.approx((tokens**2).mean() / tokens.mean() ** 2, rel=0.03)
    inputs, outputs = requests
    context = (outputs * (inputs + outputs / 2)).sum() / outputs.sum()
    assert found.seen(*found.means) == pytest.approx(context, rel=0.02)
    assert found.longest(*found.means, missed=0.0) == pytest.approx((inputs + outputs).max())
    strata, lengths, weighted = found.prompts
    assert strata @ lengths == pytest.approx(1)
    assert strata @ (lengths * weighted) == pytest.approx(found.variety, rel=0.02)
    limit = float(np.quantile(inputs + outputs, 0.97))
    assert found.beyond(*found.means, limit) == pytest.approx(0.03, abs=0.002)
    means = [np.array([[mean], [2 * mean]]) for mean in found.means]
    assert found.beyond(*means, 2 * limit) == pytest.approx(0.03, abs=0.002)


def test_three_quantiles_of_a_lognormal_distribution_give_its_mean():
    sigma = np.log(5) / 1.2816
    found = of_quantiles((1000.0, 5000.0, 1000.0 * float(np.exp(2.3263 * sigma))), 200.0)
    assert found.means[0] == pytest.approx(1000 * np.exp(sigma**2 / 2), rel=0.05)
    assert found.means[1] == 200
    # Independent of each other: what both have in common is nothing but chance.
    both = of_quantiles((1000.0, 4000.0, 9000.0), (100.0, 300.0, 700.0))
    assert both.mean(both.inputs * both.outputs) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    ("case", "requests", "load", "within"),
    [
        # Throughput and TPOT of a full replica; TPOT, TTFT and its 95th percentile of arrivals at random.
        (("llama-3.1-8b", "fp8", "L4", 1), CHAT, 0.5, (0.05, 0.07, 0.07, 0.1, 0.15)),
        (("llama-3.1-8b", "bf16", "A100-80GB", 1, "sglang"), CHAT, 0.7, (0.05, 0.1, 0.1, 0.12, 0.2)),
        (("llama-3.1-8b", "bf16", "A100-80GB", 1), CODE, 0.5, (0.05, 0.25, 0.1, 0.15, 0.2)),
        (("llama-3.1-70b", "fp8", "H100-80GB", 4), DOCUMENTS, 0.5, (0.05, 0.1, 0.2, 0.25, 0.25)),
    ],
)
def test_closed_form_agrees_with_the_simulator(facts, configuration, case, requests, load, within):
    one, lengths = configuration(*case), recorded(*requests)
    served, memory = one.served(facts, *lengths.means, lengths=lengths), one.memory()
    does = carried(served, memory, one.max_sequences, TokenPromise())
    room, rate = float(does.room), load * float(does.rate)
    cache = float(memory.sure / memory.sequence(1.0))
    replica = SimulatedReplica(served.work, served.reached, one.engine.on(one.gpu), cache)
    inputs, outputs = (each.astype(np.int64) for each in requests)
    full = simulate(replica, SimulatedRequests(inputs, outputs, None, int(room)))
    arriving = poisson(*lengths.means, rate, REQUESTS, spread=lengths)
    out, speed = simulate(replica, arriving), speed_at(served, rate, room)

    def by_token(run, made):
        return float(run.tpot_s @ (made - 1) / (made - 1).sum())

    # Little's law for the requests between the first burst and the last ones, which run on alone.
    users = int(room)
    answered = (full.ttft_s + full.tpot_s * (outputs - 1))[users:-users]

    pairs = (
        (does.room_rate, users / answered.mean()),
        (time_per_token(served, room), by_token(full, outputs)),
        (speed.tpot_s, by_token(out, arriving.outputs)),
        (speed.ttft_s, out.ttft_s.mean()),
        (speed.ttft_p95_s, np.quantile(out.ttft_s, 0.95)),
    )
    errors = [abs(float(closed) / float(simulated) - 1) for closed, simulated in pairs]
    assert np.all(np.array(errors) <= within), errors


def test_means_alone_are_further_from_the_simulator(facts, configuration):
    """What the distribution is for: the prompts of long requests, which most others wait for."""
    one, lengths = configuration("llama-3.1-8b", "fp8", "L4"), recorded(*CODE)
    late = [
        float(speed_at(one.served(facts, *lengths.means, lengths=said), 1.0, 60.0).ttft_p95_s)
        for said in (lengths, None)
    ]
    assert late[0] > 1.7 * late[1]


def test_so_many_sequences_find_room_nineteen_times_of_twenty(facts, configuration):
    one, lengths = configuration("llama-3.1-8b", "bf16", "A100-80GB"), recorded(*DOCUMENTS)
    served, memory = one.served(facts, *lengths.means, lengths=lengths), one.memory()
    room = int(sequences(served, memory, one.max_sequences))
    stay = residence(served, room) * lengths.shares
    which = np.random.default_rng(3).choice(lengths.shares.size, (4000, room), p=stay / stay.sum())
    inputs, outputs = lengths.tokens(*lengths.means)
    held = memory.sequence(inputs + served.reached.growth * outputs)[which].sum(axis=1)
    assert np.mean(held <= memory.sure) == pytest.approx(0.95, abs=0.03)
    mean_alone = sequences(served._replace(lengths=None), memory, one.max_sequences)
    assert room < 0.8 * mean_alone


def test_requests_of_one_length_are_served_like_their_mean(facts, configuration):
    one = configuration("llama-3.1-8b", "fp8", "L4")
    alike = recorded(np.full(300, 1200.0), np.full(300, 200.0))
    served = one.served(facts, 1200.0, 200.0, lengths=alike)
    usual, memory = one.served(facts, 1200.0, 200.0), one.memory()
    assert sequences(served, memory, 256) == sequences(usual, memory, 256)
    assert served.context == pytest.approx(usual.context)
    assert float(time_per_token(served, 60.0)) == pytest.approx(float(time_per_token(usual, 60.0)), rel=0.02)


def test_a_longer_tail_is_never_served_by_less(facts, configuration):
    one = configuration("llama-3.1-8b", "bf16", "A100-80GB")
    promise = TokenPromise(ttft_s=4.0)
    rates, rooms = [], []
    for p99 in (4_000.0, 12_000.0, 40_000.0):
        spread = of_quantiles((1000.0, 3000.0, p99), (200.0, 500.0, 900.0))
        does = carried(one.served(facts, 1500.0, 250.0, lengths=spread), one.memory(), 256.0, promise)
        rates.append(float(does.rate))
        rooms.append(float(does.room))
    assert rates == sorted(rates, reverse=True)
    assert rooms == sorted(rooms, reverse=True)


AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9,4000,10\n2023-11-16 18:17:04.0,2000,30\n"
)
MOONCAKE = [
    {"timestamp": 0, "input_length": 1100, "output_length": 500, "hash_ids": [0, 1, 2]},
    {"timestamp": 9, "input_length": 1300, "output_length": 100, "hash_ids": [0, 1, 7]},
    {"timestamp": 9, "input_length": 600, "output_length": 0, "hash_ids": [9, 7]},
]


def written(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_published_traces_are_read_as_they_are(tmp_path):
    azure = read_lengths(written(tmp_path / "azure.csv", AZURE))
    assert (azure.means, azure.requests, azure.reusable) == ((3000, 20), 2, None)
    lines = "\n".join(map(json.dumps, MOONCAKE)) + "\n"
    for name in ("mooncake.jsonl", "mooncake.jsonl.gz"):
        found = read_lengths(written(tmp_path / name, lines))
        assert (*found.means, found.requests) == pytest.approx((1000, 200, 3))
        # Two of the second request's three blocks came before; the last of the third in another place.
        assert found.reusable == pytest.approx(1024 / 3000)
    renamed = "Timestamp;Model;Request tokens;Response tokens\n1;m;4000;10\n2;m;2000;30\n"
    assert read_lengths(written(tmp_path / "burst.csv", renamed)).means == azure.means


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"x.csv: not a readable CSV file \(it is empty\)"),
        ("ContextTokens,GeneratedTokens\n", "holds no request"),
        ("ContextTokens,Generated\n1,1\n", "no column of output tokens"),
        ("ContextTokens,GeneratedTokens\n10,5\n-3,5\n", r"x.csv:3: expected input tokens.*got '-3'"),
        ("ContextTokens,GeneratedTokens\n10,5\n\n10,many\n", r"x.csv:4: expected output tokens.*got 'many'"),
        ("ContextTokens,GeneratedTokens\n10,inf\n", r"x.csv:2: expected output tokens"),
        ("ContextTokens,GeneratedTokens\n0,5\n", r"x.csv:2: expected input tokens, a number from 1"),
        ("ContextTokens,GeneratedTokens\n10,0\n20,0\n", "no request has output tokens"),
        ("ContextTokens,GeneratedTokens\n10\n", "x.csv:2: the row has 1 cells"),
        ('{"input_length": 5, "output_length": 1}\n[1]\n', "x.csv:2: the line is not a JSON object"),
        ('{"input_length": 5, "output_length": 1}\n{"input_length": 5}\n', "x.csv:2: expected output tokens"),
    ],
)
def test_what_is_no_record_of_lengths_is_refused_with_its_line(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        read_lengths(written(tmp_path / "x.csv", text))


def test_a_file_that_changes_is_read_again(tmp_path):
    path = written(tmp_path / "azure.csv", AZURE)
    before = read_lengths(path).requests
    written(path, AZURE + "2023-11-16 18:17:05.0,2000,30\n")
    assert (before, read_lengths(path).requests) == (2, 3)

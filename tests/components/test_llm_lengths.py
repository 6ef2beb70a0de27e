"""Plans that say how long requests are as a distribution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import SHIPPED

from capplan.errors import InputError
from capplan.estimate import Estimate, estimate
from capplan.manifests.llm import _options
from capplan.plan.bind import Scenarios
from capplan.plan.read import parse_plan

PLAN = """
name: docs
regions: {gcp: us-central1}
demand: {requests_per_second: 12, profile: flat}
llm:
  chat:
    model: llama-3.1-8b
    precision: fp8
    gpu: L4
    machine: g2-standard-8
    tensor_parallel: 1
    slo: {ttft: 8s}
"""
MEANS = ("input_tokens=1500", "output_tokens=200")
QUANTILES = ("input_lengths={p50: 900, p90: 3k, p99: 9k}", "output_lengths={p50: 150, p90: 400, p99: 900}")


def estimated(*chat: str, directory: Path = Path(), scenarios: Scenarios | None = None) -> Estimate:
    sets = [f"llm.chat.{each}" for each in chat]
    return estimate(parse_plan(PLAN, "plan.yaml", directory, sets), SHIPPED, scenarios)


def codes(result: Estimate) -> list[str]:
    return [finding.code for finding in result.findings if finding.code.startswith("llm-l")]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Sixty requests like the first, two long ones, and one that no context of 131,072 tokens holds."""
    rows = [(1000 + 10 * k, 150) for k in range(197)] + [(9000, 800), (12_000, 900), (140_000, 20)]
    lines = [f"{k},{inputs},{outputs}" for k, (inputs, outputs) in enumerate(rows)]
    (tmp_path / "own.csv").write_text("timestamp,input_length,output_length\n" + "\n".join(lines))
    return tmp_path


def test_means_are_those_of_the_lengths_where_the_plan_says_none(trace):
    recorded = estimated("lengths=own.csv", directory=trace)
    said = recorded.plan.llm["chat"]
    assert (said.input_tokens, said.output_tokens) == pytest.approx((2755.3, 156.35), rel=1e-3)
    assert recorded.file.plan.llm["chat"].input_tokens is None
    quantiles = estimated(*QUANTILES).plan.llm["chat"]
    assert quantiles.input_tokens == pytest.approx(1430, rel=0.05)


def test_a_spread_takes_more_replicas_than_the_mean_and_says_where_its_figures_come_from():
    result = estimated(*QUANTILES)
    spread, told = result.components[0], result.plan.llm["chat"]
    means = estimated(f"input_tokens={told.input_tokens}", f"output_tokens={told.output_tokens}").components[
        0
    ]
    assert spread.sizing is not None
    assert means.sizing is not None
    assert spread.sizing.peak > means.sizing.peak
    late, usual = ({m.name: float(m.needs[0, 0]) for m in each.measures} for each in (spread, means))
    assert late["ttft p95"] > 1.5 * usual["ttft p95"]
    paths = [each.sizing.limits[0].inputs["input_tokens"].path for each in (spread, means)]
    assert paths == ["llm.chat.input_lengths", "llm.chat.input_tokens"]
    longest = next(measure for measure in spread.measures if measure.name == "request p99")
    assert 7_000 < float(longest.needs[0, 0]) < 12_000


def test_scenarios_of_means_and_of_quantiles_are_computed_together():
    swept = {("llm", "chat", "input_tokens"): np.array([1000.0, 2000.0])}
    result = estimated(*MEANS, *QUANTILES, scenarios=Scenarios(2, swept))
    alone = [estimated(*MEANS, *QUANTILES, f"input_tokens={mean}") for mean in (1000, 2000)]
    for index, one in enumerate(alone):
        for name in ("peak", "running"):
            both = getattr(result.components[0].sizing, name)
            assert both[index] == pytest.approx(getattr(one.components[0].sizing, name)[0])
    swept = {("llm", "chat", "input_lengths", "p99"): np.array([6000.0, 20_000.0])}
    rates = estimated(*QUANTILES, scenarios=Scenarios(2, swept)).components[0].sizing.capacity_rps
    assert rates[0] > rates[1]


def test_what_contradicts_the_lengths_is_said(trace):
    assert codes(
        estimated("lengths=own.csv", "gpu=A100-80GB", "machine=a2-ultragpu-1g", directory=trace)
    ) == ["llm-long-requests"]
    found = estimated(*QUANTILES, "input_tokens=4000")
    assert codes(found) == ["llm-lengths"]
    message = next(each.message for each in found.findings if each.code == "llm-lengths")
    assert "input_tokens is 2.8 times the mean" in message
    assert codes(estimated(*QUANTILES, *MEANS)) == []


def test_more_of_the_input_cannot_come_from_the_cache_than_repeats(tmp_path):
    rows = (f'{{"input_length": 1000, "output_length": 9, "hash_ids": [{k % 2}, {k + 5}]}}' for k in range(8))
    (tmp_path / "own.jsonl").write_text("\n".join(rows))
    for rate, expected in (("30%", []), ("60%", ["llm-lengths"])):
        result = estimated("lengths=own.jsonl", f"prefix_cache_hit_rate={rate}", directory=tmp_path)
        assert codes(result) == expected


def test_lengths_of_which_too_many_do_not_fit_are_refused_with_their_share(tmp_path):
    rows = [(1000, 100)] * 90 + [(150_000, 100)] * 10
    (tmp_path / "own.csv").write_text("input_tokens,output_tokens\n" + "\n".join(f"{i},{o}" for i, o in rows))
    (finding,) = (
        f for f in estimated("lengths=own.csv", directory=tmp_path).findings if f.severity == "error"
    )
    assert finding.code == "llm-context"
    assert finding.message.startswith("10.0% of the requests have more than")
    longest = ("input_lengths={p50: 1k, p90: 9k, p99: 90k}", *MEANS[1:])
    found = [f for f in estimated(*longest, "precision=bf16").findings if f.severity == "error"]
    assert [f.code for f in found] == ["llm-does-not-fit"]
    assert "one request of" in found[0].message


def test_a_server_accepts_the_longest_request_that_was_recorded(trace):
    result = estimated("lengths=own.csv", directory=trace)
    replica, llm = result.components[0].replica, result.plan.llm["chat"]
    # All but the one that is longer than the model's context, and than the cache of an L4.
    held = replica.configuration.longest()
    assert _options("chat", llm, replica)["max_model_len"] == pytest.approx(held, abs=1)
    usual = estimated(*QUANTILES)
    longest = _options("chat", usual.plan.llm["chat"], usual.components[0].replica)["max_model_len"]
    assert 9_000 < longest < 20_000


def test_separate_pools_count_with_lengths():
    pools = ("disaggregated={link_gb_per_s: 5, prefill: {gpu: L4, machine: g2-standard-8}}", "slo={ttft: 8s}")
    spread = estimated(*QUANTILES, *pools)
    told = spread.plan.llm["chat"]
    means = estimated(f"input_tokens={told.input_tokens}", f"output_tokens={told.output_tokens}", *pools)
    for wide, narrow in zip(spread.components, means.components, strict=True):
        assert np.all(wide.sizing.capacity_rps < narrow.sizing.capacity_rps)


@pytest.mark.parametrize(
    ("said", "path", "values"),
    [
        (
            "speculative={method: ngram, tokens: 3, acceptance: 60%}",
            ("speculative", "acceptance"),
            (0.3, 0.8),
        ),
        ("disaggregated={link_gb_per_s: 3}", ("disaggregated", "link_gb_per_s"), (1.0, 9.0)),
    ],
)
def test_what_is_uncertain_of_replicas_goes_with_lengths(said, path, values):
    swept = {("llm", "chat", *path): np.array(values)}
    both = estimated(*QUANTILES, said, scenarios=Scenarios(2, swept)).components
    for index, value in enumerate(values):
        alone = estimated(*QUANTILES, said, f"{'.'.join(path)}={value}").components
        for many, one in zip(both, alone, strict=True):
            assert many.sizing.capacity_rps[index] == pytest.approx(one.sizing.capacity_rps[0])


@pytest.mark.parametrize(
    ("chat", "said"),
    [
        (("input_tokens=100",), "give output_tokens, output_lengths, or lengths"),
        (("output_tokens=100",), "give input_tokens, input_lengths, or lengths"),
        (("lengths=own.csv", QUANTILES[0]), "leave out the quantiles"),
        (("lengths=absent.csv",), "no such file"),
        (("input_lengths={p50: 9, p90: 5, p99: 10}", *MEANS[1:]), "quantiles must rise"),
        (("input_lengths={p50: 9, p90: 10}", *MEANS[1:]), "p99"),
    ],
)
def test_what_cannot_be_lengths_is_refused(chat, said):
    with pytest.raises(InputError, match=said):
        estimated(*chat)

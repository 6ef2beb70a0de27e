"""Speculation that a plan says: counted, refused by its place, and doubted where it does not pay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import SHIPPED

from capplan.components.llm.choice import ranked
from capplan.decide.recommend import recommend
from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.plan.bind import grid
from capplan.plan.read import parse_plan

PLAN = """
name: tutor
regions: {aws: us-east-1}
demand: {requests_per_day: 60k, peak_to_average: 2, entry: {answers: 1}}
llm:
  answers:
    model: llama-3.1-70b
    precision: fp8
    provider: aws
    gpu: H100
    machine: p5.48xlarge
    tensor_parallel: 4
    input_tokens: 900
    output_tokens: 250
    slo: {tpot: 90ms, ttft: 3s}
    speculative: {method: draft, tokens: 4, acceptance: 70%, model: llama-3.2-1b}
"""
BUSY = "demand.requests_per_day=6M"


def run(*sets, values=None, text=PLAN):
    return estimate(parse_plan(text, "plan.yaml", Path(), [*sets]), SHIPPED, values and grid(values))


def answers(result):
    return next(c for c in result.components if c.name == "answers")


def figures(result):
    return {m.name: m.needs for m in answers(result).measures}


def said(field):
    return f"llm.answers.speculative.{field}"


def test_drafts_make_tokens_quicker_and_are_told():
    fast, plain = figures(run()), figures(run(said("tokens=0")))
    assert fast["tpot"][0, 0] < 0.75 * plain["tpot"][0, 0]
    assert float(np.squeeze(fast["tokens/step"])) == pytest.approx((1 - 0.7**5) / 0.3)
    assert "tokens/step" not in plain
    formula = next(m.formula for m in answers(run()).measures if m.name == "tpot")
    assert "drafts" in formula


def test_no_drafts_are_a_plan_without_them():
    without = run(text=PLAN.replace("    speculative:", "    # speculative:"))
    none = run(said("tokens=0"))
    assert [line.cost.expected.tolist() for line in none.lines] == [
        line.cost.expected.tolist() for line in without.lines
    ]
    assert {k: v.tolist() for k, v in figures(none).items()} == {
        k: v.tolist() for k, v in figures(without).items()
    }


def test_what_was_measured_varies_as_other_numbers_do():
    path = ("llm", "answers", "speculative", "acceptance")
    values = [0.1, 0.5, 0.9]
    swept = figures(run(values={path: values}))["tpot"][:, 0]
    alone = [figures(run(said(f"acceptance={value}")))["tpot"][0, 0] for value in values]
    assert swept.tolist() == pytest.approx(alone)
    # Steps of five tokens at most that emit 2.7731 on average have an acceptance of 70 %.
    length = {k: v.tolist() for k, v in figures(run()).items()}
    lengths = PLAN.replace("acceptance: 70%", "acceptance_length: 2.7731")
    measured = {k: v.tolist() for k, v in figures(run(text=lengths)).items()}
    assert measured["tpot"][0] == pytest.approx(length["tpot"][0], rel=1e-4)
    drafted = figures(run(values={("llm", "answers", "speculative", "tokens"): [0.0, 4.0]}))["tpot"][:, 0]
    assert drafted[1] == pytest.approx(figures(run())["tpot"][0, 0])


def test_drafts_that_do_not_pay_are_doubted_and_the_remedy_holds():
    def doubts(*sets):
        return [f for f in run(*sets).findings if f.code == "llm-speculation"]

    assert not doubts()
    large = (BUSY, said("model=llama-3.1-8b"))
    [found] = doubts(*large)
    assert "without them" in found.message
    assert found.remedy == "Set llm.answers.speculative.tokens to 0."
    assert not doubts(*large, said("tokens=0"))
    [many] = doubts(said("tokens=40"), said("acceptance=45%"))
    fewer = many.remedy.removeprefix("Set ").rstrip(".").replace(" to ", "=")
    assert not fewer.endswith("=0")
    assert not doubts(said("tokens=40"), said("acceptance=45%"), fewer)


def test_a_ranking_tells_the_time_without_drafts():
    plan = PLAN.replace("acceptance: 70%", "acceptance: 5%")
    options = ranked(run(text=plan).context)["answers"]
    times = [(option.tpot_s, option.plain_tpot_s) for option in options if option.feasible]
    assert times
    assert all(plain is not None and plain < drafted for drafted, plain in times)
    assert all(o.plain_tpot_s is None for o in ranked(run(said("tokens=0")).context)["answers"])


def test_disaggregated_replicas_that_make_tokens_are_judged_too():
    apart = "llm.answers.disaggregated={link_gb_per_s: 40}"
    made = {f.code for f in run(apart, BUSY, said("acceptance=5%")).findings}
    assert "llm-speculation" in made
    assert "llm-speculation" not in {f.code for f in run(apart).findings}
    fast, plain = figures(run(apart)), figures(run(apart, said("tokens=0")))
    assert fast["tpot"][0, 0] < 0.75 * plain["tpot"][0, 0]


def test_stages_of_layers_are_refused():
    result = run("llm.answers.pipeline_parallel=2", said("acceptance=50%"))
    [found] = [f for f in result.findings if f.severity == "error"]
    assert "do not speculate over stages" in found.message


def test_drafting_nothing_is_recommended_where_that_saves_money():
    file = parse_plan(PLAN, "plan.yaml", Path(), [BUSY, said("model=llama-3.1-8b")])
    hints = recommend(file, SHIPPED).hints
    assert [hint.change.text for hint in hints if hint.change.kind == "speculation"] == ["draft nothing"]


HEAD = "llm.answers.speculative={method: eagle, tokens: 2, acceptance: 70%, model: some/head}"


@pytest.mark.parametrize(
    ("sets", "where", "what"),
    [
        ([said("method=mtp"), said("model=null")], "speculative.method", "no layers that predict further"),
        ([said("model=qwen3-0.6b")], "speculative.model", "a vocabulary of 151,936 tokens"),
        ([said("model=lama-3.2-1b")], "speculative.model", "unknown model"),
        ([said("acceptance=null")], "speculative", "give acceptance or acceptance_length"),
        ([said("acceptance_length=2")], "speculative", "give acceptance or acceptance_length"),
        (
            [said("acceptance=null"), said("acceptance_length=7")],
            "speculative",
            "must lie between 1 and 5",
        ),
        ([said("acceptance=120%")], "speculative.acceptance", "between 0% and 100%"),
        ([said("tokens=-1")], "speculative.tokens", "-1"),
        ([said("tokens=1.5")], "speculative.tokens", "1.5"),
        ([said("method=ngram")], "speculative", "ngram drafts without a model"),
        ([said("model=null")], "speculative", "draft needs a model"),
        ([said("model='a b'")], "speculative.model", "model's name"),
        (["llm.answers.engine=ollama"], "speculative.method", "ollama does not speculate with draft"),
        (["llm.answers.engine_version=0.11.0"], "speculative.method", "0.11.0 does not .*: since 0.15.0"),
        (["llm.answers.engine=tensorrt-llm", HEAD], "speculative", "does not speculate with eagle"),
        ([HEAD, "llm.answers.model=qwen3-235b-a22b"], "speculative", "the sizes of some/head are unknown"),
        (
            ["llm.answers.workload={vllm: {model: a/b, speculative_config: '{}'}}"],
            "llm.answers",
            "not in workload.vllm",
        ),
    ],
)
def test_what_cannot_be_drafted_is_refused_at_its_place(sets, where, what):
    with pytest.raises(InputError, match=what) as refused:
        run(*sets)
    assert where in str(refused.value)

"""Models of a plan that one machine does not hold: sized, paid by the machine, and refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import SHIPPED

from capplan.ask.reports import ranking_report
from capplan.components.llm.choice import ranked
from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.plan.bind import grid
from capplan.plan.read import parse_plan

PLAN = """
name: law
regions: {aws: us-east-1}
demand: {requests_per_month: 2_000_000, peak_to_average: 2}
llm:
  judge:
    model: llama-3.1-405b
    precision: bf16
    provider: aws
    gpu: H100-80GB
    machine: p5.48xlarge
    tensor_parallel: 8
    pipeline_parallel: 2
    input_tokens: 1500
    output_tokens: 250
    replicas: {min: 1}
"""


def run(*sets):
    return estimate(parse_plan(PLAN, "law.yaml", Path(), [f"llm.judge.{each}" for each in sets]), SHIPPED)


def judge(result):
    return next(c for c in result.components if c.name == "judge")


def hours(result, sku):
    [line] = [each for each in result.lines if each.sku == sku]
    return float(line.meter.quantity.expected.item())


def test_stages_lie_on_machines_with_whole_gpus(capplan):
    # AWS sells machines with a part of an L4, whose GPUs it counts as 0.
    look = ("llm", "--model", "llama-3.1-8b", "--gpu", "L4", "--precision", "fp8", "--tp", "1", "--pp", "2")
    ran = capplan(*look, "--format", "json")
    assert ran.exit_code == 0, ran.stderr
    [one] = json.loads(ran.stdout)["configurations"]
    assert one["machine"].startswith("g2-standard-24 in ")


def test_a_machine_with_a_part_of_a_gpu_is_refused_in_words():
    with pytest.raises(InputError, match=r"only a part of a GPU.*more GPUs"):
        run("model=llama-3.1-8b", "gpu=L4", "machine=g6f.xlarge", "tensor_parallel=1")


def test_a_replica_is_paid_as_the_machines_that_it_takes():
    result = run()
    component = judge(result)
    assert component.replica.per_machine == 0.5
    replicas = float(component.sizing.running.mean())
    # A new replica orders both machines before it serves: somewhat more than twice the replicas.
    assert 2 * 730 * replicas <= hours(result, "p5.48xlarge") < 2.1 * 730 * replicas
    # Each pod downloads all of the checkpoint.
    volumes = sum(
        float(line.meter.quantity.expected.item())
        for line in result.lines
        if "volumes of pods" in line.meter.note
    )
    assert volumes == pytest.approx(2 * replicas * component.replica.cache_gib, rel=1e-6)
    assert component.replica.cache_gib > 811 / 1.074


def test_a_spare_is_a_whole_replica():
    more = float((judge(run("redundancy={spare: 1}")).sizing.running - judge(run()).sizing.running).min())
    assert more == 1
    assert hours(run("redundancy={spare: 1}"), "p5.48xlarge") - hours(run(), "p5.48xlarge") == pytest.approx(
        1460
    )


def test_stages_within_a_machine_take_one():
    component = judge(run("model=llama-3.1-70b", "tensor_parallel=2"))
    assert component.replica.per_machine == 2
    assert component.replica.configuration.machines == 1


REFUSED = [
    (("pipeline_parallel=127",), "126 layers make no 127 stages"),
    (("data_parallel=2",), "data_parallel needs experts: use replicas instead"),
    (("tensor_parallel=4", "pipeline_parallel=3"), "12 GPUs in groups of 4 do not fill machines with 8"),
    (("pipeline_parallel=1",), "or bf16 on 16 × H100-80GB (TP 8, PP 2)"),
]


@pytest.mark.parametrize(("sets", "why"), REFUSED)
def test_what_cannot_be_is_an_error_in_words(sets, why):
    assert any(why in f"{f.message} {f.remedy}" for f in run(*sets).findings if f.severity == "error")


def test_a_network_that_nobody_knows_has_to_be_said():
    sold = ("provider=gpu-cloud", "region=lambda", "machine=lambda-h100-8x")
    [error] = [f for f in run(*sold).findings if f.severity == "error"]
    assert "give network_gbit_per_s" in error.message
    said = judge(run(*sold, "network_gbit_per_s=400"))
    assert said.replica.configuration.spread.network == 50e9


@pytest.mark.parametrize("field", ["pipeline_parallel", "data_parallel", "network_gbit_per_s"])
def test_how_a_replica_is_spread_is_the_same_in_all_scenarios(field):
    file = parse_plan(PLAN, "law.yaml", Path())
    with pytest.raises(InputError, match=f"{field}: must be the same number in all scenarios"):
        estimate(file, SHIPPED, grid({("llm", "judge", field): [1.0, 2.0]}))


def test_auto_takes_stages_that_the_plan_asks_for():
    component = judge(run("tensor_parallel=auto", "machine=auto"))
    chosen = component.replica.configuration
    assert (chosen.spread.pipeline, chosen.machines) == (2, 2)


def test_auto_says_what_stages_would_do():
    sets = ("pipeline_parallel=1", "tensor_parallel=auto", "gpu=H100-80GB")
    with pytest.raises(InputError, match=r"with pipeline_parallel: \d, bf16 on 16 × H100-80GB \(.*\) would"):
        run(*sets)


def test_the_ranking_shows_several_machines_where_one_holds_too_little():
    large = ("model=kimi-k2", "precision=bf16", "pipeline_parallel=1", "gpu=H200", "region=us-west-2")
    result = run(*large)
    able = [option for option in ranked(result.context)["judge"] if option.feasible]
    assert able
    spread = [option for option in able if option.configuration.machines > 1]
    single = [option for option in able if option.configuration.machines == 1]
    assert not (spread and single), "stages are for what one machine cannot hold"
    document = ranking_report(result, False, False).document()
    assert document["components"]["judge"]["replicas_peak"] is None

"""Models that a plan serves itself: cold starts, speeds, the autoscaler of their manifests, their bill."""

import numpy as np
import pytest
from helpers import SHIPPED, monthly, plan_of

from capplan.autoscale.loop import FIXED, HPA, KEDA, RHO_STEPS
from capplan.autoscale.settings import Settings
from capplan.autoscale.signals import ON_AVERAGE, ON_PODS, RUNNING
from capplan.autoscale.simulation import prepare, run
from capplan.estimate import estimate

PLAN = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_second: 1, profile: office-hours}
    services:
      chat: {platform: cloud-run, service_time: 1s, calls: {assistant: 4}}
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
        replicas: {min: 2, max: 20}
        cold_start: {node: 100s, image: 40s, weights_gb_per_s: 0.25}
"""


def model_of(*sets, **settings):
    return prepare(plan_of(PLAN, *sets), SHIPPED, Settings(**{"days": 1.0, **settings})).subjects[1]


def test_a_replica_waits_for_its_node_its_image_and_its_weights():
    """8.03 billion parameters of a byte each at 0.25 GB/s: some 32 s."""
    fleet = model_of().simulated.fleet
    assert fleet.node_start_s == 100
    assert fleet.startup_s - 40 == pytest.approx(8.03 / 0.25, rel=0.15)
    assert model_of(startup_s=7.0, node_start_s=9.0).simulated.fleet[:3] == (7.0, 1, 9.0)


def test_it_goes_by_running_requests():
    scaler = model_of().simulated.scaler
    assert (scaler.kind, scaler.low, scaler.high) == (HPA, 2, 20)
    assert (scaler.metrics.measures[0], scaler.metrics.asked[0]) == (RUNNING, ON_PODS)
    keda = model_of("llm.assistant.workload.autoscaler.kind=keda").simulated.scaler
    assert (keda.kind, keda.metrics.asked[0]) == (KEDA, ON_AVERAGE)
    assert model_of("llm.assistant.replicas=3").simulated.scaler.kind == FIXED


def test_the_more_it_does_the_slower_it_is():
    subject = model_of()
    use, service = subject.simulated.use, subject.simulated
    assert np.all(np.diff(use.running) > 0)
    assert np.all(np.diff(service.p95_s) >= 0)
    assert np.all(np.diff(service.slack_s) <= 0)
    assert subject.slo == "ttft 3000 ms, tpot 100 ms"
    at_target = subject.target_rps / service.traffic.rate_rps
    assert service.slack_s[int(at_target * RHO_STEPS)] > 0
    assert service.slack_s[-1] < 0


def test_caches_and_the_api_take_their_part():
    whole = model_of().rps
    api = "llm.assistant.api={model: gpt-4o-mini, usd_per_1m_input_tokens: 1, usd_per_1m_output_tokens: 1}"
    half = model_of("llm.assistant.local_share=50%", "llm.assistant.semantic_cache_hit_rate=20%", api).rps
    assert half == pytest.approx(0.4 * whole)
    both = ("llm.assistant.local_share=0%", "llm.assistant.replicas.min=0", api)
    assert len(prepare(plan_of(PLAN, *both), SHIPPED, Settings(days=0.1)).subjects) == 1


def test_a_cold_start_is_felt():
    late = [
        run(prepare(plan_of(PLAN, "demand.requests_per_second=8"), SHIPPED, Settings(days=1.0, startup_s=s)))
        .outcomes[1]
        .figures.late_share
        for s in (0.0, 900.0)
    ]
    assert late[0] < late[1]


def test_replicas_that_never_change_cost_what_the_estimate_says():
    sets = ("llm.assistant.replicas=3", "demand.profile=flat", "services.chat.instances=1")
    result = run(prepare(plan_of(PLAN, *sets), SHIPPED, Settings(days=1.0)))
    expected = monthly(estimate(plan_of(PLAN, *sets), SHIPPED))
    assert result.costs.simulated.by_component["assistant"] > 1000
    assert result.costs.simulated.total == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("options", [["--right-size"], ["--exact"], ["--format", "csv"]])
def test_every_output_knows_what_it_can_say_of_them(capplan, root, options):
    done = capplan("simulate", root / "examples" / "llm-serving", "--days", "0.05", *options)
    assert done.exit_code == 0, done.stderr
    said = "assistant" in done.stdout
    assert said == (options != ["--right-size"])


def test_they_are_not_tuned(capplan, root):
    done = capplan(
        "simulate", root / "examples" / "llm-serving", "--days", "0.05", "--tune", "--service", "assistant"
    )
    assert done.exit_code == 2
    assert "'assistant' is not a service with an autoscaler and an SLO" in done.stderr

"""From a plan to a simulation, and to its cost."""

import math

import numpy as np
import pytest
from helpers import SHIPPED, monthly, plan_of

from capplan.autoscale.arrivals import arrivals, rates
from capplan.autoscale.loop import FIXED, KEDA, RHO_STEPS, TRACKING, WINDOW
from capplan.autoscale.settings import Settings
from capplan.autoscale.signals import REQUESTS
from capplan.autoscale.simulation import prepare, run
from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.plan.demand import Trace
from capplan.plan.read import read_plan
from capplan.report.simulation import simulation_document

PODS = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_second: 20, profile: office-hours}
    services:
      api:
        platform: kubernetes
        cpu: 1
        memory: 1Gi
        service_time: 100ms
        concurrency: 10
        instances: {min: 2, max: 10}
        slo: {p95: 1s}
        workload:
          startup: 40s
          autoscaler:
            kind: keda
            triggers: {requests: {threshold: 7, activation: 2}, cpu: 70}
            behavior: {down: {window: 10m, percent: 10, pods: 2}}
    clusters:
      main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 10}}}}
"""


def simulated(text=PODS, *sets, **settings):
    return run(prepare(plan_of(text, *sets), SHIPPED, Settings(**{"days": 1.0, **settings})))


def test_the_plan_configures_the_autoscaler():
    subject = prepare(plan_of(PODS), SHIPPED, Settings()).subjects[0]
    scaler = subject.simulated.scaler
    assert (scaler.kind, scaler.low, scaler.high) == (KEDA, 2, 10)
    assert list(scaler.metrics.targets) == [7000, 70]
    assert list(scaler.metrics.activations) == [2.0, 0.0]
    assert scaler.hpa.has_behavior
    assert list(scaler.hpa.down.amounts) == [10, 2]
    assert scaler.hpa.down.window_s == 600
    assert subject.simulated.fleet.startup_s == 40
    assert subject.simulated.fleet.per_node == 3
    assert subject.simulated.traffic.rate_rps == pytest.approx(10)
    assert len(subject.simulated.p95_s) == 10 * RHO_STEPS


@pytest.mark.parametrize(
    ("platform", "kind"),
    [
        ("platform: cloud-run, cpu: 1, memory: 1Gi, service_time: 100ms", WINDOW),
        ("platform: container-apps, cpu: 1, memory: 2Gi, service_time: 100ms", KEDA),
        ("platform: fargate, cpu: 1, memory: 2Gi, service_time: 100ms", TRACKING),
        ("platform: vm-group, provider: aws, machine: m5.large, throughput: 10/s", TRACKING),
        ("platform: vm-group, provider: gcp, machine: e2-standard-2, throughput: 10/s", WINDOW),
        ("platform: vm-group, provider: aws, machine: m5.large, throughput: 10/s, instances: 5", FIXED),
    ],
)
def test_every_platform_brings_its_own(platform, kind):
    text = f"""
        name: t
        regions: {{gcp: us-central1, aws: us-east-1, azure: eastus}}
        demand: {{requests_per_second: 20}}
        services: {{api: {{{platform}}}}}
    """
    found = prepare(plan_of(text), SHIPPED, Settings(days=0.1))
    assert found.subjects[0].simulated.scaler.kind == kind
    assert run(found).costs.simulated.total > 0


def test_more_instances_cost_what_the_estimate_says_they_cost():
    """A fixed number runs all month, in the simulation as in the estimate."""
    text = """
        name: t
        regions: {aws: us-east-1}
        demand: {requests_per_second: 20, profile: flat}
        services:
          api: {platform: vm-group, provider: aws, machine: m5.large, throughput: 10/s, instances: 4}
    """
    result = simulated(text)
    expected = monthly(estimate(plan_of(text), SHIPPED))
    assert result.costs.simulated.total == pytest.approx(expected)
    assert result.costs.ideal == pytest.approx(expected)


def test_ideal_costs_no_more_than_the_peak_all_the_time():
    costs = simulated().costs
    assert costs.ideal <= costs.at_peak + 1e-9


def test_nodes_hold_the_pods_and_stay_in_the_pool():
    result = simulated()
    nodes = result.costs.simulated.nodes["main/default"]
    kept = result.outcomes[0].series.kept
    assert np.all(nodes * 3 >= np.minimum(kept, 30))
    assert nodes.max() <= 10


def test_what_each_instance_or_node_holds_costs_as_they_ran():
    disk = "resources.{0}={{provider: gcp, service: persistent-disk, sku: pd-ssd, quantity: 100, each: {1}}}"
    result = simulated(PODS, disk.format("a", "api"), disk.format("b", "main/default"))
    costs = result.costs.simulated
    price = 100 * 0.17
    assert costs.by_component["a"] == pytest.approx(price * result.outcomes[0].series.wanted.mean(), rel=1e-3)
    assert costs.by_component["b"] == pytest.approx(price * costs.nodes["main/default"].mean(), rel=1e-3)


def test_the_same_seed_gives_the_same_and_another_another():
    first, same, other = (simulated(seed=seed).outcomes[0].series.arrivals for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_a_slower_start_is_felt():
    late = [simulated(startup_s=s).outcomes[0].figures.late_share for s in (0.0, 600.0)]
    assert late[0] < late[1]


def test_figures_are_consistent():
    found = simulated().outcomes[0].figures
    assert found.instances_min <= found.instances_mean <= found.instances_max
    assert 0 < found.utilization <= 1
    assert found.p95_typical_s <= found.p95_worst_s
    assert found.late_share >= 0


def test_a_trace_brings_its_shape_and_leaves_the_volume(tmp_path):
    from capplan.plan.demand import Trace

    file = tmp_path / "t.csv"
    file.write_text(
        "time,n\n" + "".join(f"2026-01-01T00:{m:02d}:00Z,{1 + 9 * (m == 30)}\n" for m in range(60))
    )
    trace = Trace(file=str(file), time="time", value="n", unit="requests")
    found = prepare(plan_of(PODS), SHIPPED, Settings(), trace)
    assert found.seconds == 3600
    rps = found.subjects[0].rps
    assert rps.mean() == pytest.approx(20)
    assert rps.max() / rps.min() == pytest.approx(10)


def test_times_that_are_no_dates_are_refused(tmp_path):
    from capplan.plan.demand import Trace

    file = tmp_path / "t.csv"
    file.write_text("minute,n\n0,1\n1,2\n2,3\n")
    trace = Trace(file=str(file), time="minute", value="n", unit="requests")
    with pytest.raises(InputError, match="is no time since 1970"):
        prepare(plan_of(PODS), SHIPPED, Settings(), trace)


def test_a_plan_that_says_nothing_cannot_be_simulated():
    text = """
        name: t
        regions: {aws: us-east-1}
        demand: {requests_per_second: 20}
        services: {api: {platform: fargate}}
    """
    with pytest.raises(InputError, match="no service"):
        prepare(plan_of(text), SHIPPED, Settings())


def test_a_profile_is_smooth_and_a_trace_keeps_its_steps():
    hours = np.array([1.0, 3.0])
    smooth = rates(hours, 3600.0, 600.0, 7200.0, smooth=True)
    assert smooth.mean() == pytest.approx(2.0)
    assert np.abs(np.diff(smooth)).max() <= 2 * 600 / 3600 + 1e-12
    assert rates(hours, 3600.0, 600.0, 7200.0, smooth=False).tolist() == [1.0] * 6 + [3.0] * 6


def test_random_arrivals_have_the_mean_and_the_variance_of_poisson():
    found = arrivals(np.full(20_000, 2.0), 15.0, 1, "api", random=True)
    assert found.mean() == pytest.approx(30.0, rel=0.01)
    assert found.var() == pytest.approx(30.0, rel=0.05)
    assert arrivals(np.array([2.0]), 15.0, 1, "api", random=False).tolist() == [30.0]


def test_messages_wait_for_as_long_as_it_takes():
    text = PODS.replace("concurrency: 10", "concurrency: 10\n        queue: {backlog: 50, drain_time: 5m}")
    subject = prepare(plan_of(text), SHIPPED, Settings(days=1.0)).subjects[0]
    assert math.isinf(subject.simulated.traffic.timeout_s)
    assert subject.slo == "drain 300 s"
    assert subject.backlog == 50


def test_pods_that_fit_no_node_are_told_with_file_and_line():
    with pytest.raises(
        InputError, match=r"yaml:\d+:\d+ with --set \S+: services.api: its pods fit no node of main"
    ):
        prepare(plan_of(PODS, "services.api.cpu=8"), SHIPPED, Settings())


def test_pods_with_gpus_grow_before_they_are_full():
    """They never work on more than all they take at once, so a target of all would keep one for ever."""
    text = """
        name: t
        regions: {gcp: us-central1}
        demand: {requests_per_second: 20}
        services:
          llm:
            {platform: kubernetes, cpu: 1, memory: 1Gi, gpu: 1, service_time: 1s, cpu_time: 50ms,
             concurrency: 8, instances: {min: 1, max: 10}, workload: {vllm: {model: m}}}
        clusters:
          main: {platform: gke, pools: {default: {machine: g2-standard-4, nodes: {min: 1, max: 10}}}}
    """
    scaler = prepare(plan_of(text), SHIPPED, Settings()).subjects[0].simulated.scaler
    assert list(scaler.metrics.targets) == [5600]
    less = prepare(plan_of(text, "services.llm.target_utilization.concurrency=50%"), SHIPPED, Settings())
    assert list(less.subjects[0].simulated.scaler.metrics.targets) == [4000]
    outcome = simulated(text, days=0.1).outcomes[0]
    assert outcome.series.wanted.max() > 2
    assert outcome.series.shed.sum() == 0
    # Other engines do not tell how many they work on: their manifests ask for requests a second.
    other = prepare(plan_of(text.replace(", workload: {vllm: {model: m}}", "")), SHIPPED, Settings())
    [subject] = other.subjects
    assert list(subject.simulated.scaler.metrics.measures) == [REQUESTS]
    assert list(subject.simulated.scaler.metrics.targets) == [round(1000 * subject.target_rps)]


@pytest.mark.parametrize(
    "platform",
    ["platform: kubernetes, workload: {autoscaler: {kind: knative}}", "platform: container-apps"],
)
def test_requests_that_share_cores_are_in_progress_longer_the_fuller_these_are(platform):
    """A steady load ends where instances have 7 of 10 in progress: 0.08·r + ρ/(1 − ρ) = 7 at ρ = r/50 = 0.79.

    So 300 requests/s run on 8 instances. Without the queue in the instance there is nothing between 6 in
    progress at full load and as many as wait, and the autoscaler swings between its bounds.
    """
    text = f"""
        name: t
        regions: {{gcp: us-central1, azure: eastus}}
        demand: {{requests_per_second: 300, profile: flat}}
        services:
          api:
            {{{platform}, cpu: 1, memory: 2Gi, cpu_time: 20ms, service_time: 100ms, concurrency: 10,
             target_utilization: {{concurrency: 70%}}, instances: {{min: 2, max: 40}}, slo: {{p95: 1s}}}}
        clusters:
          main: {{platform: gke, pools: {{default: {{machine: e2-standard-4, nodes: {{min: 1, max: 40}}}}}}}}
    """
    if "kubernetes" not in platform:
        text = text[: text.index("        clusters")]
    outcome = simulated(text, days=0.2, tick_s=2.0).outcomes[0]
    later = outcome.series.wanted[len(outcome.series.wanted) // 2 :]
    assert 7 <= later.min() <= later.max() <= 10
    assert outcome.series.late[-len(later) :].sum() == 0


def test_messages_that_wait_for_the_first_instance_are_not_late_before_their_drain_time(tmp_path):
    """From zero: 10 messages/s for 10 minutes. The first is served 165 s later, all within 300 s."""
    rows = [f"2026-01-01T00:{minute:02}:00Z,{600 * (10 <= minute < 20)}" for minute in range(60)]
    (tmp_path / "burst.csv").write_text("timestamp,requests\n" + "\n".join(rows) + "\n")
    text = f"""
        name: t
        regions: {{gcp: us-central1}}
        demand: {{requests_per_second: 1.6666667, trace: {{file: {tmp_path / "burst.csv"}}}}}
        services:
          worker:
            platform: kubernetes
            cpu: 1
            memory: 1Gi
            service_time: 1s
            concurrency: 1
            instances: {{min: 0, max: 40}}
            queue: {{drain_time: 5m, target_length: 10}}
            workload: {{startup: 30s, autoscaler: {{kind: keda, triggers: {{queue: 10}}}}}}
        clusters:
          main: {{platform: gke, pools: {{default: {{machine: e2-standard-4, nodes: {{min: 1, max: 40}}}}}}}}
    """
    series = simulated(text, days=1 / 24, random=False).outcomes[0].series
    came, gone = np.cumsum(series.arrivals), np.cumsum(series.served)
    assert gone[-1] == pytest.approx(came[-1])
    waits_s = 15.0 * (
        np.searchsorted(gone, came[series.arrivals > 0] - 1e-6) - np.flatnonzero(series.arrivals)
    )
    assert 165 <= waits_s.max() < 300
    assert series.wait_s.max() == pytest.approx(waits_s.max(), abs=15)
    assert series.late.sum() == 0
    assert simulated(text, "services.worker.queue.drain_time=2m", days=1 / 24).outcomes[0].figures.late_s > 0


def test_retries_and_breakers_come_from_the_plan_unless_asked_otherwise():
    sets = ("services.api.retries=3", "services.api.breaker={failures: 40%, open: 20s}")

    def traffic(**settings):
        return prepare(plan_of(PODS, *sets), SHIPPED, Settings(**settings)).subjects[0].simulated.traffic

    planned = traffic()
    assert (planned.retries, planned.breaker, planned.breaker_open_s) == (3, 0.4, 20.0)
    asked = traffic(retries=0, breaker=0.0)
    assert (asked.retries, asked.breaker) == (0, 0.0)


def test_retries_of_the_plan_amplify_what_a_shortage_sheds():
    short = ("demand.requests_per_second=14", "services.api.instances.max=3")
    alone, again = (
        simulated(PODS, *short, f"services.api.retries={retries}").outcomes[0].series for retries in (0, 5)
    )
    assert again.late.sum() > alone.late.sum() > 0


@pytest.mark.parametrize("refused", ["retries=21", "retries=1.5", "breaker={failures: 0%}"])
def test_impossible_retries_and_breakers_are_refused(refused):
    with pytest.raises(InputError):
        plan_of(PODS, f"services.api.{refused}")


BURSTS = """
name: bursts
regions: {gcp: europe-west1}
demand: {requests_per_second: 20, profile: flat}
services:
  shop:
    platform: kubernetes
    cpu: 1
    memory: 1Gi
    service_time: 200ms
    cpu_time: 150ms
    concurrency: 20
    instances: {min: 3, max: 40}
    workload:
      autoscaler:
        behavior:
          up: {window: 2m, pods: 4, period: 1m}
          down: {window: 7m, pods: 3, period: 1m}
clusters:
  main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 30}}}}
"""


def test_the_pace_of_a_count_shows_the_behavior_that_the_plan_asks_for(tmp_path):
    counts = {(hour, minute): 1 for hour in range(6) for minute in range(0, 60, 5)}
    counts.update(dict.fromkeys([*((1, m) for m in range(0, 60, 5)), (3, 10), (3, 15), (3, 30), (3, 35)], 60))
    rows = [f"2025-03-03T{hour:02}:{minute:02}:00Z,{count}" for (hour, minute), count in counts.items()]
    (tmp_path / "bursts.csv").write_text("\n".join(["timestamp,requests", *rows]))
    (tmp_path / "plan.yaml").write_text(BURSTS)
    shape = Trace(file="bursts.csv", time="timestamp", value="requests", unit="requests")
    simulation = run(prepare(read_plan(tmp_path / "plan.yaml"), SHIPPED, Settings(random=False), shape))
    (found,) = simulation.outcomes
    figures, wanted = found.figures, found.series.wanted
    assert (figures.rise.most, figures.fall.most) == (4, 3)
    assert figures.rise.turn_s >= 120
    assert figures.fall.turn_s >= 420
    steps = np.ceil((wanted.max() - wanted.min()) / 4) - 1
    assert figures.climb_s >= 60 * steps
    assert simulation_document(simulation)["services"]["shop"]["rise"]["most_in_a_minute"] == 4


def test_a_count_that_never_turns_has_no_time_to_its_turn():
    document = simulation_document(simulated(BURSTS, days=0.1, random=False))["services"]["shop"]
    still = {"most_in_a_minute": 0.0, "share_in_a_minute": 0.0, "turn_s": None}
    assert (document["rise"], document["fall"], document["climb_s"]) == (still, still, 0.0)

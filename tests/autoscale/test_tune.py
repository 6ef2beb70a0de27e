"""Tuning: what it finds holds, and what it writes is a plan."""

import itertools
import textwrap
from pathlib import Path

import numpy as np
import pytest
from autoscale.test_simulation import PODS
from helpers import SHIPPED, plan_of

from capplan.autoscale.apply import with_tuned
from capplan.autoscale.choice import choices, chosen, overlay
from capplan.autoscale.loop import HPA, KEDA, KNATIVE, TRACKING, WINDOW
from capplan.autoscale.settings import Settings
from capplan.autoscale.simulation import prepare, run
from capplan.autoscale.tune import ALLOWED_LATE, held_out, searches_of, tunable, tune
from capplan.errors import InputError
from capplan.plan.read import parse_plan, read_plan

TWO = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_second: 20, profile: office-hours}
    services:
      api:
        platform: kubernetes
        cpu: 1
        memory: 1Gi
        service_time: 100ms
        instances: {min: 2, max: 30}
        target_utilization: {cpu: 0.4}
        slo: {p95: 2s}
        calls: {worker: 1, fixed: 1}
      worker:
        platform: kubernetes
        cpu: 1
        memory: 1Gi
        service_time: 200ms
        instances: {min: 2, max: 30}
        queue: {drain_time: 5m}
      fixed: {platform: kubernetes, service_time: 10ms, instances: 2}
    clusters:
      main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 40}}}}
"""


def tuning(text, *only, budget=12):
    prepared = prepare(plan_of(text), SHIPPED, Settings(days=1.0))
    return tune(prepared, run(prepared).outcomes, searches_of(prepared, tunable(prepared, only), budget))


@pytest.fixture(scope="module")
def tuned():
    return tuning(PODS).services[0]


@pytest.fixture(scope="module")
def both():
    return tuning(TWO, budget=24)


def test_the_front_holds_only_compromises(tuned):
    front = [candidate for candidate in tuned.front if candidate is not tuned.best]
    for cheaper, dearer in itertools.pairwise(front):
        assert cheaper.instances <= dearer.instances
        assert cheaper.late > dearer.late


def test_the_best_holds_the_slo_also_where_it_was_not_searched(tuned):
    assert tuned.best is not None
    assert max(tuned.best.late, tuned.best.late_elsewhere) <= ALLOWED_LATE
    holding = [candidate.usd_per_month for candidate in tuned.front if candidate.holds]
    assert tuned.best.usd_per_month == min(holding)


SPIKES = """
    name: t
    regions: {aws: us-east-1}
    demand: {requests_per_second: 60, trace: {file: spikes.csv}}
    services:
      api:
        platform: fargate
        cpu: 1
        memory: 2Gi
        service_time: 100ms
        instances: {min: 2, max: 10}
        target_utilization: {cpu: 0.7}
        slo: {p95: 500ms}
"""


@pytest.mark.parametrize("spiky_hours", [{20}, {10, 20}])
def test_what_holds_is_found_where_only_room_that_is_there_before_does(tmp_path, spiky_hours):
    """A spike that the search did not see, or that nothing less than its whole size meets."""
    rows = [
        f"2026-01-01T{h:02}:{m:02}:00Z,{100 if h in spiky_hours and m == 30 else 5}"
        for h in range(24)
        for m in range(60)
    ]
    (tmp_path / "spikes.csv").write_text("timestamp,requests\n" + "\n".join(rows) + "\n")
    file = parse_plan(textwrap.dedent(SPIKES), "plan.yaml", tmp_path)
    prepared = prepare(file, SHIPPED, Settings())
    search = searches_of(prepared, tunable(prepared), 10**6)
    tuned = tune(prepared, run(prepared).outcomes, search).services[0]
    assert not tuned.today.holds
    assert tuned.best is not None
    assert tuned.best in tuned.front
    assert tuned.best.holds
    assert tuned.best.choice.factor == 1.0


@pytest.mark.parametrize("days", [0.01, 0.5, 1, 2.9, 3, 7, 14])
def test_what_is_held_out_is_a_third_or_a_little_less_in_pieces(days):
    ticks = int(days * 86_400 / 15)
    unseen = held_out(ticks, 15.0)
    assert 0.25 <= unseen.mean() <= 0.34
    pieces = np.flatnonzero(np.diff(unseen.astype(int)) == 1)
    assert pieces.size == (3 if days < 3 else days // 3)
    if days >= 3:
        assert set((pieces + 1) * 15 % 86_400) == {0}


def test_two_instances_are_not_given_up_for_one(tuned):
    assert min(candidate.choice.low for candidate in tuned.front) >= 2


@pytest.mark.parametrize("alternatives", ["", "{small: {services: {api: {cpu: 500m}}}}", "block"])
def test_what_it_writes_is_what_it_simulated(tuned, alternatives, tmp_path):
    text = parse_text(alternatives)
    written = with_tuned(text, {"api": tuned.settings}, "plan.yaml", tmp_path)
    again = with_tuned(written, {"api": tuned.settings}, "plan.yaml", tmp_path)
    assert again == written
    assert set(text.splitlines()) - set(written.splitlines()) <= {f"alternatives: {alternatives}"}
    file = parse_plan(written, "plan.yaml", tmp_path, alternative="tuned")
    scaler = prepare(file, SHIPPED, Settings(days=1.0)).subjects[0].simulated.scaler
    choice = tuned.best.choice
    assert (scaler.low, scaler.high) == (choice.low, choice.high)
    assert scaler.metrics.targets[1] == round(70 * choice.factor)


def test_what_is_tuned_of_an_alternative_stays_that_alternative(tuned, tmp_path):
    """Settings of one plan are no settings of another."""
    text = parse_text("{small: {services: {api: {cpu: 500m, slo: null, instances: 3}}}}")
    written = with_tuned(text, {"api": tuned.settings}, "plan.yaml", tmp_path, "small")
    api = parse_plan(written, "plan.yaml", tmp_path, alternative="tuned").plan.services["api"]
    assert float(api.cpu) == 0.5
    assert api.slo.p95 is None
    assert int(api.instances.max) == tuned.best.choice.high
    assert with_tuned(written, {"api": tuned.settings}, "plan.yaml", tmp_path, "tuned") == written


def parse_text(alternatives):
    import textwrap

    text = textwrap.dedent(PODS).lstrip()
    if alternatives == "block":
        return text + "alternatives:\n  # smaller pods\n  small: {services: {api: {cpu: 500m}}}\n"
    return text + (f"alternatives: {alternatives}\n" if alternatives else "")


def test_what_is_no_plan_is_not_written(tmp_path):
    with pytest.raises(InputError, match="unknown"):
        with_tuned(parse_text(""), {"api": {"colour": "red"}}, "plan.yaml", tmp_path)


def test_every_service_is_tuned_and_all_savings_are_one(both):
    """Nodes are shared: what all save together is not the sum of what each saves alone."""
    assert [found.subject.name for found in both.services] == ["api", "worker"]
    assert all(found.best is not None for found in both.services)
    for found in both.services:
        assert found.today.usd_per_month == pytest.approx(both.usd_today)
    written = with_tuned(
        textwrap.dedent(TWO), {t.subject.name: t.settings for t in both.services}, "plan.yaml", Path()
    )
    file = parse_plan(written, "plan.yaml", Path(), alternative="tuned")
    again = run(prepare(file, SHIPPED, Settings(days=1.0)))
    assert again.costs.simulated.total == pytest.approx(both.usd_tuned, rel=0.01)
    assert both.usd_tuned < both.usd_today


def test_limits_of_a_template_do_not_come_back(tmp_path, root):
    file = read_plan(root / "examples" / "amas", (), None, ())
    subject, worker = prepare(file, SHIPPED, Settings(days=0.1)).subjects[1], file.plan.services["worker"]
    choice = next(c for c in choices(subject, worker, 1, 10**6) if c.up is not None and c.down is not None)
    text = (root / "examples" / "amas" / "plan.yaml").read_text()
    written = with_tuned(text, {"worker": overlay(subject, worker, choice)}, "plan.yaml", file.directory)
    again = parse_plan(written, "plan.yaml", file.directory, alternative="tuned")
    found = prepare(again, SHIPPED, Settings(days=0.1)).subjects[1].simulated.scaler.hpa
    assert flat((found.up, found.down)) == flat((choice.up, choice.down))
    assert found.up.amounts[1] >= found.high


def test_what_saves_nothing_changes_nothing():
    """Ten nodes, whatever runs on them."""
    found = tuning(PODS.replace("nodes: {min: 1, max: 10}", "nodes: 10")).services[0]
    assert found.today.holds
    assert found.best is found.today


def test_scaling_to_zero_is_searched_with_other_targets():
    text = PODS.replace("min: 2", "min: 0")
    subject = prepare(plan_of(text), SHIPPED, Settings(days=0.1)).subjects[0]
    _, *others = choices(subject, plan_of(text).plan.services["api"], 1, 10**6)
    assert {choice.low for choice in others} >= {0, 1, 2}


def test_progress_hears_of_every_setting():
    prepared = prepare(plan_of(PODS), SHIPPED, Settings(days=0.1))
    searches, heard = searches_of(prepared, tunable(prepared), budget=5), []
    tune(prepared, run(prepared).outcomes, searches, heard.append)
    assert heard == ["api"] * 6 == ["api"] * len(searches[0].choices)


def test_only_one_service(both):
    alone = tuning(TWO, "worker", budget=24)
    assert [found.subject.name for found in alone.services] == ["worker"]
    assert alone.services[0].best.choice.low == both.services[1].best.choice.low
    assert alone.usd_tuned == pytest.approx(alone.services[0].best.usd_per_month)


@pytest.mark.parametrize("name", ["fixed", "workr", ""])
def test_a_service_that_cannot_be_tuned_is_told(name):
    prepared = prepare(plan_of(TWO), SHIPPED, Settings(days=0.1))
    with pytest.raises(InputError, match=f"'{name}' is not a service with an autoscaler and an SLO"):
        tunable(prepared, [name])


PLATFORMS = {
    "kubernetes": "platform: kubernetes, cpu: 1, memory: 1Gi",
    "keda": "platform: kubernetes, cpu: 1, memory: 1Gi, workload: {autoscaler: {kind: keda, "
    "triggers: {requests: 7, cpu: 60}, fallback: {replicas: 5}}}",
    "behavior": "platform: kubernetes, cpu: 1, memory: 1Gi, workload: {autoscaler: {kind: keda, "
    "triggers: {requests: {threshold: 7, activation: 2}}, "
    "behavior: {up: {window: 30s, percent: 50, pods: 4}, down: {window: 10m, pods: 2}}}}",
    "knative": "platform: kubernetes, cpu: 1, memory: 1Gi, concurrency: 8, "
    "workload: {autoscaler: {kind: knative, knative: {target_utilization: 65%, window: 30s}}}",
    "gpu": "platform: kubernetes, cpu: 1, memory: 1Gi, gpu: 1, concurrency: 4, "
    "target_utilization: {concurrency: 70%}, throughput: 20/s",
    "gpu, as it comes": "platform: kubernetes, cpu: 1, memory: 1Gi, gpu: 1, concurrency: 4, throughput: 20/s",
    "cloud-run": "platform: cloud-run, cpu: 1, memory: 1Gi",
    "container-apps": "platform: container-apps, cpu: 1, memory: 2Gi, target_utilization: {concurrency: 0.6}",
    "fargate": "platform: fargate, cpu: 1, memory: 2Gi",
    "aws": "platform: vm-group, provider: aws, machine: m5.large",
    "gcp": "platform: vm-group, provider: gcp, machine: e2-standard-2",
}


BOUNDS = "instances: {min: 2, max: 40}, slo: {p95: 1s}"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_on_every_platform_what_is_written_is_what_was_simulated(platform, tmp_path):
    machine = "g2-standard-8" if platform.startswith("gpu") else "e2-standard-4"
    text = f"""
        name: t
        regions: {{gcp: us-central1, aws: us-east-1, azure: eastus}}
        demand: {{requests_per_second: 50}}
        services:
          api: {{{PLATFORMS[platform]}, service_time: 100ms, {BOUNDS}}}
        clusters:
          main: {{platform: gke, pools: {{default: {{machine: {machine}, nodes: {{min: 1, max: 40}}}}}}}}
    """
    if "kubernetes" not in PLATFORMS[platform]:
        text = text[: text.index("        clusters")]
    file = plan_of(text)
    subject = prepare(file, SHIPPED, Settings(days=0.1)).subjects[0]
    service = file.plan.services["api"]
    every = choices(subject, service, 1, 10**6)
    assert len(every) > (2 if platform == "cloud-run" else 20)
    for choice in every[:: max(len(every) // 7, 1)]:
        written = with_tuned(
            textwrap.dedent(text), {"api": overlay(subject, service, choice)}, "plan.yaml", tmp_path
        )
        again = parse_plan(written, "plan.yaml", tmp_path, alternative="tuned")
        found = prepare(again, SHIPPED, Settings(days=0.1)).subjects[0].simulated.scaler
        wanted = chosen(subject, choice).scaler
        assert (found.kind, found.low, found.high) == (wanted.kind, wanted.low, wanted.high)
        assert flat(read_of(found)) == pytest.approx(flat(read_of(wanted)), rel=1e-3)


def read_of(scaler):
    """Return what an autoscaler of its kind reads."""
    by_hpa = (scaler.metrics, scaler.hpa)
    return {
        HPA: by_hpa,
        KEDA: (*by_hpa, scaler.keda),
        WINDOW: scaler.window,
        TRACKING: scaler.tracking,
        KNATIVE: scaler.kpa,
    }[scaler.kind]


def flat(value):
    """Return all the numbers of nested tuples and columns."""
    if not hasattr(value, "__len__"):
        return [float(value)]
    return [number for part in value for number in flat(part)]

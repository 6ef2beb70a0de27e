"""Knative's autoscaler: the decisions that its own tests expect, and its laws.

Facts: knative/serving@01f103ef, pkg/autoscaler/scaling/autoscaler_test.go, by the names of the tests there.
"""

import math
import textwrap

import numpy as np
import pytest
from autoscale.worlds import run, service
from helpers import SHIPPED, moderate, plan_of
from hypothesis import given
from hypothesis import strategies as st

from capplan.autoscale.knative import CALM_S, Kpa, after_grace, desired, state
from capplan.autoscale.loop import KNATIVE
from capplan.autoscale.scalers import usual_tick_s
from capplan.autoscale.settings import Settings
from capplan.autoscale.simulation import prepare
from capplan.errors import InputError

SPEC = Kpa(target=10.0, max_up=10.0, max_down=10.0)


def decisions(spec, *looks, start=1):
    """Looks are (seconds, ready, stable, panic)."""
    memory = state(spec, start)
    return [desired(spec, memory, ready, stable, panic, at_s) for at_s, ready, stable, panic in looks]


@pytest.mark.parametrize(
    ("name", "changes", "ready", "stable", "panic", "expected"),
    [
        ("AutoscalerNoDataAtZeroNoAutoscale", {}, 1, 0, 0, 0),
        ("AutoscalerStableModeUnlimitedTBC", {"target": 181}, 1, 21, 26, 1),
        ("AutoscalerStableModeNoChange", {}, 1, 50, 50, 5),
        ("AutoscalerStableModeNoChangeAlreadyScaled", {}, 5, 50, 50, 5),
        ("IncreaseWithSmallScaleUpRate", {"target": 1, "max_up": 1.1}, 2, 3, 3.1, 3),
        ("DecreaseWithSmallScaleDownRate", {"max_down": 1.1}, 100, 1, 1, 90),
        ("AutoscalerPanicModeDoublePodCount", {}, 1, 50, 100, 10),
        ("StableModeIncreaseWithConcurrencyDefault", {}, 1, 50, 10, 5),
        ("AutoscalerStableModeDecrease", {}, 8, 50, 50, 5),
        ("NoTrafficScaleToZero", {}, 1, 1, 0, 1),
        ("UseOnePodAsMinimumIfEndpointsNotFound", {}, 0, 1000, 888, 10),
        ("RateLimitScaleUp", {}, 1, 1000, 1001, 10),
        ("RateLimitScaleUp, later", {}, 10, 1000, 1001, 100),
        ("RateLimitScaleDown", {}, 100, 1, 1, 10),
        ("ActivationScale without requests", {"activation": 2}, 1, 0, 0, 0),
        ("ActivationScale", {"activation": 2}, 1, 1, 0, 2),
    ],
)
def test_one_decision(name, changes, ready, stable, panic, expected):
    assert decisions(SPEC._replace(**changes), (0, ready, stable, panic)) == [expected], name


@pytest.mark.parametrize(("stable", "panic", "expected"), [(50, 30, 50), (20, 30, 30)])
def test_a_panic_takes_the_larger_average(stable, panic, expected):
    memory = state(SPEC, 5, now_s=-5.0)
    assert desired(SPEC._replace(target=1.0), memory, 5, stable, panic, 0.0) == expected


def test_panic_ends_a_window_after_the_threshold_was_last_reached():
    """TestAutoscalerUnpanicAfterSlowIncrease."""
    looks = (0, 10, 11, 25), (30, 40, 30, 41), (62, 55, 50, 56)
    assert decisions(SPEC._replace(target=1.0), *looks) == [25, 41, 50]


def test_panic_goes_on_while_the_surge_does():
    """TestAutoscalerExtendPanicWindow, and a look after the first window."""
    looks = (0, 10, 11, 25), (30, 40, 30, 80), (62, 80, 50, 56)
    assert decisions(SPEC._replace(target=1.0), *looks) == [25, 80, 80]


def test_panic_follows_an_exponential_surge():
    """TestAutoscalerPanicModeExponentialTrackAndStabilize."""
    looks = (0, 1, 6, 6), (0, 6, 36, 36), (1, 36, 216, 216), (1, 216, 1296, 1296), (2, 1296, 1296, 1296)
    assert decisions(SPEC._replace(target=1.0), *looks) == [6, 36, 216, 1296, 1296]


def test_nothing_is_taken_away_in_a_panic():
    """TestAutoscalerPanicThenUnPanicScaleDown."""
    looks = (0, 1, 100, 100), (0, 10, 100, 1000), (30, 10, 1, 1), (61, 10, 1, 1)
    assert decisions(SPEC, *looks) == [10, 100, 100, 1]


def test_a_delay_keeps_the_highest_count():
    """TestAutoscalerScaleDownDelay."""
    spec = SPEC._replace(panic_threshold=100.0, delay_s=300.0)
    simple = (2, 0, 40, 40), (300, 0, 0, 0), (302, 0, 0, 0)
    gradual = (540, 0, 40, 40), (600, 0, 30, 30), (660, 0, 0, 0), (840, 0, 0, 0), (900, 0, 0, 0)
    assert decisions(spec, *simple, *gradual, start=0) == [4, 4, 0, 4, 4, 4, 3, 0]


def test_without_a_delay_nothing_is_kept():
    """TestAutoscalerScaleDownDelayZero."""
    spec = SPEC._replace(panic_threshold=100.0)
    assert decisions(spec, (0, 0, 40, 40), (0.5, 0, 20, 20), start=0) == [4, 2]


@pytest.mark.parametrize(("ready", "panics"), [(0, False), (1, False), (2, True)])
def test_it_starts_in_panic_with_more_than_one(ready, panics):
    """TestStartInPanicMode."""
    found = state(SPEC, ready)
    assert (found.panic_s[0] != CALM_S) == panics
    assert found.most[0] == ready


def test_the_last_instance_stays_for_the_grace_period():
    memory = state(SPEC, 1)
    counts = [after_grace(SPEC, memory, wanted, 1, at_s) for wanted, at_s in ((0, 0), (0, 28), (0, 30))]
    assert counts == [1, 1, 0]
    assert after_grace(SPEC, memory, 2, 0, 32) == 2
    assert after_grace(SPEC, memory, 0, 2, 34) == 2


@moderate
@given(
    st.integers(0, 200),
    st.floats(0, 1e5),
    st.floats(0, 1e5),
    st.floats(1.1, 20),
    st.floats(1.1, 20),
)
def test_one_decision_stays_within_its_rates(ready, stable, panic, up, down):
    spec = SPEC._replace(max_up=up, max_down=down)
    instances = max(ready, 1)
    (found,) = decisions(spec, (0, ready, stable, panic))
    assert math.floor(instances / down) <= found <= math.ceil(up * instances)


def two_seconds(**changes):
    made = service(KNATIVE, low=0, high=50, initial=1, **changes)
    return made._replace(traffic=made.traffic._replace(tick_s=2.0, timeout_s=math.inf))


def test_over_time_it_holds_its_target():
    """40 requests/s of 100 ms are 4 in progress, 0.7 for each instance: six."""
    found = run(two_seconds(), [80.0] * 300)
    assert found.wanted[-1] == 6
    assert found.waiting[-1] == 0


def test_over_time_a_surge_is_met_within_seconds_and_not_given_up_within_a_window():
    calm, surge = [8.0] * 60, [200.0] * 30
    wanted = run(two_seconds(), [*calm, *surge, *calm * 4]).wanted
    grown = int(np.argmax(wanted > 2))
    assert 0 < grown - 60 <= 3
    assert np.all(np.diff(wanted[grown : grown + 30]) >= 0)
    assert wanted[-1] <= 2


def test_over_time_it_goes_to_zero_and_comes_back():
    found = run(two_seconds(), [20.0] * 30 + [0.0] * 90 + [20.0] * 60)
    gone_s = (int(np.argmax(found.wanted == 0)) - 30) * 2.0
    assert 60 + 30 <= gone_s <= 60 + 30 + 3 * 2.0
    back = int(np.argmax(found.wanted[120:] > 0))
    assert back <= 2
    assert found.served[120:].sum() == pytest.approx(20.0 * 60, rel=0.05)


PLAN = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_second: 300, profile: office-hours}
    services:
      api:
        platform: kubernetes
        service_time: 100ms
        cpu_time: 2ms
        concurrency: 10
        instances: {min: 0, max: 40}
        workload: {autoscaler: {kind: knative, knative: {target_utilization: 60%, window: 40s, grace: 10s}}}
    clusters:
      main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 10}}}}
"""


def test_a_plan_configures_it():
    file = plan_of(PLAN)
    scaler = prepare(file, SHIPPED, Settings(days=0.1)).subjects[0].simulated.scaler
    assert scaler.kind == KNATIVE
    assert scaler.sync_s == usual_tick_s(file.plan.services.values()) == 2.0
    assert scaler.kpa == Kpa(target=6.0, stable_s=40.0, panic_s=4.0, grace_s=10.0)


def test_without_concurrency_it_counts_on_a_hundred():
    text = PLAN.replace("concurrency: 10", "description: any").replace("target_utilization: 60%, ", "")
    scaler = prepare(plan_of(text), SHIPPED, Settings(days=0.1)).subjects[0].simulated.scaler
    assert scaler.kpa.target == pytest.approx(70.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{kind: knative, triggers: {cpu: 70}}", "knative scales by requests in progress"),
        ("{kind: hpa, knative: {window: 30s}}", "need kind: knative"),
        ("{kind: knative, knative: {window: 2s}}", "the window is 6s to 1h"),
        ("{kind: knative, knative: {panic_threshold: 1}}", "the panic threshold is 1.1 to 10"),
        ("{kind: knative, knative: {max_scale_down: 1}}", "above 1"),
    ],
)
def test_what_knative_refuses_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        plan_of(PLAN, f"services.api.workload.autoscaler={given}")


def test_no_knative_service_is_rendered(capplan, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(textwrap.dedent(PLAN))
    assert capplan("simulate", plan, "--days", "0.1").exit_code == 0
    done = capplan("render-manifests", plan, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "services.api.workload.autoscaler.kind: knative can be simulated" in done.stderr
    assert not (tmp_path / "out").exists()

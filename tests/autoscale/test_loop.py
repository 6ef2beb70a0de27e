"""Laws of the time loop, for any load and any autoscaler."""

import numpy as np
import pytest
from autoscale.worlds import RATE_RPS, TICK_S, metrics, run, service, traffic
from helpers import moderate
from hypothesis import example, given
from hypothesis import strategies as st

from capplan.autoscale import signals as s
from capplan.autoscale.fleet import FleetSpec
from capplan.autoscale.hpa.rules import MIN, PERCENT, PODS, ScalingPolicy, rules
from capplan.autoscale.loop import FIXED, HPA, KEDA, KNATIVE, TRACKING, WINDOW
from capplan.autoscale.traffic import Burst, rate_of

loads = st.lists(st.integers(0, 4000), min_size=1, max_size=60)
kinds = st.sampled_from([FIXED, HPA, KEDA, WINDOW, TRACKING, KNATIVE])


@moderate
@given(
    loads,
    kinds,
    st.integers(0, 3),
    st.sampled_from([0.0, 20.0, 100.0]),
    st.sampled_from([0.0, 0.3]),
    st.integers(0, 4),
)
def test_what_comes_is_served_shed_or_waits(arrivals, kind, retries, limit_rps, breaker, per_node):
    made = service(
        kind,
        traffic=traffic(retries=retries, limit_rps=limit_rps, breaker=breaker),
        fleet=FleetSpec(30.0, per_node),
    )
    found = run(made, arrivals)
    came, gone = np.cumsum(found.arrivals), np.cumsum(found.served + found.shed)
    assert came == pytest.approx(gone + found.waiting, rel=1e-9, abs=1e-6)
    assert np.all(found.worked <= found.ready * RATE_RPS * TICK_S * (1 + 1e-12))
    assert np.all(np.minimum(found.served, found.shed) >= -1e-9)


@moderate
@given(loads, kinds, st.integers(0, 3), st.integers(3, 30))
def test_instances_stay_within_their_bounds(arrivals, kind, low, high):
    found = run(service(kind, low=low, high=high, initial=max(low, 1)), arrivals)
    assert found.wanted.min() >= (low if kind != HPA else max(low, 1))
    assert found.wanted.max() <= high
    assert np.all(found.ready <= found.wanted)
    assert np.all(found.kept >= found.wanted)


@moderate
@given(loads, st.integers(1, 5), st.integers(10, 200))
def test_changes_stay_within_the_policies(arrivals, pods, percent):
    steps = rules([ScalingPolicy(PODS, pods, 60.0), ScalingPolicy(PERCENT, percent, 60.0)], MIN)
    made = service(high=50, initial=5)
    made = made._replace(
        scaler=made.scaler._replace(hpa=made.scaler.hpa._replace(has_behavior=True, up=steps))
    )
    wanted = run(made, arrivals).wanted
    period = int(60 / TICK_S)
    for tick in range(wanted.size):
        since = wanted[max(tick - period + 1, 0) : tick + 1]
        assert since[-1] - since.min() <= pods or since[-1] < since.max()


@moderate
@given(loads, st.integers(1, 5), st.integers(10, 100))
@example([0] * 14 + [3978, 0, 0, 0], 4, 10)
def test_changes_down_stay_within_the_policies(arrivals, pods, percent):
    steps = rules([ScalingPolicy(PODS, pods, 60.0), ScalingPolicy(PERCENT, percent, 60.0)], MIN)
    made = service(high=50, initial=50)
    made = made._replace(
        scaler=made.scaler._replace(hpa=made.scaler.hpa._replace(has_behavior=True, down=steps))
    )
    wanted = run(made, arrivals).wanted
    period = int(60 / TICK_S)
    for tick in range(wanted.size):
        since = wanted[max(tick - period + 1, 0) : tick + 1]
        # Kubernetes counts from the replicas at the start of the period: what grew in it may go at once.
        start = min(since[0], wanted[max(tick - period, 0)])
        assert start - since[-1] <= pods or since[-1] > since.min()


def test_the_same_load_gives_the_same_timeline():
    arrivals = np.random.default_rng(3).poisson(900, 500)
    first, second = (run(service(), arrivals) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_pods_wait_for_nodes():
    steady = [7 * TICK_S] * 4 + [70 * TICK_S] * 60
    at_once = run(service(), steady)
    with_nodes = run(service(fleet=FleetSpec(30.0, per_node=1, node_start_s=120.0)), steady)
    first_more = [int(np.argmax(found.ready > 1)) for found in (at_once, with_nodes)]
    assert first_more[1] - first_more[0] == 120 / TICK_S


def test_nodes_stay_for_ten_minutes():
    arrivals = [70 * TICK_S] * 60 + [1.0] * 120
    found = run(service(initial=10, fleet=FleetSpec(30.0, per_node=1, node_hold_s=600.0)), arrivals)
    fewer_pods = int(np.argmax(found.wanted < 10))
    fewer_nodes = int(np.argmax(found.kept < 10))
    assert (fewer_nodes - fewer_pods) * TICK_S == pytest.approx(600, abs=TICK_S)


def test_keda_goes_to_zero_after_its_cooldown_and_comes_back():
    arrivals = [50.0] * 4 + [0.0] * 60 + [50.0] * 20
    made = service(KEDA, low=0, high=5, measures=metrics((s.REQUESTS, s.ON_AVERAGE, 7000)))
    found = run(made, arrivals)
    idle_ticks = int(np.argmax(found.wanted == 0)) - 4
    assert 300 <= idle_ticks * TICK_S <= 300 + 2 * 30 + TICK_S
    assert found.wanted[-1] >= 1
    assert found.served[-1] > 0


def test_cloud_run_keeps_idle_instances_for_a_quarter_of_an_hour():
    made = service(WINDOW, low=0, high=20, initial=5)
    arrivals = [30.0 * TICK_S] * 20 + [0.0] * 80
    found = run(made, arrivals)
    assert found.wanted[10] == 5  # 30 requests/s × 100 ms of CPU ÷ 60 % of a core
    gone = int(np.argmax(found.wanted == 0)) - 20
    # The load of the last minute counts, and is a look old.
    assert 900 <= gone * TICK_S <= 900 + 60 + 2 * TICK_S


@pytest.mark.parametrize(("rps", "at_least_s", "at_most_s"), [(45.0, 180, 300), (5.0, 900, 1020)])
def test_target_tracking_needs_three_minutes_up_and_fifteen_down(rps, at_least_s, at_most_s):
    made = service(TRACKING, low=1, high=20, initial=5)
    found = run(made, [35.0 * TICK_S] * 80 + [rps * TICK_S] * 80)
    assert found.wanted[79] == 5
    changed_s = (int(np.argmax(found.wanted != 5)) - 80) * TICK_S
    assert at_least_s <= changed_s <= at_most_s


@pytest.mark.parametrize("current", [4, 40])
def test_target_tracking_scales_in_step_by_step(current):
    """Five minutes apart, a tenth at most, as long as the metric stays far below the target."""
    made = service(TRACKING, low=1, high=40, initial=current)
    wanted = run(made, [1.0] * 4 * 90).wanted
    changes = np.flatnonzero(np.diff(wanted))
    assert np.diff(changes) * TICK_S == pytest.approx(300)
    before, after = wanted[changes], wanted[changes + 1]
    assert np.all(before - after == np.maximum(before // 10, 1))


BURST = Burst(limit_milli=2000, node_milli=3900, per_node=7, rps_per_milli=0.05, most_rps=80)


@pytest.mark.parametrize(
    ("ready", "rps"),
    [
        (0, 25.0),
        (1, 80.0),
        (2, 3900 / 2 * 0.05),
        (7, 3900 / 7 * 0.05),
        (8, (3900 + 2000) / 8 * 0.05),
        (14, 3900 / 7 * 0.05),
    ],
)
def test_pods_share_what_their_node_has_to_spare(ready, rps):
    assert rate_of(BURST, 25.0, ready) == pytest.approx(min(rps, 80))
    assert rate_of(BURST._replace(limit_milli=0), 25.0, ready) == 25.0
    assert rate_of(BURST._replace(node_milli=2800), 25.0, 7) == 25.0, "a node is full of requests"


@pytest.mark.parametrize(("limit_milli", "instances"), [(1000, 4), (4000, 14)])
def test_an_hpa_sees_use_above_the_request(limit_milli, instances):
    """At a target of 300 % of a core, pods that may not use more than their core are enough for ever."""
    made = service(HPA, low=4, high=60, initial=4, measures=metrics((s.CPU, s.ON_PODS, 300)))
    made = made._replace(burst=Burst(limit_milli, 40_000, 10, 0.01, 1e9))
    found = run(made, [400 * TICK_S] * 400)
    assert found.wanted[-1] == instances
    assert found.late[-1] == (instances == 4)


def test_a_retry_storm_outlives_the_spike_that_began_it():
    calm, spike = [8.0 * TICK_S] * 10, [40.0 * TICK_S] * 8
    arrivals = calm + spike + [8.0 * TICK_S] * 40
    alone = run(service(FIXED), arrivals)
    storm = run(service(FIXED, traffic=traffic(retries=10)), arrivals)
    assert alone.late[-1] == 0
    assert storm.late.sum() > alone.late.sum()
    broken = run(service(FIXED, traffic=traffic(retries=10, breaker=0.3)), arrivals)
    assert broken.late[-10:].sum() <= storm.late[-10:].sum()


def test_a_rate_limiter_lets_in_less_the_fuller_it_is():
    limited = run(service(FIXED, traffic=traffic(limit_rps=10.0)), [2.0 * TICK_S, 9.0 * TICK_S])
    assert limited.shed.tolist() == [0.0, pytest.approx((9.0 - 4.0) * TICK_S)]

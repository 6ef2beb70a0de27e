"""Laws of the time loop, for any load and any autoscaler."""

import numpy as np
import pytest
from autoscale.worlds import RATE_RPS, TICK_S, metrics, run, service, traffic
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.autoscale import signals as s
from capplan.autoscale.fleet import FleetSpec
from capplan.autoscale.hpa.rules import MIN, PERCENT, PODS, ScalingPolicy, rules
from capplan.autoscale.loop import FIXED, HPA, KEDA, KNATIVE, TRACKING, WINDOW

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
        assert since.max() - since[-1] <= pods or since[-1] > since.min()


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
    assert gone * TICK_S == pytest.approx(900, abs=3 * TICK_S)


@pytest.mark.parametrize(("rps", "at_least_s", "at_most_s"), [(45.0, 180, 300), (5.0, 900, 1020)])
def test_target_tracking_needs_three_minutes_up_and_fifteen_down(rps, at_least_s, at_most_s):
    made = service(TRACKING, low=1, high=20, initial=5)
    found = run(made, [35.0 * TICK_S] * 80 + [rps * TICK_S] * 80)
    assert found.wanted[79] == 5
    changed_s = (int(np.argmax(found.wanted != 5)) - 80) * TICK_S
    assert at_least_s <= changed_s <= at_most_s


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
    assert limited.shed.tolist() == [0.0, pytest.approx((9.0 - 2.5) * TICK_S)]

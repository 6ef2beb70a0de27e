"""Seconds that serverless platforms bill."""

import numpy as np
import pytest
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.cost.serverless import active_instances, instance_billed, request_billed, rounded_up

rates = st.floats(0, 500)
times = st.floats(0.001, 5)
slots = st.integers(1, 1000)
counts = st.integers(1, 100)


def one(value: float) -> np.ndarray:
    return np.array([[float(value)]])


def active(rps: float, time: float, places: float, running: float) -> float:
    return float(active_instances(one(rps), time, places, one(running))[0, 0])


@pytest.mark.parametrize(
    ("seconds", "billed"),
    [(0.1, 0.1), (0.101, 0.2), (0.25, 0.3), (1.0, 1.0), (0.0, 0.0), (0.7, 0.7), (0.05, 0.1)],
)
def test_a_request_is_rounded_up_to_100_milliseconds(seconds, billed):
    assert float(rounded_up(seconds, 0.1)) == pytest.approx(billed)


@moderate
@given(rates, times, slots, counts)
def test_the_share_of_instances_with_a_busy_slot(rps, time, places, running):
    """n · (1 − (1 − ρ)^c), with ρ the share of all slots in use."""
    used = min(rps * time / (running * places), 1.0)
    assert active(rps, time, places, running) == pytest.approx(
        running * (1 - (1 - used) ** places), rel=1e-6, abs=1e-9
    )


@moderate
@given(rates, times, counts)
def test_one_slot_is_billed_exactly_the_requests_in_progress(rps, time, running):
    assert active(rps, time, 1, running) == pytest.approx(min(rps * time, running))


@moderate
@given(rates, times, slots, counts)
def test_never_fewer_than_the_requests_fill_nor_more_than_run(rps, time, places, running):
    found = active(rps, time, places, running)
    assert found <= running + 1e-9
    assert found >= min(rps * time / places, running) - 1e-9
    assert found <= rps * time + 1e-9, "an instance is busy at most once per request in progress"


@moderate
@given(rates, rates, times, slots, counts)
def test_more_load_never_makes_fewer_active(one_rate, other_rate, time, places, running):
    low, high = sorted((one_rate, other_rate))
    assert active(low, time, places, running) <= active(high, time, places, running) + 1e-9


def test_many_slots_tend_to_the_busy_share_of_an_infinite_server_queue():
    assert active(8, 0.5, 100_000, 4) == pytest.approx(4 * (1 - np.exp(-1)), rel=1e-4)


def test_the_formula_is_the_chance_that_some_slot_is_busy():
    """Drawn: requests in progress put into random slots of 3 instances with 5 slots each."""
    draw = np.random.default_rng(5)
    busy = draw.random((200_000, 3, 5)) < 0.2
    assert busy.any(axis=2).sum(axis=1).mean() == pytest.approx(active(3.0, 1.0, 5, 3), rel=5e-3)


def test_request_billing_at_the_floor_idles_and_at_the_ceiling_is_busy():
    busy, idle = request_billed(np.array([[0.5, 3.0]]), one(2), one(10))
    assert [float(v[0, 0]) for v in (busy.floor, busy.expected, busy.ceiling)] == [0, 1.75, 10]
    assert [float(v[0, 0]) for v in (idle.floor, idle.expected, idle.ceiling)] == [2, 0.75, 0]


def test_request_billing_without_a_ceiling():
    busy, idle = request_billed(np.array([[0.5]]), one(0), None)
    assert (busy.ceiling, idle.ceiling) == (None, None)


def test_an_instance_lives_on_after_its_last_request():
    # One request in 10 minutes on average, kept 15: away only if none comes within 900 s.
    alive = instance_billed(one(1 / 600), one(1), one(0), one(10), 900.0)
    assert float(alive.expected[0, 0]) == pytest.approx(1 - np.exp(-1.5))


def test_an_instance_lives_at_least_a_minute():
    alive = instance_billed(one(0.01), one(1), one(0), None, 5.0)
    assert float(alive.expected[0, 0]) == pytest.approx(1 - np.exp(-0.6))


def test_minimum_instances_are_never_away():
    assert float(instance_billed(one(0), one(2), one(2), None, 900.0).expected[0, 0]) == 2


@moderate
@given(rates, counts, st.integers(0, 5), st.floats(1, 2000))
def test_instance_billing_lies_between_floor_and_running(rps, running, floor, life):
    running = max(running, floor)
    alive = instance_billed(one(rps), one(running), one(floor), one(running), life)
    assert floor <= float(alive.expected[0, 0]) + 1e-9
    assert float(alive.expected[0, 0]) <= running

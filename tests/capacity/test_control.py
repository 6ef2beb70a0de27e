"""Controls that hold the counts of a sizing, against a controller that settles step by step."""

import math

import numpy as np
import pytest
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.capacity.control import Watched, control


def settled(load: float, target: float, low: int, high: int, tolerance: float, begin: int) -> int:
    """Follow an HPA to where it stays: it leaves a ratio within its tolerance alone."""
    count = begin
    for _ in range(200):
        ratio = load / count / target
        wanted = count if abs(ratio - 1) <= tolerance else math.ceil(count * ratio - 1e-9)
        if min(max(wanted, low), high) == count:
            return count
        count = min(max(wanted, low), high)
    raise AssertionError("does not settle")


def cpu(load, **more) -> Watched:
    return Watched("cpu", np.asarray(load, dtype=float), usual=0.7, tolerance=0.1, **more)


def test_three_cores_over_eight_pods_are_a_target_of_38_percent():
    """3 ÷ (7 × 1.1) is 38.96 %: at 39 % seven pods would be within the tolerance."""
    told = control(np.array([8.0]), np.array([8.0]), 3, 30, [cpu([3.0])])
    assert told.targets["cpu"] == pytest.approx(0.38)
    assert (told.low, told.rests.tolist(), told.wants.tolist()) == (3, [8.0], [8.0])
    assert settled(3.0, 0.38, 3, 30, 0.1, begin=3) == 8
    assert settled(3.0, 0.39, 3, 30, 0.1, begin=7) == 7


def test_a_target_of_the_plan_that_holds_every_count_stays():
    told = control(np.array([0.0, 0.0]), np.array([3.0, 9.0]), 2, 20, [cpu([1.5, 6.1])])
    assert (told.targets["cpu"], told.low) == (pytest.approx(0.7), 2)
    assert not told.short.any()


def test_a_stated_target_stays_and_what_it_misses_is_told():
    told = control(np.array([8.0]), np.array([8.0]), 3, 30, [cpu([3.0], stated=True)])
    assert told.targets["cpu"] == 0.7
    assert told.short.tolist() == [4.0], "rests at 3 ÷ 0.77, so 4"


def test_where_no_target_can_the_minimum_holds():
    """Instances that are full at 2 % of their CPU cannot be scaled by it."""
    told = control(np.array([3.0, 9.0]), np.array([3.0, 9.0]), 1, 20, [cpu([0.05, 0.15], reach=0.02)])
    assert (told.low, [one.name for one in told.unreachable]) == (9, ["cpu"])
    assert told.targets["cpu"] >= 0.1, "a target that the platform takes"
    assert not told.short.any()


hours = st.lists(
    st.tuples(st.floats(0.01, 40.0), st.integers(0, 6)),
    min_size=1,
    max_size=12,
)


@moderate
@given(hours, st.integers(0, 4), st.floats(0.0, 0.2), st.sampled_from([1.0, 0.8]))
def test_a_controller_that_settles_runs_what_is_asked_for(given_hours, low, tolerance, reach):
    load = np.array([each for each, _ in given_hours])
    asked = np.ceil(load / 0.7) + np.array([more for _, more in given_hours])
    one = Watched("cpu", load, 0.7, reach=reach, tolerance=tolerance)
    told = control(asked, asked, low, 500, [one])
    assert not told.short.any()
    for each, count, most in zip(load, asked, told.wants, strict=True):
        for begin in (max(told.low, 1), 500):
            runs = settled(each, told.targets["cpu"], max(told.low, 1), 500, tolerance, begin)
            assert runs >= count
        assert most >= count
    assert told.low <= asked.max() or told.low == low

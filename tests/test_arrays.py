"""The float noise that a count must forgive, and the shapes that the model relies on."""

import numpy as np
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.arrays import ceil_count, hourly_max, hourly_mean, per_scenario

counts = st.integers(0, 10_000_000)


@moderate
@given(counts)
def test_whole_numbers_stay(count):
    assert ceil_count(float(count)) == count


@moderate
@given(counts, st.floats(-1e-10, 1e-10))
def test_float_noise_never_buys_an_instance(count, noise):
    assert ceil_count(count * (1 + noise)) == count


@moderate
@given(st.integers(1, 100_000), st.floats(1e-3, 0.999))
def test_a_real_excess_needs_one_more(count, excess):
    assert ceil_count(count + excess) == count + 1


@moderate
@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_ceil_count_is_monotone(one, other):
    low, high = sorted((one, other))
    assert ceil_count(low) <= ceil_count(high)


def test_a_scalar_becomes_one_scenario_and_a_column_stays():
    assert per_scenario(3.0).shape == (1, 1)
    assert per_scenario(np.ones((5, 1))).shape == (5, 1)


def test_hourly_figures_keep_the_scenario_axis():
    values = np.array([[1.0, 3.0], [2.0, 8.0]])
    assert hourly_mean(values).tolist() == [[2.0], [5.0]]
    assert hourly_max(values).tolist() == [[3.0], [8.0]]

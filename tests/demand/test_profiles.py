"""Shapes of a week."""

import numpy as np
import pytest
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.demand import profiles
from capplan.plan.demand import PROFILES

weights = st.lists(st.floats(0, 1000), min_size=24, max_size=24).filter(lambda w: sum(w) > 1)


@pytest.mark.parametrize("name", PROFILES)
def test_a_shipped_shape_has_mean_one_and_is_never_negative(name):
    shape = profiles.week(name)
    assert shape.mean() == pytest.approx(1)
    assert shape.min() > 0
    assert shape.size in (1, 168)


def test_the_shapes_are_what_their_descriptions_say():
    hour, day = np.arange(168) % 24, np.arange(168) // 24
    consumer, weekly, office = map(profiles.week, ("consumer-diurnal", "weekly", "office-hours"))
    assert (consumer.argmax() % 24, consumer.argmin() % 24) == (20, 8)
    assert (consumer.max(), consumer.min()) == pytest.approx((1.6, 0.4))
    weekend, working = weekly[day >= 5].sum() / 2, weekly[day < 5].sum() / 5
    assert weekend / working == pytest.approx(4 / 3)
    open_hours = (day < 5) & (hour >= 9) & (hour < 17)
    assert np.allclose(office[open_hours], office.max())
    assert office.max() / office.min() == pytest.approx(10)


@moderate
@given(weights)
def test_own_hours_become_a_week_with_mean_one(hours):
    shape = profiles.tiled(hours)
    assert shape.shape == (168,)
    assert shape.mean() == pytest.approx(1)
    assert np.allclose(shape[:24] * sum(hours) / 24, hours)
    assert np.array_equal(shape[:24], shape[-24:])


@pytest.mark.parametrize(
    ("name", "ratio"),
    [
        ("consumer-diurnal", 1),
        ("consumer-diurnal", 1.2),
        ("consumer-diurnal", 2.5),
        ("consumer-diurnal", 10),
        ("weekly", 3),
        ("office-hours", 2.5),
        ("office-hours", 4.1),
        ("flat", 1),
    ],
)
def test_stretched_reaches_the_ratio(name, ratio):
    shape = profiles.stretched(profiles.week(name), ratio)
    assert shape.mean() == pytest.approx(1)
    assert shape.max() == pytest.approx(ratio, rel=1e-9)


@pytest.mark.parametrize(
    ("shape", "ratio"),
    [
        (profiles.week("consumer-diurnal"), 15),
        (profiles.week("weekly"), 50),
        (profiles.tiled([1.0] * 23 + [1.01]), 3),
    ],
)
def test_stretched_reaches_every_ratio_that_is_accepted(shape, ratio):
    assert ratio < profiles.largest_ratio(shape)
    assert profiles.stretched(shape, ratio).max() == pytest.approx(ratio, rel=1e-6)


@moderate
@given(st.sampled_from(["consumer-diurnal", "weekly", "office-hours"]), st.floats(1, 4), st.floats(1, 4))
def test_stretching_keeps_mean_and_order_and_is_monotone(name, one, other):
    shape = profiles.week(name)
    low, high = (profiles.stretched(shape, ratio)[0] for ratio in sorted((one, other)))
    for stretched in (low, high):
        assert stretched.mean() == pytest.approx(1)
        assert stretched.min() >= 0
        assert np.all(np.diff(stretched[np.argsort(shape, kind="stable")]) >= -1e-12)
    assert high.max() >= low.max() - 1e-9
    assert high.min() <= low.min() + 1e-9


@moderate
@given(st.lists(st.floats(0, 0.8), min_size=23, max_size=23), st.floats(1, 20))
def test_stretching_own_hours(hours, ratio):
    """One clear peak; hours that nearly tie with it are the test above."""
    shape = profiles.tiled([1.0, *hours])
    assert profiles.stretched(shape, ratio).max() == pytest.approx(ratio, rel=1e-6)


def test_several_ratios_at_once_are_each_as_alone():
    shape, ratios = profiles.week("weekly"), np.array([[1.0], [2.0], [3.5]])
    together = profiles.stretched(shape, ratios)
    assert together.shape == (3, 168)
    for row, ratio in zip(together, ratios.ravel(), strict=True):
        assert np.array_equal(row, profiles.stretched(shape, float(ratio))[0])


def test_largest_ratio_is_hours_over_hours_at_the_peak():
    assert profiles.largest_ratio(profiles.week("office-hours")) == pytest.approx(168 / 40)
    assert profiles.largest_ratio(profiles.week("flat")) == 1
    assert profiles.largest_ratio(profiles.tiled([0.0] * 23 + [1.0])) == 24

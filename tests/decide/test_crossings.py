"""Against brute force: a scan over every value that the driver may have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.decide.crossings import changes, cheapest, first, sustained

WHOLE = np.arange(0, 3001, dtype=float)


def staircase(base, slope, size, price):
    """Return a cost with a fixed part, a part by the unit, and instances of a size at a price each."""
    return lambda x: base + slope * x + price * np.ceil(x / size)


def brute_force(costs):
    winner = cheapest(costs(WHOLE))
    return [
        (float(WHOLE[i]), int(winner[i - 1]), int(winner[i])) for i in np.flatnonzero(np.diff(winner)) + 1
    ]


def together(*curves):
    return lambda x: np.stack([curve(x) for curve in curves])


stairs = st.builds(
    staircase,
    st.integers(0, 400),
    st.sampled_from([0.0, 0.05, 0.2, 0.5, 1.0]),
    st.integers(1, 400),
    st.sampled_from([0.0, 1.0, 10.0, 35.5, 120.0]),
)


@settings(max_examples=500, deadline=None)
@given(stairs, stairs, st.integers(2, 60))
def test_the_crossings_of_two_staircases_are_those_of_a_scan(one, other, points):
    costs = together(one, other)
    grid = np.unique(np.rint(np.linspace(0, 3000, points)))
    assert [tuple(change) for change in changes(costs, grid, 1.0)] == brute_force(costs)


@settings(max_examples=100, deadline=None)
@given(st.lists(stairs, min_size=3, max_size=4))
def test_so_are_those_of_several(curves):
    costs = together(*curves)
    grid = np.rint(np.linspace(0, 3000, 20))
    assert [tuple(change) for change in changes(costs, grid, 1.0)] == brute_force(costs)


def test_a_crossing_between_whole_values_is_exact():
    found = changes(together(lambda x: 0.05 * x, lambda x: 0 * x + 1213.0), np.geomspace(10, 1e6, 50))
    assert [change.at for change in found] == pytest.approx([24_260], rel=1e-10)


def test_a_step_is_found_where_it_is():
    found = changes(together(lambda x: 0 * x + 5.0, lambda x: 10.0 * (x < 1 / 3)), np.linspace(0, 1, 5))
    assert [change.at for change in found] == pytest.approx([1 / 3], rel=1e-10)


def test_crossings_inside_a_cell_of_the_grid_are_found():
    stairs_ = lambda x: 10.0 * np.ceil(x / 10)  # noqa: E731
    found = changes(together(lambda x: x + 4.5, stairs_), np.array([0.0, 100.0]))
    assert len(found) == 20
    assert first(found, 0) == pytest.approx(0, abs=1e-6)


def test_first_and_sustained_differ_where_steps_cross_back():
    found = changes(together(lambda x: 0.55 * x, lambda x: 100 * np.ceil(x / 300)), np.linspace(1, 3000, 40))
    assert first(found, 1) == pytest.approx(100 / 0.55)
    assert sustained(found, 1) == pytest.approx(200 / 0.55)
    assert sustained(found, 0) is None


def test_costs_that_are_the_same_never_cross():
    assert changes(together(lambda x: x, lambda x: x), np.linspace(0, 10, 10)) == []

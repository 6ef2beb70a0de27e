"""Ranges: a figure at the floor, on average, and at the ceiling."""

import numpy as np
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.cost.meters import Range

figures = st.floats(0, 1e6)
ranges = st.tuples(figures, figures, figures, st.booleans()).map(
    lambda f: Range(*(np.array([[v]]) for v in sorted(f[:3])[:2]), None if f[3] else np.array([[max(f[:3])]]))
)


def values(found: Range) -> list[float | None]:
    return [None if v is None else float(v[0, 0]) for v in (found.floor, found.expected, found.ceiling)]


def test_a_fixed_figure_is_the_same_three_times():
    assert values(Range.fixed(3.0)) == [3, 3, 3]


@moderate
@given(ranges, ranges)
def test_adding_adds_each_and_an_open_ceiling_stays_open(one, other):
    found = values(one + other)
    for index, (a, b) in enumerate(zip(values(one), values(other), strict=True)):
        assert found[index] == (None if a is None or b is None else a + b)


@moderate
@given(ranges, st.floats(0, 100))
def test_scaling_keeps_the_order(one, factor):
    floor, expected, ceiling = values(one * factor)
    assert floor <= expected
    assert ceiling is None or expected <= ceiling


def test_anything_in_any_scenario_counts_as_used():
    nothing = np.zeros((2, 1))
    assert not Range(nothing, nothing, nothing).any()
    assert not Range.fixed(0.0).any()
    assert Range(nothing, nothing, np.array([[0.0], [1.0]])).any()
    assert Range(np.array([[0.0], [1.0]]), nothing, None).any()

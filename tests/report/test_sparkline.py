"""A sparkline shows the shape of a week."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capplan.report.sparkline import sparkline

BLOCKS = "▁▂▃▄▅▆▇█"
loads = st.lists(st.integers(0, 10**6).map(lambda eighths: eighths / 8), min_size=1, max_size=400)


def test_lowest_and_highest_have_the_first_and_last_block() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == BLOCKS
    assert sparkline([7, 0]) == "█▁"


def test_ascii_has_as_many_steps() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], ascii_only=True) == "_.-=oO#@"


def test_level_load_is_a_level_line() -> None:
    assert sparkline([5, 5, 5]) == "▁▁▁"
    assert sparkline([0]) == "▁"


def test_week_of_hours_is_three_hours_a_block() -> None:
    week = [0.0] * 168
    week[100] = 1
    shown = sparkline(week)
    assert len(shown) == 56
    assert shown.index("█") == 100 // 3


def test_peak_of_one_hour_is_not_averaged_away() -> None:
    assert sparkline([1, 1, 9, 1, 1, 1], width=2) == "█▁"


def test_last_part_may_be_shorter() -> None:
    assert sparkline([1, 2, 3, 4, 5], width=2) == "▁█"


@given(loads, st.integers(1, 100))
def test_never_wider_than_asked_nor_than_there_are_values(values: list[float], width: int) -> None:
    assert 1 <= len(sparkline(values, width)) <= min(width, len(values))


@given(loads)
def test_higher_values_never_have_lower_blocks(values: list[float]) -> None:
    shown = sparkline(values, width=len(values))
    ranked = [BLOCKS.index(block) for _, block in sorted(zip(values, shown, strict=True))]
    assert ranked == sorted(ranked)


@given(loads, st.floats(0.001, 1000))
def test_unit_does_not_matter(values: list[float], factor: float) -> None:
    scaled = sparkline([value * factor for value in values])
    for block, other in zip(sparkline(values), scaled, strict=True):
        # Rounding may move a value across the border of two blocks, never further.
        assert abs(BLOCKS.index(block) - BLOCKS.index(other)) <= 1


def test_nothing_has_no_shape() -> None:
    with pytest.raises(ValueError, match="empty"):
        sparkline([])

"""Instances beyond the need, for what may fail."""

import numpy as np
import pytest
from helpers import moderate, survivors
from hypothesis import given
from hypothesis import strategies as st

from capplan.capacity.redundancy import with_zone_loss

zones_and_lost = st.integers(1, 6).flatmap(lambda z: st.tuples(st.just(z), st.integers(0, z - 1)))


def fewest(need: int, zones: int, lost: int) -> int:
    """Return the answer by trying every count."""
    count = need
    while survivors(count, zones, lost) < need:
        count += 1
    return count


@pytest.mark.parametrize(
    ("need", "zones", "lost", "answer"),
    [
        (10, 2, 1, 20),  # two zones: everything twice
        (10, 3, 1, 15),  # three: half again
        (9, 3, 1, 14),
        (4, 4, 1, 6),
        (6, 3, 0, 6),  # nothing fails, nothing extra
        (1, 3, 1, 2),
        (1, 3, 2, 3),
        (0, 3, 1, 0),
    ],
)
def test_known_answers(need, zones, lost, answer):
    assert with_zone_loss(np.array([[float(need)]]), zones, lost) == answer


@moderate
@given(st.integers(0, 300), zones_and_lost)
def test_it_is_the_fewest_by_brute_force(need, place):
    zones, lost = place
    assert with_zone_loss(np.array([[float(need)]]), zones, lost) == fewest(need, zones, lost)


@moderate
@given(st.integers(0, 10_000), zones_and_lost)
def test_what_survives_carries_the_peak(need, place):
    zones, lost = place
    count = int(with_zone_loss(np.array([[float(need)]]), zones, lost)[0, 0])
    assert survivors(count, zones, lost) >= need


@moderate
@given(st.integers(0, 300), st.integers(2, 6))
def test_surviving_more_never_needs_fewer(need, zones):
    needs = np.array([[float(need)]])
    counts = [float(with_zone_loss(needs, zones, lost)[0, 0]) for lost in range(zones)]
    assert counts == sorted(counts)


@moderate
@given(st.integers(1, 300), st.integers(1, 5), st.integers(0, 10))
def test_zones_of_many_instances_never_need_more_than_zones_of_one(need, lost, extra):
    """One instance a zone is N+k: the cheapest way to survive k failures."""
    alone = with_zone_loss(np.array([[float(need)]]), need + lost, lost)
    assert alone == need + lost
    fewer_zones = with_zone_loss(np.array([[float(need)]]), max(lost + 1, need + lost - extra), lost)
    assert fewer_zones >= alone


@moderate
@given(st.lists(st.integers(0, 50), min_size=1, max_size=6), zones_and_lost)
def test_more_need_never_needs_fewer(needs, place):
    ordered = np.array([sorted(map(float, needs))])
    counts = with_zone_loss(ordered, *place)
    assert np.all(np.diff(counts) >= 0)
    assert np.all(counts >= ordered)

"""How many instances: the fewest that meet every constraint."""

import numpy as np
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.capacity.limits import Limit
from capplan.capacity.sizing import Bounds, carried, size

rates = st.floats(0, 1e5)
loads = st.lists(rates, min_size=1, max_size=6).map(lambda hours: np.array([hours]))
capacities = st.floats(0.1, 1e4)
zones_and_lost = st.integers(1, 4).flatmap(lambda z: st.tuples(st.just(z), st.integers(0, z - 1)))
bounds_of = st.builds(
    lambda minimum, room, spare, place: Bounds(minimum, minimum + room, spare, *place),
    st.integers(0, 20),
    st.integers(0, 1000),
    st.integers(0, 5),
    zones_and_lost,
)


def limit(name: str, rps) -> Limit:
    return Limit(name, rps, 1.0, "", {})


def sized(load, capacity: float, bounds: Bounds = Bounds(0, None)):  # noqa: B008
    return size(load, [limit("throughput", capacity)], bounds)


def test_the_smallest_limit_decides_and_is_named():
    found = size(np.array([[10.0, 100.0]]), [limit("cpu", 30.0), limit("memory", 20.0)], Bounds(1, None))
    assert found.required.tolist() == [[1, 5]]
    assert {name: float(count[0, 0]) for name, count in found.constraints.items()} == {
        "cpu": 4,
        "memory": 5,
        "min": 1,
    }
    assert found.binding() == "memory"


def test_the_first_of_a_tie_is_named():
    found = size(np.array([[100.0]]), [limit("cpu", 20.0), limit("memory", 20.0)], Bounds(5, None))
    assert found.binding() == "cpu"


def test_the_floor_binds_when_nothing_else_does():
    assert sized(np.array([[1.0]]), 100, Bounds(3, None)).binding() == "min"


def test_redundancy_is_a_constraint_of_its_own():
    found = sized(np.array([[100.0]]), 10, Bounds(1, None, spare=1, zones=3, survive_zones=1))
    assert found.peak.tolist() == [[16]]
    assert found.binding() == "redundancy"
    assert found.constraints["throughput"].tolist() == [[10]]


def test_nothing_limits_nothing_is_needed():
    found = size(np.array([[100.0]]), [], Bounds(2, None))
    assert found.required.tolist() == [[2]]
    assert np.isinf(found.capacity_rps).all()


def test_no_load_no_instance_not_even_a_spare():
    """Scale to zero stays possible with redundancy: an idle service has nothing to protect."""
    found = sized(np.array([[0.0, 10.0]]), 10, Bounds(0, None, spare=2, zones=2, survive_zones=1))
    assert found.required.tolist() == [[0, 4]]


@moderate
@given(loads, capacities, bounds_of)
def test_running_lies_between_floor_and_ceiling(load, capacity, bounds):
    found = sized(load, capacity, bounds)
    assert np.all(found.floor <= found.running)
    assert np.all(found.running <= found.ceiling)
    assert np.all(found.required >= found.running)
    assert np.all(found.required == np.floor(found.required))


@moderate
@given(loads, capacities)
def test_the_count_carries_the_load_and_one_fewer_does_not(load, capacity):
    """Up to the float noise that a count forgives: a billionth of the load, or of an instance."""
    found, noise = sized(load, capacity).required, 2e-9 * np.maximum(load, capacity)
    assert np.all(found * capacity >= load - noise)
    assert np.all((found - 1) * capacity < load + noise)


@moderate
@given(loads, capacities, bounds_of, st.floats(1, 3))
def test_more_load_never_needs_fewer(load, capacity, bounds, factor):
    before, after = sized(load, capacity, bounds), sized(load * factor, capacity, bounds)
    assert np.all(after.required >= before.required)
    assert np.all(after.running >= before.running)


@moderate
@given(loads, capacities, bounds_of, st.floats(1, 3))
def test_a_stronger_instance_never_needs_more(load, capacity, bounds, factor):
    assert np.all(sized(load, capacity * factor, bounds).required <= sized(load, capacity, bounds).required)


@moderate
@given(loads, capacities, bounds_of, st.integers(1, 5))
def test_more_spare_never_needs_fewer(load, capacity, bounds, more):
    with_more = bounds._replace(spare=bounds.spare + more)
    before, after = sized(load, capacity, bounds).required, sized(load, capacity, with_more).required
    assert np.all(after >= before)
    assert np.all(after <= before + more)


@moderate
@given(loads, capacities, st.integers(2, 5), st.data())
def test_surviving_more_zones_never_needs_fewer(load, capacity, zones, data):
    """More zones with as many lost need fewer, not more: what is monotone is what may be lost."""
    low = data.draw(st.integers(0, zones - 2))
    high = data.draw(st.integers(low + 1, zones - 1))
    fewer, more = (Bounds(0, None, 0, zones, lost) for lost in (low, high))
    assert np.all(sized(load, capacity, more).required >= sized(load, capacity, fewer).required)


@moderate
@given(st.integers(0, 60), st.integers(0, 4), zones_and_lost)
def test_carried_is_the_highest_load_that_the_instances_allow(instances, spare, place):
    bounds = Bounds(0, None, spare, *place)
    one = np.ones((1, 1))
    highest = float(carried(one * instances, one, bounds)[0, 0])
    if highest > 0:
        assert sized(one * highest, 1, bounds).required <= instances
    assert sized(one * (highest + 1), 1, bounds).required > instances


@moderate
@given(st.lists(rates, min_size=1, max_size=5), st.lists(capacities, min_size=1, max_size=5))
def test_scenarios_do_not_touch_each_other(hours, speeds):
    column = np.array(speeds).reshape(-1, 1)
    load = np.array([hours])
    together = size(load, [limit("cpu", column)], Bounds(0, None)).required
    for row, speed in zip(together, speeds, strict=True):
        assert np.array_equal(row, sized(load, speed).required[0])

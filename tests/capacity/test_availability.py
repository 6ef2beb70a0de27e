"""k of n: published shortfalls, the brute-force sum, and laws."""

import math

import numpy as np
import pytest
from helpers import estimate_of, moderate, peak
from hypothesis import given
from hypothesis import strategies as st

from capplan.capacity.binomial import shortfall
from capplan.capacity.redundancy import with_availability
from capplan.capacity.sizing import Bounds, surviving, with_redundancy


def test_published_shortfalls():
    # reference: need 10, a = 0.995: 4.9 %, 0.13 %, 0.0027 % for n = 10, 11, 12
    found = shortfall(np.array([10.0, 11, 12]), np.array(10.0), 0.995)
    assert found == pytest.approx([0.049, 0.0013, 0.000027], rel=0.03)


@moderate
@given(st.integers(1, 60), st.integers(0, 8), st.floats(0.5, 0.9999))
def test_the_shortfall_is_the_binomial_sum(need, spare, up):
    n = need + spare
    exact = sum(math.comb(n, i) * up**i * (1 - up) ** (n - i) for i in range(need))
    assert float(shortfall(np.array(float(n)), np.array(float(need)), up)) == pytest.approx(exact, rel=1e-9)


@moderate
@given(st.lists(st.integers(0, 200), min_size=1, max_size=8), st.floats(0.9, 0.999), st.floats(0.9, 0.99999))
def test_one_instance_fewer_misses_the_objective(needs, up, target):
    need = np.array([needs], dtype=float)
    found = with_availability(need, up, target)
    assert (found[need == 0] == 0).all()
    some = need > 0
    assert (shortfall(found[some], need[some], up) <= (1 - target) * (1 + 1e-6)).all()
    fewer = found[some] - 1
    missed = shortfall(fewer, need[some], up) > (1 - target) * (1 - 1e-6)
    assert (missed | (fewer < need[some])).all()


def test_instances_that_fail_are_never_available_all_the_time():
    with pytest.raises(ValueError, match="all the time"):
        with_availability(np.array([[3.0]]), 0.99, 1.0)


@moderate
@given(st.integers(0, 40), st.floats(0.95, 0.999), st.floats(0.9, 0.9999))
def test_surviving_is_the_highest_need_that_instances_are_enough_for(instances, up, target):
    bounds = Bounds(0.0, None, instance_availability=up, availability=target)
    left = surviving(np.array([[float(instances)]]), bounds)
    assert with_redundancy(left, bounds) <= instances
    assert with_redundancy(left + 1, bounds) > instances


PLAN = """
    name: t
    regions: {aws: us-east-1}
    demand: {requests_per_second: 100, profile: flat}
    services:
      api:
        {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: 10/s,
         slo: {availability: 99.9%}, redundancy: {instance_availability: 99.5%}}
"""


def test_an_objective_asks_for_spare_instances_and_tells_the_error_budget():
    result = estimate_of(PLAN)
    assert peak(result, "api") == 12
    (budget,) = next(c for c in result.components if c.name == "api").measures
    assert float(budget.has[0, 0]) == pytest.approx(0.001 * 730 * 60)
    assert float(budget.needs[0, 0]) == pytest.approx(0.000027 * 730 * 60, rel=0.03)
    looser = estimate_of(PLAN, "services.api.slo.availability=99%")
    assert peak(looser, "api") == 11
    both = estimate_of(PLAN, sweep=("services.api.slo.availability=99%,99.9%",))
    assert [peak(both, "api", 0), peak(both, "api", 1)] == [11, 12]

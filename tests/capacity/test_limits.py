"""What one instance carries, by resource."""

import pytest
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.capacity.limits import concurrency_limit, cpu_limit, memory_limit, throughput_limit

positive = st.floats(1e-3, 1e3)
target = st.floats(0.01, 1)


def test_utilization_law():
    # 2 cores, 50 ms of CPU each: full at 40/s, at 70 % at 28/s.
    assert cpu_limit(2, 0.05, 0.7) == pytest.approx(28)


def test_littles_law():
    # 80 places held 200 ms each turn over 400 times a second.
    assert concurrency_limit(80, 0.2, 1) == pytest.approx(400)


def test_memory_left_after_the_base_is_shared_by_requests():
    # 2 GiB at 75 % less 0.5 leave 1 GiB: 100 requests of 10 MiB in progress, 1 s each.
    assert memory_limit(2, 0.5, 0.01, 1, 0.75) == pytest.approx(100)


def test_a_base_above_the_target_leaves_nothing():
    assert memory_limit(1, 2, 0.01, 1, 0.8) == 0


def test_measured_throughput():
    assert throughput_limit(75, 0.8) == 60


@moderate
@given(positive, positive, target, st.floats(1, 4))
def test_more_resource_carries_more_and_longer_requests_less(resource, time, share, factor):
    for limit in (cpu_limit, concurrency_limit):
        base = limit(resource, time, share)
        assert limit(resource * factor, time, share) == pytest.approx(base * factor)
        assert limit(resource, time * factor, share) == pytest.approx(base / factor)


@moderate
@given(positive, positive, target)
def test_load_at_the_limit_fills_exactly_the_target(cores, time, share):
    """Utilization law backwards: rate × time ÷ cores is the target."""
    assert cpu_limit(cores, time, share) * time / cores == pytest.approx(share)

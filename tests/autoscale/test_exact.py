"""Request by request, against the law that it must follow."""

import numpy as np
import pytest
from autoscale.worlds import TICK_S, run, service
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.autoscale.exact import replay
from capplan.autoscale.loop import FIXED, HPA
from capplan.autoscale.setup import Subject
from capplan.autoscale.simulation import Outcome, SimulatedSeries, figures
from capplan.capacity.queueing import ggc_response_percentile
from capplan.errors import InputError


def outcome(made, arrivals):
    rps = np.asarray(arrivals, dtype=float) / TICK_S
    subject = Subject("api", "kubernetes", "HPA", made, rps, 7.0, "p95 1 s", 1.0, 0.0)
    series = SimulatedSeries(*(np.asarray(column, dtype=float) for column in run(made, arrivals)))
    return Outcome(subject, series, figures(subject, series))


@pytest.mark.parametrize("instances", [1, 4])
def test_a_steady_load_waits_as_erlang_says(instances):
    """One place an instance, 100 ms each, 70 % busy."""
    arrivals = np.random.default_rng(5).poisson(7.0 * instances * TICK_S, 4000)
    found = replay(outcome(service(FIXED, initial=instances), arrivals), 1)
    for share, measured in ((0.5, found.p50_s), (0.95, found.p95_s), (0.99, found.p99_s)):
        expected = float(ggc_response_percentile(share, 7.0 * instances, 0.1, instances))
        assert measured == pytest.approx(expected, rel=0.05)


@moderate
@given(st.lists(st.integers(0, 600), min_size=1, max_size=30))
def test_every_request_is_served_leaves_or_waits(arrivals):
    found = replay(outcome(service(HPA), arrivals), 1)
    assert found.served + found.left + found.waiting == sum(arrivals)


@pytest.mark.parametrize("trouble", [{"retries": 2}, {"limit_rps": 5.0}, {"breaker": 0.5}])
def test_requests_that_come_again_or_are_not_let_in_are_not_followed(trouble):
    made = service(FIXED, initial=1)
    made = made._replace(traffic=made.traffic._replace(**trouble))
    with pytest.raises(
        InputError, match="--exact: follows only requests that arrive once and are all admitted"
    ):
        replay(outcome(made, [100.0] * 10), 1)

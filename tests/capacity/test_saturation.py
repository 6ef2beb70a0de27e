"""Every formula up to 10¹⁵ requests/s: infinite exactly from saturation on, never NaN, never falling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.capacity import queueing as q
from capplan.capacity.redundancy import with_availability
from capplan.capacity.scalability import usl_throughput

some = settings(max_examples=80, deadline=None)
rates = st.floats(0, 15).map(lambda exponent: 10.0**exponent)
times = st.sampled_from([1e-3, 0.05, 1.0, 30.0])
variability = st.sampled_from([0.0, 0.5, 1.0, 2.0, 4.0])
fill = st.floats(0.01, 2.0)

WAITS = {
    "mmc_wait_mean": q.mmc_wait_mean,
    "mmc_response_mean": q.mmc_response_mean,
    "mmc_wait_p95": lambda rate, time, c: q.mmc_wait_percentile(0.95, rate, time, c),
    "allen_cunneen": lambda rate, time, c: q.allen_cunneen_wait(rate, time, c, 0.5, 2.0),
    "allen_cunneen, nothing varies": lambda rate, time, c: q.allen_cunneen_wait(rate, time, c, 0.0, 0.0),
    "sakasegawa": lambda rate, time, c: q.sakasegawa_wait(rate, time, c, 0.5, 2.0),
    "cosmetatos": q.cosmetatos_wait,
    "kimura": lambda rate, time, c: q.kimura_wait(rate, time, c, 2.0, 1.0),
    "kimura, nothing varies": lambda rate, time, c: q.kimura_wait(rate, time, c, 0.0, 0.0),
    "constant p95": lambda rate, time, c: q.ggc_response_percentile(0.95, rate, time, c, 0.0),
    "exponential p95": lambda rate, time, c: q.ggc_response_percentile(0.95, rate, time, c, 1.0),
    "lognormal p99": lambda rate, time, c: q.ggc_response_percentile(0.99, rate, time, c, 4.0, 2.0),
    "ps_response_mean": q.ps_response_mean,
    "ps p95": lambda rate, time, c: q.ps_response_percentile(0.95, rate, time, c, 2.0),
}
SHARES = {
    "erlang_c": lambda rate, time, c: q.erlang_c(c, rate * time),
    "wait survival": lambda rate, time, c: q.mmc_wait_survival(time, rate, time, c),
    "response survival": lambda rate, time, c: q.mmc_response_survival(time, rate, time, c),
    "ggc survival, constant": lambda rate, time, c: q.ggc_response_survival(1.5 * time, rate, time, c, 0.0),
    "ggc survival, lognormal": lambda rate, time, c: q.ggc_response_survival(time, rate, time, c, 2.0),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", WAITS)
@some
@given(rates, times, fill)
def test_times_are_infinite_exactly_from_saturation_on(name, rate, time, share):
    servers = max(np.floor(rate * time / share), 1.0)
    found = float(WAITS[name](rate, time, servers))
    assert found >= 0
    assert np.isinf(found) == (rate * time >= servers)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", SHARES)
@some
@given(rates, times, fill)
def test_shares_are_one_from_saturation_on(name, rate, time, share):
    servers = max(np.floor(rate * time / share), 1.0)
    found = float(SHARES[name](rate, time, servers))
    assert 0 <= found <= 1 + 1e-12
    if rate * time >= servers:
        assert found == pytest.approx(1, abs=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", [*WAITS, *SHARES])
def test_no_servers_and_no_load_are_no_division_by_zero(name):
    formula = (WAITS | SHARES)[name]
    for rate, servers in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)):
        assert not np.isnan(float(formula(rate, 1.0, servers)))


@pytest.mark.parametrize("name", [*WAITS, *SHARES])
@some
@given(rates, times, st.floats(0.3, 1.1), st.floats(1, 1.5), st.floats(1, 1.5))
def test_more_load_is_never_faster_and_more_servers_are_never_slower(name, rate, time, share, load, more):
    formula = (WAITS | SHARES)[name]
    servers = max(np.floor(rate * time / share), 1.0)
    found = float(formula(rate, time, servers)) * (1 - 1e-9)
    assert float(formula(rate * load, time, servers)) >= found
    assert float(formula(rate, time, np.floor(servers * more))) * (1 - 1e-9) <= found / (1 - 1e-9)


@pytest.mark.filterwarnings("error")
@some
@given(rates, times, variability, st.floats(1, 3))
def test_counts_rise_with_the_load_and_are_enough(rate, time, cs2, more):
    promise = 8 * time
    for needed in (
        lambda load: q.servers_for_response(0.95, promise, load, time, cs2),
        lambda load: q.cores_for_response(0.95, promise, load, time, cs2),
        lambda load: q.servers_for_wait(load, time, time, 0.95),
        lambda load: q.servers_for_blocking(load * time, 0.01),
    ):
        count = float(needed(rate))
        assert np.isfinite(count)
        assert float(needed(rate * more)) >= count
    count = float(q.servers_for_response(0.95, promise, rate, time, cs2))
    assert float(q.ggc_response_percentile(0.95, rate, time, count, cs2)) <= promise * (1 + 1e-9)


@some
@given(rates, st.floats(0.5, 0.9999), st.floats(0.9, 0.99999), st.floats(1, 3))
def test_spare_instances_rise_with_the_need(need, up, target, more):
    count = float(with_availability(np.floor(need), up, target))
    assert np.isfinite(count)
    assert count >= np.floor(need)
    assert float(with_availability(np.floor(need * more), up, target)) >= count


def test_what_takes_no_time_is_refused_or_has_a_limit():
    assert np.isinf(q.utilization(1.0, 1.0, 0.0))
    assert usl_throughput(np.array([0.0, 1.0]), 5.0, 1.0, 0.0).tolist() == [0.0, 5.0]
    with pytest.raises(ValueError, match="takes time"):
        q.asymptotic_bounds(5, np.array([0.0, 0.0]))
    with pytest.raises(ValueError, match="takes time"):
        q.mean_value_analysis(5, np.array([0.0]), np.array([1.0]))
    with pytest.raises(ValueError, match="states"):
        q.mmck(1.0, 1.0, 1.0, 1e12)

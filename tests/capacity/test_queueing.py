"""Queueing: limits in which one formula becomes another, laws, and the inverse questions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.capacity import queueing as q

some = settings(max_examples=50, deadline=None)
servers = st.integers(1, 80)
busy = st.floats(0.02, 0.97)
variability = st.sampled_from([0.0, 0.1, 0.5, 1.0, 1.3, 2.0, 4.0])
tail = st.sampled_from([0.95, 0.99])


def test_percentiles_of_mm3():
    # reference: lambda 2, mu 1, three servers: T95 4.02, T99 5.89
    assert q.ggc_response_percentile([0.95, 0.99], 2, 1, 3).round(2).tolist() == [4.02, 5.89]


@some
@given(servers, busy, st.floats(0.01, 0.999))
def test_percentile_and_survival_invert_each_other(c, rho, share):
    at = q.ggc_response_percentile(share, c * rho, 1, c)
    assert float(q.mmc_response_survival(at, c * rho, 1, c)) == pytest.approx(1 - share, rel=1e-9)
    waits = q.mmc_wait_percentile(share, c * rho, 1, c)
    if waits > 0:
        assert float(q.mmc_wait_survival(waits, c * rho, 1, c)) == pytest.approx(1 - share, rel=1e-9)


def test_the_survival_is_smooth_where_the_textbook_has_a_case_of_its_own():
    beside = q.mmc_response_survival(3.0, np.array([2 - 1e-9, 2.0, 2 + 1e-9]), 1, 3)
    assert np.ptp(beside) / beside[1] < 1e-8
    assert np.isfinite(q.mmc_response_survival(400.0, 2.9, 1, 3))


@some
@given(servers, busy)
def test_all_mean_waits_agree_where_they_are_exact(c, rho):
    erlang = float(q.mmc_wait_mean(c * rho, 1, c))
    assert float(q.kimura_wait(c * rho, 1, c)) == pytest.approx(erlang)
    assert float(q.allen_cunneen_wait(c * rho, 1, c)) == pytest.approx(erlang)
    pollaczek_khinchine = rho * (1 + 2.5) / 2 / (1 - rho)
    assert float(q.allen_cunneen_wait(rho, 1, 1, 2.5)) == pytest.approx(pollaczek_khinchine)
    assert float(q.kimura_wait(rho, 1, 1, 2.5)) == pytest.approx(pollaczek_khinchine)


@pytest.mark.parametrize(("c", "rho"), [(1, 0.7), (2, 0.8), (4, 0.8), (4, 0.95), (16, 0.9), (64, 0.95)])
def test_sakasegawa_is_near_allen_and_cunneen(c, rho):
    # reference: within 7 % in these cases, and the same where both are exact
    near = q.sakasegawa_wait(c * rho, 1, c, 4.0)
    assert float(near) == pytest.approx(float(q.allen_cunneen_wait(c * rho, 1, c, 4.0)), rel=0.07)
    assert float(q.sakasegawa_wait(rho, 1, 1)) == pytest.approx(float(q.mmc_wait_mean(rho, 1, 1)))


@some
@given(servers, busy, variability, tail, st.floats(1.0001, 1.5))
def test_more_load_or_fewer_servers_never_answer_sooner(c, rho, cs2, share, more):
    at = q.ggc_response_percentile(share, c * rho, 1, c, cs2)
    assert q.ggc_response_percentile(share, c * rho * more, 1, c, cs2) >= at * (1 - 1e-9)
    assert q.ggc_response_percentile(share, c * rho, 1, c + 1, cs2) <= at * (1 + 1e-9)


@some
@given(st.floats(0.1, 300), tail, st.floats(0.3, 30), variability)
def test_one_server_fewer_breaks_the_promise(load, share, promise, cs2):
    n = float(q.servers_for_response(share, promise, load, 1, cs2))
    if not np.isfinite(n):
        assert (
            float(q.ggc_response_percentile(share, 1e-9, 1, 10_000, cs2)) >= promise * (1 - 1e-6) or cs2 > 1
        )
        return
    assert q.ggc_response_percentile(share, load, 1, n, cs2) <= promise * (1 + 1e-9)
    assert load < n
    if cs2 <= 1:
        assert q.ggc_response_percentile(share, load, 1, n - 1, cs2) > promise * (1 - 1e-9)


@some
@given(st.floats(0.1, 200), tail, st.floats(3, 30), variability, st.floats(1, 2))
def test_more_of_anything_that_hurts_never_needs_fewer_servers(load, share, promise, cs2, more):
    n = q.servers_for_response(share, promise, load, 1, cs2)
    assert q.servers_for_response(share, promise / more, load, 1, cs2) >= n
    assert q.servers_for_response(share, promise, load * more, 1, cs2) >= n
    assert q.servers_for_response(share, promise, load, 1, cs2 * more) >= n
    assert q.servers_for_response(share, promise, load, 1, cs2, more) >= n
    cores = q.cores_for_response(share, promise, load, 1, cs2)
    assert q.cores_for_response(share, promise / more, load, 1, cs2) >= cores
    assert q.cores_for_response(share, promise, load * more, 1, cs2) >= cores
    assert q.cores_for_response(share, promise, load, 1, cs2 * more) >= cores


@some
@given(st.integers(1, 60), tail, st.floats(4, 30), st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_the_highest_rate_is_what_the_servers_are_enough_for(c, share, promise, cs2):
    rate = float(q.rate_for_response(share, promise, 1, c, cs2))
    if rate > 0:
        assert float(q.servers_for_response(share, promise, rate * (1 - 1e-9), 1, cs2)) <= c
        assert float(q.servers_for_response(share, promise, rate * (1 + 1e-6), 1, cs2)) > c


def test_an_slo_below_the_bare_service_time_has_no_answer():
    assert np.isinf(q.servers_for_response(0.95, 0.29, 100, 0.1))
    assert np.isfinite(q.servers_for_response(0.95, 0.30, 100, 0.1))  # p95 of the service alone: 0.2996
    assert q.servers_for_response(0.95, 0.3, 0.0, 0.1) == 0
    assert np.isinf(q.cores_for_response(0.95, 0.1, 100, 0.1))


def test_an_overloaded_queue_is_never_answered_with_a_number():
    for rate in (3.0, 4.0):
        assert np.isinf(q.mmc_wait_mean(rate, 1, 3))
        assert np.isinf(q.mmc_wait_percentile(0.5, rate, 1, 3))
        assert np.isinf(q.ggc_response_percentile(0.95, rate, 1, 3, [0, 1, 2])).all()
        assert np.isinf(q.ps_response_percentile(0.95, rate, 1, 3))
        assert np.isinf(q.kimura_wait(rate, 1, 3, 2))
        assert (q.ggc_response_survival(1, rate, 1, 3, [0, 1, 2]) == 1).all()
        assert q.mmc_response_survival(1, rate, 1, 3) == q.mmc_wait_survival(1, rate, 1, 3) == 1
        assert q.mmc_empty_share(rate, 1, 3) == 0


def test_finite_systems_become_the_infinite_ones():
    assert float(q.mmck(2, 1, 3, 900).response_s) == pytest.approx(float(q.mmc_response_mean(2, 1, 3)))
    assert float(q.erlang_a(2, 1, 3, 1e7).wait_s) == pytest.approx(float(q.mmc_wait_mean(2, 1, 3)), rel=1e-5)
    assert float(q.mmck(10, 1, 10, 10).lost) == pytest.approx(float(q.erlang_b(10, 10)), rel=1e-12)
    assert float(q.closed_mmm(500, 1.0, 0.02, 4).throughput) == pytest.approx(200, rel=1e-9)
    assert float(q.closed_mmm(3, 0.0, 0.02, 4).throughput) == pytest.approx(150)
    one = q.mean_value_analysis(20, np.array([0.5]), np.array([1.0]), 4.0)
    assert float(q.closed_mmm(20, 4, 0.5, 1).throughput) == pytest.approx(one.throughput, rel=1e-9)


@some
@given(st.floats(0.1, 40), st.integers(1, 20), st.integers(0, 60), st.floats(0.05, 20))
def test_littles_law_holds_in_every_finite_system(rate, c, places, patience):
    full = q.mmck(rate, 1.0, c, c + places)
    assert float(full.number) == pytest.approx(float(full.throughput * full.response_s))
    assert float(full.throughput) == pytest.approx(float(full.number - full.queue))
    bored = q.erlang_a(rate, 1.0, c, patience)
    assert float(bored.throughput) == pytest.approx(float(bored.number - bored.queue), rel=1e-6)


def test_classes_and_servers_of_a_closed_network():
    """Two classes against the recursion of Reiser and Lavenberg, and stations with several servers."""
    demands, think, full = np.array([[0.3, 0.08, 0.1], [1.0, 0.05, 0.06]]), np.array([20.0, 15.0]), (6, 4)
    numbers, residence, rates = {(0, 0): np.zeros(3)}, np.zeros((2, 3)), np.zeros(2)
    for n in sorted(np.ndindex(full[0] + 1, full[1] + 1), key=sum)[1:]:
        fewer = [(n[0] - 1, n[1]), (n[0], n[1] - 1)]
        residence = np.array([demands[c] * (1 + numbers.get(fewer[c], np.zeros(3))) for c in range(2)])
        rates = np.array(n) / (think + residence.sum(axis=1))
        numbers[n] = rates @ residence
    found = q.mean_value_analysis(full, demands, np.ones((2, 3)), think)
    assert found.throughput == pytest.approx(rates)
    assert found.response_s == pytest.approx(residence.sum(axis=1))
    assert found.number.sum(axis=0) == pytest.approx(numbers[full])
    four = q.mean_value_analysis(500, np.array([0.02]), np.array([1.0]), 1.0, 4)
    pool = q.closed_mmm(500, 1.0, 0.02, 4)
    assert [four.throughput, four.number[0]] == pytest.approx([pool.throughput, pool.number])
    alone = q.mean_value_analysis((7, 0), demands, np.ones((2, 3)), think)
    assert (alone.throughput[1], alone.response_s[1]) == (0, 0)
    for wrong in (0, (-1, 3), 10**6):
        with pytest.raises(ValueError, match="population"):
            q.mean_value_analysis(wrong, demands[0], np.ones(3), 1.0)


def test_asymptotic_bounds_of_two_stations():
    # octave-queueing 1.2.7: D = 9.2, 8; Z = 120; N = 20
    bounds = q.asymptotic_bounds(20, np.array([9.2, 8.0]), 120.0)
    assert float(bounds.throughput) == pytest.approx(0.109, abs=5e-4)
    assert float(bounds.response_s) == pytest.approx(64)


def test_dispersion_of_poisson_counts_is_one_and_of_batches_more():
    rng = np.random.default_rng(7)
    assert q.index_of_dispersion(rng.poisson(30, 20_000)) == pytest.approx(1, abs=0.05)
    assert q.index_of_dispersion(10 * rng.poisson(3, 20_000)) == pytest.approx(10, abs=0.5)
    assert q.index_of_dispersion(np.array([1, np.nan, 3.0])) == 1.0
    with pytest.raises(ValueError, match="two windows"):
        q.index_of_dispersion(np.array([np.nan, 3.0]))


def test_arrays_broadcast_over_everything():
    rates, counts = np.array([[50.0], [80.0]]), np.array([6, 8, 10])
    table = q.ggc_response_percentile(0.95, rates, 0.1, counts, 2.0)
    assert table.shape == (2, 3)
    assert table[1, 2] == q.ggc_response_percentile(0.95, 80.0, 0.1, 10, 2.0)

"""Sums and maxima of times against simulation and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.capacity.times import after, longest, repeated, slowest, spread_of, time_of


def lognormal(rng, time, count):
    mean, variance = time.mean.item(), time.variance.item()
    sigma = np.sqrt(np.log1p(variance / mean**2))
    return mean * np.exp(sigma * rng.standard_normal(count) - sigma**2 / 2)


@pytest.mark.parametrize("cv2", [0.2, 1.0, 2.0])
def test_sums_and_longest_are_near_simulation(cv2):
    rng = np.random.default_rng(1)
    one, two, three = time_of("a", 1.0, cv2), time_of("b", 0.5, 1.0), time_of("c", 0.8, cv2)
    drawn = [lognormal(rng, t, 400_000) for t in (one, two, three)]
    total = after(one, two).percentile(0.95).item()
    assert total == pytest.approx(np.quantile(drawn[0] + drawn[1], 0.95), rel=0.14)
    both = np.maximum(drawn[0], drawn[2])
    assert longest([one, three]).percentile(0.95).item() == pytest.approx(np.quantile(both, 0.95), rel=0.13)


@pytest.mark.parametrize("count", [1, 2, 5, 20, 100, 1000])
def test_the_slowest_of_exponential_times_takes_a_harmonic_number_of_them(count):
    """E max = H_N means and Var max = Σ 1/k² (Rényi, 1953); F(x)^N gives the percentile."""
    found = slowest(time_of("leaf", 0.1), float(count), 0.0)
    steps = np.arange(1, count + 1)
    assert found.mean.item() == pytest.approx(0.1 * (1 / steps).sum(), rel=0.01)
    assert found.variance.item() == pytest.approx(0.01 * (1 / steps**2).sum(), rel=0.03)
    exact = -0.1 * np.log1p(-(0.95 ** (1 / count)))
    assert found.percentile(0.95).item() == pytest.approx(exact, rel=0.03 if count > 1 else 0.08)


@pytest.mark.parametrize(("cv2", "count"), [(0.25, 10), (0.5, 10), (2.0, 10), (0.5, 100), (2.0, 100)])
def test_the_slowest_of_gamma_times_is_near_simulation(cv2, count):
    rng = np.random.default_rng(2)
    drawn = rng.gamma(1 / cv2, cv2, (40_000, count)).max(axis=1)
    found = slowest(time_of("leaf", 1.0, cv2), float(count), 0.0)
    assert found.mean.item() == pytest.approx(drawn.mean(), rel=0.06)
    assert found.percentile(0.95).item() == pytest.approx(np.quantile(drawn, 0.95), rel=0.13)


def test_constant_times_all_end_together():
    found = slowest(time_of("leaf", 0.2, 0.0), 50.0, 0.0)
    assert found.mean.item() == pytest.approx(0.2)
    assert found.variance.item() == 0


@moderate
@given(
    st.floats(0.001, 100),
    st.floats(0, 4),
    st.floats(0, 50),
    st.floats(0, 10),
    st.floats(0, 1),
    st.floats(0, 0.5),
)
def test_more_calls_take_longer_and_a_cache_shortens_them(mean, cs2, made, more, hits, better):
    one = time_of("x", mean, cs2)
    for law in (repeated, slowest):
        now = law(one, made, hits).mean.item()
        assert law(one, made + more, hits).mean.item() >= now * (1 - 1e-6)
        assert law(one, made, min(1.0, hits + better)).mean.item() <= now * (1 + 1e-6)
    together, in_turn = (law(one, made, hits).mean.item() for law in (slowest, repeated))
    assert together <= in_turn * (1 + 1e-6) + 1e-12 * mean


@moderate
@given(st.floats(0.001, 100), st.floats(0, 4), st.floats(0, 1))
def test_one_call_at_once_is_one_call(mean, cs2, hits):
    alone, in_turn = (law(time_of("x", mean, cs2), 1.0, hits) for law in (slowest, repeated))
    assert alone.mean.item() == pytest.approx(in_turn.mean.item(), rel=1e-9)
    assert alone.variance.item() == pytest.approx(in_turn.variance.item(), rel=1e-6, abs=1e-12)


def test_what_is_overloaded_stays_so_and_is_never_nan():
    endless = spread_of(np.array([[np.inf]]), np.zeros((1, 1)), {"x": np.array([[np.inf]])})
    plain = time_of("y", 0.1)
    for found in (after(endless, plain), longest([plain, endless]), slowest(endless, 5.0, 0.0)):
        assert found.percentile(0.95).item() == np.inf
        assert not np.isnan(found.variance).any()
    never = repeated(endless, 0.0, 0.0)
    assert never.mean.item() == 0
    assert never.percentile(0.95).item() == 0


@pytest.mark.parametrize(
    ("made", "hits"), [(1, 0.0), (0.5, 0.0), (0.1, 0.0), (1, 0.5), (10, 0.95), (2, 0.0), (3, 0.0), (8, 0.5)]
)
def test_calls_that_are_not_always_made_are_near_simulation(made, hits):
    """A cache that answers half of the calls leaves the other half as slow as ever."""
    rng = np.random.default_rng(3)
    asked = rng.random((200_000, max(1, int(np.ceil(made))))) < made * (1 - hits) / max(1, np.ceil(made))
    drawn = (rng.exponential(0.1, asked.shape) * asked).sum(axis=1) + rng.exponential(0.001, len(asked))
    found = after(time_of("own", 0.001), repeated(time_of("leaf", 0.1), float(made), hits))
    assert found.mean.item() == pytest.approx(drawn.mean(), rel=0.02)
    assert found.percentile(0.95).item() == pytest.approx(np.quantile(drawn, 0.95), rel=0.04)


def test_half_of_the_calls_take_as_long_as_the_tail_says():
    """P(T > t) = ½ e^(-t/100 ms) is 5 % at 230 ms."""
    found = repeated(time_of("leaf", 0.1), 1.0, 0.5).percentile(0.95).item()
    assert found == pytest.approx(0.1 * np.log(0.5 / 0.05), rel=0.02)

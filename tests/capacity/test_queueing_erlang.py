"""Erlang's formulas against published values, laws and the plain recurrence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.capacity.queueing import (
    erlang_b,
    erlang_c,
    load_for_blocking,
    servers_for_blocking,
    square_root_staffing,
)

loads = st.floats(0, 500)
counts = st.integers(1, 600)


def plain_recurrence(servers, load):
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked


@settings(max_examples=60, deadline=None)
@given(counts, loads)
def test_starting_late_gives_the_digits_of_the_whole_recurrence(servers, load):
    assert float(erlang_b(servers, load)) == pytest.approx(plain_recurrence(servers, load), rel=1e-13)


def test_a_hundred_thousand_servers_keep_their_digits():
    # mpmath, 50 digits, closed form
    assert float(erlang_b(100_000, 99_500)) == pytest.approx(0.00038144239405903, rel=1e-13)


def test_arrays_give_what_their_elements_give():
    servers, load = np.array([[0], [3], [50], [400]]), np.array([0.0, 2.5, 48.0, 399.0])
    together = erlang_b(servers, load)
    assert together.shape == (4, 4)
    for i, j in np.ndindex(4, 4):
        assert together[i, j] == erlang_b(servers[i, 0], load[j])


@settings(max_examples=60, deadline=None)
@given(counts, loads, st.floats(0.1, 50))
def test_more_load_blocks_more_and_more_servers_block_less(servers, load, more):
    assert erlang_b(servers, load + more) >= erlang_b(servers, load)
    assert erlang_b(servers + 1, load) <= erlang_b(servers, load)


def test_everybody_waits_in_an_overloaded_queue():
    assert erlang_c(3, 3.0) == erlang_c(3, 4.0) == erlang_c(0, 0.0) == 1
    assert erlang_c(1, 0.75) == pytest.approx(0.75)


@settings(max_examples=60, deadline=None)
@given(loads, st.floats(1e-6, 1))
def test_one_server_fewer_blocks_too_many(load, share):
    servers = servers_for_blocking(load, share)
    assert erlang_b(servers, load) <= share * (1 + 1e-9)
    if servers > 0:
        assert erlang_b(servers - 1, load) > share * (1 - 1e-9)


@settings(max_examples=40, deadline=None)
@given(counts, st.floats(1e-6, 0.9))
def test_load_for_blocking_inverts_erlang_b(servers, share):
    assert float(erlang_b(servers, load_for_blocking(servers, share))) == pytest.approx(share, rel=1e-9)


def test_square_root_staffing_is_near_erlang_c():
    # reference: A = 45, 1 % may wait: 61 against an exact 63
    assert square_root_staffing(45, 0.01) == 61
    assert erlang_c(63, 45) <= 0.01 < erlang_c(62, 45)


@pytest.mark.parametrize(("servers", "load"), [(1.5, 1), (-1, 1), (2, -1), (2, np.nan), (np.inf, 1)])
def test_values_outside_the_domain_are_refused(servers, load):
    with pytest.raises(ValueError, match="must be"):
        erlang_b(servers, load)

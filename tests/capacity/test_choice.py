"""The cheapest of many that meets every need."""

import numpy as np
import pytest
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.capacity.choice import cheapest

SMALL, MEDIUM, LARGE = range(3)
PRICE = np.array([1.0, 2.0, 4.0])
HAS = {"cpu": np.array([2.0, 4.0, 8.0]), "memory": np.array([8.0, 8.0, 64.0])}


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float).reshape(-1, 1)


def chosen(cpu: float, memory: float) -> int:
    return int(cheapest({"cpu": column(cpu), "memory": column(memory)}, HAS, PRICE).which[0])


@pytest.mark.parametrize(
    ("cpu", "memory", "which"),
    [(0, 0, SMALL), (2, 8, SMALL), (2.1, 8, MEDIUM), (2, 8.1, LARGE), (4.1, 1, LARGE)],
)
def test_the_cheapest_that_meets_every_need(cpu, memory, which):
    assert chosen(cpu, memory) == which


def test_order_of_the_candidates_decides_ties_only():
    choice = cheapest({"cpu": column(1)}, {"cpu": np.array([2.0, 2.0])}, np.array([1.0, 1.0]))
    assert choice.which[0] == 0


def test_what_no_candidate_has_is_met_as_far_as_it_goes():
    choice = cheapest({"cpu": column(100)}, {"cpu": HAS["cpu"]}, PRICE)
    assert choice.which[0] == LARGE


def test_an_impossible_need_does_not_hide_the_others():
    """Connections that no class has still leave the cheapest class with the most connections."""
    has = {"cpu": np.array([2.0, 4.0, 8.0]), "connections": np.array([100.0, 500.0, 500.0])}
    choice = cheapest({"cpu": column(1), "connections": column(9000)}, has, PRICE)
    assert choice.which[0] == MEDIUM


def test_a_candidate_of_unknown_price_is_never_chosen():
    choice = cheapest({"cpu": column(1)}, {"cpu": np.array([2.0, 4.0])}, np.array([np.inf, 9.0]))
    assert choice.which[0] == 1


def test_scenarios_choose_on_their_own():
    choice = cheapest({"cpu": column(1, 3), "memory": column(1, 60)}, HAS, PRICE)
    assert choice.which.tolist() == [SMALL, LARGE]
    assert choice.chosen(LARGE).tolist() == [[0.0], [1.0]]


def test_float_noise_is_forgiven():
    assert chosen(2 * (1 + 1e-12), 8) == SMALL


amount = st.floats(0, 100)
candidates = st.lists(st.tuples(amount, amount, st.floats(0.01, 10)), min_size=1, max_size=8)


@moderate
@given(candidates, st.tuples(amount, amount), st.tuples(amount, amount))
def test_it_is_what_trying_them_all_finds(rows, first, second):
    has = {"cpu": np.array([r[0] for r in rows]), "memory": np.array([r[1] for r in rows])}
    price = np.array([r[2] for r in rows])
    choice = cheapest({"cpu": column(first[0], second[0]), "memory": column(first[1], second[1])}, has, price)
    for scenario, (cpu, memory) in enumerate((first, second)):
        enough = [p for c, m, p in rows if cpu <= c * (1 + 1e-9) and memory <= m * (1 + 1e-9)]
        if enough:
            assert price[choice.which[scenario]] == min(enough)


@moderate
@given(candidates, st.tuples(amount, amount), st.tuples(amount, amount))
def test_more_need_never_gets_a_cheaper_one(rows, less, more):
    """Also where no candidate meets the need any more."""
    has = {"cpu": np.array([r[0] for r in rows]), "memory": np.array([r[1] for r in rows])}
    price = np.array([r[2] for r in rows])
    needs = {
        "cpu": column(less[0], less[0] + more[0]),
        "memory": column(less[1], less[1] + more[1]),
    }
    choice = cheapest(needs, has, price)
    assert price[choice.which[1]] >= price[choice.which[0]]

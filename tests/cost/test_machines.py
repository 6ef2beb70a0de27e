"""Machine-hours by the way they are bought."""

import numpy as np
import pytest
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.cost.machines import Fleet, purchased_hours

N1 = (1.0, 0.8, 0.6, 0.4)
N2 = (1.0, 0.8678, 0.733, 0.6)
MONTH = 730.0

weeks = st.lists(st.integers(0, 12), min_size=4, max_size=24).map(
    lambda hours: np.array([hours], dtype=float)
)
shares = st.floats(0, 1)


def fleet(running, ceiling: float | None = 20.0) -> Fleet:
    running = np.atleast_2d(np.asarray(running, dtype=float))
    floor = running.min(axis=1, keepdims=True)
    return Fleet(running, floor, None if ceiling is None else np.full((1, 1), ceiling))


def bought(running, spot=0.0, one=0.0, three=0.0, multipliers=None, ceiling: float | None = 20.0):
    return purchased_hours(fleet(running, ceiling), MONTH, spot, one, three, multipliers)


def expected(hours) -> float:
    return float(hours.expected[0, 0])


def billed_by_hand(running: np.ndarray, multipliers: tuple[float, ...]) -> float:
    """Bill machine by machine: the k-th runs in every hour in which at least k do, quarter after quarter."""
    bill = 0.0
    for machine in range(1, int(running.max()) + 1):
        part = float((running >= machine).mean())
        for index, multiplier in enumerate(multipliers):
            bill += multiplier * min(max(part - index * 0.25, 0.0), 0.25)
    return bill * MONTH


@moderate
@given(weeks, st.sampled_from([N1, N2]))
def test_sustained_use_is_what_billing_machine_by_machine_gives(running, multipliers):
    found = bought(running, multipliers=multipliers)
    net = expected(found.on_demand) - expected(found.sustained_use)
    assert net == pytest.approx(billed_by_hand(running, multipliers))


@pytest.mark.parametrize(
    ("share_of_month", "multipliers", "off"),
    [
        (1.0, N1, 0.30),
        (0.75, N1, 0.20),
        (0.5, N1, 0.10),
        (0.25, N1, 0.0),
        (0.1, N1, 0.0),
        (1.0, N2, 0.2),
        (0.5, N2, 0.0661),
    ],
)
def test_published_effective_discounts(share_of_month, multipliers, off):
    """Google's table: a month of N1 is 30 % off, three quarters 20 %, half 10 %, a quarter nothing."""
    hours = 40
    running = [1.0] * round(hours * share_of_month) + [0.0] * round(hours * (1 - share_of_month))
    found = bought(running, multipliers=multipliers)
    assert expected(found.sustained_use) / expected(found.on_demand) == pytest.approx(off, abs=3e-4)


def test_two_machines_in_turn_count_as_one():
    """Use is inferred: what runs one after the other is one machine for the whole month."""
    together = bought([1.0] * 4, multipliers=N1)
    assert expected(together.sustained_use) == pytest.approx(0.3 * MONTH)


def test_floor_and_ceiling_run_all_month():
    found = bought([2.0, 6.0], multipliers=N1, ceiling=10.0)
    assert float(found.sustained_use.floor[0, 0]) == pytest.approx(0.3 * 2 * MONTH)
    assert float(found.sustained_use.ceiling[0, 0]) == pytest.approx(0.3 * 10 * MONTH)


@moderate
@given(weeks, shares)
def test_spot_and_on_demand_are_all_the_hours(running, spot):
    found = bought(running, spot=spot)
    assert expected(found.spot) + expected(found.on_demand) == pytest.approx(running.mean() * MONTH)
    assert 0 <= expected(found.spot) <= running.mean() * MONTH + 1e-6


@moderate
@given(weeks, shares, st.floats(0, 0.5), st.floats(0, 0.5))
def test_commitments_are_paid_whether_used_or_not(running, spot, one, three):
    found = bought(running, spot, one, three)
    others = running.mean() * (1 - spot) * MONTH
    for hours, share in ((found.commit_1y, one), (found.commit_3y, three)):
        assert expected(hours) == pytest.approx(share * others)
        assert hours.floor is hours.ceiling, "a commitment does not scale"
    paid = expected(found.on_demand) + expected(found.commit_1y) + expected(found.commit_3y)
    assert paid >= others - 1e-6


@moderate
@given(weeks, st.floats(0, 0.5), st.floats(0, 0.5))
def test_on_demand_is_what_runs_above_the_commitment(running, one, three):
    found = bought(running, 0.0, one, three)
    committed = running.mean() * (one + three)
    assert expected(found.on_demand) == pytest.approx(np.maximum(running - committed, 0).mean() * MONTH)


@moderate
@given(weeks, st.floats(0, 1))
def test_a_committed_hour_gets_no_sustained_use_discount(running, one):
    """The two do not stack: what is committed is not on demand, and only on demand is discounted."""
    found = bought(running, one=one, multipliers=N1)
    assert expected(found.sustained_use) <= 0.3 * expected(found.on_demand) + 1e-6


def test_all_committed_and_steady_leaves_nothing_to_discount():
    found = bought([5.0] * 8, one=1.0, multipliers=N1)
    assert expected(found.on_demand) == pytest.approx(0)
    assert expected(found.sustained_use) == pytest.approx(0)


@moderate
@given(weeks, shares, st.floats(0, 0.5))
def test_on_demand_at_floor_average_and_ceiling_is_in_order(running, spot, one):
    found = bought(running, spot, one, multipliers=N1).on_demand
    floor, average, ceiling = (float(v[0, 0]) for v in (found.floor, found.expected, found.ceiling))
    assert floor <= average + 1e-9
    assert average <= ceiling + 1e-9


def test_an_open_ceiling_stays_open():
    found = bought([1.0, 2.0], multipliers=N1, ceiling=None)
    assert found.on_demand.ceiling is None
    assert found.sustained_use.ceiling is None


def test_scenarios_are_bought_apart():
    running = np.array([[1.0, 3.0], [5.0, 5.0]])
    column = np.array([[0.0], [0.5]])
    together = purchased_hours(fleet(running), MONTH, column, 0.0, 0.0, N1)
    for index, spot in enumerate((0.0, 0.5)):
        alone = purchased_hours(fleet(running[index]), MONTH, spot, 0.0, 0.0, N1)
        for name in ("spot", "on_demand", "sustained_use"):
            assert getattr(together, name).expected[index, 0] == pytest.approx(expected(getattr(alone, name)))

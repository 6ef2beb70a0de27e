"""Changes of level are found where they are, and growth as fast as it is."""

import numpy as np
import pytest
from history.recorded import MONDAY, history, weekly

from capplan.history.levels import growth_of, level_changes


@pytest.mark.parametrize("factor", [0.5, 1.6, 3.0])
def test_a_step_is_found_on_its_day(factor):
    load = weekly(12)
    load[24 * 40 :] *= factor
    (change,) = level_changes(history(load))
    assert change.at_s == MONDAY.timestamp() + 40 * 86_400
    assert change.after / change.before == pytest.approx(factor, rel=0.06)


def test_a_step_is_found_wherever_the_history_begins():
    load = weekly(12)[7:]
    load[24 * 40 - 7 :] *= 2
    begins = history(load)._replace(begins_s=MONDAY.timestamp() + 7 * 3600)
    (change,) = level_changes(begins)
    assert abs(change.at_s - MONDAY.timestamp() - 40 * 86_400) <= 43_200


def test_neither_a_trend_nor_a_season_nor_a_spike_is_a_change():
    spiked = weekly(12)
    spiked[700:706] *= 20
    days = np.arange(1500)
    yearly = (
        1000
        * (1 + 0.8 * np.sign(np.sin(2 * np.pi * days / 364)))
        * np.exp(np.random.default_rng(1).normal(0, 0.1, 1500))
    )
    for load in (weekly(26, growth=0.05), weekly(12), spiked):
        assert level_changes(history(load)) == []
    assert level_changes(history(yearly, 86_400.0)) == []
    assert level_changes(history(weekly(1))) == []


def test_growth_a_month_lies_in_its_interval():
    for growth in (-0.03, 0.0, 0.02):
        found = growth_of(history(weekly(30, growth=growth)), None)
        monthly = np.exp(growth * 365 / 12 / 7) - 1
        assert found.p50 == pytest.approx(monthly, abs=0.01)
        assert found.p5 - 0.004 <= monthly <= found.p95 + 0.004


@pytest.mark.parametrize("season", [0.0, 0.3])
@pytest.mark.parametrize("years", [2.1, 3.0, 4.3])
def test_growth_over_years_is_neither_a_season_nor_a_change_of_level(years, season):
    """What grows all the time is higher in December than in January, and yet no season."""
    days = np.arange(int(years * 364))
    noise = np.random.default_rng(2).normal(0, 0.03, days.size)
    load = 1e6 * 1.02 ** (days * 12 / 365) * (1 + season * np.sin(2 * np.pi * days / 364)) * np.exp(noise)
    found = growth_of(history(load, 86_400.0), None)
    assert found.p50 == pytest.approx(0.02, abs=0.003)
    assert level_changes(history(load, 86_400.0)) == []


def test_a_step_among_years_of_growth_stays_one():
    days = np.arange(3 * 364)
    noise = np.exp(np.random.default_rng(3).normal(0, 0.03, days.size))
    for monthly, day in ((1.0, 700), (1.02, 700), (1.02, 500), (1.02, 200)):
        load = 1e6 * monthly ** (days * 12 / 365) * np.where(days < day, 1, 2) * noise
        (change,) = level_changes(history(load, 86_400.0))
        assert abs(change.at_s - MONDAY.timestamp() - day * 86_400) <= 7 * 86_400
        assert growth_of(history(load, 86_400.0), change.at_s).p50 == pytest.approx(monthly - 1, abs=0.006)


def test_growth_counts_from_the_last_change_of_level():
    load = weekly(20)
    load[168 * 10 :] *= 2
    whole = history(load)
    (change,) = level_changes(whole)
    assert growth_of(whole, change.at_s).p50 == pytest.approx(0, abs=0.02)
    assert growth_of(whole, None).p50 > 0.1
    assert growth_of(history(weekly(3)), None) is None


def test_intervals_of_growth_hold_the_truth():
    """Weekly levels that wander by themselves, 40 histories."""
    held = 0
    for seed in range(40):
        levels = np.exp(np.random.default_rng(seed).normal(0.0, 0.05, 20))
        found = growth_of(history(weekly(20, seed=seed) * np.repeat(levels, 168)), None)
        held += found.p5 <= 0 <= found.p95
    assert 0.8 <= held / 40 <= 1.0

"""Forecasts: better than the last season again, and intervals that hold as often as they say."""

import numpy as np
import pytest
from history.recorded import history, weekly

from capplan.errors import InputError
from capplan.history import mstl
from capplan.history.forecast import outlook, seasons_of
from capplan.history.read import History


def test_noise_around_a_season_is_averaged_out():
    found = outlook(history(weekly(8, noise=0.2)), None)
    assert found.season == found.middle.size == 168
    assert found.backtest.mase < 0.85 * found.backtest.naive_mase
    assert found.middle == pytest.approx(weekly(9, noise=0)[-168:], rel=0.4)
    assert (found.low < found.middle).all()
    assert (found.middle < found.high).all()


@pytest.mark.parametrize("days", [2, 2.5, 3])
def test_two_days_are_forecast_though_their_season_has_not_come_three_times(days):
    found = outlook(history(weekly(days / 7)), None)
    assert found.season == 1
    assert (found.low < found.high).all()


@pytest.mark.parametrize("growth", [-0.3, 0.3])
def test_the_middle_of_a_steep_trend_lies_within_its_interval(growth):
    found = outlook(history(weekly(6, growth=growth, noise=0.01)), None)
    assert (found.low <= found.middle).all()
    assert (found.middle <= found.high).all()


def test_a_level_that_wanders_is_followed():
    rng = np.random.default_rng(5)
    load = weekly(2, noise=0.05) * np.exp(np.cumsum(rng.normal(0, 0.03, 336)))
    test = outlook(history(load), None).backtest
    assert test.mase < test.naive_mase


def test_the_last_season_again_wins_where_nothing_beats_it():
    load = weekly(6, noise=0.0)
    test = outlook(history(load + np.arange(load.size)), None).backtest
    assert test.mase <= 1.05 * test.naive_mase


def test_the_error_is_scaled_by_seasonal_naive():
    """MASE as Hyndman and Koehler (2006) define it: what grows by the same each season has exactly 1."""
    values = np.tile([10.0, 20.0], 40) + np.arange(80) // 2 * 3.0
    test = outlook(history(values, 12 * 3600.0), 86_400).backtest
    assert test.naive_mase == pytest.approx(1)


@pytest.mark.parametrize("weeks", [2, 6])
def test_intervals_hold_what_comes_in_nine_of_ten_cases(weeks):
    """Forecasts of what nobody has seen, over 24 histories."""
    inside = []
    for seed in range(24):
        load = weekly(weeks + 1, noise=0.3, seed=seed)
        found = outlook(history(load[:-168]), None)
        came = load[-168:][: found.middle.size]
        inside.append(((came >= found.low) & (came <= found.high)).mean())
    assert 0.85 <= np.mean(inside) <= 0.95


def test_missing_steps_cost_little():
    whole = history(weekly(6, noise=0.2))
    values = whole.values.copy()
    values[300:380] = np.nan
    values[::17] = np.nan
    found = outlook(whole._replace(values=values), None)
    assert np.isfinite(found.middle).all()
    assert found.backtest.mase < found.backtest.naive_mase
    assert 0.8 <= found.backtest.coverage <= 0.98


def test_a_year_of_daily_views_has_weeks_and_a_month_ahead():
    days = np.arange(800)
    load = 100 * np.where(days % 7 >= 5, 0.5, 1) * np.exp(np.random.default_rng(2).normal(0, 0.1, 800))
    found = outlook(history(load, 86_400.0), None)
    assert (found.season, found.middle.size) == (7, 28)
    assert found.backtest.mase < found.backtest.naive_mase


@pytest.mark.parametrize(("size", "horizon_s"), [(20, None), (400, 500 * 3600.0)])
def test_too_short_a_history_is_refused(size, horizon_s):
    with pytest.raises(InputError, match="too little to forecast"):
        outlook(history(weekly(4)[:size]), horizon_s)


def test_another_candidate_counts_as_far_as_it_is_right():
    load = weekly(6, noise=0.3)
    plain = outlook(history(load), None).backtest
    small = 0.1 * load.mean()

    def knows(logs, horizon):
        return np.log1p(load[: logs.size + horizon][-horizon:] / small)

    def errs(logs, horizon):
        return np.full(horizon, 9.0)

    assert outlook(history(load), None, knows).backtest.mase < 0.7 * plain.mase
    assert outlook(history(load), None, errs).backtest.mase == pytest.approx(plain.mase, rel=0.02)


def test_mstl_competes_where_it_is_installed():
    pytest.importorskip("statsforecast", reason="statsforecast, of capplan[forecast], is not installed")
    whole = history(weekly(5))
    found = outlook(whole, 86_400.0, mstl.candidate(seasons_of(whole)))
    assert found.middle == pytest.approx(weekly(6, noise=0)[-168:-144], rel=0.4)


def test_nothing_in_common_with_the_clock_is_needed():
    short: History = history(np.random.default_rng(0).poisson(5, 300).astype(float), 10.0)
    found = outlook(short, None)
    assert found.season == 1
    assert found.backtest.mase < found.backtest.naive_mase

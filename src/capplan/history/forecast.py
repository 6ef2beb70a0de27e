"""A load some steps ahead: simple forecasts weighted by how each has done, and intervals that have held.

The candidates are, for each season that fits, the last season again (seasonal naive), a mean of the seasons
in which each counts three quarters of the next, and the same at the level of the last hours; and the level
alone. From many origins in the past each is compared with what came. A forecast is their mean, weighted by
the errors of all earlier origins relative to seasonal naive. Its interval holds 90 % of the errors of
earlier origins, and is widened or narrowed after each until it has held as often as it says (after Gibbs
and Candès, 2021, on the logarithm of the width). All is computed on ln(1 + y/0.1 mean), so that nothing
becomes negative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array
from capplan.demand.steps import duration
from capplan.errors import InputError, Problem
from capplan.history.read import History
from capplan.quantities import DAY_S

COVERS = 0.9
_LEAST = 30
"""Steps below which there is nothing to learn from."""

_ORIGINS = 36
_UNSCORED = 12
"""Origins at the beginning whose forecasts are not scored: weights and intervals are still new."""

_SMALL = 0.1
_MOST_SEASONS = 60
_FADING = 0.75
_ERRORS_FADE = 0.9
_SHARPNESS = 12.0
"""Power of the error by which candidates are weighted: one that errs 10 % more counts a third."""

_TRUST = 0.9
"""Error that seasonal naive is credited with: others must beat it by a tenth before they count more."""

_FEWEST_ERRORS = 20
_WIDER = 1.5
_WIDEST = 6.0

Flags = NDArray[np.bool_]
Candidate = Callable[[Array, int], Array]
"""Forecasts so many steps from the logarithms so far; both (steps,)."""


class Backtest(NamedTuple):
    """How forecasts from the past did, all scored origins together.

    mase: mean absolute error ÷ that of the last season repeated, in the history; naive_mase: the same of
    seasonal naive from the same origins; both None where every season repeats the last one exactly.
    coverage: share of what came that lay within the interval.
    level_errors: ln(mean of what came ÷ mean of the forecast) of each scored origin.
    """

    origins: int
    mase: float | None
    naive_mase: float | None
    coverage: float
    level_errors: Array


class Outlook(NamedTuple):
    """The steps after the history, (horizon,): middle, and the ends of the interval."""

    season: int
    middle: Array
    low: Array
    high: Array
    backtest: Backtest


class _Origin(NamedTuple):
    """What was forecast at ``at``, (candidates, steps), and what came; all as logarithms.

    middle, low, high: the forecast as it was made then, (steps,); the ends are NaN while few errors are
    known.
    """

    at: int
    candidates: Array
    came: Array
    middle: Array
    low: Array
    high: Array


def outlook(history: History, horizon_s: float | None, extra: Candidate | None = None) -> Outlook:
    """Return the forecast of a history for ``horizon_s`` seconds, one season if None.

    extra: one more candidate. Raises :class:`InputError` where the history is too short for the horizon.
    """
    season = season_of(history)
    size = history.values.size
    horizon = _horizon(history, season, horizon_s)
    first = max(2 * season + 1, min(size // 4, size - horizon - 1))
    if size < _LEAST or first > size - horizon:
        span = duration(size * history.step_s)
        what = f"holds {span} in {size} steps, too little to forecast {duration(horizon * history.step_s)}"
        raise InputError(Problem(history.name, what, "Record for longer, or shorten --horizon."))
    origins = np.unique(np.linspace(first, size - horizon, _ORIGINS).astype(int)).tolist()
    seasons = sorted({season, *seasons_of(history)})
    small = _SMALL * float(np.nanmean(history.values))
    logs = np.log1p(history.values / small)
    naive = 3 * seasons.index(season)
    past: list[_Origin] = []
    for at in [*origins, size]:
        made = _candidates(logs[:at], seasons, horizon, extra)
        past.append(_forecast(past, at, made, logs[at : at + horizon], naive, small))
    last = past.pop()
    low, middle, high = (small * np.expm1(np.maximum(x, 0)) for x in (last.low, last.middle, last.high))
    low, high = np.minimum(low, middle), np.maximum(high, middle)  # errors that all lie on one side
    return Outlook(season, middle, low, high, _scored(past, history.values, season, naive, small))


def season_of(history: History) -> int:
    """Return the steps of the longest season up to a week that has come three times and more, or 1."""
    fitting = [
        s
        for s in seasons_of(history)
        if s * history.step_s <= 7 * DAY_S and 3 * s + s // 3 <= history.values.size
    ]
    return max(fitting, default=1)


def seasons_of(history: History) -> list[int]:
    """Return the day, the week and the year in steps, where that is a season at all."""
    steps = [length * DAY_S / history.step_s for length in (1, 7, 364)]
    fit = [round(s) for s in steps if 2 <= s <= 1000 and abs(s - round(s)) < 1e-6]
    return [s for s in fit if 2 * s <= history.values.size] or [1]


def _horizon(history: History, season: int, horizon_s: float | None) -> int:
    if horizon_s is not None:
        return max(1, round(horizon_s / history.step_s))
    if season == 1:
        return max(6, history.values.size // 16)
    return season if season >= 24 else max(season, round(28 * DAY_S / history.step_s))


def _candidates(logs: Array, seasons: Sequence[int], horizon: int, extra: Candidate | None) -> Array:
    """Return every forecast, (candidates, horizon), NaN where too little has been seen for one."""
    rows = []
    for season in seasons:
        rows += _seasonal(logs, season, horizon)
    rows += [np.full(horizon, _level(logs, steps)) for steps in (3, 24)]
    if extra is not None:
        rows.append(extra(logs, horizon))
    return np.array(rows)


def _seasonal(logs: Array, season: int, horizon: int) -> list[Array]:
    """Return the last season again, the mean of the seasons, and that at the level of the last seventh."""
    if logs.size < season + max(season // 7, 2):
        return [np.full(horizon, np.nan)] * 3
    ahead = np.arange(horizon) % season
    naive, usual = (_shape(logs, season, fading) for fading in (0.0, _FADING))
    recent = {24: 6, 7: 3}.get(season, max(season // 7, 3) if season > 7 else 3)
    off = _level(logs - usual[np.arange(-logs.size, 0) % season], recent)
    return [naive[ahead], usual[ahead], usual[ahead] + off]


def _shape(logs: Array, season: int, fading: float) -> Array:
    """Return the mean of each place in the season, (season,): a season counts ``fading`` of the next."""
    count = min(-(-logs.size // season), _MOST_SEASONS)
    tail = logs[-count * season :]
    table = np.concatenate([np.full(count * season - tail.size, np.nan), tail]).reshape(count, season)
    known = ~np.isnan(table)
    weights = np.maximum(fading, 1e-9) ** np.arange(count - 1, -1, -1)[:, None] * known
    total = weights.sum(axis=0)
    mean = (np.where(known, table, 0.0) * weights).sum(axis=0)
    shape: Array = np.divide(mean, total, out=np.full(season, np.nanmean(logs)), where=total > 0)
    return shape


def _level(logs: Array, steps: int) -> float:
    """Return the mean of the last steps, in which each ``steps`` back count half."""
    tail = logs[-4 * steps - 1 :]
    weights = 0.5 ** (np.arange(tail.size - 1, -1, -1) / steps) * ~np.isnan(tail)
    total = float(weights.sum())
    return float(np.nansum(tail * weights) / total) if total > 0 else float(np.nanmean(logs))


def _forecast(
    past: Sequence[_Origin], at: int, made: Array, came: Array, naive: int, small: float
) -> _Origin:
    """Return the forecast from ``at``, made with what was known then."""
    shares = _weights(past, at, made, naive, small)
    usable = shares > 0
    middle: Array = shares[usable] @ made[usable]
    errors = [each.came[: at - each.at] - each.middle[: at - each.at] for each in _seen(past, at)]
    below, above = _ends(np.concatenate([np.zeros(0), *errors]))
    half = _width(past, at) * (above - below) / 2
    centre = middle + (above + below) / 2
    return _Origin(at, made, came, middle, centre - half, centre + half)


def _seen(past: Sequence[_Origin], at: int) -> list[_Origin]:
    """Return the origins of which enough has come until ``at`` to judge them by."""
    return [each for each in past if at - each.at >= max(1, each.came.size // 8)]


def _ends(errors: Array) -> tuple[float, float]:
    """Return the errors between which lie as many as the interval covers; NaN where few are known."""
    known = errors[~np.isnan(errors)]
    if known.size < _FEWEST_ERRORS:
        return np.nan, np.nan
    below, above = np.quantile(known, [(1 - COVERS) / 2, (1 + COVERS) / 2])
    return float(below), float(above)


def _weights(past: Sequence[_Origin], at: int, made: Array, naive: int, small: float) -> Array:
    """Return the share of each candidate, (candidates,); 0 for those that cannot forecast from here."""
    errors, counts = np.zeros(len(made)), np.zeros(len(made))
    for age, each in enumerate(reversed(_seen(past, at))):
        relative = _relative_errors(each, at - each.at, naive, small)
        known = ~np.isnan(relative)
        errors[known] += _ERRORS_FADE**age * relative[known]
        counts[known] += _ERRORS_FADE**age
    error = (errors + 1) / (counts + 1)
    error[naive] *= _TRUST
    able = ~np.isnan(made[:, 0])
    shares = np.where(able, (error / error[able].min()) ** -_SHARPNESS, 0.0)
    total: Array = shares / shares.sum()
    return total


def _relative_errors(each: _Origin, steps: int, naive: int, small: float) -> Array:
    """Return the mean error of each candidate ÷ that of seasonal naive, at most 2; NaN if unknown."""
    came = each.came[:steps]
    known = ~np.isnan(came)
    forecasts = each.candidates[:, : came.size][:, known]
    with np.errstate(over="ignore"):
        off = np.abs(np.expm1(forecasts) - np.expm1(came[known])) * small
    errors = off.mean(axis=1) if known.any() else np.full(len(off), np.nan)
    return np.minimum(errors / errors[naive], 2.0) if errors[naive] > 0 else np.full(len(off), np.nan)


def _width(past: Sequence[_Origin], at: int) -> float:
    """Return by what the interval is wider than the errors so far: more after it did not hold."""
    width = _WIDER
    for each in past:
        known = each.came[: at - each.at]
        if at - each.at < each.came.size / 2 or np.isnan(each.low[0]) or np.isnan(known).all():
            continue
        inside = _inside(each)[: at - each.at][~np.isnan(known)]
        width = min(max(width * float(np.exp(COVERS - inside.mean())), 1.0), _WIDEST)
    return width


def _inside(each: _Origin) -> Flags:
    """Say of each step whether what came lies within the interval; not, where nothing came."""
    held: Flags = (each.came >= each.low) & (each.came <= each.high)
    return held


def _scored(past: Sequence[_Origin], values: Array, season: int, naive: int, small: float) -> Backtest:
    """Return how the forecasts did, but for those of the first origins."""
    scored = past[_UNSCORED if len(past) > 2 * _UNSCORED else len(past) // 3 :]
    came = small * np.expm1(np.concatenate([each.came for each in scored]))
    middle = small * np.expm1(np.concatenate([each.middle for each in scored]))
    repeated = small * np.expm1(np.concatenate([each.candidates[naive] for each in scored]))
    known = ~np.isnan(came)
    unit = float(np.nanmean(np.abs(values[season:] - values[:-season])))
    judged = known & ~np.isnan(np.concatenate([each.low for each in scored]))
    inside = np.concatenate([_inside(each) for each in scored])
    return Backtest(
        origins=len(scored),
        mase=float(np.abs(middle - came)[known].mean()) / unit if unit > 0 else None,
        naive_mase=float(np.abs(repeated - came)[known].mean()) / unit if unit > 0 else None,
        coverage=float(inside[judged].mean()) if judged.any() else float("nan"),
        level_errors=_level_errors(scored),
    )


def _level_errors(scored: Sequence[_Origin]) -> Array:
    found = []
    for each in scored:
        known = ~np.isnan(each.came)
        means = [float(np.expm1(x[known]).mean()) for x in (each.came, each.middle)] if known.any() else [0.0]
        if min(means) > 0:
            found.append(float(np.log(means[0] / means[1])))
    return np.array(found)

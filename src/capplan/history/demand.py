"""What a history says of a plan's demand: volume, profile, peak, growth and bursts, as intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.demand.profiles import BEGINS_S, HOURS
from capplan.demand.steps import duration, means_at
from capplan.errors import InputError, Problem
from capplan.history.forecast import Outlook
from capplan.history.levels import Quantiles
from capplan.history.read import History
from capplan.plan.demand import Demand
from capplan.plan.edit import short
from capplan.quantities import DAY_S, HOUR_S

_ENDS = (0.05, 0.5, 0.95)
_FEWEST = 3
"""Periods, or hours, from which an interval can be taken."""

_RECENT_WEEKS = 8
_LONGEST_WINDOW_S = 60.0
_FEWEST_WINDOWS = 30


class FoundDemand(NamedTuple):
    """The fields of a demand that a history tells; None for the others, and ``unknown`` says why.

    profile: 24 or 168 loads of hours relative to the mean, a week from Monday midnight on.
    """

    requests_per_day: Quantiles | None
    profile: Sequence[float] | None
    peak_to_average: Quantiles | None
    growth_per_month: Quantiles | None
    ca2: Quantiles | None
    unknown: Mapping[str, str]


def measured(fine: History, history: History, found: Outlook, growth: Quantiles | None) -> FoundDemand:
    """Return what a history says of demand; ``fine`` has the file's steps, ``history`` the forecast's."""
    span = history.values.size * history.step_s
    unknown = {}
    if span < DAY_S:
        unknown["requests_per_day"] = f"it covers {duration(span)}, less than a day"
    if growth is None:
        unknown["growth_per_month"] = "it takes four weeks at one level to tell"
    if fine.step_s > _LONGEST_WINDOW_S:
        unknown["ca2"] = f"bursts within an hour do not show in steps of {duration(fine.step_s)}"
    why = _shapeless(history, span)
    if why:
        unknown["profile"] = unknown["peak_to_average"] = why
    profile = None if why else _profile(history)
    return FoundDemand(
        requests_per_day=None if span < DAY_S else _volume(history, found),
        profile=profile,
        peak_to_average=None if profile is None else _peak(history),
        growth_per_month=growth,
        ca2=None if "ca2" in unknown else _bursts(fine),
        unknown=unknown,
    )


def _volume(history: History, found: Outlook) -> Quantiles:
    """Return the requests of a day in the time that is forecast, as far off as such means have been."""
    errors = found.backtest.level_errors
    off = np.quantile(errors if errors.size >= _FEWEST else np.zeros(1), _ENDS)
    mean = float(found.middle.mean())
    if found.season * history.step_s < DAY_S:  # then the mean of what is forecast is not that of a day
        mean, off = float(np.nanmean(history.values[-int(DAY_S // history.step_s) :])), off - off[1]
    return Quantiles(*(mean / history.unit_s * DAY_S * np.exp(off)).tolist())


def _shapeless(history: History, span: float) -> str:
    if history.step_s > HOUR_S:
        return f"hours do not show in steps of {duration(history.step_s)}"
    if span < 2 * DAY_S:
        return f"it covers {duration(span)}, less than two days"
    return "" if history.has_clock else "the file does not say at which hour it begins"


def _by_hour(history: History) -> tuple[Array, int]:
    """Return means of the hours since a Monday at midnight, NaN where unknown, and the hours of a period."""
    hours = np.floor((history.begins_s - BEGINS_S + np.arange(history.values.size) * history.step_s) / HOUR_S)
    weekly = history.values.size * history.step_s >= 14 * DAY_S
    period = HOURS if weekly else 24
    places = (hours - hours[0] + hours[0] % period).astype(np.intp)
    return means_at(places, history.values, -(-int(places[-1] + 1) // period) * period), period


def _profile(history: History) -> list[float]:
    """Return the mean of each hour in the last weeks ÷ the mean of all, to three digits."""
    hours, period = _by_hour(history)
    recent = hours[-_RECENT_WEEKS * HOURS :]
    means = means_at(np.arange(recent.size) % period, recent, period)
    means = np.where(np.isnan(means), np.nanmean(means), means)
    return [float(f"{x:.3g}") for x in means / means.mean()]


def _peak(history: History) -> Quantiles | None:
    """Return the busiest hour ÷ the mean, of each period that is known for the most part."""
    hours, period = _by_hour(history)
    table = hours.reshape(-1, period)
    full = table[np.isnan(table).mean(axis=1) <= 0.1]
    means = full.mean(axis=1, where=~np.isnan(full))
    ratios = full.max(axis=1, where=~np.isnan(full), initial=0.0)[means > 0] / means[means > 0]
    if ratios.size < _FEWEST:
        ratios = np.repeat(ratios.max(initial=np.nanmax(hours) / np.nanmean(hours)), _FEWEST)
    return Quantiles(*np.quantile(ratios, _ENDS).tolist())


def _bursts(fine: History) -> Quantiles | None:
    """Return variance ÷ mean of the requests in a step, hour by hour, about the trend of the hour."""
    per = min(round(HOUR_S / fine.step_s), fine.values.size)
    counts = fine.values / fine.unit_s * fine.step_s
    table = counts[: counts.size // per * per].reshape(-1, per)
    table = table[~np.isnan(table).any(axis=1) & (np.nan_to_num(table).sum(axis=1) > 0)]
    if per < _FEWEST_WINDOWS or not table.size:
        return None
    x = np.arange(per) - (per - 1) / 2
    off = table - table.mean(axis=1, keepdims=True)
    off -= (off @ x / (x @ x))[:, None] * x
    ratios = (off**2).sum(axis=1) / (per - 2) / table.mean(axis=1)
    return Quantiles(*np.quantile(ratios, _ENDS).tolist())


def changes(
    found: FoundDemand, demand: Demand, hours_per_month: float, history: History
) -> Mapping[Sequence[str], object]:
    """Return the fields of a plan's ``demand`` to write, by path; a field that is None goes.

    The volume stays in the unit in which the plan gives it. A profile takes the place of a trace.
    """
    source = {"source": "measured", "from": f"{Path(history.name).name}, {recorded(history)}"}
    fields: dict[str, Any] = {}
    if found.requests_per_day is not None:
        name, scale = _volume_field(demand, hours_per_month)
        fields[name] = Quantiles(*(value * scale for value in found.requests_per_day))
    if found.profile is not None:
        fields |= {"trace": None, "profile": list(found.profile)}
    fields |= {
        name: value
        for name in ("peak_to_average", "growth_per_month", "ca2")
        if (value := getattr(found, name)) is not None
    }
    if not fields:
        reasons = "; ".join(f"{name}: {why}" for name, why in found.unknown.items())
        raise InputError(Problem(history.name, "tells nothing of a plan's demand", f"{reasons}."))
    return {
        ("demand", name): {**_rounded(value, name), **source} if isinstance(value, Quantiles) else value
        for name, value in fields.items()
    }


def _volume_field(demand: Demand, hours_per_month: float) -> tuple[str, float]:
    """Return the field in which a plan gives its volume, and what one request a day is in it."""
    if demand.requests_per_second is not None:
        return "requests_per_second", 1 / DAY_S
    if demand.requests_per_month is not None:
        return "requests_per_month", hours_per_month / 24
    if demand.users_per_day is not None and demand.requests_per_user:
        return "users_per_day", 1 / float(demand.requests_per_user)
    return "requests_per_day", 1.0


def _rounded(value: Quantiles, field: str) -> dict[str, float | str]:
    """Return a figure to four digits, whole where it is; a share above 1 is only one in percent."""
    rounded = {name: short(each) for name, each in value._asdict().items()}
    if field == "growth_per_month" and value.p95 > 1:
        return {name: f"{100 * each:g}%" for name, each in rounded.items()}
    return dict(rounded)


def recorded(history: History) -> str:
    """Return from when to when a history was recorded; how long, where its times have no date."""
    ends_s = history.begins_s + history.values.size * history.step_s
    if not history.has_clock:
        return duration(ends_s - history.begins_s)
    return " to ".join(f"{datetime.fromtimestamp(s, UTC):%Y-%m-%d}" for s in (history.begins_s, ends_s))

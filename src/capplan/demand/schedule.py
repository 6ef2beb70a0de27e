"""Cron triggers over time, as KEDA's cron scaler decides.

A trigger is active while its next end comes before its next start, both strictly in the future
(kedacore/keda@8b4f083c, pkg/scalers/cron_scaler.go).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats, per_scenario
from capplan.demand.load import Pattern
from capplan.demand.profiles import BEGINS_S, HOURS
from capplan.plan.cron import CronTimes, parse_cron, zone_of
from capplan.plan.workload import CronTrigger
from capplan.quantities import DAY_S, HOUR_S

Numbers = NDArray[np.int64]

_AHEAD_MINUTES = 366 * 24 * 60
_LAST_S = 253_300_000_000
"""In 9996, near enough to the last year that calendars know."""

_NEVER = np.iinfo(np.int64).max


def scheduled(triggers: Sequence[CronTrigger], begins_s: float, tick_s: float, ticks: int) -> Array:
    """Return the instances that the triggers ask for at the beginning of each tick, (ticks,).

    ``begins_s``: when the first begins, since 1970 in UTC. Of several active triggers the highest counts.
    """
    minute = ((begins_s + np.arange(ticks) * tick_s) // 60).astype(np.int64)
    minutes = np.arange(minute[0], minute[-1] + _AHEAD_MINUTES)
    asked = np.zeros(ticks)
    for trigger in triggers:
        local_s = 60 * minutes + _offsets_s(minutes, trigger.timezone)
        start, end = (_next(_fires(parse_cron(text), local_s)) for text in (trigger.start, trigger.end))
        active = (end <= start) & (end != _NEVER)
        asked = np.maximum(asked, np.where(active[minute - minute[0]], float(trigger.replicas), 0.0))
    return asked


def runs(schedule: str, zone: str, duration_s: Floats, pattern: Pattern) -> Array:
    """Return the share of each hour in which a job runs, one run at a time, (scenarios | 1, hours).

    A profile is a week of 168 hours that stands for a year: an hour holds what runs in it on average.
    """
    weekly = pattern.begins_s == BEGINS_S
    weeks, step_s, hours = (52, HOUR_S, HOURS) if weekly else (1, pattern.step_s, len(pattern.shape))
    edges_s: Array = np.asarray(pattern.begins_s + np.arange(weeks * hours + 1) * step_s, dtype=float)
    taken, which = np.unique(np.ceil(per_scenario(duration_s)), return_inverse=True)
    busy = [_busy_s(schedule, zone, float(seconds), edges_s) for seconds in taken]
    shares = np.diff(np.stack(busy)).reshape(len(taken), weeks, hours).mean(axis=1) / step_s
    found: Array = shares[which.ravel()]
    return found


def _busy_s(schedule: str, zone: str, duration_s: float, edges_s: Array) -> Array:
    """Return for how long a job has run until each of ``edges_s``, in seconds; a start ends the last run."""
    minutes = min(duration_s / 60, _AHEAD_MINUTES)
    starts_s = 60.0 * _starts(schedule, zone, int(edges_s[0] // 60 - minutes), int(edges_s[-1] // 60) + 1)
    if not starts_s.size or duration_s <= 0:
        return np.zeros(edges_s.shape)
    lasts_s = np.minimum(duration_s, np.diff(starts_s, append=np.inf))
    before_s = np.concatenate([[0.0], np.cumsum(lasts_s)])
    last = np.searchsorted(starts_s, edges_s, side="right") - 1
    running_s = before_s[last] + np.minimum(edges_s - starts_s[last], lasts_s[last])
    return np.where(last >= 0, running_s, 0.0)


@lru_cache(maxsize=64)
def _starts(schedule: str, zone: str, first: int, last: int) -> Numbers:
    """Return the minutes since 1970 from ``first`` up to ``last`` in which a job starts."""
    minutes = np.arange(first, last)
    local_s = 60 * minutes + _offsets_s(minutes, zone)
    return minutes[_fires(parse_cron(schedule), local_s)]


def _offsets_s(minutes: Numbers, zone: str) -> Numbers:
    """Return how far local time is ahead; it is looked up every quarter of an hour, when zones change."""
    local = zone_of(zone)
    quarters = range(int(minutes[0]) // 15, int(minutes[-1]) // 15 + 1)
    offsets = [datetime.fromtimestamp(min(900 * q, _LAST_S), local).utcoffset() for q in quarters]
    seconds = np.array([0 if offset is None else int(offset.total_seconds()) for offset in offsets])
    return np.asarray(seconds[minutes // 15 - quarters[0]])


def _fires(times: CronTimes, local_s: Numbers) -> NDArray[np.bool_]:
    day = local_s // int(DAY_S)
    date = day.astype("datetime64[D]")
    month = date.astype("datetime64[M]")
    in_day = np.isin((date - month).astype(int) + 1, list(times.days))
    # The first of January 1970 was a Thursday.
    in_week = np.isin((day + 4) % 7, list(times.weekdays))
    fires = (in_day | in_week) if times.either_day else (in_day & in_week)
    fires &= np.isin(month.astype(int) % 12 + 1, list(times.months))
    fires &= np.isin(local_s // int(HOUR_S) % 24, list(times.hours))
    return fires & np.isin(local_s // 60 % 60, list(times.minutes))


def _next(fires: NDArray[np.bool_]) -> Numbers:
    """Return, for each minute, the next one after it that fires."""
    places = np.where(fires, np.arange(len(fires)), _NEVER)
    following = np.minimum.accumulate(places[::-1])[::-1]
    return np.append(following[1:], _NEVER)

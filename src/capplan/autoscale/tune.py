"""Settings that hold the SLO for less: searched on one part of the load, tested on the other."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan import executors
from capplan.arrays import Array
from capplan.autoscale.bill import Run, bill
from capplan.autoscale.choice import ScalerChoice, choices, chosen, overlay
from capplan.autoscale.compiled import COMPILED
from capplan.autoscale.loop import FIXED
from capplan.autoscale.setup import Subject
from capplan.autoscale.simulation import Outcome, Prepared, SimulatedSeries, outcome, requests_of, series_of
from capplan.errors import InputError, Problem, nearest
from capplan.quantities import DAY_S

Mask = NDArray[np.bool_]

ALLOWED_LATE = 0.001
"""Share of the requests that may come while the SLO is broken."""

_BUDGET = 1000 if COMPILED else 40
_FRONT = 8
_TOGETHER = 20 if COMPILED else 2
"""Settings that another process tries before it hands them over."""


class Trial(NamedTuple):
    """A choice and what it came to: instances and late requests where it was searched, and elsewhere.

    usd_per_month: of the whole plan; NaN until it is known.
    """

    choice: ScalerChoice
    instances: float
    late: float
    late_elsewhere: float
    usd_per_month: float

    @property
    def holds(self) -> bool:
        """Whether the SLO is kept, also on the load that was not searched."""
        return max(self.late, self.late_elsewhere) <= ALLOWED_LATE


class Search(NamedTuple):
    """One service, and the settings to try: first today's."""

    subject: Subject
    choices: Sequence[ScalerChoice]


class Tuned(NamedTuple):
    """One service: today's setting, the best compromises, and the cheapest that holds the SLO, if any.

    settings: what the plan would say of the service for the best to hold.
    """

    subject: Subject
    tried: int
    today: Trial
    front: Sequence[Trial]
    best: Trial | None
    settings: Mapping[str, Any] | None


class Tuning(NamedTuple):
    """All services, and what the plan costs in USD a month today, and with the best of each."""

    services: Sequence[Tuned]
    usd_today: float
    usd_tuned: float


def tunable(prepared: Prepared, only: Sequence[str] = ()) -> list[Subject]:
    """Return the services that have an SLO and an autoscaler, or ``only`` some of them.

    Raises :class:`InputError` if there is none, or if one that is named is none.
    """
    moved = (s for s in prepared.subjects if s.simulated.scaler.kind != FIXED and not s.is_model)
    found = {subject.name: subject for subject in moved if subject.slo}
    for name in only:
        if name not in found:
            what = f"'{name}' is not a service with an autoscaler and an SLO"
            raise InputError(Problem("--service", what, nearest(name, found)))
    if not found:
        remedy = "Give slo.p95, and an instances.max above instances.min."
        raise InputError(Problem("--tune", "no service has both an autoscaler and an SLO", remedy))
    return [found[name] for name in dict.fromkeys(only or found)]


def searches_of(prepared: Prepared, subjects: Sequence[Subject], budget: int | None = None) -> list[Search]:
    """Return what is to be tried for each of the ``subjects``: today's setting and ``budget`` others."""
    services, seed = prepared.estimate.plan.services, prepared.settings.seed
    return [Search(s, choices(s, services[s.name], seed, budget or _BUDGET)) for s in subjects]


def tune(
    prepared: Prepared,
    outcomes: Sequence[Outcome],
    searches: Sequence[Search],
    progress: Callable[[str], None] = lambda _: None,
) -> Tuning:
    """Return what each search found; ``progress`` hears the name of the service for every setting.

    ``outcomes`` are those of today's settings, at which the other services stay until all have theirs.
    """
    found = [_tuned(prepared, outcomes, search, progress) for search in searches]
    better = [_whole(prepared, tuned.subject, tuned.best.choice) for tuned in found if tuned.best is not None]
    return Tuning(found, _usd(prepared, outcomes, []), _usd(prepared, outcomes, better))


def _tuned(
    prepared: Prepared, outcomes: Sequence[Outcome], search: Search, progress: Callable[[str], None]
) -> Tuned:
    subject = search.subject
    requests = requests_of(subject, prepared.settings)
    unseen = held_out(len(requests), prepared.settings.tick_s)

    candidates = []
    for candidate in _each(partial(_tried, subject, requests, unseen), search.choices):
        progress(subject.name)
        candidates.append(candidate)
    today, *members = (
        _priced(prepared, outcomes, subject, candidate) for candidate in [candidates[0], *_shown(candidates)]
    )
    holding = [candidate for candidate in (today, *members) if candidate.holds]
    best = min(holding, key=lambda candidate: candidate.usd_per_month) if holding else None
    service = prepared.estimate.plan.services[subject.name]
    settings = None if best is None else overlay(subject, service, best.choice)
    return Tuned(subject, len(candidates), today, members, best, settings)


def _tried(subject: Subject, requests: Array, unseen: Mask, choice: ScalerChoice) -> Trial:
    """Return what a choice comes to; its cost is not known yet."""
    series = series_of(chosen(subject, choice), requests)
    instances = float(series.kept[~unseen].mean())
    return Trial(choice, instances, _late(series, ~unseen), _late(series, unseen), math.nan)


def _each_of(tried: Callable[[ScalerChoice], Trial], choices: Sequence[ScalerChoice]) -> list[Trial]:
    return [tried(choice) for choice in choices]


def held_out(ticks: int, tick_s: float) -> Mask:
    """Return which ticks the search does not look at: every third day, or tenth of less than three days.

    So both parts have their share of peaks and of weekends.
    """
    whole_s = ticks * tick_s
    block_s = DAY_S if whole_s >= 3 * DAY_S else whole_s / 10
    return np.asarray((np.arange(ticks) * tick_s / block_s).astype(int) % 3 == 2)


def _late(series: SimulatedSeries, where: Mask) -> float:
    """Return the share of the requests of some ticks that came while the SLO was broken."""
    requests = series.arrivals[where]
    late = requests[series.late[where] > 0]
    return float(late.sum()) / max(float(requests.sum()), 1e-12)


def _each(tried: Callable[[ScalerChoice], Trial], choices: Sequence[ScalerChoice]) -> Iterator[Trial]:
    """Try all choices: on all cores where compiled code lets go of the interpreter, or wherever was asked."""
    elsewhere = executors.chosen()
    if elsewhere is not None:
        parts = [choices[start : start + _TOGETHER] for start in range(0, len(choices), _TOGETHER)]
        for found in elsewhere(partial(_each_of, tried), parts):
            yield from found
        return
    if not COMPILED:
        yield from map(tried, choices)
        return
    yield tried(choices[0])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(tried, choices[1:])


def _shown(candidates: Sequence[Trial]) -> list[Trial]:
    """Return the best compromises, and the fewest instances that hold the SLO, cheapest first.

    Those need not be on the front: what was searched may know of no reason for them.
    """
    shown = _front(candidates)
    holding = [candidate for candidate in candidates if candidate.holds]
    fewest = min(holding, key=lambda c: (c.instances, _changes(c.choice)), default=None)
    if fewest is not None and fewest not in shown:
        shown.append(fewest)
    return sorted(shown, key=lambda c: c.instances)


def _changes(choice: ScalerChoice) -> tuple[float, int]:
    """Order by how little is changed, for ties: a high minimum needs no other target."""
    return abs(choice.factor - 1), (choice.up is not None) + (choice.down is not None)


def _front(candidates: Sequence[Trial]) -> list[Trial]:
    """Return the candidates that no other beats in both, thinned out, cheapest first."""
    front: list[Trial] = []
    for candidate in sorted(candidates, key=lambda c: (c.instances, c.late, _changes(c.choice))):
        if not front or candidate.late < front[-1].late:
            front.append(candidate)
    if len(front) <= _FRONT:
        return front
    # Those that hold the SLO, or nearly, are what the reader chooses from.
    enough = next((i for i, c in enumerate(front) if c.late <= ALLOWED_LATE), len(front) - 1)
    start = max(0, min(enough - _FRONT // 2, len(front) - _FRONT))
    return front[start : start + _FRONT]


def _priced(prepared: Prepared, outcomes: Sequence[Outcome], subject: Subject, candidate: Trial) -> Trial:
    """Return a candidate with the plan's cost."""
    whole = _whole(prepared, subject, candidate.choice)
    return candidate._replace(usd_per_month=_usd(prepared, outcomes, [whole]))


def _whole(prepared: Prepared, subject: Subject, choice: ScalerChoice) -> Outcome:
    """Return what a choice makes of all the load."""
    requests = requests_of(subject, prepared.settings)
    return outcome(subject._replace(simulated=chosen(subject, choice)), requests)


def _usd(prepared: Prepared, outcomes: Sequence[Outcome], others: Sequence[Outcome]) -> float:
    """Return what the plan costs a month with the ``outcomes``, some replaced by ``others``."""
    runs = {
        found.subject.name: Run(found.series.wanted, found.subject.rps, found.series.kept)
        for found in [*outcomes, *others]
    }
    return bill(prepared.estimate, runs, prepared.settings.tick_s).total

"""Settings that hold the SLO for less: searched on one part of the load, tested on the other."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.autoscale.bill import Run, bill
from capplan.autoscale.compiled import COMPILED, ints
from capplan.autoscale.hpa.rules import MIN, PERCENT, Policy, Rules, rules
from capplan.autoscale.loop import FIXED, HPA, KEDA, TRACKING, Scaler, Service
from capplan.autoscale.setup import Subject
from capplan.autoscale.signals import CPU, MEMORY
from capplan.autoscale.simulation import Outcome, Prepared, outcome, requests_of

ALLOWED_LATE = 0.001
"""Share of the requests that may come while the SLO is broken."""

_BUDGET = 1000 if COMPILED else 40
_SEARCHED = 0.7
_FRONT = 8
_FACTORS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)
_DOWN_WINDOWS_S = (60.0, 300.0, 600.0, 1200.0)
_DOUBLED = Policy(PERCENT, 100, 15.0)
_MOST_PERCENT = 95

_SAFE = 2
"""A floor that two instances or more keep available is not searched below them."""


class Choice(NamedTuple):
    """One setting: factor on the targets, bounds, behavior; None leaves a direction as the plan has it."""

    factor: float
    low: int
    high: int
    up: Rules | None
    down: Rules | None


class Candidate(NamedTuple):
    """A choice and what it came to: instances and late requests where it was searched, and elsewhere.

    usd_per_month: of the whole plan; NaN until it is known.
    """

    choice: Choice
    instances: float
    late: float
    late_elsewhere: float
    usd_per_month: float

    @property
    def holds(self) -> bool:
        """Whether the SLO is kept, also on the load that was not searched."""
        return max(self.late, self.late_elsewhere) <= ALLOWED_LATE


class Tuned(NamedTuple):
    """One service: today's setting, the best compromises, and the cheapest that holds the SLO, if any."""

    subject: Subject
    tried: int
    today: Candidate
    front: Sequence[Candidate]
    best: Candidate | None


def tunable(prepared: Prepared) -> list[Subject]:
    """Return the services that have an SLO and an autoscaler."""
    return [s for s in prepared.subjects if s.slo and s.simulated.scaler.kind != FIXED]


def tune(
    prepared: Prepared,
    outcomes: Sequence[Outcome],
    budget: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Tuned]:
    """Return for every tunable service what a search over ``budget`` settings found.

    ``outcomes`` are those of today's settings, at which the other services stay.
    """
    found = []
    for subject in tunable(prepared):
        progress(subject.name)
        found.append(_tuned(prepared, outcomes, subject, budget or _BUDGET))
    return found


def _tuned(prepared: Prepared, outcomes: Sequence[Outcome], subject: Subject, budget: int) -> Tuned:
    requests = requests_of(subject, prepared.settings)
    choices = _choices(subject, prepared.settings.seed, budget)
    split = int(len(requests) * _SEARCHED)

    def tried(choice: Choice) -> Candidate:
        part = subject._replace(simulated=chosen(subject, choice), rps=subject.rps[:split])
        result = outcome(part, requests[:split])
        late = result.figures.late_share
        return Candidate(choice, float(result.series.kept.mean()), late, math.nan, math.nan)

    candidates = _mapped(tried, choices)
    front = _front(candidates)
    finished = [
        _finished(prepared, outcomes, subject, requests, candidate, split)
        for candidate in [candidates[0], *front]
    ]
    today, members = finished[0], finished[1:]
    holding = [candidate for candidate in members if candidate.holds]
    best = min(holding, key=lambda candidate: candidate.usd_per_month) if holding else None
    return Tuned(subject, len(choices), today, members, best)


def _mapped(tried: Callable[[Choice], Candidate], choices: Sequence[Choice]) -> list[Candidate]:
    """Try all choices: on all cores where compiled code lets go of the interpreter."""
    if not COMPILED:
        return [tried(choice) for choice in choices]
    first = tried(choices[0])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [first, *pool.map(tried, choices[1:])]


def _choices(subject: Subject, seed: int, budget: int) -> list[Choice]:
    """Return today's setting, and a sample of the grid of others."""
    scaler = subject.simulated.scaler
    today = Choice(1.0, scaler.low, scaler.high, None, None)
    needed = math.ceil(float(subject.rps.max()) / subject.target_rps)
    least = min(max(scaler.low, 1), _SAFE)
    steps = (math.ceil(needed * share) for share in (0.1, 0.2, 0.35, 0.5, 0.75))
    lows = sorted({max(scaler.low, 1), *(max(low, least) for low in steps)})
    highs = sorted({max(scaler.high, 1), max(math.ceil(needed * 1.5), 2)})
    factors = [factor for factor in _FACTORS if factor * _highest_percent(subject) <= _MOST_PERCENT]
    if scaler.kind not in (HPA, KEDA, TRACKING):
        factors = [1.0]
    ups: list[Rules | None] = [None]
    downs: list[Rules | None] = [None]
    if scaler.kind in (HPA, KEDA):
        ups.append(rules([_DOUBLED], MIN))
        downs += [rules([_DOUBLED], MIN, window_s) for window_s in _DOWN_WINDOWS_S]
    grid = [
        Choice(factor, low, high, up, down)
        for factor, low, high, up, down in itertools.product(factors, lows, highs, ups, downs)
        if low <= high
    ]
    if len(grid) > budget:
        picked = np.random.Generator(np.random.PCG64(seed)).permutation(len(grid))[:budget]
        grid = [grid[i] for i in sorted(picked.tolist())]
    return [today, *grid]


def _highest_percent(subject: Subject) -> float:
    """Return the CPU target, in percent of the cores; 0 where CPU decides nothing."""
    scaler = subject.simulated.scaler
    if scaler.kind == TRACKING:
        return 100 * scaler.tracking.target_milli / subject.simulated.use.request_milli
    columns = zip(scaler.metrics.measures, scaler.metrics.targets, strict=True)
    return max((target for measure, target in columns if measure == CPU), default=0)


def chosen(subject: Subject, choice: Choice) -> Service:
    """Return what is simulated, with the autoscaler of a choice."""
    simulated = subject.simulated
    initial = min(max(simulated.initial, choice.low), choice.high)
    return simulated._replace(scaler=_with(simulated.scaler, choice), initial=initial)


def _with(scaler: Scaler, choice: Choice) -> Scaler:
    hpa = scaler.hpa._replace(low=max(choice.low, 1), high=choice.high)
    if choice.up is not None:
        hpa = hpa._replace(up=choice.up, has_behavior=True)
    if choice.down is not None:
        hpa = hpa._replace(down=choice.down, has_behavior=True)
    metrics = scaler.metrics
    targets = [
        target if measure == MEMORY else max(round(target * choice.factor), 1)
        for measure, target in zip(metrics.measures, metrics.targets, strict=True)
    ]
    return scaler._replace(
        low=choice.low,
        high=choice.high,
        hpa=hpa,
        keda=scaler.keda._replace(low=choice.low),
        metrics=metrics._replace(targets=ints(targets)),
        tracking=scaler.tracking._replace(target_milli=scaler.tracking.target_milli * choice.factor),
    )


def _front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that no other beats in both, thinned out, cheapest first."""
    front: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (c.instances, c.late)):
        if not front or candidate.late < front[-1].late:
            front.append(candidate)
    if len(front) <= _FRONT:
        return front
    # Those that hold the SLO, or nearly, are what the reader chooses from.
    enough = next((i for i, c in enumerate(front) if c.late <= ALLOWED_LATE), len(front) - 1)
    start = max(0, min(enough - _FRONT // 2, len(front) - _FRONT))
    return front[start : start + _FRONT]


def _finished(
    prepared: Prepared,
    outcomes: Sequence[Outcome],
    subject: Subject,
    requests: Array,
    candidate: Candidate,
    split: int,
) -> Candidate:
    """Return a candidate with its late share where it was not searched, and the plan's cost with it."""
    whole = outcome(subject._replace(simulated=chosen(subject, candidate.choice)), requests)
    later, late = requests[split:], whole.series.late[split:] > 0
    elsewhere = float(later[late].sum()) / max(float(later.sum()), 1e-12)
    runs = {other.subject.name: _run(other) for other in outcomes}
    runs[subject.name] = _run(whole)
    total = bill(prepared.ctx, prepared.estimate, runs, prepared.settings.tick_s).total
    return candidate._replace(late_elsewhere=elsewhere, usd_per_month=total)


def _run(found: Outcome) -> Run:
    return Run(found.series.wanted, found.subject.rps, found.series.kept)


def settings_of(tuned: Tuned) -> Mapping[str, Any]:
    """Return what the plan would say of the service for the best choice to hold, as an overlay."""
    assert tuned.best is not None
    choice, scaler = tuned.best.choice, tuned.subject.simulated.scaler
    overlay: dict[str, Any] = {"instances": {"min": choice.low, "max": choice.high}}
    if scaler.kind in (HPA, KEDA) and tuned.subject.platform == "kubernetes":
        overlay["workload"] = {"autoscaler": dict(_autoscaler(choice, scaler))}
    elif scaler.kind == TRACKING:
        share = choice.factor * _highest_percent(tuned.subject) / 100
        overlay["target_utilization"] = {"cpu": round(share, 3)}
    return overlay


def _autoscaler(choice: Choice, scaler: Scaler) -> Iterator[tuple[str, Any]]:
    measures = ("cpu", "memory", "requests", "queue", "latency")
    tuned = _with(scaler, choice).metrics
    yield (
        "triggers",
        {
            measures[measure]: {"threshold": int(target) if measure <= MEMORY else int(target) / 1000}
            for measure, target in zip(tuned.measures, tuned.targets, strict=True)
        },
    )
    steps = {"up": choice.up, "down": choice.down}
    behavior = {
        side: {"window": f"{given.window_s:g}s", "percent": 100, "period": "15s"}
        for side, given in steps.items()
        if given is not None
    }
    if behavior:
        yield "behavior", behavior

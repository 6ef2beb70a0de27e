"""From judged runs to what a service needs: the best model, and intervals by bootstrap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.calibrate import checks
from capplan.calibrate.judge import judge
from capplan.calibrate.models import (
    CLOSED,
    FULL,
    OPEN,
    UNKNOWN,
    Fit,
    LoadPoints,
    pool_fits,
    pool_response,
    total_error,
    usl_fits,
    waiting_error,
)
from capplan.calibrate.outcome import (
    Estimated,
    FittedPool,
    cs2_draws,
    estimated,
    evenly_limited,
    law_of,
    pool_of,
    rate_within,
    shares_cores,
)
from capplan.calibrate.runs import LoadRun
from capplan.capacity.scalability import usl_throughput
from capplan.findings import Finding
from capplan.quantities import plain

_POOR, _MENDED = 6.0, 0.2
"""Squares for each degree of freedom that are too many, and what part of them is left without a run."""

_FEWEST, _MANY, _MOST_KEPT = 4, 24, 0.7
_CLOSE = 2.0
_MUCH_DELAY = 0.15
_FAR = 1.3
_GRID = 120
_ONE, _QUIET = 1.2, 0.5
_CROWDING = {"closed": 1.03, "even": 1.5, "random": 2.0, "unknown": 2.0}
"""How many more requests than on average may well be in progress at once."""


_NONE = np.zeros(0)


class Curve(NamedTuple):
    """Response times in seconds that the model says, over requests in progress or, where open, a second."""

    open: bool
    x: Array
    model_s: Array


class Calibration(NamedTuple):
    """What was learned. figures: by the names of the document, None for what the runs do not tell."""

    figures: Mapping[str, Estimated | None] = {}
    usl: Mapping[str, Estimated] | None = None
    model: str = ""
    runs: Sequence[LoadRun] = ()
    points: LoadPoints = LoadPoints._make(_NONE for _ in LoadPoints._fields)
    curve: Curve = Curve(False, _NONE, _NONE)
    warnings: Sequence[Finding] = ()
    refused: Sequence[Finding] = ()


def points_of(runs: Sequence[LoadRun], cs2: float, capacity: float | None = None) -> LoadPoints:
    """Return what the models are fitted to; near the ``capacity`` much of a wait is chance."""
    kind = np.array([_kind(run) for run in runs])
    rate = np.array([run.rate for run in runs])
    response = np.array([_response(run) for run in runs])
    clients = np.array([_clients(run) for run in runs])
    looped = kind == CLOSED
    think = np.array([_think(run) for run in runs])
    requests = np.array([run.requests or 1e4 for run in runs])
    ca2 = np.where([run.arrivals == "even" for run in runs], 0.0, 1.0)
    waited = np.maximum(1 - response.min() / response, 0.0)
    waits = waiting_error(rate / (capacity or 1.05 * float(rate.max())), requests, waited, (ca2 + cs2) / 2)
    chance = np.hypot(np.sqrt(cs2 / requests), np.where(looped | (kind == FULL), 0.0, waits))
    doubt = np.where(kind == UNKNOWN, 0.05, np.where(kind == OPEN, 0.15 * waited, 0.0))
    return LoadPoints(
        kind=kind,
        present=np.where(looped, clients, rate * response),
        think_s=think,
        rate=rate,
        response_s=response * np.where(kind == OPEN, np.exp(waits**2 / 2), 1.0),  # sample means are skewed
        ca2=ca2,
        error=total_error(np.hypot(chance, doubt)),
    )


def _clients(run: LoadRun) -> float:
    """Return the clients that answers keep busy, without those whose requests fail meanwhile."""
    return (run.clients or run.present) if run.failed_s is None else run.rate * run.cycle_s


def _kind(run: LoadRun) -> int:
    if run.arrivals == "closed" and run.clients:
        return CLOSED
    behind = bool(run.offered) and run.rate < 0.97 * (run.offered or 0.0)
    endless = (run.mean_s or 0.0) > 0.1 * (run.duration_s or np.inf)
    if run.arrivals != "unknown" and (behind or endless):
        return FULL
    return UNKNOWN if run.arrivals == "unknown" else OPEN


def _think(run: LoadRun) -> float:
    if run.arrivals != "closed" or not run.clients:
        return 0.0
    if run.think_s is not None:
        return run.think_s
    pause = run.cycle_s - (run.mean_s or 0.0)
    return pause if pause > _pause_of_chance(run) * (run.mean_s or 0.0) else 0.0


def _pause_of_chance(run: LoadRun) -> float:
    """Return what share of the response time is no pause yet: the first request of each client waits less."""
    return 0.03 + (run.clients or 0.0) / (run.requests or np.inf)


def _response(run: LoadRun) -> float:
    """Return the mean response time; of a loop without pauses clients ÷ rate, which leaves nothing out."""
    think = _think(run)
    if (
        run.arrivals == "closed"
        and run.clients
        and (run.mean_s is None or think <= _pause_of_chance(run) * run.mean_s)
    ):
        return run.cycle_s - think
    return run.mean_s or 1.0 / run.rate


def calibrated(read: Sequence[LoadRun], slo: Mapping[float, float] = {}) -> Calibration:
    """Return what all runs together say of one instance of a service.

    slo: response times in seconds by the share of requests that is promised them.
    """
    judged = judge(read)
    warnings, refused = list(judged.warnings), list(judged.refused)
    runs = list(judged.kept)
    if not runs:
        return Calibration(warnings=warnings, refused=refused)
    runs, pools, points = _agreeing(runs, refused)
    scatter, free = min(map(_misfit, pools)), max(len(runs) - 2, 1)
    if scatter > 1 + 2 * np.sqrt(2 / free):
        points, pools = _fitted(runs, float(np.sqrt(scatter)))
    best = min(pools, key=lambda fit: fit.rss)
    law = min(_laws(points), key=lambda fit: fit.aicc, default=None)
    listed = all(run.tool == "table" for run in runs)
    if law is not None and _lawful(law, best, points, listed):
        found = _of_law(law, runs, points)
    else:
        found = _of_pool(pools, runs, points, slo)
        if listed and law is not None:
            found = found._replace(usl=_of_law(law, runs, points).usl)
    return found._replace(warnings=[*warnings, *found.warnings], refused=refused)


def _lawful(law: Fit, pool: Fit, points: LoadPoints, listed: bool) -> bool:
    """Say whether the universal law explains the points better, of a table of throughputs also if as well."""
    if listed:
        return law.rss < 2 * pool.rss
    if np.mean(points.kind == OPEN) > 0.5 and _misfit(pool) < _POOR:
        return False  # requests that come by chance wait before a pool is full, which looks like contention
    return law.name != "linear" and law.aicc < pool.aicc - _CLOSE and np.isfinite(pool.aicc)


def _laws(points: LoadPoints) -> list[Fit]:
    return usl_fits(LoadPoints._make(column[points.kind != FULL] for column in points))


def _of_law(law: Fit, runs: Sequence[LoadRun], points: LoadPoints) -> Calibration:
    """Return what the universal law says: a request alone takes 1/γ, the knee is the highest throughput."""
    draws = law_of(points)
    warnings = []
    highest, seen = draws.highest, float(points.rate.max())
    if not highest[0] < _FAR * seen:
        what = f"throughput still grows at {plain(seen)}/s, so where it ends is not known"
        warnings.append(checks.NOT_SATURATED.finding(runs[0].file, what, file=runs[0].file))
    cs2 = _service_cs2(runs, None)
    knee = estimated(np.minimum(highest, 1e18)) if highest[0] < _FAR * seen else None
    figures = {
        "service_time_s": estimated(1 / draws.gamma),
        "cs2": None if cs2 is None else estimated(cs2_draws(cs2, runs[0].requests or 100)),
        "concurrency": None,
        "throughput_rps": knee or Estimated(seen, seen, seen),
        "knee_rps": knee,
    }
    usl = {"gamma": estimated(draws.gamma), "sigma": estimated(draws.sigma), "kappa": estimated(draws.kappa)}
    if draws.kappa[0] > 0 and np.quantile(draws.kappa, 0.05) > 0:
        usl |= {"peak_concurrency": estimated(draws.peak), "peak_rps": estimated(highest)}
    x = np.linspace(min(1.0, points.present.min()), points.present.max(), _GRID)
    curve = Curve(False, x, x / usl_throughput(x, *(float(part[0]) for part in draws)))
    return Calibration(figures, usl, law.name, runs, points, curve)._replace(warnings=warnings)


def _of_pool(
    pools: Sequence[Fit], runs: Sequence[LoadRun], points: LoadPoints, slo: Mapping[float, float]
) -> Calibration:
    pool, best = pool_of(pools), min(pools, key=lambda fit: fit.rss)
    cs2 = _service_cs2(runs, int(pool.servers[0]) if pool.full else None)
    light = sum(run.requests or 0.0 for run in runs if _alone(run, float(pool.servers[0])) <= pool.servers[0])
    spread = None if cs2 is None else estimated(cs2_draws(cs2, light))
    shared = pool.full and shares_cores(runs, float(pool.servers[0]), cs2)
    measured = [run for run in runs if run.service_s is not None]
    seen = pool.seen or _rested(runs, points, pool)
    service = estimated(pool.service_s) if seen else None
    if measured:
        service = _around_mean(measured)
    figures: dict[str, Estimated | None] = {
        "service_time_s": service,
        "cs2": spread,
        "concurrency": estimated(pool.servers) if pool.full and seen else None,
        "throughput_rps": _throughput(pool, points, slo if seen else {}, cs2, shared),
        "knee_rps": estimated(pool.capacity) if pool.full else None,
    }
    name = "PS" if shared else "M/M/c" if spread and spread.low <= 1 <= spread.high else "M/G/c"
    curve = _curve(points, best, 1.0 if cs2 is None else cs2)
    said = list(_unknown(pool, points, cs2, runs[0].file, seen or bool(measured)))
    return Calibration(figures, None, name, runs, points, curve)._replace(warnings=said)


def _curve(points: LoadPoints, pool: Fit, cs2: float) -> Curve:
    """Return the curve of a pool, over the rate where most arrivals are open, else over clients."""
    opened = bool(np.mean(points.kind == OPEN) > 0.5)
    service_s, delay = pool.values.tolist()
    if opened:
        x = np.linspace(0.02, 0.97, _GRID) * pool.servers / service_s
    else:
        x = np.linspace(min(1.0, points.present.min()), points.present.max(), _GRID)
    ca2 = float(points.ca2[points.kind == OPEN].mean()) if opened else 1.0
    grid = LoadPoints(
        kind=np.full(_GRID, OPEN if opened else CLOSED),
        present=x,
        think_s=np.zeros(_GRID),
        rate=x,
        response_s=np.ones(_GRID),
        ca2=np.full(_GRID, ca2),
        error=np.ones(_GRID),
    )
    return Curve(opened, x, pool_response(grid, service_s, pool.servers, cs2, delay * service_s))


def _around_mean(runs: Sequence[LoadRun]) -> Estimated:
    """Return the mean of service times that a server itself took down."""
    requests = sum(run.requests or 1.0 for run in runs)
    value = sum((run.service_s or 0.0) * (run.requests or 1.0) for run in runs) / requests
    error = 1.645 * float(np.sqrt(max(run.service_cs2 or 0.0 for run in runs) / requests))
    return Estimated(value, value * (1 - error), value * (1 + error))


def _rested(runs: Sequence[LoadRun], points: LoadPoints, pool: FittedPool) -> bool:
    """Say whether some run shows requests that hardly wait."""
    busy = points.rate * float(pool.service_s[0]) / float(pool.servers[0])
    alone = (points.kind == CLOSED) & (points.present < _ONE)
    return bool(np.any(alone | ((points.kind == OPEN) & (busy < _QUIET))))


def _throughput(
    pool: FittedPool, points: LoadPoints, slo: Mapping[float, float], cs2: float | None, shared: bool
) -> Estimated | None:
    """Return the throughput within the objectives; without any, the highest that is known."""
    if slo and pool.full:
        return estimated(rate_within(slo, pool, 1.0 if cs2 is None else cs2, shared))
    if slo:
        return None
    seen = float(points.rate.max())
    return estimated(pool.capacity) if pool.full else Estimated(seen, seen, seen)


def _unknown(
    pool: FittedPool, points: LoadPoints, cs2: float | None, file: str, seen: bool
) -> Iterator[Finding]:
    """Yield what the runs do not tell."""
    capacity = float(pool.capacity[0])
    if pool.full and pool.delay > _MUCH_DELAY:
        delay_ms = 1000 * pool.delay * float(pool.service_s[0])
        what = (
            f"throughput stops at {plain(capacity)}/s, and {plain(delay_ms, 3)} ms of each request "
            "pass outside the service: in the network, or in what limits it"
        )
        yield checks.LIMITED_ELSEWHERE.finding(file, what, file=file)
    elif pool.full and evenly_limited(points, capacity):
        what = f"throughput stops at {plain(capacity)}/s with no chance in it, as a rate limit does"
        yield checks.LIMITED_ELSEWHERE.finding(file, what, file=file)
    if not pool.full:
        what = "no run shows where throughput ends, so concurrency and knee are not known"
        yield checks.NOT_SATURATED.finding(file, what, file=file)
    if not seen:
        what = "every run waits, so the time of a request alone is not known"
        yield checks.NEVER_ALONE.finding(file, what, file=file)
    if cs2 is None:
        what = "no run without waiting tells how response times vary, so cs2 is not known"
        yield checks.UNKNOWN_VARIATION.finding(file, what, file=file)


def _agreeing(runs: list[LoadRun], refused: list[Finding]) -> tuple[list[LoadRun], list[Fit], LoadPoints]:
    """Return the runs that agree with each other, and their fits; who alone spoils the fit is left out."""
    first = len(runs)
    while True:
        points, pools = _fitted(runs)
        misfit = min(_misfit(fit) for fit in [*pools, *_laws(points)])
        if misfit < _POOR or not _FEWEST <= len(runs) <= _MANY or len(runs) <= _MOST_KEPT * first:
            return runs, pools, points
        others = [runs[:index] + runs[index + 1 :] for index in range(len(runs))]
        near = min(pools, key=lambda fit: fit.rss).servers
        better = [min(map(_misfit, _fitted(rest, near=near)[1])) for rest in others]
        strange = int(np.argmin(better))
        if better[strange] > _MENDED * misfit:
            return runs, pools, points
        run, runs = runs[strange], others[strange]
        time_ms = 1000 * points.response_s[strange]
        what = f"{plain(run.rate)}/s with {plain(time_ms)} ms a request does not fit the other runs"
        refused.append(checks.CONTRADICTS_OTHERS.finding(run.file, what, file=run.file))


def _misfit(fit: Fit) -> float:
    """Return the sum of squares for each degree of freedom."""
    return fit.rss / max(fit.left.size - (fit.servers > 0) - fit.free, 1)


def _fitted(
    runs: Sequence[LoadRun], scatter: float = 1.0, near: int | None = None
) -> tuple[LoadPoints, list[Fit]]:
    """Return the points of runs and the pools that fit them; ``scatter``: errors ÷ those of chance."""
    cs2 = _service_cs2(runs, None) or 1.0
    first = min(pool_fits(points_of(runs, cs2), cs2, near), key=lambda fit: fit.rss)
    cs2 = _service_cs2(runs, first.servers) or cs2
    points = points_of(runs, cs2, max(first.servers / float(first.values[0]), max(run.rate for run in runs)))
    points = points._replace(error=points.error * scatter)
    return points, pool_fits(points, cs2, near)


def _service_cs2(runs: Sequence[LoadRun], servers: int | None) -> float | None:
    """Return the cs2 of the service: that of the response times of runs in which next to nothing waits."""
    lightest = min(run.present for run in runs)
    most = max(servers or 0.0, 1.3 * lightest if lightest < 1.2 else 0.0)
    light = [
        (run.cs2, run.requests or 1.0) for run in runs if run.cs2 is not None and _alone(run, servers) <= most
    ]
    found = [(run.service_cs2, 1.0) for run in runs if run.service_cs2 is not None] or light
    if not found:
        return None
    values, weights = np.array(sorted(found)).T
    return float(np.interp(0.5, (np.cumsum(weights) - weights / 2) / weights.sum(), values))


def _alone(run: LoadRun, servers: float | None) -> float:
    """Return the requests that are in progress where chance brings many together."""
    present = run.clients if run.clients and run.think_s == 0 else run.present
    return present * (1.03 if servers is None else _CROWDING[run.arrivals]) - 0.06

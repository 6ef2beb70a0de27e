"""A run from the figures that a tool gives: what it leaves out follows from the others, where it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from capplan.calibrate.runs import Arrivals, LoadRun, cs2_of

REJECTING = (429, 503)
"""Answers of what limits a rate, or sheds load."""

_COARSE_S = 0.005
"""ab writes whole milliseconds, which say nothing of the variation of shorter times."""

_STEADY = 0.8
"""k6 with a rate of arrivals keeps clients in reserve: so many are never busy at once."""


class RunOrigin(NamedTuple):
    """Who made a run, and how its requests arrive."""

    file: str
    tool: str
    arrivals: Arrivals
    think_s: float | None
    target: str = ""


def assembled(
    made: RunOrigin, given: Mapping[str, float], quantiles: Mapping[float, float]
) -> LoadRun | None:
    """Return the run; None where neither a rate nor what it follows from is given."""
    get = given.get
    requests, duration_s = get("requests"), get("duration_s", get("took"))
    total = get("total_rate") or (requests / duration_s if requests and duration_s else None)
    if requests is None and total and duration_s:
        requests = total * duration_s
    if requests is not None and made.tool != "vegeta":
        requests += get("errors", 0.0)
        total = total and total * (1 + get("errors", 0.0) / max(requests - get("errors", 0.0), 1.0))
    failed = _failed(given, requests or 0.0)
    share = failed / requests if requests else 0.0
    rate = given["rate"] if "rate" in given else None if total is None else total * (1 - share)
    if rate is None:
        return None
    mean_s = get("mean_s", get("mean_ms", 0.0) / 1000) or None
    if mean_s is None and get("present") and rate:
        mean_s = given["present"] / rate
    sd_s = get("sd_s", get("sd_ms", 0.0) / 1000)
    if made.tool == "ab" and (mean_s or 0.0) < _COARSE_S:
        sd_s, quantiles = 0.0, {}
    cs2 = (sd_s / mean_s) ** 2 if sd_s and mean_s else cs2_of(mean_s or 0.0, quantiles, get("max_s"))
    run = LoadRun(
        file=made.file,
        tool=made.tool,
        rate=rate,
        mean_s=mean_s,
        requests=requests,
        failed=failed,
        rejected=get("rejected", 0.0),
        duration_s=duration_s or (requests / total if requests and total else None),
        cs2=cs2,
        max_s=get("max_s"),
        quantiles=quantiles,
        clients=get("clients"),
        think_s=made.think_s,
        arrivals=made.arrivals,
        offered=get("offered"),
        dropped=get("dropped", 0.0),
        late=get("late", 0.0),
        varied=get("levels", 1.0) > 1,
        strained="strained" in given,
        target=made.target,
    )
    return _of_k6(run, given) if made.tool == "k6" else in_loop(_of_users(run, given))


def _failed(given: Mapping[str, float], requests: float) -> float:
    if "success" in given:
        ratio = given["success"] / 100 if given["success"] > 1 else given["success"]
        return requests * (1 - ratio)
    return given.get("errors", 0.0) + max(given.get("failed", 0.0), given.get("broken", 0.0))


def _of_users(run: LoadRun, given: Mapping[str, float]) -> LoadRun:
    """Return a run with the users that arrived a second, where a tool says them."""
    if given.get("created") and run.duration_s:
        return run._replace(offered=given["created"] / run.duration_s)
    return run


def in_loop(run: LoadRun) -> LoadRun:
    """Return a run whose clients nobody says: a loop without pauses where they are a whole number."""
    if run.arrivals != "unknown" or run.mean_s is None:
        return run
    present = run.present
    whole = round(present)
    if whole >= 1 and -0.03 * whole - 0.02 < present - whole < 0.02 * whole:
        return run._replace(arrivals="closed", clients=present, think_s=0.0)
    return run


def _of_k6(run: LoadRun, given: Mapping[str, float]) -> LoadRun:
    """Return a run of k6, whose clients are in a loop unless a rate of arrivals starts them."""
    most, fewest = given.get("most", 0.0), given.get("fewest", 0.0)
    reserve, duration_s = given.get("clients") or most, run.duration_s or 0.0
    offered = run.rate + run.dropped / duration_s if duration_s and run.dropped else None
    each = given.get("iterations") in (None, run.requests)
    think_s = max(given.get("iteration_s", 0.0) - (run.mean_s or 0.0), 0.0) if each else None
    if fewest == most == reserve or (run.dropped and run.present >= 0.9 * reserve):
        return run._replace(clients=reserve, think_s=think_s, arrivals="closed", offered=offered)
    steady = most < _STEADY * reserve or run.dropped > 0
    arrivals: Arrivals = "even" if steady else "unknown"
    return run._replace(clients=None, think_s=None, arrivals=arrivals, offered=offered, varied=not steady)

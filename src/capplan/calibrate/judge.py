"""What a run must not be believed about, by itself and beside the others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from capplan.calibrate import checks
from capplan.calibrate.runs import LoadRun
from capplan.findings import Finding
from capplan.quantities import plain

_FEWEST = 30
_BEYOND = 5
"""Requests beyond a percentile that make it worth a look."""

_FEW_ERRORS, _MANY_ERRORS = 0.01, 0.10
_LITTLE, _LITTLE_OF_WRK = 0.10, 0.15
_ROUNDED_S = {"ab": 0.001, "autocannon": 0.001}
_SHORT = 0.97
_NEAR = 0.85
"""Share of a busy generator's rate from which on pauses are its own."""

_SAME = 0.01
_MOST, _LONGEST_S, _LEAST = 1e12, 1e6, 1e-9
_BODY, _TAIL = 0.89, 0.985
"""Percentiles of which a stall is eight times: p90 and p95, or three times: p99."""

_LOOPS = ("ab", "autocannon", "hey", "jmeter", "k6", "locust", "oha", "siege", "wrk")
"""Tools whose clients wait for an answer before they ask again."""


class Judged(NamedTuple):
    """Runs that may be used, what was said of them, and what was refused."""

    kept: Sequence[LoadRun]
    warnings: Sequence[Finding]
    refused: Sequence[Finding]


def judge(runs: Sequence[LoadRun]) -> Judged:
    """Return the runs without those that mislead."""
    kept: list[LoadRun] = []
    warnings: list[Finding] = []
    refused: list[Finding] = []
    for run in runs:
        broken = (one for one in run.said if one.severity == "error")
        why = next(filter(None, chain(broken, (check(run) for check in _REFUSING))), None)
        if why is not None:
            refused.append(why)
        elif any(_same(run, other) for other in kept):
            what = "holds the same run as another file, and is counted once"
            warnings.append(checks.SAME_RUN.finding(run.file, what, file=run.file))
        else:
            kept.append(run)
            warnings += filter(None, (check(run) for check in _WARNING))
        warnings += [one for one in run.said if one.severity != "error"]
    stuck = _stuck(kept)
    paths = {run.target.split("://")[-1].partition("/")[2].strip("/") for run in kept if run.target}
    if len(paths) > 1:
        what = f"the runs ask for different paths: {', '.join(sorted(f'/{path}' for path in paths)[:5])}"
        warnings.append(checks.SEVERAL_TARGETS.finding(kept[0].file, what, file=kept[0].file))
    held = [run for run in kept if run.file not in {one.file for one in stuck}]
    return Judged(held if stuck else kept, warnings, [*refused, *stuck])


def _same(run: LoadRun, other: LoadRun) -> bool:
    """Say whether two files hold one run: as many requests, and times as like as rounding leaves them."""
    if run.tool != other.tool or run.file == other.file or not run.requests or not other.requests:
        return False
    if (run.listed or run.requests) != (other.listed or other.requests):
        return False
    near = _SAME if run.listed == other.listed else 5 * _SAME
    if run.clients and other.clients and round(run.clients) != round(other.clients):
        return False
    mine, theirs = run.mean_s or 0.0, other.mean_s or 0.0
    return abs(mine - theirs) <= near * theirs and abs(run.rate - other.rate) <= near * other.rate


def _senseless(run: LoadRun) -> Finding | None:
    """Refuse figures that no test can have."""
    times = [run.mean_s, run.max_s, run.duration_s, *run.quantiles.values()]
    figures = {
        "rate": run.rate,
        "clients": run.clients,
        "requests": run.requests,
        "rate asked for": run.offered,
    }
    wrong = [name for name, value in figures.items() if value is not None and not 0 <= value < _MOST]
    wrong += ["time" for value in times if value is not None and not 0 <= value < _LONGEST_S]
    if not wrong and run.rate > 0 and not (run.mean_s or 1.0) * run.rate > _LEAST:
        wrong = ["response time"]
    if not wrong and (run.clients is None or run.clients > 0):
        return None
    what = f"holds no result: its {wrong[0] if wrong else 'number of clients'} is none that a test can have"
    return checks.NO_FIGURES.finding(run.file, what, file=run.file)


def _failed(run: LoadRun) -> Finding | None:
    if run.rate > 0 and run.failed_share <= _MANY_ERRORS:
        return None
    if run.rejected > run.failed / 2:
        return _rejected(run)
    what = f"{run.failed:,.0f} of {run.requests or 0:,.0f} requests failed"
    return checks.FAILED_REQUESTS.finding(run.file, what, file=run.file, severity="error")


def _rejected(run: LoadRun) -> Finding:
    share = 100 * run.rejected / (run.requests or 1)
    what = f"{share:.0f} % of the requests were rejected (429 or 503), beyond {plain(run.rate)}/s"
    return checks.REJECTED_REQUESTS.finding(run.file, what, file=run.file)


def _few(run: LoadRun) -> Finding | None:
    if run.requests is None or run.requests >= _FEWEST:
        return None
    what = f"{run.requests:.0f} requests are too few for any figure"
    return checks.TOO_FEW_REQUESTS.finding(run.file, what, file=run.file, severity="error")


def _varied(run: LoadRun) -> Finding | None:
    if not run.varied:
        return None
    what = "the load changed during the run, and its summary mixes all levels"
    return checks.VARYING_LOAD.finding(run.file, what, file=run.file)


def little(run: LoadRun) -> float | None:
    """Return X·(R + Z)/N, which Little's law says is 1; None where a part of it is not known."""
    if run.arrivals != "closed" or not run.clients or run.mean_s is None or run.think_s is None:
        return None
    total = run.rate / (1 - run.failed_share)
    return total * (run.mean_s + run.think_s) / run.clients


def _little_tolerance(run: LoadRun) -> float:
    rounded = _ROUNDED_S.get(run.tool, 0.0) / (run.mean_s or 1.0)
    return (_LITTLE_OF_WRK if run.tool == "wrk" else _LITTLE) + rounded


def _broken(run: LoadRun) -> Finding | None:
    """Refuse a loop whose figures contradict each other, unless it is known why."""
    found, spare = little(run), _little_tolerance(run)
    if found is None or run.late or abs(found - 1) <= spare:
        return None
    if found > 1:
        return None if run.tool == "wrk" else _littles_law(run, found)
    what = (
        f"{run.clients:.0f} clients kept only {found * (run.clients or 0):.1f} requests in progress: "
        "the load generator itself was busy"
    )
    return checks.SATURATED_GENERATOR.finding(run.file, what, file=run.file)


def _littles_law(run: LoadRun, found: float) -> Finding:
    product = f"{plain(run.rate)}/s × {plain(1000 * (run.mean_s or 0))} ms"
    what = f"{product} is {found:.2f} times its {run.clients:.0f} clients"
    return checks.LITTLES_LAW.finding(run.file, what, file=run.file)


def _corrected(run: LoadRun) -> Finding | None:
    """Say that a mean is taken from the rate, where the tool's own leaves requests out or adds some."""
    found = little(run)
    if found is None or abs(found - 1) <= _little_tolerance(run):
        return None
    why = (
        f"{run.late:.0f} requests that timed out are not in its times"
        if run.late
        else "wrk corrects its times"
    )
    finding = _littles_law(run, found)
    said = f"{finding.message} ({why}); clients ÷ rate is used instead"
    return checks.LITTLES_LAW.finding(run.file, said, "", file=run.file, severity="warning")


def _short_of(run: LoadRun) -> Finding | None:
    """Refuse open arrivals that came slower than asked for, while the answers were as fast as ever."""
    if (
        run.arrivals == "closed"
        or not run.offered
        or run.rate >= _SHORT * run.offered * (1 - run.failed_share)
    ):
        return None
    queued = 0.2 * (1 - run.rate / run.offered) * (run.duration_s or 0.0)
    if (run.mean_s or 0.0) >= queued:
        return None
    what = (
        f"{plain(run.offered)} requests/s were to be sent and {plain(run.rate)} were, "
        "though answers took no longer"
    )
    return checks.SATURATED_GENERATOR.finding(run.file, what, file=run.file)


def _errors(run: LoadRun) -> Finding | None:
    if run.rejected > _FEW_ERRORS * (run.requests or 1):
        return _rejected(run)._replace(severity="warning")
    if run.failed_share <= _FEW_ERRORS:
        return None
    what = f"{100 * run.failed_share:.1f} % of the requests failed; they are not counted as throughput"
    return checks.FAILED_REQUESTS.finding(run.file, what, file=run.file)


def _omitted(run: LoadRun) -> Finding | None:
    """Find a stall in a loop that hides the requests which open arrivals would have sent meanwhile."""
    slowest, usual = run.max_s or 0.0, 15 * (run.mean_s or 0.0)
    for share, time_s in run.quantiles.items():
        usual = min(usual, 3 * time_s if share > _TAIL else 8 * time_s if share > _BODY else usual)
    if (
        run.tool not in _LOOPS
        or run.arrivals == "even"
        or slowest <= max(0.01 * (run.duration_s or 0.0), usual, 0.2)
    ):
        return None
    hidden = slowest * run.rate / max(run.clients or run.present, 1.0)
    what = (
        f"an answer took {slowest:.3g} s, in which its client would have sent {hidden:.0f} more requests; "
        "percentiles of the loop leave them out"
    )
    return checks.COORDINATED_OMISSION.finding(run.file, what, file=run.file)


def _thin(run: LoadRun) -> Finding | None:
    thin = [share for share in run.quantiles if share in (0.95, 0.99) and _beyond(run, share) < _BEYOND]
    if not thin or run.requests is None:
        return None
    names = ", ".join(f"p{100 * share:g}" for share in sorted(thin))
    what = f"{names} of {run.requests:,.0f} requests rest on fewer than {_BEYOND} of them, and are not used"
    return checks.TOO_FEW_REQUESTS.finding(run.file, what, file=run.file)


def _beyond(run: LoadRun, share: float) -> float:
    return (run.requests or 0.0) * (1 - share)


def _stuck(runs: Sequence[LoadRun]) -> list[Finding]:
    """Return runs whose users pause longer than fewer users did: the generator cannot keep up."""
    users = [run for run in runs if run.clients and run.think_s is None and run.mean_s]
    found: dict[int, Finding] = {}
    most: dict[str, float] = {}
    for at, run in enumerate(users):
        fewer = [_pause(other) for other in users if _comparable(other, run)]
        if fewer and _pause(run) > 1.5 * max(min(fewer), 0.0) + 0.5 * (run.mean_s or 0.0) + 0.002:
            what = (
                f"each of {run.clients:.0f} users pauses {1000 * _pause(run):.0f} ms, and of fewer users "
                f"{1000 * max(min(fewer), 0.0):.0f} ms: the load generator itself was busy"
            )
            found[at] = checks.SATURATED_GENERATOR.finding(run.file, what, file=run.file)
            most[run.tool] = min(most.get(run.tool, run.rate), run.rate)
    for at, run in enumerate(users):
        limit = most.get(run.tool, 0.0)
        if at not in found and _pause(run) > _LITTLE * (run.mean_s or 0.0) and 0 < _NEAR * limit <= run.rate:
            what = (
                f"users pause, and more of them do not exceed {plain(limit)}/s: the load generator was busy"
            )
            found[at] = checks.SATURATED_GENERATOR.finding(run.file, what, file=run.file)
    return list(found.values())


def _pause(run: LoadRun) -> float:
    return run.cycle_s - (run.mean_s or 0.0)


def _comparable(other: LoadRun, run: LoadRun) -> bool:
    """Say whether fewer users of the same test, or of one in which users pause too, ran before."""
    alike = other.file == run.file or (other.tool == run.tool and _pause(other) > 0.002)
    return alike and (other.clients or 0.0) < (run.clients or 0.0)


def _strained(run: LoadRun) -> Finding | None:
    """Say where a generator itself complains, or left out requests that were due."""
    if not (run.strained or run.dropped):
        return None
    what = "the load generator says that it was short of CPU"
    if run.dropped:
        what = f"{run.dropped:,.0f} requests that were due were not sent, because all clients were busy"
    return checks.SATURATED_GENERATOR.finding(run.file, what, file=run.file, severity="warning")


_REFUSING = (_senseless, _failed, _few, _varied, _broken, _short_of)
_WARNING = (_strained, _corrected, _errors, _omitted, _thin)

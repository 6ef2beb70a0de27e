"""A recorded load from a CSV file, or from Prometheus, as average and shape."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.demand import prometheus
from capplan.errors import InputError, Problem, nearest
from capplan.moments import moments
from capplan.plan.fields import LARGEST
from capplan.stdin import is_stdin, name_of
from capplan.tabular import figures, read_table

if TYPE_CHECKING:
    from capplan.plan.demand import Trace

_SHORTEST_STEP_S = 0.5
_MOST_STEPS = 2_000_000
_UNSAID = 0.01
"""Share of gaps that nobody needs to be told of."""


class Recording(NamedTuple):
    """A load as it was: requests per second, step by step.

    begins_s: when, since 1970. said: how the file was read, where it does not say it itself; gaps: what of
    the load is made up, or left out of it.
    """

    step_s: float
    rps: Array
    begins_s: float = 0.0
    said: Sequence[str] = ()
    gaps: Sequence[str] = ()


class _Rows(NamedTuple):
    """Times in s since 1970 and values, (rows,) each; places: where each row stands in the file."""

    time_s: Array
    values: Array
    places: Sequence[str]
    said: Sequence[str]


def read_recording(trace: Trace, directory: Path) -> Recording:
    """Return the load that the file of a trace holds: rows of CSV, or requests/s as Prometheus answered.

    Steps are as long as the median distance of two times. A row belongs to the nearest step; rows of one step
    are averaged, and steps without any are interpolated. A first or last row that stands alone within half a
    step of the next is left out: it is no step of its own. Raises :class:`InputError` for what cannot be a
    load, and where more of it than ``trace.max_gaps`` would be made up.
    """
    path = Path(trace.file) if is_stdin(trace.file) else directory / trace.file
    answered = prometheus.is_answer(path)
    rows = _answered(path) if answered else _recorded(path, trace)
    if len(rows.time_s) < 2:
        raise InputError(Problem(name_of(path), "a trace needs at least two different times"))
    order = np.argsort(rows.time_s, kind="stable")
    step_s = _step_s(path, trace, rows.time_s[order])
    whole = _whole(rows.time_s[order], step_s)
    strays = [_stray(rows.places[row], step_s) for row in order[~whole]]
    order = order[whole]
    steps = np.rint((rows.time_s[order] - rows.time_s[order[0]]) / step_s)
    gaps = _gaps(path, rows, order, steps, float(trace.max_gaps))  # type: ignore[arg-type]
    load = _filled(steps.astype(np.int64), rows.values[order])
    rps = load / step_s if trace.unit == "requests" and not answered else load
    if float(rps.mean()) <= 0:
        raise InputError(Problem(name_of(path), f"column '{trace.value}' holds no load"))
    return Recording(step_s, rps, float(rows.time_s[order[0]]), rows.said, [*strays, *gaps])


def _answered(path: Path) -> _Rows:
    """Return the requests/s of all series of an answer together."""
    time_s, rps = prometheus.total(path)
    return _Rows(time_s, rps, [name_of(path)] * len(time_s), ())


def _recorded(path: Path, trace: Trace) -> _Rows:
    """Return the rows of a CSV file that have a value; a blank value is a gap."""
    table = read_table(path, keep=(trace.time, trace.value))
    for name in (trace.time, trace.value):
        if name not in table.header:
            near = f"{nearest(name, table.header)} Name the columns with --trace-columns TIME,VALUE."
            raise InputError(Problem(table.path, f"no column '{name}'", near))
    times, column = table.column(trace.time), table.column(trace.value)
    if len(table.lines) < 2:
        raise InputError(Problem(name_of(path), "a trace needs at least two rows"))
    values = figures(column)
    for wrong, what in ((values < 0, "is negative"), (values > LARGEST, f"is more than {LARGEST:g}")):
        if np.any(wrong):
            raise column.error(int(np.argmax(wrong)), what)
    read, given = moments(times), ~np.isnan(values)
    places = [f"{table.path}:{table.lines[row]}" for row in np.flatnonzero(given).tolist()]
    return _Rows(read.seconds[given], values[given], places, read.said)


def _step_s(path: Path, trace: Trace, time_s: Array) -> float:
    """Return the median distance of two times that follow each other."""
    apart = np.diff(np.unique(time_s))
    if not apart.size:
        raise InputError(Problem(name_of(path), f"the times in '{trace.time}' do not advance"))
    step_s = float(np.median(apart))
    if step_s < _SHORTEST_STEP_S:
        what = f"its rows are {step_s:g} s apart, and a step must be at least {_SHORTEST_STEP_S:g} s"
        raise InputError(Problem(name_of(path), what, "Sum them up by the second or the minute."))
    return step_s


def _whole(time_s: Array, step_s: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Say of each row whether it is more than a stray at either end; ``time_s`` rises, (rows,)."""
    times = np.unique(time_s)
    short = np.diff(times) < step_s / 2
    if len(times) < _FEWEST_TIMES or np.any(short[1:-1]):
        return np.ones(len(time_s), dtype=bool)
    first, last = times[1 if short[0] else 0], times[-2 if short[-1] else -1]
    return np.asarray((time_s >= first) & (time_s <= last))


_FEWEST_TIMES = 4
"""Times that it takes to tell a stray row from an irregular step."""


def _stray(place: str, step_s: float) -> str:
    return f"{place} is left out: it is less than half a step of {_long(step_s)} away from the row next to it"


def _gaps(path: Path, rows: _Rows, order: Array, steps: Array, limit: float) -> list[str]:
    """Return what to say of gaps and repetitions; InputError where they are more than the ``limit``."""
    count = float(steps[-1]) + 1.0
    missing = 1.0 - len(np.unique(steps)) / count
    repeated = 1.0 - len(np.unique(rows.time_s[order])) / len(order)
    gap = f"{_percent(missing)} of its steps are missing"
    longest = _longest(rows, order, steps)
    repetition = f"{_percent(repeated)} of its rows repeat the time of another row"
    if missing > limit:
        raise InputError(Problem(name_of(path), f"{gap}, more than {_percent(limit)}; {longest}", _RAISE))
    if repeated > limit:
        remedy = f"Give one row for each time: sum the series, or keep one. {_RAISE}"
        raise InputError(Problem(name_of(path), f"{repetition}, more than {_percent(limit)}", remedy))
    if count > _MOST_STEPS:
        raise InputError(Problem(name_of(path), f"{count:,.0f} steps are more than {_MOST_STEPS:,}"))
    said = [f"{gap} and interpolated; {longest}"] if missing > _UNSAID else []
    return [*said, f"{repetition} and are averaged with it"] if repeated else said


_RAISE = "Correct the file, or raise demand.trace.max_gaps (simulate --trace: --trace-gaps)."


def _longest(rows: _Rows, order: Array, steps: Array) -> str:
    """Return how long the longest gap is, and where it ends."""
    widest = int(np.argmax(np.diff(steps)))
    before, after = order[widest], order[widest + 1]
    return f"the longest gap, {_long(rows.time_s[after] - rows.time_s[before])}, ends at {rows.places[after]}"


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"


def _long(seconds: float) -> str:
    for unit, length in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


def _filled(steps: Array, values: Array) -> Array:
    """Return the mean of each step, (steps,), those without a row interpolated; ``steps`` rise from 0."""
    filled, first = np.unique(steps, return_index=True)
    counts = np.diff(np.append(first, steps.size))
    means = np.add.reduceat(values, first) / counts
    return np.interp(np.arange(filled[-1] + 1), filled, means)

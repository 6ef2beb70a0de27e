"""A recorded load from a CSV file, or from Prometheus, as average and shape."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.demand import prometheus
from capplan.demand.steps import Indices, Rows, in_steps, rows_of
from capplan.errors import InputError, Problem, nearest
from capplan.moments import moments
from capplan.stdin import is_stdin, name_of
from capplan.tabular import read_table

if TYPE_CHECKING:
    from capplan.plan.demand import Trace


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


def read_recording(trace: Trace, directory: Path) -> Recording:
    """Return the load that the file of a trace holds: rows of CSV, or requests/s as Prometheus answered.

    Rows of one step are averaged, and steps without any are interpolated. Raises :class:`InputError` for what
    cannot be a load, and where more of it than ``trace.max_gaps`` would be made up.
    """
    path = Path(trace.file) if is_stdin(trace.file) else directory / trace.file
    answered = prometheus.is_answer(path)
    rows = _answered(path) if answered else _recorded(path, trace)
    step_s, order, steps, gaps = in_steps(name_of(path), rows, float(trace.max_gaps), "interpolated", _RAISE)
    load = _filled(steps, rows.values[order])
    rps = load / step_s if trace.unit == "requests" and not answered else load
    if float(rps.mean()) <= 0:
        raise InputError(Problem(name_of(path), f"column '{trace.value}' holds no load"))
    return Recording(step_s, rps, float(rows.time_s[order[0]]), rows.said, gaps)


_RAISE = "Correct the file, or raise demand.trace.max_gaps (simulate --trace: --trace-gaps)."


def _answered(path: Path) -> Rows:
    """Return the requests/s of all series of an answer together."""
    time_s, rps = prometheus.total(path)
    return Rows(time_s, rps, [name_of(path)] * len(time_s), ())


def _recorded(path: Path, trace: Trace) -> Rows:
    """Return the rows of a CSV file that have a value; a blank value is a gap."""
    table = read_table(path, keep=(trace.time, trace.value))
    for name in (trace.time, trace.value):
        if name not in table.header:
            option = "simulate --trace: --trace-columns TIME,VALUE"
            near = f"{nearest(name, table.header)} Name it in demand.trace.time or value ({option})."
            raise InputError(Problem(table.path, f"no column '{name}'", near))
    return rows_of(moments(table.column(trace.time)), table.column(trace.value))


def _filled(steps: Indices, values: Array) -> Array:
    """Return the mean of each step, (steps,), those without a row interpolated; ``steps`` rise from 0."""
    filled, first = np.unique(steps, return_index=True)
    counts = np.diff(np.append(first, steps.size))
    means = np.add.reduceat(values, first) / counts
    return np.interp(np.arange(filled[-1] + 1), filled, means)

"""A recorded load from a CSV file, or from Prometheus, as average and shape."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.demand import prometheus
from capplan.errors import InputError, Problem, nearest

if TYPE_CHECKING:
    import pandas as pd

    from capplan.plan.demand import Trace


class Recording(NamedTuple):
    """A load as it was: requests per second, step by step."""

    step_s: float
    rps: Array


def read_trace(trace: Trace, directory: Path) -> tuple[float, Array]:
    """Return the mean load in requests per second, and its shape over the steps (mean 1).

    Raises :class:`InputError` for what cannot be a load.
    """
    load = read_recording(trace, directory).rps
    mean = float(load.mean())
    return mean, load / mean


def read_recording(trace: Trace, directory: Path) -> Recording:
    """Return the load that the file of a trace holds: rows of CSV, or requests/s as Prometheus answered.

    Steps are as long as the median distance of two rows; rows in between are averaged, and steps that
    are missing are interpolated. Raises :class:`InputError` for what cannot be a load.
    """
    path = directory / trace.file
    if prometheus.is_answer(path):
        trace = trace.model_copy(update={"time": "time", "value": "value", "unit": "requests_per_second"})
        table = _answered(path)
    else:
        table = _table(path, trace)
    recording = _requests_per_second(table, trace, path)
    if float(recording.rps.mean()) <= 0:
        raise InputError(Problem(str(path), f"column '{trace.value}' holds no load"))
    return recording


def _answered(path: Path) -> pd.DataFrame:
    """Return the requests/s of all series of an answer together."""
    import pandas as pd

    time_s, rps = prometheus.total(path)
    if len(time_s) < 2:
        raise InputError(Problem(str(path), "a trace needs at least two moments"))
    return pd.DataFrame({"time": pd.to_datetime(time_s, unit="s", utc=True), "value": rps})


def _table(path: Path, trace: Trace) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        raise InputError(Problem(str(path), "no such file")) from None
    except (OSError, ValueError) as error:
        what = f"not a readable CSV file ({str(error).splitlines()[0]})"
        raise InputError(Problem(str(path), what)) from None
    for column in (trace.time, trace.value):
        if column not in table.columns:
            raise InputError(Problem(str(path), f"no column '{column}'", nearest(column, table.columns)))
    if len(table) < 2:
        raise InputError(Problem(str(path), "a trace needs at least two rows"))
    return table


def _requests_per_second(table: pd.DataFrame, trace: Trace, path: Path) -> Recording:
    import pandas as pd

    values = pd.to_numeric(table[trace.value], errors="coerce")
    _check(path, table[trace.value], values.isna(), "is not a number")
    _check(path, table[trace.value], values < 0, "is negative")
    _check(path, table[trace.value], np.isinf(values), "is not finite")
    times = pd.to_datetime(table[trace.time], errors="coerce", utc=True, format="mixed")
    _check(path, table[trace.time], times.isna(), "is not a time")
    series = pd.Series(values.to_numpy(dtype=float), index=pd.DatetimeIndex(times)).sort_index()
    step: Any = series.index.to_series().diff().median()
    if not step > pd.Timedelta(0):
        raise InputError(Problem(str(path), f"the times in '{trace.time}' do not advance"))
    regular = series.resample(step, origin="start").mean().interpolate()
    rates, step_s = regular.to_numpy(dtype=float), step.total_seconds()
    return Recording(step_s, np.asarray(rates / step_s if trace.unit == "requests" else rates))


def _check(path: Path, column: pd.Series[Any], bad: pd.Series[Any], what: str) -> None:
    """Raise :class:`InputError` about the first ``bad`` cell of a column, if there is one."""
    if bad.any():
        row = int(bad.to_numpy().argmax())
        where = f"{path}:{_line_of(path, row)}"
        raise InputError(Problem(where, f"{column.name} '{column.iloc[row]}' {what}"))


def _line_of(path: Path, row: int) -> int:
    """Return the line of a row of the file; blank lines are no rows, and the first row is the heading."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        filled = [number for number, line in enumerate(lines, 1) if line.strip()]
    return filled[min(row + 1, len(filled) - 1)]

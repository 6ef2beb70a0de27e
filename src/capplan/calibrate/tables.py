"""Small tables: the CSV files of Locust, and columns of concurrency and throughput."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from capplan.arrays import Array
from capplan.calibrate.assemble import RunOrigin, assembled
from capplan.calibrate.runs import LoadRun
from capplan.calibrate.windows import Windows
from capplan.errors import InputError, Problem
from capplan.stdin import name_of

_CONCURRENCY = (
    "concurrency",
    "clients",
    "users",
    "n",
    "threads",
    "vus",
    "connections",
    "processors",
    "load",
    "db_time",
)
_THROUGHPUT = ("throughput", "throughput_rps", "x", "rps", "tps", "txn_rate", "requests_per_s", "requests/s")
_NAMES = _HISTORY, _SUMMARY = "_stats_history.csv", "_stats.csv"
_CORES = ("cpu_cores", "cpu_time", "cores")
_NOTHING = {
    "Method,Name,Error,Occurrences": "it lists failures of Locust",
    "Count,Message,Traceback": "it lists exceptions of Locust",
    "Percentage served,Time in ms": "it lists percentiles of ab, without the rate (give the report too)",
}
_HDR = re.compile(r"\s*Value(?:\(ms\))?\s+Percentile\s+TotalCount")


def is_table(text: str) -> bool:
    """Say whether a text begins as one of these tables does."""
    return text.startswith(("Type,Name,", "Timestamp,User Count,", "Method,Name,", "Count,Message,"))


def tables_of(path: Path, text: str) -> list[LoadRun] | str | None:
    """Return the runs in a table, or why it has none; None for what is no such table."""
    name = name_of(path)
    reason = next((why for header, why in _NOTHING.items() if text.startswith(header)), None)
    if reason is None and _HDR.match(text):
        reason = "it plots a histogram, without the rate (give the report in JSON too)"
    if reason is not None:
        return reason
    rows = list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))
    if text.startswith("Type,Name,"):
        return _stats(name, rows)
    if text.startswith("Timestamp,User Count,"):
        return _history(name, rows)
    return _columns(name, rows)


def _number(text: str | None) -> float:
    with suppress(TypeError, ValueError):
        return float(text or "")
    return float("nan")


def _stats(name: str, rows: Sequence[Mapping[str, str]]) -> list[LoadRun] | str:
    total = next((row for row in rows if row.get("Name") == "Aggregated"), None)
    if total is None:
        return "it has no row of all requests"
    quantiles = {
        float(key[:-1]) / 100: _number(value) / 1000 for key, value in total.items() if key.endswith("%")
    }
    quantiles = {share: time for share, time in quantiles.items() if share < 0.999 and time > 0}
    figures = {
        "requests": _number(total["Request Count"]),
        "failed": _number(total["Failure Count"]),
        "total_rate": _number(total["Requests/s"]),
        "mean_s": _number(total["Average Response Time"]) / 1000,
        "max_s": _number(total["Max Response Time"]) / 1000,
    }
    run = assembled(RunOrigin(name, "locust", "unknown", None), figures, quantiles)
    return "nothing was answered" if run is None else [run]


def _history(name: str, rows: Sequence[Mapping[str, str]]) -> list[LoadRun] | str:
    """Return a run for each number of users, from the growth of the counts: the rates lag behind."""
    total = [row for row in rows if row.get("Name") == "Aggregated"]
    columns = (
        "Timestamp",
        "User Count",
        "Total Request Count",
        "Total Failure Count",
        "Total Average Response Time",
    )
    table = np.array([[_number(row.get(column)) for column in columns] for row in total]).reshape(
        -1, len(columns)
    )
    time_s, users, requests, failed, mean_ms = table[np.isfinite(table).all(axis=1)].T
    windows = Windows()
    grown, wrong = np.diff(requests), np.diff(failed)
    spent_s = np.diff(requests * mean_ms / 1000)
    held = (users[1:] == users[:-1]) & (grown > 0)
    windows.count(
        time_s[1:][held],
        {
            "good": (grown - wrong)[held],
            "failed": wrong[held],
            "sum_s": (spent_s * (1 - wrong / np.maximum(grown, 1)))[held],
            "present_s": spent_s[held],
            "clients": users[1:][held],
            "seen": np.ones(int(held.sum())),
        },
    )
    return list(windows.runs(name, "locust", "closed")) or "nothing was answered"


def joined(runs: Sequence[LoadRun]) -> list[LoadRun]:
    """Return the runs, with the summary of Locust beside the history of the same test made one.

    A history of several levels says more than their summary; of one level it tells the summary its users.
    """
    levels: dict[str, list[LoadRun]] = {}
    for run in runs:
        levels.setdefault(run.file, []).append(run)
    kept = []
    for run in runs:
        of_history = run.file.endswith(_HISTORY)
        beside = levels.get(run.file.replace(*(_NAMES if of_history else _NAMES[::-1])), [])
        if not beside or beside == levels[run.file] or (of_history and len(levels[run.file]) > 1):
            kept.append(run)
        elif not of_history and len(beside) == 1:
            kept.append(run._replace(clients=beside[0].clients, arrivals="closed", think_s=None))
    return kept


def _columns(name: str, rows: Sequence[Mapping[str, str]]) -> list[LoadRun] | None:
    header = list(rows[0]) if rows else []
    by_name = {str(column).strip().lower(): column for column in header if column}
    n, x = (
        next((by_name[key] for key in keys if key in by_name), None) for keys in (_CONCURRENCY, _THROUGHPUT)
    )
    if n is None or x is None:
        return None
    cores = next((by_name[key] for key in _CORES if key in by_name), None)
    runs = []
    for line, row in enumerate(rows, 2):
        present, rate = _number(row[n]), _number(row[x])
        if not (0 < present < 1e12 and 0 < rate < 1e15):
            what = f"expected numbers above 0 in {n} and {x}, got '{row[n]}' and '{row[x]}'"
            raise InputError(Problem(f"{name}:{line}", what))
        busy = None if cores is None else _number(row[cores])
        runs.append(LoadRun(name, "table", rate, clients=present, think_s=0.0, arrivals="closed", cores=busy))
    return runs


def cores_of(runs: Sequence[LoadRun]) -> tuple[Array, Array]:
    """Return the rate and the busy cores of runs that say both."""
    known = [run for run in runs if run.cores is not None and run.cores >= 0]
    return np.array([run.rate for run in known]), np.array([run.cores for run in known], dtype=float)

"""Saved answers of Prometheus' HTTP API to range queries.

Format: prometheus.io/docs/prometheus/latest/querying/api, ``query_range`` and the result type ``matrix``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.errors import InputError, Problem
from capplan.stdin import name_of
from capplan.strictjson import parse_json
from capplan.strictyaml import decode
from capplan.tabular import opened

_LONGEST_LINE = 2**16
_LARGEST = np.array([4e9, 1e18])
"""Times until 2096, and values of which there may be many."""

_MOST_BYTES = 64 * 2**20
"""What becomes of JSON in memory is six times as large."""

COUNTERS = ("_total", "_count")
_ASK = "Save the response of /api/v1/query_range."


class Series(NamedTuple):
    """One series: its labels, and its samples in order of time; seconds since 1970, (samples,) each."""

    labels: Mapping[str, str]
    time_s: Array
    values: Array

    @property
    def name(self) -> str:
        """The metric's name; empty where a function such as ``rate`` took it away."""
        return self.labels.get("__name__", "")


def is_answer(path: Path) -> bool:
    """Say whether a file begins as one JSON object does; JSON lines and what cannot be read do not."""
    try:
        with opened(path) as file:
            begins = file.read(_LONGEST_LINE).lstrip()
            return begins.startswith(b"{") and not re.match(rb"[^\n]*\}\s*\n\s*\{", begins)
    except InputError:
        return False


def read_matrix(path: Path) -> list[Series]:
    """Return the series of an answer, counters as rates.

    Samples that are no finite number are none. Raises :class:`InputError` for what is not such an answer, and
    for one without samples.
    """
    found = [series for series in _series(path, _result(path)) if series.time_s.size]
    if not found:
        raise InputError(Problem(name_of(path), "holds no samples", "Check the query and its times."))
    return found


def total(path: Path) -> tuple[Array, Array]:
    """Return the times of an answer in s since 1970, and the sum of all its series at each; (times,) both."""
    series = read_matrix(path)
    time_s, places = np.unique(np.concatenate([each.time_s for each in series]), return_inverse=True)
    sums = np.bincount(places, np.concatenate([each.values for each in series]))
    return time_s, np.asarray(sums, dtype=np.float64)


def _result(path: Path) -> Sequence[Any]:
    with opened(path) as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        what = f"holds more than {_MOST_BYTES // 2**20} MiB"
        raise InputError(Problem(name_of(path), what, "Query with a longer step, or for fewer series."))
    answer = parse_json(decode(data, name_of(path), _MOST_BYTES), name_of(path), _ASK)
    if not isinstance(answer, dict) or not isinstance(answer.get("data", {}), dict):
        raise InputError(Problem(name_of(path), "is not a response of Prometheus", _ASK))
    if answer.get("status") == "error":
        raise InputError(Problem(name_of(path), f"Prometheus refused the query: {answer.get('error')}"))
    kind, result = (answer.get("data", {}).get(key) for key in ("resultType", "result"))
    if kind in ("vector", "scalar", "string"):
        raise InputError(Problem(name_of(path), f"holds a {kind}, which covers one moment only", _ASK))
    if kind != "matrix" or not isinstance(result, list):
        raise InputError(Problem(name_of(path), "is not a response of Prometheus", _ASK))
    return result


def _series(path: Path, result: Sequence[Any]) -> Iterator[Series]:
    for number, each in enumerate(result):
        try:
            labels = {str(label): str(value) for label, value in each["metric"].items()}
            samples = [(float(time_s), float(value)) for time_s, value in each.get("values", ())]
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
            what = f"series {number + 1} of the result is not one of a matrix"
            raise InputError(Problem(name_of(path), what, _ASK)) from None
        table = np.array(samples, dtype=float).reshape(-1, 2)
        table = table[np.isfinite(table).all(axis=1)]
        table = table[np.argsort(table[:, 0], kind="stable")]
        series = Series(labels, table[:, 0], table[:, 1])
        if np.any(table < 0) or np.any(table > _LARGEST):
            what = f"series {number + 1} of the result has a time or a value below 0, or beyond any"
            raise InputError(Problem(name_of(path), what))
        yield rate_of(series) if series.name.endswith(COUNTERS) else series


def rate_of(counter: Series) -> Series:
    """Return what a counter grew by in a second; one that falls has begun again at 0."""
    grown, passed_s = np.diff(counter.values), np.diff(counter.time_s)
    grown = np.where(grown < 0, counter.values[1:], grown)
    rates = np.divide(grown, passed_s, out=np.zeros_like(grown), where=passed_s > 0)
    return Series(counter.labels, counter.time_s[1:], rates)

"""Usage of one container over time: as recorded in a file, or as simulated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.autoscale.rightsize import krr
from capplan.autoscale.rightsize.vpa import Recommendation, Recommender
from capplan.autoscale.signals import Use
from capplan.autoscale.simulation import Outcome
from capplan.errors import InputError, Problem, nearest

_STEP_S = 60.0
_COLUMNS = ("timestamp", "cpu_cores", "memory_bytes")


class Usage(NamedTuple):
    """Samples of one pod: seconds since a midnight in UTC, cores, bytes; (samples,) each."""

    time_s: Array
    cpu_cores: Array
    memory_bytes: Array


class Advice(NamedTuple):
    """What the tools recommend for one container; has_memory says whether its use is known."""

    name: str
    vpa: Recommendation
    krr_cpu: krr.Request
    krr_limited_cpu: krr.Request
    krr_memory: krr.Request
    has_memory: bool


def read_usage(path: Path) -> Mapping[str, Usage]:
    """Return the usage in a CSV file by pod: timestamp, cpu_cores, memory_bytes, and pod if several.

    Raises :class:`InputError` for what is no usage.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        raise InputError(Problem(str(path), "no such file")) from None
    except (OSError, ValueError) as error:
        what = f"not a readable CSV file ({str(error).splitlines()[0]})"
        raise InputError(Problem(str(path), what)) from None
    for column in _COLUMNS:
        if column not in table.columns:
            raise InputError(Problem(str(path), f"no column '{column}'", nearest(column, table.columns)))
    times = pd.to_datetime(table["timestamp"], errors="coerce", utc=True, format="mixed")
    numbers = table[list(_COLUMNS[1:])].apply(pd.to_numeric, errors="coerce")
    bad = times.isna() | numbers.isna().any(axis=1) | (numbers < 0).any(axis=1)
    if bad.any():
        row = int(bad.to_numpy().argmax())
        what = "the row has no time, or no use of 0 or more"
        raise InputError(Problem(f"{path}:{row + 2}", what))
    seconds = np.asarray((times - pd.Timestamp(0, tz="UTC")).dt.total_seconds(), dtype=np.float64)
    pods = table["pod"].astype(str) if "pod" in table.columns else pd.Series("pod", index=table.index)
    return {
        str(pod): _sorted(seconds[rows], numbers.to_numpy(dtype=float)[rows])
        for pod, rows in pods.groupby(pods).indices.items()
    }


def _sorted(time_s: Array, used: Array) -> Usage:
    order = np.argsort(time_s, kind="stable")
    return Usage(time_s[order], used[order, 0], used[order, 1])


def simulated_usage(outcome: Outcome) -> Usage:
    """Return what an average ready instance used in each minute of a simulation."""
    use: Use = outcome.subject.simulated.use
    tick_s = outcome.subject.simulated.traffic.tick_s
    per_minute = max(round(_STEP_S / tick_s), 1)
    starts = np.arange(0, outcome.series.worked.size, per_minute)
    counts = np.diff(np.append(starts, outcome.series.worked.size))
    ready = np.maximum(np.add.reduceat(outcome.series.ready, starts) / counts, 1.0)
    rps = np.add.reduceat(outcome.series.worked, starts) / counts / tick_s / ready
    memory = use.memory_base + use.memory_each * rps * use.service_time_s
    return Usage(np.asarray(starts * tick_s, dtype=np.float64), rps * use.cpu_milli / 1000, memory)


def advice(name: str, pods: Mapping[str, Usage]) -> Advice:
    """Return what VPA and KRR would recommend for a container that runs in these ``pods``."""
    recommender = Recommender()
    samples = sorted(
        (time_s, cores, used)
        for usage in pods.values()
        for time_s, cores, used in zip(*(column.tolist() for column in usage), strict=True)
    )
    for time_s, cores, used in samples:
        recommender.cpu(time_s, cores)
        recommender.memory(time_s, int(used))
    cpu = [usage.cpu_cores for usage in pods.values()]
    memory = [usage.memory_bytes for usage in pods.values()]
    return Advice(
        name=name,
        vpa=recommender.recommendation(),
        krr_cpu=krr.simple_cpu(cpu),
        krr_limited_cpu=krr.limited_cpu(cpu),
        krr_memory=krr.memory(memory),
        has_memory=any(bool(used.any()) for used in memory),
    )

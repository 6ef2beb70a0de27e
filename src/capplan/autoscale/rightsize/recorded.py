"""Usage of containers as it was recorded: a CSV file, or what Prometheus answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from capplan.autoscale.rightsize.usage import Samples, Usage
from capplan.demand import prometheus
from capplan.errors import InputError, Problem, nearest

CPU, MEMORY = "cpu", "memory"
_COLUMNS = ("timestamp", "cpu_cores", "memory_bytes")
_PAUSE = "POD"
"""The container that only holds a pod's network; cAdvisor reports it like any other."""

_UNNAMED = "container"
_LARGEST = 1e18


class _Source(NamedTuple):
    """A file, and whether it holds CPU or memory, if somebody said so."""

    path: Path
    kind: str


def read_usage(given: Sequence[str]) -> Mapping[str, Mapping[str, Usage]]:
    """Return the usage in files by container and pod.

    Each is a CSV file of one container, which has its name (timestamp, cpu_cores, memory_bytes, and pod
    if several), or an answer of Prometheus, ``cpu=FILE`` or ``memory=FILE`` where no name tells which.
    Raises :class:`InputError` for what is no usage.
    """
    sources = [_source(text) for text in given]
    found = {s.path.stem: _read_csv(s.path) for s in sources if not (s.kind or prometheus.is_answer(s.path))}
    answers = [s for s in sources if s.kind or prometheus.is_answer(s.path)]
    return {**found, **_answered(answers)}


def _source(text: str) -> _Source:
    kind, equals, file = text.partition("=")
    if equals and kind in (CPU, MEMORY):
        return _Source(Path(file), kind)
    return _Source(Path(text), "")


def _read_csv(path: Path) -> Mapping[str, Usage]:
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
    if pd.api.types.is_numeric_dtype(table["timestamp"]) and not table.empty:
        remedy = "Write dates, as 2026-01-31T12:00:00Z."
        raise InputError(Problem(str(path), "its times are numbers, and may count anything", remedy))
    times = pd.to_datetime(table["timestamp"], errors="coerce", utc=True, format="mixed")
    numbers = table[list(_COLUMNS[1:])].apply(pd.to_numeric, errors="coerce")
    bad = times.isna() | ~((numbers >= 0) & (numbers <= _LARGEST)).all(axis=1)
    if bad.any():
        row = int(bad.to_numpy().argmax())
        what = "the row has no time, or no use of 0 or more that a machine could have"
        raise InputError(Problem(f"{path}:{row + 2}", what))
    if table.empty:
        raise InputError(Problem(str(path), "holds no rows"))
    seconds = np.asarray((times - pd.Timestamp(0, tz="UTC")).dt.total_seconds(), dtype=np.float64)
    used = numbers.to_numpy(dtype=float)
    pods = table["pod"].astype(str) if "pod" in table.columns else pd.Series("pod", index=table.index)
    return {
        str(pod): _usage(*(Samples(seconds[rows], used[rows, column]) for column in (0, 1)))
        for pod, rows in pods.groupby(pods).indices.items()
    }


def _usage(cpu: Samples, memory: Samples) -> Usage:
    """Return both in order of time; bytes that are 0 all the time are not known."""
    order = np.argsort(cpu.time_s, kind="stable")
    cpu, memory = (Samples(each.time_s[order], each.values[order]) for each in (cpu, memory))
    return Usage(cpu, memory if memory.values.any() else None)


def _answered(sources: Sequence[_Source]) -> Mapping[str, Mapping[str, Usage]]:
    """Return what the answers say together; who used memory and no CPU is told, because VPA needs both."""
    parts: dict[str, dict[tuple[str, str], list[prometheus.Series]]] = {CPU: {}, MEMORY: {}}
    for source in sources:
        for container, series in _of_containers(source):
            kind = source.kind or _kind(source.path, series)
            pod = "/".join(filter(None, (series.labels.get(label) for label in ("namespace", "pod"))))
            parts[kind].setdefault((container, pod), []).append(series)
    unknown = sorted(
        {container for container, _ in parts[MEMORY]} - {container for container, _ in parts[CPU]}
    )
    if unknown:
        what = f"says nothing of the CPU of '{unknown[0]}'"
        raise InputError(Problem("--usage", what, "Give --usage cpu=FILE too."))
    found: dict[str, dict[str, Usage]] = {}
    for (container, pod), cpu in parts[CPU].items():
        memory = parts[MEMORY].get((container, pod))
        used = Usage(_joined(cpu), None if memory is None else _joined(memory))
        found.setdefault(container, {})[pod] = used
    return found


def _of_containers(source: _Source) -> Iterator[tuple[str, prometheus.Series]]:
    """Yield series and the container of each; where none has that label they are all of one.

    Beside series of containers, those without the label are sums over pods and nodes.
    """
    series = prometheus.read_matrix(source.path)
    if not any("container" in each.labels for each in series):
        yield from ((_UNNAMED, each) for each in series)
        return
    for each in series:
        container = each.labels.get("container", _PAUSE)
        if container != _PAUSE:
            yield container, each


def _kind(path: Path, series: prometheus.Series) -> str:
    for kind in (CPU, MEMORY):
        if kind in series.name:
            return kind
    what = "does not say whether its series are CPU or memory"
    raise InputError(Problem(str(path), what, f"Give --usage cpu={path} or --usage memory={path}."))


def _joined(series: Sequence[prometheus.Series]) -> Samples:
    """Return the samples of a container that was started again, or of several ids, one after the other."""
    time_s = np.concatenate([each.time_s for each in series])
    order = np.argsort(time_s, kind="stable")
    return Samples(time_s[order], np.concatenate([each.values for each in series])[order])

"""Usage of containers as it was recorded: a CSV file, or what Prometheus answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.autoscale.rightsize.usage import RecordedUsage, Samples
from capplan.demand import prometheus
from capplan.errors import InputError, Problem
from capplan.moments import moments
from capplan.stdin import name_of
from capplan.tabular import Column, figures, read_table

CPU, MEMORY = "cpu", "memory"
_COLUMNS = ("timestamp", "cpu_cores", "memory_bytes")
_PAUSE = "POD"
"""The container that only holds a pod's network; cAdvisor reports it like any other."""

_UNNAMED = "container"
_LARGEST = 1e18
_DAY_S, _LONGEST_DAYS = 86_400.0, 400.0


class _Source(NamedTuple):
    """A file, and whether it holds CPU or memory, if somebody said so."""

    path: Path
    kind: str


def read_usage(given: Sequence[str]) -> Mapping[str, Mapping[str, RecordedUsage]]:
    """Return the usage in files by container and pod.

    Each is a CSV file of one container, which has its name (timestamp, cpu_cores, memory_bytes, and pod
    if several), or an answer of Prometheus, ``cpu=FILE`` or ``memory=FILE`` where no name tells which.
    Raises :class:`InputError` for what is no usage.
    """
    sources = [_source(text) for text in given]
    found = {s.path.stem: _read_csv(s.path) for s in sources if not (s.kind or prometheus.is_answer(s.path))}
    answers = [s for s in sources if s.kind or prometheus.is_answer(s.path)]
    usage = {**found, **_answered(answers)}
    for container, pods in usage.items():
        _refuse_stray(container, [used.cpu.time_s for used in pods.values()])
    return usage


def _refuse_stray(container: str, times: Sequence[Array]) -> None:
    """Refuse samples further apart than any history is long: one of them has a wrong time."""
    time_s = np.concatenate(times)
    days = float(np.ptp(time_s)) / _DAY_S if time_s.size else 0.0
    if days > _LONGEST_DAYS:
        what = f"the samples of '{container}' span {days:,.0f} days, and a history {_LONGEST_DAYS:g} at most"
        raise InputError(Problem("--usage", what, "Is the time of one of them wrong?"))


def _source(text: str) -> _Source:
    kind, equals, file = text.partition("=")
    if equals and kind in (CPU, MEMORY):
        return _Source(Path(file), kind)
    return _Source(Path(text), "")


def _read_csv(path: Path) -> Mapping[str, RecordedUsage]:
    """Return the usage of one container by pod; a row needs both figures."""
    table = read_table(path, keep=(*_COLUMNS, "pod"))
    times, *measured = (table.column(name) for name in _COLUMNS)
    if not table.lines:
        raise InputError(Problem(name_of(path), "holds no rows"))
    used = np.stack([_used(column) for column in measured])
    seconds = moments(times).seconds
    pods = table.columns["pod"].cells if "pod" in table.columns else ["pod"] * len(table.lines)
    rows_of: dict[str, list[int]] = {}
    for row, pod in enumerate(pods):
        rows_of.setdefault(pod, []).append(row)
    return {
        pod: _usage(Samples(seconds[rows], used[0, rows]), Samples(seconds[rows], used[1, rows]))
        for pod, rows in sorted(rows_of.items())
    }


def _used(column: Column) -> Array:
    """Return what was used, row by row; what is blank, negative or beyond any machine is refused."""
    found = figures(column)
    wrong = ~((found >= 0) & (found <= _LARGEST))
    if np.any(wrong):
        row = int(np.argmax(wrong))
        raise column.error(row, "must be 0 or more, and no more than a machine can have")
    return found


def _usage(cpu: Samples, memory: Samples) -> RecordedUsage:
    """Return both in order of time; bytes that are 0 all the time are not known."""
    order = np.argsort(cpu.time_s, kind="stable")
    cpu, memory = (Samples(each.time_s[order], each.values[order]) for each in (cpu, memory))
    return RecordedUsage(cpu, memory if memory.values.any() else None)


def _answered(sources: Sequence[_Source]) -> Mapping[str, Mapping[str, RecordedUsage]]:
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
        what = f"does not say the CPU use of '{unknown[0]}'"
        raise InputError(Problem("--usage", what, "Give --usage cpu=FILE too."))
    found: dict[str, dict[str, RecordedUsage]] = {}
    for (container, pod), cpu in parts[CPU].items():
        memory = parts[MEMORY].get((container, pod))
        used = RecordedUsage(_joined(cpu), None if memory is None else _joined(memory))
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
    raise InputError(Problem(name_of(path), what, f"Give --usage cpu={path} or --usage memory={path}."))


def _joined(series: Sequence[prometheus.Series]) -> Samples:
    """Return the samples of a container that was started again, or of several ids, one after the other."""
    time_s = np.concatenate([each.time_s for each in series])
    order = np.argsort(time_s, kind="stable")
    return Samples(time_s[order], np.concatenate([each.values for each in series])[order])

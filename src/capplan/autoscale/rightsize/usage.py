"""What one container uses over time, and what the tools recommend for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.autoscale.rightsize import krr
from capplan.autoscale.rightsize.vpa import Recommendation, Recommender
from capplan.autoscale.signals import Use
from capplan.autoscale.simulation import Outcome

_STEP_S = 60.0


class Samples(NamedTuple):
    """Values in order of time, seconds since a midnight in UTC; (samples,) each."""

    time_s: Array
    values: Array


class RecordedUsage(NamedTuple):
    """What one pod used: cores, and bytes if anybody knows."""

    cpu: Samples
    memory: Samples | None


class SizeAdvice(NamedTuple):
    """What the tools recommend for one container; has_memory says whether its use is known."""

    name: str
    vpa: Recommendation
    krr_cpu: krr.Request
    krr_limited_cpu: krr.Request
    krr_memory: krr.Request
    has_memory: bool


def simulated_usage(outcome: Outcome) -> RecordedUsage:
    """Return what an average ready instance used in each minute of a simulation."""
    use: Use = outcome.subject.simulated.use
    tick_s = outcome.subject.simulated.traffic.tick_s
    per_minute = max(round(_STEP_S / tick_s), 1)
    starts = np.arange(0, outcome.series.worked.size, per_minute)
    counts = np.diff(np.append(starts, outcome.series.worked.size))
    ready = np.maximum(np.add.reduceat(outcome.series.ready, starts) / counts, 1.0)
    rps = np.add.reduceat(outcome.series.worked, starts) / counts / tick_s / ready
    time_s = np.asarray(starts * tick_s, dtype=np.float64)
    memory = use.memory_base + use.memory_each * rps * use.service_time_s
    known = Samples(time_s, memory) if memory.any() else None
    return RecordedUsage(Samples(time_s, rps * use.cpu_milli / 1000), known)


def advice(name: str, pods: Mapping[str, RecordedUsage]) -> SizeAdvice:
    """Return what VPA and KRR would recommend for a container that runs in these ``pods``."""
    recommender = Recommender()
    cpu = [usage.cpu for usage in pods.values()]
    memory = [usage.memory for usage in pods.values() if usage.memory is not None]
    for time_s, cores in _in_order(cpu):
        recommender.cpu(time_s, cores)
    for time_s, used in _in_order(memory):
        recommender.memory(time_s, int(used))
    cores_by_pod = [samples.values for samples in cpu]
    return SizeAdvice(
        name=name,
        vpa=recommender.recommendation(),
        krr_cpu=krr.simple_cpu(cores_by_pod),
        krr_limited_cpu=krr.limited_cpu(cores_by_pod),
        krr_memory=krr.memory([samples.values for samples in memory]),
        has_memory=bool(memory),
    )


def _in_order(pods: Iterable[Samples]) -> Iterator[tuple[float, float]]:
    """Yield the samples of all pods by time."""
    rows = (zip(samples.time_s.tolist(), samples.values.tolist(), strict=True) for samples in pods)
    yield from sorted(row for pod in rows for row in pod)

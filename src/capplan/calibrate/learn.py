"""From all evidence to the figures of a service: load tests give times, monitoring gives CPU and memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from capplan.arrays import Array
from capplan.calibrate import checks
from capplan.calibrate.experiment import Calibration, calibrated
from capplan.calibrate.monitoring import PERCENT, Together, runs_of, watched
from capplan.calibrate.outcome import Estimated
from capplan.calibrate.reading import TestEvidence
from capplan.calibrate.runs import LoadRun
from capplan.calibrate.tables import cores_of
from capplan.calibrate.usage import UseOfLoad, usage_of
from capplan.findings import Finding

FIGURES = ("service_time_s", "cs2", "cpu_time_s", "concurrency", "throughput_rps", "knee_rps")
MEMORY = ("memory_base_gib", "memory_per_request_gib")
_GIB = 2.0**30
_MORE = 1.1


def learned(
    evidence: TestEvidence,
    slo: Mapping[float, float] = {},
    cores: float | None = None,
    instances: float = 1.0,
) -> Calibration:
    """Return what the evidence says of one instance.

    slo: response times in seconds by share. cores: of an instance, for percentages of CPU. instances: among
    which the requests of the load tests were divided.
    """
    seen = watched(evidence.series, cores)
    tests = [_divided(run, instances) for run in evidence.runs]
    found = calibrated([*tests, *(runs_of(seen) if seen else ())], slo)
    cpu, file = _cpu(tests, seen)
    memory = _memory(seen)
    figures: dict[str, Estimated | None] = {name: found.figures.get(name) for name in FIGURES}
    figures["cpu_time_s"] = cpu.each if cpu else None
    figures |= dict.fromkeys(MEMORY)
    if memory is not None:
        figures |= dict(zip(MEMORY, (memory.idle, memory.each), strict=True))
    said = [*evidence.said, *_doubts(evidence, seen, cpu, file, figures["service_time_s"])]
    return found._replace(
        figures=figures,
        warnings=[*found.warnings, *(one for one in said if one.severity != "error")],
        refused=[*found.refused, *(one for one in said if one.severity == "error")],
    )


def _divided(run: LoadRun, instances: float) -> LoadRun:
    """Return the share of a run that one of so many instances had."""
    if instances == 1:
        return run
    clients = None if run.clients is None else run.clients / instances
    offered = None if run.offered is None else run.offered / instances
    cores = None if run.cores is None else run.cores / instances
    return run._replace(rate=run.rate / instances, clients=clients, offered=offered, cores=cores)


def _cpu(runs: Sequence[LoadRun], seen: Together | None) -> tuple[UseOfLoad | None, str]:
    if seen is not None and seen.cores is not None:
        return usage_of(seen.rate, seen.cores), seen.file
    rate, cores = cores_of(runs)
    return usage_of(rate, cores), next((run.file for run in runs if run.cores is not None), "")


def _memory(seen: Together | None) -> UseOfLoad | None:
    """Return memory by requests in progress, GiB; of the base only where nobody knows how many those are."""
    if seen is None or seen.memory is None:
        return None
    load: Array = seen.present if seen.present is not None else np.zeros(seen.rate.size)
    gib = seen.memory / _GIB
    found = usage_of(load, gib)
    if found is None or not found.idle_known:
        return UseOfLoad(_around(gib), Estimated(0.0, 0.0, 0.0), False)
    return found


def _around(values: Array) -> Estimated:
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95)).tolist()
    return Estimated(middle, low, high)


def _doubts(
    evidence: TestEvidence, seen: Together | None, cpu: UseOfLoad | None, file: str, service: Estimated | None
) -> Iterator[Finding]:
    """Yield what CPU and memory do not tell, and where they contradict the response times."""
    roles = {measure.role: measure for measure in evidence.series}
    alone = next((roles[role] for role in ("cpu", "memory", PERCENT) if role in roles), None)
    if alone is not None and seen is None:
        what = "holds a use of CPU or memory, and no file says how many requests caused it"
        yield checks.NO_REQUESTS.finding(alone.file, what, file=alone.file)
    if PERCENT in roles and "cpu" not in roles and seen is not None and seen.cores is None:
        what = "holds CPU in percent, and nobody says of how many cores"
        remedy = "Give --plan and --service, whose instances have that many."
        yield checks.NO_REQUESTS.finding(roles[PERCENT].file, what, remedy, file=roles[PERCENT].file)
    if cpu is not None and not cpu.idle_known:
        what = "the load hardly varies, so all CPU is taken to be that of requests: an upper bound"
        yield checks.IDLE_SHARE_UNKNOWN.finding(file, what, file=file)
    if cpu is not None and service is not None and cpu.each.low > _MORE * service.high:
        what = f"a request uses {cpu.each.value * 1000:.4g} ms of CPU and takes {service.value * 1000:.4g} ms"
        yield checks.UTILIZATION_LAW.finding(file, what, file=file)


def next_test(found: Calibration) -> list[str]:
    """Return the levels and the time to test with next, as sentences; none where all is known."""
    missing = {finding.code for finding in found.warnings} & {
        checks.NOT_SATURATED.code,
        checks.NEVER_ALONE.code,
        checks.UNKNOWN_VARIATION.code,
    }
    most = max((run.clients or run.present for run in found.runs), default=4.0)
    levels = {1.0} if missing - {checks.NOT_SATURATED.code} or not found.runs else set()
    if checks.NOT_SATURATED.code in missing or not found.runs:
        levels |= {2 * most, 4 * most, 8 * most}
    if not levels:
        return []
    service = found.figures.get("service_time_s")
    seconds = max(60.0, _ENOUGH * (service.value if service else 0.1))
    clients = ", ".join(f"{level:.0f}" for level in sorted(levels))
    return [
        f"Test next with {clients} clients without pauses, {seconds:.0f} s each, after a minute of warm-up."
    ]


_ENOUGH = 1000
"""Requests of one client that bring the mean within 5 % where service times vary as exponential ones do."""

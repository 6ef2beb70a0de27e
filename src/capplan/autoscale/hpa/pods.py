"""Which pods a metric counts, and as what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from capplan.autoscale.compiled import compiled
from capplan.autoscale.hpa.metrics import PodTotals

READY, UNREADY, MISSING, IGNORED = 0, 1, 2, 3


class Pod(NamedTuple):
    """A pod as the API shows it; None for a condition or a start time that is not there.

    request: milli-units, of the whole pod or of the container in question; None if one is missing.
    ready: status of the Ready condition, True, False or Unknown; None without one.
    """

    name: str
    request: int | None = 0
    phase: str = "Running"
    deleting: bool = False
    ready: str | None = "True"
    start_age_s: float | None = 3600.0
    transition_age_s: float = 3600.0


class PodSample(NamedTuple):
    """What a pod used, milli-units, over ``window_s`` up to ``age_s`` ago."""

    usage: int
    age_s: float = 0.0
    window_s: float = 60.0


class Readiness(NamedTuple):
    """Settings of the controller manager for pods that start."""

    cpu_initialization_s: float = 300.0
    initial_delay_s: float = 30.0


@compiled
def starting(
    not_ready: bool,
    start_age_s: float,
    transition_age_s: float,
    sample_age_s: float,
    sample_window_s: float,
    readiness: Readiness,
) -> bool:
    """Say whether the CPU sample of a pod is not to be trusted yet."""
    if start_age_s < readiness.cpu_initialization_s:
        return not_ready or sample_age_s > transition_age_s - sample_window_s
    return not_ready and readiness.initial_delay_s > start_age_s - transition_age_s


def pod_class(pod: Pod, sample: PodSample | None, is_cpu: bool, readiness: Readiness) -> int:
    """Return how a metric counts ``pod``; only CPU cares how long it has been there, and whether it is ready.

    Unknown readiness keeps no pod out.
    """
    if pod.deleting or pod.phase == "Failed":
        return IGNORED
    if pod.phase == "Pending":
        return UNREADY
    if sample is None:
        return MISSING
    if not is_cpu:
        return READY
    if pod.ready is None or pod.start_age_s is None:
        return UNREADY
    where = (pod.start_age_s, pod.transition_age_s, sample.age_s, sample.window_s)
    return UNREADY if starting(pod.ready == "False", *where, readiness) else READY


def grouped(
    pods: Iterable[Pod], samples: Mapping[str, PodSample], is_cpu: bool, readiness: Readiness
) -> dict[str, int]:
    """Return the class of every pod by name."""
    return {pod.name: pod_class(pod, samples.get(pod.name), is_cpu, readiness) for pod in pods}


def pod_totals(
    pods: Sequence[Pod],
    samples: Mapping[str, PodSample],
    target_percent: int | None,
    is_cpu: bool,
    readiness: Readiness,
) -> PodTotals:
    """Return the sums that :func:`capplan.autoscale.hpa.metrics.per_pod` needs.

    ``target_percent`` for Utilization, None for averages. A request that is missing on any pod, even a
    failed one, leaves nothing to compare with: the totals then hold no pods.
    """
    classes = grouped(pods, samples, is_cpu, readiness)
    if target_percent is not None and any(pod.request is None for pod in pods):
        pods = []
    dropped = {name for name, found in classes.items() if found in (IGNORED, UNREADY)}
    left = {name: sample.usage for name, sample in samples.items() if name not in dropped}
    requests = {pod.name: pod.request or 0 for pod in pods}
    unready = [requests[pod.name] for pod in pods if classes[pod.name] == UNREADY]
    missing = [requests[pod.name] for pod in pods if classes[pod.name] == MISSING]
    fill_percent = max(100, target_percent or 100)
    return PodTotals(
        pods=len(pods),
        ready=sum(found == READY for found in classes.values()),
        samples=len(left),
        usage=sum(left.values()),
        known_usage=sum(usage for name, usage in left.items() if name in requests),
        known_request=sum(requests[name] for name in left if name in requests),
        unready=len(unready),
        unready_request=sum(unready),
        missing=len(missing),
        missing_request=sum(missing),
        missing_fill=sum(request * fill_percent // 100 for request in missing),
    )


def running_and_ready(pods: Iterable[Pod]) -> int:
    """Return the pods that an Object or External metric's Value multiplies; deleting ones count."""
    return sum(pod.phase == "Running" and pod.ready == "True" for pod in pods)

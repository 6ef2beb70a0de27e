"""What one metric proposes: use and target in, a number of replicas out.

Amounts are integers in milli-units (millicores; a metric's value × 1000; memory in bytes × 1000). Every
function returns the proposal and the use that the HPA's status shows; a proposal of :data:`ERROR` is none.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from capplan.autoscale.compiled import compiled
from capplan.autoscale.hpa.tolerance import Tolerance, within

ERROR = -1
MOST_REPLICAS = 2**31 - 1
MOST_USAGE = 2**63 - 1

UTILIZATION, AVERAGE = 0, 1
"""Targets of metrics that each pod has: percent of its request, or an amount."""


class PodTotals(NamedTuple):
    """A per-pod metric, summed by class of pod.

    pods: selected pods. ready: those classed as ready. samples: samples that are neither of ignored nor of
    unready pods; those of pods that no longer exist count. usage: their sum. known_usage, known_request:
    sums over the samples whose pod exists. unready, missing: pods of these classes, and their requests.
    missing_fill: what missing pods are taken to use when the others would scale down, for Utilization.
    """

    pods: int
    ready: int
    samples: int
    usage: int
    known_usage: int
    known_request: int
    unready: int
    unready_request: int
    missing: int
    missing_request: int
    missing_fill: int


@compiled
def per_pod(totals: PodTotals, kind: int, target: int, current: int, tolerance: Tolerance) -> tuple[int, int]:
    """Return the proposal of a Resource, ContainerResource or Pods metric.

    Missing pods are filled in so that they hold the count back, unready ones count as idle on the way up.
    The second ratio decides, and never in the other direction than the first.
    """
    if totals.pods == 0 or totals.samples == 0:
        return ERROR, 0
    usage, request, samples = _amounts(totals, kind)
    if request == 0:
        return ERROR, 0
    shown = usage // request
    ratio = shown / target
    grows = totals.unready > 0 and ratio > 1.0
    if not grows and totals.missing == 0:
        return (current if within(ratio, tolerance) else math.ceil(ratio * totals.ready)), shown
    if totals.missing > 0 and ratio != 1.0:
        if ratio < 1.0:
            usage += 100 * totals.missing_fill if kind == UTILIZATION else target * totals.missing
        request += totals.missing_request if kind == UTILIZATION else totals.missing
        samples += totals.missing
    if grows:
        request += totals.unready_request if kind == UTILIZATION else totals.unready
        samples += totals.unready
    return _second_thought(ratio, usage // request / target, samples, current, tolerance), shown


@compiled
def _amounts(totals: PodTotals, kind: int) -> tuple[int, int, int]:
    """Return what is divided by what: percent by requests, or the sum by the number of samples."""
    if kind == UTILIZATION:
        return 100 * totals.known_usage, totals.known_request, totals.samples
    return totals.usage, totals.samples, totals.samples


@compiled
def _second_thought(first: float, second: float, samples: int, current: int, tolerance: Tolerance) -> int:
    if within(second, tolerance) or (first < 1.0 < second) or (second < 1.0 < first):
        return current
    wanted = math.ceil(second * samples)
    if (second < 1.0 and wanted > current) or (second > 1.0 and wanted < current):
        return current
    return wanted


@compiled
def value(
    total: int, target: int, pods: int, running_and_ready: int, current: int, tolerance: Tolerance
) -> tuple[int, int]:
    """Return the proposal of an Object or External metric with a Value target.

    The ratio multiplies the ready pods, so a value that more pods do not lower climbs to the maximum.
    """
    ratio = float(total) / target
    if current == 0:
        return math.ceil(ratio), total
    if within(ratio, tolerance):
        return current, total
    if pods == 0:
        return ERROR, 0
    return math.ceil(min(ratio * running_and_ready, MOST_REPLICAS)), total


@compiled
def average(total: int, target: int, status_replicas: int, tolerance: Tolerance) -> tuple[int, int]:
    """Return the proposal of an Object or External metric with an AverageValue target."""
    proposed = status_replicas
    if status_replicas == 0 or not within(float(total) / (float(target) * status_replicas), tolerance):
        proposed = math.ceil(min(float(total) / target, MOST_REPLICAS))
    if status_replicas == 0:
        return proposed, 0
    if float(total) >= MOST_USAGE:
        return proposed, MOST_USAGE
    return proposed, math.ceil(float(total) / status_replicas)


def summed(series: list[int]) -> int:
    """Return the sum of an External metric's series, as far as 64 bits go."""
    return min(sum(series), MOST_USAGE)

"""Recommendations of KRR, Robusta's Kubernetes Resource Recommender.

Source: robusta-dev/krr@d6baa745, robusta_krr/strategies: requests from usage of up to 336 h in steps of 1.25
minutes, which is what the samples are expected to be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array

_LEAST_POINTS = 100
_LEAST_CPU_CORES, _LEAST_MEMORY_BYTES = 0.010, 100 * 2**20
_MEMORY_BUFFER, _OOM_BUFFER = 1.15, 1.25
_MIB = 2**20


class Request(NamedTuple):
    """Request and limit, cores or bytes; None where the strategy gives none, or knows too little."""

    request: float | None
    limit: float | None


def simple_cpu(pods: Sequence[Array], percentile: float = 95.0) -> Request:
    """Return the highest percentile of any pod, and no limit; ``pods`` hold cores, (samples,) each.

    The share is rounded to two decimals on its way to Prometheus, so that 99.9 asks for the maximum.
    """
    if sum(len(pod) for pod in pods) < _LEAST_POINTS:
        return Request(None, None)
    share = round(percentile / 100, 2)
    return Request(_cpu(max(float(np.quantile(pod, share)) for pod in pods)), None)


def limited_cpu(pods: Sequence[Array]) -> Request:
    """Return the 66th and the 96th percentile of all pods' samples together, as request and limit."""
    pooled = np.concatenate(list(pods))
    if pooled.size < _LEAST_POINTS:
        return Request(None, None)
    return Request(_cpu(float(np.percentile(pooled, 66))), _cpu(float(np.percentile(pooled, 96))))


def memory(pods: Sequence[Array], oom_limit_bytes: float = 0.0) -> Request:
    """Return 15 % more than the peak, or 25 % more than the limit of a killed container."""
    if sum(len(pod) for pod in pods) < _LEAST_POINTS:
        return Request(None, None)
    peak = max(float(pod.max()) for pod in pods)
    wanted = max(peak * _MEMORY_BUFFER, oom_limit_bytes * _OOM_BUFFER)
    amount = float(max(math.ceil(wanted / _MIB) * _MIB, _LEAST_MEMORY_BYTES))
    return Request(amount, amount)


def _cpu(cores: float) -> float:
    return max(math.ceil(cores * 1000 - 1e-9) / 1000, _LEAST_CPU_CORES)

"""Recommendations of the Vertical Pod Autoscaler, with its default flags.

Source: kubernetes/autoscaler@55c37cd5, vertical-pod-autoscaler/pkg/recommender. Integers as there:
millicores and bytes, truncated at every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from capplan.autoscale.rightsize.histogram import CPU_CORES, MEMORY_BYTES, Histogram
from capplan.quantities import DAY_S

_CPU_WEIGHT = 0.1
_MARGIN = 0.15
_MIB = 2**20
_LEAST_CPU_MILLI, _LEAST_MEMORY_BYTES = 25.0, 250.0 * _MIB
_MOST = 10**14
_OOM_BUMP_BYTES, _OOM_BUMP_RATIO = 100 * _MIB, 1.2


class Amounts(NamedTuple):
    """CPU and memory of one container."""

    cpu_milli: int
    memory_bytes: int


class Recommendation(NamedTuple):
    """What a container should request, and the bounds outside of which the updater evicts it."""

    lower_bound: Amounts
    target: Amounts
    upper_bound: Amounts


class Recommender:
    """Learns from the samples of one container; times in seconds since a midnight in UTC, ascending."""

    def __init__(self) -> None:
        self._cpu = Histogram(CPU_CORES)
        self._memory = Histogram(MEMORY_BYTES)
        self._window_end_s: float | None = None
        self._usage_peak = 0
        self._oom_peak = 0
        self._first_s = self._last_s = 0.0
        self._samples = 0

    def cpu(self, time_s: float, cores: float) -> None:
        """Count one sample of CPU use."""
        self._cpu.add(cores, _CPU_WEIGHT, time_s)
        if self._samples == 0:
            self._first_s = time_s
        self._last_s = time_s
        self._samples += 1

    def memory(self, time_s: float, used_bytes: int) -> None:
        """Count one sample of memory use: only the peak of each day matters."""
        if self._is_peak(time_s, used_bytes):
            self._usage_peak = used_bytes

    def out_of_memory(self, time_s: float, request_bytes: int) -> None:
        """Count a container killed for its memory as a peak above what it had."""
        used = max(request_bytes, self._usage_peak)
        peak = max(used + _OOM_BUMP_BYTES, int(used * _OOM_BUMP_RATIO))
        if self._is_peak(time_s, peak):
            self._oom_peak = peak

    def _is_peak(self, time_s: float, used_bytes: int) -> bool:
        if self._window_end_s is None:
            self._window_end_s = time_s
        if time_s < self._window_end_s:
            peak = max(self._usage_peak, self._oom_peak)
            if peak == 0 or used_bytes <= peak:
                return False
            self._memory.subtract(peak, 1.0, self._window_end_s)
        else:
            self._window_end_s += DAY_S * (1 + (time_s - self._window_end_s) // DAY_S)
            self._usage_peak = self._oom_peak = 0
        self._memory.add(used_bytes, 1.0, self._window_end_s)
        return True

    def recommendation(self, containers: int = 1) -> Recommendation:
        """Return what one of ``containers`` of a pod should request.

        The bounds are wide while little is known: confidence is the days that samples span, or could fill
        at one a minute.
        """
        days = min((self._last_s - self._first_s) / DAY_S, self._samples / 1440)
        narrow = (1 + 0.001 / days) ** -2 if days > 0 else 0.0
        wide = 1 + 1 / days if days > 0 else math.inf
        return Recommendation(
            self._amounts(0.5, containers, lambda amount: _whole(amount * narrow)),
            self._amounts(0.9, containers, lambda amount: amount),
            self._amounts(0.95, containers, lambda amount: _whole(amount * wide)),
        )

    def _amounts(self, share: float, containers: int, bounded: Callable[[int], int]) -> Amounts:
        cpu = _with_margin(_whole(self._cpu.percentile(share) * 1000))
        memory = _with_margin(_whole(self._memory.percentile(share)))
        part = 1 / containers
        return Amounts(
            max(bounded(cpu), _whole(_LEAST_CPU_MILLI * part)),
            max(bounded(memory), _whole(_LEAST_MEMORY_BYTES * part)),
        )


def _with_margin(amount: int) -> int:
    return amount + _whole(_MARGIN * amount)


def _whole(amount: float) -> int:
    """Return an amount as the recommender keeps it: truncated, and at most 10^14."""
    return int(amount) if amount < _MOST else _MOST

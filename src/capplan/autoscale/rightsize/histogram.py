"""The decaying histogram of the Vertical Pod Autoscaler.

Source: kubernetes/autoscaler@55c37cd5, vertical-pod-autoscaler/pkg/recommender/util. Buckets grow by 5 %; a
sample's weight doubles with every half-life that it is younger, which is the same as letting old ones decay.
"""

from __future__ import annotations

import math
from typing import NamedTuple

_RATIO = 1.05
_EPSILON = 1e-4
HALF_LIFE_S = 86_400.0


class Buckets(NamedTuple):
    """Bucket i begins at first·(1.05^i − 1)/0.05; the last holds whatever is above ``top``."""

    first: float
    top: float

    @property
    def size(self) -> int:
        """Number of buckets."""
        return math.ceil(math.log(self.top * (_RATIO - 1) / self.first + 1, _RATIO)) + 1

    def find(self, value: float) -> int:
        """Return the bucket that ``value`` falls into."""
        if value < self.first:
            return 0
        bucket = int(math.log(value * (_RATIO - 1) / self.first + 1) / math.log(_RATIO))
        return min(bucket, self.size - 1)

    def start(self, bucket: int) -> float:
        """Return the smallest value of a bucket."""
        return self.first * (_RATIO**bucket - 1) / (_RATIO - 1)


CPU_CORES = Buckets(0.01, 1000.0)
MEMORY_BYTES = Buckets(1e7, 1e12)


class Histogram:
    """Weights by bucket; times in seconds, on a clock whose zero is a midnight in UTC."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._weights = [0.0] * buckets.size
        self._total = 0.0
        self._reference_s: float | None = None

    def add(self, value: float, weight: float, time_s: float) -> None:
        """Count ``value`` with a weight that later samples outgrow."""
        decayed = weight * self._growth(time_s)
        self._weights[self._buckets.find(value)] += decayed
        self._total += decayed

    def subtract(self, value: float, weight: float, time_s: float) -> None:
        """Take back what :meth:`add` counted."""
        decayed = weight * self._growth(time_s)
        bucket = self._buckets.find(value)
        self._weights[bucket] = _cleaned(self._weights[bucket] - decayed)
        self._total = _cleaned(self._total - decayed)

    def percentile(self, share: float) -> float:
        """Return the end of the bucket in which ``share`` of the weight is reached; 0 when empty."""
        filled = [i for i, weight in enumerate(self._weights) if weight >= _EPSILON]
        if not filled:
            return 0.0
        passed, bucket = 0.0, filled[0]
        for bucket in range(filled[0], filled[-1] + 1):
            passed += self._weights[bucket]
            if passed >= share * self._total:
                break
        last = bucket == self._buckets.size - 1
        return self._buckets.start(bucket if last else bucket + 1)

    def _growth(self, time_s: float) -> float:
        if self._reference_s is None:
            self._reference_s = math.floor(time_s / HALF_LIFE_S + 0.5) * HALF_LIFE_S
        return math.exp2((time_s - self._reference_s) / HALF_LIFE_S)


def _cleaned(weight: float) -> float:
    return 0.0 if weight < _EPSILON else weight

"""Numbers that a plan does not know exactly: ``{p5: 7k, p50: 10k, p95: 15k}``, or ``{low, mid, high}``.

An interval is a float, its middle, so that whatever takes one value takes that. Its law has exactly the
quantiles that are given. Between and beyond them it is two half-normal laws joined at the median, on the
scale where the number has no bound: the logarithm of a quantity (a two-sided lognormal), the log-odds of a
share, the logarithm of the growth factor. Where a given value lies on the bound itself, it is the plain
scale, cut off at the bound. ``low`` and ``high`` are never crossed: each half rises as a triangle towards
the median.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from capplan.quantities import plain

if TYPE_CHECKING:
    from capplan.arrays import Array

_P95 = 1.6448536269514722
PERCENTILES = ("p5", "p50", "p95")
BOUNDS = ("low", "mid", "high")
SOURCES = ("assumed", "documented", "measured", "vendor")
"""What a number may say that it comes from: ``{value: 125ms, source: measured, from: k6 2026-11-02}``."""


class Domain(NamedTuple):
    """Where the values of a kind of number may lie, ends included; whole numbers are rounded."""

    lowest: float = 0.0
    highest: float = float("inf")
    whole: bool = False


class Interval(float):
    """A number with a low, a middle and a high value; as a float it is the middle."""

    low: float
    high: float
    bounded: bool
    domain: Domain

    def quantiles(self, u: Array) -> Array:
        """Return the quantile of every share in ``u``, from above 0 to below 1."""
        import numpy as np

        found = self._triangles(u) if self.bounded else self._half_normals(u)
        inside: Array = np.clip(found, self.domain.lowest, self.domain.highest)
        return np.rint(inside) if self.domain.whole else inside

    def _triangles(self, u: Array) -> Array:
        import numpy as np

        below = self.low + (self - self.low) * np.sqrt(2 * np.minimum(u, 0.5))
        above = self.high - (self.high - self) * np.sqrt(2 * np.minimum(1 - u, 0.5))
        values: Array = np.where(u < 0.5, below, above)
        return values

    def _half_normals(self, u: Array) -> Array:
        import numpy as np

        from capplan.normal import normal_quantile

        to_scale, from_scale = self._scale()
        low, middle, high = (float(to_scale(np.asarray(x))) for x in (self.low, float(self), self.high))
        z = normal_quantile(u) / _P95
        values: Array = from_scale(middle + np.where(z < 0, middle - low, high - middle) * z)
        return values

    def _scale(self) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        """Return the scale on which the number has no bound, and the way back."""
        import numpy as np

        lowest, highest, _ = self.domain
        if self.low <= lowest or self.high >= highest:
            return (lambda x: x), (lambda x: x)
        if np.isinf(highest):
            return (lambda x: np.log(x - lowest)), (lambda y: lowest + np.exp(y))
        span = highest - lowest
        return (
            lambda x: np.log((x - lowest) / (highest - x)),
            lambda y: lowest + span / (1 + np.exp(-y)),
        )


def is_interval(value: object) -> bool:
    """Say whether ``value`` is written as an interval."""
    return isinstance(value, Mapping) and ("p5" in value or "low" in value)


def is_sourced(value: object) -> bool:
    """Say whether ``value`` is written as a number or an interval with its source.

    Components may be called `value` and `source`, too: what those hold is a section or a number.
    """
    if not isinstance(value, Mapping) or "source" not in value:
        return False
    return ("value" in value or is_interval(value)) and not isinstance(value["source"], Mapping | int | float)


def parse_interval(value: Mapping[str, object], read: Callable[[object], float], domain: Domain) -> Interval:
    """Return the interval that a mapping says; its values are read as a single number would be.

    Raises:
        ValueError: unknown or missing keys, or values out of order.
    """
    names = PERCENTILES if "p5" in value else BOUNDS
    first, middle, last = names
    if unknown := [key for key in value if key not in names]:
        raise ValueError(f"an interval has {', '.join(names)}, not {unknown[0]}")
    if last not in value:
        raise ValueError(f"an interval with {first} needs {last}")
    low, high = read(value[first]), read(value[last])
    if low > high:
        raise ValueError(f"{first} is above {last}: {plain(low, 12)} > {plain(high, 12)}")
    centre = read(value[middle]) if middle in value else _middle(low, high, domain, names is BOUNDS)
    if not low <= centre <= high:
        raise ValueError(f"{middle} is not between {first} and {last}: {plain(centre, 12)}")
    interval = Interval(centre)
    interval.low, interval.high, interval.bounded, interval.domain = low, high, names is BOUNDS, domain
    return interval


def _middle(low: float, high: float, domain: Domain, bounded: bool) -> float:
    """Return the median where none is given: halfway on the scale of the law."""
    import math

    if bounded or low <= domain.lowest or high >= domain.highest:
        centre = (low + high) / 2
    elif math.isinf(domain.highest):
        centre = domain.lowest + math.sqrt((low - domain.lowest) * (high - domain.lowest))
    else:
        odds = math.sqrt((low - domain.lowest) / (domain.highest - low))
        odds *= math.sqrt((high - domain.lowest) / (domain.highest - high))
        centre = domain.lowest + (domain.highest - domain.lowest) * odds / (1 + odds)
    return float(round(centre)) if domain.whole else centre

"""Measures of a service: the PromQL that manifests ask, and what a simulation makes of it.

What an autoscaler sees is averaged over the range of its query, whatever the length of a tick.
"""

from __future__ import annotations

import re
from typing import NamedTuple

RESOURCE_WINDOW_S = 15.0
"""Over how long metrics-server averages CPU: its --metric-resolution."""

LAG_S = 15.0
"""Age of the newest sample: half of a scrape interval of 30 s, or of metrics-server's and the kubelet's."""

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds of a histogram's buckets, as Prometheus' client libraries have them by default."""

P95 = 0.95
_RATE, _QUANTILE_RATE = "2m", "5m"
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_RANGE = re.compile(r"\[\s*((?:\d+(?:ms|[smhdwy]))+)\s*(?::[^\]]*)?\]")
_QUOTED = re.compile(r"""(["'])(?:\\.|(?!\1|\\).)*\1|`[^`]*`""")


class QueryWindow(NamedTuple):
    """Seconds over which a query averages, 0 for the last value of a gauge; the quantile that it takes."""

    range_s: float
    quantile: float = P95


def query(kind: str, series: str, by: str = "") -> str:
    """Return the PromQL of a measure over the selected ``series``, for each value of the labels ``by``.

    Empty for what Prometheus is not asked: cpu and memory.
    """
    each = f" by ({by})" if by else ""
    if kind == "requests":
        return f"sum{each}(rate({series}[{_RATE}]))"
    if kind == "latency":
        return quantile_query(series, P95, by)
    return f"sum{each}({series})" if kind in ("queue", "running") else ""


def quantile_query(buckets: str, quantile: float, by: str = "", over: str = _QUANTILE_RATE) -> str:
    """Return the PromQL of a quantile of a histogram's ``buckets``, over a time such as 5m."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({quantile:g}, sum by ({labels}) (rate({buckets}[{over}])))"


def window_of(promql: str) -> QueryWindow:
    """Return over what a query looks: its longest range, and the quantile of its histogram.

    >>> window_of('histogram_quantile(0.99, sum by (le) (rate(x_bucket{p=~"[1m]"}[1m30s])))')
    QueryWindow(range_s=90.0, quantile=0.99)
    """
    plain = _QUOTED.sub("", promql)
    ranges = [_seconds(found) for found in _RANGE.findall(plain)]
    quantile = re.search(r"histogram_quantile\s*\(\s*(0?\.\d{1,6})\b", plain)
    return QueryWindow(max(ranges, default=0.0), P95 if quantile is None else float(quantile[1]))


def _seconds(duration: str) -> float:
    return sum(float(count) * _UNITS_S[unit] for count, unit in re.findall(r"(\d+)(ms|[smhdwy])", duration))

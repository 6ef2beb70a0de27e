"""What one load test says, whatever tool made it: a run at one level of load, times in seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from capplan.findings import Finding
from capplan.normal import normal_quantile

Arrivals = Literal["closed", "even", "random", "unknown"]
"""Who decides when a request starts: clients that wait for answers, a clock, chance, or nobody says."""


class LoadRun(NamedTuple):
    """A run. requests: answered, failed ones among them; rate: answers a second without the failed ones.

    mean_s, cs2, max_s, quantiles: of the response times. clients: in the loop, with think_s between an answer
    and the next request. offered: requests a second that were to be sent. varied: the load changed meanwhile.
    strained: the tool says that it was. late: requests that a timeout cut off. cores: busy ones.
    listed: requests in the whole file. failed_s: mean time of the failed requests, where each is known.
    """

    file: str
    tool: str
    rate: float
    mean_s: float | None = None
    requests: float | None = None
    failed: float = 0.0
    failed_s: float | None = None
    rejected: float = 0.0
    duration_s: float | None = None
    cs2: float | None = None
    max_s: float | None = None
    quantiles: Mapping[float, float] = {}
    clients: float | None = None
    think_s: float | None = None
    arrivals: Arrivals = "unknown"
    offered: float | None = None
    dropped: float = 0.0
    late: float = 0.0
    varied: bool = False
    strained: bool = False
    target: str = ""
    service_s: float | None = None
    service_cs2: float | None = None
    cores: float | None = None
    listed: float | None = None
    said: Sequence[Finding] = ()

    @property
    def present(self) -> float:
        """Requests in progress on average, by Little's law; the clients where no time was measured."""
        if self.mean_s is None:
            return self.clients or 1.0
        return self.rate * self.mean_s

    @property
    def cycle_s(self) -> float:
        """Seconds of a client for each answer; errors count as answers unless their time is known."""
        clients = self.clients or 0.0
        every_s = clients * (1 - self.failed_share) / self.rate
        if self.failed_s is None:
            return every_s
        share = self.failed_share
        pause = max(every_s - (1 - share) * (self.mean_s or 0.0) - share * self.failed_s, 0.0)
        return clients / self.rate - (self.failed_s + pause) * share / (1 - share)

    @property
    def failed_share(self) -> float:
        """Share of the answers that are errors."""
        return self.failed / self.requests if self.requests else 0.0


def cs2_of(mean_s: float, quantiles: Mapping[float, float], max_s: float | None = None) -> float | None:
    """Return variance ÷ mean² of a law by its mean and quantiles; None where they say too little.

    Between the quantiles and beyond them the law is log-linear in the normal scale, as a lognormal one is.
    """
    points = sorted((share, time) for share, time in quantiles.items() if 0 < share < 1 and time > 0)
    if len(points) < 2 or mean_s <= 0:
        return None
    z = normal_quantile(np.array([share for share, _ in points]))
    logs = np.log([time for _, time in points])
    if z[-1] - z[0] < 0.5:
        return None
    grid = np.linspace(-4, 4, 801)
    inside = np.interp(grid, z, logs)
    slope = (logs[-1] - logs[0]) / (z[-1] - z[0])
    times = np.exp(np.where(grid < z[0], logs[0] + slope * (grid - z[0]), inside))
    last = min((logs[-1] - logs[-2]) / max(z[-1] - z[-2], 0.1), 2 * slope)
    times = np.where(grid > z[-1], np.exp(logs[-1] + last * (grid - z[-1])), times)
    times = np.minimum(times, max_s or np.inf)
    weight = np.exp(-(grid**2) / 2)
    first, second = (float(np.sum(weight * times**k) / np.sum(weight)) for k in (1, 2))
    return max(second / first**2 - 1, 0.0) if math.isfinite(second) else None

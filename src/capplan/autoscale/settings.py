"""What a simulation is asked for beyond the plan."""

from __future__ import annotations

import math
from typing import NamedTuple

from capplan.autoscale.measures import LAG_S


class Versions(NamedTuple):
    """Versions of what is simulated: (1, 36) is Kubernetes 1.36."""

    kubernetes: tuple[int, int] = (1, 36)
    keda: tuple[int, int] = (2, 20)


class LostSite(NamedTuple):
    """A site that serves nothing for a while; from_s: None for the busiest moment, until_s: for the rest."""

    site: str
    from_s: float | None = None
    until_s: float = math.inf


class Settings(NamedTuple):
    """How to simulate; None leaves it to the plan or the platform, 0 switches a mechanism off.

    random: Poisson arrivals; otherwise exactly the mean. metric_lag_s: age of the newest that autoscalers
    see. limit_rps: what a rate limiter lets in while there is little load; less, tier by tier, under more.
    breaker: share of failures that opens a circuit breaker. blind_s: from when until when nobody measures
    anything. begins_s: when the first tick begins, since 1970 in UTC. lost: a site that is lost.
    """

    tick_s: float = 15.0
    days: float | None = None
    seed: int = 1
    random: bool = True
    startup_s: float | None = None
    node_start_s: float | None = None
    timeout_s: float | None = None
    metric_lag_s: float = LAG_S
    retries: int | None = None
    limit_rps: float = 0.0
    breaker: float | None = None
    breaker_open_s: float = 30.0
    versions: Versions = Versions()
    blind_s: tuple[float, float] = (0.0, 0.0)
    begins_s: float = 0.0
    lost: LostSite | None = None

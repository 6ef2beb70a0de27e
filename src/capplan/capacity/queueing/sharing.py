"""Processor sharing: all requests in an instance progress at once, as on the cores of a CPU-bound server.

Each of up to c requests has a core of its own; beyond that the cores are shared evenly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats
from capplan.capacity.queueing.erlang import erlang_c
from capplan.capacity.queueing.multiserver import mmc_response_mean
from capplan.normal import normal_quantile


def ps_response_mean(arrival_rate: Floats, service_time_s: Floats, cores: Floats) -> Array:
    """Return the mean response time, that of M/M/c whatever the law of the work (Kleinrock, 1976).

    Within 2 % of simulation up to ρ = 0.9, 6 % for heavy tails on one core. Infinite at ρ ≥ 1.
    """
    return mmc_response_mean(arrival_rate, service_time_s, cores)


def ps_response_percentile(
    share: Floats, arrival_rate: Floats, service_time_s: Floats, cores: Floats, cs2: Floats = 1.0
) -> Array:
    """Return the response time that ``share`` of the requests do not exceed, seconds.

    A request of work x takes x·r on average, r = E[T]/S. It takes a random factor more or less, whose cv²,
    q/(2 − q) with q = 1 − 1/r, is that of M/M/1 with processor sharing (Ott, 1984). Work and factor together
    are taken as lognormal: cv² = (1 + cs2)(1 + q/(2 − q)) − 1.

    Against simulation (cs2 from 0 to 4, c from 1 to 64, ρ from 0.5 to 0.95, 300,000 requests a case): p50
    −3 … +14 %, p95 −14 … +4 %, p99 −18 … +7 %; for cs2 from 2 to 4 all within −4 … +7 %.

    Args:
        share: above 0, below 1.
        arrival_rate: 1/s.
        service_time_s: mean CPU time of a request, above 0.
        cores: whole.
        cs2: squared coefficient of variation of the CPU times.
    """
    load = np.asarray(arrival_rate, dtype=float) * service_time_s
    spare = np.asarray(cores, dtype=float) - load
    law = sharing_law(erlang_c(cores, load), spare, np.asarray(cs2, dtype=float))
    return sharing_percentile(np.asarray(share, dtype=float), law) * service_time_s


class SharingLaw(NamedTuple):
    """Response time as a lognormal law: its mean in service times, and the deviation of its logarithm."""

    mean: Array
    sigma: Array


def sharing_law(waits: Array, spare: Array, cs2: Array) -> SharingLaw:
    """Return the law, given what M/M/c lets wait and its spare cores, c − A; infinite where none is spare."""
    stable = spare > 0
    mean = np.where(stable, 1 + waits / np.where(stable, spare, 1.0), np.inf)
    waiting = 1 - 1 / mean
    return SharingLaw(mean, np.sqrt(np.log1p(cs2) + np.log1p(waiting / (2 - waiting))))


def sharing_percentile(share: Array, law: SharingLaw) -> Array:
    """Return the time, in service times, that ``share`` of the responses do not exceed."""
    mean, sigma = law
    percentile: Array = mean * np.exp(sigma * normal_quantile(share) - sigma**2 / 2)
    return percentile

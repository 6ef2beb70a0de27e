"""M/M/c: Poisson arrivals, exponential service, one queue served in order of arrival. Exact.

Arguments broadcast; arrival rates in 1/s, times in s, servers whole. At ρ ≥ 1 survival is 1 and a time is
infinite.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats
from capplan.capacity.queueing.erlang import erlang_c

_EMPTY_BELOW = 750.0
_MOST_TERMS = 4000
"""Terms beyond five times the largest load that is summed are below 10⁻³⁰⁰ of the sum."""

_LONGEST = 1e300


def mmc_wait_mean(arrival_rate: Floats, service_time_s: Floats, servers: Floats) -> Array:
    """Return the mean time in the queue: Wq = C·S/(c − A) (Erlang, 1917)."""
    load = np.asarray(arrival_rate, dtype=float) * service_time_s
    spare = np.asarray(servers, dtype=float) - load
    share = erlang_c(servers, load)
    return _infinite_unless(spare > 0, share * service_time_s / np.where(spare > 0, spare, 1.0))


def mmc_response_mean(arrival_rate: Floats, service_time_s: Floats, servers: Floats) -> Array:
    """Return the mean time in the system: W = Wq + S."""
    return mmc_wait_mean(arrival_rate, service_time_s, servers) + service_time_s


def mmc_empty_share(arrival_rate: Floats, service_time_s: Floats, servers: Floats) -> Array:
    """Return the share of the time in which nobody is present; 0 at ρ ≥ 1.

    1/p₀ = Σ_{k<c} A^k/k! + A^c/c! · 1/(1 − ρ), the sum built up in the scale of its largest term. It exceeds
    e^A/2, so from a load of 750 on the share is below the smallest float, and less loads need few terms.
    """
    c = np.asarray(servers, dtype=float)
    load, c = np.broadcast_arrays(np.asarray(arrival_rate, dtype=float) * service_time_s, c)
    summed = load < np.minimum(c, _EMPTY_BELOW)
    few, most = np.where(summed, load, 0.0)[..., None], np.minimum(c, _MOST_TERMS)[..., None]
    k = np.arange(1.0, float(most.max(initial=0.0)) + 1)
    with np.errstate(divide="ignore"):
        log_terms = np.cumsum(np.log(few / k), axis=-1)
    last = np.where(
        k == c[..., None], 1 / np.where(summed, 1 - load / np.maximum(c, 1.0), 1.0)[..., None], 1.0
    )
    terms = np.where(k <= most, np.exp(log_terms) * last, 0.0)
    share: Array = np.where(summed, 1 / (1 + terms.sum(axis=-1)), 0.0)
    return share


def mmc_wait_survival(t: Floats, arrival_rate: Floats, service_time_s: Floats, servers: Floats) -> Array:
    """Return the share of arrivals that wait longer than ``t`` seconds: C·exp(−(c − A)·t/S)."""
    load = np.asarray(arrival_rate, dtype=float) * service_time_s
    spare = np.maximum(servers - load, 0.0)
    share: Array = erlang_c(servers, load) * np.exp(-spare * (t / np.asarray(service_time_s)))
    return share


def mmc_wait_percentile(
    share: Floats, arrival_rate: Floats, service_time_s: Floats, servers: Floats
) -> Array:
    """Return the wait that ``share`` of the arrivals do not exceed: max(0, ln(C/(1 − share))·S/(c − A)).

    The inverse of :func:`mmc_wait_survival`; ``share`` lies from 0 to below 1.
    """
    load = np.asarray(arrival_rate, dtype=float) * service_time_s
    spare = np.asarray(servers, dtype=float) - load
    waits = erlang_c(servers, load) / (1 - np.asarray(share, dtype=float))
    longer = np.log(np.maximum(waits, 1.0)) * service_time_s / np.where(spare > 0, spare, 1.0)
    return _infinite_unless(spare > 0, longer)


def mmc_response_survival(t: Floats, arrival_rate: Floats, service_time_s: Floats, servers: Floats) -> Array:
    """Return the share of requests in the system for longer than ``t`` seconds.

    Wait and service convolved, P = e^(−μt) + C·μt·φ(y)·E with d = c − 1 − A, y = |μt·d|,
    φ(y) = (1 − e^(−y))/y, E = e^(−μt) if d ≥ 0, else e^(−μt(c − A)): the textbook's law (Allen, 1990)
    in a form without a case at A = c − 1. Relative error below 10⁻¹³ up to 400 service times.
    """
    load = np.asarray(arrival_rate, dtype=float) * service_time_s
    waits = erlang_c(servers, load)
    spare = np.maximum(servers - load, 0.0)
    return exponential_response_survival(t / np.asarray(service_time_s, dtype=float), waits, spare)


def exponential_response_survival(x: Array, waits: Array, wait_rate: Array) -> Array:
    """Return P(T > x) in units of the service time, which is exponential.

    A share ``waits`` waits an exponential time at ``wait_rate`` per service time first: 0 for ever.
    """
    x = np.minimum(x, _LONGEST)
    d = wait_rate - 1.0
    y = np.abs(x * d)
    slower = np.exp(-x * np.minimum(wait_rate, 1.0))
    survival: Array = np.exp(-x) + waits * x * _mean_decay(y) * slower
    return survival


def _mean_decay(y: Array) -> Array:
    """Return (1 − e^(−y))/y, the mean of e^(−u) over 0 … y."""
    small = y < 1e-5
    result: Array = np.where(small, 1 - y / 2 + y * y / 6, -np.expm1(-y) / np.where(small, 1.0, y))
    return result


def _infinite_unless(stable: NDArray[np.bool_], values: Array) -> Array:
    result: Array = np.where(stable, values, np.inf)
    return result

"""G/G/c: any arrivals, any service times, known by their squared coefficients of variation.

cs2 is variance ÷ mean² of the service times: 0 constant, 1 exponential. ca2 is that of the times between
arrivals: 1 for Poisson arrivals; for a trace its index of dispersion, see :func:`index_of_dispersion`.
Arguments broadcast; arrival rates in 1/s, times in s. At ρ ≥ 1 survival is 1 and a time is infinite.

The response time is the sum of the wait and an independent service time. The wait is 0 with probability 1 − C
(Erlang C), and otherwise exponential up to cs2 = 1 and hyperexponential above; its mean is Kimura's. The
service law is constant at cs2 = 0, exponential at cs2 = 1 and lognormal elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats
from capplan.capacity.numerics import gauss_legendre
from capplan.capacity.queueing.erlang import erlang_c
from capplan.capacity.queueing.multiserver import exponential_response_survival, mmc_wait_mean
from capplan.capacity.search import Flags, Indices, chosen
from capplan.normal import normal_quantile

_NODES = 48
_FARTHEST_SIGMA = 8.5
_CHUNK = 4096
_BISECTIONS = 36
_NEGLIGIBLE = 1e-10
_LONGEST = 1e300


def allen_cunneen_wait(
    arrival_rate: Floats, service_time_s: Floats, servers: Floats, cs2: Floats = 1.0, ca2: Floats = 1.0
) -> Array:
    """Return the mean wait: (ca2 + cs2)/2 · Wq(M/M/c) (Allen, 1990). Exact for M/G/1 and M/M/c.

    With Poisson arrivals within −4 … 0 % of simulation for cs2 ≤ 1, up to +29 % at 4, +70 % at 16.
    """
    wait = mmc_wait_mean(arrival_rate, service_time_s, servers)
    return _scaled((np.asarray(ca2, dtype=float) + cs2) / 2, wait)


def sakasegawa_wait(
    arrival_rate: Floats, service_time_s: Floats, servers: Floats, cs2: Floats = 1.0, ca2: Floats = 1.0
) -> Array:
    """Return the mean wait without Erlang C (Sakasegawa, 1977), near Allen–Cunneen in heavy traffic.

    (ca2 + cs2)/2 · S·ρ^(√(2(c+1)) − 1) / (c·(1 − ρ)).
    """
    c = np.asarray(servers, dtype=float)
    rho = _busy(np.asarray(arrival_rate, dtype=float) * service_time_s, c)
    stable = rho < 1
    mean = rho ** (np.sqrt(2 * (c + 1)) - 1) * service_time_s / np.where(stable, c * (1 - rho), 1.0)
    wait: Array = np.where(stable, (np.asarray(ca2, dtype=float) + cs2) / 2 * mean, np.inf)
    return wait


def cosmetatos_wait(arrival_rate: Floats, service_time_s: Floats, servers: Floats) -> Array:
    """Return the mean wait of M/D/c, constant service (Cosmetatos, 1975). Within 2 % of simulation.

    ½·(1 + γ)·Wq(M/M/c), γ = min(0.24, (1 − ρ)(c − 1)(√(4 + 5c) − 2)/(16ρc)); the cap is Whitt's (1993).
    """
    c = np.asarray(servers, dtype=float)
    rho = _busy(np.asarray(arrival_rate, dtype=float) * service_time_s, c)
    wait = mmc_wait_mean(arrival_rate, service_time_s, servers)
    corrected: Array = (1 + _cosmetatos(rho, c)) / 2 * wait
    return corrected


def kimura_wait(
    arrival_rate: Floats, service_time_s: Floats, servers: Floats, cs2: Floats = 1.0, ca2: Floats = 1.0
) -> Array:
    """Return the mean wait, interpolated between M/D/c and M/M/c (Kimura, 1986). Exact for M/G/1 and M/M/c.

    (1 + cs2) / (2·cs2/Wq(M/M/c) + (1 − cs2)/Wq(M/D/c)), times (ca2 + cs2)/(1 + cs2). With Poisson arrivals
    within 2 % of simulation for cs2 ≤ 1, −4 … +12 % at 4.
    """
    c = np.asarray(servers, dtype=float)
    rho = _busy(np.asarray(arrival_rate, dtype=float) * service_time_s, c)
    factor = _kimura(rho, c, np.asarray(cs2, dtype=float))
    arrivals = (np.asarray(ca2, dtype=float) + cs2) / (1 + np.asarray(cs2))
    return _scaled(factor * arrivals, mmc_wait_mean(arrival_rate, service_time_s, servers))


def _scaled(factor: Array, wait: Array) -> Array:
    """Return the product, infinite where the wait is, also of work that does not vary at all."""
    finite = np.isfinite(wait)
    return np.where(finite, factor * np.where(finite, wait, 0.0), np.inf)


def _busy(load: Array, servers: Array) -> Array:
    """Return the utilization, at most 1; 1 where there are no servers."""
    load, servers = np.broadcast_arrays(load, servers)
    return np.divide(load, servers, out=np.ones(load.shape), where=servers > load)


def _cosmetatos(rho: Array, servers: Array) -> Array:
    """Return γ, by which the wait of M/D/c exceeds half of that of M/M/c."""
    c = np.maximum(servers, 1.0)
    spread = (c - 1) * (np.sqrt(4 + 5 * c) - 2) / (16 * c)
    gamma: Array = np.minimum((1 - np.minimum(rho, 1.0)) / np.maximum(rho, 1e-12) * spread, 0.24)
    return gamma


def _kimura(rho: Array, servers: Array, cs2: Array) -> Array:
    """Return mean wait of M/G/c ÷ mean wait of M/M/c."""
    gamma = _cosmetatos(rho, servers)
    factor: Array = (1 + cs2) * (1 + gamma) / (2 * (1 + gamma * cs2))
    return factor


def index_of_dispersion(counts: Array) -> float:
    """Return variance ÷ mean of the arrivals counted in equal windows: 1 for Poisson, more for bursts.

    Counted in windows of about ten service times it serves as ca2 (Fendick and Whitt, 1989). Missing counts
    are NaN and left out. On traces of large batches the wait is still too short: simulate those.

    Raises:
        ValueError: fewer than two windows are known, or nothing arrived.
    """
    known = np.asarray(counts, dtype=float)
    known = known[~np.isnan(known)]
    if known.size < 2 or known.sum() == 0:
        raise ValueError("needs two windows or more, and an arrival in one of them")
    return float(known.var(ddof=1) / known.mean())


class Law(NamedTuple):
    """Wait and service of one flat row of queues; all arrays are (n,) or (1,), times in mean service times.

    waits: share of the arrivals that wait. wait_mean, wait_cv2: of those that do.
    """

    waits: Array
    wait_mean: Array
    wait_cv2: Array
    cs2: Array

    def of(self, index: Indices | Flags | slice) -> Law:
        """Return the law of some of the queues."""
        return Law(*(chosen(column, index) for column in self))


def law_of(waits: Array, servers: Array, load: Array, cs2: Array, ca2: Array) -> Law:
    """Return the law of queues of which a share ``waits`` waits: for ever where the load reaches the servers.

    Above cs2 = 1 the waits vary more than exponential ones: for M/G/1 with lognormal service their cv² is
    1 + (1 − ρ)·(4·(1 + cs2)/3 − 2) (from Pollaczek and Khinchine's second moment; Whitt, 1993, for more
    servers). Divided by √c the excess fits simulations of up to 64 servers.
    """
    rho = np.minimum(load / np.maximum(servers, 1.0), 1.0)
    stable = load < servers
    factor = _kimura(rho, servers, cs2) * (ca2 + cs2) / (1 + cs2)
    mean = np.where(stable, factor / np.where(stable, servers - load, 1.0), np.inf)
    excess = (1 - rho) * (4 * (1 + cs2) / 3 - 2) / np.sqrt(np.maximum(servers, 1.0))
    return Law(waits, mean, np.where(cs2 > 1, 1 + excess, 1.0), cs2)


def survival(x: Array, law: Law) -> Array:
    """Return P(T > x), x in service times, (n,) or (1,); 1 where the queue is not stable."""
    if law.cs2.size == 1:
        return _survival_of(float(law.cs2[0]))(x, law)
    result = np.empty(np.broadcast_shapes(x.shape, *(column.shape for column in law)))
    constant, exponential = law.cs2 == 0, law.cs2 == 1
    for cs2, those in ((0.0, constant), (1.0, exponential), (2.0, ~constant & ~exponential)):
        if those.any():
            result[those] = _survival_of(cs2)(chosen(x, those), law.of(those))
    return result


def _survival_of(cs2: float) -> Callable[[Array, Law], Array]:
    return {0.0: _constant_survival, 1.0: _exponential_survival}.get(cs2, _lognormal_survival)


def service_percentile(share: Array, cs2: Array) -> Array:
    """Return the time, in mean service times, that ``share`` of the services do not exceed."""
    sigma = np.sqrt(np.log1p(cs2))
    lognormal = np.exp(sigma * normal_quantile(share) - sigma**2 / 2)
    result: Array = np.where(cs2 == 0, 1.0, np.where(cs2 == 1, -np.log1p(-share), lognormal))
    return result


def ggc_response_survival(
    t: Floats,
    arrival_rate: Floats,
    service_time_s: Floats,
    servers: Floats,
    cs2: Floats = 1.0,
    ca2: Floats = 1.0,
) -> Array:
    """Return the share of requests in the system for longer than ``t`` seconds.

    Its error is that of :func:`ggc_response_percentile`.
    """
    shape, (t_, rate, time, c, cs, ca) = _flat(t, arrival_rate, service_time_s, servers, cs2, ca2)
    law = law_of(erlang_c(c, rate * time), c, rate * time, cs, ca)
    return survival(t_ / time, law).reshape(shape)


def ggc_wait_survival(
    t: Floats,
    arrival_rate: Floats,
    service_time_s: Floats,
    servers: Floats,
    cs2: Floats = 1.0,
    ca2: Floats = 1.0,
) -> Array:
    """Return the share of requests that wait for longer than ``t`` seconds; exact for M/M/c."""
    shape, (t_, rate, time, c, cs, ca) = _flat(t, arrival_rate, service_time_s, servers, cs2, ca2)
    law = law_of(erlang_c(c, rate * time), c, rate * time, cs, ca)
    return _wait_survival(t_ / time, law).reshape(shape)


def ggc_response_percentile(
    share: Floats,
    arrival_rate: Floats,
    service_time_s: Floats,
    servers: Floats,
    cs2: Floats = 1.0,
    ca2: Floats = 1.0,
) -> Array:
    """Return the response time that ``share`` of the requests do not exceed, seconds.

    Exact for M/M/c (cs2 = ca2 = 1). Against simulation with Poisson arrivals, c from 1 to 64, ρ from 0.3 to
    0.95 (2 million requests a case; the simulation's own error is 1 %, at cs2 = 4 and ρ ≥ 0.9 up to 4 %):

    ======  =============  =============  =============================================
    cs2     p50            p95            p99
    ======  =============  =============  =============================================
    0       −11 … 0 %      −3 … +10 %     0 … +10 %, one server: +1 … +19 %
    0.25    −4 … 0 %       0 … +3 %       0 … +6 %
    0.5     −1 … 0 %       −1 … +1 %      −1 … +1 %
    2       0 … +6 %       −4 … +2 %      −2 … +7 %
    4       0 … +13 %      −12 … +2 %     −1 … +4 %, two servers: +12 %, one: +9 … +20 %
    ======  =============  =============  =============================================

    Args:
        share: above 0, below 1, such as 0.95.
        arrival_rate: 1/s.
        service_time_s: mean, above 0.
        servers: whole.
        cs2: squared coefficient of variation of the service times, 0 or more.
        ca2: that of the times between arrivals.
    """
    shape, (p, rate, time, c, cs, ca) = _flat(share, arrival_rate, service_time_s, servers, cs2, ca2)
    load = rate * time
    result = np.empty(load.shape)
    for wanted in np.unique(p):
        those = p == wanted
        columns = (column[those] for column in (erlang_c(c, load), c, load, cs, ca))
        (result[those],) = response_percentiles([float(wanted)], *columns)
    return (result * time).reshape(shape)


def response_percentiles(
    shares: Sequence[float], waits: Array, servers: Array, load: Array, cs2: Array, ca2: Array
) -> list[Array]:
    """Return the time, in mean service times, that each of the ``shares`` of the responses does not exceed.

    All arrays are (n,), or (1,) for ``cs2`` and ``ca2``. That of the service where next to none waits,
    infinite where the queue is not stable. Elsewhere by bisection of :func:`survival` between it and the sum
    of what half as many services exceed and a wait that half as many exceed. Relative error below 10⁻⁹.
    """
    stable = load < servers
    (queued,) = np.nonzero(stable & (waits >= _NEGLIGIBLE * (1 - max(shares))))
    columns = (chosen(column, queued) for column in (servers, load, cs2, ca2))
    law = law_of(waits[queued], *columns)
    found = []
    for share in shares:
        bare = service_percentile(np.array([share]), cs2)
        times = np.where(stable, bare, np.inf)
        if queued.size:
            times[queued] = _percentile(share, chosen(bare, queued), law)
        found.append(times)
    return found


def _percentile(share: float, bare: Array, law: Law) -> Array:
    result = np.broadcast_to(bare, law.waits.shape).copy()
    (late,) = np.nonzero(law.waits >= _NEGLIGIBLE * (1 - share))
    result[late] = _bisected(np.array([share]), result[late], law.of(late))
    return result


def _bisected(share: Array, low: Array, law: Law) -> Array:
    half = (1 + share) / 2
    high = service_percentile(half, law.cs2) + _longest_wait(half, law)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        over = survival(middle, law) > 1 - share
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return high


def _longest_wait(share: Array, law: Law) -> Array:
    """Return a wait that at least ``share`` of the arrivals do not exceed: all as slow as the slow branch."""
    slow = law.wait_mean / (2 * (1 - _fast_share(law.wait_cv2)))
    wait: Array = slow * np.log(np.maximum(law.waits / (1 - share), 1.0))
    return wait


def _fast_share(cv2: Array) -> Array:
    """Return the share of the fast branch of a hyperexponential law with balanced means (Morse, 1958)."""
    share: Array = (1 + np.sqrt((cv2 - 1) / (cv2 + 1))) / 2
    return share


def _wait_survival(x: Array, law: Law) -> Array:
    """Return P(wait > x) for x ≥ 0."""
    x = np.minimum(x, _LONGEST)
    mean = np.maximum(law.wait_mean, 1e-300)
    if np.all(law.wait_cv2 == 1):
        return law.waits * np.exp(-x / mean)
    fast = _fast_share(law.wait_cv2)
    longer: Array = fast * np.exp(-2 * fast * x / mean) + (1 - fast) * np.exp(-2 * (1 - fast) * x / mean)
    return law.waits * longer


def _constant_survival(x: Array, law: Law) -> Array:
    result: Array = np.where(x < 1, 1.0, _wait_survival(np.maximum(x - 1, 0.0), law))
    return result


def _exponential_survival(x: Array, law: Law) -> Array:
    return exponential_response_survival(x, law.waits, 1 / np.maximum(law.wait_mean, 1e-300))


def _lognormal_survival(x: Array, law: Law) -> Array:
    """Integrate over the service time by Gauss and Legendre, in standard deviations of its logarithm."""
    if not x.size:
        return x
    n = max(x.size, *(column.size for column in law))
    result = np.empty(n)
    for start in range(0, n, _CHUNK):
        part = slice(start, start + _CHUNK)
        columns = (chosen(column, part)[:, None] for column in law)
        result[part] = _lognormal_chunk(chosen(x, part)[:, None], Law(*columns))
    return result


def _lognormal_chunk(x: Array, law: Law) -> Array:
    variance = np.log1p(law.cs2)
    sigma = np.sqrt(variance)
    last = (np.log(np.maximum(x, 1e-300)) + variance / 2) / sigma
    last = np.clip(last, -_FARTHEST_SIGMA, _FARTHEST_SIGMA)
    half = (last + _FARTHEST_SIGMA) / 2
    nodes, weights = gauss_legendre(_NODES)
    z = -_FARTHEST_SIGMA + half * (nodes + 1)
    density = np.exp(-z * z / 2) * (weights / np.sqrt(2 * np.pi))
    service = np.exp(sigma * z - variance / 2)
    answered = half * density * (1 - _wait_survival(np.maximum(x - service, 0.0), law))
    result: Array = np.maximum(1 - answered.sum(axis=1), 0.0)
    return result


def _flat(*arguments: Floats) -> tuple[tuple[int, ...], list[Array]]:
    arrays = np.broadcast_arrays(*(np.asarray(argument, dtype=float) for argument in arguments))
    return arrays[0].shape, [array.ravel() for array in arrays]

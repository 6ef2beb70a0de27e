"""Erlang's two formulas and their inverses.

Servers are whole numbers, the offered load is in erlang: arrival rate × mean service time. All arguments
broadcast; results have the broadcast shape, a 0-d array for scalars.
"""

from __future__ import annotations

import numpy as np

from capplan.arrays import Array, Floats
from capplan.capacity.queueing.large import LARGE_LOAD, blocked_of_large_load
from capplan.capacity.search import Flags, Indices, fewest

_FORGOTTEN_AFTER = 9.0
"""Square roots of the load in which the recurrence forgets its start: exp(−9²/2) is below 10⁻¹⁷."""

_BISECTIONS = 60
_LOG_SMALLEST = -746.0


def erlang_b(servers: Floats, offered_load: Floats) -> Array:
    """Return the share of arrivals that find all servers busy and are lost (M/G/c/c).

    Recurrence B(k) = A·B(k−1) / (k + A·B(k−1)), B(0) = 1 (Erlang, 1917; Jagerman, 1974). Each step below
    k = A shrinks a relative error by about k/A, so it starts not at 0 but some √A below min(c, A), where any
    start gives the same digits. From a load of 10⁴ on by an integral. Relative error below 10⁻¹³; a share
    below 10⁻³⁰⁸ is 0.

    Args:
        servers: whole, 0 or more.
        offered_load: erlang, 0 or more.

    Raises:
        ValueError: servers are not whole, or an argument is negative or not a number.
    """
    c, a = _checked(servers, offered_load)
    return blocking(c.ravel(), a.ravel()).reshape(c.shape)


def blocking(servers: Array, load: Array) -> Array:
    """Return Erlang B of arguments that are known to be in its domain; all (n,)."""
    if load.max(initial=0.0) < LARGE_LOAD:
        return _by_recurrence(servers, load)
    large = load >= LARGE_LOAD
    blocked = np.empty(load.shape)
    blocked[large] = blocked_of_large_load(servers[large], load[large])
    blocked[~large] = _by_recurrence(servers[~large], load[~large])
    return blocked


def _by_recurrence(servers: Array, load: Array) -> Array:
    result = np.zeros(load.shape)
    (counted,) = np.nonzero(~_vanishes(servers, load))
    if counted.size:
        result[counted] = _recurrence(servers[counted], load[counted])
    return result


def _recurrence(servers: Array, load: Array) -> Array:
    start = _start(servers, load)
    steps = (servers - start).astype(np.intp)
    most = int(steps.max())
    if most == steps.min():
        return _climbed(start, load, np.full(most, load.size))
    # Sorted as small numbers, which takes a tenth of the time.
    most_steps_first = np.argsort(
        (most - steps).astype(np.uint16 if most < 2**16 else np.intp), kind="stable"
    )
    pending = load.size - np.cumsum(np.bincount(steps))[:-1]
    result = np.empty(load.shape)
    result[most_steps_first] = _climbed(start[most_steps_first], load[most_steps_first], pending)
    return result


def _climbed(start: Array, load: Array, pending: Indices) -> Array:
    """Return the recurrence from ``start`` on: each step is taken by the first ``pending`` rows."""
    blocked = _start_value(start, load)
    for step, n in enumerate(pending.tolist(), start=1):
        carried = load[:n] * blocked[:n]
        blocked[:n] = carried / (start[:n] + step + carried)
    return blocked


def erlang_c(servers: Floats, offered_load: Floats) -> Array:
    """Return the share of arrivals that wait (M/M/c): all where the load is not below the servers.

    C = c·B / (c − A·(1 − B)) (Erlang, 1917). Relative error as :func:`erlang_b`.

    Args:
        servers: whole, 0 or more.
        offered_load: erlang, 0 or more.

    Raises:
        ValueError: as :func:`erlang_b`.
    """
    blocked = erlang_b(servers, offered_load)
    return waiting_share(blocked, np.asarray(servers, dtype=float), np.asarray(offered_load, dtype=float))


def waiting_share(blocked: Array, servers: Array, offered_load: Array) -> Array:
    """Return Erlang C of Erlang B: 1 where the load is not below the servers."""
    spare = servers - offered_load
    stable = spare > 0
    share: Array = servers * blocked / np.where(stable, spare + offered_load * blocked, 1.0)
    return np.where(stable, share, 1.0)


def servers_for_blocking(offered_load: Floats, blocked_share: Floats) -> Array:
    """Return the fewest servers that lose no more than ``blocked_share`` of the arrivals.

    Args:
        offered_load: erlang, 0 or more.
        blocked_share: above 0, at most 1.

    Raises:
        ValueError: an argument is out of its domain.
    """
    share = np.asarray(blocked_share, dtype=float)
    if not np.all((share > 0) & (share <= 1)):
        raise ValueError(f"blocked share must be above 0 and at most 1, got {blocked_share}")
    load, share = np.broadcast_arrays(_non_negative(offered_load, "offered load"), share)
    flat_load, flat_share = load.ravel(), share.ravel()

    def enough(index: Indices, servers: Array) -> Flags:
        tolerated: Flags = blocking(servers, flat_load[index]) <= flat_share[index] * (1 + 1e-12)
        return tolerated

    # B(c, A) is at least 1 − c/A, so fewer servers than A·(1 − share) lose more.
    least = np.maximum(np.ceil(load * (1 - share) * (1 - 1e-12)), 0.0).ravel()
    return fewest(least, search_step(flat_load), enough).reshape(load.shape)


def load_for_blocking(servers: Floats, blocked_share: Floats) -> Array:
    """Return the highest offered load (erlang) with at most the share ``blocked_share`` lost.

    Bisection: Erlang B rises with the load. Relative error below 10⁻¹².

    Args:
        servers: whole, 1 or more.
        blocked_share: above 0, below 1.

    Raises:
        ValueError: an argument is out of its domain.
    """
    c, share = np.broadcast_arrays(_whole(servers), np.asarray(blocked_share, dtype=float))
    if not np.all((share > 0) & (share < 1)) or not np.all(c >= 1):
        raise ValueError(f"needs servers >= 1 and 0 < blocked share < 1, got {servers} and {blocked_share}")
    low, high = np.zeros(c.shape), c / (1 - share)  # since B(c, A) is at least 1 − c/A
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        fits = erlang_b(c, middle) <= share
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return low


def search_step(offered_load: Array) -> Array:
    """Return the first step of a search for servers: they exceed the load by its square root or so."""
    step: Array = np.floor(np.sqrt(offered_load) / 4)
    return step


def square_root_staffing(offered_load: Floats, waiting: Floats) -> Array:
    """Return about how many servers let no more than ``waiting`` of the arrivals wait: ⌈A + β·√A⌉.

    β solves waiting = 1 / (1 + β·Φ(β)/φ(β)) (Halfin and Whitt, 1981). A first guess, to explain a number
    with: at most 2 servers short of Erlang C for loads from 10 to 10⁴.

    Args:
        offered_load: erlang, 0 or more.
        waiting: above 0, below 1.

    Raises:
        ValueError: an argument is out of its domain.
    """
    load = _non_negative(offered_load, "offered load")
    share = np.asarray(waiting, dtype=float)
    if not np.all((share > 0) & (share < 1)):
        raise ValueError(f"the share that waits must lie between 0 and 1, got {waiting}")
    beta = np.vectorize(_halfin_whitt_beta, otypes=[float])(share)
    servers: Array = np.ceil(load + beta * np.sqrt(load))
    return servers


def _halfin_whitt_beta(waiting: float) -> float:
    from statistics import NormalDist

    normal = NormalDist()
    low, high = 0.0, 40.0
    for _ in range(_BISECTIONS):
        beta = (low + high) / 2
        waits = normal.pdf(beta) / (normal.pdf(beta) + beta * normal.cdf(beta))
        low, high = (beta, high) if waits > waiting else (low, beta)
    return high


def _vanishes(servers: Array, load: Array) -> Flags:
    """Return where B(c, A) ≤ e^(−A)·A^c/c! ≤ exp(c − A + c·ln(A/c)) is below the smallest float."""
    c = np.maximum(servers, 1.0)
    with np.errstate(divide="ignore"):
        vanishing: Flags = (servers > load) & (c - load + c * np.log(load / c) < _LOG_SMALLEST)
    return vanishing & (servers > 0)


def _start(servers: Array, load: Array) -> Array:
    """Return where the recurrence may begin to be exact at ``servers``."""
    near = np.minimum(servers, load) - _FORGOTTEN_AFTER * np.sqrt(load) - _FORGOTTEN_AFTER
    start: Array = np.maximum(np.floor(near), 0.0)
    return start


def _start_value(k: Array, load: Array) -> Array:
    """Return roughly B(k, load), exact at k = 0: far below the load, what is carried is nearly k."""
    value: Array = 1.0 - k / np.maximum(load, 1.0)
    return value


def _checked(servers: Floats, offered_load: Floats) -> tuple[Array, Array]:
    c, a = np.broadcast_arrays(_whole(servers), _non_negative(offered_load, "offered load"))
    return c, a


def _non_negative(value: Floats, name: str) -> Array:
    array = np.asarray(value, dtype=float)
    if not np.all((array >= 0) & np.isfinite(array)):
        raise ValueError(f"{name} must be 0 or more, got {value}")
    return array


def _whole(servers: Floats) -> Array:
    array = _non_negative(servers, "servers")
    if np.any(array != np.floor(array)):
        raise ValueError(f"servers must be whole, got {servers}")
    return array

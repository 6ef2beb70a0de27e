"""Erlang's two formulas and their inverses.

Servers are whole numbers, the offered load is in erlang: arrival rate × mean service time. All arguments
broadcast; results have the broadcast shape, a 0-d array for scalars.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats

Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]

_FORGOTTEN_AFTER = 9.0
"""Square roots of the load in which the recurrence forgets its start: exp(−9²/2) is below 10⁻¹⁷."""

MOST_SERVERS = 10_000_000
"""Where a search for the number of servers gives up."""

_BISECTIONS = 60
_LOG_SMALLEST = -746.0


def erlang_b(servers: Floats, offered_load: Floats) -> Array:
    """Return the share of arrivals that find all servers busy and are lost (M/G/c/c).

    Recurrence B(k) = A·B(k−1) / (k + A·B(k−1)), B(0) = 1 (Erlang, 1917; Jagerman, 1974). Each step below
    k = A shrinks a relative error by about k/A, so it starts not at 0 but some √A below min(c, A), where any
    start gives the same digits. Relative error below 10⁻¹³ up to 10⁵ servers; a share below 10⁻³⁰⁸ is 0.

    Args:
        servers: whole, 0 or more.
        offered_load: erlang, 0 or more.

    Raises:
        ValueError: servers are not whole, or an argument is negative or not a number.
    """
    c, a = _checked(servers, offered_load)
    flat_c, flat_a = c.ravel(), a.ravel()
    vanishing = _vanishes(flat_c, flat_a)
    start = np.where(vanishing, flat_c, _start(flat_c, flat_a))
    most_steps_first = np.argsort(start - flat_c, kind="stable")
    k, load = start[most_steps_first], flat_a[most_steps_first]
    steps = flat_c[most_steps_first] - k
    blocked = _start_value(k, load)
    pending = steps.size - np.searchsorted(steps[::-1], np.arange(steps.max(initial=0.0)), side="right")
    for step, n in enumerate(pending, start=1):
        carried = load[:n] * blocked[:n]
        blocked[:n] = carried / (k[:n] + step + carried)
    result = np.empty_like(blocked)
    result[most_steps_first] = blocked
    return np.where(vanishing, 0.0, result).reshape(c.shape)


def erlang_c(servers: Floats, offered_load: Floats) -> Array:
    """Return the share of arrivals that wait (M/M/c); NaN where the load is not below the servers.

    C = B / (1 − ρ·(1 − B)), ρ = A/c (Erlang, 1917). Relative error as :func:`erlang_b`.

    Args:
        servers: whole, 0 or more.
        offered_load: erlang, 0 or more.

    Raises:
        ValueError: as :func:`erlang_b`.
    """
    blocked = erlang_b(servers, offered_load)
    return waiting_share(blocked, np.asarray(servers, dtype=float), np.asarray(offered_load, dtype=float))


def waiting_share(blocked: Array, servers: Array, offered_load: Array) -> Array:
    """Return Erlang C of Erlang B; NaN where the load is not below the servers."""
    stable = offered_load < servers
    utilization = np.where(stable, offered_load / np.maximum(servers, 1.0), 0.0)
    share: Array = np.where(stable, blocked / (1 - utilization * (1 - blocked)), np.nan)
    return share


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
    flat_share = share.ravel()

    def enough(index: Indices, servers: Array, blocked: Array) -> Flags:
        tolerated: Flags = blocked <= flat_share[index] * (1 + 1e-12)
        return tolerated

    # B(c, A) is at least 1 − c/A, so fewer servers than A·(1 − share) lose more.
    least = np.maximum(np.ceil(load * (1 - share) * (1 - 1e-12)), 0.0)
    return fewest_servers(load, least, enough)


def load_for_blocking(servers: Floats, blocked_share: Floats) -> Array:
    """Return the highest offered load (erlang) of which no more than ``blocked_share`` is lost.

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


def fewest_servers(
    offered_load: Array,
    least: Array,
    enough: Callable[[Indices, Array, Array], Flags],
    most: float = MOST_SERVERS,
) -> Array:
    """Return the fewest servers, at least ``least``, that are ``enough``; infinite beyond ``most``.

    One pass of Erlang's recurrence for all loads: ``enough`` gets the flat indices of the loads that have no
    answer yet, the servers that are tried for each, and the share that these block.
    """
    load, least = np.broadcast_arrays(offered_load, least)
    flat_load, flat_least = load.ravel(), least.ravel()
    answer = np.full(flat_load.size, np.inf)
    index = np.arange(flat_load.size)
    k = _start(flat_least, flat_load)
    blocked = _start_value(k, flat_load)
    a, wanted = flat_load, flat_least
    while index.size:
        done = k >= wanted
        if done.any():
            done[done] = enough(index[done], k[done], blocked[done])
            answer[index[done]] = k[done]
            open_ = ~done & (k < most)
            if not open_.all():
                index, k, blocked = index[open_], k[open_], blocked[open_]
                a, wanted = a[open_], wanted[open_]
        k = k + 1
        carried = a * blocked
        blocked = carried / (k + carried)
    return answer.reshape(load.shape)


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

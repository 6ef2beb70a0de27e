"""What commitments cover, hour by hour, in the order in which providers apply them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array


class CommitmentOffer(NamedTuple):
    """A commitment on sale: so many USD in every hour of its ``months``, used or not.

    rates: the price under it as a share of the price without, (pools,); NaN where it does not apply.
    rank: commitments apply by rising rank, the narrower first. upfront: share of all its cost that is paid
    when it is bought. step: USD an hour of the smallest amount, such as one machine; 0 where any will do.
    """

    name: str
    months: int
    rates: Array
    rank: int = 0
    upfront: float = 0.0
    step: float = 0.0


class States(NamedTuple):
    """Hours that are alike, told once.

    use: USD an hour at the price without commitments, (states, pools). worth: what a dollar of it costs where
    nothing covers it, less than 1 under a sustained-use discount. hours: of a month; month, scenario: which.
    """

    use: Array
    worth: Array
    hours: Array
    month: NDArray[np.intp]
    scenario: NDArray[np.intp]


class Spent(NamedTuple):
    """What commitments did. left: USD an hour that none covers, (states, pools).

    used: of each commitment, (commitments, states). more: what another dollar an hour of each would save, and
    need: what another dollar of use would cost, both as if commitments were spread at their best.
    """

    left: Array
    used: Array
    more: Array
    need: Array


def states_of(use: Array, worth: Array | None, hours_per_month: float, by_scenario: bool) -> States:
    """Return the states of ``use``, (pools, scenarios, months, hours); equal hours of a month are one.

    Where scenarios do not matter one by one, they are spread over the hours of one.
    """
    pools, scenarios, months, hours = use.shape
    weighed = np.ones_like(use) if worth is None else np.broadcast_to(worth, use.shape)
    month = np.tile(np.repeat(np.arange(months), hours), scenarios)
    scenario = np.repeat(np.arange(scenarios), months * hours)
    each = hours_per_month / hours
    if not by_scenario:
        scenario, each = np.zeros_like(scenario), each / scenarios
    columns = np.vstack([scenario, month, use.reshape(pools, -1), weighed.reshape(pools, -1)])
    columns = columns[:, np.lexsort(columns[::-1])]
    first = np.append(True, (columns[:, 1:] != columns[:, :-1]).any(axis=0))
    count = np.diff(np.append(np.flatnonzero(first), columns.shape[1]))
    rows = columns[:, first]
    return States(
        use=rows[2 : 2 + pools].T.copy(),
        worth=rows[2 + pools :].T.copy(),
        hours=count * each,
        month=rows[1].astype(np.intp),
        scenario=rows[0].astype(np.intp),
    )


def in_order(offers: Sequence[CommitmentOffer]) -> list[int]:
    """Return the positions of ``offers`` as they apply: the narrower first, then the larger discount.

    Reservations come before Savings Plans, those of a family before those of all compute (AWS Savings Plans
    User Guide, Understanding how Savings Plans apply to your usage); reservations before savings plans, three
    years before one (Microsoft, How saving plan discount is applied); resource-based before flexible
    commitments (Google Cloud, Committed use discounts: order of discount application).
    """
    return sorted(range(len(offers)), key=lambda i: (offers[i].rank, _mean(offers[i].rates), offers[i].name))


def _mean(rates: Array) -> float:
    return float(np.nansum(rates) / max(np.isfinite(rates).sum(), 1))


def applied(states: States, offers: Sequence[CommitmentOffer], usd_per_hour: Sequence[Array]) -> Spent:
    """Return what so much of each of the ``offers`` covers; ``usd_per_hour`` holds (states,) of each.

    Each commitment is spent on what it discounts most until nothing of it is left, as the same sources say.
    ``more`` and ``need`` are feasible prices of the dual of the linear programme that covers at the least
    cost, so Σ need·use − Σ more·amount never exceeds the cost of what is left, at these amounts or any other.
    """
    left, need = states.use.copy(), states.worth.copy()
    used = np.zeros((len(offers), states.hours.size))
    more = np.zeros_like(used)
    row = np.arange(states.hours.size)
    edges: dict[int, tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]] = {}
    for index in in_order(offers):
        rates, amount = offers[index].rates, np.asarray(usd_per_hour[index])[:, None]
        pools = np.flatnonzero(np.isfinite(rates))
        pools = pools[np.argsort(rates[pools], kind="stable")]
        if not pools.size:
            continue
        cost = left[:, pools] * rates[pools]
        end = cost.cumsum(axis=1)
        spent = np.clip(amount - (end - cost), 0.0, cost)
        left[:, pools] -= np.where(spent >= cost, left[:, pools], spent / rates[pools])
        used[index] = spent.sum(axis=1)
        reached = (end <= amount).sum(axis=1)
        edges[index] = pools, pools[np.minimum(reached, pools.size - 1)], reached < pools.size
    for index, (pools, edge, short) in reversed(edges.items()):
        rates = offers[index].rates
        more[index] = np.where(short, need[row, edge] / rates[edge], 0.0)
        need[:, pools] = np.minimum(need[:, pools], more[index][:, None] * rates[pools])
    return Spent(left, used, more, need)

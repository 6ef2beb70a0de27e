"""Showback: what each team pays, where free tiers, volume blocks and commitments serve several.

What an account's users of a tariff, or of machines with commitments, would pay at the first paid price is
more than they pay. The difference is what they share. Each team's share follows the fleet's rule, and is no
more than what the team would pay; amounts in cents add up to the total (largest remainder).
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import in_scenario
from capplan.cost.lines import Terms, unit_price
from capplan.cost.meters import Meter
from capplan.fleet.account import hourly_use, tariff_of
from capplan.fleet.members import Charged, Key, Member
from capplan.plan.fleet import Showback


class TeamShare(NamedTuple):
    """A team's month, USD: without what is shared, its share of that, and what remains, in whole cents."""

    team: str
    alone: float
    shared: float
    cost: float


class _Part(NamedTuple):
    """What a team uses of something shared: amount, USD at the first paid price, and USD as billed."""

    team: str
    use: float
    gross: float
    billed: float


def showback(members: Sequence[Member], rule: Showback) -> list[TeamShare]:
    """Return what each team pays of what has a price, by name; ``members`` are settled."""
    members = [member for member in members if member.shown is not None]
    teams = sorted({member.owner.team for member in members})
    alone, shared = dict.fromkeys(teams, 0.0), dict.fromkeys(teams, 0.0)
    groups: dict[Key, list[_Part]] = {}
    committed = {key for key, pool in hourly_use(members).items() if np.any(pool.committed)}
    for key, part in (found for member in members for found in _parts(member, committed)):
        groups.setdefault(key, []).append(part)
    for key, parts in groups.items():
        for part in parts:
            alone[part.team] += part.gross
        if key:
            for team, usd in _shares(parts, rule).items():
                shared[team] += usd
    costs = in_cents([alone[team] - shared[team] for team in teams])
    return [TeamShare(t, alone[t], shared[t], usd) for t, usd in zip(teams, costs, strict=True)]


def in_cents(amounts: Sequence[float]) -> list[float]:
    """Return ``amounts`` in whole cents that add up to their sum in cents: the largest remainders round up.

    >>> in_cents([1 / 3, 1 / 3, 1 / 3])
    [0.34, 0.33, 0.33]
    """
    exact = [100 * amount for amount in amounts]
    whole = np.floor(exact)
    rest = round(sum(exact)) - int(sum(whole))
    for index in sorted(range(len(exact)), key=lambda i: (whole[i] - exact[i], i))[:rest]:
        whole[index] += 1
    return [cents / 100 for cents in whole.tolist()]


def _shares(parts: Sequence[_Part], rule: Showback) -> Mapping[str, float]:
    """Return how much of what is saved is each team's."""
    teams: dict[str, _Part] = {}
    for part in parts:
        before = teams.get(part.team, _Part(part.team, 0.0, 0.0, 0.0))
        teams[part.team] = _Part(part.team, *(np.add(before[1:], part[1:]).tolist()))
    saved = sum(part.gross - part.billed for part in teams.values())
    weights = {"use": 1, "list-cost": 2}
    weight = [1.0 if rule == "equal" else float(part[weights[rule]]) for part in teams.values()]
    return dict(zip(teams, divided(saved, weight, [part.gross for part in teams.values()]), strict=True))


def divided(amount: float, weights: Sequence[float], most: Sequence[float]) -> list[float]:
    """Return ``amount`` by ``weights``; what is more than the ``most`` of a part goes to the others."""
    parts, open_ = [0.0] * len(weights), [i for i, weight in enumerate(weights) if weight > 0]
    while open_:
        each = amount / sum(weights[i] for i in open_)
        full = [i for i in open_ if each * weights[i] > most[i]]
        for i in full or open_:
            parts[i] = most[i] if full else each * weights[i]
            amount -= parts[i]
        open_ = [i for i in open_ if i not in full] if full else []
    return parts


def _parts(member: Member, committed: Container[Key]) -> Iterator[tuple[Key, _Part]]:
    """Yield what a plan uses, with the key of whatever shares it; the key of what nobody shares is empty."""
    team, account = member.owner.team, member.owner.account
    prices = {key: _list_price(member, key) for key in member.pools if (account, *key) in committed}
    pools = {key: price for key, price in prices.items() if price is not None}
    for charge in member.charges:
        usd = sum(line.cost.expected for line in charge.lines if line.cost is not None)
        price = None if charge.meter is None else _first_price(charge, charge.meter, member.terms)
        if charge.meter is not None and price is not None:
            use = in_scenario(charge.meter.quantity.expected)
            yield tariff_of(member, charge.meter), _Part(team, use, use * price, usd)
        elif charge.pool in pools:
            yield (account, *charge.pool), _Part(team, 0.0, 0.0, usd)
        else:
            yield (), _Part(team, 0.0, usd, usd)
    for key, price in pools.items():
        hours = float(member.pools[key].machines.running.mean()) * in_scenario(member.terms.hours_per_month)
        yield (account, *key), _Part(team, hours, hours * price, 0.0)


def _first_price(charge: Charged, meter: Meter, terms: Terms) -> float | None:
    """Return the price of a unit in the first block that costs something; None where any is unknown."""
    known = [block.price for block in charge.blocks if block.price is not None]
    if len(known) < len(charge.blocks):
        return None
    prices = (in_scenario(unit_price(price, meter, terms)) for price in known)
    return next(filter(None, prices), 0.0)


def _list_price(member: Member, key: Key) -> float | None:
    """Return the price of an hour on demand of what commitments cover; None where a price is unknown."""
    lines = [line for charge in member.charges if charge.pool == key for line in charge.lines]
    if any(line.cost is None for line in lines):
        return None
    on_demand = [line.unit_price for line in lines if line.rate == "on_demand"]
    return next((price for price in (*on_demand, *(line.list_price for line in lines)) if price), None)

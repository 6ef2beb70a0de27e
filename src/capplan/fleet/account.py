"""What plans of one billing account share: blocks and free tiers of tariffs, and commitments that idle.

A provider counts them by account, so what all of its plans use together fills the blocks once, and what one
plan has committed to and does not use in an hour covers what another one runs in that hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from capplan.arrays import in_scenario
from capplan.cost.lines import lines_in, tariff_key
from capplan.cost.machines import MachinePool, left_of
from capplan.cost.meters import Meter, Range
from capplan.fleet.members import Charged, Key, Member
from capplan.report.view import Cost, LineView, line_view


def settled(members: Sequence[Member]) -> list[Member]:
    """Return the ``members`` with what each of them costs where accounts are billed as a whole."""
    totals = _totals(members)
    left = left_of(_pools(members))
    return [
        member._replace(charges=[_settled(member, charge, totals, left) for charge in member.charges])
        for member in members
    ]


def hourly_use(members: Sequence[Member]) -> dict[Key, MachinePool]:
    """Return the machines that each account runs in every hour, spot left out, by SKU and region.

    A key is account, provider, service, SKU, region and the number of hours. ``machines.running`` of a value
    is (1, hours), in machines, or in GPUs that are added to machines; ``committed`` is (1, 1).
    """
    found: dict[Key, MachinePool] = {}
    for key, pool in _pools(members):
        found[key] = found[key].with_(pool) if key in found else pool
    return found


def tariff_of(member: Member, meter: Meter) -> Key:
    """Return what an account counts the blocks of a tariff by."""
    return (member.owner.account, *tariff_key(meter))


def _totals(members: Sequence[Member]) -> dict[Key, Range]:
    totals: dict[Key, Range] = {}
    for member in members:
        for meter in (charge.meter for charge in member.charges if charge.meter is not None):
            key = tariff_of(member, meter)
            totals[key] = totals[key] + meter.quantity if key in totals else meter.quantity
    return totals


def _pools(members: Iterable[Member]) -> Iterator[tuple[Key, MachinePool]]:
    for member in members:
        for key, pool in member.pools.items():
            yield (member.owner.account, *key), pool


def _settled(
    member: Member, charge: Charged, totals: Mapping[Key, Range], left: Mapping[Key, tuple[Range, Range]]
) -> Charged:
    meter = charge.meter
    if meter is not None:
        lines = lines_in(charge.blocks, meter, totals[tariff_of(member, meter)], member.terms)
        return charge._replace(lines=list(map(line_view, lines)))
    found = None if charge.pool is None else left.get((member.owner.account, *charge.pool))
    if found is None or charge.lines[0].rate != "on_demand":
        return charge
    share = found[bool(charge.lines[0].note)]
    return charge._replace(lines=[_scaled(line, share) for line in charge.lines])


def _scaled(line: LineView, left: Range) -> LineView:
    """Return a line of which a share is left: at the floor, on average, and at a ceiling that is known."""
    expected = in_scenario(left.expected)
    if line.cost is None:
        return line._replace(quantity=line.quantity * expected)
    top = line.cost.max
    if top is not None and left.ceiling is not None:
        top *= in_scenario(left.ceiling)
    cost = Cost(line.cost.min * in_scenario(left.floor), line.cost.expected * expected, top)
    return line._replace(quantity=line.quantity * expected, cost=cost)

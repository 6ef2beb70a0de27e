"""From meters to money: each meter meets its tariff and becomes cost lines."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats, in_scenario
from capplan.catalog.catalog import Catalog
from capplan.catalog.rows import Block, Price
from capplan.cost.machines import left_of
from capplan.cost.meters import EXTERNAL, RATES, Meter, Range
from capplan.errors import InputError, Problem

NOT_SOLD = "{provider} does not sell it in {region}"
"""Why a line has no price where the catalog knows that there is none."""


class CostLine(NamedTuple):
    """A quantity at a price. ``cost`` is None where the price is unknown: unpriced, never zero.

    status: ``list``, ``book`` (a price book or the plan itself), ``estimated`` (another region's price times
    a factor, or one that nothing confirms), ``bound`` (the on-demand price, for a commitment or spot price
    that nobody knows and that is no higher) or ``unpriced``. list_price is the provider's on-demand price
    before books, commitments and spot, where there is one.
    """

    meter: Meter
    sku: str
    quantity: Range
    unit_price: Floats | None = None
    list_price: float | None = None
    cost: Range | None = None
    status: str = "unpriced"
    source: str = ""
    as_of: str | None = None


class Certainty(NamedTuple):
    """How sure a sum of cost lines is: how many lack a price, and how many stand at their highest.

    Without either the sum is exact; without a price it is a lower bound, at the highest an upper one.
    """

    unpriced: int = 0
    bound: int = 0

    @property
    def complete(self) -> bool:
        """Whether everything in the sum has a price."""
        return not self.unpriced

    @property
    def sign(self) -> str:
        """What stands before the sum: nothing, ``≥``, ``≤``, or ``≈`` where it bounds neither way."""
        return {(False, False): "", (True, False): "≥", (False, True): "≤", (True, True): "≈"}[
            bool(self.unpriced), bool(self.bound)
        ]


def certainty(lines: Iterable[CostLine], scenario: int | None = None) -> Certainty:
    """Return how sure the sum of ``lines`` is, in one scenario or in all; what is not used does not count."""
    statuses = [line.status for line in lines if scenario is None or line.quantity.any_in(scenario)]
    return Certainty(statuses.count("unpriced"), statuses.count("bound"))


def is_priced(lines: Sequence[CostLine]) -> bool:
    """Say whether anything in ``lines`` has a price, or there is nothing to price."""
    return not lines or any(line.cost is not None for line in lines)


class Terms(NamedTuple):
    """What holds for the whole bill."""

    hours_per_month: Floats
    free_tier: bool


def cost_lines(meters: Iterable[Meter], catalog: Catalog, terms: Terms) -> list[CostLine]:
    """Price every meter that uses anything.

    A provider counts blocks, free tiers and commitments by billing account. So the sum over all meters of a
    SKU fills the blocks, and each meter gets its share of every block; and what one meter's machines leave
    idle of their commitment covers those of the others.
    """
    used = [meter for meter in _pooled(meters) if meter.quantity.any()]
    totals: dict[tuple[str, ...], Range] = {}
    for meter in used:
        key = tariff_key(meter)
        totals[key] = totals[key] + meter.quantity if key in totals else meter.quantity
    return [line for meter in used for line in _lines(meter, totals[tariff_key(meter)], catalog, terms)]


def _pooled(meters: Iterable[Meter]) -> Iterator[Meter]:
    """Yield the meters without the hours on demand that the commitments of others cover."""
    meters = list(meters)
    running = (m for m in meters if m.rate == "on_demand" and not m.note)
    left = left_of((_machine(m), m.pool) for m in running if m.pool is not None)
    for meter in meters:
        shares = left.get(_machine(meter))
        if shares is None or meter.pool is None or meter.rate != "on_demand":
            yield meter
        else:
            share = shares[bool(meter.note)]
            yield meter._replace(quantity=meter.quantity.combine(share, operator.mul))


def _machine(meter: Meter) -> tuple[str, ...]:
    return meter.provider, meter.service, meter.sku, meter.region


def total_cost(lines: Iterable[CostLine]) -> Range:
    """Return the sum of all priced lines."""
    total = Range.fixed(0.0)
    for line in lines:
        if line.cost is not None:
            total = total + line.cost
    return total


def estimated_share(lines: Sequence[CostLine], scenario: int) -> float:
    """Return how much of the expected cost stands on estimated prices; 0 of a cost of nothing."""
    known = [(line.status, in_scenario(line.cost.expected, scenario)) for line in lines if line.cost]
    total = sum(usd for _, usd in known)
    return sum(usd for status, usd in known if status == "estimated") / total if total > 0 else 0.0


def tariff_key(meter: Meter) -> tuple[str, ...]:
    """Return what an account counts the blocks of a tariff by."""
    return (meter.provider, meter.service, meter.sku, meter.rate)


def _lines(meter: Meter, total: Range, catalog: Catalog, terms: Terms) -> Iterator[CostLine]:
    if meter.price is not None:
        yield CostLine(
            meter=meter,
            sku=meter.sku,
            quantity=meter.quantity,
            unit_price=meter.price,
            cost=meter.quantity * meter.price,
            status="list" if meter.price_source else "book",
            as_of=meter.price_as_of,
            source=meter.price_source or f"the plan, {meter.price_path}",
        )
        return
    if meter.provider == EXTERNAL:
        yield CostLine(meter, meter.sku, meter.quantity, source="the plan gives no price")
        return
    yield from lines_in(tariff(meter, catalog, terms), meter, total, terms)


def tariff(meter: Meter, catalog: Catalog, terms: Terms) -> list[Block]:
    """Return the blocks that a meter is billed by, of one that a catalog prices."""
    blocks = _blocks(meter, catalog)
    if terms.free_tier:
        return blocks
    paid = [block for block in blocks if not block.free]
    return [paid[0]._replace(start=0.0), *paid[1:]]


def lines_in(blocks: Sequence[Block], meter: Meter, total: Range, terms: Terms) -> Iterator[CostLine]:
    """Yield a line for each of the ``blocks`` that a meter's share of its account's ``total`` reaches."""
    for index, block in enumerate(blocks):
        quantity = meter.quantity
        if len(blocks) > 1:
            end = blocks[index + 1].start if index + 1 < len(blocks) else np.inf
            quantity = _share_in_block(quantity, total, block.start, end)
        if quantity.any():
            yield _line(meter, block, quantity, terms)


def _blocks(meter: Meter, catalog: Catalog) -> list[Block]:
    """Return the blocks of the meter's rate, those without a price at the on-demand one: it is no lower."""
    found = catalog.tariff(meter.provider, meter.service, meter.sku, meter.region, meter.rate)
    if meter.rate == "on_demand" or all(block.price is not None for block in found):
        return found
    highest = catalog.tariff(meter.provider, meter.service, meter.sku, meter.region, "on_demand")
    return [
        block if block.price is not None else _at_most(block, other.price, meter)
        for block, other in zip(found, highest, strict=True)
    ]


def _at_most(block: Block, price: Price | None, meter: Meter) -> Block:
    if price is None:
        return block
    said = (
        f"the on-demand price, the highest possible, as the catalog does not know the "
        f"{RATES[meter.rate]} price: "
    )
    source = price.source._replace(text=said + price.source.text)
    return block._replace(price=price._replace(status="bound", source=source))


def _line(meter: Meter, block: Block, quantity: Range, terms: Terms) -> CostLine:
    price = block.price
    if price is None:
        why = f"the catalog does not know the {RATES[meter.rate]} price in {meter.region}"
        if not block.sold:
            why = NOT_SOLD.format(provider=meter.provider, region=meter.region)
        return CostLine(meter, block.sku, quantity, list_price=block.list_price, source=why)
    usd = unit_price(price, meter, terms)
    return CostLine(
        meter=meter,
        sku=block.sku,
        quantity=quantity,
        unit_price=usd,
        list_price=block.list_price,
        cost=quantity * usd,
        status=price.status,
        source=price.source.text,
        as_of=price.source.as_of,
    )


def unit_price(price: Price, meter: Meter, terms: Terms) -> Floats:
    """Return USD for a unit of the meter; InputError where the price is by another unit."""
    if price.unit == meter.unit:
        return price.usd
    if price.unit == "month" and meter.unit.endswith("hour"):
        return price.usd / terms.hours_per_month
    what = f"prices {price.sku} by the {price.unit}, but it is metered by the {meter.unit}"
    raise InputError(Problem(price.source.text, what))


def _share_in_block(quantity: Range, total: Range, start: float, end: float) -> Range:
    """Return the part of ``quantity`` that falls into a block, which the account's ``total`` fills."""

    def part(own: Array, whole: Array) -> Array:
        inside = np.clip(whole - start, 0.0, end - start)
        return own * inside / np.where(whole > 0, whole, 1.0)

    return quantity.combine(total, part)


def used_files(lines: Iterable[CostLine]) -> set[tuple[str, str]]:
    """Return provider and service of the catalog's files that the ``lines`` come from."""
    return {(line.meter.provider, line.meter.service) for line in lines if line.meter.provider != EXTERNAL}

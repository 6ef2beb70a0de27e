"""How stores run up meters: what they hold all month, bought in shares, and what they use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats, in_scenario
from capplan.catalog.rows import Sku
from capplan.components.base import Context, Path
from capplan.components.stores import checks
from capplan.cost.meters import Meter, Range
from capplan.errors import InputError
from capplan.findings import Finding
from capplan.plan.services import Provider


class StoreBill(NamedTuple):
    """Makes the meters of one store. commitments: rate → share of what is held all month."""

    ctx: Context
    name: str
    provider: Provider
    region: str
    path: Path
    commitments: tuple[tuple[str, Floats], ...] = ()

    def sku(self, service: str, name: str, field: str = "machine") -> Sku:
        """Return the SKU that the plan's ``field`` names."""
        return self.ctx.sku(self.provider, service, name, (*self.path, field))

    def held(self, service: str, sku: Sku, amount: Floats, formula: str = "hours") -> Iterator[Meter]:
        """Yield what is held all month and billed by the hour, by the way it is bought."""
        hours = amount * self.ctx.hours_per_month
        rest: Floats = 1.0
        for rate, share in self.commitments:
            rest = rest - share
            yield self.used(service, sku, hours * share, formula, rate)
        yield self.used(service, sku, hours * rest, formula)

    def used(self, service: str, sku: Sku, quantity: Floats, formula: str, rate: str = "on_demand") -> Meter:
        """Return the meter of an amount in the SKU's own unit."""
        return Meter(
            component=self.name,
            provider=self.provider,
            service=service,
            sku=sku.name,
            region=self.region,
            unit=sku.unit,
            quantity=Range.fixed(quantity),
            formula=formula,
            rate=rate,
        )

    def in_region(self, region: str) -> StoreBill:
        """Return the same store's bill in another region, bought on demand."""
        return self._replace(region=region, commitments=())

    def hourly_usd(self, service: str, sku: Sku) -> float:
        """Return the on-demand price of an hour after the price books; infinite where nobody knows it."""
        price = self.ctx.catalog.price(self.provider, service, sku, self.region, "on_demand")
        if price is None:
            return float("inf")
        return price.usd / in_scenario(self.ctx.hours_per_month) if price.unit == "month" else price.usd

    def ranks(self, service: str, usd_per_hour: Sequence[float]) -> Array:
        """Return the prices of what a store may be; InputError where none of several is known."""
        found = np.array(usd_per_hour)
        if found.size > 1 and not np.isfinite(found).any():
            what = f"cannot be chosen: the catalog has no price of {self.provider} {service} in {self.region}"
            remedy = "Name a machine, or put prices into a price book."
            raise InputError(self.ctx.places.problem((*self.path, "machine"), what, remedy))
        return found


def retired(component: str, sku: Sku) -> Iterator[Finding]:
    """Yield the finding that a SKU is no longer sold."""
    if sku.retired is not None:
        message = f"{sku.name} was retired in {sku.retired}"
        yield checks.RETIRED_SKU.finding(component, message, f"Its successor is {sku.successor}.")

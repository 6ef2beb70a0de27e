"""From how much use on a commitment pays: its price against that of the same machine on demand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from capplan.catalog.catalog import Catalog
from capplan.estimate import Estimate


class Commitment(NamedTuple):
    """Prices of a machine, USD an hour; None where nobody knows. A commitment is paid whether used or not."""

    provider: str
    sku: str
    region: str
    on_demand: float
    commit_1y: float | None
    commit_3y: float | None
    spot: float | None

    @property
    def pays_above(self) -> tuple[float | None, float | None]:
        """The shares of the hours from which on a year's and three years' commitment cost less."""
        one, three = (
            None if usd is None else usd / self.on_demand for usd in (self.commit_1y, self.commit_3y)
        )
        return one, three


def commitments(estimates: Iterable[Estimate], catalog: Catalog) -> list[Commitment]:
    """Return the terms of every machine that the ``estimates`` pay by the hour, where there are any."""
    keys = {
        (line.meter.provider, line.meter.service, line.sku, line.meter.region): None
        for estimate in estimates
        for line in estimate.lines
        if line.meter.unit == "hour" and line.status != "unpriced"
    }
    found = []
    for provider, service, name, region in keys:
        sku = catalog.find(provider, service, name)
        price = None if sku is None else sku.usd(region)
        if sku is None or not price or sku.vcpu is None:
            continue
        one, three, spot = (sku.usd(region, rate) for rate in ("commit_1y", "commit_3y", "spot"))
        if one or three:
            found.append(
                Commitment(
                    provider=provider,
                    sku=name,
                    region=region,
                    on_demand=price,
                    commit_1y=one,
                    commit_3y=three,
                    spot=spot,
                )
            )
    return found

"""What catalog files change in the catalogs that are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from capplan.catalog.catalog import Catalog
from capplan.catalog.rows import ServiceCatalog

_SAME = 1e-6
"""Lists round prices on their own: smaller changes are none."""


class PriceChange(NamedTuple):
    """One price, before and after; ``before`` is None where it is new."""

    provider: str
    service: str
    sku: str
    region: str
    rate: str
    before: float | None
    after: float

    @property
    def share(self) -> float:
        """How much it moves, as a share of what it was; 0 where nothing is known of that."""
        return self.after / self.before - 1 if self.before else 0.0


class PriceDifference(NamedTuple):
    """Changes by service, with the number of prices that stay."""

    changes: Sequence[PriceChange]
    same: dict[tuple[str, str], int]


def difference(files: Sequence[ServiceCatalog], now: Catalog) -> PriceDifference:
    """Return what the prices of ``files`` change in the catalogs ``now``."""
    changes: list[PriceChange] = []
    same: dict[tuple[str, str], int] = {}
    for file in files:
        found = list(_compared(file, now))
        moved = [change for change in found if change.before is None or abs(change.share) > _SAME]
        changes += moved
        same[file.provider, file.service] = len(found) - len(moved)
    return PriceDifference(changes, same)


def _compared(file: ServiceCatalog, now: Catalog) -> Iterator[PriceChange]:
    known = file.service in now.names(file.provider)
    below = now.service(file.provider, file.service).skus if known else {}
    for sku in file.skus.values():
        own = below.get(sku.name)
        for rate, by_region in sku.prices.items():
            for region, usd in by_region.items():
                before = None if own is None else own.usd(region, rate)
                yield PriceChange(
                    provider=file.provider,
                    service=file.service,
                    sku=sku.name,
                    region=region,
                    rate=rate,
                    before=before,
                    after=usd,
                )

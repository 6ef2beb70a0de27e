"""What a catalog holds: SKUs with their facts and prices, each with source and date."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from capplan.arrays import Floats


RATES = ("on_demand", "spot", "commit_1y", "commit_3y")
"""Ways to pay, as catalogs and cost lines name them."""

GLOBAL = "global"
"""The region of a SKU that costs the same everywhere."""


class Source(NamedTuple):
    """Where a figure comes from, and how old it is; ``as_of`` is None where nobody knows.

    unconfirmed: derived from other prices, or said by one source that nothing else bears out.
    """

    text: str
    as_of: str | None
    unconfirmed: bool = False


class Exchange(NamedTuple):
    """What a dollar costs in a currency, on what day, and who says so."""

    currency: str
    per_usd: Floats
    as_of: str | None
    source: str


class Family(NamedTuple):
    """Discounts that hold for every SKU of a family."""

    sustained_use: tuple[float, ...] | None = None
    discounts: Mapping[str, float] = {}


def family_of(sku: str, families: Mapping[str, Family]) -> Family:
    """Return the family with the longest name that ``sku`` begins with, or the one for all (``*``)."""
    if not families:
        return Family()
    matching = [name for name in families if sku == name or sku.startswith((name + "-", name + "."))]
    return families[max(matching, key=len)] if matching else families.get("*", Family())


class Sku(NamedTuple):
    """One row of a catalog: what it is, and what it costs by rate and region.

    off holds shares off the on-demand price, by rate and region. not_sold: regions that do not offer the SKU.
    tier_of and start place a block of a tiered price: this one begins at ``start`` units a month.
    size_gib is the bracket of sizes for which the SKU is sold. max_pods is EKS's limit for the machine.
    """

    name: str
    unit: str
    prices: Mapping[str, Mapping[str, float]]
    sources: Mapping[str, Source]
    vcpu: float | None = None
    memory_gib: float | None = None
    gpu: str | None = None
    gpu_count: float = 0.0
    max_pods: float | None = None
    size_gib: tuple[float, float] | None = None
    tier_of: str | None = None
    start: float = 0.0
    free: bool = False
    retired: str | None = None
    successor: str | None = None
    family: Family = Family()
    off: Mapping[str, Mapping[str, float]] = {}
    not_sold: frozenset[str] = frozenset()

    def source(self, region: str, rate: str) -> Source:
        """Return the source of one price: its own, that of its rate or region, or that of the whole row."""
        by = self.sources
        own = by.get(f"{rate} {region}") or by.get(f"{rate} {GLOBAL}")
        if own is not None:
            return own
        if rate != "on_demand" and rate in by:
            return by[rate]
        return by.get(region) or by["default"]

    def usd(self, region: str, rate: str = "on_demand") -> float | None:
        """Return the price per unit, None where there is none.

        A rate without a price of its own takes the SKU's or the family's discount off the on-demand price.
        """
        own = _in(self.prices.get(rate, {}), region)
        if own is not None or rate == "on_demand":
            return own
        discount = _in(self.off.get(rate, {}), region)
        if discount is None:
            discount = self.family.discounts.get(rate)
        base = self.usd(region)
        return None if discount is None or base is None else base * (1 - discount)

    def under(self, written: Sku) -> Sku:
        """Return this SKU with the facts and prices of ``written`` over it, each with its own source."""
        prices = dict(self.prices)
        sources = dict(self.sources)
        for rate, own in written.prices.items():
            prices[rate] = ChainMap(own, prices.get(rate, {}))  # type: ignore[arg-type]
            sources |= {f"{rate} {region}": written.source(region, rate) for region in own}
        said = {
            field: value
            for field, value in written._asdict().items()
            if field != "unit" and value != Sku._field_defaults.get(field, "")
        }
        return self._replace(**{**said, "prices": prices, "sources": sources})


def _in(prices: Mapping[str, float], region: str) -> float | None:
    own = prices.get(region)
    return prices.get(GLOBAL) if own is None else own


class Price(NamedTuple):
    """What one unit of a SKU costs in one region at one rate.

    unit is the SKU's; where it is ``month`` the SKU is metered by the hour and a month of it costs so much.
    """

    usd: float
    unit: str
    sku: str
    status: str
    source: Source


class Block(NamedTuple):
    """Part of a tariff: from ``start`` units a month on, each costs ``price``; None is unpriced.

    list_price is the on-demand price before books. sold is False where the region is known not to offer it.
    """

    start: float
    sku: str
    price: Price | None
    list_price: float | None
    free: bool = False
    sold: bool = True


def tiers_of(skus: Mapping[str, Sku]) -> dict[str, list[str]]:
    """Return the SKUs that are blocks of a tariff, by its name."""
    found: dict[str, list[str]] = {}
    for name, sku in skus.items():
        if sku.tier_of is not None:
            found.setdefault(sku.tier_of, []).append(name)
    return found


class ServiceCatalog(NamedTuple):
    """The SKUs of one provider's service: one file, or several laid over one another.

    layers: the files that it was made of, the lowest first, where there are several. tiers: the SKUs that are
    blocks of a tariff, by its name. file: where it was read from; of several files the highest.
    """

    provider: str
    service: str
    kind: str
    title: str
    unit: str
    skus: Mapping[str, Sku]
    text: str
    sources: Mapping[str, Source] = {}
    tiers: Mapping[str, Sequence[str]] = {}
    high_availability: tuple[str, float] | None = None
    commitment_terms: Mapping[str, str] = {}
    layers: tuple[ServiceCatalog, ...] = ()
    file: str = ""

    @property
    def regions(self) -> set[str]:
        """Every region that some SKU has a price in."""
        return {region for sku in self.skus.values() for p in sku.prices.values() for region in p}

    @property
    def newest(self) -> str | None:
        """The latest date of any source of this service."""
        of = (*self.sources.values(), *(s for layer in self.layers for s in layer.sources.values()))
        return max((source.as_of for source in of if source.as_of), default=None)

    @property
    def names(self) -> set[str]:
        """Everything that can be priced: SKUs, what is made up of blocks, and highly available variants."""
        names = {*self.skus, *self.tiers}
        suffix = self.high_availability[0] if self.high_availability else None
        return names | {f"{name} {suffix}" for name in self.skus} if suffix else names

    def blocks_of(self, name: str, region: str | None = None) -> Sequence[Sku]:
        """Return the SKUs that make up the price of ``name``, by where they start.

        Blocks of two files never mix: in a ``region`` those of the highest layer hold that prices them there.
        """
        of = [layer for layer in self.layers if name in layer.tiers]
        priced = [layer for layer in of if region and any(b.usd(region) for b in layer.blocks_of(name))]
        if of:
            return (priced or of[:1])[-1].blocks_of(name)
        return sorted((self.skus[block] for block in self.tiers[name]), key=lambda sku: sku.start)

    def under(self, other: ServiceCatalog) -> ServiceCatalog:
        """Return this service with the SKUs of ``other`` over it, region by region."""
        own = {name: self.skus[name].under(s) if name in self.skus else s for name, s in other.skus.items()}
        return self._replace(
            skus=ChainMap(own, self.skus),  # type: ignore[arg-type]
            layers=(*(layer._with_blocks_of(other) for layer in self.layers or (self,)), other),
            tiers={**self.tiers, **other.tiers},
            high_availability=self.high_availability or other.high_availability,
            commitment_terms={**self.commitment_terms, **other.commitment_terms},
            file=other.file or self.file,
        )

    def _with_blocks_of(self, other: ServiceCatalog) -> ServiceCatalog:
        """Return this file with the prices that ``other`` gives to its blocks and leaves in place."""
        prices = {name: sku for name, sku in other.skus.items() if name in self.skus and sku.tier_of is None}
        own = {name: self.skus[name].under(sku) for name, sku in prices.items()}
        return self._replace(skus=ChainMap(own, self.skus)) if own else self  # type: ignore[arg-type]

    def doubled(self, sku: Sku) -> Sku:
        """Return the highly available variant of ``sku``: a multiple of its price, or a price of its own."""
        suffix, factor = self.high_availability or ("", 1.0)
        prices = {
            rate: {region: usd * factor for region, usd in by_region.items()}
            for rate, by_region in sku.prices.items()
        }
        sources = {
            key: source._replace(text=f"{factor:g} × the price without high availability: {source.text}")
            for key, source in sku.sources.items()
        }
        double = sku._replace(name=f"{sku.name} {suffix}", prices=prices, sources=sources)
        return double.under(self.skus[double.name]) if double.name in self.skus else double

"""Regions as the catalog knows them: their names, and what has a price there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from capplan.catalog.catalog import Catalog
from capplan.catalog.roots import PROVIDERS
from capplan.catalog.rows import GLOBAL, ServiceCatalog
from capplan.errors import InputError, Problem, nearest


class KnownRegion(NamedTuple):
    """A region: its other names, how many machine types and which services have a price there.

    gco2e_per_kwh: of the local grid, where a source says so.
    """

    provider: str
    region: str
    place: str
    aliases: Sequence[str]
    machines: int
    services: Sequence[str]
    gco2e_per_kwh: float | None


def known_regions(catalog: Catalog, provider: str | None = None) -> list[KnownRegion]:
    """Return the regions of one provider, or of all."""
    if provider is not None and provider not in PROVIDERS:
        what = f"unknown provider '{provider}'"
        raise InputError(Problem("--provider", what, nearest(provider, PROVIDERS)))
    return [region for name in ([provider] if provider else PROVIDERS) for region in _of(catalog, name)]


def _of(catalog: Catalog, provider: str) -> Iterator[KnownRegion]:
    aliases = catalog.known_facts("region-aliases").get(provider, {})
    carbon = carbon_of(catalog, provider)
    files = [(file, _priced(file)) for file in catalog.services(provider)]
    machines = next((found for file, found in files if file.kind == "machine"), Counter[str]())
    for region, place in catalog.regions(provider).items():
        yield KnownRegion(
            provider=provider,
            region=region,
            place=str(place),
            aliases=aliases.get(region, ()),
            machines=machines[region],
            services=[file.service for file, found in files if found[region] or found[GLOBAL]],
            gco2e_per_kwh=carbon.get(region),
        )


def names_of_regions(catalog: Catalog, provider: str) -> dict[str, str]:
    """Return the regions of ``provider`` by all their names: their own, their place, and aliases."""
    aliases = catalog.known_facts("region-aliases").get(provider, {})
    own = catalog.regions(provider)
    named = [(str(name), region) for region, names in aliases.items() for name in names]
    places = [(str(place), region) for region, place in own.items()]
    return dict([*places, *named, *((region, region) for region in own)])


def carbon_of(catalog: Catalog, provider: str) -> Mapping[str, float]:
    """Return the g of CO2 equivalent per kWh of each region's grid, where a source says so."""
    found: Mapping[str, float] = catalog.known_facts("carbon").get("gco2e_per_kwh", {}).get(provider, {})
    return found


def _priced(file: ServiceCatalog) -> Counter[str]:
    """Return how many SKUs have an on-demand price in each region."""
    paid = (sku for sku in file.skus.values() if not sku.free)
    return Counter(region for sku in paid for region in sku.prices.get("on_demand", ()))

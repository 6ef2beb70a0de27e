"""Prices that follow from others of the same list: machines from their cores and memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from capplan.catalog.catalog import Catalog
from capplan.catalog.imports.collect import Collection
from capplan.catalog.imports.found import Found
from capplan.catalog.rows import Sku

_MACHINE = re.compile(r"([a-z]\d+[a-z]?)-(?:standard|highmem|highcpu|himem|ultramem)-\d+")
_SERVER = re.compile(r"(GP|MO)_Standard_([DE])(\d+)([a-z]*)_v(\d)")
_TIERS = {"GP": "general-purpose", "MO": "memory-optimized"}


def derive(collection: Collection, below: Catalog) -> None:
    """Add the prices of what consists of parts, as the catalogs ``below`` know, where the list has the parts.

    Google sells machines by vCPU and GiB, Azure flexible servers by vCore.
    """
    collection.drop_ambiguous()
    walk = {"gcp": _machines, "azure": _servers}.get(collection.provider)
    for found in walk(collection, below) if walk else ():
        if collection.selection.wants(collection.provider, found):
            collection.add(found)


def _machines(collection: Collection, below: Catalog) -> Iterator[Found]:
    for sku in _skus(below, "gcp", "compute-engine"):
        match = _MACHINE.fullmatch(sku.name)
        if match is None or sku.gpu or not sku.vcpu or not sku.memory_gib:
            continue
        cores = _prices(collection, "compute-engine-unit", f"{match[1]}-predefined-vcpu")
        memory = _prices(collection, "compute-engine-unit", f"{match[1]}-predefined-ram")
        for rate, region in cores.keys() & memory.keys():
            usd = sku.vcpu * cores[rate, region] + sku.memory_gib * memory[rate, region]
            yield Found("compute-engine", sku.name, "hour", region, usd, rate=rate, kind="machine")


def _servers(collection: Collection, below: Catalog) -> Iterator[Found]:
    for sku in _skus(below, "azure", "postgresql-flexible"):
        match = _SERVER.fullmatch(sku.name)
        if match is None or not sku.vcpu:
            continue
        series = f"{_TIERS[match[1]]}-{match[2]}{match[4]}v{match[5]}-vcore"
        for (rate, region), usd in _prices(collection, "postgresql-flexible", series).items():
            yield Found(
                "postgresql-flexible", sku.name, "hour", region, sku.vcpu * usd, rate=rate, kind="database"
            )


def _skus(below: Catalog, provider: str, service: str) -> Iterable[Sku]:
    return below.service(provider, service).skus.values() if service in below.names(provider) else ()


def _prices(collection: Collection, service: str, sku: str) -> dict[tuple[str, str], float]:
    """Return the flat prices of a SKU by rate and region."""
    entry = collection.entries.get((service, sku))
    return {at: blocks[0.0] for at, blocks in entry.prices.items() if 0.0 in blocks} if entry else {}

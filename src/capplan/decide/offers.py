"""What commitments are on sale for what runs: the price lists and `hardware/commitments.yaml` as offers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from capplan.catalog.catalog import Catalog
from capplan.catalog.rows import Source
from capplan.cost.coverage import CommitmentOffer
from capplan.quantities import parse_share

_UPFRONT = {"all-upfront": 1.0, "partial-upfront": 0.5}
_RANKS = {"family": 0, "service": 0, "all": 2}


class UsePool(NamedTuple):
    """Use that is priced alike: one SKU in one region, on demand, or as far as it can run on spot.

    list_usd: the on-demand price of a unit; usd: what it costs where nothing covers it.
    """

    provider: str
    service: str
    sku: str
    region: str
    unit: str
    list_usd: float
    usd: float

    @property
    def family(self) -> str:
        """What reservations that are flexible in size cover."""
        return family(self.provider, self.sku)


class Deal(NamedTuple):
    """An offer in the words of its provider. covers: what it covers; unit: the machine that it is counted in.

    unit_usd: an hour of that machine under the offer; None of what is committed to in dollars. sure: if its
    price is that of the price lists, and not one that a single source or another offer says.
    """

    offer: CommitmentOffer
    provider: str
    title: str
    term: str
    payment: str
    covers: str
    unit: str
    unit_usd: float | None
    source: str
    sure: bool


def family(provider: str, sku: str) -> str:
    """Return the family of a machine, whose sizes share a reservation.

    >>> family("aws", "db.r6g.large"), family("gcp", "n2-standard-4"), family("azure", "Standard_D4s_v5")
    ('db.r6g', 'n2', 'Standard_Ds_v5')
    """
    if provider == "gcp":
        return sku.partition("-")[0]
    if provider == "azure":
        return re.sub(r"(?<=_[A-Z])(\w*?)\d+(-\d+)?", r"\1", sku, count=1)
    return sku.rpartition(".")[0] or sku


def deals(pools: Sequence[UsePool], catalog: Catalog) -> tuple[list[Deal], list[tuple[str, str]]]:
    """Return the offers that cover some of the ``pools``, and what could cover which if it had a price."""
    found: list[Deal] = []
    lacking: list[tuple[str, str]] = []
    for provider in dict.fromkeys(pool.provider for pool in pools):
        facts = catalog.facts("commitments").get(provider, {"offers": ()})
        for row in facts["offers"]:
            for covers, where in _groups(row, provider, pools):
                deal = _deal(row, facts["sources"], provider, covers, where, pools, catalog)
                if deal is None:
                    lacking.append((_name(row), covers))
                elif deal.offer.name not in {other.offer.name for other in found}:
                    found.append(deal)
    priced = [deal.offer.name for deal in found]
    missing = [
        each
        for each in dict.fromkeys(lacking)
        if not any(name.startswith(each[0]) and name.endswith(f", {each[1]}") for name in priced)
    ]
    return [deal for deal in found if np.isfinite(deal.offer.rates).any()], missing


def _name(row: Mapping[str, Any]) -> str:
    years = row["years"]
    return ", ".join(filter(None, (row["title"], f"{years} year{'s' * (years > 1)}", row.get("payment", ""))))


def _groups(
    row: Mapping[str, Any], provider: str, pools: Sequence[UsePool]
) -> Iterator[tuple[str, list[int]]]:
    """Yield the pools that one purchase of an offer can cover, and how they are called."""
    groups: dict[str, list[int]] = {}
    for index, pool in enumerate(pools):
        if pool.provider != provider or not _sold_for(row, pool):
            continue
        name = {
            "family": f"{pool.family} in {pool.region}",
            "service": f"{pool.service} in {pool.region}",
            "all": f"all of {provider}",
        }[row["scope"]]
        groups.setdefault(name if row["scope"] == "all" else f"{pool.service}: {name}", []).append(index)
    yield from groups.items()


def _sold_for(row: Mapping[str, Any], pool: UsePool) -> bool:
    if row.get("closed"):
        return f"{pool.service}/{pool.family}" in row["off"]
    if "off" in row:
        return any(key.partition("/")[0] == pool.service for key in row["off"])
    return pool.service in row.get("services", (pool.service,)) and pool.service not in row.get(
        "not_services", ()
    )


def _deal(
    row: Mapping[str, Any],
    sources: Mapping[str, Any],
    provider: str,
    covers: str,
    where: Sequence[int],
    pools: Sequence[UsePool],
    catalog: Catalog,
) -> Deal | None:
    prices = {i: price for i in where if (price := _price(row, sources, pools[i], catalog)) is not None}
    if not prices:
        return None
    shares = [prices[i][0] / pool.usd if i in prices else np.nan for i, pool in enumerate(pools)]
    rates = np.array([share if share < 1 else np.nan for share in shares])
    smallest = min(prices, key=lambda i: prices[i][0])
    unit_usd, source = prices[smallest]
    payment = str(row.get("payment") or _paid(row, pools[smallest], catalog))
    _, term = _name(row).split(", ")[:2]
    offer = CommitmentOffer(
        name=f"{row['title']}, {term}, {payment}, {covers}",
        months=12 * row["years"],
        rates=rates,
        rank=_RANKS[row["scope"]] + (not row.get("whole")),
        upfront=_UPFRONT.get(payment, 0.0),
        step=unit_usd if row.get("whole") else 0.0,
    )
    sold = covers.partition(": ")[2] or covers
    return Deal(
        offer=offer,
        provider=provider,
        title=row["title"],
        term=term,
        payment=payment,
        covers=sold,
        unit=pools[smallest].sku,
        unit_usd=unit_usd if row.get("whole") or row.get("counted") else None,
        source=source.text,
        sure=not source.unconfirmed,
    )


def _price(
    row: Mapping[str, Any], sources: Mapping[str, Any], pool: UsePool, catalog: Catalog
) -> tuple[float, Source] | None:
    """Return USD an hour of a unit under an offer, and who says so; None where nobody does."""
    said = sources[row["source"]]
    if "rate" in row:
        sku = catalog.find(pool.provider, pool.service, pool.sku)
        price = sku and catalog.price(pool.provider, pool.service, sku, pool.region, row["rate"])
        if not price or price.unit == "month" or row.get("without", "\0") in price.source.text:
            return None
        unsure = price.source.unconfirmed or bool(said.get("unconfirmed"))
        return price.usd, price.source._replace(unconfirmed=unsure)
    off = row["off"].get(f"{pool.service}/{pool.family}", row["off"].get(pool.service))
    share = off.get(pool.region) if isinstance(off, dict) else off
    if share is None:
        return None
    source = Source(said["text"], None, bool(said.get("unconfirmed")))
    return pool.list_usd * (1 - parse_share(share)), source


def _paid(row: Mapping[str, Any], pool: UsePool, catalog: Catalog) -> str:
    terms = catalog.service(pool.provider, pool.service).commitment_terms.get(row["rate"], "")
    return terms.partition(", ")[2] or "monthly"

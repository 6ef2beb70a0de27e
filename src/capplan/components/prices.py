"""What the reader must know of prices: which are not known, and which stand in for others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capplan.catalog.catalog import Catalog
from capplan.components import checks
from capplan.cost.lines import NOT_SOLD, CostLine
from capplan.cost.meters import EXTERNAL, RATES
from capplan.findings import Finding

_MOST_NAMES = 3


def price_findings(lines: Sequence[CostLine]) -> Iterator[Finding]:
    """Yield one finding for all unknown prices of a provider's region, and one for stand-ins."""
    for status, finding in (("unpriced", _unpriced), ("bound", _bound)):
        found: dict[tuple[str, str], list[CostLine]] = {}
        for line in lines:
            if line.status == status:
                found.setdefault((line.meter.provider, line.meter.region), []).append(line)
        for (provider, region), lacking in found.items():
            yield finding(provider, region, lacking)


def added_findings(catalog: Catalog, lines: Sequence[CostLine]) -> Iterator[Finding]:
    """Yield what price books add and nothing uses, where the name is almost that of a known SKU."""
    meters = [(f"{line.meter.provider}/{line.meter.service}", line.sku, line.meter.sku) for line in lines]
    used = {f"{service}/{name}" for service, *names in meters for name in names}
    for key, tariff, near in catalog.additions():
        if not {key, tariff} & used:
            message = f"a price book adds {key}, and nothing in the plan uses it"
            yield checks.ADDED_SKU_UNUSED.finding("pricing", message, f"Did you mean {near}?")
    regions = {line.meter.region for line in lines}
    for region, near in catalog.unknown_likenesses():
        if region not in regions:
            message = (
                f"a price book estimates {region}, which no provider has, and nothing in the plan uses it"
            )
            yield checks.ADDED_SKU_UNUSED.finding("pricing", message, near)


def _unpriced(provider: str, region: str, lines: Sequence[CostLine]) -> Finding:
    skus = _named([line.sku for line in lines])
    if provider == EXTERNAL:
        message = f"the plan gives no price for {skus}, so the total leaves it out"
        return checks.UNPRICED.finding(_subject(lines), message, f"Give its price: {_path(lines)}.")
    if all(line.source == NOT_SOLD.format(provider=provider, region=region) for line in lines):
        message = f"{provider} does not sell {skus} in {region}, so the total leaves it out"
        return checks.UNPRICED.finding(_subject(lines), message, "Choose another region, or another machine.")
    services = _named([line.meter.service for line in lines])
    known = f"the catalog does not know all prices of {provider} {services} in {region}"
    message = f"{known}, so the total leaves out {skus}"
    return checks.UNPRICED.finding(_subject(lines), message)


def _path(lines: Sequence[CostLine]) -> str:
    return ", ".join(dict.fromkeys(line.meter.price_path for line in lines))


def _bound(provider: str, region: str, lines: Sequence[CostLine]) -> Finding:
    rates = " and ".join(dict.fromkeys(RATES[line.meter.rate] for line in lines))
    message = (
        f"the catalog does not know the {rates} price of {_named([line.sku for line in lines])} "
        f"({provider}, {region}): the on-demand price, the highest possible, stands in for it"
    )
    return checks.PRICE_BOUND.finding(_subject(lines), message)


def _subject(lines: Sequence[CostLine]) -> str:
    return _named([line.meter.component for line in lines])


def _named(names: Sequence[str]) -> str:
    """Return the first of several names, and how many there are besides."""
    different = list(dict.fromkeys(names))
    more = len(different) - _MOST_NAMES
    shown = ", ".join(different[:_MOST_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown

"""Looking things up: catalog rows by provider, service, region, name, cores, memory, GPU."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from capplan.catalog.catalog import Catalog
from capplan.catalog.roots import PROVIDERS
from capplan.catalog.rows import GLOBAL, RATES, ServiceCatalog, Sku
from capplan.errors import InputError, Problem, nearest


class CatalogRow(NamedTuple):
    """One SKU in one region, with its list prices; ``usd`` is None where it has none.

    unconfirmed: the rates whose price is derived from others, or borne out by no second source.
    other_sources: those of spot and commitments, with the way of payment and the date.
    """

    provider: str
    service: str
    sku: str
    region: str
    unit: str
    usd: float | None
    spot_usd: float | None
    vcpu: float | None
    memory_gib: float | None
    gpu: str | None
    gpu_count: float
    as_of: str | None
    source: str
    commit_1y_usd: float | None
    commit_3y_usd: float | None
    unconfirmed: str
    other_sources: str


class NumberRange(NamedTuple):
    """What a number must be: written 4, 4-8, 4+ or -8."""

    low: float
    high: float

    def hold(self, value: float | None) -> bool:
        """Say whether ``value`` is known and within the bounds."""
        return value is not None and self.low <= value <= self.high


class Filter(NamedTuple):
    """Which rows are wanted; None is all."""

    provider: str | None = None
    service: str | None = None
    region: str | None = None
    name: str | None = None
    vcpu: NumberRange | None = None
    memory_gib: NumberRange | None = None
    gpu: str | None = None

    def wants(self, row: CatalogRow) -> bool:
        """Say whether ``row`` is one of them; names match anywhere, whatever their case."""
        return (
            (self.region is None or row.region == self.region)
            and (self.name is None or self.name.lower() in row.sku.lower())
            and (self.vcpu is None or self.vcpu.hold(row.vcpu))
            and (self.memory_gib is None or self.memory_gib.hold(row.memory_gib))
            and (self.gpu is None or self.gpu.lower() in (row.gpu or "").lower())
        )


def bounds(text: str, option: str) -> NumberRange:
    """Return the bounds that a user wrote.

    >>> bounds("4-8", "--vcpu")
    NumberRange(low=4.0, high=8.0)
    """
    figure = r"\d+(?:\.\d+)?"
    match = re.fullmatch(rf"({figure})?(-|\+)?({figure})?", text)
    if match is None or not (match[1] or match[3]) or (match[2] == "+" and match[3]):
        what = f"expected a number or a range such as 4, 4-8, 4+ or -8, got '{text}'"
        raise InputError(Problem(option, what))
    low = float(match[1]) if match[1] else 0.0
    high = low if match[2] is None else float(match[3] or "inf")
    if low > high:
        raise InputError(Problem(option, f"the range '{text}' is empty", f"Reverse it: {high:g}-{low:g}."))
    return NumberRange(low, high)


def find_rows(catalog: Catalog, wanted: Filter) -> list[CatalogRow]:
    """Return every row that ``wanted`` asks for, in the order of the files."""
    files = _files(catalog, wanted)
    if wanted.region is not None:
        files = [file for file in files if catalog.knows_region(file.provider, wanted.region)]
    rows = [row for file in files for row in rows_of(file, wanted)]
    if wanted.region is not None and not rows:
        _check_region(catalog, wanted.region)
    return [row for row in rows if wanted.wants(row)]


def _check_region(catalog: Catalog, region: str) -> None:
    """Refuse a region that no provider has; one without a price is only empty."""
    known = {name for names in catalog.facts("regions").values() for name in names}
    if region not in known and region not in {of for file in catalog.services() for of in file.regions}:
        raise InputError(Problem("--region", f"no provider has a region '{region}'", nearest(region, known)))


def _files(catalog: Catalog, wanted: Filter) -> list[ServiceCatalog]:
    if wanted.provider not in (None, *PROVIDERS):
        what = f"unknown provider '{wanted.provider}'"
        raise InputError(Problem("--provider", what, nearest(str(wanted.provider), PROVIDERS)))
    if wanted.provider is not None and wanted.service is not None:
        return [catalog.service(wanted.provider, wanted.service)]
    files = catalog.services(wanted.provider)
    if wanted.service is None:
        return files
    named = [file for file in files if file.service == wanted.service]
    if not named:
        what = f"no provider has a service '{wanted.service}'"
        raise InputError(Problem("--service", what, nearest(wanted.service, {f.service for f in files})))
    return named


_EVERYTHING = Filter()


def rows_of(file: ServiceCatalog, wanted: Filter = _EVERYTHING) -> Iterator[CatalogRow]:
    """Yield every SKU of ``file`` in every region that it has a price in; of the wanted region and name."""
    suffix = f" {file.high_availability[0]}" if file.high_availability and file.kind == "database" else ""
    part = (wanted.name or "").lower()
    for name in file.skus:
        if part not in f"{name}{suffix}".lower():
            continue
        if not suffix or name.removesuffix(suffix) not in file.skus:
            yield from _rows(file, file.skus[name], wanted.region)
        elif not name.endswith(suffix):
            yield from _rows(file, file.skus[name], wanted.region)
            yield from _rows(file, file.doubled(file.skus[name]), wanted.region)


def _rows(file: ServiceCatalog, sku: Sku, only: str | None) -> Iterator[CatalogRow]:
    if only is None:
        regions = sorted({region for prices in sku.prices.values() for region in prices})
    else:
        regions = [only] if any(only in prices or GLOBAL in prices for prices in sku.prices.values()) else []
    for region in regions:
        source = sku.source(region, "on_demand")
        known = {rate for rate in RATES if sku.usd(region, rate) is not None}
        yield CatalogRow(
            provider=file.provider,
            service=file.service,
            sku=sku.name,
            region=region,
            unit=sku.unit,
            usd=sku.usd(region),
            spot_usd=sku.usd(region, "spot"),
            commit_1y_usd=sku.usd(region, "commit_1y"),
            commit_3y_usd=sku.usd(region, "commit_3y"),
            vcpu=sku.vcpu,
            memory_gib=sku.memory_gib,
            gpu=sku.gpu,
            gpu_count=sku.gpu_count,
            as_of=source.as_of,
            source=source.text,
            other_sources=" | ".join(_told(file, sku, region, rate) for rate in RATES[1:] if rate in known),
            unconfirmed=" ".join(r for r in RATES if r in known and sku.source(region, r).unconfirmed),
        )


def _told(file: ServiceCatalog, sku: Sku, region: str, rate: str) -> str:
    """Return where a price other than the on-demand one comes from, and how it is paid."""
    source = sku.source(region, rate)
    priced = (
        of for of in reversed(file.layers) if sku.name in of.skus and of.skus[sku.name].usd(region, rate)
    )
    terms = next(priced, file).commitment_terms.get(rate, rate)
    return f"{terms}: {source.text} ({source.as_of or 'undated'})"

"""What SKUs of Google's Cloud Billing Catalog are the price of.

A SKU of a service is told apart by its group and description, joined by ` | `.
Fields: "services.skus.list", Cloud
Billing API.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from capplan.catalog.imports.found import Found, LeftOut, MeterRule, factor, measured, price, rule, slug

NEEDED = ("description", "category", "serviceRegions", "pricingInfo")

_RATES = {
    "OnDemand": "on_demand",
    "Preemptible": "spot",
    "Commit1Yr": "commit_1y",
    "Commit3Yr": "commit_3y",
}
_HOW = r"(?:Spot Preemptible |Commitment v1: )?"
_SQL = r".* \| Cloud SQL for (PostgreSQL|MySQL): "
_DATABASE = {"kind": "database"}
_RULES: Mapping[str, tuple[MeterRule, ...]] = {
    "Compute Engine": (
        rule(
            r"(?:CPU|N1Standard) \| " + _HOW + r"(\w+)(?: \w+)? Instance Core .*",
            *("compute-engine-unit", "{1}-predefined-vcpu", "vCPU-hour"),
        ),
        rule(
            r"(?:RAM|N1Standard) \| " + _HOW + r"(\w+)(?: \w+)? Instance Ram .*",
            *("compute-engine-unit", "{1}-predefined-ram", "GiB-hour"),
        ),
        rule(
            r"GPU \| Nvidia (Tesla )?(\w+)( 80GB)? GPU attached to Spot .*",
            *("compute-engine-gpu", "nvidia-{gpu}", "GPU-hour"),
            kind="gpu",
            rate="spot",
        ),
        rule(
            r"GPU \| Nvidia (Tesla )?(\w+)( 80GB)? GPU .*",
            *("compute-engine-gpu", "nvidia-{gpu}", "GPU-hour"),
            kind="gpu",
        ),
        rule(r".* \| Storage PD Capacity.*", "persistent-disk", "pd-standard", "GiB-month"),
        rule(r".* \| SSD backed PD Capacity.*", "persistent-disk", "pd-ssd", "GiB-month"),
        rule(r".* \| Balanced PD Capacity.*", "persistent-disk", "pd-balanced", "GiB-month"),
    ),
    "Cloud Run": (
        rule(
            r".* \| (?:Services )?CPU \((Request|Instance)-based billing\).*",
            *("cloud-run", "{1}-based-cpu", "vCPU-second"),
        ),
        rule(
            r".* \| (?:Services )?Memory \((Request|Instance)-based billing\).*",
            *("cloud-run", "{1}-based-memory", "GiB-second"),
        ),
    ),
    "Cloud SQL": (
        rule(_SQL + "Zonal - vCPU in .*", "cloud-sql-{engine}", "enterprise-vcpu", "vCPU-hour", **_DATABASE),
        rule(_SQL + "Zonal - RAM in .*", "cloud-sql-{engine}", "enterprise-ram", "GiB-hour", **_DATABASE),
        rule(
            _SQL + "Regional - vCPU in .*",
            *("cloud-sql-{engine}", "enterprise-vcpu regional-ha", "vCPU-hour"),
            kind="database",
        ),
        rule(
            _SQL + "Regional - RAM in .*",
            *("cloud-sql-{engine}", "enterprise-ram regional-ha", "GiB-hour"),
            kind="database",
        ),
        rule(_SQL + "Zonal - Standard storage in .*", "cloud-sql", "storage-ssd", "GiB-month", **_DATABASE),
        rule(
            _SQL + "Regional - Standard storage in .*",
            *("cloud-sql", "storage-ssd regional-ha", "GiB-month"),
            kind="database",
        ),
    ),
    "Cloud Memorystore for Redis": (
        rule(
            r".* \| Redis Capacity (Basic|Standard) (M\d) .*",
            *("memorystore-redis", "{1}-{as_is}", "GiB-hour"),
            kind="cache",
        ),
    ),
    "Cloud Storage": (
        rule(
            r".* \| (Standard|Nearline|Coldline|Archive) Storage (?!.*(?:Multi|Dual)).*",
            *("cloud-storage", "{1}", "GiB-month"),
        ),
    ),
}
_PLACE = re.compile(r"\s*(?:running )?\b(?:in|at) [A-Z].*$|\s*\([^)]*\)$")
_OWN = ("Compute Engine",)


def found_in(row: Mapping[str, Any]) -> Iterator[Found | LeftOut]:
    """Yield the prices that a SKU gives, in all its regions, or why no catalog has it."""
    category = row["category"]
    service, group = str(category.get("serviceDisplayName", "")), str(category.get("resourceGroup", ""))
    rate = _RATES.get(str(category.get("usageType")))
    tariff = row["pricingInfo"][0]["pricingExpression"] if row["pricingInfo"] else {}
    unit = str(tariff.get("usageUnit", ""))
    base = _ruled(service, f"{group} | {row['description']}") or _plain(
        service, str(row["description"]), unit
    )
    times = None if isinstance(base, LeftOut) else factor(unit, base.unit)
    if isinstance(base, LeftOut):
        yield base
    elif rate is None or times is None:
        yield LeftOut(f"unit {unit}" if rate else f"usage type {category.get('usageType')}")
    else:
        rates = tariff.get("tieredRates") or []
        dollars = float(row["pricingInfo"][0].get("currencyConversionRate") or 1.0)
        for tier in rates:
            usd = _money(tier["unitPrice"], dollars)
            own = base._replace(usd=usd * times, start=float(tier.get("startUsageAmount", 0)))
            rated = own if own.rate == "spot" else own._replace(rate=rate)
            yield from (rated._replace(region=region) for region in row["serviceRegions"])


def _money(money: Mapping[str, Any], rate: float) -> float:
    """Return a price in dollars; ``rate``: what a dollar costs in the currency of the list."""
    found = price(int(money.get("units") or 0) + int(money.get("nanos") or 0) / 1e9)
    return found if money.get("currencyCode", "USD") == "USD" else found / rate


def _ruled(service: str, said: str) -> Found | None:
    for each in _RULES.get(service, ()):
        match = each.pattern.fullmatch(said)
        if match is not None:
            return _named(each, match)
    return None


def _named(each: MeterRule, match: re.Match[str]) -> Found:
    groups = match.groups("")
    low = [slug(group) for group in groups]
    names = {
        "gpu": "-".join(filter(None, low)),
        "engine": low[0].replace("postgresql", "postgres") if low else "",
        "as_is": groups[-1] if groups else "",
    }
    service, sku = (text.format("", *low, **names) for text in (each.service, each.sku))
    return Found(service, sku, each.unit, "", 0.0, rate=each.rate, kind=each.kind)


def _plain(service: str, description: str, unit: str) -> Found | LeftOut:
    """Return the price of a service without rules of its own, by the description without its place."""
    known = measured(unit)
    if service in _OWN or not service or known is None:
        return LeftOut(f"{service} {_PLACE.sub('', description)}" if known else f"unit {unit}")
    return Found(slug(service), slug(_PLACE.sub("", description)), known[0], "", 0.0)

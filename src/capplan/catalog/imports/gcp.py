"""What SKUs of Google's Cloud Billing Catalog are the price of.

A SKU of a service is told apart by its group and description, joined by ` | `.
Fields: "services.skus.list", Cloud
Billing API.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capplan.catalog.imports.found import (
    Found,
    LeftOut,
    MeterRule,
    RowError,
    factor,
    measured,
    price,
    rule,
    slug,
)

NEEDED = ("description", "category", "serviceRegions", "pricingInfo")

_RATES = {
    "OnDemand": "on_demand",
    "Preemptible": "spot",
    "Commit1Yr": "commit_1y",
    "Commit3Yr": "commit_3y",
}
_HOW = r"(?:Spot Preemptible )?"
_SERIES = r"(?:(\w+?)(?: AMD| Arm)? Instance |(Compute optimized) )"
_COMMITTED = r".* \| Commitment v\d: (?:(\w+?)(?: AMD| Arm)? |(Compute optimized) |)"
_APART = re.compile(r".*\b(Custom|Sole Tenancy|DWS|Extended|Reserved|Calendar Mode)\b", re.IGNORECASE)
"""Cores and memory that are sold in another way under the name of an ordinary machine's."""

_SQL = r".* \| Cloud SQL for (PostgreSQL|MySQL): "
_DATABASE = {"kind": "database"}
_RULES: Mapping[str, tuple[MeterRule, ...]] = {
    "Compute Engine": (
        rule(
            r"(?:CPU|N1Standard) \| " + _HOW + _SERIES + "Core .*",
            *("compute-engine-unit", "{series}-predefined-vcpu", "vCPU-hour"),
        ),
        rule(
            r"(?:RAM|N1Standard) \| " + _HOW + _SERIES + "Ram .*",
            *("compute-engine-unit", "{series}-predefined-ram", "GiB-hour"),
        ),
        rule(
            _COMMITTED + r"(?:Cpu|Core) in .*",
            *("compute-engine-unit", "{series}-predefined-vcpu", "vCPU-hour"),
        ),
        rule(
            _COMMITTED + r"Ram in .*",
            *("compute-engine-unit", "{series}-predefined-ram", "GiB-hour"),
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
        *(
            rule(
                rf".* \| Services Min Instance {said} \(Request-based billing\).*",
                *("cloud-run", f"request-based-min-instance-idle-{name}", unit),
            )
            for said, name, unit in (("CPU", "cpu", "vCPU-second"), ("Memory", "memory", "GiB-second"))
        ),
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
    "Kubernetes Engine": (
        rule(
            r".* \| (?:Zonal|Regional|Autopilot) Kubernetes Clusters", "gke", "cluster-management-fee", "hour"
        ),
    ),
    "Cloud Memorystore for Redis": (
        rule(
            r".* \| Redis Capacity (Basic|Standard) (M\d) .*",
            *("memorystore-redis", "{1}-{as_is}", "GiB-hour"),
            kind="cache",
        ),
    ),
    "Cloud Pub/Sub": (rule(r".* \| Message Delivery Basic.*", "pubsub", "message-delivery", "GiB"),),
    "Cloud Storage": (
        rule(
            r".* \| (Standard|Nearline|Coldline|Archive) Storage (?!.*(?:Multi|Dual)).*",
            *("cloud-storage", "{1}", "GiB-month"),
        ),
    ),
}
_PLACE = re.compile(r"\s*(?:running )?\b(?:in|at) [A-Z].*$|\s*\([^)]*\)$")
"""How most descriptions end: where it is, or a remark."""

_OWN = ("Compute Engine",)


def found_in(row: Mapping[str, Any], today: str, places: re.Pattern[str]) -> Iterator[Found | LeftOut]:
    """Yield the prices of a SKU on the ISO date ``today`` in all its regions, or why no catalog has it.

    places: finds the name of a region at the end of a description, where it is no part of the SKU's.
    """
    category = row["category"]
    service, group = str(category.get("serviceDisplayName", "")), str(category.get("resourceGroup", ""))
    rate = _RATES.get(str(category.get("usageType")))
    if not isinstance(row["serviceRegions"], list):
        raise RowError("serviceRegions is no list")
    info = _holding(row["pricingInfo"], today)
    tariff = info.get("pricingExpression", {})
    unit = str(tariff.get("usageUnit", ""))
    base = ruled(service, f"{group} | {row['description']}") or _plain(
        service, places.sub("", str(row["description"])), unit
    )
    times = None if isinstance(base, LeftOut) else factor(unit, base.unit)
    if row["pricingInfo"] and not info:
        yield LeftOut("a price that begins later")
    elif isinstance(base, LeftOut):
        yield base
    elif rate is None or times is None:
        yield LeftOut(f"unit {unit}" if rate else f"usage type {category.get('usageType')}")
    else:
        many = (measured(unit) or ("", 1.0))[1]
        dollars = float(info.get("currencyConversionRate") or 1.0)
        for tier in tariff.get("tieredRates") or []:
            usd = _money(tier["unitPrice"], dollars)
            if usd is None:
                yield LeftOut(f"currency {tier['unitPrice'].get('currencyCode')} without its rate")
                return
            own = base._replace(usd=usd * times, start=many * float(tier.get("startUsageAmount", 0)))
            rated = own if own.rate == "spot" else own._replace(rate=rate)
            yield from (rated._replace(region=region) for region in row["serviceRegions"])


def _holding(infos: Sequence[Mapping[str, Any]], today: str) -> Mapping[str, Any]:
    """Return of the prices of several dates the one that holds; nothing where all begin later."""
    begun = [info for info in infos if _begin(info)[:10] <= today]
    return max(begun, key=_begin, default={})


def _begin(info: Mapping[str, Any]) -> str:
    return str(info.get("effectiveTime") or info.get("EffectiveTime") or "")


def _money(money: Mapping[str, Any], rate: float) -> float | None:
    """Return a price in dollars; ``rate``: what a dollar costs in the list's currency, where that is said."""
    found = price(int(money.get("units") or 0) + int(money.get("nanos") or 0) / 1e9)
    if money.get("currencyCode", "USD") == "USD":
        return found
    return None if rate == 1.0 or rate <= 0 else found / rate


def ruled(service: str, said: str) -> Found | None:
    """Return the catalog's name of a SKU, ``group | description``, by the rules; None where none has it."""
    for each in _RULES.get(service, ()) if service != "Compute Engine" or not _APART.match(said) else ():
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
        "series": "c2" if any(low[1:2]) else (low and low[0]) or "n1",
    }
    service, sku = (text.format("", *low, **names) for text in (each.service, each.sku))
    return Found(service, sku, each.unit, "", 0.0, rate=each.rate, kind=each.kind)


def _plain(service: str, description: str, unit: str) -> Found | LeftOut:
    """Return the price of a service without rules of its own, by the description without its place."""
    known = measured(unit)
    if service in _OWN or not service or known is None:
        return LeftOut(f"{service} {_PLACE.sub('', description)}" if known else f"unit {unit}")
    return Found(slug(service), slug(_PLACE.sub("", description)), known[0], "", 0.0)

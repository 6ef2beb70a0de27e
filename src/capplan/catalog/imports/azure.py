"""What rows of Azure's Retail Prices API are the price of.

A meter of a service is told apart by product, SKU and meter name, joined by ` | `.
Fields: "Azure Retail Prices
overview", learn.microsoft.com.
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
    number,
    price,
    rule,
    slug,
)

NEEDED = ("retailPrice", "armRegionName", "serviceName", "productName", "meterName", "unitOfMeasure", "type")

_YEAR_H = 8760
_TERMS = {"1 Year": ("commit_1y", 1), "3 Years": ("commit_3y", 3)}

DISK_GIB = dict(
    zip(
        (1, 2, 3, 4, 6, 10, 15, 20, 30, 40, 50, 60, 70, 80),
        (*(4 << i for i in range(13)), 32767),
        strict=True,
    )
)
"""Sizes of managed disks in GiB, by the number in their names."""

_FLEX = r".* Flexible Server "
_BLOB = r"General Block Blob v2 \| (Hot|Cool|Cold|Archive) (LRS|ZRS|GRS) \| \1 (?:\2 )?"
_DISK = r"(LRS|ZRS) \| \1 \2 Disk"
_APPS = r".* \| Standard "
_LOAD = r"Load Balancer \| Standard \| Standard "
_DATABASE = (
    rule(
        r".* Flex(?:ible)? Server Storage \| Storage \| Storage Data Stored",
        *("{db}-flexible", "storage", "GB-month"),
        kind="database",
    ),
    rule(
        _FLEX + r"Backup Storage \| .* \| Backup Storage LRS Data Stored",
        *("{db}-flexible", "backup", "GB-month"),
        kind="database",
    ),
    rule(
        _FLEX + r"Burstable .* \| (B\w+) \| .*",
        *("{db}-flexible", "{as_is}", "hour"),
        kind="database",
    ),
    rule(
        _FLEX
        + r"(General Purpose|Memory Optimized) (\w+?)(?: ?Series)? Compute \| (?:1 )?vCore \| (?:1 )?vCore",
        *("{db}-flexible", "{1}-{as_is}-vcore", "vCore-hour"),
        kind="database",
    ),
)
_RULES: Mapping[str, tuple[MeterRule, ...]] = {
    "Storage": (
        rule(
            r"(?:Premium|Standard) SSD Managed Disks \| ([PE]\d+) " + _DISK, "managed-disk", "{disk}", "month"
        ),
        rule(r"Standard HDD Managed Disks \| (S\d+) " + _DISK, "managed-disk", "{disk}", "month"),
        rule(_BLOB + "Data Stored", "blob-storage", "{1}-{2}", "GB-month"),
        rule(_BLOB + "Write Operations", "blob-storage", "{1}-{2}-write", "request"),
        rule(_BLOB + "Read Operations", "blob-storage", "{1}-{2}-read", "request"),
        rule(_BLOB + "Data Retrieval", "blob-storage", "{1}-{2}-retrieval", "GB"),
    ),
    "Azure Container Apps": (
        rule(_APPS + "vCPU Active Usage", "container-apps", "vcpu-active", "vCPU-hour"),
        rule(_APPS + "Memory Active Usage", "container-apps", "memory-active", "GiB-hour"),
        rule(_APPS + "vCPU Idle Usage", "container-apps", "vcpu-idle", "vCPU-hour"),
        rule(_APPS + "Memory Idle Usage", "container-apps", "memory-idle", "GiB-hour"),
        rule(_APPS + "Requests", "container-apps", "requests", "request"),
    ),
    "Azure Kubernetes Service": (
        rule(_APPS + "Uptime SLA", "aks", "standard-tier-uptime-sla", "cluster-hour", kind="fee"),
        rule(
            _APPS + "Long Term Support", "aks", "premium-tier-long-term-support", "cluster-hour", kind="fee"
        ),
    ),
    "Redis Cache": (
        rule(
            r"Azure Redis Cache (Basic|Standard|Premium) \| (\w+) \| \2 Cache",
            *("redis-cache", "{1}-{as_is}", "hour"),
            kind="cache",
        ),
        rule(
            r"Azure Redis Cache (Basic|Standard|Premium) \| (\w+) \| \2 Cache Instance",
            *("redis-cache", "{1}-{as_is}-node", "node-hour"),
            kind="cache",
        ),
    ),
    "Azure Database for PostgreSQL": _DATABASE,
    "Azure Database for MySQL": _DATABASE,
    "NAT Gateway": (
        rule(r".* \| Standard Gateway", "nat-gateway", "hour", "hour"),
        rule(r".* \| Standard Data Processed", "nat-gateway", "data-processed", "GB"),
    ),
    "Load Balancer": (
        rule(_LOAD + "Included LB Rules.*", "load-balancer", "standard-included-rules", "hour"),
        rule(_LOAD + "Overage LB Rules.*", "load-balancer", "standard-rule", "hour"),
        rule(_LOAD + "Data Processed", "load-balancer", "standard-data", "GB"),
    ),
    "Functions": (
        rule(
            r"Functions \| Standard \| Standard Execution Time", "functions", "execution-time", "GiB-second"
        ),
        rule(r"Functions \| Standard \| Standard Total Executions", "functions", "executions", "request"),
    ),
    "Azure App Service": (rule(r".* - Linux \| .* \| (.*)", "app-service-linux", "{1}", "hour"),),
    "Virtual Network": (rule(r"(IP Addresses \| .*)", "public-ip", "{words}", "hour"),),
    "Bandwidth": (
        rule(
            r"Rtn Preference: MGN \| Standard \| Standard Data Transfer Out",
            *("egress-internet", "internet", "GB"),
        ),
    ),
}
_OWN = ("Virtual Machines", "Bandwidth")
"""Services of which only what a rule knows is taken."""

_VM_PRODUCT = re.compile(r".*\b(Windows|Cloud ?Services|Dedicated Host|CloudServices)\b", re.IGNORECASE)


_ENDED = re.compile(r".*(?:\b|_)(Promo|Expired)\b", re.IGNORECASE)
"""Promotions, and what is sold no more."""


def found_in(row: Mapping[str, Any], today: str) -> Iterator[Found | LeftOut]:
    """Yield the prices that a row gives on the ISO date ``today``, or why no catalog has it."""
    usd = price(row["retailPrice"])
    if str(row.get("effectiveStartDate") or "")[:10] > today:
        yield LeftOut("a price that begins later")
    elif (str(row.get("effectiveEndDate") or "")[:10] or today) < today:
        yield LeftOut("a price that has ended")
    elif row.get("currencyCode", "USD") != "USD":
        yield LeftOut(f"currency {row['currencyCode']}")
    elif not row["armRegionName"] or row["armRegionName"] in ("Global", "Intercontinental"):
        yield LeftOut(f"no region, {row['serviceName']}")
    elif row["type"] not in ("Consumption", "Reservation"):
        yield LeftOut(str(row["type"]))
    else:
        yield from _priced(row, usd)


def _priced(row: Mapping[str, Any], usd: float) -> Iterator[Found | LeftOut]:
    base = _machine(row) if row["serviceName"] == "Virtual Machines" else _metered(row)
    if isinstance(base, LeftOut):
        yield base
        return
    times = factor(str(row["unitOfMeasure"]), base.unit)
    if row["type"] == "Reservation":
        rate, years = _TERMS.get(str(row.get("reservationTerm")), ("", 0))
        # The price of a reservation is that of the whole term, whatever the unit says.
        in_year = 12 if base.unit == "month" else _YEAR_H if base.unit.endswith("hour") else 0
        known = years and in_year
        yield (
            base._replace(rate=rate, usd=usd / (in_year * years), rank=1, payment="reservation")
            if known
            else LeftOut("reservation")
        )
    elif times is None:
        yield LeftOut(f"unit {row['unitOfMeasure']}")
    else:
        yield base._replace(usd=usd * times)
        for plan in row.get("savingsPlan") or ():
            rate, _ = _TERMS.get(str(plan.get("term")), ("", 0))
            if rate and base.rate == "on_demand" and not base.start:
                usd = price(plan.get("retailPrice")) * times
                yield base._replace(rate=rate, usd=usd, payment="savings plan")


def _machine(row: Mapping[str, Any]) -> Found | LeftOut:
    name, product = str(row.get("skuName", "")), str(row["productName"])
    odd = _VM_PRODUCT.match(product) or _ENDED.match(f"{name} {row.get('armSkuName')}")
    if odd or "Low Priority" in name:
        return LeftOut(f"Virtual Machines {odd[1] if odd else 'Low Priority'}")
    if not row.get("armSkuName"):
        return LeftOut("Virtual Machines without armSkuName")
    return Found(
        service="virtual-machines",
        sku=str(row["armSkuName"]),
        unit="hour",
        region=str(row["armRegionName"]),
        usd=0.0,
        rate="spot" if name.endswith("Spot") else "on_demand",
        kind="machine",
    )


def _metered(row: Mapping[str, Any]) -> Found | LeftOut:
    parts = [str(row.get(key) or "") for key in ("serviceName", "productName", "skuName", "meterName")]
    found = ruled(parts[0], " | ".join(parts[1:]))
    if found is not None:
        named = _at(row, found.service, found.sku, found.unit)
        return named._replace(kind=found.kind, facts=found.facts)
    unit = measured(str(row["unitOfMeasure"]))
    if parts[0] in _OWN or unit is None or row["type"] == "Reservation":
        return LeftOut(f"{parts[0]} {parts[1]}" if unit else f"unit {row['unitOfMeasure']}")
    return _at(row, slug(re.sub(r"^Azure ", "", parts[0])), _words(parts[1:]), unit[0])


def _words(parts: Sequence[str]) -> str:
    """Return the name of a SKU without rules: every word of its names once.

    >>> _words(["Service Bus", "Basic", "Basic Messaging Operations"])
    'service-bus-basic-messaging-operations'
    """
    return "-".join(dict.fromkeys(slug(" ".join(parts)).split("-")))


def ruled(service: str, said: str) -> Found | None:
    """Return the catalog's name of ``product | SKU | meter`` by the rules; None where none has it."""
    for each in _RULES.get(service, ()):
        match = each.pattern.fullmatch(said)
        if match is not None:
            return _named(each, match, service)
    return None


def _named(each: MeterRule, match: re.Match[str], service: str) -> Found:
    groups = match.groups("")
    size = DISK_GIB.get(int(groups[0][1:])) if each.service == "managed-disk" else None
    names = {
        "db": slug(service.rpartition(" ")[2]),
        "as_is": groups[-1].removesuffix("Series") if groups else "",
        "words": _words(groups),
        "disk": f"{'-'.join(groups)}-{size}GiB",
    }
    named, sku = (text.format("", *map(slug, groups), **names) for text in (each.service, each.sku))
    facts: dict[str, float | str | list[float]] = {"size_gib": [size, size]} if size else {}
    return Found(named, sku, each.unit, "", 0.0, kind=each.kind, facts=facts)


def _at(row: Mapping[str, Any], service: str, sku: str, unit: str) -> Found:
    start = number(row.get("tierMinimumUnits", 0.0))
    if start is None:
        raise RowError("tierMinimumUnits is not a number from 0 on")
    many = measured(str(row["unitOfMeasure"]))
    scale = many[1] if many and many[0] == "request" else 1.0
    return Found(service, sku, unit, str(row["armRegionName"]), 0.0, start=start * scale)

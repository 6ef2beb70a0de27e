"""The price tables of Azure's other services, from rows of the Retail Prices API as they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import azure
from matrix import Matrix
from meters import Meter, add_row
from raw import Raw, Row

Fill = Callable[[Raw, Matrix], None]

_MONTH = 730.0


class Pattern(NamedTuple):
    """Rows whose product, SKU and meter match become a SKU called after the groups.

    per: what the provider's unit is in ours. blocks: suffix of each block's name by where the raw one starts.
    """

    match: str
    name: str
    unit: str
    per: float = 1.0
    blocks: Mapping[float, str] = {}


def _retail(service: str, *patterns: Pattern) -> Fill:
    """Return what adds the rows of ``service`` that match the first fitting pattern, each price once."""

    def fill(raw: Raw, matrix: Matrix) -> None:
        for row in _rows(raw, service):
            for pattern in patterns:
                match = re.fullmatch(pattern.match, f"{row['product']} > {row['sku']} > {row['meter']}")
                meter = None if match is None else _meter(pattern, match, float(row["tier_min"] or 0.0))
                if meter is not None and float(row["usd"]) > 0:
                    add_row(matrix, meter, row)
                    break

    return fill


def _rows(raw: Raw, service: str) -> Iterator[Row]:
    for row in raw.rows("azure_services.csv", "service", "product", "sku", "meter", "tier_min"):
        if row["service"] == service and re.fullmatch(r"[a-z]+\d?", row["region"]):
            yield row


def _meter(pattern: Pattern, match: re.Match[str], start: float) -> Meter | None:
    name = match.expand(pattern.name).lower().replace(" ", "-")
    if not pattern.blocks:
        return Meter(name, pattern.unit, pattern.per)
    if start not in pattern.blocks:
        return None
    return Meter(
        f"{name}{pattern.blocks[start]}",
        pattern.unit,
        pattern.per,
        tier_of=name,
        start=start * pattern.per if pattern.unit == "request" else start,
    )


_TIER = r"(Hot|Cool|Cold|Archive) (LRS|ZRS|GRS|RA-GRS|GZRS|RA-GZRS)"
_BLOB = rf"General Block Blob v2 > {_TIER} > "
_BLOBS = _retail(
    "Storage",
    Pattern(
        r"General Block Blob v2 > (Hot) (\S+) > Hot \2 Data Stored",
        r"\1-\2",
        "GB-month",
        blocks={0.0: "", 51200.0: "-next-450TB", 512000.0: "-over-500TB"},
    ),
    Pattern(_BLOB + r"\S+ \S+ Data Stored", r"\1-\2", "GB-month"),
    Pattern(_BLOB + r"\S+( \S+)? Write Operations", r"\1-\2-write", "request", 1e4),
    Pattern(_BLOB + r"(Hot|Cool|Cold|Archive)( \S+)? Read Operations", r"\1-\2-read", "request", 1e4),
    Pattern(_BLOB + r"(Cool|Cold|Archive)( [A-Z-]+)? Data Retrieval", r"\1-\2-retrieval", "GB"),
)
_DISKS = _retail(
    "Storage",
    Pattern(r"Azure Premium SSD v2 > Premium LRS > .*Capacity", "premium-v2", "GiB-hour"),
    Pattern(
        r"Azure Premium SSD v2 > Premium LRS > .*IOPS",
        "premium-v2-iops-above-3000",
        "IOPS-month",
        1 / _MONTH,
    ),
    Pattern(
        r"Azure Premium SSD v2 > Premium LRS > .*\(MBps\)",
        "premium-v2-throughput-above-125",
        "MBps-month",
        1 / _MONTH,
    ),
    Pattern(r"Ultra Disks > Ultra LRS > .*Capacity", "ultra", "GiB-hour"),
    Pattern(r"Ultra Disks > Ultra LRS > .*IOPS", "ultra-iops", "IOPS-month", 1 / _MONTH),
    Pattern(r"Ultra Disks > Ultra LRS > .*\(MBps\)", "ultra-throughput", "MBps-month", 1 / _MONTH),
    Pattern(
        r"(Standard) (?:HDD|SSD) Managed Disks > Snapshots (LRS|ZRS) > [LZ]RS Snapshots",
        r"snapshot-\1-\2",
        "GB-month",
    ),
    Pattern(
        r"(Premium) SSD Managed Disks > Snapshots (LRS|ZRS) > .* ?Snapshots", r"snapshot-\1-\2", "GB-month"
    ),
)
_OPERATIONS = {13.0: "-first-100M", 100.0: "-next-2400M", 2500.0: "-over-2500M"}

_MORE: Mapping[str, Fill] = {
    "blob-storage": _BLOBS,
    "managed-disk": _DISKS,
    "service-bus": _retail(
        "Service Bus",
        Pattern(
            r"Service Bus > Standard > Standard Messaging Operations",
            "standard-operations",
            "request",
            1e6,
            _OPERATIONS,
        ),
    ),
    "container-registry": _retail(
        "Container Registry",
        Pattern(
            r"Container Registry > (Basic|Standard|Premium) > \1 Registry Unit", r"\1", "month", 24 / _MONTH
        ),
        Pattern(
            r"Container Registry > Premium > Premium Registry Replication Unit",
            "premium-replication",
            "month",
            24 / _MONTH,
        ),
        Pattern(r"Container Registry > Standard > Data Stored", "storage", "GB-month"),
    ),
    "key-vault": _retail(
        "Key Vault",
        Pattern(r"Key Vault > (Standard|Premium) > Operations", r"\1-operations", "request", 1e4),
        Pattern(
            r"Key Vault > (Standard|Premium) > Advanced Key Operations",
            r"\1-advanced-operations",
            "request",
            1e4,
        ),
        Pattern(r"Key Vault > Premium > Premium HSM-protected RSA 2048-bit key", "premium-hsm-key", "month"),
    ),
    "event-hubs": _retail(
        "Event Hubs",
        Pattern(r"Event Hubs > (Basic|Standard) > \1 Throughput Unit", r"\1-throughput-unit", "hour"),
        Pattern(r"Event Hubs > (Basic|Standard) > \1 Ingress Events", r"\1-events", "request", 1e6),
        Pattern(r"Event Hubs > Standard > Standard Capture", "standard-capture", "hour"),
        Pattern(r"Event Hubs > Premium > Premium Processing Unit", "premium-processing-unit", "hour"),
        Pattern(r"Event Hubs > Dedicated > Dedicated Capacity Unit", "dedicated-capacity-unit", "hour"),
    ),
    "log-analytics": _retail(
        "Log Analytics",
        Pattern(
            r"Log Analytics > Analytics Logs > Analytics Logs Data Ingestion",
            "ingestion",
            "GB",
            blocks={5.0: ""},
        ),
        Pattern(r"Log Analytics > Analytics Logs > Analytics Logs Data Retention", "retention", "GB-month"),
    ),
    "container-instances": _retail(
        "Container Instances",
        Pattern(r"Container Instances > Standard > Standard vCPU Duration", "vcpu", "vCPU-hour"),
        Pattern(r"Container Instances > Standard > Standard Memory Duration", "memory", "GiB-hour"),
        Pattern(
            r"Container Instances > Standard Spot > Standard Spot vCPU Duration", "spot-vcpu", "vCPU-hour"
        ),
        Pattern(
            r"Container Instances > Standard Spot > Standard Spot Memory Duration",
            "spot-memory",
            "GiB-hour",
        ),
    ),
    # General Purpose and Business Critical by the core need a licence besides, which no list has.
    "sql-database": _retail(
        "SQL Database",
        Pattern(
            r"SQL Database SingleDB/Elastic Pool Hyperscale - Compute Gen5 > vCore > vCore",
            "hyperscale-vcore",
            "vCore-hour",
        ),
        Pattern(
            r"SQL Database General Purpose - Serverless - Compute Gen5 > 1 vCore > vCore",
            "general-purpose-serverless-vcore",
            "vCore-hour",
        ),
        Pattern(
            r"SQL Database Single/Elastic Pool (General.*|Business.*) - Storage > \1 > \1 Data Stored",
            r"storage \1",
            "GB-month",
        ),
        Pattern(r"SQL Database Hyperscale - Storage > .* Data Stored", "storage-hyperscale", "GB-month"),
        Pattern(
            r"SQL Database Single/Elastic Pool PITR Backup Storage > Backup (LRS|ZRS|RA-GRS) > .*",
            r"backup-\1",
            "GB-month",
        ),
        Pattern(r"SQL Database Single Basic > B > B DTU", "dtu-basic", "hour", 24.0),
        Pattern(r"SQL Database Single Standard > (S\d+) > \w+ DTUs", r"dtu-\1", "hour", 24.0),
        Pattern(r"SQL Database Single Premium > (P\d+) > \1 DTU", r"dtu-\1", "hour", 24.0),
    ),
}
_EAST_US_2 = (
    "derived: as in East US 2 (Azure Retail Prices API, 2026-08-14), like all 56 prices of these services "
    "that lists of both regions have"
)


def _east_us(raw: Raw, matrix: Matrix) -> None:
    """Add what no list says of East US."""
    source = matrix.cite(_EAST_US_2, "2026-08-14", "east-us-2", unconfirmed=True)
    for sku in sorted(matrix.skus):
        if matrix.price(sku, "eastus") is not None:
            continue
        for rate in ("usd", "commit_1y", "commit_3y"):
            usd = matrix.price(sku, "eastus2", rate)
            if usd is not None:
                matrix.add(sku, rate, "eastus", usd, source)


_DEARER_IN_EAST_US = frozenset(
    ("virtual-machines", "managed-disk", "blob-storage", "egress-internet", "nat-gateway")
)


def _joined(service: str) -> Fill:
    fills = [tables[service] for tables in (azure.TABLES, _MORE) if service in tables]
    if service not in _DEARER_IN_EAST_US:
        fills.append(_east_us)

    def fill(raw: Raw, matrix: Matrix) -> None:
        for each in fills:
            each(raw, matrix)

    return fill


TABLES: Mapping[str, Fill] = {service: _joined(service) for service in {**azure.TABLES, **_MORE}}

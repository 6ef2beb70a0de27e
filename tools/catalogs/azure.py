"""The price tables of Azure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from aws import go_types
from matrix import GLOBAL, Matrix
from meters import Meter, Naming, add, cited, copied, named, of_service, without_outliers
from raw import Raw, Row

Fill = Callable[[Raw, Matrix], None]

_MACHINE = re.compile(r"Standard_(?!A\d+$)(?!.*(_Promo|_SPECIAL|ADHType|SQLG7))[A-Za-z]+\d")
"""Machine types; hosts, ended promotions, the A series (retired in 2024) and reserved names are none."""

_GPUS = (
    (r"NC(\d+)r?s_v3", "V100-16GB", 6),
    (r"NC(\d+)as_T4_v3", "T4", 16),
    (r"NC(\d+)ads_A100_v4", "A100-80GB", 24),
    (r"NC(\d+)adi?s_H100_v5", "H100-94GB", 40),
    (r"ND(40)r?s_v2", "V100-32GB", 5),
    (r"ND(96)asr_v4", "A100-40GB", 12),
    (r"ND(96)am?sr?_A100_v4", "A100-80GB", 12),
    (r"ND(96)is\w*_H100_v5", "H100-80GB", 12),
    (r"ND(96)is\w*_H200_v5", "H200", 12),
    (r"ND(96)is\w*_MI300X_v5", "MI300X", 12),
    (r"ND(128)is\w*_GB200_v6", "GB200", 32),
    (r"NV(\d+)adm?s_A10_v5", "A10", 36),
    (r"NV(\d+)adm?s_V710_v5", "V710", 24),
    (r"NV(\d+)as_v4", "MI25", 32),
    (r"NV(\d+)s_v3", "M60", 12),
    (r"NG(\d+)adm?s_V620_v1", "V620", 32),
    (r"NP(\d+)s", "Alveo-U250", 10),
)
"""Size, GPU, and how many cores go with a whole one: learn.microsoft.com, sizes of the N family."""


def virtual_machines(raw: Raw, matrix: Matrix) -> None:
    """Add machines: on demand, spot where it is known, and the discounts of reservations."""
    for row in raw.rows("azure_vm.csv", "sku", "region", "usd", "flag"):
        if row["flag"] != "suspect" and float(row["usd"]) > 0 and _MACHINE.match(row["sku"]):
            source = "less-windows" if row["flag"] == "windows-licence-removed" else ""
            matrix.add(row["sku"].strip(), "usd", row["region"], row["usd"], source)
    _without_windows(matrix)
    without_outliers(matrix, "eastus", lambda sku: re.sub(r"(?<=[A-Z])\d+(-\d+)?", "", sku, count=1))
    _described(raw, matrix)
    for row in raw.rows("azure_vm_spot.csv", "sku", "region", "usd", "spot_usd"):
        on_demand = matrix.price(row["sku"], row["region"])
        if on_demand is not None and float(row["spot_usd"]) < min(on_demand, float(row["usd"])):
            matrix.add(row["sku"], "spot", row["region"], row["spot_usd"])
    for row in raw.rows("azure_vm_reservation.csv", "sku", "discount_1y", "discount_3y"):
        sku = row["sku"].replace(" ", "_")
        for rate in ("1y", "3y") if sku in matrix.skus else ():
            matrix.add(sku, f"commit_{rate}%", GLOBAL, float(row[f"discount_{rate}"]))
    _savings_plans(raw, matrix)


_RESERVED_IN = "francecentral"
"""Where reservations come from, so that the file implies them as the source there."""


def _savings_plans(raw: Raw, matrix: Matrix) -> None:
    """Add the discounts of savings plans in Mexico, for all regions, to machines without a reservation."""
    reserved = {sku for sku in matrix.skus if matrix.price(sku, GLOBAL, "commit_1y%") is not None}
    for row in raw.rows("azure_services.csv", "service", "product", "arm_sku", "usd", "savings_1y_usd"):
        sku, usd, region = row["arm_sku"], float(row["usd"]), row["region"]
        other = row["service"] != "Virtual Machines" or "Windows" in row["product"] or "Spot" in row["sku"]
        if other or sku in reserved or matrix.price(sku, region) is None:
            continue
        below = 0.0
        for rate in ("1y", "3y"):
            saved = 1 - float(row[f"savings_{rate}_usd"] or usd) / usd
            if below < saved < 1 and matrix.price(sku, region, f"commit_{rate}%") is None:
                matrix.add(sku, f"commit_{rate}%", GLOBAL, saved, "savings-elsewhere")
                matrix.add(sku, f"commit_{rate}%", region, saved, "savings-plan")
                matrix.add(sku, f"commit_{rate}%", _RESERVED_IN, saved, "savings-elsewhere")
                below = saved


_LICENCE = 0.0046
"""What Windows adds to a vCPU-hour of the Bv2 series; the list has it in some sizes and not in others."""


def _without_windows(matrix: Matrix) -> None:
    """Take the licence off sizes of the Bv2 series that cost as much more per vCPU than others of theirs.

    Sizes cost the same per vCPU. The smallest with a half or an eighth of the memory cost as much less.
    """
    each = {}
    for sku in sorted(matrix.skus):
        match = re.fullmatch(r"Standard_B(\d+)([ap]?)([lt]?)s_v2", sku)
        for region in matrix.regions(sku) if match else ():
            cores, make, memory = int(match[1]), match[2], match[3]  # type: ignore[index]
            series = (make, memory if cores > 2 else "", region)
            times = {"l": 2.0, "t": 8.0}.get(memory, 1.0) if cores == 2 else 1.0
            each[sku, region] = (series, cores, times, matrix.price(sku, region) or 0.0)
    for (sku, region), (series, cores, times, usd) in each.items():
        usual = min(t * u / c for s, c, t, u in each.values() if s == series)
        more = (usd - cores * usual / times) / cores
        if abs(more - _LICENCE) < _LICENCE / 8:
            matrix.drop(sku, "usd", region)
            matrix.add(sku, "usd", region, usd - cores * _LICENCE, "less-windows-b")


_MEMORY_GIB = dict.fromkeys(("Standard_D1", "Standard_D1_v2", "Standard_DS1", "Standard_DS1_v2"), 3.5)
"""What the cluster autoscaler's list rounds down: learn.microsoft.com, Dv2 and DSv2 series."""


def _described(raw: Raw, matrix: Matrix) -> None:
    """Add sizes and GPUs. A constrained size (E96-48ds_v5) has as many cores as its second number says."""
    listed = dict(go_types(raw.text("azure_instance_types.go")))
    for sku in sorted(matrix.skus):
        size = listed.get(sku) or _by_name(sku)
        if size is not None:
            active = re.match(r"Standard_[A-Za-z]+\d+[a-z]*-(\d+)", sku)
            memory = _MEMORY_GIB.get(sku, size[1])
            matrix.describe(sku, vcpu=float(active[1]) if active else size[0], memory_gib=memory)
        gpu = _gpu(sku)
        if gpu is not None:
            matrix.describe(sku, gpu=gpu[0], gpu_count=gpu[1])


def _gpu(sku: str) -> tuple[str, float] | None:
    for pattern, name, cores in _GPUS:
        match = re.fullmatch(pattern, sku.removeprefix("Standard_"))
        if match is not None:
            count = float(match[1]) / cores
            return name, (max(1.0, count // 1) if name == "T4" else count)
    return None


def _by_name(sku: str) -> tuple[float, float] | None:
    """Return vCPU and GiB of a size of the D and E series, whose names say both; None for others."""
    match = re.fullmatch(r"Standard_([DE])(\d+)(?:-(\d+))?([a-z]+)_v[5-7]", sku)
    if match is None:
        return None
    whole = float(match[2])
    each = 8.0 if match[1] == "E" else 2.0 if "l" in match[4] else 4.0
    return float(match[3] or whole), whole * each


_GIB = (4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32767)
_TIERS = (1, 2, 3, 4, 6, 10, 15, 20, 30, 40, 50, 60, 70, 80)
_SIZES = dict(zip(_TIERS, _GIB, strict=True))
"""Size of a managed disk by the number in its name: learn.microsoft.com, managed disk types."""


def _disk(row: Row) -> Meter | None:
    match = re.fullmatch(r"([PES])(\d+)-(LRS|ZRS)", row["sku"])
    if match is None:
        return None
    gib = _SIZES[int(match[2])]
    return Meter(f"{row['sku']}-{gib}GiB", "month", size_gib=str(gib))


_HOT = {"": ("", 0.0), "51200": ("-next-450TB", 51200.0), "512000": ("-over-500TB", 512000.0)}
"""Blocks of the hot tier: the suffix of the name, and where it starts."""


def _blob(row: Row) -> Meter | None:
    if row["sku"] != "hot-lrs":
        return Meter(row["sku"], "request") if row["sku"] in ("hot-lrs-read", "hot-lrs-write") else None
    name, start = _HOT[row["from_quantity"]]
    return Meter(f"hot-lrs{name}", "GB-month", tier_of="hot-lrs", start=start)


def _blob_eastus(row: Row) -> Meter | None:
    """Return the tiers of East US: what is stored, and what is read."""
    match = re.fullmatch(
        r"Blob-(Hot|Cool|Cold|Archive)-(?:(LRS|ZRS|GRS)-)?(GB-Month|Read-Operation|Write-Operation|Retrieval-GB)",
        row["sku"],
    )
    if match is None:
        return None
    tier, copies, what = (part.lower() for part in match.groups("LRS"))
    if (tier, what) == ("hot", "gb-month"):
        suffix, start = _HOT[row["from_quantity"]]
        return Meter(f"hot-{copies}{suffix}", "GB-month", tier_of=f"hot-{copies}", start=start)
    kinds = {"gb-month": ("", "GB-month"), "read-operation": ("-read", "request")}
    kinds |= {"write-operation": ("-write", "request"), "retrieval-gb": ("-retrieval", "GB")}
    return Meter(f"{tier}-{copies}{kinds[what][0]}", kinds[what][1])


def _postgres(row: Row) -> Meter | None:
    unit = row["unit"].removeprefix("USD/")
    if row["sku"].endswith("-vcore") and " " not in row["sku"]:
        return Meter(row["sku"], unit)
    plain = {"B1MS": "B1MS", "backup-lrs": "backup", "storage": "storage", "iops-scaling": "iops"}
    if row["sku"] in plain:
        return Meter(plain[row["sku"]], unit)
    return Meter(row["sku"], unit) if re.fullmatch(r"B\d+m?s", row["sku"], re.IGNORECASE) else None


def _postgres_sizes(raw: Raw, matrix: Matrix) -> None:
    """Add the sizes of a server: cores x the price of one, with 4 GiB each or 8 where memory-optimized."""
    series = {
        "ddsv4": ("general-purpose-Ddsv4", "GP_Standard_D{}ds_v4", 4),
        "ddsv5": ("general-purpose-ddsv5", "GP_Standard_D{}ds_v5", 4),
    }
    series |= {
        "dadsv5": ("general-purpose-dadsv5", "GP_Standard_D{}ads_v5", 4),
        "edsv4": ("memory-optimized-edsv4", "MO_Standard_E{}ds_v4", 8),
    }
    series |= {
        "edsv5": ("memory-optimized-edsv5", "MO_Standard_E{}ds_v5", 8),
        "eadsv5": ("memory-optimized-eadsv5", "MO_Standard_E{}ads_v5", 8),
    }
    source = matrix.cite(
        "derived: cores x the price of a vCore (Azure Retail Prices API, 2026-08-14/15)",
        "2026-08-14",
        "vcores",
    )
    for family, pattern, gib in series.values():
        for region in matrix.regions(f"{family}-vcore"):
            for cores in (2, 4, 8, 16, 32, 48, 64, 96):
                if cores == 96 and pattern.endswith("v4"):
                    continue
                sku = pattern.format(cores)
                matrix.describe(sku, vcpu=float(cores), memory_gib=float(cores * gib))
                for rate in ("usd", "commit_1y", "commit_3y"):
                    usd = matrix.price(f"{family}-vcore", region, rate)
                    if usd is not None:
                        matrix.add(sku, rate, region, cores * usd, source)


_BURSTABLE = {
    "B1MS": (1, 2),
    "B2S": (2, 4),
    "B2ms": (2, 8),
    "B4ms": (4, 16),
    "B8ms": (8, 32),
    "B12ms": (12, 48),
}
_BURSTABLE |= {"B16ms": (16, 64), "B20ms": (20, 80)}


def _burstable(raw: Raw, matrix: Matrix) -> None:
    for sku, (cores, gib) in _BURSTABLE.items():
        if sku in matrix.skus:
            matrix.describe(sku, vcpu=float(cores), memory_gib=float(gib))


_CACHE_GIB = {
    "C0": 0.25,
    "C1": 1,
    "C2": 2.5,
    "C3": 6,
    "C4": 13,
    "C5": 26,
    "C6": 53,
    "P1": 6,
    "P2": 13,
    "P3": 26,
    "P4": 53,
    "P5": 120,
}


def _redis(raw: Raw, matrix: Matrix) -> None:
    """Add caches and nodes; of a cache of two nodes that does not cost two, only the node stands."""
    rows = [
        r
        for r in of_service(raw, "azure_managed.csv", "redis-cache")
        if re.match(r"(basic|standard|premium)-", r["sku"])
    ]
    nodes = {(r["sku"], r["region"]): float(r["usd"]) for r in rows if r["sku"].endswith("-node")}
    for row in rows:
        usd, source = float(row["usd"]), cited(matrix, row)
        node = nodes.get((f"{row['sku']}-node", row["region"]))
        if row["sku"].endswith("-node"):
            add(matrix, Meter(row["sku"], "node-hour"), row["region"], usd, source)
        elif row["sku"].rpartition("-")[2] in _CACHE_GIB and (node is None or abs(usd - 2 * node) < 0.0021):
            add(matrix, Meter(row["sku"], "hour"), row["region"], usd, source)
            matrix.describe(row["sku"], memory_gib=float(_CACHE_GIB[row["sku"].rpartition("-")[2]]))


_MANAGED_GIB = {0: 0.5, 1: 1, 3: 3, 5: 6, 10: 12, 20: 24, 50: 60, 100: 120, 150: 180, 250: 240, 350: 360}
_MANAGED_GIB |= {500: 480, 700: 720, 1000: 960}
"""Memory of Azure Managed Redis by the number in a size's name (learn.microsoft.com/azure/redis/overview)."""

_NO_LONGER_SOLD = "2026-04"
"""Since when new tenants cannot make Azure Cache for Redis (learn.microsoft.com, its retirement)."""


def _managed_redis(raw: Raw, matrix: Matrix) -> None:
    """Add Azure Managed Redis, and which of its sizes holds what each older cache does."""
    for row in raw.rows("azure_services.csv", "product", "sku", "region", "usd", "as_of_date"):
        # A cent is what the list says of sizes that it has no price of.
        if row["product"] == "Azure Managed Redis - Balanced" and float(row["usd"]) > 0.01:
            sku, said = (
                f"balanced-{row['sku']}",
                "derived: 2 nodes x the meter of Azure Managed Redis - Balanced",
            )
            source = matrix.cite(
                f"{said} (Azure Retail Prices API)", row["as_of_date"], "managed", unconfirmed=True
            )
            for region in {"eastus2": ("eastus2", "eastus")}.get(row["region"], (row["region"],)):
                add(matrix, Meter(sku, "hour"), region, 2 * float(row["usd"]), source)
            matrix.describe(sku, memory_gib=float(_MANAGED_GIB[int(row["sku"][1:])]))
    for sku in sorted(matrix.skus):
        held = _CACHE_GIB.get(sku.rpartition("-")[2])
        if held is not None:
            number = next(number for number, gib in _MANAGED_GIB.items() if gib >= held)
            matrix.describe(sku, retired=_NO_LONGER_SOLD, successor=f"balanced-B{number}")


def _slug(row: Row) -> str:
    """Return a SKU's name from the parts of the raw one, each word once."""
    words = re.findall(r"[a-z0-9.]+", row["sku"].lower())
    return "-".join(dict.fromkeys(words))


def _from_meters(kept: str) -> Naming:
    """Return a naming of raw meters, product | SKU | meter, that match; units as the provider sells them."""
    units = {
        "1 Hour": ("hour", 1),
        "1/Hour": ("hour", 1),
        "1/Month": ("month", 1),
        "1 GB": ("GB", 1),
        "1 GB/Month": ("GB-month", 1),
    }
    units |= {
        "1M": ("request", 1e6),
        "10K": ("request", 1e4),
        "100K": ("request", 1e5),
        "1K": ("request", 1e3),
        "USD/hour": ("hour", 1),
    }

    def name(row: Row) -> Meter | None:
        if row["from_quantity"] or row["unit"] not in units or not re.search(kept, row["sku"]):
            return None
        unit, per = units[row["unit"]]
        return Meter(_slug(row), unit, per)

    return name


_ZONE_1 = [
    "eastus",
    "eastus2",
    "centralus",
    "northcentralus",
    "southcentralus",
    "westcentralus",
    "westus",
    "westus2",
    "westus3",
    "canadacentral",
    "canadaeast",
    "northeurope",
    "westeurope",
    "uksouth",
    "ukwest",
    "francecentral",
    "francesouth",
    "germanywestcentral",
    "germanynorth",
    "italynorth",
    "norwayeast",
    "norwaywest",
    "polandcentral",
    "spaincentral",
    "swedencentral",
    "swedensouth",
    "switzerlandnorth",
    "switzerlandwest",
    "austriaeast",
]
"""North America and Europe: azure.microsoft.com/pricing/details/bandwidth."""


_ZONES = {
    r"australia.*|.*india.*|.*asia|japan.*|korea.*|uae.*|southafrica.*|qatar.*|israel.*|newzealand.*|malaysia.*"
    "|indonesia.*": (0.12, 0.085, 0.082, 0.08),
    r"brazil.*|chile.*": (0.181, 0.175, 0.17, 0.16),
}
"""Asia, Oceania, Middle East and Africa; South America: azure.microsoft.com/pricing/details/bandwidth."""


def _egress(raw: Raw, matrix: Matrix) -> None:
    names = {
        100: "standard-mgn-first-10335GB",
        10335: "standard-mgn-next-40TB",
        51295: "standard-mgn-over-50TB",
    }
    names |= {153695: "standard-mgn-over-150TB"}
    regions = {row["region"] for row in raw.rows("azure_vm.csv", "region")}
    page = matrix.cite(
        "azure.microsoft.com/pricing/details/bandwidth, list price of the zone; not dated",
        "unknown",
        "page",
        True,
    )
    for zone, prices in _ZONES.items():
        for region in sorted(r for r in regions if re.fullmatch(zone, r)):
            for (start, name), usd in zip(names.items(), prices, strict=True):
                add(matrix, Meter(name, "GB", tier_of="internet", start=start), region, usd, page)
    for row in of_service(raw, "azure_eastus_disk_network.csv", "egress-internet"):
        start = float(row["from_quantity"])
        for region in _ZONE_1:
            source = cited(
                matrix,
                row
                if region == "eastus"
                else {**row, "source": f"{row['source']}; East US stands for zone 1"},
            )
            add(
                matrix,
                Meter(names[int(start)], "GB", tier_of="internet", start=start),
                region,
                float(row["usd"]),
                source,
            )


def _copied(service: str, name: Naming, file: str = "azure_managed.csv", raw_service: str = "") -> Fill:
    return lambda raw, matrix: copied(raw, matrix, file, raw_service or service, name)


def _all(*fills: Fill) -> Fill:
    def fill(raw: Raw, matrix: Matrix) -> None:
        for each in fills:
            each(raw, matrix)

    return fill


_EASTUS = "azure_eastus_disk_network.csv"
_APPS = {
    "vcpu-active": Meter("vcpu-active", "vCPU-hour", tier_of="vcpu-active", start=50.0),
    "memory-active": Meter("memory-active", "GiB-hour", tier_of="memory-active", start=100.0),
    "vcpu-idle": Meter("vcpu-idle", "vCPU-hour"),
    "memory-idle": Meter("memory-idle", "GiB-hour"),
    "requests": Meter("requests", "request", tier_of="requests", start=2e6),
}
_FUNCTIONS = {
    ("standard-execution-time", "400000"): Meter(
        "execution-time", "GiB-second", tier_of="execution-time", start=4e5
    ),
    ("standard-total-executions", "100000"): Meter("executions", "request", 10.0, "executions", 1e6),
}

_FUNCTIONS_EASTUS = {
    "AzureFunctions-GB-Second": _FUNCTIONS["standard-execution-time", "400000"],
    "AzureFunctions-Execution": _FUNCTIONS["standard-total-executions", "100000"]._replace(per=1.0),
}
_COSMOS_EASTUS = {
    "CosmosDB-Serverless-RU": Meter("azure-cosmos-db-serverless-rus-1m", "request"),
    "CosmosDB-Storage-GB-Month": Meter("azure-cosmos-db-rus-data-stored", "GB-month"),
    "CosmosDB-Provisioned-100RU-Hour": Meter("azure-cosmos-db-rus-100-ru-s", "hour"),
    "CosmosDB-Provisioned-MultiRegionWrite-100RU-Hour": Meter(
        "azure-cosmos-db-mrus-100-multi-master-ru-s", "hour"
    ),
}
_ADDRESSES_EASTUS = {
    "standard-ipv4-static-regional": Meter("ip-addresses-standard-ipv4-static-public", "hour"),
    "standard-ipv4-static-global": Meter("ip-addresses-global-ipv4-static-public", "hour"),
}


def _plan_eastus(row: Row) -> Meter | None:
    """Return the plan of an App Service instance in East US, named as in other regions' lists."""
    match = re.fullmatch(r"AppService-Linux-([BSP]\d+)(m?)(v\d)?-Instance-Hour", row["sku"])
    if match is None:
        return None
    size, memory, version = (part.lower() for part in match.groups(""))
    apart = version == "v2" or (version == "v3" and not memory and size != "p0")
    name = f"{size}-{version}" if apart else f"{size}{memory}{version}"
    return Meter(name if version == "v4" or size[0] == "b" else f"{name}-app", "hour")


TABLES: Mapping[str, Fill] = {
    "virtual-machines": virtual_machines,
    "managed-disk": _all(_copied("managed-disk", _disk), _copied("managed-disk", _disk, _EASTUS)),
    "blob-storage": _all(
        _copied("blob-storage", _blob),
        _copied("blob-storage", _blob_eastus, "serverless_us.csv", "BlobStorage"),
    ),
    "postgresql-flexible": _all(_copied("postgresql-flexible", _postgres), _postgres_sizes, _burstable),
    "mysql-flexible": _all(_copied("mysql-flexible", _postgres), _burstable),
    "redis-cache": _all(_redis, _managed_redis),
    "container-apps": _copied("container-apps", named(_APPS)),
    "aks": _copied(
        "aks",
        named(
            {
                "standard-uptime-sla": Meter("standard-tier-uptime-sla", "cluster-hour"),
                "standard-long-term-support": Meter("premium-tier-long-term-support", "cluster-hour"),
            }
        ),
    ),
    "functions": _all(
        _copied("functions", lambda row: _FUNCTIONS.get((row["sku"], row["from_quantity"]))),
        _copied("functions", named(_FUNCTIONS_EASTUS), "serverless_us.csv", "AzureFunctions"),
    ),
    "app-service-linux": _all(
        _copied("app-service-linux", _from_meters(r"^[BSP]\d")),
        _copied("app-service-linux", _plan_eastus, "serverless_us.csv", "AppService"),
    ),
    "application-gateway": _copied("application-gateway", _from_meters(r"(Standard|WAF|Basic) v2 \|")),
    "service-bus": _copied("service-bus", _from_meters(r"\| (Basic|Premium) \||Standard Base Unit")),
    "cosmos-db": _all(
        _copied("cosmos-db", _from_meters(r"^Azure Cosmos DB( serverless)? \| (RUs|mRUs) \|")),
        _copied("cosmos-db", named(_COSMOS_EASTUS), "serverless_us.csv", "CosmosDB"),
    ),
    "public-ip": _all(
        _copied("public-ip", _from_meters(r"^IP Addresses"), raw_service="virtual-network"),
        _copied("public-ip", named(_ADDRESSES_EASTUS), _EASTUS),
    ),
    "nat-gateway": _copied(
        "nat-gateway",
        named({"hour": Meter("hour", "hour"), "data-processed": Meter("data-processed", "GB")}),
        _EASTUS,
    ),
    "egress-internet": _egress,
}

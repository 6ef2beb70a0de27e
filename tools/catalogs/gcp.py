"""The price tables of Google Cloud."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from matrix import NOT_SOLD, Matrix
from meters import Meter, Naming, add, cited, copied, named, of_service
from raw import Raw, Row

Fill = Callable[[Raw, Matrix], None]


_CORES_PER_GPU = {"RTX-PRO-6000": 48}
"""For rows that do not say how many GPUs a machine has: cloud.google.com/compute/docs/gpus, G4."""


def compute_engine(raw: Raw, matrix: Matrix) -> None:
    """Add machines where they are sold; where a price is listed and no machine is, that is said instead."""
    columns = ("sku", "region", "usd", "vcpu", "ram_gib", "gpu", "gpu_count", "sud_usd", "offered")
    rates = {"spot": "spot_usd", "commit_1y": "commit_1y_usd", "commit_3y": "commit_3y_usd"}
    for row in raw.rows("gcp_compute.csv", *columns, *rates.values()):
        sku, region = row["sku"], row["region"]
        if sku.startswith("custom-"):
            continue
        matrix.describe(sku, vcpu=float(row["vcpu"]), memory_gib=float(row["ram_gib"]))
        if row["gpu"]:
            count = float(row["gpu_count"] or float(row["vcpu"]) / _CORES_PER_GPU[row["gpu"]])
            matrix.describe(sku, gpu=row["gpu"], gpu_count=count)
        if row["offered"] == "no":
            matrix.add(sku, "usd", region, NOT_SOLD)
            continue
        matrix.add(sku, "usd", region, row["usd"])
        for rate, column in rates.items():
            # Where no commitment is sold the list repeats the price after sustained use.
            if row[column] and row[column] != row["sud_usd"] and float(row[column]) < float(row["usd"]):
                matrix.add(sku, rate, region, row[column])


_TIMES = {"e2": 1.04945, "n1": 1.04945, "n2": 1.04945, "n2d": 1.05}
"""What a custom machine costs beside one of the predefined shapes."""


def units(raw: Raw, matrix: Matrix) -> None:
    """Add what a core and a GiB cost in each region: two machines of a series with as many cores tell."""
    machines: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for row in raw.rows("gcp_compute.csv", "sku", "region", "usd", "vcpu", "ram_gib", "gpu", "offered"):
        match = re.fullmatch(r"([a-z]\d[a-z]?)-(?:standard|highmem)-(\d+)", row["sku"])
        if match and not row["gpu"] and row["offered"] != "no":
            of = (match[1], row["region"], match[2])
            machines.setdefault(of, []).append((float(row["ram_gib"]), float(row["usd"])))
    source = matrix.cite(
        "derived from the standard and highmem machines of the series "
        "(Cyclenerd/google-cloud-pricing-cost-calculator@fd66b26, pricing.yml)",
        "2026-07-30",
        "machines",
    )
    for (series, region, cores), pair in sorted(machines.items()):
        if len(pair) == 2 and cores == "8":
            (small, less), (large, more) = sorted(pair)
            ram = (more - less) / (large - small)
            vcpu = (less - ram * small) / float(cores)
            ways = {"predefined": 1.0, **({"custom": _TIMES[series]} if series in _TIMES else {})}
            for way, times in ways.items():
                add(matrix, Meter(f"{series}-{way}-ram", "GiB-hour"), region, ram * times, source)
                add(matrix, Meter(f"{series}-{way}-vcpu", "vCPU-hour"), region, vcpu * times, source)


def _without(*places: tuple[str, str]) -> Fill:
    """Return what drops prices that are another region's, by SKU and region."""

    def fill(raw: Raw, matrix: Matrix) -> None:
        for sku, region in places:
            matrix.drop(sku, "usd", region)

    return fill


def _other(raw_service: str, names: Mapping[str, Meter]) -> Fill:
    """Return what adds the rows of a service, with spot prices where it has them."""

    def fill(raw: Raw, matrix: Matrix) -> None:
        copied(raw, matrix, "gcp_other.csv", raw_service, named(names), REGIONS)
        for row in of_service(raw, "gcp_other.csv", raw_service, REGIONS):
            if row["sku"] in names and row["spot_usd"] and float(row["spot_usd"]) < float(row["usd"]):
                matrix.add(names[row["sku"]].sku, "spot", row["region"], row["spot_usd"], cited(matrix, row))

    return fill


def _copied(file: str, service: str, name: Naming) -> Fill:
    return lambda raw, matrix: copied(raw, matrix, file, service, name, REGIONS)


def _all(*fills: Fill) -> Fill:
    def fill(raw: Raw, matrix: Matrix) -> None:
        for each in fills:
            each(raw, matrix)

    return fill


def _sql(row: Row) -> Meter | None:
    """Return what Cloud SQL charges for both engines: by the core, the GiB, the shared core."""
    name, _, availability = row["sku"].partition(":")
    unit = row["unit"].removeprefix("USD/")
    return Meter(f"{name} regional-ha" if availability == "regional" else name, unit)


def _sql_engine(row: Row) -> Meter | None:
    return _sql(row) if row["sku"].startswith("enterprise-") and row["unit"].endswith("-hour") else None


def _sql_shared(row: Row) -> Meter | None:
    return None if _sql_engine(row) else _sql(row)


def _egress(row: Row) -> Meter | None:
    starts = {"0-1": 0.0, "1-10": 1024.0, "10n": 10240.0}
    tariff, _, block = row["sku"].partition("-TiB:")
    return Meter(row["sku"], "GiB", tier_of=tariff, start=starts[block])


def _first_blocks(raw: Raw, matrix: Matrix) -> None:
    """Mend first blocks that have the price of the last, which is below that of the next block."""
    text = (
        "derived: as the next block, in place of the price of the last, which the list has there "
        "(0.12 for Tokyo: egresscost.com/gcp/regions, 2026-04)"
    )
    for tariff in sorted({sku.partition("-TiB:")[0] for sku in matrix.skus}):
        first, second = f"{tariff}-TiB:0-1", f"{tariff}-TiB:1-10"
        for region in matrix.regions(first):
            usd, following = matrix.price(first, region), matrix.price(second, region)
            if usd is not None and following is not None and usd < following:
                matrix.drop(first, "usd", region)
                source = matrix.cite(text, "2026-07-30", "next-block", unconfirmed=True)
                matrix.add(first, "usd", region, following, source)


_N1 = {f"db-n1-standard-{cores}": (cores, 3.75 * cores) for cores in (1, 2, 4, 8, 16, 32, 64, 96)}
_CUSTOM = {f"db-custom-{c}-{int(1024 * gib)}": (c, gib) for c, gib in ((2, 7.5), (4, 16), (8, 32))}


def _twice(raw: Raw, matrix: Matrix) -> None:
    """Drop prices of high availability that are twice the zonal one: the catalog file says so for all."""
    for sku in sorted(sku for sku in matrix.skus if sku.endswith(" regional-ha")):
        for region in matrix.regions(sku):
            zonal = matrix.price(sku.removesuffix(" regional-ha"), region)
            if zonal is not None and abs((matrix.price(sku, region) or 0.0) - 2 * zonal) < 1e-9:
                matrix.drop(sku, "usd", region)


def _shapes(shapes: Mapping[str, tuple[int, float]]) -> Fill:
    """Return what adds machines of Cloud SQL: they cost their cores and memory."""

    def fill(raw: Raw, matrix: Matrix) -> None:
        source = matrix.cite(
            "derived: cores and GiB x their prices in the region", "2026-09-25", "cores-and-memory"
        )
        for sku, (cores, gib) in shapes.items():
            matrix.describe(sku, vcpu=float(cores), memory_gib=gib)
            for region in matrix.regions("enterprise-vcpu"):
                core, ram = (matrix.price(f"enterprise-{what}", region) or 0.0 for what in ("vcpu", "ram"))
                matrix.add(sku, "usd", region, cores * core + gib * ram, source)

    return fill


REGIONS = r"[a-z]+-[a-z]+\d+|global"

_REDIS = {"M1": "1-4", "M2": "5-10", "M3": "11-35", "M4": "36-100", "M5": "101-300"}


def _redis(row: Row) -> Meter | None:
    return Meter(row["sku"], "GiB-hour", size_gib=_REDIS[row["sku"].rpartition("-")[2]])


_DISKS = {
    "balanced": "pd-balanced",
    "hdd": "pd-standard",
    "ssd": "pd-ssd",
    "local": "local-ssd",
    **{name: name for name in ("balanced-replicated", "hdd-replicated", "ssd-replicated", "extreme")},
    **{name: name for name in ("hyperdisk-extreme", "local-c4", "local-c4a", "local-c4d", "snapshot")},
}
_CLASSES = {"standard": "standard", "nearline": "nearline", "coldline": "coldline", "archiv": "archive"}
_RUN = {
    "request-based-cpu": Meter(
        "request-based-cpu", "vCPU-second", tier_of="request-based-cpu", start=180000.0
    ),
    "request-based-memory": Meter(
        "request-based-memory", "GiB-second", tier_of="request-based-memory", start=360000.0
    ),
    "instance-based-cpu": Meter(
        "instance-based-cpu", "vCPU-second", tier_of="instance-based-cpu", start=240000.0
    ),
    "instance-based-memory": Meter(
        "instance-based-memory", "GiB-second", tier_of="instance-based-memory", start=450000.0
    ),
}


def _run_idle(raw: Raw, matrix: Matrix) -> None:
    """Add what idle minimum instances cost: CPU and memory as a GiB of a request's memory."""
    for row in of_service(raw, "gcp_serverless.csv", "cloud-run"):
        if row["sku"] == "request-based-memory":
            for what, unit in (("cpu", "vCPU-second"), ("memory", "GiB-second")):
                meter = Meter(f"request-based-min-instance-idle-{what}", unit)
                add(matrix, meter, row["region"], float(row["usd"]), cited(matrix, row))


TABLES: Mapping[str, Fill] = {
    "compute-engine": compute_engine,
    "compute-engine-unit": units,
    "persistent-disk": _other(
        "persistent-disk", {raw: Meter(sku, "GiB-month") for raw, sku in _DISKS.items()}
    ),
    "cloud-storage": _other(
        "cloud-storage",
        {
            **{raw: Meter(sku, "GiB-month") for raw, sku in _CLASSES.items()},
            **{f"retrieval-{raw}": Meter(f"retrieval-{sku}", "GiB") for raw, sku in _CLASSES.items()},
        },
    ),
    "cloud-nat": _other(
        "cloud-nat",
        {"gateway-cap": Meter("gateway", "hour"), "data-processed": Meter("data-processed", "GiB")},
    ),
    "cloud-vpn": _other("cloud-vpn", {"tunnel": Meter("tunnel", "hour")}),
    "external-ip": _other(
        "external-ip", {"in-use": Meter("in-use", "hour"), "unused": Meter("unused", "hour")}
    ),
    "egress-internet": _all(_copied("gcp_other.csv", "egress-internet", _egress), _first_blocks),
    "cloud-sql": _all(_copied("gcp_cloud_sql.csv", "cloud-sql", _sql_shared), _twice),
    "cloud-sql-postgres": _all(
        _copied("gcp_cloud_sql.csv", "cloud-sql", _sql_engine), _twice, _shapes(_CUSTOM)
    ),
    "cloud-sql-mysql": _all(_copied("gcp_cloud_sql.csv", "cloud-sql", _sql_engine), _twice, _shapes(_N1)),
    "memorystore-redis": _all(
        _copied("gcp_memorystore.csv", "memorystore-redis", _redis),
        _copied("gcp_memorystore_basic.csv", "memorystore-redis", _redis),
        # The list falls back on Belgium where it finds no price in Johannesburg.
        _without(("basic-M1", "africa-south1"), ("basic-M2", "africa-south1")),
    ),
    "cloud-run": _all(_copied("gcp_serverless.csv", "cloud-run", named(_RUN)), _run_idle),
    "gke": _copied(
        "gcp_serverless.csv",
        "gke",
        named(
            {
                "autopilot-cpu": Meter("autopilot-vcpu", "vCPU-hour"),
                "autopilot-memory": Meter("autopilot-memory", "GiB-hour"),
                "autopilot-ephemeral-storage": Meter("autopilot-ephemeral-storage", "GiB-hour"),
                "autopilot-spot-cpu": Meter("autopilot-spot-vcpu", "vCPU-hour"),
                "autopilot-spot-memory": Meter("autopilot-spot-memory", "GiB-hour"),
            }
        ),
    ),
    "cloud-functions": _copied(
        "gcp_serverless.csv",
        "cloud-functions",
        named(
            {
                "gen1-cpu": Meter("gen1-cpu", "GHz-second"),
                "gen1-memory": Meter("gen1-memory", "GiB-second"),
                "gen1-invocation": Meter("gen1-invocation", "request"),
            }
        ),
    ),
    "pubsub": _copied(
        "gcp_serverless.csv",
        "pubsub",
        named(
            {
                "message-delivery-basic": Meter("message-delivery", "GiB", 1024.0),
                "retained-or-snapshot-storage": Meter("retained-storage", "GiB-month"),
            }
        ),
    ),
    "artifact-registry": _copied(
        "gcp_serverless.csv", "artifact-registry", named({"storage": Meter("storage", "GiB-month")})
    ),
}

"""The price tables of AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from statistics import median

from matrix import Matrix
from meters import Meter, add, cited, copied, named, of_service, without_outliers
from raw import Raw, Row

Fill = Callable[[Raw, Matrix], None]
REGIONS = r"(?!us-gov-|cn-)[a-z]+-[a-z]+-\d"
COMMERCIAL = re.compile(REGIONS)
"""Regions of the public partition; GovCloud and China are others, with accounts of their own."""

HOME = "us-east-1"
SURCHARGES = (1.06, 1.065, 1.1)
"""What Dedicated tenancy costs beside the shared price."""

_GPUS = {
    "A100": {"p4d": "A100-40GB", "p4de": "A100-80GB"},
    "V100": {"p3": "V100-16GB", "p3dn": "V100-32GB"},
    "H100": {"": "H100-80GB"},
    "RTX Pro 6000": {"": "RTX-PRO-6000"},
}
_GIB_PER_VCPU = {"c": 2.0, "m": 4.0, "r": 8.0}
_SIZES = {"medium": 1.0, "large": 2.0, "xlarge": 4.0}


def ec2(raw: Raw, matrix: Matrix) -> None:
    """Add machines: on demand, spot savings, and the discounts of commitments."""
    for row in raw.rows("aws_ec2.csv", "sku", "region", "usd", "gpu", "gpu_count", "confidence", "source"):
        if not COMMERCIAL.fullmatch(row["region"]):
            continue
        matrix.add(row["sku"], "usd", row["region"], row["usd"], _ec2_source(row))
        if row["gpu"]:
            matrix.describe(row["sku"], gpu=_gpu(row), gpu_count=float(row["gpu_count"]))
    _sizes(raw, matrix)
    _shared_tenancy(matrix)
    _spot(raw, matrix)
    for row in raw.rows("aws_ec2_ri1y_us-east-1.csv", "sku", "discount"):
        _off(matrix, row["sku"], "commit_1y%", row["discount"])
    for row in raw.rows("commitments.csv", "provider", "service", "sku", "commit_3y_discount"):
        if (row["provider"], row["service"]) == ("aws", "ec2"):
            _off(matrix, row["sku"], "commit_3y%", row["commit_3y_discount"])


def _ec2_source(row: Row) -> str:
    text = row["source"]
    if text.startswith("derived: us-east-1 price"):
        return "family-ratio"
    if "Dedicated-tenancy" in text:
        return "shared-tenancy"
    if text.startswith("apache-libcloud"):
        return "libcloud-alone" if row["confidence"] == "low" else "libcloud"
    if text.startswith("aws/karpenter"):
        return "karpenter"
    raise SystemExit(f"aws_ec2.csv: no name for the source '{text}'")


def _gpu(row: Row) -> str:
    names = _GPUS.get(row["gpu"])
    return row["gpu"] if names is None else names.get(row["sku"].partition(".")[0]) or names[""]


def _off(matrix: Matrix, sku: str, rate: str, share: str) -> None:
    """Add a discount of us-east-1 for all regions, where the machine is sold."""
    if sku in matrix.skus and 0 < float(share) < 1:
        matrix.add(sku, rate, "global", float(share))


def _spot(raw: Raw, matrix: Matrix) -> None:
    columns = ("sku", "region", "spot_saving_percent")
    for row in raw.rows("aws_ec2_spot_savings.csv", *columns):
        share = int(row["spot_saving_percent"]) / 100
        if share > 0 and matrix.price(row["sku"], row["region"]) is not None:
            matrix.add(row["sku"], "spot%", row["region"], share)


def _sizes(raw: Raw, matrix: Matrix) -> None:
    """Describe machines: cores and memory of the autoscaler's list, or by the name of general families."""
    listed = dict(go_types(raw.text("ec2_instance_types.go")))
    enis = _pods(raw)
    for sku in sorted(matrix.skus):
        found = listed.get(sku) or _by_name(sku)
        if found is not None:
            matrix.describe(sku, vcpu=found[0], memory_gib=found[1])
        matrix.describe(sku, max_pods=enis.get(sku))


def go_types(text: str) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield name, vCPU and GiB of the instance types in a generated Go file of the cluster autoscaler."""
    entry = r'"([^"]+)": \{[^}]*?VCPU:\s*(\d+),\s*MemoryMb:\s*(\d+)'
    for name, vcpu, mib in re.findall(entry, text):
        if int(vcpu) and int(mib):
            yield name, (float(vcpu), int(mib) / 1024)


def _by_name(sku: str) -> tuple[float, float] | None:
    """Return vCPU and GiB of sizes of the c, m and r families, which say both; None for others."""
    match = re.fullmatch(r"([cmr])\d+[a-z]*\.(?:metal-)?(\d*)(medium|large|xlarge|xl)", sku)
    if match is None:
        return None
    vcpu = _SIZES[match[3].replace("xl", "xlarge") if match[3] == "xl" else match[3]] * int(match[2] or 1)
    return vcpu, vcpu * _GIB_PER_VCPU[match[1]]


def _pods(raw: Raw) -> Mapping[str, float]:
    """Return the pod limit of each machine on EKS: interfaces × (addresses - 1) + 2."""
    found = {}
    for line in raw.text("instance-info.jsonl").splitlines():
        info = json.loads(line)
        each = info["ipv4AddressesPerInterface"] - 1
        found[info["instanceType"]] = info["defaultMaxENIs"] * each + 2.0
    return found


def _shared_tenancy(matrix: Matrix) -> None:
    """Take the surcharge of Dedicated tenancy off bare metal; drop sizes that cost more by another factor.

    Such a size costs 6, 6.5 or 10 % more than its family does per vCPU, where all other sizes cost the same.
    """
    for sku in sorted(sku for sku in matrix.skus if ".metal" in sku):
        each, usual = _per_vcpu(matrix, sku), _usual(matrix, sku)
        if each is None or usual is None or abs(each / usual - 1) < 0.03:
            continue
        usd = matrix.price(sku, HOME) or 0.0
        matrix.drop(sku, "usd", HOME)
        surcharge = min(SURCHARGES, key=lambda factor: abs(each / usual - factor))
        if abs(each / usual - surcharge) < 0.003:
            matrix.add(sku, "usd", HOME, usd / surcharge, "shared-tenancy")


def _usual(matrix: Matrix, sku: str) -> float | None:
    family = sku.partition(".")[0] + "."
    others = [
        each
        for other in matrix.skus
        if other.startswith(family) and ".metal" not in other
        if (each := _per_vcpu(matrix, other)) is not None
    ]
    return median(others) if len(others) > 1 else None


def _per_vcpu(matrix: Matrix, sku: str) -> float | None:
    usd, vcpu = matrix.price(sku, HOME), matrix.fact(sku, "vcpu")
    return usd / float(vcpu) if usd is not None and vcpu else None


def _meters(service: str, file: str, names: Mapping[str, Meter], raw_service: str = "") -> Fill:
    def fill(raw: Raw, matrix: Matrix) -> None:
        copied(raw, matrix, file, raw_service or service, named(names), REGIONS)

    return fill


def _all(*fills: Fill) -> Fill:
    def fill(raw: Raw, matrix: Matrix) -> None:
        for each in fills:
            each(raw, matrix)

    return fill


def _classes(raw_service: str, file: str = "aws_rds.csv", three_years: str = "all_upfront") -> Fill:
    """Return what adds instance classes or nodes, with what they cost under commitment."""

    def fill(raw: Raw, matrix: Matrix) -> None:
        sizes = dict(go_types(raw.text("ec2_instance_types.go")))
        for row in of_service(raw, file, raw_service, REGIONS):
            sku, region, source = row["sku"], row["region"], cited(matrix, row)
            matrix.add(sku, "usd", region, row["usd"], source)
            size = (row["vcpu"], row["ram_gib"]) if row.get("vcpu") else sizes.get(sku.removeprefix("db."))
            if size is not None:
                matrix.describe(sku, vcpu=float(size[0]), memory_gib=float(size[1]))
            for rate, column in (
                ("commit_1y", "commit_1y_no_upfront_usd"),
                ("commit_3y", f"commit_3y_{three_years}_usd"),
            ):
                below = matrix.price(sku, region, "commit_1y") or float(row["usd"])
                if row[column] and 0 < float(row[column]) < below:
                    matrix.add(sku, rate, region, row[column], source)
        without_outliers(matrix, HOME, lambda sku: sku.rpartition(".")[0])

    return fill


def _egress(raw: Raw, matrix: Matrix) -> None:
    names = {0: "first-10TB", 10240: "next-40TB", 51200: "next-100TB", 153600: "over-150TB"}
    for row in of_service(raw, "aws_data_transfer.csv", "data-transfer", REGIONS):
        if row["sku"] == "internet-egress":
            start = float(row["from_quantity"])
            meter = Meter(names[int(start)], "GiB", tier_of="internet", start=start or 100.0)
            add(matrix, meter, row["region"], float(row["usd"]), cited(matrix, row))


def _between_regions(raw: Raw, matrix: Matrix) -> None:
    for row in of_service(raw, "aws_data_transfer.csv", "data-transfer", REGIONS):
        to = row["sku"].removeprefix("inter-region:to-")
        if row["sku"] == "inter-az-each-direction":
            add(matrix, Meter("cross-zone", "GiB"), row["region"], float(row["usd"]), cited(matrix, row))
        elif to != row["sku"] and COMMERCIAL.fullmatch(to) and to != row["region"]:
            add(matrix, Meter(f"to-{to}", "GiB"), row["region"], float(row["usd"]), cited(matrix, row))


def _io2(raw: Raw, matrix: Matrix) -> None:
    names = {0: "io2-iops-tier1", 32000: "io2-iops-tier2-above-32000", 64000: "io2-iops-tier3-above-64000"}
    for row in of_service(raw, "aws_ebs.csv", "ebs", REGIONS):
        if row["sku"] == "io2-iops":
            meter = Meter(names[int(float(row["from_quantity"]))], "IOPS-month")
            add(matrix, meter, row["region"], float(row["usd"]), cited(matrix, row))


def _gib_month(*names: str) -> dict[str, Meter]:
    return {f"{name}-storage": Meter(name, "GiB-month") for name in names}


_STORAGE = _all(
    _meters(
        "rds-postgres",
        "aws_managed.csv",
        {
            "storage-general-purpose": Meter("storage-general-purpose", "GiB-month"),
            "storage-general-purpose multi-az": Meter("storage-general-purpose multi-az", "GiB-month"),
        },
    ),
    _meters(
        "rds",
        "aws_network_db_misc.csv",
        {
            "storage-gp2-or-gp3:single-az": Meter("storage-general-purpose", "GiB-month"),
        },
    ),
)
"""Storage of a database: PostgreSQL, MySQL and MariaDB cost the same."""

_AURORA = _meters(
    "aurora-postgres",
    "aws_network_db_misc.csv",
    {
        "io-request": Meter("io-requests", "request"),
        "serverless-v2-acu-hour": Meter("serverless-v2-acu", "ACU-hour"),
        "serverless-v2-acu-hour-io-optimized": Meter("serverless-v2-acu-io-optimized", "ACU-hour"),
        "storage-standard": Meter("storage-standard", "GiB-month"),
        "storage-io-optimized": Meter("storage-io-optimized", "GiB-month"),
    },
    "aurora",
)


def _us(raw_service: str, names: Mapping[tuple[str, str], Meter]) -> Fill:
    """Return what adds the rows of us-east-1 by raw SKU and where a block starts."""

    def fill(raw: Raw, matrix: Matrix) -> None:
        copied(
            raw, matrix, "serverless_us.csv", raw_service, lambda r: names.get((r["sku"], r["from_quantity"]))
        )

    return fill


def _ireland(names: Mapping[str, Meter]) -> Fill:
    """Return what adds rows of the offers of eu-west-1 by usage type, where nothing newer has the price."""
    known = {f"EU-{usage}": meter for usage, meter in names.items()}

    def fill(raw: Raw, matrix: Matrix) -> None:
        for row in raw.rows("aws_eu-west-1_meters_2023.csv", "usage_type", "usd", "as_of_date", "source"):
            meter = known.get(row["usage_type"])
            single = row["deployment"] in ("", "Single-AZ") and row["engine"] != "Aurora MySQL"
            if meter is not None and single and float(row["usd"]) > 0:
                add(matrix, meter, "eu-west-1", float(row["usd"]), cited(matrix, row))

    return fill


_VOLUMES = {
    f"EBS:VolumeUsage.{kind}": Meter(kind, "GiB-month") for kind in ("gp2", "gp3", "io2", "sc1", "st1")
}
_EBS_IRELAND = _ireland(
    {
        **_VOLUMES,
        "EBS:VolumeUsage": Meter("standard", "GiB-month"),
        "EBS:VolumeUsage.piops": Meter("io1", "GiB-month"),
        "EBS:SnapshotUsage": Meter("snapshot", "GiB-month"),
        "EBS:SnapshotArchiveStorage": Meter("snapshot-archive", "GiB-month"),
        "EBS:VolumeP-Throughput.gp3": Meter("gp3-throughput-above-125", "MBps-month", 1024.0),
        "EBS:VolumeP-IOPS.gp3": Meter("gp3-iops-above-3000", "IOPS-month"),
        "EBS:VolumeP-IOPS.piops": Meter("io1-iops", "IOPS-month"),
        "EBS:VolumeP-IOPS.io2": Meter("io2-iops-tier1", "IOPS-month"),
        "EBS:VolumeP-IOPS.io2.tier2": Meter("io2-iops-tier2-above-32000", "IOPS-month"),
        "EBS:VolumeP-IOPS.io2.tier3": Meter("io2-iops-tier3-above-64000", "IOPS-month"),
    }
)
_RDS_IRELAND = _ireland(
    {
        "RDS:PIOPS-Storage": Meter("storage-provisioned-iops", "GiB-month"),
        "RDS:PIOPS": Meter("provisioned-iops", "IOPS-month"),
        "RDS:ChargedBackupUsage": Meter("backup", "GiB-month"),
    }
)
_AURORA_IRELAND = _ireland(
    {
        "Aurora:StorageUsage": Meter("storage-standard", "GiB-month"),
        "Aurora:StorageIOUsage": Meter("io-requests", "request"),
        "Aurora:ServerlessV2Usage": Meter("serverless-v2-acu", "ACU-hour"),
        "Aurora:BackupUsage": Meter("backup", "GiB-month"),
    }
)

TABLES: Mapping[str, Fill] = {
    "ec2": ec2,
    "fargate": _meters(
        "fargate",
        "aws_managed.csv",
        {
            "linux-x86-vcpu": Meter("linux-x86-vcpu", "vCPU-hour"),
            "linux-x86-ram": Meter("linux-x86-ram", "GiB-hour"),
            "linux-arm-vcpu": Meter("linux-arm-vcpu", "vCPU-hour"),
            "linux-arm-ram": Meter("linux-arm-ram", "GiB-hour"),
            "ephemeral-storage-above-20GB": Meter("ephemeral-storage-above-20GiB", "GiB-hour"),
        },
    ),
    "rds-postgres": _all(_classes("rds-postgres"), _STORAGE, _RDS_IRELAND),
    "rds-mysql": _all(_classes("rds-mysql"), _STORAGE, _RDS_IRELAND),
    "rds-mariadb": _all(_classes("rds-mariadb"), _STORAGE, _RDS_IRELAND),
    "aurora-postgres": _all(_classes("aurora-postgres"), _AURORA, _AURORA_IRELAND),
    "aurora-mysql": _all(_classes("aurora-mysql"), _AURORA, _AURORA_IRELAND),
    "elasticache-redis": _classes("elasticache-redis", "aws_elasticache.csv"),
    "elasticache-valkey": _classes("elasticache-valkey", "aws_elasticache.csv"),
    "elasticache-memcached": _classes("elasticache-memcached", "aws_elasticache.csv"),
    # The list spreads what is paid upfront for OpenSearch over more than the term.
    "opensearch": _classes("opensearch", "aws_opensearch.csv", "no_upfront"),
    "ebs": _all(
        _meters(
            "ebs",
            "aws_ebs.csv",
            {
                **_gib_month("gp2", "gp3", "io1", "io2", "st1", "sc1"),
                "gp3-iops-above-3000": Meter("gp3-iops-above-3000", "IOPS-month"),
                "gp3-throughput-above-125MiBps": Meter("gp3-throughput-above-125", "MBps-month"),
                "io1-iops": Meter("io1-iops", "IOPS-month"),
                "snapshot-standard": Meter("snapshot", "GiB-month"),
            },
        ),
        _io2,
        _EBS_IRELAND,
    ),
    "elb": _all(
        _meters("elb", "aws_managed.csv", {"alb-hour": Meter("alb-hour", "hour")}),
        _meters(
            "elb",
            "aws_network_db_misc.csv",
            {
                "nlb-hour": Meter("nlb-hour", "hour"),
                "alb-lcu": Meter("alb-lcu", "LCU-hour"),
                "nlb-lcu": Meter("nlb-lcu", "LCU-hour"),
                "gwlb-hour": Meter("gwlb-hour", "hour"),
                "gwlb-lcu": Meter("gwlb-lcu", "LCU-hour"),
            },
        ),
    ),
    "nat-gateway": _all(
        _meters("nat-gateway", "aws_managed.csv", {"hour": Meter("hour", "hour")}),
        _meters("nat-gateway", "aws_network_db_misc.csv", {"data-processed": Meter("data-processed", "GiB")}),
    ),
    "egress-internet": _egress,
    "data-transfer": _between_regions,
    "s3": _meters(
        "s3",
        "aws_managed.csv",
        {
            "standard-first-50TB": Meter("standard-first-50TB", "GiB-month", tier_of="standard", start=0.0),
            "put-request": Meter("put-request", "request"),
            "get-request": Meter("get-request", "request"),
        },
    ),
    "lambda": _all(
        _meters(
            "lambda",
            "aws_managed.csv",
            {
                "request": Meter("request", "request", tier_of="request", start=1e6),
                "gb-second-x86-first-6e9": Meter(
                    "gb-second-x86-first-6e9", "GiB-second", tier_of="gb-second-x86", start=4e5
                ),
            },
        ),
        _us(
            "AWSLambda",
            {
                ("Lambda-GB-Second", "6000000000"): Meter(
                    "gb-second-x86-next-9e9", "GiB-second", tier_of="gb-second-x86", start=6e9
                ),
                ("Lambda-GB-Second", "15000000000"): Meter(
                    "gb-second-x86-over-15e9", "GiB-second", tier_of="gb-second-x86", start=15e9
                ),
                ("Lambda-ProvisionedConcurrency-GB-Second", ""): Meter(
                    "provisioned-concurrency", "GiB-second"
                ),
            },
        ),
    ),
    "sqs": _meters(
        "sqs",
        "aws_managed.csv",
        {
            "standard-request-first-1e11": Meter(
                "standard-request-first-1e11", "request", tier_of="standard-request", start=1e6
            ),
            "fifo-request-first-1e11": Meter(
                "fifo-request-first-1e11", "request", tier_of="fifo-request", start=1e6
            ),
        },
    ),
    "api-gateway": _meters(
        "api-gateway",
        "aws_managed.csv",
        {
            "http-request-first-300M": Meter(
                "http-request-first-300M", "request", tier_of="http-request", start=0.0
            ),
        },
    ),
    "sns": _us(
        "AmazonSNS",
        {
            ("SNS-Publish", "1000000"): Meter("publish", "request", tier_of="publish", start=1e6),
            ("SNS-Delivery-HTTP", "100000"): Meter(
                "delivery-http", "request", tier_of="delivery-http", start=1e5
            ),
        },
    ),
    "eventbridge": _us(
        "AmazonEventBridge",
        {
            ("EventBridge-CustomEvent", ""): Meter("custom-event", "request"),
            ("EventBridge-ArchiveReplay", ""): Meter("archive-replay", "request"),
        },
    ),
    "dynamodb": _us(
        "AmazonDynamoDB",
        {
            ("Dynamo-ReadRequest", ""): Meter("on-demand-read", "request"),
            ("Dynamo-WriteRequest", ""): Meter("on-demand-write", "request"),
            ("Dynamo-Storage", "25"): Meter("storage", "GiB-month", tier_of="storage", start=25.0),
        },
    ),
    "public-ipv4": _us(
        "AmazonVPC",
        {
            ("IPv4-InUse-Hours", ""): Meter("in-use", "hour"),
            ("IPv4-Idle-Hours", ""): Meter("idle", "hour"),
        },
    ),
    "vpc-endpoint": _us(
        "AmazonVPC",
        {
            ("VPC-Endpoint-Hour", ""): Meter("hour", "hour"),
            ("VPC-Endpoint-DataProcessed", ""): Meter("data-processed", "GiB"),
        },
    ),
    "kms": _us(
        "AWSKMS",
        {
            ("KMS-Key-Month", ""): Meter("key", "month"),
            ("KMS-API-Request", "20000"): Meter("request", "request", tier_of="request", start=2e4),
        },
    ),
    "secrets-manager": _us(
        "AWSSecretsManager",
        {
            ("SecretsManager-Secret", ""): Meter("secret", "month"),
            ("SecretsManager-API-Call", ""): Meter("request", "request", 1e4),
        },
    ),
    "route53": _us(
        "AmazonRoute53",
        {
            ("Route53-HostedZone", ""): Meter(
                "hosted-zone-first-25", "month", tier_of="hosted-zone", start=0.0
            ),
            ("Route53-HostedZone", "25"): Meter(
                "hosted-zone-over-25", "month", tier_of="hosted-zone", start=25.0
            ),
            ("Route53-Query", ""): Meter("query-first-1e9", "request", 1e6, "query", 0.0),
            ("Route53-Query", "1000"): Meter("query-over-1e9", "request", 1e6, "query", 1e9),
        },
    ),
    "waf": _us(
        "AWSWAF",
        {
            ("WAF-WebACL-Month", ""): Meter("web-acl", "month"),
            ("WAF-Rule-Month", ""): Meter("rule", "month"),
            ("WAF-Request", ""): Meter("request", "request"),
        },
    ),
    "ecr": _us("AmazonECR", {("ECR-Storage", ""): Meter("storage", "GiB-month")}),
    "cloudwatch": _all(
        _us(
            "AmazonCloudWatch",
            {
                ("CloudWatch-Log-Ingestion", "5"): Meter(
                    "log-ingestion", "GiB", tier_of="log-ingestion", start=5.0
                ),
                ("CloudWatch-Log-Storage", "5"): Meter(
                    "log-storage", "GiB-month", tier_of="log-storage", start=5.0
                ),
                ("CloudWatch-Metric-Month", "10"): Meter(
                    "metric-first-10000", "month", tier_of="metric", start=10.0
                ),
                ("CloudWatch-Metric-Month", "10000"): Meter(
                    "metric-next-240000", "month", tier_of="metric", start=1e4
                ),
                ("CloudWatch-Metric-Month", "250000"): Meter(
                    "metric-next-750000", "month", tier_of="metric", start=25e4
                ),
                ("CloudWatch-Metric-Month", "1000000"): Meter(
                    "metric-over-1000000", "month", tier_of="metric", start=1e6
                ),
                ("CloudWatch-Alarm-Month", "10"): Meter("alarm", "month", tier_of="alarm", start=10.0),
            },
        ),
        _meters(
            "cloudwatch-logs",
            "aws_network_db_misc.csv",
            {
                "ingest-standard": Meter("log-ingestion", "GiB", tier_of="log-ingestion", start=5.0),
            },
        ),
    ),
    "efs": _meters(
        "efs",
        "aws_network_db_misc.csv",
        {
            "standard-storage": Meter("standard", "GiB-month"),
            "ia-storage": Meter("infrequent-access", "GiB-month"),
            "ia-read": Meter("infrequent-access-read", "GiB"),
            "ia-write": Meter("infrequent-access-write", "GiB"),
            "one-zone-storage": Meter("one-zone", "GiB-month"),
            "one-zone-ia-storage": Meter("one-zone-infrequent-access", "GiB-month"),
        },
    ),
    "cloudfront": _us(
        "AmazonCloudFront",
        {
            ("CloudFront-HTTP-Request", "10000000"): Meter("http-request", "request"),
            ("CloudFront-HTTPS-Request", "10000000"): Meter(
                "https-request", "request", tier_of="https-request", start=1e7
            ),
            ("CloudFront-DataTransfer", "1024"): Meter(
                "egress-first-10TB", "GiB", tier_of="egress", start=1024.0
            ),
            ("CloudFront-DataTransfer", "10240"): Meter(
                "egress-next-40TB", "GiB", tier_of="egress", start=10240.0
            ),
        },
    ),
}

"""The price tables of AWS: databases, caches, disks, networks, serverless and other services."""

from __future__ import annotations

from collections.abc import Mapping

from aws import COMMERCIAL, HOME, REGIONS, Fill, ec2, go_types
from matrix import GLOBAL, Matrix
from meters import Meter, add, cited, copied, named, of_service, without_outliers
from raw import Raw


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


def _us(raw_service: str, names: Mapping[tuple[str, str], Meter], everywhere: str = "") -> Fill:
    """Return what adds the rows of us-east-1 by raw SKU and where a block starts.

    everywhere: the page of AWS that names one price for all regions, where there is one that was read.
    """

    def fill(raw: Raw, matrix: Matrix) -> None:
        for row in of_service(raw, "serverless_us.csv", raw_service):
            meter = names.get((row["sku"], row["from_quantity"]))
            if meter is not None and float(row["usd"]) > 0:
                source = f"{everywhere} names one price for all regions: {row['source'].partition(';')[0]}"
                said = {**row, "source": source, "region": GLOBAL} if everywhere else row
                add(matrix, meter, said["region"], float(row["usd"]), cited(matrix, said))

    return fill


def _as_at_home(sku: str) -> Fill:
    """Return what adds the price of us-east-1 for all regions, which no page that was read confirms."""

    def fill(raw: Raw, matrix: Matrix) -> None:
        source = matrix.cite("derived: as in us-east-1", "2026-10-08", "as-at-home", unconfirmed=True)
        matrix.add(sku, "usd", GLOBAL, matrix.price(sku, HOME) or 0.0, source)

    return fill


def _io_optimized(raw: Raw, matrix: Matrix) -> None:
    """Add instances whose storage counts no I/O: they cost 1.3 times as much."""
    (row,) = (
        r
        for r in of_service(raw, "aws_network_db_misc.csv", "aurora")
        if r["sku"] == "instance-factor-io-optimized"
    )
    source = matrix.cite(
        f"derived: {row['usd']} x the instance; {row['source']}", row["as_of_date"], "io-optimized"
    )
    for sku in sorted(sku for sku in matrix.skus if sku.startswith("db.")):
        for region in matrix.regions(sku):
            usd = (matrix.price(sku, region) or 0.0) * float(row["usd"])
            matrix.add(f"{sku} io-optimized", "usd", region, usd, source)
        size = (matrix.fact(sku, "vcpu"), matrix.fact(sku, "memory_gib"))
        if all(size):
            matrix.describe(f"{sku} io-optimized", vcpu=float(size[0]), memory_gib=float(size[1]))


def _arm(*names: tuple[str, str]) -> Fill:
    """Return what adds the prices of ARM where no list has them: a fifth less than x86."""

    def fill(raw: Raw, matrix: Matrix) -> None:
        text = "derived: 0.8 x the price of x86, as AWS says of ARM and as in us-east-1"
        source = matrix.cite(text, "2026-10-08", "four-fifths", unconfirmed=True)
        for x86, arm in names:
            facts = {name: matrix.fact(x86, name) for name in ("unit",) if matrix.fact(x86, name)}
            matrix.describe(arm, **facts)
            for region in matrix.regions(x86):
                if matrix.price(arm, region) is None:
                    matrix.add(arm, "usd", region, 0.8 * (matrix.price(x86, region) or 0.0), source)

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
    "fargate": _all(
        _meters(
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
        _arm(("linux-x86-vcpu", "linux-arm-vcpu"), ("linux-x86-ram", "linux-arm-ram")),
    ),
    "rds-postgres": _all(_classes("rds-postgres"), _STORAGE, _RDS_IRELAND),
    "rds-mysql": _all(_classes("rds-mysql"), _STORAGE, _RDS_IRELAND),
    "rds-mariadb": _all(_classes("rds-mariadb"), _STORAGE, _RDS_IRELAND),
    "aurora-postgres": _all(_classes("aurora-postgres"), _io_optimized, _AURORA, _AURORA_IRELAND),
    "aurora-mysql": _all(_classes("aurora-mysql"), _io_optimized, _AURORA, _AURORA_IRELAND),
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
        "aws.amazon.com/vpc/pricing",
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
        "aws.amazon.com/kms/pricing",
    ),
    "secrets-manager": _us(
        "AWSSecretsManager",
        {
            ("SecretsManager-Secret", ""): Meter("secret", "month"),
            ("SecretsManager-API-Call", ""): Meter("request", "request", 1e4),
        },
        "aws.amazon.com/secrets-manager/pricing",
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
        "aws.amazon.com/route53/pricing",
    ),
    "waf": _us(
        "AWSWAF",
        {
            ("WAF-WebACL-Month", ""): Meter("web-acl", "month"),
            ("WAF-Rule-Month", ""): Meter("rule", "month"),
            ("WAF-Request", ""): Meter("request", "request"),
        },
    ),
    "ecr": _all(
        _us("AmazonECR", {("ECR-Storage", ""): Meter("storage", "GiB-month")}), _as_at_home("storage")
    ),
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

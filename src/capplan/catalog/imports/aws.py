"""What rows of AWS price lists are the price of.

A row has the columns of the CSV offer, or the attributes of the JSON one, by their names in small letters and
without signs: `usagetype`, `instancetype`. Layout: AWS Price List, "Reading the service price list files".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain, zip_longest

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

Row = Mapping[str, str]

NEEDED = ("usageType", "Unit", "PricePerUnit", "Currency")

_PREFIX = re.compile(r"(?:EU|[A-Z]{3,4}\d|[a-z]{2}(?:-[a-z]+)+-\d)-(?=[A-Za-z])")
"""The region's short name, or its code, before a usage type; us-east-1 has no short name."""

_RULES: dict[str, tuple[MeterRule, ...]] = {
    "AmazonEC2": (
        rule(r"(?:BoxUsage|HeavyUsage):.+", "ec2", "{type}", "hour", kind="machine"),
        rule(r"EBS:VolumeUsage\.(gp2|gp3|io2|st1|sc1)", "ebs", "{1}", "GiB-month"),
        rule(r"EBS:VolumeUsage\.piops", "ebs", "io1", "GiB-month"),
        rule(r"EBS:VolumeP-IOPS\.gp3", "ebs", "gp3-iops-above-3000", "IOPS-month"),
        rule(r"EBS:VolumeP-IOPS\.io2", "ebs", "io2-iops-tier1", "IOPS-month"),
        rule(r"EBS:VolumeP-IOPS\.io2\.tier2", "ebs", "io2-iops-tier2-above-32000", "IOPS-month"),
        rule(r"EBS:VolumeP-IOPS\.io2\.tier3", "ebs", "io2-iops-tier3-above-64000", "IOPS-month"),
        rule(r"EBS:VolumeP-IOPS\.piops", "ebs", "io1-iops", "IOPS-month"),
        rule(r"EBS:VolumeP-Throughput\.gp3", "ebs", "gp3-throughput-above-125", "MBps-month"),
        rule(r"EBS:SnapshotUsage", "ebs", "snapshot", "GiB-month"),
        rule(r"NatGateway-Hours", "nat-gateway", "hour", "hour"),
        rule(r"NatGateway-Bytes", "nat-gateway", "data-processed", "GiB"),
    ),
    "AmazonRDS": (
        rule(r"InstanceUsage:db\..+", "{engine}", "{type}", "hour", kind="database"),
        rule(r"Multi-AZUsage:db\..+", "{engine}", "{type} multi-az", "hour", kind="database"),
        rule(r"RDS:GP2-Storage", "{engine}", "storage-general-purpose", "GiB-month", kind="database"),
        rule(r"RDS:GP3-Storage", "{engine}", "storage-gp3", "GiB-month", kind="database"),
        rule(
            r"RDS:Multi-AZ-GP2-Storage",
            "{engine}",
            "storage-general-purpose multi-az",
            "GiB-month",
            kind="database",
        ),
        rule(r"RDS:Multi-AZ-GP3-Storage", "{engine}", "storage-gp3 multi-az", "GiB-month", kind="database"),
        rule(r"RDS:ChargedBackupUsage", "{engine}", "backup", "GiB-month", kind="database"),
        rule(r"InstanceUsageIOOptimized:db\..+", "{engine}", "{type} io-optimized", "hour", kind="database"),
        *(
            rule(usage, "{aurora}", sku, unit, kind="database")
            for usage, sku, unit in (
                ("Aurora:BackupUsage", "backup", "GiB-month"),
                ("Aurora:StorageUsage", "storage-standard", "GiB-month"),
                ("Aurora:IO-OptimizedStorageUsage", "storage-io-optimized", "GiB-month"),
                ("Aurora:StorageIOUsage", "io-requests", "request"),
                ("Aurora:ServerlessV2Usage", "serverless-v2-acu", "ACU-hour"),
                ("Aurora:ServerlessV2IOOptimizedUsage", "serverless-v2-acu-io-optimized", "ACU-hour"),
            )
        ),
    ),
    "AmazonElastiCache": (rule(r"NodeUsage:cache\..+", "{cache}", "{type}", "node-hour", kind="cache"),),
    "AWSELB": (
        rule(r"LoadBalancerUsage", "elb", "{balancer}-hour", "hour"),
        rule(r"LCUUsage", "elb", "{balancer}-lcu", "LCU-hour"),
    ),
    "AmazonECS": (
        rule(r"Fargate-vCPU-Hours:perCPU", "fargate", "linux-x86-vcpu", "vCPU-hour"),
        rule(r"Fargate-GB-Hours", "fargate", "linux-x86-ram", "GiB-hour"),
        rule(r"Fargate-ARM-vCPU-Hours:perCPU", "fargate", "linux-arm-vcpu", "vCPU-hour"),
        rule(r"Fargate-ARM-GB-Hours", "fargate", "linux-arm-ram", "GiB-hour"),
        rule(r"SpotUsage-Fargate-vCPU-Hours:perCPU", "fargate", "linux-x86-vcpu", "vCPU-hour", rate="spot"),
        rule(r"SpotUsage-Fargate-GB-Hours", "fargate", "linux-x86-ram", "GiB-hour", rate="spot"),
        rule(r"Fargate-EphemeralStorage-GB-Hours", "fargate", "ephemeral-storage-above-20GiB", "GiB-hour"),
    ),
    "AmazonEKS": (
        rule(r"AmazonEKS-Hours:perCluster", "eks", "cluster", "cluster-hour", kind="fee"),
        rule(
            r"AmazonEKS-Hours:extendedSupport", "eks", "cluster-extended-support", "cluster-hour", kind="fee"
        ),
    ),
    "AmazonS3": (
        rule(r"TimedStorage-ByteHrs", "s3", "standard", "GiB-month"),
        rule(r"Requests-Tier1", "s3", "put-request", "request"),
        rule(r"Requests-Tier2", "s3", "get-request", "request"),
    ),
    "AWSDataTransfer": (
        rule(r"DataTransfer-Out-Bytes", "egress-internet", "internet", "GiB"),
        rule(r"DataTransfer-Regional-Bytes", "data-transfer", "cross-zone", "GiB"),
    ),
    "AWSLambda": (
        rule(r"Request", "lambda", "request", "request"),
        rule(r"Lambda-GB-Second", "lambda", "gb-second-x86", "GiB-second"),
        rule(r"Lambda-GB-Second-ARM", "lambda", "gb-second-arm", "GiB-second"),
        rule(r"Lambda-Provisioned-Concurrency", "lambda", "provisioned-concurrency", "GiB-second"),
    ),
    "AWSQueueService": (
        rule(r"Requests-(?:Tier1|RBP)", "sqs", "standard-request", "request"),
        rule(r"Requests-FIFO-(?:Tier1|RBP)", "sqs", "fifo-request", "request"),
    ),
    "AmazonDynamoDB": (
        rule(r"ReadRequestUnits", "dynamodb", "on-demand-read", "request"),
        rule(r"WriteRequestUnits", "dynamodb", "on-demand-write", "request"),
        rule(r"TimedStorage-ByteHrs", "dynamodb", "storage", "GiB-month"),
    ),
    "AmazonSNS": (
        rule(r"Requests-Tier1", "sns", "publish", "request"),
        rule(r"DeliveryAttempts-HTTP", "sns", "delivery-http", "request"),
    ),
    "awskms": (
        rule(r"KMS-Requests", "kms", "request", "request"),
        rule(r"KMS-Keys", "kms", "key", "month"),
    ),
    "AWSSecretsManager": (
        rule(r"AWSSecretsManagerAPIRequest", "secrets-manager", "request", "request"),
        rule(r"AWSSecretsManager-Secrets", "secrets-manager", "secret", "month"),
    ),
    "AmazonCloudWatch": (
        rule(r"DataProcessing-Bytes", "cloudwatch", "log-ingestion", "GiB"),
        rule(r"TimedStorage-ByteHrs", "cloudwatch", "log-storage", "GiB-month"),
        rule(r"CW:AlarmMonitorUsage", "cloudwatch", "alarm", "month"),
        rule(r"CW:MetricMonitorUsage", "cloudwatch", "metric", "month"),
    ),
    "AmazonApiGateway": (rule(r"ApiGatewayHttpRequest", "api-gateway", "http-request", "request"),),
    "AmazonEFS": (
        rule(r"TimedStorage-ByteHrs", "efs", "standard", "GiB-month"),
        rule(r"TimedStorage-Z-ByteHrs", "efs", "one-zone", "GiB-month"),
        rule(r"IATimedStorage-ByteHrs", "efs", "infrequent-access", "GiB-month"),
    ),
    "AmazonECR": (rule(r"TimedStorage-ByteHrs", "ecr", "storage", "GiB-month"),),
    "AmazonVPC": (
        rule(r"PublicIPv4:InUseAddress", "public-ipv4", "in-use", "hour"),
        rule(r"PublicIPv4:IdleAddress", "public-ipv4", "idle", "hour"),
        rule(r"VpcEndpoint-Hours", "vpc-endpoint", "hour", "hour"),
        rule(r"VpcEndpoint-Bytes", "vpc-endpoint", "data-processed", "GiB"),
    ),
    "AWSEvents": (rule(r"Event-64K-Chunks", "eventbridge", "custom-event", "request"),),
    "awswaf": (
        rule(r"WebACLV2", "waf", "web-acl", "month"),
        rule(r"RuleV2", "waf", "rule", "month"),
        rule(r"RequestV2-Tier1", "waf", "request", "request"),
    ),
    "AmazonRoute53": (
        rule(r"HostedZone", "route53", "hosted-zone", "month"),
        rule(r"DNS-Queries", "route53", "query", "request"),
    ),
    # The catalogs have one price for CloudFront, that of edges in the United States.
    "AmazonCloudFront": (
        rule(r"US-DataTransfer-Out-Bytes", "cloudfront", "egress", "GiB"),
        rule(r"US-Requests-Tier1", "cloudfront", "http-request", "request"),
        rule(r"US-Requests-Tier2-HTTPS", "cloudfront", "https-request", "request"),
    ),
    "AmazonES": (rule(r"ESInstance:.+", "opensearch", "{type}", "node-hour"),),
}
_ENGINES = {
    "postgresql": "rds-postgres",
    "mysql": "rds-mysql",
    "mariadb": "rds-mariadb",
    "aurora postgresql": "aurora-postgres",
    "aurora mysql": "aurora-mysql",
    "any": "rds",
}
SHARED = {"rds": ("rds-postgres", "rds-mysql", "rds-mariadb"), "aurora": ("aurora-postgres", "aurora-mysql")}
"""Services whose rows that name no engine are the price of each of them."""

_TELLING = {"machine": ("operatingsystem", "tenancy"), "reserved": ("offeringclass",)}
"""Columns without which a row of a machine, or of a reservation, may be that of another product."""
_BALANCERS = {"application": "alb", "network": "nlb", "gateway": "gwlb", "": "clb"}
_MUST_BE = {
    "tenancy": ("", "Shared", "NA"),
    "operatingsystem": ("", "Linux", "NA"),
    "preinstalledsw": ("", "NA"),
    "capacitystatus": ("", "Used", "NA"),
    "locationtype": ("", "AWS Region"),
    "marketoption": ("", "OnDemand"),
    "deploymentmodel": ("",),
    "termtype": ("", "OnDemand", "Reserved"),
    "offeringclass": ("", "standard"),
    "eventtype": ("", "Custom Event"),
}
"""What an ordinary price may say: nothing of Windows, Dedicated hosts, Outposts or Capacity Blocks."""
_NOWHERE = {"AmazonCloudFront": ("AWS Edge Location",), "AmazonRoute53": ("", "AWS Region", "Other")}
"""Offers whose prices are of no region, with their types of location."""

_YEARS = {"1yr": 1, "3yr": 3, "1 yr": 1, "3 yr": 3}


def found_in(row: Row, regions: Mapping[str, str]) -> Found | LeftOut:
    """Return the price that a row gives, or why no catalog has it.

    regions: names of regions by the place in which they are, for lists that have no region codes.
    """
    for kind in _kinds(row):
        for column in _TELLING[kind]:
            if column not in row:
                raise RowError(f"has no column '{column}', without which a {kind} price can be another's")
    offer = row.get("servicecode", "").removesuffix("-test")
    may_be = {**_MUST_BE, **({"locationtype": _NOWHERE[offer]} if offer in _NOWHERE else {})}
    wrong = next((key for key, allowed in may_be.items() if row.get(key, "") not in allowed), None)
    if wrong is not None:
        return LeftOut(f"{wrong} {row[wrong]}")
    region = "global" if offer in _NOWHERE else _region(row, regions)
    if region is None:
        return LeftOut(f"location {row.get('location') or row.get('fromlocation', '')}")
    if row["currency"] != "USD":
        return LeftOut(f"currency {row['currency']}")
    usage = _usage_of(row["usagetype"])
    usd = price(row["priceperunit"])
    if offer not in _RULES:
        return _plain(row, offer, usage, region, usd)
    for each in _RULES[offer]:
        match = each.pattern.fullmatch(usage)
        if match is not None:
            return _priced(row, each, match, region, usd)
    return LeftOut(f"{offer} {row.get('productfamily', '') or usage}")


def _usage_of(text: str) -> str:
    return _PREFIX.sub("", text, count=1)


def names_of(offer: str, usage_type: str) -> Iterator[re.Pattern[str]]:
    """Yield what may be the catalog's ``service/sku`` of a usage type.

    What takes more columns to know, such as an engine, may be anything; machines are not among them.

    >>> [found.pattern for found in names_of("AmazonEC2", "EUC1-EBS:VolumeUsage.gp3")]
    ['ebs/gp3']
    """
    usage = _usage_of(usage_type)
    for each in (*_RULES.get(offer, ()), *_RULES["AWSDataTransfer"]):
        match = each.pattern.fullmatch(usage)
        if match is not None and "{type}" not in each.sku:
            groups = dict(enumerate(map(slug, match.groups("")), start=1))
            bought = " spot" if each.rate == "spot" else ""
            parts = re.split(r"\{(\w+)\}", f"{each.service}/{each.sku}{bought}")
            filled = (groups.get(int(part)) if part.isdigit() else None for part in parts[1::2])
            holes = (_ANYTHING if part is None else re.escape(part) for part in filled)
            plain = map(re.escape, parts[::2])
            yield re.compile("".join(chain.from_iterable(zip_longest(plain, holes, fillvalue=""))))


_ANYTHING = r"[^/ ]+"


def _kinds(row: Row) -> Iterator[str]:
    """Yield for what kinds of price the row must say more than its usage."""
    if "BoxUsage:" in row["usagetype"]:
        yield "machine"
    if row.get("termtype") == "Reserved":
        yield "reserved"


def _region(row: Row, regions: Mapping[str, str]) -> str | None:
    """Return the region; data is transferred from one."""
    code = row.get("regioncode") or row.get("fromregioncode")
    if code:
        return code
    location = row.get("location") or row.get("fromlocation", "")
    place = re.fullmatch(r".*\((.*)\)", location)
    return regions.get(location) or (regions.get(place[1]) if place else None)


def _priced(row: Row, each: MeterRule, match: re.Match[str], region: str, usd: float) -> Found | LeftOut:
    engine = row.get("databaseengine", "").lower()
    family = row.get("productfamily", "").partition("-")[2].lower()
    names = {
        "type": row.get("instancetype", ""),
        "engine": _ENGINES.get(engine, ""),
        "aurora": _ENGINES[engine] if engine.startswith("aurora ") and engine in _ENGINES else "aurora",
        "cache": f"elasticache-{row.get('cacheengine', '').lower()}",
        "balancer": _BALANCERS.get(family, ""),
    }
    groups = ("", *match.groups(""))
    service, sku = (text.format(*groups, **names) for text in (each.service, each.sku))
    if each.kind == "machine" and row.get("operation", "") not in ("", "RunInstances"):
        return LeftOut(f"operation {row['operation']}")
    if service.endswith("-") or not service or sku.startswith("-") or not sku:
        return LeftOut(f"{row.get('servicecode', '')} {engine or family or row.get('productfamily', '')}")
    if row.get("unit") == "Quantity":
        times: float | None = 1.0
    else:
        times = factor(row["unit"], each.unit)
    if times is None:
        return LeftOut(f"unit {row['unit']}")
    return Found(
        service=service,
        sku=sku,
        unit=each.unit,
        region=region,
        usd=usd * times,
        rate=each.rate,
        start=number(row.get("startingrange", "")) or 0.0,
        kind=each.kind,
        facts=_facts(row) if each.sku == "{type}" else {},
    )


def _plain(row: Row, offer: str, usage: str, region: str, usd: float) -> Found | LeftOut:
    """Return the price of an offer without rules of its own: its service and usage type as AWS calls them."""
    unit = measured(row["unit"])
    if not offer or row.get("termtype") == "Reserved" or unit is None:
        return LeftOut(f"{offer or 'no offer'} unit {row['unit']}")
    short = re.sub(r"^(amazon|aws)", "", offer, flags=re.IGNORECASE)
    service = slug(re.sub(r"(?<=[a-z])(?=[A-Z])", "-", short))
    name, many = unit
    return Found(
        service, slug(usage), name, region, usd / many, start=number(row.get("startingrange")) or 0.0
    )


def _facts(row: Row) -> dict[str, float | str | list[float]]:
    """Return cores, memory and GPUs of the instance, where the row says them."""
    memory = re.match(r"([\d.,]+)\s*GiB", row.get("memory", ""))
    figures = {
        "vcpu": number(row.get("vcpu")),
        "memory_gib": number(memory[1].replace(",", "")) if memory else None,
    }
    return {key: value for key, value in figures.items() if value}


def term_of(row: Row) -> tuple[int, str] | None:
    """Return the years and the way of payment of a reservation; None for what is none, or not known."""
    years = _YEARS.get(row.get("leasecontractlength", ""))
    if row.get("termtype") != "Reserved" or years is None:
        return None
    return years, row.get("purchaseoption", "").lower().replace(" ", "-")

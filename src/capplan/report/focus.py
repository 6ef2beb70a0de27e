"""FOCUS 1.2: the estimate as a provider's bill would say it (focus.finops.org).

One row a priced cost line, of the expected cost, for one month. Costs are effective costs; nothing is
invoiced, so the billed cost is the same. Prices are in dollars, and costs are billed in the plan's currency,
before tax. Columns that begin with x_ are capplan's own, as FOCUS allows; x_Complete is false where lines of
the plan have no price, and so no row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from capplan.errors import InputError, Problem
from capplan.report.blocks import Sheet
from capplan.report.view import EstimateView, LineView

_PROVIDERS = {
    "gcp": "Google Cloud",
    "aws": "AWS",
    "azure": "Microsoft",
    "gpu-cloud": "GPU cloud",
    "external": "External",
}

_KINDS = {
    (
        "Compute",
        "Virtual Machines",
    ): "compute-engine compute-engine-gpu compute-engine-unit ec2 virtual-machines machines",
    ("Compute", "Serverless Compute"): "cloud-run cloud-functions fargate lambda container-apps functions",
    ("Compute", "Containers"): "gke eks aks container-instances",
    (
        "Databases",
        "Relational Databases",
    ): "cloud-sql cloud-sql-mysql cloud-sql-postgres rds-postgres rds-mysql "
    "rds-mariadb aurora-postgres aurora-mysql postgresql-flexible postgresql-single-server mysql-flexible "
    "sql-database",
    ("Databases", "NoSQL Databases"): "dynamodb cosmos-db",
    ("Databases", "Caching"): "memorystore-redis elasticache-redis elasticache-valkey elasticache-memcached "
    "redis-cache",
    ("Storage", "Block Storage"): "persistent-disk ebs managed-disk",
    ("Storage", "File Storage"): "efs",
    ("Storage", "Object Storage"): "cloud-storage s3 blob-storage",
    (
        "Networking",
        "Application Networking",
    ): "load-balancer elb application-gateway front-door global-accelerator",
    ("Networking", "Content Delivery"): "cloudfront",
    ("Networking", "Network Connectivity"): "cloud-nat nat-gateway cloud-vpn vpc-endpoint egress-internet "
    "data-transfer external-ip public-ipv4 public-ip",
    ("Networking", "Network Routing"): "route53 cloud-dns dns traffic-manager",
    ("Networking", "Network Security"): "waf",
    ("Security", "Secret Management"): "kms secrets-manager key-vault",
    ("Integration", "API Management"): "api-gateway",
    ("Integration", "Messaging"): "sqs sns eventbridge service-bus event-hubs pubsub msk",
    ("Management and Governance", "Observability"): "cloudwatch log-analytics",
    ("Analytics", "Search"): "opensearch",
    ("Developer Tools", "Developer Platforms"): "ecr artifact-registry container-registry",
    ("Web", "Application Platforms"): "app-service-linux",
}
"""Category and subcategory of services."""
_KIND_OF = {service: kind for kind, services in _KINDS.items() for service in services.split()}
_OTHER = ("Other", "Other (Other)")
_TOKENS = ("AI and Machine Learning", "Generative AI")
"""What is sold by the token, whatever its service is called."""

_PRICING = {
    "on_demand": "Standard",
    "spot": "Dynamic",
    "commit_1y": "Committed",
    "commit_3y": "Committed",
}

COLUMNS = (
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "CapacityReservationId",
    "CapacityReservationStatus",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
    "x_Component",
    "x_CostMin",
    "x_CostMax",
    "x_PriceStatus",
    "x_PriceSource",
    "x_PriceAsOf",
    "x_Complete",
)


def focus_sheet(
    estimates: Sequence[EstimateView], period: str | None, regions: Mapping[str, Mapping[str, str]]
) -> Sheet:
    """Return the priced lines as FOCUS rows for the month ``period``, YYYY-MM, or of the youngest price."""
    start, end = month(period or _youngest(estimates))
    rows = (
        _row(shown, line, start, end, regions)
        for shown in estimates
        for line in shown.lines
        if line.cost is not None and line.unit_price is not None
    )
    return Sheet(COLUMNS, ([row.get(column, "") for column in COLUMNS] for row in rows))


def _youngest(estimates: Sequence[EstimateView]) -> str:
    """Return the month of the youngest price, for estimates that are of no month in particular."""
    return max((line.as_of or "" for shown in estimates for line in shown.lines), default="")[:7] or "2026-01"


def month(period: str) -> tuple[str, str]:
    """Return when the month ``period``, YYYY-MM, begins and ends; InputError if it is none."""
    from datetime import date, timedelta

    try:
        first = date.fromisoformat(f"{period}-01")
        following = (first + timedelta(days=32)).replace(day=1)
    except (ValueError, OverflowError):
        raise InputError(Problem("--period", f"expected YYYY-MM, got '{period}'")) from None
    return f"{first}T00:00:00Z", f"{following}T00:00:00Z"


def _row(
    shown: EstimateView, line: LineView, start: str, end: str, regions: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Return the columns of one line that are not null."""
    import json

    cost = line.cost.expected if line.cost else 0.0
    money = shown.money[-1] if shown.money else None
    rate = money.per_usd if money else 1.0
    other = _TOKENS if "token" in line.unit else _OTHER
    category, subcategory = _KIND_OF.get(line.service, other)
    price_id = f"{line.provider}/{line.service}/{line.sku}/{line.region}"
    owner = shown.owner
    account = owner.account or shown.plan
    tags = dict.fromkeys(owner.tags.get(line.component, ()), "true")
    tags |= {"plan": shown.plan, "component": line.component}
    tags |= {"team": owner.team} if owner.team else {}
    return {
        "BilledCost": _decimal(rate * cost),
        "BillingAccountId": account,
        "BillingAccountName": account,
        "BillingAccountType": "Account" if owner.account else "Plan",
        "BillingCurrency": money.currency if money else "USD",
        "BillingPeriodStart": start,
        "BillingPeriodEnd": end,
        "ChargePeriodStart": start,
        "ChargePeriodEnd": end,
        "ChargeCategory": "Credit" if cost < 0 else "Usage",
        "ChargeDescription": f"{line.sku} {line.note or line.rate.replace('_', '-')}: {line.formula}",
        "ChargeFrequency": "Usage-Based",
        **_commitment(shown, line),
        **_consumed(line, cost),
        **_prices(line, rate),
        "EffectiveCost": _decimal(rate * cost),
        "InvoiceIssuerName": _PROVIDERS[line.provider],
        "PricingCategory": _PRICING[line.rate],
        "PricingCurrency": "USD",
        "PricingCurrencyEffectiveCost": _decimal(cost),
        "PricingQuantity": _decimal(line.quantity),
        "PricingUnit": unit_name(line.unit),
        "ProviderName": _PROVIDERS[line.provider],
        "PublisherName": _PROVIDERS[line.provider],
        "RegionId": line.region,
        "RegionName": regions.get(line.provider, {}).get(line.region, line.region),
        "ResourceId": f"{shown.plan}/{line.component}",
        "ResourceName": line.component,
        "ResourceType": line.service,
        "ServiceCategory": category,
        "ServiceName": line.service,
        "ServiceSubcategory": subcategory,
        "SkuId": f"{line.provider}/{line.service}/{line.sku}",
        "SkuMeter": line.sku,
        "SkuPriceId": f"{price_id}/{line.rate}",
        "Tags": json.dumps(tags, ensure_ascii=False),
        "x_Component": line.component,
        "x_CostMin": _decimal(rate * line.cost.min) if line.cost else "",
        "x_CostMax": _decimal(rate * line.cost.max) if line.cost and line.cost.max is not None else "",
        "x_PriceStatus": line.status,
        "x_PriceSource": line.source,
        "x_PriceAsOf": line.as_of or "",
        "x_Complete": str(shown.total is not None and shown.total.certainty.complete).lower(),
    }


def _prices(line: LineView, rate: float) -> dict[str, str]:
    """Return contracted and list prices and costs; rate: of the billing currency for a dollar."""
    contracted = line.unit_price if line.rate == "on_demand" or line.list_price is None else line.list_price
    found: dict[str, str] = {}
    for name, price in (("Contracted", contracted), ("List", line.list_price)):
        usd = (contracted if price is None else price) or 0.0
        found |= {
            f"{name}Cost": _decimal(rate * line.quantity * usd),
            f"{name}UnitPrice": _decimal(rate * usd),
            f"PricingCurrency{name}UnitPrice": _decimal(usd),
        }
    return found


def unit_name(unit: str) -> str:
    """Return a unit as FOCUS's unit format writes it: in the plural, with numbers written out.

    >>> unit_name("vCPU-second"), unit_name("GiB"), unit_name("1M tokens")
    ('vCPU-Seconds', 'GiB', '1000000 Tokens')
    """
    number, _, rest = unit.rpartition(" ")
    parts = [part if part != part.lower() else part.capitalize() for part in rest.split("-")]
    if rest.rpartition("-")[2].islower() and not rest.endswith("s"):
        parts[-1] += "s"
    many = {"1M": "1000000 ", "1K": "1000 "}.get(number, f"{number} " if number else "")
    return many + "-".join(parts)


def _consumed(line: LineView, cost: float) -> dict[str, str]:
    """Return what was used; a credit uses nothing, and its columns are null."""
    return (
        {}
        if cost < 0
        else {"ConsumedQuantity": _decimal(line.quantity), "ConsumedUnit": unit_name(line.unit)}
    )


def _commitment(shown: EstimateView, line: LineView) -> dict[str, str]:
    if not line.rate.startswith("commit"):
        return {}
    years = {"commit_1y": "1-year", "commit_3y": "3-year"}[line.rate]
    return {
        "CommitmentDiscountCategory": "Usage",
        "CommitmentDiscountId": f"{shown.plan}/{line.component}/{line.sku}/{line.rate}",
        "CommitmentDiscountName": f"{years} commitment, {line.sku}",
        "CommitmentDiscountQuantity": _decimal(line.quantity),
        "CommitmentDiscountStatus": "Used",
        "CommitmentDiscountType": f"{years} commitment",
        "CommitmentDiscountUnit": unit_name(line.unit),
    }


def _decimal(value: float) -> str:
    """Return twelve significant digits, without the exponent that FOCUS's decimals must not have."""
    from decimal import Decimal

    text = f"{Decimal(f'{value + 0.0:.11e}'):f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"

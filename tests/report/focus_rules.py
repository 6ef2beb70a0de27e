"""The rules of FOCUS 1.2 that a file of usage and credits must keep: columns, nulls, values, arithmetic.

From the specification's content constraints (FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec, release 1.2).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence

ALWAYS = (
    *("BilledCost", "BillingAccountId", "BillingAccountType", "BillingCurrency", "BillingPeriodEnd"),
    *("BillingPeriodStart", "ChargeCategory", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart"),
    *("ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingCurrency"),
    *("PricingCurrencyEffectiveCost", "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory"),
    *("ServiceName", "ServiceSubcategory"),
)
"""Columns that must not be null in a row of usage."""
MAY_BE_NULL = (
    *("AvailabilityZone", "BillingAccountName", "CapacityReservationId", "CapacityReservationStatus"),
    *("ChargeClass", "ChargeFrequency", "CommitmentDiscountCategory", "CommitmentDiscountId"),
    *("CommitmentDiscountName", "CommitmentDiscountQuantity", "CommitmentDiscountStatus"),
    *("CommitmentDiscountType", "CommitmentDiscountUnit", "ConsumedQuantity", "ConsumedUnit"),
    *("ContractedUnitPrice", "InvoiceId", "ListUnitPrice", "PricingCategory", "PricingQuantity"),
    *("PricingCurrencyContractedUnitPrice", "PricingCurrencyListUnitPrice", "RegionId", "RegionName"),
    *("ResourceId", "ResourceName", "ResourceType", "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId"),
    *("SubAccountId", "SubAccountName", "SubAccountType", "Tags"),
)
COLUMNS = frozenset((*ALWAYS, *MAY_BE_NULL))
"""The 57 columns of FOCUS 1.2."""

ALLOWED = {
    "ChargeCategory": ("Usage", "Purchase", "Tax", "Credit", "Adjustment"),
    "ChargeClass": ("Correction",),
    "ChargeFrequency": ("One-Time", "Recurring", "Usage-Based"),
    "CommitmentDiscountCategory": ("Spend", "Usage"),
    "CommitmentDiscountStatus": ("Used", "Unused"),
    "CapacityReservationStatus": ("Used", "Unused"),
    "PricingCategory": ("Standard", "Dynamic", "Committed", "Other"),
}
SUBCATEGORIES = {
    "AI and Machine Learning": ("Generative AI", "Machine Learning", "Other (AI and Machine Learning)"),
    "Analytics": ("Analytics Platforms", "Business Intelligence", "Data Processing", "Search")
    + ("Streaming Analytics", "Other (Analytics)"),
    "Compute": ("Containers", "End User Computing", "Quantum Compute", "Serverless Compute")
    + ("Virtual Machines", "Other (Compute)"),
    "Databases": ("Caching", "Data Warehouses", "Ledger Databases", "NoSQL Databases")
    + ("Relational Databases", "Time Series Databases", "Other (Databases)"),
    "Developer Tools": ("Developer Platforms", "Source Code Management", "Other (Developer Tools)"),
    "Integration": ("API Management", "Messaging", "Workflow Orchestration", "Other (Integration)"),
    "Management and Governance": ("Observability", "Support", "Other (Management and Governance)"),
    "Networking": ("Application Networking", "Content Delivery", "Network Connectivity")
    + ("Network Infrastructure", "Network Routing", "Network Security", "Other (Networking)"),
    "Security": ("Secret Management", "Security Posture Management", "Threat Detection and Response")
    + ("Other (Security)",),
    "Storage": ("Backup Storage", "Block Storage", "File Storage", "Object Storage", "Storage Platforms")
    + ("Other (Storage)",),
    "Web": ("Application Platforms", "Other (Web)"),
    "Other": ("Other (Other)",),
}
"""Subcategories by category: those that an estimate may need, and all of the categories that it uses."""


def broken(header: Sequence[str], rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return every rule that a file breaks."""
    found = [f"{name}: missing" for name in sorted(COLUMNS - set(header))]
    found += [f"{name}: not of FOCUS" for name in header if name not in COLUMNS and not name.startswith("x_")]
    found += ["a column is there twice"] if len(set(header)) < len(header) else []
    for number, row in enumerate(rows, start=1):
        found += [f"row {number}: {what}" for what in _row(row)]
    return found


def _row(row: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{name} is null" for name in ALWAYS if not row[name])
    for name, allowed in ALLOWED.items():
        if row[name] and row[name] not in allowed:
            yield f"{name}: {row[name]}"
    if row["ServiceSubcategory"] not in SUBCATEGORIES.get(row["ServiceCategory"], ()):
        yield f"{row['ServiceSubcategory']} is not of {row['ServiceCategory']}"
    yield from _formats(row)
    yield from _presence(row)
    yield from _arithmetic(row)


def _formats(row: Mapping[str, str]) -> Iterator[str]:
    for name, value in row.items():
        decimal = name.endswith(("Cost", "Price", "Quantity"))
        if value and decimal and not re.fullmatch(r"-?\d+(\.\d+)?", value):
            yield f"{name}: {value} is no decimal"
        if name.endswith(("PeriodStart", "PeriodEnd")) and not re.fullmatch(
            r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", value
        ):
            yield f"{name}: {value} is no moment in UTC"
    for name in ("BillingCurrency", "PricingCurrency"):
        if not re.fullmatch("[A-Z]{3}", row[name]):
            yield f"{name}: {row[name]}"
    if row["Tags"] and not isinstance(json.loads(row["Tags"]), dict):
        yield "Tags are no mapping"


def _presence(row: Mapping[str, str]) -> Iterator[str]:
    """Yield what is there without what it belongs to, or is missing beside it."""
    committed = bool(row["CommitmentDiscountId"])
    for part in ("Category", "Name", "Status", "Type", "Quantity", "Unit"):
        if bool(row[f"CommitmentDiscount{part}"]) != committed:
            yield f"CommitmentDiscount{part} and CommitmentDiscountId do not agree"
    yield from _usage(row)
    if committed != (row["PricingCategory"] == "Committed"):
        yield "PricingCategory and CommitmentDiscountId do not agree"
    for one, other in (
        ("ConsumedQuantity", "ConsumedUnit"),
        ("SkuId", "SkuMeter"),
        ("RegionId", "RegionName"),
    ):
        if bool(row[one]) != bool(row[other]):
            yield f"{one} and {other} do not agree"
    for name in ("SubAccountName", "SubAccountType"):
        if row[name] and not row["SubAccountId"]:
            yield f"{name} without SubAccountId"
    if row["CapacityReservationStatus"] and not row["CapacityReservationId"]:
        yield "CapacityReservationStatus without CapacityReservationId"


def _usage(row: Mapping[str, str]) -> Iterator[str]:
    usage = row["ChargeCategory"] == "Usage"
    if usage and not (row["PricingQuantity"] and row["ListUnitPrice"] and row["ContractedUnitPrice"]):
        yield "usage without quantity or price"
    if not usage and row["ConsumedQuantity"]:
        yield "consumes, and is no usage"


def _arithmetic(row: Mapping[str, str]) -> Iterator[str]:
    """Yield products and periods that do not hold."""
    quantity = float(row["PricingQuantity"])
    for cost, price in (("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")):
        if not math.isclose(float(row[cost]), quantity * float(row[price]), rel_tol=1e-6, abs_tol=1e-6):
            yield f"{cost} is not PricingQuantity × {price}"
    if not row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"]:
        yield "the charge period does not begin in the billing period"
    same = row["BillingCurrency"] == row["PricingCurrency"]
    if same and row["EffectiveCost"] != row["PricingCurrencyEffectiveCost"]:
        yield "one currency, two costs"

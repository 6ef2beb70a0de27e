"""Price lists whose form is not a provider's own: FOCUS price sheets and bills, and genai-prices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from capplan.catalog.imports.collect import Collection
from capplan.catalog.imports.found import Found, LeftOut, factor, measured, price, slug

_SELLERS = {"aws": "bedrock", "google": "gemini-api", "azure": "azure-openai"}
_OF = {"aws": "aws", "google": "gcp", "azure": "azure"}


def take_models(collection: Collection, seller: Mapping[str, Any]) -> None:
    """Take the models that a provider sells by the token, at the price of a short context."""
    name = str(seller["id"])
    if _OF.get(name) != collection.provider:
        collection.add(LeftOut(f"models of {name}"))
        return
    for model in seller["models"]:
        prices = model["prices"]
        if isinstance(prices, list):
            prices = next((p["prices"] for p in reversed(prices) if _holds(p, collection.today)), {})
        for key, value in prices.items():
            kind = re.fullmatch(r"(input|output|cache_read|cache_write)_mtok", key)
            if kind is None:
                collection.add(LeftOut(f"{name}: {key}"))
                continue
            usd = price(value["base"] if isinstance(value, dict) else value)
            sku = f"{slug(str(model['id']))}-{slug(kind[1])}"
            collection.add(Found(_SELLERS[name], sku, "token", "global", usd / 1e6))


def _holds(dated: Mapping[str, Any], today: str) -> bool:
    """Say whether prices of a model hold on a day: those without a condition, or whose day has come."""
    when = dated.get("constraint") or {}
    return not when or (set(when) <= {"start_date", "type"} and str(when.get("start_date", "9")) <= today)


FOCUS_COLUMNS = ("ListUnitPrice", "PricingUnit", "RegionId", "ServiceName", "SkuId", "BillingCurrency")
_NOTHING = ("", "NULL", "null")
_FOCUS_PROVIDERS = {"aws": "aws", "amazon web services": "aws", "microsoft": "azure", "azure": "azure"}
_FOCUS_PROVIDERS |= {"google cloud": "gcp", "google": "gcp", "gcp": "gcp"}


def _own_unit(text: str) -> str:
    """Return the catalog's unit of what capplan's own FOCUS files write in the plural.

    >>> _own_unit("vCPU-Hours"), _own_unit("Cluster-Hours"), _own_unit("GiB"), _own_unit("hour")
    ('vCPU-hour', 'cluster-hour', 'GiB', 'hour')
    """
    *first, last = (part.lower() if part.istitle() else part for part in text.split("-"))
    return "-".join((*first, last.removesuffix("s")))


def take_focus(collection: Collection, row: Mapping[str, str]) -> None:
    """Take the list price of a row of a FOCUS price sheet or bill."""
    seller = row.get("providername") or row.get("serviceprovidername") or row.get("publishername") or ""
    row = {key: "" if text in _NOTHING else text for key, text in row.items()}
    own = re.fullmatch(r"(gcp|aws|azure)/([a-z0-9-]+)/(.+)", row["skuid"])
    listed, currency = row["listunitprice"], row.get("billingcurrency", "USD")
    if row.get("pricingcurrencylistunitprice"):
        listed, currency = row["pricingcurrencylistunitprice"], row.get("pricingcurrency", "USD")
    if (own[1] if own else _FOCUS_PROVIDERS.get(seller.lower())) != collection.provider:
        collection.add(LeftOut(f"provider {seller}"))
    elif row.get("chargecategory", "") not in ("", "Usage"):
        collection.add(LeftOut(f"ChargeCategory {row['chargecategory']}"))
    elif not row["skuid"] and not row.get("skumeter"):
        collection.add(LeftOut("no SKU"))
    elif not listed or row.get("pricingcategory", "Standard") not in ("", "Standard"):
        collection.add(LeftOut("no list price on demand"))
    elif currency != "USD":
        collection.add(LeftOut("currency"))
    else:
        usd, region = price(listed), row["regionid"] or "global"
        service = own[2] if own else slug(re.sub(r"^(Amazon|AWS|Azure|Google) ", "", row["servicename"]))
        unit = _own_unit(row["pricingunit"]) if own else (measured(row["pricingunit"]) or ("", 1.0))[0]
        times = 1.0 if own else factor(row["pricingunit"], unit)
        if times is None or not unit:
            collection.add(LeftOut(f"unit {row['pricingunit']}"))
        else:
            sku = own[3] if own else row.get("skumeter") or row["skuid"]
            collection.add(Found(service, sku if own else slug(sku), unit, region, usd * times))

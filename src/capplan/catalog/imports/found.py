"""What a row of a price list says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Found(NamedTuple):
    """One price. ``start``: units a month from which it holds; ``facts`` of the SKU, by catalogs' names.

    rank: of several commitments of one SKU and term, the highest is taken. payment: how one is paid.
    """

    service: str
    sku: str
    unit: str
    region: str
    usd: float
    rate: str = "on_demand"
    start: float = 0.0
    kind: str = "meter"
    facts: Mapping[str, float | str | list[float]] = {}
    rank: int = 0
    payment: str = ""


class LeftOut(NamedTuple):
    """A row that no catalog has a place for; ``why`` groups it with others."""

    why: str


class MeterRule(NamedTuple):
    """What rows are the price of ``sku`` of ``service``, in ``unit``; names may hold groups of the pattern.

    pattern is matched with the whole text that a provider tells its meters apart by.
    """

    pattern: re.Pattern[str]
    service: str
    sku: str
    unit: str
    kind: str = "meter"
    rate: str = "on_demand"


def rule(pattern: str, service: str, sku: str, unit: str, **more: str) -> MeterRule:
    """Return a rule, its pattern without regard to case."""
    return MeterRule(re.compile(pattern, re.IGNORECASE), service, sku, unit, **more)


_SIZES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}
_UNITS = {
    **dict.fromkeys(
        ("hrs", "hour", "hours", "hr", "h", "node-hours", "instance-hour", "instancehours", "shardhour"),
        "hour",
    ),
    **dict.fromkeys(("mo", "month", "months", "/month", "keys", "secrets", "alarms", "metrics"), "month"),
    **dict.fromkeys(("hostedzone", "hosted zones", "rules", "web acls"), "month"),
    **dict.fromkeys(
        ("gb-mo", "gb-month", "gb-months", "gib-month", "gib-months", "gb/month", "gib/month", "giby.mo")
        + ("gby.mo", "gib-mo", "gibibyte month", "gigabyte month"),
        "GiB-month",
    ),
    **dict.fromkeys(
        ("gb", "gib", "giby", "gby", "gigabytes", "gibibyte", "gigabyte")
        + ("miby", "tiby", "mebibyte", "tebibyte"),
        "GiB",
    ),
    **dict.fromkeys(
        ("gb-hours", "gb-hour", "giby.h", "gb hour", "gib hour", "gib-hours", "gib-hour", "gibibyte hour"),
        "GiB-hour",
    ),
    **dict.fromkeys(
        ("gb-second", "lambda-gb-second", "gb second", "gib second", "gib-second", "giby.s", "gb-s")
        + ("gibibyte second",),
        "GiB-second",
    ),
    **dict.fromkeys(("vcpu-hours", "vcpu-hour", "vcpu hour"), "vCPU-hour"),
    **dict.fromkeys(("vcpu-seconds", "vcpu-second"), "vCPU-second"),
    **dict.fromkeys(("lcu-hrs", "lcu-hours", "lcu-hour"), "LCU-hour"),
    **dict.fromkeys(("iops-mo", "iops-month", "iops/month"), "IOPS-month"),
    **dict.fromkeys(("mbps-mo", "mibps-mo", "mbps-month"), "MBps-month"),
    **dict.fromkeys(("acu-hr", "acu-hours"), "ACU-hour"),
    **dict.fromkeys(("tokens", "token"), "token"),
    **dict.fromkeys(("s", "second", "seconds"), "second"),
    **dict.fromkeys(
        ("requests", "request", "count", "", "ios", "queries", "messages", "notifications", "events")
        + ("api calls", "api requests", "operations", "invocations", "readrequestunits", "writerequestunits")
        + ("putrequest", "64k chunks"),
        "request",
    ),
}
_PARTS = {"miby": 1 / 1024, "tiby": 1024.0, "mebibyte": 1 / 1024, "tebibyte": 1024.0}
"""How many of our unit are one of the provider's."""

_INTO = {
    ("GiBps-mo", "MBps-month"): 1 / 1024,
    ("GB-month", "GiB-month"): 2**30 / 1e9,
    ("GiB-month", "GB-month"): 1.0,
    ("GiB", "GB"): 1.0,
    ("hour", "vCPU-hour"): 1.0,
    ("hour", "GiB-hour"): 1.0,
    ("hour", "vCore-hour"): 1.0,
    ("hour", "GPU-hour"): 1.0,
    ("hour", "node-hour"): 1.0,
    ("hour", "cluster-hour"): 1.0,
    ("hour", "LCU-hour"): 1.0,
    ("hour", "ACU-hour"): 1.0,
    ("second", "vCPU-second"): 1.0,
    ("second", "GPU-second"): 1.0,
    ("second", "vCPU-hour"): 3600.0,
    ("vCPU-second", "vCPU-hour"): 3600.0,
    ("GiB-second", "GiB-hour"): 3600.0,
    ("month", "IOPS-month"): 1.0,
    ("month", "MBps-month"): 1.0,
    ("GiB-month", "GiB-hour"): 1 / 730,
}
"""What a price by the first unit is multiplied by to be one by the second.

Providers write GB for GiB; Azure's catalogs keep its word. GCP's cores and GPUs are metered by the hour.
"""


def measured(text: str) -> tuple[str, float] | None:
    """Return the unit that a price list means by ``text``, and how many of it; None for one that is unknown.

    >>> measured("10K"), measured("GB-Mo"), measured("1 GB/Month"), measured("1/Hour"), measured("TiBy")
    (('request', 10000.0), ('GiB-month', 1.0), ('GiB-month', 1.0), ('hour', 1.0), ('GiB', 1024.0))
    """
    if text == "GiBps-mo":
        return text, 1.0
    if text and text.lower() in _UNITS:
        return _UNITS[text.lower()], _PARTS.get(text.lower(), 1.0)
    match = re.fullmatch(r"\s*([\d.,]*)\s*([KMB]?)(?![A-Za-z])\s*/?\s*(.*?)\s*", text) or re.fullmatch(
        r"\s*([\d.,]*)()\s*(.*?)\s*", text
    )
    if match is None or not text.strip():
        return None
    unit = _UNITS.get(match[3].lower())
    number = match[1].replace(",", "")
    many = float(number) if number and number != "." else 1.0
    many *= _SIZES[match[2].lower()] * _PARTS.get(match[3].lower(), 1.0)
    return None if unit is None or many <= 0 else (unit, many)


def factor(text: str, unit: str) -> float | None:
    """Return what a price by ``text``, as a price list says it, is multiplied by to be one by ``unit``."""
    found = measured(text)
    if found is None:
        return None
    own, many = found
    times = 1.0 if own == unit else _INTO.get((own, unit))
    return None if times is None else times / many


def slug(text: str) -> str:
    """Return ``text`` as names of services and SKUs are written.

    >>> slug("Azure Cosmos DB: 100 RU/s")
    'azure-cosmos-db-100-ru-s'
    """
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")


LARGEST = 1e12
"""The largest price or quantity that a price list can hold."""


def number(text: object) -> float | None:
    """Return a number that is no price, such as cores or where a block starts; None where there is none."""
    try:
        value = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return value if 0 <= value <= LARGEST else None


def price(text: object) -> float:
    """Return a price; raise :class:`RowError` for what can be none."""
    value = number(text)
    if value is None or isinstance(text, bool):
        raise RowError(f"price '{str(text)[:40]}' is not a number from 0 to {LARGEST:g}")
    return value


class RowError(Exception):
    """A row is damaged: what is wrong with it."""

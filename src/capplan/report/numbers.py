"""Numbers as people read them."""

from __future__ import annotations

import math

from capplan.quantities import plain

_SHORT_UNITS = {
    "vCPU-second": "vCPU-s",
    "GiB-second": "GiB-s",
    "GPU-second": "GPU-s",
    "vCPU-hour": "vCPU-h",
    "vCore-hour": "vCore-h",
    "GiB-hour": "GiB-h",
    "GPU-hour": "GPU-h",
    "LCU-hour": "LCU-h",
    "node-hour": "node-h",
    "cluster-hour": "h",
    "hour": "h",
    "GiB-month": "GiB-mo",
    "GB-month": "GB-mo",
    "request": "req",
}

_SMALL = 5e-4
"""Below it, three decimals are none."""

BOUNDS = {None: "", "lower": "≥ ", "upper": "≤ ", "neither": "≈ "}
"""What stands before an amount, by what JSON says that it bounds."""


def money(usd: float | None) -> str:
    """Return dollars and cents; a dash where the amount is unknown.

    >>> money(1234.567), money(-3.0), money(None)
    ('1,234.57', '-3.00', '–')
    """
    if usd is None:
        return "–"
    text = f"{usd:,.2f}"
    return "0.00" if text == "-0.00" else text


def unit_price(usd: float | None) -> str:
    """Return a unit price with every digit that it has, up to eight significant ones.

    >>> unit_price(0.0000025), unit_price(197.25), unit_price(0.2702)
    ('0.0000025', '197.25', '0.2702')
    """
    if usd is None:
        return "unpriced"
    if usd == 0:
        return "0"
    digits = max(2, 8 - _magnitude(usd))
    return f"{usd:.{digits}f}".rstrip("0").rstrip(".")


def _magnitude(value: float) -> int:
    from math import floor, log10

    return floor(log10(abs(value))) + 1


def quantity(amount: float) -> str:
    """Return an amount with thousands separators, and as many decimals as a small one needs.

    >>> quantity(2528878.6), quantity(730.0), quantity(0.4567), quantity(0.00000186), quantity(math.inf)
    ('2,528,879', '730', '0.457', '0.00000186', '∞')
    """
    if abs(amount) < 1e-9:  # what rounding leaves of nothing
        return "0"
    if amount == math.inf:
        return "∞"
    if abs(amount) >= 1000 or amount == int(amount):
        return f"{amount:,.0f}"
    if abs(amount) < _SMALL:
        return plain(amount, 3)
    decimals = max(0, 3 - max(_magnitude(amount), 0))
    return f"{amount:,.{decimals}f}".rstrip("0").rstrip(".") if decimals else f"{amount:,.0f}"


_SMALLER = {"s": ((1, "s"), (1e3, "ms")), "GiB": ((1, "GiB"), (2**10, "MiB"), (2**30 / 1e3, "kB"))}


def in_unit(amount: float, unit: str) -> str:
    """Return an amount as people write it in a unit of plans.

    >>> in_unit(0.013, "s"), in_unit(0.45, "%"), in_unit(0.5, "GiB"), in_unit(2e-6, "GiB"), in_unit(75, "/s")
    ('13 ms', '45%', '512 MiB', '2.15 kB', '75/s')
    """
    if unit == "%":
        return f"{quantity(100 * amount)}%"
    sizes = _SMALLER.get(unit, ((1, unit),))
    factor, name = next((size for size in sizes if abs(amount) * size[0] >= 1), sizes[-1 if amount else 0])
    return f"{quantity(factor * amount)}{' ' if name.isalpha() else ''}{name}"


def significant(value: float) -> float:
    """Return ``value`` in twelve significant digits and never as -0.0.

    The last digits of an exp or a log depend on the processor, and what scripts read must not.

    >>> significant(0.1 + 0.2), significant(-0.0)
    (0.3, 0.0)
    """
    return float(f"{value:.12g}") + 0.0


def count(instances: float | None) -> str:
    """Return a number of instances: whole where it is, one decimal where it is an average."""
    if instances is None:
        return "∞"
    instances += 0.0  # -0.0 becomes 0
    return f"{instances:,.0f}" if instances == int(instances) else f"{instances:,.1f}"


def finite(value: float) -> float | None:
    """Return a figure as JSON has it: null for what is infinite or unknown."""
    return value if math.isfinite(value) else None


def rate(per_second: float) -> str:
    """Return requests per second in three significant digits.

    >>> rate(34.7222), rate(12345.0)
    ('34.7', '12,345')
    """
    return quantity(per_second)


def span(low: str, high: str) -> str:
    """Return both ends of a range, or the one that they are."""
    return low if low == high else f"{low} to {high}"


def short_unit(unit: str) -> str:
    """Return the abbreviation of a unit."""
    return _SHORT_UNITS.get(unit, unit)

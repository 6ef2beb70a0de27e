"""Kubernetes quantities: written canonically, and read back."""

from __future__ import annotations

import math
import re

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_QUANTITY = re.compile(rf"({_NUMBER})((?:[KMGTPE]i)|[numkMGTPE]|(?:[eE][+-]?[0-9]+))?")
_SUFFIX = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    **{letter: 1000.0 ** (power + 1) for power, letter in enumerate("kMGTPE")},
    **{f"{letter}i": 1024.0 ** (power + 1) for power, letter in enumerate("KMGTPE")},
}


def cpu(cores: float) -> str:
    """Return cores as a quantity.

    >>> cpu(2.0), cpu(0.25)
    ('2', '250m')
    """
    milli = math.ceil(cores * 1000 - 1e-6)
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def memory(gib: float) -> str:
    """Return GiB as a quantity.

    >>> memory(2.0), memory(0.5)
    ('2Gi', '512Mi')
    """
    mib = math.ceil(gib * 1024 - 1e-6)
    return f"{mib // 1024}Gi" if mib % 1024 == 0 else f"{mib}Mi"


def milli(value: float) -> str:
    """Return a number as a quantity, in thousandths where it is not whole.

    >>> milli(15.0), milli(0.5)
    ('15', '500m')
    """
    thousandths = max(1, round(value * 1000))
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"


def shown(resource: str, value: float) -> str:
    """Return a quantity of a resource as people write it.

    >>> shown("requests.memory", 625 * 2.0**30), shown("cpu", 0.25)
    ('625Gi', '250m')
    """
    if resource.rpartition(".")[2] in ("memory", "storage", "ephemeral-storage"):
        return memory(value / 2**30)
    return cpu(value)


def parse(value: object) -> float:
    """Return what a quantity means: cores, bytes or a count. Raises ValueError for what is none.

    >>> parse("250m"), parse("1Ki"), parse(2), parse("1e3")
    (0.25, 1024.0, 2.0, 1000.0)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _finite(value)
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a quantity")
    suffix = match[2] or ""
    if suffix[:1] in ("e", "E") and len(suffix) > 1:
        return _finite(match[0])
    return _finite(float(match[1]) * _SUFFIX[suffix])


def _finite(value: float | str) -> float:
    """Return a number below any that could be meant; ValueError for what is more, or none."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) <= _MOST:
        raise ValueError(f"{str(value)[:60]} is not a quantity")
    return number


_MOST = 1e30

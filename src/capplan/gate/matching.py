"""Which SKU of an estimate a row of a bill is: by its name, service, purchase, licence and availability."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from capplan.catalog.imports.found import factor, measured


class Usage(NamedTuple):
    """What was used of one SKU in a month. cost is None where nobody knows the price."""

    quantity: float
    unit: str
    cost: float | None


class Charge(NamedTuple):
    """What a bill says of one SKU. words: see :func:`words_of`."""

    service: str
    sku: str
    words: str
    usage: Usage

    @property
    def name(self) -> str:
        """What the bill calls it, and of how it is bought, licensed and run what its SKU does not say."""
        said = words_of(self.sku).split() if self.words else ()
        more = " ".join(word for word in self.words.split() if word in _WORDS and word not in said)
        return f"{self.service}/{self.sku} | {more}" if more else f"{self.service}/{self.sku}"


def in_unit(usage: Usage, unit: str) -> Usage | None:
    """Return what was used in another unit, as price lists write units; None where they cannot be compared.

    >>> in_unit(Usage(3.0, "100 Hours", 1.0), "hour")
    Usage(quantity=300.0, unit='hour', cost=1.0)
    """
    if _folded(usage.unit) == _folded(unit):
        return usage._replace(unit=unit)
    (into, block), own = measured(unit) or (unit, 1.0), measured(usage.unit)
    times = factor(usage.unit, into)
    if times is not None:
        return Usage(usage.quantity / times / block, unit, usage.cost)
    back = None if own is None else factor(into, own[0])
    if own is None or back is None:
        return None
    return Usage(usage.quantity * own[1] * back / block, unit, usage.cost)


def _folded(unit: str) -> str:
    return unit.lower().removesuffix("s")


def together(one: Usage, other: Usage) -> Usage:
    """Return the sum in the unit of ``one``; units that differ leave a quantity that compares with nothing.

    A discount has neither quantity nor unit.
    """
    cost = None if one.cost is None or other.cost is None else one.cost + other.cost
    if not one.unit or not other.unit:
        return Usage(one.quantity + other.quantity, one.unit or other.unit, cost)
    same = in_unit(other, one.unit)
    if same is None:
        return Usage(0.0, "several units", cost)
    return Usage(one.quantity + same.quantity, one.unit, cost)


_WORDS = {
    "spot": r"\b(?:spot|preemptible|low.priority)(?:usage)?\b|(?:^|\| )dynamic(?: \||$)",
    "licensed": r"windows|\brhel\b|red hat|\bsuse\b|ubuntu pro|\bsql.(?:server|std|web|ent)"
    r"|runinstances:(?!sv)\w",
    "available": r"multi.?az|\bregional\b|zone.redundant",
    "dedicated": r"dedicated|host(?:box)?usage|sole.tenancy",
    "reserved": r"unused(?:box|dedicated)|\| unused(?: \||$)",
    "beside": r"ebsoptimized|softwareusage|cpucredits",
    "postgres": r"postgres|createdbinstance:00(?:14|21)",
    "mysql": r"mysql|createdbinstance:00(?:02|16)",
    "mariadb": r"mariadb|createdbinstance:0018",
    "aurora": r"aurora|createdbinstance:00(?:16|21)",
    "redis": r"redis",
    "valkey": r"valkey",
    "memcached": r"memcached",
}
"""What tells machines of one type apart. Sources: usage types and operation codes of AWS's documentation
(docs.aws.amazon.com, "AMI billing information fields" and "CreateDBInstance" codes of the RDS user guide)."""

_ENGINES = frozenset(("postgres", "mysql", "mariadb", "aurora", "redis", "valkey", "memcached"))
"""A bill need not name the engine; all other words hold on both sides or on neither."""


def words_of(text: str) -> str:
    """Return what ``text`` says of how a machine is bought, licensed and run.

    >>> words_of("USE1-SpotUsage:m5.xlarge"), words_of("Dv3 Series Windows"), words_of("BoxUsage:m5.xlarge")
    ('spot', 'licensed', '')
    """
    return " ".join(word for word, pattern in _WORDS.items() if re.search(pattern, text.lower()))


MACHINE = "machine:"
"""Begins a word that is the type of the machine that a charge is a part of."""

_SOLD_AS = {
    "ec2": r"amazonec2|ec2|(?:amazon )?elastic compute cloud(?: - compute)?",
    "rds": r".*(?:rds|relational database service)",
    "aurora": r".*(?:rds|relational database service|aurora).*",
    "elasticache": r".*elasticache",
    "opensearch": r".*(?:opensearch|amazones).*",
    "compute-engine": "compute engine",
    "cloud-sql": "cloud sql.*",
    "memorystore": ".*memorystore.*",
    "virtual-machines": "virtual machines?(?: scale sets)?",
}
"""What bills call the services that sell machines, by how the catalog's name begins."""


def match(charges: Iterable[Charge], estimated: Mapping[str, Usage], names: SkuNames) -> dict[str, Usage]:
    """Return what was billed by the names of the estimate, and what is not in it by the bill's own."""
    found: dict[str, Usage] = {}
    for charge in charges:
        name = _name_of(charge, estimated, names)
        usage = charge.usage
        if name in estimated:
            usage = in_unit(usage, estimated[name].unit) or usage
        found[name] = together(found[name], usage) if name in found else usage
    return found


def as_bought(name: str, spot: bool) -> str:
    """Return the name of a SKU that tells apart how it is bought."""
    return f"{name} spot" if spot else name


class SkuNames:
    """The user's names for what a bill calls SKUs, by patterns with *; the first that matches holds.

    used: the patterns that have matched something.
    """

    def __init__(self, said: Mapping[str, str]) -> None:
        self.said = said
        self.used: set[str] = set()

    def of(self, charge: Charge) -> str | None:
        """Return the catalog's name of what was charged; None where nothing maps it."""
        plain = f"{charge.service}/{charge.sku}"
        candidates = (charge.name, plain, charge.sku, *charge.sku.split(" | "))
        for pattern, name in self.said.items():
            if any(candidate == pattern or fnmatchcase(candidate, pattern) for candidate in candidates):
                self.used.add(pattern)
                return name
        return None


def _name_of(charge: Charge, estimated: Mapping[str, Usage], names: SkuNames) -> str:
    """Return the catalog's name of a billed SKU: mapped, the same, its machine's, or its meter's."""
    spot = "spot" in charge.words.split()
    mapped = names.of(charge)
    if mapped is not None:
        bought = as_bought(mapped, spot)
        return bought if bought in estimated else mapped
    for candidate in (charge.name, charge.sku, *charge.sku.split(" | ")):
        bought = as_bought(candidate, spot)
        if bought in estimated:
            return bought
    plain = _plain(charge.sku)
    matching = [name for name in estimated if _is_machine(name, charge, plain)]
    if matching:
        return max(matching, key=len)
    return _meter(charge, estimated) or charge.name


def _meter(charge: Charge, estimated: Mapping[str, Usage]) -> str | None:
    """Return what a price list calls a meter, if one line of the estimate alone can be it."""
    from capplan.catalog.imports.named import meter_names

    if charge.words.split() == ["marketplace"]:
        return None
    patterns = list(meter_names(charge.service, charge.sku))
    engines = set(charge.words.split()) & _ENGINES
    known = {name: set(words_of(name).split()) & _ENGINES for name in estimated}
    alike = [name for name, own in known.items() if not own or engines <= own]
    found = [name for name in alike if any(pattern.fullmatch(name) for pattern in patterns)]
    return found[0] if len(found) == 1 else None


def _is_machine(name: str, charge: Charge, plain: str) -> bool:
    """Say whether a charge is for a machine of the estimate; other SKUs are common words, so only those."""
    _, service, sku = name.split("/", 2)
    wanted = _plain(sku.split(" ", maxsplit=1)[0]).removeprefix("standard-").removesuffix(".search")
    if not re.search(r"[a-z]\d|\d[a-z]", wanted):
        return False
    sold_as = (pattern for prefix, pattern in _SOLD_AS.items() if service.startswith(prefix))
    usual = f".*{re.escape(service.replace('-', ' '))}.*"
    return (
        re.search(rf"(?<![a-z0-9.]){re.escape(wanted)}(?![a-z0-9]|-v\d)", plain) is not None
        and re.fullmatch(next(sold_as, usual), charge.service.lower()) is not None
        and _alike(set(charge.words.split()), set(words_of(name).split()))
    )


def _alike(billed: set[str], estimated: set[str]) -> bool:
    billed = {word for word in billed if not word.startswith(MACHINE)}
    engines = billed & _ENGINES
    return billed - _ENGINES == estimated - _ENGINES and (not engines or engines == estimated & _ENGINES)


def _plain(text: str) -> str:
    return re.sub(r"[\s_]+", "-", text.lower())

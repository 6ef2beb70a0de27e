"""What was billed against what was estimated: how much of the drift is quantity, how much price.

With quantity q and unit price p, estimated (e) and billed (b), the difference of the costs is
(q_b - q_e) · p_e + (p_b - p_e) · q_b: what was used beyond the plan, at the plan's price, and what the
price differs, on what was used. Both add up to the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from capplan.gate.bill import days_of, read_bill
from capplan.gate.exports import COMPARED

if TYPE_CHECKING:
    import pandas as pd

Document = Mapping[str, Any]


class Usage(NamedTuple):
    """What was used of one SKU in a month. cost is None where nobody knows the price."""

    quantity: float
    unit: str
    cost: float | None


class Drift(NamedTuple):
    """One SKU, estimated and billed; either is None where only the other has it."""

    name: str
    estimated: Usage | None
    billed: Usage | None

    @property
    def difference(self) -> float | None:
        """USD billed beyond the estimate; None where a price is unknown."""
        before = self.estimated.cost if self.estimated else 0.0
        after = self.billed.cost if self.billed else 0.0
        return None if before is None or after is None else after - before

    @property
    def by_quantity(self) -> float | None:
        """The part that is quantity; None where the units cannot be compared."""
        if self.estimated is None or self.billed is None:
            return self.difference
        if self.difference is None or not self._comparable:
            return None
        price = (self.estimated.cost or 0.0) / self.estimated.quantity if self.estimated.quantity else 0.0
        if not price and not self.estimated.quantity:
            return self.difference
        return (self.billed.quantity - self.estimated.quantity) * price

    @property
    def by_price(self) -> float | None:
        """The part that is price."""
        if self.difference is None or self.by_quantity is None:
            return None
        return self.difference - self.by_quantity

    @property
    def _comparable(self) -> bool:
        assert self.estimated is not None
        assert self.billed is not None
        return unit_of(self.estimated.unit) == unit_of(self.billed.unit)


class Actual(NamedTuple):
    """An estimate against a bill. months: what the bill covers; its figures are those of a mean month.

    days: days that its charges cover; one for each charge where the bill does not say when they end.
    """

    document: Document
    months: Sequence[str]
    days: int
    drifts: Sequence[Drift]
    left_out: Mapping[str, float]
    """Taxes, credits, fees and the like by kind, USD a month: they are no usage."""
    notes: Sequence[str] = ()
    """How the bill was read, and what it leaves open."""
    dated: bool = False
    """Whether the bill says when its charges end."""

    @property
    def partial(self) -> bool:
        """Whether days are missing from the bill's months, so that they look cheaper than they will be.

        With one day for each month and no end of any charge, the rows are those of months.
        """
        missing = self.days < _WHOLE_MONTH_DAYS * len(self.months)
        return missing and (self.dated or len(self.months) < self.days)

    @property
    def maybe_partial(self) -> bool:
        """Whether days may be missing: less was used, and the bill says of one day only when it began."""
        less = sum(drift.by_quantity or 0.0 for drift in self.drifts if drift.billed) < 0.0
        return less and not self.dated and self.days <= len(self.months)

    @property
    def complete(self) -> bool:
        """Whether every line has a price on both sides."""
        return all(drift.difference is not None for drift in self.drifts)

    @property
    def known(self) -> bool:
        """Whether a total can be said: some estimated line has a price, and all that was billed a cost."""
        estimated = [drift.estimated for drift in self.drifts if drift.estimated is not None]
        priced = not estimated or any(usage.cost is not None for usage in estimated)
        return priced and not any(drift.billed and drift.billed.cost is None for drift in self.drifts)

    def total(self, part: str) -> float | None:
        """Return a part (difference, by_quantity, by_price) of all lines that have one; None if unknown."""
        return sum(getattr(drift, part) or 0.0 for drift in self.drifts) if self.known else None


_WHOLE_MONTH_DAYS = 28
_NOTHING = 5e-5
"""USD: less is what rounding leaves of fees."""

_UNITS = {
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "1 hour", "cluster-hour", "instance-hour"), "hour"),
    **dict.fromkeys(
        ("gib-month", "gibibyte month", "gib-mo", "gb-mo", "gb-month", "1 gb/month"), "GiB-month"
    ),
    **dict.fromkeys(("gib", "gibibyte", "gb", "1 gb"), "GiB"),
    **dict.fromkeys(("request", "requests", "count", "1"), "request"),
}
"""Units as the providers write them. AWS's and Azure's "GB" of storage are 2³⁰ bytes."""


def unit_of(text: str) -> str:
    """Return a unit by one name, so that two sides can be compared."""
    return _UNITS.get(text.strip().lower(), text.strip())


def compare(document: Document, bill: Path, names: Mapping[str, str]) -> Actual:
    """Return an estimate's JSON against a bill's CSV file.

    ``names`` maps what the bill calls a SKU to `provider/service/sku` of the catalog. Raises
    :class:`InputError` for files that are no bill that capplan knows.
    """
    read = read_bill(bill)
    compared = read.rows["kind"].isin(COMPARED)
    usage = read.rows[compared]
    months = sorted(usage["month"].unique())
    each = 1.0 / max(1, len(months))
    estimated = _estimated(document)
    billed: dict[str, Usage] = {}
    for service, sku, used in _summed(usage, each):
        name = _name_of(service, sku, estimated, names)
        billed[name] = _together(billed[name], used) if name in billed else used
    every = [Drift(name, estimated.get(name), billed.get(name)) for name in {**estimated, **billed}]
    every.sort(key=lambda drift: (-abs(drift.difference or 0.0), drift.name))
    others = read.rows[~compared].groupby("kind", sort=False)["cost"].sum() * each
    apart = {str(kind): float(cost) for kind, cost in others.items() if abs(cost) >= _NOTHING}
    return Actual(
        document=document,
        months=months,
        days=days_of(usage),
        drifts=every,
        left_out=apart,
        notes=read.notes,
        dated=read.dated,
    )


def _together(one: Usage, other: Usage) -> Usage:
    """Return the sum; units that differ leave a quantity that compares with nothing.

    A discount has neither quantity nor unit.
    """
    cost = None if one.cost is None or other.cost is None else one.cost + other.cost
    if not one.unit or not other.unit:
        return Usage(one.quantity + other.quantity, one.unit or other.unit, cost)
    if unit_of(one.unit) != unit_of(other.unit):
        return Usage(0.0, "several units", cost)
    return Usage(one.quantity + other.quantity, one.unit, cost)


def _estimated(document: Document) -> dict[str, Usage]:
    found: dict[str, Usage] = {}
    for line in document["cost_lines"]:
        name = f"{line['provider']}/{line['service']}/{line['sku']}"
        # The hours of a discount are those of the line that it is on.
        usage = Usage(max(line["quantity"] or 0.0, 0.0), line["unit"], line["monthly_cost"])
        found[name] = _together(found[name], usage) if name in found else usage
    return found


def _name_of(service: str, sku: str, estimated: Mapping[str, Usage], names: Mapping[str, str]) -> str:
    """Return the catalog's name of a billed SKU: mapped, the same, or the machine type that it names."""
    for candidate in (f"{service}/{sku}", sku, *sku.split(" | ")):
        if candidate in names:
            return names[candidate]
        if candidate in estimated:
            return candidate
    plain = _plain(sku)
    matching = [name for name in estimated if _is_named(name.split("/")[-1], plain)]
    return max(matching, key=len) if matching else f"{service}/{sku}"


def _is_named(sku: str, billed: str) -> bool:
    """Say whether a bill's text names a machine type: only those, as other SKUs are common words."""
    wanted = _plain(sku).removeprefix("standard-")
    if not re.search(r"[a-z]\d|\d[a-z]", wanted):
        return False
    before = r"(?<!db\.)(?<!cache\.)(?<![a-z0-9])"
    return re.search(rf"{before}{re.escape(wanted)}(?![a-z0-9])", billed) is not None


def _plain(text: str) -> str:
    return re.sub(r"[\s_]+", "-", text.lower())


_UNKNOWN = "unknown quantity"


def _summed(usage: pd.DataFrame, each: float) -> Iterator[tuple[str, str, Usage]]:
    """Yield service, SKU and usage in a mean month, by unit; with one cost unknown, so is the sum."""
    unit = usage["unit"].where(usage["quantity"].notna(), _UNKNOWN)
    keys = [usage["service"], usage["sku"], unit]
    sums = usage.groupby(keys)[["quantity", "cost"]].sum()
    unknown = usage["cost"].isna().groupby(keys).any()
    for (service, sku, of), quantity, cost, lacks in zip(
        sums.index, sums["quantity"], sums["cost"], unknown, strict=True
    ):
        yield service, sku, Usage(float(quantity) * each, of, None if lacks else float(cost) * each)

"""What was billed against what was estimated: how much of the drift is quantity, how much price.

With quantity q and unit price p, estimated (e) and billed (b), the difference of the costs is
(q_b - q_e) · p_e + (p_b - p_e) · q_b: what was used beyond the plan, at the plan's price, and what the
price differs, on what was used. Both add up to the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from capplan.gate.assembled import assembled
from capplan.gate.bill import days_of, read_bill
from capplan.gate.exports import COMPARED
from capplan.gate.matching import Charge, Usage, as_bought, match, together, unit_of

if TYPE_CHECKING:
    import pandas as pd

Document = Mapping[str, Any]


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
    charges, assembly = assembled(_summed(usage, each), estimated)
    billed = match(charges, estimated, names)
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
        notes=[*read.notes, *assembly],
        dated=read.dated,
    )


def _estimated(document: Document) -> dict[str, Usage]:
    found: dict[str, Usage] = {}
    for line in document["cost_lines"]:
        name = as_bought(f"{line['provider']}/{line['service']}/{line['sku']}", line["rate"] == "spot")
        # The hours of a discount are those of the line that it is on.
        usage = Usage(max(line["quantity"] or 0.0, 0.0), line["unit"], line["monthly_cost"])
        found[name] = together(found[name], usage) if name in found else usage
    return found


_UNKNOWN = "unknown quantity"


def _summed(usage: pd.DataFrame, each: float) -> Iterator[Charge]:
    """Yield what was used in a mean month, by SKU and unit; with one cost unknown, so is the sum."""
    unit = usage["unit"].where(usage["quantity"].notna(), _UNKNOWN)
    keys = [usage["service"], usage["sku"], usage["words"], unit]
    sums = usage.groupby(keys)[["quantity", "cost"]].sum()
    unknown = usage["cost"].isna().groupby(keys).any()
    for (service, sku, words, of), quantity, cost, lacks in zip(
        sums.index, sums["quantity"], sums["cost"], unknown, strict=True
    ):
        used = Usage(float(quantity) * each, of, None if lacks else float(cost) * each)
        yield Charge(service, sku, words, used)

"""What was billed against what was estimated: how much of the drift is quantity, price, or not matched.

With quantity q and unit price p, estimated (e) and billed (b), the difference of the costs is
(q_b - q_e) · p_e + (p_b - p_e) · q_b: what was used beyond the plan, at the plan's price, and what the
price differs, on what was used. What only one side has is not matched, and is neither. All three add up to
the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from capplan.errors import nearest
from capplan.gate.assembled import assembled
from capplan.gate.bill import Bill, BillQuery, read_bill
from capplan.gate.covered import Covered, Month, covered
from capplan.gate.matching import Charge, SkuNames, Usage, as_bought, in_unit, match, together

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
    def not_matched(self) -> float | None:
        """The whole difference where only one side has the SKU."""
        return self.difference if self.estimated is None or self.billed is None else 0.0

    @property
    def by_quantity(self) -> float | None:
        """The part that is quantity; None where the units cannot be compared."""
        if self.estimated is None or self.billed is None:
            return 0.0
        if self.difference is None or in_unit(self.billed, self.estimated.unit) is None:
            return None
        price = (self.estimated.cost or 0.0) / self.estimated.quantity if self.estimated.quantity else 0.0
        if not price and not self.estimated.quantity:
            return self.difference
        return (self.billed.quantity - self.estimated.quantity) * price

    @property
    def by_price(self) -> float | None:
        """The part that is price."""
        parts = (self.difference, self.by_quantity, self.not_matched)
        if any(part is None for part in parts):
            return None
        whole, quantity, unmatched = (part or 0.0 for part in parts)
        return whole - quantity - unmatched

    def plus(self, other: Drift) -> Drift:
        """Return both as one, such as two months of a SKU."""
        sides = ((self.estimated, other.estimated), (self.billed, other.billed))
        one, two = (together(a, b) if a and b else a or b for a, b in sides)
        return Drift(self.name, one, two)


PARTS = ("difference", "by_quantity", "by_price", "not_matched")


class Actual(NamedTuple):
    """An estimate against the bill of one month, or of several that are added up.

    covered: by month, what of it the charges cover; a month that is covered in part is compared with that
    part of the estimate. by_month: each month alone, where there are several.
    """

    document: Document
    covered: Mapping[str, Covered]
    drifts: Sequence[Drift]
    left_out: Mapping[str, float]
    """Taxes, credits, fees and the like by kind, USD: they are no usage."""
    notes: Sequence[str] = ()
    """How the bill was read, and what it leaves open."""
    by_month: Sequence[Actual] = ()

    @property
    def months(self) -> Sequence[str]:
        """The months of the invoices."""
        return list(self.covered)

    @property
    def days(self) -> int:
        """The days that charges cover; one for each month whose charges say no more."""
        return sum(month.days for month in self.covered.values())

    @property
    def partial(self) -> bool:
        """Whether a month is covered in part."""
        return any(month.scaled for month in self.covered.values())

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
        """Return a part, one of ``PARTS``, of all lines that have one; None if unknown."""
        return sum(getattr(drift, part) or 0.0 for drift in self.drifts) if self.known else None

    @property
    def calendar(self) -> float:
        """USD by which whole months of 672 to 744 hours differ from the plan's, of SKUs that show it."""
        if len(self.covered) != 1 or self.partial:
            return 0.0
        (month,) = self.covered.values()
        longer = month.hours / month.planned_hours - 1.0
        return sum(
            drift.estimated.cost * longer
            for drift in self.drifts
            if drift.estimated and drift.estimated.cost and drift.billed and _runs_on(drift, longer)
        )


def _runs_on(drift: Drift, longer: float) -> bool:
    """Say whether the hours billed are those of the calendar, and not of the plan or of something else."""
    assert drift.estimated is not None
    assert drift.billed is not None
    planned, billed = drift.estimated.quantity, drift.billed.quantity
    hourly = drift.estimated.unit.endswith("hour")
    # Nearer to the calendar's hours than to the plan's, and no farther from them than the plan's are.
    return hourly and abs(billed - planned * (1.0 + longer)) < min(
        abs(billed - planned), abs(planned * longer)
    )


_NOTHING = 5e-5
"""USD: less is what rounding leaves of fees."""


def compare(
    document: Document, bill: Path, names: Mapping[str, str], asked: BillQuery | None = None
) -> Actual:
    """Return an estimate's JSON against a bill.

    ``names`` maps what the bill calls a SKU, or a pattern with *, to `provider/service/sku` of the catalog.
    Raises :class:`InputError` for files that are no bill that capplan knows.
    """
    asked = asked or BillQuery()
    read = read_bill(bill, asked)
    estimated, known = _estimated(document, listed=asked.cost == "list"), SkuNames(names)
    hours = float(document.get("hours_per_month") or _PLANNED_HOURS)
    months = sorted(read.compared["month"].unique()) or sorted(read.rows["month"].unique())
    each = [_of_month(month, read, (document, hours), estimated, known) for month in months]
    whole = reduce(_added, each)
    notes = list(dict.fromkeys([*read.notes, *whole.notes, *_of_names(known, estimated)]))
    return whole._replace(notes=notes, by_month=each if len(each) > 1 else ())


_PLANNED_HOURS = 730.0


def _of_month(
    month: str, read: Bill, of: tuple[Document, float], estimated: Mapping[str, Usage], names: SkuNames
) -> Actual:
    document, hours = of
    usage = read.compared[read.compared["month"] == month]
    costs = [each.cost for each in estimated.values()]
    known = math.nan if None in costs else sum(cost or 0.0 for cost in costs)
    part = covered(usage, month, Month(known, hours))
    planned = {name: _times(each, part.share) for name, each in estimated.items()}
    charges, assembly = assembled(_summed(usage), planned)
    billed = match(charges, planned, names)
    every = [Drift(name, planned.get(name), billed.get(name)) for name in {**planned, **billed}]
    others = read.beside[read.beside["month"] == month].groupby("kind", sort=False)["cost"].sum()
    apart = {str(kind): float(cost) for kind, cost in others.items() if abs(cost) >= _NOTHING}
    return Actual(document, {month: part}, _sorted(every), apart, assembly)


def _sorted(drifts: Sequence[Drift]) -> Sequence[Drift]:
    return sorted(drifts, key=lambda drift: (-abs(drift.difference or 0.0), drift.name))


def _added(one: Actual, other: Actual) -> Actual:
    drifts = {drift.name: drift for drift in one.drifts}
    for drift in other.drifts:
        drifts[drift.name] = drifts[drift.name].plus(drift) if drift.name in drifts else drift
    kinds = {**one.left_out, **other.left_out}
    return Actual(
        document=one.document,
        covered={**one.covered, **other.covered},
        drifts=_sorted(list(drifts.values())),
        left_out={kind: one.left_out.get(kind, 0.0) + other.left_out.get(kind, 0.0) for kind in kinds},
        notes=[*one.notes, *other.notes],
    )


def _times(usage: Usage, share: float) -> Usage:
    return Usage(usage.quantity * share, usage.unit, None if usage.cost is None else usage.cost * share)


def _of_names(names: SkuNames, estimated: Mapping[str, Usage]) -> Iterator[str]:
    """Yield what of the user's map is of no use."""
    for pattern, name in names.said.items():
        if pattern not in names.used:
            yield f"--map: nothing in the bill is called '{pattern}'"
        elif name not in estimated:
            yield f"--map: the estimate has no '{name}' {nearest(name, estimated)}".strip()


def _estimated(document: Document, *, listed: bool) -> dict[str, Usage]:
    found: dict[str, Usage] = {}
    for line in document["cost_lines"]:
        name = as_bought(f"{line['provider']}/{line['service']}/{line['sku']}", line["rate"] == "spot")
        cost, price = line["monthly_cost"], line.get("list_price")
        if listed and price is not None:
            cost = None if line["quantity"] is None else price * max(line["quantity"], 0.0)
        # The hours of a discount are those of the line that it is on.
        usage = Usage(max(line["quantity"] or 0.0, 0.0), line["unit"], cost)
        found[name] = together(found[name], usage) if name in found else usage
    return found


_UNKNOWN = "unknown quantity"


def _summed(usage: pd.DataFrame) -> Iterator[Charge]:
    """Yield what was used, by SKU and unit; with one cost unknown, so is the sum."""
    unit = usage["unit"].where(usage["quantity"].notna(), _UNKNOWN)
    keys = [usage["service"], usage["sku"], usage["words"], unit]
    sums = usage.groupby(keys)[["quantity", "cost"]].sum()
    unknown = usage["cost"].isna().groupby(keys).any()
    for (service, sku, words, of), quantity, cost, lacks in zip(
        sums.index, sums["quantity"], sums["cost"], unknown, strict=True
    ):
        used = Usage(float(quantity), of, None if lacks else float(cost))
        yield Charge(service, sku, words, used)

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

from capplan.errors import InputError, Problem

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

    days: days on which something was charged; 1 where the bill has rows of months only.
    """

    document: Document
    months: Sequence[str]
    days: int
    drifts: Sequence[Drift]
    left_out: Mapping[str, float]
    """Taxes and the like, USD a month: they are no usage."""

    @property
    def partial(self) -> bool:
        """Whether days are missing from the bill's months, so that they look cheaper than they will be."""
        return 1 < self.days < _WHOLE_MONTH_DAYS * len(self.months)

    def total(self, part: str) -> float:
        """Return a part (difference, by_quantity, by_price) of all lines that have one."""
        return sum(getattr(drift, part) or 0.0 for drift in self.drifts)


class _Columns(NamedTuple):
    """Where an export holds what; the first of several that is there."""

    service: str
    sku: Sequence[str]
    unit: Sequence[str]
    quantity: Sequence[str]
    cost: Sequence[str]
    start: Sequence[str]
    currency: Sequence[str]
    category: str = ""


_EXPORTS = (
    # FOCUS 1.0 and later.
    _Columns(
        "servicename",
        ("skuid", "chargedescription"),
        ("pricingunit", "consumedunit"),
        ("pricingquantity", "consumedquantity"),
        ("effectivecost", "billedcost"),
        ("billingperiodstart", "chargeperiodstart"),
        ("billingcurrency",),
        "chargecategory",
    ),
    # AWS Cost and Usage Report, with slashes or, in version 2, underscores.
    _Columns(
        "lineitemproductcode",
        ("lineitemusagetype",),
        ("pricingunit",),
        ("lineitemusageamount",),
        ("lineitemunblendedcost",),
        ("lineitemusagestartdate",),
        ("lineitemcurrencycode",),
        "lineitemlineitemtype",
    ),
    # Google Cloud's billing export.
    _Columns(
        "servicedescription",
        ("skuid", "skudescription"),
        ("usagepricingunit",),
        ("usageamountinpricingunits",),
        ("cost",),
        ("usagestarttime",),
        ("currency",),
        "costtype",
    ),
    # Azure's cost details.
    _Columns(
        "metercategory",
        ("metersubcategory", "metername"),
        ("unitofmeasure",),
        ("quantity",),
        ("costinbillingcurrency", "pretaxcost", "cost"),
        ("date", "usagedatetime"),
        ("billingcurrency", "billingcurrencycode"),
        "chargetype",
    ),
)
_WHOLE_MONTH_DAYS = 28
_NO_USAGE = ("tax", "adjustment", "roundingerror", "rounding_error")

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
    table, left_out = _read(bill)
    months = sorted(set(table["month"]))
    days = int(table["day"].nunique())
    each = 1.0 / max(1, len(months))
    estimated = _estimated(document)
    billed: dict[str, Usage] = {}
    grouped = table.groupby(["service", "sku", "unit"], sort=True)[["quantity", "cost"]].sum()
    for (service, sku, unit), (quantity, cost) in zip(grouped.index, grouped.to_numpy(), strict=True):
        name = _name_of(str(service), str(sku), estimated, names)
        usage = Usage(float(quantity) * each, str(unit), float(cost) * each)
        billed[name] = _together(billed[name], usage) if name in billed else usage
    every = [Drift(name, estimated.get(name), billed.get(name)) for name in {**estimated, **billed}]
    every.sort(key=lambda drift: (-abs(drift.difference or 0.0), drift.name))
    none = {kind: cost * each for kind, cost in left_out.items()}
    return Actual(document, months, days, every, none)


def _together(one: Usage, other: Usage) -> Usage:
    """Return the sum; units that differ leave a quantity that compares with nothing."""
    cost = None if one.cost is None or other.cost is None else one.cost + other.cost
    if unit_of(one.unit) != unit_of(other.unit):
        return Usage(0.0, "several units", cost)
    return Usage(one.quantity + other.quantity, one.unit, cost)


def _estimated(document: Document) -> dict[str, Usage]:
    found: dict[str, Usage] = {}
    for line in document["cost_lines"]:
        name = f"{line['provider']}/{line['service']}/{line['sku']}"
        usage = Usage(line["quantity"] or 0.0, line["unit"], line["monthly_cost"])
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


def _read(path: Path) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the usage of a bill in columns of our own, and the costs that are none, by kind."""
    import pandas as pd

    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise InputError(Problem(str(path), "no such file")) from None
    except (OSError, ValueError) as error:
        what = f"not a readable CSV file ({str(error).splitlines()[0]})"
        raise InputError(Problem(str(path), what)) from None
    raw.columns = [re.sub(r"[^a-z0-9]", "", str(name).lower()) for name in raw.columns]
    columns = _export_of(raw, path)
    _check_currency(raw, columns, path)
    table = pd.DataFrame(
        {
            "service": raw[columns.service],
            "sku": _text(raw, columns.sku),
            "unit": raw[next(iter(_there(raw, columns.unit)), columns.service)],
            "quantity": _numbers(raw, columns.quantity, path),
            "cost": _numbers(raw, columns.cost, path),
            "month": _dates(raw, columns.start, path).dt.strftime("%Y-%m"),
            "day": _dates(raw, ("chargeperiodstart", *columns.start), path).dt.strftime("%Y-%m-%d"),
        }
    )
    if columns.category not in raw:
        return table, {}
    kinds = raw[columns.category].str.lower().str.replace(" ", "")
    none = kinds.isin(_NO_USAGE)
    left_out = table["cost"][none].groupby(raw[columns.category][none]).sum()
    return table[~none], {str(kind): float(cost) for kind, cost in left_out.items()}


def _export_of(raw: pd.DataFrame, path: Path) -> _Columns:
    for columns in _EXPORTS:
        needed = (columns.sku, columns.quantity, columns.cost, columns.start)
        if columns.service in raw and all(any(_there(raw, names)) for names in needed):
            return columns
    remedy = "Export FOCUS, or AWS's, Google's or Azure's cost details, as CSV with its header."
    raise InputError(Problem(str(path), "no bill that capplan knows by its columns", remedy))


def _there(raw: pd.DataFrame, names: Sequence[str]) -> Iterator[str]:
    return (name for name in names if name in raw)


def _dates(raw: pd.DataFrame, names: Sequence[str], path: Path) -> pd.Series[pd.Timestamp]:
    """Return the first of the columns as moments: ISO 8601, or Azure's month/day/year."""
    import pandas as pd

    name = next(_there(raw, names))
    found = pd.to_datetime(raw[name], format="mixed", utc=True, errors="coerce")
    _check_readable(found, raw[name], path, "date")
    return found


def _text(raw: pd.DataFrame, names: Sequence[str]) -> pd.Series[str]:
    """Return the columns that name a SKU as one text; an identifier alone where it is capplan's own."""
    found = [raw[name] for name in _there(raw, names)]
    if found[0].str.count("/").eq(2).all():
        return found[0]
    text = found[0]
    for more in found[1:]:
        text = text + " | " + more
    return text


def _numbers(raw: pd.DataFrame, names: Sequence[str], path: Path) -> pd.Series[float]:
    import pandas as pd

    name = next(_there(raw, names))
    found = pd.to_numeric(raw[name].replace("", "0"), errors="coerce")
    _check_readable(found, raw[name], path, "number")
    return found.astype(float)


def _check_readable(found: pd.Series[Any], column: pd.Series[str], path: Path, kind: str) -> None:
    wrong = found.isna()
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        what = f"column {column.name} holds {column.iloc[row]!r}, which is no {kind}"
        raise InputError(Problem(f"{path}:{row + 2}", what))


def _check_currency(raw: pd.DataFrame, columns: _Columns, path: Path) -> None:
    for name in _there(raw, columns.currency):
        others = sorted(set(raw[name]) - {"USD", ""})
        if others:
            what = f"is billed in {', '.join(others)}, and estimates are in USD"
            raise InputError(Problem(str(path), what, "Export it in USD."))

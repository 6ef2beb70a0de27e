"""Bills as providers export them: rows of usage, whatever their columns are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from capplan.arrays import Array
from capplan.errors import InputError, Problem
from capplan.moments import Moments, Order, moments
from capplan.plan.fields import LARGEST
from capplan.stdin import name_of
from capplan.tabular import Table, figures, read_table


class Bill(NamedTuple):
    """The rows of a bill. notes: how it was read, and what it leaves open.

    rows: service, sku, unit, quantity, cost, month, kind, such as usage or tax, and start and end, in days
    since 1970; quantity and cost are NaN where the cell is blank.
    """

    rows: pd.DataFrame
    notes: Sequence[str]


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
        service="servicename",
        sku=("skuid", "chargedescription"),
        unit=("pricingunit", "consumedunit"),
        quantity=("pricingquantity", "consumedquantity"),
        cost=("effectivecost", "billedcost"),
        start=("billingperiodstart", "chargeperiodstart"),
        currency=("billingcurrency",),
        category="chargecategory",
    ),
    # AWS Cost and Usage Report, with slashes or, in version 2, underscores.
    _Columns(
        service="lineitemproductcode",
        sku=("lineitemusagetype",),
        unit=("pricingunit",),
        quantity=("lineitemusageamount",),
        cost=("lineitemunblendedcost",),
        start=("lineitemusagestartdate",),
        currency=("lineitemcurrencycode",),
        category="lineitemlineitemtype",
    ),
    # Google Cloud's billing export.
    _Columns(
        service="servicedescription",
        sku=("skuid", "skudescription"),
        unit=("usagepricingunit",),
        quantity=("usageamountinpricingunits",),
        cost=("cost",),
        start=("usagestarttime",),
        currency=("currency",),
        category="costtype",
    ),
    # Azure's cost details.
    _Columns(
        service="metercategory",
        sku=("metersubcategory", "metername"),
        unit=("unitofmeasure",),
        quantity=("quantity",),
        cost=("costinbillingcurrency", "pretaxcost", "cost"),
        start=("date", "usagedatetime"),
        currency=("billingcurrency", "billingcurrencycode"),
        category="chargetype",
    ),
)


def read_bill(path: Path) -> Bill:
    """Return the rows of a bill. Raises :class:`InputError` for files that are no bill that capplan knows."""
    table = read_table(path, _plain_title, _KNOWN)
    columns = _export_of(table)
    if not table.lines:
        raise InputError(
            Problem(name_of(path), "holds a header and no rows", "Export a period with charges.")
        )
    _check_currency(table, columns)
    starts = _times(table, columns, columns.start)
    days = _times(table, columns, ("chargeperiodstart", *columns.start))
    first = np.floor(days.seconds / _DAY_S)
    names = [_cells(table, name) for name in _there(table, columns.sku)]
    kinds = _cells(table, columns.category) if columns.category in table.columns else [""] * len(table.lines)
    rows = pd.DataFrame(
        {
            "service": _cells(table, columns.service),
            "sku": _text(names),
            "unit": _cells(table, next(iter(_there(table, columns.unit)), columns.service)),
            "quantity": _amounts(table, columns.quantity),
            "cost": _amounts(table, columns.cost),
            "month": _written(starts, "%Y-%m"),
            "start": first,
            "end": np.maximum(first + 1.0, _ends(table, first)),
            "kind": kinds,
        }
    )
    return Bill(rows, list(dict.fromkeys([*starts.said, *days.said, *_open(rows)])))


def _plain_title(title: str) -> str:
    return re.sub(r"[^a-z0-9]", "", title.lower())


_KNOWN = frozenset(
    name
    for columns in _EXPORTS
    for part in columns
    for name in ((part,) if isinstance(part, str) else part)
    if name
) | {"chargeperiodstart", "chargeperiodend"}


def days_of(rows: pd.DataFrame) -> int:
    """Return how many days the rows cover together."""
    found = rows[["start", "end"]].sort_values("start").to_numpy()
    covered = np.maximum.accumulate(found[:, 1])
    # What a row adds to those that start before it.
    before = np.append(-np.inf, covered[:-1])
    return int(np.maximum(found[:, 1] - np.maximum(found[:, 0], before), 0.0).sum())


def _ends(table: Table, first: Array) -> Array:
    """Return the day before which each charge ends, as FOCUS says it; the first one where nothing does."""
    if "chargeperiodend" not in table.columns:
        return first
    ends: Array = np.ceil(moments(table.column("chargeperiodend")).seconds / _DAY_S)
    return ends


_DAY_S = 86_400.0


def _open(rows: pd.DataFrame) -> Iterator[str]:
    """Yield what the rows leave open."""
    unknown = int(rows["cost"].isna().sum())
    if unknown:
        yield f"{unknown} of {len(rows)} rows have a blank cost, so the cost of their SKUs is unknown"
    months = sorted(rows["month"].unique())
    numbers = [12 * int(month[:4]) + int(month[5:]) for month in months]
    apart = next((i for i in range(1, len(numbers)) if numbers[i] - numbers[i - 1] > 1), None)
    if apart is not None:
        yield f"between {months[apart - 1]} and {months[apart]} months are missing"


def _export_of(table: Table) -> _Columns:
    for columns in _EXPORTS:
        needed = (columns.sku, columns.quantity, columns.cost, columns.start)
        if columns.service in table.columns and all(any(_there(table, names)) for names in needed):
            return columns
    remedy = "Export FOCUS, or AWS's, Google's or Azure's cost details, as CSV with its header."
    raise InputError(Problem(table.path, "its columns match no kind of bill that capplan knows", remedy))


def _there(table: Table, names: Sequence[str]) -> Iterator[str]:
    return (name for name in names if name in table.columns)


def _cells(table: Table, name: str) -> Sequence[str]:
    return table.column(name).cells


def _times(table: Table, columns: _Columns, names: Sequence[str]) -> Moments:
    """Return the first of the columns as moments; Azure documents month/day/year."""
    usual: Order | None = "month/day" if columns is _EXPORTS[-1] else None
    return moments(table.column(next(_there(table, names))), usual)


def _written(times: Moments, form: str) -> pd.Series[str]:
    return pd.Series(pd.to_datetime(times.seconds, unit="s", utc=True)).dt.strftime(form)


def _text(names: Sequence[Sequence[str]]) -> Sequence[str]:
    """Return the columns that name a SKU as one text; an identifier alone where it is capplan's own."""
    if all(cell.count("/") == 2 for cell in names[0]):
        return names[0]
    return [" | ".join(cells) for cells in zip(*names, strict=True)]


def _amounts(table: Table, names: Sequence[str]) -> Array:
    """Return the first of the columns that says something in a row; NaN where none does."""
    found = np.full(len(table.lines), np.nan)
    for name in _there(table, names):
        amounts = figures(table.column(name))
        beyond = np.abs(amounts) > LARGEST
        if np.any(beyond):
            raise table.column(name).error(int(np.argmax(beyond)), "is too large for a bill")
        found = np.where(np.isnan(found), amounts, found)
    return found


def _check_currency(table: Table, columns: _Columns) -> None:
    for name in _there(table, columns.currency):
        others = sorted(set(_cells(table, name)) - {"USD", ""})
        if others:
            what = f"is billed in {', '.join(others)[:80]}, but estimates are in USD"
            raise InputError(Problem(table.path, what, "Export it in USD."))

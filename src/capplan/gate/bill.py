"""Bills as providers export them: rows of usage, whatever their columns are called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from capplan.arrays import Array
from capplan.errors import InputError, Problem
from capplan.gate.credits import credits_of
from capplan.gate.exports import COMPARED, EXPORTS, MONTH_FIRST, USED, Export
from capplan.gate.matching import MACHINE, words_of
from capplan.gate.scope import Condition, columns_for, rows_of, within
from capplan.gate.summed import ROWS, summed
from capplan.moments import Order, moments
from capplan.stdin import name_of
from capplan.tabular import Column, Table, TableSource, figures, table_source

Basis = Literal["effective", "billed", "list"]


class BillQuery(NamedTuple):
    """Which of a bill's costs are compared: with commitments amortised, as invoiced, or at list prices.

    where: which rows count (see :mod:`capplan.gate.scope`). period: first and last month of the invoices.
    per_usd: how much of a currency a dollar is, where the bill does not say it. told: learns how many bytes
    of a file have been read.
    """

    cost: Basis = "effective"
    where: Sequence[Condition] = ()
    period: tuple[str, str] | None = None
    per_usd: Mapping[str, float] = {}
    told: Callable[[int], None] | None = None


class Bill(NamedTuple):
    """The rows of a bill.

    rows: service, sku, words (see :func:`words_of`), unit, quantity, cost in USD, month of the invoice, kind
    (see :mod:`capplan.gate.exports`), and start and end, in days since 1970. Quantity and cost are NaN where
    the cell is blank. Costs of all rows add up to the export's own column of costs, unless list prices are
    asked for; those of commitments are amortised, unless what was billed is.
    notes: how it was read, and what it leaves open. dated: whether it says when charges end. kinds: those
    that are compared with an estimate.
    """

    rows: pd.DataFrame
    notes: Sequence[str]
    dated: bool
    kinds: frozenset[str]

    @property
    def compared(self) -> pd.DataFrame:
        """The rows that are compared."""
        return self.rows[self.rows["kind"].isin(self.kinds)]

    @property
    def beside(self) -> pd.DataFrame:
        """The rows that stand beside it."""
        return self.rows[~self.rows["kind"].isin(self.kinds)]


def read_bill(path: Path, asked: BillQuery | None = None) -> Bill:
    """Return the rows of a bill that are asked for: of a file, or of a directory of its parts.

    Raises :class:`InputError` for files that are no bill that capplan knows, and where nothing is asked for.
    """
    asked = asked or BillQuery()
    found = [_read(file, asked) for file in bill_files(path)]
    parts = [part for part in found if part is not None]
    if not parts:
        what = "holds a header and no rows"
        raise InputError(Problem(name_of(path), what, "Export a period with charges."))
    rows = pd.concat([part.rows for part in parts], ignore_index=True)
    if asked.period is not None:
        months = rows["month"]
        rows = rows[(months >= asked.period[0]) & (months <= asked.period[1])]
        if rows.empty:
            has = f"The bill has {months.min()} to {months.max()}."
            raise InputError(Problem(name_of(path), "has no month of --period", has))
    kinds = USED if asked.cost == "list" else COMPARED
    notes = dict.fromkeys(note for part in parts for note in part.notes)
    return Bill(rows, [*notes, *_open(rows, kinds)], any(part.dated for part in parts), kinds)


def bill_files(path: Path) -> Sequence[Path]:
    """Return the files of a bill: itself, or the parts in a directory; an error where it has none."""
    if not path.is_dir():
        return [path]
    parts = [part for part in sorted(path.rglob("*")) if _PART.search(part.name) and part.is_file()]
    if not parts:
        what = "holds no CSV file, JSON lines or Parquet, plain or compressed"
        raise InputError(Problem(str(path), what))
    return parts


_PART = re.compile(
    r"^[^._].*\.(?:csv|tsv|jsonl|ndjson|parquet)(?:\.gz|\.zip)?$|^[^._].*\.zip$", re.IGNORECASE
)


class _Part(NamedTuple):
    rows: pd.DataFrame
    notes: Sequence[str]
    dated: bool


def _read(path: Path, asked: BillQuery) -> _Part | None:
    with table_source(path, _plain_title, _MOST_BYTES, asked.told, _is_header) as source:
        export = _export_of(source)
        table = summed(source, export, columns_for(asked.where, source, export))
    table = _with_kinds(table, export)
    if not table.lines:
        return None
    table = within(table, export, source, asked.where)
    months, days, said = _periods(table, export)
    first = np.floor(days / _DAY_S)
    ends = _ends(table, export, first)
    skus = _text([_cells(table, name) for name in _there(table, export.sku)])
    rows = pd.DataFrame(
        {
            "service": _cells(table, export.service),
            "sku": skus,
            "words": _words(table, export, skus),
            "unit": _cells(table, next(iter(_there(table, export.unit)), export.service)),
            "quantity": _amounts(table, export.quantity),
            "cost": _amounts(table, _costs(export, asked.cost)),
            "month": months,
            "start": first,
            "end": np.maximum(first + 1.0, ends),
            "kind": _cells(table, _KIND),
            "rows": _figures(table.column(ROWS)),
        }
    )
    if not export.blocks:
        rows["unit"] = [_NUMBER.sub("", unit) for unit in rows["unit"]]
    rows = _in_usd(rows, table, export, asked)
    rows = _on_basis(rows, table, export, asked.cost)
    rows["cost"] /= rows["per_usd"]
    if asked.cost == "effective":
        said = [*said, *_basis(rows, table, export)]
    rows["words"] = rows["words"].where(rows["kind"] != "marketplace", "marketplace")
    rows.loc[~rows["kind"].isin(USED), ["quantity", "unit"]] = (0.0, "")
    return _Part(rows, said, bool(np.any(ends > first)))


_NUMBER = re.compile(r"^\s*[\d.,]+\s+(?=[A-Za-z]{2})")
"""How many of a unit are sold at once."""


def _costs(export: Export, basis: Basis) -> Sequence[str]:
    """Return the columns of a cost; of Google's and Oracle's there is one, which is billed and amortised."""
    return (*export.billed, *export.cost) if basis == "billed" else export.cost


def _on_basis(rows: pd.DataFrame, table: Table, export: Export, basis: Basis) -> pd.DataFrame:
    """Return the rows with the cost that is asked for."""
    if basis == "effective":
        return _with_credits(_amortised(rows, table, export), table, export)
    rows = rows.assign(kind=rows["kind"].mask(rows["kind"] == "negation", "discount"))
    if basis == "billed":
        return _with_credits(rows, table, export)
    if next(_there(table, export.listed), None) is None:
        names = " or ".join(export.listed) or "none"
        what = f"has no column of list prices ({export.name}: {names})"
        raise InputError(Problem(table.path, what, "Leave out --cost list."))
    used = rows["kind"].isin(USED)
    return rows.assign(cost=np.where(used, _amounts(table, export.listed), rows["cost"]))


def _in_usd(rows: pd.DataFrame, table: Table, export: Export, asked: BillQuery) -> pd.DataFrame:
    """Return the rows with ``per_usd``: how much of its currency makes a dollar, by the bill or the plan."""
    column = next(_there(table, export.currency), None)
    if column is None:
        # A title such as "Cost (€)".
        title = table.column(next(_there(table, export.cost))).name
        said = re.search(r"\((?!\$)([^a-z)]+)\)$", title)
        currencies: Sequence[str] = [said[1] if said else ""] * len(rows)
    else:
        currencies = _cells(table, column)
    known = {**asked.per_usd, "USD": 1.0, "": 1.0}
    per_usd = np.array([known.get(text, np.nan) for text in currencies])
    foreign = np.array([text not in ("USD", "") for text in currencies])
    if next(_there(table, export.per_usd), None):
        own = _amounts(table, export.per_usd)
        priced = export.priced_in in table.columns and np.array(_cells(table, export.priced_in)) != "USD"
        per_usd = np.where(foreign & (own > 0.0) & ~np.array(priced), own, per_usd)
    if asked.cost == "effective" and next(_there(table, export.usd), None):
        usd = _amounts(table, export.usd)
        swapped = foreign & ~np.isnan(usd)
        rows = rows.assign(cost=np.where(swapped, usd, rows["cost"]))
        per_usd = np.where(swapped, 1.0, per_usd)
    if np.isnan(per_usd).any():
        others = sorted({currencies[row] for row in np.flatnonzero(np.isnan(per_usd)).tolist()})
        what = f"is billed in {', '.join(others)[:80]}, and estimates are in USD"
        remedy = "Give the plan `currency` with a dated rate, or export the bill in USD."
        raise InputError(Problem(table.path, what, remedy))
    return rows.assign(per_usd=per_usd)


_MOST_BYTES = 16 * 2**30
"""Of a bill, after inflation: rows are summed as they are read."""


def _plain_title(title: str) -> str:
    """Return the name of a column: the second of `Tag (UsageDate)`, the first of `Cost (CHF)`."""
    name = re.sub(r"\([^a-z)]*\)\s*$", "", title)
    translated = re.fullmatch(r".*\((\w*[a-z][A-Z]\w*|Date|Cost|Quantity|Tags|Currency)\)\s*", name)
    return re.sub(r"[^a-z0-9]", "", (translated[1] if translated else name).lower())


def _is_header(titles: Sequence[str]) -> bool:
    names = [_plain_title(title) for title in titles]
    return any(not export.lacking(names) for export in EXPORTS)


_KIND = "kind of charge"


def _with_kinds(table: Table, export: Export) -> Table:
    """Return the rows with the kind of the first rule that holds, or usage; totals are left out."""
    found = np.full(len(table.lines), "usage", dtype=object)
    for rule in reversed(export.kinds):
        if rule.column in table.columns:
            cells = _cells(table, rule.column)
            holds = {cell: re.fullmatch(rule.pattern, cell.lower()) is not None for cell in set(cells)}
            found[[holds[cell] for cell in cells]] = rule.kind
    kinds = Column(table.path, _KIND, list(found), table.lines)
    return rows_of(table._replace(columns={**table.columns, _KIND: kinds}), found != "total")


def _amortised(rows: pd.DataFrame, table: Table, export: Export) -> pd.DataFrame:
    """Return the rows with covered usage at its amortised cost, and rows of what that leaves of the fees.

    Fees less what covered usage costs are what nobody used, or were paid ahead. Where the export says how
    much is unused, that stands apart.
    """
    if not export.amortised:
        return rows
    billed = rows["cost"].to_numpy()
    covered, fee = (rows["kind"] == "covered").to_numpy(), (rows["kind"] == "fee").to_numpy()
    unused = _sum(table, export.unused)
    unused = np.where(fee & ~np.isnan(unused), unused, 0.0)
    cost = np.where(covered, _sum(table, export.amortised), np.where(fee, unused, billed))
    cost = np.where(rows["kind"] == "negation", 0.0, cost)
    kinds = rows["kind"].mask(fee, "unused commitment")
    rest = rows.assign(cost=billed - cost, kind="fee")[covered | fee | (rows["kind"] == "negation")]
    return pd.concat([rows.assign(cost=cost, kind=kinds), rest[rest["cost"].abs() > 0.0]], ignore_index=True)


def _basis(rows: pd.DataFrame, table: Table, export: Export) -> Iterator[str]:
    """Say what was billed where costs are amortised and add up to something else."""
    billed = np.nansum(_amounts(table, export.billed) / rows["per_usd"][: len(table.lines)])
    cost = rows["cost"].sum()
    if next(_there(table, export.billed), None) and abs(billed - cost) >= _HALF_A_CENT:
        yield f"costs are amortised and add up to {cost:,.2f}; {billed:,.2f} was billed"
    covered = rows[rows["kind"] == "covered"]
    if covered["quantity"].sum() > 0.0 and not covered["cost"].any() and covered["cost"].notna().any():
        yield (
            "usage under commitments costs nothing here, so costs are those billed and not amortised; "
            "export amortised costs to compare them"
        )
    if export.credits and (rows["cost"][rows["kind"] == "fee"] > 0.0).any():
        yield "fees of commitments stand apart and are not spread over the usage that their credits cover"


def _with_credits(rows: pd.DataFrame, table: Table, export: Export) -> pd.DataFrame:
    """Return the rows less the discounts among Google's credits, and the other credits as rows of their own.

    A cost that is the list price less the discounts has had them already.
    """
    if export.credits not in table.columns:
        return rows
    column = table.column(export.credits)
    known = {cell: credits_of(column, row) for row, cell in enumerate(column.cells)}
    discounts, others = np.array([known[cell] for cell in column.cells]).T * rows["rows"].to_numpy()
    listed = _amounts(table, export.listed)
    had = np.abs(listed + discounts - rows["cost"]) <= _HALF_A_CENT * rows["rows"]
    rows = rows.assign(cost=rows["cost"] + np.where(had, 0.0, discounts))
    apart = rows.assign(cost=others, kind="credit")
    kept: pd.DataFrame = pd.concat([rows, apart[others != 0.0]], ignore_index=True)
    return kept


_HALF_A_CENT = 0.005


def _periods(table: Table, export: Export) -> tuple[Sequence[str], Array, Sequence[str]]:
    """Return the month of each row's invoice, the seconds at which its charge begins, and notes.

    A tax, or what is rounded, need not say when it is; then it is when the first charge is.
    """
    usual: Order | None = "month/day" if export is MONTH_FIRST else None
    starts = table.column(next(_there(table, export.start)))
    first = next(filter(None, starts.cells), "")
    kinds = _cells(table, _KIND)
    known = [cell or ("" if kind in USED else first) for cell, kind in zip(starts.cells, kinds, strict=True)]
    starts = starts._replace(cells=known)
    period = next((table.column(name) for name in _there(table, export.period)), starts)
    some = next(filter(None, period.cells), None)
    if some is None:
        period, some = starts, ""
    filled = period._replace(cells=[cell or some for cell in period.cells])
    until = [cell for name in _there(table, [export.until]) for cell in _cells(table, name) if "/" in cell]
    months, seconds, said = _invoiced(starts, filled, until, usual)
    own = months if all(period.cells) else _months(seconds)
    return [of if cell else at for cell, of, at in zip(period.cells, months, own, strict=True)], seconds, said


def _invoiced(
    starts: Column, period: Column, until: Sequence[str], usual: Order | None
) -> tuple[Sequence[str], Array, Sequence[str]]:
    """Return the months of the period, the seconds of the starts, and notes."""
    if all(re.fullmatch(r"2\d{3}(?:0[1-9]|1[0-2])", cell) for cell in period.cells):
        days = moments(starts, usual)
        return [f"{cell[:4]}-{cell[4:]}" for cell in period.cells], days.seconds, days.said
    if period.name != starts.name and "/" in starts.cells[0] and "/" in period.cells[0]:
        # One order of day and month for all columns, whichever of them shows it.
        cells = [*starts.cells, *period.cells, *until]
        lines = [*starts.lines, *period.lines, *starts.lines[: len(until)]]
        both = moments(starts._replace(cells=cells, lines=lines), usual)
        rows = len(starts.cells)
        return _months(both.seconds[rows : 2 * rows]), both.seconds[:rows], both.said
    days, of = moments(starts, usual), moments(period, usual)
    return _months(of.seconds), days.seconds, [*days.said, *of.said]


def _months(seconds: Array) -> Sequence[str]:
    return list(pd.Series(pd.to_datetime(seconds, unit="s", utc=True)).dt.strftime("%Y-%m"))


def _ends(table: Table, export: Export, first: Array) -> Array:
    """Return the day before which each charge ends; the first one where nothing says it."""
    name = next(_there(table, (*export.end, *export.last)), None)
    column = None if name is None else table.column(name)
    some = None if column is None else next(filter(None, column.cells), None)
    if column is None or some is None:
        return first
    days = np.ceil(moments(column._replace(cells=[cell or some for cell in column.cells])).seconds / _DAY_S)
    ends: Array = np.where([not cell for cell in column.cells], first, days + (name in export.last))
    return ends


_DAY_S = 86_400.0


def _open(rows: pd.DataFrame, kinds: frozenset[str]) -> Iterator[str]:
    """Yield what the rows leave open."""
    unknown, of = int(rows["rows"][rows["cost"].isna()].sum()), int(rows["rows"].sum())
    if unknown:
        yield f"{unknown} of {of} rows have a blank cost, so the cost of their SKUs is unknown"
    months = sorted(rows["month"].unique())
    numbers = [12 * int(month[:4]) + int(month[5:]) for month in months]
    apart = next((i for i in range(1, len(numbers)) if numbers[i] - numbers[i - 1] > 1), None)
    if apart is not None:
        yield f"between {months[apart - 1]} and {months[apart]} months are missing"
    if not rows["kind"].isin(kinds).any():
        yield "no row is usage"


def _export_of(table: TableSource) -> Export:
    """Return the export that the columns are of, or name what the most similar one has and they lack."""
    found = next((export for export in EXPORTS if not export.lacking(table.names)), None)
    if found is not None:
        return found
    if table.names[0] == "service" and "totalcosts" in table.names:
        what = "is a table of AWS Cost Explorer, which has costs and no hours"
        raise InputError(
            Problem(table.path, what, "Export FOCUS or a Cost and Usage Report from Data Exports.")
        )
    like = min(EXPORTS, key=lambda export: len(export.lacking(table.names)))
    wanted = ", ".join(like.lacking(table.names))
    what = (
        f"its columns match no kind of bill that capplan knows: {', '.join(table.names)[:_SHOWN]}. "
        f"{like.name}, which is most similar, has {wanted} too"
    )
    known = ", ".join(export.name for export in EXPORTS)
    raise InputError(Problem(table.path, what, f"Export one of these, with its header: {known}."))


_SHOWN = 300


def _there(table: Table, names: Sequence[str]) -> Iterator[str]:
    return (name for name in names if name in table.columns)


def _cells(table: Table, name: str) -> Sequence[str]:
    return table.column(name).cells


def _text(names: Sequence[Sequence[str]]) -> Sequence[str]:
    """Return the columns that name a SKU as one text; an identifier alone where it is capplan's own."""
    if all(cell.count("/") == 2 for cell in names[0]):
        return names[0]
    return [" | ".join(dict.fromkeys(cells)) for cells in zip(*names, strict=True)]


def _words(table: Table, export: Export, skus: Sequence[str]) -> Sequence[str]:
    texts = list(zip(skus, *(_cells(table, name) for name in _there(table, export.words)), strict=True))
    known = {text: words_of(" | ".join(text)) for text in set(texts)}
    words = [known[text] for text in texts]
    if export.labels not in table.columns:
        return words
    labels = _cells(table, export.labels)
    types = {cell: f" {MACHINE}{found[1]}" if (found := _SPEC.search(cell)) else "" for cell in set(labels)}
    return [f"{of}{types[cell]}".strip() for of, cell in zip(words, labels, strict=True)]


_SPEC = re.compile(r'/machine_spec"\s*,\s*"value"\s*:\s*"([a-z0-9-]+)"')


def _amounts(table: Table, names: Sequence[str]) -> Array:
    """Return the first of the columns that says something in a row; NaN where none does."""
    found = np.full(len(table.lines), np.nan)
    for name in _there(table, names):
        found = np.where(np.isnan(found), _figures(table.column(name)), found)
    return found


def _sum(table: Table, names: Sequence[str]) -> Array:
    """Return the sum of the columns, those with a minus taken off; NaN where all are blank."""
    found = np.full(len(table.lines), np.nan)
    for name in names:
        if name.lstrip("-") in table.columns:
            amounts = _figures(table.column(name.lstrip("-"))) * (-1.0 if name.startswith("-") else 1.0)
            both = np.nan_to_num(found) + np.nan_to_num(amounts)
            found = np.where(np.isnan(found) & np.isnan(amounts), np.nan, both)
    return found


_LARGEST = 1e27
"""Google counts stored data in byte-seconds: a PiB takes 3e21 of them in a month."""


def _figures(column: Column) -> Array:
    amounts = figures(column)
    beyond = np.abs(amounts) > _LARGEST
    if np.any(beyond):
        raise column.error(int(np.argmax(beyond)), "is too large for a bill")
    return amounts

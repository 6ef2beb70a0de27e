"""Which rows of a bill count: those of an account, a service, a region, a tag, and of some months."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.errors import InputError, Problem, nearest
from capplan.gate.exports import Export
from capplan.tabular import Column, Table, TableSource

_FIELDS = ("account", "service", "region")


class Condition(NamedTuple):
    """What a row must say: a field, or a tag, that is like a pattern with *."""

    field: str
    tag: str
    pattern: str
    said: str


def conditions_of(texts: Sequence[str]) -> Sequence[Condition]:
    """Return the conditions in FIELD=VALUE or tag:NAME=VALUE, several of them divided by commas.

    >>> conditions_of(["account=123,tag:team=web"])[1]
    Condition(field='tag', tag='team', pattern='web', said='tag:team=web')
    """
    return [_condition(part.strip()) for text in texts for part in text.split(",")]


def _condition(text: str) -> Condition:
    name, is_, pattern = text.partition("=")
    field, _, tag = name.strip().partition(":")
    field = "tag" if field == "label" else field
    if not is_ or (field == "tag") != bool(tag) or field not in (*_FIELDS, "tag"):
        what = f"'{text}' is no condition"
        remedy = "Write account=…, service=…, region=…, or tag:NAME=…, with * for any text."
        raise InputError(Problem("--where", what, remedy))
    return Condition(field, tag, pattern.strip(), text)


def columns_for(conditions: Sequence[Condition], source: TableSource, export: Export) -> Sequence[str]:
    """Return the columns that conditions look at; a bill that has none for one of them is refused."""
    return list(dict.fromkeys(name for each in conditions for name in _columns(each, source, export)))


def _columns(condition: Condition, source: TableSource, export: Export) -> Sequence[str]:
    own = re.sub(r"[^a-z0-9]", "", condition.tag.lower())
    known = {
        "tag": [*(f"{prefix}{own}" for prefix in export.tag_prefixes), *export.tags],
        "service": [export.service],
        "account": export.account,
        "region": export.region,
    }[condition.field]
    there = [name for name in known if name in source.names]
    if not there:
        what = f"no column says what '{condition.said}' asks for; {export.name} has {' or '.join(known)}"
        raise InputError(Problem(source.path, what, "Export it with the columns of accounts and tags."))
    return there


def within(table: Table, export: Export, source: TableSource, conditions: Sequence[Condition]) -> Table:
    """Return the rows for which every condition holds; an error where there are none."""
    kept = np.ones(len(table.lines), dtype=bool)
    for each in conditions:
        said = [_values(table.column(name), each) for name in _columns(each, source, export)]
        values = [[value for cell in row for value in cell] for row in zip(*said, strict=True)]
        holds = [any(fnmatchcase(value, each.pattern) for value in row) for row in values]
        if not any(holds):
            found = {value for row in values for value in row if value}
            raise InputError(Problem(table.path, f"no row has {each.said}", nearest(each.pattern, found)))
        kept &= np.array(holds)
    if not kept.any():
        raise InputError(Problem(table.path, f"no row has {' and '.join(each.said for each in conditions)}"))
    return rows_of(table, kept)


def _values(column: Column, condition: Condition) -> Iterator[Sequence[str]]:
    """Yield what each cell says: of a tag among others its value, else the cell."""
    known = {cell: _tag(cell, condition.tag) if condition.tag else (cell,) for cell in set(column.cells)}
    return (known[cell] for cell in column.cells)


def _tag(cell: str, name: str) -> Sequence[str]:
    """Return the values of a tag in a cell: in an object or a list of keys and values, or the cell itself."""
    if not re.match(r"""\s*[\[{"]""", cell):
        return (cell,)
    with suppress(ValueError, RecursionError):
        found = json.loads(cell if cell.lstrip()[0] in "[{" else f"{{{cell}}}")
        pairs = found.items() if isinstance(found, Mapping) else _pairs(found)
        return [str(value) for key, value in pairs if key == name or _of_user(str(key), name)]
    return ()


def _of_user(key: str, name: str) -> bool:
    """Say whether AWS calls a tag so: `user_` and the name, whose signs become underscores."""
    return key.lower() == "user_" + re.sub(r"[^a-z0-9]", "_", name.lower())


def _pairs(found: Sequence[object]) -> Iterator[tuple[object, object]]:
    return ((each.get("key"), each.get("value")) for each in found if isinstance(each, Mapping))


def rows_of(table: Table, kept: NDArray[np.bool_]) -> Table:
    """Return the rows of a table that are kept."""
    if kept.all():
        return table
    rows = np.flatnonzero(kept).tolist()
    lines = [table.lines[row] for row in rows]
    columns = {
        name: column._replace(cells=[column.cells[row] for row in rows], lines=lines)
        for name, column in table.columns.items()
    }
    return table._replace(columns=columns, lines=lines)


def months_of(text: str) -> tuple[str, str]:
    """Return the first and the last month of YYYY-MM or YYYY-MM..YYYY-MM."""
    first, _, last = text.partition("..")
    last = last or first
    if not all(re.fullmatch(r"\d{4}-(?:0[1-9]|1[0-2])", month) for month in (first, last)) or first > last:
        what = f"'{text}' is no month and no range of months"
        raise InputError(Problem("--period", what, "Write 2026-09, or 2026-07..2026-09."))
    return first, last

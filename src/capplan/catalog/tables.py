"""Price tables: a tab-separated file beside a catalog file, for services with thousands of prices.

A line is one SKU at one rate, a column one region. Facts of the SKU stand in columns of their own, on its
first line. Above the header stand sources that the catalog file does not list, as `# name, date, text`, and
`unconfirmed` where nothing bears them out; the first is that of all cells that name no other. A cell is a
price, or nothing where nobody knows it, or `-` where the SKU is not sold; `@name` after the price names its
source. At the rate `spot%` a cell is the share off the on-demand price. A file is split into lines when it is
read, a line into cells when its SKU is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from capplan.catalog.rows import Family, Sku, Source, family_of
from capplan.errors import InputError, Problem

LARGEST = 1e18
"""The largest number in a catalog: more than anything costs or holds."""

NOT_SOLD = "-"
_DATE = re.compile(r"unknown|\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
RATE_KEYS = {"usd": "on_demand", "spot": "spot", "commit_1y": "commit_1y", "commit_3y": "commit_3y"}
_FACTS = frozenset(
    (
        "sku",
        "rate",
        "source",
        "unit",
        "vcpu",
        "memory_gib",
        "gpu",
        "gpu_count",
        "max_pods",
        "size_gib",
        "tier_of",
        "retired",
        "successor",
    )
    + ("from",)
)


class Shared(NamedTuple):
    """What all SKUs of a catalog file share: unit, sources by region or rate, named sources, families."""

    unit: str
    default: Mapping[str, Source]
    sources: Mapping[str, Source]
    families: Mapping[str, Family]


class Cells(Mapping[str, float]):
    """The prices of one line by region, and its facts; each is read when it is asked for."""

    def __init__(self, table: Table, line: int, text: str) -> None:
        self.line = line
        self._table, self._cells = table, text.split("\t")
        self._cites = "@" in text
        if len(self._cells) != table.width:
            raise table.error(line, f"has {len(self._cells)} cells, expected {table.width}")

    def __getitem__(self, region: str) -> float:
        text = self._cells[self._table.columns[region]].partition("@")[0]
        if text in ("", NOT_SOLD):
            raise KeyError(region)
        return self._table.number(text, self.line, region)

    def __iter__(self) -> Iterator[str]:
        return (region for region, text in self._filled() if text != NOT_SOLD)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def rate(self) -> str:
        """How the line is paid for, as files name it."""
        return self._cells[1]

    @property
    def not_sold(self) -> frozenset[str]:
        """The regions that do not sell the SKU."""
        if NOT_SOLD not in self._cells:
            return frozenset()
        return frozenset(region for region, text in self._filled() if text == NOT_SOLD)

    def sources(self) -> Iterator[tuple[str, str]]:
        """Yield each region whose price names a source, its own or the line's, with the name."""
        named = self.fact("source")
        if named or self._cites:
            for region, text in self._filled():
                own = text.partition("@")[2] or named
                if own:
                    yield region, own

    def fact(self, name: str) -> str:
        """Return a fact, empty where the line does not say it."""
        column = self._table.facts.get(name)
        return "" if column is None else self._cells[column]

    def amount(self, name: str) -> float | None:
        """Return a fact that is a number, None where the line does not say it."""
        text = self.fact(name)
        return self._table.number(text, self.line, name) if text else None

    def bracket(self, name: str) -> tuple[float, float] | None:
        """Return a fact that is one number or two, as in ``5-10``."""
        low, _, high = self.fact(name).partition("-")
        if not low:
            return None
        return self._table.number(low, self.line, name), self._table.number(high or low, self.line, name)

    def _filled(self) -> Iterator[tuple[str, str]]:
        return ((r, text) for r, column in self._table.columns.items() if (text := self._cells[column]))


def sources_above(path: Path, text: str) -> dict[str, Source]:
    """Return the sources above the header of a price table, by name."""
    found = {}
    for number, line in enumerate(takewhile(_is_source, text.splitlines()), start=1):
        name, *said = line.removeprefix("# ").split("\t")
        if len(said) < 2 or said[2:] not in ([], ["unconfirmed"]) or not _DATE.fullmatch(said[0]):
            what = "expected a source: its name, a date such as 2026-07-30 or unknown, and a text"
            raise InputError(Problem(f"{path}:{number}", what))
        found[name] = Source(said[1], None if said[0] == "unknown" else said[0], len(said) == 3)
    return found


def _is_source(line: str) -> bool:
    return line.startswith("# ")


class Table:
    """The SKUs of a price table, by name."""

    def __init__(self, path: Path, text: str, shared: Shared) -> None:
        self.path = path
        self.text = text
        self._shared = shared
        own = sources_above(path, text)
        self._default = {"default": next(iter(own.values()))} if own else shared.default
        above = list(takewhile(_is_source, text.splitlines()))
        head, *lines = text.splitlines()[len(above) :] or [""]
        names = head.split("\t")
        self.width = len(names)
        self.columns = {name: i for i, name in enumerate(names) if name not in _FACTS}
        self.facts = {name: i for i, name in enumerate(names) if name in _FACTS}
        if len(set(names)) < len(names) or names[:2] != ["sku", "rate"]:
            raise self.error(1 + len(above), "expected columns 'sku', 'rate', facts and regions, each once")
        self._lines: dict[str, list[tuple[int, str]]] = {}
        for number, line in enumerate(lines, start=2 + len(above)):
            self._lines.setdefault(line.partition("\t")[0], []).append((number, line))

    @property
    def names(self) -> Sequence[str]:
        """The SKUs, in the order of the file."""
        return list(self._lines)

    def tiers(self) -> dict[str, list[str]]:
        """Return the SKUs that are blocks of a tariff, by its name."""
        found: dict[str, list[str]] = {}
        if "tier_of" in self.facts:
            for name, lines in self._lines.items():
                of = lines[0][1].split("\t")[self.facts["tier_of"]]
                if of:
                    found.setdefault(of, []).append(name)
        return found

    def sku(self, name: str) -> Sku:
        """Return the SKU ``name``."""
        rows: dict[str, Cells] = {}
        for number, line in self._lines[name]:
            cells = Cells(self, number, line)
            rows[cells.rate] = cells
        if unknown := [rate for rate in rows if rate.removesuffix("%") not in RATE_KEYS]:
            raise self.error(rows[unknown[0]].line, f"unknown rate '{unknown[0]}'")
        first = next(iter(rows.values()))
        return Sku(
            name=name,
            prices={RATE_KEYS[r]: row for r, row in rows.items() if r in RATE_KEYS},
            off={RATE_KEYS[r[:-1]]: row for r, row in rows.items() if r not in RATE_KEYS},
            sources=self._sources(rows),
            not_sold=first.not_sold,
            family=family_of(name, self._shared.families),
            unit=first.fact("unit") or self._shared.unit,
            vcpu=first.amount("vcpu"),
            memory_gib=first.amount("memory_gib"),
            gpu=first.fact("gpu") or None,
            gpu_count=first.amount("gpu_count") or 0.0,
            max_pods=first.amount("max_pods"),
            size_gib=first.bracket("size_gib"),
            tier_of=first.fact("tier_of") or None,
            retired=first.fact("retired") or None,
            successor=first.fact("successor") or None,
            start=first.amount("from") or 0.0,
        )

    def number(self, text: str, line: int, column: str) -> float:
        """Return the number in a cell; InputError with its place where it is none."""
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value <= LARGEST:
            raise self.error(line, f"{column}: expected a number of at least 0, got '{text[:80]}'")
        return value

    def _sources(self, rows: Mapping[str, Cells]) -> Mapping[str, Source]:
        """Return the file's sources, with those that lines and cells name, by rate and region."""
        named = {
            f"{RATE_KEYS[rate.removesuffix('%')]} {region}": self._source(name, row.line)
            for rate, row in rows.items()
            for region, name in row.sources()
        }
        return {**self._default, **named} if named else self._default

    def _source(self, name: str, line: int) -> Source:
        if name not in self._shared.sources:
            raise self.error(line, f"unknown source '{name}'")
        return self._shared.sources[name]

    def error(self, line: int, what: str) -> InputError:
        """Return the complaint about a line."""
        return InputError(Problem(f"{self.path}:{line}", what))


class Skus(Mapping[str, Sku]):
    """The SKUs of a catalog file and of the table beside it; what the file writes out comes first."""

    def __init__(self, written: Mapping[str, Sku], table: Table) -> None:
        self._written, self._table = written, table
        self._names = dict.fromkeys((*written, *table.names))
        self._tabled = frozenset(table.names)
        self._found: dict[str, Sku] = {}

    def __getitem__(self, name: str) -> Sku:
        if name not in self._found:
            self._found[name] = self._joined(name)
        return self._found[name]

    def _joined(self, name: str) -> Sku:
        if name not in self._tabled:
            return self._written[name]
        row = self._table.sku(name)
        return row if name not in self._written else row.under(self._written[name])

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

"""Price books: what replaces the list prices. A document's own figures, or a negotiated discount."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from capplan.catalog.load import Reader
from capplan.catalog.rows import GLOBAL, RATES, Price, Source
from capplan.errors import InputError, Problem, nearest
from capplan.paths import data_dir, is_file
from capplan.stdin import is_stdin
from capplan.strictyaml import Locator

_KEYS = frozenset(("schema", "name", "title", "hours_per_month", "source", "prices", "discounts"))
_PRICE_KEYS = frozenset(("unit", "usd", "spot", "commit_1y", "commit_3y", "note"))
_DISCOUNT_KEYS = frozenset(("provider", "service", "sku", "percent"))
_RATE_KEYS = dict(zip(("usd", "spot", "commit_1y", "commit_3y"), RATES, strict=True))


class BookRow(NamedTuple):
    """A price that replaces a SKU's."""

    unit: str | None
    prices: Mapping[str, Mapping[str, float]]
    note: str


class Discount(NamedTuple):
    """A share taken off every price that the patterns match."""

    provider: str
    service: str
    sku: str
    share: float

    def matches(self, provider: str, service: str, sku: str) -> bool:
        """Say whether the discount applies to this SKU."""
        pairs = ((provider, self.provider), (service, self.service), (sku, self.sku))
        return all(fnmatch.fnmatchcase(value, pattern) for value, pattern in pairs)


class Book(NamedTuple):
    """An overlay over the list prices."""

    name: str
    title: str
    hours_per_month: float | None
    source: Source
    rows: Mapping[str, BookRow]
    discounts: Sequence[Discount]
    text: str
    path: Path

    def check_services(self, known: Collection[str]) -> None:
        """Raise :class:`InputError` if the book prices what is not in the catalog, by provider/service."""
        for key in self.rows:
            service = key.rpartition("/")[0]
            if service not in known:
                raise self._unknown(key, f"the catalog has no '{service}'", nearest(service, known))

    def check_skus(self, service: str, known: Collection[str]) -> None:
        """Raise :class:`InputError` if the book prices a SKU that provider/service does not have."""
        for key in self.rows:
            of, _, name = key.rpartition("/")
            if of == service and name not in known:
                raise self._unknown(key, f"{service} has no '{name}'", nearest(name, known))

    def _unknown(self, key: str, what: str, remedy: str) -> InputError:
        place, _ = Locator(self.text, str(self.path)).find(("prices", key))
        return InputError(Problem(f"{place}: prices.{key}", what, remedy))

    def replacement(
        self, provider: str, service: str, sku: str, region: str, rate: str, unit: str
    ) -> Price | None:
        """Return the book's own price of a SKU, None where it has none."""
        row = self.rows.get(f"{provider}/{service}/{sku}")
        prices = row.prices.get(rate, {}) if row else {}
        usd = prices.get(region, prices.get(GLOBAL))
        if row is None or usd is None:
            return None
        note = f": {row.note}" if row.note else ""
        source = Source(f"price book {self.name}{note} ({self.source.text})", self.source.as_of)
        return Price(usd, row.unit or unit, sku, "book", source)

    def discounted(self, price: Price, provider: str, service: str) -> Price:
        """Return ``price`` less the first discount that matches."""
        for discount in self.discounts:
            if discount.matches(provider, service, price.sku):
                text = f"{discount.share:.4g} off by price book {self.name}; {price.source.text}"
                source = Source(text, price.source.as_of)
                return Price(price.usd * (1 - discount.share), price.unit, price.sku, "book", source)
        return price


def find_book(name: str, root: Path, relative_to: Path) -> Path:
    """Return the file of the book ``name``: one that ships with the catalogs, or a path."""
    if is_stdin(name):
        return Path(name)
    for path in (root / "books" / f"{name}.yaml", relative_to / name):
        if is_file(path):
            return path
    shipped = [path.stem for path in (root / "books").glob("*.yaml")]
    remedy = f"{nearest(name, shipped)} Or give the path to a file."
    raise InputError(Problem("price book", f"no book '{name}'", remedy))


def read_book(path: Path) -> Book:
    """Return the price book in the file at ``path``."""
    reader = Reader(path)
    data = reader.keys(reader.data, _KEYS, ())
    if data.get("schema") != 1:
        raise reader.error(("schema",), f"expected 1, got '{data.get('schema')}'")
    hours = data.get("hours_per_month")
    prices = reader.mapping(data.get("prices", {}), ("prices",))
    discounts = reader.items(data.get("discounts", []), ("discounts",))
    return Book(
        name=str(reader.required("name")),
        title=str(data.get("title", "")),
        hours_per_month=None if hours is None else reader.number(hours, ("hours_per_month",), positive=True),
        source=reader.source(reader.required("source"), ("source",)),
        rows={key: _row(reader, key, value) for key, value in prices.items()},
        discounts=[_discount(reader, i, value) for i, value in enumerate(discounts)],
        text=reader.text,
        path=path,
    )


def _row(reader: Reader, key: str, value: object) -> BookRow:
    where = ("prices", key)
    if key.count("/") != 2:
        raise reader.error(where, "expected provider/service/sku")
    row = reader.keys(value, _PRICE_KEYS, where)
    prices = {rate: _by_region(reader, row[k], (*where, k)) for k, rate in _RATE_KEYS.items() if k in row}
    if not prices:
        raise reader.error(where, "has no price", "Give usd, spot, commit_1y or commit_3y.")
    return BookRow(reader.text_or_none(row.get("unit"), (*where, "unit")), prices, str(row.get("note", "")))


def _by_region(reader: Reader, value: Any, where: tuple[str, ...]) -> dict[str, float]:
    """Return prices by region; one number holds everywhere. A book may say that something is free."""
    if isinstance(value, dict):
        return reader.regions(value, where, free=True)
    return {GLOBAL: reader.number(value, where)}


def _discount(reader: Reader, index: int, value: object) -> Discount:
    where = ("discounts", index)
    row = reader.keys(value, _DISCOUNT_KEYS, where)
    share = reader.share(row.get("percent"), (*where, "percent"))
    provider, service, sku = (str(row.get(key, "*")) for key in ("provider", "service", "sku"))
    return Discount(provider, service, sku, share)


def shipped_books() -> list[Path]:
    """Return the books that come with capplan."""
    return sorted((data_dir("catalogs") / "books").glob("*.yaml"))

"""Price books: what replaces the list prices. A document's own figures, or a negotiated discount."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from capplan.catalog.load import Reader
from capplan.catalog.roots import PROVIDERS
from capplan.catalog.rows import GLOBAL, RATES, Exchange, Price, ServiceCatalog, Sku, Source, tiers_of
from capplan.errors import InputError, Problem, nearest
from capplan.paths import is_file
from capplan.stdin import is_stdin
from capplan.strictyaml import Locator

_KEYS = frozenset(
    (
        "schema",
        "name",
        "title",
        "hours_per_month",
        "source",
        "prices",
        "discounts",
        "regions",
        "exchange",
        "gpus",
    )
)
_NUMBERS = {"vcpu": "vcpu", "memory_gib": "memory_gib", "gpu_count": "gpu_count", "from": "start"}
_TEXTS = ("gpu", "tier_of")
_PRICE_KEYS = frozenset(("unit", "usd", "spot", "commit_1y", "commit_3y", "note", "free", *_NUMBERS, *_TEXTS))
_DISCOUNT_KEYS = frozenset(("provider", "service", "sku", "percent"))
_RATE_KEYS = dict(zip(("usd", "spot", "commit_1y", "commit_3y"), RATES, strict=True))


class BookRow(NamedTuple):
    """A price that replaces a SKU's, or one that adds a SKU, with what is known of it."""

    unit: str | None
    prices: Mapping[str, Mapping[str, float]]
    note: str
    facts: Mapping[str, float | str | bool]

    @property
    def adds(self) -> bool:
        """Whether the row says enough of a SKU that no catalog has."""
        return self.unit is not None


class Likeness(NamedTuple):
    """A region whose unknown prices are those of another, times a factor; ``book`` says so."""

    region: str
    factor: float
    book: str

    def estimated(self, price: Price) -> Price:
        """Return what ``price``, of the other region, would be in this one."""
        text = f"{self.factor:g} × the price in {self.region}, estimated by price book {self.book}: "
        source = price.source._replace(text=text + price.source.text)
        return price._replace(usd=self.factor * price.usd, status="estimated", source=source)


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
    """An overlay over the list prices. gpus: as they were written; who serves models on them reads them."""

    name: str
    title: str
    hours_per_month: float | None
    source: Source
    rows: Mapping[str, BookRow]
    discounts: Sequence[Discount]
    regions: Mapping[str, Likeness]
    exchange: Mapping[str, Exchange]
    gpus: object
    text: str
    path: Path

    @property
    def services(self) -> set[str]:
        """The services, as provider/service, that the book may add: it says enough of one of their SKUs."""
        return {key.rpartition("/")[0] for key, row in self.rows.items() if row.adds}

    def check_services(self, known: Collection[str]) -> None:
        """Raise :class:`InputError` if the book prices what is not in the catalog, by provider/service."""
        for key in self.rows:
            service = key.rpartition("/")[0]
            if service not in known and not self.rows[key].adds:
                raise self._unknown(key, f"the catalog has no '{service}'", nearest(service, known))

    def added(self, provider: str, service: str, known: Collection[str]) -> ServiceCatalog | None:
        """Return the SKUs of a service that the book adds to those ``known``; None where it adds none.

        Raises :class:`InputError` if it prices one that is unknown, and does not say what unit it is sold by.
        """
        prefix = f"{provider}/{service}/"
        rows = {key.removeprefix(prefix): row for key, row in self.rows.items() if key.startswith(prefix)}
        new = {name: row for name, row in rows.items() if name not in known or "tier_of" in row.facts}
        for name, row in new.items():
            if not row.adds:
                remedy = f"{nearest(name, known)} To add it, give its unit."
                raise self._unknown(prefix + name, f"{provider}/{service} has no '{name}'", remedy)
        if not new:
            return None
        source = Source(f"price book {self.name} ({self.source.text})", self.source.as_of)
        skus = {name: _sku(name, row, source) for name, row in new.items()}
        return ServiceCatalog(
            provider=provider,
            service=service,
            kind="meter",
            title=self.title or f"Price book {self.name}.",
            unit=next(iter(skus.values())).unit,
            skus=skus,
            text=self.text,
            sources={"book": source},
            tiers=tiers_of(skus),
        )

    def named_regions(self) -> Iterator[tuple[str, str, str]]:
        """Yield the key of each price, its provider, and the regions that it is given for."""
        for key, row in self.rows.items():
            for region in {region for by_region in row.prices.values() for region in by_region} - {GLOBAL}:
                yield key, key.partition("/")[0], region

    def unknown_region(self, key: str, region: str, known: Collection[str]) -> InputError:
        """Return the complaint about a price in a region that its provider does not have."""
        return self._unknown(key, f"there is no region '{region}'", nearest(region, known))

    def _unknown(self, key: str, what: str, remedy: str) -> InputError:
        return self.error(("prices", key), what, remedy)

    def error(self, where: tuple[str, ...], what: str, remedy: str) -> InputError:
        """Return the complaint about the value at ``where``."""
        place, _ = Locator(self.text, str(self.path)).find(where)
        return InputError(Problem(f"{place}: {'.'.join(where)}", what, remedy))

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
                source = price.source._replace(text=text)
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
        regions=_likenesses(reader),
        exchange=_exchange(reader),
        gpus=data.get("gpus", {}),
        discounts=[_discount(reader, i, value) for i, value in enumerate(discounts)],
        text=reader.text,
        path=path,
    )


def _row(reader: Reader, key: str, value: object) -> BookRow:
    where = ("prices", key)
    if key.count("/") != 2:
        raise reader.error(where, "expected provider/service/sku")
    provider = key.partition("/")[0]
    if provider not in PROVIDERS:
        raise reader.error(where, f"unknown provider '{provider}'", nearest(provider, PROVIDERS))
    row = reader.keys(value, _PRICE_KEYS, where)
    prices = {rate: _by_region(reader, row[k], (*where, k)) for k, rate in _RATE_KEYS.items() if k in row}
    if not prices:
        raise reader.error(where, "has no price", "Give usd, spot, commit_1y or commit_3y.")
    unit = reader.text_or_none(row.get("unit"), (*where, "unit"))
    if row.keys() & {"from", "free"} and "tier_of" not in row:
        raise reader.error(where, "says where a block starts, but not of which tariff", "Give tier_of.")
    return BookRow(unit, prices, str(row.get("note", "")), _facts(reader, row, where))


def _facts(reader: Reader, row: Mapping[str, Any], where: tuple[str, ...]) -> dict[str, float | str | bool]:
    """Return what a row says of its SKU besides the price, by the fields of a :class:`Sku`."""
    numbers = {field: reader.number(row[k], (*where, k)) for k, field in _NUMBERS.items() if k in row}
    texts = {key: reader.text_or_none(row[key], (*where, key)) or "" for key in _TEXTS if key in row}
    return {**numbers, **texts, **({"free": row["free"] is True} if "free" in row else {})}


def _sku(name: str, row: BookRow, source: Source) -> Sku:
    facts: dict[str, Any] = dict(row.facts)
    return Sku(name=name, unit=row.unit or "", prices=row.prices, sources={"default": source}, **facts)


def _likenesses(reader: Reader) -> dict[str, Likeness]:
    """Return what the book says of regions that resemble others, which must have prices of their own."""
    found = {}
    name = str(reader.required("name"))
    given = reader.mapping(reader.data.get("regions", {}), ("regions",))
    for region, value in given.items():
        where = ("regions", region)
        like, factor = reader.fields(value, ("like", "factor"), where)
        if not isinstance(like, str) or like in given:
            raise reader.error((*where, "like"), "expected a region that has prices of its own")
        found[region] = Likeness(like, reader.number(factor, (*where, "factor"), positive=True), name)
    return found


def _by_region(reader: Reader, value: Any, where: tuple[str, ...]) -> dict[str, float]:
    """Return prices by region; one number holds everywhere. A book may say that something is free."""
    if isinstance(value, dict):
        return reader.regions(value, where, free=True)
    return {GLOBAL: reader.number(value, where)}


def _exchange(reader: Reader) -> dict[str, Exchange]:
    found = {}
    for currency, value in reader.mapping(reader.data.get("exchange", {}), ("exchange",)).items():
        where = ("exchange", currency)
        per_usd, as_of, source = reader.fields(value, ("per_usd", "as_of", "source"), where)
        rate = reader.number(per_usd, (*where, "per_usd"), positive=True)
        found[currency] = Exchange(currency, rate, reader.date(as_of, (*where, "as_of")), str(source))
    return found


def _discount(reader: Reader, index: int, value: object) -> Discount:
    where = ("discounts", index)
    row = reader.keys(value, _DISCOUNT_KEYS, where)
    share = reader.share(row.get("percent"), (*where, "percent"))
    provider, service, sku = (str(row.get(key, "*")) for key in ("provider", "service", "sku"))
    return Discount(provider, service, sku, share)

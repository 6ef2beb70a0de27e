"""The catalog: every price and every machine, each file read when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from capplan.catalog.load import read_service
from capplan.catalog.roots import PROVIDERS, roots_of
from capplan.catalog.rows import Block, Price, ServiceCatalog, Sku
from capplan.catalog.tables import LARGEST
from capplan.errors import InputError, Problem, almost, nearest
from capplan.paths import data_dir, from_here
from capplan.strictyaml import load, read_text

if TYPE_CHECKING:
    from capplan.catalog.books import Book, Likeness
    from capplan.catalog.tiers import TierTable


class Provenance(NamedTuple):
    """A catalog file that an estimate used; ``over``: its directory, where it was laid over the others."""

    name: str
    as_of: str | None
    text: str
    over: str = ""

    @property
    def label(self) -> str:
        """The name, and the directory where that is not the embedded one's."""
        return f"{self.name} of {self.over}" if self.over else self.name

    @property
    def sha256(self) -> str:
        """The hash of the file, so that a reader can tell which one it was."""
        import hashlib

        return hashlib.sha256(self.text.encode()).hexdigest()


class Catalog:
    """List prices, with those of ``catalogs`` and price ``books`` over them; the last one wins.

    ``catalogs``, ``without``: as :func:`roots_of` reads them.
    """

    def __init__(
        self, catalogs: Path | None = None, books: Sequence[Book] = (), without: Path | None = None
    ) -> None:
        self._given, self._without = catalogs, without
        self.roots = roots_of(catalogs, without)
        self.root = self.roots[0]
        self.books = tuple(books)
        self._files: dict[tuple[str, str], list[tuple[Path, ServiceCatalog]]] = {}
        self._services: dict[tuple[str, str], ServiceCatalog] = {}
        self._facts: dict[str, Any] = {}
        self._tables: dict[Path, TierTable] = {}
        self._found: dict[tuple[str, str, str], Sku | None] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return what is sent to another machine, where capplan's own catalogs are at another place."""
        return {
            **self.__dict__,
            "roots": [None if root == data_dir("catalogs") else root for root in self.roots],
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what another machine sent; InputError without its other directories of catalogs."""
        self.__dict__.update(state)
        self.roots = [root or data_dir("catalogs") for root in state["roots"]]
        self.root = self.roots[0]
        for root in self.roots:
            if not root.is_dir():
                from socket import gethostname

                what = f"a worker ({gethostname()}) does not have this directory of catalogs"
                raise InputError(Problem(str(root), what, "Put it at the same path there."))

    def with_books(self, names: Iterable[str], relative_to: Path) -> Catalog:
        """Return this catalog with the books called ``names`` over it."""
        from capplan.catalog.books import find_book, read_book

        books = [read_book(find_book(name, self.root, relative_to)) for name in names]
        known = {f"{provider}/{name}" for provider in PROVIDERS for name in self.names(provider)}
        for book in books:
            book.check_services(known)
            known |= book.services
        for book in books:
            self._check_likenesses(book)
        likened = {region for book in (*self.books, *books) for region in book.regions}
        for book in books:
            for key, provider, region in book.named_regions():
                if region not in likened and not self.knows_region(provider, region):
                    raise book.unknown_region(key, region, self.regions(provider))
        return self._under((*self.books, *books))

    def _check_likenesses(self, book: Book) -> None:
        """Raise :class:`InputError` where a region resembles one that is none, or another provider's.

        A region that no provider has yet may resemble any.
        """
        if not book.regions:
            return
        owned = {provider: {*self.regions(provider), *self._own(provider)} for provider in PROVIDERS}
        for region, like in book.regions.items():
            of = [provider for provider in PROVIDERS if like.region in owned[provider]]
            if not of:
                known = [name for names in owned.values() for name in names]
                what = f"there is no region '{like.region}'"
                raise book.error(("regions", region, "like"), what, nearest(like.region, known))
            others = [provider for provider in PROVIDERS if region in owned[provider]]
            if others and not set(of) & set(others):
                what = (
                    f"is a region of {' and '.join(others)}, and {like.region} is one of {' and '.join(of)}"
                )
                raise book.error(("regions", region), what, f"Take a region of {others[0]}.")

    def unknown_likenesses(self) -> Iterator[tuple[str, str]]:
        """Yield each region that a book says resembles another and that no provider has, and the nearest."""
        known = {name for provider in PROVIDERS for name in self.regions(provider)}
        for region in (region for book in self.books for region in book.regions if region not in known):
            yield region, nearest(region, known)

    def _under(self, books: Sequence[Book]) -> Catalog:
        """Return the same files under other ``books``; what is read for one is read for both."""
        other = Catalog(self._given, books, self._without)
        other._files, other._facts, other._tables = self._files, self._facts, self._tables
        return other

    def over(self, directory: Path) -> Catalog:
        """Return this catalog with the files of ``directory`` over it."""
        other = Catalog(self._given, self.books, self._without)
        other.roots = [*self.roots, directory]
        return other

    @property
    def hours_per_month(self) -> float | None:
        """The month that the last book to say so counts with."""
        return next((b.hours_per_month for b in reversed(self.books) if b.hours_per_month), None)

    def service(self, provider: str, service: str) -> ServiceCatalog:
        """Return one service of the catalog, with what is laid over it."""
        key = (provider, service)
        if key not in self._services:
            files = [file for _, file in self._files_of(provider, service)]
            self._check_units(provider, service)
            for book in self.books:
                own = book.added(provider, service, {name for file in files for name in file.names})
                files += [own] if own else []
            if not files:
                what = f"{provider} has no service '{service}'"
                raise InputError(Problem("catalog", what, nearest(service, self.names(provider))))
            self._services[key] = reduce(ServiceCatalog.under, files)
        return self._services[key]

    def additions(self) -> Iterator[tuple[str, str, str]]:
        """Yield each SKU that a book adds and whose name is almost a known one's, its tariff, and that name.

        All are named as provider/service/sku; a service may be what is almost known.
        """
        for book in self.books:
            for key, row in book.rows.items() if book.services else ():
                provider, service, sku = key.split("/")
                files = self._files_of(provider, service)
                known = {name for _, file in files for name in file.names}
                if not row.adds or sku in known:
                    continue
                near = almost(sku, known) if files else almost(service, self._shipped(provider))
                if near is not None:
                    whole = f"{provider}/{service}/{near}" if files else f"{provider}/{near}/{sku}"
                    yield key, f"{provider}/{service}/{row.facts.get('tier_of', sku)}", whole

    def _shipped(self, provider: str) -> set[str]:
        """Return the names of the provider's services that have a file."""
        return {path.stem for root in self.roots for path in (root / provider).glob("*.yaml")}

    def _files_of(self, provider: str, service: str) -> list[tuple[Path, ServiceCatalog]]:
        """Return the files of a service, the lowest first, each with the directory that it was found in."""
        key = (provider, service)
        if key not in self._files:
            named = Path(service).name == service
            found = ((root, root / provider / f"{service}.yaml") for root in self.roots if named)
            self._files[key] = [(root, _own_file(path)) for root, path in found if path.is_file()]
        return self._files[key]

    def _check_units(self, provider: str, service: str) -> None:
        """Raise :class:`InputError` if a directory laid over the others sells a SKU by another unit."""
        units: dict[str, str] = {}
        files = self._files_of(provider, service)
        for root, file in files[1:]:
            lowest = files[0][1].skus
            for name, sku in file.skus.items():
                if name in lowest:
                    units.setdefault(name, lowest[name].unit)
                if units.setdefault(name, sku.unit) != sku.unit:
                    what = f"is sold by the {sku.unit} here, and by the {units[name]} in the catalogs below"
                    raise InputError(Problem(f"{root / provider / service}.yaml: {name}", what))

    def known(self, file: ServiceCatalog) -> ServiceCatalog | None:
        """Return the service that ``file`` lies over; None for one of these files, and for a new service."""
        layers = self._files_of(file.provider, file.service)
        if not layers or file.file in {other.file for _, other in layers}:
            return None
        return self.service(file.provider, file.service)

    def names(self, provider: str) -> list[str]:
        """Return the names of the provider's services."""
        added = (name.partition("/") for book in self.books for name in book.services)
        named = self._shipped(provider) | {service for of, _, service in added if of == provider}
        return sorted(named, key="{}.yaml".format)

    def services(self, provider: str | None = None) -> list[ServiceCatalog]:
        """Return every service, or every service of one provider."""
        wanted = [provider] if provider else PROVIDERS
        return [self.service(p, name) for p in wanted for name in self.names(p)]

    def find(self, provider: str, service: str, name: str) -> Sku | None:
        """Return a SKU; one whose name ends as its file's high-availability variants do is derived."""
        key = (provider, service, name)
        if key not in self._found:
            self._found[key] = self._sku(self.service(provider, service), name)
        return self._found[key]

    def _sku(self, file: ServiceCatalog, name: str) -> Sku | None:
        suffix = file.high_availability[0] if file.high_availability else None
        base = name.removesuffix(f" {suffix}") if suffix else name
        if base != name and base in file.skus:
            return file.doubled(file.skus[base])
        return file.skus.get(name) or self._custom(file, name)

    def _custom(self, file: ServiceCatalog, name: str) -> Sku | None:
        """Return a machine type of a size of the user's own; None where there is none."""
        if file.kind != "machine" or "custom-" not in name or file.provider != "gcp":
            return None
        from capplan.catalog.custom import custom_machine

        return custom_machine(name, self.service("gcp", "compute-engine-unit").skus, file.skus)

    def require(self, provider: str, service: str, name: str) -> Sku:
        """Return a SKU that must exist; raises :class:`InputError` with the nearest name."""
        sku = self.find(provider, service, name)
        if sku is None:
            known = self.service(provider, service).skus
            raise InputError(
                Problem("catalog", f"{provider} {service} has no '{name}'", nearest(name, known))
            )
        return sku

    def price(self, provider: str, service: str, sku: Sku, region: str, rate: str) -> Price | None:
        """Return what one unit of ``sku`` costs, after the books; None if nobody says.

        Where nobody does, a book may estimate it from another region's price.
        """
        known = self._known_price(provider, service, sku, region, rate)
        like = None if known else self._likeness(region)
        if like is None:
            return known
        other = self._known_price(provider, service, sku, like.region, rate)
        return None if other is None else like.estimated(other)

    def _likeness(self, region: str) -> Likeness | None:
        """Return what the last book to do so says of a region that resembles another."""
        return next((b.regions[region] for b in reversed(self.books) if region in b.regions), None)

    def _known_price(self, provider: str, service: str, sku: Sku, region: str, rate: str) -> Price | None:
        usd = sku.usd(region, rate)
        price = None
        if usd is not None:
            price = Price(usd, sku.unit, sku.name, "list", sku.source(region, rate))
        for book in self.books:
            own = book.replacement(provider, service, sku.name, region, rate, sku.unit)
            price = own or price
            if price is not None:
                price = book.discounted(price, provider, service)
        return price._replace(status="estimated") if price and price.source.unconfirmed else price

    def tariff(self, provider: str, service: str, name: str, region: str, rate: str) -> list[Block]:
        """Return the blocks that price ``name``, by where they start; a flat price is one block."""
        file = self.service(provider, service)
        skus: Sequence[Sku] = [self.require(provider, service, name)] if name not in file.tiers else ()
        if not skus:
            skus = file.blocks_of(name, region)
            like = self._likeness(region)
            if like is not None and not any(sku.usd(region) for sku in skus):
                skus = file.blocks_of(name, like.region)
        if name in file.tiers and any(
            book.replacement(provider, service, name, region, rate, file.unit) for book in self.books
        ):
            # A book's price of the whole replaces its blocks, free tier included.
            skus = [skus[-1]._replace(name=name, start=0.0)]
        if len({sku.start for sku in skus}) < len(skus):
            what = f"two blocks of {name} start at the same quantity"
            raise InputError(Problem(file.file or "price book", what))
        # What lies below the first block has no price: it is not free.
        below = [Block(0.0, name, None, None)] if skus[0].start > 0 else []
        return below + [
            Block(
                sku.start,
                sku.name,
                self.price(provider, service, sku, region, rate),
                sku.usd(region),
                sku.free,
                region not in sku.not_sold,
            )
            for sku in skus
        ]

    def tier_table(self, name: str, relative_to: Path) -> TierTable:
        """Return the tier table ``name``: one of the catalog's, or a file."""
        table = self.find_tier_table(name, relative_to)
        if table is None:
            raise InputError(Problem("tiers", f"no tier table '{name}'", self.nearest_tier_table(name)))
        return table

    def nearest_tier_table(self, name: str) -> str:
        """Say which tier table was meant by ``name``."""
        known = [path.stem for path in (self.root / "tiers").glob("*.yaml")]
        return f"{nearest(name, known)} Or give the path to a file."

    def find_tier_table(self, name: str, relative_to: Path) -> TierTable | None:
        """Return the tier table ``name``, one of the catalog's or a file; None where there is none."""
        from capplan.catalog.tiers import find_table, read_table

        path = find_table(name, self.root, relative_to)
        if path is None:
            return None
        if path not in self._tables:
            self._tables[path] = read_table(path)
        return self._tables[path]

    def facts(self, name: str, *keys: str) -> dict[str, Any]:
        """Return the mapping under ``keys`` in ``hardware/{name}.yaml``; InputError if there is none."""
        found = self._fact(name, keys)
        if not isinstance(found, dict):
            raise self._odd(name, keys, "expected a mapping")
        return found

    def known_facts(self, name: str) -> dict[str, Any]:
        """Return what ``hardware/{name}.yaml`` says, nothing where there is no such file."""
        return self.facts(name) if self._hardware(name).is_file() else {}

    def number(self, name: str, *keys: str) -> float:
        """Return the number under ``keys`` in ``hardware/{name}.yaml``; InputError if there is none."""
        found = self._fact(name, keys)
        if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) <= LARGEST:
            raise self._odd(name, keys, "expected a number")
        return float(found)

    def _fact(self, name: str, keys: Sequence[str]) -> Any:
        if not keys:
            if name not in self._facts:
                path = self._hardware(name)
                self._facts[name] = load(read_text(path), str(path))
            return self._facts[name]
        inside = self.facts(name, *keys[:-1])
        if keys[-1] not in inside:
            raise self._odd(name, keys, "is missing")
        return inside[keys[-1]]

    def _odd(self, name: str, keys: Sequence[str], what: str) -> InputError:
        return InputError(Problem(": ".join((str(self._hardware(name)), *keys)), what))

    def _hardware(self, name: str) -> Path:
        return self.root / "hardware" / f"{name}.yaml"

    def regions(self, provider: str) -> Mapping[str, Any]:
        """Return what is known of the regions of ``provider``, by name.

        None of a provider that a catalog of one's own leaves out.
        """
        found: Mapping[str, Any] = self.facts("regions").get(provider, {})
        return found

    def check_region(self, provider: str, region: str) -> None:
        """Raise :class:`InputError` if ``provider`` has no such region, or the catalog no such provider."""
        if not self.knows_region(provider, region):
            known = self.facts("regions", provider)
            raise InputError(
                Problem("region", f"{provider} has no region '{region}'", nearest(region, known))
            )

    def knows_region(self, provider: str, region: str) -> bool:
        """Whether ``provider`` has such a region, or a book or a directory of the user's gives it prices."""
        known = region in self.regions(provider) or self._likeness(region) is not None
        return known or region in self._own(provider)

    def _own(self, provider: str) -> set[str]:
        """Return the regions in which only directories laid over the embedded one have prices."""
        if len(self.roots) == 1:
            return set()
        files = (self._files_of(provider, name) for name in self.names(provider))
        return {r for layers in files for root, file in layers if root != self.root for r in file.regions}

    def provenance(self, services: Iterable[tuple[str, str]]) -> list[Provenance]:
        """Return the files of the ``services``, by provider and name, and the books last."""
        files = [
            Provenance(
                f"{provider}/{service}",
                file.newest,
                file.text,
                "" if root == self.root else str(from_here(str(root))),
            )
            for provider, service in sorted(services)
            for root, file in self._files_of(provider, service)
        ]
        books = [Provenance(f"book {book.name}", book.source.as_of, book.text) for book in self.books]
        return files + books


def _own_file(path: Path) -> ServiceCatalog:
    """Return the catalog at ``path``, which must be that of the provider and the service in its name."""
    file = read_service(path)
    if (file.provider, file.service) != (path.parent.name, path.stem):
        what = f"is the catalog of {file.provider}/{file.service}, so nothing finds it here"
        raise InputError(Problem(str(path), what, f"Call it {file.provider}/{file.service}.yaml."))
    return file

"""Price lists into catalogs: what `capplan catalog import`, `diff` and `update` do."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from capplan.errors import InputError, Problem, nearest

if TYPE_CHECKING:
    from capplan.catalog.catalog import Catalog
    from capplan.catalog.imports.collect import Collection, Selection
    from capplan.catalog.imports.difference import PriceDifference
    from capplan.catalog.imports.overlay import Written
    from capplan.catalog.imports.read import Origin
    from capplan.catalog.rows import ServiceCatalog
    from capplan.findings import Finding
    from capplan.report.blocks import Report

PROVIDERS = ("aws", "azure", "gcp")
SELECTORS = ("service", "region", "family")


def check_provider(provider: str) -> str:
    """Return ``provider`` if there are price lists of it."""
    if provider not in PROVIDERS:
        what = f"unknown provider '{provider}'"
        raise InputError(Problem("catalog", what, nearest(provider, PROVIDERS)))
    return provider


def selection_of(given: Sequence[str]) -> Selection:
    """Return what `--select service=…,region=…,family=…` asks for."""
    from capplan.catalog.imports.collect import Selection

    parts = [part.partition("=") for text in given for part in text.split(",") if part]
    for key, _, value in parts:
        if key not in SELECTORS or not value:
            what = f"expected service=NAME, region=NAME or family=NAME, got '{key}'"
            raise InputError(Problem("--select", what, nearest(key, SELECTORS)))
        if sum(key == other for other, _, _ in parts) > 1:
            raise InputError(Problem("--select", f"{key} is given twice", "Use * for several, as in rds-*."))
    return Selection(**{key: value for key, _, value in parts})


def fetched(
    wanted: tuple[str, str | None, str, float], selection: Selection, today: date, again: bool
) -> list[Path]:
    """Return the lists of ``wanted`` (provider, server, key, seconds to wait): today's cache, or fetched."""
    import shutil

    from capplan.catalog.imports.fetch import URLS, FetchFrom, cache_dir, fetch
    from capplan.catalog.imports.found import slug
    from capplan.cli.progress import reporter

    provider, url, key, timeout_s = wanted
    server = (url or URLS[provider]).rstrip("/")
    if not server.startswith(("http://", "https://")):
        raise InputError(Problem("--url", f"expected http://… or https://…, got '{server}'"))
    cache = cache_dir() / provider / slug(server) / today.isoformat()
    if again:
        shutil.rmtree(cache, ignore_errors=True)
    with reporter("fetching", 100) as begin:
        return fetch(FetchFrom(provider, server, cache, timeout_s, key), selection, begin)


class Import:
    """Price lists of one provider on their way into the catalogs of a directory."""

    def __init__(
        self, provider: str, selection: Selection, directory: Path | None, catalogs: Path | None, today: date
    ) -> None:
        from capplan.catalog.catalog import Catalog
        from capplan.catalog.imports.collect import Collection
        from capplan.catalog.roots import imported_dir

        self.directory = directory or imported_dir()
        self.below = Catalog(catalogs, without=self.directory)
        self.collection: Collection = Collection(provider, selection, today)
        self.today = today
        self.origins: list[Origin] = []
        self.written: Written | None = None
        self.found: list[Finding] = []
        self.changes: PriceDifference

    def read(self, paths: Sequence[Path], as_of: date | None = None) -> None:
        """Read the price lists at ``paths``; ``as_of``: the day that they are of, where none says it."""
        from capplan.catalog.imports.derive import derive
        from capplan.catalog.imports.difference import difference
        from capplan.catalog.imports.overlay import overlay
        from capplan.catalog.imports.read import OtherProviderError, files_of, read_into
        from capplan.catalog.regions import names_of_regions
        from capplan.cli.progress import reporter

        files = files_of(paths)
        regions = names_of_regions(self.below, self.collection.provider)
        with reporter("price lists", max(len(files), 1)) as begin:
            for path in files:
                self.collection.file = len(self.origins)
                try:
                    self.origins.append(read_into(self.collection, path, regions, begin))
                except OtherProviderError:
                    if path in paths:
                        raise
                    self.collection.left_out["a price list of another provider"] += 1
        self.origins = [self._dated(origin, as_of) for origin in self.origins]
        self._check_days()
        self._spot()
        derive(self.collection, self.below)
        self.collection.finish(self._usual)
        self.written = overlay(self.collection, self.origins, self.below, self.directory)
        if not self.written.texts:
            why = ", ".join(f"{n} × {reason}" for reason, n in self.collection.left_out.most_common(3))
            names = ", ".join(map(str, paths))
            raise InputError(Problem(names, f"no price in it has a place in a catalog ({why or 'no rows'})"))
        catalogs = self._files()
        self.found = _linted(catalogs, self.below, self.today)
        self.changes = difference(catalogs, _now(self.below, self.directory))

    def _dated(self, origin: Origin, as_of: date | None) -> Origin:
        """Return the origin with its day: its own, the one given, or the newest of its list."""
        starts = [other.at_least for other in self.origins if other.title == origin.title and other.at_least]
        day = as_of.isoformat() if as_of else max(starts, default=None)
        return origin._replace(as_of=origin.as_of or day)

    def _usual(self, service: str, years: int) -> str:
        """Return how reservations of a service are paid in the catalogs that hold now, if it has any."""
        if service not in self.below.names(self.collection.provider):
            return ""
        terms = self.below.service(self.collection.provider, service).commitment_terms
        return terms.get(f"commit_{years}y", "").rpartition(", ")[2]

    def _check_days(self) -> None:
        """Refuse a list of a day that is to come."""
        for origin in self.origins:
            if origin.as_of and origin.as_of > self.today.isoformat():
                what = f"the list is of {origin.as_of}, a day that is to come"
                raise InputError(Problem(origin.title, what, "Check the list, or --today."))

    def _spot(self) -> None:
        """Turn savings of spot into prices, by the on-demand prices of this import, or of the catalogs."""
        if not self.collection.savings:
            return
        machines = self.below.service("aws", "ec2").skus
        known = {}
        for sku, region in self.collection.savings:
            entry = self.collection.entries.get(("ec2", sku))
            own = entry.prices.get(("on_demand", region), {}).get(0.0) if entry else None
            below = machines[sku].usd(region) if sku in machines else None
            if own or below:
                known[sku, region] = own or below or 0.0
        self.collection.spot(known, "ec2")

    def report(self) -> Report:
        """Return what the import changes in the catalogs that hold now, and what is odd about it."""
        from capplan.report.imported import difference_report

        left_out, doubted = self.collection.left_out, self.collection.doubted
        return difference_report(self.changes, self.found, left_out, doubted)

    @property
    def is_sound(self) -> bool:
        """Whether nothing in it is an error, so that it may be written."""
        return not any(finding.severity == "error" for finding in self.found)

    def _files(self) -> list[ServiceCatalog]:
        from capplan.catalog.load import read_service

        with tempfile.TemporaryDirectory() as name:
            found = []
            for file, text in (self.written.texts if self.written else {}).items():
                path = Path(name, file)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                found.append(read_service(path))
            return found

    def texts(self) -> Mapping[Path, str]:
        """Return the files to write."""
        from capplan.catalog.roots import RECORD

        if self.written is None:
            return {}
        texts = {self.directory / file: text for file, text in self.written.texts.items()}
        return {**texts, self.directory / RECORD: self.written.record}


def _now(below: Catalog, directory: Path) -> Catalog:
    from capplan.catalog.roots import RECORD

    return below.over(directory) if (directory / RECORD).is_file() else below


def _linted(files: Sequence[ServiceCatalog], below: Catalog, today: date) -> list[Finding]:
    from capplan.catalog.lint import lint, lint_facts

    facts = lint_facts(below, today)
    found = (finding for file in files for finding in lint(file, facts, below.known(file)))
    return sorted(found, key=lambda f: f.rank)


def catalog_files(given: Sequence[Path]) -> list[Path]:
    """Return the catalog files that are meant: those of a directory, by provider and name."""
    found: list[Path] = []
    for path in given:
        inside = [file for provider in PROVIDERS for file in sorted((path / provider).glob("*.yaml"))]
        if path.is_dir() and not inside:
            raise InputError(Problem(str(path), "holds no catalog"))
        found += inside or [path]
    return found


def directory_report(directory: Path, catalogs: Path | None, today: date) -> Report:
    """Return what the catalogs of ``directory`` change in the others."""
    from capplan.catalog.catalog import Catalog
    from capplan.catalog.imports.difference import difference
    from capplan.catalog.load import read_service
    from capplan.report.imported import difference_report

    below = Catalog(catalogs, without=directory)
    files = [read_service(path) for path in catalog_files([directory])]
    return difference_report(difference(files, below), _linted(files, below, today))

"""Prices of many rows, brought together: reservations with their fees, spot savings, blocks."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date
from typing import NamedTuple

from capplan.catalog.imports.found import Found, LeftOut
from capplan.catalog.lint import family

Key = tuple[str, str]
"""Service and SKU."""

_HOURS = 8760
_NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9 -]{0,60}")
_LONGEST = 200
_PAYMENTS = {
    1: ("no-upfront", "partial-upfront", "all-upfront"),
    3: ("all-upfront", "partial-upfront", "no-upfront"),
}
"""Which way of payment stands for a term where catalogs have none, the first that is sold."""


class Selection(NamedTuple):
    """Patterns of what is wanted; an empty one is everything."""

    service: str = "*"
    region: str = "*"
    family: str = "*"

    def wants(self, provider: str, found: Found) -> bool:
        """Say whether a price is wanted."""
        # Google sells machines by their parts, which are wanted where the machines are.
        service = found.service.removesuffix("-unit") if self.service == "compute-engine" else found.service
        pairs = ((service, self.service), (found.region, self.region))
        if not all(fnmatch.fnmatchcase(value, pattern) for value, pattern in pairs):
            return False
        return self.family == "*" or fnmatch.fnmatchcase(family(provider, found.sku), self.family)


class SkuPrices(NamedTuple):
    """What is known of a SKU, and its prices by rate and region, each by where its block starts.

    origins: the file that a price comes from, by its number.
    """

    unit: str
    kind: str
    facts: dict[str, float | str | list[float]]
    prices: dict[tuple[str, str], dict[float, float]]
    origins: dict[tuple[str, str], int]


class Collection:
    """All prices found in the files of one provider."""

    def __init__(self, provider: str, selection: Selection, today: date) -> None:
        self.provider = provider
        self.today = today.isoformat()
        self.selection = selection
        self.entries: dict[Key, SkuPrices] = {}
        self.left_out: Counter[str] = Counter()
        self.payments: dict[tuple[str, str], set[str]] = {}
        self._reserved: dict[tuple[Key, str, int], dict[str, list[float | None]]] = {}
        self._reserved_in: dict[tuple[Key, str, int], int] = {}
        self.savings: dict[tuple[str, str], float] = {}
        self.offers: dict[str, Found] = {}
        self._ambiguous: dict[tuple[Key, tuple[str, str]], str] = {}
        self._places: dict[tuple[Key, tuple[str, str]], str] = {}
        self.doubted: list[str] = []
        self._ranks: dict[tuple[Key, tuple[str, str]], int] = {}
        self._pages, self._last_page = 0, False
        self.file, self.place = 0, ""

    def add(self, found: Found | LeftOut) -> None:
        """Take in what a row says."""
        if isinstance(found, LeftOut):
            self.left_out[found.why] += 1
        elif not _NAMES.fullmatch(found.region) or not found.sku.isprintable() or len(found.sku) > _LONGEST:
            self.left_out["a region or SKU that is no name"] += 1
        elif not self.selection.wants(self.provider, found):
            self.left_out["not selected"] += 1
        else:
            self._put(found)

    def reserve(self, found: Found, years: int, payment: str, upfront: bool) -> None:
        """Take in a fee or an hourly price of a reservation."""
        if self.selection.wants(self.provider, found) and _NAMES.fullmatch(found.region):
            key = ((found.service, found.sku), found.region, years)
            parts = self._reserved.setdefault(key, {}).setdefault(payment, [None, None])
            parts[upfront] = found.usd
            self._reserved_in[key] = self.file
            self._entry(found)

    def page(self, goes_on: bool) -> None:
        """Take note of a page, and of whether another follows it; the last page of a list is not followed."""
        self._last_page = self._last_page or not goes_on
        self._pages += 1

    def finish(self, usual: Callable[[str, int], str] = lambda service, years: "") -> None:
        """Turn reservations into prices by the hour; leave out what is ambiguous, or free throughout.

        ``usual``: the way of payment that catalogs have of a service and term; it is taken where it is sold.
        """
        for (key, region, years), sold in self._reserved.items():
            for payment in dict.fromkeys((usual(key[0], years), *_PAYMENTS[years])):
                hourly, upfront = sold.get(payment, (None, None))
                # A reservation that has a fee is not known without it; its hours may be free.
                if (upfront is None) == (payment == "no-upfront") and (
                    hourly is not None or upfront is not None
                ):
                    usd = (hourly or 0.0) + (upfront or 0.0) / (_HOURS * years)
                    self.entries[key].prices[f"commit_{years}y", region] = {0.0: _rounded(usd)}
                    origin = self._reserved_in[key, region, years]
                    self.entries[key].origins[f"commit_{years}y", region] = origin
                    self._paid(key[0], f"commit_{years}y", payment)
                    break
            else:
                self.left_out["a reservation without its fee or its hours"] += 1
        if self._pages and not self._last_page:
            self.left_out["a page that follows, and is not among the files"] += 1
        self.drop_ambiguous()
        for entry in self.entries.values():
            for at in [at for at, blocks in entry.prices.items() if not any(blocks.values())]:
                self.left_out["a price of 0"] += 1
                del entry.prices[at]
        self.entries = {key: entry for key, entry in self.entries.items() if entry.prices}

    def drop_ambiguous(self) -> None:
        """Leave out what two rows price differently."""
        for (key, at), said in self._ambiguous.items():
            self.left_out["two prices of the same SKU, so none is taken"] += 1
            self.doubted.append(said)
            del self.entries[key].prices[at]
        self._ambiguous.clear()

    def spot(self, on_demand: Mapping[tuple[str, str], float], service: str) -> None:
        """Take savings of spot off the ``on_demand`` prices, by SKU and region."""
        for (sku, region), share in self.savings.items():
            usd = on_demand.get((sku, region))
            if usd is None or not 0 < share < 1:
                self.left_out["spot: no on-demand price, or no saving"] += 1
            else:
                found = Found(service, sku, "hour", region, usd * (1 - share), rate="spot", kind="machine")
                self.add(found)

    def _put(self, found: Found) -> None:
        entry, at = self._entry(found), (found.rate, found.region)
        where = ((found.service, found.sku), at)
        if entry.unit != found.unit:
            self.left_out["a second unit of the same SKU"] += 1
            return
        if not self._first_choice(where, found.rank):
            self.left_out["a commitment of a kind that is not taken beside another"] += 1
            return
        blocks = entry.prices.setdefault(at, {})
        usd, known = _rounded(found.usd), blocks.get(found.start)
        if known and usd and known != usd:
            of = f"{found.service}/{found.sku}, {found.rate} in {found.region}"
            said = f"{of}: {known:.8g} ({self._places[where]}) or {usd:.8g} ({self.place})"
            self._ambiguous.setdefault(where, said)
        elif not known:
            blocks[found.start] = usd
            if found.payment:
                self._paid(found.service, found.rate, found.payment)
            self._places[where] = self.place
            entry.origins[at] = self.file

    def _paid(self, service: str, rate: str, payment: str) -> None:
        self.payments.setdefault((service, rate), set()).add(payment)

    def _first_choice(self, where: tuple[Key, tuple[str, str]], rank: int) -> bool:
        """Say whether a price of this rank is to be taken; one of a higher rank displaces those before."""
        before = self._ranks.setdefault(where, rank)
        if rank > before:
            (key, at), self._ranks[where] = where, rank
            self._ambiguous.pop(where, None)
            self.left_out["a commitment of a kind that is not taken beside another"] += 1
            self.entries[key].prices.pop(at, None)
        return rank >= before

    def _entry(self, found: Found) -> SkuPrices:
        key = (found.service, found.sku)
        if key not in self.entries:
            self.entries[key] = SkuPrices(found.unit, found.kind, dict(found.facts), {}, {})
        return self.entries[key]


def _rounded(usd: float) -> float:
    return float(f"{usd:.10g}")

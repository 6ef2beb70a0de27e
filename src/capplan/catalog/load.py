"""From a catalog file to SKUs. The loader is strict: what it does not know, it refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from capplan.catalog.rows import Family, ServiceCatalog, Sku, Source, family_of, tiers_of
from capplan.catalog.tables import LARGEST, RATE_KEYS, Shared, Skus, Table, sources_above
from capplan.errors import InputError, Problem, nearest
from capplan.paths import is_file
from capplan.quantities import parse_share, shown
from capplan.stdin import name_of
from capplan.strictyaml import Locator, load, read_text

_SKU_KEYS = frozenset(
    (*RATE_KEYS, "vcpu", "memory_gib", "gpu", "gpu_count", "max_pods", "size_gib", "tier_of", "from")
    + ("free", "retired", "successor", "source", "unit")
)
_FILE_KEYS = frozenset(
    ("schema", "provider", "service", "kind", "title", "currency", "unit", "sources", "source")
    + ("families", "commitments", "high_availability", "skus")
)
_COMMITMENTS = frozenset(("commit_1y", "commit_3y"))
_FAMILY_KEYS = _COMMITMENTS | {"sustained_use"}
_SKU_TEXTS = ("gpu", "tier_of", "retired", "successor")
_KINDS = frozenset(("machine", "gpu", "meter", "fee", "database", "cache"))


class Reader:
    """Reads parts of one catalog or book file and complains with the place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = read_text(path)
        self.data: Any = load(self.text, name_of(path))
        if not isinstance(self.data, dict):
            raise InputError(Problem(name_of(path), "expected a mapping of fields"))

    def error(self, where: tuple[int | str, ...], what: str, remedy: str = "") -> InputError:
        """Return the complaint about the value at ``where``."""
        place, _ = Locator(self.text, name_of(self.path)).find(where)
        return InputError(Problem(f"{place}: {'.'.join(map(str, where))}", what, remedy))

    def keys(self, mapping: object, known: frozenset[str], where: tuple[int | str, ...]) -> dict[str, Any]:
        """Return ``mapping`` if it is one and all its keys are known."""
        found = self.mapping(mapping, where)
        for key in found:
            if key not in known:
                raise self.error((*where, key), "unknown field", nearest(key, known))
        return found

    def mapping(self, value: object, where: tuple[int | str, ...]) -> dict[str, Any]:
        """Return ``value`` if it is a mapping."""
        if not isinstance(value, dict):
            raise self.error(where, "expected a mapping")
        return value

    def fields(self, value: object, names: Sequence[str], where: tuple[int | str, ...]) -> list[Any]:
        """Return the values of a mapping that has exactly the fields ``names``."""
        entry = self.keys(value, frozenset(names), where)
        for name in names:
            if name not in entry:
                raise self.error(where, f"needs '{name}'")
        return [entry[name] for name in names]

    def items(self, value: object, where: tuple[int | str, ...], length: int | None = None) -> list[Any]:
        """Return ``value`` if it is a list, of ``length`` where that is given."""
        if not isinstance(value, list) or length not in (None, len(value)):
            raise self.error(where, "expected a list" if length is None else f"expected a list of {length}")
        return value

    def text_or_none(self, value: object, where: tuple[int | str, ...]) -> str | None:
        """Return ``value`` if it is text, or nothing."""
        if value is not None and not isinstance(value, str):
            raise self.error(where, f"expected text, got {shown(value)}")
        return value

    def share(self, value: object, where: tuple[int | str, ...]) -> float:
        """Return a share from 0 to 1."""
        try:
            share = parse_share(value)
        except ValueError as error:
            raise self.error(where, str(error)) from None
        if not 0 <= share <= 1:
            raise self.error(where, f"must lie between 0% and 100%, got {100 * share:g}%")
        return share

    def required(self, key: str) -> Any:
        """Return a field of the file that must be there."""
        if key not in self.data:
            raise self.error((key,), "is required, but missing")
        return self.data[key]

    def number(self, value: object, where: tuple[int | str, ...], positive: bool = False) -> float:
        """Return a number of at least 0, or above it."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST:
            raise self.error(where, f"expected a number of at least 0, got '{str(value)[:80]}'")
        if positive and value == 0:
            raise self.error(where, "must be above 0; write `free: true` for a free tier")
        return float(value)

    def regions(self, value: object, where: tuple[str, ...], free: bool = False) -> dict[str, float]:
        """Return a map of region to price."""
        if not isinstance(value, dict):
            raise self.error(where, "expected a mapping of region to price")
        return {r: self.number(usd, (*where, r), positive=not free) for r, usd in value.items()}

    def date(self, value: object, where: tuple[str, ...]) -> str | None:
        """Return an ISO date, None for ``unknown``."""
        from datetime import date

        if value == "unknown":
            return None
        try:
            return date.fromisoformat(str(value)).isoformat()
        except ValueError:
            what = f"expected a date such as 2026-07-30, or unknown, got '{value}'"
            raise self.error(where, what) from None

    def source(self, value: object, where: tuple[str, ...]) -> Source:
        """Return one entry of ``sources``."""
        entry = dict(self.mapping(value, where))
        unconfirmed = entry.pop("unconfirmed", False)
        if not isinstance(unconfirmed, bool):
            raise self.error((*where, "unconfirmed"), f"expected true or false, got {shown(unconfirmed)}")
        as_of, text = self.fields(entry, ("as_of", "text"), where)
        return Source(str(text).strip(), self.date(as_of, (*where, "as_of")), unconfirmed)


def read_service(path: Path) -> ServiceCatalog:
    """Return the catalog in the file at ``path``, with the price table beside it where there is one."""
    reader = Reader(path)
    data = reader.keys(reader.data, _FILE_KEYS, ())
    if data.get("schema") != 1:
        raise reader.error(("schema",), f"expected 1, got '{data.get('schema')}'")
    if data.get("currency", "USD") != "USD":
        raise reader.error(("currency",), f"only USD is supported, got '{data['currency']}'")
    kind = str(reader.required("kind"))
    if kind not in _KINDS:
        raise reader.error(("kind",), f"unknown kind '{kind}'", nearest(kind, _KINDS))
    tabled = path.with_suffix(".tsv")
    text = read_text(tabled) if is_file(tabled) else ""
    shared = _shared(reader, sources_above(tabled, text))
    table = Table(tabled, text, shared) if text else None
    entries = data.get("skus", {}) if table else reader.required("skus")
    written = {name: _sku(reader, name, entry, shared) for name, entry in _entries(reader, entries)}
    return ServiceCatalog(
        provider=str(reader.required("provider")),
        service=str(reader.required("service")),
        kind=kind,
        title=reader.text.partition("\n")[0].lstrip("# "),
        unit=shared.unit,
        skus=Skus(written, table) if table else written,
        text=reader.text + (table.text if table else ""),
        sources=shared.sources,
        tiers=_joined(tiers_of(written), table.tiers() if table else {}),
        high_availability=_high_availability(reader, data.get("high_availability")),
        commitment_terms=_terms(reader, data.get("commitments", {})),
        file=name_of(path),
    )


def _shared(reader: Reader, above: Mapping[str, Source]) -> Shared:
    """Return what the file says of all its SKUs; ``above`` are the sources of the table beside it."""
    given = reader.mapping(
        reader.data.get("sources", {}) if above else reader.required("sources"), ("sources",)
    )
    sources = {**above, **{key: reader.source(value, ("sources", key)) for key, value in given.items()}}
    stands = reader.data.get("source", next(iter(above))) if above else reader.required("source")
    default = _sources(reader, stands, sources, ("source",))
    if "default" not in default:
        raise reader.error(("source",), "needs 'default', the source of all prices that name no other")
    families = _families(reader, reader.data.get("families", {}))
    return Shared(str(reader.required("unit")), default, sources, families)


def _entries(reader: Reader, entries: object) -> Iterable[tuple[str, object]]:
    return reader.mapping(entries, ("skus",)).items()


def _joined(written: Mapping[str, list[str]], tabled: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {
        name: list(dict.fromkeys((*written.get(name, ()), *tabled.get(name, ()))))
        for name in (*written, *tabled)
    }


def _sku(reader: Reader, name: str, entry: object, shared: Shared) -> Sku:
    where = ("skus", name)
    row = reader.keys(entry, _SKU_KEYS, where)
    free = row.get("free") is True
    own = _sources(reader, row["source"], shared.sources, (*where, "source")) if "source" in row else {}
    text = {key: reader.text_or_none(row.get(key), (*where, key)) for key in _SKU_TEXTS}
    return Sku(
        name=name,
        unit=str(row.get("unit", shared.unit)),
        prices={
            rate: reader.regions(row[key], (*where, key), free)
            for key, rate in RATE_KEYS.items()
            if key in row
        },
        sources={**shared.default, **own} if own else shared.default,
        vcpu=_optional(reader, row, "vcpu", where),
        memory_gib=_optional(reader, row, "memory_gib", where),
        gpu_count=_optional(reader, row, "gpu_count", where) or 0.0,
        max_pods=_optional(reader, row, "max_pods", where),
        size_gib=_bracket(reader, row["size_gib"], (*where, "size_gib")) if "size_gib" in row else None,
        start=_optional(reader, row, "from", where) or 0.0,
        free=free,
        family=family_of(name, shared.families),
        gpu=text["gpu"],
        tier_of=text["tier_of"],
        retired=text["retired"],
        successor=text["successor"],
    )


def _optional(reader: Reader, row: Mapping[str, Any], key: str, where: tuple[str, ...]) -> float | None:
    return reader.number(row[key], (*where, key)) if key in row else None


def _bracket(reader: Reader, value: object, where: tuple[str, ...]) -> tuple[float, float]:
    low, high = (reader.number(end, where) for end in reader.items(value, where, 2))
    return low, high


def _sources(
    reader: Reader, value: object, known: Mapping[str, Source], where: tuple[str, ...]
) -> dict[str, Source]:
    """Return the source by region or rate; a single name is the default of all."""
    named: dict[str, Any] = value if isinstance(value, dict) else {"default": value}
    for key, name in named.items():
        if not isinstance(name, str) or name not in known:
            place = (*where, key) if isinstance(value, dict) else where
            raise reader.error(place, f"unknown source {shown(name)}", nearest(str(name), known))
    return {key: known[name] for key, name in named.items()}


def _families(reader: Reader, families: object) -> dict[str, Family]:
    given = reader.mapping(families, ("families",))
    return {name: _family(reader, name, entry) for name, entry in given.items()}


def _family(reader: Reader, name: str, entry: object) -> Family:
    where = ("families", name)
    row = reader.keys(entry, _FAMILY_KEYS, where)
    discounts = {key: reader.share(row[key], (*where, key)) for key in row.keys() & _COMMITMENTS}
    if "sustained_use" not in row:
        return Family(None, discounts)
    place = (*where, "sustained_use")
    tiers = reader.items(row["sustained_use"], place, 4)
    return Family(tuple(reader.number(tier, (*place, i)) for i, tier in enumerate(tiers)), discounts)


def _terms(reader: Reader, commitments: object) -> dict[str, str]:
    given = reader.mapping(commitments, ("commitments",))
    fields = {r: reader.fields(t, ("term", "payment"), ("commitments", r)) for r, t in given.items()}
    return {rate: f"{term}, {payment}" for rate, (term, payment) in fields.items()}


def _high_availability(reader: Reader, value: object) -> tuple[str, float] | None:
    if value is None:
        return None
    where = ("high_availability",)
    suffix, multiplier = reader.fields(value, ("suffix", "multiplier"), where)
    return str(suffix), reader.number(multiplier, (*where, "multiplier"))

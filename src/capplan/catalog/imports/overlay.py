"""Catalog files of the prices that were collected, laid over those that are there already."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from capplan.catalog.catalog import Catalog
from capplan.catalog.imports.collect import Collection, SkuPrices
from capplan.catalog.imports.found import slug
from capplan.catalog.imports.read import Origin
from capplan.catalog.load import read_service
from capplan.catalog.roots import RECORD
from capplan.catalog.rows import ServiceCatalog, Sku
from capplan.errors import InputError, Problem
from capplan.strictjson import read_json
from capplan.strictyaml import load, read_text

Content = dict[str, Any]

_RATE_KEYS = {"on_demand": "usd", "spot": "spot", "commit_1y": "commit_1y", "commit_3y": "commit_3y"}
_ORDER = (*_RATE_KEYS.values(), "source")
_PLAIN = re.compile(r"[A-Za-z_][\w./+-]*(?: [\w./+-]+)*")
_RESERVED = re.compile(r"(?i)null|true|false|yes|no|on|off|y|n|~")


class Written(NamedTuple):
    """Catalog files by their path inside the directory, and the record of what they were made of."""

    texts: dict[str, str]
    record: str


def overlay(collection: Collection, origins: Sequence[Origin], below: Catalog, directory: Path) -> Written:
    """Return the files of ``directory`` with the prices of ``collection`` put into them.

    SKUs that the catalogs ``below`` have keep units, facts and blocks. Raises :class:`InputError` where a
    file that the import did not write is in the way.
    """
    known = _recorded(directory)
    contents: dict[str, Content] = {}
    for (service, sku), entry in sorted(collection.entries.items()):
        file = f"{collection.provider}/{service}.yaml"
        base = (
            below.service(collection.provider, service)
            if service in below.names(collection.provider)
            else None
        )
        if file not in contents:
            contents[file] = _content(directory, file, known, base, entry, service, collection)
            said = contents[file].get("commitments", {})
            contents[file]["commitments"] = {**said, **_terms(collection, service)}
        _put(contents[file], sku, entry, base, origins, collection)
    texts = {file: text(_tidied(content)) for file, content in contents.items() if content["skus"]}
    record = {"schema": 1, "files": sorted({*known, *texts})}
    return Written(texts, json.dumps(record, indent=2) + "\n")


def _recorded(directory: Path) -> list[str]:
    path = directory / RECORD
    if not path.is_file():
        return []
    record = read_json(path)
    files = record.get("files") if isinstance(record, dict) else None
    if not isinstance(files, list):
        raise InputError(Problem(str(path), "expected the record that `catalog import` writes"))
    return [str(file) for file in files]


def _content(
    directory: Path,
    file: str,
    known: Sequence[str],
    base: ServiceCatalog | None,
    entry: SkuPrices,
    service: str,
    collection: Collection,
) -> Content:
    path = directory / file
    if path.is_file() and file not in known:
        remedy = "Choose another directory with -o."
        raise InputError(
            Problem(str(path), "was not written by `catalog import`, which keeps no comments", remedy)
        )
    if path.is_file():
        read_service(path)  # Somebody may have edited it: what is wrong with it is said with its line.
        return _expanded(load(read_text(path), str(path)))
    return {
        "schema": 1,
        "provider": collection.provider,
        "service": service,
        "kind": base.kind if base else entry.kind,
        "currency": "USD",
        "unit": base.unit if base else entry.unit,
        "sources": {},
        "source": "",
        "commitments": {},
        "skus": {},
    }


_TERMS = {"commit_1y": "1 year", "commit_3y": "3 years"}


def _terms(collection: Collection, service: str) -> Content:
    """Return how the commitments of a service are paid, as far as its lists say so."""
    paid = {rate: collection.payments.get((service, rate), set()) for rate in _TERMS}
    return {
        rate: {"term": _TERMS[rate], "payment": " or ".join(sorted(ways))}
        for rate, ways in paid.items()
        if ways
    }


def _put(
    content: Content,
    sku: str,
    entry: SkuPrices,
    base: ServiceCatalog | None,
    origins: Sequence[Origin],
    collection: Collection,
) -> None:
    sku = _as_known(sku, base)
    known = base.skus.get(sku) if base else None
    if known is not None and known.unit != entry.unit:
        collection.left_out[f"{sku} by the {entry.unit}, which catalogs have by the {known.unit}"] += 1
        return
    former = [row for row in content["skus"].values() if row.get("tier_of") == sku]
    for (rate, region), blocks in sorted(entry.prices.items()):
        for row in former:
            # A tariff is replaced as a whole: a later list may have other blocks.
            row.get(_RATE_KEYS[rate], {}).pop(region, None)
            row["source"].pop(f"{rate} {region}", None)
        key = _source(content, origins[entry.origins[rate, region]])
        for name, start, usd in _blocks(sku, blocks, base):
            row = content["skus"].setdefault(name, _new(name, entry, content, known, start, sku, usd))
            row.setdefault(_RATE_KEYS[rate], {})[region] = usd
            row.setdefault("source", {})[f"{rate} {region}"] = key


def _as_known(sku: str, base: ServiceCatalog | None) -> str:
    """Return the name of a SKU as the catalogs below spell it: providers do not always use the same case."""
    if base is None or sku in base.skus:
        return sku
    return next((name for name in base.skus if name.lower() == sku.lower()), sku)


def _source(content: Content, origin: Origin) -> str:
    """Return the key of a source, after it was entered."""
    key = slug(f"{origin.title} {origin.as_of or 'undated'}")
    content["sources"].setdefault(key, {"as_of": origin.as_of or "unknown", "text": origin.title})
    return key


def _new(
    name: str,
    entry: SkuPrices,
    content: Content,
    known: Sku | None,
    start: float | None,
    sku: str,
    usd: float,
) -> Content:
    """Return the row of a SKU without prices; ``start`` is None for one that is no block of its own."""
    row: Content = {} if entry.unit == content["unit"] else {"unit": entry.unit}
    if known is None:
        row |= entry.facts
    if start is not None:
        row |= {"tier_of": sku, "from": start, **({"free": True} if usd == 0 else {})}
    return row


def _blocks(
    sku: str, blocks: Mapping[float, float], base: ServiceCatalog | None
) -> Iterator[tuple[str, float | None, float]]:
    """Yield name, start and price of each block; the start is None where the catalog below has the block.

    Where they begin where all blocks of the catalog below do, they take their names, and free tiers stay.
    Other blocks are a tariff of their own.
    """
    theirs = _named_blocks(sku, base)
    block = None if base is None else base.skus.get(sku)
    if block is not None and block.tier_of and set(blocks) == {0.0}:
        yield sku, None, blocks[0.0]
        return
    free = min((start for start in theirs if start), default=0.0)
    if theirs and blocks.get(0.0) and free and theirs.get(0.0) == theirs[free]:
        # Lists of AWS do not say what is free, so the first block begins where that of the catalogs does.
        blocks = {0.0: 0.0, **{start or free: usd for start, usd in blocks.items() if not 0 < start <= free}}
    if theirs and {theirs.get(start) for start in blocks} == set(theirs.values()):
        yield from ((theirs[start], None, usd) for start, usd in blocks.items() if usd)
    elif set(blocks) == {0.0} and not theirs:
        yield sku, None, blocks[0.0]
    else:
        yield from ((f"{sku}-from-{start:.12g}", start, usd) for start, usd in sorted(blocks.items()))


def _named_blocks(sku: str, base: ServiceCatalog | None) -> dict[float, str]:
    """Return the blocks of the catalog below by where they start; the first that costs also starts at 0."""
    if base is None:
        return {}
    own = base.skus.get(sku)
    tariff = own.tier_of if own is not None and own.tier_of else sku
    paid = [block for block in base.blocks_of(tariff) if not block.free] if tariff in base.tiers else []
    found = {block.start: block.name for block in paid}
    return found | {0.0: paid[0].name} if paid else {}


def _expanded(content: Content) -> Content:
    """Return the content of a file with the source of each price written out."""
    for row in content["skus"].values():
        said = row.get("source", {})
        row["source"] = {
            f"{rate} {region}": said.get(f"{rate} {region}", content["source"])
            for rate, key in _RATE_KEYS.items()
            for region in row.get(key, {})
        }
    return content


def _tidied(content: Content) -> Content:
    """Return the content in one order; what most prices come from is the source of all that name no other."""
    uses = Counter(key for row in content["skus"].values() for key in row["source"].values())
    default = min(uses, key=lambda key: (-uses[key], key))
    for row in content["skus"].values():
        row["source"] = {at: key for at, key in row["source"].items() if key != default}
    priced = (name for name, row in content["skus"].items() if any(row.get(k) for k in _RATE_KEYS.values()))
    skus = {name: _ordered(content["skus"][name]) for name in sorted(priced, key=_natural)}
    sources = {key: value for key, value in sorted(content["sources"].items()) if key in uses}
    found = {**content, "sources": sources, "source": default, "skus": skus}
    return {key: value for key, value in found.items() if value != {}}


def _ordered(row: Content) -> Content:
    order = {key: i for i, key in enumerate(_ORDER)}
    keys = sorted((key for key in row if row[key] != {}), key=lambda key: order.get(key, -1))
    return {key: dict(sorted(row[key].items())) if isinstance(row[key], dict) else row[key] for key in keys}


def _natural(name: str) -> list[tuple[int, float, str]]:
    parts = re.split(r"(\d+(?:\.\d+)?)", name)
    return [(1, float(p), "") if i % 2 else (0, 0.0, p) for i, p in enumerate(parts)]


def text(content: Content) -> str:
    """Return the text of a catalog file, one line a SKU."""
    title = f"# {content['provider']} {content['service']}, imported from price lists."
    lines = [title]
    for key, value in content.items():
        if key in ("skus", "sources", "commitments"):
            lines.append(f"{key}:")
            lines += [f"  {_flow(name)}: {_flow(row)}" for name, row in value.items()]
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    """Return a value on one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{Decimal(f'{value:.12g}'):f}"
    said = str(value)
    plain = _PLAIN.fullmatch(said) and not _RESERVED.fullmatch(said)
    return said if plain or re.fullmatch(r"\d{4}-\d{2}-\d{2}", said) else json.dumps(said, ensure_ascii=False)

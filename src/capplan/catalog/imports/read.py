"""Price lists as files: which kind one is, by what it holds, and its rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from capplan.catalog.imports import aws, azure, gcp
from capplan.catalog.imports.collect import Collection
from capplan.catalog.imports.common import FOCUS_COLUMNS, take_focus, take_models
from capplan.catalog.imports.found import Found, LeftOut, RowError, number, price, slug
from capplan.errors import InputError, Problem, nearest
from capplan.stdin import is_stdin, name_of
from capplan.strictjson import parse_json
from capplan.strictyaml import decode
from capplan.tabular import NumberedLines, opened

_LARGEST = 8 * 2**30
"""Of a CSV file, which is read row by row."""

_LARGEST_JSON = 256 * 2**20
_STEP = 100_000
Begin = Callable[[str], None]
Regions = Mapping[str, str]


class Origin(NamedTuple):
    """What a file says of itself: its day, or the newest day on which one of its prices began."""

    title: str
    as_of: str | None
    at_least: str | None = None


def read_into(collection: Collection, path: Path, regions: Regions, begin: Begin) -> Origin:
    """Put the prices of the file at ``path`` into ``collection``; return what list it is.

    Raises :class:`InputError`, with file and line, for what is no price list of the collection's provider.
    """
    name = name_of(path)
    begin(name)
    with opened(path, _LARGEST) as file:
        head = file.peek(1)[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
        if not head:
            raise InputError(Problem(name, "is empty"))
        if head[:1] in (b"{", b"["):
            data = parse_json(decode(_whole(file, path, name), name, _LARGEST_JSON), name)
            with _shaped(name):
                return _read_json(collection, data, name, regions)
        lines = NumberedLines(io.TextIOWrapper(file, "utf-8-sig"), name)
        return _read_csv(collection, lines, regions, begin)


def _whole(file: IO[bytes], path: Path, name: str) -> bytes:
    """Return the content of a JSON file, which is read as a whole and must not be too large for that."""
    known = not is_stdin(path) and path.stat().st_size > _LARGEST_JSON
    content = b"" if known else file.read(_LARGEST_JSON + 1)
    if known or len(content) > _LARGEST_JSON:
        what = f"is too large for JSON, which is read as a whole. The limit is {_LARGEST_JSON >> 20} MiB"
        raise InputError(Problem(name, what, "AWS publishes each offer as CSV, too: import its index.csv."))
    return content


def files_of(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are meant: those in a directory, in the order of their names."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        known = [p for p in inside if _is_list(p)] if path.is_dir() else inside
        if not known:
            raise InputError(Problem(str(path), "holds no CSV or JSON file"))
        found += known
    return found


def _is_list(path: Path) -> bool:
    return not is_stdin(path) and path.name.lower().removesuffix(".gz").endswith((".csv", ".json"))


def _read_csv(collection: Collection, lines: NumberedLines, regions: Regions, begin: Begin) -> Origin:
    rows = _csv_rows(lines)
    said: dict[str, str] = {}
    line, row = next(rows, (1, []))
    while 0 < len(row) <= 2:
        said[slug(row[0]).replace("-", "")] = row[-1]
        line, row = next(rows, (line, []))
    if not row:
        raise InputError(Problem(f"{lines.path}:{line}", "no row with the names of columns"))
    names = list(map(_column, row))
    records = _records(rows, names, f"{lines.path}", begin)
    if "listunitprice" in names:
        _need(row, FOCUS_COLUMNS, f"{lines.path}:{line}")
        return _take(collection, records, take_focus, "FOCUS price sheet", "chargeperiodstart")
    _need(row, aws.NEEDED, f"{lines.path}:{line}")
    _check_provider(collection, "aws", lines.path)
    offer = said.get("offercode", "")
    filled = (({"servicecode": offer, **row}, place) for row, place in records)
    taken = _take(
        collection, filled, lambda c, row: _aws_row(c, row, regions), f"AWS price list {offer}", None
    )
    return taken._replace(as_of=_day(said.get("publicationdate")))


def _csv_rows(lines: NumberedLines) -> Iterator[tuple[int, list[str]]]:
    before = 1
    try:
        for row in csv.reader(lines, strict=True):
            if row:
                yield before, row
            before = lines.number + 1
    except csv.Error as error:
        raise InputError(Problem(f"{lines.path}:{before}", f"not readable as CSV ({error})")) from None


def _records(
    rows: Iterator[tuple[int, list[str]]], names: Sequence[str], path: str, begin: Begin
) -> Iterator[tuple[dict[str, str], str]]:
    """Yield each row by the names of its columns, with its place."""
    for count, (line, row) in enumerate(rows, start=1):
        if len(row) != len(names):
            what = f"the row has {len(row)} cells, and the header {len(names)}"
            raise InputError(Problem(f"{path}:{line}", what))
        if count % _STEP == 0:
            begin(f"{path}, row {count:,}")
        yield dict(zip(names, row, strict=True)), f"{path}:{line}"


def _column(title: str) -> str:
    """Return the name of a column, which CSV and JSON spell differently.

    >>> _column("Pre Installed S/W"), _column("preInstalledSw")
    ('preinstalledsw', 'preinstalledsw')
    """
    return re.sub("[^a-z0-9_]", "", title.lower())


def _need(names: Sequence[str], needed: Sequence[str], place: str) -> None:
    there = set(map(_column, names))
    missing = [name for name in needed if _column(name) not in there]
    if missing:
        what = f"no column '{missing[0]}', so this is no price list that capplan knows"
        raise InputError(Problem(place, what, nearest(missing[0], names)))


def _read_json(collection: Collection, data: Any, name: str, regions: Regions) -> Origin:
    if isinstance(data, dict) and "spot_advisor" in data:
        _check_provider(collection, "aws", name)
        return _spot(collection, data, name)
    if isinstance(data, dict) and "terms" in data and "products" in data:
        _check_provider(collection, "aws", name)
        return _offer(collection, data, name, regions)
    pages = data if isinstance(data, list) and data and all(map(_is_page, data)) else [data]
    if len(pages) > 1 or pages[0] is not data:
        read = [_read_json(collection, page, f"{name}: [{i}]", regions) for i, page in enumerate(pages)]
        return max(read, key=lambda origin: origin.at_least or "")
    rows, where = _listed(data)
    first = rows[0] if rows and isinstance(rows[0], dict) else {}
    if not rows and _is_page(data):
        collection.left_out["a page without prices"] += 1
        collection.page(goes_on=False)
        return Origin("an empty page", None)
    if "retailPrice" in first:
        _check_provider(collection, "azure", name)
        _need(list(first), azure.NEEDED, f"{name}: {where}[0]")
        taken = _take(
            collection, _placed(rows, name, where), _azure_row, "Azure Retail Prices", "effectiveStartDate"
        )
        collection.page(bool(isinstance(data, dict) and data.get("NextPageLink")))
        return taken
    if "pricingInfo" in first:
        _check_provider(collection, "gcp", name)
        _need(list(first), gcp.NEEDED, f"{name}: {where}[0]")
        taker = partial(_gcp_row, _places(regions))
        taken = _take(collection, _placed(rows, name, where), taker, "Cloud Billing Catalog", None)
        days = [
            info.get("effectiveTime") or info.get("EffectiveTime") for r in rows for info in r["pricingInfo"]
        ]
        collection.page(bool(isinstance(data, dict) and data.get("nextPageToken")))
        begun = [day for day in map(_day, days) if day and day <= collection.today]
        return taken._replace(at_least=max(begun, default=None))
    if "models" in first and "id" in first:
        return _take(collection, _placed(rows, name, where), take_models, "genai-prices", None)
    raise InputError(
        Problem(
            name, "is no price list that capplan knows", "docs/how-to/prices.md lists those that it reads."
        )
    )


_PAGES = ("Items", "items", "skus")


def _is_page(data: Any) -> bool:
    return isinstance(data, dict) and any(isinstance(data.get(key), list) for key in _PAGES)


def _listed(data: Any) -> tuple[list[Any], str]:
    """Return the rows of a page, or of a bare list."""
    if isinstance(data, list):
        return data, ""
    for key in _PAGES:
        if isinstance(data.get(key), list):
            return data[key], key
    return [data], ""


def _placed(rows: Sequence[Any], name: str, where: str) -> Iterator[tuple[Any, str]]:
    for index, row in enumerate(rows):
        yield row, f"{name}: {where}[{index}]"


class OtherProviderError(InputError):
    """A price list is that of another provider than the one that is imported."""


def _check_provider(collection: Collection, provider: str, name: str) -> None:
    if collection.provider != provider:
        what = f"is a price list of {provider}, not of {collection.provider}"
        raise OtherProviderError(Problem(name, what, f"Use `capplan catalog import {provider}`."))


@contextmanager
def _shaped(place: str) -> Iterator[None]:
    """Say with its place what is damaged inside the block, or has another shape than a price list."""
    try:
        yield
    except RowError as error:
        raise InputError(Problem(place, str(error))) from None
    except KeyError as error:
        raise InputError(Problem(place, f"has no field {error}")) from None
    except (TypeError, AttributeError, ValueError, IndexError, OverflowError):
        raise InputError(Problem(place, "has fields of another kind than a price list's")) from None


def _take(
    collection: Collection,
    rows: Iterator[tuple[Any, str]],
    taker: Callable[[Collection, Any], None],
    title: str,
    dated: str | None,
) -> Origin:
    """Take every row; a row that is damaged is an error with its place."""
    newest = ""
    for row, place in rows:
        collection.place = place
        with _shaped(place):
            taker(collection, row)
            day = _day(row.get(dated)) if dated else None
            newest = max(newest, day if day and day <= collection.today else "")
    return Origin(title, None, newest or None)


def _aws_row(collection: Collection, row: Mapping[str, str], regions: Regions) -> None:
    found = aws.found_in(row, regions)
    term = aws.term_of(row)
    if isinstance(found, Found) and found.service in aws.SHARED:
        for service in aws.SHARED[found.service]:
            collection.add(found._replace(service=service))
    elif isinstance(found, LeftOut) or row.get("termtype") != "Reserved":
        collection.add(found)
        if isinstance(found, Found) and found.kind == "machine":
            collection.offers[row.get("sku", "")] = found
    elif term is None:
        collection.add(LeftOut("a reservation of unknown length"))
    else:
        collection.reserve(found, *term, upfront=row.get("unit") == "Quantity")


def _azure_row(collection: Collection, row: Mapping[str, Any]) -> None:
    for found in azure.found_in(row, collection.today):
        collection.add(found)


def _gcp_row(places: re.Pattern[str], collection: Collection, row: Mapping[str, Any]) -> None:
    for found in gcp.found_in(row, collection.today, places):
        collection.add(found)


def _places(regions: Regions) -> re.Pattern[str]:
    """Return what finds the name of a region, or of its place, at the end of a description."""
    names = "|".join(map(re.escape, sorted({*regions, *regions.values()}, key=len, reverse=True)))
    return re.compile(rf"[\s-]+(?:(?:running )?(?:in|at) )?(?:{names})$")


def _offer(collection: Collection, data: Mapping[str, Any], name: str, regions: Regions) -> Origin:
    """Take an AWS offer in JSON: products, and what they cost on each kind of terms."""
    if "savingsPlan" in data["terms"]:
        plans = {
            p["sku"]: {**p.get("attributes", {}), "plan": str(p.get("productFamily", ""))}
            for p in data["products"]
        }
        rates = _rates(data["terms"]["savingsPlan"], plans, name)
        taken = _take(collection, rates, _savings_rate, "AWS Savings Plans", None)
        return taken._replace(as_of=_day(data.get("publicationDate")))
    rows = _offered(data, name)
    title = f"AWS price list {data.get('offerCode', '')}"
    taken = _take(collection, rows, lambda c, row: _aws_row(c, row, regions), title, None)
    return taken._replace(as_of=_day(data.get("publicationDate")))


def _offered(data: Mapping[str, Any], name: str) -> Iterator[tuple[dict[str, str], str]]:
    products, terms = data["products"], data["terms"]
    if not isinstance(products, dict) or not isinstance(terms, dict):
        raise InputError(Problem(name, "products and terms must be mappings"))
    for kind, by_sku in terms.items():
        for sku, offers in by_sku.items():
            product = products.get(sku)
            if product is None:
                continue
            for offer in offers.values():
                for code, dimension in offer["priceDimensions"].items():
                    yield _flat(kind, product, offer, dimension, data), f"{name}: terms.{kind}.{sku}.{code}"


def _flat(
    kind: str, product: Mapping[str, Any], offer: Mapping[str, Any], dimension: Mapping[str, Any], data: Any
) -> dict[str, str]:
    """Return a price of the JSON offer as the row that the CSV offer has for it."""
    attributes = {**product.get("attributes", {}), **offer.get("termAttributes", {})}
    row = {_column(key): str(value) for key, value in attributes.items()}
    currency, amount = next(iter(dimension["pricePerUnit"].items()), ("", ""))
    return {
        "servicecode": str(data.get("offerCode", "")),
        **row,
        "sku": str(product.get("sku", "")),
        "productfamily": str(product.get("productFamily", "")),
        "termtype": kind,
        "unit": str(dimension.get("unit", "")),
        "startingrange": str(dimension.get("beginRange", "0")),
        "priceperunit": str(amount),
        "currency": str(currency),
    }


def _rates(
    plans: Sequence[Mapping[str, Any]], products: Mapping[str, Any], name: str
) -> Iterator[tuple[dict[str, Any], str]]:
    for index, plan in enumerate(plans):
        said = products.get(plan["sku"], {})
        length = plan["leaseContractLength"]
        years = length["duration"] / (12 if str(length.get("unit", "year")).startswith("month") else 1)
        for number_, rate in enumerate(plan["rates"]):
            payment = str(said.get("purchaseOption", "")).lower().replace(" ", "-")
            yield (
                {**rate, "years": years, "payment": payment, "plan": said.get("plan", "")},
                f"{name}: savingsPlan[{index}].rates[{number_}]",
            )


_PLAN = "no-upfront (Savings Plan)"


def _savings_rate(collection: Collection, rate: Mapping[str, Any]) -> None:
    """Take the rate of one instance type under a Savings Plan, of those that are paid by the hour."""
    usage = re.fullmatch(r"(?:\w+-)?BoxUsage:(.+)", str(rate.get("discountedUsageType", "")))
    base = collection.offers.get(str(rate["discountedSku"]))
    if usage and rate.get("discountedOperation", "RunInstances") == "RunInstances":
        region = str(rate.get("discountedRegionCode", ""))
        base = Found("ec2", usage[1], "hour", region, 0.0, kind="machine")
    if base is None or not base.region:
        collection.add(LeftOut("a Savings Plan for what no file here names"))
    elif rate["years"] not in (1, 3):
        collection.add(LeftOut("a Savings Plan of another term than one or three years"))
    elif rate["payment"] != "no-upfront":
        collection.add(LeftOut(f"a Savings Plan paid {rate['payment'] or 'in an unknown way'}"))
    elif rate["discountedRate"].get("currency", "USD") != "USD":
        collection.add(LeftOut(f"currency {rate['discountedRate']['currency']}"))
    else:
        usd = price(rate["discountedRate"]["price"])
        # A plan for one family is cheaper than one for all, and nearer to the reservations of the catalogs.
        rank = int("EC2Instance" in rate["plan"])
        collection.add(base._replace(rate=f"commit_{rate['years']:.0f}y", usd=usd, rank=rank, payment=_PLAN))


def _spot(collection: Collection, data: Mapping[str, Any], name: str) -> Origin:
    for region, systems in data["spot_advisor"].items():
        for sku, figures in systems.get("Linux", {}).items():
            saved = number(figures.get("s"))
            if saved is None or saved > 100:
                raise InputError(
                    Problem(f"{name}: spot_advisor.{region}.Linux.{sku}", "s must be from 0 to 100")
                )
            collection.savings[sku, region] = saved / 100
    return Origin("AWS spot advisor", None)


def _day(text: object) -> str | None:
    try:
        return date.fromisoformat(str(text)[:10]).isoformat()
    except ValueError:
        return None

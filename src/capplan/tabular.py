"""Recorded figures in CSV files or JSON lines, plain, gzipped or zipped: read row by row, within bounds."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
import zipfile
import zlib
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.errors import InputError, Problem, nearest
from capplan.stdin import encoding_of, is_stdin, name_of, read_stdin

MAX_BYTES = 256 * 2**20
"""Of a file of recorded figures, after inflation."""

MAX_ROWS = 1_000_000
_LONGEST_LINE = 2**20
_REMEMBERED = 50_000
"""Texts that are kept once however often they occur, such as names and dates."""

_DELIMITERS = ",;\t|"
BLANKS = frozenset(("", "null", "NULL", "Null", "None"))
"""Cells that say nothing, as databases and scripts export them."""

_SHOWN = 60


class Column(NamedTuple):
    """Cells by row, and the line of the file where each row begins; name: as the file writes it."""

    path: str
    name: str
    cells: Sequence[str]
    lines: Sequence[int]

    def error(self, row: int, what: str, remedy: str = "") -> InputError:
        """Return the error about one cell, such as 'is not a number'."""
        cell = self.cells[row]
        shown = cell if len(cell) <= _SHOWN else f"{cell[:_SHOWN]}…"
        return InputError(Problem(f"{self.path}:{self.lines[row]}", f"{self.name} '{shown}' {what}", remedy))


class Table(NamedTuple):
    """The columns that were kept of a file, by name. header: all names; lines: where each row begins."""

    path: str
    header: Sequence[str]
    columns: dict[str, Column]
    lines: Sequence[int]

    def column(self, name: str) -> Column:
        """Return a column, or say which one may be meant."""
        if name not in self.columns:
            raise InputError(Problem(self.path, f"no column '{name}'", nearest(name, self.header)))
        return self.columns[name]

    def records(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield each row as a mapping, with the place where it stands."""
        for row, line in enumerate(self.lines):
            yield f"{self.path}:{line}", {name: each.cells[row] for name, each in self.columns.items()}


def read_table(
    path: Path, named: Callable[[str], str] = str.strip, keep: Container[str] | None = None
) -> Table:
    """Return the table in a file that :func:`table_source` knows; ``keep`` says which columns are wanted.

    Raises :class:`InputError` for what is not such a file, with the line, and for what is too large.
    """
    with table_source(path, named) as source:
        kept = [name for name in source.names if name and (keep is None or name in keep)]
        cells: list[list[str]] = [[] for _ in kept]
        numbers: list[int] = []
        seen: dict[str, str] = {}
        for number, row in source.rows(kept):
            if len(numbers) == MAX_ROWS:
                raise too_many_rows(source.path)
            numbers.append(number)
            for cell, column in zip(row, cells, strict=True):
                text = cell.strip()
                remembered = seen.get(text, text) if len(seen) == _REMEMBERED else seen.setdefault(text, text)
                column.append(remembered)
        return source.table(kept, cells, numbers)


def too_many_rows(path: str) -> InputError:
    """Return the error about more rows than memory has room for."""
    return InputError(Problem(path, f"more than {MAX_ROWS:,} rows", "Sum rows up, or divide the file."))


class TableSource(NamedTuple):
    """A table whose rows are yet to be read, once. titles: its header; names: of the columns, from titles.

    read: yields the cells of the columns at these positions, with the line where the row begins.
    """

    path: str
    titles: Sequence[str]
    names: Sequence[str]
    read: Callable[[Sequence[int]], Iterator[tuple[int, Sequence[str]]]]

    def rows(self, wanted: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
        """Return the cells of these columns row by row; a name that the header has twice is refused."""
        repeated = next((name for name in wanted if self.names.count(name) > 1), None)
        if repeated is not None:
            raise InputError(Problem(self.path, f"the header names the column '{repeated}' twice"))
        return self.read([self.names.index(name) for name in wanted])

    def table(self, kept: Sequence[str], cells: Sequence[Sequence[str]], lines: Sequence[int]) -> Table:
        """Return what was read as a table; cells: by column of ``kept``."""
        titles = dict(zip(self.names, self.titles, strict=True))
        columns = {
            name: Column(self.path, titles[name].strip(), column, lines)
            for name, column in zip(kept, cells, strict=True)
        }
        return Table(self.path, self.names, columns, lines)


@contextmanager
def table_source(
    path: Path,
    named: Callable[[str], str] = str.strip,
    most: int | None = None,
    told: Callable[[int], None] | None = None,
    is_header: Callable[[Sequence[str]], bool] = lambda titles: True,
) -> Iterator[TableSource]:
    """Open CSV with a header, divided at commas, semicolons, tabs or bars, JSON lines, or Parquet.

    ``named`` turns what the header says into the name of a column; ``most``: bytes that it may hold;
    ``told`` learns how many bytes of the file have been read. ``is_header`` tells the header from lines of
    a name and a value above it, which become columns.
    """
    with opened(path, most, told) as file:
        name = name_of(path)
        if file.peek(4)[:4] == _PARQUET:
            from capplan.parquet import columns_of

            titles, read = columns_of(io.BytesIO(file.read()) if is_stdin(path) else path, name)
        else:
            lines = NumberedLines(io.TextIOWrapper(file, encoding_of(file.peek(2))), name)
            first = next((line for line in lines if line.strip()), None)
            if first is None:
                raise InputError(Problem(name, "not a readable CSV file (it is empty)"))
            if re.match(r"\s*\[\s*(?:\{|$)", first):
                raise InputError(
                    Problem(name, "is a JSON array", "Write one object a line, as `jq -c '.[]'` does.")
                )
            rows = (_objects if first.lstrip().startswith("{") else _rows)(first, lines)
            top = list(islice(rows, _MOST_ABOVE))
            if not top:
                raise InputError(Problem(name, "not a readable CSV file (its lines are blank)"))
            at = next((index for index, (_, row) in enumerate(top) if is_header(row)), 0)
            titles = top[at][1]
            above = {row[0]: row[1] for _, row in top[:at] if len(row) > 1 and row[0] not in titles}
            read = partial(_chosen, chain(top[at + 1 :], rows), (len(titles), list(above.values())), name)
            titles = [*titles, *above]
        yield TableSource(name, titles, [named(title) for title in titles], read)


_PARQUET = b"PAR1"
_MOST_ABOVE = 20
"""Lines down to the header."""


def _chosen(
    rows: Iterator[tuple[int, list[str]]], of: tuple[int, list[str]], path: str, wanted: Sequence[int]
) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the wanted cells of each row. of: how many a row has, and those that all rows have after them."""
    width, shared = of
    for number, row in rows:
        if len(row) < width or any(row[width:]):
            raise InputError(
                Problem(f"{path}:{number}", f"the row has {len(row)} cells, and the header {width}")
            )
        cells = [*row[:width], *shared] if shared else row
        yield number, [cells[index] for index in wanted]


class NumberedLines:
    """The lines of a file, with the number of the last one; neither binary data nor one endless line."""

    def __init__(self, text: io.TextIOWrapper, path: str) -> None:
        self._text = text
        self.path = path
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.number += 1
        try:
            line = self._text.readline(_LONGEST_LINE)
        except UnicodeDecodeError as error:
            what = f"not UTF-8 text (byte 0x{error.object[error.start]:02x})"
            raise InputError(Problem(f"{self.path}:{self.number}", what, "Save it as UTF-8.")) from None
        if not line:
            raise StopIteration
        if len(line) == _LONGEST_LINE:
            raise InputError(Problem(f"{self.path}:{self.number}", "the line is too long for a table"))
        return line


def _rows(first: str, lines: NumberedLines) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, the header first, each with the line where it begins."""
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    before = lines.number - 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield before + 1, row
            before = lines.number
    except csv.Error as error:
        raise InputError(Problem(f"{lines.path}:{before + 1}", f"not readable as CSV ({error})")) from None


def _objects(first: str, lines: NumberedLines) -> Iterator[tuple[int, list[str]]]:
    """Yield the names of the fields in JSON lines, then the rows; `a.b` is the field `b` of an object `a`."""
    number = lines.number
    found: list[tuple[int, dict[str, str]]] = []
    read = 0
    for text in chain([first], lines):
        number = lines.number
        read += len(text)
        if read > MAX_BYTES:
            raise _too_large(lines.path, MAX_BYTES)
        if text.strip():
            found.append((number, _object(text, f"{lines.path}:{number}")))
    names = list(dict.fromkeys(name for _, fields in found for name in fields))
    yield 0, names
    yield from ((number, [fields.get(name, "") for name in names]) for number, fields in found)


def _object(text: str, place: str) -> dict[str, str]:
    try:
        return dict(_flat(json.loads(text)))
    except (ValueError, AttributeError, RecursionError):
        raise InputError(
            Problem(place, "the line is not a JSON object", "Write one object a line.")
        ) from None


def _flat(fields: dict[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{within}{name}.")
        else:
            text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
            yield f"{within}{name}", text


def figures(column: Column) -> Array:
    """Return the numbers of a column, (rows,), NaN for blank cells; what else is no number is refused."""
    found = np.array([_figure(cell) for cell in column.cells], dtype=float)
    for row in np.flatnonzero(np.isnan(found)).tolist():
        if column.cells[row] not in BLANKS:
            raise column.error(row, "is not a number", _decimals(column.cells[row]))
    infinite = np.flatnonzero(np.isinf(found))
    if infinite.size:
        raise column.error(int(infinite[0]), "is not finite")
    return found


def _figure(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _decimals(cell: str) -> str:
    return "Write decimals with a point, and thousands without a mark." if "," in cell else ""


@contextmanager
def opened(
    path: Path, most: int | None = None, told: Callable[[int], None] | None = None
) -> Iterator[io.BufferedReader]:
    """Open a file of recorded figures for reading, inflated where it is compressed; ``most``: bytes of it.

    ``told`` learns how many bytes of the file, as it is, have been read.

    Raises :class:`InputError` for what cannot be read, and inside the block once it is larger than it may be.
    """
    name = name_of(path)
    try:
        with _source_of(path) as file:
            bounded = _Bounded(_inflated(file, name), name, most or MAX_BYTES)
            bounded.told = None if told is None else lambda: told(file.tell())
            yield io.BufferedReader(bounded, _CHUNK)
    except FileNotFoundError:
        raise InputError(Problem(name, "no such file")) from None
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise InputError(Problem(name, f"is not a whole gzip or zip file ({error})")) from None
    except OSError as error:
        raise InputError(Problem(name, f"cannot be read ({error.strerror})")) from None


_CHUNK = 2**20


def _inflated(file: io.BufferedReader, name: str) -> IO[bytes] | gzip.GzipFile:
    begins = file.peek(4)[:4]
    if begins[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=file)
    if begins != b"PK\x03\x04":
        return file
    try:
        archive = zipfile.ZipFile(file)
        files = [each for each in archive.infolist() if not each.is_dir()]
        if len(files) == 1:
            return archive.open(files[0])
    except (NotImplementedError, RuntimeError, ValueError) as error:
        raise InputError(Problem(name, f"cannot be extracted ({error})")) from None
    remedy = "Extract them, and name one or their directory."
    raise InputError(Problem(name, f"holds {len(files)} files", remedy))


def _source_of(path: Path) -> io.BufferedReader:
    if is_stdin(path):
        return io.BufferedReader(io.BytesIO(read_stdin(MAX_BYTES + 1)))
    return path.open("rb")


def _too_large(name: str, most: int) -> InputError:
    what = f"holds more than {most // 2**20} MiB"
    return InputError(Problem(name, what, "Leave out columns, sum rows up, or divide it."))


class _Bounded(io.RawIOBase):
    """Bytes of a file, and an error where there are more than ``most``."""

    def __init__(self, source: IO[bytes] | gzip.GzipFile, name: str, most: int) -> None:
        self._most = most
        self._source = source
        self._name = name
        self._read = 0
        self.told: Callable[[], None] | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._source.read(len(buffer))
        self._read += len(data)
        if self._read > self._most:
            raise _too_large(self._name, self._most)
        if self.told is not None:
            self.told()
        buffer[: len(data)] = data
        return len(data)

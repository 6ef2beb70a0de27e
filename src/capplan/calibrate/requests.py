"""Single requests, as load generators and servers list them: read in parts, as files may be large."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import IO, Any, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.calibrate.formats import LineFormat, RequestTable, lines, tables
from capplan.calibrate.windows import Batch, Windows
from capplan.errors import InputError, Problem

PART = 8 * 2**20
_ROWS = 100_000
_ISO = re.compile(rb"[-\dT:]{19}(?:\.\d{1,6})?")
Begin = Callable[[str], None]


class OpenedResult(NamedTuple):
    """An open file: what messages call it, and whom to tell that a part is begun."""

    file: IO[bytes]
    name: str
    begin: Begin


def table_for(head: str) -> RequestTable | None:
    """Return how the requests in a CSV are laid out, by its first line."""
    line = head.split("\n", 1)[0].lstrip("\ufeff").rstrip("\r").replace('"', "")
    for table in tables():
        for separator in dict.fromkeys((table.separator, ";", "\t")):
            plain = line.replace(separator, ",") if table.separator == "," else line
            if re.match(table.header, plain) and separator in line:
                return table._replace(separator=separator)
    return None


def read_rows(source: OpenedResult, table: RequestTable, windows: Windows) -> None:
    """Count the requests of a CSV."""
    import pandas as pd

    elapsed = table.elapsed[0].split("+")
    wanted = {table.time[0], *elapsed, table.code, table.good, table.clients, table.service, table.only}
    reader = pd.read_csv(
        _Told(source),
        sep=table.separator,
        header=None if table.names else 0,
        names=list(table.names) or None,
        usecols=lambda name: name in wanted,
        dtype=dict.fromkeys((table.code, table.good, table.only), "category"),
        chunksize=_ROWS,
        encoding_errors="replace",
        on_bad_lines="skip",
        index_col=False,
    )
    try:
        for part in reader:
            _count_rows(part, table, elapsed, windows)
    except (ValueError, KeyError) as error:
        raise InputError(
            Problem(source.name, f"is not a readable table of {table.tool}'s ({error})")
        ) from None


def _count_rows(part: Any, table: RequestTable, elapsed: list[str], windows: Windows) -> None:
    if table.only:
        vus = part[part[table.only] == "vus"]
        windows.see(_times(vus[table.time[0]], table.time[1]), _floats(vus["metric_value"]))
        part = part[part[table.only] == "http_req_duration"]
    codes = _by_word(part[table.code], _code) if table.code in part else np.full(len(part), 200.0)
    if table.good in part:
        good = _by_word(part[table.good], lambda word: word.lower() == "true") > 0
        codes = np.where(good, 200.0, np.where(codes < 400, 0.0, codes))
    windows.add(
        Batch(
            _times(part[table.time[0]], table.time[1]),
            np.sum([_floats(part[name]) for name in elapsed], axis=0) * table.elapsed[1],
            codes,
            _floats(part[table.clients]) if table.clients in part else None,
            _floats(part[table.service]) if table.service else None,
        )
    )


def _floats(column: Any) -> Array:
    return np.asarray(column.to_numpy(), dtype=float)


def _by_word(column: Any, meaning: Callable[[str], float]) -> Array:
    """Return what each word of a column means, 0 where there is none."""
    values = np.array([*map(meaning, map(str, column.cat.categories)), 0.0])
    return np.asarray(values[column.cat.codes.to_numpy()])


def _code(word: str) -> float:
    """Return a status code; what is none, such as a message of JMeter's, is 0."""
    return float(word) if word.removesuffix(".0").isdecimal() else 0.0


def _times(column: Any, unit: float) -> Array:
    """Return moments in seconds, of numbers in ``unit`` or of dates."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    if not numbers.isna().any():
        return np.asarray(numbers.to_numpy(), dtype=float) * unit
    return (
        np.asarray(pd.to_datetime(column, utc=True, format="mixed").astype("int64").to_numpy(), dtype=float)
        / 1e9
    )


class _Told(io.RawIOBase):
    """Bytes of a file, and a word for every part of it."""

    def __init__(self, source: OpenedResult) -> None:
        self._source, self._read = source, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._source.file.read(len(buffer))
        if self._read // PART != (self._read + len(data)) // PART:
            self._source.begin(self._source.name)
        self._read += len(data)
        buffer[: len(data)] = data
        return len(data)


def lines_for(head: bytes) -> LineFormat | None:
    """Return the pattern that most lines of the beginning of a file follow."""
    return next((kind for kind in lines() if kind.pattern.search(head)), None)


def read_lines(source: OpenedResult, kind: LineFormat, windows: Windows) -> None:
    """Count the requests that a pattern finds in a file, part by part."""
    rest = b""
    while part := source.file.read(PART):
        source.begin(source.name)
        whole, _, rest_of = (rest + part).rpartition(b"\n")
        _count_lines(whole, kind, windows)
        rest = rest_of
    _count_lines(rest, kind, windows)


def _count_lines(text: bytes, kind: LineFormat, windows: Windows) -> None:
    if kind.clients is not None:
        seen = kind.clients.findall(text)
        if seen:
            windows.see(moments([time for time, _ in seen]), _numbers([value for _, value in seen]))
    found = kind.pattern.findall(text)
    if not found:
        return
    columns = dict(zip(_groups(kind.pattern), zip(*found, strict=True), strict=True))
    codes = _numbers(columns["code"])
    if "good" in columns:
        codes = np.where(np.array(columns["good"]) == b"true", 200.0, np.where(codes < 400, 0.0, codes))
    clients = columns.get("clients", (b"",))
    windows.add(
        Batch(
            moments(columns["time"]),
            _numbers(columns["elapsed"]) * kind.unit,
            codes,
            _numbers(clients) if clients[0] else None,
        )
    )


def _groups(pattern: re.Pattern[bytes]) -> list[str]:
    return sorted(pattern.groupindex, key=pattern.groupindex.__getitem__)


def _numbers(texts: Any) -> Array:
    """Return numbers; one that is missing is 0."""
    array = np.array(texts, dtype="S")
    return np.where(array == b"", b"0", array).astype(float)


def moments(texts: Any) -> Array:
    """Return moments in seconds since 1970 of epoch numbers in ms, ISO 8601, or the dates of access logs."""
    if re.fullmatch(rb"\d{13}", texts[0]):
        return _numbers(texts) / 1e3
    if re.match(rb"\d{4}-\d\d-\d\dT", texts[0]):
        zone = re.search(rb"(?:Z|([-+])(\d\d):?(\d\d))$", texts[0])
        offset = 0 if zone is None or not zone[1] else int(zone[2]) * 3600 + int(zone[3]) * 60
        offset = -offset if zone is not None and zone[1] == b"+" else offset
        array = np.array([_ISO.match(text)[0] for text in texts], dtype="U")  # type: ignore[index]
        return array.astype("datetime64[us]").astype("int64") / 1e6 + offset
    known: Mapping[bytes, float] = {
        text: datetime.strptime(text.decode(), "%d/%b/%Y:%H:%M:%S %z").timestamp() for text in set(texts)
    }
    return np.array([known[text] for text in texts])

"""Single requests, as load generators and servers list them: read in parts, as files may be large."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import IO, Any, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.calibrate.runs import Arrivals
from capplan.calibrate.windows import Batch, Windows
from capplan.errors import InputError, Problem

PART = 8 * 2**20
_ROWS = 100_000
_TO_MICROSECOND = len("2026-01-31T12:00:00.000000")
Begin = Callable[[str], None]


class RequestTable(NamedTuple):
    """A CSV with a row a request. columns: by what they say, time and elapsed with their unit in s.

    header: what the first line begins with or, if it is a pattern of data, the names that are missing.
    """

    tool: str
    header: str
    time: tuple[str, float]
    elapsed: tuple[str, float]
    code: str = ""
    good: str = ""
    clients: str = ""
    service: str = ""
    names: tuple[str, ...] = ()
    arrivals: Arrivals = "unknown"
    only: str = ""
    separator: str = ","


_JTL = (
    "timeStamp elapsed label responseCode responseMessage threadName dataType success failureMessage bytes "
    "sentBytes grpThreads allThreads URL Latency IdleTime Connect"
)
_VEGETA = "timestamp code latency out in error body attack seq method url headers"
TABLES = (
    RequestTable(
        tool="jmeter",
        header=r"(?=.*\btimeStamp\b)(?=.*\belapsed\b)",
        time=("timeStamp", 1e-3),
        elapsed=("elapsed", 1e-3),
        code="responseCode",
        good="success",
        clients="allThreads",
    ),
    RequestTable(
        tool="jmeter",
        header=r"\d{13},\d+,[^,]*,[^,]*,[^,]*,[^,]*,[^,]*,(?:true|false),",
        time=("timeStamp", 1e-3),
        elapsed=("elapsed", 1e-3),
        code="responseCode",
        good="success",
        clients="allThreads",
        names=tuple(_JTL.split()),
    ),
    RequestTable(
        tool="k6",
        header=r"metric_name,timestamp,metric_value,",
        time=("timestamp", 1.0),
        elapsed=("metric_value", 1e-3),
        code="status",
        only="metric_name",
    ),
    RequestTable(
        tool="hey",
        header=r"response-time,DNS\+dialup,",
        time=("offset", 1.0),
        elapsed=("response-time", 1.0),
        code="status-code",
    ),
    RequestTable(
        tool="ab",
        header=r"starttime\tseconds\tctime\tdtime\tttime\twait",
        time=("seconds", 1.0),
        elapsed=("ttime", 1e-3),
        separator="\t",
    ),
    RequestTable(
        tool="vegeta",
        header=r"\d{19},\d{1,3},\d+,\d+,\d+,",
        time=("timestamp", 1e-9),
        elapsed=("latency", 1e-9),
        code="code",
        names=tuple(_VEGETA.split()),
        arrivals="even",
    ),
    RequestTable(
        tool="server",
        header=r"(?=.*\bstart_s\b)(?=.*\bservice_s\b)",
        time=("start_s", 1.0),
        elapsed=("wait_s+service_s", 1.0),
        code="status",
        service="service_s",
    ),
)


class Source(NamedTuple):
    """An open file: what messages call it, and whom to tell that a part is begun."""

    file: IO[bytes]
    name: str
    begin: Begin


def table_for(head: str) -> RequestTable | None:
    """Return how the requests in a CSV are laid out, by its first line."""
    line = head.split("\n", 1)[0].lstrip("\ufeff").rstrip("\r").replace('"', "")
    for table in TABLES:
        for separator in dict.fromkeys((table.separator, ";", "\t")):
            plain = line.replace(separator, ",") if table.separator == "," else line
            if re.match(table.header, plain) and separator in line:
                return table._replace(separator=separator)
    return None


def read_rows(source: Source, table: RequestTable, windows: Windows) -> None:
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
        dtype={table.code: str, table.good: str, table.time[0]: str, table.only: str},
        chunksize=_ROWS,
        encoding_errors="replace",
        on_bad_lines="skip",
        index_col=False,
    )
    try:
        for part in reader:
            _count_rows(part, table, elapsed, windows)
    except (ValueError, KeyError) as error:
        raise InputError(Problem(source.name, f"is not a readable table of {table.tool}'s ({error})")) from None


def _count_rows(part: Any, table: RequestTable, elapsed: list[str], windows: Windows) -> None:
    if table.only:
        vus = part[part[table.only] == "vus"]
        windows.see(_times(vus[table.time[0]], table.time[1]), _floats(vus["metric_value"]))
        part = part[part[table.only] == "http_req_duration"]
    codes = _codes(part[table.code]) if table.code in part else np.full(len(part), 200.0)
    if table.good in part:
        good = part[table.good].str.lower().to_numpy() == "true"
        codes = np.where(good, 200.0, np.where(codes < 400, 0.0, codes))
    windows.add(
        Batch(
            _times(part[table.time[0]], table.time[1]),
            sum(_floats(part[name]) for name in elapsed) * table.elapsed[1],
            codes,
            _floats(part[table.clients]) if table.clients in part else None,
            _floats(part[table.service]) if table.service else None,
        )
    )


def _floats(column: Any) -> Array:
    return np.asarray(column.to_numpy(), dtype=float)


def _codes(column: Any) -> Array:
    """Return status codes; what is none, such as a message of JMeter's, is 0."""
    import pandas as pd

    return np.nan_to_num(np.asarray(pd.to_numeric(column, errors="coerce").to_numpy(), dtype=float))


def _times(column: Any, unit: float) -> Array:
    """Return moments in seconds, of numbers in ``unit`` or of dates."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    if not numbers.isna().any():
        return np.asarray(numbers.to_numpy(), dtype=float) * unit
    return np.asarray(pd.to_datetime(column, utc=True).astype("int64").to_numpy(), dtype=float) / 1e9


class _Told(io.RawIOBase):
    """Bytes of a file, and a word for every part of it."""

    def __init__(self, source: Source) -> None:
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


class LineFormat(NamedTuple):
    """Requests found by a pattern with the groups time, elapsed and code; unit: of the elapsed time in s."""

    tool: str
    pattern: re.Pattern[bytes]
    unit: float
    clients: re.Pattern[bytes] | None = None
    arrivals: Arrivals = "unknown"


def _line(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode(), re.MULTILINE)


_CODE = r'[^\n]*?"status":"(?P<code>\d+)"'
_POINT = r'"data":\{"time":"(?P<time>[^"]+)","value":(?P<elapsed>[-\d.e+]+)'
_K6 = r'"metric":"%s","type":"Point",'
_VUS = _line(_K6 % "vus" + _POINT)
_BRACKET = r'\[(?P<time>[^\]]+)\] "[^"\n]*" (?P<code>\d{3}) '
_ENVOY = r'\S+ (?:\S+ \S+ "[^"\n]*" )?\d+ \d+ (?P<elapsed>\d+) (?:\d+|-) '
_KEYS = r'^(?=[^\n]*"(?:%s)":\s*"?(?P<elapsed>[\d.]+))(?=[^\n]*"(?:status|response_code)":\s*"?(?P<code>\d+))'
_KEYS += r'(?=[^\n]*"(?:time_iso8601|time_local|start_time|@timestamp|timestamp|time)":\s*"(?P<time>[^"]+)")'
_NAMED = r'[^\n]*\b(?:rt|request_time|urt)="?(?P<elapsed>\d+\.\d{3})\b'
_SECONDS = r'[^\n]*?(?:"|-| )(?P<elapsed>\d+\.\d{3})(?:\s|$)'
_MICROS = r"[^\n]*? (?P<elapsed>\d+)(?:us)?[ \t\r]*$"
LINES = (
    LineFormat("k6", _line(_K6 % "http_req_duration" + _POINT + f"(?:{_CODE})?"), 1e-3, _VUS),
    LineFormat(
        "vegeta",
        _line(r'"code":(?P<code>\d+),"timestamp":"(?P<time>[^"]+)","latency":(?P<elapsed>\d+)'),
        1e-9,
        arrivals="even",
    ),
    LineFormat("envoy", _line(_BRACKET + _ENVOY), 1e-3),
    LineFormat("envoy", _line(_KEYS % "duration"), 1e-3),
    LineFormat("nginx", _line(_KEYS % "request_time"), 1.0),
    LineFormat("nginx", _line(_BRACKET + _NAMED), 1.0),
    LineFormat("nginx", _line(_BRACKET + _SECONDS), 1.0),
    LineFormat("apache", _line(_BRACKET + _MICROS), 1e-6),
    LineFormat(
        "jmeter",
        _line(r'<(?:httpS|s)ample (?=[^>]*\bt="(?P<elapsed>\d+)")(?=[^>]*\bts="(?P<time>\d+)")'
              r'(?=[^>]*\bs="(?P<good>\w+)")(?:(?=[^>]*\brc="(?P<code>\d+)"))?(?:(?=[^>]*\bna="(?P<clients>\d+)"))?'),
        1e-3,
    ),
)


def lines_for(head: bytes) -> LineFormat | None:
    """Return the pattern that most lines of the beginning of a file follow."""
    return next((kind for kind in LINES if kind.pattern.search(head)), None)


def read_lines(source: Source, kind: LineFormat, windows: Windows) -> None:
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
        ending = len(zone[0]) if zone else 0
        array = np.array([text[: len(text) - ending][:_TO_MICROSECOND] for text in texts], dtype="U")
        return array.astype("datetime64[us]").astype("int64") / 1e6 + offset
    known: Mapping[bytes, float] = {
        text: datetime.strptime(text.decode(), "%d/%b/%Y:%H:%M:%S %z").timestamp() for text in set(texts)
    }
    return np.array([known[text] for text in texts])

"""How tools write their results, as `catalogs/results/formats.yaml` says it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from capplan.calibrate.runs import Arrivals
from capplan.paths import data_dir
from capplan.strictyaml import load, read_text

_TIME = r"([\d.,]+)\s*(ns|us|µs|μs|usec|ms|m(?!s)|h|seconds|secs?|s)?"


class TextFormat(NamedTuple):
    """A report in words. begins: what only this tool prints; failing: what it prints instead of a result.

    figures: patterns by field. unit: of times without one, in s. pairs: percent and time, ``within`` a text.
    """

    tool: str
    begins: str
    failing: str = ""
    figures: Mapping[str, str] = {}
    unit: float = 1.0
    pairs: str = ""
    within: str = ""
    arrivals: Arrivals = "closed"
    think_s: float | None = 0.0


class DocumentFormat(NamedTuple):
    """A report in JSON. needs: keys that only this tool has together; the rest are paths to what it says."""

    tool: str
    needs: Sequence[str]
    figures: Mapping[str, str]
    unit: float
    quantiles: str = ""
    codes: str = ""
    arrivals: Arrivals = "closed"
    think_s: float | None = None


class RequestTable(NamedTuple):
    """A CSV with a row a request: columns by what they say, time and elapsed with their unit in s.

    header: what the first line is like, or the first row where the ``names`` are missing. from_start: whether
    a request's time is when it starts, instead of when it ends.
    """

    tool: str
    header: str
    time: tuple[str, float]
    elapsed: tuple[str, float]
    code: str = ""
    good: str = ""
    clients: str = ""
    service: str = ""
    names: Sequence[str] = ()
    arrivals: Arrivals = "unknown"
    from_start: bool = False
    only: str = ""
    separator: str = ","


class LineFormat(NamedTuple):
    """Requests found by a pattern with the groups time, elapsed and code; unit: of the elapsed time in s."""

    tool: str
    pattern: re.Pattern[bytes]
    unit: float
    clients: re.Pattern[bytes] | None = None
    arrivals: Arrivals = "unknown"
    from_start: bool = False


@cache
def _data() -> Any:
    path = data_dir("catalogs") / "results" / "formats.yaml"
    return load(read_text(path).replace("<TIME>", _TIME), path.name)


@cache
def texts() -> Sequence[TextFormat]:
    """Return the reports in words; of two that fit a text the first counts."""
    return [TextFormat(**row) for row in _data()["texts"]]


@cache
def documents() -> Sequence[DocumentFormat]:
    """Return the reports in JSON."""
    return [DocumentFormat(**row) for row in _data()["documents"]]


@cache
def tables() -> Sequence[RequestTable]:
    """Return the tables of requests."""
    return [RequestTable(**row) for row in _data()["tables"]]


@cache
def lines() -> Sequence[LineFormat]:
    """Return the lines of requests, patterns compiled."""
    found = [LineFormat(**row) for row in _data()["lines"]]
    return [kind._replace(pattern=_line(kind.pattern), clients=_line(kind.clients)) for kind in found]


def _line(pattern: Any) -> Any:
    return None if pattern is None else re.compile(pattern.encode(), re.MULTILINE)

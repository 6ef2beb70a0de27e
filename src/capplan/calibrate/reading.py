"""Files of load tests and monitoring, told apart by their content."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from capplan.calibrate import checks, monitoring, tables
from capplan.calibrate.documents import documents_of
from capplan.calibrate.requests import OpenedResult, lines_for, read_lines, read_rows, table_for
from capplan.calibrate.runs import LoadRun
from capplan.calibrate.texts import texts_of
from capplan.calibrate.windows import Windows
from capplan.errors import InputError, Problem, printable
from capplan.findings import Finding
from capplan.stdin import name_of
from capplan.strictjson import parse_json
from capplan.strictyaml import decode
from capplan.tabular import opened

_MOST_BYTES = 16 * 2**30
_HEAD = 256 * 2**10
_MOST_REPORT = 64 * 2**20
_KNOWN = (
    "k6, Locust, ab, wrk, wrk2, hey, oha, vegeta, JMeter, siege, autocannon, artillery, access logs of "
    "nginx, Apache and Envoy, Prometheus, CloudWatch, Cloud Monitoring, CSV with concurrency and throughput"
)


_DAMAGES = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, csv.Error)
"""What reading raises where a part of a known format is missing, or something else stands there."""


class TestEvidence(NamedTuple):
    """What files hold. series: measures over time; said: about files, refused where they are errors."""

    runs: Sequence[LoadRun]
    series: Sequence[monitoring.Monitored]
    said: Sequence[Finding]


def read_evidence(given: Sequence[str], begin: Callable[[str], None] = lambda _: None) -> TestEvidence:
    """Return what files say; ``requests=FILE``, ``cpu=FILE``, ``memory=FILE`` where no name tells which.

    What a directory holds besides, such as the script of the test, is left out with a note.
    ``begin`` is told of every part that is read. Raises :class:`InputError` for files of no known format.
    """
    runs: list[LoadRun] = []
    series: list[monitoring.Monitored] = []
    said: list[Finding] = []
    problems: list[Problem] = []
    skipped: list[Problem] = []
    for path, role, named in _named(given):
        try:
            found = _read(path, role, begin)
        except InputError as error:
            (problems if named else skipped).extend(error.problems)
            continue
        except _DAMAGES as error:
            what = f"is damaged: a value is not what its format says ({printable(str(error))[:80]})"
            problems.append(Problem(name_of(path), what, "Save it again."))
            continue
        runs += found.runs
        series += found.series
        said += found.said
    if not (runs or series or said):
        problems += skipped
    if problems:
        raise InputError(*problems)
    said += map(_skipped, skipped)
    return TestEvidence(tables.joined(runs), series, said)


def _skipped(problem: Problem) -> Finding:
    name, what = problem.where, f"is left out: it {problem.what}"
    return checks.NO_FIGURES.finding(name, what, "", file=name, severity="info")


def _named(given: Sequence[str]) -> Iterator[tuple[Path, str, bool]]:
    """Yield each file, those of a directory in order, what it is said to measure, and whether it is named."""
    for text in given:
        role, equals, rest = text.partition("=")
        said = bool(equals) and role in monitoring.ROLES
        path = Path(rest if said else text)
        named = not path.is_dir()
        files = [path] if named else sorted(one for one in path.iterdir() if one.is_file())
        yield from ((file, role if said else "", named) for file in files)


def _read(path: Path, role: str, begin: Callable[[str], None]) -> TestEvidence:
    name = name_of(path)
    with opened(path, _MOST_BYTES) as file:
        head = file.peek(_HEAD)[:_HEAD]
        text = head.decode("utf-8", "replace")
        source = OpenedResult(file, name, begin)
        table = table_for(text)
        if table is not None:
            windows = Windows(table.from_start)
            read_rows(source, table, windows)
            return TestEvidence(list(windows.runs(name, table.tool, table.arrivals)), [], [])
        lines = None if tables.is_table(text) else lines_for(head)
        if lines is not None:
            windows = Windows(lines.from_start)
            read_lines(source, lines, windows)
            said = [_assumed(name)] if lines.tool == "apache" else []
            return TestEvidence(list(windows.runs(name, lines.tool, lines.arrivals)), [], said)
        data = file.read(_MOST_REPORT + 1)
    if len(data) > _MOST_REPORT:
        raise InputError(Problem(name, "is not a format that capplan knows", f"Known: {_KNOWN}."))
    return _report(path, decode(data, name, _MOST_REPORT), role)


def _assumed(name: str) -> Finding:
    what = "the last number of each line is taken for microseconds"
    return checks.ASSUMED_UNIT.finding(name, what, file=name)


def _report(path: Path, text: str, role: str) -> TestEvidence:
    """Return what is in a file that is read as a whole."""
    name = name_of(path)
    if re.match(r"\s*(?:\{|\[\s*[]{\[])", text):
        return _document(path, parse_json(text, name), role)
    found = (
        tables.tables_of(path, text) or texts_of(name, text) or ("" if text.strip() else "the file is empty")
    )
    if isinstance(found, str) and found:
        return TestEvidence([], [], [no_figures(name, found)])
    if isinstance(found, str):
        raise InputError(Problem(name, "is not a format that capplan knows", f"Known: {_KNOWN}."))
    return TestEvidence(found if isinstance(found, list) else [found], [], [])


def _document(path: Path, tree: Any, role: str) -> TestEvidence:
    name = name_of(path)
    run = documents_of(name, tree)
    if run is not None:
        return TestEvidence([run], [], [])
    try:
        measures = monitoring.measures_of(path, tree, role)
    except InputError as error:
        return TestEvidence([], [], [no_figures(name, error.problems[0].what)])
    if measures is None:
        raise InputError(Problem(name, "is not a format that capplan knows", f"Known: {_KNOWN}."))
    return TestEvidence([], measures, [])


def no_figures(name: str, what: str) -> Finding:
    """Return the finding about a file that has nothing to learn from."""
    return checks.NO_FIGURES.finding(name, f"holds no result: {what[:200]}", file=name)

"""Reports that tools print: a table of what each calls its figures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from capplan.calibrate.assemble import REJECTING, Made, assembled
from capplan.calibrate.runs import Arrivals, LoadRun

_UNITS = {"us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9, "ms": 1e-3, "m": 60.0, "h": 3600.0}
_UNITS["s"] = 1.0
_TIME = r"([\d.,]+)\s*(ns|us|µs|μs|usec|ms|m(?!s)|h|seconds|secs?|s)?"
_PART = re.compile(r"([\d.]+)(ns|us|µs|μs|ms|m|h|s)")


class TextFormat(NamedTuple):
    """How a tool reports. begins: what only it prints. figures: patterns by field, times with their unit.

    unit: of times without one. pairs: a pattern of percent and time, in the text that ``within`` finds.
    """

    tool: str
    begins: str
    figures: Mapping[str, str]
    unit: float
    pairs: str = ""
    within: str = ""
    arrivals: Arrivals = "closed"
    think_s: float | None = 0.0
    failing: str = ""
    """A pattern of what the tool prints instead of a result."""


_HEY = {
    "duration_s": rf"(?m)^\s*Total:\s+{_TIME}",
    "mean_s": rf"Average:\s+{_TIME}",
    "max_s": rf"Slowest:\s+{_TIME}",
    "total_rate": r"Requests/sec:\s+([\d.]+)",
    "codes": r"\[(\d{3})\]\s+(\d+)\s+responses",
    "errors": r"(?m)^  \[(\d+)\]\s+(?!\d+ responses)\S",
}
_WRK = {
    "clients": r"threads and (\d+) connections",
    "mean_s": rf"Latency\s+{_TIME}",
    "sd_s": rf"Latency\s+\S+\s+{_TIME}",
    "max_s": rf"Latency\s+\S+\s+\S+\s+{_TIME}",
    "requests": r"(\d+) requests in",
    "duration_s": rf"requests in {_TIME}",
    "total_rate": r"Requests/sec:\s+([\d.]+)",
    "failed": r"Non-2xx or 3xx responses:\s+(\d+)",
    "late": r"Socket errors:.*timeout (\d+)",
    "dropped": r"Socket errors: connect (\d+)",
    "target": r"@ (\S+)",
}
TEXTS = (
    TextFormat(
        tool="ab",
        begins=r"This is ApacheBench",
        figures={
            "clients": r"Concurrency Level:\s+(\d+)",
            "duration_s": rf"Time taken for tests:\s+{_TIME}",
            "requests": r"Complete requests:\s+(\d+)",
            "failed": r"Non-2xx responses:\s+(\d+)",
            "broken": r"\(Connect: (\d+), Receive: (\d+), Length: \d+, Exceptions: (\d+)\)",
            "total_rate": r"Requests per second:\s+([\d.]+)",
            "mean_s": r"(?m)^Total:\s+\d+\s+([\d.]+)",
            "sd_s": r"(?m)^Total:\s+\d+\s+[\d.]+\s+([\d.]+)",
            "max_s": r"(?m)^Total:.*\s([\d.]+)\s*$",
            "target": r"Document Path:\s+(\S+)",
        },
        unit=1e-3,
        pairs=r"(?m)^\s+(\d+)%\s+([\d.]+)()",
        failing=r"apr_\w+: .*",
    ),
    TextFormat(
        tool="wrk2",
        begins=r"HdrHistogram|Thread calibration: mean lat",
        figures=_WRK | {"mean_ms": r"#\[Mean\s+=\s+([\d.]+)", "sd_ms": r"StdDeviation\s+=\s+([\d.]+)"},
        unit=1e-3,
        pairs=rf"(?m)^\s*([\d.]+)%\s+{_TIME}",
        arrivals="even",
        think_s=None,
    ),
    TextFormat(
        tool="wrk",
        begins=r"Running .+ test @",
        figures=_WRK,
        unit=1e-3,
        pairs=rf"(?m)^\s+([\d.]+)%\s+{_TIME}",
    ),
    TextFormat(tool="wrk", begins=r"Usage: wrk <options>", figures={}, unit=1.0, failing=r"Usage: wrk.*"),
    TextFormat(
        tool="oha",
        begins=r"Success rate:\s+[\d.]+",
        figures=_HEY | {"success": r"Success rate:\s+([\d.]+)"},
        unit=1.0,
        pairs=rf"([\d.]+)% in {_TIME}",
        arrivals="unknown",
        think_s=None,
    ),
    TextFormat(
        tool="hey",
        begins=r"(?s)Summary:\s+Total:.*Requests/sec:",
        figures=_HEY,
        unit=1.0,
        pairs=rf"([\d.]+)% in {_TIME}",
        arrivals="unknown",
        think_s=None,
    ),
    TextFormat(
        tool="vegeta",
        begins=r"Requests\s+\[total, rate",
        figures={
            "requests": r"Requests\s+\[[^]]*\]\s+(\d+)",
            "offered": r"Requests\s+\[[^]]*\]\s+\d+, ([\d.]+)",
            "rate": r"Requests\s+\[total, rate, throughput\]\s+\d+, [\d.]+, ([\d.]+)",
            "duration_s": r"Duration\s+\[[^]]*\]\s+([^,\s]+)",
            "mean_s": r"Latencies\s+\[min, mean[^]]*\]\s+\S+\s+([^,\s]+)",
            "max_s": r"Latencies\s+\[.*max\].*\s([^,\s]+)\s*$",
            "success": r"Success\s+\[ratio\]\s+([\d.]+)",
            "rejections": r"\b(?:429|503):(\d+)",
        },
        unit=1.0,
        arrivals="even",
        think_s=None,
    ),
    TextFormat(
        tool="k6",
        begins=r"http_req_duration\.*:",
        figures={
            "requests": r"(?m)^\s*(?:✓|✗)?\s*http_reqs\.*: (\d+)",
            "total_rate": r"(?m)^\s*(?:✓|✗)?\s*http_reqs\.*: \d+\s+([\d.]+)/s",
            "failed": r"http_req_failed\.*:\s+[\d.]+%\s+(?:✓ )?(\d+)",
            "mean_s": rf"http_req_duration\.*:\s+avg={_TIME}",
            "max_s": rf"http_req_duration\.*:.*? max={_TIME}",
            "iteration_s": rf"iteration_duration\.*:\s+avg={_TIME}",
            "iterations": r"(?m)^\s*iterations\.*: (\d+)",
            "clients": r"(?m)^\s*vus_max\.*: (\d+)",
            "fewest": r"(?m)^\s*vus\.*:.*min=(\d+)",
            "most": r"(?m)^\s*vus\.*:.*max=(\d+)",
            "dropped": r"dropped_iterations\.*: (\d+)",
        },
        unit=1e-3,
        pairs=rf"(?:p\(([\d.]+)\)|med)={_TIME}",
        within=r"http_req_duration\.*:.*",
    ),
    TextFormat(
        tool="k6", begins=r'time="[^"]+" level=error msg="', figures={}, unit=1.0, failing=r'msg="([^"]*)'
    ),
    TextFormat(
        tool="siege",
        begins=r"Transactions:\s+\d+ hits|Transaction rate:",
        figures={
            "requests": r"Transactions:\s+(\d+)",
            "failed": r"Failed transactions:\s+(\d+)",
            "duration_s": r"Elapsed time:\s+([\d.]+)",
            "rate": r"Transaction rate:\s+([\d.]+)",
            "present": r"Concurrency:\s+([\d.]+)",
        },
        unit=1.0,
        arrivals="unknown",
        think_s=None,
    ),
    TextFormat(
        tool="locust",
        begins=r"Type\s+Name\s+# reqs\s+# fails",
        figures={
            "requests": r"Aggregated\s+(\d+)",
            "failed": r"Aggregated\s+\d+\s+(\d+)\(",
            "mean_s": r"Aggregated\s+\d+\s+\d+\([\d.]+%\) \|\s+(\d+)",
            "max_s": r"Aggregated\s+\d+\s+\d+\([\d.]+%\) \|\s+\d+\s+\d+\s+(\d+)",
            "total_rate": r"Aggregated.*\|\s+([\d.]+)",
            "clients": r"All users spawned: .*\((\d+) total users\)",
            "levels": r"All users spawned(:)",
        },
        unit=1e-3,
        think_s=None,
    ),
    TextFormat(
        tool="autocannon",
        begins=r"Running .+ test @ .+\n\d+ connections",
        figures={
            "clients": r"(\d+) connections",
            "target": r"test @ (\S+)",
            "requests": r"(?m)^([\d.]+k?) requests in",
            "duration_s": rf"requests in {_TIME}",
            "total_rate": r"Req/Sec\s+│(?:[^│]*│){4}\s*([\d.,]+)",
            "mean_s": rf"Latency\s+│(?:[^│]*│){{4}}\s*{_TIME}",
            "sd_s": rf"Latency\s+│(?:[^│]*│){{5}}\s*{_TIME}",
            "max_s": rf"Latency\s+│(?:[^│]*│){{6}}\s*{_TIME}",
        },
        unit=1e-3,
    ),
    TextFormat(
        tool="artillery",
        begins=r"http\.response_time:\s+min:",
        figures={
            "requests": r"http\.responses: \.+ (\d+)",
            "created": r"vusers\.created: \.+ (\d+)",
            "duration_s": r"Total time: (.+)",
            "mean_s": r"http\.response_time:(?:\s+\w+: \.* [\d.]+){2}\s+mean: \.* ([\d.]+)",
        },
        unit=1e-3,
        arrivals="random",
        think_s=None,
    ),
)




def texts_of(file: str, text: str) -> LoadRun | str | None:
    """Return the run in a report, or what a tool says instead of one; None for what no tool prints."""
    for kind in TEXTS:
        if re.search(kind.begins, text) is None:
            continue
        if kind.figures and (run := _run(file, text, kind)) is not None:
            return run
        said = re.search(kind.failing, text) if kind.failing else None
        if said is not None:
            return said[said.lastindex or 0].strip()
    return None


def _run(file: str, text: str, kind: TextFormat) -> LoadRun | None:
    figures: dict[str, float] = {}
    for field, pattern in kind.figures.items():
        found = list(re.finditer(pattern, text))
        if found and field in _COUNTED:
            figures |= _COUNTED[field]([match.groups() for match in found])
        elif found and field != "target":
            figures[field] = _value(found[0], field, kind.unit)
    target = re.search(kind.figures.get("target", "$^"), text)
    made = Made(file, kind.tool, kind.arrivals, kind.think_s, target[1] if target else "")
    return assembled(made, figures, _quantiles(text, kind))


def _value(match: re.Match[str], field: str, unit: float) -> float:
    groups = [group or "" for group in match.groups()]
    if len(groups) > 1 or field.endswith("_s"):
        return duration("".join(groups[:2]), unit)
    number = groups[0].replace(",", "")
    return float(number.removesuffix("k")) * (1000 if number.endswith("k") else 1)


def duration(text: str, unit: float) -> float:
    """Return a time such as '1m2.5s', '40.97ms' or '3' in seconds; ``unit``: of a number without one."""
    plain = text.replace(",", "").replace(" ", "")
    if re.fullmatch(r"[\d.]+", plain):
        return float(plain) * unit
    words = {"minutes": "m", "minute": "m", "seconds": "s", "second": "s", "secs": "s", "sec": "s", "usec": "us"}
    for word, short in words.items():
        plain = plain.replace(word, short)
    return sum(float(number) * _UNITS[name] for number, name in _PART.findall(plain))


def _codes(rows: Sequence[tuple[str, ...]]) -> dict[str, float]:
    by_code = {int(code): float(count) for code, count in rows}
    failed = sum(count for code, count in by_code.items() if code >= 400)
    rejected = sum(by_code.get(code, 0.0) for code in REJECTING)
    return {"requests": sum(by_code.values()), "failed": failed, "rejected": rejected}


_COUNTED = {
    "codes": _codes,
    "errors": lambda rows: {"errors": sum(float(count) for (count,) in rows)},
    "rejections": lambda rows: {"rejected": sum(float(count) for (count,) in rows)},
    "levels": lambda rows: {"levels": float(len(rows))},
    "broken": lambda rows: {"broken": sum(float(count) for row in rows for count in row)},
}
"""Fields of which there are several."""


def _quantiles(text: str, kind: TextFormat) -> dict[float, float]:
    """Return the times by share of the requests that do not exceed them."""
    if kind.tool == "vegeta":
        names, values = (re.split(r",\s*", part) for part in re.findall(_LATENCIES, text)[0])
        pairs = zip(names, values, strict=False)
        return {float(name) / 100: duration(value, 1.0) for name, value in pairs if name.isdecimal()}
    within = re.search(kind.within, text)[0] if kind.within else text  # type: ignore[index]
    found = re.findall(kind.pairs, within) if kind.pairs else ()
    return {float(share or 50) / 100: duration(number + unit, kind.unit) for share, number, unit in found}


_LATENCIES = r"Latencies\s+\[([^]]*)\]\s+(.*)"

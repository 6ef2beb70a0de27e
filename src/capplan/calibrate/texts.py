"""Reports that tools print."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from capplan.calibrate.assemble import REJECTING, RunOrigin, assembled
from capplan.calibrate.formats import TextFormat, texts
from capplan.calibrate.runs import LoadRun

_UNITS = {"us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9, "ms": 1e-3, "m": 60.0, "h": 3600.0}
_UNITS["s"] = 1.0
_PART = re.compile(r"([\d.]+)(ns|us|µs|μs|ms|m|h|s)")


def texts_of(file: str, text: str) -> LoadRun | str | None:
    """Return the run in a report, or what a tool says instead of one; None for what no tool prints."""
    for kind in texts():
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
    made = RunOrigin(file, kind.tool, kind.arrivals, kind.think_s, target[1] if target else "")
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
    words = {
        "minutes": "m",
        "minute": "m",
        "seconds": "s",
        "second": "s",
        "secs": "s",
        "sec": "s",
        "usec": "us",
    }
    for word, short in words.items():
        plain = plain.replace(word, short)
    return sum(float(number) * _UNITS[name] for number, name in _PART.findall(plain))


def _codes(rows: Sequence[tuple[str, ...]]) -> dict[str, float]:
    by_code = {int(code): float(count) for code, count in rows}
    failed = sum(count for code, count in by_code.items() if code >= 400)
    rejected = sum(by_code.get(code, 0.0) for code in REJECTING)
    return {"requests": sum(by_code.values()), "failed": failed, "rejected": rejected}


_COUNTED: Mapping[str, Callable[[Sequence[Any]], dict[str, float]]] = {
    "codes": _codes,
    "errors": lambda rows: {"errors": sum(float(count) for (count,) in rows)},
    "rejections": lambda rows: {"rejected": sum(float(count) for (count,) in rows)},
    "strained": lambda rows: {"strained": float(len(rows))},
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

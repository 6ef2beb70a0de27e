"""Measures over time: responses of Prometheus, CloudWatch and Cloud Monitoring, all as rates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.calibrate.documents import number
from capplan.calibrate.runs import LoadRun
from capplan.errors import InputError, Problem
from capplan.stdin import name_of

ROLES = ("requests", "busy", "response", "cpu", "memory")
"""Requests a second; those in progress; their mean time in s; busy cores; bytes."""

PERCENT = "cpu percent"
_NAMES = (
    (r"(request|http|rpc|_rq|response|transaction).*_sum$", "busy"),
    (r"cpu.*(percent|utili[sz]ation)|CPUUtilization", PERCENT),
    (r"cpu", "cpu"),
    (r"memory|resident|mem_", "memory"),
    (
        r"(request|http|rpc|_rq|call|transaction|txn).*(_count|_total|_bucket)$|Request_?Count|request_count",
        "requests",
    ),
    (r"ResponseTime|latencies|latency|Duration Average", "response"),
)
_STEMS = ((r"cpu", "cpu"), (r"mem", "memory"), (r"req|rate|rps|qps", "requests"))
_COUNTERS = ("_total", "_count", "_sum", "_bucket")
_OWNERS = ("pod", "instance", "container_id")
_MOST_LEVELS, _FEWEST_SAMPLES = 12, 3


class Monitored(NamedTuple):
    """One measure, summed over its series: (samples,) each. instances: how many had a series of it."""

    role: str
    file: str
    time_s: Array
    values: Array
    instances: int = 1


class _Raw(NamedTuple):
    """A series as a provider gives it; owner: which instance it is of."""

    name: str
    time_s: Array
    values: Array
    owner: str = ""
    counter: bool = False


def measures_of(path: Path, tree: Any, role: str = "") -> list[Monitored] | None:
    """Return the measures in a response, None for what is none; ``role`` says what series without names are.

    Raises :class:`InputError` for a response without samples, or of nothing that can be learned from.
    """
    name = name_of(path)
    reader = next((read for key, read in _READERS.items() if isinstance(tree, dict) and key in tree), None)
    if reader is None:
        return None
    series = [each for each in reader(tree, name) if each.time_s.size]
    if not series:
        raise InputError(Problem(name, "it has no samples", "Check the query and its times."))
    by_role: dict[str, list[_Raw]] = {}
    for each in series:
        found = role or _role(each.name, path.stem)
        if found:
            by_role.setdefault(found, []).append(each)
    if not by_role:
        named = sorted({each.name or "a series without a name" for each in series})
        remedy = f"Say what it is: requests={path}, cpu={path} or memory={path}."
        raise InputError(Problem(name, f"{named[0]} is neither requests nor CPU nor memory", remedy))
    return [_summed(role, name, each) for role, each in by_role.items()]


def _role(name: str, stem: str) -> str:
    table, text = (_NAMES, name) if name else (_STEMS, stem)
    return next((role for pattern, role in table if re.search(pattern, text)), "")


def _summed(role: str, file: str, series: Sequence[_Raw]) -> Monitored:
    rates = [_rate(each) if each.counter else each for each in series]
    time_s, places = np.unique(np.concatenate([each.time_s for each in rates]), return_inverse=True)
    values = np.concatenate([each.values for each in rates])
    sums = np.asarray(np.bincount(places, values), dtype=float)
    if role in ("response", PERCENT):
        sums = sums / np.bincount(places)
    owners = {each.owner for each in series if each.owner}
    return Monitored(role, file, time_s, sums, max(len(owners), 1))


def _rate(counter: _Raw) -> _Raw:
    """Return what a counter grew by in a second; one that falls has begun again at 0."""
    if counter.time_s.size < 2:
        raise InputError(Problem(counter.name, "a counter at one moment tells no rate", "Query rate(…)."))
    grown, passed_s = np.diff(counter.values), np.diff(counter.time_s)
    grown = np.where(grown < 0, counter.values[1:], grown)
    return counter._replace(time_s=counter.time_s[1:], values=grown / np.maximum(passed_s, 1e-9))


def _samples(pairs: Sequence[Any]) -> tuple[Array, Array]:
    """Return times and values in order, without what is no finite number."""
    table = np.array([(float(time), float(value)) for time, value in pairs], dtype=float).reshape(-1, 2)
    table = table[np.isfinite(table).all(axis=1) & (np.abs(table) < 1e18).all(axis=1)]
    table = table[np.argsort(table[:, 0], kind="stable")]
    return table[:, 0], table[:, 1]


def _prometheus(tree: Mapping[str, Any], name: str) -> Iterator[_Raw]:
    if tree.get("status") != "success":
        raise InputError(Problem(name, f"Prometheus refused the query: {tree.get('error')}"))
    data = tree.get("data")
    result = data.get("result") if isinstance(data, dict) else None
    if not isinstance(result, list) or not all(isinstance(each, dict) for each in result):
        raise InputError(Problem(name, "it holds no series", "Save the response of /api/v1/query_range."))
    for each in result:
        labels = each.get("metric", {})
        metric = str(labels.get("__name__", ""))
        if metric.endswith("_bucket") and labels.get("le") != "+Inf":
            continue
        owner = next((str(labels[label]) for label in _OWNERS if label in labels), "")
        samples = _samples(each.get("values", [each["value"]] if "value" in each else []))
        yield _Raw(metric, *samples, owner, metric.endswith(_COUNTERS))


def _when(text: Any) -> float:
    if number(text) is not None:
        return float(text)
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        raise InputError(Problem(str(text)[:40], "is not a time")) from None


def _cloudwatch(tree: Mapping[str, Any], name: str) -> Iterator[_Raw]:
    for each in tree["MetricDataResults"]:
        pairs = [(_when(time), value) for time, value in zip(each["Timestamps"], each["Values"], strict=True)]
        yield _per_period(f"{each.get('Label', '')} {each.get('Id', '')}", *_samples(pairs))


def _statistics(tree: Mapping[str, Any], name: str) -> Iterator[_Raw]:
    label = str(tree.get("Label", ""))
    for statistic in ("Sum", "Average"):
        pairs = [(_when(p["Timestamp"]), p[statistic]) for p in tree["Datapoints"] if statistic in p]
        if pairs and (statistic == "Sum") == ("Count" in label):
            yield _per_period(label, *_samples(pairs))


def _per_period(label: str, time_s: Array, values: Array) -> _Raw:
    """Return counts as rates: a sum ÷ its period, which is the shortest time between two."""
    if re.search("Count", label) and time_s.size > 1:
        values = values / float(np.diff(time_s).min())
    return _Raw(label, time_s, values)


def _google(tree: Mapping[str, Any], name: str) -> Iterator[_Raw]:
    for each in tree["timeSeries"]:
        metric = str(each.get("metric", {}).get("type", ""))
        labels = {**each.get("resource", {}).get("labels", {}), **each.get("metric", {}).get("labels", {})}
        pairs = [_point(point, each.get("metricKind") == "DELTA") for point in each.get("points", ())]
        time_s, values = _samples([pair for pair in pairs if pair is not None])
        unit = 1e-3 if "latencies" in metric else 1.0
        counter = each.get("metricKind") == "CUMULATIVE"
        yield _Raw(metric, time_s, values * unit, str(labels.get("instance_id", "")), counter)


def _point(point: Any, delta: bool) -> tuple[float, float] | None:
    value = point["value"]
    end_s = _when(point["interval"]["endTime"])
    if "distributionValue" in value:
        mean = number(value["distributionValue"].get("mean"))
        return None if mean is None else (end_s, mean)
    found = float(value.get("int64Value", value.get("doubleValue", "nan")))
    span_s = end_s - _when(point["interval"].get("startTime", point["interval"]["endTime"]))
    return (end_s, found / span_s if delta and span_s > 0 else found)


_READERS = {
    "status": _prometheus,
    "MetricDataResults": _cloudwatch,
    "Datapoints": _statistics,
    "timeSeries": _google,
}


class Together(NamedTuple):
    """Measures at the same moments, of one instance, (samples,) each; None for what nobody gave."""

    rate: Array
    step_s: float
    present: Array | None
    cores: Array | None
    memory: Array | None
    file: str


def watched(measures: Sequence[Monitored], cores: float | None = None) -> Together | None:
    """Return all measures at the moments of the requests; ``cores``: of an instance."""
    known: dict[str, Monitored] = {}
    for measure in measures:
        known.setdefault(measure.role, measure)
    requests = known.get("requests")
    if requests is None:
        return None
    if PERCENT in known and cores and "cpu" not in known:
        percent = known[PERCENT]
        known["cpu"] = percent._replace(values=percent.values / 100 * cores * requests.instances)
    others = [known[role] for role in ROLES[1:] if role in known]
    first = max(each.time_s[0] for each in (requests, *others))
    last = min(each.time_s[-1] for each in (requests, *others))
    inside = (requests.time_s >= first) & (requests.time_s <= last)
    at, rate = requests.time_s[inside], requests.values[inside]
    count = max(each.instances for each in (requests, *others))

    def each(role: str) -> Array | None:
        measure = known.get(role)
        return None if measure is None else np.interp(at, measure.time_s, measure.values) / count

    present = each("busy")
    response = known.get("response")
    if present is None and response is not None:
        present = rate / count * np.interp(at, response.time_s, response.values)
    step_s = float(np.median(np.diff(at))) if at.size > 1 else 1.0
    return Together(rate / count, step_s, present, each("cpu"), each("memory"), requests.file)


def runs_of(seen: Together) -> list[LoadRun]:
    """Return a run for each level of load that was seen, with users who arrive at random."""
    if seen.present is None:
        return []
    order = np.argsort(seen.rate)
    order = order[seen.rate[order] > 0]
    levels = np.array_split(order, max(1, min(_MOST_LEVELS, order.size // _FEWEST_SAMPLES)))
    return [
        LoadRun(
            seen.file,
            "monitoring",
            float(seen.rate[level].mean()),
            float(seen.present[level].sum() / seen.rate[level].sum()),
            float(seen.rate[level].sum() * seen.step_s),
            duration_s=float(level.size * seen.step_s),
            arrivals="random",
        )
        for level in levels
        if level.size
    ]

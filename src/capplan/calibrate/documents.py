"""Reports as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from capplan.calibrate.assemble import REJECTING, RunOrigin, assembled
from capplan.calibrate.formats import documents
from capplan.calibrate.runs import LoadRun

Tree = Mapping[str, Any]


def documents_of(file: str, tree: Any) -> LoadRun | None:
    """Return the run in a JSON report; None for what no tool writes."""
    if isinstance(tree, list) and tree and isinstance(tree[0], dict) and "response_times" in tree[0]:
        return _locust(file, tree)
    if not isinstance(tree, dict):
        return None
    if isinstance(tree.get("aggregate"), dict) and "counters" in tree["aggregate"]:
        return _artillery(file, tree["aggregate"])
    metrics = tree.get("metrics", _at(tree, "results/metrics"))
    if metrics is not None:
        return _k6(file, tree, metrics)
    kind = next((kind for kind in documents() if all(key in tree for key in kind.needs)), None)
    if kind is None:
        return None
    figures = _figures(tree, kind.figures, kind.unit)
    figures |= _by_code(_at(tree, kind.codes))
    made = RunOrigin(file, kind.tool, kind.arrivals, kind.think_s, str(tree.get("url", "")))
    return assembled(made, figures, quantiles_in(_at(tree, kind.quantiles), kind.unit))


def _at(tree: Any, path: str) -> Any:
    for key in filter(None, path.split("/")):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree if path else None


def number(value: Any) -> float | None:
    """Return a finite number of a document, None for what is none."""
    ok = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18
    return float(value) if ok else None


def _figures(tree: Any, paths: Mapping[str, str], unit: float) -> dict[str, float]:
    found = {field: number(_at(tree, path)) for field, path in paths.items()}
    scale = {field: unit if field.endswith("_s") else 1.0 for field in found}
    return {field: value * scale[field] for field, value in found.items() if value is not None}


def _by_code(codes: Any) -> dict[str, float]:
    """Return requests, and those rejected, by their status codes; code 0 is a broken connection."""
    if not isinstance(codes, dict):
        return {}
    counts = {
        key: number(value.get("count") if isinstance(value, dict) else value) for key, value in codes.items()
    }
    by_code = {int(key): count for key, count in counts.items() if str(key).isdecimal() and count is not None}
    rejected = sum(by_code.get(code, 0.0) for code in REJECTING)
    return {"requests": sum(by_code.values()), "rejected": rejected} if by_code else {}


def quantiles_in(tree: Any, unit: float) -> dict[float, float]:
    """Return times by share of a mapping with keys such as p95, p99.9, p(95), p97_5 or 95th."""
    found = {}
    for key, value in (tree or {}).items() if isinstance(tree, dict) else ():
        name = str(key).lower()
        percent = (
            "50" if name in ("med", "median") else name.strip("p()").removesuffix("th").replace("_", ".")
        )
        time = number(value)
        share = _share(percent) if name[:1] in "p0" or name[-2:] == "th" or name[:3] == "med" else None
        if share is not None and time is not None:
            found[share] = time * unit
    return found


def _share(percent: str) -> float | None:
    """Return the share that a percentile's name says; p999 is 99.9."""
    try:
        value = float(percent)
    except ValueError:
        return None
    value = value / 10 if value > 100 else value
    return value / 100 if 0 < value < 100 else None


def _locust(file: str, entries: Sequence[Tree]) -> LoadRun | None:
    """Return the run in the JSON of Locust: counts by rounded ms, one entry for each endpoint."""
    total = sum(number(entry.get("total_response_time")) or 0.0 for entry in entries) / 1000
    requests = sum(number(entry.get("num_requests")) or 0.0 for entry in entries)
    failed = sum(number(entry.get("num_failures")) or 0.0 for entry in entries)
    starts = [number(entry.get("start_time")) or 0.0 for entry in entries]
    ends = [number(entry.get("last_request_timestamp")) or 0.0 for entry in entries]
    if not requests:
        return None
    counts: dict[float, float] = {}
    for entry in entries:
        for ms, count in entry["response_times"].items():
            counts[float(ms) / 1000] = counts.get(float(ms) / 1000, 0.0) + float(count)
    mean_s = total / requests
    second = sum(count * time**2 for time, count in counts.items()) / sum(counts.values())
    figures = {
        "requests": requests,
        "failed": failed,
        "duration_s": max(ends) - min(starts),
        "mean_s": mean_s,
        "sd_s": max(second - mean_s**2, 0.0) ** 0.5,
        "max_s": max(counts),
    }
    return assembled(RunOrigin(file, "locust", "unknown", None), figures, _counted_quantiles(counts))


def _counted_quantiles(counts: Mapping[float, float]) -> dict[float, float]:
    found, passed, total = {}, 0.0, sum(counts.values())
    wanted = [0.5, 0.75, 0.9, 0.95, 0.99]
    for time in sorted(counts):
        passed += counts[time]
        while wanted and passed >= wanted[0] * total:
            found[wanted.pop(0)] = time
    return found


def _artillery(file: str, aggregate: Tree) -> LoadRun | None:
    """Return the run in Artillery's JSON, whose users arrive by themselves."""
    counters = aggregate["counters"]
    times = _at(aggregate, "summaries/http.response_time") or _at(aggregate, "histograms/http.response_time")
    first, last = (number(aggregate.get(f"{end}CounterAt")) or 0.0 for end in ("first", "last"))
    codes = {
        key.removeprefix("http.codes."): value for key, value in counters.items() if "http.codes." in key
    }
    errors = sum(number(value) or 0.0 for key, value in counters.items() if key.startswith("errors."))
    figures = _figures(times, {"mean_s": "mean", "max_s": "max"}, 1e-3) | _by_code(codes)
    figures |= {"duration_s": (last - first) / 1000, "errors": errors, "failed": _failed_codes(codes)}
    created = number(counters.get("vusers.created"))
    figures |= {"created": created} if created == counters.get("http.requests") and created else {}
    return assembled(RunOrigin(file, "artillery", "random", None), figures, quantiles_in(times, 1e-3))


def _failed_codes(codes: Mapping[str, Any]) -> float:
    return sum(number(count) or 0.0 for code, count in codes.items() if code.isdecimal() and int(code) >= 400)


_K6 = {
    "requests": "http_reqs/count",
    "total_rate": "http_reqs/rate",
    "mean_s": "http_req_duration/avg",
    "max_s": "http_req_duration/max",
    "iteration_s": "iteration_duration/avg",
    "iterations": "iterations/count",
    "clients": "vus_max/max",
    "fewest": "vus/min",
    "most": "vus/max",
    "dropped": "dropped_iterations/count",
}


def _k6(file: str, tree: Tree, metrics: Any) -> LoadRun | None:
    """Return the run in one of the three summaries of k6, whose times are ms."""
    if isinstance(metrics, list):
        metrics = {metric.get("name"): metric for metric in metrics if isinstance(metric, dict)}
    flat = {
        name: metric.get("values", metric) for name, metric in metrics.items() if isinstance(metric, dict)
    }
    if "http_req_duration" not in flat:
        return None
    figures = _figures(flat, _K6, 1e-3)
    failed = flat.get("http_req_failed", {})
    rate = number(failed.get("rate", failed.get("value"))) or 0.0
    figures["failed"] = rate * figures.get("requests", 0.0)
    run_ms = number(_at(tree, "state/testRunDurationMs"))
    seconds = run_ms / 1000 if run_ms else number(_at(tree, "config/duration"))
    figures |= {"duration_s": seconds} if seconds else {}
    return assembled(
        RunOrigin(file, "k6", "closed", None), figures, quantiles_in(flat["http_req_duration"], 1e-3)
    )

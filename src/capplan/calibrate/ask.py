"""Questions to a server of Prometheus: what a service did, by the names that exporters commonly give it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from capplan.calibrate.monitoring import Monitored, measures_of
from capplan.errors import InputError, Problem

_TIMEOUT_S = 30.0
_MOST_BYTES = 64 * 2**20
_MOST_STEPS = 2000
_SHORTEST_STEP_S = 1.0
_METRICS = {
    "requests": (
        "http_server_request_duration_seconds_count",
        "http_server_requests_seconds_count",
        "http_request_duration_seconds_count",
        "http_requests_total",
        "istio_requests_total",
        "envoy_cluster_upstream_rq_total",
        "nginx_ingress_controller_requests",
    ),
    "busy": (
        "http_server_request_duration_seconds_sum",
        "http_server_requests_seconds_sum",
        "http_request_duration_seconds_sum",
    ),
    "cpu": ("container_cpu_usage_seconds_total", "process_cpu_seconds_total"),
    "memory": ("container_memory_working_set_bytes", "process_resident_memory_bytes"),
}
"""Of each role the names that are tried, in this order."""


def ask(url: str, labels: str, hours: float) -> list[Monitored]:
    """Return the measures that a server has of the series with these labels, of the last hours.

    Raises :class:`InputError` where it cannot be asked, refuses, or knows none of the metrics.
    """
    base = url.rstrip("/")
    if urllib.parse.urlsplit(base).scheme not in ("http", "https"):
        raise InputError(
            Problem("--prometheus", f"'{url}' is not an http address", "Example: http://127.0.0.1:9090.")
        )
    found = list(_asked(base, labels.strip("{} "), hours * 3600))
    if not found:
        names = ", ".join(names[0] for names in _METRICS.values())
        what = f"the server has no requests, CPU or memory of {{{labels}}}"
        raise InputError(Problem("--prometheus", what, f"Looked for {names} and like names."))
    return found


def _asked(base: str, labels: str, span_s: float) -> Iterator[Monitored]:
    end_s = time.time()
    step_s = max(_SHORTEST_STEP_S, span_s / _MOST_STEPS)
    window_s = max(4 * step_s, min(span_s / 12, 300.0))
    for role, names in _METRICS.items():
        for name in names:
            series = f"{name}{{{labels}}}"
            query = series if role == "memory" else f"rate({series}[{window_s:.0f}s])"
            span = {"start": f"{end_s - span_s:.3f}", "end": f"{end_s:.3f}", "step": f"{step_s:.3f}"}
            tree = _fetched(
                f"{base}/api/v1/query_range?{urllib.parse.urlencode({'query': query, **span})}", base
            )
            if tree.get("status") != "success" or tree["data"]["result"]:
                yield from (_whole(each, window_s) for each in measures_of(Path(base), tree, role) or ())
                break


def _whole(measure: Monitored, window_s: float) -> Monitored:
    """Return a measure without the rates over windows in which the server had only begun to look."""
    begun = measure.time_s >= measure.time_s[0] + window_s
    whole = begun if begun.sum() > 2 else begun | True
    return measure._replace(time_s=measure.time_s[whole], values=measure.values[whole])


def _fetched(url: str, base: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            data = answer.read(_MOST_BYTES + 1)
    except urllib.error.HTTPError as error:
        data = error.read(_MOST_BYTES)
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise InputError(Problem(base, f"cannot be asked ({reason})", "Is the address right?")) from None
    try:
        tree = json.loads(data)
    except ValueError:
        tree = None
    if len(data) > _MOST_BYTES or not isinstance(tree, dict):
        raise InputError(Problem(base, "its answer is not one of Prometheus"))
    return tree

"""Load tests up to the planned peak, which fail where the SLO is not met: k6, Locust, ApacheBench."""

from __future__ import annotations

import math
from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number
from capplan.manifests.site import Service, Site
from capplan.plan.manifests import Endpoint

_STAGES = (0.25, 0.5, 1.0)
"""Shares of the peak that are held one after the other."""


def load_test_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the load tests of what enters the plan."""
    entries = [site.services[name] for name in site.entries]
    peak = sum(service.peak_rps for service in entries)
    if peak <= 0:
        return
    settings = _settings(site, entries, peak)
    context: Tree = {"settings": settings, "name": site.name}
    yield Artefact(f"loadtest/k6/{site.name}.js", "loadtest/k6.js.j2", context, "loadtest")
    yield Artefact("loadtest/locust/locustfile.py", "loadtest/locustfile.py.j2", context, "loadtest")
    ab: Tree = {
        "requests": max(1, math.ceil(peak * 60)),
        "concurrency": settings["concurrency"],
        "endpoints": [e for e in settings["endpoints"] if e["method"] == "GET"],
    }
    yield Artefact("loadtest/ab.sh", "loadtest/ab.sh.j2", ab, "loadtest")


def _settings(site: Site, entries: list[Service], peak_rps: float) -> Tree:
    test = site.manifests.load_test
    slos = [number(s.spec.slo.p95) for s in entries if s.spec.slo.p95 is not None]
    ramp, hold = math.ceil(number(test.ramp)), math.ceil(number(test.hold))
    latency_s = min(slos, default=1.0)
    return {
        "stages": [
            stage
            for share in _STAGES
            for stage in (
                {"seconds": ramp, "rps": _rps(share * peak_rps)},
                {"seconds": hold, "rps": _rps(share * peak_rps)},
            )
        ]
        + [{"seconds": ramp, "rps": 1}],
        "p95_ms": round(1000 * latency_s),
        "error_rate": number(site.manifests.alerts.error_rate),
        # Little's law: what is in progress at the peak if every request takes as long as the SLO allows.
        "concurrency": max(1, math.ceil(peak_rps * latency_s)),
        "endpoints": [_endpoint(e) for e in test.endpoints] or _health(entries),
    }


def _rps(value: float) -> int:
    return max(1, math.ceil(value - 1e-9))


def _endpoint(endpoint: Endpoint) -> Tree:
    return {
        "path": endpoint.path,
        "method": endpoint.method,
        "weight": number(endpoint.weight),
        "body": dict(endpoint.body),
        "token": endpoint.token,
    }


def _health(entries: list[Service]) -> list[Tree]:
    paths = dict.fromkeys(service.workload.health_path for service in entries)
    return [{"path": path, "method": "GET", "weight": 1.0, "body": {}, "token": False} for path in paths]

"""Load tests: k6 and Locust keep the planned rates, ApacheBench finds the knee; each fails off the SLO."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number, planned_rps
from capplan.manifests.limits import RateLimit, limits_of, on_ingress
from capplan.manifests.site import Service, Site
from capplan.plan.manifests import Endpoint

_STAGES = (0.25, 0.5, 1.0)
"""Shares of the peak that are held one after the other."""

_BY_AB = ("GET", "POST")


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
    yield Artefact("loadtest/ab.sh", "loadtest/ab.sh.j2", _knee(settings, peak), "loadtest")


def _settings(site: Site, entries: list[Service], peak_rps: float) -> Tree:
    test = site.manifests.load_test
    slos = [number(s.spec.slo.p95) for s in entries if s.spec.slo.p95 is not None]
    ramp, hold = math.ceil(number(test.ramp)), math.ceil(number(test.hold))
    latency_s = min(slos, default=1.0)
    endpoints = [_endpoint(e) for e in test.endpoints] or _health(entries)
    return {
        "stages": [
            stage
            for share in _STAGES
            for stage in (
                {"seconds": ramp, "rps": planned_rps(share * peak_rps)},
                {"seconds": hold, "rps": planned_rps(share * peak_rps)},
            )
        ]
        + [{"seconds": ramp, "rps": 0}],
        "p95_ms": round(1000 * latency_s),
        "error_rate": number(site.manifests.alerts.error_rate),
        # Little's law: what is in progress at the peak if every request takes as long as the SLO allows.
        "concurrency": max(1, math.ceil(peak_rps * latency_s)),
        "endpoints": endpoints,
        "notes": list(_notes(site, endpoints, peak_rps)),
    }


def _endpoint(endpoint: Endpoint) -> Tree:
    return {
        "path": endpoint.path,
        "method": endpoint.method,
        "weight": number(endpoint.weight),
        "body": endpoint.body,
        "token": endpoint.token,
    }


def _health(entries: list[Service]) -> list[Tree]:
    """Return the health paths of what requests enter, each in proportion to what enters there."""
    weights: dict[str, float] = {}
    for service in entries:
        path = service.workload.health_path
        weights[path] = weights.get(path, 0.0) + service.peak_rps
    return [
        {"path": path, "method": "GET", "weight": round(weight, 4), "body": {}, "token": False}
        for path, weight in weights.items()
        if weight > 0
    ]


def _notes(site: Site, endpoints: list[Tree], peak_rps: float) -> Iterator[str]:
    """Yield what whoever runs the test must know."""
    if not site.manifests.load_test.endpoints:
        paths = ", ".join(endpoint["path"] for endpoint in endpoints)
        yield f"This only asks for {paths}: name the plan's endpoints in manifests.load_test.endpoints."
    limited = [limit for limit in limits_of(site) if on_ingress(site, limit)]
    if not limited or site.manifests.load_test.clients:
        return
    addresses = max(
        (_addresses(limit, endpoint, endpoints, peak_rps) for limit in limited for endpoint in endpoints),
        default=0,
    )
    if addresses > 1:
        yield (
            f"The Ingress limits each address, so this needs {addresses:,} of them: run it from as many, or "
            "name yours in manifests.load_test.clients."
        )


def _addresses(limit: RateLimit, endpoint: Tree, endpoints: list[Tree], peak_rps: float) -> int:
    """Return the addresses whose limits together allow an endpoint's share of the peak; 0 without a limit."""
    paths = {path: group for group, path in limit.paths.items() if path is not None}
    held = [path for path in paths if endpoint["path"].startswith(path)]
    if not held:
        return 0
    share = float(endpoint["weight"]) / float(sum(e["weight"] for e in endpoints))
    allowed: int = limit.current.limits[paths[max(held, key=len)]].per_minute
    return math.ceil(60 * peak_rps * share / max(1, allowed))


def _knee(settings: Tree, peak_rps: float) -> Tree:
    """Return the endpoints that ab can ask for, each with its share of the peak."""
    total = sum(endpoint["weight"] for endpoint in settings["endpoints"])
    shares = [
        {**e, "rps": planned_rps(peak_rps * e["weight"] / total), "json": json.dumps(e["body"])}
        for e in settings["endpoints"]
    ]
    return {**settings, "endpoints": [e for e in shares if e["method"] in _BY_AB]}

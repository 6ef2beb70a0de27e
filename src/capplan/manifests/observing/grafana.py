"""A Grafana dashboard: what every service shows, the plan's levels as lines, and panels of the plan's own."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.autoscalers import latency_query, query_of
from capplan.manifests.observing.monitoring import error_ratio, rate
from capplan.manifests.observing.stores import watched_stores
from capplan.manifests.site import Service, Site

_COLUMNS = 24
_WIDTH = 8
_HEIGHT = 8
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


class GrafanaPanel(NamedTuple):
    """A time series panel: queries by legend, and a line at a level."""

    title: str
    unit: str
    queries: dict[str, str]
    threshold: float | None = None


def dashboard_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the dashboard of the plan, and those that the plan's own panels ask for."""
    yield _dashboard(site, f"capplan-{site.name}", f"{site.name}: capacity", list(_panels(site)))
    named = dict.fromkeys(p.dashboard for p in site.manifests.panels if p.dashboard is not None)
    for name in named:
        panels = list(_own(site, name))
        yield _dashboard(
            site, f"capplan-{site.name}-{name}", f"{site.name}: {name.replace('-', ' ')}", panels
        )


def _dashboard(site: Site, name: str, title: str, panels: list[GrafanaPanel]) -> Artefact:
    uid = _uid(name)
    body: Tree = {
        "uid": uid,
        "title": title,
        "description": f"Rendered by capplan from plan {site.name}. Change the plan, not this dashboard.",
        "tags": ["capplan", site.name],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": [_panel(index, panel) for index, panel in enumerate(panels)],
    }
    return Artefact(f"grafana/{uid}.json", "monitoring/dashboard.json.j2", {"body": body}, "monitoring")


def _uid(name: str) -> str:
    """Return a name as Grafana's id of at most 40 characters; what is longer keeps its hash."""
    return name if len(name) <= 40 else f"{name[:31]}-{sha256(name.encode()).hexdigest()[:8]}"


def _panels(site: Site) -> Iterator[GrafanaPanel]:
    for service in site.services.values():
        yield from _of_service(site, service)
    for store in watched_stores(site):
        for watch in store.watches:
            title = f"{store.name}: {watch.title}"
            yield GrafanaPanel(title, watch.unit, {watch.title: watch.expr}, watch.level)
    cost = f'max({site.manifests.metrics.cost_per_day}{{plan="{site.name}"}})'
    yield GrafanaPanel("Cost of a day", "currencyUSD", {"cost": cost}, round(site.usd_per_day, 2))
    yield from _own(site, None)


def _own(site: Site, dashboard: str | None) -> Iterator[GrafanaPanel]:
    """Yield the plan's own panels of a dashboard; None is the plan's."""
    for own in site.manifests.panels:
        if own.dashboard == dashboard:
            limit = None if own.threshold is None else number(own.threshold)
            yield GrafanaPanel(own.title, own.unit, {own.title: own.query}, limit)


def _of_service(site: Site, service: Service) -> Iterator[GrafanaPanel]:
    name, status = service.name, site.manifests.metrics.status_label
    yield GrafanaPanel(
        f"{name}: request rate", "reqps", {"requests": rate(site, name)}, round(service.peak_rps, 6)
    )
    slo = service.spec.slo.p95
    quantiles = {f"p{round(100 * q)}": latency_query(site, name, q) for q in (0.5, 0.95, 0.99)}
    yield GrafanaPanel(f"{name}: response time", "s", quantiles, None if slo is None else number(slo))
    classes = {f"{c}xx": rate(site, name, f'{status}=~"{c}.."') + " * 60" for c in (4, 5)}
    yield GrafanaPanel(f"{name}: errors a minute", "short", classes)
    ratio = {"errors": error_ratio(site, name)}
    yield GrafanaPanel(f"{name}: error ratio", "percentunit", ratio, number(site.manifests.alerts.error_rate))
    if name in site.pods:
        replicas = (
            f'sum(kube_deployment_status_replicas{{namespace="{site.namespace}", deployment="{name}"}})'
        )
        yield GrafanaPanel(f"{name}: replicas", "short", {"replicas": replicas}, float(service.hi))
    if service.spec.queue is not None:
        length = service.spec.queue.target_length
        limit = None if length is None else number(length)
        yield GrafanaPanel(f"{name}: queue", "short", {"waiting": query_of(site, name, "queue")}, limit)


def _panel(index: int, panel: GrafanaPanel) -> Tree:
    per_row = _COLUMNS // _WIDTH
    place = {"x": index % per_row * _WIDTH, "y": index // per_row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
    targets = [
        {"refId": chr(ord("A") + position), "expr": query, "legendFormat": legend, "datasource": _SOURCE}
        for position, (legend, query) in enumerate(panel.queries.items())
    ]
    return {
        "id": index + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": targets,
    }


def _defaults(panel: GrafanaPanel) -> Tree:
    if panel.threshold is None:
        return {"unit": panel.unit}
    steps = [{"color": "green", "value": None}, {"color": "red", "value": panel.threshold}]
    lines = {"thresholdsStyle": {"mode": "line"}}
    return {"unit": panel.unit, "custom": lines, "thresholds": {"mode": "absolute", "steps": steps}}

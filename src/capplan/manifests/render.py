"""From an estimate to files in memory: every artefact, in a stable order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from capplan import __version__
from capplan.manifests.artefact import Artefact, Rendered
from capplan.manifests.checklist import checklist_artefact
from capplan.manifests.clouds.aws import aws_artefacts
from capplan.manifests.clouds.clusters import cluster_artefacts
from capplan.manifests.clouds.commands import aws_script, command_artefacts
from capplan.manifests.clouds.routing import routing_artefacts
from capplan.manifests.clouds.streams import stream_artefacts
from capplan.manifests.clouds.values import value_artefacts
from capplan.manifests.engine import Templates
from capplan.manifests.kubernetes.edge import controller_artefacts
from capplan.manifests.kubernetes.jobs import job_artefacts
from capplan.manifests.kubernetes.karpenter import karpenter_artefacts
from capplan.manifests.kubernetes.objects import kubernetes_artefacts
from capplan.manifests.kubernetes.pooler import pooler_artefacts
from capplan.manifests.kubernetes.secrets import secret_artefacts
from capplan.manifests.kubernetes.serving import serving_artefacts
from capplan.manifests.kubernetes.stores import store_artefacts
from capplan.manifests.kustomize import at_sites, kustomizations
from capplan.manifests.limits import limit_artefacts
from capplan.manifests.observing.adapter import adapter_artefacts
from capplan.manifests.observing.grafana import dashboard_artefacts
from capplan.manifests.observing.health import health_artefacts
from capplan.manifests.observing.loadtest import load_test_artefacts
from capplan.manifests.observing.monitoring import monitoring_artefacts
from capplan.manifests.observing.stores import exporter_artefacts
from capplan.manifests.platforms import service_artefacts
from capplan.manifests.site import Site
from capplan.manifests.sql import sql_artefacts

_COMMENT = {"yaml": "#", "py": "#", "sh": "#", "ini": ";", "js": "//", "sql": "--"}
"""How a header is written; JSON has no comments, and the lock file holds its hash."""

MARK = "Rendered by capplan"


class RenderOptions(NamedTuple):
    """What to render: a layout of the Kubernetes objects, and whether their CPU is limited."""

    layout: str = "kustomize"
    limit_cpu: bool = True


def as_planned(site: Site) -> list[Rendered]:
    """Return every file as `capplan render-manifests` writes it without options."""
    return render(site, Templates(), RenderOptions())


def render(site: Site, templates: Templates, wanted: RenderOptions) -> list[Rendered]:
    """Return every file that the plan asks for, sorted by path."""
    found = [_rendered(site, templates, artefact) for artefact in artefacts(site, wanted)]
    found += [_rendered(site, templates, artefact) for artefact in aws_script(site, found)]
    found.append(_rendered(site, templates, checklist_artefact(site, found)))
    if wanted.layout == "kustomize":
        found = at_sites(site, found)
        ties = kustomizations(found, site.manifests.environments)
        found += [_rendered(site, templates, artefact) for artefact in ties]
    else:
        found = [_flat(item, wanted.layout) for item in found]
    if wanted.layout == "helm":
        found.append(_rendered(site, templates, chart_of(site)))
    return sorted(found, key=lambda item: item.path)


_FAMILIES: tuple[Callable[[Site], Iterator[Artefact]], ...] = (
    store_artefacts,
    job_artefacts,
    secret_artefacts,
    karpenter_artefacts,
    service_artefacts,
    aws_artefacts,
    stream_artefacts,
    cluster_artefacts,
    command_artefacts,
    routing_artefacts,
    value_artefacts,
    controller_artefacts,
    limit_artefacts,
    pooler_artefacts,
    sql_artefacts,
    monitoring_artefacts,
    exporter_artefacts,
    adapter_artefacts,
    dashboard_artefacts,
    health_artefacts,
    serving_artefacts,
    load_test_artefacts,
)
"""What each makes of a plan; nothing where the plan does not ask for it."""


def artefacts(site: Site, wanted: RenderOptions) -> Iterator[Artefact]:
    """Yield all artefacts of the plan, in no particular order."""
    yield from kubernetes_artefacts(site, wanted.limit_cpu)
    for family in _FAMILIES:
        yield from family(site)


def _rendered(site: Site, templates: Templates, artefact: Artefact) -> Rendered:
    text, value = templates.render(artefact.template, artefact.context)
    return Rendered(artefact.path, with_header(artefact.path, text, site.name), value, artefact.part)


def with_header(path: str, body: str, plan: str) -> str:
    """Return ``body`` under a line that says where it comes from; a shebang stays first."""
    comment = _COMMENT.get(path.rpartition(".")[2])
    if comment is None:
        return body
    origin = f"{MARK} {__version__} from plan {plan}, sha256 {digest(body)[:16]}"
    line = f"{comment} {origin}: change the plan, not this.\n"
    if body.startswith("#!"):
        shebang, _, rest = body.partition("\n")
        return f"{shebang}\n{line}{rest}"
    return line + body


def body_of(text: str) -> str:
    """Return a file without our header."""
    lines = text.splitlines(keepends=True)
    return "".join(line for index, line in enumerate(lines) if index > 1 or MARK not in line)


def digest(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def chart_of(site: Site) -> Artefact:
    """Return the head of a Helm chart; the lock file holds real versions."""
    context = {"name": site.name, "description": f"Services of {site.name}."}
    return Artefact("chart/Chart.yaml", "helm/chart.yaml.j2", context, "kubernetes")


def _flat(item: Rendered, layout: str) -> Rendered:
    """Return a Kubernetes object in its place without Kustomize: plain files, or those of a Helm chart."""
    if not item.path.startswith("kubernetes/"):
        return item
    rest = item.path.split("/", 2)[2]
    if layout == "plain":
        return item._replace(path=f"kubernetes/{rest}")
    text = item.text.replace("{{", '{{ "{{" }}')
    return item._replace(path=f"chart/templates/{rest}", text=text)

"""What a service can run on: of each platform the artefacts that make a service there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from capplan.manifests.artefact import Artefact
from capplan.manifests.clouds.aws import fargate_artefacts, group_artefacts
from capplan.manifests.clouds.balancers import balancer_artefacts
from capplan.manifests.clouds.cloudrun import cloud_run_artefacts
from capplan.manifests.clouds.containerapps import container_app_artefacts
from capplan.manifests.site import Service, Site


def _on_ecs(site: Site, service: Service, spec: Any) -> Iterator[Artefact]:
    yield from fargate_artefacts(site, service, spec)
    yield from balancer_artefacts(site, service)


def _on_machines(site: Site, service: Service, spec: Any) -> Iterator[Artefact]:
    if spec.provider == "aws":
        yield from group_artefacts(site, service, spec)
        yield from balancer_artefacts(site, service)


def _with_the_cluster(*_: object) -> Iterator[Artefact]:
    """Yield nothing: the objects of all pods are made together, in `kubernetes/`."""
    return iter(())


PLATFORMS: Mapping[str, Callable[[Site, Service, Any], Iterator[Artefact]]] = {
    "cloud-run": cloud_run_artefacts,
    "container-apps": container_app_artefacts,
    "fargate": _on_ecs,
    "vm-group": _on_machines,
    "kubernetes": _with_the_cluster,
}
"""The artefacts of one service, by what it runs on."""


def service_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield what makes each service of the plan on its platform."""
    for service in site.services.values():
        yield from PLATFORMS[service.spec.platform](site, service, service.spec)

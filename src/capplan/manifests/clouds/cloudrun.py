"""Cloud Run services, as `gcloud run services replace` takes them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.clouds.aws import full_name
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.pods import MANAGED_BY, environment_of, image_of, labels_of
from capplan.manifests.observing.health import probes_of
from capplan.manifests.quantity import cpu, memory
from capplan.manifests.site import Service, Site
from capplan.plan.services import CloudRun

_LEAST = 0.1
"""Lowest utilization target that Cloud Run accepts."""


def cloud_run_artefacts(site: Site, service: Service, spec: CloudRun) -> Iterator[Artefact]:
    """Yield a Cloud Run service."""
    path = f"cloudrun/{service.name}.service.yaml"
    yield Artefact(path, "cloud-run/service.yaml.j2", _context(site, service, spec), "cloud-run")


def _context(site: Site, service: Service, spec: CloudRun) -> Tree:
    workload = service.workload
    return {
        "name": service.name,
        "labels": labels_of(site, service.name) | MANAGED_BY,
        "annotations": _scaling(service, spec) | _network(site, service),
        "ingress": "all" if workload.public or service.name in site.entries else "internal",
        "service_account": account_of(site, service),
        "concurrency": max(1, int(number(spec.concurrency))),
        "timeout_s": min(3600, math.ceil(workload.timeout)),
        "image": image_of(site, service),
        "command": list(workload.command),
        "args": list(workload.args),
        "port": workload.port,
        "env": _env(site, service),
        "limits": {"cpu": cpu(number(spec.cpu)), "memory": memory(number(spec.memory))},
        "probes": {decides: p.kubernetes(workload.port) for decides, p in probes_of(service).items()},
    }


def account_of(site: Site, service: Service) -> str:
    """Return the id of the service account, which takes 6 to 30 characters and must be told in a project."""
    return service.workload.service_account or full_name(site, service.name)[:26].rstrip("-") + "-run"


def _scaling(service: Service, spec: CloudRun) -> Tree:
    """Return the scaling of a revision; annotations are text."""
    found = {
        "autoscaling.knative.dev/minScale": str(service.lo),
        "autoscaling.knative.dev/maxScale": str(service.hi),
        "run.googleapis.com/cpu-throttling": "true" if spec.billing == "request" else "false",
        "run.googleapis.com/startup-cpu-boost": "true",
    }
    for name in ("cpu", "concurrency"):
        found[f"run.googleapis.com/scaling-{name}-target"] = f"{max(service.target(name), _LEAST):g}"
    return found


def _network(site: Site, service: Service) -> Tree:
    """Return the way into the VPC, for services that call something with a private address."""
    plan = site.plan
    if not any(callee in (*plan.databases, *plan.caches, *site.pods) for callee in service.spec.calls):
        return {}
    project = site.manifests.gcp
    interfaces = [{"network": project.network, "subnetwork": project.subnetwork}]
    return {
        "run.googleapis.com/network-interfaces": json.dumps(interfaces),
        "run.googleapis.com/vpc-access-egress": "private-ranges-only",
    }


def _env(site: Site, service: Service) -> list[Tree]:
    found: list[Tree] = [{"name": n, "value": value} for n, value in environment_of(site, service).items()]
    for variable, reference in service.workload.secrets.items():
        secret, _, version = reference.partition("/")
        found.append({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": version}}})
    return found

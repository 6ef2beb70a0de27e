"""Health: which paths a service answers, who asks how often, and the contract that states it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.site import Service, Site
from capplan.plan.workload import Workload

_START_PERIOD_S = 5
_CLOUD_RUN_START_S = 240
_CONTAINER_APP_FAILURES = 10
"""What the platforms allow a container for its start."""


class Probe(NamedTuple):
    """What is asked how often, and how many failures in a row count; path None: only a connection is made."""

    path: str | None
    period_s: int
    timeout_s: int
    failures: int

    def kubernetes(self, port: object) -> Tree:
        """Return the probe as Kubernetes and Cloud Run have it."""
        handler: Tree = {"tcpSocket": {"port": port}}
        if self.path is not None:
            handler = {"httpGet": {"path": self.path, "port": port}}
        return {
            **handler,
            "periodSeconds": self.period_s,
            "timeoutSeconds": self.timeout_s,
            "failureThreshold": self.failures,
        }


def probes_of(service: Service) -> dict[str, Probe]:
    """Return the probes that the platform makes, by what they decide: started, takes requests, must restart.

    Liveness asks for no more than the process: a database that is down is no reason to restart its clients.
    """
    workload = service.workload
    starts = max(math.ceil(workload.startup / _START_PERIOD_S), 1)
    startup = Probe(workload.health_path, _START_PERIOD_S, 3, starts)
    asked = {
        "startup": startup,
        "readiness": Probe(workload.health_path, 10, 3, 3),
        "liveness": Probe(workload.live_path, 20, 3, 3),
    }
    return PLATFORMS[service.spec.platform](asked, workload)


Probes = dict[str, Probe]


def _all(asked: Probes, _: Workload) -> Probes:
    return asked


def _readiness(asked: Probes, _: Workload) -> Probes:
    return {"readiness": asked["readiness"]}


def _cloud_run(asked: Probes, workload: Workload) -> Probes:
    """It knows no readiness, makes liveness probes by HTTP only, and gives a start 240 s."""
    startup, liveness = asked["startup"], asked["liveness"]
    most = _CLOUD_RUN_START_S // _START_PERIOD_S
    return {
        "startup": startup._replace(failures=min(startup.failures, most)),
        "liveness": liveness._replace(path=liveness.path or workload.health_path),
    }


def _container_apps(asked: Probes, workload: Workload) -> Probes:
    """It lets a start fail ten times, so a slow one is asked less often."""
    if asked["startup"].failures <= _CONTAINER_APP_FAILURES:
        return asked
    period = math.ceil(workload.startup / _CONTAINER_APP_FAILURES)
    return {**asked, "startup": Probe(workload.health_path, period, 3, _CONTAINER_APP_FAILURES)}


PLATFORMS: Mapping[str, Callable[[Probes, Workload], Probes]] = {
    "cloud-run": _cloud_run,
    "container-apps": _container_apps,
    "fargate": _readiness,
    "vm-group": _readiness,
    "kubernetes": _all,
}
"""Which of the three probes a platform makes, and how."""


def health_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the contract of the services' health endpoints, as OpenAPI: answers, and who asks how often.

    vLLM's own endpoint is no part of it: nobody here decides what it answers.
    """
    paths: dict[str, list[Tree]] = {}
    for service in site.services.values():
        if service.workload.vllm is not None:
            continue
        for decides, probe in probes_of(service).items():
            if probe.path is not None:
                paths.setdefault(probe.path, []).append(_asked(service, decides, probe))
    if paths:
        context: Tree = {"name": site.name, "paths": {path: _endpoint(p) for path, p in paths.items()}}
        yield Artefact("health/openapi.yaml", "health/openapi.yaml.j2", context, "health")


def _endpoint(probes: list[Tree]) -> Tree:
    only_live = all(probe["decides"] == "liveness" for probe in probes)
    summary = "Whether the process is running" if only_live else "Whether the service can take requests"
    return {"summary": summary, "probes": probes}


def _asked(service: Service, decides: str, probe: Probe) -> Tree:
    return {
        "service": service.name,
        "platform": service.spec.platform,
        "port": service.workload.port,
        "decides": decides,
        "period_seconds": probe.period_s,
        "timeout_seconds": probe.timeout_s,
        "failures": probe.failures,
    }

"""Azure Container Apps, as `az containerapp create --yaml` takes them."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.pods import environment_of, image_of
from capplan.manifests.observing.health import probes_of
from capplan.manifests.site import Service, Site
from capplan.plan.services import ContainerApps


def container_app_artefacts(site: Site, service: Service, spec: ContainerApps) -> Iterator[Artefact]:
    """Yield a container app."""
    path = f"azure/{service.name}.containerapp.yaml"
    yield Artefact(path, "azure/containerapp.yaml.j2", _context(site, service, spec), "azure")


def _context(site: Site, service: Service, spec: ContainerApps) -> Tree:
    workload = service.workload
    secrets = {reference: _secret_name(reference) for reference in workload.secrets.values()}
    busy = number(spec.concurrency) * service.target("concurrency")
    return {
        "location": service.region,
        "name": service.name,
        "image": image_of(site, service),
        "command": list(workload.command),
        "args": list(workload.args),
        "port": workload.port,
        "external": workload.public or service.name in site.entries,
        "cpu": number(spec.cpu),
        "memory": f"{number(spec.memory):g}Gi",
        "env": [
            *({"name": name, "value": value} for name, value in environment_of(site, service).items()),
            *({"name": name, "secretRef": secrets[ref]} for name, ref in workload.secrets.items()),
        ],
        "secrets": [
            {"name": name, "keyVaultUrl": f"https://vault.invalid/secrets/{name}", "identity": "system"}
            for name in dict.fromkeys(secrets.values())
        ],
        "lo": service.lo,
        "hi": service.hi,
        "concurrency": str(max(1, int(busy + 1e-9))),
        "probes": [
            {"type": decides.capitalize(), **probe.kubernetes(workload.port)}
            for decides, probe in probes_of(service).items()
        ],
    }


def _secret_name(reference: str) -> str:
    """Return SECRET/KEY as Key Vault and Container Apps name secrets: lower case, with hyphens."""
    return reference.lower().replace("/", "-").replace("_", "-").replace(".", "-")

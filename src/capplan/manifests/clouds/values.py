"""The plan's figures for those who have their own modules: Terraform variables and Helm values."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.clouds.aws import machine_of
from capplan.manifests.clouds.commands import memorystore_gib
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.autoscalers import hpa_metrics, scaled_object_of
from capplan.manifests.kubernetes.pods import environment_of, image_of, resources_of
from capplan.manifests.kubernetes.quotas import store_amounts
from capplan.manifests.quantity import memory
from capplan.manifests.site import Service, Site
from capplan.plan.caches import ManagedCache, Memorystore, SelfHostedCache
from capplan.plan.stores import SelfHosted


def value_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the variables of Terraform and, with services on Kubernetes, the values of Helm."""
    body = variables_of(site)
    yield Artefact(
        "terraform/capplan.auto.tfvars.json", "terraform/tfvars.json.j2", {"body": body}, "terraform"
    )
    if site.pods:
        yield Artefact("helm/values.yaml", "helm/values.yaml.j2", _values(site), "helm")


def variables_of(site: Site) -> Tree:
    """Return the figures for modules of Terraform."""
    return {
        "name": site.name,
        "regions": dict(site.plan.regions),
        "services": {name: _service(service) for name, service in site.services.items()},
        "node_pools": {
            f"{cluster}/{name}": {
                "machine": pool.spec.machine,
                "min_nodes": _least(pool.spec.nodes.min),
                "max_nodes": pool.max_nodes,
            }
            for (cluster, name), pool in site.pools.items()
        },
        "databases": {
            name: {
                "machine": machine_of(site, name, database.machine),
                "storage_gib": site.storage_gib(name),
            }
            for name, database in site.plan.databases.items()
            if not isinstance(database, SelfHosted)
        },
        "caches": {
            name: _cache(site, name, cache)
            for name, cache in site.plan.caches.items()
            if not isinstance(cache, SelfHosted)
        },
    }


def _cache(site: Site, name: str, cache: ManagedCache) -> Tree:
    """Return a managed cache: Memorystore is bought by size, the others by machine."""
    found: Tree = {"platform": cache.platform, "eviction": cache.eviction}
    if isinstance(cache, Memorystore):
        return found | {"size_gib": memorystore_gib(site, name, cache)}
    return found | {"machine": machine_of(site, name, cache.machine)}


def _least(nodes: object) -> int:
    return 0 if nodes is None else int(number(nodes))  # type: ignore[arg-type]


def _service(service: Service) -> Tree:
    return {
        "platform": service.spec.platform,
        "region": service.region,
        "min_instances": service.lo,
        "max_instances": service.hi,
        "instances_at_peak": service.peak,
        "peak_rps": round(service.peak_rps, 6),
    }


def _values(site: Site) -> Tree:
    """Return values in the shape that most charts have: by service, and by store where it is."""
    services = {name: _chart_values(site, service) for name, service in site.pods.items()}
    stores = {**site.plan.databases, **site.plan.caches}
    found = {name: _store_values(site, name, store) for name, store in stores.items()}
    return {"services": services, "stores": found}


def _store_values(site: Site, name: str, store: object) -> Tree:
    """Return a store of one's own with its size, or the place of the host of a managed one, yours to set."""
    if not isinstance(store, SelfHosted):
        return {"enabled": False, "host": f"{name}.invalid"}
    storage = max(number(store.storage), site.storage_gib(name))
    persistence: Tree = {"enabled": storage > 0} | ({"size": memory(storage)} if storage else {})
    return {
        "enabled": True,
        "host": f"{name}-leader" if _is_redis_cluster(store) else name,
        "replicaCount": int(number(store.replicas)),
        "persistence": persistence,
        "resources": {"requests": store_amounts(store), "limits": store_amounts(store)},
    }


def _is_redis_cluster(store: SelfHosted) -> bool:
    """Say whether an operator makes the pods, and the Service of their leaders."""
    return isinstance(store, SelfHostedCache) and number(store.shards) > 1


def _scaling_values(site: Site, service: Service) -> Tree:
    """Return what scales a service: the HPA of most charts, or KEDA in the fields of its ScaledObject."""
    bounds = {"minReplicas": service.lo, "maxReplicas": service.hi}
    if service.workload.autoscaler.kind == "keda" and not service.fixed:
        scaled = scaled_object_of(site, service)
        keda: Tree = {"enabled": True, "minReplicaCount": scaled.lo, "maxReplicaCount": scaled.hi}
        keda |= {"triggers": scaled.triggers} | ({"behavior": scaled.behavior} if scaled.behavior else {})
        return {"autoscaling": {"enabled": False, **bounds}, "keda": keda}
    targets = {
        metric["resource"]["name"]: metric["resource"]["target"]["averageUtilization"]
        for metric in hpa_metrics(site, service)
        if metric["type"] == "Resource"
    }
    autoscaling: Tree = {"enabled": not service.fixed, **bounds}
    for resource, percent in targets.items():
        autoscaling[f"target{resource.upper() if resource == 'cpu' else 'Memory'}UtilizationPercentage"] = (
            percent
        )
    return {"autoscaling": autoscaling}


def _chart_values(site: Site, service: Service) -> Tree:
    requests, limits = resources_of(site, service)
    found: Tree = {
        "image": image_of(site, service),
        "replicaCount": service.start,
        "resources": {"requests": requests, "limits": limits},
        **_scaling_values(site, service),
    }
    environment = environment_of(site, service)
    return found | {"env": environment} if environment else found

"""Clusters and their node pools, for the scripts that make them; GKE without pools, EKS' own autoscaler."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number, whole
from capplan.manifests.kubernetes.pods import gpus_of, node_selector_of, pool_of
from capplan.manifests.site import NodePool, Site
from capplan.plan.services import desired_of
from capplan.plan.stores import SelfHosted

_ZONES_OF_A_REGION = 3


def cluster_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the other way to run GKE, Autopilot, and the values of EKS' cluster autoscaler."""
    autopilot = [_autopilot(site, each) for each in clusters_of(site, "gke") if not each["autopilot"]]
    if autopilot:
        context: Tree = {"clusters": autopilot, "namespace": site.namespace, "gcp": site.manifests.gcp}
        yield Artefact("commands/gke-autopilot.sh", "gcp/autopilot.sh.j2", context, "gcp")
    for cluster in clusters_of(site, "eks"):
        if any(pool["max"] is not None and pool["max"] > pool["min"] for pool in cluster["pools"]):
            path = f"helm/cluster-autoscaler-{cluster['name']}.values.yaml"
            context = {"cluster": cluster["name"], "region": cluster["region"]}
            yield Artefact(path, "helm/cluster-autoscaler.yaml.j2", context, "helm")


def _autopilot(site: Site, cluster: Tree) -> Tree:
    """Return a cluster without pools: pods that select one must say by other labels what node they need."""
    patches = []
    for service in site.pods.values():
        pool, said = pool_of(site, service), node_selector_of(site, service)
        if pool.cluster != cluster["name"] or not pool.selector.items() <= said.items():
            continue
        selector = {key: value for key, value in said.items() if key not in pool.selector}
        accelerator = accelerator_of(pool) if gpus_of(service) else None
        if accelerator is not None:
            selector["cloud.google.com/gke-accelerator"] = accelerator[0]
        change = {"op": "replace", "path": "/spec/template/spec/nodeSelector", "value": selector}
        patches.append({"name": service.name, "patch": json.dumps([change])})
    own = {key: cluster[key] for key in ("name", "region", "private", "key")}
    return {**own, "patches": patches}


def clusters_of(site: Site, platform: str) -> list[Tree]:
    """Return the clusters of a platform with their node pools, as the scripts need them."""
    found = []
    stores = (*site.plan.databases.values(), *site.plan.caches.values())
    own = [store for store in stores if isinstance(store, SelfHosted)]
    for name, cluster in site.clusters.items():
        if cluster.platform != platform:
            continue
        region = site.region_of(name)
        zonal = bool(getattr(cluster, "zonal", False))
        pools = [_pool(pool, zonal) for (owner, _), pool in site.pools.items() if owner == name]
        # The system's own pods do not run on GPU nodes, which are tainted.
        plain = cluster.autopilot or any(pool["gpu"] is None for pool in pools)
        cluster_body = {"name": name, "region": region, "zonal": zonal, "pools": pools}
        cluster_body["autopilot"] = cluster.autopilot
        cluster_body["claims"] = any(site.pool_of(store.cluster, store.pool).cluster == name for store in own)
        cluster_body["tier"] = getattr(cluster, "tier", None)
        cluster_body |= {"private": cluster.private_nodes, "key": site.manifests.gcp.key_in(region)}
        found.append(cluster_body | {"keeps_default_pool": not plain})
    return found


def _pool(pool: NodePool, zonal: bool) -> Tree:
    """Return a pool's figures in all, and each zone's share, which is what gcloud's --num-nodes counts."""
    spec = pool.spec
    usual = 1 if zonal else _ZONES_OF_A_REGION
    zones = int(number(spec.zones)) if spec.nodes_per_zone else usual
    each = int(number(spec.zones)) if spec.nodes_per_zone else 1
    low = 0 if spec.nodes.min is None else whole(spec.nodes.min) * each
    start = max(low, whole(desired_of(spec.nodes)) * each)
    disk = pool.disk
    return {
        "name": pool.own_name,
        "machine": spec.machine,
        "min": low,
        "max": pool.max_nodes,
        "start": start,
        "per_zone": math.ceil(start / zones),
        "spot": number(spec.purchase.spot) >= 1,
        "gpu": _accelerator(pool),
        "disk_gb": None if disk is None else whole(disk.size),
        "disk_type": None if disk is None else disk_kind(disk.type),
        "max_pods": pool.pods if spec.max_pods is not None else None,
    }


_MANAGED_DISKS = {"P": "Premium", "E": "StandardSSD", "S": "Standard"}


def disk_kind(sku: str) -> str:
    """Return a disk's type as commands name it: of Azure's disks, of which each size is a SKU, their kind."""
    size, *replication = sku.split("-")
    kind = _MANAGED_DISKS.get(size[:1]) if size[1:].isdigit() else None
    return sku if kind is None else f"{kind}_{replication[0]}"


_BUILT_IN_GPUS = {
    "g2-": "nvidia-l4",
    "a2-highgpu": "nvidia-tesla-a100",
    "a2-megagpu": "nvidia-tesla-a100",
    "a2-ultragpu": "nvidia-a100-80gb",
    "a3-highgpu": "nvidia-h100-80gb",
    "a3-megagpu": "nvidia-h100-mega-80gb",
    "a3-ultragpu": "nvidia-h200-141gb",
}
"""GKE's names of the GPUs of machine types that include them."""


def accelerator_of(pool: NodePool) -> tuple[str, int] | None:
    """Return GKE's name of a pool's GPUs and their number in each node."""
    added, machine = pool.spec.gpu, pool.spec.machine
    if added is not None:
        return added.type, int(number(added.count))
    built_in = next((gpu for start, gpu in _BUILT_IN_GPUS.items() if machine.startswith(start)), None)
    return None if built_in is None or not pool.gpus else (built_in, pool.gpus)


def _accelerator(pool: NodePool) -> str | None:
    """Return the GPUs of a pool as gcloud names them, so that GKE installs their driver."""
    found = accelerator_of(pool)
    return None if found is None else f"type={found[0]},count={found[1]},gpu-driver-version=default"

"""Karpenter: node pools of EKS as objects, for those who run it instead of managed node groups."""

from __future__ import annotations

import math
from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.pods import MANAGED_BY, spot_labels_of
from capplan.manifests.quantity import memory
from capplan.manifests.site import NodePool, Site


def karpenter_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield a NodePool for every pool of an EKS cluster, and the node class that says how its nodes start."""
    for (cluster, name), pool in site.pools.items():
        if pool.platform != "eks":
            continue
        objects = {"nodepool": _node_pool(site, pool), "ec2nodeclass": _node_class(site, pool)}
        for kind, context in objects.items():
            path = f"karpenter/{cluster}/{kind}-{name}.yaml"
            yield Artefact(path, f"kubernetes/{kind}.yaml.j2", context, "karpenter")


def _labels(site: Site) -> Tree:
    return {"app.kubernetes.io/part-of": site.name} | MANAGED_BY


def capacity_types(pool: NodePool) -> list[str]:
    """Return how the nodes of a pool may be bought."""
    spot = number(pool.spec.purchase.spot)
    return ["spot"] if spot >= 1 else ["spot", "on-demand"] if spot > 0 else ["on-demand"]


def _node_pool(site: Site, pool: NodePool) -> Tree:
    requirements = [
        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": [pool.spec.machine]},
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": capacity_types(pool)},
        {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
    ]
    # Karpenter limits resources, not nodes; the machine has somewhat more cores than it leaves to pods.
    limits: Tree = {} if pool.max_nodes is None else {"cpu": str(pool.max_nodes * math.ceil(pool.cpu))}
    return {
        "name": pool.name,
        "labels": _labels(site),
        "node_labels": pool.selector | spot_labels_of(pool),
        "requirements": requirements,
        "limits": limits,
        "taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}] if pool.gpus else [],
    }


def _node_class(site: Site, pool: NodePool) -> Tree:
    """Return where nodes start: in the account's subnets and groups, or in those tagged for the cluster."""
    account, disk = site.manifests.aws, pool.disk
    here = site.aws_in(site.region_of(pool.cluster))
    tagged = [{"tags": {"karpenter.sh/discovery": pool.cluster}}]
    return {
        "name": pool.name,
        "labels": _labels(site),
        "role": account.node_role or f"KarpenterNodeRole-{pool.cluster}",
        "subnets": [{"id": subnet} for subnet in here.subnets] or tagged,
        "security_groups": [{"id": group} for group in here.security_groups] or tagged,
        "disk": None if disk is None else {"type": disk.type, "size": memory(number(disk.size))},
        "tags": {"capplan/plan": site.name, "capplan/pool": pool.name},
    }

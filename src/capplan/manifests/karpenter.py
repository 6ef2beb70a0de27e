"""Karpenter: node pools of EKS as objects, for those who run it instead of managed node groups."""

from __future__ import annotations

import math
from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.pods import MANAGED_BY
from capplan.manifests.site import NodePool, Site, number


def karpenter_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield a NodePool for every pool of an EKS cluster; the node class `default` is the account's."""
    for (cluster, name), pool in site.pools.items():
        if pool.platform == "eks":
            context = _context(site, pool)
            path = f"karpenter/{cluster}/nodepool-{name}.yaml"
            yield Artefact(path, "kubernetes/nodepool.yaml.j2", context, "karpenter")


def _context(site: Site, pool: NodePool) -> Tree:
    spot = number(pool.spec.purchase.spot)
    capacity = ["spot"] if spot >= 1 else ["spot", "on-demand"] if spot > 0 else ["on-demand"]
    requirements = [
        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": [pool.spec.machine]},
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": capacity},
        {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
    ]
    # Karpenter limits resources, not nodes; the machine has somewhat more cores than it leaves to pods.
    limits: Tree = {} if pool.max_nodes is None else {"cpu": str(pool.max_nodes * math.ceil(pool.cpu))}
    return {
        "name": pool.name,
        "labels": {"app.kubernetes.io/part-of": site.name} | MANAGED_BY,
        "node_labels": pool.selector,
        "requirements": requirements,
        "limits": limits,
        "taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}] if pool.gpus else [],
    }

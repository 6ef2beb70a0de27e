"""Managed Kubernetes: of each platform what objects and nodes must be told there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from capplan.manifests.artefact import Tree


class DiskDriver(NamedTuple):
    """What makes volumes: its name, the parameter that holds a disk's kind, and those that never differ."""

    provisioner: str
    kind: str
    always: Tree


class ManagedNodes(NamedTuple):
    """What a provider's Kubernetes puts on nodes, and wants to be told.

    pool_label: label of nodes by their pool. spot: label of spot nodes. spot_taint: what the provider puts on
    them. internal: annotations of a load balancer of the private network. short_names: whether a pool's name
    has at most twelve letters and digits. disks: what makes volumes of pods. balancer: annotations of a load
    balancer of the internet that keeps clients' addresses. brings_gpus: whether nodes offer GPUs without a
    plugin.
    """

    pool_label: str
    spot: tuple[str, str]
    spot_taint: Tree | None
    internal: Tree
    disks: DiskDriver
    balancer: Tree = {}
    short_names: bool = False
    brings_gpus: bool = False


def _taint(label: tuple[str, str]) -> Tree:
    return {"key": label[0], "operator": "Equal", "value": label[1], "effect": "NoSchedule"}


_GKE_SPOT = ("cloud.google.com/gke-spot", "true")
_AKS_SPOT = ("kubernetes.azure.com/scalesetpriority", "spot")

MANAGED: Mapping[str, ManagedNodes] = {
    "gke": ManagedNodes(
        pool_label="cloud.google.com/gke-nodepool",
        spot=_GKE_SPOT,
        spot_taint=_taint(_GKE_SPOT),
        internal={"networking.gke.io/load-balancer-type": "Internal"},
        disks=DiskDriver("pd.csi.storage.gke.io", "type", {}),
        brings_gpus=True,
    ),
    "eks": ManagedNodes(
        pool_label="eks.amazonaws.com/nodegroup",
        spot=("eks.amazonaws.com/capacityType", "SPOT"),
        spot_taint=None,
        internal={
            "service.beta.kubernetes.io/aws-load-balancer-type": "external",
            "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "ip",
            "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
        },
        disks=DiskDriver("ebs.csi.aws.com", "type", {"encrypted": "true"}),
        balancer={"service.beta.kubernetes.io/aws-load-balancer-type": "nlb"},
    ),
    "aks": ManagedNodes(
        pool_label="kubernetes.azure.com/agentpool",
        spot=_AKS_SPOT,
        spot_taint=_taint(_AKS_SPOT),
        internal={"service.beta.kubernetes.io/azure-load-balancer-internal": "true"},
        disks=DiskDriver("disk.csi.azure.com", "skuName", {}),
        short_names=True,
    ),
}
"""By the name that a plan gives them."""

"""Kubernetes clusters: who runs the control plane, and on what nodes."""

from typing import Literal

from pydantic import Field

from capplan.plan.fields import DEFAULTS, Cores, Count, Memory, Name, Section, Share, Whole, Words
from capplan.plan.services import Disk, GpuAddOn, MachineType, Purchase, Range


class DaemonSets(Section):
    """What runs on every node before the first pod of the plan."""

    cpu: Cores = Field(description="Sum of the CPU requests.")
    memory: Memory = Field(description="Sum of the memory requests.")
    pods: Whole = Field(description="Pods on each node.")


class Pool(Section):
    """Nodes of one machine type."""

    machine: MachineType = Field(
        description="Machine type of the nodes; auto, or a list of families, lets capplan choose."
    )
    nodes: Range = Field(description="Range within which the node autoscaler works.")
    nodes_per_zone: bool = Field(
        False, description="`nodes` counts in each zone, as gcloud's --num-nodes does."
    )
    zones: Count = Field(1.0, description="Zones of the pool.")
    gpu: GpuAddOn | None = None
    max_pods: Count | None = Field(None, description="Most pods on a node; by default, the platform's limit.")
    daemonsets: DaemonSets | None = Field(
        None, description="DaemonSets on every node; by default, the platform's own."
    )
    disk: Disk | None = Field(None, description="Boot disk of a node; by default, the platform's.")
    purchase: Purchase = DEFAULTS


class ClusterBase(Section):
    """Fields of every cluster."""

    description: Words = ""
    region: str | None = Field(None, description="Region; the plan's for this provider by default.")
    pools: dict[Name, Pool] = Field(
        description="Node pools by name; pods run in the first unless they name another."
    )
    private_nodes: bool = Field(
        False,
        description="Whether nodes have no public address and reach the internet through NAT; those of AKS "
        "never have one.",
    )

    @property
    def autopilot(self) -> bool:
        """Whether the provider manages the nodes, and bills pods."""
        return False


class Gke(ClusterBase):
    """Google Kubernetes Engine."""

    platform: Literal["gke"]
    mode: Literal["standard", "autopilot"] = Field(
        "standard", description="Autopilot manages the nodes itself, and bills what pods request."
    )
    spot: Share = Field(0.0, description="Share of the pods that run as Spot Pods on Autopilot.")
    pools: dict[Name, Pool] = Field(
        {}, description="Node pools by name; pods run in the first unless they name another."
    )
    zonal: bool = Field(
        False,
        description="Whether the cluster is zonal; one zonal cluster of each account is free of the "
        "management fee.",
    )

    @property
    def autopilot(self) -> bool:
        """Whether the provider manages the nodes, and bills pods."""
        return self.mode == "autopilot"


class Eks(ClusterBase):
    """Amazon Elastic Kubernetes Service."""

    platform: Literal["eks"]
    support: Literal["standard", "extended"] = Field(
        "standard",
        description="Support of the Kubernetes version; extended support of an old one costs more.",
    )


class Aks(ClusterBase):
    """Azure Kubernetes Service."""

    platform: Literal["aks"]
    tier: Literal["free", "standard"] = Field(
        "free", description="Tier of the control plane; standard adds a paid uptime SLA."
    )


Cluster = Gke | Eks | Aks

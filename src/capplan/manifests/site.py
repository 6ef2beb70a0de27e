"""An estimate as the plain figures that artefacts are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from capplan.arrays import hourly_mean
from capplan.capacity.control import Control
from capplan.components.autopilot import MOST_VCPU
from capplan.components.base import Component
from capplan.components.machines import boot_disk
from capplan.components.services.controls import target_of
from capplan.errors import InputError, Problem
from capplan.manifests.figures import bounds_of, number, whole
from capplan.manifests.managed import MANAGED, ManagedNodes
from capplan.plan.manifests import NOWHERE, AwsAccount, AwsRegion, Manifests
from capplan.plan.placement import AwsPlacement
from capplan.plan.services import Disk, Kubernetes
from capplan.plan.services import Service as Spec
from capplan.plan.sites import site_of
from capplan.plan.workload import Workload

if TYPE_CHECKING:
    from capplan.estimate import Estimate
    from capplan.plan.clusters import Cluster, Pool
    from capplan.plan.model import Plan


class Service(NamedTuple):
    """One service: what it is, and how many of it.

    lo, hi: the autoscaler's bounds. start: what runs before the autoscaler acts.
    capacity_rps: load that one instance carries; None where nothing limits it.
    control: what its autoscaler is told; None where the plan does not decide it.
    """

    name: str
    spec: Spec
    workload: Workload
    provider: str
    region: str
    average_rps: float
    peak_rps: float
    lo: int
    hi: int
    start: int
    peak: int
    capacity_rps: float | None
    usd_per_month: float
    control: Control | None

    def target(self, name: str) -> float:
        """Return the share of cpu, memory or concurrency that the autoscaler aims at."""
        return target_of(self.spec, self.control, name)

    @property
    def fixed(self) -> bool:
        """Whether there is nothing to scale."""
        return self.lo == self.hi


class NodePool(NamedTuple):
    """What the nodes of a pool leave to pods, how many there may be, and their boot disk."""

    cluster: str
    name: str
    platform: str
    spec: Pool
    cpu: float
    memory_gib: float
    pods: int
    gpus: int
    max_nodes: int | None
    disk: Disk | None

    @property
    def managed(self) -> ManagedNodes:
        """What its platform puts on nodes, and wants to be told."""
        return MANAGED[self.platform]

    @property
    def selector(self) -> dict[str, str]:
        """Labels that the provider puts on the nodes of this pool."""
        return {self.managed.pool_label: self.own_name}

    @property
    def own_name(self) -> str:
        """Name at the provider; AKS allows twelve letters and digits."""
        return self.name.replace("-", "")[:12] if self.managed.short_names else self.name


def _managed_nodes(cluster: str, platform: str) -> NodePool:
    """Return what stands for nodes that the provider manages: whatever a pod asks for."""
    from capplan.plan.clusters import Pool

    return NodePool(
        cluster=cluster,
        name="",
        platform=platform,
        spec=Pool.model_validate({"machine": "managed", "nodes": {}}),
        cpu=MOST_VCPU,
        memory_gib=math.inf,
        pods=_MANAGED_PODS,
        gpus=0,
        max_nodes=None,
        disk=None,
    )


_MANAGED_PODS = 32
"""Pods on a node of Autopilot's general-purpose class
(cloud.google.com/kubernetes-engine/docs/concepts/autopilot-resource-requests, read from memory)."""

_LEAST_GIB = {"cloud-sql": 10, "rds": 20, "azure-postgresql": 32}
"""Storage of a database that a provider sells at least."""


class Site:
    """Everything that artefacts are rendered from."""

    def __init__(self, estimate: Estimate) -> None:
        self.estimate = estimate
        self.plan: Plan = estimate.plan
        self.name = estimate.plan.name
        self.manifests: Manifests = estimate.plan.manifests or Manifests.model_validate({})
        self.namespace = self.manifests.namespace or self.name

    @cached_property
    def components(self) -> Mapping[str, Component]:
        """The components of the estimate, by name; models of one's own as the pods that serve them."""
        found = {component.name: component for component in self.estimate.components}
        if self.plan.llm:
            from capplan.manifests.llm import as_pods

            found |= as_pods(self.plan, found)
        return found

    @cached_property
    def specs(self) -> Mapping[str, Spec]:
        """The services of the plan by name, and the models that it serves itself."""
        if not self.plan.llm:
            return self.plan.services
        from capplan.manifests.llm import as_services

        return {**self.plan.services, **as_services(self.plan, self.components)}

    @cached_property
    def clusters(self) -> Mapping[str, Cluster]:
        """The clusters of the plan by name, with the node pools of models."""
        if not self.plan.llm:
            return self.plan.clusters
        from capplan.manifests.llm import with_pools

        return with_pools(self.plan, self.components)

    @cached_property
    def services(self) -> Mapping[str, Service]:
        """The services of the plan and its models, by name, but those that only llm-d joins."""
        return {name: s for name, s in self._every_service.items() if name not in self.apart}

    @cached_property
    def apart(self) -> Mapping[str, Service]:
        """The pools of models that read prompts and make tokens on separate replicas, by name."""
        models = [name for name, llm in self.plan.llm.items() if llm.disaggregated is not None]
        if not models:
            return {}
        from capplan.manifests.llm import prefill_name

        names = [each for name in models for each in (name, prefill_name(name)) if each in self.specs]
        return {name: self._every_service[name] for name in names}

    @cached_property
    def _every_service(self) -> Mapping[str, Service]:
        return {name: self._service(name, spec) for name, spec in self.specs.items()}

    @cached_property
    def pods(self) -> Mapping[str, Service]:
        """The services that run on Kubernetes."""
        return {n: service for n, service in self.services.items() if isinstance(service.spec, Kubernetes)}

    @property
    def all_pods(self) -> Sequence[Service]:
        """The services that run on Kubernetes, and those that only llm-d joins."""
        return [*self.pods.values(), *self.apart.values()]

    @cached_property
    def pools(self) -> Mapping[tuple[str, str], NodePool]:
        """The node pools by cluster and name."""
        clusters = self.clusters.items()
        return {(c, p): self._pool(c, cluster, p) for c, cluster in clusters for p in cluster.pools}

    @property
    def usd_per_day(self) -> float:
        """Expected cost of a day."""
        return number(self.estimate.total.expected) / number(self.estimate.hours_per_month) * 24.0

    def pool_of(self, cluster: str | None, pool: str | None) -> NodePool:
        """Return the pool that pods go to, by what the plan says of them."""
        cluster = cluster or next(iter(self.clusters))
        if self.clusters[cluster].autopilot:
            return _managed_nodes(cluster, self.clusters[cluster].platform)
        return self.pools[cluster, pool or next(iter(self.clusters[cluster].pools))]

    def region_of(self, cluster: str) -> str:
        """Return the region of a cluster; that of a model's own is the model's."""
        own = self.components.get(cluster)
        return own.region if own is not None else str(self.clusters[cluster].region)

    def storage_gib(self, database: str) -> int:
        """Return the storage of a database as the estimate counts it: with its growth and time series."""
        component = self.components[database]
        counted = [whole(measure.needs) for measure in component.measures if measure.name == "storage"]
        return max([_LEAST_GIB.get(component.platform, 0), *counted])

    def aws_in(self, region: str) -> AwsAccount | AwsRegion:
        """Return what the plan names in a region of AWS: the account's own, or that of another site."""
        account = self.manifests.aws
        home = self.plan.regions.get("aws", region)
        return account if region == home else account.regions.get(region, NOWHERE)

    def _placed(self, name: str, spec: Spec, region: str) -> Workload:
        """Return the container of a service, with what AWS calls its surroundings in its region."""
        workload, here = spec.workload or Workload.model_validate({}), self.aws_in(region)
        if isinstance(here, AwsAccount) or workload.aws == AwsPlacement.model_validate({}):
            return workload
        own = name.removesuffix(f"-{site_of(name, self.plan.sites)}")
        if own not in here.services:
            what = f"is missing, and what workload.aws of {own} names is in {self.plan.regions['aws']}"
            path = f"manifests.aws.regions.{region}.services.{own}"
            raise InputError(Problem(path, what, f"Say what {name} has there instead."))
        return workload.model_copy(update={"aws": here.services[own]})

    def callers(self, name: str) -> list[str]:
        """Return the services that call a component."""
        return self._callers.get(name, [])

    @cached_property
    def _callers(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for caller, service in self.specs.items():
            for callee in service.calls:
                found.setdefault(callee, []).append(caller)
        return found

    @cached_property
    def entries(self) -> Sequence[str]:
        """The services, and models that are served, at which requests enter."""
        return [name for name in self.plan.entries if name in self.specs]

    def _service(self, name: str, spec: Spec) -> Service:
        component = self.components[name]
        sizing = component.sizing
        assert sizing is not None
        rps = component.rps
        lo, hi = bounds_of(sizing)
        lo = lo if component.control is None else component.control.low
        capacity = number(sizing.capacity_rps)
        return Service(
            name=name,
            spec=spec,
            workload=self._placed(name, spec, component.region),
            provider=component.provider,
            region=component.region,
            average_rps=0.0 if rps is None else number(hourly_mean(rps)),
            peak_rps=number(component.peak_rps if component.peak_rps is not None else 0.0),
            lo=lo,
            hi=hi,
            start=max(lo, whole(sizing.bounds.desired)),
            peak=whole(sizing.peak),
            capacity_rps=capacity if math.isfinite(capacity) else None,
            usd_per_month=number(self.estimate.cost_of(component.name).expected),
            control=component.control,
        )

    def _pool(self, cluster_name: str, cluster: Cluster, name: str) -> NodePool:
        pool = cluster.pools[name]
        own = self.components.get(f"{cluster_name}/{name}")
        node = own.node if own is not None else self.components[name].node
        assert node is not None
        most = pool.nodes.max
        each = number(pool.zones) if pool.nodes_per_zone else 1.0
        return NodePool(
            cluster=cluster_name,
            name=name,
            platform=cluster.platform,
            spec=pool,
            cpu=number(node.cpu),
            memory_gib=number(node.memory_gib),
            pods=int(number(node.pods)),
            gpus=int(number(node.gpus)),
            max_nodes=None if most is None else whole(number(most) * each),
            disk=boot_disk(self.estimate.context.catalog, cluster.platform, pool.disk),
        )

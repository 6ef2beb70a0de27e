"""Which network of AWS managed stores are put into, so that what calls them is in the same one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from capplan.manifests.kubernetes.network import store_port
from capplan.manifests.site import Site
from capplan.plan.caches import ElastiCache
from capplan.plan.databases import Aurora, Rds
from capplan.plan.services import VmGroup

ZONES = "ab"
"""Zones of a region that machines run in where the plan names no subnets."""


class AwsNetwork(NamedTuple):
    """A VPC: that of the subnets that the plan names, or that which eksctl makes for a cluster.

    name: of the groups of subnets, and of variables in the script. ports: those that stores listen on.
    """

    region: str
    cluster: str | None
    subnets: Sequence[str]
    group: str
    ports: Sequence[int]
    databases: bool
    caches: bool
    machines: bool

    @property
    def variable(self) -> str:
        """End of the names of its variables in the script."""
        return self.region.replace("-", "_")


def aws_networks(site: Site) -> Mapping[str, AwsNetwork]:
    """Return by region where managed stores and machines go: to the default VPC where there is no other."""
    stores = {**site.plan.databases, **site.plan.caches}
    managed = {name: store for name, store in stores.items() if isinstance(store, Rds | Aurora | ElastiCache)}
    clusters: dict[str, str] = {}
    for name, cluster in site.clusters.items():
        if cluster.platform == "eks":
            clusters.setdefault(site.region_of(name), name)
    groups = {
        service.region
        for service in site.services.values()
        if isinstance(service.spec, VmGroup) and service.provider == "aws"
    }
    found: dict[str, AwsNetwork] = {}
    at = {name: {site.components[name].region, _standby_region(store)} for name, store in managed.items()}
    for region in sorted({here for both in at.values() for here in both if here} | groups):
        here = {name: store for name, store in managed.items() if region in at[name]}
        subnets = own_subnets(site, region)
        if not subnets and region not in clusters:
            continue
        found[region] = AwsNetwork(
            region=region,
            cluster=None if subnets else clusters[region],
            subnets=subnets,
            group=site.name,
            ports=sorted({store_port(site, name) or 0 for name in here}),
            databases=any(isinstance(store, Rds | Aurora) for store in here.values()),
            caches=any(isinstance(store, ElastiCache) for store in here.values()),
            # The plan's subnets stand in the bodies of machines already.
            machines=region in groups and not subnets,
        )
    return found


def _standby_region(store: object) -> str | None:
    return store.recovery.standby_region if isinstance(store, Rds | Aurora) else None


def own_subnets(site: Site, region: str) -> Sequence[str]:
    """Return the subnets that the plan names in a region of AWS."""
    return site.aws_in(region).subnets if "aws" in site.plan.regions else []

"""Kubernetes clusters: the control plane's fee, and node pools packed with the plan's pods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from capplan.arrays import Array, Floats, hourly_max, per_scenario
from capplan.capacity.nodes import Allocatable, Packing, shares
from capplan.capacity.sizing import Bounds, Sizing, least
from capplan.catalog.rows import Sku
from capplan.components import checks
from capplan.components.base import Component, Context, Path, Pods
from capplan.components.idle import idle_findings
from capplan.components.machines import Machines, gpus_of, pool_meters
from capplan.components.managed import MANAGED
from capplan.cost.machines import Fleet
from capplan.cost.meters import Meter, Range
from capplan.findings import Finding
from capplan.plan.clusters import Cluster, Pool
from capplan.plan.services import CLUSTER_PROVIDERS, Provider, desired_of

_FITS = 1 + 1e-9
"""The most of a node that a pod may take: three thirds fit, whatever the floats say."""


def build_clusters(ctx: Context, components: Sequence[Component]) -> Iterator[Component]:
    """Yield the clusters of the plan and their node pools, sized for the pods of ``components``."""
    for name, cluster in ctx.plan.clusters.items():
        tenants = [c for c in components if c.pods is not None and c.pods.cluster == name]
        if ctx.says_the_same(("clusters", name)) and ctx.are_taken_over(tenants):
            yield from ctx.taken_over_below(("clusters", name))
        else:
            yield from _cluster(ctx, name, cluster, tenants)


def _cluster(
    ctx: Context, name: str, cluster: Cluster, components: Sequence[Component]
) -> Iterator[Component]:
    """Yield the cluster itself, and each of its node pools sized for the pods of ``components``."""
    path: Path = ("clusters", name)
    provider = CLUSTER_PROVIDERS[cluster.platform]
    region = ctx.region(provider, cluster.region, path)
    yield Component(
        name=name,
        kind="cluster",
        platform=cluster.platform,
        provider=provider,
        region=region,
        path=path,
        meters=list(_fee(ctx, name, cluster, provider, region)),
    )
    for pool_name, pool in cluster.pools.items():
        where = (*path, "pools", pool_name)
        pods = dict(_pods_on(name, cluster, pool_name, components))
        yield _pool(ctx, f"{name}/{pool_name}", pool, cluster.platform, provider, region, where, pods)


def _fee(ctx: Context, name: str, cluster: Cluster, provider: Provider, region: str) -> Iterator[Meter]:
    sku = MANAGED[cluster.platform].fee(cluster)
    if sku is None:
        return
    yield Meter(
        component=name,
        provider=provider,
        service=cluster.platform,
        sku=sku,
        region=region,
        unit="cluster-hour",
        quantity=Range.fixed(ctx.hours_per_month),
        formula="hours",
    )


PodsBySource = dict[str, tuple[Pods, Sizing]]


def _pods_on(
    cluster_name: str, cluster: Cluster, pool_name: str, components: Sequence[Component]
) -> Iterator[tuple[str, tuple[Pods, Sizing]]]:
    first = next(iter(cluster.pools))
    for component in components:
        pods, sizing = component.pods, component.sizing
        if pods is None or sizing is None or pods.cluster != cluster_name:
            continue
        if (pods.pool or first) == pool_name:
            yield component.name, (pods, sizing)


def _pool(
    ctx: Context,
    name: str,
    pool: Pool,
    platform: str,
    provider: Provider,
    region: str,
    path: Path,
    pods: PodsBySource,
) -> Component:
    machine = ctx.machine(provider, pool.machine, (*path, "machine"))
    node = _node(ctx, platform, machine, pool)
    fitting, findings = _fitting(name, machine, node, pods)
    sizing = _sized(pool, node, fitting)
    fleet = Fleet(sizing.running, sizing.floor, sizing.ceiling)
    machines = Machines(
        component=name,
        provider=provider,
        region=region,
        sku=machine,
        fleet=fleet,
        purchase=pool.purchase,
        path=path,
    )
    return Component(
        name=name,
        kind="node-pool",
        platform=platform,
        provider=provider,
        region=region,
        path=path,
        sizing=sizing,
        meters=pool_meters(ctx, machines, platform, pool),
        findings=[*findings, *_too_small(name, sizing), *idle_findings(name, sizing, "nodes")],
        node=node,
    )


def _node(ctx: Context, platform: str, machine: Sku, pool: Pool) -> Allocatable:
    """Return what a node of the pool leaves to the plan's pods."""
    fact = partial(ctx.catalog.number, "kubernetes", platform)
    managed = MANAGED[platform]
    max_pods = pool.max_pods
    if max_pods is None:
        max_pods = (machine.max_pods if managed.pods_by_machine else None) or fact("max_pods")
    node = managed.allocatable(machine, max_pods)
    own = pool.daemonsets
    if own is not None:
        left = node.less(own.cpu, own.memory, own.pods)
    else:
        left = node.less(*(fact("daemonsets", kind) for kind in ("cpu", "memory_gib", "pods")))
    return Allocatable(left.cpu, left.memory_gib, left.pods, gpus_of(machine, pool.gpu))


def _fitting(
    pool: str, machine: Sku, node: Allocatable, pods: PodsBySource
) -> tuple[PodsBySource, list[Finding]]:
    """Return the pods where they fit an empty node, none where they do not, and a finding for those."""
    fitting, findings = {}, []
    for name, (pod, sizing) in pods.items():
        asked = shares(pod.group(sizing.required), node)
        if any(_most(share) > _FITS for share in asked.values()):
            too_large = {resource: np.asarray(share) > _FITS for resource, share in asked.items()}
            short = [resource for resource, large in too_large.items() if large.any()]
            findings.append(_unschedulable(name, pod, pool, machine, node, short))
            fits = np.ones((1, 1))
            for large in too_large.values():
                fits = fits * per_scenario(np.where(large, 0.0, 1.0))
            pod, sizing = _where(pod, sizing, fits)
        fitting[name] = (pod, sizing)
    return fitting, findings


def _where(pod: Pods, sizing: Sizing, fits: Array) -> tuple[Pods, Sizing]:
    """Return pods and counts that are zero in the scenarios in which the pods fit no node."""
    sizes = ("cpu", "memory_gib", "gpu", "overhead_cpu", "overhead_gib")
    kept = pod._replace(**{name: getattr(pod, name) * fits for name in sizes})
    return kept, sizing._replace(
        running=sizing.running * fits,
        floor=sizing.floor * fits,
        ceiling=None if sizing.ceiling is None else sizing.ceiling * fits,
    )


def _unschedulable(
    name: str, service: Pods, pool: str, machine: Sku, node: Allocatable, too_large: list[str]
) -> Finding:
    cores, gib = service.taken
    asks = {
        "cpu": f"{_most(cores):g} vCPU of {_least(node.cpu):.3g}",
        "memory": f"{_most(gib):g} GiB of {_least(node.memory_gib):.4g}",
        "gpu": f"{_most(service.gpu):g} GPU of {_least(node.gpus):g}",
        "pods": "a pod slot on a node that has none left",
    }
    wanted = ", ".join(asks[resource] for resource in too_large)
    message = f"its pods fit no node of {pool}: they request {wanted} that a {machine.name} has left for them"
    return checks.POD_FITS_NO_NODE.finding(name, message, "Choose a larger machine, or request less.")


def _sized(pool: Pool, node: Allocatable, pods: PodsBySource) -> Sizing:
    """Return the pool's nodes: for the pods of each hour, at their floors, and at their ceilings."""
    each = pool.zones if pool.nodes_per_zone else 1.0
    minimum = (0.0 if pool.nodes.min is None else pool.nodes.min) * each
    maximum = None if pool.nodes.max is None else pool.nodes.max * each
    bounds = Bounds(minimum, maximum, desired=desired_of(pool.nodes) * each)

    packed = Packing.of([pod.group(sizing.running) for pod, sizing in pods.values()], node).nodes

    def nodes(counts: list[Array]) -> Array:
        return np.maximum(packed(counts), minimum)

    wanted = packed([sizing.running for _, sizing in pods.values()])
    required = np.maximum(np.maximum(wanted, minimum), bounds.desired)
    top = None if maximum is None else per_scenario(maximum)
    return Sizing(
        required=required,
        peak=hourly_max(required),
        running=required if top is None else np.minimum(required, top),
        floor=_within(nodes([sizing.floor for _, sizing in pods.values()]), top),
        ceiling=_ceiling(lambda counts: np.maximum(nodes(counts), bounds.desired), pods, top),
        constraints={"pods": hourly_max(wanted), **least(bounds)},
        capacity_rps=np.full((1, 1), np.inf),
        limits=(),
        bounds=bounds,
    )


def _ceiling(nodes: object, pods: PodsBySource, top: Array | None) -> Array | None:
    """Return the most nodes that the pods at their ceilings can make the pool run.

    A pool for which the plan has no pods may be filled by others, up to its own maximum.
    """
    tops = [sizing.ceiling for _, sizing in pods.values()]
    if not tops:
        return top
    known = [ceiling for ceiling in tops if ceiling is not None]
    if len(known) < len(tops):
        return top
    return _within(nodes(known), top)  # type: ignore[operator]


def _within(nodes: Array, top: Array | None) -> Array:
    return nodes if top is None else np.minimum(nodes, top)


def _too_small(name: str, sizing: Sizing) -> Iterator[Finding]:
    if np.any(sizing.required > sizing.running):
        need, top = (
            float(sizing.peak.max()),
            float(np.min(sizing.ceiling)) if sizing.ceiling is not None else 0,
        )
        message = f"the pods of the busiest hour need {need:,.0f} nodes, but the pool stops at {top:,.0f}"
        yield checks.POOL_TOO_SMALL.finding(name, message, f"Raise nodes.max to {need:,.0f}.")


def _most(value: Floats) -> float:
    return value if isinstance(value, float) else float(np.max(value))


def _least(value: Floats) -> float:
    return float(np.min(value))

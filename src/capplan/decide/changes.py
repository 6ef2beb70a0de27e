"""Changes to a plan that might save money: each an overlay, tried by estimating the plan with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from capplan.arrays import Floats
from capplan.catalog.catalog import Catalog
from capplan.catalog.rows import Sku
from capplan.components.base import MACHINES, Component, Path
from capplan.components.machine_choice import ARM, BURSTABLE
from capplan.estimate import Estimate
from capplan.plan.caches import AzureRedis, ElastiCache, Memorystore
from capplan.plan.clusters import Pool
from capplan.plan.services import CloudRun, Fargate, Instances, Kubernetes, Service, VmGroup
from capplan.plan.stores import AUTO, StoreBase
from capplan.quantities import plain

OTHER_MACHINES = 3
"""Cheaper machine types that are tried for each component."""
SPOT_SHARE = 0.7
"""Share on spot that leaves enough on demand to carry a wave of interruptions."""

_RISKS = {
    ARM: "ARM: images must be built for it; measure cpu_time again",
    BURSTABLE: "burstable: it slows down when its CPU credits are used up",
}
"""What the name of a machine type tells, by its pattern."""


class Change(NamedTuple):
    """What to write at which path of the plan, what that is in words, and what it risks."""

    component: str
    kind: str
    path: tuple[str, ...]
    value: object
    text: str
    risk: str


def changes_for(estimate: Estimate, component: Component, catalog: Catalog) -> Iterator[Change]:
    """Yield the changes worth trying for one component."""
    plan = estimate.plan
    if component.kind == "service":
        yield from _for_service(component, plan.services[component.name], catalog)
    elif component.kind == "node-pool":
        yield from _for_pool(estimate, component, catalog)
    elif component.kind in ("database", "cache"):
        yield from _for_store(estimate, component)


def _for_service(component: Component, service: Service, catalog: Catalog) -> Iterator[Change]:
    path = ("services", component.name)
    yield from _lower_minimum(component, service, path)
    yield from PLATFORMS[service.platform](component, service, path, catalog)


def _for_cloud_run(component: Component, service: CloudRun, path: Path, _: Catalog) -> Iterator[Change]:
    other = "instance" if service.billing == "request" else "request"
    text = f"bill by the {other}"
    risk = "none for the service; the bill then follows instances instead of requests, or the reverse"
    yield Change(component.name, "billing", (*path, "billing"), other, text, risk)


def _for_pods(component: Component, service: Kubernetes, path: Path, _: Catalog) -> Iterator[Change]:
    yield from _smaller_request(component, service, path)


def _for_fargate(component: Component, service: Fargate, path: Path, _: Catalog) -> Iterator[Change]:
    name, text, risk = component.name, "run tasks on Graviton", "the image must be built for ARM"
    if service.architecture == "x86":
        yield Change(name, "architecture", (*path, "architecture"), "arm", text, risk)
    if service.interruptible and not np.any(service.spot):
        yield spot(name, (*path, "spot"))


def _for_machines(component: Component, service: VmGroup, path: Path, catalog: Catalog) -> Iterator[Change]:
    if service.interruptible and not np.any(service.purchase.spot):
        yield spot(component.name, (*path, "purchase", "spot"))
    committed = service.purchase.commit_1y + service.purchase.commit_3y
    yield from commitments(component, (*path, "purchase"), committed)
    machine = catalog.find(service.provider, MACHINES[service.provider], service.machine)
    if machine is not None and service.gpu is None and not service.measured:
        yield _right_size(component.name, (*path, "machine"))
        yield from _other_machines(component, machine, (*path, "machine"), catalog)


def _nothing_else(*_: object) -> Iterator[Change]:
    return iter(())


PLATFORMS: Mapping[str, Callable[[Component, Any, Path, Catalog], Iterator[Change]]] = {
    "cloud-run": _for_cloud_run,
    "container-apps": _nothing_else,
    "fargate": _for_fargate,
    "vm-group": _for_machines,
    "kubernetes": _for_pods,
}
"""The changes of a service that only its platform knows."""


def _for_pool(estimate: Estimate, component: Component, catalog: Catalog) -> Iterator[Change]:
    _, cluster, _, pool_name = component.path
    pool: Pool = estimate.plan.clusters[cluster].pools[pool_name]
    path = component.path
    if interruptible(estimate, component) and not np.any(pool.purchase.spot):
        yield spot(component.name, (*path, "purchase", "spot"))
    yield from commitments(component, (*path, "purchase"), pool.purchase.commit_1y + pool.purchase.commit_3y)
    machine = catalog.find(component.provider, MACHINES[component.provider], pool.machine)
    if machine is not None and pool.gpu is None:
        yield _right_size(component.name, (*path, "machine"))
        yield from _other_machines(component, machine, (*path, "machine"), catalog)
    text = "let the autoscaler remove idle nodes: nodes.min 1"
    if pool.nodes.min is not None and np.all(np.asarray(pool.nodes.min) > 1):
        risk = "pods wait for a node when load returns; keep 2 if one node may fail"
        where, value = _lower(pool.nodes, "nodes", 1)
        yield Change(component.name, "idle minimum", (*path, *where), value, text, risk)


def interruptible(estimate: Estimate, component: Component) -> bool:
    """Say whether all that runs on the machines of a component tolerates losing them."""
    if component.kind == "service":
        return estimate.plan.services[component.name].interruptible
    if component.kind != "node-pool":
        return False
    _, cluster, _, pool = component.path
    tenants = [s for s in estimate.plan.services.values() if _runs_on(s, cluster, pool, estimate)]
    return bool(tenants) and all(s.interruptible for s in tenants)


def _runs_on(service: Service, cluster: str, pool: str, estimate: Estimate) -> bool:
    if not isinstance(service, Kubernetes):
        return False
    its_cluster = service.cluster or next(iter(estimate.plan.clusters))
    its_pool = service.pool or next(iter(estimate.plan.clusters[its_cluster].pools))
    return (its_cluster, its_pool) == (cluster, pool)


def _for_store(estimate: Estimate, component: Component) -> Iterator[Change]:
    section = "databases" if component.kind == "database" else "caches"
    store = getattr(estimate.plan, section)[component.name]
    path = (section, component.name)
    if not isinstance(store, StoreBase):
        return
    if not np.any(store.commit_1y) and not np.any(store.commit_3y):
        for rate, years in (("commit_1y", "one year"), ("commit_3y", "three years")):
            risk = f"you pay for {years}, used or not; on most platforms the class is fixed for that time"
            yield Change(component.name, "commitment", (*path, rate), 1.0, f"commit for {years}", risk)
    known = any(measure.name in ("cpu", "memory") for measure in component.measures)
    if isinstance(store, Memorystore):
        if known and store.size is not None:
            risk = "less room for growth than today"
            yield Change(component.name, "size", (*path, "size"), None, "size it to its content", risk)
    elif known and getattr(store, "machine", AUTO) != AUTO:
        what = "node type" if isinstance(store, ElastiCache | AzureRedis) else "class"
        risk = "changing the class restarts it; less room for growth than today"
        yield Change(
            component.name,
            "right-size",
            (*path, "machine"),
            AUTO,
            f"use the cheapest {what} that meets every need",
            risk,
        )


def _lower_minimum(component: Component, service: Service, path: tuple[str, ...]) -> Iterator[Change]:
    """Yield a floor that still leaves two instances, and one, where the load needs no more at any hour."""
    floor = service.instances.min
    if floor is None or not np.all(np.asarray(floor) > 1):
        return
    for low in (2, 1):
        if np.all(np.asarray(floor) > low):
            risk = "the first requests of a spike wait for new instances"
            if low == 1:
                risk += "; a single instance has no redundancy"
            text = f"lower the idle minimum from {plain(np.max(floor), 6)} to {low}"
            where, value = _lower(service.instances, "instances", low)
            yield Change(component.name, "idle minimum", (*path, *where), value, text, risk)


def _lower(instances: Instances, field: str, low: int) -> tuple[tuple[str, ...], object]:
    """Return where to write the minimum ``low``, and what: a fixed number would lose its maximum."""
    if instances.max is None or not np.array_equal(instances.min or 0.0, instances.max):
        return (field, "min"), low
    return (field,), {"min": low, "max": int(np.max(instances.max))}


def _smaller_request(component: Component, service: Kubernetes, path: tuple[str, ...]) -> Iterator[Change]:
    used = component.utilization
    if used is None or service.resources is not None or component.sizing is None:
        return
    if component.sizing.binding() != "min":
        return
    full = float(np.max(used)) / float(np.min(np.asarray(service.target_utilization.cpu)))
    millicores = max(50, int(np.ceil(float(np.max(service.cpu)) * full * 100)) * 10)
    if full < 0.5 and millicores < float(np.max(service.cpu)) * 1000:
        text = (
            f"request {millicores}m CPU instead of {np.max(service.cpu) * 1000:g}m: {full:.0%} of it is used"
        )
        risk = "less CPU for bursts when a node is full; keep the limit"
        yield Change(component.name, "over-provisioned", (*path, "cpu"), f"{millicores}m", text, risk)


def spot(component: str, path: tuple[str, ...]) -> Change:
    """Return the change to buy machines on spot."""
    text = f"run {SPOT_SHARE:.0%} on spot"
    return Change(
        component,
        "spot",
        path,
        SPOT_SHARE,
        text,
        "the provider takes instances back at two minutes' notice or less",
    )


def commitments(component: Component, path: tuple[str, ...], committed: Floats) -> Iterator[Change]:
    """Yield commitments for what runs at every hour, so that nothing that is paid stands idle."""
    sizing = component.sizing
    if sizing is None or np.any(committed):
        return
    always = float(np.min(sizing.running))
    average = float(np.mean(sizing.running))
    if always <= 0 or average <= 0:
        return
    share = round(always / average, 4)
    for rate, years in (("commit_1y", "one year"), ("commit_3y", "three years")):
        text = f"commit for {years} to the {plain(always, 6)} that always run"
        risk = f"you pay for {years}, whether you use it or not"
        yield Change(component.name, "commitment", (*path, rate), share, text, risk)


def _right_size(component: str, path: tuple[str, ...]) -> Change:
    text, risk = "the cheapest machine type that carries the load", "another CPU: measure cpu_time again"
    return Change(component, "right-size", path, AUTO, text, risk)


def _other_machines(
    component: Component, machine: Sku, path: tuple[str, ...], catalog: Catalog
) -> Iterator[Change]:
    """Yield the cheapest machine types that are at least as large; a pool may take larger ones."""
    service = MACHINES[component.provider]
    region = component.region

    def usd(sku: Sku) -> float:
        price = catalog.price(component.provider, service, sku, region, "on_demand")
        return float("inf") if price is None else price.usd

    now = usd(machine)
    larger = [
        sku
        for sku in catalog.service(component.provider, service).skus.values()
        if sku.gpu == machine.gpu
        and (sku.vcpu or 0) >= (machine.vcpu or 0)
        and (sku.memory_gib or 0) >= (machine.memory_gib or 0)
        and usd(sku) < now
    ]
    for sku in sorted(larger, key=usd)[:OTHER_MACHINES]:
        risks = [risk for kind, risk in _RISKS.items() if kind.match(sku.name)]
        risk = "; ".join(risks) or "another CPU generation: measure cpu_time again"
        text = f"{sku.name} instead of {machine.name}"
        yield Change(component.name, "family", path, sku.name, text, risk)

"""Rules 17 to 24: availability, and whether everything has room."""

from __future__ import annotations

import math
from collections.abc import Iterator

from capplan.manifests.verify.world import (
    Finding,
    Item,
    Tree,
    Workload,
    World,
    amount,
    at,
    bounds,
    containers_with_paths,
    is_empty,
    mapping,
    maps,
    share,
    text,
    whole,
)

_GPU = "nvidia.com/gpu"
_GIB = 2.0**30


def rule_17(world: World) -> Iterator[Finding]:
    """A disruption budget protects pods and still lets nodes be drained."""
    budgets = world.of("PodDisruptionBudget")
    for budget in budgets:
        spec = mapping(budget.tree, "spec")
        given = [field for field in ("minAvailable", "maxUnavailable") if field in spec]
        if len(given) != 1:
            yield budget.finding(
                17, "pdb-fields", "spec", "needs exactly one of minAvailable and maxUnavailable"
            )
            continue
        selector = mapping(spec, "selector")
        selected = [] if is_empty(selector) else world.selected(selector, budget.namespace)
        if not selected and not _foreign(world, selector):
            yield budget.finding(17, "pdb-without-pods", "spec.selector", "selects the pods of no workload")
        for workload in selected:
            allowed = _evictable(spec, given[0], max(1, workload.lo))
            if allowed < 1:
                pods = f"the {max(1, workload.lo)} pods of {workload.item.title}"
                what = f"allows no eviction from {pods}: drains hang"
                yield budget.finding(
                    17, "pdb-blocks-drain", f"spec.{given[0]}", what, "Set maxUnavailable 1."
                )
    yield from _two_budgets(world, budgets)


def _foreign(world: World, selector: Tree) -> bool:
    """Say whether pods that an operator makes are meant, whose labels nobody knows here."""
    return bool(world.of("RedisCluster")) and not is_empty(selector)


def _evictable(spec: Tree, field: str, pods: int) -> int:
    """Return the pods that may go at once; percentages round up."""
    amount_ = share(spec[field], pods)
    return amount_ if field == "maxUnavailable" else pods - amount_


def _two_budgets(world: World, budgets: list[Item]) -> Iterator[Finding]:
    owners: dict[int, tuple[Workload, list[Item]]] = {}
    for budget in budgets:
        for workload in world.selected(mapping(budget.tree, "spec.selector"), budget.namespace):
            owners.setdefault(id(workload.item.tree), (workload, []))[1].append(budget)
    for workload, own in owners.values():
        if len(own) > 1:
            names = " and ".join(budget.title for budget in own)
            what = f"pods under {names}: eviction refuses pods of two budgets"
            yield workload.item.finding(17, "two-pdbs", "", what, "Keep one.")


def rule_18(world: World) -> Iterator[Finding]:
    """A rollout can move, and pods stop before they are killed."""
    for workload in world.workloads:
        rolling = mapping(workload.item.tree, "spec.strategy.rollingUpdate")
        if rolling and not any(share(rolling.get(f, "25%"), 100) for f in ("maxSurge", "maxUnavailable")):
            what = "maxSurge and maxUnavailable are both 0: a rollout cannot begin"
            yield workload.item.finding(18, "stuck-rollout", "spec.strategy.rollingUpdate", what)
        grace = whole(workload.pod, "terminationGracePeriodSeconds", 30)
        for field, container in containers_with_paths(workload):
            sleep = whole(container, "lifecycle.preStop.sleep.seconds", 0)
            if sleep and sleep >= grace:
                what = f"sleeps {sleep} s of {grace} s of grace: nothing is left to stop in"
                yield workload.item.finding(18, "pre-stop", f"{field}.lifecycle.preStop", what)


def rule_19(world: World) -> Iterator[Finding]:
    """Quantities parse, and no request is above its limit."""
    for workload in world.workloads:
        for field, container in containers_with_paths(workload):
            requests, limits = (mapping(container, f"resources.{part}") for part in ("requests", "limits"))
            for part, said in (("requests", requests), ("limits", limits)):
                for resource, value in said.items():
                    if amount(value) is None:
                        what = f"{resource}: {value!r} is no quantity"
                        yield workload.item.finding(19, "quantity", f"{field}.resources.{part}", what)
            for resource in {**requests, **limits}:
                yield from _ordered(workload.item, f"{field}.resources", resource, requests, limits)


def _ordered(item: Item, field: str, resource: str, requests: Tree, limits: Tree) -> Iterator[Finding]:
    asked, limit = amount(requests.get(resource)), amount(limits.get(resource))
    if asked is not None and limit is not None and asked > limit:
        what = f"{resource}: the request, {requests[resource]}, is above the limit, {limits[resource]}"
        yield item.finding(19, "request-above-limit", field, what)
    extended = "/" in str(resource)
    if extended and (limit is None or (asked is not None and asked != limit) or limit != int(limit)):
        what = f"{resource} needs a whole limit, and a request that equals it"
        yield item.finding(19, "extended-resource", field, what)


def rule_20(world: World) -> Iterator[Finding]:
    """A pod fits a node of a pool that it may go to."""
    pools = world.facts.pools
    if not pools:
        return
    for workload in world.workloads:
        fitting = _pools_for(world, workload)
        if fitting and not any(not _too_large(workload, pools[name]) for name in fitting):
            name = fitting[0]
            what = f"requests {_too_large(workload, pools[name])} of a node of {name}"
            remedy = "Choose a larger machine, or request less."
            yield workload.item.finding(20, "pod-fits-no-node", "spec.template.spec", what, remedy)


def _pools_for(world: World, workload: Workload) -> list[str]:
    """Return the pools that a pod's node selector allows, as far as pools declare its labels."""
    pools = world.facts.pools
    declared = {key for pool in pools.values() for key in pool["selector"]}
    wanted = {k: v for k, v in mapping(workload.pod, "nodeSelector").items() if k in declared}
    return [name for name, pool in pools.items() if wanted.items() <= pool["selector"].items()]


def _too_large(workload: Workload, pool: Tree) -> str:
    """Return what of a pod does not fit; empty if it fits."""
    asks = (
        ("cpu", 1.0, "cpu", "vCPU"),
        ("memory", _GIB, "memory_gib", "GiB"),
        (_GPU, 1.0, "gpus", "GPU"),
    )
    for resource, unit, fact, shown in asks:
        asked, there = workload.request(resource) / unit, float(pool[fact])
        if asked > there * (1 + 1e-6):
            return f"{asked:.4g} {shown}, more than the {there:.4g} {shown} left"
    return ""


def rule_21(world: World) -> Iterator[Finding]:
    """GPU pods go to GPU nodes, of which there are enough."""
    for workload in world.workloads:
        if not workload.request(_GPU):
            continue
        keys = {entry.get("key") for entry in maps(workload.pod, "tolerations")}
        if _GPU not in keys:
            what = f"requests a GPU and does not tolerate the taint {_GPU}"
            yield workload.item.finding(21, "gpu-toleration", "spec.template.spec.tolerations", what)
        if not mapping(workload.pod, "nodeSelector") and not at(workload.pod, "affinity.nodeAffinity"):
            what = "requests a GPU and selects no nodes"
            yield workload.item.finding(21, "gpu-selector", "spec.template.spec.nodeSelector", what)
    yield from _enough_nodes(world)


def _enough_nodes(world: World) -> Iterator[Finding]:
    for name, pool in world.facts.pools.items():
        alone = [w for w in world.workloads if _pools_for(world, w) == [name] and not _too_large(w, pool)]
        if pool["nodes"] is None or not alone:
            continue
        needs = {
            "cpu": sum(w.peak * w.request("cpu") for w in alone) / pool["cpu"],
            "memory": sum(w.peak * w.request("memory") for w in alone) / _GIB / pool["memory_gib"],
            "pods": sum(w.peak for w in alone) / pool["pods"],
        }
        if pool["gpus"]:
            needs["GPUs"] = sum(w.peak * w.request(_GPU) for w in alone) / pool["gpus"]
        resource = max(needs, key=lambda key: needs[key])
        if needs[resource] > pool["nodes"] * (1 + 1e-6):
            what = (
                f"every autoscaler at its maximum, and a rollout, need {math.ceil(needs[resource])} nodes "
                f"of {name} for {resource}; the pool stops at {pool['nodes']}"
            )
            yield alone[0].item.finding(21, "pool-too-small", "", what, "Raise nodes.max.", "warning")


def rule_22(world: World) -> Iterator[Finding]:
    """The quota holds everything at its maximum."""
    for quota in world.of("ResourceQuota"):
        workloads = [w for w in world.workloads if w.namespace == quota.namespace]
        for key, value in mapping(quota.tree, "spec.hard").items():
            hard = amount(value)
            if hard is None:
                yield quota.finding(22, "quantity", f"spec.hard.{key}", f"{value!r} is no quantity")
                continue
            needed = _needed(key, workloads)
            if needed > hard * (1 + 1e-9):
                what = f"{value} is less than the {needed:.6g} that everything at its maximum takes"
                yield quota.finding(22, "quota-too-small", f"spec.hard.{key}", what)
            yield from _unset(key, workloads)


def _needed(key: str, workloads: list[Workload]) -> float:
    if key == "pods":
        return sum(w.peak for w in workloads)
    part, _, resource = str(key).partition(".")
    if part == "requests":
        return sum(w.peak * w.request(resource) for w in workloads)
    if part != "limits":
        return 0.0
    limits = [
        w.peak * sum(amount(mapping(c, "resources.limits").get(resource)) or 0.0 for c in w.containers)
        for w in workloads
    ]
    return sum(limits)


def _unset(key: str, workloads: list[Workload]) -> Iterator[Finding]:
    part, _, resource = str(key).partition(".")
    if part not in ("requests", "limits") or "/" in resource:
        return
    for workload in workloads:
        for container in workload.containers:
            said = mapping(container, f"resources.{part}")
            if resource not in said and not (
                part == "requests" and resource in mapping(container, "resources.limits")
            ):
                what = f"container '{container.get('name')}' sets no {key}, which the quota demands"
                yield workload.item.finding(22, "unset-under-quota", "spec.template.spec.containers", what)


def rule_23(world: World) -> Iterator[Finding]:
    """Pools do not open more connections than the database accepts."""
    most_pods = {workload.name: workload.peak for workload in world.workloads}
    for database, said in world.facts.connections.items():
        opened = sum(most_pods.get(name, most) * each for name, (most, each) in said["pools"].items())
        if opened > said["accepted"]:
            what = f"pools open up to {opened:,.0f} connections, {database} accepts {said['accepted']:,.0f}"
            remedy = "Make pools smaller, or put a pooler between."
            yield Finding(23, "too-many-connections", "", f"database {database}", "", what, remedy)


def rule_24(world: World) -> Iterator[Finding]:
    """One figure of the plan is the same number everywhere, and the ceiling carries the peak."""
    for workload in world.workloads:
        peak = amount(text(workload.item.tree, "metadata.annotations.capplan/peak-rps"))
        for scaler in workload.scalers:
            said = amount(text(scaler.tree, "metadata.annotations.capplan/peak-rps"))
            if peak is not None and said is not None and said != peak:
                what = f"was rendered for {said:g} requests/s, {workload.item.title} for {peak:g}"
                yield scaler.finding(24, "figures-differ", "metadata.annotations", what, "Render both again.")
            target = _rate_target(scaler)
            _, hi = bounds(scaler)
            if peak and target and math.ceil(peak / target - 1e-9) > hi:
                needed = math.ceil(peak / target - 1e-9)
                what = f"{peak:g} requests/s at {target:g} a replica need {needed} replicas, more than {hi}"
                yield scaler.finding(24, "ceiling-below-peak", "spec", what, "Raise the maximum.")


def _rate_target(scaler: Item) -> float | None:
    """Return the requests a second that an autoscaler holds each replica at, where it measures them."""
    for metric in maps(scaler.tree, "spec.metrics"):
        if "requests_per_second" in text(metric, "pods.metric.name"):
            return amount(at(metric, "pods.target.averageValue"))
    for trigger in maps(scaler.tree, "spec.triggers"):
        if trigger.get("name") == "requests":
            return amount(text(trigger, "metadata.threshold"))
    return None


RULES = (rule_17, rule_18, rule_19, rule_20, rule_21, rule_22, rule_23, rule_24)

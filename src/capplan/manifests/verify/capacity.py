"""Availability, and whether everything has room."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from capplan.components import checks as plans
from capplan.findings import Finding, Severity
from capplan.manifests import quantity
from capplan.manifests.kustomize import SMALLER
from capplan.manifests.verify.checks import capacity
from capplan.manifests.verify.kinds import SCALED
from capplan.manifests.verify.meant import limit_ranges, without_pods
from capplan.manifests.verify.trees import Tree, amount, at, is_placeholder, mapping, maps, share, text, whole
from capplan.manifests.verify.world import Item, Workload, World, alike, bounds, containers_with_paths
from capplan.quantities import plain

_GPU = "nvidia.com/gpu"
_GIB = 2.0**30


def disruption_budgets(world: World) -> Iterator[Finding]:
    """A disruption budget protects pods and still lets nodes be drained."""
    budgets = world.of("PodDisruptionBudget")
    for budget in budgets:
        spec = mapping(budget.tree, "spec")
        given = [field for field in ("minAvailable", "maxUnavailable") if spec.get(field) is not None]
        if len(given) != 1:
            what = "needs exactly one of minAvailable and maxUnavailable"
            yield budget.finding(capacity.PDB_FIELDS, "spec", what, None, None if given else "warning")
            continue
        selected = _protected(world, budget)
        selector = mapping(spec, "selector")
        if "selector" not in spec:
            yield budget.finding(capacity.PDB_WITHOUT_PODS, "spec", "has no selector, so it selects no pods")
        elif not selected:
            yield from without_pods(world, budget, capacity.PDB_WITHOUT_PODS, "spec.selector", selector)
        if _in_quotes(spec[given[0]]):
            what = f"'{spec[given[0]]}' is a text, which may only be a percentage"
            remedy = "Write a number without quotes, or a percentage such as '30%'."
            yield budget.finding(capacity.PDB_FIELDS, f"spec.{given[0]}", what, remedy)
        else:
            yield from _drains(budget, spec, given[0], selected)
    yield from _two_budgets(world, budgets)


def _protected(world: World, budget: Item) -> list[Workload]:
    """Return what a budget protects: with an empty selector everything, with none at all nothing."""
    selector = at(budget.tree, "spec.selector")
    return world.selected(selector, budget.namespace) if isinstance(selector, dict) else []


def _drains(budget: Item, spec: Tree, field: str, selected: list[Workload]) -> Iterator[Finding]:
    counted = [w for w in selected if w.item.kind in SCALED and w.hi > 0]
    pods = sum(max(1, workload.lo) for workload in counted)
    most = sum(max(1, workload.hi) for workload in counted)
    if counted and _evictable(spec, field, pods) < 1:
        titles = " and ".join(workload.item.title for workload in counted)
        by_load = _evictable(spec, field, most) >= 1
        pods_ = "1 pod" if pods == 1 else f"{pods} pods"
        when = f"drains hang until there are more, of up to {most}" if by_load else "drains hang"
        what = f"allows no eviction from the {pods_} of {titles}: {when}"
        severity: Severity | None = "warning" if by_load else None
        yield budget.finding(capacity.PDB_BLOCKS_DRAIN, f"spec.{field}", what, None, severity)


def _in_quotes(value: object) -> bool:
    return isinstance(value, str) and not value.endswith("%") and not is_placeholder(value)


def _evictable(spec: Tree, field: str, pods: int) -> int:
    """Return the pods that may go at once; percentages round up."""
    amount_ = share(spec[field], pods)
    return amount_ if field == "maxUnavailable" else pods - amount_


def _two_budgets(world: World, budgets: list[Item]) -> Iterator[Finding]:
    owners: dict[int, tuple[Workload, list[Item]]] = {}
    for budget in budgets:
        for workload in _protected(world, budget):
            if budget.namespace == workload.namespace:
                owners.setdefault(id(workload.item.tree), (workload, []))[1].append(budget)
    for workload, own in owners.values():
        if len(own) > 1:
            names = " and ".join(budget.title for budget in own)
            what = f"pods under {names}: eviction refuses pods of two budgets"
            yield workload.item.finding(capacity.TWO_PDBS, "", what)


_SLEEP = re.compile(r"(?:^|[\s;&|('\"/])sleep\s+((?:\d+(?:\.\d+)?[smh]?(?=[\s;&|)'\"]|$)\s*)+)")
_TIME = re.compile(r"(\d+(?:\.\d+)?)([smh]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
_BRANCHES = re.compile(r"[&|#`]|\b(?:if|for|while|until|case|timeout|exit|echo|trap)\b")
_PYTHON_SLEEP = re.compile(r"\bsleep\(\s*(\d+(?:\.\d+)?)\s*\)")


def rollouts(world: World) -> Iterator[Finding]:
    """A rollout can move, and pods stop before they are killed."""
    for workload in world.all_pods:
        rolling = mapping(workload.item.tree, "spec.strategy.rollingUpdate")
        is_deployment = workload.item.kind == "Deployment"
        still = not any(share(rolling.get(f, "25%"), 100) for f in ("maxSurge", "maxUnavailable"))
        if rolling and is_deployment and still:
            what = "maxSurge and maxUnavailable are both 0: a rollout cannot begin"
            yield workload.item.finding(capacity.STUCK_ROLLOUT, "spec.strategy.rollingUpdate", what)
        grace = whole(workload.pod, "terminationGracePeriodSeconds", 30)
        for field, container in containers_with_paths(workload):
            sleep = _pre_stop_sleep(mapping(container, "lifecycle.preStop"))
            if sleep and sleep >= grace:
                what = f"sleeps {sleep:g} s of {grace} s of grace, so no time is left to stop"
                yield workload.item.finding(capacity.PRE_STOP, f"{field}.lifecycle.preStop", what)


def _pre_stop_sleep(hook: Tree) -> float:
    """Return the seconds that a hook sleeps, by itself or in the command that it runs, in any spelling.

    0 for a script whose steps need not all run, or not one after another.
    """
    command = at(hook, "exec.command")
    said = " ".join(map(str, command)) if isinstance(command, list) else ""
    if _BRANCHES.search(said.replace("&&", ";")):
        said = ""
    times = [time for times in _SLEEP.findall(said) for time in _TIME.findall(times)]
    slept = sum(float(number) * _SECONDS[unit] for number, unit in times)
    return whole(hook, "sleep.seconds", 0) or slept + sum(map(float, _PYTHON_SLEEP.findall(said)))


def quantities(world: World) -> Iterator[Finding]:
    """Quantities parse, and no request is above its limit."""
    for workload in world.all_pods:
        for field, container in containers_with_paths(workload):
            requests, limits = (mapping(container, f"resources.{part}") for part in ("requests", "limits"))
            for resource in {**requests, **limits}:
                yield from _ordered(workload.item, f"{field}.resources", resource, requests, limits)
    for item, field, said in _quantities(world):
        for resource, value in said.items():
            if amount(value) is None and not is_placeholder(value):
                yield item.finding(capacity.QUANTITY, field, f"{resource}: {value!r} is not a quantity")


def _quantities(world: World) -> Iterator[tuple[Item, str, Tree]]:
    """Yield every map of quantities: of containers, volumes, claims, quotas and VPAs."""
    for workload in world.all_pods:
        yield from _quantities_of_pod(workload)
    for item in world.of("PersistentVolumeClaim"):
        yield item, "spec.resources.requests", mapping(item.tree, "spec.resources.requests")
    for item in world.of("ResourceQuota"):
        yield item, "spec.hard", mapping(item.tree, "spec.hard")
    for item in world.of("VerticalPodAutoscaler"):
        for policy in maps(item.tree, "spec.resourcePolicy.containerPolicies"):
            for bound in ("minAllowed", "maxAllowed"):
                yield item, f"spec.resourcePolicy.{bound}", mapping(policy, bound)


def _quantities_of_pod(workload: Workload) -> Iterator[tuple[Item, str, Tree]]:
    for field, container in containers_with_paths(workload):
        for part in ("requests", "limits"):
            yield workload.item, f"{field}.resources.{part}", mapping(container, f"resources.{part}")
    for volume in maps(workload.pod, "volumes"):
        memory_disk = mapping(volume, "emptyDir")
        if "sizeLimit" in memory_disk:
            size = {"sizeLimit": memory_disk["sizeLimit"]}
            yield workload.item, f"{workload.pod_field}.volumes", size
    for claim in maps(workload.item.tree, "spec.volumeClaimTemplates"):
        yield workload.item, "spec.volumeClaimTemplates", mapping(claim, "spec.resources.requests")


def _ordered(item: Item, field: str, resource: str, requests: Tree, limits: Tree) -> Iterator[Finding]:
    asked, limit = amount(requests.get(resource)), amount(limits.get(resource))
    if asked is not None and limit is not None and asked > limit:
        what = f"{resource}: the request, {requests[resource]}, is above the limit, {limits[resource]}"
        yield item.finding(capacity.REQUEST_ABOVE_LIMIT, field, what)
    filled_in = is_placeholder(limits.get(resource)) or is_placeholder(requests.get(resource))
    extended = "/" in str(resource) and not filled_in
    if extended and (limit is None or (asked is not None and asked != limit) or limit != int(limit)):
        what = f"{resource} needs a whole limit, and a request that equals it"
        yield item.finding(capacity.EXTENDED_RESOURCE, field, what)


def pods_on_nodes(world: World) -> Iterator[Finding]:
    """A pod fits a node of a pool that it may go to, beside the pods that every node there has."""
    pools = world.facts.pools
    if not pools:
        return
    for workload in world.workloads:
        fitting, field = _pools_for(world, workload), workload.pod_field
        if not fitting:
            what = "selects nodes that no pool of the plan has"
            yield workload.item.finding(capacity.NO_SUCH_NODES, f"{field}.nodeSelector", what)
        elif all(_too_large(world, workload, name) for name in fitting):
            what = f"requests {_too_large(world, workload, fitting[0])} of a node of {fitting[0]}"
            yield workload.item.finding(plans.POD_FITS_NO_NODE, field, what)


def _pools_for(world: World, workload: Workload) -> list[str]:
    """Return the pools that a pod's node selector allows, as far as pools declare its labels."""
    pools = world.facts.pools
    declared = {key for pool in pools.values() for key in pool["selector"]}
    wanted = {k: v for k, v in mapping(workload.pod, "nodeSelector").items() if k in declared}
    return [
        name
        for name, pool in pools.items()
        if all(pool["selector"].get(key) == value for key, value in wanted.items())
    ]


_ASKS = (
    ("cpu", 1.0, "cpu", "vCPU"),
    ("memory", _GIB, "memory_gib", "GiB"),
    ("ephemeral-storage", _GIB, "disk_gib", "GiB of disk"),
    (_GPU, 1.0, "gpus", "GPU"),
)
"""Resources, their unit, the fact about a pool that limits them, and how they are shown."""


def _too_large(world: World, workload: Workload, name: str) -> str:
    """Return what of a pod does not fit a pool's node; empty if it fits, or nothing is known of it."""
    pool = world.facts.pools[name]
    everywhere = [one for one in world.daemons if name in _pools_for(world, one)]
    for resource, unit, fact, shown in _ASKS:
        if pool.get(fact) is None:
            continue
        asked = workload.request(resource) / unit
        there = float(pool[fact]) - sum(one.request(resource) for one in everywhere) / unit
        if asked > 0 and asked > there * (1 + 1e-6):
            return f"{asked:.4g} {shown}, more than the {there:.4g} {shown} left"
    return ""


def gpus_and_pools(world: World) -> Iterator[Finding]:
    """GPU pods go to GPU nodes, of which there are enough."""
    for workload in world.workloads:
        if not workload.request(_GPU):
            continue
        tolerated = [entry.get("key") for entry in maps(workload.pod, "tolerations")]
        wanted = mapping(workload.pod, "nodeSelector")
        # A toleration without a key tolerates every taint, and GKE adds one to pods that ask for its GPUs.
        if (
            _GPU not in tolerated
            and None not in tolerated
            and not any("cloud.google.com" in k for k in wanted)
        ):
            what = f"requests a GPU and does not tolerate the taint {_GPU}"
            yield workload.item.finding(capacity.GPU_TOLERATION, f"{workload.pod_field}.tolerations", what)
        if not mapping(workload.pod, "nodeSelector") and not at(workload.pod, "affinity.nodeAffinity"):
            what = "requests a GPU and selects no nodes"
            yield workload.item.finding(capacity.GPU_SELECTOR, f"{workload.pod_field}.nodeSelector", what)
    yield from _enough_nodes(world)


def _enough_nodes(world: World) -> Iterator[Finding]:
    for name, pool in world.facts.pools.items():
        alone = [
            w for w in world.workloads if _pools_for(world, w) == [name] and not _too_large(world, w, name)
        ]
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
                f"with every autoscaler at its maximum and a rollout, pods need "
                f"{math.ceil(needs[resource])} nodes of {name} for {resource}, but the pool stops at "
                f"{pool['nodes']}"
            )
            yield alone[0].item.finding(plans.POOL_TOO_SMALL, "", what, "Raise nodes.max.", "warning")


def quotas(world: World) -> Iterator[Finding]:
    """The quota holds everything at its maximum; one that counts only some pods is left alone."""
    for quota in world.of("ResourceQuota"):
        if at(quota.tree, "spec.scopes") or at(quota.tree, "spec.scopeSelector"):
            continue
        workloads = [w for w in world.workloads if alike(w.namespace, quota.namespace)]
        for key, value in mapping(quota.tree, "spec.hard").items():
            hard, needed = amount(value), _needed(str(key), workloads)
            if hard is not None and needed > hard * (1 + 1e-9):
                taken = quantity.shown(str(key), needed)
                what = f"{value} is less than the {taken} that all workloads take at their maximum"
                yield quota.finding(capacity.QUOTA_TOO_SMALL, f"spec.hard.{key}", what)
            yield from _unset(world, str(key), workloads)


def _part_and_resource(key: str) -> tuple[str, str]:
    """Return what a quota counts: requests or limits, and of which resource; plain names are requests."""
    if key in ("cpu", "memory", "ephemeral-storage"):
        return "requests", key
    part, _, resource = key.partition(".")
    return part, resource


def _needed(key: str, workloads: list[Workload]) -> float:
    part, resource = _part_and_resource(key)
    if key in ("pods", "count/pods"):
        return sum(w.peak for w in workloads)
    if part == "requests":
        return sum(w.peak * w.request(resource) for w in workloads)
    return sum(w.peak * w.limit(resource) for w in workloads) if part == "limits" else 0.0


def _unset(world: World, key: str, workloads: list[Workload]) -> Iterator[Finding]:
    """Yield the containers that the quota refuses, unless a LimitRange says what they leave out."""
    part, resource = _part_and_resource(key)
    if resource not in ("cpu", "memory", "ephemeral-storage"):
        return
    enough = ("requests", "limits") if part == "requests" else ("limits",)
    for workload in workloads:
        given = limit_ranges(world, workload.namespace, part)
        for field, container in containers_with_paths(workload):
            said = any(resource in mapping(container, f"resources.{place}") for place in enough)
            if not said:
                what = f"container '{container.get('name')}' sets no {key}, which the quota demands"
                if resource not in given and resource not in mapping(workload.pod, f"resources.{part}"):
                    yield workload.item.finding(capacity.UNSET_UNDER_QUOTA, f"{field}.resources", what)


def connections(world: World) -> Iterator[Finding]:
    """Pools do not open more connections than the database accepts."""
    most_pods = {workload.name: workload.peak for workload in world.workloads}
    for database, said in world.facts.connections.items():
        opened = sum(most_pods.get(name, most) * each for name, (most, each) in said["pools"].items())
        if opened > said["accepted"]:
            what = (
                f"pools open up to {opened:,.0f} connections, but {database} accepts {said['accepted']:,.0f}"
            )
            yield plans.TOO_MANY_CONNECTIONS.finding(f"database {database}", what)


def figures_of_the_plan(world: World) -> Iterator[Finding]:
    """One figure of the plan is the same number everywhere, and the ceiling carries the peak."""
    for workload in world.workloads:
        peak = amount(text(workload.item.tree, "metadata.annotations.capplan/peak-rps"))
        for scaler in workload.scalers:
            said = amount(text(scaler.tree, "metadata.annotations.capplan/peak-rps"))
            if peak is not None and said is not None and said != peak:
                other = f"{workload.item.title} for {plain(peak, 6)}"
                what = f"was rendered for {plain(said, 6)} requests/s, but {other}"
                yield scaler.finding(capacity.FIGURES_DIFFER, "metadata.annotations", what)
            target = _rate_target(scaler)
            _, hi = bounds(scaler)
            smaller = mapping(scaler.tree, "metadata.annotations").get(SMALLER) == "true"
            if peak and target and not smaller and math.ceil(peak / target - 1e-9) > hi:
                needed = math.ceil(peak / target - 1e-9)
                load = f"{plain(peak)} requests/s at {plain(target)} a replica"
                what = f"{load} need {needed} replicas, more than {hi}"
                yield scaler.finding(capacity.CEILING_BELOW_PEAK, "spec", what)


def _rate_target(scaler: Item) -> float | None:
    """Return the requests a second that an autoscaler holds each replica at, where it measures them."""
    for metric in maps(scaler.tree, "spec.metrics"):
        if "requests_per_second" in text(metric, "pods.metric.name"):
            return amount(at(metric, "pods.target.averageValue"))
    for trigger in maps(scaler.tree, "spec.triggers"):
        if trigger.get("name") == "requests":
            return amount(text(trigger, "metadata.threshold"))
    return None


RULES = (
    disruption_budgets,
    rollouts,
    quantities,
    pods_on_nodes,
    gpus_and_pools,
    quotas,
    connections,
    figures_of_the_plan,
)

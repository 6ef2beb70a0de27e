"""Checks of autoscalers: one for each workload, with room to scale, on metrics that can be measured."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from functools import partial

from capplan.findings import Finding
from capplan.manifests.verify.checks import autoscaling
from capplan.manifests.verify.keda import scaled_objects, triggers
from capplan.manifests.verify.meant import limit_ranges
from capplan.manifests.verify.trees import Tree, amount, at, mapping, maps, text, whole, words
from capplan.manifests.verify.world import Item, Workload, World, bounds, request
from capplan.quantities import counted

_RESOURCES = ("cpu", "memory")


def one_autoscaler(world: World) -> Iterator[Finding]:
    """One autoscaler a workload, and then no replicas."""
    for (kind, name), scalers in world.scalers.items():
        for namespace in dict.fromkeys(scaler.namespace for scaler in scalers):
            own = [scaler for scaler in scalers if scaler.namespace == namespace]
            if len({scaler.title for scaler in own}) > 1:
                names = " and ".join(scaler.title for scaler in own)
                what = f"{kind}/{name} is scaled by {names}, which would fight"
                yield own[0].finding(autoscaling.TWO_AUTOSCALERS, "spec.scaleTargetRef", what)
    for workload in world.workloads:
        if workload.scalers and "replicas" in mapping(workload.item.tree, "spec"):
            what = f"every apply would undo what {workload.scalers[0].title} decided"
            yield workload.item.finding(autoscaling.REPLICAS_UNDER_AUTOSCALER, "spec.replicas", what)
    vpas = world.of("VerticalPodAutoscaler")
    targets = Counter(map(_vpa_target, vpas))
    for item in vpas:
        kind, _, name = _vpa_target(item)
        if targets[_vpa_target(item)] > 1:
            what = f"{kind}/{name} has more than one VPA"
            yield item.finding(autoscaling.TWO_VPAS, "spec.targetRef", what)


def _vpa_target(item: Item) -> tuple[str, str, str]:
    target = mapping(item.tree, "spec.targetRef")
    return str(target.get("kind")), item.namespace, str(target.get("name"))


def names_of_hpas(world: World) -> Iterator[Finding]:
    """The HPA that KEDA makes has a name that is free and short enough."""
    taken = {(item.namespace, item.name) for item in world.of("HorizontalPodAutoscaler")}
    for item in world.of("ScaledObject"):
        own = text(item.tree, "spec.advanced.horizontalPodAutoscalerConfig.name")
        name = own or f"keda-hpa-{item.name}"
        if len(name) > 63:
            what = f"KEDA's HPA would be called '{name}', {len(name)} characters of 63"
            yield item.finding(autoscaling.HPA_NAME_TOO_LONG, "metadata.name", what)
        if (item.namespace, name) in taken:
            yield item.finding(autoscaling.HPA_NAME_TAKEN, "metadata.name", f"an HPA '{name}' exists")
        taken.add((item.namespace, name))


def room_to_scale(world: World) -> Iterator[Finding]:
    """An autoscaler has room between its bounds."""
    for item in world.of("HorizontalPodAutoscaler", "ScaledObject"):
        lo, hi = bounds(item)
        known = item.kind == "ScaledObject" or at(item.tree, "spec.maxReplicas") is not None
        if known and lo >= hi:
            what = f"a minimum of {lo} and a maximum of {counted(hi, 'replica')} leave nothing to scale"
            yield item.finding(autoscaling.NO_ROOM, "spec", what, None, "error" if lo > hi else None)
        if item.kind == "HorizontalPodAutoscaler" and lo < 1:
            yield item.finding(
                autoscaling.HPA_MIN, "spec.minReplicas", f"an HPA's minimum must be 1 or more, not {lo}"
            )


def measured_requests(world: World) -> Iterator[Finding]:
    """Utilization of what nobody requests has no meaning."""
    for workload in world.all_pods:
        for scaler in workload.scalers:
            for resource, container in _resource_metrics(scaler, "Utilization"):
                yield from _unrequested(world, workload, scaler, resource, container)


def _unrequested(
    world: World, workload: Workload, scaler: Item, resource: str, container: str
) -> Iterator[Finding]:
    measured = [one for one in workload.containers if container in ("", one.get("name"))]
    if container and not measured:
        what = f"scales by {resource} of container '{container}', which {workload.item.title} does not have"
        yield scaler.finding(autoscaling.NO_REQUEST, "spec", what)
    given = limit_ranges(world, workload.namespace, "requests")
    if resource in given or (not container and resource in mapping(workload.pod, "resources.requests")):
        return
    for one in measured:
        if not request(one, resource):
            what = f"scales by {resource}, which container '{one.get('name')}' does not request"
            yield scaler.finding(autoscaling.NO_REQUEST, "spec", what, f"Set resources.requests.{resource}.")


def _resource_metrics(scaler: Item, target: str = "") -> Iterator[tuple[str, str]]:
    """Yield the resources that an autoscaler measures, with the container where it names one.

    target: only metrics whose target is of this type.
    """
    found = [*_of_hpa(scaler), *_of_triggers(scaler)]
    for resource, container, kind in found:
        if resource in _RESOURCES and target in ("", kind):
            yield resource, container


def _of_hpa(scaler: Item) -> Iterator[tuple[str, str, str]]:
    """Yield resource, container and type of target; an HPA without metrics measures CPU."""
    if scaler.kind != "HorizontalPodAutoscaler":
        return
    metrics = maps(scaler.tree, "spec.metrics")
    if not metrics:
        yield "cpu", "", "Utilization"
    for metric in metrics:
        key = {"Resource": "resource", "ContainerResource": "containerResource"}.get(str(metric.get("type")))
        if key is not None:
            block = mapping(metric, key)
            # In v2beta1 the target was no block: whether it says a utilization, that field tells.
            old = "Utilization" if "targetAverageUtilization" in block else ""
            kind = text(block, "target.type") or old
            yield text(block, "name"), text(block, "container"), kind


def _of_triggers(scaler: Item) -> Iterator[tuple[str, str, str]]:
    for trigger in maps(scaler.tree, "spec.triggers"):
        if trigger.get("type") in _RESOURCES:
            kind = str(trigger.get("metricType", "Utilization"))
            yield str(trigger["type"]), text(trigger, "metadata.containerName"), kind


_BLOCKS = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}
_VALUES = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}
_ONE_OF = {
    "Resource": ("averageUtilization", "averageValue"),
    "ContainerResource": ("averageUtilization", "averageValue"),
    "Pods": ("averageValue",),
    "Object": ("value", "averageValue"),
    "External": ("value", "averageValue"),
}
"""Figures of a target, of which a metric of each type takes one (pkg/apis/autoscaling/validation)."""


def metrics(world: World) -> Iterator[Finding]:
    """A metric has the block of its type, and a target its number."""
    for item in world.of("HorizontalPodAutoscaler"):
        if text(item.tree, "apiVersion") not in ("autoscaling/v2", "autoscaling/v2beta2"):
            continue
        for index, metric in enumerate(maps(item.tree, "spec.metrics")):
            field = f"spec.metrics[{index}]"
            kind = str(metric.get("type"))
            block = mapping(metric, _BLOCKS.get(kind, ""))
            if not block:
                yield item.finding(autoscaling.METRIC_BLOCK, field, f"type {kind} without its block")
                continue
            yield from _target(item, field, kind, mapping(block, "target"))


def _target(item: Item, field: str, kind: str, target: Tree) -> Iterator[Finding]:
    """Yield what the API server refuses of a target, and a type that says another figure than there is."""
    said, field = str(target.get("type")), f"{field}.target"
    given = [key for key in _ONE_OF[kind] if target.get(key) is not None]
    refused = partial(item.finding, autoscaling.METRIC_TARGET, field)
    if said not in _VALUES:
        yield refused(f"'{said}' is not one of {', '.join(_VALUES)}")
    elif len(given) != 1:
        yield refused(f"a metric of type {kind} has one of {' and '.join(_ONE_OF[kind])}")
    elif given[0] == "averageUtilization" and not _at_least_one(target[given[0]]):
        yield refused("averageUtilization must be a percentage of the request, 1 or more")
    elif given[0] != "averageUtilization" and not (amount(target[given[0]]) or 0) > 0:
        yield refused(f"{target[given[0]]!r} is not a quantity above 0")
    elif given[0] != _VALUES[said]:
        yield refused(f"type {said}, but {given[0]} is what counts", None, "warning")


def _at_least_one(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def behavior(world: World) -> Iterator[Finding]:
    """Behavior stays within the API's bounds."""
    for item in world.of("HorizontalPodAutoscaler", "ScaledObject"):
        keda = item.kind == "ScaledObject"
        path = "spec.advanced.horizontalPodAutoscalerConfig.behavior" if keda else "spec.behavior"
        for direction in ("scaleUp", "scaleDown"):
            rules, field = mapping(item.tree, f"{path}.{direction}"), f"{path}.{direction}"
            window = whole(rules, "stabilizationWindowSeconds", 0)
            if not 0 <= window <= 3600:
                yield item.finding(
                    autoscaling.BEHAVIOR_WINDOW,
                    field,
                    f"a window of {window} s is not allowed; 0 to 3600 s are",
                )
            for policy in maps(rules, "policies"):
                period, value = whole(policy, "periodSeconds", 0), whole(policy, "value", 0)
                if not 1 <= period <= 1800 or value < 1:
                    what = f"{value} in {period} s; at least 1, in 1 to 1800 s, is allowed"
                    yield item.finding(autoscaling.BEHAVIOR_POLICY, field, what)


def vertical_autoscalers(world: World) -> Iterator[Finding]:
    """A VPA controls what no horizontal autoscaler measures, and makes no pod that fits no node."""
    for item in world.of("VerticalPodAutoscaler"):
        workload = world.workload(*_vpa_target(item))
        mode = mapping(item.tree, "spec.updatePolicy").get("updateMode", "Recreate")
        policies = maps(item.tree, "spec.resourcePolicy.containerPolicies")
        if mode is False:
            yield item.finding(autoscaling.VPA_MODE, "spec.updatePolicy", "Off without quotes is a boolean")
        elif mode != "Off" and workload is not None:
            yield from _contested(item, workload, policies)
        for policy in policies:
            yield from _allowed(world, item, policy)


def _contested(item: Item, workload: Workload, policies: list[Tree]) -> Iterator[Finding]:
    """Yield the policies that change what is measured; a container that none names has the default one."""
    measured = {resource for scaler in workload.scalers for resource, _ in _resource_metrics(scaler)}
    named = words(policies, "containerName")
    if "*" not in named and not words(workload.containers, "name") <= named:
        policies = [*policies, {}]
    for policy in policies:
        controlled = policy.get("controlledResources", list(_RESOURCES))
        listed = controlled if isinstance(controlled, list) else []
        both = sorted(resource for resource in measured if resource in listed)
        if both and policy.get("mode") != "Off":
            what = f"changes {' and '.join(both)}, which {workload.scalers[0].title} scales by"
            yield item.finding(autoscaling.VPA_FIGHTS_HPA, "spec.resourcePolicy", what)


def _allowed(world: World, item: Item, policy: Tree) -> Iterator[Finding]:
    least, most = mapping(policy, "minAllowed"), mapping(policy, "maxAllowed")
    for resource in sorted({str(key) for key in least} & {str(key) for key in most}):
        low, high = amount(least[resource]), amount(most[resource])
        if low is not None and high is not None and low > high:
            what = f"{resource}: minAllowed {least[resource]} is above maxAllowed {most[resource]}"
            yield item.finding(autoscaling.VPA_BOUNDS, "spec.resourcePolicy", what)
    for resource, fact, unit in (("cpu", "cpu", 1.0), ("memory", "memory_gib", 2.0**30)):
        there = max((pool[fact] for pool in world.facts.pools.values()), default=math.inf)
        high = amount(most.get(resource))
        if high is not None and high / unit > there * (1 + 1e-6):
            what = f"{resource}: maxAllowed {most[resource]} is more than any node has for pods"
            yield item.finding(autoscaling.VPA_ABOVE_NODE, "spec.resourcePolicy", what)


RULES = (
    one_autoscaler,
    names_of_hpas,
    room_to_scale,
    measured_requests,
    metrics,
    behavior,
    scaled_objects,
    triggers,
    vertical_autoscalers,
)

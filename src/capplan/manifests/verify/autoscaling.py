"""Rules 8 to 16: autoscalers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from capplan.manifests.verify.keda import rule_14, rule_15
from capplan.manifests.verify.world import (
    Finding,
    Item,
    Tree,
    Workload,
    World,
    amount,
    bounds,
    mapping,
    maps,
    request,
    text,
    whole,
)

_RESOURCES = ("cpu", "memory")


def rule_8(world: World) -> Iterator[Finding]:
    """One autoscaler a workload, and then no replicas."""
    for workload in world.workloads:
        if len(workload.scalers) > 1:
            names = " and ".join(scaler.title for scaler in workload.scalers)
            what = f"is scaled by {names}, which would fight"
            yield workload.item.finding(8, "two-autoscalers", "", what, "Keep one.")
        if workload.scalers and "replicas" in mapping(workload.item.tree, "spec"):
            what = f"every apply would undo what {workload.scalers[0].title} decided"
            yield workload.item.finding(8, "replicas-under-autoscaler", "spec.replicas", what, "Remove it.")
    targets = Counter(
        (item.namespace, text(item.tree, "spec.targetRef.name")) for item in world.of("VerticalPodAutoscaler")
    )
    for item in world.of("VerticalPodAutoscaler"):
        target = text(item.tree, "spec.targetRef.name")
        if targets[item.namespace, target] > 1:
            yield item.finding(
                8, "two-vpas", "spec.targetRef", f"'{target}' has more than one VPA", "Keep one."
            )


def rule_9(world: World) -> Iterator[Finding]:
    """The HPA that KEDA makes has a name that is free and short enough."""
    taken = {(item.namespace, item.name) for item in world.of("HorizontalPodAutoscaler")}
    for item in world.of("ScaledObject"):
        own = text(item.tree, "spec.advanced.horizontalPodAutoscalerConfig.name")
        name = own or f"keda-hpa-{item.name}"
        if len(name) > 63:
            what = f"KEDA's HPA would be called '{name}', {len(name)} characters of 63"
            yield item.finding(9, "hpa-name-too-long", "metadata.name", what, "At most 54 characters.")
        if (item.namespace, name) in taken:
            yield item.finding(9, "hpa-name-taken", "metadata.name", f"an HPA '{name}' exists")
        taken.add((item.namespace, name))


def rule_10(world: World) -> Iterator[Finding]:
    """An autoscaler has room between its bounds."""
    for item in world.of("HorizontalPodAutoscaler", "ScaledObject"):
        lo, hi = bounds(item)
        if lo >= hi:
            what = f"at least {lo} and at most {hi} replicas leave nothing to scale"
            yield item.finding(10, "no-room", "spec", what)
        if item.kind == "HorizontalPodAutoscaler" and lo < 1:
            yield item.finding(10, "hpa-min", "spec.minReplicas", f"an HPA's minimum is 1 or more, not {lo}")


def rule_11(world: World) -> Iterator[Finding]:
    """Utilization of what nobody requests has no meaning."""
    for workload in world.workloads:
        for scaler in workload.scalers:
            for resource, container in _resource_metrics(scaler):
                for one in workload.containers:
                    wanted = container in ("", one.get("name"))
                    if wanted and not request(one, resource):
                        what = f"scales by {resource}, which container '{one.get('name')}' does not request"
                        yield scaler.finding(
                            11, "no-request", "spec", what, f"Set resources.requests.{resource}."
                        )


def _resource_metrics(scaler: Item) -> Iterator[tuple[str, str]]:
    """Yield the resources that an autoscaler measures, with the container where it names one."""
    for metric in maps(scaler.tree, "spec.metrics"):
        if metric.get("type") == "Resource":
            yield text(metric, "resource.name"), ""
        elif metric.get("type") == "ContainerResource":
            yield text(metric, "containerResource.name"), text(metric, "containerResource.container")
    for trigger in maps(scaler.tree, "spec.triggers"):
        if trigger.get("type") in _RESOURCES:
            yield str(trigger["type"]), text(trigger, "metadata.containerName")


_BLOCKS = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}
_VALUES = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}


def rule_12(world: World) -> Iterator[Finding]:
    """A metric has the block of its type, and a target its number."""
    for item in world.of("HorizontalPodAutoscaler"):
        for index, metric in enumerate(maps(item.tree, "spec.metrics")):
            field = f"spec.metrics[{index}]"
            kind = str(metric.get("type"))
            block = mapping(metric, _BLOCKS.get(kind, ""))
            if not block:
                yield item.finding(12, "metric-block", field, f"type {kind} without its block")
                continue
            yield from _target(item, field, kind, mapping(block, "target"))


def _target(item: Item, field: str, kind: str, target: Tree) -> Iterator[Finding]:
    said = str(target.get("type"))
    value = target.get(_VALUES.get(said, ""))
    if value is None or set(target) - {"type", _VALUES.get(said, "")}:
        what = f"a target of type {said} has {_VALUES.get(said, 'a number')} and nothing else"
        yield item.finding(12, "metric-target", f"{field}.target", what)
    elif said == "Utilization" and (
        kind not in ("Resource", "ContainerResource") or not _at_least_one(value)
    ):
        what = "Utilization is a percentage, 1 or more, of what a resource requests"
        yield item.finding(12, "metric-target", f"{field}.target", what)
    elif said != "Utilization" and not amount(value):
        yield item.finding(12, "metric-target", f"{field}.target", f"{value!r} is no quantity above 0")
    if kind == "Pods" and said != "AverageValue":
        yield item.finding(12, "metric-target", f"{field}.target", "Pods metrics have an AverageValue")


def _at_least_one(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def rule_13(world: World) -> Iterator[Finding]:
    """Behavior stays within the API's bounds."""
    for item in world.of("HorizontalPodAutoscaler", "ScaledObject"):
        keda = item.kind == "ScaledObject"
        path = "spec.advanced.horizontalPodAutoscalerConfig.behavior" if keda else "spec.behavior"
        for direction in ("scaleUp", "scaleDown"):
            rules, field = mapping(item.tree, f"{path}.{direction}"), f"{path}.{direction}"
            window = whole(rules, "stabilizationWindowSeconds", 0)
            if not 0 <= window <= 3600:
                yield item.finding(13, "window", field, f"a window of {window} s; 0 to 3600 are allowed")
            for policy in maps(rules, "policies"):
                period, value = whole(policy, "periodSeconds", 0), whole(policy, "value", 0)
                if not 1 <= period <= 1800 or value < 1:
                    what = f"{value} in {period} s; at least 1, in 1 to 1800 s, is allowed"
                    yield item.finding(13, "policy", field, what)


def rule_16(world: World) -> Iterator[Finding]:
    """A VPA controls what no horizontal autoscaler measures."""
    workloads = {(w.item.kind, w.namespace, w.name): w for w in world.workloads}
    for item in world.of("VerticalPodAutoscaler"):
        target = mapping(item.tree, "spec.targetRef")
        workload = workloads.get((str(target.get("kind")), item.namespace, str(target.get("name"))))
        mode = mapping(item.tree, "spec.updatePolicy").get("updateMode", "Recreate")
        policies = maps(item.tree, "spec.resourcePolicy.containerPolicies")
        if mode is False:
            yield item.finding(
                16, "vpa-mode", "spec.updatePolicy", "Off without quotes is a boolean", 'Write "Off".'
            )
        elif mode != "Off" and workload is not None:
            yield from _contested(item, workload, policies or [{}])
        for policy in policies:
            yield from _allowed(item, policy)


def _contested(item: Item, workload: Workload, policies: list[Tree]) -> Iterator[Finding]:
    measured = {resource for scaler in workload.scalers for resource, _ in _resource_metrics(scaler)}
    for policy in policies:
        controlled = policy.get("controlledResources", list(_RESOURCES))
        both = sorted(measured & set(controlled))
        if both:
            what = f"changes {' and '.join(both)}, by which {workload.scalers[0].title} scales"
            remedy = "Set updateMode Off, or controlledResources to the others."
            yield item.finding(16, "vpa-fights-hpa", "spec.resourcePolicy", what, remedy)


def _allowed(item: Item, policy: Tree) -> Iterator[Finding]:
    least, most = mapping(policy, "minAllowed"), mapping(policy, "maxAllowed")
    for resource in sorted(set(least) & set(most)):
        low, high = amount(least[resource]), amount(most[resource])
        if low is not None and high is not None and low > high:
            what = f"{resource}: minAllowed {least[resource]} is above maxAllowed {most[resource]}"
            yield item.finding(16, "vpa-bounds", "spec.resourcePolicy", what)


RULES = (rule_8, rule_9, rule_10, rule_11, rule_12, rule_13, rule_14, rule_15, rule_16)

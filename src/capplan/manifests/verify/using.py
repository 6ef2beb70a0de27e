"""What one object uses of another: keys, volumes, ports that are scraped, metrics that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from capplan.errors import almost
from capplan.findings import Finding, Severity
from capplan.manifests.verify.checks import autoscaling, capacity, identity, observing, references
from capplan.manifests.verify.meant import absent
from capplan.manifests.verify.promql import matchers, query_refused, series_of_rules
from capplan.manifests.verify.trees import (
    Tree,
    amount,
    is_placeholder,
    mapping,
    maps,
    matches,
    text,
    whole,
    words,
)
from capplan.manifests.verify.world import Item, Workload, World, alike, containers_with_paths

_KEYS = (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret"))
_FILES = (("configMap", "name", "ConfigMap"), ("secret", "secretName", "Secret"))


def keys(world: World) -> Iterator[Finding]:
    """A key that a pod asks for is in the ConfigMap or Secret."""
    for workload in world.all_pods:
        for field, container in containers_with_paths(workload):
            for index, entry in enumerate(maps(container, "env")):
                for source, kind in _KEYS:
                    reference = mapping(entry, f"valueFrom.{source}")
                    place = f"{field}.env[{index}]"
                    yield from _key(world, workload, place, kind, text(reference, "name"), [reference])
        for index, volume in enumerate(maps(workload.pod, "volumes")):
            for source, key, kind in _FILES:
                reference = mapping(volume, source)
                if not reference.get("optional"):
                    place, asked = f"{workload.pod_field}.volumes[{index}]", maps(reference, "items")
                    yield from _key(world, workload, place, kind, text(reference, key), asked)


def _key(
    world: World, workload: Workload, field: str, kind: str, name: str, asked: Sequence[Tree]
) -> Iterator[Finding]:
    """Yield the keys that are not there. What has no data is filled elsewhere, and a Secret perhaps too."""
    holders = [i for i in world.of(kind) if i.name == name and alike(i.namespace, workload.namespace)]
    parts = [mapping(i.tree, part) for i in holders for part in ("data", "binaryData", "stringData")]
    known = [str(key) for part in parts for key in part]
    severity: Severity = "error" if kind == "ConfigMap" else "warning"
    for reference in asked if known else ():
        key = reference.get("key")
        if isinstance(key, str) and key not in known and not reference.get("optional"):
            what = f"{kind} '{name}' has no key '{key}'"
            yield workload.item.finding(references.NO_KEY, field, what, None, severity)


def never_scales(world: World) -> Iterator[Finding]:
    """The target of an HPA can be passed by what the limits of its pods allow: one of its metrics, or all."""
    for workload in world.workloads:
        for scaler in (one for one in workload.scalers if one.kind == "HorizontalPodAutoscaler"):
            metrics = maps(scaler.tree, "spec.metrics")
            stuck = [index for index, metric in enumerate(metrics) if _is_out_of_reach(workload, metric)]
            severity: Severity = "error" if len(stuck) == len(metrics) else "warning"
            for index in stuck:
                resource = text(metrics[index], "resource.name")
                what = f"the limits of {workload.item.title} let its {resource} reach the target at most"
                field = f"spec.metrics[{index}]"
                yield scaler.finding(autoscaling.NEVER_SCALES, field, what, None, severity)


def _is_out_of_reach(workload: Workload, metric: Tree) -> bool:
    resource = text(metric, "resource.name")
    wanted = _wanted(mapping(metric, "resource.target"), workload.request(resource))
    limits = [mapping(one, "resources.limits").get(resource) for one in workload.containers]
    return bool(wanted and all(amount(one) for one in limits) and workload.limit(resource) <= wanted)


def _wanted(target: Tree, requested: float) -> float:
    """Return what a pod must use to be at the target; 0 where that is not known."""
    return (
        requested * whole(target, "averageUtilization", 0) / 100 or amount(target.get("averageValue")) or 0.0
    )


def shared_volumes(world: World) -> Iterator[Finding]:
    """A volume for one node or pod is not mounted by several."""
    claims = {(i.namespace, i.name): mapping(i.tree, "spec") for i in world.of("PersistentVolumeClaim")}
    for workload in world.of("Deployment"):
        pods = world.workload_of(workload)
        for index, volume in enumerate(maps(pods.pod, "volumes")):
            claim = claims.get((workload.namespace, text(volume, "persistentVolumeClaim.claimName")), {})
            modes = claim.get("accessModes")
            if pods.hi > 1 and modes in (["ReadWriteOnce"], ["ReadWriteOncePod"]):
                what = f"{pods.hi} pods share a volume of {modes[0]}"
                severity: Severity = "error" if modes == ["ReadWriteOncePod"] else "warning"
                field = f"{pods.pod_field}.volumes[{index}]"
                yield workload.finding(capacity.SHARED_VOLUME, field, what, None, severity)


def monitors(world: World) -> Iterator[Finding]:
    """A ServiceMonitor selects Services, and names a port that one of them has."""
    services = [item for item in world.of("Service") if not item.group]
    for monitor in world.of("ServiceMonitor"):
        if "namespaceSelector" in mapping(monitor.tree, "spec"):
            continue
        selector = mapping(monitor.tree, "spec.selector")
        near = [i for i in services if alike(i.namespace, monitor.namespace)]
        selected = [i for i in near if matches(selector, mapping(i.tree, "metadata.labels"))]
        if not selected:
            yield from absent(
                monitor, observing.MONITOR_WITHOUT_SERVICE, "spec.selector", "a Service for it", []
            )
        for index, endpoint in enumerate(maps(monitor.tree, "spec.endpoints")):
            port = text(endpoint, "port")
            known = [name for service in selected for name in words(maps(service.tree, "spec.ports"), "name")]
            if port and selected and port not in known:
                titles = " and ".join(service.title for service in selected)
                what = f"{titles} {'has' if len(selected) == 1 else 'have'} no port '{port}'"
                yield monitor.finding(observing.MONITOR_PORT, f"spec.endpoints[{index}].port", what)


def policy_ports(world: World) -> Iterator[Finding]:
    """A port that a network policy opens is one that the pods it selects have, as far as they say."""
    for policy in world.of("NetworkPolicy"):
        pods = world.selected(mapping(policy.tree, "spec.podSelector"), policy.namespace)
        own = [port for pod in pods for one in maps(pod.pod, "containers") for port in maps(one, "ports")]
        declared = [port for pod in pods for one in pod.containers for port in maps(one, "ports") if own]
        known = words(declared, "name") | words(declared, "containerPort")
        for number, rule in enumerate(maps(policy.tree, "spec.ingress")):
            for index, entry in enumerate(maps(rule, "ports")):
                port = entry.get("port")
                if not isinstance(port, str | int) or "endPort" in entry:
                    continue
                if known and port not in known:
                    what = f"opens port {port}, which no container of the pods declares"
                    yield policy.finding(identity.POLICY_PORT, f"spec.ingress[{number}].ports[{index}]", what)


_GONE: Mapping[str, str] = {
    r"kube_pod_container_resource_(requests|limits)_(cpu_cores|memory_bytes)": "{resource=…} of the metric",
    r"kube_node_status_(capacity|allocatable)_(cpu_cores|memory_bytes|pods)": "{resource=…} of the metric",
    r"kube_hpa_\w+": "kube_horizontalpodautoscaler_…",
    r"container_\w+\{[^}]*\b(pod_name|container_name)\b": "the labels pod and container",
    r"(apiserver_request_count|rest_client_request_latency_seconds\w*)": "the new names of Kubernetes 1.16",
    r"scheduler_scheduling_(algorithm_)?latency_seconds\w*": "scheduler_scheduling_attempt_duration_seconds",
}
"""Series and labels that kube-state-metrics 2.0 and Kubernetes 1.16 to 1.23 removed, and their successors."""

_GONE_METRIC = re.compile("|".join(rf"\b(?:{pattern})" for pattern in _GONE))


def metrics_that_are_gone(world: World) -> Iterator[Finding]:
    """No query asks for series that are no longer exported."""
    for item in world.of("PrometheusRule", "Rules", "ScaledObject"):
        for field, query in _queries(item):
            found = _GONE_METRIC.search(query)
            if found is not None:
                instead = next(new for old, new in _GONE.items() if re.match(old, found[0]))
                what = f"{found[0].partition('{')[0]} is not exported with what it asks for"
                yield item.finding(observing.GONE_METRIC, field, what, f"Use {instead}.")


def queries(world: World) -> Iterator[Finding]:
    """A rule's query can be read, and names the objects and recorded series that are there."""
    rules = world.of("PrometheusRule", "Rules")
    recorded = {text(rule, "record") for item in rules for rule in _rules(item)}
    for item in rules:
        for field, query in _queries(item):
            wrong = query_refused(query)
            if wrong:
                yield item.finding(observing.QUERY, field, wrong)
            yield from _asks_for(world, item, field, query, recorded)


_NAMED_BY = {
    "deployment": "Deployment",
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
    "cronjob": "CronJob",
    "horizontalpodautoscaler": "HorizontalPodAutoscaler",
    "persistentvolumeclaim": "PersistentVolumeClaim",
    "service": "Service",
    "job": "Service",
    "namespace": "Namespace",
}
"""Labels of series, and the objects that they name; the job of a ServiceMonitor is the Service."""


def _asks_for(world: World, item: Item, field: str, query: str, recorded: set[str]) -> Iterator[Finding]:
    """Yield what a query nearly names: a series of another rule, or an object."""
    for name in series_of_rules(query):
        near = almost(name, recorded) if name not in recorded else None
        if near:
            what, remedy = f"no rule records '{name}'", f"Did you mean '{near}'?"
            yield item.finding(observing.EMPTY_QUERY, field, what, remedy)
    for label, value in matchers(query):
        kind = _NAMED_BY.get(label, "")
        names = {one.name for one in world.of(kind)} if kind else set()
        near = almost(value, names) if value not in names and not is_placeholder(value) else None
        if near:
            what, remedy = f'no {kind} is called as in {label}="{value}"', f"Did you mean '{near}'?"
            yield item.finding(observing.EMPTY_QUERY, field, what, remedy)


def _rules(item: Item) -> list[Tree]:
    return [rule for group in maps(item.tree, "spec.groups") for rule in maps(group, "rules")]


def _queries(item: Item) -> Iterator[tuple[str, str]]:
    for number, group in enumerate(maps(item.tree, "spec.groups")):
        for index, rule in enumerate(maps(group, "rules")):
            yield f"spec.groups[{number}].rules[{index}].expr", text(rule, "expr")
    for index, trigger in enumerate(maps(item.tree, "spec.triggers")):
        yield f"spec.triggers[{index}].metadata.query", text(trigger, "metadata.query")


RULES = (keys, never_scales, shared_volumes, monitors, policy_ports, metrics_that_are_gone, queries)

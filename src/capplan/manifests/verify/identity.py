"""Rules 1 to 7: identity, and references from one object to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from capplan.manifests.verify.world import (
    Finding,
    Item,
    Tree,
    Workload,
    World,
    containers_with_paths,
    is_empty,
    mapping,
    maps,
    matches,
    text,
)

CLUSTER_SCOPED = frozenset(
    (
        "Namespace",
        "PriorityClass",
        "StorageClass",
        "IngressClass",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "PersistentVolume",
        "NodePool",
        "EC2NodeClass",
        "ComputeClass",
        "ClusterTriggerAuthentication",
    )
)


def rule_1(world: World) -> Iterator[Finding]:
    """Identities are unique, namespaces exist."""
    seen: Counter[tuple[str, str, str, str]] = Counter()
    for item in world.items:
        key = (item.group, item.kind, item.namespace, item.name)
        seen[key] += 1
        if seen[key] == 2:
            yield item.finding(1, "duplicate-object", "metadata.name", "stands twice in one environment")
        if item.namespace and not world.exists("Namespace", "", item.namespace):
            what = f"namespace '{item.namespace}' is not there"
            yield item.finding(
                1, "no-namespace", "metadata.namespace", what, "Add it, or declare it.", "warning"
            )


def rule_2(world: World) -> Iterator[Finding]:
    """A workload selects its own pods and no others."""
    for workload in world.workloads:
        item, selector = workload.item, mapping(workload.item.tree, "spec.selector")
        field = "spec.selector"
        if is_empty(selector):
            yield item.finding(2, "empty-selector", field, "selects nothing", "Give matchLabels.")
            continue
        if not matches(selector, workload.labels):
            yield item.finding(
                2, "selector-misses-own-pods", field, "does not match the labels of its own pods"
            )
        for other in world.selected(selector, workload.namespace):
            if other.item is not item:
                what = f"selects the pods of {other.item.title} too"
                yield item.finding(2, "selector-takes-others", field, what)
        yield from _spread(workload)


def _spread(workload: Workload) -> Iterator[Finding]:
    terms: list[Tree] = maps(workload.pod, "topologySpreadConstraints")
    anti = mapping(workload.pod, "affinity.podAntiAffinity")
    terms += maps(anti, "requiredDuringSchedulingIgnoredDuringExecution")
    preferred = maps(anti, "preferredDuringSchedulingIgnoredDuringExecution")
    terms += [mapping(entry, "podAffinityTerm") for entry in preferred]
    for term in terms:
        if not matches(mapping(term, "labelSelector"), workload.labels):
            what = "a spread or anti-affinity selector does not match its own pods"
            yield workload.item.finding(2, "spread-misses-own-pods", "spec.template.spec", what)


def rule_3(world: World) -> Iterator[Finding]:
    """A Service reaches pods, on ports that every one of them declares."""
    for service in world.of("Service"):
        selector = mapping(service.tree, "spec.selector")
        if not selector or service.group:
            continue
        selected = world.selected({"matchLabels": selector}, service.namespace)
        if not selected:
            yield service.finding(
                3, "service-without-pods", "spec.selector", "selects the pods of no workload"
            )
        for index, port in enumerate(maps(service.tree, "spec.ports")):
            target = port.get("targetPort", port.get("port"))
            for workload in selected:
                if target not in _declared(workload):
                    what = f"port {target} is not declared by the containers of {workload.item.title}"
                    yield service.finding(3, "unknown-target-port", f"spec.ports[{index}].targetPort", what)


def _declared(workload: Workload) -> set[Any]:
    ports = [port for container in workload.containers for port in maps(container, "ports")]
    return {port.get("name") for port in ports} | {port.get("containerPort") for port in ports}


_TARGET = {
    "HorizontalPodAutoscaler": "spec.scaleTargetRef",
    "ScaledObject": "spec.scaleTargetRef",
    "VerticalPodAutoscaler": "spec.targetRef",
}


def rule_5(world: World) -> Iterator[Finding]:
    """Autoscalers scale something that exists."""
    known = {(w.item.kind, w.namespace, w.name): w for w in world.workloads}
    for item in world.of(*_TARGET):
        field = _TARGET[item.kind]
        target = mapping(item.tree, field)
        kind, name = str(target.get("kind", "Deployment")), str(target.get("name"))
        workload = known.get((kind, item.namespace, name))
        if workload is None:
            if kind in ("Deployment", "StatefulSet"):
                yield item.finding(5, "no-target", field, f"{kind} '{name}' is not there")
            continue
        if target.get("apiVersion", "apps/v1") != workload.item.tree.get("apiVersion"):
            what = f"says {target.get('apiVersion')}, and {workload.item.title} is another"
            yield item.finding(5, "target-version", f"{field}.apiVersion", what)
        if item.kind == "VerticalPodAutoscaler":
            yield from _vpa_containers(item, workload)


def _vpa_containers(item: Item, workload: Workload) -> Iterator[Finding]:
    known = {container.get("name") for container in workload.containers} | {"*"}
    for policy in maps(item.tree, "spec.resourcePolicy.containerPolicies"):
        if policy.get("containerName") not in known:
            what = f"{workload.item.title} has no container '{policy.get('containerName')}'"
            yield item.finding(5, "no-container", "spec.resourcePolicy.containerPolicies", what)


def rule_6(world: World) -> Iterator[Finding]:
    """What pods refer to exists, and names inside a container are unique."""
    for workload in world.workloads:
        yield from _pod_references(world, workload)
        for field, container in containers_with_paths(workload):
            yield from _container(world, workload, field, container)


def _pod_references(world: World, workload: Workload) -> Iterator[Finding]:
    pod, namespace = workload.pod, workload.namespace
    wanted = [
        ("ServiceAccount", namespace, text(pod, "serviceAccountName")),
        ("PriorityClass", "", text(pod, "priorityClassName")),
    ]
    for volume in maps(pod, "volumes"):
        wanted += [
            ("ConfigMap", namespace, text(volume, "configMap.name")),
            ("Secret", namespace, text(volume, "secret.secretName")),
            ("PersistentVolumeClaim", namespace, text(volume, "persistentVolumeClaim.claimName")),
        ]
    for kind, where, name in wanted:
        builtin = name in ("", "default") or name.startswith("system-")
        if not builtin and not world.exists(kind, where, name):
            what = f"{kind} '{name}' is not there"
            severity = "warning" if kind in ("Secret", "PriorityClass", "PersistentVolumeClaim") else "error"
            yield workload.item.finding(6, "no-reference", "spec.template.spec", what, "", severity)


def _container(world: World, workload: Workload, field: str, container: Tree) -> Iterator[Finding]:
    item = workload.item
    for kind, name in _environment(container):
        if name and not world.exists(kind, workload.namespace, name):
            severity = "warning" if kind == "Secret" else "error"
            yield item.finding(
                6, "no-reference", f"{field}.env", f"{kind} '{name}' is not there", "", severity
            )
    for part in ("env", "ports"):
        names = Counter(str(entry["name"]) for entry in maps(container, part) if "name" in entry)
        for name in (name for name, count in names.items() if count > 1):
            yield item.finding(6, "name-twice", f"{field}.{part}", f"'{name}' stands twice")
    for entry in maps(container, "env"):
        if "value" in entry and "valueFrom" in entry:
            yield item.finding(
                6, "value-twice", f"{field}.env", f"'{entry.get('name')}' has value and valueFrom"
            )
    volumes = {entry.get("name") for entry in maps(workload.pod, "volumes")}
    volumes |= {text(entry, "metadata.name") for entry in maps(item.tree, "spec.volumeClaimTemplates")}
    for mount in maps(container, "volumeMounts"):
        if mount.get("name") not in volumes:
            yield item.finding(6, "no-volume", f"{field}.volumeMounts", f"no volume '{mount.get('name')}'")
    yield from _probes(item, field, container)


def _environment(container: Tree) -> Iterator[tuple[str, str]]:
    """Yield what a container's environment comes from, optional sources left out."""
    sources = [mapping(entry, "valueFrom") for entry in maps(container, "env")] + maps(container, "envFrom")
    for source in sources:
        for key, kind in (
            ("secretKeyRef", "Secret"),
            ("secretRef", "Secret"),
            ("configMapKeyRef", "ConfigMap"),
            ("configMapRef", "ConfigMap"),
        ):
            reference = mapping(source, key)
            if reference and not reference.get("optional"):
                yield kind, text(reference, "name")


_HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")


def _probes(item: Item, field: str, container: Tree) -> Iterator[Finding]:
    ports = maps(container, "ports")
    known = {port.get("name") for port in ports} | {port.get("containerPort") for port in ports}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        said = mapping(container, probe)
        if not said:
            continue
        handlers = [handler for handler in _HANDLERS if handler in said]
        if len(handlers) != 1:
            what = f"needs one of {', '.join(_HANDLERS)}"
            yield item.finding(6, "probe-handler", f"{field}.{probe}", what)
        for handler in handlers:
            port = mapping(said, handler).get("port")
            if port is not None and port not in known:
                what = f"port {port} is not declared"
                yield item.finding(6, "probe-port", f"{field}.{probe}", what)


def rule_7(world: World) -> Iterator[Finding]:
    """Network policies select pods, and name networks without host bits."""
    for policy in world.of("NetworkPolicy"):
        selector = mapping(policy.tree, "spec.podSelector")
        if not is_empty(selector) and not world.selected(selector, policy.namespace):
            what = "selects the pods of no workload"
            yield policy.finding(7, "policy-without-pods", "spec.podSelector", what, "", "warning")
        for side, peers in (("ingress", "from"), ("egress", "to")):
            for rule in maps(policy.tree, f"spec.{side}"):
                for peer in maps(rule, peers):
                    yield from _block(policy, side, mapping(peer, "ipBlock"))


def _block(policy: Item, side: str, block: Tree) -> Iterator[Finding]:
    if not block:
        return
    field = f"spec.{side}"
    try:
        network: Any = ip_network(str(block.get("cidr")))
    except ValueError as error:
        yield policy.finding(7, "cidr", field, f"{error}", "Write the network's first address.")
        return
    for inner in block.get("except") or []:
        try:
            inside = ip_network(str(inner)).subnet_of(network)
        except (ValueError, TypeError):
            inside = False
        if not inside:
            yield policy.finding(7, "except-outside", field, f"{inner} does not lie inside {network}")


RULES = (rule_1, rule_2, rule_3, rule_5, rule_6, rule_7)

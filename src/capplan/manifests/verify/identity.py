"""Identity, and references from one object to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from capplan.findings import Finding, Severity
from capplan.manifests.verify.checks import identity, references
from capplan.manifests.verify.world import (
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
    words,
)

_NAMESPACED = frozenset(
    (
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "Job",
        "CronJob",
        "Pod",
        "Service",
        "ServiceAccount",
        "ConfigMap",
        "Secret",
        "PersistentVolumeClaim",
        "Ingress",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "HorizontalPodAutoscaler",
        "VerticalPodAutoscaler",
        "ScaledObject",
        "ResourceQuota",
        "LimitRange",
        "ServiceMonitor",
        "PrometheusRule",
    )
)


def identities(world: World) -> Iterator[Finding]:
    """Identities are unique, namespaces exist."""
    seen: Counter[tuple[str, str, str, str]] = Counter()
    for item in world.items:
        key = (item.group, item.kind, item.namespace, item.name)
        seen[key] += 1
        if seen[key] == 2:
            yield item.finding(
                identity.DUPLICATE_OBJECT, "metadata.name", "is defined twice in one environment"
            )
        if item.namespace and not world.exists("Namespace", "", item.namespace):
            what = f"namespace '{item.namespace}' is not among the manifests"
            yield item.finding(identity.NO_NAMESPACE, "metadata.namespace", what)
    yield from _without_namespace(world)


def _without_namespace(world: World) -> Iterator[Finding]:
    """Yield a warning for objects that name no namespace beside others that do."""
    inside = [item for item in world.items if item.kind in _NAMESPACED]
    if not any(item.namespace for item in inside):
        return
    for item in inside:
        if not item.namespace and item.group != "serving.knative.dev":
            what = "names no namespace, but others do"
            yield item.finding(identity.UNNAMED_NAMESPACE, "metadata.namespace", what)


_SELECTING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")


def selectors(world: World) -> Iterator[Finding]:
    """A workload selects its own pods and no others."""
    for workload in world.all_pods:
        item, selector = workload.item, mapping(workload.item.tree, "spec.selector")
        field = "spec.selector"
        yield from _spread(world, workload)
        if item.kind not in _SELECTING:
            continue
        if is_empty(selector):
            yield item.finding(identity.EMPTY_SELECTOR, field, "selects nothing")
            continue
        if not matches(selector, workload.labels):
            yield item.finding(
                identity.SELECTOR_MISSES_OWN_PODS, field, "does not match the labels of its own pods"
            )
        for other in world.selected(selector, workload.namespace):
            if other.item is not item:
                what = f"selects the pods of {other.item.title} too"
                yield item.finding(identity.SELECTOR_TAKES_OTHERS, field, what)


def _spread(world: World, workload: Workload) -> Iterator[Finding]:
    """Yield a finding for each spread that counts no pod of its own; pods may also keep away from others."""
    field = workload.pod_field
    for term in maps(workload.pod, "topologySpreadConstraints"):
        if not _selects(term, workload):
            what = "a spread's selector does not match its own pods"
            yield workload.item.finding(identity.SPREAD_MISSES_OWN_PODS, field, what)
    anti = mapping(workload.pod, "affinity.podAntiAffinity")
    preferred = maps(anti, "preferredDuringSchedulingIgnoredDuringExecution")
    terms: list[tuple[Tree, Severity]] = [
        (term, "error") for term in maps(anti, "requiredDuringSchedulingIgnoredDuringExecution")
    ]
    terms += [(mapping(entry, "podAffinityTerm"), "warning") for entry in preferred]
    for term, severity in terms:
        others = world.selected(mapping(term, "labelSelector"), workload.namespace)
        elsewhere = "namespaces" in term or "namespaceSelector" in term
        if not _selects(term, workload) and not others and not elsewhere:
            what = "an anti-affinity selector matches neither its own pods nor others"
            yield workload.item.finding(identity.SPREAD_MISSES_OWN_PODS, field, what, None, severity)


def _selects(term: Tree, workload: Workload) -> bool:
    """Say whether a term means the workload's own pods; without a selector it means none."""
    return isinstance(term.get("labelSelector"), dict) and matches(term["labelSelector"], workload.labels)


def services(world: World) -> Iterator[Finding]:
    """A Service reaches pods, on ports that every one of them declares."""
    for service in world.of("Service"):
        selector = mapping(service.tree, "spec.selector")
        if not selector or service.group:
            continue
        labels = {"matchLabels": selector}
        selected = world.selected(labels, service.namespace)
        if not selected and not world.made_by_operator(labels, service.namespace):
            yield service.finding(
                identity.SERVICE_WITHOUT_PODS, "spec.selector", "selects the pods of no workload"
            )
        for index, port in enumerate(maps(service.tree, "spec.ports")):
            for workload in (workload for workload in selected if workload.runs_on):
                yield from _target_port(service, f"spec.ports[{index}].targetPort", port, workload)


def _target_port(service: Item, field: str, port: Tree, workload: Workload) -> Iterator[Finding]:
    """Yield a finding if pods do not declare a port: by name they cannot be reached then."""
    target = port.get("targetPort", port.get("port"))
    ports = [declared for container in workload.containers for declared in maps(container, "ports")]
    if target not in [*words(ports, "name"), *words(ports, "containerPort")]:
        what = f"port {target} is not declared by the containers of {workload.item.title}"
        severity: Severity = "error" if isinstance(target, str) else "warning"
        yield service.finding(identity.UNKNOWN_TARGET_PORT, field, what, None, severity)


_TARGET = {
    "HorizontalPodAutoscaler": "spec.scaleTargetRef",
    "ScaledObject": "spec.scaleTargetRef",
    "VerticalPodAutoscaler": "spec.targetRef",
}


def scale_targets(world: World) -> Iterator[Finding]:
    """Autoscalers scale something that exists."""
    known = {(w.item.kind, w.namespace, w.name): w for w in world.all_pods}
    for item in world.of(*_TARGET):
        field = _TARGET[item.kind]
        target = mapping(item.tree, field)
        kind, name = str(target.get("kind", "Deployment")), str(target.get("name"))
        workload = known.get((kind, item.namespace, name))
        if workload is None:
            if kind in ("Deployment", "StatefulSet"):
                yield item.finding(references.NO_TARGET, field, f"{kind} '{name}' is not among the manifests")
            continue
        default = "apps/v1" if item.kind == "ScaledObject" else None
        version = target.get("apiVersion", default)
        if version != workload.item.tree.get("apiVersion"):
            what = f"says {version}, but {workload.item.title} has another"
            yield item.finding(references.TARGET_VERSION, f"{field}.apiVersion", what)
        if item.kind == "VerticalPodAutoscaler":
            yield from _vpa_containers(item, workload)


def _vpa_containers(item: Item, workload: Workload) -> Iterator[Finding]:
    known = [*words(workload.containers, "name"), "*"]
    for policy in maps(item.tree, "spec.resourcePolicy.containerPolicies"):
        if policy.get("containerName") not in known:
            what = f"{workload.item.title} has no container '{policy.get('containerName')}'"
            yield item.finding(references.NO_CONTAINER, "spec.resourcePolicy.containerPolicies", what)


_MAY_BE_ELSEWHERE = ("Secret", "PriorityClass", "PersistentVolumeClaim")
"""Kinds that are often made apart from the manifests: that they are missing is a warning."""

_VOLUMES = (
    ("configMap", "name", "ConfigMap"),
    ("secret", "secretName", "Secret"),
    ("secret", "name", "Secret"),
    ("persistentVolumeClaim", "claimName", "PersistentVolumeClaim"),
)
_SOURCES = (
    ("secretKeyRef", "Secret"),
    ("secretRef", "Secret"),
    ("configMapKeyRef", "ConfigMap"),
    ("configMapRef", "ConfigMap"),
)


def what_pods_refer_to(world: World) -> Iterator[Finding]:
    """What pods refer to exists, and names inside a container are unique."""
    for workload in world.all_pods:
        references = [(workload.pod_field, kind, name) for kind, name in _of_pod(workload)]
        for field, container in containers_with_paths(workload):
            references += [(f"{field}.env", kind, name) for kind, name in _of_container(container)]
            yield from _container(workload, field, container)
        for field, kind, name in dict.fromkeys(references):
            yield from _missing(world, workload.item, field, kind, name)
    for item in world.of("ScaledObject", "ScaledJob"):
        for index, trigger in enumerate(maps(item.tree, "spec.triggers")):
            reference = mapping(trigger, "authenticationRef")
            kind = text(reference, "kind") or "TriggerAuthentication"
            field = f"spec.triggers[{index}].authenticationRef"
            yield from _missing(world, item, field, kind, text(reference, "name"))


def _missing(world: World, item: Item, field: str, kind: str, name: str) -> Iterator[Finding]:
    clusterwide = kind in ("PriorityClass", "ClusterTriggerAuthentication")
    if name and not world.exists(kind, "" if clusterwide else item.namespace, name):
        severity: Severity = "warning" if kind in _MAY_BE_ELSEWHERE else "error"
        yield item.finding(
            references.NO_REFERENCE, field, f"{kind} '{name}' is not among the manifests", None, severity
        )


def _of_pod(workload: Workload) -> Iterator[tuple[str, str]]:
    """Yield what a pod refers to, volumes that are optional left out."""
    pod = workload.pod
    yield "ServiceAccount", text(pod, "serviceAccountName")
    yield "PriorityClass", text(pod, "priorityClassName")
    for entry in maps(pod, "imagePullSecrets"):
        yield "Secret", text(entry, "name")
    volumes = maps(pod, "volumes")
    for volume in [*volumes, *(source for v in volumes for source in maps(v, "projected.sources"))]:
        for source, key, kind in _VOLUMES:
            reference = mapping(volume, source)
            if not reference.get("optional"):
                yield kind, text(reference, key)


def _of_container(container: Tree) -> Iterator[tuple[str, str]]:
    """Yield what a container's environment comes from, optional sources left out."""
    sources = [mapping(entry, "valueFrom") for entry in maps(container, "env")] + maps(container, "envFrom")
    for source in sources:
        for key, kind in _SOURCES:
            reference = mapping(source, key)
            if not reference.get("optional"):
                yield kind, text(reference, "name")


def _container(workload: Workload, field: str, container: Tree) -> Iterator[Finding]:
    item = workload.item
    for part in ("env", "ports"):
        names = Counter(str(entry["name"]) for entry in maps(container, part) if "name" in entry)
        for name in (name for name, count in names.items() if count > 1):
            yield item.finding(references.NAME_TWICE, f"{field}.{part}", f"'{name}' is defined twice")
    for entry in maps(container, "env"):
        called = entry.get("name")
        if entry.get("value") is not None and entry.get("valueFrom") is not None:
            yield item.finding(references.VALUE_TWICE, f"{field}.env", f"'{called}' has value and valueFrom")
        elif "value" not in entry and "valueFrom" not in entry:
            what = f"'{called}' has neither value nor valueFrom: it will be empty"
            yield item.finding(references.NO_VALUE, f"{field}.env", what)
    claims = [mapping(claim, "metadata") for claim in maps(item.tree, "spec.volumeClaimTemplates")]
    volumes = [*words(maps(workload.pod, "volumes"), "name"), *words(claims, "name")]
    for mount in maps(container, "volumeMounts"):
        if mount.get("name") not in volumes:
            yield item.finding(
                references.NO_VOLUME, f"{field}.volumeMounts", f"no volume '{mount.get('name')}'"
            )
    yield from _probes(item, field, container)


_HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")


def _probes(item: Item, field: str, container: Tree) -> Iterator[Finding]:
    ports = maps(container, "ports")
    known = [*words(ports, "name"), *words(ports, "containerPort")]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        said = mapping(container, probe)
        if not said:
            continue
        handlers = [handler for handler in _HANDLERS if handler in said]
        if len(handlers) != 1:
            what = f"needs one of {', '.join(_HANDLERS)}"
            yield item.finding(references.PROBE_HANDLER, f"{field}.{probe}", what)
        for handler in handlers:
            port = mapping(said, handler).get("port")
            if port is not None and port not in known:
                # A number works without a declaration; a name means nothing then.
                severity: Severity = "error" if isinstance(port, str) else "warning"
                what = f"port {port} is not declared"
                yield item.finding(references.PROBE_PORT, f"{field}.{probe}", what, None, severity)


def network_policies(world: World) -> Iterator[Finding]:
    """Network policies select pods, and name networks without host bits."""
    for policy in world.of("NetworkPolicy"):
        selector = mapping(policy.tree, "spec.podSelector")
        selected = is_empty(selector) or world.selected(selector, policy.namespace)
        if not selected and not world.made_by_operator(selector, policy.namespace):
            what = "selects the pods of no workload"
            yield policy.finding(identity.POLICY_WITHOUT_PODS, "spec.podSelector", what)
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
        yield policy.finding(identity.POLICY_CIDR, field, f"{error}")
        return
    excepted = block.get("except")
    for inner in excepted if isinstance(excepted, list) else []:
        try:
            part = ip_network(str(inner))
            inside = part != network and part.subnet_of(network)
        except (ValueError, TypeError):
            inside = False
        if not inside:
            yield policy.finding(
                identity.POLICY_EXCEPT_OUTSIDE, field, f"{inner} does not lie inside {network}"
            )


RULES = (identities, selectors, services, scale_targets, what_pods_refer_to, network_policies)

"""Identity, and references from one object to another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_network
from posixpath import dirname
from typing import Any

from capplan.findings import Finding, Severity
from capplan.manifests.verify.checks import identity, references
from capplan.manifests.verify.kinds import PODS
from capplan.manifests.verify.meant import absent, alternatives, claims_made, without_pods
from capplan.manifests.verify.trees import Tree, at, is_empty, mapping, maps, text, words
from capplan.manifests.verify.values import every_at
from capplan.manifests.verify.world import Item, Workload, World, containers_with_paths

_NAMESPACED = frozenset(
    (
        "Deployment",
        "LeaderWorkerSet",
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


def namespaces(world: World) -> Iterator[Finding]:
    """Namespaces exist, and objects that belong together name them alike: each is said once."""
    missing = dict.fromkeys(item.namespace for item in world.items)
    # However the objects are written, the same one is named.
    for item in sorted(world.items, key=lambda item: item.title):
        if item.namespace in missing and item.namespace:
            del missing[item.namespace]
            if not world.exists("Namespace", "", item.namespace):
                what = f"namespace '{item.namespace}' is not among the manifests"
                yield item.finding(identity.NO_NAMESPACE, "metadata.namespace", what)
    inside = [item for item in world.items if item.kind in _NAMESPACED]
    unnamed = [item for item in inside if not item.namespace and item.group != "serving.knative.dev"]
    for directory in sorted({dirname(item.path) for item in unnamed}):
        here = [item for item in inside if dirname(item.path) == directory]
        without = [item for item in here if item in unnamed]
        if len(without) < len(here):
            others = (
                "" if len(without) == 1 else f", nor do others of {directory or 'here'} ({len(without) - 1})"
            )
            what = f"names no namespace{others}, but objects beside it do"
            yield without[0].finding(identity.UNNAMED_NAMESPACE, "metadata.namespace", what)


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
            if text(item.tree, "apiVersion") in ("apps/v1", "apps/v1beta2"):
                yield item.finding(identity.EMPTY_SELECTOR, field, "selects nothing")
            continue
        if not workload.matches(selector):
            yield item.finding(
                identity.SELECTOR_MISSES_OWN_PODS, field, "does not match the labels of its own pods"
            )
        for other in world.selected(selector, workload.namespace):
            if other.item.title != item.title and other.namespace == workload.namespace and other.runs_on:
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
    terms = maps(anti, "requiredDuringSchedulingIgnoredDuringExecution")
    terms += [mapping(entry, "podAffinityTerm") for entry in preferred]
    for term in terms:
        others = world.selected(mapping(term, "labelSelector"), workload.namespace)
        elsewhere = "namespaces" in term or "namespaceSelector" in term
        if not _selects(term, workload) and not others and not elsewhere:
            what = "an anti-affinity selector matches neither its own pods nor others"
            yield workload.item.finding(identity.SPREAD_MISSES_OWN_PODS, field, what)


def _selects(term: Tree, workload: Workload) -> bool:
    """Say whether a term means the workload's own pods; without a selector it means none."""
    return isinstance(term.get("labelSelector"), dict) and workload.matches(term["labelSelector"])


def services(world: World) -> Iterator[Finding]:
    """A Service reaches pods, on ports that every one of them declares."""
    for service in world.of("Service"):
        selector = mapping(service.tree, "spec.selector")
        if not selector or service.group or text(service.tree, "spec.type") == "ExternalName":
            continue
        labels = {"matchLabels": selector}
        selected = [w for w in world.selected(labels, service.namespace) if w.runs_on and w.pod]
        yield from without_pods(world, service, identity.SERVICE_WITHOUT_PODS, "spec.selector", labels)
        for index, port in enumerate(maps(service.tree, "spec.ports")):
            yield from _target_port(service, f"spec.ports[{index}].targetPort", port, selected)


def _target_port(service: Item, field: str, port: Tree, selected: list[Workload]) -> Iterator[Finding]:
    """Yield a finding if pods do not declare a port: by name they cannot be reached then."""
    target = port.get("targetPort", port.get("port"))
    lacking = []
    for workload in selected:
        ports = [declared for container in workload.containers for declared in maps(container, "ports")]
        if target not in [*words(ports, "name"), *words(ports, "containerPort")]:
            lacking.append(workload)
    for workload in lacking:
        what = f"port {target} is not declared by the containers of {workload.item.title}"
        named = isinstance(target, str) and not target.isdecimal()
        severity: Severity = "info" if not named else "error" if len(lacking) == len(selected) else "warning"
        yield service.finding(identity.UNKNOWN_TARGET_PORT, field, what, None, severity)


_TARGET = {
    "HorizontalPodAutoscaler": "spec.scaleTargetRef",
    "ScaledObject": "spec.scaleTargetRef",
    "VerticalPodAutoscaler": "spec.targetRef",
}


def scale_targets(world: World) -> Iterator[Finding]:
    """Autoscalers scale something that exists."""
    for item in world.of(*_TARGET):
        field = _TARGET[item.kind]
        target = mapping(item.tree, field)
        kind, name = str(target.get("kind", "Deployment")), str(target.get("name"))
        if kind in _NOT_SCALED and item.kind != "VerticalPodAutoscaler":
            yield item.finding(references.NOT_SCALABLE, field, f"a {kind} has no number of replicas")
        workload = world.workload(kind, item.namespace, name)
        if workload is None:
            if kind in PODS and text(target, "name") and not world.exists(kind, item.namespace, name):
                others = alternatives(world, kind, item.namespace, name)
                yield from absent(item, references.NO_TARGET, field, f"{kind} '{name}'", others)
            continue
        default = "apps/v1" if item.kind == "ScaledObject" else ""
        version = str(target.get("apiVersion", default))
        if version.rpartition("/")[0] != workload.item.group:
            what = (
                f"says {version or 'no API version'}, but {workload.item.title} is of {workload.item.group}"
            )
            yield item.finding(references.TARGET_VERSION, f"{field}.apiVersion", what)
        if item.kind == "VerticalPodAutoscaler":
            yield from _vpa_containers(item, workload)


_NOT_SCALED = ("DaemonSet", "Pod", "Job", "CronJob", "Service")


def _vpa_containers(item: Item, workload: Workload) -> Iterator[Finding]:
    known = [*words(workload.containers, "name"), "*"]
    for policy in maps(item.tree, "spec.resourcePolicy.containerPolicies"):
        if policy.get("containerName") not in known:
            what = f"{workload.item.title} has no container '{policy.get('containerName')}'"
            yield item.finding(references.NO_CONTAINER, "spec.resourcePolicy.containerPolicies", what)


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


_ROLES = ("admin", "cluster-admin", "edit", "view")
"""Roles that every cluster has, besides those that begin with `system:`."""


def what_pods_refer_to(world: World) -> Iterator[Finding]:
    """What pods refer to exists, and names inside a container are unique."""
    for workload in world.all_pods:
        references = [(workload.pod_field, kind, name) for kind, name in _of_pod(workload)]
        for field, container in containers_with_paths(workload):
            references += [(f"{field}.env", kind, name) for kind, name in _of_container(container)]
            yield from _container(workload, field, container)
        for part in ("containers", "initContainers", "volumes"):
            yield from _twice(workload.item, workload.pod_field, workload.pod, part, "name", "error")
        for field, kind, name in dict.fromkeys(references):
            yield from _missing(world, workload.item, field, kind, name)
    for item in world.of("ScaledObject", "ScaledJob"):
        for index, trigger in enumerate(maps(item.tree, "spec.triggers")):
            reference = mapping(trigger, "authenticationRef")
            kind = text(reference, "kind") or "TriggerAuthentication"
            field = f"spec.triggers[{index}].authenticationRef"
            yield from _missing(world, item, field, kind, text(reference, "name"))


_CANARY, _BLUE = "spec.strategy.canary", "spec.strategy.blueGreen"
_REFERENCES = (
    ("StatefulSet", "Service", "spec.serviceName"),
    ("Rollout", "Service", f"{_CANARY}.canaryService {_CANARY}.stableService"),
    ("Rollout", "Service", f"{_BLUE}.activeService {_BLUE}.previewService"),
    ("Rollout", "AnalysisTemplate", f"{_CANARY}.steps[].analysis.templates[] {_CANARY}.analysis.templates[]"),
    ("Rollout", "AnalysisTemplate", f"{_BLUE}.prePromotionAnalysis.templates[]"),
    ("Rollout", "AnalysisTemplate", f"{_BLUE}.postPromotionAnalysis.templates[]"),
)


def what_controllers_refer_to(world: World) -> Iterator[Finding]:
    """Services and templates of analyses that a controller reads exist."""
    for owner, kind, paths in _REFERENCES:
        for item in world.of(owner):
            for path in paths.split():
                for field, value in every_at(item.tree, path):
                    prefix = "Cluster" if at(value, "clusterScope") is True else ""
                    name = text(value, "templateName") if path.endswith("[]") else text({"": value}, "")
                    yield from _missing(world, item, field, f"{prefix}{kind}", name)


def bindings(world: World) -> Iterator[Finding]:
    """Bindings name roles that exist, and no ServiceAccount that is misspelt."""
    for item in world.of("RoleBinding", "ClusterRoleBinding"):
        role = mapping(item.tree, "roleRef")
        if text(role, "kind") in ("Role", "ClusterRole") and not _is_everywhere(text(role, "name")):
            yield from _missing(world, item, "roleRef", text(role, "kind"), text(role, "name"))
        for subject in maps(item.tree, "subjects"):
            name, space = text(subject, "name"), text(subject, "namespace") or item.namespace
            if subject.get("kind") == "ServiceAccount" and not world.exists("ServiceAccount", space, name):
                others = alternatives(world, "ServiceAccount", space, name)
                if others:
                    what = f"ServiceAccount '{name}'"
                    yield from absent(item, references.NO_REFERENCE, "subjects", what, others)


def _is_everywhere(role: str) -> bool:
    return role in _ROLES or role.startswith("system:")


def _missing(world: World, item: Item, field: str, kind: str, name: str) -> Iterator[Finding]:
    clusterwide = kind == "PriorityClass" or kind.startswith("Cluster")
    namespace = "" if clusterwide else item.namespace
    made = claims_made(world, namespace) if kind == "PersistentVolumeClaim" else ()
    if name and name not in made and not world.exists(kind, namespace, name):
        others = alternatives(world, kind, namespace, name)
        yield from absent(item, references.NO_REFERENCE, field, f"{kind} '{name}'", others)


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
    twice = partial(_twice, item, field, container)
    yield from twice("env", "name", "warning")
    yield from twice("ports", "name", "error")
    yield from twice("volumeMounts", "mountPath", "error")
    for index, entry in enumerate(maps(container, "env")):
        called, place = entry.get("name"), f"{field}.env[{index}]"
        if entry.get("value") not in (None, "") and entry.get("valueFrom") is not None:
            yield item.finding(references.VALUE_TWICE, place, f"'{called}' has value and valueFrom")
        elif "value" not in entry and "valueFrom" not in entry:
            what = f"'{called}' has neither value nor valueFrom: it will be empty"
            yield item.finding(references.NO_VALUE, place, what)
    yield from _given_later(item, field, maps(container, "env"))
    claims = [mapping(claim, "metadata") for claim in maps(item.tree, "spec.volumeClaimTemplates")]
    volumes = [*words(maps(workload.pod, "volumes"), "name"), *words(claims, "name")]
    for index, mount in enumerate(maps(container, "volumeMounts")):
        if mount.get("name") not in volumes:
            what = f"no volume '{mount.get('name')}'"
            yield item.finding(references.NO_VOLUME, f"{field}.volumeMounts[{index}]", what)
    yield from _probes(item, field, container)


_ANOTHER = re.compile(r"(?<!\$)\$\((\w+)\)")


def _given_later(item: Item, field: str, env: list[Tree]) -> Iterator[Finding]:
    """Yield the variables that use one which is given after them: it stays as it is written."""
    places = {str(entry.get("name")): index for index, entry in enumerate(env)}
    for index, entry in enumerate(env):
        for name in _ANOTHER.findall(text(entry, "value")):
            if places.get(name, -1) > index:
                what = f"'{entry.get('name')}' uses $({name}), which is given after it and stays so"
                remedy = f"Give {name} first."
                yield item.finding(references.NO_VALUE, f"{field}.env[{index}]", what, remedy, "warning")


def _twice(
    item: Item, field: str, holder: Tree, part: str, key: str, severity: Severity
) -> Iterator[Finding]:
    counts = Counter(str(entry[key]) for entry in maps(holder, part) if key in entry)
    for name in (name for name, count in counts.items() if count > 1):
        what = f"'{name}' is given twice"
        yield item.finding(references.NAME_TWICE, f"{field}.{part}", what, None, severity)


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
            both = f"has {' and '.join(handlers)}, but may have only one"
            what = both if handlers else f"needs one of {', '.join(_HANDLERS)}"
            yield item.finding(references.PROBE_HANDLER, f"{field}.{probe}", what)
        for handler in handlers:
            port = mapping(said, handler).get("port")
            if port is not None and port not in known:
                # A number works without a declaration; a name means nothing then.
                severity: Severity = "error" if isinstance(port, str) and not port.isdecimal() else "info"
                what = f"port {port} is not declared"
                yield item.finding(references.PROBE_PORT, f"{field}.{probe}", what, None, severity)


def network_policies(world: World) -> Iterator[Finding]:
    """Network policies select pods, and name networks without host bits."""
    for policy in world.of("NetworkPolicy"):
        selector = mapping(policy.tree, "spec.podSelector")
        if not is_empty(selector):
            yield from without_pods(world, policy, identity.POLICY_WITHOUT_PODS, "spec.podSelector", selector)
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
        host_bits = "host bits" in str(error)
        yield policy.finding(identity.POLICY_CIDR, field, f"{error}", None, "warning" if host_bits else None)
        return
    excepted = block.get("except")
    for inner in excepted if isinstance(excepted, list) else []:
        try:
            part = ip_network(str(inner))
            inside = part != network and part.subnet_of(network)
        except (ValueError, TypeError):
            inside = False
        if not inside:
            what = f"{inner} {'is all of' if str(inner) == str(network) else 'does not lie inside'} {network}"
            yield policy.finding(identity.POLICY_EXCEPT_OUTSIDE, field, what)


RULES = (
    namespaces,
    selectors,
    services,
    scale_targets,
    what_pods_refer_to,
    what_controllers_refer_to,
    bindings,
    network_policies,
)

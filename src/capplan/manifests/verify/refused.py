"""What the API server, or the kubelet, refuses of single objects: a table of places and conditions."""

from __future__ import annotations

import re
from binascii import Error
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from capplan.findings import Finding
from capplan.manifests.verify.checks import api
from capplan.manifests.verify.values import every_at
from capplan.manifests.verify.world import (
    Item,
    Tree,
    World,
    at,
    containers_with_paths,
    is_placeholder,
    mapping,
    maps,
    share,
    text,
    whole,
)


def _given(value: object) -> bool:
    return value is not None


def _lacks(key: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, dict) and at(value, key) in (None, "")


def _below(least: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and value < least


def _unlike(pattern: str, most: int = 253) -> Callable[[object], bool]:
    """Return whether a text has another form or is too long; placeholders have any."""
    form = re.compile(pattern)
    return lambda value: (
        isinstance(value, str)
        and not is_placeholder(value)
        and (len(value) > most or form.fullmatch(value) is None)
    )


def _any_key(wrong: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, dict) and any(map(wrong, value))


def _any_value(wrong: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, dict) and any(map(wrong, value.values()))


def _end_port(port: Tree) -> bool:
    first, last = at(port, "port"), at(port, "endPort")
    return last is not None and (not isinstance(first, int) or (isinstance(last, int) and last < first))


def _two_peers(peer: Tree) -> bool:
    return bool(at(peer, "ipBlock")) and any(at(peer, k) is not None for k in _SELECTORS)


_SELECTORS = ("podSelector", "namespaceSelector")


def _rolls_and_recreates(strategy: Tree) -> bool:
    return at(strategy, "type") == "Recreate" and at(strategy, "rollingUpdate") is not None


def _no_time_to_progress(spec: Tree) -> bool:
    return whole(spec, "progressDeadlineSeconds", 600) <= whole(spec, "minReadySeconds", 0)


def _surges_and_lacks(update: Tree) -> bool:
    return (
        share(at(update, "maxSurge"), 100) > 0
        and share(1 if at(update, "maxUnavailable") is None else at(update, "maxUnavailable"), 100) > 0
    )


def _host_ports(pod: Tree) -> list[tuple[object, ...]]:
    ports = [port for container in maps(pod, "containers") for port in maps(container, "ports")]
    said = [(at(port, "hostIP"), at(port, "protocol") or "TCP", at(port, "hostPort")) for port in ports]
    return [one for one in said if one[-1]]


def _host_port_twice(pod: Tree) -> bool:
    return any(count > 1 for count in Counter(map(str, _host_ports(pod))).values())


def _other_host_port(pod: Tree) -> bool:
    ports = [port for container in maps(pod, "containers") for port in maps(container, "ports")]
    differs = (at(port, "hostPort") not in (None, 0, at(port, "containerPort")) for port in ports)
    return at(pod, "hostNetwork") is True and any(differs)


def _gains_privileges(context: Tree) -> bool:
    return at(context, "privileged") is True and at(context, "allowPrivilegeEscalation") is False


def _root_and_not(context: Tree) -> bool:
    return at(context, "runAsNonRoot") is True and str(at(context, "runAsUser")) == "0"


def _not_base64(value: object) -> bool:
    from base64 import b64decode

    if not isinstance(value, str) or is_placeholder(value):
        return False
    try:
        b64decode(re.sub(r"[\r\n]", "", value), validate=True)
    except (Error, ValueError):
        return True
    return False


def _half_a_certificate(secret: Tree) -> bool:
    keys = {*mapping(secret, "data"), *mapping(secret, "stringData")}
    return at(secret, "type") == "kubernetes.io/tls" and not {"tls.crt", "tls.key"} <= keys


def _exists_with_value(toleration: Tree) -> bool:
    return at(toleration, "operator") == "Exists" and bool(at(toleration, "value"))


def _values_unlike_operator(term: Tree) -> bool:
    few, none = at(term, "operator") in ("In", "NotIn"), at(term, "operator") in ("Exists", "DoesNotExist")
    return (few and not at(term, "values")) or (none and bool(at(term, "values")))


def _account_without_namespace(subject: Tree) -> bool:
    return at(subject, "kind") == "ServiceAccount" and not at(subject, "namespace")


_PORT_NAME = _unlike(r"(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*", 15)
_FIELD = _unlike(
    r"metadata\.(name|namespace|uid|(labels|annotations)\['[^']+'\])"
    r"|spec\.(nodeName|serviceAccountName)|status\.(hostIPs?|podIPs?)"
)
_RESOURCE = _unlike(r"(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-\S+)")
_LABEL = _unlike(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?", 63)
_KEY = _unlike(r"(?!\.\.?$|\.\.)[-._A-Za-z0-9]+")
_HOST = _unlike(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME = _unlike(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_COUNTS = ("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold")
_TEMPLATED = "Deployment StatefulSet DaemonSet ReplicaSet"
_NAMED = f"{_TEMPLATED} Job CronJob Pod Service Ingress ConfigMap Secret NetworkPolicy PersistentVolumeClaim"
_TERMS = (
    "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[].matchExpressions[]"
    " affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[].preference.matchExpressions[]"
)
_WORDS = "may have letters, digits, `-`, `_` and `.` alone"
_SELECTED = "spec.podSelector.matchLabels spec.selector.matchLabels"

_TABLE: tuple[tuple[str, str, Callable[[Any], object], str], ...] = (
    ("container", " ".join(f"{p}.{c}" for p in _PROBES for c in _COUNTS), _below(0), "must be 0 or more"),
    ("container", "readinessProbe.terminationGracePeriodSeconds", _given, "is for other kinds of probes"),
    ("init", f"{' '.join(_PROBES)} lifecycle", _given, "needs restartPolicy: Always of an init container"),
    ("container", "env[]", _lacks("name"), "a variable needs a name"),
    ("container", "env[].valueFrom.fieldRef.fieldPath", _FIELD, "is no field that a variable may have"),
    ("container", "env[].valueFrom.resourceFieldRef.resource", _RESOURCE, "is not such as limits.memory"),
    ("container", "securityContext", _gains_privileges, "privileged needs allowPrivilegeEscalation"),
    ("container", "securityContext", _root_and_not, "runAsUser 0 is root, which runAsNonRoot excludes"),
    ("pod", ".", _host_port_twice, "two ports of its containers have the same hostPort"),
    ("pod", ".", _other_host_port, "with hostNetwork, a hostPort must be the containerPort"),
    ("pod", "tolerations[]", _exists_with_value, "the operator Exists takes no value"),
    ("pod", _TERMS, _values_unlike_operator, "In and NotIn need values, which other operators may not have"),
    ("Service", "spec.ports[].targetPort", _PORT_NAME, "is a text, but no name of a port"),
    ("NetworkPolicy", "spec.ingress[].ports[] spec.egress[].ports[]", _end_port, "endPort is not above port"),
    ("NetworkPolicy", "spec.ingress[].from[] spec.egress[].to[]", _two_peers, "has ipBlock and a selector"),
    ("Deployment", "spec.strategy", _rolls_and_recreates, "Recreate has no rollingUpdate"),
    ("Deployment", "spec", _no_time_to_progress, "progressDeadlineSeconds is not above minReadySeconds"),
    ("DaemonSet", "spec.updateStrategy.rollingUpdate", _surges_and_lacks, "maxSurge needs maxUnavailable: 0"),
    ("ClusterRoleBinding", "subjects[]", _account_without_namespace, "a ServiceAccount needs its namespace"),
    ("HorizontalPodAutoscaler", ".", lambda tree: at(tree, "spec.maxReplicas") is None, "needs maxReplicas"),
    ("HorizontalPodAutoscaler", ".", lambda tree: not at(tree, "spec.scaleTargetRef.name"), "scales nothing"),
    ("ConfigMap Secret", "data binaryData stringData", _any_key(_KEY), f"keys {_WORDS}"),
    ("Secret", "data", _any_value(_not_base64), "a value is not base64; stringData takes plain text"),
    ("Secret", ".", _half_a_certificate, "kubernetes.io/tls needs tls.crt and tls.key"),
    ("Ingress", "spec.rules[].host", _HOST, "is no name of a host"),
    ("Ingress", "spec.rules[].http.paths[].path", _unlike(r"(/.*)?", 2**20), "does not begin with a slash"),
    (_NAMED, "metadata.name", _NAME, "names have small letters, digits, `-` and `.` alone"),
    (_NAMED, f"metadata.labels {_SELECTED}", _any_value(_LABEL), f"labels {_WORDS}, 63 at most"),
    (_TEMPLATED, "spec.template.metadata.labels", _any_value(_LABEL), f"labels {_WORDS}, 63 at most"),
    ("Service", "spec.selector", _any_value(_LABEL), f"labels {_WORDS}, 63 at most"),
)
"""Kinds of objects, or pod, container, init; places there, `[]` for every entry; what says whether the value
is refused, and why (pkg/apis/*/validation of Kubernetes 1.34)."""

_OF_KIND: dict[str, list[tuple[str, Callable[[Any], object], str]]] = {}
for _kinds, _paths, _is_refused, _why in _TABLE:
    for _kind in _kinds.split():
        _OF_KIND.setdefault(_kind, []).extend((path, _is_refused, _why) for path in _paths.split())


def refusals(world: World) -> Iterator[Finding]:
    """Nothing is refused for what stands in one object."""
    for item in world.of(*_OF_KIND):
        if "." not in item.group or item.group.endswith(".k8s.io"):
            yield from _refused(item, "", item.tree, item.kind)
    for workload in world.all_pods:
        yield from _refused(workload.item, workload.pod_field, workload.pod, "pod")
        for field, container in containers_with_paths(workload):
            yield from _refused(workload.item, field, container, "container")
            if ".initContainers[" in f".{field}" and text(container, "restartPolicy") != "Always":
                yield from _refused(workload.item, field, container, "init")


def _refused(item: Item, prefix: str, tree: Tree, kind: str) -> Iterator[Finding]:
    for path, is_refused, why in _OF_KIND[kind]:
        for field, value in every_at(tree, path) if path != "." else [("", tree)]:
            if value is not None and is_refused(value):
                said = f"'{value}' " if isinstance(value, str | int) else ""
                yield item.finding(api.REFUSED, f"{prefix}.{field}".strip("."), f"{said}{why}")


RULES = (refusals,)

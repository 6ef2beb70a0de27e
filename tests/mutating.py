"""One-fault mutations of sound manifests: what stands where, and how it breaks.

benchmarks/mutations.py measures how many are found.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.run import verify

Documents = dict[str, list[Any]]
Mutant = Callable[[Any], Any]


class Fault(NamedTuple):
    """Where a fault is put: kinds, a pattern of dotted paths, and what becomes of the value, or None."""

    kinds: str
    path: str
    mutant: Mutant


class Mutation(NamedTuple):
    """A fault at one place."""

    file: str
    index: int
    path: str
    value: Any


def to(value: Any) -> Mutant:
    """Replace anything."""
    return lambda old: None if old == value else value


def with_(**more: Any) -> Mutant:
    """Add fields to a map."""
    return lambda old: {**old, **more} if isinstance(old, dict) else None


def without(key: str) -> Mutant:
    """Remove a field of a map."""
    return lambda old: (
        {k: v for k, v in old.items() if k != key} if isinstance(old, dict) and key in old else None
    )


def misspelt(old: Any) -> Any:
    """Leave out the last letter but one."""
    return old[:-2] + old[-1] if isinstance(old, str) and len(old) > 3 and old[-1] != old[-2] else None


def lower(old: Any) -> Any:
    """Write in small letters."""
    return old.lower() if isinstance(old, str) and old.lower() != old else None


def twice(old: Any) -> Any:
    """Give an entry of a list twice."""
    return [*old, copy.deepcopy(old[0])] if isinstance(old, list) and old else None


def above(part: str, other: str) -> Mutant:
    """Let a request of memory be above the limit."""
    return lambda old: (
        {**old, part: {**old[part], "memory": "900Gi"}} if "memory" in (old.get(other) or {}) else None
    )


def no_grace(pod: Any) -> Any:
    """Leave no time for a container that sleeps before it stops."""
    sleeps = any((one.get("lifecycle") or {}).get("preStop") for one in pod.get("containers", ()))
    return {**pod, "terminationGracePeriodSeconds": 1} if sleeps else None


POD = r"spec\.(?:jobTemplate\.spec\.)?template\.spec"
ONE = rf"{POD}\.containers\[\d+\]"
RUN = "Deployment StatefulSet DaemonSet Rollout"
ALL = f"{RUN} Job CronJob"
PROBE = r"(?:liveness|readiness|startup)Probe"
PATHS = r"spec\.rules\[\d+\]\.http\.paths\[\d+\]"

FAULTS = [
    # References and labels.
    Fault(RUN, r"spec\.selector\.matchLabels\.[^.]*(?:app|name)[^.]*", misspelt),
    Fault("Service", r"spec\.selector\.[^.]*(?:app|name)[^.]*", misspelt),
    Fault("PodDisruptionBudget", r"spec\.selector\.matchLabels\.[^.]*(?:app|name)[^.]*", misspelt),
    Fault("NetworkPolicy", r"spec\.podSelector\.matchLabels\.[^.]*(?:app|name)[^.]*", misspelt),
    Fault("ServiceMonitor", r"spec\.selector\.matchLabels\.[^.]*(?:app|name)[^.]*", misspelt),
    Fault(RUN, rf"{POD}\.topologySpreadConstraints\[0\]\.labelSelector\.matchLabels", to({"app": "other"})),
    Fault("HorizontalPodAutoscaler ScaledObject", r"spec\.scaleTargetRef\.name", misspelt),
    Fault("HorizontalPodAutoscaler", r"spec\.scaleTargetRef\.kind", to("DaemonSet")),
    Fault("HorizontalPodAutoscaler", r"spec\.scaleTargetRef\.apiVersion", to("app/v1")),
    Fault("Ingress", rf"{PATHS}\.backend\.service\.name", misspelt),
    Fault("Ingress", rf"{PATHS}\.backend\.service\.port", to({"name": "nosuch"})),
    Fault("HTTPRoute", r"spec\.rules\[\d+\]\.backendRefs\[\d+\]\.name", misspelt),
    Fault("HTTPRoute", r"spec\.rules\[\d+\]\.backendRefs\[\d+\]\.port", to(4711)),
    Fault("HTTPRoute", r"spec\.parentRefs\[\d+\]\.sectionName", misspelt),
    Fault(ALL, rf"{POD}\.serviceAccountName", misspelt),
    Fault(ALL, rf"{POD}\.volumes\[\d+\]\.configMap\.name", misspelt),
    Fault(ALL, rf"{ONE}\.envFrom\[\d+\]\.configMapRef\.name", misspelt),
    Fault(ALL, rf"{ONE}\.env\[\d+\]\.valueFrom\.configMapKeyRef\.(?:name|key)", misspelt),
    Fault(ALL, rf"{ONE}\.volumeMounts\[\d+\]\.name", misspelt),
    Fault(ALL, rf"{POD}\.volumes", to([])),
    Fault("RoleBinding ClusterRoleBinding", r"roleRef\.name", misspelt),
    Fault("RoleBinding ClusterRoleBinding", r"subjects\[\d+\]\.name", misspelt),
    Fault("StatefulSet", r"spec\.serviceName", misspelt),
    Fault("StatefulSet", r"spec\.volumeClaimTemplates\[0\]\.metadata\.name", misspelt),
    Fault(
        "HorizontalPodAutoscaler ScaledObject PodDisruptionBudget", r"metadata\.namespace", to("elsewhere-1")
    ),
    # Ports.
    Fault(
        "Service", r"spec\.ports\[\d+\]\.targetPort", lambda old: "nosuch" if isinstance(old, str) else None
    ),
    Fault("Service", r"spec\.ports\[\d+\]\.targetPort", to("8080")),
    Fault("Service", r"spec\.ports\[\d+\]\.port", to(70000)),
    Fault("Service", r"spec\.ports", twice),
    Fault(ALL, rf"{ONE}\.ports\[\d+\]\.containerPort", to(0)),
    Fault(ALL, rf"{ONE}\.ports\[\d+\]\.name", to("Not_A_Port")),
    Fault(ALL, rf"{ONE}\.ports", lambda old: twice(old) if old[0].get("name") else None),
    Fault(ALL, rf"{ONE}\.{PROBE}\.(?:httpGet|tcpSocket)\.port", to("nosuch")),
    Fault("NetworkPolicy", r"spec\.ingress\[\d+\]\.ports", to([{"port": 4711}])),
    Fault("NetworkPolicy", r"spec\.ingress\[\d+\]\.ports\[\d+\]", with_(endPort=1)),
    Fault("ServiceMonitor", r"spec\.endpoints\[\d+\]\.port", misspelt),
    # Words that Kubernetes does not know.
    Fault(ALL, rf"{ONE}\.imagePullPolicy", lower),
    Fault(ALL, rf"{POD}\.restartPolicy", to("never")),
    Fault(ALL, rf"{POD}\.topologySpreadConstraints\[\d+\]\.whenUnsatisfiable", lower),
    Fault(ALL, rf"{POD}\.tolerations\[\d+\]\.effect", lower),
    Fault("Service", r"spec\.type", lower),
    Fault("Service", r"spec\.ports\[\d+\]\.protocol", lower),
    Fault("Ingress", rf"{PATHS}\.pathType", lower),
    Fault("NetworkPolicy", r"spec\.policyTypes\[\d+\]", lower),
    Fault("PersistentVolumeClaim", r"spec\.accessModes\[\d+\]", lower),
    Fault("HorizontalPodAutoscaler", r"spec\.metrics\[\d+\]\.type", lower),
    Fault("CronJob", r"spec\.concurrencyPolicy", lower),
    Fault(".*", "kind", lambda old: old[:-2] + old[-1] if len(old) > 6 else None),
    Fault(RUN, "apiVersion", to("extensions/v1beta1")),
    Fault("HorizontalPodAutoscaler", "apiVersion", to("autoscaling/v2beta2")),
    Fault("PodDisruptionBudget", "apiVersion", to("policy/v1beta1")),
    # Numbers and quantities.
    Fault(RUN, r"spec\.replicas", to(-1)),
    Fault(ALL, rf"{ONE}\.{PROBE}", with_(periodSeconds=-1)),
    Fault(ALL, rf"{ONE}\.livenessProbe", with_(successThreshold=2)),
    Fault(ALL, rf"{ONE}\.{PROBE}", with_(exec={"command": ["true"]})),
    Fault(ALL, rf"{ONE}\.resources\.(?:requests|limits)\.memory", to("512 Mi")),
    Fault(ALL, rf"{ONE}\.resources\.limits\.memory", to("512m")),
    Fault(ALL, rf"{ONE}\.resources", above("requests", "limits")),
    Fault(ALL, rf"{POD}\.topologySpreadConstraints\[\d+\]\.maxSkew", to(0)),
    Fault(ALL, POD, no_grace),
    Fault("HorizontalPodAutoscaler", r"spec\.minReplicas", to(5000)),
    Fault("HorizontalPodAutoscaler", r"spec\.maxReplicas", to(0)),
    Fault("HorizontalPodAutoscaler", r"spec\.metrics\[\d+\]\.resource\.target\.averageUtilization", to(0)),
    Fault("HorizontalPodAutoscaler", r"spec\.metrics\[\d+\]\.\w+\.target", without("averageUtilization")),
    Fault("HorizontalPodAutoscaler", r"spec\.metrics\[\d+\]\.\w+\.target", without("averageValue")),
    Fault("HorizontalPodAutoscaler", r"spec\.behavior\.\w+\.stabilizationWindowSeconds", to(7200)),
    Fault("HorizontalPodAutoscaler", r"spec\.behavior\.\w+\.policies\[\d+\]\.periodSeconds", to(7200)),
    Fault("HorizontalPodAutoscaler", r"spec\.metrics\[\d+\]\.containerResource\.container", misspelt),
    Fault("PodDisruptionBudget", r"spec\.maxUnavailable", to(0)),
    Fault("PodDisruptionBudget", r"spec\.minAvailable", to("100%")),
    Fault("PodDisruptionBudget", r"spec\.maxUnavailable", to("1")),
    Fault("PodDisruptionBudget", "spec", with_(minAvailable=1, maxUnavailable=1)),
    Fault("Deployment", "spec", with_(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}})),
    Fault("Deployment", "spec", with_(strategy={"type": "Recreate", "rollingUpdate": {"maxSurge": 1}})),
    Fault("Deployment", "spec", with_(minReadySeconds=900)),
    Fault("ResourceQuota", r"spec\.hard\.(?:requests\.)?(?:cpu|memory)", to("1m")),
    Fault("ResourceQuota", r"spec\.hard\.pods", to("0")),
    Fault("CronJob", r"spec\.schedule", to("0 25 * * *")),
    Fault("CronJob", "spec", with_(timeZone="Europe/Pariss")),
    # Names and lists.
    Fault(f"{ALL} ConfigMap", r"metadata\.name", to("Not_a_name")),
    Fault(ALL, rf"{POD}\.containers", twice),
    Fault(ALL, rf"{POD}\.volumes", twice),
    Fault(ALL, rf"{ONE}\.volumeMounts", twice),
    Fault(ALL, rf"{ONE}\.env", twice),
    Fault(
        ALL,
        rf"{ONE}\.env\[\d+\]",
        with_(valueFrom={"fieldRef": {"fieldPath": "metadata.labels"}}, value=None),
    ),
    Fault(ALL, rf"{ONE}\.image", to("web:1:2")),
    Fault(RUN, rf"{POD}\.restartPolicy", to("OnFailure")),
    Fault("Job CronJob", POD, with_(restartPolicy="Always")),
    Fault("ConfigMap", "data", with_(**{"a key": "x"})),
    Fault("Service", "spec", with_(type="NodePort", loadBalancerSourceRanges=["10.0.0.0/8"])),
    Fault("Service", "spec", with_(externalTrafficPolicy="Local", type="ClusterIP")),
    Fault("NetworkPolicy", r"spec\.\w+\[\d+\]\.(?:from|to)\[\d+\]\.ipBlock\.cidr", to("10.0.0.0/40")),
    Fault(
        "NetworkPolicy",
        r"spec\.\w+\[\d+\]\.(?:from|to)\[\d+\]\.ipBlock",
        with_(**{"except": ["2001:db8::/32"]}),
    ),
    Fault("Ingress", r"spec\.rules\[\d+\]\.host", to("not a host")),
    Fault("Role ClusterRole", r"rules\[\d+\]\.verbs", to([])),
    Fault("PersistentVolumeClaim", r"spec\.resources\.requests\.storage", to("0")),
    Fault(ALL, rf"{ONE}\.lifecycle\.preStop", to({"exec": {"command": ["sh", "-c", "sleep 60m"]}})),
    Fault(ALL, rf"{ONE}\.securityContext", with_(privileged=True, allowPrivilegeEscalation=False)),
    Fault(ALL, rf"{ONE}\.securityContext", with_(runAsNonRoot=True, runAsUser=0)),
    Fault(ALL, rf"{POD}\.securityContext\.seccompProfile", to({"type": "Localhost"})),
    Fault(ALL, rf"{POD}\.tolerations\[\d+\]", with_(operator="Exists", value="x")),
    # KEDA, Prometheus.
    Fault("ScaledObject", r"spec\.triggers\[\d+\]\.type", misspelt),
    Fault("ScaledObject", r"spec\.triggers\[\d+\]\.metadata\.\w*(?:[tT]hreshold|value|Length)", to("ten")),
    Fault("ScaledObject", r"spec\.triggers\[\d+\]\.metadata", without("threshold")),
    Fault("ScaledObject", r"spec\.triggers\[\d+\]\.metadata", without("timezone")),
    Fault("ScaledObject", r"spec\.triggers\[\d+\]\.metadata\.start", to("0 25 * * *")),
    Fault("ScaledObject", r"spec\.triggers\[\d+\]\.metadata\.query", lambda old: f"({old}"),
    Fault("ScaledObject", r"spec\.minReplicaCount", to(5000)),
    Fault("ScaledObject", "spec", with_(idleReplicaCount=4999)),
    Fault("PrometheusRule", r"spec\.groups\[\d+\]\.rules\[\d+\]\.expr", lambda old: f"{old})"),
    Fault("Rollout", r"spec\.strategy\.canary\.steps\[\d+\]\.setWeight", to(120)),
]


def places(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every path of a tree, with what stands there."""
    if path:
        yield path, tree
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from places(value, f"{path}.{key}".lstrip("."))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from places(value, f"{path}[{index}]")


def mutations(documents: Documents) -> Iterator[tuple[Fault, Mutation]]:
    """Yield every fault at every place of a set."""
    patterns = [(fault, re.compile(fault.path), fault.kinds.split()) for fault in FAULTS]
    for file, values in documents.items():
        for index, tree in enumerate(values):
            kind = tree.get("kind", "") if isinstance(tree, dict) else ""
            known = [(f, p) for f, p, kinds in patterns if kind and (kind in kinds or kinds == [".*"])]
            for path, value in places(tree) if known else ():
                for fault, pattern in known:
                    new = fault.mutant(value) if pattern.fullmatch(path) else None
                    if new is not None and new != value:
                        yield fault, Mutation(file, index, path, new)


def mutated(documents: Documents, mutation: Mutation) -> Documents:
    """Return a set with one fault; the documents that have none are shared."""
    values = list(documents[mutation.file])
    values[mutation.index] = laid(values[mutation.index], mutation.path, mutation.value)
    return {**documents, mutation.file: values}


def laid(tree: Any, path: str, value: Any) -> Any:
    """Return a copy of a tree with another value at a path; keys may hold points."""
    if not path:
        return value
    if isinstance(tree, list):
        index, _, rest = path.removeprefix("[").partition("]")
        return [laid(v, rest.lstrip("."), value) if n == int(index) else v for n, v in enumerate(tree)]
    key = max((k for k in tree if path == k or path.startswith((f"{k}.", f"{k}["))), key=len)
    return {**tree, key: laid(tree[key], path[len(key) :].removeprefix("."), value)}


def found(documents: Documents) -> set[tuple[str, ...]]:
    """Return what is said of a set."""
    said = verify(documents, {}, Facts())
    return {(one.code, one.file, one.subject, one.field, one.message) for one in said}

"""The objects of one environment, found by kind and name, and what the rules ask of them.

Nothing here trusts a shape: whatever is not as Kubernetes has it counts as absent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from capplan.findings import Check, Finding, Severity
from capplan.manifests.quantity import parse
from capplan.manifests.verify.facts import Facts

Tree = Mapping[str, Any]


class Item(NamedTuple):
    """An object and the file it stands in."""

    path: str
    tree: Tree

    @property
    def kind(self) -> str:
        """Its kind."""
        return text(self.tree, "kind")

    @property
    def name(self) -> str:
        """Its name."""
        return text(self.tree, "metadata.name")

    @property
    def namespace(self) -> str:
        """Its namespace; empty where it says none."""
        return text(self.tree, "metadata.namespace")

    @property
    def group(self) -> str:
        """Its API group; empty for the core."""
        return text(self.tree, "apiVersion").rpartition("/")[0]

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"{self.kind}/{self.name}"

    def finding(
        self,
        check: Check,
        field: str,
        message: str,
        remedy: str | None = None,
        severity: Severity | None = None,
        *,
        line: int | None = None,
        column: int | None = None,
    ) -> Finding:
        """Return a finding about this object."""
        return check.finding(
            self.title,
            message,
            remedy,
            severity=severity,
            file=self.path,
            field=field,
            line=line,
            column=column,
        )


_PODS = {
    "Deployment": "spec.template",
    "StatefulSet": "spec.template",
    "DaemonSet": "spec.template",
    "ReplicaSet": "spec.template",
    "ReplicationController": "spec.template",
    "Rollout": "spec.template",
    "Job": "spec.template",
    "CronJob": "spec.jobTemplate.spec.template",
    "Pod": "",
}
"""Kinds that have pods, and where their template stands."""

_SCALED = ("Deployment", "StatefulSet")

_GROUPS = {
    "ScaledObject": "keda.sh",
    "ScaledJob": "keda.sh",
    "NetworkPolicy": "networking.k8s.io",
    "Job": "batch",
    "Gateway": "gateway.networking.k8s.io",
}
"""Kinds whose name other groups use too, for something else."""

_PODLESS = frozenset(
    (
        "ScaledObject",
        "TriggerAuthentication",
        "ClusterTriggerAuthentication",
        "ServiceMonitor",
        "PodMonitor",
        "PodMonitoring",
        "PrometheusRule",
        "Rules",
        "ExternalSecret",
        "SecretStore",
        "ClusterSecretStore",
        "SealedSecret",
        "Certificate",
        "Issuer",
        "ClusterIssuer",
        "NodePool",
        "EC2NodeClass",
        "ComputeClass",
    )
)
"""Kinds of operators that make no pods."""

_MAKERS_OF_SECRETS = {
    "Certificate": "spec.secretName",
    "ExternalSecret": "spec.target.name",
    "SealedSecret": "spec.template.metadata.name",
}
"""Where each says the name of the secret; without one that is its own."""

_IN_EVERY_CLUSTER = frozenset(
    (
        "Namespace/default",
        "Namespace/kube-system",
        "Namespace/kube-public",
        "Namespace/kube-node-lease",
        "ServiceAccount/default",
        "ConfigMap/kube-root-ca.crt",
        "PriorityClass/system-cluster-critical",
        "PriorityClass/system-node-critical",
    )
)


class Workload(NamedTuple):
    """What runs pods, with its bounds; lo and hi are equal where nothing scales it."""

    item: Item
    lo: int
    hi: int
    scalers: Sequence[Item]

    @property
    def name(self) -> str:
        """Its name."""
        return self.item.name

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.item.namespace

    @property
    def runs_on(self) -> bool:
        """Whether its pods are to stay, rather than to finish."""
        return self.item.kind not in ("Job", "CronJob")

    @property
    def labels(self) -> Tree:
        """Labels of its pods."""
        return mapping(self.item.tree, self._template("metadata.labels"))

    @property
    def pod_field(self) -> str:
        """Where the specification of its pods stands."""
        return self._template("spec")

    @property
    def pod(self) -> Tree:
        """The specification of its pods."""
        return mapping(self.item.tree, self.pod_field)

    def _template(self, field: str) -> str:
        return f"{_PODS.get(self.item.kind, 'spec.template')}.{field}".removeprefix(".")

    @property
    def containers(self) -> list[Tree]:
        """Containers that keep running: the init containers that restart among them."""
        inits = [c for c in maps(self.pod, "initContainers") if c.get("restartPolicy") == "Always"]
        return [*inits, *maps(self.pod, "containers")]

    def request(self, resource: str) -> float:
        """Return what a pod requests; a container's limit where it requests nothing, as the server does."""
        return self._sum(resource, ("requests", "limits"))

    def limit(self, resource: str) -> float:
        """Return what a pod is limited to, as far as its containers say."""
        return self._sum(resource, ("limits",))

    def _sum(self, resource: str, parts: Sequence[str]) -> float:
        """Return the containers together, or an init container and the sidecars before it if that is more."""
        running = sum(declared(container, resource, parts) for container in self.containers)
        sidecars, largest = 0.0, 0.0
        for container in maps(self.pod, "initContainers"):
            asked = declared(container, resource, parts)
            largest = max(largest, sidecars + asked)
            if container.get("restartPolicy") == "Always":
                sidecars += asked
        return max(running, largest)

    @property
    def peak(self) -> int:
        """Most pods at once: the ceiling, and the surge of a rollout."""
        strategy = mapping(self.item.tree, "spec.strategy")
        if self.item.kind != "Deployment" or strategy.get("type") == "Recreate":
            return self.hi
        surge = mapping(strategy, "rollingUpdate").get("maxSurge", "25%")
        return self.hi + share(surge, self.hi)


class World:
    """All objects of one environment."""

    def __init__(self, items: Sequence[Item], facts: Facts) -> None:
        self.items = items
        self.facts = facts

    def of(self, *kinds: str) -> list[Item]:
        """Return the objects of some kinds."""
        return [item for kind in kinds for item in self._by_kind.get(kind, ())]

    @cached_property
    def _by_kind(self) -> dict[str, list[Item]]:
        found: dict[str, list[Item]] = {}
        for item in self.items:
            if item.group in ("", _GROUPS.get(item.kind, item.group)):
                found.setdefault(item.kind, []).append(item)
        return found

    @cached_property
    def names(self) -> set[tuple[str, str, str]]:
        """Kind, namespace and name of everything that is there, or that a controller makes."""
        made = {
            ("Secret", item.namespace, text(item.tree, field) or item.name)
            for item in self.of(*_MAKERS_OF_SECRETS)
            for field in (_MAKERS_OF_SECRETS[item.kind],)
        }
        return {(item.kind, item.namespace, item.name) for item in self.items} | made

    @cached_property
    def workloads(self) -> list[Workload]:
        """Deployments and StatefulSets with their bounds."""
        return [self.workload_of(item) for item in self.of("Deployment", "StatefulSet")]

    @cached_property
    def all_pods(self) -> list[Workload]:
        """Everything that runs pods: the workloads first."""
        others = [self.workload_of(item) for item in self.of(*_PODS) if item.kind not in _SCALED]
        return self.workloads + others

    @cached_property
    def daemons(self) -> list[Workload]:
        """What runs a pod on every node."""
        return [one for one in self.all_pods if one.item.kind == "DaemonSet"]

    def made_by_operator(self, selector: Tree, namespace: str) -> bool:
        """Say whether a selector is for pods that an operator makes of an object here, and names after it."""
        values = [str(value) for value in mapping(selector, "matchLabels").values()]
        for expression in maps(selector, "matchExpressions"):
            named = expression.get("values")
            values += map(str, named) if isinstance(named, list) else []
        makers = [i.name for i in self._custom if i.name and i.namespace in (namespace, "")]
        return any(name in value for name in makers for value in values)

    @cached_property
    def _custom(self) -> list[Item]:
        """Objects of kinds that are not Kubernetes' own, and may stand for pods."""
        return [
            i
            for i in self.items
            if "." in i.group and not i.group.endswith(".k8s.io") and i.kind not in _PODLESS
        ]

    def exists(self, kind: str, namespace: str, name: str) -> bool:
        """Say whether an object is there, or declared to exist elsewhere."""
        reference = f"{kind}/{name}"
        known = (kind, namespace, name) in self.names
        return known or reference in _IN_EVERY_CLUSTER or reference in self.facts.external

    def selected(self, selector: Tree, namespace: str) -> list[Workload]:
        """Return the workloads of a namespace whose pods a label selector matches."""
        candidates = self._by_label.get((namespace, None, None), [])
        for key, value in mapping(selector, "matchLabels").items():
            found = self._by_label.get((namespace, str(key), str(value)), [])
            candidates = min(candidates, found, key=len)
        return [workload for workload in candidates if matches(selector, workload.labels)]

    @cached_property
    def _by_label(self) -> dict[tuple[str, str | None, str | None], list[Workload]]:
        """What runs pods by namespace and each label of their pods, and all of a namespace."""
        found: dict[tuple[str, str | None, str | None], list[Workload]] = {}
        for workload in self.all_pods:
            for pair in ((None, None), *((str(k), str(v)) for k, v in workload.labels.items())):
                found.setdefault((workload.namespace, *pair), []).append(workload)
        return found

    @cached_property
    def scalers(self) -> dict[tuple[str, str, str], list[Item]]:
        """HPAs and ScaledObjects by kind, namespace and name of what they scale."""
        found: dict[tuple[str, str, str], list[Item]] = {}
        for item in self.of("HorizontalPodAutoscaler", "ScaledObject"):
            target = mapping(item.tree, "spec.scaleTargetRef")
            kind = str(target.get("kind", "Deployment"))
            found.setdefault((kind, item.namespace, str(target.get("name"))), []).append(item)
        return found

    def workload_of(self, item: Item) -> Workload:
        """Return a workload with the bounds of what scales it."""
        scalers = self.scalers.get((item.kind, item.namespace, item.name), [])
        fixed = whole(item.tree, "spec.replicas", 1)
        lows, highs = (
            zip(*(bounds(scaler) for scaler in scalers), strict=True) if scalers else ([fixed], [fixed])
        )
        return Workload(item, min(lows), max(highs), scalers)


def bounds(scaler: Item) -> tuple[int, int]:
    """Return the fewest and most replicas of an HPA or a ScaledObject, with the API's defaults."""
    if scaler.kind == "HorizontalPodAutoscaler":
        return whole(scaler.tree, "spec.minReplicas", 1), whole(scaler.tree, "spec.maxReplicas", 1)
    return whole(scaler.tree, "spec.minReplicaCount", 0), whole(scaler.tree, "spec.maxReplicaCount", 100)


def at(tree: object, path: str) -> Any:
    """Return the value at a dotted path, or None."""
    for key in path.split("."):
        if not isinstance(tree, dict):
            return None
        tree = tree.get(key)
    return tree


def text(tree: object, path: str) -> str:
    """Return the text at a path; empty where there is none."""
    found = at(tree, path)
    return found if isinstance(found, str) else ""


def mapping(tree: object, path: str) -> Tree:
    """Return the map at a path; empty where there is none."""
    found = at(tree, path)
    return found if isinstance(found, dict) else {}


def maps(tree: object, path: str) -> list[Tree]:
    """Return the maps in the list at a path."""
    found = at(tree, path)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def whole(tree: object, path: str, default: int) -> int:
    """Return the whole number at a path."""
    found = at(tree, path)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def amount(value: object) -> float | None:
    """Return what a quantity means, or None where it is none."""
    try:
        return parse(value)
    except ValueError:
        return None


def request(container: Tree, resource: str) -> float:
    """Return what a container requests; its limit where it requests nothing, as the API server fills in."""
    return declared(container, resource, ("requests", "limits"))


def declared(container: Tree, resource: str, parts: Sequence[str]) -> float:
    """Return what the first of ``parts`` that names a resource says of it."""
    for part in parts:
        said = mapping(container, f"resources.{part}")
        if resource in said:
            return amount(said[resource]) or 0.0
    return 0.0


def share(value: object, total: int) -> int:
    """Return a number or a percentage of ``total``, rounded up."""
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdigit():
        return math.ceil(int(value[:-1]) * total / 100)
    return value if isinstance(value, int) else 0


def matches(selector: Tree, labels: Tree) -> bool:
    """Say whether a label selector matches; an empty one matches everything."""
    wanted = mapping(selector, "matchLabels")
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_holds(expression, labels) for expression in maps(selector, "matchExpressions"))


def _holds(expression: Tree, labels: Tree) -> bool:
    key, values = expression.get("key"), expression.get("values") or []
    operator = expression.get("operator")
    if operator == "In":
        return labels.get(key) in values if isinstance(key, str) else False
    if operator == "NotIn":
        # A label that is not there is not in the list either.
        return key not in labels or labels.get(str(key)) not in values
    if operator == "Exists":
        return key in labels
    return operator == "DoesNotExist" and key not in labels


def is_empty(selector: Tree) -> bool:
    """Say whether a label selector names nothing."""
    return not mapping(selector, "matchLabels") and not maps(selector, "matchExpressions")


def containers_with_paths(workload: Workload) -> Iterator[tuple[str, Tree]]:
    """Yield every container with the path of its field."""
    for part in ("initContainers", "containers"):
        for index, container in enumerate(maps(workload.pod, part)):
            yield f"{workload.pod_field}.{part}[{index}]", container


def words(entries: Sequence[Tree], key: str) -> set[str | int]:
    """Return the names or numbers that entries have under a key."""
    found = (entry.get(key) for entry in entries)
    return {value for value in found if isinstance(value, str | int)}

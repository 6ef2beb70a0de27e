"""The objects of one environment, found by kind and name, and what the rules ask of them.

Nothing here trusts a shape: whatever is not as Kubernetes has it counts as absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from capplan.findings import Check, Finding, Severity
from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.injected import sidecars
from capplan.manifests.verify.kinds import (
    ANY_CONTROLLER,
    GROUPS,
    IN_EVERY_CLUSTER,
    LABELS_OF_CONTROLLERS,
    MAKERS_OF_SECRETS,
    ONE_TEMPLATE,
    PODLESS,
    PODS,
    SCALED,
)
from capplan.manifests.verify.trees import Tree, amount, at, mapping, maps, matches, share, text, whole


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


class Workload(NamedTuple):
    """What runs pods, with its bounds; lo and hi are equal where nothing scales it."""

    item: Item
    lo: int
    hi: int
    scalers: Sequence[Item]
    sidecars: Sequence[Tree] = ()

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

    def matches(self, selector: Tree) -> bool:
        """Say whether a label selector means its pods, or some of them by a label of their controller."""
        wanted = mapping(selector, "matchLabels")
        added = [key for key in LABELS_OF_CONTROLLERS.get(self.item.kind, ()) if key in wanted]
        if any(not str(wanted[key]).startswith(self.name) for key in added if key.endswith("-name")):
            return False
        return matches(selector, {**self.labels, **{key: wanted[key] for key in added}})

    @property
    def pod_field(self) -> str:
        """Where the specification of its pods stands."""
        return self._template("spec")

    @property
    def pod(self) -> Tree:
        """The specification of its pods."""
        return mapping(self.item.tree, self.pod_field)

    def _template(self, field: str) -> str:
        return f"{template_of(self.item)}.{field}".removeprefix(".")

    @property
    def containers(self) -> list[Tree]:
        """Containers that keep running: init containers that restart, and what a mesh adds, among them."""
        inits = [c for c in maps(self.pod, "initContainers") if c.get("restartPolicy") == "Always"]
        return [*inits, *maps(self.pod, "containers"), *self.sidecars]

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


def template_of(item: Item) -> str:
    """Return where the template of an object's pods stands."""
    usual = PODS.get(item.kind, "spec.template")
    return usual if at(item.tree, usual) else ONE_TEMPLATE.get(item.kind, usual)


class World:
    """All objects of one environment. others: everything else that was read, where references may lead.

    Objects without a namespace are in the one that they are applied into, which may be any.
    """

    def __init__(self, items: Sequence[Item], facts: Facts, others: World | None = None) -> None:
        self.items = items
        self.facts = facts
        self.others = others

    def of(self, *kinds: str) -> list[Item]:
        """Return the objects of some kinds."""
        return [item for kind in kinds for item in self._by_kind.get(kind, ())]

    @cached_property
    def _by_kind(self) -> dict[str, list[Item]]:
        found: dict[str, list[Item]] = {}
        for item in self.items:
            if item.group in ("", GROUPS.get(item.kind, item.group)):
                found.setdefault(item.kind, []).append(item)
        return found

    @cached_property
    def names(self) -> dict[tuple[str, str], set[str]]:
        """Namespaces of everything that is there, or that a controller makes, by kind and name."""
        found: dict[tuple[str, str], set[str]] = {}
        for item in self.items:
            found.setdefault((item.kind, item.name), set()).add(item.namespace)
        for item in self.of(*MAKERS_OF_SECRETS):
            name = text(item.tree, MAKERS_OF_SECRETS[item.kind]) or item.name
            found.setdefault(("Secret", name), set()).add(item.namespace)
        return found

    @cached_property
    def workloads(self) -> list[Workload]:
        """What has a number of replicas, with its bounds."""
        return [self.workload_of(item) for item in self.of(*SCALED) if not self._is_made(item)]

    @cached_property
    def all_pods(self) -> list[Workload]:
        """Everything that runs pods: the workloads first."""
        others = [one for one in self.of(*PODS) if one.kind not in SCALED and not self._is_made(one)]
        return self.workloads + [self.workload_of(item) for item in others]

    def _is_made(self, item: Item) -> bool:
        """Say whether a controller made an object of another one here, as those of a cluster are."""
        owners = maps(item.tree, "metadata.ownerReferences")
        return any(item.namespace in self.names.get((text(o, "kind"), text(o, "name")), ()) for o in owners)

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
        makers = [
            i.name for i in self._custom if i.name and (not i.namespace or alike(i.namespace, namespace))
        ]
        return any(name in value for name in makers for value in values)

    @cached_property
    def _custom(self) -> list[Item]:
        """Objects of kinds that are not Kubernetes' own, and may stand for pods."""
        return [
            i
            for i in self.items
            if "." in i.group and not i.group.endswith(".k8s.io") and i.kind not in PODLESS
        ]

    @cached_property
    def names_of(self) -> dict[tuple[str, str], list[str]]:
        """Names by kind and namespace."""
        found: dict[tuple[str, str], list[str]] = {}
        for item in self.items:
            found.setdefault((item.kind, item.namespace), []).append(item.name)
        return found

    def exists(self, kind: str, namespace: str, name: str) -> bool:
        """Say whether an object is there, among the others, or declared to exist elsewhere."""
        reference = f"{kind}/{name}"
        if any(alike(namespace, there) for there in self.names.get((kind, name), ())):
            return True
        if reference in IN_EVERY_CLUSTER or reference in self.facts.external:
            return True
        return self.others is not None and self.others.exists(kind, namespace, name)

    def selected(self, selector: Tree, namespace: str) -> list[Workload]:
        """Return the workloads of a namespace whose pods a label selector matches.

        Where there are none: those without a namespace, or of any if none is named.
        """
        for there in (namespace, "" if namespace else None):
            candidates = self._by_label.get((there, None, None), [])
            for key, value in mapping(selector, "matchLabels").items():
                if key not in ANY_CONTROLLER:
                    found = self._by_label.get((there, str(key), str(value)), [])
                    candidates = min(candidates, found, key=len)
            matching = [workload for workload in candidates if workload.matches(selector)]
            if matching:
                return matching
        return []

    def reaches(self, selector: Tree, namespace: str) -> bool:
        """Say whether a selector matches pods here, of an operator, or among the others."""
        if self.selected(selector, namespace) or self.made_by_operator(selector, namespace):
            return True
        return self.others is not None and self.others.reaches(selector, namespace)

    @cached_property
    def _by_label(self) -> dict[tuple[str | None, str | None, str | None], list[Workload]]:
        """What runs pods by namespace, or any, and each label of their pods, or none."""
        found: dict[tuple[str | None, str | None, str | None], list[Workload]] = {}
        for workload in self.all_pods:
            for pair in ((None, None), *((str(k), str(v)) for k, v in workload.labels.items())):
                found.setdefault((workload.namespace, *pair), []).append(workload)
                found.setdefault((None, *pair), []).append(workload)
        return found

    def workload(self, kind: str, namespace: str, name: str) -> Workload | None:
        """Return what runs pods by its identity; of another namespace only where one of both is unnamed."""
        named = self._by_name.get((kind, name), [])
        exact = [workload for workload in named if workload.namespace == namespace]
        return next(iter(exact or [w for w in named if alike(w.namespace, namespace)]), None)

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], list[Workload]]:
        found: dict[tuple[str, str], list[Workload]] = {}
        for workload in self.all_pods:
            found.setdefault((workload.item.kind, workload.name), []).append(workload)
        return found

    @cached_property
    def scalers(self) -> dict[tuple[str, str], list[Item]]:
        """HPAs and ScaledObjects by kind and name of what they scale."""
        found: dict[tuple[str, str], list[Item]] = {}
        for item in self.of("HorizontalPodAutoscaler", "ScaledObject"):
            target = mapping(item.tree, "spec.scaleTargetRef")
            kind = str(target.get("kind", "Deployment"))
            found.setdefault((kind, str(target.get("name"))), []).append(item)
        return found

    def workload_of(self, item: Item) -> Workload:
        """Return a workload with the bounds of what scales it."""
        named = self.scalers.get((item.kind, item.name), [])
        exact = [scaler for scaler in named if scaler.namespace == item.namespace]
        scalers = exact or [scaler for scaler in named if alike(scaler.namespace, item.namespace)]
        fixed = whole(item.tree, "spec.replicas", 1)
        lows, highs = (
            zip(*(bounds(scaler) for scaler in scalers), strict=True) if scalers else ([fixed], [fixed])
        )
        template = at(item.tree, template_of(item)) if PODS.get(item.kind) else item.tree
        proxies = list(sidecars(self._spaces.get(item.namespace, {}), template))
        return Workload(item, min(lows), max(highs), scalers, proxies)

    @cached_property
    def _spaces(self) -> dict[str, Tree]:
        """Namespaces by name, those among the others too."""
        elsewhere = self.others.of("Namespace") if self.others else []
        return {item.name: item.tree for item in (*elsewhere, *self.of("Namespace"))}


def alike(namespace: str, other: str) -> bool:
    """Say whether two namespaces may be one: where none is named, it may be any."""
    return namespace == other or not namespace or not other


def bounds(scaler: Item) -> tuple[int, int]:
    """Return the fewest and most replicas of an HPA or a ScaledObject, with the API's defaults."""
    if scaler.kind == "HorizontalPodAutoscaler":
        return whole(scaler.tree, "spec.minReplicas", 1), whole(scaler.tree, "spec.maxReplicas", 1)
    return whole(scaler.tree, "spec.minReplicaCount", 0), whole(scaler.tree, "spec.maxReplicaCount", 100)


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


def containers_with_paths(workload: Workload) -> Iterator[tuple[str, Tree]]:
    """Yield every container with the path of its field."""
    for part in ("initContainers", "containers"):
        for index, container in enumerate(maps(workload.pod, part)):
            yield f"{workload.pod_field}.{part}[{index}]", container

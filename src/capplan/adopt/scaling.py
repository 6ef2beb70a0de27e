"""Autoscalers: what HPAs, ScaledObjects and VPAs say, as the plan says it; what it cannot say is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from capplan.adopt import checks
from capplan.adopt.draft import Draft, Tree, address_of
from capplan.adopt.pods import PodRequests
from capplan.manifests.quantity import cpu, memory
from capplan.manifests.verify.trees import amount, at, mapping, maps, text, whole
from capplan.manifests.verify.world import Item, Workload, World
from capplan.plan.services import Targets
from capplan.plan.workload import Autoscaler, Vpa
from capplan.quantities import counted

_KINDS = (
    ("latency", re.compile(r"latency|duration|response_time|p9\d")),
    ("queue", re.compile(r"queue|backlog|(?<![a-z])lag(?![a-z])|messages|depth|pending|waiting")),
    ("requests", re.compile(r"requests?_per_second|requests_total|rps|qps")),
)
"""The plan's triggers by words in a metric's name or query; the first that fits."""

_LENGTHS = (
    *("threshold", "value", "queueLength", "lagThreshold", "messageCount", "subscriptionSize", "listLength"),
    *("pendingEntriesCount", "lagCount", "targetQueueSize", "unprocessedEventThreshold"),
    *("msgBacklogThreshold", "targetValue", "targetQueryValue", "targetMetricValue"),
)
"""What KEDA's triggers call their threshold for each replica (keda.sh/docs)."""

_TYPES = ("Resource", "ContainerResource", "Pods", "Object", "External")
_FALLBACKS = {
    "currentReplicas": "current",
    "currentReplicasIfHigher": "current-if-higher",
    "currentReplicasIfLower": "current-if-lower",
}
_UNKEPT = ("initialCooldownPeriod", "advanced.restoreToOriginalReplicaCount", "advanced.scalingModifiers")
_VPA_MODES = {"Off": "off", "Initial": "initial"}
"""All others evict or resize pods, as `recreate` does."""


class Scaling(NamedTuple):
    """What scales a workload: parts of the plan's `workload`, and its target utilizations."""

    workload: Tree
    targets: Tree


class _Measure(NamedTuple):
    """A measure that decides the number of pods: the plan's name for it, its threshold for each pod."""

    kind: str
    threshold: float
    activation: float | None = None
    query: str = ""


_PAUSED = "autoscaling.keda.sh/paused"


def is_paused(item: Item) -> bool:
    """Say whether an annotation stops KEDA from scaling."""
    return str(mapping(item.tree, "metadata.annotations").get(_PAUSED)).lower() == "true"


def as_held(workload: Workload, draft: Draft) -> Workload:
    """Return a workload without its autoscalers where something turns them off, at the count that stays."""
    for scaler in workload.scalers:
        count, why = _held(scaler, workload)
        if count is not None:
            what = f"{why}, so it stays at {counted(count, 'pod')}"
            draft.note(checks.ASSUMED_VALUE, address_of(workload.item), what)
            return workload._replace(lo=count, hi=count, scalers=())
        if why:
            _lost(draft, scaler, why)
    return workload


def _held(scaler: Item, workload: Workload) -> tuple[int | None, str]:
    """Return the count at which an autoscaler is stopped, and by what; without a count, what is lost."""
    today = whole(workload.item.tree, "spec.replicas", -1)
    if scaler.kind == "HorizontalPodAutoscaler":
        off = today == 0 and whole(scaler.tree, "spec.minReplicas", 1) > 0
        return (0, "replicas: 0 turns its autoscaler off") if off else (None, "")
    said = str(mapping(scaler.tree, "metadata.annotations").get(f"{_PAUSED}-replicas"))
    if said.isdecimal():
        return int(said), f"{_PAUSED}-replicas stops its autoscaler"
    if not is_paused(scaler):
        return None, ""
    if today < 0:
        return None, "the pause, for no file says how many pods run"
    return today, f"{_PAUSED} stops its autoscaler"


def scaling_of(workload: Workload, requests: PodRequests, draft: Draft, world: World) -> Scaling:
    """Return what the autoscalers of a workload say."""
    measures: dict[str, _Measure] = {}
    section: Tree = {}
    for scaler in workload.scalers:
        said = _Scaler(scaler, requests, draft)
        for measure in said.measures():
            if measure.kind in measures:
                said.lost(f"a second trigger for {measure.kind}")
            measures.setdefault(measure.kind, measure)
        section |= said.settings()
    # Beside a schedule a plan has no measure unless it names one.
    alone = set(measures) == {"cpu"} and measures["cpu"].threshold <= 100 and "cron" not in section
    if measures and not alone:
        section["triggers"] = {kind: _trigger(measure) for kind, measure in measures.items()}
    more: Tree = {"autoscaler": _possible(section, workload, draft)} if section else {}
    vertical = _vertical(workload, draft, world)
    return Scaling(more | ({"vpa": vertical} if vertical else {}), _targets(measures))


def _targets(measures: Mapping[str, _Measure]) -> Tree:
    """Return the utilizations that instances are kept at; above their requests counts as all of them."""
    usual = Targets.model_validate({})
    found = {}
    for kind, default in (("cpu", usual.cpu), ("memory", usual.memory)):
        if kind in measures:
            percent = min(measures[kind].threshold, 100.0)
            if percent != round(100 * float(default)):
                found[kind] = f"{percent:g}%"
    return found


def _field(kind: str) -> str:
    """Return the field of an HPA's metric that holds what a type of metric says."""
    return kind[:1].lower() + kind[1:]


def _trigger(measure: _Measure) -> object:
    # A plan takes 1 and less as a share.
    threshold = measure.threshold
    if measure.kind in ("cpu", "memory") and threshold <= 1:
        threshold /= 100
    more = {"activation": measure.activation, "query": measure.query or None}
    said = {key: value for key, value in more.items() if value is not None}
    return {"threshold": _figure(threshold), **said} if said else _figure(threshold)


def _figure(value: float) -> int | float:
    return int(value) if value.is_integer() else round(value, 6)


def _possible(section: Tree, workload: Workload, draft: Draft) -> Tree:
    """Return the settings that a plan can hold; the others are named."""
    from pydantic import ValidationError

    kind = {"kind": section["kind"]} if "kind" in section else {}
    found: Tree = {}
    for key, value in section.items():
        try:
            Autoscaler.model_validate({**kind, key: value})
        except ValidationError as error:
            _lost(draft, workload.scalers[0], f"{key} ({error.errors()[0]['msg']})")
        else:
            found[key] = value
    return found


def _lost(draft: Draft, scaler: Item, what: str) -> None:
    draft.note(checks.SCALING_NOT_KEPT, address_of(scaler), f"the plan does not keep {what}")


class _Scaler:
    """One HPA or ScaledObject."""

    def __init__(self, item: Item, requests: PodRequests, draft: Draft) -> None:
        self.item = item
        self.requests = requests
        self.draft = draft

    def lost(self, what: str) -> None:
        """Name what the plan cannot say."""
        _lost(self.draft, self.item, what)

    def measures(self) -> Iterator[_Measure]:
        """Yield what decides the number of pods."""
        percent = amount(at(self.item.tree, "spec.targetCPUUtilizationPercentage"))
        if percent:
            yield _Measure("cpu", percent)
        for metric in maps(self.item.tree, "spec.metrics"):
            found = self._of_hpa(metric)
            if found is not None:
                yield found
        for trigger in maps(self.item.tree, "spec.triggers"):
            found = self._of_keda(trigger)
            if found is not None:
                yield found

    def _of_hpa(self, metric: Mapping[str, Any]) -> _Measure | None:
        kind = text(metric, "type") or next((name for name in _TYPES if mapping(metric, _field(name))), "")
        body = mapping(metric, _field(kind))
        target = mapping(body, "target")
        if kind in ("Resource", "ContainerResource"):
            container = text(body, "container")
            if container:
                self._assumed(f"the {text(body, 'name')} of container {container}", "that of the whole pod")
            return self._of_resource(text(body, "name"), target)
        name = text(body, "metric.name")
        each = amount(target.get("averageValue"))
        threshold = amount(target.get("value")) if each is None else each
        return self._named(name, threshold, source=kind, together=each is None)

    def _of_resource(self, name: str, target: Mapping[str, Any]) -> _Measure | None:
        """Return a measure of cores or memory, in percent of what a pod requests."""
        percent = amount(target.get("averageUtilization"))
        value = amount(target.get("averageValue"))
        asked = {"cpu": self.requests.cpu, "memory": self.requests.memory}.get(name)
        if percent is None and value is not None and asked:
            percent = round(100 * value / asked, 2)
        if asked is None or not percent or percent < 0:
            self.lost(f"the target of {name or 'a resource'}")
            return None
        return _Measure(name, percent)

    def _named(
        self,
        name: str,
        threshold: float | None,
        activation: float | None = None,
        query: str = "",
        source: str = "",
        otherwise: str = "",
        together: bool = False,
    ) -> _Measure | None:
        """Return a measure by the words in its name; ``otherwise`` where no word tells.

        together: the threshold is not for each pod, but for all, as only that of a latency can be.
        """
        words = f"{name} {query}".lower()
        name = name or query
        kind = next((kind for kind, pattern in _KINDS if pattern.search(words)), otherwise)
        if not kind or threshold is None or threshold <= 0:
            self.lost(f"the {source} metric {name or 'without a name'}")
            return None
        if together and kind != "latency":
            self.lost(
                f"the {source} metric {name}, whose target of {_figure(threshold)} is for all pods together"
            )
            return None
        if name != kind:
            self._assumed(f"the {source} metric {name}", f"the plan's trigger {kind}")
        return _Measure(kind, threshold, activation, query)

    def _assumed(self, what: str, as_what: str) -> None:
        self.draft.note(checks.ASSUMED_VALUE, address_of(self.item), f"{what} is taken for {as_what}")

    def _of_keda(self, trigger: Mapping[str, Any]) -> _Measure | None:
        kind, metadata = text(trigger, "type"), mapping(trigger, "metadata")
        active = (value for key, value in metadata.items() if str(key).startswith("activation"))
        activation = amount(next(active, None))
        together = "Value" in (text(trigger, "metricType"), text(metadata, "metricType"))
        if kind in ("cpu", "memory"):
            by_value = "AverageValue" in (text(trigger, "metricType"), text(metadata, "type"))
            field = "averageValue" if by_value else "averageUtilization"
            return self._of_resource(kind, {field: metadata.get("value")})
        if kind == "prometheus":
            name, query = text(trigger, "name"), text(metadata, "query")
            threshold = amount(metadata.get("threshold"))
            return self._named(name, threshold, activation, query, kind, "queue", together)
        if kind == "cron":
            return None
        length = next((amount(metadata[key]) for key in _LENGTHS if key in metadata), None)
        if length is None or length <= 0:
            self._assumed(f"the threshold of the trigger {kind}", "1 for each pod")
        return self._named(kind, length or 1.0, activation, "", "KEDA", "queue", together)

    def settings(self) -> Tree:
        """Return everything but the measures."""
        spec = mapping(self.item.tree, "spec")
        if self.item.kind == "HorizontalPodAutoscaler":
            return self._behavior(mapping(spec, "behavior"))
        found: Tree = {"kind": "keda"}
        for field, name in (("pollingInterval", "polling"), ("cooldownPeriod", "cooldown")):
            if amount(spec.get(field)) is not None:
                found[name] = f"{amount(spec[field]):g}s"
        if amount(spec.get("idleReplicaCount")) is not None:
            found["idle"] = whole(spec, "idleReplicaCount", 0)
        crons = [_cron(mapping(t, "metadata")) for t in maps(spec, "triggers") if t.get("type") == "cron"]
        if crons:
            found["cron"] = crons
        if mapping(spec, "fallback"):
            found["fallback"] = _fallback(mapping(spec, "fallback"))
        for field in _UNKEPT:
            if at(spec, field):
                self.lost(field.rpartition(".")[2])
        return found | self._behavior(mapping(spec, "advanced.horizontalPodAutoscalerConfig.behavior"))

    def _behavior(self, behavior: Mapping[str, Any]) -> Tree:
        directions = (("up", "scaleUp"), ("down", "scaleDown"))
        found = {name: _steps(mapping(behavior, field)) for name, field in directions}
        said = {name: steps for name, steps in found.items() if steps}
        return {"behavior": said} if said else {}


def _steps(rules: Mapping[str, Any]) -> Tree:
    """Return one direction of a behavior; several limits count as Kubernetes counts them."""
    found: Tree = {}
    if amount(rules.get("stabilizationWindowSeconds")) is not None:
        found["window"] = f"{amount(rules['stabilizationWindowSeconds']):g}s"
    limits = [_limit(policy) for policy in maps(rules, "policies")]
    if limits:
        found["policies"] = limits
    select = text(rules, "selectPolicy").lower()
    if select == "disabled" or len(limits) > 1:
        found["select"] = select or "max"
    tolerance = amount(rules.get("tolerance"))
    if tolerance is not None:
        found["tolerance"] = f"{100 * tolerance:g}%"
    return found


def _limit(policy: Mapping[str, Any]) -> Tree:
    field = "percent" if policy.get("type") == "Percent" else "pods"
    return {field: policy.get("value"), "period": f"{amount(policy.get('periodSeconds')) or 0:g}s"}


def _cron(metadata: Mapping[str, Any]) -> Tree:
    fields = (("start", "start"), ("end", "end"), ("timezone", "timezone"), ("replicas", "desiredReplicas"))
    found = {name: metadata.get(field) for name, field in fields if metadata.get(field) is not None}
    replicas = amount(found.get("replicas"))
    return found if replicas is None else {**found, "replicas": _figure(replicas)}


def _fallback(said: Mapping[str, Any]) -> Tree:
    found: Tree = {"replicas": whole(said, "replicas", 0)}
    if amount(said.get("failureThreshold")) is not None:
        found["failures"] = whole(said, "failureThreshold", 3)
    behavior = _FALLBACKS.get(text(said, "behavior"))
    return found if behavior is None else {**found, "behavior": behavior}


def _vertical(workload: Workload, draft: Draft, world: World) -> Tree:
    """Return the VPA of a workload: the bounds of the first policy that sets any."""
    for item in world.of("VerticalPodAutoscaler"):
        target = mapping(item.tree, "spec.targetRef")
        names = (str(target.get("kind")), item.namespace, str(target.get("name")))
        if names == (workload.item.kind, workload.namespace, workload.name):
            return _vpa(item, draft)
    return {}


def _vpa(item: Item, draft: Draft) -> Tree:
    from pydantic import ValidationError

    mode = _VPA_MODES.get(text(item.tree, "spec.updatePolicy.updateMode"), "recreate")
    found: Tree = {"mode": mode}
    for policy in maps(item.tree, "spec.resourcePolicy.containerPolicies")[:1]:
        for end, field in (("min", "minAllowed"), ("max", "maxAllowed")):
            cores, size = (amount(mapping(policy, field).get(name)) for name in ("cpu", "memory"))
            if cores:
                found[f"{end}_cpu"] = cpu(cores)
            if size:
                found[f"{end}_memory"] = memory(size / 2**30)
    if mode != "off":
        what = "may change what its pods request; they are counted as they are written"
        draft.note(checks.ASSUMED_REQUESTS, address_of(item), what)
    try:
        Vpa.model_validate(found)
    except ValidationError:
        _lost(draft, item, "its bounds")
        return {"mode": mode}
    return found

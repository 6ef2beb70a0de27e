"""What KEDA's admission webhook and its scalers ask of a ScaledObject; scalers.tsv lists what they read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from capplan.errors import nearest
from capplan.findings import Finding
from capplan.manifests.verify.checks import keda, observing
from capplan.manifests.verify.promql import query_refused
from capplan.manifests.verify.schedules import is_timezone, schedule_refused
from capplan.manifests.verify.trees import Tree, is_placeholder, mapping, maps, text, words
from capplan.manifests.verify.world import Item, World, bounds

_RESOURCES = ("cpu", "memory")
_NOT_CACHED = ("cpu", "memory", "cron")

_KEY = re.compile(r"(\w+)([!*]?)(?::([ipnbdq])|=(\S+))?")
_TIME = r"(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h)"
_FORMS = {
    "i": ("a whole number", r"-?(?:0|[1-9]\d*)"),
    "p": ("a whole number above 0", r"[1-9]\d*"),
    "n": ("a number", r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?"),
    "b": ("true or false", r"1|t|T|TRUE|true|True|0|f|F|FALSE|false|False"),
    "q": ("a number or a quantity", r"\d+(?:\.\d+)?(?:m|k|[KMGT]i|[MGT])?"),
    "d": ("a duration such as 30s", rf"\d+|(?:{_TIME})+"),
}
"""What KEDA parses values as: words, and the texts that it takes (pkg/scalers/scalersconfig)."""


class Key(NamedTuple):
    """What a scaler asks of a key: whether it must be there, its form, and its only values."""

    needed: str
    form: str
    allowed: Sequence[str]


@cache
def scalers() -> Mapping[str, Mapping[str, Key]]:
    """Return the keys of each scaler of KEDA."""
    lines = Path(__file__).with_name("scalers.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.partition("\t") for line in lines if not line.startswith("#"))
    return {kind: dict(map(_key, keys.split())) for kind, _, keys in rows}


def _key(said: str) -> tuple[str, Key]:
    match = _KEY.fullmatch(said)
    if match is None:
        raise ValueError(said)
    name, needed, form, allowed = match.groups()
    return name, Key(needed, form or "", allowed.split("|") if allowed else ())


def scaled_objects(world: World) -> Iterator[Finding]:
    """What KEDA's webhook refuses, and what has no effect."""
    for item in world.of("ScaledObject"):
        triggers = maps(item.tree, "spec.triggers")
        lo, hi = bounds(item)
        spec = mapping(item.tree, "spec")
        idle = spec.get("idleReplicaCount")
        if isinstance(idle, int) and idle >= lo:
            what = f"{idle} is not below the minimum, {lo}"
            yield item.finding(keda.KEDA_IDLE_COUNT, "spec.idleReplicaCount", what)
        yield from _triggers(item, triggers, lo)
        yield from _fallback(item, triggers, lo, hi)
        yield from _without_effect(item, triggers, spec, lo)


def _triggers(item: Item, triggers: list[Tree], lo: int) -> Iterator[Finding]:
    names = Counter(str(trigger["name"]) for trigger in triggers if "name" in trigger)
    for name in (name for name, count in names.items() if count > 1):
        yield item.finding(keda.KEDA_TRIGGER_NAME_TWICE, "spec.triggers", f"two triggers are called '{name}'")
    if triggers and lo < 1 and all(trigger.get("type") in _RESOURCES for trigger in triggers):
        what = "cpu and memory cannot be measured without a pod"
        yield item.finding(keda.KEDA_ZERO_BY_RESOURCE, "spec.minReplicaCount", what)
    for index, trigger in enumerate(triggers):
        if trigger.get("useCachedMetrics") and trigger.get("type") in _NOT_CACHED:
            what = f"{trigger['type']} has no cached metrics"
            yield item.finding(keda.KEDA_CACHED_METRICS, f"spec.triggers[{index}].useCachedMetrics", what)


def _fallback(item: Item, triggers: list[Tree], lo: int, hi: int) -> Iterator[Finding]:
    fallback = mapping(item.tree, "spec.fallback")
    if not fallback:
        return
    if all(trigger.get("type") in _RESOURCES for trigger in triggers):
        what = "needs a trigger other than cpu and memory"
        yield item.finding(keda.KEDA_FALLBACK_TRIGGER, "spec.fallback", what)
    replicas = fallback.get("replicas")
    if not isinstance(replicas, int) or not lo <= replicas <= hi:
        what = f"{replicas} replicas are not between {lo} and {hi}"
        yield item.finding(keda.KEDA_FALLBACK_BOUNDS, "spec.fallback.replicas", what)


def _without_effect(item: Item, triggers: list[Tree], spec: Tree, lo: int) -> Iterator[Finding]:
    """Yield a warning for what matters only on the way to zero."""
    if lo < 1 or "idleReplicaCount" in spec:
        return
    cached = any(trigger.get("useCachedMetrics") for trigger in triggers)
    for field in ("cooldownPeriod", *(() if cached else ("pollingInterval",))):
        if field in spec:
            what = "has no effect with a minimum above zero"
            yield item.finding(keda.KEDA_NO_EFFECT, f"spec.{field}", what)


def triggers(world: World) -> Iterator[Finding]:
    """A trigger is of a type that there is, and its metadata is what its scaler can parse."""
    for item in world.of("ScaledObject", "ScaledJob"):
        for index, trigger in enumerate(maps(item.tree, "spec.triggers")):
            kind, field = str(trigger.get("type")), f"spec.triggers[{index}]"
            if kind not in scalers():
                what = f"KEDA has no scaler '{kind}'"
                yield item.finding(keda.KEDA_UNKNOWN_SCALER, f"{field}.type", what, nearest(kind, scalers()))
            yield from _metadata(item, f"{field}.metadata", kind, trigger)
            yield from _variables(world, item, f"{field}.metadata", kind, mapping(trigger, "metadata"))


def _cron(item: Item, field: str, metadata: Tree) -> Iterator[Finding]:
    """Yield what KEDA's cron scaler refuses; 0 as desired replicas counts as none."""
    start, end = (text(metadata, key) for key in ("start", "end"))
    for key, said in (("start", start), ("end", end)):
        wrong = schedule_refused(said) if said else ""
        if wrong:
            yield item.finding(keda.KEDA_CRON, f"{field}.{key}", wrong)
    if start and start == end:
        yield item.finding(keda.KEDA_CRON, f"{field}.end", "start and end are the same")
    zone, wanted = text(metadata, "timezone"), text(metadata, "desiredReplicas")
    if zone and not is_timezone(zone):
        yield item.finding(keda.KEDA_CRON, f"{field}.timezone", f"there is no time zone '{zone}'")
    if wanted and not (wanted.isdecimal() and int(wanted) > 0):
        what = f"'{wanted}' is not a whole number above 0"
        yield item.finding(keda.KEDA_CRON, f"{field}.desiredReplicas", what)
    elif wanted and item.kind == "ScaledObject" and int(wanted) > bounds(item)[1]:
        what, remedy = f"{wanted} is above the maximum, {bounds(item)[1]}", "Raise maxReplicaCount."
        yield item.finding(keda.KEDA_CRON, f"{field}.desiredReplicas", what, remedy, "warning")


def _metadata(item: Item, field: str, kind: str, trigger: Tree) -> Iterator[Finding]:
    metadata, known = mapping(trigger, "metadata"), scalers().get(kind, {})
    if kind == "cron":
        yield from _cron(item, field, metadata)
    yield from _keys(item, field, kind, trigger)
    for name, value in metadata.items():
        if not isinstance(value, str):
            yield item.finding(keda.KEDA_METADATA_TEXT, f"{field}.{name}", f"{value!r} is not text")
        elif name in known and value.strip() and not is_placeholder(value):
            yield from _value(item, f"{field}.{name}", known[name], value.strip())
    wrong = query_refused(text(metadata, "query")) if kind == "prometheus" else ""
    if wrong:
        yield item.finding(observing.QUERY, f"{field}.query", wrong)


def _keys(item: Item, field: str, kind: str, trigger: Tree) -> Iterator[Finding]:
    """Yield the keys that a scaler needs and lacks, and those that it does not know."""
    metadata, known = mapping(trigger, "metadata"), scalers().get(kind, {})
    said = {str(key).removesuffix("FromEnv") for key, value in metadata.items() if value not in (None, "")}
    for name, key in known.items():
        elsewhere = key.needed == "*" and "authenticationRef" in trigger
        if key.needed and name not in said and not elsewhere:
            yield item.finding(keda.KEDA_MISSING_METADATA, field, f"{kind} needs {name}")
    if kind == "rabbitmq" and ("mode" in said) != ("value" in said) and "queueLength" not in said:
        yield item.finding(keda.KEDA_MISSING_METADATA, field, "rabbitmq needs mode and value together")
    if kind in _RESOURCES and "type" in said:
        what = "`type` was removed in KEDA 2.18"
        yield item.finding(keda.KEDA_REMOVED_METADATA, field, what, "Use metricType of the trigger.")
        said.discard("type")
    for name in sorted(said - {*known} if known else ()):
        what, remedy = f"{kind} does not know '{name}'", nearest(name, known)
        yield item.finding(keda.KEDA_UNKNOWN_METADATA, field, what, remedy)


def _value(item: Item, field: str, key: Key, value: str) -> Iterator[Finding]:
    """Yield what the scaler cannot parse of a value."""
    if key.allowed and value not in key.allowed:
        what = f"'{value}' is not one of {', '.join(key.allowed)}"
        yield item.finding(keda.KEDA_VALUE, field, what, nearest(value, key.allowed))
    called, form = _FORMS.get(key.form, ("", ".*"))
    if re.fullmatch(form, value) is None:
        yield item.finding(keda.KEDA_VALUE, field, f"'{value}' is not {called}")


def _variables(world: World, item: Item, field: str, kind: str, metadata: Tree) -> Iterator[Finding]:
    """Yield the variables that the scaled container does not have, where it lists all of its own."""
    target = mapping(item.tree, "spec.scaleTargetRef")
    scaled = world.workload(str(target.get("kind", "Deployment")), item.namespace, text(target, "name"))
    named = text(target, "envSourceContainerName")
    asked = (
        [one for one in maps(scaled.pod, "containers") if named in ("", one.get("name"))] if scaled else []
    )
    if not asked or "envFrom" in asked[0]:
        return
    for name, value in metadata.items():
        key = scalers().get(kind, {}).get(str(name).removesuffix("FromEnv"))
        given = str(name).endswith("FromEnv") and value not in words(maps(asked[0], "env"), "name")
        if given and key is not None and key.needed and not is_placeholder(value):
            what = f"container '{asked[0].get('name')}' has no variable '{value}'"
            yield item.finding(keda.KEDA_MISSING_METADATA, f"{field}.{name}", what)

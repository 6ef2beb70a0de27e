"""What KEDA's admission webhook and its scalers ask of a ScaledObject.

Types and metadata keys are those of kedacore/keda@8b4f083, schema/generated/scalers-schema.json; of the types
whose keys are not listed here only that they exist is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from capplan.errors import nearest
from capplan.findings import Finding
from capplan.manifests.verify.checks import keda
from capplan.manifests.verify.schedules import is_timezone, schedule_refused
from capplan.manifests.verify.world import Item, Tree, World, bounds, mapping, maps, text

_RESOURCES = ("cpu", "memory")
_NOT_CACHED = ("cpu", "memory", "cron")

_NAMES = """
activemq apache-kafka arangodb artemis-queue aws-cloudwatch aws-dynamodb aws-dynamodb-streams
aws-kinesis-stream aws-sqs-queue azure-app-insights azure-blob azure-data-explorer azure-eventhub
azure-log-analytics azure-monitor azure-pipelines azure-queue azure-servicebus beanstalkd cassandra
clickhouse couchdb cpu cron datadog dynatrace elastic-forecast elasticsearch etcd external
external-push forgejo-runner gcp-cloudtasks gcp-pubsub gcp-spanner gcp-stackdriver gcp-storage
github-runner graphite huawei-cloudeye ibmmq influxdb kafka kubernetes-resource kubernetes-workload
liiklus loki memory metrics-api mongodb mssql mysql nats-jetstream new-relic nsq opensearch
openstack-metric openstack-swift postgresql predictkube prometheus pulsar rabbitmq redis
redis-cluster redis-cluster-streams redis-sentinel redis-sentinel-streams redis-streams
selenium-grid solace-direct-messaging solace-event-queue solarwinds solr splunk splunk-observability
sumologic temporal
"""
_SCALERS = frozenset(_NAMES.split())

_REQUIRED: dict[str, tuple[str, ...]] = {
    "prometheus": ("serverAddress", "query", "threshold"),
    "cpu": ("value",),
    "memory": ("value",),
    "cron": ("start", "end", "timezone", "desiredReplicas"),
    "kafka": ("bootstrapServers", "consumerGroup"),
    "redis": ("listName",),
    "aws-sqs-queue": ("queueURL", "awsRegion"),
}
_OPTIONAL: dict[str, tuple[str, ...]] = {
    "prometheus": (
        "activationThreshold",
        "namespace",
        "customHeaders",
        "queryParameters",
        "ignoreNullValues",
        "unsafeSsl",
        "awsRegion",
        "timeout",
        "identityOwner",
        "authModes",
    ),
    "cpu": ("containerName",),
    "memory": ("containerName",),
    "cron": (),
    "redis": (
        "listLength",
        "activationListLength",
        "databaseIndex",
        "enableTLS",
        "tls",
        "address",
        "addresses",
        "username",
        "password",
        "host",
        "hosts",
        "port",
        "ports",
        "unsafeSsl",
        "cert",
        "key",
        "keyPassword",
        "ca",
    ),
    "aws-sqs-queue": (
        "queueLength",
        "activationQueueLength",
        "awsEndpoint",
        "scaleOnInFlight",
        "scaleOnDelayed",
        "identityOwner",
    ),
}


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
    """A trigger is of a type that there is, and its metadata has the keys that its scaler knows."""
    for item in world.of("ScaledObject", "ScaledJob"):
        for index, trigger in enumerate(maps(item.tree, "spec.triggers")):
            kind, field = str(trigger.get("type")), f"spec.triggers[{index}]"
            if kind not in _SCALERS:
                what = f"KEDA has no scaler '{kind}'"
                yield item.finding(keda.KEDA_UNKNOWN_SCALER, f"{field}.type", what, nearest(kind, _SCALERS))
            yield from _metadata(item, f"{field}.metadata", kind, mapping(trigger, "metadata"))


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


def _metadata(item: Item, field: str, kind: str, metadata: Tree) -> Iterator[Finding]:
    said = {str(key).removesuffix("FromEnv") for key in metadata}
    if kind == "cron":
        yield from _cron(item, field, metadata)
    for key in _REQUIRED.get(kind, ()):
        if key not in said:
            yield item.finding(keda.KEDA_MISSING_METADATA, field, f"{kind} needs {key}")
    if kind in _RESOURCES and "type" in said:
        what = "`type` was removed in KEDA 2.18"
        yield item.finding(keda.KEDA_REMOVED_METADATA, field, what, "Use metricType of the trigger.")
        said.discard("type")
    known = _OPTIONAL.get(kind)
    unknown = set() if known is None else said - {*_REQUIRED.get(kind, ()), *known}
    for key in sorted(unknown):
        yield item.finding(keda.KEDA_UNKNOWN_METADATA, field, f"{kind} does not know '{key}'")
    for key, value in metadata.items():
        if not isinstance(value, str):
            yield item.finding(keda.KEDA_METADATA_TEXT, f"{field}.{key}", f"{value!r} is not text")

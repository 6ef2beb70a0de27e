"""Checks of manifests: what KEDA asks of ScaledObjects and their triggers."""

from __future__ import annotations

from capplan.findings import Check

KEDA_IDLE_COUNT = Check(
    code="keda-idle-count",
    severity="error",
    title="The idle replicas are not fewer than the minimum",
    why="KEDA's webhook refuses it: being idle would change nothing.",
    breaks="""\
kind: ScaledObject
spec: {idleReplicaCount: 2, minReplicaCount: 2}
""",
    near="""\
kind: ScaledObject
spec: {idleReplicaCount: 0, minReplicaCount: 2}
""",
    remedy="Set idleReplicaCount below minReplicaCount; only 0 works today.",
    source="https://keda.sh/docs/latest/reference/scaledobject-spec/#idlereplicacount",
)
KEDA_TRIGGER_NAME_TWICE = Check(
    code="keda-trigger-name-twice",
    severity="error",
    title="Two triggers have one name",
    why="KEDA refuses it: names tell the triggers of a formula apart.",
    breaks="""\
kind: ScaledObject
spec:
  triggers:
  - {type: cpu, name: load, metadata: {value: "70"}}
  - {type: memory, name: load, metadata: {value: "80"}}
""",
    near="""\
kind: ScaledObject
spec:
  triggers:
  - {type: cpu, name: cpu, metadata: {value: "70"}}
  - {type: memory, name: memory, metadata: {value: "80"}}
""",
    remedy="Give each its own name.",
    source="https://keda.sh/docs/latest/reference/scaledobject-spec/#triggers",
)
KEDA_ZERO_BY_RESOURCE = Check(
    code="keda-zero-by-resource",
    severity="error",
    title="CPU or memory alone cannot scale from zero",
    why="With no pod there is no usage to measure, so the workload would never come back.",
    breaks="""\
kind: ScaledObject
spec: {minReplicaCount: 0, triggers: [{type: cpu, metadata: {value: "70"}}]}
""",
    near="""\
kind: ScaledObject
spec: {minReplicaCount: 1, triggers: [{type: cpu, metadata: {value: "70"}}]}
""",
    remedy="Set 1 or more.",
    source="https://keda.sh/docs/latest/scalers/cpu/",
)
KEDA_CACHED_METRICS = Check(
    code="keda-cached-metrics",
    severity="error",
    title="A trigger cannot cache its metrics",
    why="KEDA refuses useCachedMetrics for cpu, memory and cron, which it does not poll.",
    breaks="""\
kind: ScaledObject
spec: {triggers: [{type: cpu, useCachedMetrics: true, metadata: {value: "70"}}]}
""",
    near="""\
kind: ScaledObject
spec:
  triggers:
  - type: prometheus
    useCachedMetrics: true
    metadata: {serverAddress: "http://p", query: up, threshold: "5"}
""",
    remedy="Remove it.",
    source="https://keda.sh/docs/latest/reference/scaledobject-spec/#caching-metrics",
)
KEDA_FALLBACK_TRIGGER = Check(
    code="keda-fallback-trigger",
    severity="error",
    title="A fallback without a trigger that can fail",
    why="The fallback covers triggers that KEDA polls itself; it never takes effect for CPU and memory.",
    breaks="""\
kind: ScaledObject
spec: {fallback: {failureThreshold: 3, replicas: 5}, triggers: [{type: cpu, metadata: {value: "70"}}]}
""",
    near="""\
kind: ScaledObject
spec: {fallback: {failureThreshold: 3, replicas: 5}}
""",
    remedy="Add a trigger other than cpu and memory, or remove the fallback.",
    source="https://keda.sh/docs/latest/reference/scaledobject-spec/#fallback",
)
KEDA_FALLBACK_BOUNDS = Check(
    code="keda-fallback-bounds",
    severity="warning",
    title="The fallback is outside the bounds of the autoscaler",
    why="When metrics fail, the HPA clips the count to its bounds, so the fallback is not what runs.",
    breaks="""\
kind: ScaledObject
spec: {maxReplicaCount: 9, fallback: {failureThreshold: 3, replicas: 20}}
""",
    near="""\
kind: ScaledObject
spec: {maxReplicaCount: 9, fallback: {failureThreshold: 3, replicas: 9}}
""",
    remedy="Choose replicas between the minimum and the maximum.",
    source="https://keda.sh/docs/latest/reference/scaledobject-spec/#fallback",
)
KEDA_NO_EFFECT = Check(
    code="keda-no-effect",
    severity="warning",
    title="A setting that matters only on the way to zero",
    why="Above zero the HPA scales by its own interval and windows, and the setting is ignored.",
    breaks="""\
kind: ScaledObject
spec: {minReplicaCount: 2, cooldownPeriod: 300}
""",
    near="""\
kind: ScaledObject
spec: {minReplicaCount: 0, cooldownPeriod: 300}
""",
    remedy="Remove it.",
    source="https://keda.sh/docs/latest/reference/scaledobject-spec/#cooldownperiod",
)
KEDA_UNKNOWN_SCALER = Check(
    code="keda-unknown-scaler",
    severity="error",
    title="A trigger of a type that KEDA does not have",
    why="KEDA refuses the ScaledObject, so nothing is scaled.",
    breaks="""\
kind: ScaledObject
spec: {triggers: [{type: promethues, metadata: {}}]}
""",
    near="""\
kind: ScaledObject
spec: {triggers: [{type: rabbitmq, metadata: {}}]}
""",
    remedy="Use a scaler that KEDA lists.",
    source="https://keda.sh/docs/latest/scalers/",
)
KEDA_MISSING_METADATA = Check(
    code="keda-missing-metadata",
    severity="error",
    title="A trigger lacks a key that its scaler needs",
    why="The scaler fails to start, so the workload stays at its minimum or its fallback.",
    breaks="""\
kind: ScaledObject
spec: {triggers: [{type: aws-sqs-queue, metadata: {awsRegion: us-east-1}}]}
""",
    near="""\
kind: ScaledObject
spec: {triggers: [{type: aws-sqs-queue, metadata: {awsRegion: us-east-1, queueURL: "https://sqs/1/q"}}]}
""",
    remedy="Add the key.",
    source="https://keda.sh/docs/latest/scalers/",
)
KEDA_UNKNOWN_METADATA = Check(
    code="keda-unknown-metadata",
    severity="warning",
    title="A trigger has a key that its scaler does not know",
    why="KEDA ignores it: a threshold that is misspelt is a threshold that is not set.",
    breaks="""\
kind: ScaledObject
spec:
  triggers:
  - type: prometheus
    metadata: {serverAddress: "http://p", query: up, threshold: "5", activationTreshold: "1"}
""",
    near="""\
kind: ScaledObject
spec:
  triggers:
  - type: prometheus
    metadata: {serverAddress: "http://p", query: up, threshold: "5", activationThreshold: "1"}
""",
    remedy="Correct the key, or remove it.",
    source="https://keda.sh/docs/latest/scalers/",
)
KEDA_REMOVED_METADATA = Check(
    code="keda-removed-metadata",
    severity="error",
    title="A trigger uses a key that KEDA removed",
    why="Since KEDA 2.18 metadata.type of cpu and memory is refused.",
    breaks="""\
kind: ScaledObject
spec: {triggers: [{type: cpu, metadata: {type: Utilization, value: "70"}}]}
""",
    near="""\
kind: ScaledObject
spec: {triggers: [{type: cpu, metricType: Utilization, metadata: {value: "70"}}]}
""",
    remedy="Use metricType of the trigger.",
    source="https://keda.sh/docs/latest/scalers/cpu/",
)
KEDA_CRON = Check(
    code="keda-cron",
    severity="error",
    title="A cron trigger that KEDA cannot follow",
    why="The scaler fails to start, so the ScaledObject is not ready and nothing is scaled.",
    breaks="""\
kind: ScaledObject
spec:
  triggers:
  - type: cron
    metadata: {timezone: Etc/UTC, start: "0 9 * * *", end: "0 9 * * *", desiredReplicas: "5"}
""",
    near="""\
kind: ScaledObject
spec:
  triggers:
  - type: cron
    metadata: {timezone: Etc/UTC, start: "0 9 * * *", end: "0 18 * * *", desiredReplicas: "5"}
""",
    remedy="Give two different schedules of five fields, a zone such as Europe/Paris, and replicas above 0.",
    source="https://keda.sh/docs/latest/scalers/cron/",
)
KEDA_METADATA_TEXT = Check(
    code="keda-metadata-text",
    severity="error",
    title="A value of a trigger is not text",
    why="Metadata are texts; the API server refuses numbers and booleans.",
    breaks="""\
kind: ScaledObject
spec: {triggers: [{type: cpu, metadata: {value: 70}}]}
""",
    near="""\
kind: ScaledObject
spec: {triggers: [{type: cpu, metadata: {value: "70"}}]}
""",
    remedy="Quote it.",
    source="https://keda.sh/docs/latest/reference/scaledobject-spec/#triggers",
)
KEDA_VALUE = Check(
    code="keda-value",
    severity="error",
    title="A trigger has a value that its scaler cannot parse",
    why="The scaler fails to start, so the ScaledObject is not ready and nothing is scaled.",
    breaks="""\
kind: ScaledObject
spec:
  triggers:
  - {type: kafka, metadata: {bootstrapServers: "k:9092", consumerGroup: g, lagThreshold: ten}}
""",
    near="""\
kind: ScaledObject
spec:
  triggers:
  - {type: kafka, metadata: {bootstrapServers: "k:9092", consumerGroup: g, lagThreshold: "10"}}
""",
    remedy="Write what the scaler takes.",
    source="https://keda.sh/docs/latest/scalers/",
)

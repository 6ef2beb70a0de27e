"""Checks of manifests: horizontal and vertical autoscalers."""

from __future__ import annotations

from capplan.findings import Check

TWO_AUTOSCALERS = Check(
    code="two-autoscalers",
    severity="error",
    title="Two autoscalers scale one workload",
    why="Each undoes what the other decides, so the number of replicas jumps back and forth.",
    breaks="""\
kind: HorizontalPodAutoscaler
---
kind: ScaledObject
""",
    near="""\
kind: HorizontalPodAutoscaler
spec: {scaleTargetRef: {name: shop}}
---
kind: ScaledObject
""",
    remedy="Keep one.",
    source="https://keda.sh/docs/latest/concepts/scaling-deployments/",
)
REPLICAS_UNDER_AUTOSCALER = Check(
    code="replicas-under-autoscaler",
    severity="warning",
    title="A workload with an autoscaler also sets replicas",
    why="Every apply sets the count back, in the middle of a peak too.",
    breaks="""\
kind: Deployment
spec: {replicas: 3}
---
kind: HorizontalPodAutoscaler
""",
    near="""\
kind: Deployment
spec: {replicas: 3}
""",
    remedy="Remove it.",
    source="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#migrating-deployments-and-statefulsets-to-horizontal-autoscaling",
)
TWO_VPAS = Check(
    code="two-vpas",
    severity="warning",
    title="Two VPAs resize one workload",
    why="Which of them decides is undefined.",
    breaks="""\
kind: VerticalPodAutoscaler
---
kind: VerticalPodAutoscaler
metadata: {name: web-memory}
""",
    near="""\
kind: VerticalPodAutoscaler
---
kind: VerticalPodAutoscaler
metadata: {name: shop}
spec: {targetRef: {kind: StatefulSet}}
""",
    remedy="Keep one.",
    source="https://github.com/kubernetes/autoscaler/blob/master/vertical-pod-autoscaler/docs/known-limitations.md",
)
HPA_NAME_TAKEN = Check(
    code="hpa-name-taken",
    severity="error",
    title="KEDA's HPA gets a name that another HPA has",
    why="KEDA cannot create its HPA, so the workload is not scaled.",
    breaks="""\
kind: HorizontalPodAutoscaler
metadata: {name: keda-hpa-web}
spec: {scaleTargetRef: {name: shop}}
---
kind: ScaledObject
""",
    near="""\
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {name: shop}}
---
kind: ScaledObject
""",
    remedy="Rename the HPA, or set advanced.horizontalPodAutoscalerConfig.name.",
    source="https://keda.sh/docs/latest/reference/scaledobject-spec/",
)
HPA_NAME_TOO_LONG = Check(
    code="hpa-name-too-long",
    severity="error",
    title="KEDA's HPA gets a name that is too long",
    why="KEDA puts `keda-hpa-` before the name; beyond 63 characters the HPA cannot be created.",
    breaks="""\
kind: ScaledObject
metadata: {name: a-name-that-has-fifty-five-characters-and-is-one-too-long}
""",
    near="""\
kind: ScaledObject
metadata: {name: a-name-that-has-fifty-five-characters-and-is-one-too-long}
spec: {advanced: {horizontalPodAutoscalerConfig: {name: web}}}
""",
    remedy="At most 54 characters.",
    source="https://keda.sh/docs/latest/reference/scaledobject-spec/",
)
HPA_MIN = Check(
    code="hpa-min",
    severity="error",
    title="An HPA's minimum is below 1",
    why="Without the feature gate HPAScaleToZero the API server refuses it.",
    breaks="""\
kind: HorizontalPodAutoscaler
spec: {minReplicas: 0}
""",
    near="""\
kind: ScaledObject
spec: {minReplicaCount: 0}
""",
    remedy="Set 1 or more, or use KEDA to scale to zero.",
    source="https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/",
)
NO_ROOM = Check(
    code="no-room",
    severity="warning",
    title="An autoscaler has no room between its bounds",
    why="It can never change anything, although it looks as if the workload were scaled.",
    breaks="""\
kind: HorizontalPodAutoscaler
spec: {minReplicas: 5, maxReplicas: 5}
""",
    near="""\
kind: HorizontalPodAutoscaler
spec: {minReplicas: 4, maxReplicas: 5}
""",
    remedy="Raise the maximum, or set replicas and remove the autoscaler.",
    source="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
)
NO_REQUEST = Check(
    code="no-request",
    severity="error",
    title="An autoscaler measures the share of a request that is not there",
    why="Utilization is usage divided by the request. Without a request the HPA does not scale.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web}, {name: proxy, image: "proxy:1"}]}}}
---
kind: HorizontalPodAutoscaler
""",
    near="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web}, {name: proxy, image: "proxy:1"}]}}}
---
kind: HorizontalPodAutoscaler
spec:
  metrics:
  - type: ContainerResource
    containerResource: {name: cpu, container: web, target: {type: Utilization, averageUtilization: 70}}
""",
    remedy="Set resources.requests, or measure one container that has them.",
    source="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details",
)
METRIC_BLOCK = Check(
    code="metric-block",
    severity="error",
    title="A metric of an HPA lacks the block of its type",
    why="The API server refuses it.",
    breaks="""\
kind: HorizontalPodAutoscaler
spec: {metrics: [{type: Pods, resource: {name: cpu}}]}
""",
    near="""\
kind: HorizontalPodAutoscaler
spec: {metrics: [{type: Pods, pods: {metric: {name: rps}, target: {type: AverageValue, averageValue: "20"}}}]}
""",
    remedy="Give the block that the type names: resource, containerResource, pods, object or external.",
    source="https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/",
)
METRIC_TARGET = Check(
    code="metric-target",
    severity="error",
    title="A target of an HPA does not fit its type",
    why="The API server refuses it, or the HPA compares with a figure that was never given.",
    breaks="""\
kind: HorizontalPodAutoscaler
spec:
  metrics: [{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageUtilization: 70}}}]
""",
    near="""\
kind: HorizontalPodAutoscaler
spec:
  metrics: [{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 350m}}}]
""",
    remedy="Give averageUtilization for Utilization, averageValue for AverageValue, value for Value.",
    source="https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/",
)
BEHAVIOR_POLICY = Check(
    code="behavior-policy",
    severity="error",
    title="A scaling policy is outside the API's bounds",
    why="The API server refuses it.",
    breaks="""\
kind: HorizontalPodAutoscaler
spec: {behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 3600}]}}}
""",
    near="""\
kind: HorizontalPodAutoscaler
spec: {behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 1800}]}}}
""",
    remedy="Use a value of 1 or more and a period of 1 to 1800 seconds.",
    source="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#scaling-policies",
)
BEHAVIOR_WINDOW = Check(
    code="behavior-window",
    severity="error",
    title="A stabilization window is outside the API's bounds",
    why="The API server refuses it.",
    breaks="""\
kind: HorizontalPodAutoscaler
spec: {behavior: {scaleDown: {stabilizationWindowSeconds: 7200}}}
""",
    near="""\
kind: HorizontalPodAutoscaler
spec: {behavior: {scaleDown: {stabilizationWindowSeconds: 3600}}}
""",
    remedy="Use 0 to 3600 seconds.",
    source="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#stabilization-window",
)
VPA_MODE = Check(
    code="vpa-mode",
    severity="error",
    title="A VPA's mode is a boolean",
    why="YAML reads Off without quotes as false, which the API server refuses.",
    breaks="""\
kind: VerticalPodAutoscaler
spec: {updatePolicy: {updateMode: Off}}
""",
    near="""\
kind: VerticalPodAutoscaler
spec: {updatePolicy: {updateMode: "Off"}}
""",
    remedy='Write "Off".',
    source="https://github.com/kubernetes/autoscaler/tree/master/vertical-pod-autoscaler",
)
VPA_FIGHTS_HPA = Check(
    code="vpa-fights-hpa",
    severity="warning",
    title="A VPA changes what a horizontal autoscaler measures",
    why="More requested CPU lowers the utilization, so one removes the replicas that the other asks for.",
    breaks="""\
kind: HorizontalPodAutoscaler
---
kind: VerticalPodAutoscaler
spec: {updatePolicy: {updateMode: Recreate}}
""",
    near="""\
kind: HorizontalPodAutoscaler
---
kind: VerticalPodAutoscaler
spec:
  updatePolicy: {updateMode: Recreate}
  resourcePolicy: {containerPolicies: [{containerName: "*", controlledResources: [memory]}]}
""",
    remedy="Set updateMode Off, or controlledResources to the others.",
    source="https://github.com/kubernetes/autoscaler/blob/master/vertical-pod-autoscaler/docs/known-limitations.md",
)
VPA_BOUNDS = Check(
    code="vpa-bounds",
    severity="error",
    title="A VPA's minimum is above its maximum",
    why="The webhook refuses it, or the recommendation ignores one of the bounds.",
    breaks="""\
kind: VerticalPodAutoscaler
spec:
  resourcePolicy:
    containerPolicies: [{containerName: "*", minAllowed: {cpu: 2}, maxAllowed: {cpu: 500m}}]
""",
    near="""\
kind: VerticalPodAutoscaler
spec:
  resourcePolicy:
    containerPolicies: [{containerName: "*", minAllowed: {cpu: 2}, maxAllowed: {cpu: 2000m}}]
""",
    remedy="Set maxAllowed to at least minAllowed.",
    source="https://github.com/kubernetes/autoscaler/tree/master/vertical-pod-autoscaler",
)
VPA_ABOVE_NODE = Check(
    code="vpa-above-node",
    severity="warning",
    title="A VPA may request more than any node has",
    why="Once it recommends that much, the pod can no longer be scheduled.",
    breaks="""\
# A node leaves 4 vCPU and 8 GiB to pods.
kind: VerticalPodAutoscaler
spec: {resourcePolicy: {containerPolicies: [{containerName: "*", maxAllowed: {memory: 9Gi}}]}}
""",
    near="""\
kind: VerticalPodAutoscaler
spec: {resourcePolicy: {containerPolicies: [{containerName: "*", maxAllowed: {memory: 8Gi}}]}}
""",
    remedy="Set maxAllowed to what a node leaves to pods.",
    source="https://github.com/kubernetes/autoscaler/blob/master/vertical-pod-autoscaler/docs/known-limitations.md",
)
NEVER_SCALES = Check(
    code="never-scales",
    severity="error",
    title="An HPA has a target that limits keep its pods from passing",
    why="Usage cannot go above the limit, so the HPA never adds a replica.",
    breaks="""\
# The pods request 512Mi of memory, which is also their limit.
kind: HorizontalPodAutoscaler
spec:
  metrics:
  - {type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: 120}}}
""",
    near="""\
kind: HorizontalPodAutoscaler
spec:
  metrics:
  - {type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: 80}}}
""",
    remedy="Lower the target, or raise the limits.",
    source="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details",
)
_ADAPTED = """\
kind: ConfigMap
data: {config.yaml: "rules: [{metricsQuery: <<.Series>>, name: {as: requests_per_second}}]"}
---
kind: HorizontalPodAutoscaler
spec:
  metrics:
  - type: Pods
    pods: {metric: {name: requests_per_second}, target: {type: AverageValue, averageValue: "9"}}
"""
METRIC_SOURCE = Check(
    code="metric-source",
    severity="error",
    title="An HPA scales by a metric that no rule of prometheus-adapter makes",
    why="The HPA gets no figure, so it never scales. It is a warning where no name is near.",
    breaks=_ADAPTED.replace("{name: requests", "{name: request"),
    near=_ADAPTED,
    remedy="Add a rule for it, or correct the name.",
    source="https://github.com/kubernetes-sigs/prometheus-adapter/blob/master/docs/config.md",
)

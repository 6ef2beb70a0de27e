"""Checks of manifests: availability, and whether everything has room."""

from __future__ import annotations

from capplan.findings import Check

PDB_FIELDS = Check(
    code="pdb-fields",
    severity="error",
    title="A disruption budget needs exactly one figure",
    why="The API server refuses both together, and neither protects nothing.",
    breaks="""\
kind: PodDisruptionBudget
spec: {minAvailable: 1, maxUnavailable: 1}
""",
    near="""\
kind: PodDisruptionBudget
spec: {maxUnavailable: 1}
""",
    remedy="Give one of minAvailable and maxUnavailable.",
    source="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
)
PDB_WITHOUT_PODS = Check(
    code="pdb-without-pods",
    severity="warning",
    title="A disruption budget selects no pods",
    why="It protects nothing: a drain may evict all replicas at once.",
    breaks="""\
kind: PodDisruptionBudget
spec: {selector: {matchLabels: {app: shop}}}
""",
    near="""\
kind: PodDisruptionBudget
spec: {selector: {matchLabels: null}}
""",
    remedy="Select by labels of the pods that it should protect.",
    source="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
)
PDB_BLOCKS_DRAIN = Check(
    code="pdb-blocks-drain",
    severity="error",
    title="A disruption budget allows no eviction",
    why="Nodes can no longer be drained: upgrades and scale-down wait for ever. If only the fewest pods of "
    "an autoscaler are too few, that depends on the load and is a warning.",
    breaks="""\
kind: Deployment
spec: {replicas: 3}
---
kind: PodDisruptionBudget
spec: {maxUnavailable: null, minAvailable: 90%}
""",
    near="""\
kind: Deployment
spec: {replicas: 3}
---
kind: PodDisruptionBudget
spec: {maxUnavailable: null, minAvailable: 60%}
""",
    remedy="Set maxUnavailable 1.",
    source="https://kubernetes.io/docs/tasks/run-application/configure-pdb/#rounding-logic-when-specifying-percentages",
)
TWO_PDBS = Check(
    code="two-pdbs",
    severity="error",
    title="Two disruption budgets protect the same pods",
    why="The eviction API refuses to evict a pod of two budgets, so drains hang.",
    breaks="""\
kind: PodDisruptionBudget
---
kind: PodDisruptionBudget
metadata: {name: everything}
spec: {selector: {matchLabels: null}}
""",
    near="""\
kind: PodDisruptionBudget
""",
    remedy="Keep one.",
    source="https://kubernetes.io/docs/tasks/run-application/configure-pdb/#arbitrary-controllers-and-selectors",
)
STUCK_ROLLOUT = Check(
    code="stuck-rollout",
    severity="error",
    title="A rollout cannot begin",
    why="With neither a pod more nor a pod fewer allowed, no pod can be replaced; the API server refuses it.",
    breaks="""\
kind: Deployment
spec: {strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}}
""",
    near="""\
kind: Deployment
spec: {strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}}
""",
    remedy="Allow maxSurge or maxUnavailable of at least 1.",
    source="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment",
)
PRE_STOP = Check(
    code="pre-stop",
    severity="error",
    title="The hook before stopping takes all the time there is",
    why="The grace period includes the hook, so the container is killed before it can finish its requests.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, lifecycle: {preStop: {sleep: {seconds: 30}}}}]}}}
""",
    near="""\
kind: Deployment
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 60
      containers: [{name: web, lifecycle: {preStop: {sleep: {seconds: 30}}}}]
""",
    remedy="Raise terminationGracePeriodSeconds, or sleep for less.",
    source="https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/#hook-handler-execution",
)
QUANTITY = Check(
    code="quantity",
    severity="error",
    title="A quantity that Kubernetes cannot read",
    why="The API server refuses the object.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, resources: {requests: {memory: 512MiB}}}]}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, resources: {requests: {memory: 512Mi}}}]}}}
""",
    remedy="Write a number with a suffix such as m, k, M, Ki, Mi or Gi, without a space.",
    source="https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/",
)
REQUEST_ABOVE_LIMIT = Check(
    code="request-above-limit",
    severity="error",
    title="A container requests more than its limit",
    why="The API server refuses the pod.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, resources: {requests: {cpu: 1}, limits: {cpu: 500m}}}]}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, resources: {requests: {cpu: 1}, limits: {cpu: 1000m}}}]}}}
""",
    remedy="Raise the limit, or request less.",
    source="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
)
EXTENDED_RESOURCE = Check(
    code="extended-resource",
    severity="error",
    title="An extended resource needs a whole limit that equals the request",
    why="GPUs and their like cannot be shared or overcommitted; the API server refuses anything else.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, resources: {requests: {nvidia.com/gpu: 1}}}]}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, resources: {limits: {nvidia.com/gpu: 1}}}]}}}
""",
    remedy="Set the limit to a whole number; the request follows it.",
    source="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#extended-resources",
)
NO_SUCH_NODES = Check(
    code="no-such-nodes",
    severity="error",
    title="A pod selects nodes that no pool has",
    why="Its pods stay pending.",
    breaks="""\
# The only pool's nodes have the label `pool: default`.
kind: Deployment
spec: {template: {spec: {nodeSelector: {pool: gpu}}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {nodeSelector: {pool: default}}}}
""",
    remedy="Select by labels of a pool of the plan.",
    source="https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodeselector",
)
GPU_TOLERATION = Check(
    code="gpu-toleration",
    severity="warning",
    title="A GPU pod does not tolerate the taint of GPU nodes",
    why="Clouds taint GPU nodes so that other pods stay away; without a toleration this pod stays away too.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, resources: {limits: {nvidia.com/gpu: 1}}}]}}}
""",
    near="""\
kind: Deployment
spec:
  template:
    spec:
      tolerations: [{key: nvidia.com/gpu, operator: Exists}]
      containers: [{name: web, resources: {limits: {nvidia.com/gpu: 1}}}]
""",
    remedy="Tolerate nvidia.com/gpu.",
    source="https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/",
)
GPU_SELECTOR = Check(
    code="gpu-selector",
    severity="info",
    title="A GPU pod does not select its nodes",
    why="It may run on any GPU that is free, dearer or slower than the one that was planned.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, resources: {limits: {nvidia.com/gpu: 1}}}]}}}
""",
    near="""\
kind: Deployment
spec:
  template:
    spec:
      nodeSelector: {cloud.google.com/gke-accelerator: nvidia-l4}
      containers: [{name: web, resources: {limits: {nvidia.com/gpu: 1}}}]
""",
    remedy="Give a nodeSelector or a node affinity.",
    source="https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/",
)
QUOTA_TOO_SMALL = Check(
    code="quota-too-small",
    severity="warning",
    title="A quota is smaller than what runs at its maximum",
    why="In the busiest hour, or during a rollout, the API server refuses the pods that are needed.",
    breaks="""\
kind: Deployment
spec: {replicas: 4}
---
# Four pods, and one more during a rollout.
kind: ResourceQuota
spec: {hard: {pods: "4"}}
""",
    near="""\
kind: Deployment
spec: {replicas: 4}
---
kind: ResourceQuota
spec: {hard: {pods: "5"}}
""",
    remedy="Raise the quota, or lower the maximum.",
    source="https://kubernetes.io/docs/concepts/policy/resource-quotas/",
)
UNSET_UNDER_QUOTA = Check(
    code="unset-under-quota",
    severity="error",
    title="A container sets nothing that the quota counts",
    why="Under a quota the API server refuses such pods. A warning where a LimitRange fills the value in.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, resources: null}]}}}
---
kind: ResourceQuota
spec: {hard: {requests.cpu: "20"}}
""",
    near="""\
kind: ResourceQuota
spec: {hard: {requests.cpu: "20"}}
""",
    remedy="Set it on every container of the namespace.",
    source="https://kubernetes.io/docs/concepts/policy/resource-quotas/#compute-resource-quota",
)
CEILING_BELOW_PEAK = Check(
    code="ceiling-below-peak",
    severity="error",
    title="An autoscaler's maximum does not carry the planned peak",
    why="In the busiest hour it asks for more replicas than it may have.",
    breaks="""\
# 15 requests/s a replica, 9 replicas at most.
kind: Deployment
metadata: {annotations: {capplan/peak-rps: "150"}}
---
kind: ScaledObject
""",
    near="""\
kind: Deployment
metadata: {annotations: {capplan/peak-rps: "135"}}
---
kind: ScaledObject
""",
    remedy="Raise the maximum.",
    source="peak requests/s ÷ requests/s of a replica, rounded up, as the HPA computes it",
)
FIGURES_DIFFER = Check(
    code="figures-differ",
    severity="error",
    title="Two files were rendered for different loads",
    why="One of them is left over from an earlier plan, so they no longer fit together.",
    breaks="""\
kind: Deployment
metadata: {annotations: {capplan/peak-rps: "100"}}
---
kind: HorizontalPodAutoscaler
metadata: {annotations: {capplan/peak-rps: "150"}}
""",
    near="""\
kind: Deployment
metadata: {annotations: {capplan/peak-rps: "100"}}
---
kind: HorizontalPodAutoscaler
metadata: {annotations: {capplan/peak-rps: "100"}}
""",
    remedy="Render both again.",
    source="the annotation capplan/peak-rps, which capplan writes on what it renders",
)
ALERT_BEFORE_LINE = Check(
    code="alert-before-line",
    severity="warning",
    title="An alert fires before the dashboard shows anything",
    why="Whoever is woken looks at a panel on which no line is crossed.",
    breaks="""\
groups: [{name: web, rules: [{alert: Busy, expr: "cpu > 4"}]}]
---
schemaVersion: 39
panels:
- targets: [{expr: cpu, refId: A}]
  fieldConfig: {defaults: {thresholds: {steps: [{value: null}, {value: 5}]}}}
""",
    near="""\
groups: [{name: web, rules: [{alert: Busy, expr: "cpu > 5"}]}]
---
schemaVersion: 39
panels:
- targets: [{expr: cpu, refId: A}]
  fieldConfig: {defaults: {thresholds: {steps: [{value: null}, {value: 5}]}}}
""",
    remedy="Render both again.",
    source="https://grafana.com/docs/grafana/latest/panels-visualizations/configure-thresholds/",
)
SHARED_VOLUME = Check(
    code="shared-volume",
    severity="warning",
    title="Several pods of a Deployment share a volume for one node",
    why="Pods on other nodes cannot mount it and stay pending. With ReadWriteOncePod it is an error.",
    breaks="""\
kind: Deployment
spec:
  replicas: 3
  template: {spec: {volumes: [{name: data, persistentVolumeClaim: {claimName: web}}]}}
---
kind: PersistentVolumeClaim
spec: {accessModes: [ReadWriteOnce]}
""",
    near="""\
kind: Deployment
spec:
  replicas: 3
  template: {spec: {volumes: [{name: data, persistentVolumeClaim: {claimName: web}}]}}
---
kind: PersistentVolumeClaim
spec: {accessModes: [ReadWriteMany]}
""",
    remedy="Use a StatefulSet with claims of its own, or a volume of ReadWriteMany.",
    source="https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes",
)
LIMIT_RANGE = Check(
    code="limit-range",
    severity="error",
    title="Resources that the LimitRange of the namespace does not allow",
    why="The API server refuses the pods, so the workload has none.",
    breaks="""\
kind: LimitRange
spec: {limits: [{type: Container, max: {memory: 256Mi}}]}
---
kind: Deployment
spec: {template: {spec: {containers: [{name: web, resources: {limits: {memory: 512Mi}}}]}}}
""",
    near="""\
kind: LimitRange
spec: {limits: [{type: Container, max: {memory: 512Mi}}]}
---
kind: Deployment
spec: {template: {spec: {containers: [{name: web, resources: {limits: {memory: 512Mi}}}]}}}
""",
    remedy="Stay within the bounds, or change them.",
    source="https://kubernetes.io/docs/concepts/policy/limit-range/",
)

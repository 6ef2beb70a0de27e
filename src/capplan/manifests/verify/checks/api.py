"""Checks of manifests: what the API server or the kubelet refuses of a single object."""

from __future__ import annotations

from capplan.findings import Check

_CRDS = "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/"
_PODS = "https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/"

REMOVED_API = Check(
    code="removed-api",
    severity="error",
    title="An API version that the cluster no longer has",
    why="The API server refuses the object: it knows no such kind.",
    breaks="""\
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
""",
    near="""\
apiVersion: policy/v1
kind: PodDisruptionBudget
""",
    remedy="Use the version that took its place.",
    source="https://kubernetes.io/docs/reference/using-api/deprecation-guide/",
)
DEPRECATED_API = Check(
    code="deprecated-api",
    severity="warning",
    title="An API version that a later Kubernetes no longer has",
    why="After the upgrade the API server refuses the object.",
    breaks="""\
apiVersion: v1
kind: Endpoints
metadata: {name: web}
""",
    near="""\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web}
""",
    remedy="Use the version that takes its place.",
    source="https://kubernetes.io/docs/reference/using-api/deprecation-guide/",
)
UNKNOWN_VALUE = Check(
    code="unknown-value",
    severity="error",
    title="A value that a field cannot have",
    why="The API server refuses the object.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, imagePullPolicy: IfNotExists}]}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, imagePullPolicy: IfNotPresent}]}}}
""",
    remedy="Use one of the values that the field may have.",
    source="https://kubernetes.io/docs/reference/kubernetes-api/",
)
REFUSED = Check(
    code="refused",
    severity="error",
    title="Fields that cannot be as they are, or not together",
    why="The API server refuses the object, or the kubelet cannot start its containers.",
    breaks="""\
kind: Deployment
spec: {strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}}
""",
    near="""\
kind: Deployment
spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}}
""",
    remedy="Change or remove what is named.",
    source="https://kubernetes.io/docs/reference/kubernetes-api/",
)
RESTART_POLICY = Check(
    code="restart-policy",
    severity="error",
    title="Pods have a restart policy that their controller cannot have",
    why="The API server refuses it: pods of a Job must be able to end, those of a Deployment must not.",
    breaks="""\
kind: Job
spec: {template: {spec: {restartPolicy: Always}}}
""",
    near="""\
kind: Job
spec: {template: {spec: {restartPolicy: Never}}}
""",
    remedy="Set the policy that is named; a Job that says none has Always.",
    source="https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-template",
)
SCHEDULE = Check(
    code="schedule",
    severity="error",
    title="A CronJob has a schedule or time zone that cannot be read",
    why="The API server refuses it.",
    breaks="""\
apiVersion: batch/v1
kind: CronJob
metadata: {name: report}
spec: {schedule: "0 25 * * *"}
""",
    near="""\
apiVersion: batch/v1
kind: CronJob
metadata: {name: report}
spec: {schedule: "0 23 * * sun"}
""",
    remedy="Write minute, hour, day of month, month and day of week, and a zone such as Europe/Paris.",
    source="https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax",
)
SOURCE_RANGES = Check(
    code="source-ranges",
    severity="error",
    title="Source ranges on a Service that is no load balancer",
    why="The API server refuses it.",
    breaks="""\
kind: Service
spec: {type: NodePort, loadBalancerSourceRanges: [10.0.0.0/8]}
""",
    near="""\
kind: Service
spec: {type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8]}
""",
    remedy="Remove them; a network policy or a firewall restricts what is no load balancer.",
    source="https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/",
)
SERVICE_PORTS = Check(
    code="service-ports",
    severity="error",
    title="Ports of a Service are without names of their own, or out of range",
    why="The API server refuses it.",
    breaks="""\
kind: Service
spec: {ports: [{port: 80, targetPort: http}, {port: 8080, targetPort: http}]}
""",
    near="""\
kind: Service
spec: {ports: [{port: 80, targetPort: http}]}
""",
    remedy="Name each port.",
    source="https://kubernetes.io/docs/concepts/services-networking/service/#multi-port-services",
)
PROBE_THRESHOLD = Check(
    code="probe-threshold",
    severity="error",
    title="A liveness or startup probe must succeed more than once",
    why="The API server refuses it; only readiness may ask for several successes.",
    breaks="""\
kind: Deployment
spec:
  template:
    spec: {containers: [{name: web, livenessProbe: {successThreshold: 2, tcpSocket: {port: http}}}]}
""",
    near="""\
kind: Deployment
spec:
  template:
    spec: {containers: [{name: web, readinessProbe: {successThreshold: 2, tcpSocket: {port: http}}}]}
""",
    remedy="Set successThreshold to 1.",
    source=_PODS,
)
SLOW_START = Check(
    code="slow-start",
    severity="warning",
    title="A liveness probe ends a container before it can be ready",
    why="A container that needs the time that readiness allows is restarted for ever.",
    breaks="""\
kind: Deployment
spec:
  template:
    spec:
      containers:
      - name: web
        livenessProbe: {tcpSocket: {port: http}}
        readinessProbe: {initialDelaySeconds: 60, tcpSocket: {port: http}}
""",
    near="""\
kind: Deployment
spec:
  template:
    spec:
      containers:
      - name: web
        livenessProbe: {initialDelaySeconds: 60, tcpSocket: {port: http}}
        readinessProbe: {initialDelaySeconds: 60, tcpSocket: {port: http}}
""",
    remedy="Add a startupProbe, or let the liveness probe begin later.",
    source="https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#define-startup-probes",
)
SPREAD = Check(
    code="spread",
    severity="error",
    title="A topology spread that is refused, or cannot be met",
    why="The API server refuses the pods, or some of them never start.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {topologySpreadConstraints: [{maxSkew: 0, topologyKey: kubernetes.io/hostname}]}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname}]}}}
""",
    remedy="Give maxSkew of 1 or more and a topologyKey; minDomains goes with DoNotSchedule.",
    source="https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",
)
TINY_MEMORY = Check(
    code="tiny-memory",
    severity="error",
    title="A memory limit with which no container starts",
    why="`m` means a thousandth: 512m of memory is half a byte. A request that small is a warning.",
    breaks="""\
kind: Deployment
spec:
  template: {spec: {containers: [{name: web, resources: {requests: {memory: 512m}, limits: {memory: 512m}}}]}}
""",
    near="""\
kind: Deployment
spec:
  template: {spec: {containers: [{name: web, resources: {requests: {memory: 512M}, limits: {memory: 512M}}}]}}
""",
    remedy="Write Mi or Gi.",
    source="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#meaning-of-memory",
)
EMPTY_DIR_ABOVE_LIMIT = Check(
    code="empty-dir-above-limit",
    severity="warning",
    title="A volume in memory may grow beyond the memory limit",
    why="What is written there counts as memory of the container, which is killed before the volume is full.",
    breaks="""\
# The container's memory limit is 512Mi.
kind: Deployment
spec: {template: {spec: {volumes: [{name: cache, emptyDir: {medium: Memory, sizeLimit: 1Gi}}]}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {volumes: [{name: cache, emptyDir: {medium: Memory, sizeLimit: 256Mi}}]}}}
""",
    remedy="Lower sizeLimit, or raise the memory limit.",
    source="https://kubernetes.io/docs/concepts/storage/volumes/#emptydir",
)
_SHARD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shards.example.com}
spec:
  group: example.com
  names: {kind: Shard, plural: shards}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, properties: {count: {type: integer, maximum: 9}}}}
---
apiVersion: example.com/v1
kind: Shard
spec: {count: 9}
"""
CUSTOM_RESOURCE = Check(
    code="custom-resource",
    severity="error",
    title="A custom resource that its definition does not allow",
    why="The API server checks it against the schema of its CRD, and refuses it.",
    breaks=_SHARD.replace("count: 9", "count: 12"),
    near=_SHARD,
    remedy="Write what the schema allows, or apply the CRD of the version that is meant.",
    source=f"{_CRDS}#validation",
)
UNKNOWN_FIELD = Check(
    code="unknown-field",
    severity="warning",
    title="A custom resource has a field that its definition lacks",
    why="The API server drops it, and kubectl refuses it: what it says has no effect.",
    breaks=_SHARD.replace("count: 9", "cuont: 9"),
    near=_SHARD,
    remedy="Correct the field, or remove it.",
    source=f"{_CRDS}#field-pruning",
)
UNKNOWN_KIND = Check(
    code="unknown-kind",
    severity="error",
    title="A kind that its API version does not have",
    why="The API server knows no such kind, and refuses the object.",
    breaks="""\
apiVersion: v1
kind: Deployment
""",
    near="""\
apiVersion: apps/v1
kind: Deployment
""",
    remedy="Correct the kind or the version.",
    source="https://kubernetes.io/docs/reference/using-api/#api-groups",
)

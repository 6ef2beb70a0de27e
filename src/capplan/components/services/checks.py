"""What can be wrong with how a service is scaled, or waits for others."""

from __future__ import annotations

from capplan.findings import Check

ZERO_MINIMUM = Check(
    code="zero-minimum",
    severity="info",
    title="A minimum of no instances is counted as one",
    why="What is measured on pods says nothing once there are none, so an HPA refuses a minimum of 0.",
    breaks="""\
services: {api: {platform: kubernetes, cpu: 1, memory: 1Gi, throughput: 40, instances: {min: 0, max: 4}}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}}
""",
    near="""\
services:
  api:
    platform: kubernetes
    cpu: 1
    memory: 1Gi
    throughput: 40
    instances: {min: 0, max: 4}
    workload: {autoscaler: {kind: keda, triggers: {requests: 40}}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}}
""",
    remedy="Set instances.min to 1, or scale by requests or a queue with KEDA.",
    source="https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/",
)
TARGET_UNREACHABLE = Check(
    code="target-unreachable",
    severity="error",
    title="An autoscaler's measure never reaches its target",
    why="Something else of an instance is full before the measure is at its target, so requests wait and no "
    "instance is added.",
    breaks="""\
# Two requests at once, of 600 ms on two cores each, keep an instance 60 % busy.
services:
  api:
    platform: kubernetes
    cpu: 2
    memory: 1Gi
    service_time: 1s
    cpu_time: 600ms
    concurrency: 2
    workload: {autoscaler: {triggers: {cpu: 70}}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}}
""",
    near="""\
services:
  api:
    platform: kubernetes
    cpu: 2
    memory: 1Gi
    service_time: 1s
    cpu_time: 600ms
    concurrency: 2
    workload: {autoscaler: {triggers: {cpu: 50}}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}}
""",
    remedy="Lower the target, raise what is full first, or scale by requests.",
    source="utilization law: CPU of a full instance = its highest requests/s × CPU time ÷ cores",
)
AUTOSCALER_SHORT = Check(
    code="autoscaler-short",
    severity="error",
    title="An autoscaler rests at fewer instances than the plan needs",
    why="It knows only its target, not spares, lost zones and response times, so what is counted for them "
    "does not run.",
    breaks="""\
services:
  api:
    platform: kubernetes
    cpu: 1
    memory: 1Gi
    cpu_time: 40ms
    instances: {min: 1, max: 30}
    redundancy: {zones: 3, survive_zones: 1}
    workload: {autoscaler: {triggers: {cpu: 70}}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}}
""",
    near="""\
services:
  api:
    platform: kubernetes
    cpu: 1
    memory: 1Gi
    cpu_time: 40ms
    instances: {min: 1, max: 30}
    redundancy: {zones: 3, survive_zones: 1}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}}
""",
    remedy="Leave the threshold out, so that capplan computes it, lower it, or raise instances.min.",
    source="an HPA rests at load ÷ (target × (1 + tolerance)), rounded up; the tolerance is 10 %",
)
AUTOSCALER_RUNS_MORE = Check(
    code="autoscaler-runs-more",
    severity="info",
    title="An autoscaler runs more instances than the plan counts",
    why="It has one target for all hours. What spares, lost zones and response times add is not in "
    "proportion to the load, so a target that holds every count runs more in some hours.",
    breaks="""\
services:
  api:
    platform: kubernetes
    cpu: 1
    memory: 1Gi
    cpu_time: 40ms
    instances: {min: 2, max: 50}
    workload: {autoscaler: {triggers: {requests: 5}}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}}
""",
    near="""\
services:
  api:
    platform: kubernetes
    cpu: 1
    memory: 1Gi
    cpu_time: 40ms
    instances: {min: 2, max: 50}
    workload: {autoscaler: {triggers: {requests: 17.5}}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}}
""",
    remedy="Count on these instances, or simulate another target.",
    source="instances that the autoscaler goes to: load ÷ target, rounded up",
)
SERVICE_TIME_BELOW_CALLS = Check(
    code="service-time-below-calls",
    severity="warning",
    title="A service takes less time than the calls that it waits for",
    why="A service time includes its calls, so one of the two figures must be wrong.",
    breaks="""\
demand: {entry: {api: 1}}
services:
  api:
    platform: cloud-run
    service_time: 100ms
    concurrency: 10
    calls: {search: 1}
    slo: {end_to_end: 2s}
  search: {platform: cloud-run, service_time: 200ms, concurrency: 10}
""",
    near="""\
demand: {entry: {api: 1}}
services:
  api:
    platform: cloud-run
    service_time: 300ms
    concurrency: 10
    calls: {search: 1}
    slo: {end_to_end: 2s}
  search: {platform: cloud-run, service_time: 200ms, concurrency: 10}
""",
    remedy="Give own_time for its own work, or set async: true on calls that it does not wait for.",
    source="own time = service time − the calls that it waits for",
)

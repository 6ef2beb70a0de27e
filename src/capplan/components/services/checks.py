"""What can be wrong with how a service is scaled."""

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

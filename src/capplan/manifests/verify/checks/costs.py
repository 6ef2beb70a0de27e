"""Checks of what is rendered against what is paid."""

from __future__ import annotations

from capplan.findings import Check

RENDERED_NOT_BILLED = Check(
    code="rendered-not-billed",
    severity="warning",
    title="What is rendered costs money that the plan does not count",
    why="Whoever applies the files orders it, and the bill is higher than the estimate.",
    breaks="""\
regions: {gcp: us-central1}
services:
  api:
    {platform: kubernetes, cpu: 1, memory: 1Gi, throughput: 50/s, workload: {host: api.example.com}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: 2}}}}
""",
    near="""\
regions: {gcp: us-central1}
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10}}
""",
    remedy="Add it to the plan's resources.",
    source="the objects and commands that are rendered, and what their platform orders for them",
)
BILLED_NOT_RENDERED = Check(
    code="billed-not-rendered",
    severity="warning",
    title="What the plan pays for is in no file",
    why="It is paid once somebody orders it; until then the system is not the one that was planned.",
    breaks="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10}}
resources: {files: {provider: gcp, service: cloud-storage, sku: standard, quantity: 100}}
""",
    near="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10}}
""",
    remedy="Order it yourself; the checklist names it.",
    source="the cost lines of the estimate, and what the rendered files order",
)

"""What can be wrong between files and the estimate of the plan that they were rendered from."""

from __future__ import annotations

from capplan.findings import Check

_SOURCE = "the estimate of the plan, and the files as they stand"
_PODS = """\
# file: plan.yaml
services:
  api:
    platform: kubernetes
    cpu: 1
    memory: 1Gi
    cpu_time: 20ms
    instances: {min: 2, max: 40}
    redundancy: {zones: 3, survive_zones: 1}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 40}}}}}
"""
_HPA = "# file: kubernetes/base/api/horizontalpodautoscaler-api.yaml\n"


def _aiming_at(percent: int) -> str:
    target = f"target: {{type: Utilization, averageUtilization: {percent}}}"
    return f"{_PODS}{_HPA}spec: {{metrics: [{{type: Resource, resource: {{name: cpu, {target}}}}}]}}\n"


_STORE = """\
databases: {db: {platform: cloud-sql, engine: postgres, machine: db-custom-2-7680, storage: 50Gi%s}}
"""
_CALLING = _PODS.replace("cpu_time: 20ms\n", "cpu_time: 20ms\n    calls: {db: 1}\n")
NOT_ORDERED = Check(
    code="not-ordered",
    severity="error",
    title="No file orders what the estimate counts on",
    why="The estimate counts and bills something that would never be there, so the plan does not hold.",
    breaks=f"{_PODS}# file: kubernetes/base/api/poddisruptionbudget-api.yaml\nkind: ConfigMap\n",
    near=f"{_PODS}# file: kubernetes/base/api/poddisruptionbudget-api.yaml\nkind: PodDisruptionBudget\n",
    remedy="Render the plan again, or change the plan.",
    source=_SOURCE,
)
ORDERED_OTHERWISE = Check(
    code="ordered-otherwise",
    severity="error",
    title="A file orders something else than the estimate counts on",
    why="Counts, response times, connections and the bill of the estimate are those of the plan's figures.",
    breaks=f"{_PODS}{_HPA}spec: {{maxReplicas: 30}}\n",
    near=f"{_PODS}{_HPA}spec: {{maxReplicas: 40}}\n",
    remedy="Render the plan again, or change the plan.",
    source=_SOURCE,
)
FILES_RUN_TOO_FEW = Check(
    code="files-run-too-few",
    severity="error",
    title="An autoscaler as it is written rests at too few instances",
    why="In some hours fewer instances run than the load, the response times or a lost zone ask for.",
    breaks=_aiming_at(80),
    near=_aiming_at(25),
    remedy="Lower the target to what capplan renders, or raise the minimum.",
    source="load of each hour ÷ (target × (1 + tolerance)), rounded up, within the bounds",
)
FILES_RUN_TOO_MANY = Check(
    code="files-run-too-many",
    severity="error",
    title="An autoscaler as it is written runs more than the estimate bills",
    why="A lower target adds instances that the bill of the estimate does not have.",
    breaks=_aiming_at(15),
    near=_aiming_at(41),
    remedy="Raise the target to what capplan renders.",
    source="load of each hour ÷ target, rounded up, within the bounds",
)
STORE_IN_ONE_ZONE = Check(
    code="store-in-one-zone",
    severity="warning",
    title="A service survives the loss of a zone, and a database that it calls does not",
    why="Its instances stay enough for the load, and each request waits for a database that is gone.",
    breaks=_CALLING + _STORE % "",
    near=_CALLING + _STORE % ", high_availability: true",
    remedy="Set high_availability for the database, or promise the service nothing about zones.",
    source="cloud.google.com/sql/docs/postgres/high-availability; Multi-AZ of RDS; zone redundancy of Azure",
)

_IN_REGION = """\
# file: plan.yaml
regions: {aws: us-east-1}
services: {api: {platform: vm-group, provider: aws, machine: m6i.large, throughput: 20/s, calls: {db: 1}}}
databases: {db: {platform: rds, engine: postgres, machine: db.m6g.large, storage: 50Gi%s}}
"""
NETWORK_APART = Check(
    code="network-apart",
    severity="error",
    title="A service calls something in a network that it is not in",
    why="Databases and caches have private addresses: from another network the call never arrives.",
    breaks=_IN_REGION % ", region: us-west-2",
    near=_IN_REGION % "",
    remedy="Put both into one region and network (see manifests.aws.subnets), or connect the networks "
    "yourself and accept the finding.",
    source="the scripts and bodies that make clusters, machines, databases and caches",
)

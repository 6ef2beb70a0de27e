"""What can be wrong with a plan, as an estimate sees it: every check, declared once."""

from __future__ import annotations

from capplan.findings import Check

UNPRICED = Check(
    code="unpriced",
    severity="warning",
    title="A price is unknown",
    why="The total leaves it out, so the plan costs more than the total shows.",
    breaks="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {mail: 1}}}
external_apis: {mail: {}}
""",
    near="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {mail: 1}}}
external_apis: {mail: {price_per_request: 0}}
""",
    remedy="Put its price into a price book.",
    source="the catalogs, and the price books laid over them",
)
PRICE_BOUND = Check(
    code="price-bound",
    severity="warning",
    title="The on-demand price stands in for an unknown price",
    why="Committed and spot capacity cost no more than on demand, so the total is the most that the bill "
    "can be.",
    breaks="""\
regions: {azure: eastus}
services:
  api:
    platform: vm-group
    provider: azure
    machine: Standard_D4s_v5
    cpu_time: 5ms
    purchase: {spot: 100%}
""",
    near="""\
regions: {azure: eastus}
services: {api: {platform: vm-group, provider: azure, machine: Standard_D4s_v5, cpu_time: 5ms}}
""",
    remedy="Put the price into a price book.",
    source="the catalogs, and the price books laid over them",
)
ADDED_SKU_UNUSED = Check(
    code="added-sku-unused",
    severity="warning",
    title="A price book adds a SKU or a region that nothing uses, and a known one is called almost the same",
    why="A misspelled name adds a SKU or a region, and the price that it was to replace stays.",
    breaks="""\
# file: own.yaml
schema: 1
name: own
source: {as_of: "2026-11-01", text: our contract}
prices: {gcp/persistent-disk/pd-sssd: {unit: GiB-month, usd: 0.1}}
# file: plan.yaml
resources: {disks: {provider: gcp, region: us-central1, service: persistent-disk, sku: pd-ssd, quantity: 10}}
pricing: {books: [own.yaml]}
""",
    near="""\
# file: own.yaml
schema: 1
name: own
source: {as_of: "2026-11-01", text: our contract}
prices: {gcp/persistent-disk/pd-ssd: {unit: GiB-month, usd: 0.1}}
# file: plan.yaml
resources: {disks: {provider: gcp, region: us-central1, service: persistent-disk, sku: pd-ssd, quantity: 10}}
pricing: {books: [own.yaml]}
""",
    remedy="Correct the name, or use the SKU in `resources:`.",
    source="the price books of the plan",
)
TRACE_GAPS = Check(
    code="trace-gaps",
    severity="warning",
    title="A trace has gaps",
    why="Missing values are interpolated from their neighbours, so the sizing misses a peak in a gap.",
    breaks="""\
# file: load.csv
timestamp,requests
2026-01-05T00:00:00Z,50
2026-01-05T01:00:00Z,50
2026-01-05T02:00:00Z,50
2026-01-05T03:00:00Z,50
2026-01-05T05:00:00Z,50
2026-01-05T06:00:00Z,50
2026-01-05T07:00:00Z,50
2026-01-05T08:00:00Z,50
2026-01-05T09:00:00Z,50
2026-01-05T10:00:00Z,50
2026-01-05T11:00:00Z,50
2026-01-05T12:00:00Z,50
# file: plan.yaml
demand: {requests_per_second: null, profile: null, trace: {file: load.csv}}
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10}}
""",
    near="""\
# file: load.csv
timestamp,requests
2026-01-05T00:00:00Z,50
2026-01-05T01:00:00Z,50
2026-01-05T02:00:00Z,50
2026-01-05T03:00:00Z,50
# file: plan.yaml
demand: {requests_per_second: null, profile: null, trace: {file: load.csv}}
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10}}
""",
    remedy="Record the missing values, or remove the gap from the trace.",
    source="the times of the trace, against their usual step",
)
TRACE_TIMES = Check(
    code="trace-times",
    severity="info",
    title="How the times of a trace were read",
    why="Numbers can be seconds or milliseconds; the wrong unit changes the load a thousandfold.",
    breaks="""\
# file: load.csv
timestamp,requests
1767571200,50
1767574800,50
1767578400,50
# file: plan.yaml
demand: {requests_per_second: null, profile: null, trace: {file: load.csv}}
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10}}
""",
    near="""\
# file: load.csv
timestamp,requests
2026-01-05T00:00:00Z,50
2026-01-05T01:00:00Z,50
2026-01-05T02:00:00Z,50
# file: plan.yaml
demand: {requests_per_second: null, profile: null, trace: {file: load.csv}}
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10}}
""",
    remedy="",
    source="the size of the numbers, read as times since 1970",
)
UNSIZED = Check(
    code="unsized",
    severity="warning",
    title="The capacity of an instance is unknown",
    why="Only the minimum and the maximum decide how many instances run, whatever the load is.",
    breaks="""\
services: {api: {platform: fargate, cpu: 0.5, memory: 1Gi, instances: {min: 2, max: 4}}}
""",
    near="""\
services: {api: {platform: fargate, cpu: 0.5, memory: 1Gi, throughput: 40, instances: {min: 2, max: 4}}}
""",
    remedy="Give service_time, cpu_time or throughput.",
    source="Little's law: instances = requests/s × time of a request ÷ concurrency",
)
MAX_TOO_SMALL = Check(
    code="max-too-small",
    severity="error",
    title="The maximum does not carry the busiest hour",
    why="Requests are refused or wait longer and longer, although the plan appears to scale.",
    breaks="""\
services: {api: {platform: fargate, cpu: 0.5, memory: 1Gi, throughput: 20, instances: {min: 1, max: 2}}}
""",
    near="""\
services: {api: {platform: fargate, cpu: 0.5, memory: 1Gi, throughput: 20, instances: {min: 1, max: 5}}}
""",
    remedy="Raise instances.max.",
    source="requests/s of the busiest hour ÷ what one instance carries, rounded up",
)
SLO_NOT_CHECKED = Check(
    code="slo-not-checked",
    severity="info",
    title="A latency objective is not part of the sizing",
    why="A throughput says how much an instance carries, not how long requests take.",
    breaks="""\
services:
  api: {platform: fargate, cpu: 0.5, memory: 1Gi, throughput: 40, slo: {p95: 300ms}}
""",
    near="""\
services:
  api: {platform: fargate, cpu: 0.5, memory: 1Gi, cpu_time: 10ms, slo: {p95: 300ms}}
""",
    remedy="Give service_time or cpu_time.",
    source="docs/slo-and-uncertainty.md, response times",
)
SLO_BELOW_SERVICE_TIME = Check(
    code="slo-below-service-time",
    severity="error",
    title="A latency objective is shorter than the work itself",
    why="No number of instances meets it, because a request takes longer even without any wait.",
    breaks="""\
services:
  api: {platform: fargate, cpu: 0.5, memory: 1Gi, cpu_time: 10ms, service_time: 400ms, slo: {p95: 300ms}}
""",
    near="""\
services:
  api: {platform: fargate, cpu: 0.5, memory: 1Gi, cpu_time: 10ms, service_time: 400ms, slo: {p95: 2s}}
""",
    remedy="Make requests faster, or relax the objective: more instances do not help.",
    source="the quantile of the service time alone; exponential unless cs2 says otherwise",
)
SLO_MISSED = Check(
    code="slo-missed",
    severity="error",
    title="A latency objective is missed in the busiest hour",
    why="Even with the maximum number of instances, requests wait too long.",
    breaks="""\
services:
  api:
    platform: fargate
    cpu: 1
    memory: 2Gi
    cpu_time: 30ms
    instances: {min: 2, max: 2}
    slo: {p95: 120ms}
""",
    near="""\
services:
  api:
    platform: fargate
    cpu: 1
    memory: 2Gi
    cpu_time: 30ms
    instances: {min: 2, max: 9}
    slo: {p95: 120ms}
""",
    remedy="Raise instances.max.",
    source="M/M/c and M/G/c queues (Erlang C), processor sharing for cores",
)
SLO_END_TO_END_MISSED = Check(
    code="slo-end-to-end-missed",
    severity="error",
    title="An end-to-end objective is missed",
    why="A request waits for everything that it calls, and together they take too long.",
    breaks="""\
demand: {entry: {api: 1}}
services:
  api:
    platform: cloud-run
    service_time: 100ms
    concurrency: 10
    calls: {search: 3}
    slo: {end_to_end: 400ms}
  search: {platform: cloud-run, service_time: 200ms, concurrency: 10}
""",
    near="""\
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
    remedy="Make the slowest part faster, call it less, cache it, or call it in parallel.",
    source="the sum of means and variances along the calls, fitted by a gamma distribution",
)
AVAILABILITY_NOT_CHECKED = Check(
    code="availability-not-checked",
    severity="info",
    title="An availability objective is not part of the sizing",
    why="The plan does not say how often an instance fails, so any number of instances would meet it.",
    breaks="""\
services: {api: {platform: fargate, cpu: 0.5, memory: 1Gi, throughput: 40, slo: {availability: 99.9%}}}
""",
    near="""\
services:
  api:
    platform: fargate
    cpu: 0.5
    memory: 1Gi
    throughput: 40
    slo: {availability: 99.9%}
    redundancy: {instance_availability: 99%}
""",
    remedy="Give redundancy.instance_availability.",
    source="the binomial distribution of how many instances are up",
)
POD_FITS_NO_NODE = Check(
    code="pod-fits-no-node",
    severity="error",
    title="A pod requests more than a node has left",
    why="The pod stays pending. The machine's own reserve and the DaemonSets on every node are subtracted "
    "first.",
    breaks="""\
# An e2-standard-2 leaves less than 2 vCPU to pods.
services: {api: {platform: kubernetes, cpu: 2, memory: 1Gi, throughput: 40}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-2, nodes: {min: 1}}}}}
""",
    near="""\
services: {api: {platform: kubernetes, cpu: 2, memory: 1Gi, throughput: 40}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}}
""",
    remedy="Choose a larger machine, or request less.",
    source="https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes",
)
POOL_TOO_SMALL = Check(
    code="pool-too-small",
    severity="error",
    title="A node pool stops before its pods have room",
    why="In the busiest hour, autoscalers ask for pods that stay pending.",
    breaks="""\
services: {api: {platform: kubernetes, cpu: 3, memory: 1Gi, throughput: 10}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {max: 4}}}}}
""",
    near="""\
services: {api: {platform: kubernetes, cpu: 3, memory: 1Gi, throughput: 10}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {max: 9}}}}}
""",
    remedy="Raise nodes.max.",
    source="bin packing of pods on nodes, by lower bounds that hold for any scheduler",
)
MORE_THAN_NEEDED = Check(
    code="more-than-needed",
    severity="warning",
    title="More runs today than the load needs",
    why="The expected cost never falls below what runs today, so it includes instances that an autoscaler "
    "may remove.",
    breaks="""\
services:
  api:
    platform: kubernetes
    cpu: 1
    memory: 1Gi
    throughput: 40
    instances: {min: 1, desired: 30, max: 50}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}}
""",
    near="""\
services:
  api:
    platform: kubernetes
    cpu: 1
    memory: 1Gi
    throughput: 40
    instances: {min: 1, desired: 1, max: 50}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}}
""",
    remedy="Lower desired, or remove it to count only what the load needs.",
    source="desired of instances, nodes and replicas, compared with the other constraints",
)
TOO_MANY_CONNECTIONS = Check(
    code="too-many-connections",
    severity="error",
    title="Pools open more connections than a database accepts",
    why="With every autoscaler at its maximum, new instances fail to connect, and this happens in the "
    "busiest hour.",
    breaks="""\
services:
  api:
    platform: cloud-run
    service_time: 100ms
    concurrency: 10
    instances: {max: 50}
    calls: {orders: {per_request: 1, pool: {max: 20}}}
databases: {orders: {platform: rds, engine: postgres, machine: db.t3.medium}}
""",
    near="""\
services:
  api:
    platform: cloud-run
    service_time: 100ms
    concurrency: 10
    instances: {max: 50}
    calls: {orders: {per_request: 1, pool: {max: 5}}}
databases: {orders: {platform: rds, engine: postgres, machine: db.t3.medium}}
""",
    remedy="Make the pools smaller, or put a pooler in between.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html",
)
_LIMITED = """\
# file: load.yaml
{schema: 1, name: load, kind: load, by: load_ratio, source: {as_of: unknown, text: the team's},
 tiers: [{name: any, below: 100%%, limits: {all: 120}}]}
# file: plan.yaml
services: {api: {platform: fargate, cpu: 0.5, memory: 1Gi, throughput: 20, instances: {min: 1, max: 5}}}
rate_limits:
  public: {service: api, tiers: load.yaml, clients: %s, endpoints: {all: {share: 100%%}}}
"""
LIMIT_ABOVE_CAPACITY = Check(
    code="limit-above-capacity",
    severity="warning",
    title="Rate limits admit more than the service carries",
    why="If all clients use their limits at once, the service is overloaded and the limits protect nothing.",
    breaks=_LIMITED % 1000,
    near=_LIMITED % 20,
    remedy="Lower the limits, or raise instances.max.",
    source="capacity × share of the endpoint ÷ cost of a request ÷ clients active in the tier",
)
DEMAND_ENTERS_NOWHERE = Check(
    code="demand-enters-nowhere",
    severity="error",
    title="The demand arrives nowhere",
    why="No component takes the requests, so the plan is sized and priced as if there were none.",
    breaks="""\
resources: {disks: {provider: gcp, service: gke, sku: cluster-management-fee, quantity: 730}}
""",
    near="""\
demand: {requests_per_second: 0}
resources: {disks: {provider: gcp, service: gke, sku: cluster-management-fee, quantity: 730}}
""",
    remedy="Describe what serves the requests, or set the volume to 0.",
    source="demand.entry, or otherwise the components that no other one calls",
)
NO_GROWTH = Check(
    code="months-without-growth",
    severity="warning",
    title="Later months without growth",
    why="Without demand.growth_per_month, every month has the load of this one.",
    breaks="""\
demand: {requests_per_second: 10, profile: flat, month: 12}
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10}}
""",
    near="""\
demand: {requests_per_second: 10, profile: flat, month: 12, growth_per_month: 4%}
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10}}
""",
    remedy="Set demand.growth_per_month, as `capplan forecast` finds it in a trace.",
    source="load of a month = volume × (1 + growth_per_month)^month",
)
UNCALLED = Check(
    code="uncalled",
    severity="warning",
    title="Nobody calls a component",
    why="No request reaches it, so it is sized and priced without load.",
    breaks="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10}}
databases: {orders: {platform: rds, engine: postgres, machine: db.t3.medium, cpu_time: 2ms}}
""",
    near="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {orders: 1}}}
databases: {orders: {platform: rds, engine: postgres, machine: db.t3.medium, cpu_time: 2ms}}
""",
    remedy="Add it to the calls of a service, or to demand.entry.",
    source="the calls of the plan, from demand.entry on",
)

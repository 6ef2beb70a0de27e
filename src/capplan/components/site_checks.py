"""What capplan says about plans in several regions."""

from capplan.findings import Check

SITE_OBJECTIVE = Check(
    code="site-objective",
    severity="warning",
    title="The system misses a recovery objective when a site is lost",
    why="The system recovers no faster than its slowest link, and what has no copy elsewhere is lost.",
    breaks="""\
sites: {main: {}, away: {regions: {aws: us-west-2}, standby: warm}}
site_recovery: {rto: 5m}
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {orders: 1}}}
databases: {orders: {platform: rds, engine: postgres, machine: db.t3.medium}}
""",
    near="""\
sites: {main: {}, away: {regions: {aws: us-west-2}, standby: warm}}
site_recovery: {rto: 30m}
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {orders: 1}}}
databases: {orders: {platform: rds, engine: postgres, machine: db.t3.medium}}
""",
    remedy="Keep a copy of the data at another site, a warmer standby, or a longer objective.",
    source="https://docs.aws.amazon.com/whitepapers/latest/disaster-recovery-workloads-on-aws",
)
_CALLS = """\
sites: {main: {}, away: {regions: {gcp: europe-west1}, components: [api]}}
site_routing: {by: dns, queries_per_request: 0.01}
services:
  api: {platform: cloud-run, service_time: 100ms, concurrency: 9, calls: {orders: {size: %s}}}
databases: {orders: {platform: cloud-sql, engine: postgres, machine: db-custom-2-8192}}
"""
TRAFFIC_UNKNOWN = Check(
    code="traffic-unknown",
    severity="info",
    title="The bill lacks traffic of which the plan does not say how much it is",
    why="Copies of data, calls between regions, DNS queries and load balancers are billed by volume, and "
    "nothing else in the plan says the volume.",
    breaks=_CALLS % "null",
    near=_CALLS % "2Ki",
    remedy="State it, or add it under resources.",
    source="https://cloud.google.com/vpc/network-pricing",
)
SITES_UNROUTED = Check(
    code="sites-unrouted",
    severity="info",
    title="Nothing sends requests to one site or another",
    why="DNS and global load balancers cost money and decide how long a lost site still gets requests.",
    breaks="""\
sites: {main: {}, away: {regions: {gcp: europe-west1}}}
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10}}
""",
    near="""\
sites: {main: {}, away: {regions: {gcp: europe-west1}}}
site_routing: {by: load-balancer}
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10}}
""",
    remedy="Set site_routing, or add it under resources.",
    source="https://docs.aws.amazon.com/whitepapers/latest/disaster-recovery-workloads-on-aws",
)

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
SITES_UNBILLED = Check(
    code="sites-unbilled",
    severity="info",
    title="The bill lacks what sites need between them",
    why="DNS, global load balancers and traffic between regions cost money, and no component asks for them.",
    breaks="""\
sites: {main: {}, away: {regions: {gcp: europe-west1}}}
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10}}
""",
    near="""\
sites: {main: {}}
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10}}
""",
    remedy="Add them under resources.",
    source="https://cloud.google.com/vpc/network-pricing",
)

"""What can be wrong with databases and caches: every check, declared once."""

from __future__ import annotations

from capplan.findings import Check

DATABASE_CPU = Check(
    code="database-cpu",
    severity="error",
    title="A database has too few cores for its queries",
    why="Queries queue, and everything that waits for them slows down.",
    breaks="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {orders: 10}}}
databases: {orders: {platform: rds, engine: postgres, machine: db.t3.medium, cpu_time: 10ms}}
""",
    near="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {orders: 10}}}
databases: {orders: {platform: rds, engine: postgres, machine: db.t3.medium, cpu_time: 2ms}}
""",
    remedy="Use machine: auto.",
    source="cores = queries/s × CPU time of a query ÷ target utilization",
)
DATABASE_MEMORY = Check(
    code="database-memory",
    severity="error",
    title="The working set of a database does not fit its memory",
    why="Pages are read from disk repeatedly, which is a hundred times as slow.",
    breaks="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {orders: 1}}}
databases: {orders: {platform: rds, engine: postgres, machine: db.t3.medium, working_set: 20Gi}}
""",
    near="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {orders: 1}}}
databases: {orders: {platform: rds, engine: postgres, machine: db.t3.medium, working_set: 2Gi}}
""",
    remedy="Use machine: auto.",
    source="memory = working set ÷ target share of memory",
)
DATABASE_IOPS = Check(
    code="database-iops",
    severity="error",
    title="A database needs more I/O than its storage provides",
    why="Reads and writes queue at the disk, however large the machine is.",
    breaks="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {orders: 1}}}
databases: {orders: {platform: rds, engine: postgres, machine: auto, storage: 100Gi, io_per_request: 5000}}
""",
    near="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {orders: 1}}}
databases: {orders: {platform: rds, engine: postgres, machine: auto, storage: 100Gi, io_per_request: 10}}
""",
    remedy="Add read replicas or split the data.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html",
)
CACHE_TOO_SMALL = Check(
    code="cache-too-small",
    severity="error",
    title="The content of a cache does not fit its memory",
    why="Entries are evicted before they expire, so fewer requests hit the cache than planned.",
    breaks="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {sessions: 1}}}
caches:
  sessions: {platform: elasticache, machine: cache.t3.micro, content: {keys: 10M, value_size: 1KiB}}
""",
    near="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {sessions: 1}}}
caches:
  sessions: {platform: elasticache, machine: cache.t3.micro, content: {keys: 10k, value_size: 1KiB}}
""",
    remedy="Add shards, shorten the ttl, or use machine: auto.",
    source="items × (size + overhead) ÷ shards, within maxmemory",
)
RECOVERY_OBJECTIVE = Check(
    code="recovery-objective",
    severity="warning",
    title="A recovery objective is missed",
    why="What the plan pays for loses more data or takes longer to recover than promised.",
    breaks="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {orders: 1}}}
databases:
  orders: {platform: rds, engine: postgres, machine: db.t3.medium, recovery: {rpo: 5m}}
""",
    near="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {orders: 1}}}
databases:
  orders:
    platform: rds
    engine: postgres
    machine: db.t3.medium
    backup: {retention: 7d, point_in_time: 7d}
    recovery: {rpo: 5m, standby_region: us-west-2}
""",
    remedy="Keep backups with point-in-time recovery, high availability, or a recovery.standby_region.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html",
)
RETIRED_SKU = Check(
    code="retired-sku",
    severity="warning",
    title="A plan uses something that is no longer sold",
    why="Existing capacity keeps running, but new capacity cannot be bought.",
    breaks="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {orders: 1}}}
databases: {orders: {platform: azure-postgresql, machine: GP_Gen5_4}}
""",
    near="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {orders: 1}}}
databases: {orders: {platform: azure-postgresql, machine: GP_Standard_D4ds_v4}}
""",
    remedy="Use its successor.",
    source="the catalogs: `retired` and `successor` of a SKU",
)
EXTENSION_NOT_OFFERED = Check(
    code="extension-not-offered",
    severity="warning",
    title="A managed database does not offer a feature that the plan uses",
    why="Compression of time series needs TimescaleDB's community edition, which that platform does not run.",
    breaks="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {metrics: 1}}}
databases:
  metrics:
    platform: rds
    engine: postgres
    machine: db.m6g.xlarge
    time_series: {cpu: {rows_per_second: 100, row_size: 100B, retain: 30d, compress_after: 7d}}
""",
    near="""\
services: {api: {platform: cloud-run, service_time: 100ms, concurrency: 10, calls: {metrics: 1}}}
databases:
  metrics:
    platform: rds
    engine: postgres
    machine: db.m6g.xlarge
    time_series: {cpu: {rows_per_second: 100, row_size: 100B, retain: 30d}}
""",
    remedy="Use Timescale's own service or platform: kubernetes; or drop compression.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-extensions.html",
)

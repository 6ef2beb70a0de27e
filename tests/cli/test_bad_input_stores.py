"""Wrong stores, tiers, queues, templates and rate limits: one message with its place, exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

PLAN = """\
name: shop
regions: {gcp: us-central1, aws: us-east-1}
demand: {requests_per_second: 10, entry: {api: 1}}
tiers: {resources: llm-governance}
service_templates:
  pod: {platform: kubernetes, cpu_time: 5ms, instances: {min: 1, max: 20}}
services:
  api:
    extends: pod
    calls:
      sql: {per_request: 1, pool: {min: 2, max: 10, hold_time: 5ms}}
      redis: {per_request: 1}
      llm: {per_request: 1, through: answers}
  worker:
    extends: pod
    resources: auto
    queue: {backlog: 100, drain_time: 5m}
clusters:
  main: {platform: eks, pools: {default: {machine: m5.xlarge, nodes: {min: 1, max: 9}}}}
databases:
  sql:
    platform: rds
    engine: postgres
    machine: auto
    time_series:
      metrics: {rows_per_second: 5, row_size: 100B, retain: 30d}
    recovery: {rpo: 5m}
caches:
  redis: {platform: elasticache, machine: auto, content: {ttl: 1h, value_size: 1KiB}}
  answers:
    platform: memorystore
    content: {keys: 10k, value_size: 4KiB}
    semantic: {hit_rate: 30%, embedding: embeddings}
external_apis:
  llm: {price_per_request: 0.01}
  embeddings: {price_per_request: 0.0001}
rate_limits:
  limits:
    service: api
    clients: 100
    tiers: levqor-load
    endpoints:
      default: {share: 80%}
      health: {share: 20%}
"""

BAD = {
    # What is replaced, by what, at which line and column the message points, and what it says.
    "an unknown tier table": (
        "resources: auto",
        "resources: llm-govern",
        "16:5",
        "services.worker.resources: no tier table 'llm-govern'. Did you mean 'llm-governance'?",
    ),
    "an unknown table of the plan's": (
        "resources: llm-governance}",
        "resources: own.yaml}",
        "4:9",
        "tiers.resources: no tier table 'own.yaml'",
    ),
    "a table of another kind": (
        "resources: auto",
        "resources: levqor-load",
        "16:5",
        "services.worker.resources: 'levqor-load' is a table of load, not of resources",
    ),
    "a kind of tiers that is none": (
        "{resources: llm",
        "{resource: llm",
        "4:9",
        "tiers.resource: must be 'resources', 'database', 'load' or 'capacity', got 'resource'",
    ),
    "auto without a table": (
        "tiers: {resources: llm-governance}\n",
        "",
        "15:5",
        "services.worker.resources: the plan has no table of resources tiers. Set tiers.resources",
    ),
    "an unknown template": (
        "extends: pod\n    resources",
        "extends: pods\n    resources",
        "15:5",
        "services.worker.extends: no service template 'pods'. Did you mean 'pod'?",
    ),
    "a field that the template misspells": (
        "cpu_time: 5ms",
        "cpu_tme: 5ms",
        "",
        "services.api.cpu_tme: unknown field. Did you mean 'cpu_time'?",
    ),
    "through a cache that is not semantic": (
        "through: answers",
        "through: redis",
        "13:29",
        "services.api.calls.llm.through: 'redis' is not a semantic cache",
    ),
    "a pool to what is no database": (
        "redis: {per_request: 1}",
        "redis: {pool: {max: 5}}",
        "12:15",
        "services.api.calls.redis.pool: pools are for databases, and 'redis' is not one",
    ),
    "a pool whose minimum is above its maximum": (
        "min: 2, max: 10",
        "min: 20, max: 10",
        "11:29",
        "services.api.calls.sql.pool: min 20 is above max 10",
    ),
    "shares that do not add up": (
        "share: 80%",
        "share: 90%",
        "42:5",
        "rate_limits.limits.endpoints: shares add up to 110%, not 100%",
    ),
    "limits on what is no service": (
        "service: api",
        "service: sql",
        "39:5",
        "rate_limits.limits.service: 'sql' is not a service",
    ),
    "headroom of 100 %": (
        "value_size: 1KiB}",
        "value_size: 1KiB, headroom: 100%}",
        "29:86",
        "caches.redis.content.headroom: leaves no room for data. Give a share below 100%",
    ),
    "auto without content": (
        ", content: {ttl: 1h, value_size: 1KiB}",
        "",
        "29:3",
        "caches.redis.content: machine: auto needs the size of the content. Give keys, or a ttl",
    ),
    "a size that nobody says": (
        "    content: {keys: 10k, value_size: 4KiB}\n",
        "",
        "30:3",
        "caches.answers.size: is required unless the plan describes the content. Give it, or describe",
    ),
    "an unknown embedding": (
        "embedding: embeddings",
        "embedding: embedding",
        "33:31",
        "caches.answers.semantic.embedding: 'embedding' is not an external API. Did you mean 'embeddings'?",
    ),
    "a threshold that is none": (
        "hit_rate: 30%",
        "hit_rate_at: {high: 30%}",
        "33:16",
        "caches.answers.semantic.hit_rate_at: 'high' is not a similarity threshold between 0 and 1",
    ),
    "a time series without rows that end": (
        ", retain: 30d",
        "",
        "26:7",
        "databases.sql.time_series.metrics.retain: is required, but missing",
    ),
    "TimescaleDB on MySQL": (
        "engine: postgres",
        "engine: mysql",
        "25:5",
        "databases.sql.time_series: TimescaleDB is an extension of PostgreSQL, not of MySQL",
    ),
    "a standby region that does not exist": (
        "rpo: 5m",
        "rpo: 5m, standby_region: us-west-9",
        "27:25",
        "databases.sql.recovery.standby_region: aws has no region 'us-west-9'. Did you mean 'us-west-",
    ),
    "a class that does not exist": (
        "machine: auto\n",
        "machine: db.r6g.huge\n",
        "24:5",
        "databases.sql.machine: unknown SKU 'db.r6g.huge' of aws rds-postgres. Did you mean 'db.r6g.",
    ),
    "a drain in no time": (
        "drain_time: 5m",
        "drain_time: 0",
        "17:27",
        "services.worker.queue.drain_time: must be above 0",
    ),
    "commitments above 100 %": (
        "    machine: auto\n",
        "    machine: auto\n    commit_1y: 60%\n    commit_3y: 60%\n",
        "21:3",
        "databases.sql: commitments add up to 120%, more than 100%",
    ),
    "a compression that multiplies by zero": (
        "retain: 30d",
        "retain: 30d, compression_ratio: 0",
        "26:66",
        "databases.sql.time_series.metrics.compression_ratio: must be above 0, got 0",
    ),
}


def test_the_plan_is_fine_before(tmp_path: Path, capplan: Callable):
    (tmp_path / "plan.yaml").write_text(PLAN)
    run = capplan("estimate", tmp_path)
    assert (run.exit_code, run.stderr) == (0, "")


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("command", ["estimate", "recommend"])
def test_one_message_with_its_place(case: str, command: str, tmp_path: Path, capplan: Callable):
    old, new, place, says = BAD[case]
    assert PLAN.count(old) == 1, old
    (tmp_path / "plan.yaml").write_text(PLAN.replace(old, new))
    run = capplan(command, tmp_path, "-o", tmp_path / "out.txt")
    assert (run.exit_code, run.stdout) == (2, "")
    assert f"plan.yaml:{place}" in run.stderr
    assert says in run.stderr.replace("\n", " ")
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "out.txt").exists()


@pytest.mark.parametrize(
    ("row", "place", "says"),
    [
        ("{below: 10, cpu: one, memory: 1Gi}", "7:17", "tiers.0.cpu: expected cores such as 2, 0.5 or 500m"),
        ("{below: 10, cpu: 1}", "7:5", "tiers.0.memory: is required, but missing"),
        ("{below: 10, cpu: 1, memory: 1Gi, disk: 5}", "7:38", "tiers.0.disk: unknown field"),
    ],
)
def test_a_bad_tier_file_is_told_with_its_own_place(row, place, says, tmp_path, capplan):
    (tmp_path / "plan.yaml").write_text(PLAN.replace("llm-governance}", "own.yaml}"))
    (tmp_path / "own.yaml").write_text(
        "schema: 1\nname: own\nkind: resources\nby: requests_per_second\n"
        f"source: {{as_of: unknown, text: ours}}\ntiers:\n  - {row}\n  - {{cpu: 1, memory: 1Gi}}\n"
    )
    run = capplan("estimate", tmp_path)
    assert (run.exit_code, run.stdout) == (2, "")
    assert f"own.yaml:{place}: {says}" in run.stderr

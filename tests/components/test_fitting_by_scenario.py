"""Each scenario stands for itself: a sweep in one, in two halves, or value by value says the same."""

import numpy as np
import pytest
from helpers import component, estimate_of, moderate
from hypothesis import given
from hypothesis import strategies as st

PODS = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_second: 100, profile: office-hours}
    pricing: {sustained_use: false}
    services:
      api:
        platform: kubernetes
        cpu: 1
        memory: 2Gi
        throughput: 10/s
        instances: {min: 1, max: 30}
        calls: {job: 0.5, d: 1}
      job: {platform: kubernetes, cpu: 500m, memory: 1Gi, throughput: 5/s, instances: {min: 2, max: 30}}
    clusters:
      main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 40}}}}
    databases:
      d: {platform: kubernetes, cpu: 1, memory: 4Gi, replicas: 2, storage: 50Gi}
"""
STORES = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1}
    demand: {requests_per_second: 50, profile: consumer-diurnal}
    tiers: {resources: llm-governance}
    services:
      api:
        platform: kubernetes
        resources: auto
        throughput: 40/s
        instances: {min: 1, max: 60}
        queue: {backlog: 10, drain_time: 5m, target_length: 25}
        calls:
          sql: {per_request: 2, pool: {max: 20, hold_time: 5ms}}
          redis: 1
          llm: {through: answers}
    clusters:
      main: {platform: eks, pools: {default: {machine: m5.large, nodes: {min: 1, max: 40}}}}
    databases:
      sql:
        platform: cloud-sql
        engine: postgres
        machine: auto
        cpu_time: 5ms
        io_per_request: 2
        storage: 20Gi
        working_set: 4Gi
        read_share: 50%
        read_replicas: 1
        time_series: {m: {rows_per_request: 2, row_size: 100B, retain: 30d, compress_after: 7d}}
        backup: {retention: 7d}
        recovery: {rpo: 1h}
    caches:
      redis: {platform: elasticache, machine: auto, content: {ttl: 1d, value_size: 1KiB}}
      answers: {platform: memorystore, content: {ttl: 6h, value_size: 4KiB}, semantic: {hit_rate: 20%}}
    external_apis:
      llm: {price_per_request: 0.001}
"""
SWEPT = {
    "pods": (
        PODS,
        {
            # e2-standard-4 leaves 3.5 cores and 12 GiB: the largest values fit no node.
            "services.api.cpu": (0.1, 1, 3, 3.6, 8),
            "services.job.memory": ("128Mi", "2Gi", "11Gi", "13Gi", "90Gi"),
            "databases.d.cpu": (0.5, 3, 4),
            "demand.requests_per_second": (0, 10, 100, 400),
            "clusters.main.pools.default.max_pods": (9, 20, 110),
        },
    ),
    "stores": (
        STORES,
        {
            "demand.requests_per_second": (0, 10, 99, 900, 5000),
            "demand.month": (0, 3),
            "databases.sql.read_replicas": (0, 1, 4),
            "databases.sql.backup.retention": (0, "7d", "30d"),
            "databases.sql.recovery.rpo": ("1m", "1h"),
            "databases.sql.time_series.m.compression_ratio": (1, 10),
            "databases.sql.working_set": (0, "50Gi", "900Gi"),
            "caches.redis.content.ttl": ("1m", "1h", "30d"),
            "caches.answers.semantic.hit_rate": (0, "30%"),
            "services.api.queue.backlog": (0, 100, 10_000),
            "services.api.calls.sql.pool.max": (1, 50),
        },
    ),
}


def said(result, scenario: int) -> dict[str, object]:
    """Return every number of one scenario."""

    def at(values) -> object:
        return None if values is None else values[min(scenario, len(values) - 1)].tolist()

    found: dict[str, object] = {
        "total": (at(result.total.floor), at(result.total.expected), at(result.total.ceiling))
    }
    for c in result.components:
        cost = result.cost_of(c.name)
        found[c.name] = (at(cost.floor), at(cost.expected), at(cost.ceiling))
        if c.sizing is not None:
            found[f"{c.name}: instances"] = (at(c.sizing.peak), at(c.sizing.floor), at(c.sizing.ceiling))
        if c.pick is not None:
            found[f"{c.name}: pick"] = c.pick.name(scenario)
        for m in c.measures:
            found[f"{c.name}: {m.name}"] = (at(m.needs), at(m.has))
    return found


def same(one: dict, other: dict) -> None:
    """Compare what both say; a measure that is zero may be left out where no scenario has any."""
    assert picks(one) == picks(other)
    for name in (one.keys() & other.keys()) - picks(one).keys():
        assert flat(one[name]) == pytest.approx(flat(other[name]), rel=1e-12, nan_ok=False), name
    for name in one.keys() ^ other.keys():
        assert not any(flat((one.get(name) or other[name])[:1])), name


def flat(value: object) -> object:
    if isinstance(value, list | tuple):
        return [number for part in value for number in np.ravel(flat(part)).tolist()]
    return -1.0 if value is None else value


def picks(found: dict) -> dict:
    return {name: value for name, value in found.items() if isinstance(value, str)}


@pytest.mark.parametrize(
    ("kind", "path"), [(kind, path) for kind, (_, paths) in SWEPT.items() for path in paths]
)
def test_a_sweep_is_its_values_one_by_one(kind, path):
    text, paths = SWEPT[kind]
    values = [str(value) for value in paths[path]]
    whole = estimate_of(text, sweep=(f"{path}={','.join(values)}",))
    for i, value in enumerate(values):
        same(said(whole, i), said(estimate_of(text, sweep=(f"{path}={value}",)), 0))


@moderate
@given(st.data(), st.sampled_from(sorted(SWEPT)))
def test_a_grid_split_in_two_changes_nothing(data, kind):
    text, paths = SWEPT[kind]
    chosen = data.draw(st.lists(st.sampled_from(sorted(paths)), min_size=2, max_size=2, unique=True))
    first, second = chosen
    values = [str(value) for value in paths[first]]
    cut = data.draw(st.integers(1, len(values) - 1))
    other = f"{second}={','.join(str(value) for value in paths[second])}"
    width = len(paths[second])
    whole = estimate_of(text, sweep=(f"{first}={','.join(values)}", other))
    left = estimate_of(text, sweep=(f"{first}={','.join(values[:cut])}", other))
    right = estimate_of(text, sweep=(f"{first}={','.join(values[cut:])}", other))
    for i in range(len(values) * width):
        part, at = (left, i) if i < cut * width else (right, i - cut * width)
        same(said(whole, i), said(part, at))


def test_pods_that_fit_no_node_cost_no_node_and_say_so():
    swept = estimate_of(PODS, sweep=("services.api.cpu=1,8",))
    nodes = component(swept, "main/default").sizing.peak[:, 0]
    assert nodes[1] < nodes[0]
    (finding,) = [f for f in swept.findings if f.code == "pod-fits-no-node"]
    assert finding.subject == "api"

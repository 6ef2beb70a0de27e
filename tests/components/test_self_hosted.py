"""Databases and caches of one's own: pods with disks, on the nodes of a pool."""

import pytest
from helpers import codes, component, estimate_of, lines_by_sku, moderate, monthly, peak
from hypothesis import given
from hypothesis import strategies as st

from capplan.errors import InputError

BASE = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
    demand: {requests_per_second: 100, profile: flat}
    services:
      api:
        platform: kubernetes
        cpu: 100m
        memory: 128Mi
        throughput: 50/s
        instances: {min: 1, max: 4}
        calls: {d: 1, c: 1}
    clusters:
      main:
        platform: eks
        pools:
          default: {machine: m5.xlarge, nodes: {min: 0, max: 30}}
          data: {machine: r5.xlarge, nodes: {min: 0, max: 9}}
    databases:
      d: {platform: kubernetes, cpu: 2, memory: 8Gi, replicas: 3, storage: 100Gi}
    caches:
      c: {platform: kubernetes, cpu: 500m, memory: 4Gi, replicas: 1}
"""


def figures(result, name: str) -> dict:
    return {m.name: m for m in component(result, name).measures}


def test_pods_run_on_nodes_and_disks_are_paid():
    result = estimate_of(BASE)
    assert peak(result, "d") == 3
    # Three pods of 2 cores each take a node of 3.92 cores less DaemonSets of their own.
    assert peak(result, "main/default") == 3
    assert monthly(result, "d") == pytest.approx(3 * 100 * 0.08)
    assert component(result, "d").billed_with == "main"


def test_they_go_to_the_pool_that_they_name():
    result = estimate_of(BASE, "databases.d.pool=data")
    assert peak(result, "main/data") == 3
    assert peak(result, "main/default") == 1


@pytest.mark.parametrize(
    ("platform", "machine", "sku", "quantity"),
    [
        ("gke", "e2-standard-4", "pd-balanced", 300),
        ("eks", "m5.xlarge", "gp3", 300),
        # Azure sells disks of fixed sizes: one of 128 GiB for each pod.
        ("aks", "Standard_D4s_v5", "P10-LRS-128GiB", 3),
    ],
)
def test_disks_by_platform(platform, machine, sku, quantity):
    pools = f"pools: {{default: {{machine: {machine}, nodes: {{min: 0}}}}}}"
    cluster = f"clusters={{main: {{platform: {platform}, {pools}}}}}"
    lines = lines_by_sku(estimate_of(BASE, "clusters=null", cluster), "d")
    assert float(lines[sku][0].quantity.expected[0, 0]) == quantity


def test_a_storage_class_that_is_none_is_refused_by_name():
    with pytest.raises(InputError, match=r"databases\.d\.storage_class: unknown SKU 'gp4'.*Did you mean 'gp"):
        estimate_of(BASE, "databases.d.storage_class=gp4")


@pytest.mark.parametrize(
    ("spec", "replicas", "gib"),
    [("", 1, 0.5), ("shards: 3, replicas: 6", 6, 0.5 / 3), ("shards: 3, replicas: 3", 3, 0.5 / 3)],
)
def test_a_cluster_of_leaders_and_followers(spec, replicas, gib):
    """LLM Governance's Redis Cluster: three leaders share the keys, three followers copy them."""
    content = "content: {keys: 1, value_size: 512Mi, key_overhead: 0, fragmentation: 1, headroom: 0}"
    fields = ", ".join(filter(None, ["platform: kubernetes, memory: 2Gi, storage: 10Gi", spec, content]))
    result = estimate_of(BASE, "caches=null", f"caches={{c: {{{fields}}}}}")
    assert peak(result, "c") == replicas
    assert float(figures(result, "c")["memory"].needs[0, 0]) == pytest.approx(gib)
    assert monthly(result, "c") == pytest.approx(replicas * 10 * 0.08)


def test_content_that_does_not_fit_is_an_error():
    result = estimate_of(BASE, "caches.c.content={keys: 1, value_size: 5Gi}")
    assert "cache-too-small" in codes(result)


def test_pools_count_against_max_connections():
    pool = "services.api.calls.d={per_request: 1, pool: {max: 50, hold_time: 10ms}}"
    assert "too-many-connections" in codes(estimate_of(BASE, pool))
    assert "too-many-connections" not in codes(estimate_of(BASE, pool, "databases.d.max_connections=250"))


def test_a_hypertable_stands_on_every_pods_disk():
    fields = "rows_per_second: 1000, row_size: 200B, retain: 30d, compress_after: 7d"
    result = estimate_of(BASE, f"databases.d.time_series={{m: {{{fields}}}}}")
    gib = 1000 * 200 * 86400 * (7 + 23 / 10) / 2**30
    assert float(figures(result, "d")["storage"].needs[0, 0]) == pytest.approx(100 + gib)
    assert monthly(result, "d") == pytest.approx(3 * (100 + gib) * 0.08)


@moderate
@given(st.integers(1, 20), st.integers(0, 10), st.floats(0.1, 3), st.floats(1, 1.2))
def test_more_or_larger_pods_never_cost_less(replicas, more, cpu, by):
    def usd(count, cores):
        sets = (
            f"databases.d.replicas={count}",
            f"databases.d.cpu={cores}",
            "clusters.main.pools.default.nodes.max=99",
        )
        return monthly(estimate_of(BASE, *sets))

    now = usd(replicas, cpu)
    assert usd(replicas + more, cpu) >= now
    assert usd(replicas, cpu * by) >= now


def test_a_store_needs_a_cluster():
    with pytest.raises(
        InputError, match=r"databases\.d\.cluster: unknown cluster 'man'. Did you mean 'main'"
    ):
        estimate_of(BASE, "databases.d.cluster=man")
    with pytest.raises(InputError, match=r"caches\.c\.pool: unknown pool 'dta'. Did you mean 'data'"):
        estimate_of(BASE, "caches.c.pool=dta")

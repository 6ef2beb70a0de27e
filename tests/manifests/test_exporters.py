"""Exporters of stores: real ones have the series that alerts and panels ask for, and may ask the stores."""

import os
import re
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from socket import socket

from postgres import running
from rendering import example, site_of, tool

from capplan.manifests.observing.stores import watched_stores

OF_REPLICAS = {"pg_stat_replication_pg_wal_lsn_diff", "redis_connected_slave_lag_seconds"}
"""Series that exporters have only of stores with a replica."""


def asked(site, engine):
    """Return the names of the series that are asked of the stores of an engine."""
    exprs = [
        watch.expr for store in watched_stores(site) if store.engine == engine for watch in store.watches
    ]
    return set(re.findall(r"\b(?:pg|redis|mysql|pgbouncer)_\w+", " ".join(exprs))) - OF_REPLICAS


@contextmanager
def exported(program, *options, **environment):
    """Yield the names of the series of an exporter."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [tool(program), *options, f"--web.listen-address={address}"]
    process = subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.DEVNULL)
    try:
        yield names(f"http://{address}/metrics")
    finally:
        process.terminate()
        process.wait()


def names(url):
    """Return the names of the series at an address, once it answers."""
    for _ in range(100):
        try:
            with urllib.request.urlopen(url) as answer:
                return {line.split("{")[0].split()[0] for line in answer.read().decode().splitlines()}
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")


def test_postgres_exporter_has_the_series():
    tool("prometheus-postgres-exporter")
    with running() as server:
        source = server.url("postgres") + " sslmode=disable"
        with exported("prometheus-postgres-exporter", DATA_SOURCE_NAME=source) as found:
            assert asked(site_of("llm-governance"), "postgres") | {"pg_up"} <= found


def test_redis_exporter_has_the_series(tmp_path):
    path = tmp_path / "redis.sock"
    command = [
        tool("redis-server"),
        "--port",
        "0",
        "--unixsocket",
        path,
        "--maxmemory",
        "50mb",
        "--dir",
        tmp_path,
    ]
    exporter = tool("prometheus-redis-exporter")
    redis = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not path.exists():
            time.sleep(0.05)
        with exported(exporter, f"--redis.addr=unix://{path}") as found:
            for policy in ("allkeys-lru", "noeviction"):
                site = site_of("llm-governance", None, (f"caches.redis.eviction={policy}",))
                assert asked(site, "redis") | {"redis_up"} <= found
    finally:
        redis.terminate()
        redis.wait()


def test_exporters_may_ask_the_stores_of_the_plan_and_carry_their_names():
    files = example("llm-governance")
    values = files["helm/prometheus-redis-exporter-redis.values.yaml"].value
    rules = files["kubernetes/base/redis/networkpolicy-redis.yaml"].value["spec"]["ingress"]
    assert {"podSelector": {"matchLabels": values["labels"]}} in [
        peer for rule in rules for peer in rule["from"]
    ]
    (label,) = values["serviceMonitor"]["relabelings"]
    assert (label["targetLabel"], label["replacement"]) == ("service", "redis")
    secret = files["helm/prometheus-postgres-exporter-postgres.values.yaml"].value["config"][
        "datasourceSecret"
    ]
    assert f"the key {secret['key']} of the Secret {secret['name']}" in files["CHECKLIST.md"].text


def test_googles_monitoring_scrapes_exporters_and_names_what_it_scrapes():
    files = example("llm-governance", None, ("manifests.monitoring=managed-prometheus",))
    for name, pods in (("redis-exporter", "capplan/exporter-of"), ("api-gateway", "app.kubernetes.io/name")):
        spec = files[f"kubernetes/components/monitoring/podmonitoring-{name}.yaml"].value["spec"]
        assert spec["targetLabels"]["fromPod"] == [{"from": pods, "to": "service"}]
        assert pods in spec["selector"]["matchLabels"]


def test_what_a_cluster_of_redis_exports_comes_from_every_leader():
    files = example("llm-governance", "redis-cluster")
    values = files["helm/prometheus-redis-exporter-redis.values.yaml"].value["serviceMonitor"]
    assert [target["url"].partition(".")[0] for target in values["targets"]] == [
        f"redis://redis-leader-{index}" for index in range(3)
    ]

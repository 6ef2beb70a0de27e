"""Stores of one's own on Kubernetes: Redis alone or as a cluster, and databases; SQL and configuration."""

from __future__ import annotations

import math
from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.kubernetes import BASE, COMPONENTS, priority_class_of
from capplan.manifests.pods import MANAGED_BY, labels_of, selector_of
from capplan.manifests.quantity import memory
from capplan.manifests.quotas import store_amounts
from capplan.manifests.site import Site, number, whole
from capplan.plan.caches import SelfHostedCache
from capplan.plan.databases import SelfHostedDatabase
from capplan.plan.stores import SelfHosted

_MEMORY_FOR_KEYS = 0.75
"""Share of a pod's memory for keys; the rest is for forks, buffers and fragmentation."""

_REDIS_OPERATOR_IMAGE = "opstree/redis:v7.2.7"
_IMAGES = {"redis": "redis:7.4", "postgres": "timescale/timescaledb:2.17.2-pg16", "mysql": "mysql:8.0"}
_PORTS = {"redis": 6379, "postgres": 5432, "mysql": 3306}
_USER = 10001
_DATA = {"redis": "/data", "postgres": "/var/lib/postgresql/data", "mysql": "/var/lib/mysql"}
_PASSWORDS = {"redis": "REDIS_PASSWORD", "postgres": "POSTGRES_PASSWORD", "mysql": "MYSQL_ROOT_PASSWORD"}


def store_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the stores that run on Kubernetes, and the SQL of time series and indexes."""
    for name, cache in site.plan.caches.items():
        if isinstance(cache, SelfHostedCache):
            yield from (
                _cluster(site, name, cache)
                if number(cache.shards) > 1
                else _single(site, name, cache, "redis")
            )
    for name, database in site.plan.databases.items():
        if isinstance(database, SelfHostedDatabase):
            yield from _single(site, name, database, database.engine)
        yield from _sql(site, name)
    if site.manifests.indexes:
        context = {"indexes": site.manifests.indexes}
        yield Artefact("sql/indexes.sql", "sql/indexes.sql.j2", context, "sql")


def redis_settings(gib: float) -> Tree:
    """Return the settings of a Redis pod of so much memory."""
    most = math.floor(gib * _MEMORY_FOR_KEYS * 1024)
    return {"maxmemory": f"{most}mb", "maxmemory-policy": "allkeys-lru"}


def _asked(store: SelfHosted) -> Tree:
    return {"requests": store_amounts(store), "limits": store_amounts(store)}


def _cluster(site: Site, name: str, cache: SelfHostedCache) -> Iterator[Artefact]:
    leaders, pods = whole(cache.shards), whole(cache.replicas)
    context: Tree = {
        "name": name,
        "namespace": site.namespace,
        "labels": labels_of(site, name) | MANAGED_BY,
        "leaders": leaders,
        "followers": max(0, pods - leaders),
        "image": _REDIS_OPERATOR_IMAGE,
        "version": "v7",
        "secret": name,
        "resources": _asked(cache),
        "storage": memory(number(cache.storage)),
        "config": f"{name}-config",
        "priority_class": priority_class_of(site),
    }
    directory = f"{COMPONENTS}/redis"
    yield Artefact(
        f"{directory}/rediscluster-{name}.yaml", "kubernetes/rediscluster.yaml.j2", context, "redis"
    )
    text = "".join(f"{key} {value}\n" for key, value in redis_settings(number(cache.memory)).items())
    data = {**context, "name": f"{name}-config", "data": {"redis-additional.conf": text}}
    path = f"{directory}/configmap-{name}-config.yaml"
    yield Artefact(path, "kubernetes/configmap.yaml.j2", data, "redis")


def _single(site: Site, name: str, store: SelfHosted, engine: str) -> Iterator[Artefact]:
    """Yield a StatefulSet with its Service, account, budget and policy."""
    port = _PORTS[engine]
    common: Tree = {
        "name": name,
        "namespace": site.namespace,
        "labels": labels_of(site, name) | MANAGED_BY,
        "selector": selector_of(name),
        "annotations": {},
    }
    settings = redis_settings(number(store.memory))
    words = [word for key, value in settings.items() for word in (f"--{key}", value)]
    stateful = {
        "replicas": max(1, whole(store.replicas)),
        "image": _IMAGES[engine],
        "args": words if engine == "redis" else [],
        "port": port,
        "port_name": engine,
        "user": _USER,
        "password": _PASSWORDS[engine],
        "secret": name,
        "data": _DATA[engine],
        "resources": _asked(store),
        "storage": memory(max(1.0, number(store.storage))),
        "priority_class": priority_class_of(site),
        "node_selector": _nodes(site, store),
        "pod_labels": labels_of(site, name),
    }
    ports = [{"name": engine, "port": port, "targetPort": engine, "protocol": "TCP"}]
    callers = [{"podSelector": {"matchLabels": selector_of(c)}} for c in site.callers(name) if c in site.pods]
    rule = {"from": callers, "ports": [{"protocol": "TCP", "port": engine}]}
    policy = {
        "pod_selector": {"matchLabels": selector_of(name)},
        "ingress": [rule] if callers else [],
        "egress": [],
    }
    for kind, own in (
        ("statefulset", stateful),
        ("service", {"type": "ClusterIP", "ports": ports}),
        ("serviceaccount", {}),
        ("poddisruptionbudget", {"max_unavailable": 1}),
        ("networkpolicy", policy),
    ):
        path = f"{BASE}/{name}/{kind}-{name}.yaml"
        yield Artefact(path, f"kubernetes/{kind}.yaml.j2", {**common, **own}, "kubernetes")


def _nodes(site: Site, store: SelfHosted) -> Tree:
    pool = site.pool_of(store.cluster, store.pool)
    return pool.selector if len(site.clusters[pool.cluster].pools) > 1 else {}


def _sql(site: Site, name: str) -> Iterator[Artefact]:
    """Yield the hypertables of a database: chunks, compression, retention."""
    tables = []
    for table, series in site.plan.databases[name].time_series.items():
        compress = series.compress_after
        tables.append(
            {
                "name": table.replace("-", "_"),
                "time": series.time_column,
                "segment_by": list(series.segment_by),
                "chunk": interval(
                    _chunk_s(number(series.retain), None if compress is None else number(compress))
                ),
                "compress_after": None if compress is None else interval(number(compress)),
                "drop_after": interval(number(series.retain)),
            }
        )
    if tables:
        context = {"tables": tables}
        yield Artefact(f"sql/{name}-timeseries.sql", "sql/timeseries.sql.j2", context, "sql")


_DAY_S = 86400.0


def _chunk_s(retain_s: float, compress_s: float | None) -> float:
    """Return the length of a chunk: TimescaleDB's 7 days, or less, so that compression and retention bite.

    Both work on whole chunks: at most half of the time until a row is compressed, a tenth of its life.
    """
    most = min(7 * _DAY_S, retain_s / 10, compress_s / 2 if compress_s else math.inf)
    return max(3600.0, most if most < _DAY_S else math.floor(most / _DAY_S) * _DAY_S)


def interval(seconds: float) -> str:
    """Return a time as PostgreSQL's interval.

    >>> interval(604800.0), interval(5400.0)
    ('7 days', '90 minutes')
    """
    for unit, length in (("days", _DAY_S), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds % length == 0:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:g} seconds"

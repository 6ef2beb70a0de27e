"""Databases, caches, streams and poolers as exporters report them: panels, alerts, settings of the exporters.

The names of metrics are those of postgres_exporter, mysqld_exporter, redis_exporter, pgbouncer_exporter and
kafka_exporter. What scrapes them adds the label of services, with the name of the store.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from capplan.components.stores.caches import new_keys
from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.autoscalers import figure
from capplan.manifests.kubernetes.network import EXPORTER_LABEL
from capplan.manifests.kubernetes.settings import measured, pooler_of
from capplan.manifests.observing.alerts import Alert
from capplan.manifests.site import Site
from capplan.plan.caches import SelfHostedCache
from capplan.plan.stores import SelfHosted

_FULL = 0.9
_BEHIND_BYTES, _BEHIND_S, _WAIT_S = 256 * 2**20, 30.0, 1.0
"""What no store does at the plan's load: run out of what it has, fall behind, let clients wait."""

_CATCH_UP_S = 300.0
"""How far consumers may fall behind a stream: what arrives in so many seconds at the peak."""

_HIT_RATE_MARGIN, _SOME_MISSES = 0.1, 50
_LASTING_S = 300


class Watch(NamedTuple):
    """A figure of a store: a panel, and an alert where it is above a level, or ``below`` it.

    said: what follows the name of the store in the alert's summary. enough: what must hold before there is
    something to judge. series: what makes it fire in its test; the selector follows each name.
    """

    title: str
    unit: str
    expr: str
    alert: str = ""
    level: float | None = None
    said: str = ""
    series: Mapping[str, str] = {}
    below: bool = False
    enough: str = ""


class Exporter(NamedTuple):
    """An exporter: its metric that is above 0 while the store answers, its chart, its port, its settings.

    label_key: the setting for labels of pods. own: the settings for a store on Kubernetes, by its name.
    elsewhere: those that name the Secret with the URL of a store. within: the setting that holds what its
    ServiceMonitor is told.
    """

    up: str
    chart: str
    port: int
    label_key: str
    own: Callable[[str], Tree]
    elsewhere: Callable[[str], Tree]
    within: str = ""


def _own_postgres(name: str) -> Tree:
    found = {"host": name, "user": "postgres", "database": "postgres", "port": "5432"}
    return {"config": {"datasource": {**found, "passwordSecret": {"name": name, "key": "password"}}}}


def _own_mysql(name: str) -> Tree:
    password = {"name": name, "key": "password"}
    return {"mysql": {"host": name, "user": "root", "port": 3306, "existingPasswordSecret": password}}


def _own_redis(name: str) -> Tree:
    secret = {"name": name, "key": "password"}
    return {"redisAddress": f"redis://{name}:6379", "auth": {"enabled": True, "secret": secret}}


def _secret(name: str) -> Tree:
    return {"name": f"{name}-exporter", "key": "url"}


def _brokers(name: str) -> Tree:
    """Return where the brokers are: MSK names them when they are made, so a host on .invalid is to be set."""
    return {"kafkaServer": [f"{name}.invalid:9092"]}


EXPORTERS: Mapping[str, Exporter] = {
    "postgres": Exporter(
        up="pg_up",
        chart="prometheus-postgres-exporter",
        port=9187,
        label_key="podLabels",
        own=_own_postgres,
        elsewhere=lambda name: {"config": {"datasourceSecret": _secret(name)}},
    ),
    "mysql": Exporter(
        up="mysql_up",
        chart="prometheus-mysql-exporter",
        port=9104,
        label_key="podLabels",
        own=_own_mysql,
        elsewhere=lambda name: {"mysql": {"existingConfigSecret": _secret(name)}},
    ),
    "redis": Exporter(
        up="redis_up",
        chart="prometheus-redis-exporter",
        port=9121,
        label_key="labels",
        own=_own_redis,
        elsewhere=lambda name: {
            "redisAddressConfig": {"enabled": True, "isSecret": True, "source": _secret(name)}
        },
    ),
    "pgbouncer": Exporter(
        up="pgbouncer_up",
        chart="prometheus-pgbouncer-exporter",
        port=9127,
        label_key="podLabels",
        own=lambda name: {"config": {"datasourceSecret": _secret(name)}},
        elsewhere=lambda name: {"config": {"datasourceSecret": _secret(name)}},
    ),
    "kafka": Exporter(
        up="kafka_brokers",
        chart="prometheus-kafka-exporter",
        port=9308,
        label_key="podLabels",
        own=_brokers,
        elsewhere=_brokers,
        within="prometheus",
    ),
}


class WatchedStore(NamedTuple):
    """A store, or the pooler before it, with what its exporter tells of it."""

    name: str
    engine: str
    watches: list[Watch]
    selector: str


def watched_stores(site: Site) -> Iterator[WatchedStore]:
    """Yield the stores and streams of a plan, and the poolers of databases."""
    for name, database in site.plan.databases.items():
        yield _watched(site, name, database.engine, _DATABASES[database.engine])
        if pooler_of(site, name) is not None:
            yield _watched(site, f"{name}-pgbouncer", "pgbouncer", lambda s, _name, where: _pooler(where))
    for name in site.plan.caches:
        yield _watched(site, name, "redis", _redis)
    for name in site.plan.streams:
        yield _watched(site, name, "kafka", _kafka)


def store_alerts(site: Site) -> Iterator[Alert]:
    """Yield the alerts on stores, and that one is down or nothing tells of it."""
    for store in watched_stores(site):
        up = f"{EXPORTERS[store.engine].up}{store.selector}"
        yield Alert(
            name="StoreDown",
            expr=f"absent(sum({up}) > 0)",
            lasting_s=_LASTING_S,
            severity="critical",
            service=store.name,
            summary=f"{store.name} is down, or its exporter is",
            series=[],
            missed=up,
        )
        yield from (_alert(store, watch) for watch in store.watches if watch.level is not None)


def _alert(store: WatchedStore, watch: Watch) -> Alert:
    assert watch.level is not None
    return Alert(
        name=watch.alert,
        expr=f"{watch.enough}{watch.expr} {'<' if watch.below else '>'} {figure(watch.level)}",
        lasting_s=_LASTING_S,
        severity="warning",
        service=store.name,
        summary=f"{store.name} {watch.said}",
        series=[(f"{metric}{store.selector}", values) for metric, values in watch.series.items()],
    )


_Watches = Callable[[Site, str, str], Iterator[Watch]]


def _watched(site: Site, name: str, engine: str, watches: _Watches) -> WatchedStore:
    selector = f'{{{site.manifests.metrics.service_label}="{name}"}}'
    return WatchedStore(name, engine, list(watches(site, name, selector)), selector)


def _connections(used: str, most: str, where: str) -> Watch:
    """Return the connections of each instance; a database counts them by the databases in it."""
    return Watch(
        title="connections",
        unit="percentunit",
        expr=f"max(sum by (instance) ({used}{where}) / sum by (instance) ({most}{where}))",
        alert="ConnectionsNearLimit",
        level=_FULL,
        said=f"has more than {_FULL:.0%} of the connections that it accepts",
        series={used: "95+0", most: "100+0"},
    )


def _hits(title: str, hits: str, misses: str, where: str) -> Watch:
    found, missed = (f"sum(rate({counter}{where}[5m]))" for counter in (hits, misses))
    return Watch(title, "percentunit", f"{found} / ({found} + {missed})")


def _postgres(site: Site, name: str, where: str) -> Iterator[Watch]:
    yield _connections("pg_stat_database_numbackends", "pg_settings_max_connections", where)
    yield _hits("reads from memory", "pg_stat_database_blks_hit", "pg_stat_database_blks_read", where)
    yield Watch("size", "bytes", f"sum(pg_database_size_bytes{where})")
    if number(getattr(site.plan.databases[name], "read_replicas", 0.0)) > 0:
        # The primary tells it of every replica, so that one exporter is enough.
        yield Watch(
            title="replicas behind",
            unit="bytes",
            expr=f"max(pg_stat_replication_pg_wal_lsn_diff{where})",
            alert="ReplicaBehind",
            level=float(_BEHIND_BYTES),
            said=f"has a replica that is more than {_BEHIND_BYTES // 2**20} MiB behind",
            series={"pg_stat_replication_pg_wal_lsn_diff": f"{2 * _BEHIND_BYTES}+0"},
        )


def _mysql(site: Site, name: str, where: str) -> Iterator[Watch]:
    status, variables = "mysql_global_status_", "mysql_global_variables_"
    yield _connections(f"{status}threads_connected", f"{variables}max_connections", where)
    reads, requests = (
        f"sum(rate({status}innodb_buffer_pool_{kind}{where}[5m]))" for kind in ("reads", "read_requests")
    )
    yield Watch("reads from memory", "percentunit", f"1 - {reads} / {requests}")


_DATABASES: Mapping[str, _Watches] = {"postgres": _postgres, "mysql": _mysql}


def _redis(site: Site, name: str, where: str) -> Iterator[Watch]:
    cache = site.plan.caches[name]
    memory = f"max(redis_memory_used_bytes{where} / (redis_memory_max_bytes{where} > 0))"
    if cache.eviction == "noeviction":
        yield Watch(
            title="memory",
            unit="percentunit",
            expr=memory,
            alert="MemoryNearLimit",
            level=_FULL,
            said=f"uses more than {_FULL:.0%} of its memory, and then refuses writes",
            series={"redis_memory_used_bytes": "95+0", "redis_memory_max_bytes": "100+0"},
        )
    else:
        yield Watch("memory", "percentunit", memory)
        yield from _evictions(site, name, where)
    yield _hit_rate(site, name, where)
    yield _connections("redis_connected_clients", "redis_config_maxclients", where)
    if number(getattr(cache, "replicas", 0.0)) > number(getattr(cache, "shards", 1.0)):
        yield Watch(
            title="replicas behind",
            unit="s",
            expr=f"max(redis_connected_slave_lag_seconds{where})",
            alert="ReplicaBehind",
            level=_BEHIND_S,
            said=f"has a replica that is more than {_BEHIND_S:g} s behind",
            series={"redis_connected_slave_lag_seconds": f"{2 * _BEHIND_S:g}+0"},
        )


def _evictions(site: Site, name: str, where: str) -> Iterator[Watch]:
    """Yield what a cache evicts: nothing, where its content is known to fit."""
    evicted = Watch("evictions", "short", f"sum(rate(redis_evicted_keys_total{where}[5m]))")
    if measured(site, name, "memory") is None:
        yield evicted
        return
    yield evicted._replace(
        alert="Evictions",
        level=0.0,
        said="evicts keys, so its content is larger than planned",
        series={"redis_evicted_keys_total": "0+60"},
    )


def _hit_rate(site: Site, name: str, where: str) -> Watch:
    """Return the hit rate; the plan has one where it says what share of the requests brings a new key."""
    cache = site.plan.caches[name]
    found = _hits("hit rate", "redis_keyspace_hits_total", "redis_keyspace_misses_total", where)
    least = round(1 - number(new_keys(cache)) - _HIT_RATE_MARGIN, 4)
    if (cache.content.new_keys is None and cache.semantic is None) or least <= 0:
        return found
    return found._replace(
        alert="HitRateBelowPlan",
        level=least,
        below=True,
        said=f"has a hit rate below {least:.0%}, and the plan one of {least + _HIT_RATE_MARGIN:.0%}",
        series={"redis_keyspace_hits_total": "0+0", "redis_keyspace_misses_total": "0+6000"},
        enough=f"sum(increase(redis_keyspace_misses_total{where}[5m])) > {_SOME_MISSES} and ",
    )


def _kafka(site: Site, name: str, where: str) -> Iterator[Watch]:
    lag, peak = "kafka_consumergroup_lag_sum", site.components[name].peak_rps
    behind = Watch("messages behind", "short", f"max(sum by (consumergroup) ({lag}{where}))")
    most = 0.0 if peak is None else math.ceil(number(peak) * _CATCH_UP_S)
    if most:
        behind = behind._replace(
            alert="ConsumersBehind",
            level=float(most),
            said=f"has consumers that are more than {most:,} messages behind, {_CATCH_UP_S:g} s of the peak",
            series={lag: f"{2 * most}+0"},
        )
    yield behind
    yield Watch("brokers", "short", f"max(kafka_brokers{where})")


def _pooler(where: str) -> Iterator[Watch]:
    waits = "pgbouncer_pools_client_maxwait_seconds"
    yield Watch(
        title="longest wait for a connection",
        unit="s",
        expr=f"max({waits}{where})",
        alert="PoolExhausted",
        level=_WAIT_S,
        said=f"lets clients wait longer than {_WAIT_S:g} s for a connection",
        series={waits: f"{5 * _WAIT_S:g}+0"},
    )
    yield Watch("clients that wait", "short", f"sum(pgbouncer_pools_client_waiting_connections{where})")
    yield Watch("connections in use", "short", f"sum(pgbouncer_pools_server_active_connections{where})")


def exporter_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the values of the exporters' charts, where there is a cluster that they can run in."""
    if not site.clusters:
        return
    stores = {**site.plan.databases, **site.plan.caches}
    for store in watched_stores(site):
        exporter, spec = EXPORTERS[store.engine], stores.get(store.name)
        make = exporter.own if isinstance(spec, SelfHosted) else exporter.elsewhere
        relabeling = {"targetLabel": site.manifests.metrics.service_label, "replacement": store.name}
        operator = site.manifests.monitoring == "prometheus-operator"
        monitor: Tree = {"enabled": operator, "relabelings": [relabeling]}
        if isinstance(spec, SelfHostedCache) and number(spec.shards) > 1:
            monitor |= _leaders(store.name, int(number(spec.shards)))
        scraped: Tree = {"serviceMonitor": monitor}
        values = {
            **make(store.name),
            exporter.label_key: {EXPORTER_LABEL: store.name},
            **({exporter.within: scraped} if exporter.within else scraped),
        }
        path = f"helm/{exporter.chart}-{store.name}.values.yaml"
        yield Artefact(path, "helm/exporter.yaml.j2", {"values": values}, "helm")


def _leaders(name: str, count: int) -> Tree:
    """Return the settings by which one exporter asks every leader of a Redis cluster."""
    hosts = [f"{name}-leader-{index}" for index in range(count)]
    targets = [{"name": host, "url": f"redis://{host}.{name}-leader-headless:6379"} for host in hosts]
    return {"multipleTarget": True, "telemetryPath": "/scrape", "targets": targets}

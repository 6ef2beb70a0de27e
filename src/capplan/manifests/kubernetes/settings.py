"""Settings of stores that follow from the plan: Redis, PostgreSQL, MySQL, PgBouncer, pools of connections."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from capplan.manifests.figures import number
from capplan.manifests.site import Site
from capplan.plan.caches import SelfHostedCache
from capplan.plan.databases import SelfHostedDatabase
from capplan.plan.services import PoolEnv

SHARED_BUFFERS, _CACHED = 0.25, 0.75
"""Shares of a pod's memory that PostgreSQL's documentation starts from: its buffers, all that is cached."""

_ACQUIRE_S, _LARGEST_POOL = 30, 50
"""Where the plan says nothing of a pool: how long a call waits, and connections beyond which queries only
wait in the database instead."""


def redis_settings(cache: SelfHostedCache, content_gib: float | None) -> dict[str, str]:
    """Return the lines of redis.conf: what keys may take, what gives way, and what a crash may lose.

    content_gib: memory that the content needs with its headroom; None where the plan does not describe it. A
    fork that rewrites the append-only file copies each page that is written meanwhile, all of them at worst:
    where the content leaves room for that, it is kept. Snapshots, which fork too, are off.
    """
    free = number(cache.content.headroom)
    persistent = number(cache.storage) > 0
    if persistent and content_gib is not None and content_gib * (1 - free) <= number(cache.memory) / 2:
        free = max(free, 0.5)
    most = math.floor(number(cache.memory) * (1 - free) * 1024)
    found = {"maxmemory": f"{most}mb", "maxmemory-policy": cache.eviction, "lazyfree-lazy-eviction": "yes"}
    found["save"] = '""'
    if persistent:
        return found | {"dir": "/data", "appendonly": "yes", "appendfsync": "everysec"}
    return found | {"appendonly": "no"}


def postgres_settings(database: SelfHostedDatabase) -> dict[str, str]:
    """Return the lines of postgresql.conf for a pod of the plan's size."""
    mib = number(database.memory) * 1024
    connections = int(number(database.max_connections))
    # Every connection may sort in so much memory, twice over, beside the shared buffers.
    work = max(1, math.floor(mib * (1 - SHARED_BUFFERS) / connections / 2))
    found = {
        "listen_addresses": "'*'",
        "max_connections": str(connections),
        "shared_buffers": f"{math.floor(mib * SHARED_BUFFERS)}MB",
        "effective_cache_size": f"{math.floor(mib * _CACHED)}MB",
        "work_mem": f"{work}MB",
        "maintenance_work_mem": f"{min(2048, max(16, math.floor(mib / 16)))}MB",
        "password_encryption": "'scram-sha-256'",
    }
    return found | {"shared_preload_libraries": "'timescaledb'"} if database.time_series else found


def mysql_settings(database: SelfHostedDatabase) -> dict[str, str]:
    """Return the lines of my.cnf for a pod of the plan's size."""
    half = math.floor(number(database.memory) * 1024 / 2)
    return {
        # A new disk holds lost+found, and its own directory for sockets is read-only.
        "datadir": "/var/lib/mysql/data",
        "socket": "/tmp/mysqld.sock",
        "mysqlx_socket": "/tmp/mysqlx.sock",
        "pid-file": "/tmp/mysqld.pid",
        "max_connections": str(int(number(database.max_connections))),
        "innodb_buffer_pool_size": f"{half}M",
    }


def lines(settings: Mapping[str, str], between: str) -> str:
    """Return settings as a configuration file, one a line."""
    return "".join(f"{name}{between}{value}\n" for name, value in settings.items())


class PoolSize(NamedTuple):
    """Connections that one instance of a service keeps to a database, and the variables that tell it so."""

    least: int
    most: int
    acquire_s: int
    names: tuple[str, str, str]

    @property
    def environment(self) -> dict[str, str]:
        """The pool's size, as a service reads it."""
        return dict(zip(self.names, (str(self.most), str(self.least), str(self.acquire_s)), strict=True))


def pools_of(site: Site, service: str) -> dict[str, PoolSize]:
    """Return the pools of a service by database: the plan's, or an even part of what the database accepts."""
    found = {}
    for callee, call in site.specs[service].calls.items():
        if call.pool is not None:
            waits = math.ceil(number(call.pool.acquire_timeout))
            least, most = int(number(call.pool.min)), int(number(call.pool.max))
            found[callee] = PoolSize(least, most, waits, _names(callee, call.pool.env))
        elif callee in site.plan.databases and (part := _even_part(site, callee)) > 0:
            found[callee] = PoolSize(
                0, min(part, _LARGEST_POOL), _ACQUIRE_S, _names(callee, PoolEnv.model_validate({}))
            )
    return found


def _names(database: str, named: PoolEnv) -> tuple[str, str, str]:
    """Return the variables' names: the plan's, or the database's name and what each holds."""
    prefix = database.upper().replace("-", "_")
    usual = (f"{prefix}_POOL_MAX", f"{prefix}_POOL_MIN", f"{prefix}_POOL_ACQUIRE_TIMEOUT")
    return (named.max or usual[0], named.min or usual[1], named.acquire_timeout or usual[2])


@lru_cache(maxsize=64)
def _even_part(site: Site, database: str) -> int:
    """Return what instances without a pool in the plan may open, with every autoscaler at its maximum."""
    accepted = measured(site, database, "connections accepted")
    if accepted is None or not math.isfinite(accepted):
        return 0
    without = 0
    for caller in site.callers(database):
        pool, most = site.specs[caller].calls[database].pool, site.services[caller].hi
        if pool is None:
            without += most
        else:
            accepted -= most * number(pool.max)
    return math.floor(accepted / max(without, 1))


def measured(site: Site, component: str, name: str) -> float | None:
    """Return what the estimate says of a component; None where it says nothing."""
    found = (m for m in site.components[component].measures if m.name == name)
    return next((number(measure.needs) for measure in found), None)


class Pooler(NamedTuple):
    """A pooler before a database: how many clients it takes, and server connections of each replica.

    name: of its Service; None where it runs outside clusters, since no pods call the database.
    """

    name: str | None
    clients: int
    size: int
    replicas: int


_POOLERS = 2
"""Replicas of a pooler: one is replaced while the other serves."""


def pooler_of(site: Site, name: str) -> Pooler | None:
    """Return the pooler that a database needs; None where its pools open no more than it accepts."""
    database = site.plan.databases[name]
    opened, accepted = (measured(site, name, what) for what in ("connections", "connections accepted"))
    size = measured(site, name, "PgBouncer pool")
    if database.engine != "postgres" or size is None or opened is None or opened <= (accepted or math.inf):
        return None
    inside = any(caller in site.pods for caller in site.callers(name))
    replicas = _POOLERS if inside else 1
    # Each replica can carry all of them, if the database accepts that.
    each = math.ceil(size) if not accepted else min(math.ceil(size), math.floor(accepted / replicas))
    return Pooler(f"{name}-pooler" if inside else None, math.ceil(opened), max(1, each), replicas)

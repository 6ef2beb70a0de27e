"""Settings of stores that follow from the plan: Redis, PostgreSQL, MySQL, PgBouncer, pools of connections."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number
from capplan.manifests.site import Site
from capplan.plan.caches import SelfHostedCache
from capplan.plan.databases import SelfHostedDatabase
from capplan.plan.services import PoolEnv

_MEMORY_FOR_KEYS = 0.75
"""Share of a pod's memory for keys; the rest is for forks, buffers and fragmentation."""

_SHARED_BUFFERS, _CACHED = 0.25, 0.75
"""Shares of a pod's memory that PostgreSQL's documentation starts from: its buffers, all that is cached."""

_ACQUIRE_S, _LARGEST_POOL = 30, 50
"""Where the plan says nothing of a pool: how long a call waits, and connections beyond which queries only
wait in the database instead."""


def redis_settings(cache: SelfHostedCache) -> dict[str, str]:
    """Return the lines of redis.conf: what keys may take, what gives way, and what a crash may lose."""
    most = math.floor(number(cache.memory) * _MEMORY_FOR_KEYS * 1024)
    found = {"maxmemory": f"{most}mb", "maxmemory-policy": cache.eviction, "lazyfree-lazy-eviction": "yes"}
    if number(cache.storage) > 0:
        return found | {"dir": "/data", "appendonly": "yes", "appendfsync": "everysec"}
    return found | {"appendonly": "no", "save": '""'}


def postgres_settings(database: SelfHostedDatabase) -> dict[str, str]:
    """Return the lines of postgresql.conf for a pod of the plan's size."""
    mib = number(database.memory) * 1024
    connections = int(number(database.max_connections))
    # Every connection may sort in so much memory, twice over, beside the shared buffers.
    work = max(1, math.floor(mib * (1 - _SHARED_BUFFERS) / connections / 2))
    found = {
        "listen_addresses": "'*'",
        "max_connections": str(connections),
        "shared_buffers": f"{math.floor(mib * _SHARED_BUFFERS)}MB",
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


def _shortest(site: Site, database: str, field: str) -> int | None:
    """Return the shortest of a time that the database's pools say; None where none of them says it."""
    pools = [site.specs[caller].calls[database].pool for caller in site.callers(database)]
    said = [getattr(pool, field) for pool in pools if pool is not None]
    return min((math.ceil(number(seconds)) for seconds in said if seconds is not None), default=None)


def is_pooled(site: Site, database: str) -> bool:
    """Say whether a database needs a pooler: its callers' pools open more connections than it accepts."""
    opened, accepted = (measured(site, database, what) for what in ("connections", "connections accepted"))
    fits = opened is None or opened <= (accepted or math.inf)
    postgres = site.plan.databases[database].engine == "postgres"
    return postgres and not fits and measured(site, database, "PgBouncer pool") is not None


def pooler_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield PgBouncer's settings for each database whose pools open more than it accepts."""
    for name, database in site.plan.databases.items():
        if not is_pooled(site, name):
            continue
        opened, size = (measured(site, name, what) or 0.0 for what in ("connections", "PgBouncer pool"))
        pools = [pools_of(site, caller).get(name) for caller in site.callers(name)]
        context: Tree = {
            "host": f"{name}.invalid" if not isinstance(database, SelfHostedDatabase) else name,
            "clients": math.ceil(opened),
            "size": max(1, math.ceil(size)),
            "wait_s": max(pool.acquire_s for pool in pools if pool is not None),
            "idle_s": _shortest(site, name, "idle_timeout"),
            "lifetime_s": _shortest(site, name, "max_lifetime"),
        }
        yield Artefact(f"pgbouncer/{name}.ini", "sql/pgbouncer.conf.j2", context, "sql")

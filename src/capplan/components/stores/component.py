"""Databases and caches: managed by the provider, or self-hosted pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from capplan.components.base import Component, Context
from capplan.plan.caches import Cache, SelfHostedCache
from capplan.plan.databases import Database, SelfHostedDatabase


def build_databases(ctx: Context, services: Sequence[Component]) -> Iterator[Component]:
    """Yield the components of ``plan.databases``, which the ``services`` may connect to."""
    by_name = {service.name: service for service in services}
    for name, database in ctx.plan.databases.items():
        callers = {caller: by_name[caller] for caller in ctx.load.callers.get(name, ())}
        kept = ctx.taken_over(("databases", name), list(callers.values()))
        yield kept or _database(ctx, name, database, callers)


def build_caches(ctx: Context, _: Sequence[Component] = ()) -> Iterator[Component]:
    """Yield the components of ``plan.caches``."""
    for name, cache in ctx.plan.caches.items():
        yield ctx.taken_over(("caches", name)) or _cache(ctx, name, cache)


def _database(ctx: Context, name: str, database: Database, services: Mapping[str, Component]) -> Component:
    if isinstance(database, SelfHostedDatabase):
        from capplan.components.stores.selfhosted import build_own_database

        return build_own_database(ctx, name, database, services)
    from capplan.components.stores.databases import build_database

    return build_database(ctx, name, database, services)


def _cache(ctx: Context, name: str, cache: Cache) -> Component:
    if isinstance(cache, SelfHostedCache):
        from capplan.components.stores.selfhosted import build_own_cache

        return build_own_cache(ctx, name, cache)
    from capplan.components.stores.caches import build_cache

    return build_cache(ctx, name, cache)

"""Databases and caches: managed by the provider, or pods of one's own."""

from __future__ import annotations

from collections.abc import Mapping

from capplan.components.base import Component, Context
from capplan.plan.caches import Cache, SelfHostedCache
from capplan.plan.databases import Database, SelfHostedDatabase


def any_database(ctx: Context, name: str, database: Database, services: Mapping[str, Component]) -> Component:
    """Return the database ``name``."""
    if isinstance(database, SelfHostedDatabase):
        from capplan.components.stores.selfhosted import build_own_database

        return build_own_database(ctx, name, database, services)
    from capplan.components.stores.databases import build_database

    return build_database(ctx, name, database, services)


def any_cache(ctx: Context, name: str, cache: Cache) -> Component:
    """Return the cache ``name``."""
    if isinstance(cache, SelfHostedCache):
        from capplan.components.stores.selfhosted import build_own_cache

        return build_own_cache(ctx, name, cache)
    from capplan.components.stores.caches import build_cache

    return build_cache(ctx, name, cache)

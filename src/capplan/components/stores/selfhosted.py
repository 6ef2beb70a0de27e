"""Self-hosted databases and caches: pods on a node pool, each with its disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from capplan.arrays import Floats, per_scenario
from capplan.capacity.sizing import Bounds, Sizing, size
from capplan.components.autopilot import autopilot_meters
from capplan.components.base import Component, Context, Path, Pods, number_range
from capplan.components.connections import connection_measures, connections_of, too_many
from capplan.components.disks import VOLUMES, parts_of
from capplan.components.measures import Measure, measure
from capplan.components.stores.billing import StoreBill
from capplan.components.stores.caches import cache_content, too_small
from capplan.components.stores.semantic import semantic_measures
from capplan.components.stores.timeseries import series_gib, series_measures
from capplan.cost.meters import Meter
from capplan.plan.caches import SelfHostedCache
from capplan.plan.databases import SelfHostedDatabase
from capplan.plan.services import CLUSTER_PROVIDERS
from capplan.plan.stores import SelfHosted


def build_own_database(
    ctx: Context, name: str, database: SelfHostedDatabase, services: Mapping[str, Component]
) -> Component:
    """Return a database that runs as pods."""
    path: Path = ("databases", name)
    stored = database.storage + series_gib(ctx, name, database.time_series)
    component = _pods(ctx, "database", name, database, path, stored)
    memory = per_scenario(database.memory)
    measures = list(series_measures(ctx, name, database.time_series, memory))
    if np.any(stored):
        measures.append(measure("storage", stored, "GiB", "storage + time series, of each pod"))
    opened = connections_of(ctx, name, services)
    allowed = per_scenario(database.max_connections)
    if opened is not None:
        formula = "Σ of instances at their maximum × pool.max"
        measures.append(Measure("connections", opened, "", formula, allowed))
    measures += connection_measures(ctx, name, allowed)
    return component._replace(
        measures=measures, findings=list(too_many(ctx, name, opened, allowed, services))
    )


def build_own_cache(ctx: Context, name: str, cache: SelfHostedCache) -> Component:
    """Return a cache that runs as pods."""
    component = _pods(ctx, "cache", name, cache, ("caches", name), cache.storage)
    held = cache_content(ctx, name, cache, cache.shards, cache.memory)
    measures = [*held, *semantic_measures(ctx, name, cache.semantic)]
    return component._replace(measures=measures, findings=list(too_small(name, held)))


def _pods(
    ctx: Context, kind: str, name: str, store: SelfHosted, path: Path, storage_gib: Floats
) -> Component:
    cluster = store.cluster or next(iter(ctx.plan.clusters))
    platform = ctx.plan.clusters[cluster].platform
    provider = CLUSTER_PROVIDERS[platform]
    region = ctx.region(provider, ctx.plan.clusters[cluster].region, path)
    bill = StoreBill(ctx, name, provider, region, path)
    sizing = _fixed(ctx, name, store)
    owner = ctx.plan.clusters[cluster]
    alone = owner.autopilot
    requested = (store.cpu, store.memory)
    bills = autopilot_meters(ctx, name, region, owner, requested, number_range(sizing)) if alone else ()
    return Component(
        name=name,
        kind=kind,
        platform="kubernetes",
        provider=provider,
        region=region,
        path=path,
        load=ctx.load,
        sizing=sizing,
        meters=[*bills, *_disks(bill, store, storage_gib)],
        billed_with=None if alone else cluster,
        pods=Pods(cluster, store.pool, store.cpu, store.memory, one_per_node=store.one_per_node),
    )


def _fixed(ctx: Context, name: str, store: SelfHosted) -> Sizing:
    bounds = Bounds(store.replicas, store.replicas)
    return size(ctx.load.to_carry(name), (), bounds)


def _disks(bill: StoreBill, store: SelfHosted, storage_gib: Floats) -> Iterator[Meter]:
    """Yield the pods' volumes."""
    if not np.any(storage_gib):
        return
    service, default = VOLUMES[bill.provider]
    sku = bill.sku(service, store.storage_class or default, "storage_class")
    for disk, amount in parts_of(bill.ctx.catalog, bill.provider, service, sku, storage_gib):
        yield bill.used(service, disk, amount * store.replicas, "pods × volume")

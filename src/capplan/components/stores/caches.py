"""Managed caches: the node or size that holds the content, and semantic caches of LLM answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats, per_scenario
from capplan.capacity.choice import Choice, cheapest
from capplan.capacity.stores import cache_memory_gib, held_by_ttl
from capplan.catalog.rows import Sku
from capplan.components.base import Component, Context, Path
from capplan.components.measures import Measure, Pick, measure
from capplan.components.stores import checks
from capplan.components.stores.billing import StoreBill, retired
from capplan.components.stores.semantic import semantic_measures
from capplan.cost.meters import Meter
from capplan.demand.load import hit_rate
from capplan.errors import InputError
from capplan.findings import Finding
from capplan.plan.caches import AzureRedis, Cache, ElastiCache, ManagedCache, Memorystore
from capplan.plan.services import Provider
from capplan.plan.stores import AUTO
from capplan.quantities import plain

PROVIDERS: dict[str, Provider] = {"memorystore": "gcp", "elasticache": "aws", "azure-redis": "azure"}
_SERVICES = {
    "memorystore": "memorystore-redis",
    "elasticache": "elasticache-redis",
    "azure-redis": "redis-cache",
}
_GIB = 2.0**30


def build_cache(ctx: Context, name: str, cache: ManagedCache) -> Component:
    """Return the cache ``name``: how large it is, what it holds, and its meters."""
    path: Path = ("caches", name)
    provider = PROVIDERS[cache.platform]
    region = ctx.region(provider, cache.region, path)
    shares = (("commit_1y", cache.commit_1y), ("commit_3y", cache.commit_3y))
    bill = StoreBill(ctx, name, provider, region, path, shares)
    needs = memory_needed(ctx, name, cache, cache.shards if isinstance(cache, ElastiCache) else 1.0)
    if isinstance(cache, Memorystore):
        meters, has, pick, findings = _memorystore(bill, cache, needs)
    else:
        meters, has, pick, findings = _nodes(bill, cache, needs)
    held = [] if needs is None else [Measure("memory", needs, "GiB", _FORMULA, has)]
    return Component(
        name=name,
        kind="cache",
        platform=cache.platform,
        provider=provider,
        region=region,
        path=path,
        load=ctx.load,
        meters=meters,
        findings=[*findings, *too_small(name, held)],
        measures=[*held, *semantic_measures(ctx, name, cache.semantic)],
        pick=pick,
    )


_FORMULA = "keys × (value + overhead) × fragmentation ÷ (1 − headroom) ÷ shards"


def memory_needed(ctx: Context, name: str, cache: Cache, shards: Floats) -> Array | None:
    """Return the memory that the content needs in each shard, GiB; None where the plan says nothing of it."""
    content = cache.content
    if content.keys is not None:
        keys: Floats = content.keys
    elif content.ttl is not None:
        keys = held_by_ttl(ctx.load.rps(name) * new_keys(cache), content.ttl)
    else:
        return None
    if np.any(np.asarray(content.headroom) >= 1):
        path = (*("caches", name), "content", "headroom")
        raise InputError(ctx.places.problem(path, "leaves no room for data", "Give a share below 100%."))
    key_bytes = (content.value_size + content.key_overhead) * _GIB
    return per_scenario(cache_memory_gib(keys, key_bytes, content.fragmentation, content.headroom, shards))


def new_keys(cache: Cache) -> Floats:
    """Return the share of the requests that bring a new key: what is not found is written."""
    if cache.content.new_keys is not None:
        return cache.content.new_keys
    return 1.0 if cache.semantic is None else 1.0 - hit_rate(cache.semantic)


_Sized = tuple[list[Meter], Array, Pick, list[Finding]]


def _nodes(bill: StoreBill, cache: ElastiCache | AzureRedis, needs: Array | None) -> _Sized:
    """Return the meters of the nodes: those named, or the cheapest that hold the content."""
    service = _SERVICES[cache.platform]
    skus = _candidates(bill, cache, service, needs)
    memory = np.array([sku.memory_gib or 0.0 for sku in skus])
    wanted = {} if needs is None else {"memory": needs}
    prices = bill.ranks(service, [bill.hourly_usd(service, sku) for sku in skus])
    choice = cheapest(wanted, {"memory": memory}, prices)
    count: Floats = 1.0
    if isinstance(cache, ElastiCache):
        count = cache.shards * (1 + cache.replicas)
    meters = [
        meter
        for index in choice.taken()
        for meter in bill.held(service, skus[index], choice.chosen(index) * count, "nodes × hours")
    ]
    return meters, _picked(memory, choice), _pick(skus, choice), list(retired(bill.name, skus[0]))


def _candidates(
    bill: StoreBill, cache: ElastiCache | AzureRedis, service: str, needs: Array | None
) -> Sequence[Sku]:
    if cache.machine != AUTO:
        return [bill.sku(service, cache.machine)]
    if needs is None:
        what = "machine: auto needs the size of the content"
        raise InputError(bill.ctx.places.problem((*bill.path, "content"), what, "Give keys, or a ttl."))
    file = bill.ctx.catalog.service(bill.provider, service)
    return [s for s in file.skus.values() if s.memory_gib is not None and s.retired is None]


def _picked(memory: Array, choice: Choice) -> Array:
    return memory[choice.which].reshape(-1, 1)


def _pick(skus: Sequence[Sku], choice: Choice) -> Pick:
    return Pick(tuple(sku.name for sku in skus), choice.which)


def _memorystore(bill: StoreBill, cache: Memorystore, needs: Array | None) -> _Sized:
    """Return the GiB-hours of the capacity tier of the size; its price holds for the whole instance."""
    service = _SERVICES[cache.platform]
    skus = [
        sku
        for sku in bill.ctx.catalog.service("gcp", service).skus.values()
        if sku.size_gib is not None and sku.name.startswith(f"{cache.tier}-")
    ]
    if cache.size is not None:
        size, which = _named_size(bill, cache.size, skus)
    elif needs is not None:
        size, which = _cheapest_size(bill, service, needs, skus)
    else:
        what = "is required unless the plan describes the content"
        raise InputError(
            bill.ctx.places.problem((*bill.path, "size"), what, "Give it, or describe the content.")
        )
    meters = [
        meter
        for index, sku in enumerate(skus)
        if np.any(which == index)
        for meter in bill.held(service, sku, size * (which.reshape(-1, 1) == index), "GiB × hours")
    ]
    return meters, size, Pick(tuple(sku.name for sku in skus), which), []


def _named_size(bill: StoreBill, asked: Floats, skus: Sequence[Sku]) -> tuple[Array, NDArray[np.intp]]:
    size = per_scenario(np.ceil(asked))
    inside = np.concatenate([_sold_at(sku, size) for sku in skus], axis=1)
    if not inside.any(axis=1).all():
        what = f"Memorystore has no instance of {float(size[~inside.any(axis=1)][0, 0]):g} GiB"
        raise InputError(bill.ctx.places.problem((*bill.path, "size"), what, "It sells 1 to 300 GiB."))
    return size, inside.argmax(axis=1)


def _sold_at(sku: Sku, size: Array) -> NDArray[np.bool_]:
    low, high = sku.size_gib or (0.0, 0.0)
    return (size >= low) & (size <= high)


def _cheapest_size(
    bill: StoreBill, service: str, needs: Array, skus: Sequence[Sku]
) -> tuple[Array, NDArray[np.intp]]:
    """Return the cheapest size that holds the content: a larger tier may cost less as a whole."""
    lows = np.array([(sku.size_gib or (0.0, 0.0))[0] for sku in skus])
    highs = np.array([(sku.size_gib or (0.0, 0.0))[1] for sku in skus])
    price = np.array([bill.hourly_usd(service, sku) for sku in skus])
    # Where no price is known, the size that is held decides.
    price = price if np.isfinite(price).any() else np.ones(price.shape)
    sizes = np.maximum(np.ceil(needs), lows)
    cost = np.where(needs <= highs, sizes * price, np.inf)
    which = np.where(np.isfinite(cost).any(axis=1), cost.argmin(axis=1), int(highs.argmax()))
    chosen = np.take_along_axis(sizes, which.reshape(-1, 1), axis=1)
    return np.minimum(chosen, highs[which].reshape(-1, 1)), which


def too_small(name: str, held: Sequence[Measure]) -> Iterator[Finding]:
    """Yield the finding that the content does not fit."""
    for memory in held:
        if memory.short() and memory.has is not None:
            need, there = float(memory.needs.max()), float(memory.has.min())
            message = f"its content needs {plain(need, 3)} GiB in each shard, but has {plain(there, 3)}"
            remedy = "Add shards, shorten the ttl, or use machine: auto."
            yield checks.CACHE_TOO_SMALL.finding(name, message, remedy)


def cache_content(ctx: Context, name: str, cache: Cache, shards: Floats, has_gib: Floats) -> list[Measure]:
    """Return what the content of a self-hosted cache needs of the memory of each shard."""
    needs = memory_needed(ctx, name, cache, shards)
    return [] if needs is None else [measure("memory", needs, "GiB", _FORMULA, has_gib)]

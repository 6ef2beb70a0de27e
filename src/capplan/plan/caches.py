"""Caches: managed Redis or your own pods, and semantic caches of LLM answers."""

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from capplan.plan.deferred import variants
from capplan.plan.fields import (
    DEFAULTS,
    Count,
    Duration,
    Memory,
    Name,
    Number,
    Positive,
    Section,
    Share,
    Whole,
)
from capplan.plan.stores import SelfHosted, StoreBase


class Content(Section):
    """Content of a cache: a number of keys, or those that arrive within their time to live."""

    keys: Number | None = Field(
        None, description="Number of keys; by default, the new keys that arrive within the ttl."
    )
    ttl: Duration | None = Field(None, description="Time to live of a key.")
    new_keys: Share | None = Field(
        None,
        description="Share of requests that bring a new key; by default all, or a semantic cache's misses.",
    )
    value_size: Memory = Field(0.0, description="Size of a value.")
    key_overhead: Memory = Field(
        96 / 2**30, description="Memory that Redis uses for each key besides its value, the key included."
    )
    fragmentation: Positive = Field(1.2, description="Memory of the process ÷ memory of the data.")
    headroom: Share = Field(
        0.25, description="Share of the memory kept free for eviction, replication and forks."
    )


def _threshold(text: str) -> float:
    try:
        threshold = float(text)
    except ValueError:
        threshold = -1.0
    if not 0 <= threshold <= 1:
        raise ValueError(f"'{text}' is not a similarity threshold between 0 and 1, such as \"0.9\"")
    return threshold


class Semantic(Section):
    """A semantic cache: a vector search over the embeddings of earlier questions."""

    hit_rate: Share = Field(0.0, description="Share of the questions that are answered from the cache.")
    hit_rate_at: dict[str, Share] = Field(
        {}, description="Measured hit rate by similarity threshold; replaces hit_rate."
    )
    similarity_threshold: Share | None = Field(
        None, description="Lowest similarity that counts as a hit; required by hit_rate_at."
    )
    hit_time: Duration = Field(0.05, description="Time to embed the question and find the answer.")
    embedding: Name | None = Field(None, description="External API that embeds each question.")

    @field_validator("hit_rate_at")
    @classmethod
    def _falling(cls, value: dict[str, float]) -> dict[str, float]:
        """Refuse keys that are no thresholds, and rates that rise where less is similar enough."""
        measured = sorted((_threshold(at), rate) for at, rate in value.items())
        if any(low < high for (_, low), (_, high) in pairwise(measured)):
            raise ValueError("a higher threshold cannot have a higher hit rate")
        return value

    @model_validator(mode="after")
    def _read_somewhere(self) -> "Semantic":
        if self.hit_rate_at and self.similarity_threshold is None:
            raise ValueError("hit_rate_at needs a similarity_threshold to be read at")
        return self


Eviction = Literal["allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-lfu", "volatile-ttl", "noeviction"]
"""Redis' maxmemory-policy; noeviction where it holds more than copies, such as queues."""


class CacheContent(Section):
    """What every cache may say about its content."""

    content: Content = DEFAULTS
    eviction: Eviction = Field("allkeys-lru", description="What Redis evicts when the memory is full.")
    semantic: Semantic | None = Field(None, description="Makes it a semantic cache.")


class Memorystore(StoreBase, CacheContent):
    """Memorystore for Redis."""

    platform: Literal["memorystore"]
    tier: Literal["basic", "standard"] = Field("basic", description="standard adds a replica.")
    size: Memory | None = Field(
        None,
        description="Provisioned memory in whole GiB; by default, the cheapest size that holds the content.",
    )


class ElastiCache(StoreBase, CacheContent):
    """Amazon ElastiCache for Redis."""

    platform: Literal["elasticache"]
    machine: str = Field(description="Node type, or auto for the cheapest that holds the content.")
    shards: Count = Field(1.0, description="Number of shards that the keys are spread over.")
    replicas: Whole = Field(0.0, description="Replicas of each shard.")


class AzureRedis(StoreBase, CacheContent):
    """Azure Cache for Redis."""

    platform: Literal["azure-redis"]
    machine: str = Field(
        description="SKU such as standard-C3, or auto for the cheapest that holds the content."
    )


class SelfHostedCache(SelfHosted, CacheContent):
    """Self-hosted Redis on Kubernetes: one pod, or a cluster of leaders and followers."""

    shards: Count = Field(1.0, description="Number of leaders that the keys are spread over.")


ManagedCache = Memorystore | ElastiCache | AzureRedis
if TYPE_CHECKING:
    Cache = ManagedCache | SelfHostedCache
else:
    Cache = Annotated[
        Any,
        variants(
            "capplan.plan.caches",
            memorystore="Memorystore",
            elasticache="ElastiCache",
            azure_redis="AzureRedis",
            kubernetes="SelfHostedCache",
        ),
    ]

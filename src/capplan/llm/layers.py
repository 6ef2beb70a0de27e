"""Layers of a model that are alike: their weights, and what a token takes in them.

Formulas: Kwon et al. 2023 (paged KV cache), Shazeer 2019 (multi-query), DeepSeek-AI 2024 and 2025 (latent and
sparse attention). Normalisation weights and biases are left out: below 0.1 % of every model listed.
"""

from __future__ import annotations

from math import ceil, inf
from typing import NamedTuple


class LatentAttention(NamedTuple):
    """Multi-head latent attention: ranks of the compressed queries and keys, sizes of a head's parts.

    query_rank: 0 where queries are not compressed.
    """

    query_rank: float
    kv_rank: float
    rope_size: float
    nope_size: float
    value_size: float


class Layers(NamedTuple):
    """What mixes tokens (attention, or a state) and the feed-forward part; either may be missing.

    layers: how many. value_size: of a head's values, ``head_size`` if 0. window: tokens that the attention
    sees, all if 0; chunked: those of its own chunk, rather than the last. top_k: tokens of the context that
    sparse attention reads, all if 0; index_heads, index_size: of the index that chooses them. compression:
    tokens of the context that share an entry of the KV cache, apart from those in the window. state_bytes: of
    a sequence, whatever its length (linear attention, state spaces, convolutions). borrows_kv: reads the
    cache of an earlier layer. mixer_weights: of one layer's attention or state space where they do not follow
    from the sizes. ffn: width of the feed-forward part, of one expert where there are several.
    expert_hidden: width that experts see, the model's if 0.
    """

    layers: float
    query_heads: float = 0
    kv_heads: float = 0
    head_size: float = 0
    value_size: float = 0
    window: float = 0
    chunked: bool = False
    top_k: float = 0
    index_heads: float = 0
    index_size: float = 0
    compression: float = 0
    latent: LatentAttention | None = None
    state_bytes: float = 0
    borrows_kv: bool = False
    mixer_weights: float = 0
    ffn: float = 0
    gated: bool = True
    experts: float = 1
    experts_per_token: float = 1
    shared_experts: float = 0
    expert_hidden: float = 0

    @property
    def kind(self) -> str:
        """How tokens are mixed, in a word; empty where they are not."""
        kinds = {
            "compressed": self.compression,
            "sparse": self.top_k,
            "window": self.window,
            "latent": self.latent,
            "full": self.query_heads,
            "recurrent": self.state_bytes,
        }
        return next((kind for kind, has in kinds.items() if has), "")

    def mixer(self, hidden: float) -> float:
        """Return the weights of one layer's attention, or of what it has instead."""
        if self.mixer_weights or not self.query_heads:
            return self.mixer_weights
        if self.latent is None:
            values = self.value_size or self.head_size
            keys = 0 if self.borrows_kv else self.kv_heads
            return hidden * (self.head_size + values) * (self.query_heads + keys)
        part = self.latent
        heads = self.query_heads * (part.nope_size + part.rope_size)
        query = part.query_rank * (hidden + heads) if part.query_rank else hidden * heads
        compressed = hidden * (part.kv_rank + part.rope_size)
        expanded = part.kv_rank * self.query_heads * (part.nope_size + part.value_size)
        return query + compressed + expanded + self.query_heads * part.value_size * hidden

    def expert(self, hidden: float) -> float:
        """Return the weights of one expert of a layer; of the whole feed-forward part without experts."""
        return (3 if self.gated else 2) * (self.expert_hidden or hidden) * self.ffn

    def shared(self, hidden: float) -> float:
        """Return the weights of a layer's experts that all tokens use; they see the full width."""
        return self.shared_experts * (3 if self.gated else 2) * hidden * self.ffn

    def router(self, hidden: float) -> float:
        """Return the weights that choose a layer's experts, and bring tokens to their width and back."""
        return hidden * (self.experts + 2 * self.expert_hidden) if self.experts > 1 else 0.0

    @property
    def kv_elements(self) -> float:
        """Elements of the KV cache that a token leaves in one layer."""
        if self.borrows_kv:
            return 0.0
        if self.latent is not None:
            return self.latent.kv_rank + self.latent.rope_size
        return self.kv_heads * (self.head_size + (self.value_size or self.head_size))

    @property
    def head_flop(self) -> float:
        """Operations of a token with each token that it sees, in one layer."""
        if self.latent is not None:
            sizes = self.latent.nope_size + self.latent.rope_size + self.latent.value_size
        else:
            sizes = self.head_size + (self.value_size or self.head_size)
        return 2 * self.query_heads * sizes

    @property
    def index_bytes(self) -> float:
        """Bytes that a token leaves in the index of one layer: 8 bit each, with a scale for 128 of them."""
        return self.index_size + 4 * ceil(self.index_size / 128)

    @property
    def copied(self) -> float:
        """Copies of a token that its experts get."""
        return self.experts_per_token if self.experts > 1 else 0.0

    @property
    def divided(self) -> float:
        """Values of a token that GPUs divide among them: queries, keys and values, and inside of experts."""
        sizes = self.latent.nope_size + self.latent.rope_size if self.latent else self.head_size
        return (
            self.query_heads * sizes
            + self.kv_elements
            + self.ffn * (self.experts_per_token + self.shared_experts)
        )

    def strands(self, entry: float, index: float, top_k: float) -> list[tuple[float, float]]:
        """Return what one layer takes for each token of context, and for how many of them at most.

        entry, index: what a token takes in the cache, and in the index.
        """
        if self.window and not self.compression:
            return [(entry, self.window)]
        shared = self.compression or 1.0
        far = [(entry / shared, top_k * shared or inf), (index / shared, inf)]
        return [(entry, self.window), *far] if self.window else far

    @property
    def index_flop(self) -> float:
        """Operations of a token with each token that the index scores, in one layer."""
        return 2 * self.index_heads * self.index_size

    def copies(self, tensor_parallel: float) -> float:
        """Return how often so many GPUs hold the KV cache: heads that are fewer than the GPUs are copied."""
        shards = 1.0 if self.latent is not None else min(tensor_parallel, max(self.kv_heads, 1.0))
        return tensor_parallel / shards


class Span(NamedTuple):
    """What a sequence takes: for each token, for each of the last ``tokens``, and in any case."""

    full: float
    bounded: float
    tokens: float
    fixed: float = 0.0

    def of(self, tokens: float) -> float:
        """Return the sum for a sequence of ``tokens``."""
        return self.full * tokens + self.bounded * min(tokens, self.tokens) + self.fixed

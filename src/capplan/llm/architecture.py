"""What a model is made of, and the bytes and operations that follow from it.

Formulas: Kwon et al. 2023 (paged KV cache), Shazeer 2019 (multi-query), DeepSeek-AI 2024 (latent attention).
Normalisation weights and biases are left out: below 0.1 % of every model listed.
"""

from __future__ import annotations

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


class Architecture(NamedTuple):
    """The shape of a decoder-only transformer.

    ffn: width of the feed-forward layer, of one expert where there are several.
    dense_layers, dense_ffn: the first layers may have a feed-forward layer of their own instead of experts.
    window: tokens that the layers with sliding-window attention see; ``window_layers`` of the layers have it.
    fp8_blocks: the published FP8 weights are scaled in blocks, which costs part of the GEMM rate.
    mxfp4: the experts were published in MXFP4.
    measured: what a user's own benchmark ran it on, (GPU, kind of precision, how many GPUs).
    """

    name: str
    layers: float
    hidden: float
    query_heads: float
    kv_heads: float
    head_size: float
    ffn: float
    vocabulary: float
    gated: bool = True
    tied: bool = False
    experts: float = 1
    experts_per_token: float = 1
    shared_experts: float = 0
    dense_layers: float = 0
    dense_ffn: float = 0
    window: float = 0
    window_layers: float = 0
    latent: LatentAttention | None = None
    context: float = 0
    fp8_blocks: bool = False
    mxfp4: bool = False
    measured: frozenset[tuple[str, str, float]] = frozenset()
    confidence: str = "unverified"
    source: str = ""

    @property
    def attention_parameters(self) -> float:
        """Weights of one layer's attention."""
        if self.latent is None:
            return 2 * self.hidden * self.head_size * (self.query_heads + self.kv_heads)
        part = self.latent
        heads = self.query_heads * (part.nope_size + part.rope_size)
        query = part.query_rank * (self.hidden + heads) if part.query_rank else self.hidden * heads
        compressed = self.hidden * (part.kv_rank + part.rope_size)
        expanded = part.kv_rank * self.query_heads * (part.nope_size + part.value_size)
        return query + compressed + expanded + self.query_heads * part.value_size * self.hidden

    @property
    def expert_parameters(self) -> float:
        """Weights of one expert in one layer; of the whole feed-forward layer without experts."""
        return (3 if self.gated else 2) * self.hidden * self.ffn

    @property
    def expert_layers(self) -> float:
        """Layers that hold the feed-forward weights counted by ``experts``."""
        return self.layers - self.dense_layers

    @property
    def common_parameters(self) -> float:
        """Layer weights that every token uses: attention, shared experts, dense layers, routers."""
        dense = self.dense_layers * (3 if self.gated else 2) * self.hidden * self.dense_ffn
        shared = self.expert_layers * self.shared_experts * self.expert_parameters
        return self.layers * self.attention_parameters + dense + shared

    @property
    def head_parameters(self) -> float:
        """Weights of the output layer, as many as the input embeddings have."""
        return self.vocabulary * self.hidden

    @property
    def total_parameters(self) -> float:
        """Every weight of the model."""
        stored = self.expert_layers * self.experts * self.expert_parameters
        return self.common_parameters + stored + self.head_parameters * (1 if self.tied else 2)

    @property
    def active_parameters(self) -> float:
        """Weights that one token is multiplied with."""
        used = self.expert_layers * self.experts_per_token * self.expert_parameters
        return self.common_parameters + used + self.head_parameters

    @property
    def kv_elements_per_layer(self) -> float:
        """Elements of the KV cache that a token leaves in one layer."""
        if self.latent is not None:
            return self.latent.kv_rank + self.latent.rope_size
        return 2 * self.kv_heads * self.head_size

    @property
    def full_layers(self) -> float:
        """Layers whose attention sees the whole context."""
        return self.layers - self.window_layers

    def kv_shards(self, tensor_parallel: float) -> float:
        """Return over how many GPUs the KV cache is divided; beyond that it is replicated."""
        return 1.0 if self.latent is not None else min(tensor_parallel, self.kv_heads)

    def beyond_context(self, tokens: float) -> str:
        """Say that a request of so many tokens is longer than the model was made for; empty if it is not."""
        if not 0 < self.context < tokens:
            return ""
        return f"requests of {tokens:,.0f} tokens, but {self.name} has a context of {self.context:,.0f}"

    def undivided(self, tensor_parallel: float) -> str:
        """Return which heads cannot be divided over so many GPUs, empty if all can.

        Heads of keys and values that are fewer than the GPUs are copied, each equally often.
        """
        if self.query_heads % tensor_parallel:
            return f"{self.query_heads:g} query heads"
        shared, most = sorted((self.kv_heads, tensor_parallel))
        return f"{self.kv_heads:g} key-value heads" if self.latent is None and most % shared else ""


class Precision(NamedTuple):
    """How weights are stored.

    weight_bytes: of a quantised weight, scales included. common_bytes: of the weights that stay wider.
    kv_bytes: of an element of the KV cache. peak: the GPU's rate that its matrix products run at.
    minimum: compute capability that the common engines ask for. alike: precisions whose kernels reach the
    same share of the memory bandwidth go by one name.
    """

    name: str
    weight_bytes: float
    common_bytes: float
    kv_bytes: float
    peak: str
    minimum: float
    alike: str


PRECISIONS: dict[str, Precision] = {
    precision.name: precision
    for precision in (
        Precision(
            name="fp16", weight_bytes=2, common_bytes=2, kv_bytes=2, peak="fp16", minimum=7.0, alike="16 bit"
        ),
        Precision(
            name="bf16", weight_bytes=2, common_bytes=2, kv_bytes=2, peak="bf16", minimum=8.0, alike="16 bit"
        ),
        Precision(
            name="fp8", weight_bytes=1, common_bytes=1, kv_bytes=1, peak="fp8", minimum=8.9, alike="8 bit"
        ),
        Precision(
            name="int8", weight_bytes=1, common_bytes=1, kv_bytes=2, peak="int8", minimum=7.5, alike="8 bit"
        ),
        Precision(
            name="int4",
            weight_bytes=0.5625,
            common_bytes=0.5625,
            kv_bytes=2,
            peak="fp16",
            minimum=7.0,
            alike="4 bit",
        ),
        Precision(
            name="fp4",
            weight_bytes=0.5625,
            common_bytes=0.5625,
            kv_bytes=1,
            peak="fp4",
            minimum=10.0,
            alike="8 bit",
        ),
        Precision(
            name="mxfp4",
            weight_bytes=0.53,
            common_bytes=2,
            kv_bytes=2,
            peak="fp16",
            minimum=8.0,
            alike="mxfp4",
        ),
    )
}
"""4-bit weights in groups of 128 with 16-bit scales: 4.5 bit. MXFP4: blocks of 32 with an 8-bit scale, of the
experts only (OCP Microscaling Formats 1.0). Weight-only quantisation computes at the 16-bit rate. vLLM's own
minima: AWQ and GPTQ 7.0 or 7.5, FP8 8.9, bf16 8.0."""

EMBEDDING_BYTES = 2.0
"""Embeddings and the output layer stay at 16 bit whatever the precision of the rest."""


def weight_bytes(model: Architecture, precision: Precision) -> float:
    """Return the bytes of the stored weights."""
    experts = model.expert_layers * model.experts * model.expert_parameters
    embeddings = model.head_parameters * (1 if model.tied else 2)
    return (
        model.common_parameters * precision.common_bytes
        + experts * precision.weight_bytes
        + embeddings * EMBEDDING_BYTES
    )

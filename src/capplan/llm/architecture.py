"""What a model is made of, groups of layers, and the bytes and operations that follow from it."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import NamedTuple

from capplan.llm.layers import Layers, Span


class Stored(NamedTuple):
    """How the published weights are stored: the precision that serves them so, and bytes of a weight by part.

    kv_bytes: of an element of the KV cache, as the checkpoint says it; 0 if it does not.
    """

    precision: str
    attention: float = 2.0
    dense: float = 2.0
    shared: float = 2.0
    experts: float = 2.0
    head: float = 2.0
    kv_bytes: float = 0.0


class Architecture(NamedTuple):
    """The shape of a decoder-only language model.

    tower: weights of what reads images and sound. lookup: weights that are only looked up, besides the
    embeddings. drafts: weights of the layers that predict further tokens, which engines load for speculative
    decoding only.
    fp8_blocks: the published FP8 weights are scaled in blocks, which costs part of the GEMM rate.
    measured: what a user's own benchmark ran it on, (GPU, kind of precision, how many GPUs).
    """

    name: str
    hidden: float
    vocabulary: float
    groups: tuple[Layers, ...]
    tied: bool = False
    tower: float = 0
    lookup: float = 0
    drafts: float = 0
    context: float = 0
    fp8_blocks: bool = False
    stored: Stored | None = None
    measured: frozenset[tuple[str, str, float]] = frozenset()
    confidence: str = "unverified"
    source: str = ""

    def _sum(self, of: Callable[[Layers], float]) -> float:
        return sum(group.layers * of(group) for group in self.groups)

    @property
    def layers(self) -> float:
        """How many layers there are, of all groups."""
        return self._sum(lambda group: 1.0)

    @property
    def kinds(self) -> str:
        """How the layers mix tokens, and how many in which way."""
        mixing = [(group.kind, group.layers) for group in self.groups if group.kind]
        each = {kind: sum(layers for other, layers in mixing if other == kind) for kind, _ in mixing}
        return ", ".join(f"{layers:g} {kind}" for kind, layers in each.items())

    @property
    def has_states(self) -> bool:
        """Whether layers keep a state in place of keys and values (linear attention, state spaces)."""
        return any(group.kind == "recurrent" for group in self.groups)

    @property
    def routed(self) -> tuple[Layers, ...]:
        """The groups whose feed-forward part ``experts`` counts: those with several, or all with one."""
        several = tuple(group for group in self.groups if group.experts > 1)
        return several or tuple(group for group in self.groups if group.ffn)

    @property
    def expert_layers(self) -> float:
        """Layers that hold the feed-forward weights counted by ``experts``."""
        return sum(group.layers for group in self.routed)

    @property
    def experts(self) -> float:
        """Experts of a layer, 1 without a mixture."""
        return max((group.experts for group in self.routed), default=1.0)

    @property
    def experts_per_token(self) -> float:
        """Experts of a layer that a token is routed to."""
        return max((group.experts_per_token for group in self.routed), default=1.0)

    @property
    def expert_parameters(self) -> float:
        """Weights of one expert in one layer, on average; of the whole feed-forward part without experts."""
        weights = sum(group.layers * group.expert(self.hidden) for group in self.routed)
        return weights / (self.expert_layers or 1.0)

    def parts(self) -> dict[str, float]:
        """Return the weights by part of the model; ``other`` is never quantised."""
        several = self.experts > 1
        feeds = self._sum(lambda group: group.expert(self.hidden) * group.experts)
        routed = self.expert_layers * self.experts * self.expert_parameters
        return {
            "attention": self._sum(lambda group: group.mixer(self.hidden)),
            "dense": feeds - routed if several else feeds,
            "shared": self._sum(lambda group: group.shared(self.hidden)),
            "experts": routed if several else 0.0,
            "head": self.head_parameters,
            "other": self._sum(lambda group: group.router(self.hidden))
            + (0.0 if self.tied else self.head_parameters)
            + self.tower
            + self.lookup,
        }

    @property
    def common_parameters(self) -> float:
        """Layer weights that every token uses: attention, shared experts, dense layers, routers."""
        parts = self.parts()
        dense = parts["dense"] if self.experts > 1 else 0.0
        routers = self._sum(lambda group: group.router(self.hidden))
        return parts["attention"] + parts["shared"] + dense + routers

    @property
    def head_parameters(self) -> float:
        """Weights of the output layer, as many as the input embeddings have."""
        return self.vocabulary * self.hidden

    @property
    def total_parameters(self) -> float:
        """Every weight of the model, but for those that predict further tokens."""
        return sum(self.parts().values())

    @property
    def active_parameters(self) -> float:
        """Weights that one token of text is multiplied with."""
        used = self.expert_layers * self.experts_per_token * self.expert_parameters
        return self.common_parameters + used + self.head_parameters

    def held(self, kv_bytes: float, tensor_parallel: float = 1) -> Span:
        """Return the bytes of a sequence's cache over so many GPUs, elements of ``kv_bytes``."""
        return self._span(
            lambda group: group.strands(group.kv_elements * kv_bytes, group.index_bytes, 0.0), tensor_parallel
        )

    def read(self, kv_bytes: float, tensor_parallel: float = 1) -> Span:
        """Return the bytes of its cache that a token is decoded from: sparse attention reads a part."""
        return self._span(
            lambda group: group.strands(group.kv_elements * kv_bytes, group.index_bytes, group.top_k),
            tensor_parallel,
        )

    def attended(self) -> Span:
        """Return the operations of a token's attention."""
        return self._span(lambda group: group.strands(group.head_flop, group.index_flop, group.top_k))

    def moved(self, tensor_parallel: float = 1) -> float:
        """Return the values that a token moves between the matrix products of all layers, on each GPU.

        Every GPU normalises the whole width, adds to it, and hands it to the experts and back.
        """
        whole = self._sum(lambda group: self.hidden * (8 + 3 * group.copied))
        return whole + self._sum(lambda group: 3 * group.divided) / tensor_parallel

    def _span(self, strands: Callable[[Layers], list[tuple[float, float]]], gpus: float = 1) -> Span:
        """Return the sum of what the groups take; several windows become one that holds as much when full."""
        every = [
            (group.layers * group.copies(gpus) * rate, most)
            for group in self.groups
            for rate, most in strands(group)
            if rate
        ]
        tokens = max((most for _, most in every if most < inf), default=0.0)
        filled = sum(rate * most for rate, most in every if most < inf)
        return Span(
            full=sum(rate for rate, most in every if most == inf),
            bounded=filled / (tokens or 1.0),
            tokens=tokens,
            fixed=self._sum(lambda group: group.state_bytes),
        )

    @property
    def window(self) -> float:
        """Tokens that the layers with a window see, 0 if none has one."""
        return max((group.window for group in self.groups), default=0.0)

    @property
    def query_heads(self) -> float:
        """Heads of the queries, of the layers that have most."""
        return max((group.query_heads for group in self.groups), default=0.0)

    def beyond_context(self, tokens: float) -> str:
        """Say that a request of so many tokens is longer than the model was made for; empty if it is not."""
        if not 0 < self.context < tokens:
            return ""
        return f"requests of {tokens:,.0f} tokens, but {self.name} has a context of {self.context:,.0f}"

    def undivided(self, tensor_parallel: float) -> str:
        """Return which heads cannot be divided over so many GPUs, empty if all can.

        Heads of keys and values that are fewer than the GPUs are copied, each equally often.
        """
        for group in self.groups:
            if group.query_heads % tensor_parallel:
                return f"{group.query_heads:g} query heads"
            shared, most = sorted((group.kv_heads, tensor_parallel))
            if group.latent is None and shared and most % shared:
                return f"{group.kv_heads:g} key-value heads"
        return ""

    def stored_at(self, precision: str) -> Stored | None:
        """Return how the published weights are stored if they are at the ``precision``, else None."""
        return self.stored if self.stored and self.stored.precision == precision else None

    @property
    def stored_bytes(self) -> float:
        """Bytes of the published weights, 16 bit unless the checkpoint is quantised."""
        as_is = self.stored or Stored("bf16")
        return sum(weights * getattr(as_is, part, 2.0) for part, weights in self.parts().items())


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
    """Return the bytes of the weights: as published where that is the precision, else quantised to it."""
    if model.stored_at(precision.name):
        return model.stored_bytes
    parts = model.parts()
    several = model.experts > 1
    narrow = parts["experts"] if several else parts["dense"]
    common = parts["attention"] + parts["shared"] + (parts["dense"] if several else 0.0)
    return (
        common * precision.common_bytes
        + narrow * precision.weight_bytes
        + (parts["head"] + parts["other"]) * EMBEDDING_BYTES
    )

"""GPUs, and how much of their peak rates serving engines reach: catalogs/hardware/gpus.yaml as values."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, log2
from typing import Any, NamedTuple

from capplan.llm.architecture import Architecture, Precision
from capplan.llm.settings import Accounting, accounting_of


class Gpu(NamedTuple):
    """A GPU as its datasheet has it, dense peaks.

    peaks: TFLOP/s (TOP/s) by number format, absent where the hardware has none. memory_bytes: usable.
    compute_capability: infinite for chips that are not NVIDIA's, which have none. link_bytes_per_s: 0 where
    nobody says.
    """

    name: str
    family: str
    compute_capability: float
    memory_bytes: float
    bytes_per_s: float
    peaks: Mapping[str, float]
    link: str
    link_bytes_per_s: float
    confidence: str = "unverified"

    @property
    def peer_to_peer(self) -> bool:
        """Whether GPUs reach each other over links of their own rather than the host's PCIe."""
        return not self.link.startswith("PCIe")

    @property
    def unmeasured(self) -> bool:
        """Whether no engine's speed on it was ever compared with a prediction."""
        return self.confidence == "unmeasured"

    @property
    def wide(self) -> float:
        """The 16-bit rate."""
        return self.peaks["fp16"] if "fp16" in self.peaks else self.peaks["bf16"]

    @property
    def is_large(self) -> bool:
        """Whether vLLM takes it for a card of data centres since Hopper (vllm/engine/arg_utils.py)."""
        return self.memory_bytes >= _LARGE_BYTES and not self.name.startswith("A100")


_LARGE_BYTES = 70 * 2**30


class Engine(NamedTuple):
    """What a serving engine spends besides the GPU's own work, and how it schedules.

    layer_s, moe_layer_s: kernel launches and small kernels of a layer, and what routing adds to it.
    step_s, sequence_s: the host's work for a step, and for each sequence in it.
    prefill_layer_s: the host's launches of a layer in a step that holds a prompt. first_token_s: before and
    after the engine: HTTP, tokenizer, detokenizer. request_s: what the API server spends on a request before
    it lets the next one in; token_s: on a token that it sends. compute, cache: shares of the usual rates
    of matrix products, and of reading the KV cache. mixes: prompts share steps with decodes, rather than stop
    them. wide_kv: the KV
    cache stays at 16 bit unless it is told otherwise, whatever the weights are. small_chunk_tokens,
    small_max_sequences: the engine's defaults on smaller cards. accounting: how its version counts memory.
    unmeasured: nothing is known of its speed but what a user measures.
    """

    name: str
    layer_s: float
    moe_layer_s: float
    step_s: float
    sequence_s: float
    prefill_layer_s: float
    first_token_s: float
    request_s: float
    token_s: float
    compute: float
    cache: float
    mixes: bool
    wide_kv: bool
    chunk_tokens: float
    max_sequences: float
    small_chunk_tokens: float
    small_max_sequences: float
    accounting: Accounting
    unmeasured: bool = False

    def on(self, gpu: Gpu) -> Engine:
        """Return the engine with its defaults on the ``gpu``."""
        if gpu.is_large:
            return self
        return self._replace(chunk_tokens=self.small_chunk_tokens, max_sequences=self.small_max_sequences)


class Efficiency(NamedTuple):
    """Shares of the peaks that kernels reach, and the costs that no peak describes.

    Fields are floats, or arrays over configurations. weights, experts, kv: shares of the memory bandwidth.
    mfu, mfu_experts, mfu_attention: shares of the peak rate. half_tokens: tokens at which a GEMM reaches half
    its rate; expert_tokens: one of an expert. overlap: exponent of the smooth maximum of moving weights and
    multiplying with them. passes: times that what tokens move between GEMMs is moved, at the peak bandwidth.
    second_shot: latency of an all-reduce in two shots ÷ that in one.
    growth: share of the output that the engine keeps room for. far_hop_s, far: latency of a message from
    machine to machine, and the share of the network's bytes.
    """

    weights: Any
    experts: Any
    kv: Any
    mfu: Any
    mfu_experts: Any
    mfu_attention: Any
    half_tokens: Any
    expert_tokens: Any
    overlap: Any
    passes: Any
    hop_s: Any
    second_shot: Any
    link: Any
    layer_s: Any
    step_s: Any
    sequence_s: Any
    prefill_layer_s: Any
    request_s: Any
    token_s: Any
    first_token_s: Any
    growth: Any
    far_hop_s: Any = 0.0
    far: Any = 1.0


def gpu_of(name: str, facts: Mapping[str, Any]) -> Gpu:
    """Return the GPU called ``name``; its usable memory is the nominal one unless the facts know better."""
    row = facts["gpus"][name]
    return Gpu(
        name=name,
        family=row["architecture"],
        compute_capability=inf if row["compute_capability"] is None else float(row["compute_capability"]),
        memory_bytes=1e9 * float(row.get("usable_memory_gb", row["memory_gb"])),
        bytes_per_s=1e9 * float(row["memory_gb_per_s"]),
        peaks={key: 1e12 * float(peak) for key, peak in row["tflops"].items() if peak is not None},
        link=row["interconnect"],
        link_bytes_per_s=1e9 * float(row["link_gb_per_s"] or 0.0),
        confidence=row["confidence"],
    )


def engine_of(
    name: str, facts: Mapping[str, Any], version: str | None = None, where: str = "engine"
) -> Engine:
    """Return the engine called ``name``, at its usual version if none is given."""
    row = facts["speed"]["engines"][name]
    micro = {field: 1e-6 * float(row[f"{field[:-2]}_us"]) for field in _MICROSECONDS}
    return Engine(
        name=name,
        first_token_s=1e-3 * float(row["first_token_ms"]),
        compute=float(row["compute"]),
        cache=float(row["cache"]),
        mixes=bool(row["mixes"]),
        wide_kv=bool(row["wide_kv"]),
        chunk_tokens=float(row["chunk_tokens"]),
        max_sequences=float(row["max_sequences"]),
        small_chunk_tokens=float(row.get("small_chunk_tokens", row["chunk_tokens"])),
        small_max_sequences=float(row.get("small_max_sequences", row["max_sequences"])),
        unmeasured=bool(row.get("unmeasured", False)),
        accounting=accounting_of(facts["memory"]["engines"][name], version, where),
        **micro,
    )


_MICROSECONDS = ("layer_s", "moe_layer_s", "step_s", "sequence_s", "prefill_layer_s", "request_s", "token_s")


def efficiency_of(
    model: Architecture,
    precision: Precision,
    gpu: Gpu,
    tensor_parallel: float,
    engine: Engine,
    facts: Mapping[str, Any],
    slices: float | None = None,
) -> Efficiency:
    """Return what is reached with ``model`` at ``precision`` on so many of the ``gpu``.

    slices: that each expert is cut into, as many as GPUs by default.
    """
    common, own = facts["speed"]["common"], _shares(gpu, facts)
    wide = precision.common_bytes == 2
    moe = model.experts > 1
    mfu = engine.compute * _mfu(model, precision, own, common)
    wide_mfu = engine.compute * own["mfu"]["16 bit"]
    # A kernel with a low ceiling reaches half of it with fewer tokens: few are as fast as ever.
    fewer = mfu / wide_mfu if precision.alike in ("4 bit", "mxfp4") else 1.0
    memory = facts["speed"]["memory"].get(gpu.name, 1.0)
    hop_s, link = _link(gpu, tensor_parallel, facts)
    return Efficiency(
        weights=memory * own["weights"]["16 bit" if wide else precision.alike],
        experts=memory * own["weights"][precision.alike],
        kv=memory * engine.cache * own["kv"],
        mfu=wide_mfu if wide else mfu,
        # The share of MXFP4 is that of experts; the others' was measured without them.
        mfu_experts=mfu * _narrow(model, slices or tensor_parallel, common)
        if precision.alike != "mxfp4"
        else mfu,
        mfu_attention=engine.compute * own["mfu_attention"],
        half_tokens=common["half_tokens"] * (1.0 if wide else fewer),
        expert_tokens=common["expert_tokens" if moe else "half_tokens"] * fewer,
        overlap=common["overlap"],
        passes=common["passes"] / memory,
        hop_s=hop_s,
        second_shot=common["second_shot"],
        link=link,
        layer_s=engine.layer_s + (engine.moe_layer_s if moe else 0.0),
        step_s=engine.step_s,
        sequence_s=engine.sequence_s,
        prefill_layer_s=engine.prefill_layer_s,
        request_s=engine.request_s,
        token_s=engine.token_s,
        first_token_s=engine.first_token_s + engine.request_s,
        growth=common["growth"],
        far_hop_s=1e-6 * facts["speed"]["network"]["hop_us"],
        far=facts["speed"]["network"]["efficiency"],
    )


def _shares(gpu: Gpu, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shares of any GPU, with those that its family has of its own over them."""
    families = facts["speed"]["families"]
    family = families.get(gpu.family, {})
    return {
        group: {**shares, **family.get(group, {})}
        if isinstance(shares, Mapping)
        else family.get(group, shares)
        for group, shares in families["any"].items()
    }


def _mfu(
    model: Architecture, precision: Precision, own: Mapping[str, Any], common: Mapping[str, Any]
) -> float:
    """Return the share of the peak; a precision's own goes before that of its kind.

    FP8 that is widened while it is multiplied reaches what other weight-only kernels do.
    """
    if precision.name == "fp8" and precision.peak != "fp8":
        return float(own["mfu"]["4 bit"])
    mfu = float(own["mfu"].get(precision.name, own["mfu"][precision.alike]))
    return mfu * common["fp8_blocks"] if precision.name == "fp8" and model.fp8_blocks else mfu


def _narrow(model: Architecture, slices: float, common: Mapping[str, Any]) -> float:
    """Return the share of the rate that experts reach, each cut into so many slices."""
    if model.experts == 1:
        return 1.0
    width = max(group.ffn for group in model.routed) / slices
    return float(common["experts"]) * width / (width + float(common["half_width"]))


def _link(gpu: Gpu, tensor_parallel: float, facts: Mapping[str, Any]) -> tuple[float, float]:
    """Return the seconds of an all-reduce's hops, and the share of the link's bytes that it moves.

    Over PCIe the hops go through the host and grow in number; over NVLink they are nearly flat.
    """
    row = facts["speed"]["links"]["NVLink" if gpu.peer_to_peer else "PCIe"]
    count = max(tensor_parallel, 2.0)
    hops = 1.0 if gpu.peer_to_peer else log2(count)
    return 1e-6 * row["hop_us"] * hops, row["efficiency"] / (count / 2) ** row["falls_with"]

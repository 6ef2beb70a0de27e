"""What mixes the tokens of a layer, from the sizes of a config: attention of several kinds, and states.

Weights and states as in the modelling files of transformers 5.24.0: Mamba (Gu and Dao 2023, Dao and Gu 2024),
gated delta networks (Yang et al. 2024), Kimi delta attention (Kimi Team 2025), lightning attention (MiniMax
2025), DeepSeek sparse attention (DeepSeek-AI 2025) and the compressed attention of DeepSeek V4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

from capplan.llm.layers import LatentAttention, Layers

Sizes = Mapping[str, Any]
Group = dict[str, Any]

_STATE_BYTES = {"float32": 4, "fp32": 4}
"""Of an element of a state, 2 unless the config says that it is wide."""


def mixer_of(kind: str, sizes: Sizes) -> Group:
    """Return the fields of :class:`Layers` that say how a layer of ``kind`` mixes tokens."""
    own = _RECURRENT.get(kind)
    if own is not None:
        weights, state, convolution = own(sizes)
        wide = _STATE_BYTES.get(str(sizes.get("state_type")), 2)
        return {"mixer_weights": weights, "state_bytes": wide * state + 2 * convolution}
    if kind.startswith("compressed"):
        return _compressed(sizes, int(kind.partition(" ")[2]))
    if kind == "none":
        return {}
    found = _latent(sizes) if sizes.get("kv_rank") else _heads(kind, sizes)
    if kind in ("sparse", "indexed"):
        found["top_k"] = sizes.get("top_k") or sizes["top_k_blocks"] * sizes["sparse_block"]
    if kind == "sparse":
        found |= {"index_heads": sizes["index_heads"], "index_size": sizes["index_size"]}
    beside = mixer_of(sizes["beside"], {**sizes, "beside": ""}) if sizes.get("beside") else {}
    more = _more_weights(kind, sizes, found) + beside.get("mixer_weights", 0)
    if more:
        found["mixer_weights"] = layer_of(found).mixer(sizes["hidden"]) + more
    return {**beside, **found}


def layer_of(found: Group) -> Layers:
    """Return one layer with such fields."""
    latent = found.get("latent")
    return Layers(layers=1, **{**found, "latent": latent and LatentAttention(**latent)})


def _heads(kind: str, sizes: Sizes) -> Group:
    """Return attention with heads of keys and values; those of a window may have sizes of their own."""
    which = "window" if kind == "window" else "full"
    queries = sizes.get(f"{which}_query_heads") or sizes["query_heads"]
    size = sizes.get(f"{which}_head_size") or sizes.get("head_size") or sizes["hidden"] // queries
    values = sizes.get(f"{which}_value_size") or sizes.get("value_size") or size
    found = {"query_heads": queries, "kv_heads": _kv_heads(which, queries, sizes), "head_size": size}
    if values != size:
        found["value_size"] = values
    if kind == "window":
        found |= (
            {"window": sizes["window"]}
            if sizes.get("window")
            else {"window": sizes["chunk"], "chunked": True}
        )
    return found


def _kv_heads(which: str, queries: int, sizes: Sizes) -> int:
    """Return the heads of keys and values: 1 for multi-query attention, as many as queries by default."""
    said = sizes.get(f"{which}_kv_heads") or sizes.get("kv_heads")
    if sizes.get("multi_query") and not sizes.get("new_decoder_architecture"):
        return 1
    return queries if said is None else int(said)


def _latent(sizes: Sizes) -> Group:
    """Return multi-head latent attention; without a query rank queries are not compressed."""
    fields = {field: sizes.get(field) or 0 for field in LatentAttention._fields}
    return {"query_heads": sizes["query_heads"], "latent": fields}


def _more_weights(kind: str, sizes: Sizes, found: Group) -> int:
    """Return the weights of gates and indexes, and of values that are the keys (less than 0)."""
    hidden, more = sizes["hidden"], 0
    if sizes.get("gate"):
        out = found["latent"]["value_size"] if "latent" in found else found["head_size"]
        more += hidden * found["query_heads"] * out
    if sizes.get("values_are_keys") and kind == "full":
        more -= hidden * found["kv_heads"] * found["head_size"]
    if kind == "sparse":
        heads, size = sizes["index_heads"], sizes["index_size"]
        queries, scores = sizes.get("query_rank"), heads * hidden
        more += hidden * size + (heads * size * queries + scores if queries else heads * size * hidden)
    if sizes.get("layer_embedding"):
        more += 3 * hidden * sizes["layer_embedding"]
    if sizes.get("low_rank"):
        more += 2 * hidden * sizes["low_rank"]
    return more


def _compressed(sizes: Sizes, ratio: int) -> Group:
    """Return the attention of DeepSeek V4: a window, and entries for ``ratio`` tokens each beyond it.

    Entries of few tokens overlap, so their weights are double, and an index chooses among them.
    """
    hidden, rank, heads, size = (sizes[name] for name in ("hidden", "query_rank", "query_heads", "head_size"))
    found: Group = {
        "query_heads": heads,
        "window": sizes["window"],
        "latent": {
            "query_rank": rank,
            "kv_rank": size - sizes["rope_size"],
            "rope_size": sizes["rope_size"],
            "nope_size": size - sizes["rope_size"],
            "value_size": size,
        },
    }
    output = sizes["output_rank"] * (heads * size + sizes["output_groups"] * hidden)
    weights = hidden * rank + rank * heads * size + hidden * size + output
    if ratio:
        overlap = 2 if ratio < sizes["window"] else 1
        weights += 2 * overlap * hidden * size
        found |= {"compression": ratio, "state_bytes": 8 * ratio * overlap * size}
        if overlap == 2:
            index, index_heads = sizes["index_size"], sizes["index_heads"]
            weights += rank * index_heads * index + hidden * index_heads + 4 * hidden * index
            found |= {"top_k": sizes["top_k"], "index_heads": index_heads, "index_size": index}
    return {**found, "mixer_weights": weights}


def _gated_delta(sizes: Sizes) -> tuple[int, int, int]:
    """Return weights, state and convolution of a gated delta network."""
    hidden, value_heads = sizes["hidden"], sizes["linear_value_heads"]
    keys = sizes["linear_key_heads"] * sizes["linear_key_size"]
    values = value_heads * sizes["linear_value_size"]
    mixed = 2 * keys + values
    weights = hidden * (mixed + 2 * values + 2 * value_heads) + mixed * sizes["kernel"]
    return (
        weights,
        value_heads * sizes["linear_key_size"] * sizes["linear_value_size"],
        mixed * (sizes["kernel"] - 1),
    )


def _kimi_delta(sizes: Sizes) -> tuple[int, int, int]:
    hidden, heads, size = sizes["hidden"], sizes["linear_heads"], sizes["linear_size"]
    width = heads * size
    gate = hidden * width if sizes.get("full_rank_gate") else size * (hidden + width)
    weights = (
        4 * hidden * width + size * (hidden + width) + gate + hidden * heads + 3 * width * sizes["kernel"]
    )
    return weights, width * size, 3 * width * (sizes["kernel"] - 1)


def _lightning(sizes: Sizes) -> tuple[int, int, int]:
    heads = sizes["query_heads"]
    size = sizes.get("head_size") or sizes["hidden"] // heads
    return 5 * sizes["hidden"] * heads * size, heads * size * size, 0


def _mamba(sizes: Sizes) -> tuple[int, int, int]:
    """Return those of a state space: with heads (Mamba 2) where there are, else the first Mamba."""
    hidden, kernel, states = (sizes[name] for name in ("hidden", "kernel", "state_size"))
    heads = sizes.get("state_heads")
    if not heads:
        inner, rank = sizes["expand"] * hidden, sizes.get("step_rank")
        rank = rank if isinstance(rank, int) else ceil(hidden / 16)
        weights = 3 * hidden * inner + inner * (kernel + 2 * rank + 3 * states)
        return weights, inner * states, inner * (kernel - 1)
    size = sizes.get("state_head_size") or sizes.get("state_head")
    inner = heads * size if isinstance(size, int) else sizes.get("state_width") or sizes["expand"] * hidden
    mixed = inner + 2 * sizes.get("state_groups", 1) * states
    return hidden * (2 * inner + mixed + heads) + mixed * kernel, inner * states, mixed * (kernel - 1)


def _convolution(sizes: Sizes) -> tuple[int, int, int]:
    hidden, kernel = sizes["hidden"], sizes["kernel"]
    return 4 * hidden * hidden + hidden * kernel, 0, hidden * (kernel - 1)


_RECURRENT: dict[str, Callable[[Sizes], tuple[int, int, int]]] = {
    "gated": _gated_delta,
    "delta": _kimi_delta,
    "lightning": _lightning,
    "mamba": _mamba,
    "conv": _convolution,
}

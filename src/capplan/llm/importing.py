"""Architectures from Hugging Face: what a config.json says of a model's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capplan.errors import InputError, Problem

_REQUIRED = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers"),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "query_heads": ("num_attention_heads", "n_head", "n_heads"),
    "vocabulary": ("vocab_size",),
}
_UNGATED = ("falcon", "gpt_bigcode", "gpt2", "gpt_neox", "opt", "bloom", "mpt", "starcoder2", "phi")
"""Model types whose feed-forward layer is two matrices; the others' is gated, three."""

_TIED = ("bloom", "gpt2", "gpt_bigcode", "opt")
"""Model types whose output layer is the input embeddings unless the config says otherwise."""


def row_of(config: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    """Return a row of models.yaml from a Hugging Face config; :class:`InputError` if something is missing."""
    config = config.get("text_config", config)
    shape: dict[str, Any] = {field: _first(config, keys) for field, keys in _REQUIRED.items()}
    missing = [
        f"{field} ({' or '.join(_REQUIRED[field])})" for field, value in shape.items() if value is None
    ]
    if missing:
        raise InputError(Problem(where, f"does not say {', '.join(missing)}", "Is it a model's config.json?"))
    shape["kv_heads"] = _kv_heads(config, shape["query_heads"])
    shape["head_size"] = config.get("head_dim") or shape["hidden"] // shape["query_heads"]
    inner = _first(config, ("intermediate_size", "ffn_hidden_size", "n_inner")) or 4 * shape["hidden"]
    shape["ffn"] = inner
    if config.get("model_type") in _UNGATED:
        shape["gated"] = False
    if config.get("tie_word_embeddings", config.get("model_type") in _TIED):
        shape["tied"] = True
    shape.update(_experts(config, inner))
    shape.update(_window(config, shape["layers"]))
    shape.update(_latent(config))
    context = _first(config, ("max_position_embeddings", "n_positions"))
    if context:
        shape["context"] = context
    if config.get("quantization_config", {}).get("weight_block_size"):
        shape["fp8_blocks"] = True
    return {"shape": shape, "confidence": "checked", "source": f"{name}: the model's config.json"}


def _first(config: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((config[key] for key in keys if config.get(key) is not None), None)


def _kv_heads(config: Mapping[str, Any], query_heads: int) -> int:
    """Return the heads of keys and values: 1 for multi-query attention, as many as queries by default."""
    said = _first(config, ("num_key_value_heads", "num_kv_heads", "n_head_kv"))
    if config.get("multi_query") and not config.get("new_decoder_architecture"):
        return 1
    return query_heads if said is None else int(said)


def _experts(config: Mapping[str, Any], inner: int) -> dict[str, Any]:
    experts = _first(config, ("num_local_experts", "num_experts", "n_routed_experts"))
    if not experts or experts == 1:
        return {}
    found: dict[str, Any] = {
        "experts": experts,
        "experts_per_token": _first(config, ("num_experts_per_tok", "experts_per_token")) or 1,
        "ffn": config.get("moe_intermediate_size") or inner,
    }
    if config.get("n_shared_experts"):
        found["shared_experts"] = config["n_shared_experts"]
    if config.get("first_k_dense_replace"):
        found.update(dense_layers=config["first_k_dense_replace"], dense_ffn=inner)
    return found


def _window(config: Mapping[str, Any], layers: int) -> dict[str, Any]:
    """Return the sliding window and the layers that have it: those listed, or all of them."""
    window = config.get("sliding_window")
    if not window or config.get("use_sliding_window") is False:
        return {}
    kinds = config.get("layer_types")
    sliding = layers if kinds is None else sum(kind == "sliding_attention" for kind in kinds)
    return {"window": window, "window_layers": sliding} if sliding else {}


def _latent(config: Mapping[str, Any]) -> dict[str, Any]:
    if not config.get("kv_lora_rank"):
        return {}
    fields = {
        "query_rank": "q_lora_rank",
        "kv_rank": "kv_lora_rank",
        "rope_size": "qk_rope_head_dim",
        "nope_size": "qk_nope_head_dim",
        "value_size": "v_head_dim",
    }
    return {"latent": {own: config[theirs] for own, theirs in fields.items()}}

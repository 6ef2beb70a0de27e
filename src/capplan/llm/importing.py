"""Architectures from Hugging Face: what a config.json says of a model's shape.

What a config leaves out is the default of its class (transformers 5 configuration classes).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capplan.errors import InputError, Problem
from capplan.llm.refusals import refuse_others
from capplan.quantities import shown

Config = Mapping[str, Any]

_REQUIRED = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "hidden": ("hidden_size", "n_embd", "n_embed", "d_model"),
    "query_heads": ("num_attention_heads", "n_head", "n_heads"),
    "vocabulary": ("padded_vocab_size", "vocab_size"),
}
_FFN = ("intermediate_size", "ffn_hidden_size", "ffn_dim", "n_inner")
_DENSE_FFN = ("intermediate_size_mlp", "dense_intermediate_size", "intermediate_size")
_KV_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "kv_n_heads", "multi_query_group_num")
_HEAD_SIZE = ("head_dim", "kv_channels", "attention_head_dim")
_CONTEXT = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
_EXPERTS_PER_TOKEN = ("num_experts_per_tok", "experts_per_token", "moe_top_k", "num_experts_per_token")

_FOUR_TIMES = ("falcon", "gpt_bigcode", "gpt2", "gpt_neo", "gptj", "codegen", "bloom", "mpt", "phi-msft")
"""Model types whose feed-forward layer is four times the hidden size unless the config says otherwise."""

_UNGATED = (
    *_FOUR_TIMES,
    "gpt_neox",
    "opt",
    "starcoder2",
    "phi",
    "nemotron",
    "persimmon",
    "xglm",
    "arcee",
    "apertus",
)
"""Model types whose feed-forward layer is two matrices; the others' is gated, three."""

_TIED = (
    "bloom",
    "falcon",
    "gpt2",
    "gpt_bigcode",
    "gpt_neo",
    "mpt",
    "opt",
    "starcoder2",
    "xglm",
    "gemma",
    "gemma2",
    "gemma3_text",
    "cohere",
    "cohere2",
    "ernie4_5",
    "smollm3",
)
"""Model types whose output layer is the input embeddings unless the config says otherwise."""

_DEFAULTS: dict[str, Config] = {
    "gemma2": {"sliding_window": 4096, "sliding_window_pattern": 2},
    "gemma3_text": {
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "vocab_size": 262208,
        "sliding_window_pattern": 6,
    },
    "cohere2": {"sliding_window": 4096, "sliding_window_pattern": 4},
    "llama4_text": {"num_key_value_heads": 8, "attention_chunk_size": 8192, "no_rope_layer_interval": 4},
    "gpt_oss": {"sliding_window_pattern": 2},
}
"""What published configs of a type leave out. A pattern of n: every n-th layer sees the whole context."""

_NESTED = ("text_config", "llm_config", "language_config")
"""Where multimodal models keep their language model."""


def row_of(config: Config, name: str, where: str) -> dict[str, Any]:
    """Return a row of models.yaml from a Hugging Face config.

    :class:`InputError` where it describes no decoder-only transformer, or something is missing.
    """
    config = _language_model(config)
    _refuse_types(config, where)
    refuse_others(config, where)
    kind = config.get("model_type")
    shape: dict[str, Any] = {field: _first(config, keys) for field, keys in _REQUIRED.items()}
    shape["ffn"] = _ffn(config, shape["hidden"])
    _refuse_gaps(shape, where)
    shape["kv_heads"] = _kv_heads(config, shape["query_heads"])
    shape["head_size"] = _first(config, _HEAD_SIZE) or shape["hidden"] // shape["query_heads"]
    if kind in _UNGATED:
        shape["gated"] = False
    if config.get("tie_word_embeddings", kind in _TIED):
        shape["tied"] = True
    shape.update(_experts(config, shape["layers"], shape["ffn"]))
    shape.update(_window(config, shape["layers"]))
    shape.update(_latent(config))
    context = _first(config, _CONTEXT)
    if context:
        shape["context"] = context
    published = config.get("quantization_config") or {}
    if published.get("weight_block_size"):
        shape["fp8_blocks"] = True
    if published.get("quant_method") == "mxfp4":
        shape["mxfp4"] = True
    return {"shape": shape, "confidence": "checked", "source": f"{name}: the model's config.json"}


def _language_model(config: Config) -> Config:
    """Return the part that describes the language model, flat, with the defaults of its class."""
    outer = {key: config[key] for key in ("tie_word_embeddings", "quantization_config") if key in config}
    inner = next((config[key] for key in _NESTED if isinstance(config.get(key), Mapping)), config)
    parts = [inner.get(key) for key in ("attn_config", "ffn_config")]
    flat = {key: value for part in parts if isinstance(part, Mapping) for key, value in part.items()}
    said = {key: value for key, value in {**outer, **flat, **inner}.items() if value is not None}
    return {**_DEFAULTS.get(str(said.get("model_type")), {}), **said}


_WHOLE = (
    *(key for keys in _REQUIRED.values() for key in keys),
    *(*_FFN, *_DENSE_FFN, *_KV_HEADS, *_HEAD_SIZE, *_CONTEXT, *_EXPERTS, *_EXPERTS_PER_TOKEN),
    "moe_intermediate_size",
    "shared_expert_intermediate_size",
    "shared_intermediate_size",
    "n_shared_experts",
    "first_k_dense_replace",
    "interleave_moe_layer_step",
    "decoder_sparse_step",
    "sliding_window",
    "attention_chunk_size",
    "no_rope_layer_interval",
    "max_window_layers",
    "q_lora_rank",
    "kv_lora_rank",
    "qk_rope_head_dim",
    "qk_nope_head_dim",
    "v_head_dim",
)
_LISTS = ("architectures", "layer_types", "attn_type_list", "mlp_only_layers")


def _refuse_types(config: Config, where: str) -> None:
    """Raise :class:`InputError` for keys whose values are not of the kind that a config has there."""
    kinds: dict[str, tuple[type | tuple[type, ...], str]] = {
        **dict.fromkeys(_WHOLE, (int, "a whole number, 0 or more")),
        **dict.fromkeys(_LISTS, (list, "a list")),
        "quantization_config": (dict, "a mapping"),
        "moe_layer_freq": ((int, list), "a whole number or a list"),
        "sliding_window_pattern": ((int, str), "a whole number or letters"),
        "expansion_ratio": ((int, float), "a number"),
    }
    wrong = [
        Problem(f"{where}: {key}", f"expected {kind}, got '{str(config[key])[:80]}'")
        for key, (of, kind) in kinds.items()
        if key in config and not (isinstance(config[key], of) and _in_bounds(config[key]))
    ]
    wrong += [
        Problem(f"{where}: {key}", f"{shown(config[key])} layers are more than {_MOST_LAYERS:,}")
        for key in _REQUIRED["layers"]
        if not wrong and config.get(key, 0) > _MOST_LAYERS
    ]
    if wrong:
        raise InputError(*wrong)


_MOST_LAYERS = 10_000
_LARGEST = 10**9
"""More than any size in a model's config."""


def _in_bounds(value: object) -> bool:
    """Say whether a value may stand in a config: no number too large, no list longer than layers."""
    if isinstance(value, int | float):
        return 0 <= value <= _LARGEST
    return not isinstance(value, list | str) or len(value) <= _MOST_LAYERS


def _first(config: Config, keys: tuple[str, ...]) -> Any:
    return next((config[key] for key in keys if config.get(key) is not None), None)


def _refuse_gaps(shape: Config, where: str) -> None:
    names = {**_REQUIRED, "ffn": _FFN}
    missing = [f"{field} ({' or '.join(names[field])})" for field in names if shape[field] is None]
    if missing:
        raise InputError(Problem(where, f"does not say {', '.join(missing)}", "Is it a model's config.json?"))
    zero = [field for field in names if not shape[field]]
    if zero:
        raise InputError(
            Problem(f"{where}: {' or '.join(names[zero[0]])}", "expected a number above 0, got 0")
        )


def _ffn(config: Config, hidden: Any) -> Any:
    """Return the width of the feed-forward layer."""
    kind, said = config.get("model_type"), _first(config, _FFN)
    if kind == "qwen" and said:
        return said // 2  # the first Qwen counts both halves of the gated layer
    if said is None and kind in _FOUR_TIMES and hidden is not None:
        return hidden * int(config.get("expansion_ratio", 4))
    return said


def _kv_heads(config: Config, query_heads: int) -> int:
    """Return the heads of keys and values: 1 for multi-query attention, as many as queries by default."""
    said = _first(config, _KV_HEADS)
    if config.get("multi_query") and not config.get("new_decoder_architecture"):
        return 1
    return query_heads if said is None else int(said)


def _experts(config: Config, layers: int, inner: int) -> dict[str, Any]:
    experts = _first(config, _EXPERTS)
    if not experts or experts == 1:
        return {}
    width = config.get("moe_intermediate_size") or inner
    found: dict[str, Any] = {
        "experts": experts,
        "experts_per_token": _first(config, _EXPERTS_PER_TOKEN) or 1,
        "ffn": width,
    }
    shared = config.get("shared_expert_intermediate_size") or config.get("shared_intermediate_size")
    if shared:
        found["shared_experts"] = shared / width
    elif config.get("n_shared_experts") or config.get("model_type") == "llama4_text":
        found["shared_experts"] = config.get("n_shared_experts", 1)
    dense = _dense_layers(config, layers)
    if dense:
        found.update(dense_layers=dense, dense_ffn=_first(config, _DENSE_FFN))
    return found


def _dense_layers(config: Config, layers: int) -> int:
    """Return how many layers of a mixture have one feed-forward layer instead: the first, or each so many."""
    first = int(config.get("first_k_dense_replace") or 0)
    every = _first(config, ("interleave_moe_layer_step", "decoder_sparse_step", "moe_layer_freq")) or 1
    if isinstance(every, list):
        return layers - sum(map(bool, every))
    named = config.get("mlp_only_layers") or []
    sparse = [n for n in range(first, layers) if (n + 1) % every == 0 and n not in named]
    return layers - len(sparse)


def _window(config: Config, layers: int) -> dict[str, Any]:
    """Return the sliding window and the layers that have it: those listed, those of a pattern, or all."""
    window = config.get("sliding_window") or config.get("attention_chunk_size")
    if not window or config.get("use_sliding_window") is False:
        return {}
    sliding = _window_layers(config, layers)
    kind = {} if config.get("sliding_window") else {"chunked": True}
    return {"window": window, "window_layers": sliding, **kind} if sliding else {}


def _window_layers(config: Config, layers: int) -> int:
    kinds = config.get("layer_types")
    if kinds is not None:
        return sum(kind != "full_attention" for kind in kinds)
    every = _first(config, ("sliding_window_pattern", "no_rope_layer_interval"))
    if isinstance(every, int) and every:
        return layers - layers // every
    if isinstance(every, str) and every:  # such as LLLG: local, local, local, global
        return sum(every[n % len(every)] == "L" for n in range(layers))
    if config.get("use_sliding_window"):
        return max(layers - int(config.get("max_window_layers", 0)), 0)
    return layers


def _latent(config: Config) -> dict[str, Any]:
    """Return the sizes of multi-head latent attention; without a query rank queries are not compressed."""
    if not config.get("kv_lora_rank"):
        return {}
    fields = {
        "query_rank": "q_lora_rank",
        "kv_rank": "kv_lora_rank",
        "rope_size": "qk_rope_head_dim",
        "nope_size": "qk_nope_head_dim",
        "value_size": "v_head_dim",
    }
    return {"latent": {own: config.get(theirs) or 0 for own, theirs in fields.items()}}

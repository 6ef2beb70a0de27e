"""Models that are not what capplan models: decoder-only transformers whose layers are all of one shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capplan.errors import InputError, Problem

_ENCODERS = frozenset(
    {
        "albert",
        "bert",
        "camembert",
        "deberta",
        "deberta-v2",
        "distilbert",
        "electra",
        "ernie",
        "modernbert",
        "mpnet",
        "nomic_bert",
        "roberta",
        "roformer",
        "xlm",
        "xlm-roberta",
        "xlnet",
        "clip",
        "siglip",
        "vit",
        "dinov2",
        "wav2vec2",
    }
)
_RECURRENT = ("mamba", "falcon_mamba", "rwkv", "recurrent_gemma", "xlstm")

_OTHER_LAYERS = {
    "ssm_cfg": "state-space layers",
    "mamba_d_state": "state-space layers",
    "mamba_num_heads": "state-space layers",
    "hybrid_override_pattern": "state-space layers",
    "layers_block_type": "layers of several kinds",
    "attn_layer_period": "layers of several kinds",
    "linear_attn_config": "linear attention",
    "linear_num_value_heads": "linear attention",
    "conv_L_cache": "convolutions",
    "block_configs": "layers of several shapes",
    "hybrid_layer_pattern": "layers of several shapes",
    "global_head_dim": "layers of several shapes",
    "attention_other_setting": "layers of several shapes",
    "hidden_size_per_layer_input": "embeddings by layer",
    "compress_ratios": "a compressed KV cache",
}
"""Keys of a config that say of what else the model is made."""

_ATTENTION = frozenset({"full_attention", "sliding_attention", "chunked_attention"})


def refuse_others(config: Mapping[str, Any], where: str) -> None:
    """Raise :class:`InputError` for what cannot be told apart by the shape: encoders, state-space models."""
    what = _foreign(config)
    if what:
        remedy = "capplan models decoder-only transformers whose layers all use attention and have one shape."
        raise InputError(Problem(where, what, remedy))


def _foreign(config: Mapping[str, Any]) -> str:
    kind = str(config.get("model_type", ""))
    heads = [str(name) for name in config.get("architectures") or ()]
    if config.get("is_encoder_decoder") or config.get("decoder_layers"):
        return f"describes an encoder-decoder model ({kind or 'is_encoder_decoder'})"
    if kind in _ENCODERS or any(name.endswith("ForMaskedLM") for name in heads):
        return f"describes an encoder ({kind or heads[0]}), which generates no text"
    if kind.startswith(_RECURRENT) or config.get("state_size"):
        return f"describes a recurrent model ({kind or 'state_size'}), which has no KV cache"
    named = next((key for key in _OTHER_LAYERS if config.get(key)), None)
    if named:
        return f"describes a model with {_OTHER_LAYERS[named]} ({named})"
    kinds = [*(config.get("layer_types") or ()), *("linear_attention" for a in _attends(config) if not a)]
    other = next((kind for kind in kinds if kind not in _ATTENTION), None)
    return "" if other is None else f"describes a model with layers of type {other}"


def _attends(config: Mapping[str, Any]) -> Any:
    """Return for each layer whether it attends, where MiniMax says so."""
    return config.get("attn_type_list") or ()

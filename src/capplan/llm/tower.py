"""The weights of what reads images and sound in a multimodal model, from the sizes of its config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SIZES = {
    "width": ("embed_dim", "hidden_size", "vt_hidden_size", "width", "d_model"),
    "layers": (
        "num_hidden_layers",
        "vt_num_hidden_layers",
        "depth",
        "layers",
        "num_layers",
        "encoder_layers",
    ),
    "inner": ("intermediate_size", "vt_intermediate_size", "mlp_hidden_dim", "encoder_ffn_dim"),
    "attention": ("qkv_hidden_size",),
    "patch": ("patch_size",),
    "merge": ("spatial_merge_size",),
    "out": ("out_hidden_size", "text_hidden_size", "projection_dim", "output_proj_dims"),
    "places": ("num_position_embeddings",),
    "frames": ("temporal_patch_size",),
}
_GATED = ("gemma4_vision", "pixtral")
"""Towers whose feed-forward part is three matrices, besides those with SiLU."""

_CONFORMER = 24
"""Weights of a conformer's layer, in squares of its width: two feed-forward parts, attention, convolution."""


def tower_weights(sizes: Mapping[str, Any]) -> int:
    """Return the weights of the encoders and of what joins them to the language model, 0 without any."""
    parts = [_encoder(sizes[name], sizes) for name in ("vision_config", "audio_config") if _said(sizes, name)]
    return sum(parts)


def _said(sizes: Mapping[str, Any], name: str) -> bool:
    return isinstance(sizes.get(name), Mapping)


def _encoder(config: Mapping[str, Any], sizes: Mapping[str, Any]) -> int:
    """Return the weights of one encoder: its layers, what reads patches, and the projector."""
    found = {
        name: next((config[key] for key in keys if _whole(config.get(key))), 0)
        for name, keys in _SIZES.items()
    }
    width, layers = found["width"], found["layers"]
    kind = str(config.get("model_type"))
    if "audio" in kind and not found["inner"]:
        return layers * _CONFORMER * width**2
    matrices = 3 if kind in _GATED or config.get("hidden_act") == "silu" else 2
    inner = found["inner"] or int(width * config.get("mlp_ratio", 4))
    layer = 4 * width * (found["attention"] or width) + matrices * width * inner
    patch = 3 * found["patch"] ** 2 * max(found["frames"], 1) * width
    merged = width * _merged(config, found["merge"])
    out = found["out"] or sizes["hidden"]
    deep = config.get("deepstack_visual_indexes")
    joins = 1 + (len(deep) if isinstance(deep, list) else 0)
    projector = joins * ((merged * merged if merged > width else 0) + merged * out)
    return layers * layer + patch + found["places"] * width + projector


def _whole(value: object) -> bool:
    return isinstance(value, int) and 0 < value < 10**6


def _merged(config: Mapping[str, Any], side: int) -> int:
    """Return how many patches become one token."""
    kernel = config.get("merge_kernel_size")
    if isinstance(kernel, list) and len(kernel) == 2 and all(map(_whole, kernel)):
        return int(kernel[0] * kernel[1])
    return max(side, 1) ** 2

"""The weights of what reads images and sound in a multimodal model, from the sizes of its config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from capplan.llm.configs import TOWERS

_CONFORMER = 24
"""Weights of a conformer's layer, in squares of its width: two feed-forward parts, attention, convolution."""


def tower_weights(sizes: Mapping[str, Any], keys: Mapping[str, Any]) -> int:
    """Return the weights of the encoders and of what joins them to the language model, 0 without any.

    keys: ``hardware/configs.yaml``. KeyError with the size that an encoder does not say.
    """
    towers = {name: sizes[name] for name in TOWERS if sizes.get(name)}
    return sum(_encoder(f"{name}: ", tower, sizes, keys) for name, tower in towers.items())


def _encoder(where: str, config: Mapping[str, Any], sizes: Mapping[str, Any], keys: Mapping[str, Any]) -> int:
    """Return the weights of one encoder: its layers, what reads patches, and the projector."""
    said = {
        name: next((config[key] for key in names if _whole(config.get(key))), 0)
        for name, names in keys["tower"].items()
    }
    width, layers, kind = said["width"], said["layers"], str(config.get("model_type"))
    unsaid = next((name for name in ("width", "layers") if not said[name]), None)
    named = re.search(r"_(\d{1,4})m_", str(config.get("architecture")))
    if unsaid and named:  # such as mobilenetv5_300m_enc
        return 10**6 * int(named[1])
    if unsaid:
        raise KeyError(where + unsaid)
    if "audio" in kind and not said["inner"]:
        return int(layers * _CONFORMER * width**2)
    out, joining = said["out"] or sizes["hidden"], 0
    if sizes["kind"].startswith("glm4"):  # the width that GLM names is that of what joins, not of the layers
        joining, said["inner"] = out * (out + 3 * said["inner"]), out
    matrices = 3 if kind in keys["gated_towers"] or config.get("hidden_act") == "silu" else 2
    layer = 4 * width * (said["attention"] or width) + matrices * width * (said["inner"] or 4 * width)
    patch = 3 * said["patch"] ** 2 * max(said["frames"], 1) * width
    merged, deep = width * _merged(config, said["merge"]), config.get("deepstack_visual_indexes")
    joins = 1 + (len(deep) if isinstance(deep, list) else 0)
    projector = joining or joins * merged * (merged if merged > width else 0)
    return int(layers * layer + patch + said["places"] * width + projector + joins * merged * out)


def _whole(value: object) -> bool:
    return isinstance(value, int) and 0 < value < 10**6


def _merged(config: Mapping[str, Any], side: int) -> int:
    """Return how many patches become one token."""
    kernel = config.get("merge_kernel_size")
    if isinstance(kernel, list) and len(kernel) == 2 and all(map(_whole, kernel)):
        return int(kernel[0] * kernel[1])
    return max(side, 1) ** 2

"""How a checkpoint's weights are stored, from the quantisation that its config describes.

Bytes of a weight include its scales: one of 8 bit for 32 weights in MXFP4 and MXFP8 (OCP Microscaling Formats
1.0) and for 16 in NVFP4, one of 16 bit for a group in AWQ, GPTQ and compressed-tensors. Which parts stay wide
follows from the modules that a config leaves out, looked up at the last matrix of each part in each layer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import translate
from typing import Any

from capplan.errors import InputError, Problem, nearest

Quantized = Mapping[str, Any]
Format = tuple[str, float]
Rule = tuple[Callable[[str], bool], Format]

_WIDE: Format = ("bf16", 2.0)
_FORMATS: dict[str, Format] = {
    "fp8": ("fp8", 1.0),
    "mxfp8": ("fp8", 1.03125),
    "nvfp4": ("fp4", 0.5625),
    "mxfp4": ("mxfp4", 0.53125),
    "mixed_precision": _WIDE,
    "fbgemm_fp8": ("fp8", 1.0),
}

_MODULES = {
    "attention": ("self_attn.o_proj", "linear_attn.out_proj", "mixer.o_proj", "mixer.out_proj", "attn.wo_b"),
    "dense": ("mlp.down_proj", "mixer.down_proj", "feed_forward.down_proj"),
    "shared": (
        "mlp.shared_experts.down_proj",
        "mlp.shared_expert.down_proj",
        "mixer.shared_experts.down_proj",
        "block_sparse_moe.shared_experts.down_proj",
        "ffn.shared_experts.w2",
    ),
    "experts": (
        "mlp.experts.0.down_proj",
        "mixer.experts.0.down_proj",
        "block_sparse_moe.experts.0.w2",
        "ffn.experts.0.w2",
    ),
}
"""The last matrix of each part, as families name it."""

_BESIDE = {"shared": ("mlp.down_proj",), "experts": ("experts.0.down_proj",)}
"""The same in Gemma, whose dense part stands beside its experts."""

_BEFORE = re.compile(r"^(model\.language_model|language_model\.model|model|backbone|transformer)\.")


def stored_as(sizes: Mapping[str, Any], layers: Mapping[str, Sequence[int]], where: str) -> dict[str, Any]:
    """Return the fields of an architecture that say how its weights are stored; none where they are 16 bit.

    layers: numbers of those that have each part. :class:`InputError` for a method that is not known.
    """
    config = sizes.get("quantized") or {}
    if not config:
        return {}
    rules = _rules(config, f"{where}: quantization_config")
    found: dict[str, Format] = {}
    for part, modules in {**_MODULES, **(_BESIDE if sizes.get("experts_beside") else {})}.items():
        formats = [_format(rules, [f"layers.{n}.{m}" for m in modules]) for n in layers.get(part, ())]
        if formats:
            names = [name for name, _ in formats]
            found[part] = max(names, key=names.count), sum(b for _, b in formats) / len(formats)
    found["head"] = _format(rules, ["lm_head"])
    if (
        str(sizes.get("expert_type", config.get("expert_dtype"))) == "fp4"
        and found.get("experts") == _FORMATS["fp8"]
    ):
        found["experts"] = _FORMATS["mxfp4"]
    narrow = found.get("experts") or found.get("dense") or _WIDE
    stored = {"precision": narrow[0], **{part: size for part, (_, size) in found.items() if size != 2.0}}
    if _narrow_cache(config):
        stored["kv_bytes"] = 1.0
    blocks = bool(config.get("weight_block_size")) and "fp8" in {name for name, _ in found.values()}
    return {"stored": stored, **({"fp8_blocks": True} if blocks else {})}


def _narrow_cache(config: Quantized) -> bool:
    scheme = config.get("kv_cache_scheme") or config.get("kv_cache_quant_algo")
    return scheme == "FP8" or (isinstance(scheme, Mapping) and scheme.get("num_bits") == 8)


def _format(rules: Iterable[Rule], modules: Sequence[str]) -> Format:
    """Return the format of the first rule that holds for one of the names that a module may have."""
    return next((found for holds, found in rules if any(map(holds, modules))), _WIDE)


def _rules(config: Quantized, where: str) -> list[Rule]:
    """Return which modules have which format; the first that matches counts."""
    method = str(config.get("quant_method") or ("modelopt" if config.get("quant_algo") else "")).lower()
    layers: Mapping[str, Any] = config.get("quantized_layers") or {}
    algorithms = {str(row.get("quant_algo")) for row in layers.values() if isinstance(row, Mapping)}
    rules = [
        (
            _matching([name for name, row in layers.items() if row.get("quant_algo") == one]),
            _named(one, where),
        )
        for one in sorted(algorithms)
    ]
    if method == "fp8":  # what is left out of a second format keeps the first
        skipped = config.get("modules_to_not_convert") or config.get("ignored_layers") or []
        return [*rules, (_matching([*skipped, "lm_head"]), _WIDE), (_every, _FORMATS["fp8"])]
    skipped = _skipped(config)
    if skipped:
        rules.append((_matching(skipped), _WIDE))
    return [*rules, *_by_method(method, config, where)]


def _skipped(config: Quantized) -> list[str]:
    keys = ("ignore", "exclude_modules", "modules_to_not_convert", "ignored_layers", "llm_int8_skip_modules")
    return [str(name) for key in keys for name in config.get(key) or ()]


def _by_method(method: str, config: Quantized, where: str) -> list[Rule]:
    """Return the rules that follow from the method: all of it but the output layer, or groups of modules."""
    body = _matching(["layers"])
    if method in ("modelopt", "modelopt_fp4", "modelopt_mixed"):
        return [(body, _named(str(config.get("quant_algo")), where))]
    if method == "compressed-tensors":
        groups = config.get("config_groups") or {}
        return [_group(group, config, where) for group in groups.values() if isinstance(group, Mapping)]
    if method in ("awq", "gptq", "auto-round", "auto_round"):
        return [(body, _whole_numbers(config.get("bits", 4), config.get("group_size", 128)))]
    if method == "bitsandbytes":
        return [(body, ("int4", 0.515) if config.get("load_in_4bit") else ("int8", 1.0))]
    if method == "mxfp4":
        return [(_matching(["experts"]), _FORMATS["mxfp4"])]
    return [(body, _named(method, where))]


def _named(name: str, where: str) -> Format:
    """Return the format of an algorithm such as W4A16_NVFP4."""
    known = name.lower().rpartition("a16_")[2].removesuffix("_awq").removesuffix("_pb_wo")
    if known in ("w4", "w4a8", "int4"):
        return _whole_numbers(4, 128)
    if known not in _FORMATS:
        more = "Delete quantization_config to import the model at 16 bit."
        near = nearest(known, (*_FORMATS, "awq", "gptq", "compressed-tensors", "modelopt", "bitsandbytes"))
        raise InputError(Problem(where, f"unknown method '{name}'", f"{near} {more}" if near else more))
    return _FORMATS[known]


def _group(group: Quantized, config: Quantized, where: str) -> Rule:
    """Return the rule of a group of compressed-tensors: its modules, or all of the layers' matrices."""
    weights = group.get("weights") or {}
    targets = [str(target) for target in group.get("targets") or ["Linear"]]
    named = str(group.get("format") or config.get("format") or "")
    bits, size = weights.get("num_bits", 16), weights.get("group_size") or 0
    if "fp4" in named:
        form = _named(named.partition("-")[0], where)
    elif weights.get("type") == "float":
        form = _FORMATS["fp8"] if bits == 8 else _FORMATS["nvfp4"]
    else:
        form = _whole_numbers(bits, size)
    return _matching(["layers"]) if "Linear" in targets else _matching(targets), form


def _whole_numbers(bits: Any, group: Any) -> Format:
    """Return weights of so many bits with a scale of 16 bit for each group, if there are groups."""
    bits, group = int(bits), int(group)
    return f"int{bits}" if bits in (4, 8) else "bf16", bits / 8 + (2 / group if group > 0 else 0)


def _every(module: str) -> bool:
    return True


def _matching(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return whether a module, or what it is part of, is named: in full, with `*`, or by an expression."""
    names = [_BEFORE.sub("", pattern) for pattern in patterns if not pattern.startswith("re:")]
    literal = {name for name in names if "*" not in name}
    globs = [
        translate(name).removesuffix("\\Z").removesuffix("\\z") + r"(\.|\Z)" for name in names if "*" in name
    ]
    expressions = [re.compile(pattern[3:]) for pattern in patterns if pattern.startswith("re:")]
    combined = re.compile("|".join(globs)) if globs else None

    def holds(module: str) -> bool:
        parts = module.split(".")
        ends = range(1, len(parts) + 1)
        if any(".".join(parts[start:end]) in literal for end in ends for start in range(end)):
            return True
        return bool(combined and combined.match(module)) or any(
            expression.match(f"model.{module}") for expression in expressions
        )

    return holds

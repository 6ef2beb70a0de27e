"""How a checkpoint's weights are stored, from the quantisation that its config describes.

Bytes of a weight include its scales: one of 8 bit for 32 weights in MXFP4 and MXFP8 (OCP Microscaling Formats
1.0) and for 16 in NVFP4, one of 16 bit for a group in AWQ, GPTQ and compressed-tensors. Which parts stay wide
follows from the modules that a config leaves out, looked up at the last matrix of each part in each layer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from fnmatch import translate
from typing import Any

from capplan.errors import InputError, Problem, nearest

Quantized = Mapping[str, Any]
Format = tuple[str, float]
Matches = Callable[[str, frozenset[str]], bool]
Rule = tuple[Matches, Format]

_WIDE: Format = ("bf16", 2.0)
_FORMATS: dict[str, Format] = {
    "fp8": ("fp8", 1.0),
    "mxfp8": ("fp8", 1.03125),
    "nvfp4": ("fp4", 0.5625),
    "mxfp4": ("mxfp4", 0.53125),
    "mixed_precision": _WIDE,
    "fbgemm_fp8": ("fp8", 1.0),
}

_BEFORE = re.compile(r"^(model\.language_model|language_model\.model|model|backbone|transformer)\.")


def stored_as(
    sizes: Mapping[str, Any], layers: Mapping[str, Sequence[int]], keys: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """Return the fields of an architecture that say how its weights are stored; none where they are 16 bit.

    layers: numbers of those that have each part; keys: ``hardware/configs.yaml``. :class:`InputError` for a
    method that is not known.
    """
    config = sizes.get("quantized") or {}
    if not config:
        return {}
    rules = _rules(config, f"{where}: quantization_config")
    found: dict[str, Format] = {}
    beside = keys["modules_beside"] if sizes.get("experts_beside") else {}
    for part, modules in {**keys["modules"], **beside}.items():
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
    groups = _mappings(config.get("config_groups")).values()
    strategies = [row.get("strategy") for group in groups for row in _mappings(group).values()]
    blocks = config.get("weight_block_size") or "block" in strategies
    narrow_blocks = blocks and "fp8" in {name for name, _ in found.values()}
    return {"stored": stored, **({"fp8_blocks": True} if narrow_blocks else {})}


def _narrow_cache(config: Quantized) -> bool:
    scheme = config.get("kv_cache_scheme") or config.get("kv_cache_quant_algo")
    return scheme == "FP8" or (isinstance(scheme, Mapping) and scheme.get("num_bits") == 8)


def _format(rules: Iterable[Rule], modules: Sequence[str]) -> Format:
    """Return the format of the first rule that holds for one of the names that a module may have."""
    wholes = [(module, _parts(module)) for module in modules]
    return next((found for holds, found in rules if any(holds(*whole) for whole in wholes)), _WIDE)


def _parts(module: str) -> frozenset[str]:
    """Return a module's name, those of what it is part of, and their ends, such as ``mlp.experts``."""
    words = module.split(".")
    ends = range(1, len(words) + 1)
    return frozenset(".".join(words[start:end]) for end in ends for start in range(end))


def _rules(config: Quantized, where: str) -> list[Rule]:
    """Return which modules have which format; the first that matches counts."""
    method = str(config.get("quant_method") or ("modelopt" if config.get("quant_algo") else "")).lower()
    layers = _mappings(config.get("quantized_layers"))
    algorithms = sorted({str(row.get("quant_algo")) for row in layers.values()})
    rules = []
    for one in algorithms:
        named = [name for name, row in layers.items() if str(row.get("quant_algo")) == one]
        rules.append((_matching(named, where), _named(one, where)))
    if method == "fp8":  # what is left out of a second format keeps the first
        wide = [*_names(config, "modules_to_not_convert", "ignored_layers"), "lm_head"]
        return [*rules, (_matching(wide, where), _WIDE), (_matching(["layers"], where), _FORMATS["fp8"])]
    return [
        *rules,
        (_matching(_names(config, *_WIDE_KEYS), where), _WIDE),
        *_by_method(method, config, where),
    ]


_MOST_GROUPS = 16
_WIDE_KEYS = (
    "ignore",
    "exclude_modules",
    "modules_to_not_convert",
    "ignored_layers",
    "llm_int8_skip_modules",
)


def _names(config: Quantized, *keys: str) -> list[str]:
    found = [config[key] for key in keys if isinstance(config.get(key), list)]
    return [str(name) for names in found for name in names]


def _mappings(value: object) -> dict[str, Quantized]:
    """Return what is a mapping of mappings, without what else is in it."""
    rows = value if isinstance(value, Mapping) else {}
    return {str(name): row for name, row in rows.items() if isinstance(row, Mapping)}


def _by_method(method: str, config: Quantized, where: str) -> list[Rule]:
    """Return the rules that follow from the method: all of it but the output layer, or groups of modules."""
    body = _matching(["layers"], where)
    if method in ("modelopt", "modelopt_fp4", "modelopt_mixed"):
        return [(body, _named(str(config.get("quant_algo")), where))]
    if method == "compressed-tensors":
        groups = list(_mappings(config.get("config_groups")).values())
        if len(groups) > _MOST_GROUPS:
            raise InputError(Problem(f"{where}: config_groups", f"more than {_MOST_GROUPS} groups"))
        return [_group(group, config, where) for group in groups]
    if method in ("awq", "gptq", "auto-round", "auto_round"):
        return [(body, _whole_numbers(config.get("bits", 4), config.get("group_size", 128), where))]
    if method == "bitsandbytes":
        return [(body, ("int4", 0.515) if config.get("load_in_4bit") else ("int8", 1.0))]
    if method == "mxfp4":
        return [(_matching(["experts"], where), _FORMATS["mxfp4"])]
    return [(body, _named(method, where))]


def _named(name: str, where: str) -> Format:
    """Return the format of an algorithm such as W4A16_NVFP4."""
    known = name.lower().rpartition("a16_")[2].removesuffix("_awq").removesuffix("_pb_wo")
    if known in ("w4", "w4a8", "int4"):
        return _whole_numbers(4, 128, where)
    if known not in _FORMATS:
        more = "Delete quantization_config to import the model at 16 bit."
        near = nearest(known, (*_FORMATS, "awq", "gptq", "compressed-tensors", "modelopt", "bitsandbytes"))
        raise InputError(Problem(where, f"unknown method '{name}'", f"{near} {more}" if near else more))
    return _FORMATS[known]


def _group(group: Quantized, config: Quantized, where: str) -> Rule:
    """Return the rule of a group of compressed-tensors: its modules, or all of the layers' matrices."""
    weights = _mappings({"weights": group.get("weights")}).get("weights", {})
    targets = _names(group, "targets") or ["Linear"]
    named = str(group.get("format") or config.get("format") or "")
    bits, size = weights.get("num_bits", 16), weights.get("group_size") or 0
    if "fp4" in named:
        form = _named(named.partition("-")[0], where)
    elif weights.get("type") == "float":
        form = _FORMATS["fp8"] if bits == 8 else _FORMATS["nvfp4"]
    else:
        form = _whole_numbers(bits, size, where)
    return _matching(["layers"] if "Linear" in targets else targets, where), form


def _whole_numbers(bits: object, group: object, where: str) -> Format:
    """Return weights of so many bits with a scale of 16 bit for each group, if there are groups."""
    if not isinstance(bits, int) or not isinstance(group, int) or not 0 < bits <= 16:
        raise InputError(
            Problem(where, f"expected bits up to 16 and a group size, got '{bits}' and '{group}'")
        )
    return f"int{bits}" if bits in (4, 8) else "bf16", bits / 8 + (2 / group if group > 0 else 0)


def _matching(patterns: Sequence[str], where: str) -> Matches:
    """Return whether a module, or what it is part of, is named: in full, with `*`, or by an expression."""
    names = [_BEFORE.sub("", pattern) for pattern in patterns if not pattern.startswith("re:")]
    literal = {name for name in names if "*" not in name}
    globs = [re.sub(r"\\[zZ]$", "", translate(name)) + r"(\.|\Z)" for name in names if "*" in name]
    expressions = [_expression(pattern[3:], where) for pattern in patterns if pattern.startswith("re:")]
    combined = re.compile("|".join(globs)) if globs else None

    def holds(module: str, parts: frozenset[str]) -> bool:
        if not literal.isdisjoint(parts) or (combined and combined.match(module)):
            return True
        return any(expression.match(f"model.{module}") for expression in expressions)

    return holds


def _expression(pattern: str, where: str) -> re.Pattern[str]:
    """Return a regular expression of a config; one that may take forever is refused."""
    if len(pattern) <= 500 and len(re.findall(r"[*+{]", pattern)) <= 6 and not re.search(r"\)[*+{]", pattern):
        with suppress(re.error):
            return re.compile(pattern)
    raise InputError(Problem(where, f"expected a simple regular expression, got '{pattern[:80]}'"))

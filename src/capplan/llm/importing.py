"""Architectures from Hugging Face: what a config.json says of a model's layers.

What a config leaves out is the default of its class (transformers 5 configuration classes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from capplan.errors import InputError, Problem
from capplan.llm.configs import Config, names_of, sizes_of
from capplan.llm.mixers import Group, Sizes, layer_of, mixer_of
from capplan.llm.quantised import stored_as
from capplan.llm.tower import tower_weights


def row_of(config: Config, name: str, where: str, keys: Config) -> dict[str, Any]:
    """Return a row of models.yaml from a Hugging Face config.

    keys: ``hardware/configs.yaml``. :class:`InputError` where the config describes no language model that
    generates text, something is missing, or a key is not known.
    """
    sizes = sizes_of(config, keys, where)
    kinds = _kinds(sizes, keys, where)
    feeds = _feeds(sizes, kinds, keys["alone"], where)
    _refuse_gaps(sizes, kinds, feeds, keys, where)
    sparse = [n for n, feed in enumerate(feeds) if feed == "sparse"]
    parts = {
        "attention": [n for n, kind in enumerate(kinds) if kind != "none"],
        "dense": [n for n, feed in enumerate(feeds) if feed == "dense"],
        "shared": sparse,
        "experts": sparse,
    }
    try:
        shape = _shape(sizes, kinds, feeds, keys)
    except KeyError as missing:
        raise InputError(_gap([str(missing.args[0])], keys, where)) from None
    shape |= stored_as(sizes, parts, keys, where)
    return {"shape": shape, "confidence": "checked", "source": f"{name}: the model's config.json"}


def _shape(sizes: Sizes, kinds: Sequence[str], feeds: Sequence[str], keys: Config) -> dict[str, Any]:
    whole = {field: sizes[field] for field in ("hidden", "vocabulary", "context", "tied") if sizes.get(field)}
    shared = sizes.get("kv_shared_layers") or 0
    own = [_of_layer(sizes, number) for number in range(len(kinds))]
    layers = [
        {**mixer_of(kind, own[number]), **_feed(feed, own[number], number)}
        | (_borrowed(own[number]) if number >= len(kinds) - shared else {})
        for number, (kind, feed) in enumerate(zip(kinds, feeds, strict=True))
    ]
    extra = {
        "tower": tower_weights(sizes, keys),
        "drafts": (sizes.get("drafts") or 0) * _draft(layers[-1], sizes["hidden"]),
        "lookup": (sizes.get("layer_embedding") or 0) * len(kinds) * (sizes.get("layer_vocabulary") or 0),
    }
    return {**whole, **{key: value for key, value in extra.items() if value}, **_grouped(layers)}


def _draft(last: Group, hidden: int) -> float:
    """Return the weights of a layer that predicts a further token: like the last, and two inputs joined."""
    layer = layer_of(last)
    feed = layer.expert(hidden) * layer.experts + layer.shared(hidden) + layer.router(hidden)
    return layer.mixer(hidden) + feed + 2 * hidden**2


def _of_layer(sizes: Sizes, number: int) -> Sizes:
    """Return the sizes with those of one layer, where a config lists those of each, or what differs."""
    heads = (
        _block(sizes["blocks"][number], "attention").get("n_heads_in_group") if sizes.get("blocks") else None
    )
    listed = {"kv_heads": sizes["query_heads"] // heads} if heads else {}
    return {**sizes, **listed, **sizes["by_layer"].get(number, {})}


def _borrowed(sizes: Sizes) -> Group:
    """Return what differs in a layer that reads the KV cache of an earlier one."""
    wide = {"ffn": 2 * sizes["ffn"]} if sizes.get("wide_where_shared") else {}
    return {"borrows_kv": True, **wide}


def _grouped(layers: list[Group]) -> dict[str, Any]:
    """Return layers as groups of those that are alike; what all groups share stands outside."""
    counted = Counter(map(repr, layers))
    alike = {repr(layer): layer for layer in layers}
    groups = [{"layers": counted[key], **layer} for key, layer in alike.items()]
    if len(groups) == 1:
        return groups[0]
    first = groups[0]
    common = {key: value for key, value in first.items() if all(group.get(key) == value for group in groups)}
    own = [{key: value for key, value in group.items() if key not in common} for group in groups]
    return {**common, "groups": own}


def _kinds(sizes: Sizes, keys: Config, where: str) -> list[str]:
    """Return for each layer how it mixes tokens."""
    if sizes.get("embedding", sizes.get("hidden")) != sizes.get("hidden"):
        raise InputError(Problem(where, "describes a model with two widths, which capplan does not know"))
    listed = _listed(sizes, keys)
    layers = (sizes.get("layers") or len(listed or ())) * (2 if sizes.get("twice") else 1)
    kinds = (listed or _by_rule(sizes, layers, keys["kinds"]))[:layers]
    unknown = next(
        (kind for kind in kinds if kind not in {"none", *keys["kinds"].values()} and " " not in kind), None
    )
    if unknown is not None:
        raise InputError(Problem(where, f"describes a model with layers of type {unknown}"))
    if len(kinds) < layers:
        raise InputError(Problem(where, f"lists the kinds of {len(kinds)} layers, but has {layers:,}"))
    linear = sizes.get("linear", "gated")
    return [
        {"linear": linear, "full": _full(sizes, number)}.get(kind, kind) for number, kind in enumerate(kinds)
    ]


def _full(sizes: Sizes, number: int) -> str:
    """Return the kind of attention that a layer has which sees the whole context: all of it, or a choice."""
    sparse = sizes.get("sparse_layers")
    if sparse is not None:
        return "sparse" if sparse[number : number + 1] == [1] else "full"
    if not sizes.get("top_k"):
        return "full"
    types = sizes.get("index_types") or []
    return "indexed" if types[number : number + 1] == ["shared"] else "sparse"


def _listed(sizes: Sizes, keys: Config) -> list[str] | None:
    """Return the kinds of all layers where the config lists them in one of many ways."""
    types = sizes.get("layer_types") or sizes.get("pattern")
    if types:
        words = {**keys["kinds"], **dict.fromkeys(keys["alone"], "none")}
        return [words.get(kind, kind) for kind in types]
    if sizes.get("compress_ratios"):
        return [f"compressed {ratio}" for ratio in sizes["compress_ratios"]]
    if sizes.get("attends"):
        return ["full" if attends else "linear" for attends in sizes["attends"]]
    if sizes.get("slides"):
        return ["window" if slides else "full" for slides in sizes["slides"]]
    if sizes.get("blocks"):
        return ["full" if _block(block, "attention") else "none" for block in sizes["blocks"]]
    return None


def _by_rule(sizes: Sizes, layers: int, words: Config) -> list[str]:
    """Return the kinds of all layers where the config gives a rule: some of them, every so many, or all."""
    if "mixer" in sizes:
        return [sizes["mixer"]] * layers
    full = {*(sizes.get("full_layers") or ()), *(n - 1 for n in sizes.get("full_layers_from_one") or ())}
    window = sizes.get("use_sliding_window") is not False and (sizes.get("window") or sizes.get("chunk"))
    other = "linear" if "linear" in sizes else "window" if window else "full"
    pattern, every = sizes.get("window_pattern"), sizes.get("full_every")
    if full:
        return ["full" if n in full else other for n in range(layers)]
    if isinstance(pattern, str) and window:  # such as LLLG: local, local, local, global
        return [words.get(pattern[n % len(pattern)], "full") for n in range(layers)]
    every = every or pattern
    if isinstance(every, int) and every:
        offset = sizes.get("full_offset", every - 1)
        return ["full" if n % every == offset else other for n in range(layers)]
    if sizes.get("use_sliding_window"):
        first = sizes.get("max_window_layers", 0)
        return ["full" if n < first else other for n in range(layers)]
    return [other] * layers


def _block(block: Any, part: str) -> Mapping[str, Any]:
    """Return what Nemotron's searched architectures say of a part of a layer, nothing where it has none."""
    found = block.get(part) if isinstance(block, Mapping) else None
    there = isinstance(found, Mapping) and not (found.get("no_op") or found.get("replace_with_linear"))
    return found if there and found else {}


def _feeds(sizes: Sizes, kinds: Sequence[str], alone: Config, where: str) -> list[str]:
    """Return for each layer its feed-forward part: dense, sparse (of experts) or none."""
    layers, types = len(kinds), sizes.get("layer_types") or sizes.get("pattern") or ()
    if any(kind in alone for kind in types):  # then no layer has both
        return [alone.get(kind, "none") for kind in types][:layers]
    if sizes.get("kind", "").startswith(("mamba", "falcon_mamba")):
        return ["none"] * layers
    if (sizes.get("experts") or 1) == 1:
        return ["dense"] * layers
    listed = sizes.get("feeds") or sizes.get("sparse_freq")
    if isinstance(listed, list):
        if len(listed) < layers:
            raise InputError(Problem(where, f"lists the experts of {len(listed)} layers, but has {layers}"))
        return ["dense" if kind in (0, False, "dense") else "sparse" for kind in listed][:layers]
    moe = sizes.get("moe_layers")
    if moe is not None:
        listed = moe.split(",") if isinstance(moe, str) else moe
        named = {int(n) for n in listed if str(n).strip().isdigit()}
        return ["sparse" if n in named else "dense" for n in range(layers)]
    every = listed or sizes.get("sparse_every") or 1
    offset, dense = sizes.get("sparse_offset", every - 1), sizes.get("dense_layers") or ()
    first = sizes.get("first_dense") or 0
    return [
        "sparse" if n >= first and n % every == offset and n not in dense else "dense" for n in range(layers)
    ]


_ALONE = ("relu2", "xielu")
"""Activations of feed-forward parts without a gate."""


def _feed(kind: str, sizes: Sizes, number: int) -> Group:
    """Return the fields of :class:`Layers` that say what a layer's feed-forward part is."""
    gated = {} if sizes.get("gated", sizes.get("activation") not in _ALONE) else {"gated": False}
    width = _width(sizes, number)
    if kind == "none" or not width:
        return {}
    mixed = (sizes.get("experts") or 1) > 1
    if kind == "dense":
        return {"ffn": (mixed and sizes.get("dense_ffn")) or width, **gated}
    expert = sizes.get("expert_ffn") or sizes["ffn"]
    shared = sizes.get("shared_ffn") or (sizes.get("shared_experts") or 0) * expert
    if sizes.get("experts_beside"):
        shared = sizes["ffn"]
    real = sizes["experts"] / (sizes["experts"] + (sizes.get("zero_experts") or 0))  # of those chosen
    found = {
        "ffn": expert,
        "experts": sizes["experts"],
        "experts_per_token": sizes["experts_per_token"] * real if real < 1 else sizes["experts_per_token"],
        "shared_experts": shared / expert,
        "expert_hidden": sizes.get("expert_hidden") or 0,
    }
    return {**{key: value for key, value in found.items() if value}, **gated}


def _width(sizes: Sizes, number: int) -> int:
    """Return the width of the feed-forward part of a layer, of the dense ones where there are experts."""
    if sizes.get("blocks"):
        block = _block(sizes["blocks"][number], "ffn")
        exact = 2 * block.get("ffn_mult", 0) * sizes["hidden"] / 3
        return block.get("intermediate_size") or -int(-exact // 256) * 256
    said = sizes.get("ffn")
    if said is None and sizes.get("expansion_ratio"):
        return int(sizes["hidden"] * sizes["expansion_ratio"])
    if said is None:
        return sizes.get("expert_ffn") or 0
    if sizes.get("adjusts_width"):
        multiple = sizes.get("width_multiple") or 1
        return int(multiple * ceil(int(2 * said / 3) * sizes.get("width_factor", 1) / multiple))
    return int(said // 2 if sizes.get("halved") else said)


def _refuse_gaps(sizes: Sizes, kinds: Sequence[str], feeds: Sequence[str], keys: Config, where: str) -> None:
    """Raise :class:`InputError` for sizes that are missing, or 0."""
    attends = any(kind in ("full", "window", "sparse", "indexed") for kind in kinds)
    needed = ["layers", "hidden", *(["query_heads"] if attends or not kinds else []), "vocabulary"]
    gaps = [name for name in needed if sizes.get(name) is None and not (name == "layers" and kinds)]
    if not gaps and any(feed != "none" and not _width(sizes, n) for n, feed in enumerate(feeds)):
        gaps = ["ffn"]
    if gaps or not kinds:
        raise InputError(_gap(gaps or ["layers"], keys, where))
    zero = next((name for name in needed if sizes.get(name) == 0), None)
    if zero is not None:
        named = " or ".join(keys["whole"][zero])
        raise InputError(Problem(f"{where}: {named}", "expected a number above 0, got 0"))


def _gap(names: Sequence[str], keys: Config, where: str) -> Problem:
    known = names_of(keys)
    missing = [f"{name} ({' or '.join(known[name])})" if name in known else name for name in names]
    return Problem(where, f"does not say {', '.join(missing)}", "Is it a model's config.json?")

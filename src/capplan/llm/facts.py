"""Names to values: models, GPUs and engines as users write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from capplan.errors import InputError, Problem, nearest
from capplan.llm.architecture import PRECISIONS, Architecture, Precision, Stored
from capplan.llm.hardware import Engine, Gpu, engine_of, gpu_of
from capplan.llm.layers import LatentAttention, Layers

LlmFacts = Mapping[str, Any]


def known_name(name: str, rows: LlmFacts) -> str | None:
    """Return the name in ``rows`` that ``name`` means (:func:`meant`); None if none, or several."""
    found = meant(name, rows)
    return found[0] if len(found) == 1 else None


def meant(name: str, rows: LlmFacts) -> list[str]:
    """Return the names in ``rows`` that ``name`` may mean.

    Case, separators, and the makers and owners before a name do not count. The exact name goes before one of
    the same words, and that before GPUs, or several models, that have all of its words and more.

    >>> gpus = {"A10G": {}, "H100-80GB": {"form": "SXM5"}, "H100-80GB-PCIe": {"form": "PCIe"}}
    >>> meant("NVIDIA A10G", gpus), meant("H100 80GB HBM3", gpus), meant("H100", gpus)
    (['A10G'], ['H100-80GB'], ['H100-80GB', 'H100-80GB-PCIe'])
    """
    if name in rows:
        return [name]
    bare, words = _bare(name), _words(name)
    called = {str(key): (str(key), *row.get("aliases", ())) for key, row in rows.items()}
    exact = [key for key, names in called.items() if bare in map(_bare, names)]
    same = exact or [key for key, names in called.items() if words and words in map(_words, names)]
    if same:
        return same
    forms = {key: rows[key].get("form") for key in called}
    more = [
        key
        for key, names in called.items()
        if words and any(words <= _words(f"{one} {forms[key] or ''}") for one in names)
    ]
    return more if len(more) > 1 or all(forms[key] for key in more) else []


def others_meant(name: str, rows: LlmFacts) -> list[str]:
    """Return the names in ``rows`` that have all words of ``name`` too, besides the one that it is taken for.

    >>> others_meant("A100", {"A100-80GB": {"aliases": ["A100"]}, "A100-40GB": {}, "A10": {}})
    ['A100-40GB']
    """
    words, taken = _words(name), meant(name, rows)
    if name in rows or any(words == _words(key) for key in taken):
        return []
    return [key for key in rows if words < _words(key) and key not in taken]


_BETWEEN = str.maketrans("-_()", "    ")
_MAKERS = "nvidia amd intel tesla geforce instinct gpu meta instruct chat it hf hbm2 hbm2e hbm3 hbm3e"
"""Words that tell no two models or GPUs apart."""


def _bare(name: str) -> str:
    return name.lower().translate(_BETWEEN).replace(" ", "")


def _words(name: str) -> frozenset[str]:
    """Return the words of a name: ``SXM4`` is ``sxm``, and ``80G`` is ``80gb``."""
    own = set(name.lower().rpartition("/")[2].translate(_BETWEEN).split()) - set(_MAKERS.split())
    form = (re.sub(r"^(sxm|pcie)\d$", r"\1", word) for word in own)
    return frozenset(re.sub(r"^(\d+)(g|gib)$", r"\1gb", word) for word in form)


_CALLED = {
    "fp4": "fp4 nvfp4",
    "mxfp4": "mxfp4",
    "fp8": "fp8 mxfp8",
    "int8": "int8 int8wo w8a8 w8a16 8bit q8",
    "int4": "int4 int4wo w4a16 4bit q4 iq4 awq gptq",
    "bf16": "bf16 bfloat16",
    "fp16": "fp16 float16 half",
}
"""What engines and names of checkpoints call the precisions; the first that a name has counts."""

_OTHERWISE = (
    "dynamic static block quantized quant gguf bnb unsloth mixed autoround marlin kv k m s l xs xl ud 0"
)
_STORED = set(" ".join((*_CALLED.values(), _OTHERWISE)).split())
"""Words that only say how a checkpoint is stored."""


def named_precisions(name: str) -> tuple[str, ...]:
    """Return the precision that a checkpoint's name says, nothing if it says none.

    >>> named_precisions("RedHatAI/Qwen3-8B-quantized.w4a16"), named_precisions("Qwen/Qwen3-8B")
    (('int4',), ())
    """
    words = set(_parted(name))
    return tuple(kind for kind, called in _CALLED.items() if not words.isdisjoint(called.split()))[:1]


def _parted(name: str) -> list[str]:
    """Return the words of a checkpoint's name; a point parts them unless it is that of a number."""
    return re.split(r"[-_: ]|\.(?!\d)|(?<!\d)\.", name.lower().rpartition("/")[2])


def unstored(name: str) -> str:
    """Return the name of a model without the words that say how a checkpoint of it is stored."""
    return "-".join(word for word in _parted(name) if word not in _STORED)


def find_model(name: str, facts: LlmFacts, where: str = "model") -> Architecture:
    """Return the architecture called ``name``, in ``facts`` that hold ``models``."""
    bare, models = unstored(name), facts["models"]
    key = _found(
        name if meant(name, models) or not meant(bare, models) else bare, models, where, "model", _IMPORT
    )
    measured = facts.get("measured", {}).get(key, frozenset())
    return architecture_of(key, facts["models"][key])._replace(measured=measured)


_IMPORT = "Others: capplan catalog import-model config.json"


def architecture_of(name: str, row: LlmFacts) -> Architecture:
    """Return the architecture that a row of models.yaml describes."""
    shape = dict(row["shape"])
    own = {field: shape.pop(field) for field in Architecture._fields if field in shape}
    stored = own.pop("stored", None) or (_MXFP4 if shape.pop("mxfp4", False) else None)
    listed = own.pop("groups", None)
    groups = [{**shape, **group} for group in listed] if listed else _in_short(shape)
    return Architecture(
        name=name,
        groups=tuple(map(_layers, groups)),
        stored=Stored(**stored) if stored else None,
        **{key: _number(value) for key, value in own.items()},
        confidence=row.get("confidence", "unverified"),
        source=row.get("source", ""),
    )


_MXFP4 = {"precision": "mxfp4", "experts": 0.53125}


def _in_short(shape: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the groups of a shape without any: the first layers may be dense, or have a window.

    Which layers have both decides nothing.
    """
    layers, ffn = shape.pop("layers"), shape.pop("dense_ffn", 0)
    dense, window = shape.pop("dense_layers", 0), shape.get("window", 0)
    windowed = shape.pop("window_layers", layers if window else 0)
    cuts = sorted({0, dense, windowed, layers})
    return [
        {
            **shape,
            "layers": end - start,
            "window": window if start < windowed else 0,
            **(_DENSE | {"ffn": ffn} if start < dense else {}),
        }
        for start, end in pairwise(cuts)
    ]


_DENSE = {"experts": 1, "experts_per_token": 1, "shared_experts": 0}


def _layers(group: LlmFacts) -> Layers:
    latent = group.get("latent")
    return Layers(
        **{key: _number(value) for key, value in group.items() if key != "latent"},
        latent=None if latent is None else LatentAttention(**{k: float(v) for k, v in latent.items()}),
    )


def _number(value: Any) -> Any:
    return value if isinstance(value, bool) else float(value)


_SEVERAL = re.compile(r"(?:gpu[_ ])?(?P<count>\d+) ?x[_ ]?(?P<one>\D.*)|(?P<kind>.+):(?P<of>\d+)")


def find_gpu(name: str, facts: LlmFacts, where: str = "gpu") -> Gpu:
    """Return the GPU called ``name``; InputError for several of one, as clouds call their machines."""
    several = _SEVERAL.fullmatch(name)
    one = name if several is None else several["one"] or several["kind"]
    found = gpu_of(_found(one, facts["gpus"], where, "GPU", ""), facts)
    count = several and int(several["count"] or several["of"])
    if count not in (None, 1):
        remedy = f"Name {found.name}, and say how many a replica takes as tensor_parallel."
        raise InputError(Problem(where, f"'{name}' is {count} GPUs", remedy))
    return found


def find_engine(name: str, facts: LlmFacts, where: str = "engine", version: str | None = None) -> Engine:
    """Return the engine called ``name``, at a version if one is given."""
    return engine_of(_found(name, facts["speed"]["engines"], where, "engine", ""), facts, version, where)


def find_precision(name: str, where: str = "precision") -> Precision:
    """Return the precision called ``name``."""
    rows = {key: {"aliases": called.split()} for key, called in _CALLED.items()}
    return PRECISIONS[_found(name, rows, where, "precision", "")]


def _found(name: str, rows: LlmFacts, where: str, kind: str, more: str) -> str:
    found = meant(name, rows)
    if len(found) > 1:
        raise InputError(Problem(where, f"{kind} '{name}' may be {' or '.join(found)}", "Name one of them."))
    if not found:
        remedy = " ".join(part for part in (nearest(name, rows), more) if part)
        raise InputError(Problem(where, f"unknown {kind} '{name}'", remedy))
    return found[0]

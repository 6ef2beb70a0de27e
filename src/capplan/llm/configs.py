"""A Hugging Face config.json as sizes under one name each; what it says beyond that is refused.

Several families write the same size under different keys, or leave out what is the default of their class.
``hardware/configs.yaml`` has the keys and the defaults, and lists the keys that have no effect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import translate
from functools import lru_cache
from itertools import chain
from typing import Any

from capplan.errors import InputError, Problem, nearest
from capplan.quantities import shown

Config = Mapping[str, Any]

_NESTED = ("text_config", "llm_config", "language_config", "thinker_config")
"""Where multimodal models keep their language model; engines leave what speaks beside a thinker out."""

TOWERS = ("vision_config", "audio_config")
"""Where they keep what reads images and sound."""


def sizes_of(config: Config, keys: Config, where: str) -> dict[str, Any]:
    """Return what ``config`` says of its language model under our names, with the defaults of its family.

    keys: ``hardware/configs.yaml``. :class:`InputError` for another kind of model, for keys that nobody
    knows, and for values that are not of the kind that a config has there.
    """
    said = _language_model(config)
    kind = str(said.get("model_type", ""))
    _refuse_others(said, kind, keys["families"].get(kind, {}).get("other"), where)
    flat = _flat({key: value for key, value in said.items() if key not in TOWERS}, keys)
    flat.update({key: flat[key][0] for key in _alike(flat, keys)})
    problems = [*_unknown(flat, keys, where), *_of_other_kinds(flat, keys, where)]
    if problems:
        raise InputError(*problems)
    sizes = dict(keys["families"].get(kind) or keys["families"].get(f"{kind}_text") or {})
    for name, aliases in names_of(keys).items():
        value = next((flat[key] for key in aliases if key in flat), None)
        if value is not None:
            sizes[name] = value
    sizes["by_layer"] = _by_layer(sizes.get("by_layer", {}), keys, where)
    towers = {tower: said[tower] for tower in TOWERS if isinstance(said.get(tower), Mapping)}
    return {**sizes, **towers, "kind": kind}


def _by_layer(rows: Config, keys: Config, where: str) -> dict[int, dict[str, Any]]:
    """Return the sizes that single layers have of their own, by number."""
    ours = {alias: name for name, aliases in names_of(keys).items() for alias in aliases}
    found, problems = {}, []
    if len(rows) > _MOST_LAYERS:
        what = f"sizes of {len(rows):,} layers are more than {_MOST_LAYERS:,}"
        raise InputError(Problem(f"{where}: per_layer_config", what))
    for number, row in rows.items():
        place = f"{where}: per_layer_config.{str(number)[:20]}"
        if not re.fullmatch(r"\d{1,4}", str(number)) or not isinstance(row, Mapping):
            problems.append(Problem(place, "expected the number of a layer, and a mapping"))
            continue
        problems += [*_unknown(row, keys, place), *_of_other_kinds(row, keys, place)]
        found[int(number)] = {ours[key]: value for key, value in row.items() if key in ours}
    if problems:
        raise InputError(*problems)
    return found


def _language_model(config: Config) -> dict[str, Any]:
    """Return the innermost part that describes a language model, with what the whole says of it."""
    inner = next((config[key] for key in _NESTED if isinstance(config.get(key), Mapping)), None)
    if inner is None:
        return {key: value for key, value in config.items() if value is not None}
    outer = {key: value for key, value in config.items() if key not in (*_NESTED, "model_type")}
    return _language_model({**outer, **{key: value for key, value in inner.items() if value is not None}})


def _flat(config: Config, keys: Config) -> dict[str, Any]:
    """Return the keys with those of mappings such as attn_config, named with their mapping."""
    inside = {key: config[key] for key in keys["inside"] if isinstance(config.get(key), Mapping)}
    flat = {key: value for key, value in config.items() if key not in inside}
    for outer, mapping in inside.items():
        flat.update({f"{outer}.{key}": value for key, value in mapping.items() if value is not None})
    return flat


def _alike(flat: Config, keys: Config) -> list[str]:
    """Return the keys whose sizes are listed by layer and are the same in all of them."""
    known = set(chain.from_iterable(keys["whole"].values())) & flat.keys()
    return [key for key in known if isinstance(flat[key], list) and len(set(map(str, flat[key]))) == 1]


_KINDS: dict[str, tuple[type | tuple[type, ...], type | None, str]] = {
    "whole": (int, None, "a whole number, 0 or more"),
    "flag": (bool, None, "true or false"),
    "names": (list, str, "a list of names"),
    "numbers": (list, int, "a list of whole numbers"),
    "mappings": (list, dict, "a list of mappings"),
    "number": ((int, float), None, "a number"),
    "text": (str, None, "a name"),
    "mapping": (dict, None, "a mapping"),
}
"""Kinds of values, and of what is in a list. Sections of configs.yaml name one, or two with `or`."""

_MOST_LAYERS = 1_000
_LARGEST = 10**9
"""More than any size in a model's config."""


def names_of(keys: Config) -> dict[str, list[str]]:
    """Return the keys that mean each size."""
    kinds = [kind for kind in keys if kind.partition(" ")[0] in _KINDS]
    return {name: aliases for kind in kinds for name, aliases in keys[kind].items()}


def _unknown(flat: Config, keys: Config, where: str) -> Iterator[Problem]:
    """Yield the keys that say something and are not known: they may change what the model is made of."""
    idle = _one_of(tuple(keys["idle"]))
    known = set(chain.from_iterable(names_of(keys).values()))
    for key, value in flat.items():
        own = key.rpartition(".")[2]
        if key not in known and value not in (False, 0, "", [], {}) and not idle.match(own):
            what = f"unknown key, which may change the model's layers (here {str(value)[:40]!r})"
            near = nearest(key, known).partition("Known: ")[0]
            yield Problem(f"{where}: {key}", what, f"{near} {_REMEDY}".strip())


@lru_cache(maxsize=1)
def _one_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return an expression for what one of many patterns with `*` matches, for each layer's own sizes too."""
    return re.compile("|".join(map(translate, patterns)))


_REMEDY = "If it changes neither weights nor caches, delete it from the file."


def _of_other_kinds(flat: Config, keys: Config, where: str) -> Iterator[Problem]:
    for section in keys:
        kinds = [_KINDS[kind] for kind in section.split(" or ") if kind in _KINDS]
        for key in chain.from_iterable(keys[section].values()) if kinds else ():
            value: Any = flat.get(key)
            if key in flat and not (_in_bounds(value) and any(_is(value, *kind[:2]) for kind in kinds)):
                expected = " or ".join(name for *_, name in kinds)
                yield Problem(f"{where}: {key}", f"expected {expected}, got '{str(value)[:80]}'")
            elif key in flat and key in keys["whole"]["layers"] and value > _MOST_LAYERS:
                yield Problem(f"{where}: {key}", f"{shown(value)} layers are more than {_MOST_LAYERS:,}")


def _is(value: object, of: type | tuple[type, ...], each: type | None) -> bool:
    """Say whether a value is of a kind; what is in a list too, where numbers are not negative."""
    if not isinstance(value, of) or (isinstance(value, bool) and of is not bool):
        return False
    return each is None or all(isinstance(item, each) and _in_bounds(item) for item in _listed(value))


def _in_bounds(value: object) -> bool:
    """Say whether a value may stand in a config: no number too large, no list longer than layers."""
    if isinstance(value, int | float):
        return 0 <= value <= _LARGEST
    return not isinstance(value, list | str) or len(value) <= _MOST_LAYERS


_ENCODERS = re.compile(
    r"(albert|bert|bert-generation|camembert|clip|deberta(-v2)?|dinov2|distilbert|electra|ernie|modernbert|mpnet|nomic_bert"
    r"|roberta|roformer|siglip|vit|wav2vec2|xlm(-roberta)?|xlnet)$"
)
_OTHER_RECURRENT = re.compile("rwkv|recurrent_gemma|xlstm")


def _refuse_others(config: Config, kind: str, other: str | None, where: str) -> None:
    """Raise :class:`InputError` for models that are no decoders, or that have what we do not know."""
    heads = [str(name) for name in _listed(config.get("architectures"))]
    what = ""
    if config.get("is_encoder_decoder") or config.get("decoder_layers"):
        what = f"describes an encoder-decoder model ({kind or 'is_encoder_decoder'})"
    elif _ENCODERS.match(kind) or any(name.endswith("ForMaskedLM") for name in heads):
        what = f"describes an encoder ({kind or heads[0]}), which generates no text"
    elif _OTHER_RECURRENT.match(kind):
        what = f"describes a recurrent model ({kind}) whose state is not known"
    elif other:
        what = f"describes a model with {other}, which capplan does not know"
    if what:
        raise InputError(Problem(where, what, "capplan models decoders of attention and state-space layers."))


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []

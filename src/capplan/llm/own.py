"""Models and constants of a user's own: what is wrong with such a file is told before it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from capplan.errors import InputError, Problem, nearest
from capplan.llm.architecture import PRECISIONS, Architecture, Stored
from capplan.llm.configuration import Configuration
from capplan.llm.layers import LatentAttention, Layers


def models(content: Any, where: str) -> Mapping[str, Any]:
    """Return the rows under ``models``, or raise everything that is wrong with them."""
    rows = section(content, "models", where)
    problems = [problem for name, row in rows.items() for problem in _row_problems(row, f"{where}: {name}")]
    if problems:
        raise InputError(*problems)
    return rows


def section(content: Any, name: str, where: str) -> Mapping[str, Any]:
    """Return the mapping called ``name`` at the top of a file."""
    if not isinstance(content, Mapping) or not isinstance(content.get(name), Mapping):
        raise InputError(Problem(where, f"has no mapping '{name}'"))
    found: Mapping[str, Any] = content[name]
    return found


def _row_problems(row: Any, where: str) -> Iterator[Problem]:
    shape = row.get("shape") if isinstance(row, Mapping) else None
    if not isinstance(shape, Mapping):
        yield Problem(where, "has no mapping 'shape'", _IMPORT)
        return
    where, groups = f"{where}: shape", shape.get("groups")
    yield from _field_problems(shape, _WHOLE, ("hidden", "vocabulary") if groups else _NEEDED, where)
    listed = groups if isinstance(groups, list) else [groups] if groups else []
    for number, group in enumerate(listed, 1):
        if isinstance(group, Mapping):
            yield from _field_problems(group, Layers._fields, ("layers",), f"{where}: groups[{number}]")
        else:
            yield Problem(f"{where}: groups[{number}]", f"expected a mapping, got '{group}'", _IMPORT)
    for kind, inner in ((LatentAttention, "latent"), (Stored, "stored")):
        for part in (part for part in (shape, *listed) if isinstance(part, Mapping)):
            if isinstance(part.get(inner), Mapping):
                needed = [field for field in kind._fields if field not in kind._field_defaults]
                yield from _field_problems(part[inner], kind._fields, needed, f"{where}: {inner}")


_NEEDED = ("layers", "hidden", "query_heads", "kv_heads", "head_size", "ffn", "vocabulary")
_SHORT = ("dense_layers", "dense_ffn", "window_layers", "mxfp4")
"""What a shape without groups may say of its first layers, and of its experts."""

_ELSEWHERE = ("name", "confidence", "source", "measured")
_WHOLE = (*Layers._fields, *(f for f in Architecture._fields if f not in _ELSEWHERE), *_SHORT)
_PARTS = ("latent", "stored", "groups", "precision")

_IMPORT = "Create the file with capplan catalog import-model."


def _field_problems(
    values: Mapping[str, Any], fields: Sequence[str], needed: Sequence[str], where: str
) -> Iterator[Problem]:
    """Yield what is missing, unknown or not a number."""
    missing = [field for field in needed if field not in values]
    if missing:
        yield Problem(where, f"lacks {', '.join(missing)}", _IMPORT)
    for field, value in values.items():
        if field not in fields:
            yield Problem(f"{where}: {field}", "unknown field", nearest(field, fields))
        elif field not in _PARTS and not (isinstance(value, int | float) and value >= 0):
            yield Problem(f"{where}: {field}", f"expected a number, got '{value}'")


def constants(content: Any, base: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return ``base``, the speed constants that are shipped, with those under ``speed`` laid over them."""
    over = section(content, "speed", where)
    problems = list(_constant_problems(over, _template(base, over), f"{where}: speed"))
    if problems:
        raise InputError(*problems)
    return _merged(base, over)


Measured = Mapping[str, frozenset[tuple[str, str, float]]]
"""What a user has measured, by model: (GPU, kind of precision, how many GPUs)."""


def measured(content: Any, where: str) -> Measured:
    """Return what stands under ``measured``, nothing if that is missing."""
    if not isinstance(content, Mapping) or "measured" not in content:
        return {}
    found: dict[str, set[tuple[str, str, float]]] = {}
    for number, row in enumerate(content["measured"] or (), 1):
        try:
            what = (str(row["gpu"]), str(row["kind"]), float(row["tensor_parallel"]))
            found.setdefault(str(row["model"]), set()).add(what)
        except (KeyError, TypeError, ValueError):
            remedy = "Create the file with capplan calibrate llm."
            wrong = Problem(f"{where}: measured: {number}", "needs model, gpu, kind, tensor_parallel", remedy)
            raise InputError(wrong) from None
    return {model: frozenset(rows) for model, rows in found.items()}


def measured_yaml(configurations: Iterable[Configuration]) -> str:
    """Return the section that :func:`measured` reads."""
    rows = dict.fromkeys(
        f"  - {{model: {c.model.name}, gpu: {c.gpu.name}, kind: {c.precision.alike}, "
        f"tensor_parallel: {c.tensor_parallel:g}}}"
        for c in configurations
    )
    return "\n".join(["measured:", *rows]) + "\n"


def _template(base: Mapping[str, Any], over: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return every constant that may be given: a family may differ in whatever any GPU has."""
    any_gpu = base["families"]["any"]
    own = {**any_gpu, "mfu": {**dict.fromkeys(PRECISIONS, 1.0), **any_gpu["mfu"]}}
    named = over.get("families")
    return {**base, "families": dict.fromkeys(named if isinstance(named, Mapping) else (), own)}


def _constant_problems(over: Mapping[str, Any], template: Mapping[str, Any], where: str) -> Iterator[Problem]:
    for key, value in over.items():
        here, known = f"{where}: {key}", template.get(key)
        if known is None:
            yield Problem(here, "unknown constant", nearest(str(key), template))
        elif isinstance(known, Mapping):
            if isinstance(value, Mapping):
                yield from _constant_problems(value, known, here)
            else:
                yield Problem(here, f"expected a mapping, got '{value}'")
        elif isinstance(known, int | float) and not (isinstance(value, int | float) and value >= 0):
            yield Problem(here, f"expected a number, got '{value}'")


def apart(speed: Mapping[str, Any], families: Iterable[str]) -> dict[str, Any]:
    """Return speed constants in which each of the ``families`` has all of its own.

    What a benchmark of one family says of its GPUs says nothing of others.
    """
    known = speed["families"]
    own = {name: _merged(known["any"], known.get(name, {})) for name in families}
    return {**speed, "families": {**known, **own}}


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merged(base[key], over[key]) for key in over if isinstance(base.get(key), Mapping)}
    return {**base, **over, **both}

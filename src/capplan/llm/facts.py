"""Names to values: models, GPUs and engines as users write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capplan.errors import InputError, Problem, nearest
from capplan.llm.architecture import PRECISIONS, Architecture, LatentAttention, Precision
from capplan.llm.hardware import Engine, Gpu, engine_of, gpu_of

LlmFacts = Mapping[str, Any]


def known_name(name: str, rows: LlmFacts) -> str | None:
    """Return the name in ``rows`` that ``name`` means, whatever its case and hyphens; None if none."""
    wanted = _bare(name)
    for key, row in rows.items():
        if wanted == _bare(key) or wanted in map(_bare, row.get("aliases", ())):
            return str(key)
    return None


_SEPARATORS = str.maketrans("", "", " -_")


def _bare(name: str) -> str:
    return name.lower().translate(_SEPARATORS)


def find_model(name: str, facts: LlmFacts, where: str = "model") -> Architecture:
    """Return the architecture called ``name``, in ``facts`` that hold ``models``."""
    key = _found(name, facts["models"], where, "model", _IMPORT)
    measured = facts.get("measured", {}).get(key, frozenset())
    return architecture_of(key, facts["models"][key])._replace(measured=measured)


_IMPORT = "Others: capplan catalog import-model config.json"


def architecture_of(name: str, row: LlmFacts) -> Architecture:
    """Return the architecture that a row of models.yaml describes."""
    shape = dict(row["shape"])
    latent = shape.pop("latent", None)
    values: dict[str, Any] = {k: v if isinstance(v, bool) else float(v) for k, v in shape.items()}
    return Architecture(
        name=name,
        **values,
        latent=None if latent is None else LatentAttention(**{k: float(v) for k, v in latent.items()}),
        confidence=row.get("confidence", "unverified"),
        source=row.get("source", ""),
    )


def find_gpu(name: str, facts: LlmFacts, where: str = "gpu") -> Gpu:
    """Return the GPU called ``name``."""
    return gpu_of(_found(name, facts["gpus"], where, "GPU", ""), facts)


def find_engine(name: str, facts: LlmFacts, where: str = "engine") -> Engine:
    """Return the engine called ``name``."""
    return engine_of(_found(name, facts["speed"]["engines"], where, "engine", ""), facts)


def find_precision(name: str, where: str = "precision") -> Precision:
    """Return the precision called ``name``."""
    return PRECISIONS[_found(name, {key: {} for key in PRECISIONS}, where, "precision", "")]


def _found(name: str, rows: LlmFacts, where: str, kind: str, more: str) -> str:
    key = known_name(name, rows)
    if key is None:
        remedy = " ".join(part for part in (nearest(name, rows), more) if part)
        raise InputError(Problem(where, f"unknown {kind} '{name}'", remedy))
    return key

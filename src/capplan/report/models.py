"""The models that are known, for people and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from capplan.llm.architecture import Architecture
from capplan.report.blocks import Report
from capplan.report.json_format import SCHEMA_VERSION
from capplan.report.table import Column, Table

_MODEL = (
    Column("Model"),
    Column("Billion", right=True),
    Column("active", right=True),
    Column("layers", right=True),
    Column("KV kB/token", right=True),
    Column("Confidence", shrinks=True),
)


def models_report(models: Sequence[Architecture]) -> Report:
    """Return the models that are known."""
    return Report(lambda: [_models_table(models)], partial(_models_document, models))


def _models_document(models: Sequence[Architecture]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "models": [
            {
                "name": model.name,
                "parameters": model.total_parameters,
                "active_parameters": model.active_parameters,
                "layers": model.layers,
                "attention": model.kinds,
                "kv_kb_per_token": _kv_kilobytes(model),
                "state_mb": model.held(2.0).fixed / 1e6,
                "stored_gb": model.stored_bytes / 1e9,
                "context": model.context,
                "confidence": model.confidence,
                "source": model.source,
            }
            for model in models
        ],
    }


def _models_table(models: Sequence[Architecture]) -> Table:
    rows = [
        [
            model.name,
            f"{model.total_parameters / 1e9:.1f}",
            f"{model.active_parameters / 1e9:.1f}",
            f"{model.layers:g}",
            f"{_kv_kilobytes(model):.0f}",
            model.confidence,
        ]
        for model in models
    ]
    return Table(_MODEL, rows)


def _kv_kilobytes(model: Architecture) -> float:
    """Return the KV cache at 16 bit of a token that all layers see."""
    cache = model.held(2.0)
    return (cache.full + cache.bounded) / 1e3

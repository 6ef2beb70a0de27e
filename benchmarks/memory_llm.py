"""How far the memory that engines report when they start is from what the LLM model says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from capplan.llm.architecture import PRECISIONS
from capplan.llm.benchmark import model_name, precision_name
from capplan.llm.configuration import Configuration
from capplan.llm.facts import find_engine, find_gpu, find_model, find_precision, known_name
from capplan.llm.settings import Told
from capplan.tabular import Table

ROOM = "kv_cache_gib_per_gpu"
_WITHIN = 0.15
_TOLD = {
    "gpu_memory_utilization": "memory_share",
    "max_num_batched_tokens": "batched_tokens",
    "max_num_seqs": "sequences",
}
"""Columns that a file may have besides, by what the engine was told."""

Row = Mapping[str, str]


def score_memory(table: Table, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the errors of the room for the KV cache where engines started, and which rows fit wrongly.

    An engine that has no room did not start, nor one whose source says that it fails.
    """
    rows = [row for _, row in table.records()]
    skipped = Counter(reason for row in rows if (reason := _unknown(row, facts)))
    kept = [row for row in rows if not _unknown(row, facts)]
    measured = np.array([float(row[ROOM] or "nan") for row in kept])
    found = np.array([_room_gib(row, facts) for row in kept])
    starts = np.array(
        [
            value > 0 and "fails" not in row.get("source", "")
            for value, row in zip(measured, kept, strict=True)
        ]
    )
    errors = found[starts] / measured[starts] - 1
    return {
        "within_15_percent": round(float(np.mean(np.abs(errors) <= _WITHIN)), 4),
        "wrong_fits": int(np.sum(found[~starts] > 0)),
        "wrong_refusals": int(np.sum(found[starts] <= 0)),
        "median_ape": round(float(np.median(np.abs(errors))), 4),
        "p90_ape": round(float(np.quantile(np.abs(errors), 0.9)), 4),
        "bias": round(float(np.median(errors)), 4),
        "rows": len(kept),
        "skipped": dict(skipped),
    }


def _unknown(row: Row, facts: Mapping[str, Any]) -> str:
    """Return what of a row has no name here, empty if all has."""
    if known_name(model_name(row["model"], facts["models"]), facts["models"]) is None:
        return "model"
    if known_name(row["gpu"], facts["gpus"]) is None:
        return "gpu"
    return "" if precision_name(row["precision"]) in PRECISIONS else "precision"


def _room_gib(row: Row, facts: Mapping[str, Any]) -> float:
    """Return the room for the KV cache of each GPU, in GiB."""
    gpus = float(row.get("tp") or 1)
    told = {ours: float(row[column]) for column, ours in _TOLD.items() if row.get(column)}
    one = Configuration(
        find_model(model_name(row["model"], facts["models"]), facts),
        find_precision(precision_name(row["precision"])),
        find_gpu(row["gpu"], facts),
        gpus,
        find_engine(row.get("engine") or "vllm", facts, version=row.get("engine_version") or None),
        Told(**told, kv_cache=row.get("kv_cache_dtype") or None),
    )
    return float(one.memory().room) / gpus / 2**30

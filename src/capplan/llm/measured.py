"""Published or own measurements, and what the model says to each of them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.errors import InputError, Problem
from capplan.llm.architecture import PRECISIONS
from capplan.llm.facts import Facts, find_engine, find_gpu, find_model, known_name
from capplan.llm.fit import fit, obstacles
from capplan.llm.hardware import Efficiency, efficiency_of
from capplan.llm.roofline import Work, prefill_time, stacked, step_time, work_of
from capplan.llm.serving import Served, static_throughput, stream_throughput, time_per_token
from capplan.llm.simulator import Replica, simulate, steady_users

COLUMNS = ("model", "precision", "gpu", "tp", "concurrency", "in_len", "out_len", "metric", "value")
METRICS = {
    "tpot_ms": "tpot",
    "itl_ms": "tpot",
    "decode_tok_s_user": "tpot",
    "out_tok_s": "throughput",
    "out_tok_s_per_gpu": "throughput",
    "ttft_ms": "ttft",
    "prefill_tok_s": "ttft",
}
"""Which of the three questions a metric answers."""

MOST_SEQUENCES = 2048.0
"""Sequences that a benchmark of the most throughput keeps running, where the memory allows it."""

SPREAD, ROUNDS = 0.9, 7.0
"""How benchmarks with a fixed concurrency are run, where they do not say: lengths from 90 % of the nominal,
seven requests a user. Few rounds leave the rush of the first one in the mean TTFT."""


class Row(NamedTuple):
    """One measurement. concurrency: None where the benchmark sends as fast as it can."""

    model: str
    precision: str
    gpu: str
    tp: float
    concurrency: float | None
    inputs: float
    outputs: float
    metric: str
    value: float
    engine: str
    mode: str
    source: str

    @property
    def question(self) -> str:
        """TPOT, throughput or TTFT."""
        return METRICS[self.metric]


class Sample(NamedTuple):
    """Rows with what the model needs to predict them; the arrays are by row.

    sequences: KV cache room, in sequences; running: how many of them run.
    """

    rows: Sequence[Row]
    work: Work
    reached: Efficiency
    served: Served
    running: Array
    cache_tokens: Array


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a CSV with the ``COLUMNS``; engine, mode and source may be left out."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            what = f"lacks the column {', '.join(missing)}"
            raise InputError(Problem(str(path), what, f"Needed: {', '.join(COLUMNS)}."))
        return [_row(path, number, row) for number, row in enumerate(reader, 2)]


def _row(path: Path, number: int, row: Mapping[str, str]) -> Row:
    def figure(column: str) -> float | None:
        text = (row[column] or "").strip()
        try:
            return float(text) if text else None
        except ValueError:
            what = f"expected a number in {column}, got '{text}'"
            raise InputError(Problem(f"{path}:{number}", what)) from None

    value, inputs, outputs = figure("value"), figure("in_len"), figure("out_len")
    if value is None or value <= 0:
        raise InputError(Problem(f"{path}:{number}", "value must be a number above 0"))
    return Row(
        model=row["model"],
        precision=row["precision"],
        gpu=row["gpu"],
        tp=figure("tp") or 1.0,
        concurrency=figure("concurrency"),
        inputs=float("nan") if inputs is None else inputs,
        outputs=float("nan") if outputs is None else outputs,
        metric=row["metric"],
        value=value,
        engine=row.get("engine") or "other",
        mode=row.get("mode") or "fixed concurrency",
        source=row.get("source") or "",
    )


def engine_name(text: str) -> str:
    """Return our name of an engine that a benchmark names with its version.

    >>> engine_name("TRT-LLM 0.17"), engine_name("vllm 0.11.2"), engine_name("llama.cpp")
    ('tensorrt-llm', 'vllm', 'other')
    """
    lower = text.lower()
    if lower.startswith(("trt", "tensorrt")):
        return "tensorrt-llm"
    return next((name for name in ("vllm", "sglang") if lower.startswith(name)), "other")


def unpredictable(row: Row, facts: Facts) -> str:
    """Return why nothing can be said of ``row``, empty if something can."""
    if row.metric not in METRICS:
        return "metric"
    if np.isnan(row.inputs) or np.isnan(row.outputs):
        return "lengths"
    if row.precision not in PRECISIONS:
        return "precision"
    if known_name(row.model, facts["models"]) is None:
        return "model"
    if known_name(row.gpu, facts["gpus"]) is None:
        return "gpu"
    model, gpu = find_model(row.model, facts), find_gpu(row.gpu, facts)
    return "; ".join(obstacles(model, PRECISIONS[row.precision], gpu, row.tp))


def sample_of(rows: Iterable[Row], facts: Facts) -> Sample:
    """Return the rows ready for prediction; rows that do not fit are left out."""
    kept: list[tuple[Row, Work, Efficiency, float, float, bool]] = []
    for row in rows:
        model, gpu, precision = find_model(row.model, facts), find_gpu(row.gpu, facts), PRECISIONS[row.precision]
        engine = find_engine(engine_name(row.engine), facts)
        reached = efficiency_of(model, precision, gpu, row.tp, engine, facts)
        tokens = row.inputs + reached.growth * row.outputs
        room = fit(model, precision, gpu, row.tp, tokens, reached).sequences
        if room >= 1:
            work = work_of(model, precision, gpu, row.tp)
            kept.append((row, work, reached, float(room), tokens, engine.mixes))
    columns: list[Any] = list(zip(*kept, strict=True))
    work, reached = stacked(columns[1]), stacked(columns[2])
    room = np.array(columns[3])
    asked = [_asked(row) for row in columns[0]]
    running = np.maximum(np.minimum(asked, room), 1.0)
    inputs = np.array([row.inputs for row in columns[0]])
    outputs = np.array([row.outputs for row in columns[0]])
    served = Served(work, reached, inputs, outputs, np.array(columns[5]))
    return Sample(columns[0], work, reached, served, running, room * np.array(columns[4]))


def _asked(row: Row) -> float:
    if row.concurrency is not None:
        return row.concurrency
    return 1.0 if row.mode.startswith(("single", "static")) else MOST_SEQUENCES


def predict(sample: Sample, facts: Facts, first_tokens: bool = True) -> Array:
    """Return the prediction of each row, in the row's own unit.

    Without ``first_tokens`` the TTFT of rows with several users is NaN: it takes the simulator, a run a row.
    """
    served = sample.served
    tpot = time_per_token(served, sample.running)
    decode = step_time(sample.work, sample.reached, 1.0, served.inputs + served.outputs / 2)
    read = prefill_time(sample.work, sample.reached, served.inputs)
    stream, static = stream_throughput(served), static_throughput(served, sample.running)
    shards = np.array([row.tp for row in sample.rows])
    alone = np.array([row.mode.startswith("single") for row in sample.rows])
    tpot = np.where(alone, decode, tpot)
    by_metric = {
        "tpot_ms": 1e3 * tpot,
        "itl_ms": 1e3 * tpot,
        "decode_tok_s_user": 1 / decode,
        "out_tok_s": np.where(sample.running == 1, stream, sample.running / tpot),
        "out_tok_s_per_gpu": static / shards,
        "ttft_ms": 1e3 * read,
        "prefill_tok_s": served.inputs / read,
    }
    found = np.array([by_metric[row.metric][index] for index, row in enumerate(sample.rows)])
    for index, row in enumerate(sample.rows):
        if row.metric == "ttft_ms" and (row.concurrency or 1.0) > 1 and not row.mode.startswith("static"):
            found[index] = _first_token_ms(sample, index, facts) if first_tokens else np.nan
    return found


def _first_token_ms(sample: Sample, index: int, facts: Facts) -> float:
    row = sample.rows[index]
    engine = find_engine(engine_name(row.engine), facts)
    replica = Replica(
        Work(*(float(value[index]) for value in sample.work)),
        Efficiency(*(float(value[index]) for value in sample.reached)),
        engine,
        float(sample.cache_tokens[index]),
    )
    users = int(row.concurrency or 1)
    requests = steady_users(row.inputs, row.outputs, users, SPREAD, ROUNDS)
    return 1e3 * float(simulate(replica, requests).ttft_s.mean())

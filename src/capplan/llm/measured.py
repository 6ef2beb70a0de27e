"""Published or own measurements, and what the model says to each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array
from capplan.errors import InputError, Problem
from capplan.llm.architecture import PRECISIONS, Precision
from capplan.llm.confidence import Question
from capplan.llm.configuration import Configuration
from capplan.llm.facts import LlmFacts, find_engine, find_gpu, find_model, known_name
from capplan.llm.fit import obstacles, sequences_that_fit
from capplan.llm.hardware import Efficiency, Engine, Gpu
from capplan.llm.roofline import Work, stacked, taken
from capplan.llm.serving import (
    Served,
    decode_step,
    prompt_time,
    static_throughput,
    stream_throughput,
    time_per_token,
)
from capplan.llm.simulator import ServedOutcome, SimulatedReplica, burst, simulate, steady_users
from capplan.tabular import Table

COLUMNS = ("model", "precision", "gpu", "tp", "concurrency", "in_len", "out_len", "metric", "value")
METRICS: dict[str, Question] = {
    "tpot_ms": "tpot",
    "itl_ms": "tpot",
    "decode_tok_s_user": "tpot",
    "out_tok_s": "throughput",
    "out_tok_s_per_gpu": "throughput",
    "ttft_ms": "ttft",
    "prefill_tok_s": "ttft",
}
"""Which of the three questions a metric answers."""

LARGEST = 1e12
"""The largest figure in a measurement: more than any replica, prompt or answer comes to."""

MOST_SEQUENCES = 2048.0
"""Sequences that a benchmark of the most throughput keeps running, where the memory allows it."""

SPREAD, ROUNDS = 0.85, 8.0
"""How benchmarks with a fixed concurrency are run, where they do not say: lengths from 85 % of the nominal,
some eight requests a user. Few rounds leave the rush of the first one in the mean TTFT."""


class MeasuredRow(NamedTuple):
    """One measurement. concurrency: None where the benchmark sends as fast as it can.

    requests: how many were sent in all, where that is known. longest: the longest prompt or answer of
    recorded conversations; None where all requests were made alike. ran: sequences that ran at once while
    others queued, where the run tells it; 0 where the model has to.
    """

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
    requests: float | None = None
    longest: float | None = None
    ran: float = 0.0

    @property
    def question(self) -> Question:
        """TPOT, throughput or TTFT."""
        return METRICS[self.metric]


class MeasuredSample(NamedTuple):
    """Rows with what the model needs to predict them.

    configurations: what serves, each once; which: that of each row. The arrays are by row.
    """

    rows: Sequence[MeasuredRow]
    configurations: Sequence[Configuration]
    which: NDArray[np.int64]
    work: Work
    inputs: Array
    outputs: Array
    asked: Array


class Running(NamedTuple):
    """What runs under given constants: sequences at once, and the tokens that the KV cache holds, by row.

    engines: by configuration.
    """

    served: Served
    engines: Sequence[Engine]
    room: Array
    sequences: Array
    cache_tokens: Array


def rows_in(table: Table) -> list[MeasuredRow]:
    """Return the rows of a table with the ``COLUMNS``; engine, mode and source may be left out."""
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        what = f"lacks the column {', '.join(missing)}"
        raise InputError(Problem(table.path, what, f"Needed: {', '.join(COLUMNS)}."))
    return [_row(where, row) for where, row in table.records()]


def _row(where: str, row: Mapping[str, str]) -> MeasuredRow:
    def figure(column: str) -> float | None:
        text = row[column]
        if text.lower() in ("", "nan"):
            return None
        try:
            found = float(text)
        except ValueError:
            found = -1.0
        if not 0 <= found <= LARGEST:
            most = f" and at most {LARGEST:g}" if math.isfinite(found) and found > 0 else ""
            what = f"expected a number in {column}, 0 or more{most}, got '{text[:80]}'"
            raise InputError(Problem(where, what))
        return found

    value, inputs, outputs = figure("value"), figure("in_len"), figure("out_len")
    if not value:
        raise InputError(Problem(where, "value must be a number above 0"))
    return MeasuredRow(
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
    if "triton" in lower:
        return "triton"
    if lower.startswith(("trt", "tensorrt")):
        return "tensorrt-llm"
    return next((name for name in ("vllm", "sglang") if lower.startswith(name)), "other")


def unpredictable(row: MeasuredRow, facts: LlmFacts) -> str:
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


def sample_of(rows: Sequence[MeasuredRow], facts: LlmFacts) -> MeasuredSample:
    """Return ``rows``, none of them :func:`unpredictable`, ready for prediction."""
    configurations: dict[tuple[object, ...], Configuration] = {}
    for row in rows:
        key = (row.model, row.precision, row.gpu, row.tp, engine_name(row.engine))
        if key not in configurations:
            gpu = find_gpu(row.gpu, facts)
            engine = find_engine(engine_name(row.engine), facts).on(gpu)
            configurations[key] = Configuration(
                find_model(row.model, facts),
                _as_run(PRECISIONS[row.precision], engine, gpu),
                gpu,
                row.tp,
                engine,
            )
    index = {key: number for number, key in enumerate(configurations)}
    keys = [(row.model, row.precision, row.gpu, row.tp, engine_name(row.engine)) for row in rows]
    which = np.array([index[key] for key in keys])
    return MeasuredSample(
        rows=rows,
        configurations=list(configurations.values()),
        which=which,
        work=taken(stacked([c.work() for c in configurations.values()]), which),
        inputs=np.array([row.inputs for row in rows]),
        outputs=np.array([row.outputs for row in rows]),
        asked=np.array([_asked(row) for row in rows]),
    )


def _as_run(precision: Precision, engine: Engine, gpu: Gpu) -> Precision:
    """Return the precision with the KV cache that benchmarks have, who leave it to the engine.

    The checkpoints that are made for Blackwell ask for 8 bit. capplan's own manifests ask for what
    ``precision`` says.
    """
    return precision._replace(kv_bytes=2) if engine.wide_kv and gpu.family != "Blackwell" else precision


def _asked(row: MeasuredRow) -> float:
    if row.ran or row.concurrency is not None:
        return row.ran or row.concurrency or 0.0
    return 1.0 if row.mode.startswith(("single", "static")) else MOST_SEQUENCES


def running(sample: MeasuredSample, facts: LlmFacts) -> Running:
    """Return what runs with the constants in ``facts``; where nothing fits ``room`` is below 1.

    A benchmark that sends as fast as it can does so without an API server.
    """
    engines = [find_engine(c.engine.name, facts).on(c.gpu) for c in sample.configurations]
    with_facts = [c._replace(engine=e) for c, e in zip(sample.configurations, engines, strict=True)]
    reached = taken(stacked([c.reached(facts) for c in with_facts]), sample.which)
    offline = np.array([row.concurrency is None for row in sample.rows])
    reached = reached._replace(token_s=np.where(offline, 0.0, reached.token_s))
    tokens = sample.inputs + reached.growth * sample.outputs
    memory = taken(stacked([c.memory() for c in sample.configurations]), sample.which)
    ran = np.array([row.ran for row in sample.rows])
    room = np.maximum(sequences_that_fit(memory, tokens), ran)
    mixes = np.array([engine.mixes for engine in engines])[sample.which]
    served = Served(sample.work, reached, sample.inputs, sample.outputs, mixes)
    limit = np.array([engine.max_sequences for engine in engines])[sample.which]
    most = np.minimum(room, np.maximum(limit, ran))
    sequences = np.maximum(np.minimum(sample.asked, most), 1.0)
    return Running(served, engines, room, sequences, room * tokens)


def predict(sample: MeasuredSample, facts: LlmFacts, simulated: bool = True) -> Array:
    """Return the prediction of each row, in the row's own unit; NaN where the model does not fit.

    TTFT and TPOT of several users are those of a simulated benchmark. Where that takes too long, TPOT is that
    of the closed form, which every request meets in a steady state, and TTFT is NaN.
    """
    runs = running(sample, facts)
    served = runs.served
    tpot = time_per_token(served, runs.sequences)
    decode, read = decode_step(served, 1.0), prompt_time(served)
    shards = np.array([row.tp for row in sample.rows])
    alone = np.array([row.mode.startswith("single") for row in sample.rows])
    tpot = np.where(alone, decode, tpot)
    many = np.where(runs.sequences == 1, stream_throughput(served), runs.sequences / tpot)
    by_metric: dict[str, Array] = {
        "tpot_ms": np.asarray(1e3 * tpot),
        "itl_ms": np.asarray(1e3 * tpot),
        "decode_tok_s_user": np.asarray(1 / decode),
        "out_tok_s": np.asarray(many),
        "out_tok_s_per_gpu": np.asarray(static_throughput(served, runs.sequences) / shards),
        "ttft_ms": np.asarray(1e3 * read),
        "prefill_tok_s": np.asarray(served.inputs / read),
    }
    found = np.array([by_metric[row.metric][index] for index, row in enumerate(sample.rows)])
    crowded = [index for index in range(len(found)) if _is_crowded(sample, index)]
    outcomes = _outcomes(sample, runs, crowded) if simulated else {}
    for index in crowded:
        row = sample.rows[index]
        if simulated:
            found[index] = _said(row, outcomes[_benchmark(sample, index)])
        elif row.question == "ttft":
            found[index] = np.nan
    return np.where(runs.room < 1, np.nan, found)


def _is_crowded(sample: MeasuredSample, index: int) -> bool:
    """Whether a row's answer depends on what several users at once do to each other."""
    row = sample.rows[index]
    if row.requests is not None:
        return True
    timed = row.metric in ("tpot_ms", "itl_ms", "ttft_ms")
    return timed and sample.asked[index] > 1 and not row.mode.startswith(("single", "static"))


def _said(row: MeasuredRow, outcome: ServedOutcome) -> float:
    """Return what a benchmark says of its users, in the row's own unit."""
    if row.question == "throughput":
        return (row.requests or 0.0) * row.outputs / outcome.duration_s
    return 1e3 * float((outcome.ttft_s if row.question == "ttft" else outcome.tpot_s).mean())


_Benchmark = tuple[int, float, float, float, float | None, float | None]


def _benchmark(sample: MeasuredSample, index: int) -> _Benchmark:
    """Return what rows have in common that are figures of one run."""
    row, asked = sample.rows[index], float(sample.asked[index])
    return int(sample.which[index]), row.inputs, row.outputs, asked, row.requests, row.longest


def _outcomes(
    sample: MeasuredSample, runs: Running, chosen: Sequence[int]
) -> dict[_Benchmark, ServedOutcome]:
    """Return what the users of each benchmark met."""
    found: dict[_Benchmark, ServedOutcome] = {}
    for index in chosen:
        key = _benchmark(sample, index)
        if key not in found:
            which, inputs, outputs, users, count, longest = key
            replica = SimulatedReplica(
                Work._make(value if value is None else float(value[index]) for value in runs.served.work),
                Efficiency._make(float(value[index]) for value in runs.served.reached),
                runs.engines[which],
                float(runs.cache_tokens[index]),
            )
            found[key] = simulate(
                replica,
                steady_users(inputs, outputs, int(users), SPREAD, ROUNDS)
                if count is None
                else burst(inputs, outputs, int(users), int(count), longest),
            )
    return found

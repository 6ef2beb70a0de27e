"""Results of serving benchmarks, as their tools write them, turned into measurements.

Read are tables with a line for each figure (``metric``, ``value``) or for each run (a column each), and the
JSON of ``vllm bench serve --save-result`` and of genai-perf (``profile_export_genai_perf.json``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from capplan.errors import InputError, Problem
from capplan.llm.facts import LlmFacts, known_name, named_precisions, unstored
from capplan.llm.measured import LARGEST, MeasuredRow, predict, rows_in, sample_of, unpredictable
from capplan.stdin import is_stdin, name_of
from capplan.strictjson import parse_json
from capplan.strictyaml import read_text
from capplan.tabular import read_table

Record = Mapping[str, Any]

_IDENTITY = {
    "model": ("model", "model_id", "model_name"),
    "precision": ("precision", "quantization", "dtype"),
    "gpu": ("gpu", "gpu_type", "gpu_name", "device", "hardware"),
    "tp": ("tp", "tensor_parallel", "tensor_parallel_size", "tp_size"),
    "concurrency": ("concurrency", "max_concurrency"),
    "in_len": ("in_len", "input_len", "isl", "input_tokens", "random_input_len", "input_sequence_length"),
    "out_len": (
        "out_len",
        "output_len",
        "osl",
        "output_tokens",
        "random_output_len",
        "output_sequence_length",
    ),
    "engine": ("engine", "backend", "server"),
    "mode": ("mode",),
    "source": ("source",),
}
"""Columns and keys by what they say."""

_FIGURES = {
    "tpot_ms": ("tpot_ms", "mean_tpot_ms", "tpot", "time_per_output_token"),
    "itl_ms": ("itl_ms", "mean_itl_ms", "itl", "inter_token_latency"),
    "ttft_ms": ("ttft_ms", "mean_ttft_ms", "ttft", "time_to_first_token"),
    "out_tok_s": ("out_tok_s", "output_throughput", "output_token_throughput", "output_tokens_per_s"),
}
"""Figures of a run by metric. ITL stands for TPOT where that is missing."""


class Given(NamedTuple):
    """What results do not say of themselves, or say wrongly, as the user does."""

    gpu: str | None = None
    precision: str | None = None
    tp: int | None = None
    engine: str | None = None

    def said(self) -> dict[str, Any]:
        """Return what was given, by name."""
        return {field: value for field, value in self._asdict().items() if value is not None}


def read_results(path: Path, given: Given, facts: LlmFacts) -> list[MeasuredRow]:
    """Return the measurements in ``path``; :class:`InputError` where they cannot be read."""
    if path.suffix == ".json" or (is_stdin(path) and read_text(path).lstrip()[:1] in ("{", "[")):
        records = _json_records(path)
    else:
        table = read_table(path, lambda title: title.strip().lower())
        if {"metric", "value"} <= table.columns.keys():
            return [with_our_names(row._replace(**given.said()), facts) for row in rows_in(table)]
        records = table.records()
    return [row for where, record in records for row in _rows_of(record, where, given, facts)]


def unusable(rows: Sequence[MeasuredRow], facts: LlmFacts) -> list[str]:
    """Return why constants cannot be fitted to each row, empty where they can."""
    reasons = [_unknown(row, facts) for row in rows]
    known = [index for index, reason in enumerate(reasons) if not reason]
    if known:
        sample = sample_of([rows[index] for index in known], facts)
        for index, prediction in zip(known, predict(sample, facts, simulated=False), strict=True):
            if np.isnan(prediction):
                first = rows[index].question == "ttft"
                reasons[index] = "time to the first token of several users" if first else "does not fit"
    return reasons


def _unknown(row: MeasuredRow, facts: LlmFacts) -> str:
    reason = unpredictable(row, facts)
    return f"unknown {reason} '{getattr(row, reason)}'" if reason in row._fields else reason


def with_our_names(row: MeasuredRow, facts: LlmFacts) -> MeasuredRow:
    """Return the row with our names of its model, precision and GPU, where they are known."""
    return row._replace(
        model=model_name(row.model, facts["models"]),
        precision=precision_name(row.precision),
        gpu=known_name(row.gpu, facts["gpus"]) or row.gpu,
    )


def _json_records(path: Path) -> Iterator[tuple[str, Record]]:
    """Yield the results of a JSON file: one, a list of them, or one a line."""
    content = _json_content(read_text(path), name_of(path))
    results = content if isinstance(content, list) else [content]
    for number, result in enumerate(results, 1):
        where = name_of(path) if len(results) == 1 else f"{name_of(path)}: result {number}"
        if not isinstance(result, dict):
            raise InputError(Problem(where, "expected a mapping", _FORMATS))
        yield where, _flat(result)


def _json_content(text: str, name: str) -> Any:
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    is_one_a_line = len(lines) > 1 and lines[0][1].rstrip().endswith("}")
    if not is_one_a_line:
        return parse_json(text, name)
    return [parse_json(line, name, line=number) for number, line in lines]


def _flat(result: Record) -> Record:
    """Return a result with what genai-perf nests: the means of its statistics, and its settings."""
    settings = result.get("input_config")
    flat = {key: _mean(value) for key, value in result.items()}
    if isinstance(settings, Mapping):
        said = ("model", "model_names", "concurrency")
        flat.update({key: settings[key] for key in said if key in settings})
        stimulus = _nested(settings, "perf_analyzer", "stimulus", "concurrency")
        if stimulus is not None:
            flat.setdefault("concurrency", stimulus)
    names = flat.get("model_names")
    if isinstance(names, list) and names:
        flat["model"] = names[0]
    return flat


def _mean(value: Any) -> Any:
    """Return the mean of a statistic, times in ms; anything else as it is."""
    if not isinstance(value, Mapping) or not isinstance(value.get("avg"), int | float):
        return value
    return value["avg"] * _MILLISECONDS.get(str(value.get("unit")), 1.0)


_MILLISECONDS = {"s": 1e3, "sec": 1e3, "seconds": 1e3, "us": 1e-3, "ns": 1e-6}


def _nested(tree: Any, *keys: str) -> Any:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


_FORMATS = "capplan reads CSV, and the JSON of vllm bench serve or genai-perf."


def _rows_of(record: Record, where: str, given: Given, facts: LlmFacts) -> Iterator[MeasuredRow]:
    """Yield a row for each figure of a run."""
    figures = _figures(record, where)
    said = _identity(record, given, where)
    users = _number(said["concurrency"], f"{where}: concurrency")
    if users is None:
        # Paced by a rate: so many decoded on average, by Little's law. What came out is then what came in,
        # not what the replica can do.
        users = _decoding(figures)
        if users is None:
            what = "has neither its concurrency nor both TPOT and output throughput"
            raise InputError(Problem(where, what, "Give the concurrency."))
        del figures["out_tok_s"]
    ran = _ran(figures, users)
    for metric, value in figures.items():
        yield MeasuredRow(
            model=model_name(str(said["model"]), facts["models"]),
            precision=precision_name(str(said["precision"])),
            gpu=known_name(str(said["gpu"]), facts["gpus"]) or str(said["gpu"]),
            tp=_number(said["tp"], f"{where}: tp") or 1.0,
            concurrency=users,
            inputs=_tokens(record, "in_len", "total_input_tokens", where),
            outputs=_tokens(record, "out_len", "total_output_tokens", where),
            metric=metric,
            value=value,
            engine=_engine(said["engine"]),
            mode=str(said["mode"] or "fixed concurrency"),
            source=str(said["source"] or ""),
            ran=0.0 if metric == "ttft_ms" else ran,
        )


def _engine(said: Any) -> str:
    """Return the engine; vLLM, as in a plan, where only the protocol is said that it was asked by."""
    return "vllm" if said is None or str(said).startswith("openai") else str(said)


def _identity(record: Record, given: Given, where: str) -> dict[str, Any]:
    """Return what was measured; what the user gives goes before what the result says."""
    said = {field: _first(record, names) for field, names in _IDENTITY.items()}
    said.update(given.said())
    if said["precision"] == "auto":
        said["precision"] = None
    absent = [field for field in ("model", "precision", "gpu") if said[field] is None]
    if absent:
        options = " and ".join(f"--{field}" for field in absent if field != "model")
        raise InputError(Problem(where, f"does not say {', '.join(absent)}", options and f"Give {options}."))
    return said


def _figures(record: Record, where: str) -> dict[str, float]:
    """Return the figures of a run by metric."""
    found = {}
    for metric, names in _FIGURES.items():
        in_seconds = [re.sub("_ms$", "", name) + "_s" for name in names if metric != "out_tok_s"]
        value = _number(_first(record, names), f"{where}: {metric}")
        if value is None:
            seconds = _number(_first(record, in_seconds), f"{where}: {metric}")
            value = None if seconds is None else 1e3 * seconds
        if value is not None:
            found[metric] = value
    if "tpot_ms" in found:
        found.pop("itl_ms", None)  # the same for all engines that stream token by token
    if not found:
        known = ", ".join(names[1] for names in _FIGURES.values())
        raise InputError(Problem(where, f"has none of {known}", _FORMATS))
    return found


def _ran(figures: Mapping[str, float], users: float) -> float:
    """Return how many sequences ran while others queued, 0 where none did or the run does not tell.

    With a full KV cache that depends on what the engine was told, which results do not say.
    """
    found = _decoding(figures) or 0.0
    return found if found < _QUEUED * users else 0.0


_QUEUED = 0.5
"""Share of the users below which most of the others must have been waiting, not read."""


def _decoding(figures: Mapping[str, float]) -> float | None:
    """Return how many sequences ran, by Little's law as many as tokens came out in the time of one.

    None where the run does not tell.
    """
    tpot_ms = figures.get("tpot_ms", figures.get("itl_ms"))
    if tpot_ms is None or "out_tok_s" not in figures:
        return None
    return max(figures["out_tok_s"] * tpot_ms / 1e3, 1.0)


def _tokens(record: Record, field: str, total: str, where: str) -> float:
    """Return the tokens of a request or its answer, as the run says them or on average."""
    named = _number(_first(record, _IDENTITY[field]), f"{where}: {field}")
    if named is not None:
        return named
    tokens = _number(record.get(total), f"{where}: {total}")
    completed = _number(record.get("completed"), f"{where}: completed")
    if tokens is None or completed is None:
        what = f"does not say {field}, nor {total} and completed"
        raise InputError(Problem(where, what, _FORMATS))
    return tokens / completed


def _first(record: Record, names: Sequence[str]) -> Any:
    return next((record[name] for name in names if record.get(name) not in (None, "")), None)


def _number(value: Any, where: str) -> float | None:
    """Return a number above 0; None where nothing is said."""
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = 0.0
    if not 0 < number <= LARGEST:
        most = f", at most {LARGEST:g}" if number > LARGEST else ""
        what = f"expected a number above 0{most}, got '{str(value)[:80]}'"
        raise InputError(Problem(where, what))
    return number


def model_name(text: str, models: Mapping[str, Any]) -> str:
    """Return our name of a model that a tool calls by its repository; the text itself if none is known.

    >>> model_name("meta-llama/Llama-3.1-8B-Instruct-FP8", {"llama-3.1-8b": {}})
    'llama-3.1-8b'
    """
    tried = (known_name(name, models) for name in (text, unstored(text.partition(" (")[0])))
    return next((name for name in tried if name is not None), text)


def precision_name(text: str) -> str:
    """Return our name of a precision that an engine names.

    >>> precision_name("bfloat16"), precision_name("awq_marlin"), precision_name("fp8")
    ('bf16', 'int4', 'fp8')
    """
    return next(iter(named_precisions(text)), text.lower())

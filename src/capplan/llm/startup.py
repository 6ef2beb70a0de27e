"""What vLLM says when it starts: its memory and its settings, from the log of any version since 0.6."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from capplan.errors import InputError, Problem
from capplan.llm.benchmark import Given, model_name, precision_name
from capplan.llm.configuration import Configuration
from capplan.llm.facts import LlmFacts, find_engine, find_gpu, find_model, find_precision
from capplan.llm.settings import Told
from capplan.llm.spread import Parallelism
from capplan.stdin import in_unicode, name_of
from capplan.strictyaml import MAX_BYTES, decode
from capplan.tabular import opened

_GIB = r"(-?\d+(?:\.\d+)?) ?Gi?B"
_FIGURES: Mapping[str, str] = {
    "weights": rf"(?:Model loading took|Loading model weights took|model weights take) {_GIB}",
    "room": rf"(?:Available KV cache memory:|reserved for KV Cache is) {_GIB}",
    "tokens": r"GPU KV cache size: (\d[\d,]*) tokens",
    "blocks": r"# (?:GPU|CUDA|cuda) blocks: (\d+)",
    "length": r"Maximum concurrency for (\d[\d,]*) tokens per request|max seq len \((\d+)\)",
    "requests": r"Maximum concurrency for [\d,]+ tokens per request: (\d+(?:\.\d+)?)x",
    "graphs": rf"Graph capturing finished in \d+ secs?,? took {_GIB}",
    "stages": r"pipeline_parallel_size['\"]?[=:] ?(\d+)",
    "ranks": r"data_parallel_size['\"]?[=:] ?(\d+)",
    "gpus": r"tensor_parallel_size['\"]?[=:] ?(\d+)",
    "memory_share": r"(?i:gpu.memory.utilization)(?: is)?['\"]?[=: (]+(\d*\.?\d+)",
    "batched_tokens": r"max_num_batched_tokens['\"]?[=:] ?(\d+)",
    "whole": r"max_seq_len=(\d+),(?=[^\n]*chunked_prefill_enabled=False)",
    "sequences": r"max_num_seqs['\"]?[=:] ?(\d+)",
}
_WORDS: Mapping[str, str] = {
    "version": r"LLM engine \(v?(\d+(?:\.\d+)+)|vLLM API server version (\d+(?:\.\d+)+)",
    "model": r"model='([^']+)'|Starting to load model (\S+?)\.\.\.",
    "quantization": r"quantization=([\w-]+)",
    "dtype": r"dtype=(?:torch\.)?(bfloat16|float16|half)",
    "experts": r"enable_expert_parallel['\"]?[=:] ?(True)",
    "kv_cache": r"kv_cache_dtype=['\"]?(auto|fp8)",
    "drafts": r"speculative_config['\"]?[=:] ?(SpeculativeConfig|\{)",
}
_FAILURES = (
    r"No available memory for the cache blocks",
    r"To serve at least one request with the models?'s max seq len \(\d+\)[^.]*(?:\.\d[^.]*)*",
    r"The model's max seq len \(\d+\) is larger than the maximum number of tokens[^.]*",
    r"CUDA out of memory",
)
_BLOCK = 16
_START = r"Initializing an? [^\n]*LLM engine"
_LEAST_TOKENS = 2048.0
"""Of a step that takes whole prompts."""


class StartupLog(NamedTuple):
    """A start of vLLM. Figures are by name, None where the log is silent; GiB are of each GPU.

    failure: why it did not start, in its own words; empty if it did.
    """

    figures: Mapping[str, float | None]
    words: Mapping[str, str | None]
    failure: str

    @property
    def precision(self) -> str | None:
        """Name of the precision of the weights."""
        return self.words["quantization"] if self.words["quantization"] != "None" else self.words["dtype"]


def read_startup(path: Path) -> StartupLog | None:
    """Return the log in a file, None of any other file: results of benchmarks may be no text at all."""
    with opened(path) as file:
        data = file.read(MAX_BYTES + 1)
    text = in_unicode(data, "replace")
    if not any(re.search(_FIGURES[figure], text) for figure in ("weights", "room", "tokens")):
        return None
    name = name_of(path)
    return _parsed(decode(data, name), name)


def _parsed(text: str, name: str) -> StartupLog:
    """Return what the last start in a log says; InputError if it says nothing of memory.

    The worker with the least room decides. Before vLLM read prompts in chunks, a step took a whole one.
    """
    figures = {key: _last(pattern, text, _number) for key, pattern in _FIGURES.items()}
    rooms = re.findall(_FIGURES["room"], re.split(_START, text)[-1])
    figures["room"] = min(map(float, rooms), default=figures["room"])
    if figures["batched_tokens"] is None and figures["whole"] is not None:
        figures["batched_tokens"] = max(figures["whole"], _LEAST_TOKENS)
    if figures["tokens"] is None and figures["blocks"] is not None:
        figures["tokens"] = _BLOCK * figures["blocks"]
    words = {key: _last(pattern, text, str) for key, pattern in _WORDS.items()}
    failures = (re.search(pattern, text) for pattern in _FAILURES)
    failure = next((found[0] for found in failures if found), "")
    if figures["room"] is None and not failure:
        what = "does not say how much memory the KV cache has"
        raise InputError(Problem(name, what, "Needed: the line 'Available KV cache memory'."))
    return StartupLog(figures, words, failure)


def configuration_of(log: StartupLog, given: Given, facts: LlmFacts) -> Configuration:
    """Return what was started, by the log and the user; :class:`InputError` for what neither says."""
    precision = given.precision or log.precision
    missing = {"--gpu": given.gpu, "--precision": precision, "the model": log.words["model"]}
    lacks = [name for name, value in missing.items() if value is None]
    if lacks:
        raise InputError(Problem(", ".join(lacks), "the log does not say it", "Give it as an option."))
    if log.words["drafts"] is not None:
        what = "speculates, and nobody knows how well such a start is estimated"
        raise InputError(Problem("the engine of the log", what, "Start it without --speculative-config."))
    figures = log.figures
    told = Told(
        memory_share=figures["memory_share"],
        batched_tokens=figures["batched_tokens"],
        sequences=figures["sequences"],
        kv_cache=log.words["kv_cache"] or "auto",
    )
    return Configuration(
        find_model(model_name(str(log.words["model"]), facts["models"]), facts),
        find_precision(precision_name(str(precision))),
        find_gpu(str(given.gpu), facts, "--gpu"),
        float(given.tp or figures["gpus"] or 1),
        find_engine("vllm", facts, version=log.words["version"]),
        told,
        spread=Parallelism(figures["stages"] or 1, figures["ranks"] or 1, log.words["experts"] is not None),
    )


def _last(pattern: str, text: str, kind: Callable[[str], Any]) -> Any:
    """Return what the last line that matches says: a log may hold several starts."""
    found = None
    for match in re.finditer(pattern, text):
        found = next(filter(None, match.groups()), None)
    return None if found is None else kind(found)


def _number(text: str) -> float:
    return float(text.replace(",", ""))

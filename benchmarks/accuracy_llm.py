"""How far the LLM model is from measurements: python benchmarks/accuracy_llm.py FILE.csv prints JSON.

FILE is told by its columns: a line for each figure (capplan.llm.measured.COLUMNS, and engine, mode, source),
or a line for each run of GPUStack's performance lab (page, at_once, real_tpot, …). Errors are fractions of
the measured value: median_ape and p90_ape of their size, bias the median of their signed value, in_range the
share of rows inside the range that capplan prints. The open loop is reported apart; rows left out are counted
with the reason.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from memory_llm import ROOM, score_memory

from capplan.catalog.catalog import Catalog
from capplan.llm.benchmark import with_our_names
from capplan.llm.confidence import Level, confidence_of, range_of
from capplan.llm.measured import (
    MeasuredRow,
    MeasuredSample,
    engine_name,
    predict,
    rows_in,
    running,
    sample_of,
    unpredictable,
)
from capplan.llm.simulator import SimulatedReplica, poisson, simulate
from capplan.tabular import Table, read_table

_SILICON = re.compile(r"id=.*_tp(\d+)_.*ep\d")

LARGEST_SHARE = 0.8
"""Of a GPU's peaks: a run that needs more, its operations and its bytes one after the other, is not as it
is described. The runs of one release of vLLM need up to 1.4; of all others only three need over 0.8."""

_PAGE = re.compile(r"(?P<model>.+)__(?P<gpu>[a-z0-9]+)")
_SEVERAL = {"glm-4.x": "glm-4.6", "deepseek-v3.x": "deepseek-v3.1"}
"""Pages of several releases of one shape."""

_THROTTLED, _SHARE = " throttled", 0.52
"""The lab's H100s multiply at this share of the usual rate: loaded, all three engines are slow there,
TensorRT-LLM too, while SGLang on H200, which multiplies alike, is not, nor are these cards with few users."""

_LONGEST = 1024.0
_CONVERSATIONS = (200.0, 240.0)
"""Mean prompts of the lab's runs on recorded conversations (ShareGPT, of at most 1,024 tokens); in its
others all requests are alike."""


class Scored(NamedTuple):
    """Rows and predictions. inside: within the printed range; saturated: more users than run at once."""

    rows: Sequence[MeasuredRow]
    predicted: np.ndarray
    inside: np.ndarray
    levels: Sequence[str]
    saturated: np.ndarray

    def at(self, chosen: Sequence[int]) -> Scored:
        """Return the rows at ``chosen``."""
        return Scored(
            [self.rows[i] for i in chosen],
            self.predicted[chosen],
            self.inside[chosen],
            [self.levels[i] for i in chosen],
            self.saturated[chosen],
        )


def facts_for_benchmarks() -> dict[str, Any]:
    """Return the catalog's facts, and the lab's H100."""
    catalog = Catalog()
    facts = {**catalog.facts("gpus"), **catalog.facts("models")}
    throttled = {**facts["gpus"]["H100-80GB"], "architecture": _THROTTLED, "aliases": []}
    gpus = {**facts["gpus"], f"H100-80GB{_THROTTLED}": throttled}
    speed = {**facts["speed"], "lab": {"compute": _SHARE}}
    return {**facts, "gpus": gpus, "speed": with_lab(speed)}


def with_lab(speed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the constants with those of the lab's H100s, at its share of the usual rate."""
    share, usual = speed["lab"]["compute"], speed["families"]["any"]
    less = {kind: share * usual["mfu"][kind] for kind in ("16 bit", "8 bit", "4 bit")}
    family = {"mfu": less, "mfu_attention": share * usual["mfu_attention"]}
    return {**speed, "families": {**speed["families"], _THROTTLED: family}}


def measured_in(table: Table, facts: Mapping[str, Any]) -> list[MeasuredRow]:
    """Return the rows of a table in one of the two shapes."""
    rows = _lab_rows(table) if "real_tpot" in table.columns else rows_in(table)
    named = [corrected(with_our_names(row, facts)) for row in rows]
    lab = [row.requests is not None and row.gpu == "H100-80GB" for row in named]
    return [
        row._replace(gpu=f"{row.gpu}{_THROTTLED}") if slow else row
        for row, slow in zip(named, lab, strict=True)
    ]


def _lab_rows(table: Table) -> Iterator[MeasuredRow]:
    """Yield a row for each figure of each run; a page such as qwen3-8b__h100-latency names model and GPU."""
    for _, run in table.records():
        page = _PAGE.match(run["page"])
        model = page["model"] if page else run["page"]
        inputs, outputs, requests = (float(run[name]) for name in ("tokens_in", "tokens_out", "requests"))
        figures = {
            "tpot_ms": float(run["real_tpot"]),
            "ttft_ms": float(run["real_ttft"]),
            "out_tok_s": requests * outputs / float(run["real_s"]),
        }
        for metric, value in figures.items():
            yield MeasuredRow(
                model=_SEVERAL.get(model, model),
                precision=run["precision"],
                gpu=page["gpu"] if page else "",
                tp=float(run["tp"]),
                concurrency=float(run["at_once"]),
                inputs=inputs,
                outputs=outputs,
                metric=metric,
                value=value,
                engine=run["engine"],
                mode="burst",
                source=run["source"],
                requests=requests,
                longest=_LONGEST if _CONVERSATIONS[0] < inputs < _CONVERSATIONS[1] else None,
            )


def left_out(row: MeasuredRow) -> str:
    """Return why a row is not to be scored, empty otherwise."""
    if row.mode.startswith("QPS"):
        return "open loop"
    if row.mode.startswith("MLPerf"):
        return "MLPerf: input lengths unknown"
    if row.mode == "seed" or row.source == "seed":
        return "claims, not measurements"
    return ""


def corrected(row: MeasuredRow) -> MeasuredRow:
    """Return the row with the GPUs that its run names: the sample counts expert parallelism twice."""
    found = _SILICON.search(row.source)
    return row._replace(tp=float(found[1])) if found else row


def beyond_the_hardware(rows: Sequence[MeasuredRow], facts: Mapping[str, Any]) -> set[int]:
    """Return which rows are of runs that would need more of the GPU's peaks than any kernel reaches.

    Known is the time of a request (TTFT + tokens × TPOT), in which a replica does the work of as many as run
    at once: their prompts' operations, and for each step its bytes.
    """
    runs: dict[tuple[object, ...], dict[str, list[int]]] = {}
    for index, row in enumerate(rows):
        if row.concurrency is not None and row.requests is None and row.metric in ("tpot_ms", "ttft_ms"):
            identity = row._replace(metric="", value=0.0)
            runs.setdefault(identity, {}).setdefault(row.metric, []).append(index)
    both = [run for run in runs.values() if len(run) == 2]
    if not both:
        return set()
    sample = sample_of([rows[run["tpot_ms"][0]] for run in both], facts)
    tpot, ttft = (
        np.array([np.mean([rows[i].value for i in run[metric]]) for run in both]) / 1e3
        for metric in ("tpot_ms", "ttft_ms")
    )
    beyond = _share_of_peaks(sample, ttft + sample.outputs * tpot) > LARGEST_SHARE
    found = {i for run, over in zip(both, beyond, strict=True) if over for each in run.values() for i in each}
    releases: dict[tuple[str, ...], list[bool]] = {}
    for run, over in zip(both, beyond, strict=True):
        releases.setdefault(_release(rows[run["tpot_ms"][0]]), []).append(bool(over))
    mostly = {release for release, over in releases.items() if np.mean(over) > 0.5}
    return found | {index for index, row in enumerate(rows) if _release(row) in mostly}


def _release(row: MeasuredRow) -> tuple[str, ...]:
    """Return what runs of one script have in common: where most of them cannot be, none is as described."""
    return source_of(row), row.model, row.gpu, row.engine


def _share_of_peaks(sample: MeasuredSample, request_s: np.ndarray) -> np.ndarray:
    work, users = sample.work, sample.asked
    context = sample.inputs + sample.outputs / 2
    prompt = sample.inputs * (work.common_flop + work.expert_flop + work.attention_full * sample.inputs / 2)
    touched = 1 - (1 - work.experts_per_token / work.experts) ** users
    cache = work.kv_full * context + work.kv_window * np.minimum(context, work.window)
    step = work.common_read + work.head_read + touched * work.expert_read + users * cache
    share: np.ndarray = (users * prompt + sample.outputs * step) / request_s
    return share


def summary(scored: Scored) -> dict[str, float | int]:
    """Return the errors of one group of rows."""
    errors = scored.predicted / np.array([row.value for row in scored.rows]) - 1
    size = np.abs(errors)
    figures = {
        "median_ape": np.median(size),
        "p90_ape": np.quantile(size, 0.9),
        "bias": np.median(errors),
        "in_range": np.mean(scored.inside),
    }
    return {**{name: round(float(value), 4) for name, value in figures.items()}, "rows": len(scored.rows)}


def report(scored: Scored) -> dict[str, dict[str, float | int]]:
    """Return the errors by question."""
    done = {}
    for question in ("tpot", "throughput", "ttft"):
        chosen = [i for i, row in enumerate(scored.rows) if row.question == question]
        if chosen:
            done[question] = summary(scored.at(chosen))
    return done


def grouped(scored: Scored, key: Callable[[int], str]) -> dict[str, dict[str, dict[str, float | int]]]:
    """Return the errors by question of each group; ``key`` names that of a row."""
    groups: dict[str, list[int]] = {}
    for index in range(len(scored.rows)):
        groups.setdefault(key(index), []).append(index)
    return {name: report(scored.at(chosen)) for name, chosen in sorted(groups.items())}


def open_loop(rows: Sequence[MeasuredRow], facts: Mapping[str, Any]) -> dict[str, dict[str, float | int]]:
    """Return the errors of rows with a request rate: Poisson arrivals through the simulator."""
    timed = [
        row for row in rows if re.fullmatch(r"QPS=\d+", row.mode) and row.metric in ("ttft_ms", "itl_ms")
    ]
    errors: dict[str, list[float]] = {"tpot": [], "ttft": []}
    for row in timed:
        sample = sample_of([row._replace(concurrency=1.0)], facts)
        runs = running(sample, facts)
        one = sample.configurations[0]
        replica = SimulatedReplica(one.work(), one.reached(facts), one.engine, float(runs.cache_tokens[0]))
        out = simulate(replica, poisson(row.inputs, row.outputs, float(row.mode[4:]), 500))
        found = out.ttft_s if row.question == "ttft" else out.tpot_s
        errors[row.question].append(1e3 * float(found.mean()) / row.value - 1)
    return {
        question: {
            "median_ape": round(float(np.median(np.abs(found))), 4),
            "bias": round(float(np.median(found)), 4),
            "rows": len(found),
        }
        for question, found in errors.items()
        if found
    }


def source_of(row: MeasuredRow) -> str:
    """Return what a row was published in: one repository, page or package is one source."""
    return (
        re.split(r"[@ (]| id=", row.source)[0]
        if not row.source.startswith("PyPI ")
        else row.source.split()[1]
    )


def levels_of(sample: MeasuredSample) -> list[Level]:
    """Return the class of each row: the lab's H100 has that of any."""
    each = []
    for one in sample.configurations:
        gpu = one.gpu._replace(name=one.gpu.name.removesuffix(_THROTTLED))
        each.append(confidence_of(one._replace(gpu=gpu)).level)
    return [each[which] for which in sample.which]


def scored_of(rows: Sequence[MeasuredRow], facts: Mapping[str, Any]) -> tuple[Scored, int]:
    """Return what is predicted of rows that can be, and how many of them do not fit."""
    sample = sample_of(rows, facts)
    predicted, runs = predict(sample, facts), running(sample, facts)
    fits = np.flatnonzero(~np.isnan(predicted))
    levels = levels_of(sample)
    ranges = [range_of(level, row.question) for level, row in zip(levels, rows, strict=True)]
    ratio = np.array([row.value for row in rows]) / predicted
    inside = np.array([low <= r <= high for r, (low, high) in zip(ratio, ranges, strict=True)])
    bursts = np.array([row.requests is not None and row.requests == row.concurrency for row in rows])
    saturated = bursts | (sample.asked > runs.sequences)
    return Scored(rows, predicted, inside, levels, saturated).at(list(fits)), len(rows) - len(fits)


def score(path: Path) -> dict[str, object]:
    """Return the whole report on the rows of ``path``."""
    facts = facts_for_benchmarks()
    table = read_table(path)
    if ROOM in table.columns:
        return {"memory": score_memory(table, facts)}
    rows = measured_in(table, facts)
    excluded = Counter(reason for row in rows if (reason := left_out(row)))
    tried = [row for row in rows if not left_out(row)]
    skipped = Counter(reason for row in tried if (reason := unpredictable(row, facts)))
    predictable = [row for row in tried if not unpredictable(row, facts)]
    beyond = beyond_the_hardware(predictable, facts)
    if beyond:
        excluded["needs more than the hardware has"] = len(beyond)
    kept = [row for index, row in enumerate(predictable) if index not in beyond]
    if not kept:
        sys.exit(f"{path}: no row can be predicted: {dict(excluded + skipped)}")
    scored, unfit = scored_of(kept, facts)
    skipped["does not fit"] = unfit
    found = scored.rows
    return {
        **report(scored),
        "by_class": grouped(scored, lambda i: scored.levels[i]),
        "by_load": grouped(scored, lambda i: "saturated" if scored.saturated[i] else "other"),
        "open_loop": open_loop([row for row in rows if not unpredictable(row, facts)], facts),
        "predicted_share": round(len(found) / (len(tried) - len(beyond)), 4),
        "excluded": dict(excluded),
        "skipped": {reason: count for reason, count in skipped.items() if count},
        "by_gpu": grouped(scored, lambda i: found[i].gpu),
        "by_model": grouped(scored, lambda i: found[i].model),
        "by_engine": grouped(scored, lambda i: engine_name(found[i].engine)),
        "by_source": grouped(scored, lambda i: source_of(found[i])),
        "by_pair": grouped(scored, lambda i: f"{found[i].model} on {found[i].gpu}"),
    }


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("file", type=Path)
    options.add_argument("--format", choices=["json"], default="json")
    json.dump(score(options.parse_args().file), sys.stdout, indent=2)
    print()

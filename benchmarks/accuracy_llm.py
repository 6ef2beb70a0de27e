"""How far the LLM model is from measurements: python benchmarks/accuracy_llm.py FILE.csv prints JSON.

The file has the columns of capplan.llm.measured.COLUMNS, and engine, mode and source. Errors are fractions of
the measured value: median_ape and p90_ape of their size, bias the median of their signed value, in_range the
share of rows inside the range that capplan prints. gpt-oss and the open loop are reported, but not in the
headline; rows left out are counted with the reason.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from capplan.catalog.catalog import Catalog
from capplan.llm.benchmark import with_our_names
from capplan.llm.confidence import confidence_of, range_of
from capplan.llm.measured import (
    MeasuredRow,
    engine_name,
    predict,
    rows_in,
    running,
    sample_of,
    unpredictable,
)
from capplan.llm.simulator import SimulatedReplica, poisson, simulate
from capplan.tabular import read_table

_SILICON = re.compile(r"id=.*_tp(\d+)_.*ep\d")


def left_out(row: MeasuredRow) -> str:
    """Return why a row is not to be scored, empty otherwise."""
    if row.mode.startswith("QPS"):
        return "open loop"
    if row.mode.startswith("MLPerf"):
        return "MLPerf: input lengths unknown"
    if row.mode == "seed" or row.source == "seed":
        return "claims, not measurements"
    if row.engine.lower().startswith("vllm 0.12"):
        return "vllm 0.12: TPOT below the compute bound"
    return ""


def corrected(row: MeasuredRow) -> MeasuredRow:
    """Return the row with the GPUs that its run names: the sample multiplies tensor by expert parallelism."""
    found = _SILICON.search(row.source)
    return row._replace(tp=float(found[1])) if found else row


def summary(rows: Sequence[MeasuredRow], predicted: np.ndarray, inside: np.ndarray) -> dict[str, float | int]:
    """Return the errors of one group of rows."""
    errors = predicted / np.array([row.value for row in rows]) - 1
    size = np.abs(errors)
    figures = {
        "median_ape": np.median(size),
        "p90_ape": np.quantile(size, 0.9),
        "bias": np.median(errors),
        "in_range": np.mean(inside),
    }
    return {**{name: round(float(value), 4) for name, value in figures.items()}, "rows": len(rows)}


def report(
    rows: Sequence[MeasuredRow], predicted: np.ndarray, inside: np.ndarray
) -> dict[str, dict[str, float | int]]:
    """Return the errors by question."""
    done = {}
    for question in ("tpot", "throughput", "ttft"):
        chosen = [i for i, row in enumerate(rows) if row.question == question]
        if chosen:
            done[question] = summary([rows[i] for i in chosen], predicted[chosen], inside[chosen])
    return done


def grouped(
    rows: Sequence[MeasuredRow], predicted: np.ndarray, inside: np.ndarray, key: Callable[[MeasuredRow], str]
) -> dict[str, dict[str, dict[str, float | int]]]:
    """Return the errors by question of each group."""
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(key(row), []).append(index)
    return {
        name: report([rows[i] for i in chosen], predicted[chosen], inside[chosen])
        for name, chosen in sorted(groups.items())
    }


def open_loop(rows: Sequence[MeasuredRow], facts: dict[str, object]) -> dict[str, dict[str, float | int]]:
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


def score(path: Path) -> dict[str, object]:
    """Return the whole report on the rows of ``path``."""
    catalog = Catalog()
    facts = {**catalog.facts("gpus"), **catalog.facts("models")}
    rows = [corrected(with_our_names(row, facts)) for row in rows_in(read_table(path))]
    excluded = Counter(reason for row in rows if (reason := left_out(row)))
    scored = [row for row in rows if not left_out(row)]
    skipped = Counter(reason for row in scored if (reason := unpredictable(row, facts)))
    predictable = [row for row in scored if not unpredictable(row, facts)]
    if not predictable:
        sys.exit(f"{path}: no row can be predicted: {dict(excluded + skipped)}")
    sample = sample_of(predictable, facts)
    predicted = predict(sample, facts)
    fits = ~np.isnan(predicted)
    skipped["does not fit"] = int((~fits).sum())
    levels = [confidence_of(sample.configurations[which]).level for which in sample.which[fits]]
    sample = sample._replace(rows=[row for row, fit in zip(sample.rows, fits, strict=True) if fit])
    predicted = predicted[fits]
    ranges = [range_of(level, row.question) for level, row in zip(levels, sample.rows, strict=True)]
    ratio = np.array([row.value for row in sample.rows]) / predicted
    inside = np.array([low <= r <= high for r, (low, high) in zip(ratio, ranges, strict=True)])
    main = [i for i, row in enumerate(sample.rows) if not row.model.startswith("gpt-oss")]
    kept = [sample.rows[i] for i in main]
    return {
        **report(kept, predicted[main], inside[main]),
        "open_loop": open_loop([row for row in rows if not unpredictable(row, facts)], facts),
        "predicted_share": round(len(sample.rows) / len(scored), 4),
        "excluded": dict(excluded),
        "skipped": {reason: count for reason, count in skipped.items() if count},
        "by_gpu": grouped(kept, predicted[main], inside[main], lambda row: row.gpu),
        "by_model": grouped(sample.rows, predicted, inside, lambda row: row.model),
        "by_engine": grouped(kept, predicted[main], inside[main], lambda row: engine_name(row.engine)),
        "by_source": grouped(kept, predicted[main], inside[main], lambda row: row.source.split(" id=")[0]),
        "by_pair": grouped(kept, predicted[main], inside[main], lambda row: f"{row.model} on {row.gpu}"),
    }


if __name__ == "__main__":
    json.dump(score(Path(sys.argv[1])), sys.stdout, indent=2)
    print()
